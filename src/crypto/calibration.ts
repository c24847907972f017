/**
 * Which engine is fastest at what, on this machine, found by trying: libraries differ by operation and size, and machines
 * by library. Called by `calibrated-engine.ts`.
 *
 * Each operation is tried when it is first needed, so a program pays for those that it uses, a millisecond or two each.
 * Each engine does one round that is not counted, then {@link CALIBRATION_ROUNDS} rounds in turn; the best round counts, as
 * whatever else the machine does only ever makes one slower. What the time does not suffice for, and what is as fast
 * within {@link CALIBRATION_LEAD}, stays with the engine that comes first.
 */
import type { Clock } from '../base/clock.ts';
import type { EngineChoices, EngineOperation, FrameCipher } from './engine.ts';
import { KeyPair, PublicKey } from './keys.ts';
import { FRAME_TAG_BYTES, type Primitives } from './primitives.ts';

/** Time for trying one operation by default, in ms; the turn under way when it is over is finished. */
export const CALIBRATION_MS_DEFAULT = 2;

/** Longest time that one operation may be given: 1 s. */
export const CALIBRATION_MS_MAX = 1000;

/** Rounds of each engine at each operation. */
export const CALIBRATION_ROUNDS = 3;

/** An engine takes over from one before it in the list when its time is below this share of the other's. */
export const CALIBRATION_LEAD = 0.9;

/** What one round of an operation does. */
type Round = (primitives: Primitives) => void;

/** The choice between engines, made once for each operation. @internal */
export class Calibration {
  readonly #engines: readonly [Primitives, ...Primitives[]];
  readonly #clock: Clock;
  readonly #budgetMs: number;
  readonly #chosen = new Map<EngineOperation, Primitives>();

  /**
   * @param engines - those before are preferred.
   * @param budgetMs - for each operation; 0 compares nothing: the first engine does everything.
   */
  constructor(engines: readonly [Primitives, ...Primitives[]], clock: Clock, budgetMs: number) {
    this.#engines = engines;
    this.#clock = clock;
    this.#budgetMs = budgetMs;
  }

  /** Who does what, as far as it is known. */
  get choices(): EngineChoices {
    return Object.fromEntries([...this.#chosen].map(([operation, engine]) => [operation, engine.name]));
  }

  /** The engine for `operation`; the first time after trying. */
  engineFor(operation: EngineOperation): Primitives {
    let engine = this.#chosen.get(operation);
    if (engine === undefined) {
      engine = this.#fastestAt(operation);
      this.#chosen.set(operation, engine);
    }
    return engine;
  }

  #fastestAt(operation: EngineOperation): Primitives {
    const [engines, clock] = [this.#engines, this.#clock];
    if (this.#budgetMs === 0) return engines[0];
    const endMs = clock.monotonicMs() + this.#budgetMs;
    const round = ROUNDS[operation](engines[0]);
    const bestMs = engines.map(() => Number.POSITIVE_INFINITY);
    for (const engine of engines) round(engine);
    for (let i = 0; i < CALIBRATION_ROUNDS && clock.monotonicMs() < endMs; i += 1) {
      engines.forEach((engine, index) => {
        const startMs = clock.monotonicMs();
        round(engine);
        bestMs[index] = Math.min(bestMs[index] as number, clock.monotonicMs() - startMs);
      });
    }
    let chosen = 0;
    for (let i = 1; i < engines.length; i += 1) {
      if ((bestMs[i] as number) < (bestMs[chosen] as number) * CALIBRATION_LEAD) chosen = i;
    }
    return engines[chosen] as Primitives;
  }
}

/** Makes the round of each operation; keys and signatures in it are anybody's, made by `maker`. */
const ROUNDS: Readonly<Record<EngineOperation, (maker: Primitives) => Round>> = {
  seal_64: () => sealing(64),
  seal_1028: () => sealing(1028),
  seal_16384: () => sealing(16_384),
  open_64: (maker) => opening(maker, 64),
  open_1028: (maker) => opening(maker, 1028),
  open_16384: (maker) => opening(maker, 16_384),
  x25519: agreeing,
  sign: signing,
  verify: verifying,
  sha256_64: () => hashing('sha256', 64),
  sha256_1028: () => hashing('sha256', 1028),
  sha256_16384: () => hashing('sha256', 16_384),
  sha512_64: () => hashing('sha512', 64),
  sha512_1028: () => hashing('sha512', 1028),
  sha512_16384: () => hashing('sha512', 16_384),
  blake2b_64: () => hashing('blake2b', 64),
  blake2b_1028: () => hashing('blake2b', 1028),
  blake2b_16384: () => hashing('blake2b', 16_384),
};

const SEED: Uint8Array = new Uint8Array(32).fill(7);
const DATA: Uint8Array = new Uint8Array(32);

function keyPairOf(maker: Primitives): KeyPair {
  return KeyPair.fromHalves(PublicKey.of('ed25519', 'software', maker.publicKeyOf('ed25519', SEED)), SEED);
}

function signing(maker: Primitives): Round {
  const keyPair = keyPairOf(maker);
  return (primitives) => {
    primitives.sign(keyPair, DATA);
  };
}

function verifying(maker: Primitives): Round {
  const keyPair = keyPairOf(maker);
  const signature = maker.sign(keyPair, DATA);
  const { raw } = keyPair.publicKey;
  return (primitives) => {
    primitives.verifyZip215(raw, DATA, signature);
  };
}

function agreeing(maker: Primitives): Round {
  const remotePublic = maker.x25519(SEED).publicKey;
  return (primitives) => {
    primitives.x25519(SEED).agree(remotePublic);
  };
}

/** How often a round does what takes a microsecond or two. */
function repeats(size: number): number {
  return size <= 1028 ? 8 : 1;
}

function hashing(algorithm: 'sha256' | 'sha512' | 'blake2b', size: number): Round {
  const data = new Uint8Array(size);
  return (primitives) => {
    for (let i = repeats(size); i > 0; i -= 1) primitives.hash(algorithm, data);
  };
}

function sealing(size: number): Round {
  const [key, nonce, data, target] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(size), sealedOf(size)];
  return withCipher(key, (cipher) => {
    for (let i = repeats(size); i > 0; i -= 1) cipher.seal(nonce, data, target, 0);
  });
}

function opening(maker: Primitives, size: number): Round {
  const [key, nonce, sealed] = [new Uint8Array(32), new Uint8Array(12), sealedOf(size)];
  maker.frameCipher(key).seal(nonce, new Uint8Array(size), sealed, 0);
  return withCipher(key, (cipher) => {
    for (let i = repeats(size); i > 0; i -= 1) cipher.open(nonce, sealed);
  });
}

function sealedOf(size: number): Uint8Array {
  return new Uint8Array(size + FRAME_TAG_BYTES);
}

/** Imports the key in the round that is not counted, as a connection does once. */
function withCipher(key: Uint8Array, run: (cipher: FrameCipher) => void): Round {
  const ciphers = new Map<Primitives, FrameCipher>();
  return (primitives) => {
    let cipher = ciphers.get(primitives);
    if (cipher === undefined) {
      cipher = primitives.frameCipher(key);
      ciphers.set(primitives, cipher);
    }
    run(cipher);
  };
}
