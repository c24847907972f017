import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { HKDF_BYTES_MAX, hkdfSha256 } from '../../src/crypto/hkdf.ts';
import { PRIMITIVES } from '../crypto/engines.ts';

const sequence = (first: number, last: number): Uint8Array =>
  Uint8Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** RFC 5869 appendix A.1 to A.3. */
const CASES = [
  {
    name: 'A.1',
    secret: new Uint8Array(22).fill(0x0b),
    salt: sequence(0x00, 0x0c),
    info: sequence(0xf0, 0xf9),
    expected: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    name: 'A.2',
    secret: sequence(0x00, 0x4f),
    salt: sequence(0x60, 0xaf),
    info: sequence(0xb0, 0xff),
    expected:
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09' +
      'da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  },
  {
    name: 'A.3',
    secret: new Uint8Array(22).fill(0x0b),
    salt: hexToBytes(''),
    info: hexToBytes(''),
    expected: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
];

describe.each(PRIMITIVES.map((primitives) => [primitives.name, primitives.hash] as const))(
  'HKDF over the hash of the %s engine',
  (_name, hash) => {
    test.each(CASES)('gives the output of RFC 5869 $name', ({ secret, salt, info, expected }) => {
      const output = hkdfSha256(hash, secret, salt, info, expected.length / 2);
      expect(bytesToHex(output)).toBe(expected);
    });
  },
);

describe('HKDF', () => {
  const derive = (length: number): Uint8Array =>
    hkdfSha256(PRIMITIVES[0]!.hash, new Uint8Array(1), new Uint8Array(0), new Uint8Array(0), length);

  test.each([0, 1, 31, 32, 33, HKDF_BYTES_MAX - 1, HKDF_BYTES_MAX])('gives %i bytes', (length) => {
    expect(derive(length)).toEqual(derive(HKDF_BYTES_MAX).subarray(0, length));
  });

  test.each([-1, 0.5, HKDF_BYTES_MAX + 1])('does not give %d bytes', (length) => {
    expect(() => derive(length)).toThrow(RangeError);
  });
});
