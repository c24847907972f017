/**
 * How fast bytes may go and how fast they went: a token bucket and a meter in one, for one direction of a connection.
 *
 * Differs from CometBFT `libs/flowrate`, which lets a tenth of a second's bytes through and then sleeps out the rest of
 * it: a bucket spreads them, so nothing waits longer than its own bytes take. It never sleeps and reads no clock: the
 * owner passes the time in, asks what may go, and arms its own timer. Used by `mconnection*.ts` and `bulk-pace.ts`.
 */

/** Highest rate, in bytes a second: 2^40. */
export const RATE_BYTES_PER_SECOND_MAX: number = 2 ** 40;

/** Bytes that may go at once after a pause, as time at the full rate, in ms. */
const BURST_MS_DEFAULT = 20;

/** Length of one sample of the meter, in ms (`flowrate.New` upstream). */
const SAMPLE_MS = 100;

/** Time constant of the moving average, in ms (upstream's window). */
const WINDOW_MS = 1_000;

/** What a {@link FlowRate} has seen. */
export interface FlowRateStatus {
  /** The limit; 0 is none. */
  readonly rateBytesPerSecond: number;
  /** All bytes so far. */
  readonly bytes: number;
  /** Moving average over about a second. */
  readonly currentBytesPerSecond: number;
  /** Bytes over the time since the beginning. */
  readonly averageBytesPerSecond: number;
  /** Highest moving average so far. */
  readonly peakBytesPerSecond: number;
  /** Time in which something had to wait for the limit. */
  readonly limitedMs: number;
}

/** Options of {@link FlowRate}. */
export interface FlowRateOptions {
  /** Bytes a second, 1 to 2^40; 0 is no limit. */
  readonly rateBytesPerSecond: number;
  /** Bytes that may go at once after a pause, as time at the full rate, in ms; default 20. */
  readonly burstMs?: number;
  /** ... but at least this many bytes, so that the largest piece fits; default 8192. */
  readonly burstBytesMin?: number;
  /** Now, in monotonic ms. */
  readonly nowMs: number;
}

/** One direction's limit and meter. */
export class FlowRate {
  readonly #burstMs: number;
  readonly #burstBytesMin: number;
  readonly #startMs: number;
  #rate = 0;
  #burstBytes = 0;
  #level = 0;
  #levelMs: number;
  #bytes = 0;
  #sampleStartMs: number;
  #sampleBytes = 0;
  #current = 0;
  #peak = 0;
  #limitedMs = 0;
  #limitedSinceMs: number | undefined;

  constructor(options: FlowRateOptions) {
    this.#burstMs = options.burstMs ?? BURST_MS_DEFAULT;
    this.#burstBytesMin = options.burstBytesMin ?? 8_192;
    this.#startMs = options.nowMs;
    this.#levelMs = options.nowMs;
    this.#sampleStartMs = options.nowMs;
    this.setRate(options.rateBytesPerSecond, options.nowMs);
    this.#level = this.#burstBytes;
  }

  /** The limit in bytes a second; 0 is none. */
  get rateBytesPerSecond(): number {
    return this.#rate;
  }

  /** Most bytes that go at once. Without a limit, Infinity. */
  get burstBytes(): number {
    return this.#rate === 0 ? Number.POSITIVE_INFINITY : this.#burstBytes;
  }

  /** Changes the limit; what was taken on credit stays owed. */
  setRate(rateBytesPerSecond: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#rate = rateBytesPerSecond;
    this.#burstBytes = Math.max(this.#burstBytesMin, (rateBytesPerSecond * this.#burstMs) / 1000);
    this.#level = Math.min(this.#level, this.#burstBytes);
  }

  /** Bytes that may go now; negative while on credit, Infinity without a limit. */
  availableBytes(nowMs: number): number {
    if (this.#rate === 0) return Number.POSITIVE_INFINITY;
    this.#refill(nowMs);
    return this.#level;
  }

  /** Counts bytes that went. More than `availableBytes` is taken on credit, which later bytes wait for. */
  take(bytes: number, nowMs: number): void {
    this.#sample(nowMs);
    this.#bytes += bytes;
    this.#sampleBytes += bytes;
    if (this.#rate === 0) return;
    this.#refill(nowMs);
    this.#level -= bytes;
  }

  /** Time until `bytes` may go, in ms; 0 when they may go now. More than the burst is cut to it. */
  delayMs(bytes: number, nowMs: number): number {
    if (this.#rate === 0) return 0;
    this.#refill(nowMs);
    const missing = Math.min(bytes, this.#burstBytes) - this.#level;
    return missing <= 0 ? 0 : (missing / this.#rate) * 1000;
  }

  /** To be told when something begins, or goes on, to wait for the limit, and when nothing does any more. */
  setLimited(isLimited: boolean, nowMs: number): void {
    if (isLimited) this.#limitedSinceMs ??= nowMs;
    else if (this.#limitedSinceMs !== undefined) {
      this.#limitedMs += nowMs - this.#limitedSinceMs;
      this.#limitedSinceMs = undefined;
    }
  }

  /** A snapshot of the meter. */
  status(nowMs: number): FlowRateStatus {
    this.#sample(nowMs);
    const seconds = (nowMs - this.#startMs) / 1000;
    return {
      rateBytesPerSecond: this.#rate,
      bytes: this.#bytes,
      currentBytesPerSecond: this.#current,
      averageBytesPerSecond: seconds > 0 ? this.#bytes / seconds : 0,
      peakBytesPerSecond: this.#peak,
      limitedMs: this.#limitedMs + (this.#limitedSinceMs === undefined ? 0 : nowMs - this.#limitedSinceMs),
    };
  }

  #refill(nowMs: number): void {
    const elapsedMs = nowMs - this.#levelMs;
    if (elapsedMs <= 0) return;
    this.#levelMs = nowMs;
    this.#level = Math.min(this.#burstBytes, this.#level + (elapsedMs * this.#rate) / 1000);
  }

  #sample(nowMs: number): void {
    const elapsedMs = nowMs - this.#sampleStartMs;
    if (elapsedMs < SAMPLE_MS) return;
    const rate = (this.#sampleBytes / elapsedMs) * 1000;
    this.#current = rate + (this.#current - rate) * Math.exp(-elapsedMs / WINDOW_MS);
    this.#peak = Math.max(this.#peak, this.#current);
    this.#sampleStartMs = nowMs;
    this.#sampleBytes = 0;
  }
}
