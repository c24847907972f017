/**
 * The DER form of an ECDSA signature, strictly: SEQUENCE { INTEGER r, INTEGER s } has one encoding, and only that one
 * passes. OpenSSL decides the same by encoding again what it has read (`ossl_ecdsa_verify`); both engines ask here first,
 * so they cannot differ by the version of a library.
 */

/** Bytes of r and of s in fixed form. */
const SCALAR_BYTES = 32;

/**
 * The signature in fixed form, r and s in 32 bytes each, or `undefined` when `der` is not the DER of two integers from
 * 0 to 2^256 - 1. X.690 §8.3, §10.1.
 */
export function parseEcdsaSignature(der: Uint8Array): Uint8Array | undefined {
  // The longest is 2 + 2 * (2 + 33) = 72 bytes, so every length is a single byte.
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const fixed = new Uint8Array(2 * SCALAR_BYTES);
  const sAt = readInteger(der, 2, fixed, 0);
  if (sAt === undefined) return undefined;
  return readInteger(der, sAt, fixed, SCALAR_BYTES) === der.length ? fixed : undefined;
}

/** Reads the integer at `at` into 32 bytes at `fixedAt`; gives the index after it. */
function readInteger(der: Uint8Array, at: number, fixed: Uint8Array, fixedAt: number): number | undefined {
  const length = der[at + 1];
  if (der[at] !== 0x02 || length === undefined || length < 1 || length > SCALAR_BYTES + 1) return undefined;
  const start = at + 2;
  const end = start + length;
  if (end > der.length) return undefined;
  const first = der[start]!;
  if (first > 0x7f) return undefined; // negative
  const isPadded = first === 0 && length > 1;
  if (isPadded && der[start + 1]! <= 0x7f) return undefined; // a zero byte too many
  if (length > SCALAR_BYTES && !isPadded) return undefined; // more than 256 bits
  const from = isPadded ? start + 1 : start;
  fixed.set(der.subarray(from, end), fixedAt + SCALAR_BYTES - (end - from));
  return end;
}
