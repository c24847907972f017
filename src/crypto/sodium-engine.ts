/**
 * The engine on `sodium-native`, where that is installed: ChaCha20-Poly1305, X25519, ed25519, SHA-2 and BLAKE2b by
 * libsodium, the rest (ECDSA curves, AES-GCM with a 32-byte iv, SHA-3, Keccak) by the engine below it.
 *
 * Signatures: libsodium is stricter than both rules that an engine holds signatures to (R of small order, keys of small
 * order or not in canonical form are refused), so its "yes" stands and its "no" is decided by the engine below. That
 * "yes" is one without the cofactor only in versions that compare R as bytes; which rule the installed one follows is
 * tried out once, with a signature that holds only with the cofactor.
 */
import { hexToBytes } from '../codec/hex.ts';
import { verifyZip215, x25519PrivateOf, x25519PublicOf } from './edwards.ts';
import type { CryptoEngine, FrameCipher, HashAlgorithm, X25519Secret } from './engine.ts';
import { buildEngine } from './engine-core.ts';
import type { KeyPair, PublicKey } from './keys.ts';
import { createNativePrimitives } from './native-engine.ts';
import { createPortablePrimitives } from './portable-engine.ts';
import { type EphemeralAgreement, FRAME_TAG_BYTES, type Primitives } from './primitives.ts';
import { useRawPrivateKey } from './private-key.ts';
import { loadSodiumLibrary, type SodiumLibrary } from './sodium-library.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Bytes of libsodium's secret key: the seed and the public key behind it. */
const SECRET_KEY_BYTES = 64;

/**
 * Bytes of memory that opened frames are cut from: 15 frames of 1028 bytes. A piece that somebody keeps keeps all of it,
 * so it is small; memory of its own for each frame would cost as much as opening it.
 */
const SLAB_BYTES = 16_384;

/** Longest plaintext that is cut from a slab; a longer one has memory of its own. */
const SLAB_PIECE_BYTES_MAX = 2048;

/**
 * Signatures over "message" that hold with the cofactor only: R = rB + T in the one, the key A = aB + T in the other,
 * T of order 8. Made with a = 123456789 and the first nonce from 987654322 on whose challenge is no multiple of 8.
 */
const COFACTORED_DATA: Uint8Array = hexToBytes('6d657373616765');
const COFACTORED: readonly { readonly key: Uint8Array; readonly signature: Uint8Array }[] = [
  {
    key: hexToBytes('17ffad8068dc0de9935d36636f3ad1b5de6de3413b12388e453b05f2a4c1d3db'),
    signature: hexToBytes(
      'af209ba91859683a530fe193d0a30cfee984c33a6523ea1465179aed40fbb241ba3027255e7a88f081c603150ec54c999cc761e4546798b454bb335bfc7cb407',
    ),
  },
  {
    key: hexToBytes('1dd960b291c53514fece1341fc0dcd8a648b3934c2c533666f737a654ff1e1bf'),
    signature: hexToBytes(
      '3477417706a7d07cc814c71df641b1784075f07b50dedeaabecb6a45a72d6e24a43da0a8de588fc108944f7b2983a1775934e6314f60a595ea4d7727f5d3bf0e',
    ),
  },
];

/** An engine on `sodium-native`, or `undefined` where that is not installed or does not load. */
export function createSodiumEngine(): CryptoEngine | undefined {
  const primitives = createSodiumPrimitives();
  return primitives === undefined ? undefined : buildEngine(primitives);
}

/**
 * The operations of the sodium engine, or `undefined` as {@link createSodiumEngine}.
 *
 * @param below - does what libsodium does not; default the native engine's, else the portable engine's.
 * @param library - default what is installed.
 * @internal
 */
export function createSodiumPrimitives(
  below: Primitives = createNativePrimitives() ?? createPortablePrimitives(),
  library: SodiumLibrary | undefined = loadSodiumLibrary(),
): Primitives | undefined {
  return library === undefined ? undefined : new SodiumPrimitives(library, below);
}

class SodiumPrimitives implements Primitives {
  readonly name = 'sodium';
  readonly #sodium: SodiumLibrary;
  readonly #below: Primitives;
  readonly #slab = new Slab();
  // What follows from a key costs as much as an operation; kept weakly, it goes when the key goes.
  readonly #secretKeys = new WeakMap<KeyPair, Uint8Array>();
  readonly #x25519Privates = new WeakMap<KeyPair, Uint8Array>();
  readonly #x25519Publics = new WeakMap<PublicKey, Uint8Array>();
  #isStrict: boolean | undefined;

  constructor(sodium: SodiumLibrary, below: Primitives) {
    this.#sodium = sodium;
    this.#below = below;
  }

  readonly hash = (algorithm: HashAlgorithm, data: Uint8Array): Uint8Array => {
    let digest: Uint8Array;
    switch (algorithm) {
      case 'sha256':
        digest = new Uint8Array(32);
        this.#sodium.crypto_hash_sha256(digest, data);
        return digest;
      case 'sha512':
        digest = new Uint8Array(64);
        this.#sodium.crypto_hash_sha512(digest, data);
        return digest;
      case 'blake2b':
        digest = new Uint8Array(64);
        this.#sodium.crypto_generichash(digest, data);
        return digest;
      default:
        return this.#below.hash(algorithm, data);
    }
  };

  publicKeyOf(curve: KeyPair['curve'], raw: Uint8Array): Uint8Array {
    if (curve !== 'ed25519') return this.#below.publicKeyOf(curve, raw);
    const publicKey = new Uint8Array(KEY_BYTES);
    const secretKey = new Uint8Array(SECRET_KEY_BYTES);
    this.#sodium.crypto_sign_seed_keypair(publicKey, secretKey, raw);
    secretKey.fill(0);
    return publicKey;
  }

