/**
 * Timers of a whole system on one armed host timer: a bucket for each ms in which something is due, and a heap of the times of
 * the buckets. Arming costs one clock reading, one look-up and one append, where a host timer costs 1 us.
 *
 * A timer fires in the first whole ms that is not before its time: never early, the due order kept, and one waking of the host
 * for all of a ms. Cancelled timers stay in their bucket until it is empty, or until they outnumber the live ones.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { infoMessage, type Message } from './message.ts';
import { printAsText, type TimerRef } from './pid.ts';

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
  readonly bucket: Bucket;
  readonly dueMs: number;
  isPending: boolean;
  /** Whom to deliver to; without one, `content` is a callback. */
  target: TimerTarget | undefined;
  /** What a plain message says, put into an envelope when its time has come: until then it is one object less. */
  content: unknown;
  owner: TimerOwner | undefined;
  previous: QueuedTimer | undefined;
  next: QueuedTimer | undefined;

  constructor(bucket: Bucket, dueMs: number, target: TimerTarget | undefined, content: unknown) {
    this.bucket = bucket;
    this.dueMs = dueMs;
    this.isPending = true;
    this.target = target;
    this.content = content;
    this.owner = undefined;
    this.previous = undefined;
    this.next = undefined;
  }

  toString(): string {
    return `Timer<${this.remainingMs}>`;
  }

  get remainingMs(): number | false {
    return this.isPending ? this.bucket.queue.remainingMs(this) : false;
  }

  cancel(): number | false {
    if (!this.isPending) return false;
    const restMs = this.bucket.queue.remainingMs(this);
    this.drop();
    return restMs;
  }

  /** Cancels it without asking what was left. */
  drop(): void {
    this.end();
    this.bucket.queue.noteCancelled(this.bucket);
  }

  /** Puts it into the chain of `owner`. */
  own(owner: TimerOwner): void {
    this.owner = owner;
    this.next = owner.firstTimer;
    if (this.next !== undefined) this.next.previous = this;
    owner.firstTimer = this;
  }

  /** Takes it out of everything but its bucket, and lets go of what it holds. */
  end(): void {
    const { owner, previous, next } = this;
    if (owner !== undefined) {
      if (previous === undefined) owner.firstTimer = next;
      else previous.next = next;
      if (next !== undefined) next.previous = previous;
    }
    this.isPending = false;
    this.target = undefined;
    this.content = undefined;
    this.owner = undefined;
    this.previous = undefined;
    this.next = undefined;
  }
}

printAsText(QueuedTimer);

/** The timers of one ms. */
class Bucket {
  readonly queue: TimerQueue;
  readonly slotMs: number;
  timers: QueuedTimer[] = [];
  /** Index of the next to fire. */
  at = 0;
  liveCount = 0;
  /** In due order as they were added: true but for delays with fractions. */
  isSorted = true;

  constructor(queue: TimerQueue, slotMs: number) {
    this.queue = queue;
    this.slotMs = slotMs;
  }

  add(timer: QueuedTimer): void {
    const { timers } = this;
    if (timers.length > 0 && timer.dueMs < (timers[timers.length - 1] as QueuedTimer).dueMs) this.isSorted = false;
    timers.push(timer);
    this.liveCount += 1;
  }

  /** Takes the next one that is not cancelled. */
  shift(): QueuedTimer | undefined {
    if (!this.isSorted) {
      this.timers = this.timers.slice(this.at).sort((a, b) => a.dueMs - b.dueMs);
      this.at = 0;
      this.isSorted = true;
    }
    const { timers } = this;
    while (this.at < timers.length) {
      const timer = timers[this.at] as QueuedTimer;
      this.at += 1;
      if (!timer.isPending) continue;
      this.liveCount -= 1;
      return timer;
    }
    return undefined;
  }
}

/** Delivers an envelope as it is; for messages that are not plain ones. */
class Delivery implements TimerTarget {
  readonly #target: TimerTarget;
  readonly #message: Message;

  constructor(target: TimerTarget, message: Message) {
    this.#target = target;
    this.#message = message;
  }

  deliver(): void {
    this.#target.deliver(this.#message);
  }
}

/** Cancelled timers, or times of buckets that are gone, that are kept at least before all is rebuilt without them. */
const DEAD_KEPT_MIN = 64;

