/** Schemas of single fields: numbers, bytes, bits, text, and what Archethic makes of them. Composed by `schema.ts`. */
import type { BitReader } from './bit-reader.ts';
import { BitString } from './bit-string.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError } from './errors.ts';
import { bytesToHex, hexToBytes } from './hex.ts';
import { expected, integerFromJson, integerToJson, type Json, stringFromJson } from './json-form.ts';
import { digestBytes, KEY_OR_ADDRESS_BYTES_MIN, parseAddress, parsePublicKey, rawKeyBytes } from './key-layout.ts';
import type { CountSchema, InputOf, Schema } from './schema.ts';
import {
  readTyped,
  TYPED_BITS_MIN,
  type TypedInput,
  type TypedMode,
  type TypedValue,
  typedFromJson,
  typedToJson,
  writeTyped,
} from './typed-encoding.ts';
import { readVarInt, readVarIntCount, VARINT_BITS_MIN, writeVarInt } from './varint.ts';

/** An unsigned integer, also as a count. */
export type UintSchema = Schema<number, number> & CountSchema;

/** An unsigned integer of `bits` bits, 1 to 53, big-endian; a number. */
export function uint(bits: number): UintSchema {
  if (!Number.isInteger(bits) || bits < 1 || bits > 53) throw new RangeError(`bits is ${bits}: expected 1 to 53`);
  const encode = (writer: BitWriter, value: number): void => writer.writeUint(value, bits);
  const decode = (reader: BitReader): number => reader.readUint(bits);
  return {
    bitsMin: bits,
    encode,
    encodeCount: encode,
    decode,
    decodeCount: decode,
    toJson: (value: number): Json => value,
    fromJson(json: Json): number {
      const value = Number(integerFromJson(json));
      if (value < 0 || value >= 2 ** bits) throw new CodecError('OUT_OF_RANGE', `${value} does not fit ${bits} bits`);
      return value;
    },
  };
}

/** An unsigned integer of 64 bits, big-endian; a bigint, for amounts. */
export const uint64: Schema<bigint, bigint | number> = {
  bitsMin: 64,
  encode: (writer: BitWriter, value: bigint | number): void => writer.writeUint64(wideInteger(value)),
  decode: (reader: BitReader): bigint => reader.readUint64(),
  toJson: (value: bigint | number): Json => integerToJson(value),
  fromJson: integerFromJson,
};

/** An Archethic VarInt (`varint.ts`); a bigint. Also a count. */
export const varint: Schema<bigint, bigint | number> & CountSchema = {
  bitsMin: VARINT_BITS_MIN,
  encode: (writer: BitWriter, value: bigint | number): void =>
    writeVarInt(writer, typeof value === 'number' ? value : wideInteger(value)),
  encodeCount: writeVarInt,
  decode: readVarInt,
  decodeCount: readVarIntCount,
  toJson: (value: bigint | number): Json => integerToJson(value),
  fromJson: integerFromJson,
};

/** A boolean in `bits` bits, 0 or 1; any other number is refused. */
export function bool(bits: 1 | 8): Schema<boolean, boolean> {
  return {
    bitsMin: bits,
    encode(writer: BitWriter, value: boolean): void {
      if (typeof value !== 'boolean') throw expected('a boolean', value);
      writer.writeUint(value ? 1 : 0, bits);
    },
    decode(reader: BitReader): boolean {
      const value = reader.readUint(bits);
      if (value > 1) throw new CodecError('INVALID_VALUE', `the boolean is ${value}: expected 0 or 1`);
      return value === 1;
    },
    toJson: (value: boolean): Json => value,
    fromJson(json: Json): boolean {
      if (typeof json !== 'boolean') throw expected('a boolean', json);
      return json;
    },
  };
}

/** One of a closed set of names, each with its number, in `bits` bits; any other number is refused. */
export function enumeration<T extends { readonly [name: string]: number }>(
  numbers: T,
  bits: number,
): Schema<keyof T & string, keyof T & string> {
  const nameOf = new Map(Object.entries(numbers).map(([name, number]) => [number, name as keyof T & string]));
  const check = (name: unknown): keyof T & string => {
    if (typeof name === 'string' && Object.hasOwn(numbers, name)) return name;
    throw expected(`one of ${Object.keys(numbers).join(', ')}`, name);
  };
  return {
    bitsMin: bits,
    encode: (writer: BitWriter, value: keyof T & string): void => writer.writeUint(numbers[check(value)]!, bits),
    decode(reader: BitReader): keyof T & string {
      const number = reader.readUint(bits);
      const name = nameOf.get(number);
      if (name === undefined) throw new CodecError('INVALID_VALUE', `${number} stands for nothing`);
      return name;
    },
    toJson: (value: keyof T & string): Json => value,
    fromJson: check,
  };
}

