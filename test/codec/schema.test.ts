import { describe, expect, test } from 'vitest';
import {
  absent,
  address,
  asciiText,
  BitReader,
  BitString,
  BitWriter,
  bool,
  branch,
  bytes,
  bytesToHex,
  choice,
  enumeration,
  hash,
  hexToBytes,
  ipv4,
  type Json,
  list,
  literal,
  optional,
  prefixedBits,
  prefixedBytes,
  publicKey,
  restBytes,
  type Schema,
  sequence,
  struct,
  text,
  timestampMs,
  timestampS,
  typed,
  uint,
  uint64,
  varint,
  versioned,
} from '../../src/codec/index.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

function encode<In>(schema: Schema<unknown, In>, value: In): string {
  const writer = new BitWriter();
  schema.encode(writer, value);
  return writer.toBitString().toString();
}
function encodeHex<In>(schema: Schema<unknown, In>, value: In): string {
  const writer = new BitWriter();
  schema.encode(writer, value);
  return bytesToHex(writer.toBytes());
}
function decode<Out>(schema: Schema<Out, never>, hex: string): Out {
  return schema.decode(new BitReader(hexToBytes(hex)));
}
/** For what the types forbid and JavaScript does not. */
function loosely(value: unknown): never {
  return value as never;
}

describe('numbers', () => {
  test('uint takes 0 to 2^bits - 1', () => {
    expect(encode(uint(3), 7)).toBe('111');
    expect(() => encode(uint(3), 8)).toThrow(code('OUT_OF_RANGE'));
    expect(() => encode(uint(3), loosely('7'))).toThrow(code('OUT_OF_RANGE'));
    expect(uint(8).fromJson('255')).toBe(255);
    expect(() => uint(8).fromJson(256)).toThrow(code('OUT_OF_RANGE'));
    expect(() => uint(8).fromJson(-1)).toThrow(code('OUT_OF_RANGE'));
    expect(() => uint(54)).toThrow(RangeError);
    expect(() => uint(0)).toThrow(RangeError);
  });

  test('uint64 and varint take bigints and numbers, and refuse numbers that are not exact', () => {
    expect(encodeHex(uint64, 5)).toBe('0000000000000005');
    expect(encodeHex(uint64, 2n ** 64n - 1n)).toBe('ffffffffffffffff');
    expect(() => encode(uint64, 2 ** 53)).toThrow(code('INVALID_VALUE'));
    expect(() => encode(uint64, -1)).toThrow(code('OUT_OF_RANGE'));
    expect(encodeHex(varint, 256)).toBe('020100');
    expect(() => encode(varint, 2 ** 53)).toThrow(code('OUT_OF_RANGE'));
    expect(() => encode(varint, loosely('1'))).toThrow(code('INVALID_VALUE'));
  });

  test('are JSON numbers up to 2^53 - 1 and decimal text beyond, read in both forms', () => {
    expect(varint.toJson(2n ** 53n - 1n)).toBe(2 ** 53 - 1);
    expect(varint.toJson(2n ** 53n)).toBe('9007199254740992');
    expect(varint.fromJson('9007199254740992')).toBe(2n ** 53n);
    expect(varint.fromJson(5)).toBe(5n);
    for (const json of [1.5, 2 ** 53, '1e3', '0x10', '', ' 1', '1'.repeat(641), null, true, [], {}] as Json[]) {
      expect(() => varint.fromJson(json)).toThrow(code('INVALID_VALUE'));
    }
  });

  test('timestamps in ms are refused above 2^53 - 1, either way', () => {
    expect(decode(timestampMs, '001fffffffffffff')).toBe(2 ** 53 - 1);
    expect(() => decode(timestampMs, '0020000000000000')).toThrow(code('OUT_OF_RANGE'));
    expect(encodeHex(timestampMs, 2 ** 53 - 1)).toBe('001fffffffffffff');
    expect(() => encode(timestampMs, 2 ** 53)).toThrow(code('OUT_OF_RANGE'));
    expect(() => encode(timestampMs, -1)).toThrow(code('OUT_OF_RANGE'));
    expect(() => encode(timestampMs, 1.5)).toThrow(code('OUT_OF_RANGE'));
    expect(() => encode(timestampS, 2 ** 32)).toThrow(code('OUT_OF_RANGE'));
  });

  test('booleans are 0 or 1', () => {
    expect([decode(bool(8), '00'), decode(bool(8), '01')]).toEqual([false, true]);
    expect(() => decode(bool(8), '02')).toThrow(code('INVALID_VALUE'));
    expect(() => encode(bool(1), loosely(1))).toThrow(code('INVALID_VALUE'));
    expect(() => bool(1).fromJson(1)).toThrow(code('INVALID_VALUE'));
  });

  test('enumerations know their names only, not those of every object', () => {
    const side = enumeration({ buy: 0, sell: 1 }, 8);
    expect(decode(side, '01')).toBe('sell');
    expect(() => decode(side, '02')).toThrow(code('INVALID_VALUE'));
    for (const name of ['toString', 'hold', 0, null]) {
      expect(() => encode(side, loosely(name))).toThrow(code('INVALID_VALUE'));
    }
  });
});

