import { describe, expect, it } from 'vitest';
import type { Curve } from '../../src/crypto/keys.ts';
import { isRawPrivateKey, SCALAR_DRAWS_MAX } from '../../src/crypto/private-key.ts';
import { bytes32, codeOf, ENGINES, listedRandom, privateKeyOf } from './engines.ts';

const ORDERS: Readonly<Record<'secp256r1' | 'secp256k1', bigint>> = {
  secp256r1: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  secp256k1: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
};
const ALL_ONES = 2n ** 256n - 1n;

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))(
  'private keys of the %s engine',
  (_n, engine) => {
    it('of the ECDSA curves are the scalars from 1 to n - 1', () => {
      for (const curve of ['secp256r1', 'secp256k1'] as const) {
        const n = ORDERS[curve];
        for (const scalar of [1n, 2n, n - 2n, n - 1n]) {
          expect(codeOf(() => engine.keyPairFromPrivateKey(privateKeyOf(curve, bytes32(scalar))))).toBe('nothing');
        }
        for (const scalar of [0n, n, n + 1n, ALL_ONES]) {
          expect(codeOf(() => engine.keyPairFromPrivateKey(privateKeyOf(curve, bytes32(scalar))))).toBe('INVALID_KEY');
          expect(codeOf(() => engine.keyPairFromSeed(bytes32(scalar), { curve }))).toBe('INVALID_KEY');
        }
      }
    });

    it('of ed25519 are any 32 bytes', () => {
      for (const seed of [0n, 1n, ALL_ONES]) {
        expect(codeOf(() => engine.keyPairFromPrivateKey(privateKeyOf('ed25519', bytes32(seed))))).toBe('nothing');
      }
    });

    it('are refused at 33 and 35 bytes and with unknown ids', () => {
      const good = privateKeyOf('ed25519', bytes32(5n));
      expect(codeOf(() => engine.keyPairFromPrivateKey(good))).toBe('nothing');
      for (const bytes of [
        good.subarray(0, 33),
        Uint8Array.of(...good, 0),
        new Uint8Array(0),
        Uint8Array.of(4, ...good.subarray(1)),
        Uint8Array.of(0, 4, ...good.subarray(2)),
      ]) {
        expect(codeOf(() => engine.keyPairFromPrivateKey(bytes))).toBe('INVALID_KEY');
      }
    });

    it('come from a hash of a seed of 31 bytes, from the first 32 bytes of one of 32 or 33', () => {
      const seed = Uint8Array.from({ length: 33 }, (_, i) => i + 1);
      const rawOf = (bytes: Uint8Array): Uint8Array => engine.keyPairFromSeed(bytes).exportPrivateKey().subarray(2);
      expect(rawOf(seed.subarray(0, 31))).toEqual(engine.hash('sha256', seed.subarray(0, 31)));
      expect(rawOf(seed.subarray(0, 32))).toEqual(seed.slice(0, 32));
      expect(rawOf(seed)).toEqual(seed.slice(0, 32));
    });

    it('are derived by an index of 32 bits, the same as by its four bytes', () => {
      const seed = Uint8Array.of(9);
      const hexOf = (extra: number | Uint8Array): string => engine.deriveKeyPair(seed, extra).publicKey.hex;
      expect(hexOf(0)).toBe(hexOf(Uint8Array.of(0, 0, 0, 0)));
      expect(hexOf(0xffff_ffff)).toBe(hexOf(Uint8Array.of(255, 255, 255, 255)));
      expect(hexOf(0x01020304)).toBe(hexOf(Uint8Array.of(1, 2, 3, 4)));
      expect(hexOf(1)).not.toBe(hexOf(0));
      for (const index of [-1, 0x1_0000_0000, 0.5, Number.NaN]) {
        expect(() => engine.deriveKeyPair(seed, index)).toThrow(RangeError);
      }
    });

    it('are drawn again when a draw is no scalar, and given up after the bound', () => {
      const good = bytes32(7n);
      const zeros = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(32));
      const last = listedRandom([...zeros(SCALAR_DRAWS_MAX - 1), good]);
      expect(engine.generateKeyPair(last, { curve: 'secp256k1' }).exportPrivateKey().subarray(2)).toEqual(good);
      expect(last.drawnCount).toBe(SCALAR_DRAWS_MAX);
      const broken = listedRandom([...zeros(SCALAR_DRAWS_MAX), good]);
      expect(() => engine.generateKeyPair(broken, { curve: 'secp256k1' })).toThrow(RangeError);
      expect(broken.drawnCount).toBe(SCALAR_DRAWS_MAX);
    });

    it('are refused to callers who pass the wrong kind of thing', () => {
      expect(() => engine.keyPairFromSeed('seed' as unknown as Uint8Array)).toThrow(TypeError);
      expect(() => engine.keyPairFromSeed(Uint8Array.of(1), { curve: 'bls' as Curve })).toThrow(/option curve is bls/);
      expect(() => engine.keyPairFromSeed(Uint8Array.of(1), { origin: 'cloud' as 'usb' })).toThrow(/option origin/);
      expect(() => engine.hash('md5' as 'sha256', Uint8Array.of(1))).toThrow(/option algorithm is md5/);
    });
  },
);

describe('the range of a scalar', () => {
  it('is held word by word around the order, whatever the offset of the bytes', () => {
    for (const curve of ['secp256r1', 'secp256k1'] as const) {
      for (let bit = 0n; bit < 256n; bit += 1n) {
        for (const value of [ORDERS[curve] ^ (1n << bit), 1n << bit]) {
          const memory = new Uint8Array(39);
          memory.set(bytes32(value), 7);
          expect(isRawPrivateKey(curve, memory.subarray(7))).toBe(value > 0n && value < ORDERS[curve]);
        }
      }
      expect(isRawPrivateKey(curve, new Uint8Array(31).fill(1))).toBe(false);
    }
  });
});
