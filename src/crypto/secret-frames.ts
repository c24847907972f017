/**
 * Frames of a SecretConnection: 4 bytes little-endian length, up to 1024 bytes of data, padding, all sealed with
 * ChaCha20-Poly1305 to 1044 bytes (`p2p/conn/secret_connection.go Write, Read`). One sealer and one opener per
 * connection, each with a key and a counter of its own; bytes in, bytes out.
 *
 * Differs from CometBFT in that padding is zeros: upstream sends what earlier frames have left in its buffer. Readers
 * ignore padding either way.
 */
import type { CryptoEngine, FrameCipher } from './engine.ts';
import { CryptoError } from './errors.ts';
import { FRAME_TAG_BYTES } from './primitives.ts';

/** Data bytes of one frame at most. Not an implementation choice: `dataMaxSize`. */
export const SECRET_FRAME_DATA_BYTES_MAX = 1024;

const LENGTH_BYTES = 4;
const PLAIN_BYTES: number = LENGTH_BYTES + SECRET_FRAME_DATA_BYTES_MAX;

/** Bytes of every frame on the wire: 4 + 1024 + 16. */
export const SEALED_FRAME_BYTES: number = PLAIN_BYTES + FRAME_TAG_BYTES;

/** Bytes that {@link FrameSealer.seal} makes of `dataBytes`. */
export function sealedFramesBytes(dataBytes: number): number {
  return Math.ceil(dataBytes / SECRET_FRAME_DATA_BYTES_MAX) * SEALED_FRAME_BYTES;
}

/** The nonces of one direction: 4 zero bytes and a 64-bit little-endian counter. It never wraps. */
class FrameNonce {
  readonly bytes = new Uint8Array(12);
  #isExhausted = false;

  constructor(counter: bigint) {
    if (counter < 0n || counter >= 1n << 64n) throw new RangeError('a frame counter is not from 0 to 2^64 - 1');
    new DataView(this.bytes.buffer).setBigUint64(4, counter, true);
  }

  /** @throws {@link CryptoError} `NONCE_EXHAUSTED` when the last one is used up. */
  check(): void {
    if (!this.#isExhausted) return;
    throw new CryptoError('NONCE_EXHAUSTED', 'all 2^64 frames of this connection are used up');
  }

  next(): void {
    for (let i = 4; i < 12; i += 1) {
      const byte = ((this.bytes[i] as number) + 1) & 0xff;
      this.bytes[i] = byte;
      if (byte !== 0) return;
    }
    this.#isExhausted = true;
  }
}

/** Seals the frames of one direction, in order. */
export class FrameSealer {
  readonly #cipher: FrameCipher;
  readonly #nonce: FrameNonce;
  readonly #plain = new Uint8Array(PLAIN_BYTES);

  /**
   * @param key - 32 bytes; read, not kept.
   * @param counter - number of the first frame, for tests; default 0.
   */
  constructor(engine: CryptoEngine, key: Uint8Array, counter: bigint = 0n) {
    this.#cipher = engine.frameCipher(key);
    this.#nonce = new FrameNonce(counter);
  }

  /**
   * Seals `data`, read and not kept, as frames of 1024 bytes and a shorter last one, back to back in one fresh array.
   * No data makes no frame.
   *
   * @throws {@link CryptoError} `NONCE_EXHAUSTED` after 2^64 frames; nothing is ever sealed again.
   */
  seal(data: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(sealedFramesBytes(data.length));
    this.sealInto(data, sealed);
    return sealed;
  }

  /**
   * Seals `data` as {@link FrameSealer.seal} does, at the beginning of `target`, which has room for
   * {@link sealedFramesBytes} of it.
   *
   * @returns bytes written.
   * @throws {@link CryptoError} as {@link FrameSealer.seal}.
   */
  sealInto(data: Uint8Array, target: Uint8Array): number {
    let to = 0;
    for (let from = 0; from < data.length; from += SECRET_FRAME_DATA_BYTES_MAX, to += SEALED_FRAME_BYTES) {
      this.sealFrame(data.subarray(from, from + SECRET_FRAME_DATA_BYTES_MAX), target, to);
    }
    return to;
  }

  /**
   * Seals one frame, also one without data, at `offset` of `target`, which has room for {@link SEALED_FRAME_BYTES}.
   *
   * @param data - 0 to {@link SECRET_FRAME_DATA_BYTES_MAX} bytes.
   * @throws {@link CryptoError} as {@link FrameSealer.seal}; RangeError for more data.
   */
  sealFrame(data: Uint8Array, target: Uint8Array, offset: number): void {
    if (data.length > SECRET_FRAME_DATA_BYTES_MAX) {
      throw new RangeError(`a frame of ${data.length} data bytes: at most ${SECRET_FRAME_DATA_BYTES_MAX}`);
    }
    this.#nonce.check();
    const plain = this.#plain;
    plain[0] = data.length;
    plain[1] = data.length >>> 8; // the two bytes above stay 0: 1024 at most
    plain.set(data, LENGTH_BYTES);
    if (data.length < SECRET_FRAME_DATA_BYTES_MAX) plain.fill(0, LENGTH_BYTES + data.length);
    this.#cipher.seal(this.#nonce.bytes, plain, target, offset);
    this.#nonce.next();
  }
}

/** Opens the frames of one direction, in order. */
export class FrameOpener {
  readonly #cipher: FrameCipher;
  readonly #nonce: FrameNonce;

  /** As {@link FrameSealer}. */
  constructor(engine: CryptoEngine, key: Uint8Array, counter: bigint = 0n) {
    this.#cipher = engine.frameCipher(key);
    this.#nonce = new FrameNonce(counter);
  }

  /**
   * Opens the next frame.
   *
   * @param sealed - {@link SEALED_FRAME_BYTES} bytes.
   * @returns its data, 0 to {@link SECRET_FRAME_DATA_BYTES_MAX} bytes; the caller owns them.
   * @throws {@link CryptoError} `DECRYPTION_FAILED` for changed bytes, another key, a frame out of order, and a frame
   *   that says it holds more than 1024 bytes; `NONCE_EXHAUSTED` after 2^64 frames. The connection is then over.
   */
  openFrame(sealed: Uint8Array): Uint8Array {
    this.#nonce.check();
    const plain = sealed.length === SEALED_FRAME_BYTES ? this.#cipher.open(this.#nonce.bytes, sealed) : undefined;
    if (plain === undefined) {
      throw new CryptoError('DECRYPTION_FAILED', 'a frame was not sealed with this key and counter, or changed');
    }
    this.#nonce.next();
    const length = (plain[0]! | (plain[1]! << 8) | (plain[2]! << 16) | (plain[3]! << 24)) >>> 0;
    if (length > SECRET_FRAME_DATA_BYTES_MAX) {
      throw new CryptoError('DECRYPTION_FAILED', `a frame says it holds ${length} bytes, at most 1024 fit`);
    }
    return plain.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
  }
}
