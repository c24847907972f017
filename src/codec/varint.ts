/**
 * Archethic's VarInt: one byte n, then n bytes of the value, big-endian (`archethic-node utils/varint.ex`). Written in
 * the fewest bytes, 0 as `01 00`; read in any number of bytes, 0 included. Not LEB128.
 */

import { BitReader } from './bit-reader.ts';
import { BitWriter } from './bit-writer.ts';
import { CodecError } from './errors.ts';
import { bytesToHex, hexToBytes } from './hex.ts';

/** Most bytes of a value. Not an implementation choice: the length is one byte. */
export const VARINT_VALUE_BYTES_MAX = 255;

/** Largest value: 2^2040 - 1. */
export const VARINT_MAX: bigint = (1n << 2040n) - 1n;

/** Fewest bits of a VarInt: the length byte alone, which reads as 0. */
export const VARINT_BITS_MIN = 8;

// A number of this many bytes is exact.
const EXACT_BYTES = 6;

/**
 * Writes `value`, 0 to {@link VARINT_MAX}.
 *
 * @throws {@link CodecError} `OUT_OF_RANGE` when it is not such an integer (a number must not be above 2^53 - 1).
 */
export function writeVarInt(writer: BitWriter, value: bigint | number): void {
  if (typeof value === 'number' && (!Number.isSafeInteger(value) || value < 0)) {
    throw new CodecError('OUT_OF_RANGE', `${value} is not an integer from 0 to 2^53 - 1`);
  }
  if (value >= 0 && value < 2 ** (8 * EXACT_BYTES)) {
    const small = Number(value);
    let byteCount = 1;
    while (small >= 2 ** (8 * byteCount)) byteCount += 1;
    writer.writeUint(byteCount, 8);
    writer.writeUint(small, 8 * byteCount);
    return;
  }
  const wide = BigInt(value);
  if (wide < 0n || wide > VARINT_MAX) {
    throw new CodecError('OUT_OF_RANGE', 'the value is not an integer from 0 to 2^2040 - 1');
  }
  const hex = wide.toString(16);
  const bytes = hexToBytes(hex.length % 2 === 0 ? hex : `0${hex}`);
  writer.writeUint(bytes.length, 8);
  writer.writeBytes(bytes);
}

/** Reads a value. @throws {@link CodecError} `TRUNCATED` when the input ends in it. */
export function readVarInt(reader: BitReader): bigint {
  const byteCount = reader.readUint(8);
  if (byteCount <= EXACT_BYTES) return BigInt(reader.readUint(8 * byteCount));
  return BigInt(`0x${bytesToHex(reader.readBytes(byteCount))}`);
}

/**
 * Reads a value that counts what follows it. Exact up to 2^53 - 1, beyond that the nearest number or Infinity, which no
 * input has bits for.
 *
 * @throws {@link CodecError} `TRUNCATED` when the input ends in it.
 */
export function readVarIntCount(reader: BitReader): number {
  const byteCount = reader.readUint(8);
  if (byteCount <= EXACT_BYTES) return reader.readUint(8 * byteCount);
  return Number(BigInt(`0x${bytesToHex(reader.readBytes(byteCount))}`));
}

/** The encoding of `value` alone. @throws {@link CodecError} like {@link writeVarInt}. */
export function encodeVarInt(value: bigint | number): Uint8Array {
  const writer = new BitWriter(8);
  writeVarInt(writer, value);
  return writer.toBytes();
}

/**
 * The value at the start of `bytes`, and how many bytes it takes.
 *
 * @throws {@link CodecError} `TRUNCATED` when `bytes` ends in it.
 */
export function decodeVarInt(bytes: Uint8Array): { readonly value: bigint; readonly byteLength: number } {
  const reader = new BitReader(bytes);
  const value = readVarInt(reader);
  return { value, byteLength: reader.bitPosition / 8 };
}
