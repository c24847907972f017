import { describe, expect, it } from 'vitest';
import { percentileOf, RTT_SAMPLES_MAX, RttWindow } from '../../src/p2p/rtt-window.ts';

describe('a window of round trips', () => {
  it.each([RTT_SAMPLES_MAX - 1, RTT_SAMPLES_MAX, RTT_SAMPLES_MAX + 1])('of %i keeps the last ones', (count) => {
    const window = new RttWindow();
    for (let i = 1; i <= count; i += 1) window.add(i);
    expect(window.length).toBe(Math.min(count, RTT_SAMPLES_MAX));
    const first = Math.max(1, count - RTT_SAMPLES_MAX + 1);
    expect([...window.samples().sort()]).toEqual(Array.from({ length: window.length }, (_, i) => first + i));
  });

  it('gives nothing without samples, and a copy that nobody else changes', () => {
    const window = new RttWindow();
    expect(window.percentile(50)).toBeUndefined();
    window.add(4);
    window.samples()[0] = 99;
    expect(window.percentile(50)).toBe(4);
  });

  it.each([
    [0, 1],
    [1, 1],
    [50, 50],
    [51, 51],
    [99, 99],
    [99.5, 100],
    [100, 100],
  ])('percentile %f of 1 to 100 is %f (nearest rank)', (percent, value) => {
    const samples = Float64Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentileOf(samples, percent)).toBe(value);
  });
});