function bytesSchema(
  bitsMin: number,
  check: (value: Uint8Array) => void,
  writeLength: (writer: BitWriter, length: number) => void,
  decode: (reader: BitReader) => Uint8Array,
): Schema<Uint8Array> {
  return {
    bitsMin,
    encode(writer: BitWriter, value: Uint8Array): void {
      if (!(value instanceof Uint8Array)) throw expected('bytes', value);
      check(value);
      writeLength(writer, value.length);
      writer.writeBytes(value);
    },
    decode,
    toJson: (value: Uint8Array): Json => bytesToHex(value),
    fromJson(json: Json): Uint8Array {
      const value = hexToBytes(stringFromJson(json, 'hex text'));
      check(value);
      return value;
    },
  };
}

const anyBytes = (): void => {};
const noLength = (): void => {};

/** Exactly `count` bytes. */
export function bytes(count: number): Schema<Uint8Array> {
  const check = (value: Uint8Array): void => {
    if (value.length !== count) {
      throw new CodecError('INVALID_VALUE', `the field has ${value.length} bytes: expected ${count}`);
    }
  };
  return bytesSchema(8 * count, check, noLength, (reader) => reader.readBytes(count));
}

/** A length in bytes and that many bytes. */
export function prefixedBytes(length: CountSchema): Schema<Uint8Array> {
  return bytesSchema(length.bitsMin, anyBytes, length.encodeCount, (reader) =>
    reader.readBytes(length.decodeCount(reader)),
  );
}

/** Everything up to the end of the message, in whole bytes: the opaque rest of a message whose layout is not known. */
export const restBytes: Schema<Uint8Array> = bytesSchema(0, anyBytes, noLength, (reader) => {
  if (reader.remainingBits % 8 !== 0) {
    throw new CodecError('INVALID_VALUE', `the ${reader.remainingBits} bits left are no whole bytes`);
  }
  return reader.readBytes(reader.remainingBits / 8);
});

/** A public key, delimited by its curve id. */
export const publicKey: Schema<Uint8Array> = bytesSchema(
  8 * KEY_OR_ADDRESS_BYTES_MIN,
  parsePublicKey,
  noLength,
  (reader) => reader.readBytes(2 + rawKeyBytes(reader.peekUint(8))),
);

/** An address, delimited by its hash id. */
export const address: Schema<Uint8Array> = bytesSchema(8 * KEY_OR_ADDRESS_BYTES_MIN, parseAddress, noLength, (reader) =>
  reader.readBytes(2 + digestBytes(reader.peekUint(16) & 0xff)),
);

/** A digest with its hash id before it (33 or 65 bytes). */
export const hash: Schema<Uint8Array> = bytesSchema(
  8 * 33,
  (value) => {
    if (value.length < 1) throw new CodecError('TRUNCATED', 'a digest has 0 bytes: expected at least 33');
    const size = 1 + digestBytes(value[0]!);
    if (value.length !== size) {
      throw new CodecError('INVALID_VALUE', `a digest has ${value.length} bytes: expected ${size} by its id`);
    }
  },
  noLength,
  (reader) => reader.readBytes(1 + digestBytes(reader.peekUint(8))),
);

/** A length in bits and that many bits. */
export function prefixedBits(length: CountSchema): Schema<BitString> {
  return {
    bitsMin: length.bitsMin,
    encode(writer: BitWriter, value: BitString): void {
      if (!(value instanceof BitString)) throw expected('a bit string', value);
      length.encodeCount(writer, value.bitLength);
      writer.writeBits(value);
    },
    decode: (reader: BitReader): BitString => reader.readBits(length.decodeCount(reader)),
    toJson: (value: BitString): Json => value.toString(),
    fromJson: (json: Json): BitString => BitString.fromString(stringFromJson(json, 'text of 0 and 1')),
  };
}

