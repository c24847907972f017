/**
 * One direction of an in-memory connection: what TCP does to bytes, without a network.
 *
 * Bytes wait in the sender's queue, depart into flight as far as the receiver's window allows, arrive after the
 * latency, and are delivered when the receiver takes them; delivery opens the window again. Everything happens in turns
 * of its own on the clock, in order, so that a run on a virtual clock is the same each time.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { RingQueue } from '../base/ring-queue.ts';

/** Bytes in flight and not yet taken by the receiver, per direction: 64 KiB. */
export const MEMORY_WINDOW_BYTES = 65_536;

/** What lies between two hosts, in one direction. @internal */
export interface MemoryRoute {
  readonly clock: Clock;
  readonly latencyMs: number;
  /** True while nothing moves. */
  isStalled(): boolean;
  /** How many of the next `bytes` go together; 1 to `bytes`. */
  nextChunkBytes(bytes: number): number;
}

/** The sending end's interest. @internal */
export interface MemoryPipeSource {
  /** Waiting bytes departed, or the end did. */
  onDeparted(): void;
  /** The receiver left in order while bytes were still on their way to it. */
  onRefused(): void;
}

/** The receiving end's interest. @internal */
export interface MemoryPipeSink {
  /** Whether a chunk or the end can be delivered now. */
  canTake(): boolean;
  onChunk(chunk: Uint8Array): void;
  onEnd(): void;
  onReset(): void;
}

interface InFlight {
  readonly dueMs: number;
  /** Undefined is the end. */
  readonly chunk: Uint8Array | undefined;
}

/** One direction. @internal */
export class MemoryPipe {
  source: MemoryPipeSource | undefined;
  sink: MemoryPipeSink | undefined;
  readonly #route: MemoryRoute;
  readonly #queue = new RingQueue<Uint8Array>();
  readonly #flight = new RingQueue<InFlight>();
  #queuedBytes = 0;
  #windowUsedBytes = 0;
  #isEndAsked = false;
  #isEndDeparted = false;
  #resetDueMs: number | undefined;
  #isShut = false;
  #timer: Timer | undefined;
  #isDeferred = false;

  constructor(route: MemoryRoute) {
    this.#route = route;
  }

  /** Bytes that have not departed. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** True when the end has departed, behind all bytes. */
  get isEndDeparted(): boolean {
    return this.#isEndDeparted;
  }

  /** Appends bytes; dropped when the receiver has gone away. */
  push(bytes: Uint8Array): void {
    if (this.#isShut || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.kick();
  }

  /** Puts the end behind the bytes. */
  end(): void {
    this.#isEndAsked = true;
    if (this.#isShut) this.#isEndDeparted = true;
    else this.kick();
  }

  /** The sender is gone: drops everything and lets the receiver know. */
  reset(): void {
    if (this.#isShut) return;
    this.#drop();
    this.#resetDueMs = this.#route.clock.monotonicMs() + this.#route.latencyMs;
    this.kick();
  }

  /** The receiver is gone: drops everything, now and later. */
  shut(): void {
    this.#isShut = true;
    this.#resetDueMs = undefined;
    this.#drop();
    if (this.#timer !== undefined) this.#route.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    if (this.#isEndAsked) this.#isEndDeparted = true;
  }

  /** As {@link MemoryPipe.shut}, by a receiver that has ended in order: only bytes it never saw make that a fault. */
  refuse(): void {
    const isLossy = this.#queuedBytes > 0 || this.#windowUsedBytes > 0;
    this.shut();
    if (isLossy && !this.#route.isStalled()) this.#route.clock.defer(() => this.source?.onRefused());
  }

  /** Lets move what can move; to be called when the receiver takes again and when a stall ends. */
  kick(): void {
    if (this.#route.isStalled()) return;
    if (this.#isShut) {
      this.#route.clock.defer(() => this.source?.onDeparted());
      return;
    }
    this.#depart();
    this.#schedule();
  }

  #drop(): void {
    this.#queue.clear();
    this.#flight.clear();
    this.#queuedBytes = 0;
    this.#windowUsedBytes = 0;
  }

  #depart(): void {
    const dueMs = this.#route.clock.monotonicMs() + this.#route.latencyMs;
    let head = this.#queue.shift();
    while (head !== undefined) {
      const windowBytes = Math.min(head.length, MEMORY_WINDOW_BYTES - this.#windowUsedBytes);
      if (windowBytes === 0) {
        this.#queue.unshift(head);
        return;
      }
      const chunkBytes = this.#route.nextChunkBytes(windowBytes);
      this.#flight.push({ dueMs, chunk: head.subarray(0, chunkBytes) });
      this.#windowUsedBytes += chunkBytes;
      this.#queuedBytes -= chunkBytes;
      head = chunkBytes < head.length ? head.subarray(chunkBytes) : this.#queue.shift();
    }
    if (this.#isEndAsked && !this.#isEndDeparted) {
      this.#isEndDeparted = true;
      this.#flight.push({ dueMs, chunk: undefined });
    }
  }

  #schedule(): void {
    if (this.#isDeferred || this.#timer !== undefined) return;
    const headDueMs = this.#resetDueMs ?? this.#flight.peek()?.dueMs;
    if (headDueMs === undefined) return;
    const { clock } = this.#route;
    const delayMs = headDueMs - clock.monotonicMs();
    if (delayMs > 0) {
      this.#timer = clock.setTimer(() => {
        this.#timer = undefined;
        this.#turn();
      }, delayMs);
    } else {
      this.#isDeferred = true;
      clock.defer(() => {
        this.#isDeferred = false;
        this.#turn();
      });
    }
  }

  #turn(): void {
    if (this.#isShut || this.#route.isStalled()) return;
    const nowMs = this.#route.clock.monotonicMs();
    if (this.#resetDueMs !== undefined && this.#resetDueMs <= nowMs) {
      const sink = this.sink;
      this.shut();
      sink?.onReset();
      return;
    }
    // What departs during this turn arrives in a later one, so that two ends that answer each other share the loop.
    for (let count = this.#flight.length; count > 0 && this.#resetDueMs === undefined; count -= 1) {
      const head = this.#flight.peek();
      if (head === undefined || head.dueMs > nowMs || this.sink?.canTake() !== true) break;
      this.#flight.shift();
      if (head.chunk === undefined) {
        this.sink.onEnd();
      } else {
        this.#windowUsedBytes -= head.chunk.length;
        this.sink.onChunk(head.chunk);
      }
    }
    this.#depart();
    this.source?.onDeparted();
    if (this.#isShut) return;
    const head = this.#flight.peek();
    const isWaitingForTaker = head !== undefined && head.dueMs <= nowMs && this.sink?.canTake() !== true;
    if (!isWaitingForTaker || this.#resetDueMs !== undefined) this.#schedule();
  }
}
