import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { isAcceptableEd25519Key, x25519PrivateOf, x25519PublicOf } from '../../src/crypto/edwards.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { codeOf, ENGINES, NATIVE, NATIVE_PRIMITIVES } from './engines.ts';

const { Point } = ed25519;
const P = 2n ** 255n - 19n;

function littleEndian(value: bigint): Uint8Array {
  return hexToBytes(value.toString(16).padStart(64, '0')).reverse();
}

/** The eight points of small order, by multiplying one of order 8. */
function smallOrderPoints(): Uint8Array[] {
  const generator = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  const points = [];
  for (let i = 0, point = Point.ZERO; i < 8; i += 1, point = point.add(generator)) points.push(point.toBytes());
  return points;
}

/** A signature that holds only when the verifier multiplies by the cofactor: R carries a torsion part. */
function cofactoredSignature(seed: Uint8Array, data: Uint8Array): { raw: Uint8Array; signature: Uint8Array } {
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(seed);
  const torsion = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  const r = Point.BASE.multiply(12345n).add(torsion).toBytes();
  const digest = NATIVE.hash('sha512', Uint8Array.of(...r, ...pointBytes, ...data));
  const k = BigInt(`0x${bytesToHex(digest.reverse())}`) % Point.Fn.ORDER;
  const s = Point.Fn.create(12345n + k * scalar);
  return { raw: pointBytes, signature: Uint8Array.of(...r, ...littleEndian(s)) };
}

describe('ed25519 keys', () => {
  it('of small order are refused: all eight, in every way to write them', () => {
    const points = smallOrderPoints();
    expect(new Set(points.map(bytesToHex)).size).toBe(8);
    for (const point of points) {
      expect(isAcceptableEd25519Key(point)).toBe(false);
      const flipped = point.slice();
      flipped[31] = flipped[31]! ^ 0x80;
      expect(isAcceptableEd25519Key(flipped)).toBe(false);
      expect(codeOf(() => x25519PublicOf(point))).toBe('INVALID_KEY');
    }
  });

  it('are in canonical form up to y = p - 2, and not from p to 2^255 - 1', () => {
    expect(isAcceptableEd25519Key(littleEndian(P - 2n))).toBe(true);
    expect(isAcceptableEd25519Key(littleEndian(P - 1n))).toBe(false); // small order
    for (let y = P; y < 2n ** 255n; y += 1n) expect(isAcceptableEd25519Key(littleEndian(y))).toBe(false);
    expect(isAcceptableEd25519Key(littleEndian(P - 2n - 256n))).toBe(true);
    expect(isAcceptableEd25519Key(new Uint8Array(31).fill(7))).toBe(false);
  });

  it('off the curve have no X25519 key and no valid signature, on both engines alike', () => {
    let offCurveCount = 0;
    for (let y = 2n; y < 20n; y += 1n) {
      const raw = littleEndian(y);
      const isOnCurve = codeOf(() => Point.fromBytes(raw)) === 'nothing';
      if (!isOnCurve) offCurveCount += 1;
      expect(codeOf(() => x25519PublicOf(raw))).toBe(isOnCurve ? 'nothing' : 'INVALID_KEY');
      const key = PublicKey.of('ed25519', 'software', raw);
      for (const engine of ENGINES) {
        expect(engine.verify(key, Uint8Array.of(1), new Uint8Array(64))).toBe(false);
        const code = codeOf(() => engine.eciesSeal(key, Uint8Array.of(1), systemRandom));
        expect(code).toBe(isOnCurve ? 'nothing' : 'INVALID_KEY');
      }
    }
    expect(offCurveCount).toBeGreaterThan(3);
  });

  it('have an X25519 key pair on the same point', () => {
    const seed = Uint8Array.from({ length: 32 }, (_, i) => 3 * i);
    const scalar = x25519PrivateOf(NATIVE_PRIMITIVES.hash, seed);
    expect(x25519.getPublicKey(scalar)).toEqual(x25519PublicOf(ed25519.getPublicKey(seed)));
    expect([scalar[0]! & 7, scalar[31]! & 0xc0]).toEqual([0, 0x40]);
  });
});

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))('ed25519 on the %s engine', (_name, engine) => {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1);
  const data = Uint8Array.of(1, 2, 3);
  const pair = engine.keyPairFromSeed(seed);

  it('refuses a signature that holds only with the cofactor', () => {
    const { raw, signature } = cofactoredSignature(seed, data);
    expect(ed25519.verify(signature, data, raw)).toBe(true); // so it is one
    expect(engine.verify(PublicKey.of('ed25519', 'software', raw), data, signature)).toBe(false);
  });

  it('refuses the signature that a key of small order has on every message', () => {
    for (const raw of smallOrderPoints()) {
      const key = PublicKey.of('ed25519', 'software', raw);
      for (const r of smallOrderPoints()) {
        expect(engine.verify(key, data, Uint8Array.of(...r, ...new Uint8Array(32)))).toBe(false);
      }
    }
  });

  it('refuses s with the group order added, and signatures of 63 and 65 bytes', () => {
    const signature = engine.sign(pair, data);
    const s = BigInt(`0x${bytesToHex(signature.slice(32).reverse())}`);
    const grown = Uint8Array.of(...signature.subarray(0, 32), ...littleEndian(s + Point.Fn.ORDER));
    expect(engine.verify(pair.publicKey, data, signature)).toBe(true);
    expect(engine.verify(pair.publicKey, data, grown)).toBe(false);
    expect(engine.verify(pair.publicKey, data, signature.subarray(0, 63))).toBe(false);
    expect(engine.verify(pair.publicKey, data, Uint8Array.of(...signature, 0))).toBe(false);
    expect(engine.verify(pair.publicKey, data, new Uint8Array(0))).toBe(false);
  });

  it('verifies by a key with a torsion part exactly when the equation holds without the cofactor', () => {
    // With A' = A + T of order 8 and k a multiple of 8, [k]T vanishes: such a signature holds.
    const { scalar, point } = ed25519.utils.getExtendedPublicKey(seed);
    const torsion = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
    const raw = point.add(torsion).toBytes();
    const key = PublicKey.of('ed25519', 'software', raw);
    const verdicts = new Set<boolean>();
    for (let nonce = 1n; nonce < 25n; nonce += 1n) {
      const r = Point.BASE.multiply(nonce).toBytes();
      const digest = engine.hash('sha512', Uint8Array.of(...r, ...raw, ...data));
      const k = BigInt(`0x${bytesToHex(digest.reverse())}`) % Point.Fn.ORDER;
      const signature = Uint8Array.of(...r, ...littleEndian(Point.Fn.create(nonce + k * scalar)));
      expect(engine.verify(key, data, signature)).toBe(k % 8n === 0n);
      verdicts.add(k % 8n === 0n);
    }
    expect(verdicts.size).toBe(2);
  });
});
