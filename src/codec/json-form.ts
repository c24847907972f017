/**
 * The JSON form of values: bytes as lower-case hex, bit strings as `0` and `1`, integers as JSON numbers up to 2^53 - 1
 * and as decimal text beyond. The readers here check what they are given and name what they expected.
 */
import { CodecError } from './errors.ts';

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** Most digits of an integer given as text: VarInts have at most 615. */
export const JSON_INTEGER_DIGITS_MAX = 640;

/** The JSON form of an integer. */
export function integerToJson(value: bigint | number): Json {
  const wide = BigInt(value);
  const near = Number(wide);
  return Number.isSafeInteger(near) ? near : wide.toString();
}

/**
 * The integer written as a JSON number (up to 2^53 - 1 either side of 0) or as decimal text.
 *
 * @throws {@link CodecError} `INVALID_VALUE` for anything else.
 */
export function integerFromJson(json: Json): bigint {
  if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json);
  if (typeof json === 'string' && json.length <= JSON_INTEGER_DIGITS_MAX && /^-?\d+$/.test(json)) return BigInt(json);
  throw expected('an integer, as a number up to 2^53 - 1 or as decimal text', json);
}

/** The text. @throws {@link CodecError} `INVALID_VALUE` for anything but a string. */
export function stringFromJson(json: Json, meaning = 'text'): string {
  if (typeof json !== 'string') throw expected(meaning, json);
  return json;
}

/** The list. @throws {@link CodecError} `INVALID_VALUE` for anything but an array. */
export function arrayFromJson(json: Json): readonly Json[] {
  if (!Array.isArray(json)) throw expected('an array', json);
  return json as readonly Json[];
}

/** The object. @throws {@link CodecError} `INVALID_VALUE` for anything but an object. */
export function objectFromJson(json: Json): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw expected('an object', json);
  return json as JsonObject;
}

/** The value under `key`. @throws {@link CodecError} `INVALID_VALUE` when the object has none of its own. */
export function memberFromJson(object: JsonObject, key: string): Json {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  if (value === undefined) throw new CodecError('INVALID_VALUE', 'the field is missing').at(key);
  return value;
}

/** The error that says what was expected instead of `value`, of which only the type is named. */
export function expected(meaning: string, value: unknown): CodecError {
  return new CodecError('INVALID_VALUE', `expected ${meaning}, got ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return `the number ${value}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
