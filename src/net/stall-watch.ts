/**
 * Notices a peer that takes nothing of what waits for it.
 *
 * Streams report no progress by themselves, so it is looked up {@link STALL_CHECKS} times in one timeout, and only
 * while something waits. A stall is thus noticed at the timeout when nothing moved at all, else at most a quarter of it
 * late; never early.
 */
import type { Clock, Timer } from '../base/clock.ts';

/** Looks at progress in one timeout. */
const STALL_CHECKS = 4;

/** What a {@link StallWatch} looks at. @internal */
export interface StallWatchOptions {
  readonly clock: Clock;
  /** Time without progress, in ms, at least 1. */
  readonly timeoutMs: number;
  /** Bytes written and not taken yet. */
  readonly waitingBytes: () => number;
  /** Called once when none of `waitingBytes` has moved for the timeout. */
  readonly onStall: (waitingBytes: number) => void;
}

/** Watches the writing side of one stream. @internal */
export class StallWatch {
  readonly #options: StallWatchOptions;
  #writtenBytes = 0;
  #takenBytesSeen = 0;
  #quietChecks = 0;
  #timer: Timer | undefined;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** To be called just before `bytes` are written to the stream. */
  writing(bytes: number): void {
    if (this.#timer === undefined) {
      this.#quietChecks = 0;
      this.#takenBytesSeen = this.#writtenBytes - this.#options.waitingBytes();
      this.#arm();
    }
    this.#writtenBytes += bytes;
  }

  /** Stops watching. */
  stop(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(() => this.#check(), this.#options.timeoutMs / STALL_CHECKS);
  }

  #check(): void {
    this.#timer = undefined;
    const waitingBytes = this.#options.waitingBytes();
    if (waitingBytes === 0) return;
    const takenBytes = this.#writtenBytes - waitingBytes;
    this.#quietChecks = takenBytes === this.#takenBytesSeen ? this.#quietChecks + 1 : 0;
    this.#takenBytesSeen = takenBytes;
    if (this.#quietChecks < STALL_CHECKS) this.#arm();
    else this.#options.onStall(waitingBytes);
  }
}
