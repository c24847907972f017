/** Secret connections for tests: two ends at once, keys from a seed, and a transport whose streams are all secret. */
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { Random } from '../../src/base/random.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import type { ByteStream, Transport } from '../../src/net/transport.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import type { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { NATIVE } from '../crypto/engines.ts';
import { connect, type LinkRig } from './link-rig.ts';

/** A node key that is always the same for the same number. */
export function nodeKeyOf(number: number, engine: CryptoEngine = NATIVE): KeyPair {
  return engine.keyPairFromSeed(new Uint8Array(32).fill(number));
}

/** What a promise has come to so far. */
export class Outcome<T> {
  value: T | undefined;
  error: (Error & { code?: string; cause?: { code?: string } }) | undefined;

  constructor(promise: Promise<T>) {
    promise.then(
      (value) => {
        this.value = value;
      },
      (error) => {
        this.error = error;
      },
    );
  }

  get isSettled(): boolean {
    return this.value !== undefined || this.error !== undefined;
  }
}

/** Two ends of a memory connection, secret. */
export interface SecretPair extends LinkRig {
  readonly a: SecretStream;
  readonly b: SecretStream;
}

/** Connects two ends and runs the handshake at both; host `a` has node key 1, host `b` node key 2. */
export async function secretPair(
  options: Parameters<typeof connect>[0] = {},
  engines: readonly [CryptoEngine, CryptoEngine] = [NATIVE, NATIVE],
): Promise<SecretPair> {
  const rig = await connect(options);
  const a = new Outcome(begin(rig.near, rig.clock, 1, engines[0]));
  const b = new Outcome(begin(rig.far, rig.clock, 2, engines[1]));
  await rig.clock.advanceUntil(() => a.isSettled && b.isSettled);
  if (a.value === undefined || b.value === undefined) throw a.error ?? b.error;
  return { ...rig, a: a.value, b: b.value };
}

/** The handshake of one end. */
export function begin(
  stream: ByteStream,
  clock: VirtualClock,
  number: number,
  engine: CryptoEngine = NATIVE,
  more: { readonly signal?: AbortSignal; readonly handshakeTimeoutMs?: number; readonly random?: Random } = {},
): Promise<SecretStream> {
  const random = new SeededRandom(number);
  return secretConnection(stream, { clock, random, engine, nodeKey: nodeKeyOf(number, engine), ...more });
}

/** The same transport with every stream made secret before its owner gets it. */
export function secretTransport(inner: Transport, clock: Clock = systemClock): Transport {
  const secure = (stream: ByteStream, number: number): Promise<SecretStream> =>
    secretConnection(stream, {
      clock,
      random: new SeededRandom(number),
      engine: NATIVE,
      nodeKey: nodeKeyOf(number),
    });
  return {
    scheme: inner.scheme,
    dial: async (address, options) => secure(await inner.dial(address, options), 1),
    listen: (address, onConnection) =>
      inner.listen(address, (stream) => {
        secure(stream, 2).then(onConnection, () => {});
      }),
  };
}
