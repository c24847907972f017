/**
 * A clock that stands still until it is told to move: tests and simulations own time with it, and nothing sleeps.
 *
 * Only time is virtual. Promises run as always, and `defer` waits for a real turn of the event loop, so code that runs on
 * this clock needs no change. `advance` moves time from timer to timer and lets everything that each one starts settle
 * before the next.
 */
import { type Clock, systemClock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts';

/** Turns of the event loop that {@link VirtualClock.settle} waits for quiet before it gives up, per call. */
export const SETTLE_TURNS_MAX = 1_000_000;

interface VirtualTimer {
  readonly dueMs: number;
  readonly sequence: number;
  readonly callback: () => void;
  isCleared: boolean;
}

/** A {@link Clock} for tests. */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  readonly #heap: VirtualTimer[] = [];
  #sequence = 0;
  #deferredCount = 0;
  #armedCount = 0;

  /**
   * @param options.startMs - first monotonic reading, default 0.
   * @param options.wallMs - wall time at the start, default 2026-01-01T00:00Z.
   */
  constructor(options: { readonly startMs?: number; readonly wallMs?: number } = {}) {
    this.#nowMs = options.startMs ?? 0;
    this.#wallOffsetMs = (options.wallMs ?? 1_767_225_600_000) - this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Math.floor(this.#nowMs + this.#wallOffsetMs);
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const dueMs = this.#nowMs + (delayMs > 0 ? Math.min(delayMs, TIMER_DELAY_MS_MAX) : 0);
    const timer = { dueMs, sequence: this.#sequence++, callback, isCleared: false };
    this.#armedCount += 1;
    this.#heap.push(timer);
    this.#siftUp(this.#heap.length - 1);
    return timer;
  }

  clearTimer(timer: Timer): void {
    const virtual = timer as VirtualTimer;
    if (virtual.isCleared) return;
    virtual.isCleared = true;
    this.#armedCount -= 1;
  }

  defer(callback: () => void): void {
    this.#deferredCount += 1;
    systemClock.defer(() => {
      this.#deferredCount -= 1;
      callback();
    });
  }

  /** Timers armed and not yet fired or cleared: a test can hold that nothing was left behind. */
  get timerCount(): number {
    return this.#armedCount;
  }

  /** When the next timer is due, in monotonic ms, or `undefined` with none armed. */
  get nextTimerMs(): number | undefined {
    this.#dropCleared();
    return this.#heap[0]?.dueMs;
  }

  /**
   * Moves time by `durationMs`, firing what comes due in order and settling after each timer.
   *
   * @param durationMs - at least 0; 0 fires what is due now.
   * @throws RangeError (as a rejection) when it is negative or not a number.
   */
  async advance(durationMs: number): Promise<void> {
    if (!(durationMs >= 0)) throw new RangeError(`advance by ${durationMs} ms: time never goes back`);
    const untilMs = this.#nowMs + durationMs;
    await this.settle();
    for (;;) {
      this.#dropCleared();
      const next = this.#heap[0];
      if (next === undefined || next.dueMs > untilMs) break;
      this.#pop();
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.isCleared = true;
      this.#armedCount -= 1;
      next.callback();
      await this.settle();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * Advances from timer to timer until `isDone` holds.
   *
   * @param durationMsMax - virtual ms after which it gives up, default 60 000.
   * @throws Error when `isDone` does not come to hold in that time.
   */
  async advanceUntil(isDone: () => boolean, durationMsMax = 60_000): Promise<void> {
    const untilMs = this.#nowMs + durationMsMax;
    await this.settle();
    while (!isDone()) {
      const nextMs = this.nextTimerMs;
      if (nextMs === undefined || nextMs > untilMs) {
        throw new Error(`condition does not hold after ${durationMsMax} virtual ms (next timer: ${nextMs ?? 'none'})`);
      }
      await this.advance(Math.max(0, nextMs - this.#nowMs));
    }
  }

  /** Waits, without moving time, until promises and deferred callbacks have run dry. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS_MAX; turn += 1) {
      await new Promise<void>((resolve) => systemClock.defer(resolve));
      if (this.#deferredCount === 0) return;
    }
    throw new Error(`not quiet after ${SETTLE_TURNS_MAX} turns of the event loop`);
  }

  #dropCleared(): void {
    while (this.#heap[0]?.isCleared === true) this.#pop();
  }

  #isBefore(a: number, b: number): boolean {
    const x = this.#heap[a] as VirtualTimer;
    const y = this.#heap[b] as VirtualTimer;
    return x.dueMs < y.dueMs || (x.dueMs === y.dueMs && x.sequence < y.sequence);
  }

  #swap(a: number, b: number): void {
    const item = this.#heap[a] as VirtualTimer;
    this.#heap[a] = this.#heap[b] as VirtualTimer;
    this.#heap[b] = item;
  }

  #siftUp(start: number): void {
    for (let i = start; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop() as VirtualTimer;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      if (left >= this.#heap.length) return;
      const child = left + 1 < this.#heap.length && this.#isBefore(left + 1, left) ? left + 1 : left;
      if (!this.#isBefore(child, i)) return;
      this.#swap(i, child);
      i = child;
    }
  }
}
