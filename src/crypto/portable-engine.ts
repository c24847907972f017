/**
 * The engine in plain JavaScript, on noble: for hosts without `node:crypto`, and the slow twin that the native engine is
 * tested against. It needs nothing of the host. Ten to forty times slower than the native engine.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { blake2b } from '@noble/hashes/blake2.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { keccak_256, sha3_256, sha3_512 } from '@noble/hashes/sha3.js';
import { parseEcdsaSignature } from './ecdsa-signature.ts';
import { ECIES_TAG_BYTES } from './ecies.ts';
import { verifyEd25519, verifyZip215, x25519PrivateOf, x25519PublicOf } from './edwards.ts';
import type { CryptoEngine, FrameCipher, HashAlgorithm } from './engine.ts';
import { buildEngine } from './engine-core.ts';
import type { KeyPair, PublicKey } from './keys.ts';
import { type EphemeralAgreement, FRAME_TAG_BYTES, type Primitives } from './primitives.ts';
import { useRawPrivateKey } from './private-key.ts';

const HASHES: Readonly<Record<HashAlgorithm, (data: Uint8Array) => Uint8Array>> = {
  sha256: (data) => sha256(data),
  sha512: (data) => sha512(data),
  sha3_256: (data) => sha3_256(data),
  sha3_512: (data) => sha3_512(data),
  blake2b: (data) => blake2b(data, { dkLen: 64 }),
  keccak256: (data) => keccak_256(data),
};

const ECDSA = { secp256r1: p256, secp256k1 } as const;

/** An engine that needs no Node built-in. */
export function createPortableEngine(): CryptoEngine {
  return buildEngine(createPortablePrimitives());
}

/** The operations of the portable engine. @internal */
export function createPortablePrimitives(): Primitives {
  const hash = (algorithm: HashAlgorithm, data: Uint8Array): Uint8Array => HASHES[algorithm](data);
  // Both conversions cost as much as a signature; keyed weakly, they live as long as the key object.
  const x25519Publics = new WeakMap<PublicKey, Uint8Array>();
  const x25519Privates = new WeakMap<KeyPair, Uint8Array>();
  return {
    name: 'portable',
    hash,
    publicKeyOf: (curve, raw) =>
      curve === 'ed25519' ? ed25519.getPublicKey(raw) : ECDSA[curve].getPublicKey(raw, false),
    sign(keyPair, data) {
      return useRawPrivateKey(keyPair, (raw) =>
        keyPair.curve === 'ed25519'
          ? ed25519.sign(data, raw)
          : ECDSA[keyPair.curve].sign(data, raw, { format: 'der', lowS: false }),
      );
    },
    verify(publicKey, data, signature) {
      try {
        return publicKey.curve === 'ed25519'
          ? verifyEd25519(publicKey.raw, data, signature)
          : verifyEcdsa(publicKey, data, signature);
      } catch {
        return false; // noble throws for points off the curve and scalars out of range
      }
    },
    agreeAsEphemeral(recipient, ephemeralPrivate): EphemeralAgreement {
      if (recipient.curve === 'ed25519') {
        const x25519Public = cached(x25519Publics, recipient, () => x25519PublicOf(recipient.raw));
        return {
          ephemeralPublic: x25519.getPublicKey(ephemeralPrivate),
          sharedSecret: x25519.getSharedSecret(ephemeralPrivate, x25519Public),
        };
      }
      const curve = ECDSA[recipient.curve as keyof typeof ECDSA];
      return {
        ephemeralPublic: curve.getPublicKey(ephemeralPrivate, false),
        sharedSecret: xOf(curve.getSharedSecret(ephemeralPrivate, recipient.raw)),
      };
    },
    agreeAsRecipient(keyPair, ephemeralPublic) {
      const { curve } = keyPair;
      if (curve !== 'ed25519') {
        return useRawPrivateKey(keyPair, (raw) => xOf(ECDSA[curve].getSharedSecret(raw, ephemeralPublic)));
      }
      const x25519Private = cached(x25519Privates, keyPair, () =>
        useRawPrivateKey(keyPair, (raw) => x25519PrivateOf(hash, raw)),
      );
      return x25519.getSharedSecret(x25519Private, ephemeralPublic);
    },
    aesGcmSeal(key, iv, plaintext, out, tagAt) {
      const sealed = gcm(key, iv).encrypt(plaintext); // noble puts the tag last
      out.set(sealed.subarray(plaintext.length), tagAt);
      out.set(sealed.subarray(0, plaintext.length), tagAt + ECIES_TAG_BYTES);
    },
    aesGcmOpen(key, iv, tag, ciphertext) {
      const sealed = new Uint8Array(ciphertext.length + tag.length);
      sealed.set(ciphertext);
      sealed.set(tag, ciphertext.length);
      return gcm(key, iv).decrypt(sealed);
    },
    x25519(privateKey) {
      const secret = privateKey.slice();
      return {
        publicKey: x25519.getPublicKey(secret),
        agree: (remotePublic) => x25519.getSharedSecret(secret, remotePublic),
      };
    },
    frameCipher: (key) => portableFrameCipher(key.slice()),
    verifyZip215,
  };
}

function portableFrameCipher(key: Uint8Array): FrameCipher {
  return {
    seal(nonce, plaintext, target, offset) {
      const sealed = target.subarray(offset, offset + plaintext.length + FRAME_TAG_BYTES);
      chacha20poly1305(key, nonce).encrypt(plaintext, sealed);
    },
    open(nonce, sealed) {
      try {
        return chacha20poly1305(key, nonce).decrypt(sealed);
      } catch {
        return undefined; // too short, or a wrong tag
      }
    },
  };
}

function verifyEcdsa(publicKey: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  const fixed = parseEcdsaSignature(signature);
  if (fixed === undefined) return false;
  const curve = ECDSA[publicKey.curve as keyof typeof ECDSA];
  return curve.verify(fixed, data, publicKey.raw, { format: 'compact', lowS: false });
}

/** The X coordinate of a compressed point, leading zeros kept. */
function xOf(compressed: Uint8Array): Uint8Array {
  return compressed.slice(1);
}

function cached<K extends object, V>(cache: WeakMap<K, V>, key: K, make: () => V): V {
  let value = cache.get(key);
  if (value === undefined) {
    value = make();
    cache.set(key, value);
  }
  return value;
}
