/**
 * Raw private keys before they are key pairs: drawn, made from a seed, derived, parsed, checked. All but the hashing is
 * here, so both engines agree by construction. Messages say what is wrong, never with which bytes.
 */
import type { Random } from '../base/random.ts';
import { CURVE_IDS, KEY_PREFIX_BYTES } from '../codec/key-layout.ts';
import { CryptoError } from './errors.ts';
import { type Hash, hmac } from './hmac.ts';
import { CURVES, type Curve, type KeyPair, ORIGINS, type Origin, PRIVATE_KEY_BYTES, requireCurve } from './keys.ts';

/** Bytes of a raw private key on every curve: an ed25519 seed or an ECDSA scalar. */
export const RAW_PRIVATE_KEY_BYTES = 32;

/** Draws for an ECDSA scalar before the source of randomness is called broken; one fails with odds of 2^-32 or less. */
export const SCALAR_DRAWS_MAX = 64;

// Group orders, SEC 2 §2.4.1 and §2.4.2, as eight words, most significant first.
const ORDERS = {
  secp256r1: [0xffffffff, 0, 0xffffffff, 0xffffffff, 0xbce6faad, 0xa7179e84, 0xf3b9cac2, 0xfc632551],
  secp256k1: [0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe, 0xbaaedce6, 0xaf48a03b, 0xbfd25e8c, 0xd0364141],
} as const;

/** Says whether 32 bytes are a private key of `curve`: any for ed25519, a scalar in [1, n - 1] for the others. */
export function isRawPrivateKey(curve: Curve, raw: Uint8Array): boolean {
  if (raw.length !== RAW_PRIVATE_KEY_BYTES) return false;
  if (curve === 'ed25519') return true;
  const order = ORDERS[curve];
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  let anyBit = 0;
  // Subtracts n word by word to the end, whatever the bytes: how long it takes tells nothing about the scalar.
  let borrow = 0;
  for (let i = order.length - 1; i >= 0; i -= 1) {
    const word = view.getUint32(4 * i);
    anyBit |= word;
    borrow = Number(word - order[i]! - borrow < 0);
  }
  return anyBit !== 0 && borrow === 1;
}

/**
 * A raw private key out of `random`.
 *
 * @throws RangeError when {@link SCALAR_DRAWS_MAX} draws give none, or a draw has another length than asked.
 */
export function drawRawPrivateKey(curve: Curve, random: Random): Uint8Array {
  for (let draw = 0; draw < SCALAR_DRAWS_MAX; draw += 1) {
    const raw = random.bytes(RAW_PRIVATE_KEY_BYTES);
    if (isRawPrivateKey(curve, raw)) return raw;
  }
  throw new RangeError(`the source of randomness gave no ${curve} private key in ${SCALAR_DRAWS_MAX} draws`);
}

/** The raw private key of a seed. `archethic-node crypto.ex generate_deterministic_keypair/3`. */
export function rawPrivateKeyOfSeed(hash: Hash, seed: Uint8Array): Uint8Array {
  return seed.length < RAW_PRIVATE_KEY_BYTES ? hash('sha256', seed) : seed.slice(0, RAW_PRIVATE_KEY_BYTES);
}

/**
 * The raw private key number `extra` of a seed: HMAC-SHA-512 with the second half of SHA-512(seed) over the first half
 * and `extra`, cut to 32 bytes. `archethic-node crypto.ex derive_keypair/3`.
 *
 * @throws RangeError for an index that is no unsigned integer of 32 bits.
 */
export function deriveRawPrivateKey(hash: Hash, seed: Uint8Array, extra: number | Uint8Array): Uint8Array {
  const suffix = typeof extra === 'number' ? indexBytes(extra) : extra;
  const master = hash('sha512', seed);
  const data = new Uint8Array(32 + suffix.length);
  data.set(master.subarray(0, 32));
  data.set(suffix, 32);
  const derived = hmac(hash, 'sha512', master.subarray(32), data);
  master.fill(0);
  data.fill(0);
  return derived.slice(0, RAW_PRIVATE_KEY_BYTES);
}

/** A private key of a key file in its parts. */
export interface PrivateKeyParts {
  readonly curve: Curve;
  readonly origin: Origin;
  /** 32 bytes, a view of the input. */
  readonly raw: Uint8Array;
}

/**
 * Takes a private key apart: curve id, origin id, 32 raw bytes.
 *
 * @throws {@link CryptoError} `INVALID_KEY` for another length or unknown ids, `UNSUPPORTED_CURVE` for bls.
 */
export function parsePrivateKey(privateKey: Uint8Array): PrivateKeyParts {
  const [curveId = -1, originId = -1] = privateKey;
  const curve = curveId === CURVE_IDS.bls ? 'bls' : CURVES[curveId];
  const origin = ORIGINS[originId];
  if (curve === undefined || origin === undefined) {
    throw new CryptoError('INVALID_KEY', 'not a private key: its first two bytes are no curve id and origin id');
  }
  const supported = requireCurve(curve);
  if (privateKey.length !== PRIVATE_KEY_BYTES) {
    const message = `not a private key: ${privateKey.length} bytes, expected ${PRIVATE_KEY_BYTES}`;
    throw new CryptoError('INVALID_KEY', message);
  }
  return { curve: supported, origin, raw: privateKey.subarray(KEY_PREFIX_BYTES) };
}

/** Lends the raw private half of `keyPair` to `use`: 32 bytes, overwritten when it returns. */
export function useRawPrivateKey<T>(keyPair: KeyPair, use: (raw: Uint8Array) => T): T {
  const privateKey = keyPair.exportPrivateKey();
  try {
    return use(privateKey.subarray(KEY_PREFIX_BYTES));
  } finally {
    privateKey.fill(0);
  }
}

function indexBytes(index: number): Uint8Array {
  if (!Number.isInteger(index) || index < 0 || index > 0xffff_ffff) {
    throw new RangeError(`key index is ${index}: expected an integer from 0 to ${0xffff_ffff}`);
  }
  return Uint8Array.of(index >>> 24, index >>> 16, index >>> 8, index);
}