/** Exactly `count` ASCII characters, as in geographical patches (`4D9`). */
export function asciiText(count: number): Schema<string, string> {
  const check = (text: unknown): string => {
    if (typeof text !== 'string' || text.length !== count) throw expected(`${count} ASCII characters`, text);
    for (let i = 0; i < count; i += 1) {
      if (text.charCodeAt(i) > 0x7f) throw new CodecError('INVALID_VALUE', `character ${i} is not ASCII`);
    }
    return text;
  };
  return {
    bitsMin: 8 * count,
    encode(writer: BitWriter, value: string): void {
      check(value);
      for (let i = 0; i < count; i += 1) writer.writeUint(value.charCodeAt(i), 8);
    },
    decode: (reader: BitReader): string => check(String.fromCharCode(...reader.readBytes(count))),
    toJson: (value: string): Json => value,
    fromJson: check,
  };
}

/** A length in bytes and that much UTF-8; other bytes are refused. */
export function text(length: CountSchema): Schema<string, string> {
  const check = (value: unknown): string => {
    // A lone surrogate has no UTF-8 and would come back as another character.
    if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) throw expected('well-formed text', value);
    return value;
  };
  return {
    bitsMin: length.bitsMin,
    encode(writer: BitWriter, value: string): void {
      const encoded = new TextEncoder().encode(check(value));
      length.encodeCount(writer, encoded.length);
      writer.writeBytes(encoded);
    },
    decode(reader: BitReader): string {
      const encoded = reader.readBytes(length.decodeCount(reader));
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(encoded);
      } catch (cause) {
        throw new CodecError('INVALID_VALUE', `${encoded.length} bytes of text are not UTF-8`, { cause });
      }
    },
    toJson: (value: string): Json => value,
    fromJson: check,
  };
}

/** Unix time in ms, unsigned 64 bits on the wire; a number, refused above 2^53 - 1. */
export const timestampMs: Schema<number, number> = {
  bitsMin: 64,
  encode(writer: BitWriter, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new CodecError('OUT_OF_RANGE', `${String(value)} ms is not an integer from 0 to 2^53 - 1`);
    }
    writer.writeUint(Math.floor(value / 2 ** 32), 32);
    writer.writeUint(value >>> 0, 32);
  },
  decode(reader: BitReader): number {
    reader.require(64);
    const high = reader.readUint(32);
    const value = high * 2 ** 32 + reader.readUint(32);
    if (high >= 2 ** 21) throw new CodecError('OUT_OF_RANGE', `${value} ms is above 2^53 - 1`);
    return value;
  },
  toJson: (value: number): Json => value,
  fromJson(json: Json): number {
    const value = integerFromJson(json);
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new CodecError('OUT_OF_RANGE', `${value} ms is not from 0 to 2^53 - 1`);
    }
    return Number(value);
  },
};

/** Unix time in seconds, unsigned 32 bits. */
export const timestampS: Schema<number, number> = uint(32);

/** An IPv4 address in 4 bytes; text in dotted decimal. */
export const ipv4: Schema<string, string> = {
  bitsMin: 32,
  encode(writer: BitWriter, value: string): void {
    for (const part of ipv4Parts(value)) writer.writeUint(part, 8);
  },
  decode: (reader: BitReader): string => reader.readBytes(4).join('.'),
  toJson: (value: string): Json => value,
  fromJson: (json: Json): string => ipv4Parts(json).join('.'),
};

/** A value that carries its type (`typed-encoding.ts`). */
export function typed(mode: TypedMode): Schema<TypedValue, TypedInput> {
  return {
    bitsMin: TYPED_BITS_MIN,
    encode: (writer: BitWriter, value: TypedInput): void => writeTyped(writer, value, mode),
    decode: (reader: BitReader): TypedValue => readTyped(reader, mode),
    toJson: typedToJson,
    fromJson: typedFromJson,
  };
}

/** Null without a bit: a field that a version of a record does not have yet. */
export function absent<T>(): Schema<T | null, InputOf<T> | null> {
  const check = (value: unknown): null => {
    if (value !== null) throw expected('null: this version has no such field', value);
    return null;
  };
  return {
    bitsMin: 0,
    encode: (_writer: BitWriter, value: unknown): void => void check(value),
    decode: (): null => null,
    toJson: (): Json => null,
    fromJson: check,
  };
}

function wideInteger(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw expected('a bigint, or an integer up to 2^53 - 1', value);
}

function ipv4Parts(value: unknown): readonly number[] {
  const match = typeof value === 'string' ? /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(value) : null;
  const parts = match === null ? [] : match.slice(1).map(Number);
  if (parts.length !== 4 || parts.some((part) => part > 255)) throw expected('an IPv4 address', value);
  return parts;
}
