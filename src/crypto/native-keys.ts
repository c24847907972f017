/**
 * Raw keys in and out of `node:crypto`, each imported once. Called by `native-engine.ts` only.
 *
 * Keys are always imported, never made by `generateKeyPairSync`: on Node 20 exporting a generated key as JWK can block
 * for ever, when the garbage collector runs inside the export and frees the job that made the key. JWK is the fast way in
 * (9 us for an X25519 key, DER 160 and more on OpenSSL 3.0).
 *
 * The ECDSA curves agree through an ECDH object, which takes points as they are on the wire; importing each ephemeral
 * point as a key would cost as much as the agreement.
 */
import type * as NodeCrypto from 'node:crypto';
import { isAcceptableEd25519Key, x25519PrivateOf, x25519PublicOf } from './edwards.ts';
import type { X25519Secret } from './engine.ts';
import type { Hash } from './hmac.ts';
import { type Curve, isEcdsaCurve, type KeyPair, type PublicKey } from './keys.ts';
import type { EphemeralAgreement } from './primitives.ts';
import { useRawPrivateKey } from './private-key.ts';

type Okp = 'Ed25519' | 'X25519';
type EcdsaCurve = 'secp256r1' | 'secp256k1';

/** A way to import the private key `raw` of `crv`; throws where the host does not know it. */
type PrivateImport = (crv: Okp, raw: Uint8Array) => NodeCrypto.KeyObject;

/** What has been imported of a remote's key; null marks a key that does not import. */
interface RemoteKeys {
  verifying?: NodeCrypto.KeyObject | null;
  agreeing?: NodeCrypto.KeyObject;
}

/** What has been imported of an own key. */
interface OwnKeys {
  signing?: NodeCrypto.KeyObject;
  x25519?: NodeCrypto.KeyObject;
  ecdh?: NodeCrypto.ECDH;
}

const ECDH_NAMES: Readonly<Record<EcdsaCurve, string>> = { secp256r1: 'prime256v1', secp256k1: 'secp256k1' };
const JWK_NAMES: Readonly<Record<EcdsaCurve, string>> = { secp256r1: 'P-256', secp256k1: 'secp256k1' };
// RFC 8410 §7: a PKCS#8 frame around 32 bytes; only the object identifier differs (1.3.101.110 and .112).
const PKCS8_HEAD = { X25519: '302e020100300506032b656e04220420', Ed25519: '302e020100300506032b657004220420' } as const;
// Any 32 bytes: a key to try out a way of importing with.
const TRIAL_PRIVATE = new Uint8Array(32).fill(7);

/** The imported keys of one engine. @internal */
export class NativeKeys {
  readonly #crypto: typeof NodeCrypto;
  readonly #hash: Hash;
  readonly #remotes = new WeakMap<PublicKey, RemoteKeys>();
  readonly #owns = new WeakMap<KeyPair, OwnKeys>();
  readonly #importOkpPrivate: PrivateImport;

  constructor(crypto: typeof NodeCrypto, hash: Hash) {
    this.#crypto = crypto;
    this.#hash = hash;
    this.#importOkpPrivate = this.#choosePrivateImport();
  }

  /** The raw public key of a raw private key in range. */
  publicKeyOf(curve: Curve, raw: Uint8Array): Uint8Array {
    if (curve === 'ed25519') return this.#publicOfOkp(this.#importOkpPrivate('Ed25519', raw));
    const ecdh = this.#ecdhOf(curve, raw);
    return Uint8Array.from(ecdh.getPublicKey());
  }

  /** The key to sign with. */
  signingKey(keyPair: KeyPair): NodeCrypto.KeyObject {
    const own = this.#ownOf(keyPair);
    own.signing ??= useRawPrivateKey(keyPair, (raw) => {
      const { curve, publicKey } = keyPair;
      const jwk = { ...publicJwk(curve, publicKey.raw), d: base64url(raw) };
      return this.#crypto.createPrivateKey({ key: jwk, format: 'jwk' });
    });
    return own.signing;
  }

  /** The key to verify with, or `undefined` for one that no signature is by: off its curve or of small order. */
  verifyingKey(publicKey: PublicKey): NodeCrypto.KeyObject | undefined {
    const remote = this.#remoteOf(publicKey);
    if (remote.verifying === undefined) remote.verifying = this.#importVerifying(publicKey) ?? null;
    return remote.verifying ?? undefined;
  }

  /** X25519 with a remote's ed25519 key. Throws for a key that has no X25519 key. */
  agreeX25519(recipient: PublicKey, ephemeralPrivate: Uint8Array): EphemeralAgreement {
    const remote = this.#remoteOf(recipient);
    remote.agreeing ??= this.#importX25519Public(x25519PublicOf(recipient.raw));
    const privateKey = this.#importOkpPrivate('X25519', ephemeralPrivate);
    return {
      ephemeralPublic: this.#publicOfOkp(privateKey),
      sharedSecret: this.#crypto.diffieHellman({ privateKey, publicKey: remote.agreeing }),
    };
  }

  /** ECDH with a remote's point; the secret keeps its leading zeros. Throws for a point off the curve. */
  agreeEcdh(recipient: PublicKey, ephemeralPrivate: Uint8Array): EphemeralAgreement {
    const ecdh = this.#ecdhOf(recipient.curve as EcdsaCurve, ephemeralPrivate);
    return { ephemeralPublic: ecdh.getPublicKey(), sharedSecret: ecdh.computeSecret(recipient.raw) };
  }

