/**
 * A system for tests: virtual time, a seeded scheduler, and everything that was logged or reported kept for a look.
 *
 * ```ts
 * const test = new TestSystem({ seed: 42 });
 * const counter = await startServer(Counter, [0], { system: test.system });
 * const probe = test.probe();
 * counter.cast('notify', probe.pid);
 * await test.assertReceive(probe, (message) => message === 'done', { withinMs: 5000 });
 * ```
 *
 * Nothing here sleeps: 5000 ms above are virtual. A test that fails under one seed fails under it again.
 */

import type { Pid } from '../actors/pid.ts';
import { type SpawnedSelf, spawnFunction } from '../actors/spawn.ts';
import { ActorSystem, type ActorSystemOptions } from '../actors/system.ts';
import type { LogFields, Logger } from '../base/logger.ts';
import { Telemetry, type TelemetryEvent } from '../base/telemetry.ts';
import { SeededRandom } from '../sim/seeded-random.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { SeededScheduler } from './seeded-scheduler.ts';

/** One log line as it was said. */
export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** What a test system is made with. */
export interface TestSystemOptions extends Omit<ActorSystemOptions, 'clock' | 'logger' | 'telemetry' | 'scheduler'> {
  /** Any integer; decides every choice of the scheduler. Default: first come, first served as in production. */
  readonly seed?: number;
}

/** Log lines and telemetry events kept; the oldest go first. */
export const ENTRIES_KEPT_MAX = 10_000;

/** A process of the test itself: it receives, and never ends by itself. */
export interface Probe {
  readonly pid: Pid;
  /** What has arrived and was not taken, oldest first. */
  readonly messages: readonly unknown[];
  /** Takes the oldest message that `matches`, at once, or gives `undefined`. */
  take(matches?: (message: unknown) => boolean): unknown;
}

/** See the top of this file. */
export class TestSystem {
  readonly system: ActorSystem;
  readonly clock: VirtualClock;
  /** `undefined` without a seed. */
  readonly scheduler: SeededScheduler | undefined;
  readonly seed: number | undefined;
  /** What was logged, oldest first. */
  readonly logs: LogEntry[] = [];
  /** What telemetry was emitted, oldest first. */
  readonly events: TelemetryEvent[] = [];

  constructor(options: TestSystemOptions = {}) {
    const { seed, ...rest } = options;
    this.seed = seed;
    this.clock = new VirtualClock();
    this.scheduler = seed === undefined ? undefined : new SeededScheduler(this.clock, new SeededRandom(seed));
    const logger = this.#logger();
    const telemetry = new Telemetry(logger);
    telemetry.attach('test-system', '', (event) => keep(this.events, event));
    this.system = new ActorSystem({
      ...rest,
      clock: this.clock,
      logger,
      telemetry,
      ...(this.scheduler === undefined ? {} : { scheduler: this.scheduler }),
    });
  }

  #logger(): Logger {
    const at =
      (level: LogEntry['level']) =>
      (message: string, fields: LogFields = {}): void =>
        keep(this.logs, { level, message, fields });
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  /** Moves virtual time, firing what comes due, and lets everything settle. */
  advance(durationMs: number): Promise<void> {
    return this.clock.advance(durationMs);
  }

  /** Lets everything that can run now run, without moving time. */
  settle(): Promise<void> {
    return this.clock.settle();
  }

  /** Lets one process handle one message; pauses the scheduler first. @throws TypeError without a seed. */
  step(label?: string): boolean {
    if (this.scheduler === undefined) throw new TypeError('step needs a seed: new TestSystem({ seed: 1 })');
    this.scheduler.pause();
    return this.scheduler.step(label);
  }

  /** A process to receive what the code under test sends. It traps exits. */
  probe(label = 'probe'): Probe & SpawnedSelf {
    const process = spawnFunction(() => new Promise(() => {}), { system: this.system, label }, false);
    process.trapExit(true);
    return Object.assign(process, { pid: process as Pid });
  }

  /**
   * Waits until `probe` has a message that `matches`, takes it and gives it back; moves virtual time as needed.
   *
   * @param options.withinMs - virtual ms it may take, default 100.
   * @throws Error with what did arrive, when none matches in that time.
   */
  async assertReceive(
    probe: Probe,
    matches: (message: unknown) => boolean = () => true,
    options: { readonly withinMs?: number } = {},
  ): Promise<unknown> {
    const withinMs = options.withinMs ?? 100;
    const untilMs = this.clock.monotonicMs() + withinMs;
    await this.settle();
    for (;;) {
      if (probe.messages.some(matches)) return probe.take(matches);
      const nextMs = this.clock.nextTimerMs;
      const nowMs = this.clock.monotonicMs();
      if (nowMs >= untilMs) break;
      await this.advance(Math.min(nextMs ?? untilMs, untilMs) - nowMs);
    }
    throw new Error(`no message matches within ${withinMs} virtual ms; arrived: ${describe(probe.messages)}`);
  }

  /** Makes sure that no message that `matches` arrives for `forMs` virtual ms, default 100. @throws Error when one does. */
  async refuteReceive(
    probe: Probe,
    matches: (message: unknown) => boolean = () => true,
    options: { readonly forMs?: number } = {},
  ): Promise<void> {
    await this.advance(options.forMs ?? 100);
    const found = probe.messages.filter(matches);
    if (found.length > 0) throw new Error(`unexpected message: ${describe(found)}`);
  }
}

/** Runs `body` once for each seed from `from` on; a failure says under which seed. Default 100 seeds from 1. */
export async function forEachSeed(
  body: (test: TestSystem) => Promise<void>,
  options: TestSystemOptions & { readonly count?: number; readonly from?: number } = {},
): Promise<void> {
  const { count = 100, from = 1, ...rest } = options;
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      await body(new TestSystem({ ...rest, seed }));
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > ENTRIES_KEPT_MAX) list.shift();
}

function describe(messages: readonly unknown[]): string {
  return messages.length === 0 ? 'nothing' : messages.map((message) => JSON.stringify(shallow(message))).join(', ');
}

function shallow(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, typeof item === 'object' ? String(item) : item]),
  );
}
