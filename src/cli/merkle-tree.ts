/**
 * The Merkle tree of CometBFT (`crypto/merkle/tree.go`, after RFC 6962 section 2.1), of which the hash of a block header
 * is the root.
 */
import type { CryptoEngine } from '../crypto/engine.ts';

/** Most leaves that are hashed in one call: a header has 14. */
export const MERKLE_LEAVES_MAX = 1_048_576;

/**
 * The root over `leaves` in order, 32 bytes: SHA-256 of nothing for none; `00 | leaf` for one; else `01 | left | right`, the
 * left side being the largest power of two that is less than all.
 *
 * @throws RangeError for more than {@link MERKLE_LEAVES_MAX} leaves.
 */
export function merkleRoot(engine: CryptoEngine, leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length > MERKLE_LEAVES_MAX) {
    throw new RangeError(`${leaves.length} leaves of a Merkle tree: at most ${MERKLE_LEAVES_MAX}`);
  }
  if (leaves.length === 0) return engine.hash('sha256', new Uint8Array(0));
  return rootOf(engine, leaves, 0, leaves.length);
}

function rootOf(engine: CryptoEngine, leaves: readonly Uint8Array[], start: number, end: number): Uint8Array {
  const count = end - start;
  if (count === 1) return engine.hash('sha256', joined(0, leaves[start] as Uint8Array));
  let left = 1;
  while (left * 2 < count) left *= 2;
  const roots = [rootOf(engine, leaves, start, start + left), rootOf(engine, leaves, start + left, end)] as const;
  return engine.hash('sha256', joined(1, ...roots));
}

function joined(prefix: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(1 + parts.reduce((size, part) => size + part.length, 0));
  bytes[0] = prefix;
  let at = 1;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