/** The timers of one system. @internal */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Bucket>();
  /** Times of the buckets as a binary heap; some of buckets that are gone. */
  #slots: number[] = [];
  #liveCount = 0;
  #cancelledCount = 0;
  #armed: { readonly timer: Timer; readonly slotMs: number } | undefined;
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
    return this.#add(delayMs, undefined, callback);
  }

  /** As {@link TimerQueue.add}, delivers a plain `message` to `target`; the timer is in the chain of `owner` until then. */
  addInfo(delayMs: number, target: TimerTarget, message: unknown, owner: TimerOwner): QueuedTimer {
    const timer = this.#add(delayMs, target, message);
    timer.own(owner);
    return timer;
  }

  /** As {@link TimerQueue.addInfo}, for a message in its envelope. */
  addMessage(delayMs: number, target: TimerTarget, message: Message, owner: TimerOwner): QueuedTimer {
    return this.addInfo(delayMs, new Delivery(target, message), undefined, owner);
  }

  #add(delayMs: number, target: TimerTarget | undefined, content: unknown): QueuedTimer {
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const slotMs = Math.ceil(dueMs);
    const bucket = this.#buckets.get(slotMs) ?? this.#open(slotMs);
    const timer = new QueuedTimer(bucket, dueMs, target, content);
    bucket.add(timer);
    this.#liveCount += 1;
    if (!this.#isFiring && (this.#armed === undefined || slotMs < this.#armed.slotMs)) this.#arm();
    return timer;
  }

  #open(slotMs: number): Bucket {
    const bucket = new Bucket(this, slotMs);
    this.#buckets.set(slotMs, bucket);
    pushSlot(this.#slots, slotMs);
    return bucket;
  }

  remainingMs(timer: QueuedTimer): number {
    return Math.max(0, Math.ceil(timer.dueMs - this.#clock.monotonicMs()));
  }

  noteCancelled(bucket: Bucket): void {
    this.#liveCount -= 1;
    this.#cancelledCount += 1;
    bucket.liveCount -= 1;
    if (this.#liveCount === 0) {
      this.#buckets.clear();
      this.#slots = [];
      this.#cancelledCount = 0;
      this.#disarm();
    } else if (this.#cancelledCount > DEAD_KEPT_MIN + this.#liveCount) this.#rebuild();
  }

  /** Lets go of cancelled timers and of empty buckets. */
  #rebuild(): void {
    this.#cancelledCount = 0;
    for (const [slotMs, bucket] of this.#buckets) {
      if (bucket.liveCount === 0) this.#buckets.delete(slotMs);
      else if (bucket.liveCount < bucket.timers.length) {
        bucket.timers = bucket.timers.filter((timer) => timer.isPending);
        bucket.at = 0;
      }
    }
    // Sorted numbers are a heap.
    this.#slots = [...this.#buckets.keys()].sort((a, b) => a - b);
    if (!this.#isFiring) this.#arm();
  }

  #disarm(): void {
    if (this.#armed !== undefined) this.#clock.clearTimer(this.#armed.timer);
    this.#armed = undefined;
  }

  #arm(): void {
    let slotMs = this.#slots[0];
    while (slotMs !== undefined && (this.#buckets.get(slotMs)?.liveCount ?? 0) === 0) {
      this.#close(slotMs);
      slotMs = this.#slots[0];
    }
    if (slotMs === undefined) {
      this.#disarm();
      return;
    }
    if (this.#armed !== undefined && this.#armed.slotMs === slotMs) return;
    this.#disarm();
    const delayMs = Math.max(0, slotMs - this.#clock.monotonicMs());
    this.#armed = { timer: this.#clock.setTimer(this.#fire, delayMs), slotMs };
  }

  readonly #fire = (): void => {
    this.#armed = undefined;
    this.#isFiring = true;
    const nowMs = this.#clock.monotonicMs();
    try {
      // Looked up anew for each: what fires may add, cancel and so rebuild.
      for (let slotMs = this.#slots[0]; slotMs !== undefined && slotMs <= nowMs; slotMs = this.#slots[0]) {
        const timer = this.#buckets.get(slotMs)?.shift();
        if (timer === undefined) this.#close(slotMs);
        else this.#fireOne(timer);
      }
    } finally {
      this.#isFiring = false;
      this.#arm();
    }
  };

  #fireOne(timer: QueuedTimer): void {
    const { target, content } = timer;
    timer.end();
    this.#liveCount -= 1;
    if (target !== undefined) target.deliver(infoMessage(content));
    else (content as () => void)();
  }

  #close(slotMs: number): void {
    this.#buckets.delete(slotMs);
    popSlot(this.#slots);
  }
}

function pushSlot(heap: number[], slotMs: number): void {
  let i = heap.length;
  heap.push(slotMs);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const above = heap[parent] as number;
    if (above <= slotMs) break;
    heap[i] = above;
    i = parent;
  }
  heap[i] = slotMs;
}

function popSlot(heap: number[]): void {
  const last = heap.pop() as number;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
    if ((heap[child] as number) >= last) break;
    heap[i] = heap[child] as number;
    i = child;
  }
  heap[i] = last;
}
