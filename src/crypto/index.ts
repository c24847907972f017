/**
 * `genmesh/crypto`: keys, signatures, digests, ECIES and signed message envelops, on the host's cryptography or without
 * it. Pure: randomness comes in as an argument.
 */
export { addressOf, HASH_ALGORITHMS, hashDigest } from './addresses.ts';
export { type CalibrationOptions, createCalibratedEngine } from './calibrated-engine.ts';
export { CALIBRATION_MS_DEFAULT, CALIBRATION_MS_MAX } from './calibration.ts';
export { defaultEngine, engineNamed } from './default-engine.ts';
export { ECIES_TAG_BYTES, EPHEMERAL_PUBLIC_KEY_BYTES, eciesOverheadBytes } from './ecies.ts';
export {
  type CryptoEngine,
  ENGINE_NAMES,
  ENGINE_OPERATIONS,
  type EngineChoices,
  type EngineName,
  type EngineOperation,
  type FrameCipher,
  type HashAlgorithm,
  type KeyOptions,
  type X25519Secret,
} from './engine.ts';
export { CRYPTO_ERROR_CODES, CryptoError, type CryptoErrorCode } from './errors.ts';
export { HKDF_BYTES_MAX, hkdfSha256 } from './hkdf.ts';
export type { Hash } from './hmac.ts';
export {
  CURVES,
  type Curve,
  KeyPair,
  ORIGINS,
  type Origin,
  PRIVATE_KEY_BYTES,
  PublicKey,
  type PublicKeyCurve,
} from './keys.ts';
export { MerlinTranscript, TRANSCRIPT_CHALLENGE_BYTES_MAX } from './merlin.ts';
export { createNativeEngine } from './native-engine.ts';
export { formatNodeKey, nodeIdOf, parseNodeKey } from './node-key.ts';
export { createPortableEngine } from './portable-engine.ts';
export {
  type OpenedEnvelop,
  type OpenOptions,
  openMessageEnvelop,
  PUBLIC_KEY_CACHE_CAPACITY_DEFAULT,
  PUBLIC_KEY_CACHE_CAPACITY_MAX,
  PublicKeyCache,
  type SealOptions,
  sealMessageEnvelop,
} from './sealed-envelop.ts';
export {
  FrameOpener,
  FrameSealer,
  SEALED_FRAME_BYTES,
  SECRET_FRAME_DATA_BYTES_MAX,
  sealedFramesBytes,
} from './secret-frames.ts';
export { deriveSecretKeys, SecretAgreement, SecretHandshake, type SecretKeys } from './secret-handshake.ts';
export { createSodiumEngine } from './sodium-engine.ts';
