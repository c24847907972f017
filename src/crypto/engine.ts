/**
 * The one door to cryptography: an engine computes with key objects and bytes, everything else of genmesh asks an
 * engine. There are three, equal byte for byte and verdict for verdict: `native-engine.ts` on the host's OpenSSL,
 * `portable-engine.ts` in plain JavaScript, `sodium-engine.ts` on libsodium where `sodium-native` is installed; and
 * `calibrated-engine.ts`, which is for each operation the one that was found to be fastest. `default-engine.ts` chooses.
 *
 * An engine draws no randomness of its own for keys and sealing: it takes a {@link Random}. The one exception is the
 * nonce of an ECDSA signature by the native engine, which OpenSSL draws itself; the portable engine derives it from key
 * and data (RFC 6979), so a run that must repeat byte for byte uses ed25519 or the portable engine.
 */
import type { Random } from '../base/random.ts';
import type { HashName } from '../codec/key-layout.ts';
import type { Curve, KeyPair, Origin, PublicKey } from './keys.ts';

/** A hash algorithm with an id on the wire. `blake2b` is BLAKE2b-512, `keccak256` the one before SHA-3's padding. */
export type HashAlgorithm = HashName;

/** The names of engines. */
export const ENGINE_NAMES = ['native', 'portable', 'sodium', 'calibrated'] as const;
/** Which implementation an engine is; `calibrated` is made of others. */
export type EngineName = (typeof ENGINE_NAMES)[number];

/**
 * The operations that a calibration compares: of ChaCha20-Poly1305 and the hashes by length in bytes, each standing for
 * lengths up to 256, up to 4096 and above; `x25519` for every agreement with ed25519 or X25519 keys; `sign` and `verify`
 * for ed25519, `verify` by both rules.
 */
export const ENGINE_OPERATIONS = [
  'seal_64',
  'seal_1028',
  'seal_16384',
  'open_64',
  'open_1028',
  'open_16384',
  'x25519',
  'sign',
  'verify',
  'sha256_64',
  'sha256_1028',
  'sha256_16384',
  'sha512_64',
  'sha512_1028',
  'sha512_16384',
  'blake2b_64',
  'blake2b_1028',
  'blake2b_16384',
] as const;
/** One operation that a calibration compares. */
export type EngineOperation = (typeof ENGINE_OPERATIONS)[number];

/** Which engine does what: those operations that were needed so far. */
export type EngineChoices = Readonly<Partial<Record<EngineOperation, EngineName>>>;

/** What kind of key to make. */
export interface KeyOptions {
  /** Default `ed25519`. */
  readonly curve?: Curve;
  /** Default `software`. */
  readonly origin?: Origin;
}

/** An X25519 private key that an engine has imported, for one key agreement. RFC 7748. */
export interface X25519Secret {
  /** Its public half, 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * The secret shared with the owner of `remotePublic`: 32 bytes, the caller overwrites them.
   *
   * @throws `CryptoError` `INVALID_KEY` for another length than 32 bytes and for a point of low order, whose shared
   *   secret is all zeros.
   */
  agree(remotePublic: Uint8Array): Uint8Array;
}