  sign(keyPair: KeyPair, data: Uint8Array): Uint8Array {
    if (keyPair.curve !== 'ed25519') return this.#below.sign(keyPair, data);
    const signature = new Uint8Array(SIGNATURE_BYTES);
    this.#sodium.crypto_sign_detached(signature, data, this.#secretKeyOf(keyPair));
    return signature;
  }

  verify(publicKey: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
    if (publicKey.curve === 'ed25519' && signature.length === SIGNATURE_BYTES && this.#isWithoutCofactor()) {
      if (this.#sodium.crypto_sign_verify_detached(signature, data, publicKey.raw)) return true;
    }
    return this.#below.verify(publicKey, data, signature);
  }

  verifyZip215(rawPublicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
    return (
      this.#sodium.crypto_sign_verify_detached(signature, data, rawPublicKey) ||
      verifyZip215(rawPublicKey, data, signature)
    );
  }

  agreeAsEphemeral(recipient: PublicKey, ephemeralPrivate: Uint8Array): EphemeralAgreement {
    if (recipient.curve !== 'ed25519') return this.#below.agreeAsEphemeral(recipient, ephemeralPrivate);
    let remotePublic = this.#x25519Publics.get(recipient);
    if (remotePublic === undefined) {
      remotePublic = x25519PublicOf(recipient.raw);
      this.#x25519Publics.set(recipient, remotePublic);
    }
    return {
      ephemeralPublic: this.#x25519PublicOf(ephemeralPrivate),
      sharedSecret: this.#agree(ephemeralPrivate, remotePublic),
    };
  }

  agreeAsRecipient(keyPair: KeyPair, ephemeralPublic: Uint8Array): Uint8Array {
    if (keyPair.curve !== 'ed25519') return this.#below.agreeAsRecipient(keyPair, ephemeralPublic);
    let ownPrivate = this.#x25519Privates.get(keyPair);
    if (ownPrivate === undefined) {
      ownPrivate = useRawPrivateKey(keyPair, (raw) => x25519PrivateOf(this.hash, raw));
      this.#x25519Privates.set(keyPair, ownPrivate);
    }
    return this.#agree(ownPrivate, ephemeralPublic);
  }

  aesGcmSeal(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array, out: Uint8Array, tagAt: number): void {
    this.#below.aesGcmSeal(key, iv, plaintext, out, tagAt);
  }

  aesGcmOpen(key: Uint8Array, iv: Uint8Array, tag: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    return this.#below.aesGcmOpen(key, iv, tag, ciphertext);
  }

  x25519(privateKey: Uint8Array): X25519Secret {
    const secret = privateKey.slice();
    return {
      publicKey: this.#x25519PublicOf(secret),
      agree: (remotePublic) => this.#agree(secret, remotePublic),
    };
  }

  frameCipher(key: Uint8Array): FrameCipher {
    return new SodiumFrameCipher(this.#sodium, this.#slab, key.slice());
  }

  #secretKeyOf(keyPair: KeyPair): Uint8Array {
    let secretKey = this.#secretKeys.get(keyPair);
    if (secretKey === undefined) {
      const made = new Uint8Array(SECRET_KEY_BYTES);
      useRawPrivateKey(keyPair, (raw) => made.set(raw));
      made.set(keyPair.publicKey.raw, KEY_BYTES);
      this.#secretKeys.set(keyPair, made);
      secretKey = made;
    }
    return secretKey;
  }

  #x25519PublicOf(privateKey: Uint8Array): Uint8Array {
    const publicKey = new Uint8Array(KEY_BYTES);
    this.#sodium.crypto_scalarmult_base(publicKey, privateKey);
    return publicKey;
  }

  /** Throws for a remote key of low order. */
  #agree(privateKey: Uint8Array, remotePublic: Uint8Array): Uint8Array {
    const shared = new Uint8Array(KEY_BYTES);
    this.#sodium.crypto_scalarmult(shared, privateKey, remotePublic);
    return shared;
  }

  #isWithoutCofactor(): boolean {
    this.#isStrict ??= COFACTORED.every(
      ({ key, signature }) => !this.#sodium.crypto_sign_verify_detached(signature, COFACTORED_DATA, key),
    );
    return this.#isStrict;
  }
}

class SodiumFrameCipher implements FrameCipher {
  readonly #sodium: SodiumLibrary;
  readonly #slab: Slab;
  readonly #key: Uint8Array;

  constructor(sodium: SodiumLibrary, slab: Slab, key: Uint8Array) {
    this.#sodium = sodium;
    this.#slab = slab;
    this.#key = key;
  }

  seal(nonce: Uint8Array, plaintext: Uint8Array, target: Uint8Array, offset: number): void {
    const sealed = target.subarray(offset, offset + plaintext.length + FRAME_TAG_BYTES);
    this.#sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, plaintext, null, null, nonce, this.#key);
  }

  open(nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - FRAME_TAG_BYTES;
    if (length < 0) return undefined;
    const plaintext = this.#slab.take(length);
    try {
      this.#sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, null, sealed, null, nonce, this.#key);
      return plaintext;
    } catch {
      return undefined; // a wrong tag
    }
  }
}

/** Pieces of memory that nobody else has, cut one after the other. */
class Slab {
  #bytes = new Uint8Array(0);
  #at = 0;

  take(length: number): Uint8Array {
    if (length > SLAB_PIECE_BYTES_MAX) return new Uint8Array(length);
    // The length is 0 also when somebody has transferred the memory to another thread.
    if (this.#at + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#at = 0;
    }
    const piece = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return piece;
  }
}
