/**
 * The slow, obvious twin of the bit reader, the bit writer and the VarInt: bits are characters of a string, numbers are
 * bigints. Property tests hold the fast ones equal to these.
 */

/** Reads from a text of 0 and 1; a read past the end throws a plain Error. */
export class ReferenceBitReader {
  readonly #bits: string;
  #position = 0;

  constructor(bits: string) {
    this.#bits = bits;
  }

  get remainingBits(): number {
    return this.#bits.length - this.#position;
  }

  take(bits: number): string {
    if (bits > this.remainingBits) throw new Error('the text ends');
    const taken = this.#bits.slice(this.#position, this.#position + bits);
    this.#position += bits;
    return taken;
  }

  readUint(bits: number): bigint {
    return bits === 0 ? 0n : BigInt(`0b${this.take(bits)}`);
  }

  readBytes(count: number): number[] {
    return Array.from({ length: count }, () => Number(this.readUint(8)));
  }

  readVarInt(): bigint {
    return this.readUint(8 * Number(this.readUint(8)));
  }
}

/** Writes a text of 0 and 1. */
export class ReferenceBitWriter {
  bits = '';

  writeUint(value: bigint, bits: number): void {
    if (bits > 0) this.bits += value.toString(2).padStart(bits, '0');
  }

  writeBytes(bytes: Iterable<number>): void {
    for (const byte of bytes) this.writeUint(BigInt(byte), 8);
  }

  writeVarInt(value: bigint): void {
    let byteCount = 1;
    while (value >= 256n ** BigInt(byteCount)) byteCount += 1;
    this.writeUint(BigInt(byteCount), 8);
    this.writeUint(value, 8 * byteCount);
  }
}

/** Bytes as a text of 0 and 1. */
export function bitsOfBytes(bytes: Iterable<number>): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}
