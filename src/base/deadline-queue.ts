/**
 * Deadlines for very many short waits: one first-in first-out lane and one armed timer for each timeout value, instead of
 * a host timer for each wait (400 ns against about 10).
 *
 * Most waits end in the turn of the event loop in which they began. So a wait is only remembered in an array at first;
 * at the end of the turn those still open get their deadline (one clock reading for all) and move into the lane.
 * The deadline is therefore never early and at most one turn late.
 */
import type { Clock, Timer } from './clock.ts';
import { RingQueue } from './ring-queue.ts';

/** What waits. The queue writes `deadlineMs` (0 until stamped); the owner sets `isSettled` when the wait is over. */
export interface Deadlined {
  deadlineMs: number;
  readonly timeoutMs: number;
  isSettled: boolean;
}

interface Lane<T> {
  readonly fresh: RingQueue<T>;
  readonly waiting: RingQueue<T>;
  openCount: number;
  timer: Timer | undefined;
}

/** Calls `expire` for each item whose timeout passes before it is settled. */
export class DeadlineQueue<T extends Deadlined> {
  readonly #clock: Clock;
  readonly #expire: (item: T) => void;
  readonly #lanes = new Map<number, Lane<T>>();
  #lastTimeoutMs = -1;
  #lastLane: Lane<T> | undefined;
  #turnEndArmed = false;

  constructor(clock: Clock, expire: (item: T) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** Starts the wait of `item`; its `timeoutMs` must be finite and at least 0, its `deadlineMs` 0. */
  add(item: T): void {
    const lane = item.timeoutMs === this.#lastTimeoutMs ? this.#lastLane : undefined;
    (lane ?? this.#laneOf(item.timeoutMs)).fresh.push(item);
    if (!this.#turnEndArmed) {
      this.#turnEndArmed = true;
      this.#clock.defer(this.#turnEnd);
    }
  }

  /** Tells the queue that `item` was settled, so that its timer does not keep the program alive. */
  release(item: T): void {
    if (item.deadlineMs === 0) return; // not stamped: the end of its turn forgets it
    const lane = this.#lanes.get(item.timeoutMs);
    if (lane === undefined) return;
    item.deadlineMs = 0; // so that a second release is a no-op
    lane.openCount -= 1;
    if (lane.openCount === 0 && lane.fresh.length === 0) this.#drop(item.timeoutMs, lane);
    else if (lane.waiting.length > 64 && lane.waiting.length > 2 * lane.openCount) {
      lane.waiting.filter((waiting) => !waiting.isSettled);
    }
  }

  /** Open waits that outlived the turn they began in. */
  get openCount(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.openCount;
    return count;
  }

  #laneOf(timeoutMs: number): Lane<T> {
    let lane = this.#lanes.get(timeoutMs);
    if (lane === undefined) {
      lane = { fresh: new RingQueue<T>(), waiting: new RingQueue<T>(), openCount: 0, timer: undefined };
      this.#lanes.set(timeoutMs, lane);
    }
    this.#lastTimeoutMs = timeoutMs;
    this.#lastLane = lane;
    return lane;
  }

  #drop(timeoutMs: number, lane: Lane<T>): void {
    if (lane.timer !== undefined) this.#clock.clearTimer(lane.timer);
    lane.timer = undefined;
    lane.waiting.clear();
    // A lane emptied while it expires may have a successor already.
    if (this.#lanes.get(timeoutMs) === lane) this.#lanes.delete(timeoutMs);
    if (this.#lastLane === lane) {
      this.#lastLane = undefined;
      this.#lastTimeoutMs = -1;
    }
  }

  readonly #turnEnd = (): void => {
    this.#turnEndArmed = false;
    const nowMs = this.#clock.monotonicMs();
    for (const [timeoutMs, lane] of this.#lanes) {
      for (let item = lane.fresh.shift(); item !== undefined; item = lane.fresh.shift()) {
        if (item.isSettled) continue;
        // A deadline of exactly 0 would read as "not stamped"; a clock that starts at 0 can give one. Just before it,
        // not after: nothing is due between 0 and the smallest number.
        item.deadlineMs = nowMs + timeoutMs || -Number.MIN_VALUE;
        lane.waiting.push(item);
        lane.openCount += 1;
      }
      if (lane.openCount === 0) this.#drop(timeoutMs, lane);
      else if (lane.timer === undefined) this.#arm(timeoutMs, lane, nowMs);
    }
  };

  #arm(timeoutMs: number, lane: Lane<T>, nowMs: number): void {
    while (lane.waiting.peek()?.isSettled === true) lane.waiting.shift();
    const head = lane.waiting.peek();
    if (head === undefined) return;
    lane.timer = this.#clock.setTimer(
      () => {
        lane.timer = undefined;
        this.#fire(timeoutMs, lane);
      },
      Math.max(0, head.deadlineMs - nowMs),
    );
  }

  #fire(timeoutMs: number, lane: Lane<T>): void {
    const nowMs = this.#clock.monotonicMs();
    try {
      for (;;) {
        const head = lane.waiting.peek();
        if (head === undefined || (!head.isSettled && head.deadlineMs > nowMs)) break;
        lane.waiting.shift();
        if (head.isSettled) continue;
        lane.openCount -= 1;
        head.deadlineMs = 0; // no longer in the lane, so a later release is a no-op
        this.#expire(head);
      }
    } finally {
      // Also after an exception of the owner: the other waits must not wait for ever.
      if (lane.openCount > 0 && lane.timer === undefined) this.#arm(timeoutMs, lane, nowMs);
      else if (lane.openCount === 0 && lane.fresh.length === 0) this.#drop(timeoutMs, lane);
    }
  }
}
