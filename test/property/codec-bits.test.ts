import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitReader } from '../../src/codec/bit-reader.ts';
import { BitString } from '../../src/codec/bit-string.ts';
import { BitWriter } from '../../src/codec/bit-writer.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { decodeVarInt, encodeVarInt, readVarInt, VARINT_MAX, writeVarInt } from '../../src/codec/varint.ts';
import { bitsOfBytes, ReferenceBitReader, ReferenceBitWriter } from '../reference/bit-reader.ts';

type Step =
  | { readonly kind: 'uint'; readonly bits: number; readonly value: bigint }
  | { readonly kind: 'uint64'; readonly value: bigint }
  | { readonly kind: 'bit'; readonly value: boolean }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'bits'; readonly value: string }
  | { readonly kind: 'varint'; readonly value: bigint };

const bitText = fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .integer({ min: 0, max: 53 })
    .chain((bits) =>
      fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }).map((value) => ({ kind: 'uint', bits, value }) as const),
    ),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ kind: 'uint64', value }) as const),
  fc.boolean().map((value) => ({ kind: 'bit', value }) as const),
  fc.uint8Array({ maxLength: 20 }).map((value) => ({ kind: 'bytes', value }) as const),
  bitText.map((value) => ({ kind: 'bits', value }) as const),
  fc.bigInt({ min: 0n, max: 2n ** 100n }).map((value) => ({ kind: 'varint', value }) as const),
);

function writeStep(writer: BitWriter, reference: ReferenceBitWriter, next: Step): void {
  switch (next.kind) {
    case 'uint':
      writer.writeUint(Number(next.value), next.bits);
      reference.writeUint(next.value, next.bits);
      return;
    case 'uint64':
      writer.writeUint64(next.value);
      reference.writeUint(next.value, 64);
      return;
    case 'bit':
      writer.writeBit(next.value);
      reference.writeUint(next.value ? 1n : 0n, 1);
      return;
    case 'bytes':
      writer.writeBytes(next.value);
      reference.writeBytes(next.value);
      return;
    case 'bits':
      writer.writeBits(BitString.fromString(next.value));
      reference.bits += next.value;
      return;
    case 'varint':
      writeVarInt(writer, next.value);
      reference.writeVarInt(next.value);
      return;
  }
}

function readStep(reader: BitReader, next: Step): unknown {
  switch (next.kind) {
    case 'uint':
      return [BigInt(reader.peekUint(next.bits)), BigInt(reader.readUint(next.bits))];
    case 'uint64':
      return reader.readUint64();
    case 'bit':
      return reader.readBit();
    case 'bytes':
      return reader.readBytes(next.value.length);
    case 'bits':
      return reader.readBits(next.value.length).toString();
    case 'varint':
      return readVarInt(reader);
  }
}

