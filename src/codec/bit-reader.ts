/**
 * Reads values of any bit length one after the other, without alignment, and never past the end. What it hands out is
 * copied: a decoded value does not keep a whole frame alive and does not change when a buffer is used again.
 */
import { BitString } from './bit-string.ts';
import { CodecError } from './errors.ts';

/**
 * List items that may be decoded out of one message, nested lists included: 262 144. Upstream sets no bound. An item can
 * be 17 bytes on the wire and 700 in memory; this keeps a hostile message of 16 MiB below 200 MiB. The largest honest
 * lists, unspent outputs in 3 MiB, have about 50 000.
 */
export const DECODED_ITEMS_MAX: number = 256 * 1024;

/** A position in a string of bits. */
export class BitReader {
  readonly #bytes: Uint8Array;
  readonly #bitLength: number;
  #byte = 0;
  #bit = 0;
  #itemCount = 0;

  /**
   * @param bytes - borrowed, must not change while it is read.
   * @param bitLength - how many of its bits to read, default all.
   * @throws RangeError when `bytes` does not hold as many bits.
   */
  constructor(bytes: Uint8Array, bitLength: number = bytes.length * 8) {
    if (!Number.isInteger(bitLength) || bitLength < 0 || bitLength > bytes.length * 8) {
      throw new RangeError(`bitLength is ${bitLength}: expected an integer from 0 to ${bytes.length * 8}`);
    }
    this.#bytes = bytes;
    this.#bitLength = bitLength;
  }

  /** Bits read. */
  get bitPosition(): number {
    return this.#byte * 8 + this.#bit;
  }

  /** Bits left. */
  get remainingBits(): number {
    return this.#bitLength - this.bitPosition;
  }

  /**
   * Makes sure that `bits` more bits are there; call it before allocating for them.
   *
   * @throws {@link CodecError} `TRUNCATED` when they are not.
   */
  require(bits: number): void {
    if (bits > this.remainingBits) {
      throw new CodecError('TRUNCATED', `needs ${bits} more bits, the input has ${this.remainingBits} left`);
    }
  }

  /**
   * Makes sure that a list of `count` items can follow; call it before allocating for them.
   *
   * @param itemBitsMin - fewest bits an item takes, 1 or more.
   * @throws {@link CodecError} `TRUNCATED` when the bits left cannot hold them, `OUT_OF_RANGE` when the lists of this
   * input have more than {@link DECODED_ITEMS_MAX} items together.
   */
  requireItems(count: number, itemBitsMin: number): void {
    if (count > this.remainingBits / itemBitsMin) {
      throw new CodecError('TRUNCATED', `a list of ${count} items does not fit the ${this.remainingBits} bits left`);
    }
    this.#itemCount += count;
    if (this.#itemCount > DECODED_ITEMS_MAX) {
      throw new CodecError('OUT_OF_RANGE', `the lists have more than ${DECODED_ITEMS_MAX} items together`);
    }
  }

  /** Reads one bit. @throws {@link CodecError} `TRUNCATED` at the end. */
  readBit(): boolean {
    this.require(1);
    const bit = (this.#bytes[this.#byte]! & (0x80 >> this.#bit)) !== 0;
    this.#advance(1);
    return bit;
  }

  /**
   * Reads an unsigned integer of `bits` bits, big-endian.
   *
   * @param bits - 0 to 53.
   * @throws {@link CodecError} `TRUNCATED` when there are fewer bits left.
   */
  readUint(bits: number): number {
    if (bits > 53) throw new RangeError(`bits is ${bits}: expected at most 53`);
    this.require(bits);
    if (bits <= 32) return this.#readUpTo32(bits);
    const high = this.#readUpTo32(bits - 32);
    return high * 2 ** 32 + this.#readUpTo32(32);
  }

  /** Like {@link BitReader.readUint}, and stays where it is. */
  peekUint(bits: number): number {
    const byte = this.#byte;
    const bit = this.#bit;
    const value = this.readUint(bits);
    this.#byte = byte;
    this.#bit = bit;
    return value;
  }

  /** Reads an unsigned integer of 64 bits, big-endian. @throws {@link CodecError} `TRUNCATED` at the end. */
  readUint64(): bigint {
    this.require(64);
    const high = this.readUint(32);
    return (BigInt(high) << 32n) | BigInt(this.readUint(32));
  }

  /** Reads `count` whole bytes into a fresh array. @throws {@link CodecError} `TRUNCATED` when there are fewer. */
  readBytes(count: number): Uint8Array {
    this.require(count * 8);
    if (this.#bit === 0) {
      // Not slice(): a Buffer's slice is a view.
      const copy = new Uint8Array(this.#bytes.subarray(this.#byte, this.#byte + count));
      this.#byte += count;
      return copy;
    }
    const copy = new Uint8Array(count);
    const source = this.#bytes;
    const from = this.#byte;
    const shift = this.#bit;
    for (let i = 0; i < count; i += 1) {
      copy[i] = (source[from + i]! << shift) | (source[from + i + 1]! >> (8 - shift));
    }
    this.#byte += count;
    return copy;
  }

  /** Reads `bitLength` bits. @throws {@link CodecError} `TRUNCATED` when there are fewer. */
  readBits(bitLength: number): BitString {
    this.require(bitLength);
    const tailBits = bitLength % 8;
    const whole = this.readBytes(Math.floor(bitLength / 8));
    if (tailBits === 0) return new BitString(whole);
    const bytes = new Uint8Array(whole.length + 1);
    bytes.set(whole);
    bytes[whole.length] = this.readUint(tailBits) << (8 - tailBits);
    return new BitString(bytes, bitLength);
  }

  #readUpTo32(bits: number): number {
    let value = 0;
    let left = bits;
    while (left >= 8 && this.#bit === 0) {
      value = (value << 8) | this.#bytes[this.#byte]!;
      this.#byte += 1;
      left -= 8;
    }
    while (left > 0) {
      const room = 8 - this.#bit;
      const take = Math.min(left, room);
      const part = (this.#bytes[this.#byte]! >> (room - take)) & (0xff >> (8 - take));
      value = (value << take) | part;
      this.#advance(take);
      left -= take;
    }
    return value >>> 0;
  }

  #advance(bits: number): void {
    this.#bit += bits;
    if (this.#bit === 8) {
      this.#bit = 0;
      this.#byte += 1;
    }
  }
}
