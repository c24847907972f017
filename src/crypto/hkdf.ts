/** HKDF-SHA256 over the hash of any engine. RFC 5869. */
import { type Hash, hmac } from './hmac.ts';

/** Longest output, in bytes: 255 blocks. Not an implementation choice: RFC 5869 §2.3. */
export const HKDF_BYTES_MAX = 8160;

const DIGEST_BYTES = 32;

/**
 * Derives `length` bytes from a secret; the caller overwrites them when done.
 *
 * @param salt - empty for none.
 * @param length - 0 to {@link HKDF_BYTES_MAX}.
 * @throws RangeError for another length.
 */
export function hkdfSha256(
  hash: Hash,
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  if (!Number.isInteger(length) || length < 0 || length > HKDF_BYTES_MAX) {
    throw new RangeError(`HKDF output of ${length} bytes: 0 to ${HKDF_BYTES_MAX} allowed`);
  }
  const prk = hmac(hash, 'sha256', salt, secret);
  const output = new Uint8Array(length);
  let block = new Uint8Array(0);
  for (let used = 0, counter = 1; used < length; used += DIGEST_BYTES, counter += 1) {
    const input = new Uint8Array(block.length + info.length + 1);
    input.set(block);
    input.set(info, block.length);
    input[input.length - 1] = counter;
    block = new Uint8Array(hmac(hash, 'sha256', prk, input));
    output.set(block.subarray(0, length - used), used);
    input.fill(0);
  }
  block.fill(0);
  prk.fill(0);
  return output;
}
