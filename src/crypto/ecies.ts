/**
 * ECIES as Archethic does it: ECDH with a fresh ephemeral key, three hashes, AES-256-GCM. Differs from the textbook in
 * that the iv has 32 bytes (so it goes through GHASH) and the tag comes before the ciphertext. The steps are here, the
 * arithmetic in the engine's primitives. `archethic-node crypto.ex ec_encrypt/2, ec_decrypt/2, derivate_secrets/1`.
 *
 * ```text
 * 0     n   ephemeral public key: 32 raw X25519 bytes, or an uncompressed point of 65; no curve or origin id
 * n     16  tag
 * n+16  …   ciphertext, as long as the plaintext
 * ```
 */
import { CryptoError } from './errors.ts';
import { type Hash, hmac } from './hmac.ts';
import { type Curve, type KeyPair, type PublicKey, requireCurve, UNCOMPRESSED_POINT } from './keys.ts';
import type { EphemeralAgreement, Primitives } from './primitives.ts';

/** Bytes of the tag of AES-GCM. */
export const ECIES_TAG_BYTES = 16;

/** Bytes of the ephemeral public key by curve of the recipient. */
export const EPHEMERAL_PUBLIC_KEY_BYTES: Readonly<Record<Curve, number>> = {
  ed25519: 32,
  secp256r1: 65,
  secp256k1: 65,
};

const IV_LABEL = Uint8Array.of(0x30); // "0"
const AES_KEY_LABEL = Uint8Array.of(0x31); // "1"

/** By how many bytes sealing for a key of `curve` makes a message longer: 48 for ed25519, else 81. */
export function eciesOverheadBytes(curve: Curve): number {
  return EPHEMERAL_PUBLIC_KEY_BYTES[curve] + ECIES_TAG_BYTES;
}

/** What follows from a shared secret; 32 bytes each. @internal */
export interface EciesSecrets {
  readonly prk: Uint8Array;
  readonly iv: Uint8Array;
  readonly aesKey: Uint8Array;
}

/** Derives iv and key. The key is made with the iv, not with the prk: not an implementation choice. @internal */
export function eciesSecrets(hash: Hash, sharedSecret: Uint8Array): EciesSecrets {
  const prk = hash('sha256', sharedSecret);
  const iv = hmac(hash, 'sha256', prk, IV_LABEL);
  const aesKey = hmac(hash, 'sha256', iv, AES_KEY_LABEL);
  return { prk, iv, aesKey };
}

/**
 * Seals with a given ephemeral private key, which must never be used twice: the same key means the same iv.
 *
 * @param ephemeralPrivate - 32 bytes, a raw X25519 key or a scalar in range.
 * @throws {@link CryptoError} `INVALID_KEY` when the recipient's point is off its curve or of small order,
 * `UNSUPPORTED_CURVE` for a bls key.
 * @internal
 */
export function eciesSealWith(
  primitives: Primitives,
  recipient: PublicKey,
  plaintext: Uint8Array,
  ephemeralPrivate: Uint8Array,
): Uint8Array {
  const ephemeralBytes = EPHEMERAL_PUBLIC_KEY_BYTES[requireCurve(recipient.curve)];
  const { ephemeralPublic, sharedSecret } = agree(primitives, recipient, ephemeralPrivate);
  const { prk, iv, aesKey } = eciesSecrets(primitives.hash, sharedSecret);
  const sealed = new Uint8Array(ephemeralBytes + ECIES_TAG_BYTES + plaintext.length);
  sealed.set(ephemeralPublic);
  primitives.aesGcmSeal(aesKey, iv, plaintext, sealed, ephemeralBytes);
  overwrite(sharedSecret, prk, iv, aesKey);
  return sealed;
}

/**
 * Opens sealed bytes; every failure is the same error.
 *
 * @throws {@link CryptoError} `DECRYPTION_FAILED`.
 * @internal
 */
export function eciesOpen(primitives: Primitives, keyPair: KeyPair, sealed: Uint8Array): Uint8Array {
  const plaintext = tryOpen(primitives, keyPair, sealed);
  if (plaintext !== undefined) return plaintext;
  // Differs from our habit of setting a cause: which step failed is for nobody to know.
  throw new CryptoError('DECRYPTION_FAILED', `${sealed.length} sealed bytes do not open with key ${keyPair.publicKey}`);
}

function tryOpen(primitives: Primitives, keyPair: KeyPair, sealed: Uint8Array): Uint8Array | undefined {
  const ephemeralBytes = EPHEMERAL_PUBLIC_KEY_BYTES[keyPair.curve];
  const bodyAt = ephemeralBytes + ECIES_TAG_BYTES;
  if (sealed.length < bodyAt) return undefined;
  if (keyPair.curve !== 'ed25519' && sealed[0] !== UNCOMPRESSED_POINT) return undefined;
  try {
    const sharedSecret = primitives.agreeAsRecipient(keyPair, sealed.subarray(0, ephemeralBytes));
    const { prk, iv, aesKey } = eciesSecrets(primitives.hash, sharedSecret);
    overwrite(sharedSecret, prk);
    const plaintext = primitives.aesGcmOpen(
      aesKey,
      iv,
      sealed.subarray(ephemeralBytes, bodyAt),
      sealed.subarray(bodyAt),
    );
    overwrite(iv, aesKey);
    return plaintext;
  } catch {
    return undefined;
  }
}

function agree(primitives: Primitives, recipient: PublicKey, ephemeralPrivate: Uint8Array): EphemeralAgreement {
  try {
    return primitives.agreeAsEphemeral(recipient, ephemeralPrivate);
  } catch (error) {
    if (error instanceof CryptoError) throw error;
    // No cause: what a library says about a failed agreement may hold the ephemeral private key.
    throw new CryptoError('INVALID_KEY', `key ${recipient} of ${recipient.curve} cannot be sealed for`);
  }
}

function overwrite(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
