/** The last round-trip times of a remote, for percentiles; a fixed ring, so that it costs one store a call. */

/** Round trips remembered for each remote. */
export const RTT_SAMPLES_MAX = 1024;

/** A window of round-trip times in ms. */
export class RttWindow {
  readonly #samples: Float64Array<ArrayBuffer> = new Float64Array(RTT_SAMPLES_MAX);
  #count = 0;

  /** Remembers one round trip, forgetting the oldest when full. */
  add(rttMs: number): void {
    this.#samples[this.#count % RTT_SAMPLES_MAX] = rttMs;
    this.#count += 1;
  }

  /** Samples held now. */
  get length(): number {
    return Math.min(this.#count, RTT_SAMPLES_MAX);
  }

  /** A copy of the samples, in no order. */
  samples(): Float64Array {
    return this.#samples.slice(0, this.length);
  }

  /** The `percent`-th percentile in ms (nearest rank), or `undefined` without samples. O(n log n). */
  percentile(percent: number): number | undefined {
    return percentileOf(this.samples(), percent);
  }
}

/** The `percent`-th percentile (0 to 100, nearest rank) of `samples`, which it sorts; `undefined` when empty. */
export function percentileOf(samples: Float64Array, percent: number): number | undefined {
  if (samples.length === 0) return undefined;
  samples.sort();
  return samples[Math.min(samples.length - 1, Math.max(0, Math.ceil((percent / 100) * samples.length) - 1))];
}
