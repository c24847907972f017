/**
 * Keys as values. A public key is what names a node; a key pair is a public key and a secret that only leaves it on
 * explicit demand. Neither computes anything: that is the business of an engine (`engine.ts`), which keeps what it has
 * imported of a key beside the key object. So hold on to key objects instead of parsing the same bytes again.
 *
 * Layout: curve id, origin id, raw key (`archethic-node crypto.ex`, `crypto/id.ex`).
 */
import { bytesEqual, bytesToHex, hexToBytes } from '../codec/hex.ts';
import { CURVE_IDS, KEY_PREFIX_BYTES, ORIGIN_IDS, parsePublicKey } from '../codec/key-layout.ts';
import { CryptoError } from './errors.ts';

/** The curves that engines compute with. */
export const CURVES = ['ed25519', 'secp256r1', 'secp256k1'] as const;
/** A curve that engines compute with. */
export type Curve = (typeof CURVES)[number];

/** Any curve a public key may be of; the layout of `bls` keys is known, nothing more. */
export type PublicKeyCurve = Curve | 'bls';

/** Where a private key lives, by id: it says nothing about the key's value. */
export const ORIGINS = ['on_chain_wallet', 'software', 'tpm', 'usb'] as const;
/** Where a private key lives. */
export type Origin = (typeof ORIGINS)[number];

/** Bytes of a private key: curve id, origin id, 32 raw bytes. */
export const PRIVATE_KEY_BYTES = 34;

/** First byte of an uncompressed point; other point formats are refused everywhere. */
export const UNCOMPRESSED_POINT = 0x04;

const CURVE_BY_ID: readonly PublicKeyCurve[] = [...CURVES, 'bls'];
const SHORT_DIGITS = 6;

/** The public key of a node or a service: immutable, comparable, printable. */
export class PublicKey {
  /** Curve of the key. */
  readonly curve: PublicKeyCurve;
  /** Where its private key is said to live. */
  readonly origin: Origin;
  /** Curve id, origin id, raw key. The key's own copy: treat it as read-only. */
  readonly bytes: Uint8Array;
  #hex: string | undefined;

  private constructor(curve: PublicKeyCurve, origin: Origin, bytes: Uint8Array) {
    this.curve = curve;
    this.origin = origin;
    this.bytes = bytes;
  }

  /**
   * The key in `key`, which is copied. Checks the layout, not that the point is on its curve: that takes an engine, and
   * shows when the key is used.
   *
   * @param key - curve id, origin id, raw key; as bytes or as hex digits of either case.
   * @throws {@link CryptoError} `INVALID_KEY` for an unknown curve or origin, a wrong length, or a point that is not in
   * the uncompressed form.
   */
  static parse(key: Uint8Array | string): PublicKey {
    try {
      const bytes = typeof key === 'string' ? hexToBytes(key) : Uint8Array.from(key);
      const { curveId, originId, raw } = parsePublicKey(bytes);
      const curve = CURVE_BY_ID[curveId]!;
      const origin = ORIGINS[originId];
      if (origin === undefined) throw new RangeError(`origin id ${originId} is not from 0 to ${ORIGINS.length - 1}`);
      if (isEcdsaCurve(curve) && raw[0] !== UNCOMPRESSED_POINT) {
        throw new RangeError(`a ${curve} key begins with ${raw[0]}: expected 4, an uncompressed point`);
      }
      return new PublicKey(curve, origin, bytes);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CryptoError('INVALID_KEY', `not a public key: ${reason}`, { cause: error });
    }
  }

  /**
   * The key with these parts.
   *
   * @param raw - 32 bytes for ed25519, 65 for the ECDSA curves; copied.
   * @throws {@link CryptoError} `INVALID_KEY` as {@link PublicKey.parse}.
   */
  static of(curve: PublicKeyCurve, origin: Origin, raw: Uint8Array): PublicKey {
    const bytes = new Uint8Array(KEY_PREFIX_BYTES + raw.length);
    bytes[0] = curveIdOf(curve);
    bytes[1] = originIdOf(origin);
    bytes.set(raw, KEY_PREFIX_BYTES);
    return PublicKey.parse(bytes);
  }

  /** The key without its two ids; a view of {@link PublicKey.bytes}. */
  get raw(): Uint8Array {
    return this.bytes.subarray(KEY_PREFIX_BYTES);
  }

