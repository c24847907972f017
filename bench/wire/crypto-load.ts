/** The cryptography of calls and nothing else: what one end computes for each, with the engine alone. */
import { type Random, systemRandom } from '../../src/base/random.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import type { Curve, KeyPair } from '../../src/crypto/keys.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';

/** Payload of the calls that are measured, in bytes. */
export const PAYLOAD_BYTES = 100;

/** An encoded echo of {@link PAYLOAD_BYTES}. */
export function echoMessage(): Uint8Array {
  return Echo.encode({ bytes: new Uint8Array(PAYLOAD_BYTES).fill(7) });
}

/** The operations of one engine on one curve, each ready to be repeated. */
export interface CryptoOperations {
  readonly sign: () => void;
  readonly seal: () => void;
  readonly open: () => void;
  readonly verify: () => void;
}

/** Makes keys and one message of each kind. */
export function cryptoOperations(engine: CryptoEngine, curve: Curve, random: Random = systemRandom): CryptoOperations {
  const own: KeyPair = engine.generateKeyPair(random, { curve });
  const message = echoMessage();
  const signature = engine.sign(own, message);
  const sealed = engine.eciesSeal(own.publicKey, message, random);
  return {
    sign: () => void engine.sign(own, message),
    seal: () => void engine.eciesSeal(own.publicKey, message, random),
    open: () => void engine.eciesOpen(own, sealed),
    verify() {
      if (!engine.verify(own.publicKey, message, signature)) throw new Error('the bench signs badly');
    },
  };
}

/** What one end computes for `count` calls: for each one it signs and seals once, and opens and verifies once. */
export function runCalls({ sign, seal, open, verify }: CryptoOperations, count: number): void {
  for (let i = 0; i < count; i += 1) {
    sign();
    seal();
    open();
    verify();
  }
}
