import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { CryptoError } from '../../src/crypto/errors.ts';
import { CURVES, ORIGINS, PublicKey } from '../../src/crypto/keys.ts';
import { codeOf, ENGINES } from './engines.ts';

const ED25519_HEX = `0001${'ab12cd'.padEnd(64, '7')}`;
const P256_HEX = `010104${'beef01'.padEnd(128, '3')}`;

describe('a public key', () => {
  it('says its curve, origin, bytes and raw part', () => {
    const key = PublicKey.parse(P256_HEX);
    expect([key.curve, key.origin, key.hex, key.raw.length, key.bytes.length]).toEqual([
      'secp256r1',
      'software',
      P256_HEX,
      65,
      67,
    ]);
  });

  it('is the same from bytes, from hex of either case, and from its parts', () => {
    const key = PublicKey.parse(ED25519_HEX);
    expect(PublicKey.parse(ED25519_HEX.toUpperCase()).equals(key)).toBe(true);
    expect(PublicKey.parse(key.bytes).equals(key)).toBe(true);
    expect(PublicKey.of('ed25519', 'software', key.raw).equals(key)).toBe(true);
    expect(PublicKey.of('ed25519', 'usb', key.raw).equals(key)).toBe(false);
  });

  it('keeps its value when the bytes it was parsed from change', () => {
    const bytes = PublicKey.parse(ED25519_HEX).bytes.slice();
    const key = PublicKey.parse(bytes);
    bytes.fill(0);
    expect(key.hex).toBe(ED25519_HEX);
  });

  it('is refused one byte short and one byte long on every curve', () => {
    for (const [id, size] of [32, 65, 65, 48].entries()) {
      const bytes = new Uint8Array(2 + size + 1).fill(4, 2);
      bytes[0] = id;
      expect(codeOf(() => PublicKey.parse(bytes.subarray(0, 2 + size)))).toBe('nothing');
      expect(codeOf(() => PublicKey.parse(bytes.subarray(0, 1 + size)))).toBe('INVALID_KEY');
      expect(codeOf(() => PublicKey.parse(bytes))).toBe('INVALID_KEY');
    }
  });

  it('is refused with an unknown curve, an unknown origin, a compressed point, no bytes, or text that is no hex', () => {
    for (const hex of [
      `04${ED25519_HEX.slice(2)}`,
      `0004${ED25519_HEX.slice(4)}`,
      P256_HEX.replace('010104', '010102'),
    ]) {
      expect(codeOf(() => PublicKey.parse(hex))).toBe('INVALID_KEY');
    }
    for (const text of ['', '0', '00', 'zz'.repeat(34)])
      expect(codeOf(() => PublicKey.parse(text))).toBe('INVALID_KEY');
    expect(() => PublicKey.parse(`0004${ED25519_HEX.slice(4)}`)).toThrow('origin id 4 is not from 0 to 3');
    expect(() => PublicKey.parse('zz')).toThrow(CryptoError);
  });

  it('prints six digits that tell keys apart, and all of them in JSON and inspection', () => {
    expect(`${PublicKey.parse(ED25519_HEX)} ${PublicKey.parse(P256_HEX)}`).toBe('ab12cd.. beef01..');
    expect(JSON.stringify({ key: PublicKey.parse(ED25519_HEX) })).toBe(`{"key":"${ED25519_HEX}"}`);
    expect(inspect(PublicKey.parse(ED25519_HEX))).toBe(`PublicKey(ed25519 ${ED25519_HEX})`);
  });

  it('of curve bls can be carried, but not computed with', () => {
    const bls = PublicKey.parse(`0301${'05'.repeat(48)}`);
    expect(bls.curve).toBe('bls');
    for (const engine of ENGINES) {
      expect(codeOf(() => engine.verify(bls, new Uint8Array(1), new Uint8Array(96)))).toBe('UNSUPPORTED_CURVE');
      expect(codeOf(() => engine.eciesSeal(bls, new Uint8Array(1), systemRandom))).toBe('UNSUPPORTED_CURVE');
      const privateKey = Uint8Array.of(3, 1, ...new Uint8Array(32).fill(1));
      expect(codeOf(() => engine.keyPairFromPrivateKey(privateKey))).toBe('UNSUPPORTED_CURVE');
    }
  });
});

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))(
  'a key pair of the %s engine',
  (_name, engine) => {
    it('never shows its secret in JSON, inspection, text, structured copies or errors', () => {
      for (const curve of CURVES) {
        const pair = engine.generateKeyPair(systemRandom, { curve });
        // Used first, so that whatever the engine keeps is there to be shown.
        engine.sign(pair, new Uint8Array(3));
        engine.eciesOpen(pair, engine.eciesSeal(pair.publicKey, new Uint8Array(3), systemRandom));
        const raw = pair.exportPrivateKey().slice(2);
        const thrown = [
          () => engine.eciesOpen(pair, new Uint8Array(100)),
          () => engine.keyPairFromPrivateKey(pair.exportPrivateKey().subarray(0, 33)),
          () => engine.keyPairFromPrivateKey(Uint8Array.of(9, ...pair.exportPrivateKey().subarray(1))),
        ].map((run) => {
          try {
            run();
          } catch (error) {
            return inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
          }
          throw new Error('nothing was thrown');
        });
        const everything = { depth: Number.POSITIVE_INFINITY, showHidden: true, maxArrayLength: null } as const;
        const shown = [
          JSON.stringify({ pair, list: [pair] }),
          inspect({ pair, engine }, everything),
          inspect(pair, { ...everything, customInspect: false }),
          inspect(structuredClone(pair), everything),
          inspect(Object.getOwnPropertyDescriptors(pair), everything),
          format('%s %o %O %j', pair, pair, pair, pair),
          `${pair}${String(pair)}`,
          ...thrown,
        ].join('\n');
        for (const secret of [
          bytesToHex(raw),
          bytesToHex(raw).toUpperCase(),
          Buffer.from(raw).toString('base64url').slice(0, 40),
          Buffer.from(raw).toString('base64').slice(0, 40),
          [...raw.subarray(0, 8)].join(', '),
          [...raw.subarray(0, 8)].join(','),
          BigInt(`0x${bytesToHex(raw)}`).toString(),
        ]) {
          expect(shown).not.toContain(secret);
        }
        expect(shown).toContain(pair.publicKey.hex);
      }
    });

    it('gives its private key as a copy that makes the same pair again, for every curve and origin', () => {
      for (const curve of CURVES) {
        for (const origin of ORIGINS) {
          const pair = engine.keyPairFromSeed(Uint8Array.of(1, 2, 3), { curve, origin });
          const again = engine.keyPairFromPrivateKey(pair.exportPrivateKey());
          expect(again.publicKey.equals(pair.publicKey)).toBe(true);
          pair.exportPrivateKey().fill(0);
          expect(pair.exportPrivateKey()).toEqual(again.exportPrivateKey());
          expect([pair.curve, pair.origin]).toEqual([curve, origin]);
        }
      }
    });

    it('is of curve ed25519 and origin software unless asked otherwise', () => {
      const pair = engine.generateKeyPair(systemRandom);
      expect([pair.curve, pair.origin]).toEqual(['ed25519', 'software']);
    });
  },
);
