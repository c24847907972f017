import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import {
  type CalibrationOptions,
  calibratedEngineOf,
  createCalibratedEngine,
} from '../../src/crypto/calibrated-engine.ts';
import { CALIBRATION_LEAD, CALIBRATION_MS_MAX, CALIBRATION_ROUNDS } from '../../src/crypto/calibration.ts';
import {
  type CryptoEngine,
  ENGINE_OPERATIONS,
  type EngineChoices,
  type EngineName,
  type EngineOperation,
} from '../../src/crypto/engine.ts';
import type { Primitives } from '../../src/crypto/primitives.ts';
import { MIXED, NATIVE, NATIVE_PRIMITIVES, SODIUM_PRIMITIVES } from './engines.ts';

/** A clock that only goes when somebody works. */
class WorkClock {
  nowMs = 0;
  readingCount = 0;
  readonly clock: Clock = {
    ...systemClock,
    monotonicMs: () => {
      this.readingCount += 1;
      return this.nowMs;
    },
  };

  /** An engine that computes nothing, takes as long as told, and keeps a list of what it was asked. */
  engine(name: EngineName, msOf: (operation: EngineOperation) => number, asked: string[] = []): Primitives {
    const work = (operation: EngineOperation): void => {
      asked.push(operation);
      this.nowMs += msOf(operation);
    };
    const classOf = (length: number): 64 | 1028 | 16_384 => (length <= 256 ? 64 : length <= 4096 ? 1028 : 16_384);
    const unused = (): never => expect.fail('not an operation that is compared');
    return {
      name,
      hash(algorithm, data) {
        work(`${algorithm as 'sha256' | 'sha512' | 'blake2b'}_${classOf(data.length)}`);
        return new Uint8Array(32);
      },
      publicKeyOf: () => new Uint8Array(32).fill(1),
      sign() {
        work('sign');
        return new Uint8Array(64);
      },
      verify() {
        work('verify');
        return true;
      },
      verifyZip215() {
        work('verify');
        return true;
      },
      x25519: () => ({
        publicKey: new Uint8Array(32),
        agree() {
          work('x25519');
          return new Uint8Array(32).fill(1);
        },
      }),
      frameCipher: () => ({
        seal: (_nonce, plaintext) => work(`seal_${classOf(plaintext.length)}`),
        open(_nonce, sealed) {
          work(`open_${classOf(sealed.length - 16)}`);
          return new Uint8Array(0);
        },
      }),
      agreeAsEphemeral: unused,
      agreeAsRecipient: unused,
      aesGcmSeal: unused,
      aesGcmOpen: unused,
    };
  }
}

const LONG: CalibrationOptions = { budgetMs: CALIBRATION_MS_MAX };
const SIZES = [64, 1028, 16_384] as const;

/** Needs every operation once. */
function needAll(engine: CryptoEngine): void {
  const cipher = engine.frameCipher(new Uint8Array(32));
  for (const size of SIZES) {
    cipher.seal(new Uint8Array(12), new Uint8Array(size), new Uint8Array(size + 16), 0);
    cipher.open(new Uint8Array(12), new Uint8Array(size + 16));
    for (const algorithm of ['sha256', 'sha512', 'blake2b'] as const) engine.hash(algorithm, new Uint8Array(size));
  }
  const keyPair = engine.keyPairFromSeed(new Uint8Array(32));
  engine.x25519(new Uint8Array(32).fill(1)).agree(new Uint8Array(32).fill(9));
  engine.verifyZip215(keyPair.publicKey.raw, new Uint8Array(0), engine.sign(keyPair, new Uint8Array(0)));
}

/** What each operation was given to, of engines on a clock of their own. */
function choicesOf(engines: readonly Primitives[], work: WorkClock, options: CalibrationOptions = LONG): EngineChoices {
  const engine = calibratedEngineOf(engines, { ...options, clock: work.clock });
  needAll(engine);
  return engine.choices!;
}

