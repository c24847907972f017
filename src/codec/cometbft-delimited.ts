/**
 * Delimited messages: the length as an unsigned LEB128 varint, then that many bytes (`libs/protoio` of CometBFT). This
 * is how packets, NodeInfo and the two handshake messages follow each other on a connection; chunk boundaries and the
 * frames of a SecretConnection mean nothing here. Used by `cometbft-packet.ts` and by the handshakes above.
 */
import { checkInteger } from '../base/errors.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { CodecError } from './errors.ts';

/** Most bytes of a length. Not an implementation choice: `binary.ReadUvarint` stops there. */
export const UVARINT_BYTES_MAX = 10;

/** Longest message that a {@link DelimitedDecoder} can be told to accept, in bytes: 2^30. */
export const DELIMITED_BYTES_MAX = 1_073_741_824;

const LAST_BYTE_INDEX = UVARINT_BYTES_MAX - 1;
const NO_BYTES = new Uint8Array(0);

/** Bytes that {@link writeUvarint} takes for `value`, 0 to 2^53 - 1. */
export function uvarintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count += 1;
  return count;
}

/**
 * Writes `value`, 0 to 2^32 - 1, as LEB128 in the fewest bytes at `offset`; the caller has made room for them.
 *
 * @returns the offset after the last byte.
 */
export function writeUvarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    target[at] = (rest & 0x7f) | 0x80;
    at += 1;
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
}

/** `message` behind its length: a fresh array, owned by the caller. `libs/protoio/writer.go WriteMsg`. */
export function encodeDelimited(message: Uint8Array): Uint8Array {
  const prefixBytes = uvarintBytes(message.length);
  const delimited = new Uint8Array(prefixBytes + message.length);
  writeUvarint(delimited, 0, message.length);
  delimited.set(message, prefixBytes);
  return delimited;
}

/**
 * Cuts a stream of bytes into delimited messages. Linear in the bytes pushed, whatever their chunking, and holds no
 * memory but for bytes that have arrived.
 *
 * It buffers what it is given; whoever pushes stops the source while `bufferedBytes` is over a limit of its own. Taking
 * every message out after each push leaves at most one incomplete message inside.
 */
export class DelimitedDecoder {
  /** Where {@link DelimitedDecoder.advance} has found a message: `bytes` from `start` to before `end`. @internal */
  bytes: Uint8Array = NO_BYTES;
  /** @internal */
  start = 0;
  /** @internal */
  end = 0;
  readonly #messageBytesMax: number;
  readonly #chunks = new RingQueue<Uint8Array>();
  #head: Uint8Array = NO_BYTES;
  #headOffset = 0;
  #bufferedBytes = 0;
  #length = 0;
  #lengthBytes = 0;
  #isInBody = false;
  #failure: CodecError | undefined;

  /**
   * @param messageBytesMax - longest message accepted, without its length, 0 to {@link DELIMITED_BYTES_MAX} bytes.
   * @throws RangeError when it is out of range.
   */
  constructor(messageBytesMax: number) {
    this.#messageBytesMax = checkInteger('messageBytesMax', messageBytesMax, 0, DELIMITED_BYTES_MAX);
  }

  /** Bytes pushed and not yet taken out as messages; the bytes of a length are gone once they are read. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** True between messages: an end of the stream here is in order, anywhere else it cuts a message off. */
  get isAtBoundary(): boolean {
    return this.#bufferedBytes === 0 && this.#lengthBytes === 0 && !this.#isInBody;
  }

  /**
   * Takes the next bytes of the stream; an empty chunk does nothing. The chunk belongs to the decoder from here on:
   * messages may be views of it, so the caller must not write to it any more.
   */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#failure !== undefined) return;
    if (this.#bufferedBytes === 0) {
      this.#head = chunk;
      this.#headOffset = 0;
    } else this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /**
   * The next complete message, or undefined when more bytes are needed. A message that arrived in one chunk is a view of
   * it, otherwise a fresh array; the caller may keep it, and keeping a view keeps its chunk alive.
   *
   * @throws {@link CodecError} `FRAME_TOO_LARGE` for a length over `messageBytesMax`, `OUT_OF_RANGE` for one that does
   *   not end within 64 bits. The stream is then beyond repair: what is buffered and pushed later is dropped, and each
   *   later call throws the same error.
   */
  next(): Uint8Array | undefined {
    return this.advance() ? this.bytes.subarray(this.start, this.end) : undefined;
  }

