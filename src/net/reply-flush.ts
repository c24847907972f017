/**
 * Whether this peer holds its replies back until its flush timer fires, so that a ping behind a message, whose pong it
 * flushes at once, makes the reply come sooner (CometBFT waits 10 ms, before v0.39 100 ms, and other peers not at all).
 *
 * Nobody says so, so it is tried: the time from a message to whatever the peer sends next is measured with and without a
 * ping, mostly the way that was better so far. Told by `bulk-window.ts`.
 */

/** A ping is worth it when replies come sooner by this, in ms. */
const WORTH_MS = 0.5;

/** Replies measured each way before anything is decided. */
const SAMPLES_MIN = 2;

/** How often the other way is tried: where pings help, each try costs a flush time, so fewer than one in a hundred. */
const TRY_WITHOUT_EVERY = 200;
const TRY_WITH_EVERY = 50;

/** A reply that takes longer answers something else, in ms. */
const REPLY_MS_MAX = 1_000;

interface Way {
  samples: number;
  replyMs: number;
}

/** What is known about one peer's flushing. @internal */
export class ReplyFlush {
  readonly #with: Way = { samples: 0, replyMs: 0 };
  readonly #without: Way = { samples: 0, replyMs: 0 };
  #occasions = 0;
  #measured: Way | undefined;
  #startMs = 0;

  /** Whether pings have been found to make no difference. */
  get isPingUseless(): boolean {
    const { samples, replyMs } = this.#without;
    return this.#with.samples >= SAMPLES_MIN && samples >= SAMPLES_MIN && replyMs < this.#with.replyMs + WORTH_MS;
  }

  /**
   * Messages go out now: says whether a ping is to follow them.
   *
   * @param isMeasured - one of them is short, so that a reply may come soon.
   */
  decide(isMeasured: boolean, nowMs: number): boolean {
    // Messages that are still unanswered would blur the measurement of these.
    const isFree = this.#measured === undefined || nowMs - this.#startMs > REPLY_MS_MAX;
    if (!isMeasured || !isFree) return !this.isPingUseless;
    const isPinged = this.#choose();
    this.#measured = isPinged ? this.#with : this.#without;
    this.#startMs = nowMs;
    return isPinged;
  }

  /** A ping goes out, for whatever reason: what was to be measured without one cannot be. */
  pingSent(): void {
    if (this.#measured === this.#without) this.#measured = undefined;
  }

  /** The peer has sent something that is no pong. */
  replyReceived(nowMs: number): void {
    const way = this.#measured;
    if (way === undefined) return;
    this.#measured = undefined;
    const replyMs = nowMs - this.#startMs;
    if (replyMs > REPLY_MS_MAX) return;
    way.samples += 1;
    way.replyMs += (replyMs - way.replyMs) / Math.min(way.samples, 8);
  }

  #choose(): boolean {
    if (this.#with.samples < SAMPLES_MIN) return true;
    if (this.#without.samples < SAMPLES_MIN) {
      // Now and then only: a peer that answers nothing never gives the samples, and deserves its pings all the same.
      this.#occasions += 1;
      return this.#occasions % 4 !== 0;
    }
    this.#occasions += 1;
    if (this.isPingUseless) return this.#occasions % TRY_WITH_EVERY === 0;
    return this.#occasions % TRY_WITHOUT_EVERY !== 0;
  }
}
