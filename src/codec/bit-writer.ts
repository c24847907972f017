/**
 * Writes values of any bit length one after the other, without alignment: after one odd field everything is shifted.
 * Whole bytes at a byte boundary take a fast path.
 */
import { BitString } from './bit-string.ts';
import { CodecError } from './errors.ts';

const CAPACITY_BYTES_MIN = 64;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

/** A growing string of bits, most significant first. */
export class BitWriter {
  #bytes: Uint8Array;
  /** Whole bytes written; the byte there holds the first `#bit` bits of the next. */
  #byte = 0;
  #bit = 0;

  /** @param capacityBytes - how much room to begin with; it grows as needed. */
  constructor(capacityBytes: number = CAPACITY_BYTES_MIN) {
    this.#bytes = new Uint8Array(Math.max(1, capacityBytes));
  }

  /** Bits written. */
  get bitLength(): number {
    return this.#byte * 8 + this.#bit;
  }

  /** Writes one bit. */
  writeBit(bit: boolean): void {
    this.#reserve(1);
    if (bit) this.#bytes[this.#byte]! |= 0x80 >> this.#bit;
    this.#advance(1);
  }

  /**
   * Writes an unsigned integer in `bits` bits, big-endian.
   *
   * @param bits - 0 to 53.
   * @throws {@link CodecError} `OUT_OF_RANGE` when `value` is not an integer from 0 to 2^bits - 1.
   */
  writeUint(value: number, bits: number): void {
    // Not 2 ** bits for the common sizes: it is a call of pow.
    const limit = bits < 31 ? 1 << bits : 2 ** bits;
    if (!Number.isInteger(value) || value < 0 || value >= limit) {
      throw new CodecError('OUT_OF_RANGE', `${String(value)} is not an unsigned integer of ${bits} bits`);
    }
    if (bits > 53) throw new RangeError(`bits is ${bits}: expected at most 53`);
    this.#reserve(bits);
    if (bits > 32) {
      this.#writeUpTo32(Math.floor(value / 2 ** 32), bits - 32);
      this.#writeUpTo32(value >>> 0, 32);
    } else {
      this.#writeUpTo32(value, bits);
    }
  }

  /**
   * Writes an unsigned integer in 64 bits, big-endian.
   *
   * @throws {@link CodecError} `OUT_OF_RANGE` when `value` is not from 0 to 2^64 - 1.
   */
  writeUint64(value: bigint): void {
    if (value < 0n || value > UINT64_MAX) {
      throw new CodecError('OUT_OF_RANGE', 'the value is not an unsigned integer of 64 bits');
    }
    this.#reserve(64);
    this.#writeUpTo32(Number(value >> 32n), 32);
    this.#writeUpTo32(Number(value & 0xffff_ffffn), 32);
  }

  /** Writes whole bytes; they are copied. */
  writeBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length * 8);
    if (this.#bit === 0) {
      this.#bytes.set(bytes, this.#byte);
      this.#byte += bytes.length;
      return;
    }
    const shift = this.#bit;
    const target = this.#bytes;
    let at = this.#byte;
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i]!;
      target[at]! |= byte >> shift;
      at += 1;
      target[at] = (byte << (8 - shift)) & 0xff;
    }
    this.#byte = at;
  }

  /** Writes every bit of `bits`. */
  writeBits(bits: BitString): void {
    const wholeBytes = Math.floor(bits.bitLength / 8);
    const tailBits = bits.bitLength % 8;
    this.writeBytes(bits.bytes.subarray(0, wholeBytes));
    if (tailBits > 0) this.writeUint(bits.bytes[wholeBytes]! >> (8 - tailBits), tailBits);
  }

  /** What was written, the last byte filled up with 0 bits; a fresh array. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#byte + (this.#bit > 0 ? 1 : 0));
  }

  /** What was written, to the bit. */
  toBitString(): BitString {
    return new BitString(this.#bytes, this.bitLength);
  }

  #writeUpTo32(value: number, bits: number): void {
    let left = bits;
    while (left >= 8 && this.#bit === 0) {
      left -= 8;
      this.#bytes[this.#byte] = value >>> left; // the array keeps the low 8 bits
      this.#byte += 1;
    }
    while (left > 0) {
      const take = Math.min(left, 8 - this.#bit);
      const part = (value >>> (left - take)) & (0xff >> (8 - take));
      this.#bytes[this.#byte]! |= part << (8 - this.#bit - take);
      this.#advance(take);
      left -= take;
    }
  }

  #advance(bits: number): void {
    this.#bit += bits;
    if (this.#bit === 8) {
      this.#bit = 0;
      this.#byte += 1;
    }
  }

  #reserve(bits: number): void {
    const needed = this.#byte + Math.ceil((this.#bit + bits) / 8) + 1;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2, CAPACITY_BYTES_MIN));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
