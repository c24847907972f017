/**
 * Sealed frames out of a stream of bytes: joins what arrives to frames of 1044 bytes and opens them. One piece of
 * memory for each chunk that arrives, however many frames it holds.
 */
import { type FrameOpener, SEALED_FRAME_BYTES, SECRET_FRAME_DATA_BYTES_MAX } from '../crypto/secret-frames.ts';

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Opens the frames of one direction, whatever the chunks. @internal */
export class SecretFrameReader {
  readonly #opener: FrameOpener;
  readonly #partial = new Uint8Array(SEALED_FRAME_BYTES);
  #partialBytes = 0;
  #frameCount = 0;

  constructor(opener: FrameOpener) {
    this.#opener = opener;
  }

  /** Bytes of a frame that is not complete: not 0 when the stream ends means that it was cut off. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** Frames opened so far. */
  get frameCount(): number {
    return this.#frameCount;
  }

  /**
   * Opens every frame that `chunk` completes; the chunk is read, not kept.
   *
   * @param deliver - gets the data of all of them, joined, a fresh array; not called when there is none. Called also
   *   when a later frame of the same chunk does not open, before the error of that one is thrown.
   * @throws CryptoError as `FrameOpener.openFrame`. The reader must not be used any more.
   */
  push(chunk: Uint8Array, deliver: (data: Uint8Array) => void): void {
    const frameCount = Math.floor((this.#partialBytes + chunk.length) / SEALED_FRAME_BYTES);
    // One frame, the case of small messages, needs no memory of its own.
    let joined = frameCount > 1 ? new Uint8Array(frameCount * SECRET_FRAME_DATA_BYTES_MAX) : NO_BYTES;
    let used = 0;
    let at = 0;
    try {
      for (let i = 0; i < frameCount; i += 1) {
        let frame: Uint8Array;
        if (this.#partialBytes > 0) {
          at = SEALED_FRAME_BYTES - this.#partialBytes;
          this.#partial.set(chunk.subarray(0, at), this.#partialBytes);
          this.#partialBytes = 0;
          frame = this.#partial;
        } else {
          frame = chunk.subarray(at, at + SEALED_FRAME_BYTES);
          at += SEALED_FRAME_BYTES;
        }
        const data = this.#opener.openFrame(frame);
        this.#frameCount += 1;
        if (frameCount === 1) joined = data;
        else joined.set(data, used);
        used += data.length;
      }
    } finally {
      if (used > 0) deliver(joined.subarray(0, used));
    }
    this.#partial.set(chunk.subarray(at), this.#partialBytes);
    this.#partialBytes += chunk.length - at;
  }
}
