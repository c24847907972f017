/**
 * Tells a slow peer from a slow way: pongs of both are late, but only on a slow way does more on the way bring more
 * through. So while pongs are late and bulk waits, a window twice as large is tried for a moment now and then, and kept
 * only if the rate rises with it. On a busy machine, where every turn of either program is late, this keeps the window
 * from throttling bulk; beside a handler or a limiter that is slow by itself it costs that moment. Told by
 * `bulk-window.ts`.
 */

/** Largest factor. */
export const WINDOW_GAIN_MAX = 16;

/** Time over which a rate is measured, in ms, and pongs that it takes at least. */
const MEASURE_MS = 150;
const PONGS_MIN = 6;

/** Rise of the rate that shows that a doubled window was worth it. */
const WORTH_FACTOR = 1.3;

/** Time until the next try after one that was not worth it, at first and at most, in ms; doubled each time. */
const WAIT_MS_MIN = 1_000;
const WAIT_MS_MAX = 16_000;

/** Time with timely pongs after which everything begins anew, in ms. */
const TIMELY_MS = 1_000;

/** The factor of one connection's window. @internal */
export class WindowGain {
  #gain = 1;
  #isTrying = false;
  #baseRate = 0;
  #pongs = 0;
  #bytes = 0;
  #startMs = 0;
  #waitMs = WAIT_MS_MIN;
  #nextTryMs = Number.NEGATIVE_INFINITY;
  #lateMs = Number.NEGATIVE_INFINITY;

  /** What the window, and the number of ends let through by the gate, are multiplied with: 1, 2, 4, ... */
  get gain(): number {
    return this.#gain;
  }

  /**
   * Takes a pong.
   *
   * @param isLate - its round trip was much longer than the shortest.
   * @param isBlocked - bulk waited for it.
   */
  pong(pongedBytes: number, isLate: boolean, isBlocked: boolean, nowMs: number): void {
    if (isLate) this.#lateMs = nowMs;
    else if (nowMs - this.#lateMs > TIMELY_MS) {
      this.#gain = 1;
      this.#waitMs = WAIT_MS_MIN;
      this.#begin(false, nowMs);
      return;
    }
    // A rate is only comparable while the window was what limited it.
    if (!isBlocked) {
      this.#begin(this.#isTrying, nowMs);
      return;
    }
    this.#pongs += 1;
    this.#bytes += pongedBytes;
    const elapsedMs = nowMs - this.#startMs;
    if (this.#pongs < PONGS_MIN || elapsedMs < MEASURE_MS) return;
    this.#judge(this.#bytes / elapsedMs, nowMs);
  }

  #judge(rate: number, nowMs: number): void {
    if (!this.#isTrying) {
      this.#baseRate = rate;
      const isTrying = this.#gain < WINDOW_GAIN_MAX && nowMs >= this.#nextTryMs;
      if (isTrying) this.#gain *= 2;
      this.#begin(isTrying, nowMs);
      return;
    }
    if (rate >= this.#baseRate * WORTH_FACTOR) {
      this.#waitMs = WAIT_MS_MIN;
    } else {
      this.#gain /= 2;
      this.#nextTryMs = nowMs + this.#waitMs;
      this.#waitMs = Math.min(WAIT_MS_MAX, this.#waitMs * 2);
    }
    this.#begin(false, nowMs);
  }

  #begin(isTrying: boolean, nowMs: number): void {
    this.#isTrying = isTrying;
    this.#pongs = 0;
    this.#bytes = 0;
    this.#startMs = nowMs;
  }
}
