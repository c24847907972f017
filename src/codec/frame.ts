/**
 * Frames: a 4-byte unsigned big-endian length and that many payload bytes, as Erlang's `packet: 4` sockets write them
 * (`archethic-node client/transport/tcp_impl.ex`). Whoever reads a socket pushes chunks as they arrive into a
 * {@link FrameDecoder} and takes whole payloads out; chunk boundaries mean nothing.
 */
import { checkInteger } from '../base/errors.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { CodecError } from './errors.ts';

/** Bytes of the length before each payload. Not an implementation choice: `packet: 4`. */
export const FRAME_HEADER_BYTES = 4;

/**
 * Longest payload a {@link FrameDecoder} accepts by default, in bytes (16 MiB). A cap of ours: upstream sets none. Five
 * times the largest transaction content (3 145 728 B).
 */
export const FRAME_BYTES_MAX_DEFAULT: number = 16 * 1024 * 1024;

/** Longest payload a header can declare, in bytes: 2^32 - 1. */
export const FRAME_BYTES_MAX = 0xffff_ffff;

/** Shorter chunks, in bytes, are collected into slabs, so that 1-byte chunks cost no object each. */
const SLAB_BYTES_MAX = 4096;
/** Slabs begin small and double with what is buffered, so that a short frame does not keep 4 KiB alive. */
const SLAB_BYTES_MIN = 64;

