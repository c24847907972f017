/**
 * Values that carry their type on the wire, for data without a schema, as in the errors of a mining
 * (`archethic-node utils/typed_encoding.ex`): a type byte, then the value. Signs and booleans take 1 bit in the compact
 * mode, 8 in the extended one.
 */
import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError, locateError } from './errors.ts';
import { bytesToHex, hexToBytes } from './hex.ts';
import { arrayFromJson, expected, integerFromJson, type Json, objectFromJson, stringFromJson } from './json-form.ts';
import { readVarInt, readVarIntCount, writeVarInt } from './varint.ts';

/**
 * A typed value, tagged with its type; `null` is nil. A string is bytes, since upstream does not say in which encoding;
 * a map is its pairs in wire order. A float is rounded down on the wire, away from its sign, to 8 decimals.
 */
export type TypedValue =
  | null
  | { readonly int: bigint }
  | { readonly float: number }
  | { readonly str: Uint8Array }
  | { readonly list: readonly TypedValue[] }
  | { readonly map: readonly (readonly [key: TypedValue, value: TypedValue])[] }
  | { readonly bool: boolean };

/** A typed value to encode: an integer may also be given as a number up to 2^53 - 1. */
export type TypedInput =
  | null
  | { readonly int: bigint | number }
  | { readonly float: number }
  | { readonly str: Uint8Array }
  | { readonly list: readonly TypedInput[] }
  | { readonly map: readonly (readonly [key: TypedInput, value: TypedInput])[] }
  | { readonly bool: boolean };

/** How many bits a sign or a boolean takes: 1 (compact) or 8 (extended). */
export type TypedMode = 'compact' | 'extended';

/** How deep lists and maps may nest, either way. A bound of ours: upstream sets none. */
export const TYPED_DEPTH_MAX = 64;

/** Fewest bits of a typed value: the type byte of nil. */
export const TYPED_BITS_MIN = 8;

const TYPE = { int: 0, float: 1, str: 2, list: 3, map: 4, bool: 5, nil: 6 } as const;

/**
 * Writes `value`.
 *
 * @throws {@link CodecError} `INVALID_VALUE` for a value of no type, or a float that is not finite, `OUT_OF_RANGE` for
 * an integer of more than 2040 bits, `TOO_DEEP` past {@link TYPED_DEPTH_MAX}.
 */
export function writeTyped(writer: BitWriter, value: TypedInput, mode: TypedMode): void {
  writeNested(writer, value, mode === 'compact' ? 1 : 8, 0);
}

/**
 * Reads a value.
 *
 * @throws {@link CodecError} `TRUNCATED`, `INVALID_VALUE` for an unknown type byte or a sign or boolean other than 0 and
 * 1, `OUT_OF_RANGE` for a float too large for a number or too many items, `TOO_DEEP` past {@link TYPED_DEPTH_MAX}.
 */
export function readTyped(reader: BitReader, mode: TypedMode): TypedValue {
  return readNested(reader, mode === 'compact' ? 1 : 8, 0);
}

/** The JSON form: the tagged value with integers as decimal text, strings as hex, nil as `{ "": true }`. */
export function typedToJson(value: TypedInput): Json {
  if (value === null) return { '': true };
  if ('int' in value) return { int: BigInt(value.int).toString() };
  if ('str' in value) return { str: bytesToHex(value.str) };
  if ('list' in value) return { list: value.list.map(typedToJson) };
  if ('map' in value) return { map: value.map.map(([key, item]) => [typedToJson(key), typedToJson(item)]) };
  return value;
}

/** Reads the JSON form back; `{ "nil": true }` is nil too. @throws {@link CodecError} `INVALID_VALUE`, `TOO_DEEP`. */
export function typedFromJson(json: Json): TypedValue {
  return nestedFromJson(json, 0);
}

function checkDepth(depth: number): void {
  if (depth > TYPED_DEPTH_MAX) {
    throw new CodecError('TOO_DEEP', `a typed value nests deeper than ${TYPED_DEPTH_MAX} lists and maps`);
  }
}

function writeNested(writer: BitWriter, value: TypedInput, flagBits: number, depth: number): void {
  checkDepth(depth);
  if (value === null) {
    writer.writeUint(TYPE.nil, 8);
    return;
  }
  if (typeof value !== 'object') throw expected('a typed value', value);
  if ('int' in value) {
    const integer = toInteger(value.int);
    writer.writeUint(TYPE.int, 8);
    writer.writeUint(integer < 0n ? 0 : 1, flagBits);
    writeVarInt(writer, integer < 0n ? -integer : integer);
  } else if ('float' in value) {
    writer.writeUint(TYPE.float, 8);
    writer.writeUint(value.float < 0 ? 0 : 1, flagBits);
    writeVarInt(writer, toHundredMillionths(value.float));
  } else if ('str' in value) {
    if (!(value.str instanceof Uint8Array)) throw expected('bytes', value.str).at('str');
    writer.writeUint(TYPE.str, 8);
    writeVarInt(writer, value.str.length);
    writer.writeBytes(value.str);
  } else if ('bool' in value) {
    if (typeof value.bool !== 'boolean') throw expected('a boolean', value.bool).at('bool');
    writer.writeUint(TYPE.bool, 8);
    writer.writeUint(value.bool ? 1 : 0, flagBits);
  } else {
    writeItems(writer, value, flagBits, depth);
  }
}

