import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { parseEcdsaSignature } from '../../src/crypto/ecdsa-signature.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { ENGINES, encodeDer, NATIVE, PORTABLE } from './engines.ts';

const R = '11'.repeat(32);
const HIGH = `80${'22'.repeat(31)}`;

describe('the DER of an ECDSA signature', () => {
  it('gives r and s in 32 bytes each', () => {
    expect(bytesToHex(parseEcdsaSignature(hexToBytes(`3045022100${HIGH}0220${R}`))!)).toBe(HIGH + R);
    expect(bytesToHex(parseEcdsaSignature(hexToBytes('3006020101020102'))!)).toBe(
      `${'01'.padStart(64, '0')}${'02'.padStart(64, '0')}`,
    );
    expect(bytesToHex(parseEcdsaSignature(hexToBytes('3006020100020100'))!)).toBe('00'.repeat(64));
    expect(parseEcdsaSignature(hexToBytes(`3046022100${HIGH}022100${HIGH}`))?.length).toBe(64);
  });

  it.each([
    ['empty', ''],
    ['another tag', '3106020101020102'],
    ['no integer tag', '3006030101020102'],
    ['a byte after the end', '300602010102010200'],
    ['a byte inside after s', '300702010102010200'],
    ['a length that is one too large', '3007020101020102'],
    ['a length in two bytes', '308106020101020102'],
    ['an integer length in two bytes', '300702810101020102'],
    ['an indefinite length', '30800201010201020000'],
    ['an empty integer', '30060200020201ff'],
    ['a negative r', '3006020180020102'],
    ['a negative s', '30060201010201ff'],
    ['a zero byte too many', '300702020001020102'],
    ['a zero written in two bytes', '300702020000020102'],
    ['33 bytes without a sign byte', `3047022101${HIGH}022100${HIGH}`],
    ['34 bytes', `304702220000${HIGH}022100${HIGH}`],
    ['r that runs past the end', '30060220010201ff'],
    ['only r', '3003020101'],
    ['r and s in fixed form', R + R],
  ])('is refused with %s', (_why, hex) => {
    expect(parseEcdsaSignature(hexToBytes(hex))).toBeUndefined();
  });

  it('is refused by OpenSSL and every engine in every laxer encoding of a good signature', () => {
    const data = Uint8Array.of(4, 5, 6);
    const pair = NATIVE.keyPairFromSeed(Uint8Array.of(1), { curve: 'secp256r1' });
    const spki = `3059301306072a8648ce3d020106082a8648ce3d030107034200${bytesToHex(pair.publicKey.raw)}`;
    const openSslKey = createPublicKey({ key: Buffer.from(spki, 'hex'), format: 'der', type: 'spki' });
    const der = NATIVE.sign(pair, data);
    const rEnd = 4 + der[3]!;
    const integers = [der.subarray(4, rEnd), der.subarray(rEnd + 2)] as const;
    const [r, s] = [bytesToHex(integers[0]), bytesToHex(integers[1])];
    const length = (hex: string): string => (hex.length / 2).toString(16).padStart(2, '0');
    const integer = (hex: string): string => `02${length(hex)}${hex}`;
    const sequence = (body: string): string => `30${length(body)}${body}`;
    const good = sequence(integer(r) + integer(s));
    expect(good).toBe(bytesToHex(der));
    const lax = [
      `${good}00`,
      sequence(`${integer(r)}${integer(s)}00`),
      sequence(`${integer(r)}${integer(s)}0500`),
      sequence(integer(`00${r}`) + integer(s)),
      sequence(integer(r) + integer(`00${s}`)),
      `3081${good.slice(2)}`,
      `308200${good.slice(2)}`,
      sequence(`0281${length(r)}${r}${integer(s)}`),
      `3080${integer(r)}${integer(s)}0000`,
      `${sequence(integer(r) + integer(s)).replace(/^30/, '70')}`,
      r.slice(-64) + s.slice(-64),
    ];
    const verdicts = (hex: string): boolean[] => [
      verify('sha256', data, openSslKey, hexToBytes(hex)),
      ...ENGINES.map((engine) => engine.verify(PublicKey.parse(pair.publicKey.hex), data, hexToBytes(hex))),
    ];
    expect(new Set(verdicts(good))).toEqual(new Set([true]));
    for (const hex of lax) expect(new Set(verdicts(hex))).toEqual(new Set([false]));
  });

  it('may have s in either half of its range, on both engines and both curves', () => {
    const orders = {
      secp256r1: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
      secp256k1: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    } as const;
    const data = Uint8Array.of(7);
    for (const curve of ['secp256r1', 'secp256k1'] as const) {
      const pair = PORTABLE.keyPairFromSeed(Uint8Array.of(2), { curve });
      const fixed = bytesToHex(parseEcdsaSignature(PORTABLE.sign(pair, data))!);
      const s = BigInt(`0x${fixed.slice(64)}`);
      for (const half of [s, orders[curve] - s]) {
        const der = encodeDer(BigInt(`0x${fixed.slice(0, 64)}`), half);
        for (const engine of ENGINES) expect(engine.verify(pair.publicKey, data, der)).toBe(true);
      }
    }
  });

  it('is false, not an error, for r or s of 0 and of the order on both engines', () => {
    const n = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    for (const engine of ENGINES) {
      const { publicKey } = engine.keyPairFromSeed(Uint8Array.of(1), { curve: 'secp256r1' });
      for (const hex of ['3006020100020101', '3006020101020100', `3026022100${n}020101`, `3026020101022100${n}`]) {
        expect(parseEcdsaSignature(hexToBytes(hex))).toBeDefined();
        expect(engine.verify(publicKey, Uint8Array.of(1), hexToBytes(hex))).toBe(false);
      }
    }
  });
});