/**
 * The frame of `payload`: a fresh array of 4 + `payload.length` bytes, owned by the caller.
 *
 * @throws RangeError when `payload` is longer than {@link FRAME_BYTES_MAX}.
 */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(frame, 0, payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/**
 * Writes the length of a payload at `offset` of `target`, for callers that lay frames out in a buffer of their own.
 *
 * @throws RangeError when `payloadBytes` is not an integer from 0 to {@link FRAME_BYTES_MAX}, or `target` has no room.
 */
export function writeFrameHeader(target: Uint8Array, offset: number, payloadBytes: number): void {
  checkInteger('payloadBytes', payloadBytes, 0, FRAME_BYTES_MAX);
  checkInteger('offset', offset, 0, target.length - FRAME_HEADER_BYTES);
  target[offset] = payloadBytes >>> 24;
  target[offset + 1] = payloadBytes >>> 16;
  target[offset + 2] = payloadBytes >>> 8;
  target[offset + 3] = payloadBytes;
}

/** Options of {@link FrameDecoder}. */
export interface FrameDecoderOptions {
  /**
   * Longest payload accepted, in bytes, 0 to {@link FRAME_BYTES_MAX}; default {@link FRAME_BYTES_MAX_DEFAULT}. A longer
   * one is refused as soon as its header is read.
   */
  readonly frameBytesMax?: number;
}

/**
 * Cuts a stream of bytes into frames. Linear in the bytes pushed, whatever their chunking, and holds no memory but for
 * bytes that have arrived: a header that promises 16 MiB costs 4 bytes.
 *
 * It buffers what it is given; whoever pushes stops the source while `bufferedBytes` is over a limit of its own. Taking
 * every frame out after each push leaves at most one incomplete frame inside.
 *
 * @example
 * ```ts
 * decoder.push(chunk);
 * for (let payload = decoder.next(); payload !== undefined; payload = decoder.next()) handle(payload);
 * ```
 */
export class FrameDecoder {
  readonly #frameBytesMax: number;
  readonly #chunks = new RingQueue<Uint8Array>();
  #headOffset = 0;
  #bufferedBytes = 0;
  #slab: Uint8Array | undefined;
  #slabUsed = 0;
  #payloadBytes = -1;
  #failure: CodecError | undefined;

  /** @throws RangeError when `frameBytesMax` is out of range. */
  constructor(options: FrameDecoderOptions = {}) {
    this.#frameBytesMax = checkInteger(
      'frameBytesMax',
      options.frameBytesMax ?? FRAME_BYTES_MAX_DEFAULT,
      0,
      FRAME_BYTES_MAX,
    );
  }

  /** Bytes pushed and not yet taken out as frames, headers included. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * Takes the next bytes of the stream; an empty chunk does nothing. The chunk belongs to the decoder from here on:
   * payloads may be views of it, so the caller must not write to it any more.
   */
  push(chunk: Uint8Array): void {
    const length = chunk.length;
    if (length === 0 || this.#failure !== undefined) return;
    const heldBytes = this.#bufferedBytes;
    this.#bufferedBytes += length;
    // A chunk that meets an empty buffer is kept as it is, so that whole frames come out without a copy.
    if (length >= SLAB_BYTES_MAX || (this.#chunks.length === 0 && this.#slab === undefined)) {
      this.#sealSlab();
      this.#chunks.push(chunk);
      return;
    }
    let rest = chunk;
    while (rest.length > 0) {
      this.#slab ??= new Uint8Array(Math.min(SLAB_BYTES_MAX, Math.max(SLAB_BYTES_MIN, heldBytes + length)));
      const part = rest.subarray(0, this.#slab.length - this.#slabUsed);
      this.#slab.set(part, this.#slabUsed);
      this.#slabUsed += part.length;
      rest = rest.subarray(part.length);
      if (this.#slabUsed === this.#slab.length) this.#sealSlab();
    }
  }

  /**
   * The payload of the next complete frame, or undefined when more bytes are needed.
   *
   * A payload that arrived in one chunk is a view of that chunk (no copy), otherwise a fresh array; either way the
   * caller may keep it, and keeping a view keeps its chunk alive.
   *
   * @throws {@link CodecError} `FRAME_TOO_LARGE` when a header declares more than `frameBytesMax`. The stream is then
   * beyond repair: what was buffered and is pushed later is dropped, and each later call throws the same error.
   */
  next(): Uint8Array | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#payloadBytes < 0) {
      if (this.#bufferedBytes < FRAME_HEADER_BYTES) return undefined;
      const header = this.#take(FRAME_HEADER_BYTES);
      const declared = header[0]! * 0x1000000 + ((header[1]! << 16) | (header[2]! << 8) | header[3]!);
      if (declared > this.#frameBytesMax) throw this.#fail(declared);
      this.#payloadBytes = declared;
    }
    if (this.#bufferedBytes < this.#payloadBytes) return undefined;
    const payload = this.#take(this.#payloadBytes);
    this.#payloadBytes = -1;
    return payload;
  }

  #fail(declared: number): CodecError {
    this.#chunks.clear();
    this.#slab = undefined;
    this.#slabUsed = 0;
    this.#headOffset = 0;
    this.#bufferedBytes = 0;
    this.#failure = new CodecError(
      'FRAME_TOO_LARGE',
      `frame header declares ${declared} bytes, at most ${this.#frameBytesMax} are accepted`,
    );
    return this.#failure;
  }

  #sealSlab(): void {
    if (this.#slab === undefined) return;
    this.#chunks.push(this.#slab.subarray(0, this.#slabUsed));
    this.#slab = undefined;
    this.#slabUsed = 0;
  }

  /** Removes `count` buffered bytes; the caller has checked that there are as many. */
  #take(count: number): Uint8Array {
    if (count === 0) return new Uint8Array(0);
    this.#bufferedBytes -= count;
    if (this.#chunks.length === 0) this.#sealSlab();
    const head = this.#chunks.peek()!;
    if (head.length - this.#headOffset >= count) return this.#takeFrom(head, count);
    const taken = new Uint8Array(count);
    let used = 0;
    while (used < count) {
      if (this.#chunks.length === 0) this.#sealSlab();
      const chunk = this.#chunks.peek()!;
      const part = this.#takeFrom(chunk, Math.min(count - used, chunk.length - this.#headOffset));
      taken.set(part, used);
      used += part.length;
    }
    return taken;
  }

  #takeFrom(head: Uint8Array, count: number): Uint8Array {
    const part = head.subarray(this.#headOffset, this.#headOffset + count);
    this.#headOffset += count;
    if (this.#headOffset === head.length) {
      this.#chunks.shift();
      this.#headOffset = 0;
    }
    return part;
  }
}
