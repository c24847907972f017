import { x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import { EPHEMERAL_PUBLIC_KEY_BYTES, eciesOverheadBytes, eciesSealWith } from '../../src/crypto/ecies.ts';
import { CURVES, PublicKey } from '../../src/crypto/keys.ts';
import { bytes32, codeOf, ENGINES, listedRandom, PRIMITIVES } from './engines.ts';

describe.each(ENGINES.map((engine, i) => [engine.name, engine, PRIMITIVES[i]!] as const))(
  'sealed bytes of the %s engine',
  (_name, engine, primitives) => {
    it.each(CURVES)('on %s open again, longer by the overhead, at any length and also when empty', (curve) => {
      const pair = engine.keyPairFromSeed(Uint8Array.of(1), { curve });
      for (const length of [0, 1, 15, 16, 17, 5000]) {
        const plaintext = Uint8Array.from({ length }, (_, i) => i);
        const sealed = engine.eciesSeal(pair.publicKey, plaintext, systemRandom);
        expect(sealed.length).toBe(length + eciesOverheadBytes(curve));
        expect(engine.eciesOpen(pair, sealed)).toEqual(plaintext);
      }
    });

    it.each(CURVES)('on %s are plain arrays with memory of their own, and leave the input alone', (curve) => {
      const pair = engine.keyPairFromSeed(Uint8Array.of(1), { curve });
      const plaintext = Uint8Array.of(1, 2, 3);
      const sealed = engine.eciesSeal(pair.publicKey, plaintext, systemRandom);
      const before = sealed.slice();
      const opened = engine.eciesOpen(pair, sealed);
      for (const array of [sealed, opened, engine.sign(pair, plaintext), engine.hash('sha256', plaintext)]) {
        expect(Object.getPrototypeOf(array)).toBe(Uint8Array.prototype);
      }
      opened.fill(9);
      expect([plaintext, sealed]).toEqual([Uint8Array.of(1, 2, 3), before]);
    });

    it.each(CURVES)('on %s take their ephemeral key from the given randomness', (curve) => {
      const { publicKey } = engine.keyPairFromSeed(Uint8Array.of(1), { curve });
      const draw = bytes32(77n);
      const random = listedRandom([draw, bytes32(78n)]);
      const plaintext = Uint8Array.of(5);
      const sealed = engine.eciesSeal(publicKey, plaintext, random);
      expect(sealed).toEqual(eciesSealWith(primitives, publicKey, plaintext, draw));
      expect(engine.eciesSeal(publicKey, plaintext, random)).not.toEqual(sealed);
      expect(random.drawnCount).toBe(2);
    });

    it.each(CURVES)('on %s do not open one byte below the overhead, whatever they are', (curve) => {
      const pair = engine.keyPairFromSeed(Uint8Array.of(1), { curve });
      const sealed = engine.eciesSeal(pair.publicKey, new Uint8Array(0), systemRandom);
      expect(engine.eciesOpen(pair, sealed).length).toBe(0);
      for (const length of [0, 1, sealed.length - 1]) {
        expect(codeOf(() => engine.eciesOpen(pair, sealed.subarray(0, length)))).toBe('DECRYPTION_FAILED');
      }
      expect(codeOf(() => engine.eciesOpen(pair, Uint8Array.of(...sealed, 0)))).toBe('DECRYPTION_FAILED');
    });

    it('do not open under a point of small order on Curve25519, in any way to write it', () => {
      const pair = engine.keyPairFromSeed(Uint8Array.of(1));
      const points = [
        '0000000000000000000000000000000000000000000000000000000000000000',
        '0100000000000000000000000000000000000000000000000000000000000000',
        'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
        '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
        'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
        'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
        'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      ].map(hexToBytes);
      for (const point of points) {
        for (const topBit of [0, 0x80]) {
          const sealed = new Uint8Array(100);
          sealed.set(point);
          sealed[31] = sealed[31]! | topBit;
          expect(codeOf(() => engine.eciesOpen(pair, sealed))).toBe('DECRYPTION_FAILED');
        }
      }
    });

    it('open under an ephemeral u of p or more, which stands for u - p', () => {
      const pair = engine.keyPairFromSeed(Uint8Array.of(1));
      // u = 9 written as p + 9. RFC 7748 §5 takes such values mod p.
      const nonCanonical = hexToBytes('f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
      const base = hexToBytes('09'.padEnd(64, '0'));
      const secretOf = (point: Uint8Array): Uint8Array => Uint8Array.from(primitives.agreeAsRecipient(pair, point));
      expect(secretOf(nonCanonical)).toEqual(secretOf(base));
      expect(x25519.GuBytes).toEqual(base);
    });

    it.each(['secp256r1', 'secp256k1'] as const)(
      'on %s do not open under any point form but the uncompressed',
      (curve) => {
        const pair = engine.keyPairFromSeed(Uint8Array.of(1), { curve });
        const sealed = engine.eciesSeal(pair.publicKey, Uint8Array.of(1, 2), systemRandom);
        const yIsOdd = sealed[64]! & 1;
        for (const first of [0, 2 + yIsOdd, 5, 6 + yIsOdd, 7 - yIsOdd]) {
          const changed = sealed.slice();
          changed[0] = first;
          expect(codeOf(() => engine.eciesOpen(pair, changed))).toBe('DECRYPTION_FAILED');
        }
        const compressed = Uint8Array.of(2 + yIsOdd, ...sealed.subarray(1, 33), ...sealed.subarray(65));
        expect(codeOf(() => engine.eciesOpen(pair, compressed))).toBe('DECRYPTION_FAILED');
        expect(codeOf(() => engine.eciesOpen(pair, new Uint8Array(81)))).toBe('DECRYPTION_FAILED');
      },
    );

    it.each(['secp256r1', 'secp256k1'] as const)('on %s cannot be made for a point off the curve', (curve) => {
      const good = engine.keyPairFromSeed(Uint8Array.of(1), { curve }).publicKey.bytes;
      for (const index of [3, 34, 66]) {
        const bad = good.slice();
        bad[index] = bad[index]! ^ 1;
        const key = PublicKey.parse(bad);
        expect(codeOf(() => engine.eciesSeal(key, Uint8Array.of(1), systemRandom))).toBe('INVALID_KEY');
        expect(engine.verify(key, Uint8Array.of(1), hexToBytes('3006020101020101'))).toBe(false);
      }
      const zero = PublicKey.of(curve, 'software', Uint8Array.of(4, ...new Uint8Array(64)));
      expect(codeOf(() => engine.eciesSeal(zero, Uint8Array.of(1), systemRandom))).toBe('INVALID_KEY');
    });

    it('fail with the same words whatever the reason, and without a cause', () => {
      const pair = engine.keyPairFromSeed(Uint8Array.of(1));
      const other = engine.keyPairFromSeed(Uint8Array.of(2));
      const sealed = engine.eciesSeal(pair.publicKey, new Uint8Array(30), systemRandom);
      const bad: Uint8Array[] = [sealed.slice(), sealed.slice(), new Uint8Array(sealed.length)];
      bad[0]![0]! ^= 1;
      bad[1]![40]! ^= 1;
      bad.push(engine.eciesSeal(other.publicKey, new Uint8Array(30), systemRandom));
      const messages = bad.map((bytes) => {
        try {
          engine.eciesOpen(pair, bytes);
        } catch (error) {
          return `${(error as Error).message} ${(error as Error).cause}`;
        }
        return 'opened';
      });
      expect(new Set(messages)).toEqual(new Set([`78 sealed bytes do not open with key ${pair.publicKey} undefined`]));
    });

    it('are refused to callers who pass no bytes', () => {
      const pair = engine.keyPairFromSeed(Uint8Array.of(1));
      expect(() => engine.eciesOpen(pair, 'text' as unknown as Uint8Array)).toThrow(TypeError);
      expect(() => engine.eciesSeal(pair.publicKey, 'text' as unknown as Uint8Array, systemRandom)).toThrow(TypeError);
      expect(() => engine.verify(pair.publicKey, Uint8Array.of(1), [] as unknown as Uint8Array)).toThrow(TypeError);
    });
  },
);

describe('an ephemeral key', () => {
  it('has 32 bytes for ed25519 and 65 for the ECDSA curves', () => {
    expect(EPHEMERAL_PUBLIC_KEY_BYTES).toEqual({ ed25519: 32, secp256r1: 65, secp256k1: 65 });
    expect(CURVES.map(eciesOverheadBytes)).toEqual([48, 81, 81]);
  });
});
