/**
 * An engine out of primitives: argument checks, key making and the steps of ECIES, the same for every engine. Called by
 * `native-engine.ts`, `portable-engine.ts`, `sodium-engine.ts` and `calibrated-engine.ts` only.
 */
import { checkOneOf } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { HASH_ALGORITHMS } from './addresses.ts';
import { eciesOpen, eciesSealWith } from './ecies.ts';
import type { CryptoEngine, EngineChoices, FrameCipher, HashAlgorithm, KeyOptions, X25519Secret } from './engine.ts';
import { CryptoError } from './errors.ts';
import { CURVES, type Curve, KeyPair, ORIGINS, type Origin, PublicKey, requireCurve } from './keys.ts';
import type { Primitives } from './primitives.ts';
import {
  deriveRawPrivateKey,
  drawRawPrivateKey,
  isRawPrivateKey,
  parsePrivateKey,
  rawPrivateKeyOfSeed,
} from './private-key.ts';

/** Bytes of an X25519 key, of a raw ed25519 key and of a ChaCha20 key. */
const KEY_BYTES = 32;

/** The engine on `primitives`; `choices` tells what they have come to be made of. @internal */
export function buildEngine(primitives: Primitives, choices?: () => EngineChoices): CryptoEngine {
  return Object.freeze(new PrimitivesEngine(primitives, choices));
}

class PrimitivesEngine implements CryptoEngine {
  readonly name: CryptoEngine['name'];
  readonly #choices: (() => EngineChoices) | undefined;
  readonly #primitives: Primitives;

  constructor(primitives: Primitives, choices: (() => EngineChoices) | undefined) {
    this.name = primitives.name;
    this.#choices = choices;
    this.#primitives = primitives;
  }

  get choices(): EngineChoices | undefined {
    return this.#choices?.();
  }

  generateKeyPair(random: Random, options: KeyOptions = {}): KeyPair {
    const { curve, origin } = parseKeyOptions(options);
    return this.#keyPair(curve, origin, drawRawPrivateKey(curve, random));
  }

  keyPairFromSeed(seed: Uint8Array, options: KeyOptions = {}): KeyPair {
    requireBytes('seed', seed);
    const { curve, origin } = parseKeyOptions(options);
    return this.#keyPair(curve, origin, rawPrivateKeyOfSeed(this.#primitives.hash, seed));
  }

  deriveKeyPair(seed: Uint8Array, extra: number | Uint8Array, options: KeyOptions = {}): KeyPair {
    requireBytes('seed', seed);
    if (typeof extra !== 'number') requireBytes('extra', extra);
    const { curve, origin } = parseKeyOptions(options);
    return this.#keyPair(curve, origin, deriveRawPrivateKey(this.#primitives.hash, seed, extra));
  }

  keyPairFromPrivateKey(privateKey: Uint8Array): KeyPair {
    requireBytes('privateKey', privateKey);
    const { curve, origin, raw } = parsePrivateKey(privateKey);
    return this.#keyPair(curve, origin, raw);
  }

  hash(algorithm: HashAlgorithm, data: Uint8Array): Uint8Array {
    requireBytes('data', data);
    return this.#primitives.hash(checkOneOf('algorithm', algorithm, HASH_ALGORITHMS), data);
  }

  sign(keyPair: KeyPair, data: Uint8Array): Uint8Array {
    requireBytes('data', data);
    return this.#primitives.sign(keyPair, data);
  }

  verify(publicKey: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
    requireBytes('data', data);
    requireBytes('signature', signature);
    requireCurve(publicKey.curve);
    return this.#primitives.verify(publicKey, data, signature);
  }

  eciesSeal(recipient: PublicKey, plaintext: Uint8Array, random: Random): Uint8Array {
    requireBytes('plaintext', plaintext);
    const ephemeralPrivate = drawRawPrivateKey(requireCurve(recipient.curve), random);
    const sealed = eciesSealWith(this.#primitives, recipient, plaintext, ephemeralPrivate);
    ephemeralPrivate.fill(0);
    return sealed;
  }

  eciesOpen(keyPair: KeyPair, sealed: Uint8Array): Uint8Array {
    requireBytes('sealed', sealed);
    return eciesOpen(this.#primitives, keyPair, sealed);
  }

  x25519(privateKey: Uint8Array): X25519Secret {
    requireLength('privateKey', privateKey, KEY_BYTES);
    const secret = this.#primitives.x25519(privateKey);
    return { publicKey: secret.publicKey, agree: (remotePublic) => agreeX25519(secret, remotePublic) };
  }

  frameCipher(key: Uint8Array): FrameCipher {
    requireLength('key', key, KEY_BYTES);
    return this.#primitives.frameCipher(key);
  }

  verifyZip215(rawPublicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
    requireBytes('rawPublicKey', rawPublicKey);
    requireBytes('data', data);
    requireBytes('signature', signature);
    if (rawPublicKey.length !== KEY_BYTES || signature.length !== 64) return false;
    return this.#primitives.verifyZip215(rawPublicKey, data, signature);
  }

  #keyPair(curve: Curve, origin: Origin, raw: Uint8Array): KeyPair {
    if (!isRawPrivateKey(curve, raw)) {
      throw new CryptoError('INVALID_KEY', `not a ${curve} private key: the scalar is not from 1 to n - 1`);
    }
    const publicKey = PublicKey.of(curve, origin, this.#primitives.publicKeyOf(curve, raw));
    return KeyPair.fromHalves(publicKey, raw);
  }
}

function parseKeyOptions(options: KeyOptions): { readonly curve: Curve; readonly origin: Origin } {
  return {
    curve: checkOneOf('curve', options.curve ?? 'ed25519', CURVES),
    origin: checkOneOf('origin', options.origin ?? 'software', ORIGINS),
  };
}

function requireBytes(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} is no Uint8Array but ${typeof value}`);
}

function requireLength(name: string, value: Uint8Array, length: number): void {
  requireBytes(name, value);
  if (value.length !== length) throw new RangeError(`${name} has ${value.length} bytes: expected ${length}`);
}

/** Differs from CometBFT before the key agreement only in that a key of another length than 32 bytes is refused. */
function agreeX25519(secret: X25519Secret, remotePublic: Uint8Array): Uint8Array {
  requireBytes('remotePublic', remotePublic);
  if (remotePublic.length !== KEY_BYTES) {
    throw new CryptoError('INVALID_KEY', `an X25519 key of ${remotePublic.length} bytes: expected ${KEY_BYTES}`);
  }
  let shared: Uint8Array | undefined;
  try {
    shared = secret.agree(remotePublic);
  } catch {
    // Said below in one way for all reasons; the host's error could hold anything.
  }
  if (shared?.some((byte) => byte !== 0) !== true) {
    throw new CryptoError('INVALID_KEY', 'an X25519 key is a point of low order');
  }
  return shared;
}