  /** ECDH of an own key with an ephemeral one. Throws for a point off the curve and for an all-zero secret. */
  agreeAsRecipient(keyPair: KeyPair, ephemeralPublic: Uint8Array): Uint8Array {
    const own = this.#ownOf(keyPair);
    const { curve } = keyPair;
    if (curve !== 'ed25519') {
      own.ecdh ??= useRawPrivateKey(keyPair, (raw) => this.#ecdhOf(curve, raw));
      return own.ecdh.computeSecret(ephemeralPublic);
    }
    own.x25519 ??= useRawPrivateKey(keyPair, (raw) =>
      this.#importOkpPrivate('X25519', x25519PrivateOf(this.#hash, raw)),
    );
    return this.#crypto.diffieHellman({
      privateKey: own.x25519,
      publicKey: this.#importX25519Public(ephemeralPublic),
    });
  }

  /** An X25519 private key and what it agrees on. */
  x25519(privateKey: Uint8Array): X25519Secret {
    const key = this.#importOkpPrivate('X25519', privateKey);
    return {
      publicKey: Uint8Array.from(this.#publicOfOkp(key)),
      agree: (remotePublic) =>
        Uint8Array.from(
          this.#crypto.diffieHellman({ privateKey: key, publicKey: this.#importX25519Public(remotePublic) }),
        ),
    };
  }

  /** A raw ed25519 key to verify with, of whatever order; not kept. Throws for a key that is off the curve. */
  rawVerifyingKey(raw: Uint8Array): NodeCrypto.KeyObject {
    return this.#crypto.createPublicKey({ key: publicJwk('ed25519', raw), format: 'jwk' });
  }

  #importVerifying(publicKey: PublicKey): NodeCrypto.KeyObject | undefined {
    const { curve, raw } = publicKey;
    if (curve === 'bls' || (curve === 'ed25519' && !isAcceptableEd25519Key(raw))) return undefined;
    try {
      return this.#crypto.createPublicKey({ key: publicJwk(curve, raw), format: 'jwk' });
    } catch {
      return undefined; // not on its curve
    }
  }

  #importX25519Public(raw: Uint8Array): NodeCrypto.KeyObject {
    return this.#crypto.createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: base64url(raw) }, format: 'jwk' });
  }

  #publicOfOkp(privateKey: NodeCrypto.KeyObject): Uint8Array {
    return Buffer.from(privateKey.export({ format: 'jwk' }).x as string, 'base64url');
  }

  #ecdhOf(curve: EcdsaCurve, raw: Uint8Array): NodeCrypto.ECDH {
    const ecdh = this.#crypto.createECDH(ECDH_NAMES[curve]);
    ecdh.setPrivateKey(raw);
    return ecdh;
  }

  #remoteOf(publicKey: PublicKey): RemoteKeys {
    let remote = this.#remotes.get(publicKey);
    if (remote === undefined) {
      remote = {};
      this.#remotes.set(publicKey, remote);
    }
    return remote;
  }

  #ownOf(keyPair: KeyPair): OwnKeys {
    let own = this.#owns.get(keyPair);
    if (own === undefined) {
      own = {};
      this.#owns.set(keyPair, own);
    }
    return own;
  }

  /**
   * How this host imports a private key without its public half: as JWK (Node 20 to 24 do not look at `x`), as raw bytes
   * (Node 26, which does), else as PKCS#8 (everywhere, but 650 us on OpenSSL 3.0).
   */
  #choosePrivateImport(): PrivateImport {
    const crypto = this.#crypto;
    const jwk: PrivateImport = (crv, raw) =>
      crypto.createPrivateKey({ key: { kty: 'OKP', crv, d: base64url(raw), x: '' }, format: 'jwk' });
    const rawPrivate: PrivateImport = (crv, raw) => {
      const input = { key: raw, format: 'raw-private', asymmetricKeyType: crv.toLowerCase() };
      return crypto.createPrivateKey(input as unknown as NodeCrypto.PrivateKeyInput); // newer than the typings
    };
    const pkcs8: PrivateImport = (crv, raw) => {
      const key = Buffer.concat([Buffer.from(PKCS8_HEAD[crv], 'hex'), raw]);
      const privateKey = crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
      key.fill(0);
      return privateKey;
    };
    const expected = this.#publicOfOkp(pkcs8('X25519', TRIAL_PRIVATE));
    for (const candidate of [jwk, rawPrivate]) {
      try {
        if (Buffer.compare(this.#publicOfOkp(candidate('X25519', TRIAL_PRIVATE)), expected) === 0) return candidate;
      } catch {
        // not on this host
      }
    }
    return pkcs8;
  }
}

function publicJwk(curve: Curve, raw: Uint8Array): NodeCrypto.JsonWebKey {
  if (!isEcdsaCurve(curve)) return { kty: 'OKP', crv: 'Ed25519', x: base64url(raw) };
  return { kty: 'EC', crv: JWK_NAMES[curve], x: base64url(raw.subarray(1, 33)), y: base64url(raw.subarray(33)) };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}