describe('a calibration', () => {
  test('gives each operation to the engine that is fastest at it', () => {
    const work = new WorkClock();
    const isFirst = (operation: EngineOperation): boolean => ENGINE_OPERATIONS.indexOf(operation) % 2 === 0;
    const a = work.engine('sodium', (operation) => (isFirst(operation) ? 0.001 : 0.004));
    const b = work.engine('native', (operation) => (isFirst(operation) ? 0.004 : 0.001));
    expect(choicesOf([a, b], work)).toEqual(
      Object.fromEntries(ENGINE_OPERATIONS.map((name) => [name, isFirst(name) ? 'sodium' : 'native'])),
    );
  });

  test('prefers the engine before, unless another is faster by more than the lead', () => {
    for (const [share, expected] of [
      [1.5, 'sodium'],
      [1, 'sodium'],
      [CALIBRATION_LEAD + 0.01, 'sodium'],
      [CALIBRATION_LEAD - 0.01, 'native'],
    ] as const) {
      const work = new WorkClock();
      const choices = choicesOf([work.engine('sodium', () => 0.01), work.engine('native', () => 0.01 * share)], work);
      expect(new Set(Object.values(choices)), `at ${share} of its time`).toEqual(new Set([expected]));
    }
  });

  test('takes the best of three engines', () => {
    const work = new WorkClock();
    const times = { sodium: 0.03, native: 0.02, portable: 0.01 } as const;
    const engines = (['sodium', 'native', 'portable'] as const).map((name) => work.engine(name, () => times[name]));
    expect(new Set(Object.values(choicesOf(engines, work)))).toEqual(new Set(['portable']));
  });

  test('tries an operation when it is first needed, and never again', () => {
    const work = new WorkClock();
    const asked: string[] = [];
    const engines = [work.engine('sodium', () => 0.01), work.engine('native', () => 0.02, asked)];
    const engine = calibratedEngineOf(engines, { ...LONG, clock: work.clock });
    expect([engine.name, engine.choices, asked]).toEqual(['calibrated', {}, []]);
    engine.hash('sha256', new Uint8Array(64));
    expect(engine.choices).toEqual({ sha256_64: 'sodium' });
    expect(new Set(asked)).toEqual(new Set(['sha256_64']));
    const [askedCount, readingCount] = [asked.length, work.readingCount];
    engine.hash('sha256', new Uint8Array(64));
    expect([asked.length, work.readingCount]).toEqual([askedCount, readingCount]);
  });

  test('counts the best round: a slow first use or an interruption decides nothing', () => {
    const work = new WorkClock();
    let signCount = 0;
    const a = work.engine('sodium', (operation) => {
      if (operation !== 'sign') return 0.001;
      signCount += 1;
      return signCount === 1 || signCount === 3 ? 50 : 0.001; // 1 is not counted, 3 is interrupted
    });
    const engine = calibratedEngineOf([a, work.engine('native', () => 0.01)], { ...LONG, clock: work.clock });
    engine.sign(engine.keyPairFromSeed(new Uint8Array(32)), new Uint8Array(0));
    expect(engine.choices).toEqual({ sign: 'sodium' });
    expect(signCount).toBe(1 + CALIBRATION_ROUNDS + 1); // and the signature itself
  });

  test.each([
    // A round takes 30 ms of both engines together, and one that is not counted comes first.
    [30, 1, 'sodium'],
    [31, 2, 'native'],
    [60, 2, 'native'],
    [61, 3, 'native'],
    [1000, 1 + CALIBRATION_ROUNDS, 'native'],
  ])('of %d ms begins its last round in time: %d rounds of 30 ms, then it is %s', (budgetMs, roundCount, expected) => {
    const work = new WorkClock();
    const engines = [work.engine('sodium', () => 20), work.engine('native', () => 10)];
    const engine = calibratedEngineOf(engines, { clock: work.clock, budgetMs });
    engine.x25519(new Uint8Array(32));
    expect(work.nowMs).toBe(30 * roundCount);
    expect(engine.choices).toEqual({ x25519: expected });
  });

  test('of no time tries nothing, so that two runs never differ', () => {
    const work = new WorkClock();
    const asked: string[] = [];
    const engines = [work.engine('sodium', () => 1), work.engine('native', () => 0.001, asked)];
    expect(new Set(Object.values(choicesOf(engines, work, { budgetMs: 0 })))).toEqual(new Set(['sodium']));
    expect([asked, work.readingCount]).toEqual([[], 0]);
  });

  test('of one engine is that engine, and reads no clock', () => {
    const work = new WorkClock();
    const engine = calibratedEngineOf([NATIVE_PRIMITIVES], { clock: work.clock });
    needAll(engine);
    expect([engine.name, engine.choices, work.readingCount]).toEqual(['native', undefined, 0]);
  });

  test('of no engine is an error', () => {
    expect(() => calibratedEngineOf([])).toThrow(RangeError);
  });

  test.each([
    [-1, true],
    [0, false],
    [0.5, true],
    [CALIBRATION_MS_MAX, false],
    [CALIBRATION_MS_MAX + 1, true],
    [Number.NaN, true],
  ])('with a budget of %d ms: refused %s', (budgetMs, isRefused) => {
    const make = (): unknown => calibratedEngineOf([NATIVE_PRIMITIVES], { budgetMs });
    if (isRefused) expect(make).toThrow(/option budgetMs is .+ from 0 to 1000/);
    else expect(make).not.toThrow();
  });

  test('of this host gives everything to engines that it has', () => {
    const engine = createCalibratedEngine();
    needAll(engine);
    expect(engine.name).toBe('calibrated');
    expect(Object.keys(engine.choices!).sort()).toEqual([...ENGINE_OPERATIONS].sort());
    for (const name of Object.values(engine.choices!)) expect(['sodium', 'native']).toContain(name);
  });
});

