/**
 * Time, as everything in genmesh sees it.
 *
 * Nothing outside this folder reads a clock or arms a timer of the host: a {@link Clock} is passed in, so that a
 * simulation (`sim/virtual-clock.ts`) can own time and no test sleeps.
 */

/** A timer armed on a {@link Clock}; opaque, good only for `clearTimer` of the same clock. */
export type Timer = object;

/** The longest delay a timer takes, in ms: 2^31 - 1, the host's own limit (about 24.8 days). */
export const TIMER_DELAY_MS_MAX = 2_147_483_647;

/** A source of time and the only way to be called later. */
export interface Clock {
  /** Monotonic time in ms with fractions; its zero has no meaning. Never goes back. */
  monotonicMs(): number;
  /** Wall-clock time in ms since 1970-01-01T00:00Z; may jump. */
  wallMs(): number;
  /**
   * Calls `callback` once, never before `delayMs` have passed. Timers fire in the order they are due; the host's clock can
   * swap two that are due within the same ms, a virtual one keeps the order of arming.
   *
   * @param delayMs - 0 to {@link TIMER_DELAY_MS_MAX}; a larger delay is cut to it.
   */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Makes sure the timer does not fire any more; does nothing to one that has fired or was cleared. */
  clearTimer(timer: Timer): void;
  /** Calls `callback` after the host has had a turn for its I/O and timers; in the order asked. */
  defer(callback: () => void): void;
}

interface Host {
  setImmediate?: (callback: () => void) => unknown;
  setTimeout(callback: () => void, delayMs: number): object | number;
  clearTimeout(timer: object | number): void;
  performance: { now(): number };
}

const host = globalThis as unknown as Host;

/** The real clock of the host. Its timers keep the program alive, like the host's own. */
export const systemClock: Clock = {
  monotonicMs: () => host.performance.now(),
  wallMs: () => Date.now(),
  setTimer(callback: () => void, delayMs: number): Timer {
    const dueMs = host.performance.now() + delayMs;
    const timer: { handle: object | number } = { handle: 0 };
    const fire = (): void => {
      // The host rounds: setTimeout(f, 5) can fire 4.6 ms later. "Never early" is the promise, so wait out the rest.
      const restMs = dueMs - host.performance.now();
      if (restMs > 0 && delayMs <= TIMER_DELAY_MS_MAX) timer.handle = host.setTimeout(fire, Math.ceil(restMs));
      else callback();
    };
    timer.handle = host.setTimeout(fire, Math.min(delayMs, TIMER_DELAY_MS_MAX));
    return timer;
  },
  clearTimer(timer: Timer): void {
    host.clearTimeout((timer as { handle: object | number }).handle);
  },
  defer(callback: () => void): void {
    if (host.setImmediate !== undefined) host.setImmediate(callback);
    else host.setTimeout(callback, 0);
  },
};
