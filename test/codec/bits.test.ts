import { describe, expect, test } from 'vitest';
import { BitReader, DECODED_ITEMS_MAX } from '../../src/codec/bit-reader.ts';
import { BitString } from '../../src/codec/bit-string.ts';
import { BitWriter } from '../../src/codec/bit-writer.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { bytesEqual, bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { encodeVarInt, VARINT_MAX } from '../../src/codec/varint.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('the bit writer', () => {
  test('aligns nothing: an 11 bit field and a byte take 19 bits', () => {
    const writer = new BitWriter();
    writer.writeUint(0b11011011101, 11);
    writer.writeBytes(Uint8Array.of(0xff));
    expect(writer.toBitString().toString()).toBe('1101101110111111111');
    expect([...writer.toBytes()]).toEqual([0b11011011, 0b10111111, 0b11100000]);
  });

  test.each([
    [255, 8],
    [2 ** 32 - 1, 32],
    [2 ** 53 - 1, 53],
    [0, 0],
  ])('takes %i in %i bits, and refuses one more', (value, bits) => {
    const writer = new BitWriter();
    writer.writeUint(value, bits);
    expect(new BitReader(writer.toBytes()).readUint(bits)).toBe(value);
    expect(() => new BitWriter().writeUint(value + 1, bits)).toThrow(code('OUT_OF_RANGE'));
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (value) => {
    expect(() => new BitWriter().writeUint(value, 8)).toThrow(code('OUT_OF_RANGE'));
  });

  test('writes 64 bits from 0 to 2^64 - 1 and refuses the rest', () => {
    const writer = new BitWriter();
    writer.writeUint64(2n ** 64n - 1n);
    expect(bytesToHex(writer.toBytes())).toBe('ffffffffffffffff');
    expect(() => writer.writeUint64(2n ** 64n)).toThrow(code('OUT_OF_RANGE'));
    expect(() => writer.writeUint64(-1n)).toThrow(code('OUT_OF_RANGE'));
  });

  test('writes nothing of a value that it refuses', () => {
    const writer = new BitWriter();
    writer.writeBit(true);
    expect(() => writer.writeUint(256, 8)).toThrow();
    expect(writer.toBitString().toString()).toBe('1');
  });
});

describe('the bit reader', () => {
  test('never reads past the end, and stays where it was when it refuses', () => {
    const reader = new BitReader(Uint8Array.of(0b1010_1111), 7);
    expect(reader.readUint(3)).toBe(0b101);
    expect(() => reader.readUint(5)).toThrow(code('TRUNCATED'));
    expect(() => reader.readBytes(1)).toThrow(code('TRUNCATED'));
    expect(() => reader.readBits(5)).toThrow(code('TRUNCATED'));
    expect(() => reader.readUint64()).toThrow(code('TRUNCATED'));
    expect(reader.readUint(4)).toBe(0b0111);
    expect(() => reader.readBit()).toThrow(code('TRUNCATED'));
  });

  test('hands out copies, of a Buffer too', () => {
    const input = Buffer.from([1, 2, 3]);
    const bytes = new BitReader(input).readBytes(3);
    const bits = new BitReader(input).readBits(24);
    input[0] = 9;
    expect([...bytes]).toEqual([1, 2, 3]);
    expect(bits.toString().slice(0, 8)).toBe('00000001');
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
  });

  test('refuses to read more bits than it was given', () => {
    expect(() => new BitReader(new Uint8Array(1), 9)).toThrow(RangeError);
    expect(() => new BitReader(new Uint8Array(1), -1)).toThrow(RangeError);
  });

  test(`lets the lists of one input have ${DECODED_ITEMS_MAX} items together and not one more`, () => {
    const reader = new BitReader(new Uint8Array(DECODED_ITEMS_MAX));
    reader.requireItems(DECODED_ITEMS_MAX - 1, 1);
    reader.requireItems(1, 1);
    expect(() => reader.requireItems(1, 1)).toThrow(code('OUT_OF_RANGE'));
  });

  test('lets a list have as many items as there are bits for and not one more', () => {
    expect(() => new BitReader(new Uint8Array(3)).requireItems(3, 8)).not.toThrow();
    expect(() => new BitReader(new Uint8Array(3)).requireItems(4, 8)).toThrow(code('TRUNCATED'));
    expect(() => new BitReader(new Uint8Array(3)).requireItems(Number.POSITIVE_INFINITY, 8)).toThrow(code('TRUNCATED'));
  });
});

describe('bit strings', () => {
  test('clear the bits after their last and copy what they are made from', () => {
    const bytes = Uint8Array.of(0xff, 0xff);
    const bits = new BitString(bytes, 9);
    bytes[0] = 0;
    expect(bits.toString()).toBe('111111111');
    expect([...bits.wrap()]).toEqual([0xff, 0x80]);
    expect(() => new BitString(bytes, 17)).toThrow(RangeError);
  });

  test('are a view of nodes: eight nodes are one byte', () => {
    const nodes = Array.from({ length: 8 }, (_, i) => Uint8Array.of(0, i));
    const view = BitString.fromSubset(nodes, [nodes[2]!, nodes[0]!, nodes[1]!, Uint8Array.of(9, 9)]);
    expect(view.toString()).toBe('11100000');
    expect(view.bytes.length).toBe(1);
  });

  test('have no bit before the first and none after the last', () => {
    const bits = BitString.fromString('01');
    expect([bits.get(0), bits.get(1)]).toEqual([false, true]);
    for (const index of [-1, 2, 0.5]) {
      expect(() => bits.get(index)).toThrow(RangeError);
      expect(() => bits.set(index)).toThrow(RangeError);
    }
  });

  test('are equal by bits and length', () => {
    expect(BitString.fromString('10').equals(BitString.fromString('10'))).toBe(true);
    expect(BitString.fromString('10').equals(BitString.fromString('100'))).toBe(false);
    expect(BitString.EMPTY.equals(BitString.fromString(''))).toBe(true);
  });

  test('refuse text of anything but 0 and 1', () => {
    expect(() => BitString.fromString('012')).toThrow(code('INVALID_VALUE'));
  });
});

describe('VarInts', () => {
  test('take 2^2040 - 1 and refuse 2^2040', () => {
    expect(encodeVarInt(VARINT_MAX).length).toBe(256);
    expect(encodeVarInt(VARINT_MAX - 1n).length).toBe(256);
    expect(() => encodeVarInt(VARINT_MAX + 1n)).toThrow(code('OUT_OF_RANGE'));
  });

  test.each([-1, -1n, 1.5, 2 ** 53, Number.NaN])('refuse %s', (value) => {
    expect(() => encodeVarInt(value)).toThrow(code('OUT_OF_RANGE'));
  });

  test('take numbers and bigints alike, at the border of 48 bits too', () => {
    for (const value of [0, 1, 255, 256, 2 ** 48 - 1, 2 ** 48, 2 ** 53 - 1]) {
      expect(bytesToHex(encodeVarInt(value))).toBe(bytesToHex(encodeVarInt(BigInt(value))));
    }
    expect(bytesToHex(encodeVarInt(2 ** 48))).toBe('0701000000000000');
  });
});

describe('hex', () => {
  test.each(['0', '0g', 'zz', '0x00', ' 00 ', '0é'])('refuses %j', (text) => {
    expect(() => hexToBytes(text)).toThrow(code('INVALID_HEX'));
  });

  test('compares bytes and lengths', () => {
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(bytesEqual(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false);
  });
});

describe('a codec error', () => {
  test('names the field path and keeps its code', () => {
    const error = new CodecError('OUT_OF_RANGE', 'too much').at('port').at(3).at('nodes').at('NodeList');
    expect(error.message).toBe('NodeList.nodes[3].port: too much');
    expect(error.path).toBe('NodeList.nodes[3].port');
    expect(error.code).toBe('OUT_OF_RANGE');
    expect(error.name).toBe('CodecError');
  });
});
