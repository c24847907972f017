import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { legacyMessages } from '../../src/codec/archethic-legacy-messages.ts';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import { BitReader } from '../../src/codec/bit-reader.ts';
import { BitWriter } from '../../src/codec/bit-writer.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import type { Json } from '../../src/codec/json-form.ts';
import type { MessageType } from '../../src/codec/message.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { decodeMessageEnvelop, encodeMessageEnvelop } from '../../src/codec/message-envelop.ts';
import { readTyped, type TypedMode, typedFromJson, typedToJson, writeTyped } from '../../src/codec/typed-encoding.ts';
import { makeUp } from '../reference/chance-reader.ts';
import { loadVectors, stringOf } from '../vectors/load.ts';

const catalog: MessageCatalog = archethicMessages;
const types: readonly MessageType[] = [...archethicMessages.types, ...legacyMessages.types];
const seed = fc.nat(0x7fff_ffff);

/** Decodes hostile bytes: a CodecError is fine, a value must encode and decode to itself again. */
function decodeOrRefuse(bytes: Uint8Array): void {
  let value: ReturnType<MessageCatalog['decode']>;
  try {
    value = catalog.decode(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return;
  }
  const again = catalog.encode(value);
  expect(catalog.decode(again)).toEqual(value);
  expect(catalog.fromJson(value.name, throughText(catalog.toJson(value)))).toEqual(value);
}

function throughText(json: Json): Json {
  return JSON.parse(JSON.stringify(json)) as Json;
}

describe('every message', () => {
  test.each(types.map((type) => [`${type.name} (${type.id})`, type] as const))(
    'made up from its schema round trips through bytes and through JSON: %s',
    (_title, type) => {
      fc.assert(
        fc.property(seed, (start) => {
          const fields = makeUp(start, (reader) => type.decodeBody(reader));
          const bits = type.encodeBits(fields);
          const bytes = type.encode(fields);
          expect(bytes).toEqual(bits.wrap());
          expect(bytes[0]).toBe(type.id);
          expect(type.decode(bytes)).toEqual(fields);
          const json = throughText(type.toJson(fields));
          expect(type.fromJson(json)).toEqual(fields);
          expect(type.encode(type.fromJson(json))).toEqual(bytes);
        }),
        { numRuns: 60 },
      );
    },
  );

  test.each(types.map((type) => [`${type.name} (${type.id})`, type] as const))(
    'cut short anywhere is refused as truncated or decodes to something else: %s',
    (_title, type) => {
      fc.assert(
        fc.property(seed, fc.nat(), (start, at) => {
          const bytes = type.encode(makeUp(start, (reader) => type.decodeBody(reader)));
          const cut = bytes.subarray(0, at % bytes.length);
          let decoded: unknown;
          try {
            decoded = type.decode(cut);
          } catch (error) {
            if (!(error instanceof CodecError)) throw error;
            expect(error.code).toBe('TRUNCATED');
            return;
          }
          // Only what goes on to the end of the message can be shorter.
          expect(Object.keys(decoded as object).some((key) => ['body', 'transaction'].includes(key))).toBe(true);
        }),
        { numRuns: 40 },
      );
    },
  );
});

describe('hostile bytes', () => {
  test.each(Array.from({ length: 256 }, (_, id) => id))(
    'after the message id %i throw nothing but CodecError',
    (id) => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ maxLength: 200 }),
            fc
              .array(fc.constantFrom(0, 1, 2, 3, 6, 253, 255), { maxLength: 200 })
              .map((bytes) => Uint8Array.from(bytes)),
          ),
          (body) => decodeOrRefuse(Uint8Array.of(id, ...body)),
        ),
        { numRuns: 40 },
      );
    },
  );

  const golden = loadVectors()
    .cases('messages')
    .map((vector) => hexToBytes(stringOf(vector, 'hex')));

  test('made from the vectors by flips, cuts, insertions and copies throw nothing but CodecError', () => {
    const edit = fc.record({
      kind: fc.constantFrom('flip', 'set', 'cut', 'insert', 'copy'),
      at: fc.nat(),
      value: fc.nat(255),
      size: fc.nat(16),
    });
    fc.assert(
      fc.property(fc.constantFrom(...golden), fc.array(edit, { minLength: 1, maxLength: 4 }), (bytes, edits) => {
        let mutant = [...bytes];
        for (const { kind, at, value, size } of edits) {
          const index = at % (mutant.length + 1);
          if (kind === 'flip') mutant[index] = (mutant[index] ?? 0) ^ (1 << (value % 8));
          else if (kind === 'set') mutant[index] = value;
          else if (kind === 'cut') mutant.splice(index, size);
          else if (kind === 'insert') mutant.splice(index, 0, ...new Array<number>(size).fill(value));
          else mutant = [...mutant.slice(0, index), ...mutant.slice(index >> 1, index), ...mutant.slice(index)];
        }
        decodeOrRefuse(Uint8Array.from(mutant));
      }),
      { numRuns: 3000 },
    );
  });

  test('as a message envelop throw nothing but CodecError, and what decodes encodes to the same bytes', () => {
    const head = fc
      .tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 2, 3, 4))
      .map(([flag, curve]) => [0, 0, 0, 9, flag, curve]);
    fc.assert(
      fc.property(fc.oneof(fc.constant([]), head), fc.uint8Array({ maxLength: 300 }), (start, rest) => {
        const bytes = Uint8Array.of(...start, ...rest);
        try {
          expect(encodeMessageEnvelop(decodeMessageEnvelop(bytes))).toEqual(bytes);
        } catch (error) {
          if (!(error instanceof CodecError)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('typed values', () => {
  test.each(['compact', 'extended'] as const)(
    'round trip through bits and through JSON in the %s mode',
    (mode: TypedMode) => {
      fc.assert(
        fc.property(seed, (start) => {
          const value = makeUp(start, (reader) => readTyped(reader, mode));
          const writer = new BitWriter();
          writeTyped(writer, value, mode);
          const reader = new BitReader(writer.toBytes(), writer.bitLength);
          expect(readTyped(reader, mode)).toEqual(value);
          expect(reader.remainingBits).toBe(0);
          expect(typedFromJson(throughText(typedToJson(value)))).toEqual(value);
        }),
        { numRuns: 500 },
      );
    },
  );

  test('keep every float that has at most 8 decimals', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n }), (hundredMillionths) => {
        const float = Number(`${hundredMillionths}e-8`);
        const writer = new BitWriter();
        writeTyped(writer, { float }, 'compact');
        expect(readTyped(new BitReader(writer.toBytes()), 'compact')).toEqual({ float: float === 0 ? 0 : float });
      }),
    );
  });
});
