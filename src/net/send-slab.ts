/**
 * Where a link lays out the frames of one turn of the event loop, so that they leave as one write.
 *
 * Copying 64 small messages into one write costs a twentieth of 64 writes. The memory handed out is never written to
 * again, so it can belong to the stream; what is left of a slab serves the next turns.
 */
import { FRAME_HEADER_BYTES, writeFrameHeader } from '../codec/frame.ts';

/** Smallest slab: 1 KiB, a few messages; an idle link holds no more than what is left of one. */
const SLAB_BYTES_MIN = 1_024;

/** Bytes at which a slab is due to be written without waiting for the end of the turn: 64 KiB. */
export const SEND_SLAB_BYTES_MAX = 65_536;

/** A growing run of frames. @internal */
export class SendSlab {
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #nextBytes = SLAB_BYTES_MIN;

  /** Bytes of frames not taken yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Copies `payload` behind the others as a frame; the caller keeps its array. */
  append(payload: Uint8Array): void {
    const frameBytes = FRAME_HEADER_BYTES + payload.length;
    if (this.#bytes.length - this.#end < frameBytes) this.#grow(frameBytes);
    writeFrameHeader(this.#bytes, this.#end, payload.length);
    this.#bytes.set(payload, this.#end + FRAME_HEADER_BYTES);
    this.#end += frameBytes;
  }

  /** Takes all frames; the caller owns these bytes. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#end);
    // The next slab is as large as two such turns, so that a busy link allocates seldom and an idle one holds little.
    this.#nextBytes = Math.min(SEND_SLAB_BYTES_MAX, Math.max(SLAB_BYTES_MIN, taken.length * 2));
    this.#start = this.#end;
    if (this.#bytes.length - this.#end < SLAB_BYTES_MIN / 4) this.clear();
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  #grow(frameBytes: number): void {
    const pending = this.#bytes.subarray(this.#start, this.#end);
    const neededBytes = pending.length + frameBytes;
    // Doubling keeps the copying of a long turn linear; one frame longer than a slab gets a slab of its own length.
    const bytes = new Uint8Array(
      Math.max(neededBytes, Math.min(SEND_SLAB_BYTES_MAX, pending.length * 2), this.#nextBytes),
    );
    bytes.set(pending);
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = pending.length;
  }
}
