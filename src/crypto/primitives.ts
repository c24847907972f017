/**
 * What an engine must bring itself; `engine-core.ts` builds the rest on it, once for all engines. Nothing here is part
 * of the public API.
 */
import type { CryptoEngine, FrameCipher, HashAlgorithm, X25519Secret } from './engine.ts';
import type { Curve, KeyPair, PublicKey } from './keys.ts';

/** Bytes of the tag of ChaCha20-Poly1305. @internal */
export const FRAME_TAG_BYTES = 16;

/** A fresh ephemeral key's public half and what it shares with the recipient. @internal */
export interface EphemeralAgreement {
  /** 32 raw X25519 bytes or 65 bytes of an uncompressed point. */
  readonly ephemeralPublic: Uint8Array;
  /** 32 bytes, leading zeros kept; the caller overwrites it. */
  readonly sharedSecret: Uint8Array;
}

/** The operations in which engines differ. Arguments are checked by the caller. @internal */
export interface Primitives {
  readonly name: CryptoEngine['name'];
  hash(algorithm: HashAlgorithm, data: Uint8Array): Uint8Array;
  /** The raw public key of a raw private key that is in range. */
  publicKeyOf(curve: Curve, rawPrivateKey: Uint8Array): Uint8Array;
  sign(keyPair: KeyPair, data: Uint8Array): Uint8Array;
  /** The curve is supported; anything malformed is false. */
  verify(publicKey: PublicKey, data: Uint8Array, signature: Uint8Array): boolean;
  /**
   * ECDH of an ephemeral private key (32 bytes: a raw X25519 key for an ed25519 recipient, else a scalar in range) with
   * the recipient's key. Throws anything for a recipient that is off its curve or of small order.
   */
  agreeAsEphemeral(recipient: PublicKey, ephemeralPrivate: Uint8Array): EphemeralAgreement;
  /** ECDH with an ephemeral public key from the wire. Throws anything for a bad or low-order point. */
  agreeAsRecipient(keyPair: KeyPair, ephemeralPublic: Uint8Array): Uint8Array;
  /** AES-256-GCM, no associated data; writes the 16-byte tag at `tagAt` and the ciphertext right after it. */
  aesGcmSeal(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array, out: Uint8Array, tagAt: number): void;
  /** Opens `tag | ciphertext`. Throws anything when the tag is wrong. */
  aesGcmOpen(key: Uint8Array, iv: Uint8Array, tag: Uint8Array, ciphertext: Uint8Array): Uint8Array;
  /** Imports a private key of 32 bytes. `agree` gets 32 bytes and throws anything, or gives zeros, for a low-order point. */
  x25519(privateKey: Uint8Array): X25519Secret;
  /** Imports a key of 32 bytes. */
  frameCipher(key: Uint8Array): FrameCipher;
  /** Key and signature have 32 and 64 bytes; anything malformed is false. */
  verifyZip215(rawPublicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}
