import { describe, expect, it } from 'vitest';
import { systemClock, TIMER_DELAY_MS_MAX } from '../../src/base/clock.ts';

const fired = (delayMs: number): Promise<number> => {
  const startMs = systemClock.monotonicMs();
  return new Promise((resolve) => {
    systemClock.setTimer(() => resolve(systemClock.monotonicMs() - startMs), delayMs);
  });
};

describe('systemClock', () => {
  it('never fires a timer early', async () => {
    const delaysMs = [0, 0.4, 1, 1.5, 2, 3.3, 5, 7.7];
    const tookMs = await Promise.all(delaysMs.map(fired));
    for (const [i, took] of tookMs.entries()) expect(took).toBeGreaterThanOrEqual(delaysMs[i] as number);
  });

  it('does not fire a cleared timer, and clears twice without harm', async () => {
    let count = 0;
    const timer = systemClock.setTimer(() => {
      count += 1;
    }, 1);
    systemClock.clearTimer(timer);
    systemClock.clearTimer(timer);
    await fired(5);
    expect(count).toBe(0);
  });

  it('takes a delay beyond the longest one as the longest instead of firing at once', async () => {
    let count = 0;
    const timers = [TIMER_DELAY_MS_MAX, TIMER_DELAY_MS_MAX + 1, Number.POSITIVE_INFINITY].map((delayMs) =>
      systemClock.setTimer(() => {
        count += 1;
      }, delayMs),
    );
    await fired(3);
    expect(count).toBe(0);
    for (const timer of timers) systemClock.clearTimer(timer);
  });

  it('defers in order, after promises and before nothing is lost', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.defer(() => order.push('first'));
      systemClock.defer(() => {
        order.push('second');
        resolve();
      });
      void Promise.resolve().then(() => order.push('promise'));
      order.push('now');
    });
    expect(order).toEqual(['now', 'promise', 'first', 'second']);
  });

  it('reads a monotonic time that does not go back and a wall time in this century', () => {
    const a = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(a);
    expect(systemClock.wallMs()).toBeGreaterThan(Date.UTC(2025, 0, 1));
  });
});
