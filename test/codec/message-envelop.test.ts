import { describe, expect, test } from 'vitest';
import { bytesToHex } from '../../src/codec/hex.ts';
import { parseAddress, parsePublicKey } from '../../src/codec/key-layout.ts';
import {
  decodeMessageEnvelop,
  encodeMessageEnvelop,
  MESSAGE_ID_MAX,
  type MessageEnvelop,
  SIGNATURE_BYTES_MAX,
} from '../../src/codec/message-envelop.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const envelop: MessageEnvelop = {
  messageId: 7,
  isEncrypted: false,
  senderPublicKey: Uint8Array.of(0, 1, ...new Uint8Array(32).fill(0xaa)),
  signature: Uint8Array.of(1, 2, 3),
  body: Uint8Array.of(25),
};

describe('a message envelop', () => {
  test('is laid out as id, flag, key, signature with its length, body', () => {
    expect(bytesToHex(encodeMessageEnvelop(envelop))).toBe(`00000007${'00'}0001${'aa'.repeat(32)}0301020319`);
    expect(decodeMessageEnvelop(encodeMessageEnvelop(envelop))).toEqual(envelop);
  });

  test('may have an empty signature and an empty body', () => {
    const bare = { ...envelop, isEncrypted: true, signature: new Uint8Array(0), body: new Uint8Array(0) };
    expect(decodeMessageEnvelop(encodeMessageEnvelop(bare))).toEqual(bare);
  });

  test('decodes to views of its input', () => {
    const bytes = encodeMessageEnvelop(envelop);
    const { senderPublicKey, signature, body } = decodeMessageEnvelop(bytes);
    for (const view of [senderPublicKey, signature, body]) expect(view.buffer).toBe(bytes.buffer);
  });

  test('has a message id up to 2^32 - 1 and not above', () => {
    const bytes = encodeMessageEnvelop({ ...envelop, messageId: MESSAGE_ID_MAX });
    expect(decodeMessageEnvelop(bytes).messageId).toBe(2 ** 32 - 1);
    for (const messageId of [MESSAGE_ID_MAX + 1, -1, 0.5, Number.NaN]) {
      expect(() => encodeMessageEnvelop({ ...envelop, messageId })).toThrow(code('OUT_OF_RANGE'));
    }
  });

  test('has a signature up to 255 bytes and not above', () => {
    const signature = new Uint8Array(SIGNATURE_BYTES_MAX);
    expect(decodeMessageEnvelop(encodeMessageEnvelop({ ...envelop, signature })).signature.length).toBe(255);
    expect(() => encodeMessageEnvelop({ ...envelop, signature: new Uint8Array(256) })).toThrow(code('OUT_OF_RANGE'));
  });

  test('refuses a sender key whose length is not that of its curve, naming the field', () => {
    expect(() => encodeMessageEnvelop({ ...envelop, senderPublicKey: new Uint8Array(33) })).toThrow(
      /^senderPublicKey: .*33 bytes: expected 34/,
    );
    const unknown = Uint8Array.of(4, 1, ...new Uint8Array(32));
    expect(() => encodeMessageEnvelop({ ...envelop, senderPublicKey: unknown })).toThrow(code('UNKNOWN_CURVE'));
  });

  test.each(['senderPublicKey', 'signature', 'body'])('refuses a %s that is no bytes', (field) => {
    expect(() => encodeMessageEnvelop({ ...envelop, [field]: 'aa' })).toThrow(code('INVALID_VALUE'));
  });

  test('is refused as truncated wherever it is cut before the body', () => {
    const bytes = encodeMessageEnvelop(envelop);
    for (let length = 0; length < bytes.length - 1; length += 1) {
      expect(() => decodeMessageEnvelop(bytes.subarray(0, length))).toThrow(code('TRUNCATED'));
    }
    expect(decodeMessageEnvelop(bytes.subarray(0, bytes.length - 1)).body.length).toBe(0);
  });

  test.each([2, 255])('is refused with the flag %i', (flag) => {
    const bytes = encodeMessageEnvelop(envelop);
    bytes[4] = flag;
    expect(() => decodeMessageEnvelop(bytes)).toThrow(code('INVALID_FLAG'));
  });
});

describe('keys and addresses', () => {
  test('come apart into ids and the rest, as views', () => {
    const key = Uint8Array.of(1, 2, ...new Uint8Array(65).fill(4));
    expect(parsePublicKey(key)).toEqual({ curveId: 1, originId: 2, raw: key.subarray(2) });
    expect(parsePublicKey(key).raw.buffer).toBe(key.buffer);
    const address = Uint8Array.of(0, 1, ...new Uint8Array(64).fill(5));
    expect(parseAddress(address)).toEqual({ curveId: 0, hashId: 1, digest: address.subarray(2) });
  });

  test('of a wrong length or an unknown id are refused', () => {
    expect(() => parsePublicKey(new Uint8Array(1))).toThrow(code('TRUNCATED'));
    expect(() => parsePublicKey(new Uint8Array(33))).toThrow(code('TRUNCATED'));
    expect(() => parsePublicKey(new Uint8Array(35))).toThrow(code('INVALID_VALUE'));
    expect(() => parsePublicKey(Uint8Array.of(4, 0))).toThrow(code('UNKNOWN_CURVE'));
    expect(() => parseAddress(new Uint8Array(33))).toThrow(code('TRUNCATED'));
    expect(() => parseAddress(new Uint8Array(35))).toThrow(code('INVALID_VALUE'));
    expect(() => parseAddress(Uint8Array.of(0, 6))).toThrow(code('UNKNOWN_HASH'));
  });
});
