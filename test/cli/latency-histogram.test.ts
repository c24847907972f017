import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LATENCY_BUCKETS, LatencyHistogram } from '../../src/cli/latency-histogram.ts';

describe('a latency histogram', () => {
  test('has no percentile without latencies', () => {
    expect(new LatencyHistogram().percentile(50)).toBeUndefined();
    expect(new LatencyHistogram().counts()).toEqual([]);
  });

  test('gives percentiles right to 1 percent', () => {
    const latency = fc.double({ min: 0.001, max: 900_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 0, max: 100 }),
        (all, percent) => {
          const histogram = new LatencyHistogram();
          for (const one of all) histogram.add(one);
          const sorted = [...all].sort((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil((percent / 100) * all.length)) - 1] as number;
          const found = histogram.percentile(percent) as number;
          expect(Math.abs(found - exact) / exact).toBeLessThanOrEqual(0.0101);
        },
      ),
    );
  });

  test('adds up to the same, whole or in parts', () => {
    const latencies = fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }));
    fc.assert(
      fc.property(latencies, latencies, (first, second) => {
        const whole = new LatencyHistogram();
        const parts = [new LatencyHistogram(), new LatencyHistogram()] as const;
        for (const one of first) {
          whole.add(one);
          parts[0].add(one);
        }
        for (const one of second) {
          whole.add(one);
          parts[1].add(one);
        }
        const sum = new LatencyHistogram();
        for (const part of parts) sum.addCounts(JSON.parse(JSON.stringify(part.counts())));
        expect(sum.counts()).toEqual(whole.counts());
        expect(sum.total).toBe(first.length + second.length);
      }),
    );
  });

  test('counts what is out of its range in its first and last bucket', () => {
    const histogram = new LatencyHistogram();
    histogram.add(0);
    histogram.add(1e12);
    expect(histogram.counts()).toEqual([
      [0, 1],
      [LATENCY_BUCKETS - 1, 1],
    ]);
  });

  test.each([-1, LATENCY_BUCKETS, 0.5])('refuses counts of bucket %d', (bucket) => {
    expect(() => new LatencyHistogram().addCounts([[bucket, 1]])).toThrow(RangeError);
  });
});
