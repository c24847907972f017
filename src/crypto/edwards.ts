/**
 * What both engines hold about ed25519 keys: which are taken, and which X25519 keys belong to them.
 *
 * Libraries disagree on odd keys (a y of p or more, points of small order), so the decision is here, before any of them
 * is asked. Nobody makes such keys by accident.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesEqual } from '../codec/hex.ts';
import { CryptoError } from './errors.ts';
import type { Hash } from './hmac.ts';

// The y coordinates of the eight points of small order (little-endian, without the sign bit): 0, 1, -1 and the two of
// order 8.
const SMALL_ORDER_Y: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
];
const SMALL_ORDER_BYTES: readonly Uint8Array[] = SMALL_ORDER_Y.map((hex) =>
  Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)),
);

/**
 * Says whether a raw ed25519 key is in canonical form (y below p = 2^255 - 19) and not of small order. It may still be
 * off the curve.
 *
 * Differs from OpenSSL, which takes both kinds when it verifies: a signature by a key of small order fits any message.
 */
export function isAcceptableEd25519Key(raw: Uint8Array): boolean {
  return raw.length === 32 && isCanonical(raw) && !SMALL_ORDER_BYTES.some((y) => isSameY(raw, y));
}

/**
 * Verifies without the cofactor and compares R as bytes: RFC 8032 §5.1.7 with [S]B = R + [k]A, which is what OpenSSL
 * 3.0 does. noble's own `verify` multiplies by the cofactor and so passes signatures that OpenSSL refuses. Malformed input
 * is false.
 */
export function verifyEd25519(raw: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isAcceptableEd25519Key(raw)) return false;
  const { Point } = ed25519;
  const r = signature.subarray(0, 32);
  const s = numberOfLittleEndian(signature.subarray(32));
  if (s >= Point.Fn.ORDER) return false;
  const k = numberOfLittleEndian(sha512.create().update(r).update(raw).update(data).digest()) % Point.Fn.ORDER;
  try {
    const a = Point.fromBytes(raw);
    return bytesEqual(Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes(), r);
  } catch {
    return false; // the key is off the curve
  }
}

/** Says whether a signature's R is a point of small order, in canonical form: some releases of OpenSSL refuse those, some do not. */
export function hasSmallOrderR(signature: Uint8Array): boolean {
  return SMALL_ORDER_BYTES.some((y) => isSameY(signature, y));
}

/**
 * Says whether a signature holds by the rules of ZIP-215: [8][S]B = [8]R + [8][k]A, S below the group order, A and R any
 * encoding of points on the curve. About 0.9 ms. Malformed input is false.
 */
export function verifyZip215(rawPublicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, data, rawPublicKey, { zip215: true });
  } catch {
    return false; // noble throws for lengths it does not know
  }
}

/**
 * The X25519 public key on the same point as an ed25519 key: u = (1 + y) / (1 - y). RFC 7748 §4.1.
 *
 * Costs a field inversion and a square root (about 0.2 ms): engines keep the result. Differs from libsodium's
 * `crypto_sign_ed25519_pk_to_curve25519` in that a key with a torsion part passes, at a tenth of the cost: every X25519
 * private key is a multiple of the cofactor, so that part vanishes.
 *
 * @throws {@link CryptoError} `INVALID_KEY` for a key that is off the curve, of small order or not canonical.
 */
export function x25519PublicOf(ed25519Public: Uint8Array): Uint8Array {
  if (isAcceptableEd25519Key(ed25519Public)) {
    try {
      return ed25519.utils.toMontgomery(ed25519Public);
    } catch {
      // Off the curve: said below, in one way for all reasons.
    }
  }
  throw new CryptoError('INVALID_KEY', 'an ed25519 key is off the curve, of small order or not in canonical form');
}

/**
 * The X25519 private key of an ed25519 seed: the first half of SHA-512(seed), clamped. RFC 8032 §5.1.5, as libsodium's
 * `crypto_sign_ed25519_sk_to_curve25519`. The caller overwrites it.
 */
export function x25519PrivateOf(hash: Hash, ed25519Seed: Uint8Array): Uint8Array {
  const expanded = hash('sha512', ed25519Seed);
  const scalar = expanded.slice(0, 32);
  expanded.fill(0);
  scalar[0] = scalar[0]! & 0xf8;
  scalar[31] = (scalar[31]! & 0x7f) | 0x40;
  return scalar;
}

function isCanonical(raw: Uint8Array): boolean {
  if ((raw[31]! & 0x7f) !== 0x7f || raw[0]! < 0xed) return true;
  for (let i = 1; i < 31; i += 1) {
    if (raw[i] !== 0xff) return true;
  }
  return false;
}

function isSameY(raw: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i += 1) {
    if (raw[i] !== y[i]) return false;
  }
  return (raw[31]! & 0x7f) === y[31];
}

function numberOfLittleEndian(bytes: Uint8Array): bigint {
  let hex = '0x';
  for (let i = bytes.length - 1; i >= 0; i -= 1) hex += bytes[i]!.toString(16).padStart(2, '0');
  return BigInt(hex);
}
