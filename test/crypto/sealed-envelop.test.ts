import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { decodeMessageEnvelop, encodeMessageEnvelop, type MessageEnvelop } from '../../src/codec/message-envelop.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import { CURVES, PublicKey } from '../../src/crypto/keys.ts';
import {
  openMessageEnvelop,
  PUBLIC_KEY_CACHE_CAPACITY_MAX,
  PublicKeyCache,
  sealMessageEnvelop,
} from '../../src/crypto/sealed-envelop.ts';
import { codeOf, ENGINES, NATIVE } from './engines.ts';

const message = Uint8Array.of(25, 1, 2, 3);
const random = systemRandom;
const alice = NATIVE.keyPairFromSeed(Uint8Array.of(1));
const bob = NATIVE.keyPairFromSeed(Uint8Array.of(2));
const eve = NATIVE.keyPairFromSeed(Uint8Array.of(3));

/** The envelop in `bytes` with some of its parts changed. */
function changed(bytes: Uint8Array, parts: Partial<MessageEnvelop>): Uint8Array {
  return encodeMessageEnvelop({ ...decodeMessageEnvelop(bytes), ...parts });
}

function sealForBob(engine: CryptoEngine, sender = alice): Uint8Array {
  return sealMessageEnvelop(engine, { messageId: 7, message, sender, recipient: bob.publicKey, random });
}

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))('an envelop of the %s engine', (_n, engine) => {
  it('carries id, sender and message from any curve to any curve, sealed or in the clear', () => {
    for (const senderCurve of CURVES) {
      for (const curve of CURVES) {
        const sender = engine.keyPairFromSeed(Uint8Array.of(4), { curve: senderCurve });
        const recipient = engine.keyPairFromSeed(Uint8Array.of(5), { curve });
        for (const isEncrypted of [true, false]) {
          const to = isEncrypted ? recipient.publicKey : undefined;
          const bytes = sealMessageEnvelop(engine, { messageId: 0xffff_ffff, message, sender, recipient: to, random });
          const opened = openMessageEnvelop(engine, bytes, { recipient });
          expect({ ...opened, sender: opened.sender.hex }).toEqual({
            messageId: 0xffff_ffff,
            sender: sender.publicKey.hex,
            message,
            isEncrypted,
          });
        }
      }
    }
  });

  it('adds 152 bytes between ed25519 keys', () => {
    expect(sealForBob(engine).length).toBe(message.length + 152);
  });

  it('does not show the message when sealed', () => {
    const long = new Uint8Array(64).fill(0x41);
    const sealed = sealMessageEnvelop(engine, {
      messageId: 1,
      message: long,
      sender: alice,
      recipient: bob.publicKey,
      random,
    });
    expect(Buffer.from(sealed).includes('AAAA')).toBe(false);
  });

  it('is refused with DECRYPTION_FAILED by anyone but its recipient', () => {
    expect(codeOf(() => openMessageEnvelop(engine, sealForBob(engine), { recipient: eve }))).toBe('DECRYPTION_FAILED');
  });

  it('is refused with BAD_SIGNATURE when another key, another message or another signature is put in', () => {
    const plain = sealMessageEnvelop(engine, { messageId: 7, message, sender: alice, recipient: undefined, random });
    for (const parts of [
      { senderPublicKey: eve.publicKey.bytes },
      { body: Uint8Array.of(25, 1, 2, 4) },
      { body: Uint8Array.of(...message, 0) },
      { signature: new Uint8Array(64) },
      { signature: new Uint8Array(0) },
      { signature: new Uint8Array(255) },
    ]) {
      expect(codeOf(() => openMessageEnvelop(engine, changed(plain, parts), { recipient: bob }))).toBe('BAD_SIGNATURE');
    }
  });

  it('is refused with INVALID_KEY or UNSUPPORTED_CURVE for a sender that cannot sign', () => {
    const plain = sealMessageEnvelop(engine, { messageId: 7, message, sender: alice, recipient: undefined, random });
    const open = (senderPublicKey: Uint8Array): unknown =>
      openMessageEnvelop(engine, changed(plain, { senderPublicKey }), { recipient: bob });
    expect(codeOf(() => open(Uint8Array.of(1, 1, 2, ...new Uint8Array(64))))).toBe('INVALID_KEY');
    expect(codeOf(() => open(Uint8Array.of(0, 9, ...new Uint8Array(32))))).toBe('INVALID_KEY');
    expect(codeOf(() => open(Uint8Array.of(3, 1, ...new Uint8Array(48))))).toBe('UNSUPPORTED_CURVE');
  });

  it('is refused with the code of its layout when it is cut, has another flag or an unknown curve', () => {
    const sealed = sealForBob(engine);
    const open = (bytes: Uint8Array): unknown => openMessageEnvelop(engine, bytes, { recipient: bob });
    for (const length of [0, 4, 5, 6, 30, 39, 40, 103]) {
      expect(codeOf(() => open(sealed.subarray(0, length)))).toBe('TRUNCATED');
    }
    expect(codeOf(() => open(sealed.subarray(0, 104)))).toBe('DECRYPTION_FAILED');
    expect(codeOf(() => open(sealed.with(4, 2)))).toBe('INVALID_FLAG');
    expect(codeOf(() => open(sealed.with(5, 4)))).toBe('UNKNOWN_CURVE');
  });

  it('is verified with the key of the connection when there is one, whatever key it names', () => {
    const bytes = changed(sealForBob(engine), { senderPublicKey: eve.publicKey.bytes });
    expect(codeOf(() => openMessageEnvelop(engine, bytes, { recipient: bob }))).toBe('BAD_SIGNATURE');
    const opened = openMessageEnvelop(engine, bytes, { recipient: bob, verifyWith: alice.publicKey });
    expect([opened.sender, opened.message]).toEqual([alice.publicKey, message]);
    const verifyWith = eve.publicKey;
    expect(codeOf(() => openMessageEnvelop(engine, sealForBob(engine), { recipient: bob, verifyWith }))).toBe(
      'BAD_SIGNATURE',
    );
  });

  it('says in its error which message and key, with numbers, and nothing of the message', () => {
    const bytes = changed(sealForBob(engine), { senderPublicKey: eve.publicKey.bytes });
    expect(() => openMessageEnvelop(engine, bytes, { recipient: bob })).toThrow(
      `signature of 64 bytes on message 7 (4 bytes) is not by ${eve.publicKey}`,
    );
  });

  it('is not made with an id that does not fit 32 bits', () => {
    for (const messageId of [-1, 0x1_0000_0000, 1.5]) {
      const options = { messageId, message, sender: alice, recipient: undefined, random };
      expect(codeOf(() => sealMessageEnvelop(engine, options))).toBe('OUT_OF_RANGE');
    }
  });

  it('owns its bytes, and gives a plain message as a view of the envelop', () => {
    const body = message.slice();
    const bytes = sealMessageEnvelop(engine, {
      messageId: 1,
      message: body,
      sender: alice,
      recipient: undefined,
      random,
    });
    body.fill(0);
    const opened = openMessageEnvelop(engine, bytes, { recipient: bob });
    expect(opened.message).toEqual(message);
    expect(opened.message.buffer).toBe(bytes.buffer);
  });

  it('finds its sender in the cache, so that the same key object comes back', () => {
    const keys = new PublicKeyCache();
    const senderOf = (): PublicKey => openMessageEnvelop(engine, sealForBob(engine), { recipient: bob, keys }).sender;
    expect(senderOf()).toBe(senderOf());
    expect(keys.size).toBe(1);
  });
});

