/** ZIP-215 against RFC 8032 as the other wire holds it: what one accepts and the other does not. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { hexToBytes } from '../../src/codec/hex.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { ENGINES, NATIVE } from './engines.ts';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
// A point of order 8: RFC 8032's curve, y as in the list of small-order points.
const TORSION = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', false);
const message = new TextEncoder().encode('message');

function little(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function scalarBytes(scalar: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse());
}

/** A signature whose R, or key, has a part of order 8: right by the cofactored equation only. */
function withTorsion(where: 'R' | 'A'): { key: Uint8Array; signature: Uint8Array } {
  const secret = 123_456_789n;
  const plainKey = Point.BASE.multiply(secret);
  const key = (where === 'A' ? plainKey.add(TORSION) : plainKey).toBytes();
  let [nonce, k, r] = [987_654_321n, 0n, key];
  // A multiple of 8 would take the torsion part away again.
  while (k % 8n === 0n) {
    nonce += 1n;
    const plainR = Point.BASE.multiply(nonce);
    r = (where === 'R' ? plainR.add(TORSION) : plainR).toBytes();
    k = little(NATIVE.hash('sha512', Uint8Array.of(...r, ...key, ...message))) % ORDER;
  }
  const signature = new Uint8Array(64);
  signature.set(r);
  signature.set(scalarBytes((nonce + k * secret) % ORDER), 32);
  return { key, signature };
}

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))(
  'verifyZip215 of the %s engine',
  (_n, engine) => {
    test('passes what sign has made, and nothing that differs from it by a bit', () => {
      const keyPair = engine.keyPairFromSeed(new Uint8Array(32).fill(8));
      const [raw, signature] = [keyPair.publicKey.raw, engine.sign(keyPair, message)];
      expect(engine.verifyZip215(raw, message, signature)).toBe(true);
      for (const at of [0, 31, 32, 63]) {
        const changed = signature.slice();
        changed[at] = (changed[at] as number) ^ 1;
        expect(engine.verifyZip215(raw, message, changed)).toBe(false);
      }
      expect(engine.verifyZip215(raw, new Uint8Array(0), signature)).toBe(false);
    });

    test.each(['R', 'A'] as const)('passes a signature with a torsion part in %s, which verify refuses', (where) => {
      const { key, signature } = withTorsion(where);
      expect(engine.verifyZip215(key, message, signature)).toBe(true);
      expect(engine.verify(PublicKey.of('ed25519', 'software', key), message, signature)).toBe(false);
    });

    test('passes a key in another than the canonical form', () => {
      const key = hexToBytes('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'); // y = p + 1, the identity
      const signature = hexToBytes(`01${'00'.repeat(63)}`);
      expect(engine.verifyZip215(key, message, signature)).toBe(true);
    });

    test('refuses S at and over the group order', () => {
      const keyPair = engine.keyPairFromSeed(new Uint8Array(32).fill(8));
      const signature = engine.sign(keyPair, message);
      const over = signature.slice();
      over.set(scalarBytes(little(signature.subarray(32)) + ORDER), 32);
      expect(engine.verifyZip215(keyPair.publicKey.raw, message, over)).toBe(false);
      const identity = hexToBytes(`01${'00'.repeat(31)}`);
      const at = Uint8Array.of(...identity, ...scalarBytes(ORDER));
      expect(engine.verifyZip215(identity, message, at)).toBe(false);
    });

    test('refuses a key that is off the curve, and any other length than 32 and 64 bytes', () => {
      const offCurve = new Uint8Array(32).fill(2);
      expect(engine.verifyZip215(offCurve, message, new Uint8Array(64))).toBe(false);
      const keyPair = engine.keyPairFromSeed(new Uint8Array(32).fill(8));
      const signature = engine.sign(keyPair, message);
      for (const length of [0, 63, 65]) {
        const cut = new Uint8Array(length);
        cut.set(signature.subarray(0, length));
        expect(engine.verifyZip215(keyPair.publicKey.raw, message, cut)).toBe(false);
      }
      for (const length of [0, 31, 33]) {
        expect(engine.verifyZip215(new Uint8Array(length), message, signature)).toBe(false);
      }
    });
  },
);