/** A ChaCha20-Poly1305 key that an engine has imported. RFC 8439 §2.8, without associated data. */
export interface FrameCipher {
  /**
   * Seals `plaintext` into `target`: the ciphertext at `offset`, the 16-byte tag behind it. The caller has made room.
   *
   * @param nonce - 12 bytes, never the same twice under one key.
   */
  seal(nonce: Uint8Array, plaintext: Uint8Array, target: Uint8Array, offset: number): void;
  /**
   * Opens ciphertext and tag.
   *
   * @returns the plaintext, which nobody else holds, or undefined when the tag is wrong. Its `buffer` may be longer and
   *   hold other plaintexts, as that of a Node Buffer: do not transfer it.
   */
  open(nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** Computes with keys and bytes. Every array it returns is the caller's; every array it takes is read, not kept. */
export interface CryptoEngine {
  /** Which implementation it is. */
  readonly name: EngineName;

  /** Which engine does what, of a calibrated engine only; grows as operations are needed for the first time. */
  readonly choices?: EngineChoices | undefined;

  /**
   * A new key pair out of 32 bytes of `random` (more when an ECDSA scalar falls out of its range).
   *
   * @throws RangeError when `random` gives no usable scalar in 64 draws, or for an unknown curve or origin.
   */
  generateKeyPair(random: Random, options?: KeyOptions): KeyPair;

  /**
   * The key pair of a seed: always the same one. A seed under 32 bytes is hashed (SHA-256), of a longer one the first 32
   * bytes count. `archethic-node crypto.ex generate_deterministic_keypair/3`.
   *
   * @throws `CryptoError` `INVALID_KEY` when the seed gives an ECDSA scalar out of range.
   */
  keyPairFromSeed(seed: Uint8Array, options?: KeyOptions): KeyPair;

  /**
   * The key pair number `extra` of a seed. `archethic-node crypto.ex derive_keypair/3`; a node's first key is number 0.
   *
   * @param extra - an index from 0 to 2^32 - 1, or bytes.
   * @throws `CryptoError` `INVALID_KEY` as {@link CryptoEngine.keyPairFromSeed}.
   * @throws RangeError for an index out of range.
   */
  deriveKeyPair(seed: Uint8Array, extra: number | Uint8Array, options?: KeyOptions): KeyPair;

  /**
   * The key pair of a private key as in a key file: curve id, origin id, 32 raw bytes (ed25519: the seed).
   *
   * @throws `CryptoError` `INVALID_KEY` for another length, unknown ids, an ECDSA scalar out of [1, n - 1];
   * `UNSUPPORTED_CURVE` for bls.
   */
  keyPairFromPrivateKey(privateKey: Uint8Array): KeyPair;

  /** The digest of `data`, 32 or 64 bytes, without an id. */
  hash(algorithm: HashAlgorithm, data: Uint8Array): Uint8Array;

  /** Signs `data`: 64 bytes for ed25519 (RFC 8032), 8 to 72 bytes of DER over SHA-256 for the ECDSA curves. */
  sign(keyPair: KeyPair, data: Uint8Array): Uint8Array;

  /**
   * Says whether `signature` is by `publicKey` over `data`. Malformed signatures and points off their curve are false,
   * never an exception.
   *
   * ed25519: no cofactor, R compared as bytes, S below the group order, the key in canonical form and not of small order.
   * ECDSA: the only DER form of (r, s), both in [1, n - 1], s in either half.
   *
   * @throws `CryptoError` `UNSUPPORTED_CURVE` for a bls key.
   */
  verify(publicKey: PublicKey, data: Uint8Array, signature: Uint8Array): boolean;

  /**
   * Seals `plaintext` for `recipient` with a fresh ephemeral key: `ephemeral public key | tag | ciphertext`, 48 bytes
   * longer for ed25519, 81 for the ECDSA curves. `archethic-node crypto.ex ec_encrypt/2`.
   *
   * @param plaintext - may be empty.
   * @throws `CryptoError` `INVALID_KEY` when the recipient's point is off its curve or of small order,
   * `UNSUPPORTED_CURVE` for a bls key.
   */
  eciesSeal(recipient: PublicKey, plaintext: Uint8Array, random: Random): Uint8Array;

  /**
   * Opens what was sealed for `keyPair`. `archethic-node crypto.ex ec_decrypt/2`.
   *
   * @throws `CryptoError` `DECRYPTION_FAILED`, the same for short input, a bad point, a low-order point, a wrong
   * key and changed bytes.
   */
  eciesOpen(keyPair: KeyPair, sealed: Uint8Array): Uint8Array;

  /**
   * Imports an X25519 private key.
   *
   * @param privateKey - 32 bytes, clamped where they are used; read, not kept.
   * @throws RangeError for another length.
   */
  x25519(privateKey: Uint8Array): X25519Secret;

  /**
   * Imports a ChaCha20-Poly1305 key.
   *
   * @param key - 32 bytes; read, not kept.
   * @throws RangeError for another length.
   */
  frameCipher(key: Uint8Array): FrameCipher;

  /**
   * Says whether `signature` is by a raw ed25519 key over `data` by the rules of ZIP-215, which CometBFT holds
   * signatures to: cofactored, any encoding of points on the curve, S below the group order. Everything that
   * {@link CryptoEngine.verify} passes passes here; keys of small order pass too. Malformed input is false.
   */
  verifyZip215(rawPublicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}
