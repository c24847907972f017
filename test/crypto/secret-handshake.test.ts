import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { encodeEphemeralKey } from '../../src/codec/cometbft-handshake.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { SecretHandshake } from '../../src/crypto/secret-handshake.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { codeOf, ENGINES, listedRandom, NATIVE, PORTABLE } from './engines.ts';

const keyOf = (seed: number, engine = NATIVE) => engine.keyPairFromSeed(new Uint8Array(32).fill(seed));
const handshakeOf = (seed: number, engine = NATIVE): SecretHandshake =>
  new SecretHandshake(engine, keyOf(seed, engine), new SeededRandom(seed));
const inner = (delimited: Uint8Array): Uint8Array => delimited.subarray(1);

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))('on the %s engine', (_name, engine) => {
  test('both sides come to the same challenge and to keys that fit, and know each other', () => {
    const [a, b] = [handshakeOf(1, engine), handshakeOf(2, engine)];
    const [one, other] = [a.agree(inner(b.message)), b.agree(inner(a.message))];
    expect(one.challenge).toEqual(other.challenge);
    expect(one.keys).toEqual({ sendKey: other.keys.receiveKey, receiveKey: other.keys.sendKey });
    expect(one.keys.sendKey).not.toEqual(one.keys.receiveKey);
    expect(one.verify(inner(other.authMessage))).toEqual(keyOf(2).publicKey.raw);
    expect(other.verify(inner(one.authMessage))).toEqual(keyOf(1).publicKey.raw);
  });

  test('X25519 gives the public key and the shared secret of RFC 7748 §6.1', () => {
    const bob = engine.x25519(hexToBytes('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));
    expect(bytesToHex(bob.publicKey)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    const alicePublic = hexToBytes('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(bytesToHex(bob.agree(alicePublic))).toBe(shared);
  });

  test.each([0, 31, 33])('an X25519 private key of %i bytes is a RangeError', (length) => {
    expect(() => engine.x25519(new Uint8Array(length))).toThrow(RangeError);
  });
});

describe('a handshake', () => {
  test('between a native and a portable engine is the same, byte for byte', () => {
    const [a, b] = [handshakeOf(1, NATIVE), handshakeOf(1, PORTABLE)];
    expect(a.message).toEqual(b.message);
    const remote = inner(handshakeOf(2).message);
    const [one, other] = [a.agree(remote), b.agree(remote)];
    expect([one.keys, one.challenge, one.authMessage]).toEqual([other.keys, other.challenge, other.authMessage]);
  });

  test('draws 32 bytes of randomness, once', () => {
    const random = listedRandom([new Uint8Array(32).fill(4)]);
    const handshake = new SecretHandshake(NATIVE, keyOf(1), random);
    handshake.agree(inner(handshakeOf(2).message));
    expect(random.drawnCount).toBe(1);
  });

  test('has keys of its own each time', () => {
    const [one, other] = [handshakeOf(1), handshakeOf(3)];
    expect(one.message).not.toEqual(other.message);
    const remote = inner(handshakeOf(2).message);
    expect(one.agree(remote).keys).not.toEqual(other.agree(remote).keys);
  });

  test.each([0, 31, 33, 64])('refuses an ephemeral key of %i bytes', (length) => {
    const message = inner(encodeEphemeralKey(new Uint8Array(length).fill(7)));
    expect(codeOf(() => handshakeOf(1).agree(message))).toBe('INVALID_KEY');
  });

  test('refuses its own ephemeral key', () => {
    const handshake = handshakeOf(1);
    expect(codeOf(() => handshake.agree(inner(handshake.message)))).toBe('INVALID_KEY');
  });

  test('says that it talks to itself when its own proof comes back: to refuse that is for the layer above', () => {
    const agreement = handshakeOf(1).agree(inner(handshakeOf(2).message));
    expect(agreement.verify(inner(agreement.authMessage))).toEqual(keyOf(1).publicKey.raw);
  });

  test('refuses node keys of ECDSA curves at the door', () => {
    for (const curve of ['secp256k1', 'secp256r1'] as const) {
      const nodeKey = NATIVE.keyPairFromSeed(new Uint8Array(32).fill(1), { curve });
      expect(() => new SecretHandshake(NATIVE, nodeKey, new SeededRandom(1))).toThrow(RangeError);
    }
  });

  test('shows no secret when it is inspected', () => {
    const handshake = new SecretHandshake(NATIVE, keyOf(1), listedRandom([new Uint8Array(32).fill(0x5a)]));
    const shown = inspect(handshake, { depth: 10, showHidden: true }) + JSON.stringify(handshake);
    expect(shown).not.toContain('5a5a5a5a');
    expect(shown).not.toContain('90, 90, 90');
  });
});
