/** An engine that seals and signs nothing, for tests of what happens around it: two hundred times as fast, same layout. */
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import { CryptoError } from '../../src/crypto/errors.ts';

const SIGNATURE_BYTES = 64;
const SEAL_BYTES = 48;

/** Keys, hashes and addresses are real; a signature is the sum of the bytes, a sealed message is the message behind zeros. */
export function plainEngine(real: CryptoEngine): CryptoEngine {
  const sign = (data: Uint8Array): Uint8Array => {
    const signature = new Uint8Array(SIGNATURE_BYTES);
    let sum = data.length;
    for (const byte of data) sum = (Math.imul(sum, 31) + byte) >>> 0;
    new DataView(signature.buffer).setUint32(0, sum);
    return signature;
  };
  const fakes: Partial<CryptoEngine> = {
    sign: (_keyPair, data) => sign(data),
    verify: (_key, data, signature) => Buffer.compare(sign(data), signature) === 0,
    eciesSeal(_recipient, plaintext) {
      const sealed = new Uint8Array(SEAL_BYTES + plaintext.length);
      sealed.set(plaintext, SEAL_BYTES);
      return sealed;
    },
    eciesOpen(_keyPair, sealed) {
      if (sealed.length < SEAL_BYTES) throw new CryptoError('DECRYPTION_FAILED', 'too short');
      return sealed.slice(SEAL_BYTES);
    },
  };
  // What is not faked is asked of the real engine itself, whose private fields a copy would not have.
  return new Proxy(real, {
    get(target, key: keyof CryptoEngine) {
      const member = fakes[key] ?? target[key];
      return typeof member === 'function' && fakes[key] === undefined ? member.bind(target) : member;
    },
    set: (_target, key: keyof CryptoEngine, value) => Reflect.set(fakes, key, value),
  });
}
