/** Every codec section of the golden file, case by case. `GENMESH_VECTORS` names the folder of another such file. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { legacyMessages } from '../../src/codec/archethic-legacy-messages.ts';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import { BitReader } from '../../src/codec/bit-reader.ts';
import { BitString } from '../../src/codec/bit-string.ts';
import { BitWriter } from '../../src/codec/bit-writer.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { encodeFrame, FrameDecoder } from '../../src/codec/frame.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import type { MessageType, MessageValue } from '../../src/codec/message.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { decodeMessageEnvelop, encodeMessageEnvelop } from '../../src/codec/message-envelop.ts';
import { readTyped, type TypedMode, typedFromJson, typedToJson, writeTyped } from '../../src/codec/typed-encoding.ts';
import { decodeVarInt, encodeVarInt } from '../../src/codec/varint.ts';
import { bytesOf, integerOf, type Json, listOf, loadVectors, objectOf, stringOf, type VectorCase } from './load.ts';

const vectors = loadVectors();
const catalog: MessageCatalog = archethicMessages;
const legacy: MessageCatalog = legacyMessages;

function eachCase(cases: readonly VectorCase[], check: (vector: VectorCase) => void): void {
  for (const [index, vector] of cases.entries()) {
    try {
      check(vector);
    } catch (error) {
      const text = JSON.stringify(vector);
      const shown = text.length > 400 ? `${text.slice(0, 400)}…` : text;
      throw new Error(`case ${index}: ${shown}`, { cause: error });
    }
  }
}

function codecErrorOf(act: () => unknown): CodecError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(CodecError);
    return error as CodecError;
  }
  throw new Error('nothing was thrown');
}

describe('varints', () => {
  test('encode to the bytes of the vectors and decode back', () => {
    eachCase(vectors.cases('varints'), (vector) => {
      const value = integerOf(vector, 'value');
      const bytes = bytesOf(vector, 'hex');
      expect(bytesToHex(encodeVarInt(value))).toBe(bytesToHex(bytes));
      expect(decodeVarInt(bytes)).toEqual({ value, byteLength: bytes.length });
      if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
        expect(bytesToHex(encodeVarInt(Number(value)))).toBe(bytesToHex(bytes));
      }
    });
  });

  test('decode from every form of the vectors and leave the same rest', () => {
    eachCase(vectors.cases('varintDecode'), (vector) => {
      const input = bytesOf(vector, 'input');
      const { value, byteLength } = decodeVarInt(input);
      expect(value).toBe(integerOf(vector, 'value'));
      expect(bytesToHex(input.subarray(byteLength))).toBe(stringOf(vector, 'rest'));
    });
  });

  test('refuse the invalid inputs of the vectors as truncated', () => {
    eachCase(vectors.cases('varintInvalid'), (vector) => {
      expect(codecErrorOf(() => decodeVarInt(bytesOf(vector, 'input'))).code).toBe('TRUNCATED');
    });
  });
});

describe('bitstrings', () => {
  const section = objectOf(vectors.sections, 'bitstrings');
  const bits = (vector: VectorCase, key: string): BitString => BitString.fromString(stringOf(vector, key));
  const checks: Readonly<Record<string, (vector: VectorCase) => void>> = {
    wrap: (vector) => expect(bytesToHex(bits(vector, 'bits').wrap())).toBe(stringOf(vector, 'hex')),
    set: (vector) =>
      expect(
        bits(vector, 'bits')
          .set(Number(integerOf(vector, 'pos')))
          .toString(),
      ).toBe(stringOf(vector, 'result')),
    aggregate: (vector) =>
      expect(bits(vector, 'a').aggregate(bits(vector, 'b')).toString()).toBe(stringOf(vector, 'result')),
    count: (vector) => expect(BigInt(bits(vector, 'bits').countOnes())).toBe(integerOf(vector, 'count')),
    nodeSubset(vector) {
      const keys = (key: string): Uint8Array[] => listOf(vector, key).map((hex) => hexToBytes(String(hex)));
      expect(BitString.fromSubset(keys('nodes'), keys('subset')).toString()).toBe(stringOf(vector, 'bits'));
    },
  };

  test('of every operation in the file are checked', () => {
    expect(Object.keys(section).filter((operation) => checks[operation] === undefined)).toEqual([]);
  });

  test.each(Object.keys(section))('come out as upstream has them: %s', (operation) => {
    eachCase(listOf(section, operation), (vector) => checks[operation]!(vector));
  });
});

/** A typed value as JSON with its floats cut to the 8 decimals that the wire has. */
function withWireFloats(json: Json): Json {
  if (Array.isArray(json)) return json.map(withWireFloats);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([tag, value]) => {
      if (tag !== 'float' || typeof value !== 'number') return [tag, withWireFloats(value)];
      const plain = Math.abs(value) < 1e-8 ? '0' : value.toString();
      return [tag, Number(plain.includes('e') ? plain : plain.replace(/(\.\d{8})\d+$/, '$1'))];
    }),
  );
}

describe('typedEncoding', () => {
  test('values encode to the bits of the vectors, decode back, and have the same JSON form', () => {
    eachCase(vectors.cases('typedEncoding'), (vector) => {
      const mode = stringOf(vector, 'mode') as TypedMode;
      expect(['compact', 'extended']).toContain(mode);
      const value = typedFromJson(objectOf(vector, 'value'));
      const writer = new BitWriter();
      writeTyped(writer, value, mode);
      expect(writer.toBitString().toString()).toBe(stringOf(vector, 'bits'));
      const encoded = BitString.fromString(stringOf(vector, 'bits'));
      const reader = new BitReader(encoded.bytes, encoded.bitLength);
      const decoded = readTyped(reader, mode);
      expect(reader.remainingBits).toBe(0);
      expect(typedToJson(decoded)).toEqual(withWireFloats(vector.value!));
      expect(typedFromJson(typedToJson(decoded))).toEqual(decoded);
    });
  });
});

