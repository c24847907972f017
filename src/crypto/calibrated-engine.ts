/**
 * The engine that is for each operation, by size, the fastest of those that the host has (`calibration.ts`). Which that is
 * shows in its `choices`; results do not depend on it, as engines are equal.
 *
 * Of one operation every step is done by one engine: an X25519 key agrees with the engine that imported it.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { checkInteger } from '../base/errors.ts';
import { CALIBRATION_MS_DEFAULT, CALIBRATION_MS_MAX, Calibration } from './calibration.ts';
import type { CryptoEngine, EngineOperation, FrameCipher, HashAlgorithm, X25519Secret } from './engine.ts';
import { buildEngine } from './engine-core.ts';
import type { Curve, KeyPair, PublicKey } from './keys.ts';
import { createNativePrimitives } from './native-engine.ts';
import { createPortablePrimitives } from './portable-engine.ts';
import { type EphemeralAgreement, FRAME_TAG_BYTES, type Primitives } from './primitives.ts';
import { createSodiumPrimitives } from './sodium-engine.ts';

/** Options of {@link createCalibratedEngine}. */
export interface CalibrationOptions {
  /** Measures; default the host's clock. */
  readonly clock?: Clock;
  /**
   * Time for trying one operation when it is first needed, whole ms from 0 to {@link CALIBRATION_MS_MAX}; default 2. With 0
   * nothing is tried and the sodium engine does all that it can, so that two runs never differ.
   */
  readonly budgetMs?: number;
}

/**
 * Makes one engine of those of this host: the sodium engine, if `sodium-native` is installed, and the native one, each for
 * what it is faster at. Where there is only one, it is that one and bears its name. The portable engine is the last resort
 * and not compared: it is slower at everything that takes long, and not made to take the same time for every key.
 *
 * @throws RangeError for a budget out of range.
 */
export function createCalibratedEngine(options: CalibrationOptions = {}): CryptoEngine {
  const native = createNativePrimitives();
  const sodium = createSodiumPrimitives(native);
  const engines = [sodium, native].filter((primitives) => primitives !== undefined);
  return calibratedEngineOf(engines.length > 0 ? engines : [createPortablePrimitives()], options);
}

/** {@link createCalibratedEngine} of given engines, the preferred one first. @internal */
export function calibratedEngineOf(engines: readonly Primitives[], options: CalibrationOptions = {}): CryptoEngine {
  const budgetMs = checkInteger('budgetMs', options.budgetMs ?? CALIBRATION_MS_DEFAULT, 0, CALIBRATION_MS_MAX);
  const [first, ...others] = engines;
  if (first === undefined) throw new RangeError('no engine to make a calibrated one of');
  if (others.length === 0) return buildEngine(first);
  const calibration = new Calibration([first, ...others], options.clock ?? systemClock, budgetMs);
  const primitives = new CalibratedPrimitives(first, (operation) => calibration.engineFor(operation));
  return buildEngine(primitives, () => calibration.choices);
}

/** The engine for an operation, always the same one. @internal */
export type Choose = (operation: EngineOperation) => Primitives;

/** The longest input that `64` and `1028` stand for in the name of an operation. */
const SMALL_BYTES_MAX = 256;
const MIDDLE_BYTES_MAX = 4096;

/** The class of a length, as in the names of operations. */
function classOf(length: number): 64 | 1028 | 16384 {
  if (length <= SMALL_BYTES_MAX) return 64;
  return length <= MIDDLE_BYTES_MAX ? 1028 : 16384;
}

/** The operations of a calibrated engine. @internal */
export class CalibratedPrimitives implements Primitives {
  readonly name = 'calibrated';
  readonly #first: Primitives;
  readonly #choose: Choose;
  // Kept, as the name of the operation need not be made and looked up each time.
  readonly #hashing = new Map<HashAlgorithm, Partial<Record<64 | 1028 | 16384, Primitives>>>();

  /** @param first - does what is not compared, in which engines are alike or pass it on. */
  constructor(first: Primitives, choose: Choose) {
    this.#first = first;
    this.#choose = choose;
  }

