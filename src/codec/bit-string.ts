/**
 * Bit strings: any number of bits, most significant first, as Erlang's `bitstring`. Views of nodes are such strings
 * (bit i is node i of a list both sides know), and so are encoded messages before their last byte is filled up.
 */
import { CodecError } from './errors.ts';
import { bytesToHex } from './hex.ts';

/** An immutable string of bits. */
export class BitString {
  /** Without a bit. */
  static readonly EMPTY: BitString = new BitString(new Uint8Array(0));

  /** The bits, the last byte filled up with 0 bits. Lent, not given: never write to it. */
  readonly bytes: Uint8Array;
  /** Bits, 0 or more; not necessarily a multiple of 8. */
  readonly bitLength: number;

  /**
   * The first `bitLength` bits of `bytes` (default: all), copied.
   *
   * @throws RangeError when `bytes` does not hold as many bits.
   */
  constructor(bytes: Uint8Array, bitLength: number = bytes.length * 8) {
    if (!Number.isInteger(bitLength) || bitLength < 0 || bitLength > bytes.length * 8) {
      throw new RangeError(`bitLength is ${bitLength}: expected an integer from 0 to ${bytes.length * 8}`);
    }
    this.bytes = new Uint8Array(bytes.subarray(0, Math.ceil(bitLength / 8))); // not slice(): a Buffer gives a view
    this.bitLength = bitLength;
    const tailBits = bitLength % 8;
    if (tailBits > 0) this.bytes[this.bytes.length - 1]! &= 0xff00 >> tailBits;
  }

  /**
   * The bits written as `0` and `1`, the first the most significant.
   *
   * @throws {@link CodecError} `INVALID_VALUE` for any other character.
   */
  static fromString(text: string): BitString {
    const bytes = new Uint8Array(Math.ceil(text.length / 8));
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code === 49) bytes[i >> 3]! |= 0x80 >> (i & 7);
      else if (code !== 48)
        throw new CodecError('INVALID_VALUE', `bit text has a character at ${i} other than 0 and 1`);
    }
    return new BitString(bytes, text.length);
  }

  /**
   * A view of `list`: bit i is 1 when `subset` holds an item of the same bytes as item i. Items of `subset` that are
   * not in `list` are left out. `archethic-node p2p.ex bitstring_from_node_subsets/2`.
   */
  static fromSubset(list: readonly Uint8Array[], subset: readonly Uint8Array[]): BitString {
    const chosen = new Set(subset.map(bytesToHex));
    const bytes = new Uint8Array(Math.ceil(list.length / 8));
    for (const [i, item] of list.entries()) {
      if (chosen.has(bytesToHex(item))) bytes[i >> 3]! |= 0x80 >> (i & 7);
    }
    return new BitString(bytes, list.length);
  }

  /**
   * Whether the bit at `index` is 1.
   *
   * @throws RangeError when there is no such bit.
   */
  get(index: number): boolean {
    this.#check(index);
    return (this.bytes[index >> 3]! & (0x80 >> (index & 7))) !== 0;
  }

  /**
   * A copy whose bit at `index` is `value` (default 1). `archethic-node utils.ex set_bitstring_bit/2`.
   *
   * @throws RangeError when there is no such bit.
   */
  set(index: number, value = true): BitString {
    this.#check(index);
    const copy = new BitString(this.bytes, this.bitLength);
    const mask = 0x80 >> (index & 7);
    if (value) copy.bytes[index >> 3]! |= mask;
    else copy.bytes[index >> 3]! &= ~mask;
    return copy;
  }

  /**
   * The bits that are 1 in either string; this string itself when their lengths differ.
   * `archethic-node utils.ex aggregate_bitstring/2`.
   */
  aggregate(other: BitString): BitString {
    if (other.bitLength !== this.bitLength) return this;
    return new BitString(
      this.bytes.map((byte, i) => byte | other.bytes[i]!),
      this.bitLength,
    );
  }

  /** How many bits are 1. `archethic-node utils.ex count_bitstring_bits/1`. */
  countOnes(): number {
    let count = 0;
    for (let byte of this.bytes) {
      while (byte !== 0) {
        byte &= byte - 1; // clears the lowest 1
        count += 1;
      }
    }
    return count;
  }

  /** These bits and then those of `other`. */
  concat(other: BitString): BitString {
    const shift = this.bitLength % 8;
    const bitLength = this.bitLength + other.bitLength;
    const bytes = new Uint8Array(Math.ceil(bitLength / 8) + 1); // one more: the last shifted byte may spill zeros
    bytes.set(this.bytes);
    let at = Math.floor(this.bitLength / 8);
    for (const byte of other.bytes) {
      bytes[at]! |= byte >> shift;
      at += 1;
      if (shift > 0) bytes[at] = (byte << (8 - shift)) & 0xff;
    }
    return new BitString(bytes, bitLength);
  }

  /** The bits in whole bytes, filled up with 0 bits; a fresh array. `archethic-node utils.ex wrap_binary/1`. */
  wrap(): Uint8Array {
    return this.bytes.slice();
  }

  /** Whether both have the same bits. */
  equals(other: BitString): boolean {
    return this.bitLength === other.bitLength && this.bytes.every((byte, i) => byte === other.bytes[i]);
  }

  /** The bits as `0` and `1`; {@link BitString.fromString} reads it back. */
  toString(): string {
    let text = '';
    for (const byte of this.bytes) text += byte.toString(2).padStart(8, '0');
    return text.slice(0, this.bitLength);
  }

  #check(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.bitLength) {
      throw new RangeError(`bit ${index} of a string of ${this.bitLength} bits`);
    }
  }
}
