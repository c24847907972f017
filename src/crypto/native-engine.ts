/**
 * The engine on `node:crypto`. Keys of the host are imported once for each key object and kept beside it, weakly, so
 * that they go when the key goes (`native-keys.ts`); the operations are one-shot calls on them.
 *
 * The module is asked of the host at run time (`process.getBuiltinModule`), never imported, so that a bundle for another
 * host can hold this file.
 */
import type * as NodeCrypto from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { parseEcdsaSignature } from './ecdsa-signature.ts';
import { ECIES_TAG_BYTES } from './ecies.ts';
import { hasSmallOrderR, verifyEd25519, verifyZip215 } from './edwards.ts';
import type { CryptoEngine, FrameCipher, HashAlgorithm } from './engine.ts';
import { buildEngine } from './engine-core.ts';
import { NativeKeys } from './native-keys.ts';
import { FRAME_TAG_BYTES, type Primitives } from './primitives.ts';

interface Host {
  readonly process?: { getBuiltinModule?(id: string): unknown };
}

/** Names of the algorithms in OpenSSL; keccak256 came only with 3.2, so noble computes it. */
const HASH_NAMES: Readonly<Record<Exclude<HashAlgorithm, 'keccak256'>, string>> = {
  sha256: 'sha256',
  sha512: 'sha512',
  sha3_256: 'sha3-256',
  sha3_512: 'sha3-512',
  blake2b: 'blake2b512',
};

/** Bytes of an ed25519 signature. */
const ED25519_SIGNATURE_BYTES = 64;

/** An engine on `node:crypto`, or `undefined` where the host has none or one without the curves. */
export function createNativeEngine(): CryptoEngine | undefined {
  const primitives = createNativePrimitives();
  return primitives === undefined ? undefined : buildEngine(primitives);
}

/** The operations of the native engine, or `undefined` as {@link createNativeEngine}. @internal */
export function createNativePrimitives(): Primitives | undefined {
  const host = globalThis as unknown as Host;
  const crypto = host.process?.getBuiltinModule?.('node:crypto') as typeof NodeCrypto | undefined;
  // A node:crypto on BoringSSL lacks secp256k1 and BLAKE2b; half an engine is none.
  if (crypto?.hash === undefined || !crypto.getCurves().includes('secp256k1')) return undefined;
  return primitivesOf(crypto);
}

function primitivesOf(crypto: typeof NodeCrypto): Primitives {
  const hash = (algorithm: HashAlgorithm, data: Uint8Array): Uint8Array =>
    algorithm === 'keccak256' ? keccak_256(data) : plain(crypto.hash(HASH_NAMES[algorithm], data, 'buffer'));
  const keys = new NativeKeys(crypto, hash);
  return {
    name: 'native',
    hash,
    publicKeyOf: (curve, raw) => keys.publicKeyOf(curve, raw),
    sign: (keyPair, data) =>
      plain(crypto.sign(keyPair.curve === 'ed25519' ? null : 'sha256', data, keys.signingKey(keyPair))),
    verify(publicKey, data, signature) {
      const isEd25519 = publicKey.curve === 'ed25519';
      if (isEd25519 ? signature.length !== ED25519_SIGNATURE_BYTES : parseEcdsaSignature(signature) === undefined) {
        return false;
      }
      const key = keys.verifyingKey(publicKey);
      if (key === undefined) return false;
      if (crypto.verify(isEd25519 ? null : 'sha256', data, key, signature)) return true;
      // OpenSSL 3.5 refuses what 3.0 took: the answer must not hang on the release of Node.
      return isEd25519 && hasSmallOrderR(signature) && verifyEd25519(publicKey.raw, data, signature);
    },
    agreeAsEphemeral: (recipient, ephemeralPrivate) =>
      recipient.curve === 'ed25519'
        ? keys.agreeX25519(recipient, ephemeralPrivate)
        : keys.agreeEcdh(recipient, ephemeralPrivate),
    agreeAsRecipient: (keyPair, ephemeralPublic) => keys.agreeAsRecipient(keyPair, ephemeralPublic),
    aesGcmSeal(key, iv, plaintext, out, tagAt) {
      // As a key object: raw key bytes cost another 20 us on Node 24.
      const cipher = crypto.createCipheriv('aes-256-gcm', crypto.createSecretKey(key), iv);
      if (plaintext.length > 0) out.set(cipher.update(plaintext), tagAt + ECIES_TAG_BYTES);
      cipher.final();
      out.set(cipher.getAuthTag(), tagAt);
    },
    aesGcmOpen(key, iv, tag, ciphertext) {
      const secretKey = crypto.createSecretKey(key);
      const decipher = crypto.createDecipheriv('aes-256-gcm', secretKey, iv, { authTagLength: ECIES_TAG_BYTES });
      decipher.setAuthTag(tag);
      const plaintext = ciphertext.length > 0 ? plain(decipher.update(ciphertext)) : new Uint8Array(0);
      decipher.final(); // throws when the tag is wrong; until then nobody sees the plaintext
      return plaintext;
    },
    x25519: (privateKey) => keys.x25519(privateKey),
    frameCipher: (key) => nativeFrameCipher(crypto, key),
    verifyZip215(rawPublicKey, data, signature) {
      // What OpenSSL passes, ZIP-215 passes: no cofactor is the stricter rule. Its "no" is only a no of its own rules.
      try {
        if (crypto.verify(null, data, keys.rawVerifyingKey(rawPublicKey), signature)) return true;
      } catch {
        // A key that does not import may still be one by ZIP-215.
      }
      return verifyZip215(rawPublicKey, data, signature);
    },
  };
}

function nativeFrameCipher(crypto: typeof NodeCrypto, raw: Uint8Array): FrameCipher {
  // As a key object, once: raw key bytes cost 12 us a frame on Node 24.
  const key = crypto.createSecretKey(raw);
  const options = { authTagLength: FRAME_TAG_BYTES };
  return {
    seal(nonce, plaintext, target, offset) {
      const cipher = crypto.createCipheriv('chacha20-poly1305', key, nonce, options);
      target.set(cipher.update(plaintext), offset);
      cipher.final();
      target.set(cipher.getAuthTag(), offset + plaintext.length);
    },
    open(nonce, sealed) {
      const tagAt = sealed.length - FRAME_TAG_BYTES;
      if (tagAt < 0) return undefined;
      const decipher = crypto.createDecipheriv('chacha20-poly1305', key, nonce, options);
      decipher.setAuthTag(sealed.subarray(tagAt));
      const plaintext = decipher.update(sealed.subarray(0, tagAt));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plain(plaintext);
    },
  };
}

/** The same memory as an array that is no Buffer. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
