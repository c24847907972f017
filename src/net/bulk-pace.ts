/**
 * Finds out how fast the peer lets bulk through, and stays a little under it.
 *
 * A CometBFT peer at its receive limit sleeps up to a tenth of a second in its receive loop, and everything on the
 * connection waits with it. Pongs that are late while nothing of the peer's own delays them tell that this happens, and
 * the bytes they prove read tell the limit. Then bulk is paced below it; small messages are not. Without late pongs no
 * pace is ever set. Told by `mconnection-sender.ts`.
 */
import { LATE_MS, type PongSample } from './bulk-window.ts';
import { FlowRate } from './flow-rate.ts';

/** Shortest time over which a rate is measured, in ms. */
const INTERVAL_MS = 600;

/** Time without a ping out after which a measurement begins anew, in ms: an idle link must not look slow. */
const GAP_MS = 100;

/** A single late pong is a hiccup of either program; this many in one interval are a peer that sleeps. */
const LATE_PONGS_MIN = 2;

/** The part of the measured rate that is used. */
const PACE_FACTOR = 0.9;

/** Time for which a pace is kept at first, and at most after it was raised too far again and again, in ms. */
const HOLD_MS_MIN = 5_000;
const HOLD_MS_MAX = 60_000;

/** Time between two raises, in ms, and how much they raise: gently near the limit, then, far from it, fast. */
const RAISE_INTERVAL_MS = 2_000;
const RAISE_FACTOR = 1.03;
const RAISE_FACTOR_FAR = 1.25;
const RAISES_NEAR = 6;

/** Lowest pace, in bytes a second. */
const PACE_MIN = 16_384;

/** A pace over this is none, in bytes a second. */
const PACE_MAX = 1_000_000_000;

/** Bytes that go at once under a pace, as time, in ms: what a host's timer is late by, doubled. */
const BURST_MS = 4;

/** The pace of one connection. @internal */
export class BulkPace {
  readonly #isEnabled: boolean;
  readonly #bucket: FlowRate;
  #intervalStartMs: number;
  #pongMs: number;
  #pongedBytes = 0;
  #latePongs = 0;
  #isSaturated = false;
  #holdUntilMs = 0;
  #holdMs = HOLD_MS_MIN;
  #raisedMs = Number.NEGATIVE_INFINITY;
  #raises = 0;

  constructor(isEnabled: boolean, nowMs: number) {
    this.#isEnabled = isEnabled;
    this.#bucket = new FlowRate({ rateBytesPerSecond: 0, burstMs: BURST_MS, burstBytesMin: 8_192, nowMs });
    this.#intervalStartMs = nowMs;
    this.#pongMs = nowMs;
  }

  /** Bytes a second; 0 while there is no pace. */
  get bytesPerSecond(): number {
    return this.#bucket.rateBytesPerSecond;
  }

  /** Bulk bytes that may go now. */
  availableBytes(nowMs: number): number {
    return this.#bucket.availableBytes(nowMs);
  }

  /** Counts bytes of any kind: small messages do not wait for the pace, bulk makes room for them. */
  take(bytes: number, nowMs: number): void {
    if (this.#bucket.rateBytesPerSecond > 0) this.#bucket.take(bytes, nowMs);
  }

  /** Time until `bytes` of bulk may go, in ms. */
  delayMs(bytes: number, nowMs: number): number {
    return this.#bucket.delayMs(bytes, nowMs);
  }

  /** Notes that bulk had to wait: only then does the rate tell something about the peer. */
  saturated(): void {
    this.#isSaturated = true;
  }

  /** Takes what a pong has told. */
  pong(sample: PongSample, nowMs: number): void {
    if (!this.#isEnabled) return;
    const pingSentMs = nowMs - sample.rttMs;
    if (pingSentMs - this.#pongMs > GAP_MS) this.#restart(pingSentMs);
    this.#pongMs = nowMs;
    this.#pongedBytes += sample.pongedBytes;
    if (sample.excessMs > LATE_MS && !sample.isInboundBulk) this.#latePongs += 1;
    const elapsedMs = nowMs - this.#intervalStartMs;
    if (elapsedMs < INTERVAL_MS) return;
    if (this.#latePongs >= LATE_PONGS_MIN && this.#isSaturated) {
      this.#lower((this.#pongedBytes / elapsedMs) * 1000, nowMs);
    } else if (this.bytesPerSecond > 0 && nowMs >= this.#holdUntilMs && nowMs - this.#raisedMs >= RAISE_INTERVAL_MS) {
      this.#raise(nowMs);
    }
    this.#restart(nowMs);
  }

  #restart(startMs: number): void {
    this.#intervalStartMs = startMs;
    this.#pongedBytes = 0;
    this.#latePongs = 0;
    this.#isSaturated = false;
  }

  #lower(ratePerSecond: number, nowMs: number): void {
    const before = this.bytesPerSecond;
    // Under a pace that was just raised too far, the backlog that drains would make the peer look faster than it is.
    const rate = before === 0 ? ratePerSecond : Math.min(ratePerSecond, before);
    const isRaisedLately = this.#raises > 0 && nowMs - this.#raisedMs < 2 * RAISE_INTERVAL_MS;
    this.#holdMs = isRaisedLately ? Math.min(HOLD_MS_MAX, this.#holdMs * 2) : HOLD_MS_MIN;
    this.#bucket.setRate(Math.max(PACE_MIN, rate * PACE_FACTOR), nowMs);
    this.#holdUntilMs = nowMs + this.#holdMs;
    this.#raises = 0;
  }

  #raise(nowMs: number): void {
    this.#raises += 1;
    this.#raisedMs = nowMs;
    const rate = this.bytesPerSecond * (this.#raises > RAISES_NEAR ? RAISE_FACTOR_FAR : RAISE_FACTOR);
    this.#bucket.setRate(rate > PACE_MAX ? 0 : rate, nowMs);
  }
}
