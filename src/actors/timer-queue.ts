/**
 * Timers of a whole system on one armed host timer: a binary heap by due time. Arming costs one clock reading and a heap
 * push (about 0.2 us), where a host timer costs 1.
 *
 * Cancelled timers stay in the heap until they surface, or until they outnumber the live ones.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { TimerRef } from './pid.ts';

/** One armed callback. @internal */
export class QueuedTimer implements TimerRef {
  readonly dueMs: number;
  readonly sequence: number;
  fire: (() => void) | undefined;
  /** Where the receiver keeps it, so that it goes from there when it is cancelled. */
  owners: Set<TimerRef> | undefined;
  readonly #queue: TimerQueue;

  constructor(queue: TimerQueue, dueMs: number, sequence: number, fire: () => void) {
    this.#queue = queue;
    this.dueMs = dueMs;
    this.sequence = sequence;
    this.fire = fire;
    this.owners = undefined;
  }

  get remainingMs(): number | false {
    return this.fire === undefined ? false : this.#queue.remainingMs(this);
  }

  cancel(): number | false {
    if (this.fire === undefined) return false;
    const restMs = this.#queue.remainingMs(this);
    this.fire = undefined;
    this.owners?.delete(this);
    this.owners = undefined;
    this.#queue.noteCancelled();
    return restMs;
  }
}

/** Cancelled timers that are kept at least, before the heap is rebuilt without them. */
const CANCELLED_KEPT_MIN = 64;

/** The timers of one system. @internal */
export class TimerQueue {
  readonly #clock: Clock;
  #heap: QueuedTimer[] = [];
  #sequence = 0;
  #liveCount = 0;
  #armed: { readonly timer: Timer; readonly dueMs: number } | undefined;
  #isFiring = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Timers that have not fired and are not cancelled. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** Calls `fire` once after `delayMs`, never early; those due at the same time in the order they were added. */
  add(delayMs: number, fire: () => void): QueuedTimer {
    const timer = new QueuedTimer(this, this.#clock.monotonicMs() + delayMs, this.#sequence, fire);
    this.#sequence += 1;
    this.#liveCount += 1;
    this.#heap.push(timer);
    this.#siftUp(this.#heap.length - 1);
    if (this.#heap[0] === timer && !this.#isFiring) this.#arm();
    return timer;
  }

  remainingMs(timer: QueuedTimer): number {
    return Math.max(0, Math.ceil(timer.dueMs - this.#clock.monotonicMs()));
  }

  noteCancelled(): void {
    this.#liveCount -= 1;
    if (this.#liveCount === 0) {
      this.#heap = [];
      this.#disarm();
    } else if (this.#heap.length - this.#liveCount > CANCELLED_KEPT_MIN + this.#liveCount) this.#rebuild();
  }

  #rebuild(): void {
    this.#heap = this.#heap.filter((timer) => timer.fire !== undefined).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    if (!this.#isFiring) this.#arm();
  }

  #disarm(): void {
    if (this.#armed !== undefined) this.#clock.clearTimer(this.#armed.timer);
    this.#armed = undefined;
  }

  #arm(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].fire === undefined) this.#pop();
    const head = this.#heap[0];
    if (head === undefined) {
      this.#disarm();
      return;
    }
    if (this.#armed !== undefined && this.#armed.dueMs === head.dueMs) return;
    this.#disarm();
    const delayMs = Math.max(0, head.dueMs - this.#clock.monotonicMs());
    this.#armed = { timer: this.#clock.setTimer(this.#fire, delayMs), dueMs: head.dueMs };
  }

  readonly #fire = (): void => {
    this.#armed = undefined;
    this.#isFiring = true;
    const nowMs = this.#clock.monotonicMs();
    try {
      for (let head = this.#heap[0]; head !== undefined && head.dueMs <= nowMs; head = this.#heap[0]) {
        this.#pop();
        const { fire } = head;
        if (fire === undefined) continue;
        head.fire = undefined;
        head.owners = undefined;
        this.#liveCount -= 1;
        fire();
      }
    } finally {
      this.#isFiring = false;
      this.#arm();
    }
  };

  #siftUp(start: number): void {
    const heap = this.#heap;
    const timer = heap[start] as QueuedTimer;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as QueuedTimer;
      if (!isBefore(timer, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as QueuedTimer;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as QueuedTimer, heap[child] as QueuedTimer)) child += 1;
      if (!isBefore(heap[child] as QueuedTimer, last)) break;
      heap[i] = heap[child] as QueuedTimer;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}