  /** The whole key in lower-case hex: what to use as the key of a map. */
  get hex(): string {
    this.#hex ??= bytesToHex(this.bytes);
    return this.#hex;
  }

  /** Says whether `other` is the same key, its ids included. */
  equals(other: PublicKey): boolean {
    return this === other || bytesEqual(this.bytes, other.bytes);
  }

  /** Six hex digits for people, as `8e1cd7..`: the first that tell keys apart, so neither ids nor the point's 04. */
  toString(): string {
    const start = 2 * (KEY_PREFIX_BYTES + (isEcdsaCurve(this.curve) ? 1 : 0));
    return `${this.hex.slice(start, start + SHORT_DIGITS)}..`;
  }

  /** The key in hex. */
  toJSON(): string {
    return this.hex;
  }

  static {
    defineInspection(PublicKey.prototype, (key) => `PublicKey(${key.curve} ${key.hex})`);
  }
}

/**
 * A public key and its secret. The secret is in a private field: it does not show in JSON, logs, inspection or errors,
 * and leaves only through {@link KeyPair.exportPrivateKey}. Engines make key pairs.
 */
export class KeyPair {
  /** The public half. */
  readonly publicKey: PublicKey;
  readonly #privateKey: Uint8Array;

  private constructor(publicKey: PublicKey, privateKey: Uint8Array) {
    this.publicKey = publicKey;
    this.#privateKey = privateKey;
  }

  /**
   * Joins halves that an engine has computed.
   *
   * @param rawPrivateKey - 32 bytes, copied: the seed of an ed25519 key, the scalar of an ECDSA key.
   * @internal
   */
  static fromHalves(publicKey: PublicKey, rawPrivateKey: Uint8Array): KeyPair {
    const privateKey = new Uint8Array(PRIVATE_KEY_BYTES);
    privateKey.set(publicKey.bytes.subarray(0, KEY_PREFIX_BYTES));
    privateKey.set(rawPrivateKey, KEY_PREFIX_BYTES);
    return new KeyPair(publicKey, privateKey);
  }

  /** Curve of both halves. */
  get curve(): Curve {
    return this.publicKey.curve as Curve;
  }

  /** Where the private half is said to live. */
  get origin(): Origin {
    return this.publicKey.origin;
  }

  /**
   * The secret, for a key file: curve id, origin id, 32 raw bytes. A fresh copy: the caller keeps it out of logs and
   * overwrites it when done.
   */
  exportPrivateKey(): Uint8Array {
    return this.#privateKey.slice();
  }

  /** The public half in short form. */
  toString(): string {
    return `KeyPair(${this.curve} ${this.publicKey})`;
  }

  /** The public half in hex; a key pair read back from JSON has no secret. */
  toJSON(): { readonly publicKey: string } {
    return { publicKey: this.publicKey.hex };
  }

  static {
    defineInspection(KeyPair.prototype, (pair) => `KeyPair(${pair.curve} ${pair.publicKey.hex})`);
  }
}

/** Says whether keys of `curve` are points of an ECDSA curve. */
export function isEcdsaCurve(curve: PublicKeyCurve): curve is 'secp256r1' | 'secp256k1' {
  return curve === 'secp256r1' || curve === 'secp256k1';
}

/** The id of a curve on the wire. */
export function curveIdOf(curve: PublicKeyCurve): number {
  return CURVE_IDS[curve];
}

/** The id of an origin on the wire. */
export function originIdOf(origin: Origin): number {
  return origin === 'on_chain_wallet' ? ORIGIN_IDS.onChainWallet : ORIGIN_IDS[origin];
}

/**
 * Narrows to the curves that engines compute with.
 *
 * @throws {@link CryptoError} `UNSUPPORTED_CURVE` for `bls`.
 */
export function requireCurve(curve: PublicKeyCurve): Curve {
  if (curve === 'bls') throw new CryptoError('UNSUPPORTED_CURVE', 'keys of curve bls (id 3) can be carried, not used');
  return curve;
}

/** What `console.log` and `util.inspect` show of an object; other hosts ignore it. */
function defineInspection<T extends object>(prototype: T, inspect: (value: T) => string): void {
  Object.defineProperty(prototype, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: T): string {
      return inspect(this);
    },
  });
}