  readonly hash = (algorithm: HashAlgorithm, data: Uint8Array): Uint8Array => {
    if (algorithm !== 'sha256' && algorithm !== 'sha512' && algorithm !== 'blake2b') {
      return this.#first.hash(algorithm, data);
    }
    let byClass = this.#hashing.get(algorithm);
    if (byClass === undefined) {
      byClass = {};
      this.#hashing.set(algorithm, byClass);
    }
    const size = classOf(data.length);
    byClass[size] ??= this.#choose(`${algorithm}_${size}`);
    return byClass[size].hash(algorithm, data);
  };

  publicKeyOf(curve: Curve, raw: Uint8Array): Uint8Array {
    return this.#first.publicKeyOf(curve, raw);
  }

  sign(keyPair: KeyPair, data: Uint8Array): Uint8Array {
    return this.#engineOf(keyPair.curve, 'sign').sign(keyPair, data);
  }

  verify(publicKey: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
    return this.#engineOf(publicKey.curve, 'verify').verify(publicKey, data, signature);
  }

  verifyZip215(rawPublicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
    return this.#choose('verify').verifyZip215(rawPublicKey, data, signature);
  }

  agreeAsEphemeral(recipient: PublicKey, ephemeralPrivate: Uint8Array): EphemeralAgreement {
    return this.#engineOf(recipient.curve, 'x25519').agreeAsEphemeral(recipient, ephemeralPrivate);
  }

  agreeAsRecipient(keyPair: KeyPair, ephemeralPublic: Uint8Array): Uint8Array {
    return this.#engineOf(keyPair.curve, 'x25519').agreeAsRecipient(keyPair, ephemeralPublic);
  }

  aesGcmSeal(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array, out: Uint8Array, tagAt: number): void {
    this.#first.aesGcmSeal(key, iv, plaintext, out, tagAt);
  }

  aesGcmOpen(key: Uint8Array, iv: Uint8Array, tag: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    return this.#first.aesGcmOpen(key, iv, tag, ciphertext);
  }

  x25519(privateKey: Uint8Array): X25519Secret {
    return this.#choose('x25519').x25519(privateKey);
  }

  frameCipher(key: Uint8Array): FrameCipher {
    return new CalibratedFrameCipher(this.#choose, key.slice());
  }

  #engineOf(curve: PublicKey['curve'], operation: 'sign' | 'verify' | 'x25519'): Primitives {
    return curve === 'ed25519' ? this.#choose(operation) : this.#first;
  }
}

/** Imports its key into each engine when that is first needed: a connection's frames are mostly of one length. */
class CalibratedFrameCipher implements FrameCipher {
  readonly #choose: Choose;
  readonly #key: Uint8Array;
  readonly #ciphers = new Map<Primitives, FrameCipher>();
  #sealClass = 0;
  #sealing: FrameCipher | undefined;
  #openClass = 0;
  #opening: FrameCipher | undefined;

  constructor(choose: Choose, key: Uint8Array) {
    this.#choose = choose;
    this.#key = key;
  }

  seal(nonce: Uint8Array, plaintext: Uint8Array, target: Uint8Array, offset: number): void {
    const size = classOf(plaintext.length);
    if (size !== this.#sealClass || this.#sealing === undefined) {
      this.#sealing = this.#cipherOf(this.#choose(`seal_${size}`));
      this.#sealClass = size;
    }
    this.#sealing.seal(nonce, plaintext, target, offset);
  }

  open(nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const size = classOf(sealed.length - FRAME_TAG_BYTES);
    if (size !== this.#openClass || this.#opening === undefined) {
      this.#opening = this.#cipherOf(this.#choose(`open_${size}`));
      this.#openClass = size;
    }
    return this.#opening.open(nonce, sealed);
  }

  #cipherOf(engine: Primitives): FrameCipher {
    let cipher = this.#ciphers.get(engine);
    if (cipher === undefined) {
      cipher = engine.frameCipher(this.#key);
      this.#ciphers.set(engine, cipher);
    }
    return cipher;
  }
}