function checkMessage(messages: MessageCatalog, vector: VectorCase): void {
  const name = stringOf(vector, 'name');
  const bytes = bytesOf(vector, 'hex');
  const type: MessageType | undefined = messages.byName(name);
  if (type === undefined) throw new Error(`no message has the name ${name}`);
  expect(BigInt(type.id)).toBe(integerOf(vector, 'id'));
  const fromJson: MessageValue = messages.fromJson(name, vector.fields!);
  expect(bytesToHex(messages.encode(fromJson))).toBe(bytesToHex(bytes));
  if (vector.bitLength !== undefined) {
    expect(BigInt(type.encodeBits(fromJson.fields).bitLength)).toBe(integerOf(vector, 'bitLength'));
  }
  const { value, restBits } = messages.decodeWithRest(bytes);
  if (vector.decodeRestBits !== undefined) expect(BigInt(restBits)).toBe(integerOf(vector, 'decodeRestBits'));
  expect(value).toEqual(fromJson);
  expect(messages.toJson(value)).toEqual(vector.fields);
  expect(bytesToHex(messages.encode(value))).toBe(bytesToHex(bytes));
  expect(type.decode(bytes)).toEqual(value.fields);
}

describe('messages', () => {
  test.each(vectors.cases('messages').map((vector, index) => [`${stringOf(vector, 'name')} (case ${index})`, vector]))(
    'encode, decode and have the JSON form of the vector: %s',
    (_title, vector) => {
      checkMessage(catalog, vector as VectorCase);
    },
  );

  test('that upstream refuses are refused with a CodecError', () => {
    eachCase(vectors.cases('messagesInvalid'), (vector) => {
      const error = codecErrorOf(() => catalog.decode(bytesOf(vector, 'hex')));
      expect(error.message).not.toBe('');
    });
  });

  test('that upstream has removed encode and decode in the legacy catalog', () => {
    eachCase(vectors.cases('legacyMessages'), (vector) => checkMessage(legacy, vector));
  });
});

describe('frames', () => {
  const frameOf = (vector: VectorCase): Uint8Array =>
    vector.encoding === 'base64'
      ? Uint8Array.from(Buffer.from(stringOf(vector, 'frame'), 'base64'))
      : bytesOf(vector, 'frame');

  test('decode to the payloads of the vectors and encode back', () => {
    eachCase(vectors.cases('frames'), (vector) => {
      const frame = frameOf(vector);
      const decoder = new FrameDecoder();
      decoder.push(frame);
      const payload = decoder.next();
      if (payload === undefined) throw new Error('no frame came out');
      expect(decoder.bufferedBytes).toBe(0);
      if (vector.payload !== undefined) expect(bytesToHex(payload)).toBe(stringOf(vector, 'payload'));
      else {
        expect(BigInt(payload.length)).toBe(integerOf(vector, 'payloadLength'));
        expect(createHash('sha256').update(payload).digest('hex')).toBe(stringOf(vector, 'payloadSha256'));
      }
      expect(Buffer.compare(encodeFrame(payload), frame)).toBe(0);
    });
  });
});

describe('envelopes', () => {
  test('have the layout of the vectors, plain and sealed', () => {
    eachCase(vectors.cases('envelopes'), (vector) => {
      const message = objectOf(vector, 'message');
      for (const [key, isEncrypted] of [
        ['plain', false],
        ['encrypted', true],
      ] as const) {
        const bytes = bytesOf(vector, key);
        const envelop = decodeMessageEnvelop(bytes);
        expect(BigInt(envelop.messageId)).toBe(integerOf(vector, 'wireMessageId'));
        expect(envelop.messageId).toBe(Number(BigInt.asUintN(32, integerOf(vector, 'messageId'))));
        expect(envelop.isEncrypted).toBe(isEncrypted);
        expect(bytesToHex(envelop.senderPublicKey)).toBe(stringOf(vector, 'senderPublicKey'));
        expect(bytesToHex(encodeMessageEnvelop(envelop))).toBe(bytesToHex(bytes));
        if (isEncrypted) continue;
        expect(bytesToHex(envelop.signature)).toBe(stringOf(vector, 'signature'));
        expect(bytesToHex(envelop.body)).toBe(stringOf(message, 'hex'));
        const value = catalog.decode(envelop.body);
        expect(value.name).toBe(stringOf(message, 'name'));
        expect(catalog.toJson(value)).toEqual(message.fields);
      }
    });
  });

  test('whose layout is invalid are refused with a code that says so; all others have a layout', () => {
    const codes: Readonly<Record<string, readonly string[]>> = {
      flag2: ['INVALID_FLAG'],
      sender_curve: ['UNKNOWN_CURVE'],
      truncated_header: ['TRUNCATED'],
      truncated_signature: ['TRUNCATED'],
    };
    eachCase(vectors.cases('envelopesInvalid'), (vector) => {
      const expected = codes[stringOf(vector, 'kind')];
      const bytes = bytesOf(vector, 'encoded');
      if (expected === undefined) {
        expect(bytesToHex(encodeMessageEnvelop(decodeMessageEnvelop(bytes)))).toBe(bytesToHex(bytes));
      } else {
        expect(stringOf(vector, 'failsAt')).toBe('decode');
        expect(expected).toContain(codecErrorOf(() => decodeMessageEnvelop(bytes)).code);
      }
    });
  });
});
