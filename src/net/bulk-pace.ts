/**
 * Finds out how fast the peer lets bulk through, and stays a little under it.
 *
 * A CometBFT peer at its receive limit sleeps up to a tenth of a second in its receive loop, and everything on the
 * connection waits with it. Pongs that are late most of the time, while nothing of the peer's own delays them, tell that
 * this happens, and the bytes they prove read tell the limit. Then bulk is paced below it; small messages are not. A peer
 * that stays late under a pace has another reason, a slow handler or a busy machine: then the pace is dropped again.
 * A limit lets through the same again and again, and no more: so a pace is set when two measurements agree, and dropped
 * when the peer then takes more than they say without being late, as one does whose code was cold or whose machine was
 * busy for a while.
 * Told by `mconnection-sender.ts`.
 */
import { LATE_MS, type PongSample } from './bulk-window.ts';
import { FlowRate } from './flow-rate.ts';

/** Shortest time over which a rate is measured, in ms. */
const INTERVAL_MS = 600;

/** Time without a ping out after which a measurement begins anew, in ms: an idle link must not look slow. */
const GAP_MS = 100;

/** Share of the time in late pongs, and the number of them, from which a peer sleeps; a hiccup gives neither. */
const LATE_SHARE = 0.4;
const LATE_PONGS_MIN = 3;

/** Two measurements that differ by no more than this part are one limit. */
const AGREE_PART = 0.15;

/** A new pace times this is tried once, and refuted when the peer takes this much of the limit measured. */
const TRIAL_FACTOR = 1.3;
const REFUTED_FACTOR = 1.05;

/** Time in late round trips that ends a trial, in ms: one sleep of the peer's limiter. */
const TRIAL_LATE_MS = 60;

/** Under a pace: round trips this much longer than the shortest, in ms, for this share of the time, are too many. */
const PACED_LATE_MS = 15;
const PACED_LATE_SHARE = 0.1;

/** The part of the measured rate that is used. */
const PACE_FACTOR = 0.9;

/** Time after a lowering in which what was sent before still makes the peer late, in ms. */
const SETTLE_MS = 400;

/** Lowerings in a row without a timely interval after which the pace is not the cure. */
const LOWERINGS_MAX = 3;

