/**
 * Latencies in buckets that grow by 2 %, so that percentiles of a whole run cost constant memory and can be added up over
 * processes. A percentile is right to 1 %.
 */

const RATIO = 1.02;
const LEAST_MS = 0.001;

/** Buckets: from 1 us to 1.02^1049 us, about 17 minutes; what is longer counts in the last. */
export const LATENCY_BUCKETS = 1050;

/** A histogram as it travels: bucket index and count, only where the count is not 0. */
export type LatencyCounts = readonly (readonly [bucket: number, count: number])[];

/** Counts of latencies. */
export class LatencyHistogram {
  readonly #counts: Float64Array<ArrayBuffer> = new Float64Array(LATENCY_BUCKETS);
  #total = 0;

  /** Latencies counted. */
  get total(): number {
    return this.#total;
  }

  /** Counts one latency, in ms. */
  add(latencyMs: number): void {
    const bucket = latencyMs <= LEAST_MS ? 0 : Math.round(Math.log(latencyMs / LEAST_MS) / Math.log(RATIO));
    this.#count(Math.min(LATENCY_BUCKETS - 1, bucket), 1);
  }

  /** Adds counts of another one. @throws RangeError for a bucket that does not exist. */
  addCounts(counts: LatencyCounts): void {
    for (const [bucket, count] of counts) {
      if (!Number.isInteger(bucket) || bucket < 0 || bucket >= LATENCY_BUCKETS) {
        throw new RangeError(`bucket is ${bucket}: expected 0 to ${LATENCY_BUCKETS - 1}`);
      }
      this.#count(bucket, count);
    }
  }

  /** The counts, to send or to keep. */
  counts(): LatencyCounts {
    const counts: [number, number][] = [];
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) counts.push([bucket, count]);
    return counts;
  }

  /** The `percent`-th percentile in ms (nearest rank), or `undefined` without latencies. */
  percentile(percent: number): number | undefined {
    if (this.#total === 0) return undefined;
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#total));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return LEAST_MS * RATIO ** bucket;
    }
    return undefined;
  }

  #count(bucket: number, count: number): void {
    this.#counts[bucket]! += count;
    this.#total += count;
  }
}
