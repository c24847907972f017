/**
 * How public keys, addresses and digests are laid out: each begins with ids from which its length follows, so none has a
 * length field on the wire (`archethic-node utils.ex deserialize_public_key/1, deserialize_address/1`). Ids and sizes
 * only; what they mean is the business of `crypto`.
 */
import { CodecError } from './errors.ts';

/** Curve ids: byte 0 of a public key and of an address. `archethic-node crypto/id.ex`. */
export const CURVE_IDS = { ed25519: 0, secp256r1: 1, secp256k1: 2, bls: 3 } as const;

/** Name of a curve. */
export type CurveName = keyof typeof CURVE_IDS;

/** Origin ids: byte 1 of a public key, where its private part lives. `archethic-node crypto/id.ex`. */
export const ORIGIN_IDS = { onChainWallet: 0, software: 1, tpm: 2, usb: 3 } as const;

/** Name of an origin. */
export type OriginName = keyof typeof ORIGIN_IDS;

/** Hash ids: byte 1 of an address, byte 0 of a digest. `archethic-node crypto/id.ex`. */
export const HASH_IDS = { sha256: 0, sha512: 1, sha3_256: 2, sha3_512: 3, blake2b: 4, keccak256: 5 } as const;

/** Name of a hash algorithm. */
export type HashName = keyof typeof HASH_IDS;

/** Bytes before the raw part of a public key: curve id and origin id. */
export const KEY_PREFIX_BYTES = 2;

/** Bytes before the digest of an address: curve id and hash id. */
export const ADDRESS_PREFIX_BYTES = 2;

/** Bytes of the shortest public key and of the shortest address: two ids and 32 bytes. */
export const KEY_OR_ADDRESS_BYTES_MIN = 34;

// By curve id. ECDSA keys are uncompressed points: 04, X, Y.
const RAW_KEY_BYTES: readonly number[] = [32, 65, 65, 48];
// By hash id.
const DIGEST_BYTES: readonly number[] = [32, 64, 32, 64, 64, 32];

/**
 * Bytes of a raw public key: 32, 65, 65 or 48.
 *
 * @throws {@link CodecError} `UNKNOWN_CURVE` for an id that is no curve.
 */
export function rawKeyBytes(curveId: number): number {
  const bytes = RAW_KEY_BYTES[curveId];
  if (bytes === undefined) throw new CodecError('UNKNOWN_CURVE', `curve id ${curveId} is not from 0 to 3`);
  return bytes;
}

/**
 * Bytes of a digest: 32 or 64.
 *
 * @throws {@link CodecError} `UNKNOWN_HASH` for an id that is no hash algorithm.
 */
export function digestBytes(hashId: number): number {
  const bytes = DIGEST_BYTES[hashId];
  if (bytes === undefined) throw new CodecError('UNKNOWN_HASH', `hash id ${hashId} is not from 0 to 5`);
  return bytes;
}

/** A public key in its parts; `raw` is a view of the input. */
export interface PublicKeyParts {
  readonly curveId: number;
  readonly originId: number;
  readonly raw: Uint8Array;
}

/**
 * Takes a public key apart. The origin id is not checked: upstream does not either.
 *
 * @throws {@link CodecError} `TRUNCATED` when it is shorter than its curve asks, `INVALID_VALUE` when it is longer,
 * `UNKNOWN_CURVE`.
 */
export function parsePublicKey(key: Uint8Array): PublicKeyParts {
  const rawBytes = parseLength(key, 'a public key', 0, rawKeyBytes);
  return { curveId: key[0]!, originId: key[1]!, raw: key.subarray(KEY_PREFIX_BYTES, KEY_PREFIX_BYTES + rawBytes) };
}

/** An address in its parts; `digest` is a view of the input. */
export interface AddressParts {
  readonly curveId: number;
  readonly hashId: number;
  readonly digest: Uint8Array;
}

/**
 * Takes an address apart. The curve id is not checked: upstream does not either.
 *
 * @throws {@link CodecError} `TRUNCATED` when it is shorter than its hash asks, `INVALID_VALUE` when it is longer,
 * `UNKNOWN_HASH`.
 */
export function parseAddress(address: Uint8Array): AddressParts {
  const bytes = parseLength(address, 'an address', 1, digestBytes);
  return {
    curveId: address[0]!,
    hashId: address[1]!,
    digest: address.subarray(ADDRESS_PREFIX_BYTES, ADDRESS_PREFIX_BYTES + bytes),
  };
}

function parseLength(bytes: Uint8Array, what: string, idIndex: number, sizeOf: (id: number) => number): number {
  if (bytes.length < 2) throw new CodecError('TRUNCATED', `${what} has ${bytes.length} bytes: expected at least 2`);
  const size = sizeOf(bytes[idIndex]!);
  if (bytes.length !== 2 + size) {
    const code = bytes.length < 2 + size ? 'TRUNCATED' : 'INVALID_VALUE';
    throw new CodecError(code, `${what} has ${bytes.length} bytes: expected ${2 + size} by its ids`);
  }
  return size;
}
