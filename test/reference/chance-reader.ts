/**
 * A bit reader that makes up its bits as it is read: run a decoder on it and a valid value of its schema comes out. So
 * every schema is its own generator. The bits are a function of the seed; small numbers are likelier, since ids, tags
 * and flags are small.
 */
import type { BitReader } from '../../src/codec/bit-reader.ts';
import { BitString } from '../../src/codec/bit-string.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const LIST_ITEMS_MAX = 6;
const ATTEMPTS_MAX = 5000;

class ChanceReader {
  readonly #random: SeededRandom;
  readonly #wildness: number;
  #bits = '';
  #position = 0;

  constructor(random: SeededRandom, wildness: number) {
    this.#random = random;
    this.#wildness = wildness;
    this.remainingBits = 8 * Math.floor(random.float() * 20);
  }

  /** How long an opaque rest is made up. */
  readonly remainingBits: number;

  get bitPosition(): number {
    return this.#position;
  }

  require(): void {}

  requireItems(count: number): void {
    if (count > LIST_ITEMS_MAX) throw new CodecError('OUT_OF_RANGE', 'too many made-up items');
  }

  readBit(): boolean {
    return this.readUint(1) === 1;
  }

  readUint(bits: number): number {
    const value = this.peekUint(bits);
    this.#position += bits;
    return value;
  }

  peekUint(bits: number): number {
    while (this.#bits.length < this.#position + bits) {
      const missing = this.#position + bits - this.#bits.length;
      // A wide integer: mostly small, so that counts and lengths are.
      if (missing >= 16 && this.#chance(0.7)) this.#append(this.#byte(), missing);
      else this.#append(this.#byte(), 8);
    }
    return bits === 0 ? 0 : Number.parseInt(this.#bits.slice(this.#position, this.#position + bits), 2);
  }

  readUint64(): bigint {
    const high = this.#chance(0.9) ? this.readUint(32) & 0xffff : this.readUint(32);
    return (BigInt(high) << 32n) | BigInt(this.readUint(32));
  }

  readBytes(count: number): Uint8Array {
    if (count > 4096) throw new CodecError('OUT_OF_RANGE', 'too many made-up bytes');
    const isAscii = this.#chance(0.7);
    return Uint8Array.from({ length: count }, () => {
      const isAhead = this.#bits.length > this.#position; // bits that were peeked at stay as they are
      return isAhead || !isAscii ? this.readUint(8) : this.#skipTo(32 + Math.floor(this.#random.float() * 95));
    });
  }

  readBits(bitLength: number): BitString {
    if (bitLength > 4096) throw new CodecError('OUT_OF_RANGE', 'too many made-up bits');
    return BitString.fromString(Array.from({ length: bitLength }, () => (this.readBit() ? '1' : '0')).join(''));
  }

  #skipTo(byte: number): number {
    this.#append(byte, 8);
    this.#position += 8;
    return byte;
  }

  #append(value: number, bits: number): void {
    this.#bits += value.toString(2).padStart(bits, '0');
  }

  #chance(probability: number): boolean {
    return this.#random.float() < probability;
  }

  #byte(): number {
    const pick = this.#random.float();
    const any = Math.floor(this.#random.float() * 256);
    if (this.#chance(1 - this.#wildness)) return any % 2;
    if (pick < 0.5) return any % 4;
    if (pick < 0.7) return any % 9;
    return pick < 0.8 ? 249 + (any % 7) : any;
  }
}

/** A valid value of whatever `decode` reads; the same seed gives the same value. */
export function makeUp<T>(seed: number, decode: (reader: BitReader) => T): T {
  const random = new SeededRandom(seed);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    try {
      return decode(new ChanceReader(random, random.float()) as unknown as BitReader);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
  }
  throw new Error(`no valid value was found in ${ATTEMPTS_MAX} attempts for the seed ${seed}`);
}
