/**
 * `sodium-native` (libsodium as a prebuilt addon), found when it is installed beside this package and never needed. Called
 * by `sodium-engine.ts` only.
 *
 * It is asked for with a `require` made at run time out of `process.getBuiltinModule`, not imported: so a bundler does not
 * see it, its absence is no error, and it is there at once, without an `await` between the start of a program and its
 * first key. It is looked up from where this file is, or from the bundle that this file became a part of.
 */
import type * as NodeModule from 'node:module';

/** What is used of `sodium-native`. Lengths are checked by it; what fails throws an Error without bytes in it. @internal */
export interface SodiumLibrary {
  crypto_aead_chacha20poly1305_ietf_encrypt(
    sealed: Uint8Array,
    plaintext: Uint8Array,
    associatedData: null,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_aead_chacha20poly1305_ietf_decrypt(
    plaintext: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    associatedData: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_generichash(digest: Uint8Array, data: Uint8Array): void;
  crypto_hash_sha256(digest: Uint8Array, data: Uint8Array): void;
  crypto_hash_sha512(digest: Uint8Array, data: Uint8Array): void;
  crypto_scalarmult(shared: Uint8Array, privateKey: Uint8Array, publicKey: Uint8Array): void;
  crypto_scalarmult_base(publicKey: Uint8Array, privateKey: Uint8Array): void;
  crypto_sign_detached(signature: Uint8Array, data: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
  crypto_sign_verify_detached(signature: Uint8Array, data: Uint8Array, publicKey: Uint8Array): boolean;
}

interface Host {
  readonly process?: { getBuiltinModule?(id: string): unknown };
}

/** The functions that a library must have to be taken. */
const FUNCTIONS: readonly (keyof SodiumLibrary)[] = [
  'crypto_aead_chacha20poly1305_ietf_encrypt',
  'crypto_aead_chacha20poly1305_ietf_decrypt',
  'crypto_generichash',
  'crypto_hash_sha256',
  'crypto_hash_sha512',
  'crypto_scalarmult',
  'crypto_scalarmult_base',
  'crypto_sign_detached',
  'crypto_sign_seed_keypair',
  'crypto_sign_verify_detached',
];

/** The library, or `undefined` where it is not installed, has no binary for this machine, or is another one. @internal */
export function loadSodiumLibrary(): SodiumLibrary | undefined {
  try {
    const host = globalThis as unknown as Host;
    const module = host.process?.getBuiltinModule?.('node:module') as typeof NodeModule | undefined;
    const library = module?.createRequire(import.meta.url)('sodium-native') as SodiumLibrary | undefined;
    if (library === undefined || FUNCTIONS.some((name) => typeof library[name] !== 'function')) return undefined;
    return isWorking(library) ? library : undefined;
  } catch {
    return undefined; // whatever it is that keeps an addon from loading, there is another engine
  }
}

/** Whether it computes: SHA-256 of nothing begins with e3 b0 c4 42 (FIPS 180-4). */
function isWorking(library: SodiumLibrary): boolean {
  const digest = new Uint8Array(32);
  library.crypto_hash_sha256(digest, new Uint8Array(0));
  return digest[0] === 0xe3 && digest[1] === 0xb0 && digest[2] === 0xc4 && digest[3] === 0x42;
}