describe('a calibrated engine', () => {
  test.each([
    [0, false],
    [256, false],
    [257, true],
    [4096, true],
    [4097, false],
    [16_384, false],
  ])('gives %d bytes to the engine of their class: the second %s', (length, isSecond) => {
    const work = new WorkClock();
    const asked: string[] = [];
    // Faster at the middle class of everything, slower at the others.
    const second = work.engine('native', (operation) => (operation.endsWith('_1028') ? 0.001 : 0.1), asked);
    const engine = calibratedEngineOf([work.engine('sodium', () => 0.01), second], { ...LONG, clock: work.clock });
    const cipher = engine.frameCipher(new Uint8Array(32));
    const [nonce, data, sealed] = [new Uint8Array(12), new Uint8Array(length), new Uint8Array(length + 16)];
    needAll(engine);
    cipher.seal(nonce, new Uint8Array(isSecond ? 1 : 1028), new Uint8Array(2000), 0); // of another class
    for (const run of [
      (): unknown => engine.hash('sha256', data),
      (): unknown => cipher.seal(nonce, data, sealed, 0),
      (): unknown => cipher.open(nonce, sealed),
    ]) {
      asked.length = 0;
      run();
      expect(asked.length > 0).toBe(isSecond);
    }
  });

  test('seals with one engine and opens with another', () => {
    const key = new Uint8Array(32).fill(4);
    const cipher = MIXED.frameCipher(key);
    key.fill(0);
    const plaintext = new Uint8Array(1028).fill(6);
    const sealed = new Uint8Array(1044);
    cipher.seal(new Uint8Array(12), plaintext, sealed, 0);
    expect(cipher.open(new Uint8Array(12), sealed)).toEqual(plaintext);
    expect(NATIVE.frameCipher(new Uint8Array(32).fill(4)).open(new Uint8Array(12), sealed)).toEqual(plaintext);
  });

  test('leaves the ECDSA curves and the other hashes to the first engine, untried', () => {
    const work = new WorkClock();
    const engine = calibratedEngineOf([SODIUM_PRIMITIVES, NATIVE_PRIMITIVES], { clock: work.clock });
    const keyPair = engine.keyPairFromSeed(new Uint8Array(32).fill(1), { curve: 'secp256r1' });
    const data = Uint8Array.of(1);
    expect(engine.verify(keyPair.publicKey, data, engine.sign(keyPair, data))).toBe(true);
    engine.hash('keccak256', data);
    engine.hash('sha3_512', data);
    expect([engine.choices, work.readingCount]).toEqual([{}, 0]);
  });
});