/** Time for which it is not tried again then, at first and at most, in ms. */
const PAUSE_MS_MIN = 30_000;
const PAUSE_MS_MAX = 600_000;

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
  #lateMs = 0;
  #pacedLateMs = 0;
  #isSaturated = false;
  #lateRate = 0;
  #limitRate = 0;
  #isTrialDue = false;
  #isTrial = false;
  #loweredMs = Number.NEGATIVE_INFINITY;
  #holdUntilMs = 0;
  #holdMs = HOLD_MS_MIN;
  #raisedMs = 0;
  #raises = 0;
  #goodRate = 0;
  #lowerings = 0;
  #pauseMs = PAUSE_MS_MIN;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

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
    if (!sample.isInboundBulk) {
      if (sample.excessMs > LATE_MS) {
        this.#latePongs += 1;
        this.#lateMs += sample.rttMs;
      }
      const isSettled = pingSentMs >= this.#loweredMs + SETTLE_MS;
      if (isSettled && sample.excessMs > PACED_LATE_MS) this.#pacedLateMs += sample.rttMs;
    }
    if (this.#isTrial && this.#pacedLateMs >= TRIAL_LATE_MS) {
      // It is a limit: back at once, before more piles up in front of it.
      this.#isTrial = false;
      this.#lower(this.#goodRate, nowMs);
      this.#restart(nowMs);
      return;
    }
    const elapsedMs = nowMs - this.#intervalStartMs;
    if (elapsedMs < INTERVAL_MS) return;
    if (this.#isSaturated) this.#judge(elapsedMs, nowMs);
    this.#restart(nowMs);
  }

  #restart(startMs: number): void {
    this.#intervalStartMs = startMs;
    this.#pongedBytes = 0;
    this.#latePongs = 0;
    this.#lateMs = 0;
    this.#pacedLateMs = 0;
    this.#isSaturated = false;
  }

  #judge(elapsedMs: number, nowMs: number): void {
    const measuredRate = (this.#pongedBytes / elapsedMs) * 1000;
    if (this.bytesPerSecond === 0) {
      const isLate = this.#latePongs >= LATE_PONGS_MIN && this.#lateMs >= LATE_SHARE * elapsedMs;
      this.#judgeUnpaced(isLate && nowMs >= this.#pausedUntilMs ? measuredRate : 0, nowMs);
    } else if (this.#pacedLateMs >= PACED_LATE_SHARE * elapsedMs) {
      this.#lateUnderPace(measuredRate, nowMs);
    } else {
      this.#lowerings = 0;
      this.#pauseMs = PAUSE_MS_MIN;
      if (this.#isTrialDue) {
        this.#isTrialDue = false;
        this.#isTrial = true;
        this.#goodRate = this.bytesPerSecond;
        this.#bucket.setRate(this.#limitRate * TRIAL_FACTOR, nowMs);
        return;
      }
      if (this.#isTrial) {
        // Neither late nor over the limit means that there was too little to send: it goes on for a while.
        if (measuredRate >= this.#limitRate * REFUTED_FACTOR) this.#drop(nowMs);
        if (this.bytesPerSecond === 0 || nowMs < this.#holdUntilMs) return;
        this.#isTrial = false;
      }
      // Good is what has held for a while: over the limit by little, the peer is late only after some seconds.
      if (nowMs - this.#raisedMs >= RAISE_INTERVAL_MS) this.#goodRate = this.bytesPerSecond;
      if (nowMs >= this.#holdUntilMs && nowMs - this.#raisedMs >= RAISE_INTERVAL_MS) this.#raise(nowMs);
    }
  }

  /** @param lateRate - what came through while pongs were late; 0 when they were not. */
  #judgeUnpaced(lateRate: number, nowMs: number): void {
    const before = this.#lateRate;
    this.#lateRate = lateRate;
    if (lateRate === 0 || Math.abs(lateRate - before) > AGREE_PART * lateRate) return;
    this.#lateRate = 0;
    this.#limitRate = lateRate;
    this.#isTrialDue = true;
    this.#lower(lateRate * PACE_FACTOR, nowMs);
  }

  #lateUnderPace(measuredRate: number, nowMs: number): void {
    if (this.#raises > 0 && this.#goodRate > 0) {
      // Raised over the limit: back to what was good, and longer than before.
      this.#holdMs = Math.min(HOLD_MS_MAX, this.#holdMs * 2);
      this.#lower(Math.min(this.#goodRate, this.bytesPerSecond / RAISE_FACTOR) / RAISE_FACTOR, nowMs);
      return;
    }
    if (this.#lowerings >= LOWERINGS_MAX) {
      this.#drop(nowMs);
      this.#pausedUntilMs = nowMs + this.#pauseMs;
      this.#pauseMs = Math.min(PAUSE_MS_MAX, this.#pauseMs * 2);
      return;
    }
    this.#lower(Math.min(measuredRate, this.bytesPerSecond) * PACE_FACTOR, nowMs);
  }

  #drop(nowMs: number): void {
    this.#bucket.setRate(0, nowMs);
    this.#lowerings = 0;
    this.#goodRate = 0;
    this.#holdMs = HOLD_MS_MIN;
    this.#isTrial = false;
    this.#isTrialDue = false;
  }

  #lower(rate: number, nowMs: number): void {
    this.#lowerings += 1;
    this.#loweredMs = nowMs;
    this.#raises = 0;
    this.#bucket.setRate(Math.max(PACE_MIN, rate), nowMs);
    this.#holdUntilMs = nowMs + this.#holdMs;
  }

  #raise(nowMs: number): void {
    this.#raises += 1;
    this.#raisedMs = nowMs;
    const rate = this.bytesPerSecond * (this.#raises > RAISES_NEAR ? RAISE_FACTOR_FAR : RAISE_FACTOR);
    this.#bucket.setRate(rate > PACE_MAX ? 0 : rate, nowMs);
  }
}