  /**
   * Everything not taken out as messages, joined; the decoder is as new afterwards. For a stream whose messages come
   * first and then something else.
   */
  takeRest(): Uint8Array {
    const rest = new Uint8Array(this.#bufferedBytes);
    for (let used = 0; used < rest.length; ) {
      const part = this.#head.subarray(this.#headOffset);
      rest.set(part, used);
      used += part.length;
      this.#skip(part.length);
    }
    return rest;
  }

  /**
   * Says that the stream has ended.
   *
   * @throws {@link CodecError} `TRUNCATED` when it ended within a message (`unexpected EOF` upstream).
   */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.isAtBoundary) return;
    const message = this.#isInBody ? `${this.#bufferedBytes} of ${this.#length} bytes into a message` : 'in a length';
    throw new CodecError('TRUNCATED', `the stream ended ${message}`);
  }

  /**
   * Like {@link DelimitedDecoder.next}, but says where the message is instead of making a view: the hot path.
   *
   * @internal
   */
  advance(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if ((!this.#isInBody && !this.#readLength()) || this.#bufferedBytes < this.#length) {
      this.bytes = NO_BYTES; // an idle connection must not keep the last chunk alive
      return false;
    }
    this.#isInBody = false;
    this.#takeBody(this.#length);
    return true;
  }

  #readLength(): boolean {
    while (this.#bufferedBytes > 0) {
      const byte = this.#head[this.#headOffset] as number;
      this.#skip(1);
      const index = this.#lengthBytes;
      // `encoding/binary` ReadUvarint: the tenth byte may only hold the 64th bit.
      if (index === LAST_BYTE_INDEX && byte > 1) throw this.#fail('OUT_OF_RANGE', 'a message length is over 64 bits');
      this.#length += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) {
        this.#lengthBytes = 0;
        if (this.#length > this.#messageBytesMax) {
          const text = `a message of ${this.#length} bytes, at most ${this.#messageBytesMax} are accepted`;
          throw this.#fail('FRAME_TOO_LARGE', text);
        }
        this.#isInBody = true;
        return true;
      }
      this.#lengthBytes = index + 1;
    }
    return false;
  }

  /** Removes `count` buffered bytes, which the caller knows are there, and points at them. */
  #takeBody(count: number): void {
    this.#length = 0;
    if (count <= this.#head.length - this.#headOffset) {
      this.bytes = this.#head;
      this.start = this.#headOffset;
      this.end = this.#headOffset + count;
      this.#skip(count);
      return;
    }
    const joined = new Uint8Array(count);
    for (let used = 0; used < count; ) {
      const part = this.#head.subarray(this.#headOffset, this.#headOffset + count - used);
      joined.set(part, used);
      used += part.length;
      this.#skip(part.length);
    }
    this.bytes = joined;
    this.start = 0;
    this.end = count;
  }

  /** Drops `count` bytes of the head, which has as many. */
  #skip(count: number): void {
    this.#headOffset += count;
    this.#bufferedBytes -= count;
    if (this.#headOffset < this.#head.length) return;
    this.#head = this.#chunks.shift() ?? NO_BYTES;
    this.#headOffset = 0;
  }

  #fail(code: 'FRAME_TOO_LARGE' | 'OUT_OF_RANGE', message: string): CodecError {
    this.#chunks.clear();
    this.#head = NO_BYTES;
    this.#headOffset = 0;
    this.#bufferedBytes = 0;
    this.#failure = new CodecError(code, message);
    return this.#failure;
  }
}
