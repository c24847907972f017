/** Digests and addresses: what a hash and a public key are called on the wire. `archethic-node crypto.ex`. */
import { ADDRESS_PREFIX_BYTES, HASH_IDS } from '../codec/key-layout.ts';
import type { CryptoEngine, HashAlgorithm } from './engine.ts';
import { curveIdOf, type PublicKey } from './keys.ts';

/** Every hash algorithm with an id, in the order of ids (0 to 5). */
export const HASH_ALGORITHMS: readonly HashAlgorithm[] = [
  'sha256',
  'sha512',
  'sha3_256',
  'sha3_512',
  'blake2b',
  'keccak256',
];

/** The hash of `data` with its algorithm id before it: 33 or 65 bytes. `archethic-node crypto.ex hash/2`. */
export function hashDigest(engine: CryptoEngine, data: Uint8Array, algorithm: HashAlgorithm = 'sha256'): Uint8Array {
  const hash = engine.hash(algorithm, data);
  const digest = new Uint8Array(1 + hash.length);
  digest[0] = HASH_IDS[algorithm];
  digest.set(hash, 1);
  return digest;
}

/**
 * The address of a public key: curve id, hash id, hash of the whole key; 34 or 66 bytes.
 * `archethic-node crypto.ex derive_address/2`.
 */
export function addressOf(engine: CryptoEngine, publicKey: PublicKey, algorithm: HashAlgorithm = 'sha256'): Uint8Array {
  const hash = engine.hash(algorithm, publicKey.bytes);
  const address = new Uint8Array(ADDRESS_PREFIX_BYTES + hash.length);
  address[0] = curveIdOf(publicKey.curve);
  address[1] = HASH_IDS[algorithm];
  address.set(hash, ADDRESS_PREFIX_BYTES);
  return address;
}
