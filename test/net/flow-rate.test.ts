import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowRate } from '../../src/net/flow-rate.ts';

describe('FlowRate', () => {
  it('never lets more through than the burst and what the time allows, and wastes none of it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 10_000_000 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 5_000 })), { maxLength: 200 }),
        (rateBytesPerSecond, steps) => {
          const rate = new FlowRate({ rateBytesPerSecond, nowMs: 0 });
          let nowMs = 0;
          let bytes = 0;
          for (const [waitMs, size] of steps) {
            nowMs += waitMs;
            if (rate.availableBytes(nowMs) < size) {
              const delayMs = rate.delayMs(size, nowMs);
              if (size <= rate.burstBytes) {
                expect(rate.availableBytes(nowMs + delayMs)).toBeGreaterThan(size - 1e-6);
                nowMs += delayMs;
              } else continue;
            }
            rate.take(size, nowMs);
            bytes += size;
            expect(bytes).toBeLessThanOrEqual(rate.burstBytes + (rateBytesPerSecond * nowMs) / 1000 + 1e-3);
          }
        },
      ),
    );
  });

  it('lets everything through without a limit, and still counts', () => {
    const rate = new FlowRate({ rateBytesPerSecond: 0, nowMs: 0 });
    rate.take(1e9, 0);
    expect([rate.availableBytes(0), rate.delayMs(1e9, 0), rate.status(0).bytes]).toEqual([Infinity, 0, 1e9]);
  });

  it('makes later bytes wait for those taken on credit', () => {
    const rate = new FlowRate({ rateBytesPerSecond: 1000, burstBytesMin: 100, nowMs: 0 });
    rate.take(300, 0);
    expect(rate.availableBytes(0)).toBe(-200);
    expect(rate.delayMs(50, 0)).toBe(250);
    expect(rate.delayMs(1_000_000, 0)).toBe(300); // cut to the burst, which is all that ever fits
  });

  it('measures the rate of about the last second, its peak and the mean', () => {
    const rate = new FlowRate({ rateBytesPerSecond: 0, nowMs: 0 });
    for (let ms = 0; ms < 5000; ms += 10) rate.take(1000, ms);
    const busy = rate.status(5000);
    expect(busy.currentBytesPerSecond).toBeGreaterThan(95_000);
    expect(busy.currentBytesPerSecond).toBeLessThan(105_000);
    expect(busy.averageBytesPerSecond).toBe(100_000);
    const idle = rate.status(10_000);
    expect(idle.currentBytesPerSecond).toBeLessThan(1_000);
    expect(idle.peakBytesPerSecond).toBe(busy.peakBytesPerSecond);
  });

  it('counts the time in which something waited', () => {
    const rate = new FlowRate({ rateBytesPerSecond: 1000, nowMs: 0 });
    rate.setLimited(true, 100);
    rate.setLimited(true, 150);
    expect(rate.status(160).limitedMs).toBe(60);
    rate.setLimited(false, 200);
    rate.setLimited(false, 300);
    expect(rate.status(400).limitedMs).toBe(100);
  });

  it('keeps what is owed when the rate changes', () => {
    const rate = new FlowRate({ rateBytesPerSecond: 1000, burstBytesMin: 10, nowMs: 0 });
    rate.take(1010, 0);
    rate.setRate(10_000, 500);
    expect(rate.availableBytes(500)).toBeCloseTo(-490); // 20 ms of burst, 1010 taken, 500 back
    expect(rate.delayMs(10, 500)).toBeCloseTo(50);
  });
});