describe('the bit writer and the bit reader', () => {
  test('write what the reference writes, and read back what was written', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const writer = new BitWriter(1);
        const reference = new ReferenceBitWriter();
        for (const next of steps) writeStep(writer, reference, next);
        expect(writer.bitLength).toBe(reference.bits.length);
        expect(writer.toBitString().toString()).toBe(reference.bits);
        const padded = reference.bits.padEnd(Math.ceil(reference.bits.length / 8) * 8, '0');
        expect(bitsOfBytes(writer.toBytes())).toBe(padded);
        const reader = new BitReader(writer.toBytes(), writer.bitLength);
        for (const next of steps) {
          expect(readStep(reader, next)).toEqual(next.kind === 'uint' ? [next.value, next.value] : next.value);
        }
        expect(reader.remainingBits).toBe(0);
      }),
    );
  });

  test('read any bytes like the reference, and stop with TRUNCATED exactly where it ends', () => {
    const read = fc.oneof(
      fc.integer({ min: 0, max: 53 }).map((bits) => ['uint', bits] as const),
      fc.integer({ min: 0, max: 9 }).map((count) => ['bytes', count] as const),
      fc.integer({ min: 0, max: 40 }).map((bits) => ['bits', bits] as const),
      fc.constant(['varint', 0] as const),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(7), fc.array(read), (bytes, cut, reads) => {
        const bitLength = Math.max(0, bytes.length * 8 - cut);
        const reader = new BitReader(bytes, bitLength);
        const reference = new ReferenceBitReader(bitsOfBytes(bytes).slice(0, bitLength));
        const outcome = (act: () => unknown): unknown => {
          try {
            return act();
          } catch (error) {
            if (error instanceof CodecError) expect(error.code).toBe('TRUNCATED');
            return 'ends';
          }
        };
        for (const [kind, size] of reads) {
          const [ours, theirs] = {
            uint: [() => BigInt(reader.readUint(size)), () => reference.readUint(size)],
            bytes: [() => [...reader.readBytes(size)], () => reference.readBytes(size)],
            bits: [() => reader.readBits(size).toString(), () => reference.take(size)],
            varint: [() => readVarInt(reader), () => reference.readVarInt()],
          }[kind] as [() => unknown, () => unknown];
          const expected = outcome(theirs);
          expect(outcome(ours)).toEqual(expected);
          if (expected === 'ends') return;
          expect(reader.remainingBits).toBe(reference.remainingBits);
        }
      }),
    );
  });
});

describe('VarInts', () => {
  test('round trip up to 2^2040 - 1, minimal, like the reference', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n }), fc.bigInt({ min: 0n, max: VARINT_MAX })),
        (value) => {
          const reference = new ReferenceBitWriter();
          reference.writeVarInt(value);
          const bytes = encodeVarInt(value);
          expect(bitsOfBytes(bytes)).toBe(reference.bits);
          expect(decodeVarInt(bytes)).toEqual({ value, byteLength: bytes.length });
        },
      ),
    );
  });
});

describe('bit strings', () => {
  test('have the text they were made from', () => {
    fc.assert(
      fc.property(bitText, (text) => {
        const bits = BitString.fromString(text);
        expect(bits.toString()).toBe(text);
        expect(bits.bitLength).toBe(text.length);
        expect(bits.countOnes()).toBe(text.replaceAll('0', '').length);
        expect(bitsOfBytes(bits.wrap()).slice(0, text.length)).toBe(text);
        expect([...text].map((_, i) => (bits.get(i) ? '1' : '0')).join('')).toBe(text);
      }),
    );
  });

  test('join like their texts, at any offset', () => {
    fc.assert(
      fc.property(bitText, bitText, (a, b) => {
        const joined = BitString.fromString(a).concat(BitString.fromString(b));
        expect(joined.toString()).toBe(a + b);
        expect(joined.equals(BitString.fromString(a + b))).toBe(true);
      }),
    );
  });

  test('aggregate like the or of each bit, and to the first when lengths differ', () => {
    fc.assert(
      fc.property(bitText, bitText, (a, b) => {
        const or = [...a].map((bit, i) => (bit === '1' || b[i] === '1' ? '1' : '0')).join('');
        const expected = a.length === b.length ? or : a;
        expect(BitString.fromString(a).aggregate(BitString.fromString(b)).toString()).toBe(expected);
      }),
    );
  });

  test('change one bit and leave the original alone', () => {
    fc.assert(
      fc.property(
        bitText.filter((text) => text !== ''),
        fc.nat(),
        fc.boolean(),
        (text, at, value) => {
          const index = at % text.length;
          const bits = BitString.fromString(text);
          expect(bits.set(index, value).toString()).toBe(
            text.slice(0, index) + (value ? '1' : '0') + text.slice(index + 1),
          );
          expect(bits.toString()).toBe(text);
        },
      ),
    );
  });
});

describe('hex', () => {
  test('round trips, in either case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(hexToBytes(bytesToHex(bytes))).toEqual(bytes);
        expect(hexToBytes(bytesToHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });
});
