/**
 * An engine out of primitives: argument checks, key making and the steps of ECIES, the same for every engine. Called by
 * `native-engine.ts` and `portable-engine.ts` only.
 */
import { checkOneOf } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { HASH_ALGORITHMS } from './addresses.ts';
import { eciesOpen, eciesSealWith } from './ecies.ts';
import type { CryptoEngine, HashAlgorithm, KeyOptions } from './engine.ts';
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

/** The engine on `primitives`. @internal */
export function buildEngine(primitives: Primitives): CryptoEngine {
  return Object.freeze(new PrimitivesEngine(primitives));
}

class PrimitivesEngine implements CryptoEngine {
  readonly name: CryptoEngine['name'];
  readonly #primitives: Primitives;

  constructor(primitives: Primitives) {
    this.name = primitives.name;
    this.#primitives = primitives;
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
