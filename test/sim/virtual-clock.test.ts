import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TIMER_DELAY_MS_MAX } from '../../src/base/clock.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

describe('VirtualClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new VirtualClock({ startMs: 7, wallMs: 1000 });
    await clock.settle();
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([7, 1000]);
    await clock.advance(2.5);
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([9.5, 1002]);
  });

  it('fires timers by due time, then by arming order, at exactly their time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 20 }), { maxLength: 40 }), async (delaysMs) => {
        const clock = new VirtualClock();
        const fired: [number, number][] = [];
        for (const [i, delayMs] of delaysMs.entries()) {
          clock.setTimer(() => fired.push([clock.monotonicMs(), i]), delayMs);
        }
        await clock.advance(20);
        const expected = delaysMs.map((delayMs, i): [number, number] => [delayMs, i]);
        expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(fired).toEqual(expected);
        expect(clock.timerCount).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('lets what a timer starts settle before the next one fires', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.setTimer(() => {
      void Promise.resolve()
        .then(() => order.push('promise of the first'))
        .then(() => clock.defer(() => order.push('deferred by the first')));
    }, 1);
    clock.setTimer(() => order.push('second'), 1);
    await clock.advance(1);
    expect(order).toEqual(['promise of the first', 'deferred by the first', 'second']);
  });

  it('fires timers armed by timers within the same advance', async () => {
    const clock = new VirtualClock();
    const atMs: number[] = [];
    const tick = (): void => {
      atMs.push(clock.monotonicMs());
      clock.setTimer(tick, 10);
    };
    clock.setTimer(tick, 10);
    await clock.advance(35);
    expect([atMs, clock.monotonicMs(), clock.nextTimerMs]).toEqual([[10, 20, 30], 35, 40]);
  });

  it('does not fire a cleared timer, and counts what is armed', async () => {
    const clock = new VirtualClock();
    let count = 0;
    const timer = clock.setTimer(() => {
      count += 1;
    }, 5);
    clock.setTimer(() => {}, 6);
    clock.clearTimer(timer);
    clock.clearTimer(timer);
    expect([clock.timerCount, clock.nextTimerMs]).toEqual([1, 6]);
    await clock.advance(10);
    clock.clearTimer(timer);
    expect([count, clock.timerCount, clock.nextTimerMs]).toEqual([0, 0, undefined]);
  });

  it('cuts a delay beyond the longest one, as every clock does', () => {
    const clock = new VirtualClock();
    clock.setTimer(() => {}, Number.POSITIVE_INFINITY);
    expect(clock.nextTimerMs).toBe(TIMER_DELAY_MS_MAX);
  });

  it('never goes back', async () => {
    const clock = new VirtualClock();
    await Promise.all([clock.advance(10), clock.advance(3)]);
    expect(clock.monotonicMs()).toBe(10);
    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    expect(clock.monotonicMs()).toBe(10);
  });

  it('advances until a condition holds, and says when it does not come to hold', async () => {
    const clock = new VirtualClock();
    let done = false;
    clock.setTimer(() => {
      done = true;
    }, 500);
    await clock.advanceUntil(() => done);
    expect(clock.monotonicMs()).toBe(500);
    clock.setTimer(() => {}, 2000);
    await expect(clock.advanceUntil(() => false, 1000)).rejects.toThrow('next timer: 2500');
    expect(clock.monotonicMs()).toBe(500);
  });

  it('settles through chains of deferred callbacks and promises', async () => {
    const clock = new VirtualClock();
    let depth = 0;
    const deeper = (): void => {
      depth += 1;
      if (depth < 50) void Promise.resolve().then(() => clock.defer(deeper));
    };
    clock.defer(deeper);
    await clock.settle();
    expect(depth).toBe(50);
  });
});
