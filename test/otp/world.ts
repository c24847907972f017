/** Runs one conformance case on both schedulers: the one of production, and a seeded one under many seeds. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ActorError } from '../../src/actors/errors.ts';
import { GenServer, type RefOf, type StartOptions, startServer } from '../../src/actors/gen-server.ts';
import type { Pid } from '../../src/actors/pid.ts';
import type { CallHandlers, CastHandlers } from '../../src/actors/protocol.ts';
import type { From } from '../../src/actors/request.ts';
import { noreply, reply } from '../../src/actors/results.ts';
import { type SpawnedSelf, spawn } from '../../src/actors/spawn.ts';
import type { ActorSystem } from '../../src/actors/system.ts';
import { TestSystem } from '../../src/testing/test-system.ts';

/** One case of `otp.json`. */
export interface ConformanceCase {
  readonly id: string;
  readonly area: string;
  readonly given: string;
  readonly when: string;
  readonly then: string;
}

/** The list, copied beside the tests. */
export const CASES: readonly ConformanceCase[] = JSON.parse(
  readFileSync(new URL('otp.json', import.meta.url), 'utf8'),
) as ConformanceCase[];

/** Seeds of the seeded scheduler; `OTP_SEEDS` overrides. */
export const SEEDS: number = Number(process.env.OTP_SEEDS ?? 100);

/** What a case gets. */
export class World {
  readonly test: TestSystem;
  readonly system: ActorSystem;
  readonly isSeeded: boolean;

  constructor(seed: number | undefined) {
    this.test = new TestSystem(seed === undefined ? {} : { seed });
    this.system = this.test.system;
    this.isSeeded = seed !== undefined;
  }

  get nowMs(): number {
    return this.test.clock.monotonicMs();
  }

  settle(): Promise<void> {
    return this.test.settle();
  }

  advance(durationMs: number): Promise<void> {
    return this.test.advance(durationMs);
  }

  /** Moves virtual time until `promise` settles. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const settled = promise.then(
      () => {
        isDone = true;
      },
      () => {
        isDone = true;
      },
    );
    const { clock } = this.test;
    await clock.settle();
    while (!isDone) {
      const nextMs = clock.nextTimerMs;
      if (nextMs === undefined) throw new Error('waits for ever: no timer is armed');
      await clock.advance(Math.max(0, nextMs - clock.monotonicMs()));
    }
    await settled;
    return promise;
  }

  /** Runs `body` as a process and gives what it returns; a death of the process rejects. */
  run<T>(body: (self: SpawnedSelf) => Promise<T> | T): Promise<T> {
    return this.drive(
      new Promise<T>((resolve, reject) => {
        const pid = spawn(
          async (self) => {
            try {
              resolve(await body(self));
            } catch (error) {
              reject(error as Error);
            }
          },
          { system: this.system, label: 'case' },
        );
        (pid as unknown as { onExit(hook: (reason: unknown) => void): void }).onExit((reason) =>
          reject(new ActorError('EXIT', `the process of the case died: ${String(reason)}`, { reason })),
        );
      }),
    );
  }

  /** Starts a {@link Script}; without a parent it is linked to nobody. */
  script(hooks: Hooks = {}, options: StartOptions = {}): Promise<ScriptRef> {
    return startServer(Script, [hooks], { system: this.system, ...options }, options.parent !== undefined);
  }
}

/** What a scripted server does where it matters. */
export interface Hooks {
  readonly init?: (self: Script) => unknown;
  readonly info?: (message: unknown, state: State, self: Script) => unknown;
  readonly continue?: (value: unknown, state: State, self: Script) => unknown;
  readonly terminate?: (reason: unknown, state: State, self: Script) => unknown;
}

/** State of a scripted server: what it has seen. */
export interface State {
  readonly seen: unknown[];
  value: unknown;
}

type Run = (state: State, from: From<unknown>, self: Script) => unknown;

interface ScriptProtocol {
  call: { run(run: Run): unknown; get(): unknown; seen(): unknown[]; note(value: unknown): unknown };
  cast: { run(run: (state: State, self: Script) => unknown): void; note(value: unknown): void };
  info: { readonly type: string; readonly value?: unknown };
}

/** Reference to a scripted server. */
export type ScriptRef = RefOf<Script>;

/** A server whose handlers are given by each case. */
export class Script extends GenServer<State, ScriptProtocol, [hooks?: Hooks]> {
  #hooks: Hooks = {};

  override init(hooks: Hooks = {}): never {
    this.#hooks = hooks;
    const result = hooks.init?.(this);
    return (hooks.init === undefined ? { seen: [], value: undefined } : result) as never;
  }

  override readonly handleCall: CallHandlers<State, ScriptProtocol> = this.calls({
    run: (run, state, from) => run(state, from, this) as never,
    get: (_, state) => reply(state.value, state),
    seen: (_, state) => reply([...state.seen], state),
    note: (value, state) => {
      state.seen.push(value);
      return reply(value, state);
    },
  });

  override readonly handleCast: CastHandlers<State, ScriptProtocol> = this.casts({
    run: (run, state) => run(state, this) as never,
    note: (value, state) => {
      state.seen.push(value);
      return noreply(state);
    },
  });

  override handleInfo(message: never, state: State): never {
    if (this.#hooks.info !== undefined) return this.#hooks.info(message, state, this) as never;
    state.seen.push(message);
    return noreply(state) as never;
  }

  override handleContinue(value: unknown, state: State): never {
    return this.#hooks.continue?.(value, state, this) as never;
  }

  override terminate(reason: unknown, state: State): never {
    return this.#hooks.terminate?.(reason, state, this) as never;
  }
}

/** A first state. */
export function fresh(value: unknown = undefined): State {
  return { seen: [], value };
}

/** The error that `promise` rejects with; fails when it does not. */
export async function refusal(promise: Promise<unknown>): Promise<ActorError> {
  try {
    await promise;
  } catch (error) {
    return error as ActorError;
  }
  throw new Error('expected a rejection');
}

/** Waits until `ms` of virtual time have passed, for use inside of processes and callbacks. */
export function pause(pid: Pid, ms: number): Promise<void> {
  const { host } = pid as unknown as { host: { clock: { setTimer(run: () => void, ms: number): unknown } } };
  return new Promise((resolve) => {
    host.clock.setTimer(resolve, ms);
  });
}

/** Declares the test of case `id`: once as in production, once under each seed. */
export function conformance(
  id: string,
  body: (world: World) => Promise<void>,
  options: { readonly seeds?: number } = {},
): void {
  const found = CASES.find((candidate) => candidate.id === id);
  const name = `${id} ${found?.when}: ${found?.then}`;
  const seeds = Math.min(SEEDS, options.seeds ?? SEEDS);
  test(name, async () => {
    expect.hasAssertions();
    await body(new World(undefined));
  });
  test(`${name} (${seeds} seeds)`, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      try {
        await body(new World(seed));
      } catch (error) {
        (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
        throw error;
      }
    }
  }, 60_000);
}
