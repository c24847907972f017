/** A value that comes once, and those that wait for it, each as long as it likes. For tasks and requests under way. */
import { checkTimeout } from './callable-process.ts';
import type { TimerQueue } from './timer-queue.ts';

/** @internal */
export class Once<T> {
  /** `undefined` until it is there. */
  value: T | undefined = undefined;
  readonly #waiting = new Set<(value: T) => void>();

  /** The first value counts. */
  settle(value: T): void {
    if (this.value !== undefined) return;
    this.value = value;
    for (const done of this.#waiting) done(value);
    this.#waiting.clear();
  }

  /** Calls `done` with the value, at once if it is there. */
  whenSettled(done: (value: T) => void): void {
    if (this.value === undefined) this.#waiting.add(done);
    else done(this.value);
  }

  /** Waits for the value. @returns undefined after `timeoutMs`. @throws RangeError for a timeout that is none. */
  wait(timers: TimerQueue | undefined, timeoutMs: number): Promise<T | undefined> {
    checkTimeout(timeoutMs);
    if (this.value !== undefined) return Promise.resolve(this.value);
    return within(timers, timeoutMs, (done) => {
      this.#waiting.add(done);
      return () => this.#waiting.delete(done);
    });
  }
}

/** What `begin` passes on, or `undefined` after `timeoutMs`; then what `begin` returned takes it back. @internal */
export function within<T>(
  timers: TimerQueue | undefined,
  timeoutMs: number,
  begin: (done: (value: T) => void) => () => void,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const takeBack = begin((value) => {
      timer?.cancel();
      resolve(value);
    });
    const timer =
      timeoutMs === Number.POSITIVE_INFINITY
        ? undefined
        : timers?.add(timeoutMs, () => {
            takeBack();
            resolve(undefined);
          });
  });
}