describe('a cache of public keys', () => {
  const keyBytes = (n: number): Uint8Array => NATIVE.keyPairFromSeed(Uint8Array.of(n)).publicKey.bytes.slice();

  it('holds n - 1 and n keys, and at n + 1 drops the one longest unused', () => {
    const keys = new PublicKeyCache({ capacity: 3 });
    const [a, b] = [keys.get(keyBytes(1)), keys.get(keyBytes(2))];
    expect(keys.size).toBe(2);
    const c = keys.get(keyBytes(3));
    expect(keys.size).toBe(3);
    expect(keys.get(keyBytes(1))).toBe(a); // now b is the oldest
    keys.get(keyBytes(4));
    expect(keys.size).toBe(3);
    expect([keys.get(keyBytes(1)), keys.get(keyBytes(3))]).toEqual([a, c]);
    expect(keys.get(keyBytes(1))).toBe(a);
    expect(keys.get(keyBytes(3))).toBe(c);
    expect(keys.get(keyBytes(2))).not.toBe(b);
    expect(keys.get(keyBytes(2)).equals(b)).toBe(true);
  });

  it('works with room for one', () => {
    const keys = new PublicKeyCache({ capacity: 1 });
    const a = keys.get(keyBytes(1));
    expect(keys.get(keyBytes(1))).toBe(a);
    keys.get(keyBytes(2));
    expect(keys.get(keyBytes(1))).not.toBe(a);
    expect(keys.size).toBe(1);
  });

  it('keeps nothing of bytes that are no key, nor of the array it was asked with', () => {
    const keys = new PublicKeyCache();
    expect(codeOf(() => keys.get(Uint8Array.of(9, 9)))).toBe('INVALID_KEY');
    expect(keys.size).toBe(0);
    const bytes = keyBytes(1);
    const key = keys.get(bytes);
    bytes.fill(0);
    expect(keys.get(keyBytes(1))).toBe(key);
  });

  it('stays at its capacity under a flood of new keys', () => {
    const keys = new PublicKeyCache({ capacity: 16 });
    for (let i = 0; i < 1000; i += 1) {
      keys.get(PublicKey.of('ed25519', 'software', new Uint8Array(32).fill(i % 256).with(0, i >> 8)).bytes);
      expect(keys.size).toBeLessThanOrEqual(16);
    }
    expect(keys.size).toBe(16);
  });

  it('refuses a capacity out of range, naming it', () => {
    for (const capacity of [0, -1, 1.5, PUBLIC_KEY_CACHE_CAPACITY_MAX + 1]) {
      expect(() => new PublicKeyCache({ capacity })).toThrow(/option capacity is/);
    }
    for (const capacity of [1, PUBLIC_KEY_CACHE_CAPACITY_MAX]) {
      expect(new PublicKeyCache({ capacity }).size).toBe(0);
    }
  });
});
