/** What goes wrong with keys, signatures and sealed bytes: one class, a closed list of codes. */
import { CodedError } from '../base/errors.ts';

/** Every code of {@link CryptoError}. */
export const CRYPTO_ERROR_CODES = [
  /** Bytes that are no key: wrong length, unknown id, a point that is not on its curve, a scalar out of range. */
  'INVALID_KEY',
  /** A key of a curve whose layout is known but which no engine computes with (bls). */
  'UNSUPPORTED_CURVE',
  /** Sealed bytes that do not open, for whatever reason. */
  'DECRYPTION_FAILED',
  /** A signature that is not by the expected key over the received bytes. */
  'BAD_SIGNATURE',
  /** A counter of nonces at its end: one more would repeat a nonce under the same key. */
  'NONCE_EXHAUSTED',
] as const;

/** Why a key, a signature or sealed bytes are refused. */
export type CryptoErrorCode = (typeof CRYPTO_ERROR_CODES)[number];

/** An operating error or a remote fault of this layer. Its message never holds key material or payload. */
export class CryptoError extends CodedError<CryptoErrorCode> {}
