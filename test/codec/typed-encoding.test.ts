import { describe, expect, test } from 'vitest';
import { BitReader } from '../../src/codec/bit-reader.ts';
import { BitWriter } from '../../src/codec/bit-writer.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import type { Json } from '../../src/codec/json-form.ts';
import {
  readTyped,
  TYPED_DEPTH_MAX,
  type TypedInput,
  type TypedValue,
  typedFromJson,
  typedToJson,
  writeTyped,
} from '../../src/codec/typed-encoding.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const encode = (value: TypedInput): string => {
  const writer = new BitWriter();
  writeTyped(writer, value, 'extended');
  return bytesToHex(writer.toBytes());
};
const decode = (hex: string): TypedValue => readTyped(new BitReader(hexToBytes(hex)), 'extended');

function nested(depth: number): TypedValue {
  let value: TypedValue = null;
  for (let i = 0; i < depth; i += 1) value = i % 2 === 0 ? { list: [value] } : { map: [[null, value]] };
  return value;
}

describe('a typed value', () => {
  test.each([
    [{ float: 0.29 }, '01010401ba8140'], // 29 000 000: in binary 0.29 * 10^8 is 28999999.999999996
    [{ float: 1.999999999 }, '0101040bebc1ff'], // rounded down
    [{ float: -1.999999999 }, '0100040bebc1ff'],
    [{ float: 1e-9 }, '01010100'],
    [{ float: 1e21 }, '01010d01431e0fae6d7217caa0000000'],
    [{ float: -0 }, '01010100'],
    [{ int: 2n ** 64n }, '000109010000000000000000'],
    [{ int: -1 }, '00000101'],
    [null, '06'],
  ] as const)('encodes exactly, floats rounded down to 8 decimals (case %#)', (value, hex) => {
    expect(encode(value)).toBe(hex);
  });

  test(`nests ${TYPED_DEPTH_MAX} deep and not deeper, either way and in JSON`, () => {
    const fits = nested(TYPED_DEPTH_MAX);
    expect(decode(encode(fits))).toEqual(fits);
    expect(typedFromJson(typedToJson(fits))).toEqual(fits);
    const over = nested(TYPED_DEPTH_MAX + 1);
    expect(() => encode(over)).toThrow(code('TOO_DEEP'));
    expect(() => typedFromJson(typedToJson(over))).toThrow(code('TOO_DEEP'));
    expect(() => decode(`${'030101'.repeat(TYPED_DEPTH_MAX + 1)}06`)).toThrow(code('TOO_DEEP'));
  });

  test('of 255 maps within maps costs no more than the bound', () => {
    expect(() => decode('040101'.repeat(255))).toThrow(code('TOO_DEEP'));
  });

  test.each([
    ['07', 'INVALID_VALUE'], // no such type
    ['00020101', 'INVALID_VALUE'], // a sign of 2
    ['0502', 'INVALID_VALUE'], // a boolean of 2
    ['0208ffffffffffffffff', 'TRUNCATED'], // a string of 2^64 bytes
    ['0308ffffffffffffffff06', 'TRUNCATED'], // a list of 2^64 items
    ['0408ffffffffffffffff0606', 'TRUNCATED'],
    [`0101ff${'ff'.repeat(255)}`, 'OUT_OF_RANGE'], // a float above 2^1024
    ['', 'TRUNCATED'],
  ])('is refused as %s: %s', (hex, expected) => {
    expect(() => decode(hex)).toThrow(code(expected));
  });

  test.each([
    undefined,
    5,
    'text',
    {},
    [],
    { int: 1.5 },
    { int: '1' },
    { float: Number.NaN },
    { float: Number.POSITIVE_INFINITY },
    { str: 'text' },
    { bool: 1 },
    { list: 5 },
    { map: [[null]] },
    { map: [null] },
    { list: [undefined] },
  ])('is not %j', (value) => {
    expect(() => encode(value as unknown as TypedInput)).toThrow(code('INVALID_VALUE'));
  });

  test.each([
    null,
    5,
    {},
    { int: 1.5 },
    { int: '1', float: 1 },
    { float: '1' },
    { str: 5 },
    { bool: 'true' },
    { '': false },
    { list: {} },
    { map: [[{ '': true }]] },
    { other: 1 },
  ] as Json[])('has not the JSON form %j', (json) => {
    expect(() => typedFromJson(json)).toThrow(code('INVALID_VALUE'));
  });

  test('reads nil under both its names, and integers in both forms', () => {
    expect(typedFromJson({ nil: true })).toBeNull();
    expect(typedFromJson({ '': true })).toBeNull();
    expect(typedFromJson({ int: 5 })).toEqual({ int: 5n });
    expect(typedFromJson({ int: '-5' })).toEqual({ int: -5n });
  });
});
