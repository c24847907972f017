/**
 * A scheduler whose choices follow a seed: which process runs next, and whether promises or the event loop get a turn
 * before it. One message at a time, so that every order that mailboxes allow can come up. The order within one mailbox is
 * never touched. A race found by a seed is that seed.
 */
import type { Runnable, Scheduler } from '../actors/system.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

/** Steps after which the event loop gets a turn whatever the seed says. */
export const STEPS_PER_TURN_MAX = 256;
/** Share of steps before which the event loop gets a turn. */
const DEFER_SHARE = 0.02;

const RESOLVED = Promise.resolve();

/** Runs what is ready in an order drawn from `random`. */
export class SeededScheduler implements Scheduler {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ready: Runnable[] = [];
  #isPaused = false;
  #isArmed = false;
  #stepsThisTurn = 0;
  #onFailure: (process: Runnable, error: unknown) => void = () => {};

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  attach(runner: { readonly onFailure: (process: Runnable, error: unknown) => void }): void {
    this.#onFailure = runner.onFailure;
  }

  ready(process: Runnable): void {
    this.#ready.push(process);
    this.#arm();
  }

  /** Labels of the processes that could run next. */
  get readyLabels(): readonly string[] {
    return this.#ready.map((process) => process.label);
  }

  /** Stops running by itself: from now on only {@link SeededScheduler.step} does. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Runs by itself again. */
  resume(): void {
    this.#isPaused = false;
    this.#arm();
  }

  /** Lets one process, drawn by the seed or named by `label`, handle one message. @returns false when none is ready. */
  step(label?: string): boolean {
    const index =
      label === undefined
        ? Math.floor(this.#random.float() * this.#ready.length)
        : this.#ready.findIndex((process) => process.label === label);
    const process = this.#ready[index];
    if (process === undefined) return false;
    const last = this.#ready.pop() as Runnable;
    if (index < this.#ready.length) this.#ready[index] = last;
    try {
      process.run(1);
    } catch (error) {
      this.#onFailure(process, error);
    }
    return true;
  }

  #arm(): void {
    if (this.#isArmed || this.#isPaused || this.#ready.length === 0) return;
    this.#isArmed = true;
    if (this.#stepsThisTurn >= STEPS_PER_TURN_MAX || this.#random.float() < DEFER_SHARE) {
      this.#clock.defer(this.#turn);
    } else RESOLVED.then(this.#run);
  }

  readonly #turn = (): void => {
    this.#stepsThisTurn = 0;
    this.#run();
  };

  readonly #run = (): void => {
    this.#isArmed = false;
    if (this.#isPaused) return;
    this.#stepsThisTurn += 1;
    this.step();
    this.#arm();
  };
}
