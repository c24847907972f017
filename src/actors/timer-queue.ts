/**
 * Timers of a whole system on one armed host timer: a binary heap by due time. Arming costs one clock reading and a heap
 * push (about 0.2 us), where a host timer costs 1.
 *
 * Cancelled timers stay in the heap until they surface, or until they outnumber the live ones.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Message } from './message.ts';
import type { TimerRef } from './pid.ts';

/** Who owns timers: the first of a chain that runs through them, so that arming one needs no set. @internal */
export interface TimerOwner {
  firstTimer: QueuedTimer | undefined;
}

/** What a timer can be for: a message to deliver. @internal */
export interface TimerTarget {
  deliver(message: Message): void;
}

/** One armed callback or message. @internal */
export class QueuedTimer implements TimerRef {
  // Plain fields assigned in the constructor: a system arms these by the hundred thousand.
  readonly queue: TimerQueue;
  readonly dueMs: number;
  readonly sequence: number;
  isPending: boolean;
  callback: (() => void) | undefined;
  target: TimerTarget | undefined;
  message: Message | undefined;
  owner: TimerOwner | undefined;
  previous: QueuedTimer | undefined;
  next: QueuedTimer | undefined;

  constructor(queue: TimerQueue, dueMs: number, sequence: number, callback: (() => void) | undefined) {
    this.queue = queue;
    this.dueMs = dueMs;
    this.sequence = sequence;
    this.isPending = true;
    this.callback = callback;
    this.target = undefined;
    this.message = undefined;
    this.owner = undefined;
    this.previous = undefined;
    this.next = undefined;
  }

  get remainingMs(): number | false {
    return this.isPending ? this.queue.remainingMs(this) : false;
  }

  cancel(): number | false {
    if (!this.isPending) return false;
    const restMs = this.queue.remainingMs(this);
    this.end();
    this.queue.noteCancelled();
    return restMs;
  }

  /** Puts it into the chain of `owner`. */
  own(owner: TimerOwner): void {
    this.owner = owner;
    this.next = owner.firstTimer;
    if (this.next !== undefined) this.next.previous = this;
    owner.firstTimer = this;
  }

  /** Takes it out of everything but the heap, and lets go of what it holds. */
  end(): void {
    const { owner, previous, next } = this;
    if (owner !== undefined) {
      if (previous === undefined) owner.firstTimer = next;
      else previous.next = next;
      if (next !== undefined) next.previous = previous;
    }
    this.isPending = false;
    this.callback = undefined;
    this.target = undefined;
    this.message = undefined;
    this.owner = undefined;
    this.previous = undefined;
    this.next = undefined;
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

  /** Calls `callback` once after `delayMs`, never early; those due at the same time in the order they were added. */
  add(delayMs: number, callback: () => void): QueuedTimer {
    const timer = new QueuedTimer(this, this.#clock.monotonicMs() + delayMs, this.#sequence, callback);
    this.#push(timer);
    return timer;
  }

  /** As {@link TimerQueue.add}, delivers `message` to `target`; the timer is in the chain of `owner` until then. */
  addMessage(delayMs: number, target: TimerTarget, message: Message, owner: TimerOwner): QueuedTimer {
    const timer = new QueuedTimer(this, this.#clock.monotonicMs() + delayMs, this.#sequence, undefined);
    timer.target = target;
    timer.message = message;
    timer.own(owner);
    this.#push(timer);
    return timer;
  }

  #push(timer: QueuedTimer): void {
    this.#sequence += 1;
    this.#liveCount += 1;
    this.#heap.push(timer);
    this.#siftUp(this.#heap.length - 1);
    if (this.#heap[0] === timer && !this.#isFiring) this.#arm();
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
    this.#heap = this.#heap.filter((timer) => timer.isPending).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    if (!this.#isFiring) this.#arm();
  }

  #disarm(): void {
    if (this.#armed !== undefined) this.#clock.clearTimer(this.#armed.timer);
    this.#armed = undefined;
  }

  #arm(): void {
    while (this.#heap[0] !== undefined && !this.#heap[0].isPending) this.#pop();
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
        if (!head.isPending) continue;
        const { callback, target, message } = head;
        head.end();
        this.#liveCount -= 1;
        if (target !== undefined) target.deliver(message as Message);
        else callback?.();
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
