/** HMAC over any hash an engine gives: one code for both engines. RFC 2104. */
import type { HashAlgorithm } from './engine.ts';

/** Computes a digest: `CryptoEngine.hash`. */
export type Hash = (algorithm: HashAlgorithm, data: Uint8Array) => Uint8Array;

// Bytes of a compression block, FIPS 180-4 §1.
const BLOCK_BYTES = { sha256: 64, sha512: 128 } as const;

/**
 * The authentication code of `data` under `key`, 32 or 64 bytes.
 *
 * @param key - any length; more than a block is hashed first.
 */
export function hmac(hash: Hash, algorithm: 'sha256' | 'sha512', key: Uint8Array, data: Uint8Array): Uint8Array {
  const blockBytes = BLOCK_BYTES[algorithm];
  const block = key.length > blockBytes ? hash(algorithm, key) : key;
  const inner = new Uint8Array(blockBytes + data.length).fill(0x36, 0, blockBytes);
  const outer = new Uint8Array(blockBytes + (algorithm === 'sha256' ? 32 : 64)).fill(0x5c, 0, blockBytes);
  for (let i = 0; i < block.length; i += 1) {
    inner[i] = 0x36 ^ block[i]!;
    outer[i] = 0x5c ^ block[i]!;
  }
  inner.set(data, blockBytes);
  outer.set(hash(algorithm, inner), blockBytes);
  const code = hash(algorithm, outer);
  inner.fill(0);
  outer.fill(0);
  return code;
}