describe('bytes, bits and text', () => {
  test('fixed bytes have exactly their length', () => {
    expect(encodeHex(bytes(2), Uint8Array.of(1, 2))).toBe('0102');
    for (const length of [1, 3]) {
      expect(() => encode(bytes(2), new Uint8Array(length))).toThrow(code('INVALID_VALUE'));
    }
    expect(() => encode(bytes(2), loosely('0102'))).toThrow(code('INVALID_VALUE'));
    expect(() => bytes(2).fromJson('01')).toThrow(code('INVALID_VALUE'));
    expect(() => bytes(2).fromJson('zz00')).toThrow(code('INVALID_HEX'));
    expect(() => bytes(2).fromJson(5)).toThrow(code('INVALID_VALUE'));
  });

  test('prefixed bytes and bits fit their length field and not one more', () => {
    expect(encodeHex(prefixedBytes(uint(8)), new Uint8Array(255)).length).toBe(512);
    expect(() => encode(prefixedBytes(uint(8)), new Uint8Array(256))).toThrow(code('OUT_OF_RANGE'));
    expect(encode(prefixedBits(uint(8)), new BitString(new Uint8Array(32), 255)).length).toBe(263);
    expect(() => encode(prefixedBits(uint(8)), new BitString(new Uint8Array(32)))).toThrow(code('OUT_OF_RANGE'));
    expect(() => encode(prefixedBits(uint(8)), loosely('0101'))).toThrow(code('INVALID_VALUE'));
  });

  test('a length that the input does not have is refused before memory is asked for', () => {
    for (const hex of [`08${'ff'.repeat(8)}`, `ff${'ff'.repeat(255)}`]) {
      expect(() => decode(prefixedBytes(varint), hex)).toThrow(code('TRUNCATED'));
      expect(() => decode(prefixedBits(varint), hex)).toThrow(code('TRUNCATED'));
      expect(() => decode(text(varint), hex)).toThrow(code('TRUNCATED'));
    }
  });

  test('keys, addresses and hashes are delimited by their ids', () => {
    const sizes = [32, 65, 65, 48];
    for (const [curve, size] of sizes.entries()) {
      const key = Uint8Array.of(curve, 1, ...new Uint8Array(size));
      expect(decode(publicKey, `${bytesToHex(key)}ffff`)).toEqual(key);
      expect(encodeHex(publicKey, key)).toBe(bytesToHex(key));
    }
    for (const [id, size] of [32, 64, 32, 64, 64, 32].entries()) {
      const digest = Uint8Array.of(id, ...new Uint8Array(size));
      expect(decode(hash, `${bytesToHex(digest)}ff`)).toEqual(digest);
      expect(decode(address, `00${bytesToHex(digest)}ff`)).toEqual(Uint8Array.of(0, ...digest));
    }
    expect(() => decode(publicKey, '0401'.padEnd(140, '0'))).toThrow(code('UNKNOWN_CURVE'));
    expect(() => decode(address, '0006'.padEnd(140, '0'))).toThrow(code('UNKNOWN_HASH'));
    expect(() => decode(hash, '06'.padEnd(140, '0'))).toThrow(code('UNKNOWN_HASH'));
    expect(() => encode(publicKey, new Uint8Array(33))).toThrow(code('TRUNCATED'));
    expect(() => encode(publicKey, new Uint8Array(35))).toThrow(code('INVALID_VALUE'));
    expect(() => encode(address, new Uint8Array(0))).toThrow(code('TRUNCATED'));
    expect(() => encode(hash, new Uint8Array(34))).toThrow(code('INVALID_VALUE'));
    expect(() => encode(hash, new Uint8Array(0))).toThrow(code('TRUNCATED'));
  });

  test('ASCII text has exactly its characters', () => {
    expect(encodeHex(asciiText(3), '4D9')).toBe('344439');
    for (const value of ['4D', '4D99', '4Dé', 4]) {
      expect(() => encode(asciiText(3), loosely(value))).toThrow(code('INVALID_VALUE'));
    }
    expect(() => decode(asciiText(3), '3444ff')).toThrow(code('INVALID_VALUE'));
  });

  test('text is UTF-8 and nothing else', () => {
    expect(encodeHex(text(varint), 'é\ufeff')).toBe('0105c3a9efbbbf');
    expect(decode(text(varint), '0105c3a9efbbbf')).toBe('é\ufeff');
    expect(() => decode(text(varint), '0101ff')).toThrow(code('INVALID_VALUE'));
    expect(() => encode(text(varint), '\ud800')).toThrow(code('INVALID_VALUE'));
  });

  test('the opaque rest goes to the end, in whole bytes', () => {
    expect([...decode(restBytes, '010203')]).toEqual([1, 2, 3]);
    const reader = new BitReader(Uint8Array.of(1, 2));
    reader.readBit();
    expect(() => restBytes.decode(reader)).toThrow(code('INVALID_VALUE'));
  });

  test('IPv4 addresses are four numbers up to 255', () => {
    expect(encodeHex(ipv4, '243.186.198.166')).toBe('f3bac6a6');
    expect(decode(ipv4, '00ff0001')).toBe('0.255.0.1');
    for (const value of ['1.2.3', '1.2.3.4.5', '1.2.3.256', '::1', '', 5]) {
      expect(() => encode(ipv4, loosely(value))).toThrow(code('INVALID_VALUE'));
    }
  });
});