function writeItems(
  writer: BitWriter,
  value: Extract<TypedInput, { list: unknown } | { map: unknown }>,
  flagBits: number,
  depth: number,
): void {
  const isList = 'list' in value;
  const items = isList ? value.list : value.map;
  if (!Array.isArray(items)) throw expected('a typed value', value);
  writer.writeUint(isList ? TYPE.list : TYPE.map, 8);
  writeVarInt(writer, items.length);
  for (const [index, item] of items.entries()) {
    try {
      if (isList) {
        writeNested(writer, item as TypedInput, flagBits, depth + 1);
        continue;
      }
      if (!Array.isArray(item) || item.length !== 2) throw expected('a pair', item);
      writeNested(writer, item[0] as TypedInput, flagBits, depth + 1);
      writeNested(writer, item[1] as TypedInput, flagBits, depth + 1);
    } catch (error) {
      throw locateError(error, index);
    }
  }
}

function readNested(reader: BitReader, flagBits: number, depth: number): TypedValue {
  checkDepth(depth);
  const type = reader.readUint(8);
  switch (type) {
    case TYPE.int: {
      const isPositive = readFlag(reader, flagBits);
      const magnitude = readVarInt(reader);
      return { int: isPositive ? magnitude : -magnitude };
    }
    case TYPE.float: {
      const isPositive = readFlag(reader, flagBits);
      const magnitude = Number(`${readVarInt(reader)}e-8`);
      if (!Number.isFinite(magnitude)) throw new CodecError('OUT_OF_RANGE', 'a float is above 2^1024');
      return { float: isPositive || magnitude === 0 ? magnitude : -magnitude };
    }
    case TYPE.str: {
      const byteCount = readVarIntCount(reader);
      return { str: reader.readBytes(byteCount) };
    }
    case TYPE.list: {
      const count = readVarIntCount(reader);
      reader.requireItems(count, TYPED_BITS_MIN);
      const list: TypedValue[] = [];
      for (let i = 0; i < count; i += 1) list.push(readNested(reader, flagBits, depth + 1));
      return { list };
    }
    case TYPE.map: {
      const count = readVarIntCount(reader);
      reader.requireItems(count, 2 * TYPED_BITS_MIN);
      const map: [TypedValue, TypedValue][] = [];
      for (let i = 0; i < count; i += 1) {
        const key = readNested(reader, flagBits, depth + 1);
        map.push([key, readNested(reader, flagBits, depth + 1)]);
      }
      return { map };
    }
    case TYPE.bool:
      return { bool: readFlag(reader, flagBits) };
    case TYPE.nil:
      return null;
    default:
      throw new CodecError('INVALID_VALUE', `type byte ${type} of a typed value is not from 0 to ${TYPE.nil}`);
  }
}

function readFlag(reader: BitReader, flagBits: number): boolean {
  const flag = reader.readUint(flagBits);
  if (flag > 1) throw new CodecError('INVALID_VALUE', `a sign or boolean is ${flag}: expected 0 or 1`);
  return flag === 1;
}

function toInteger(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw expected('a bigint, or an integer up to 2^53 - 1', value).at('int');
}

/**
 * |value| in units of 10^-8, rounded down. Computed on the shortest decimal text of the number, as upstream does: in
 * binary 0.29 * 10^8 comes to 28999999.999999996.
 */
function toHundredMillionths(value: unknown): bigint {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw expected('a finite number', value).at('float');
  const [mantissa = '0', exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent) + 8 - fraction.length;
  const digits = BigInt(whole + fraction);
  return shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
}

function nestedFromJson(json: Json, depth: number): TypedValue {
  checkDepth(depth);
  const object = objectFromJson(json);
  const [tag, ...more] = Object.keys(object);
  const value = tag === undefined ? null : object[tag]!;
  if (more.length > 0) throw expected('one type tag', json);
  switch (tag) {
    case '':
    case 'nil':
      if (value !== true) throw expected('true', value);
      return null;
    case 'int':
      return { int: integerFromJson(value) };
    case 'float':
      if (typeof value !== 'number') throw expected('a number', value).at('float');
      return { float: value };
    case 'str':
      return { str: hexToBytes(stringFromJson(value, 'hex text')) };
    case 'bool':
      if (typeof value !== 'boolean') throw expected('a boolean', value).at('bool');
      return { bool: value };
    case 'list':
      return { list: arrayFromJson(value).map((item) => nestedFromJson(item, depth + 1)) };
    case 'map':
      return { map: arrayFromJson(value).map((pair) => pairFromJson(pair, depth + 1)) };
    default:
      throw new CodecError('INVALID_VALUE', 'expected one of the type tags int, float, str, list, map, bool and nil');
  }
}

function pairFromJson(json: Json, depth: number): [TypedValue, TypedValue] {
  const pair = arrayFromJson(json);
  if (pair.length !== 2) throw expected('a pair', json);
  return [nestedFromJson(pair[0]!, depth), nestedFromJson(pair[1]!, depth)];
}