describe('records', () => {
  const point = struct({ x: uint(4), y: uint(4) });

  test('write their fields in the order of the declaration, whatever that of the value', () => {
    expect(encode(point, { y: 2, x: 1 })).toBe('00010010');
    expect(Object.keys(decode(point, '12'))).toEqual(['x', 'y']);
  });

  test('name the path of what is wrong', () => {
    const polygon = struct({ points: list(uint(8), point), name: text(varint) });
    const path = (act: () => unknown): string => {
      try {
        act();
      } catch (error) {
        return (error as { path: string }).path;
      }
      return 'nothing was thrown';
    };
    const points = [
      { x: 1, y: 1 },
      { x: 1, y: 16 },
    ];
    expect(path(() => encode(polygon, { points, name: '' }))).toBe('points[1].y');
    expect(path(() => encode(polygon, loosely({ points: 5 })))).toBe('points');
    expect(path(() => encode(polygon, loosely({ points: [null] })))).toBe('points[0]');
    expect(path(() => encode(polygon, loosely({ points: [] })))).toBe('name');
    expect(path(() => decode(polygon, '020101'))).toBe('name');
    expect(path(() => decode(polygon, '0201'))).toBe('points');
    expect(path(() => polygon.fromJson({ points: [{ x: 1 }], name: '' }))).toBe('points[0].y');
    expect(path(() => polygon.fromJson({ points: [], name: '', nmae: '' }))).toBe('nmae');
    expect(path(() => polygon.fromJson({ points: [], name: 4 }))).toBe('name');
    expect(path(() => polygon.fromJson([]))).toBe('');
  });

  test('do not take fields that only a prototype has', () => {
    const odd = struct({ toString: uint(8) });
    expect(() => odd.fromJson({})).toThrow(code('INVALID_VALUE'));
  });

  test('that are put together read as one', () => {
    const both = sequence(point, struct({ z: uint(8) }));
    expect(encode(both, { x: 1, y: 2, z: 3 })).toBe('0001001000000011');
    expect(decode(both, '1203')).toEqual({ x: 1, y: 2, z: 3 });
    expect(both.fromJson({ z: 3, y: 2, x: 1 })).toEqual({ x: 1, y: 2, z: 3 });
    expect(both.toJson({ x: 1, y: 2, z: 3 })).toEqual({ x: 1, y: 2, z: 3 });
    expect(() => both.fromJson({ x: 1, y: 2, z: 3, w: 4 })).toThrow(/w: there is no such field/);
  });

  test('of several shapes are told apart by a number on the wire and a name in the value', () => {
    const shape = choice('kind', 8, [
      [0, ['dot'], literal('kind', 'dot')],
      [2, ['disc'], branch('kind', 'disc', { radius: uint(8) })],
    ]);
    expect(encodeHex(shape, { kind: 'dot' })).toBe('00');
    expect(encodeHex(shape, { kind: 'disc', radius: 5 })).toBe('0205');
    expect(decode(shape, '0205')).toEqual({ kind: 'disc', radius: 5 });
    expect(shape.toJson({ kind: 'disc', radius: 5 })).toEqual({ kind: 'disc', radius: 5 });
    expect(shape.fromJson({ kind: 'dot' })).toEqual({ kind: 'dot' });
    expect(() => decode(shape, '01')).toThrow(code('INVALID_VALUE'));
    expect(() => encode(shape, loosely({ kind: 'line' }))).toThrow(/kind: expected one of dot, disc/);
    expect(() => shape.fromJson({ kind: 'line' })).toThrow(code('INVALID_VALUE'));
    expect(() => shape.fromJson({})).toThrow(/kind: the field is missing/);
  });

  test('of several versions have the shape of theirs, and a version without one is refused', () => {
    const record = versioned<'version', { readonly extra: number | null }>('version', 8, [
      [(version) => version === 1, struct({ extra: absent<number>() })],
      [(version) => version < 4, struct({ extra: uint(8) })],
    ]);
    expect(encodeHex(record, { version: 1, extra: null })).toBe('01');
    expect(encodeHex(record, { version: 2, extra: 9 })).toBe('0209');
    expect(decode(record, '0309')).toEqual({ version: 3, extra: 9 });
    expect(decode(record, '01')).toEqual({ version: 1, extra: null });
    expect(record.fromJson({ version: 1, extra: null })).toEqual({ version: 1, extra: null });
    expect(() => encode(record, { version: 1, extra: 9 })).toThrow(code('INVALID_VALUE'));
    expect(() => encode(record, { version: 4, extra: 9 })).toThrow(code('INVALID_VALUE'));
    expect(() => encode(record, { version: -1, extra: 9 })).toThrow(/version: -1 is not/);
    expect(() => decode(record, '04')).toThrow(code('INVALID_VALUE'));
    expect(() => record.fromJson({ version: '1', extra: null })).toThrow(code('INVALID_VALUE'));
  });

  test('with an optional field have its flag first', () => {
    const maybe = optional(1, uint(7));
    expect(encode(maybe, null)).toBe('0');
    expect(encode(maybe, 3)).toBe('10000011');
    expect(decode(maybe, '83')).toBe(3);
    expect(() => decode(optional(8, uint(8)), '0201')).toThrow(code('INVALID_VALUE'));
    expect(() => encode(maybe, loosely(undefined))).toThrow(code('OUT_OF_RANGE'));
    expect(maybe.fromJson(null)).toBeNull();
  });
});

describe('lists', () => {
  test('fit their count and not one item more', () => {
    const items = list(uint(8), uint(1));
    expect(encode(items, new Array<number>(255).fill(1)).length).toBe(263);
    expect(() => encode(items, new Array<number>(256).fill(1))).toThrow(code('OUT_OF_RANGE'));
  });

  test('of a count beyond the input are refused at once, however large', () => {
    const items = list(varint, address);
    for (const count of ['0102', '0810', `08${'f'.repeat(16)}`, `ff${'ff'.repeat(255)}`]) {
      expect(() => decode(items, count.padEnd(40, '0'))).toThrow(code('TRUNCATED'));
    }
  });

  test('of items without bits cannot be declared', () => {
    expect(() => list(uint(8), struct({}))).toThrow(TypeError);
    expect(() => list(uint(8), restBytes)).toThrow(TypeError);
  });

  test('nest, and what they hold together is bounded', () => {
    const grid = list(varint, list(varint, typed('compact')));
    expect(decode(grid, '0102010106010206 06'.replaceAll(' ', ''))).toEqual([[null], [null, null]]);
  });
});
