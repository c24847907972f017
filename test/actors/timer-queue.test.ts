import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimerQueue } from '../../src/actors/timer-queue.ts';
import { TIMER_DELAY_MS_MAX } from '../../src/base/clock.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { World } from '../otp/world.ts';

describe('the timers of a system', () => {
  test('fire by due time, and those due together in the order they were added', async () => {
    const clock = new VirtualClock();
    const timers = new TimerQueue(clock);
    const fired: string[] = [];
    for (const [name, ms] of [
      ['c', 20],
      ['a', 10],
      ['b', 10],
      ['d', 20],
    ] as const)
      timers.add(ms, () => fired.push(name));
    expect(clock.timerCount).toBe(1);
    await clock.advance(10);
    expect(fired).toEqual(['a', 'b']);
    await clock.advance(10);
    expect(fired).toEqual(['a', 'b', 'c', 'd']);
    expect(clock.timerCount).toBe(0);
    expect(timers.liveCount).toBe(0);
  });

  test('a cancelled timer gives what was left, rounded up, then false; the last one disarms the clock', () => {
    const clock = new VirtualClock();
    const timers = new TimerQueue(clock);
    const timer = timers.add(10.5, () => {});
    expect(timer.remainingMs).toBe(11);
    expect(timer.cancel()).toBe(11);
    expect(timer.cancel()).toBe(false);
    expect(timer.remainingMs).toBe(false);
    expect(clock.timerCount).toBe(0);
  });

  test('a timer added by one that fires waits for its own time, even with no delay', async () => {
    const clock = new VirtualClock();
    const timers = new TimerQueue(clock);
    const fired: number[] = [];
    timers.add(5, () => {
      fired.push(1);
      timers.add(0, () => fired.push(2));
      timers.add(5, () => fired.push(3));
    });
    await clock.advance(5);
    expect(fired).toEqual([1, 2]);
    await clock.advance(5);
    expect(fired).toEqual([1, 2, 3]);
  });

  test('one that throws does not take the others with it', async () => {
    const clock = new VirtualClock();
    const timers = new TimerQueue(clock);
    let isFired = false;
    timers.add(1, () => {
      throw new Error('timer');
    });
    timers.add(2, () => {
      isFired = true;
    });
    await expect(clock.advance(1)).rejects.toThrow('timer');
    await clock.advance(1);
    expect(isFired).toBe(true);
  });

  test('behave as a sorted list does, whatever is added and cancelled', async () => {
    const step = fc.oneof(
      fc.record({ add: fc.nat(50) }),
      fc.record({ cancel: fc.nat(100) }),
      fc.record({ advance: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const clock = new VirtualClock();
        const timers = new TimerQueue(clock);
        const fired: number[] = [];
        const expected: number[] = [];
        let waiting: { id: number; dueMs: number; ref: { cancel(): number | false } }[] = [];
        let id = 0;
        for (const each of steps) {
          if ('add' in each) {
            const mine = id++;
            const ref = timers.add(each.add, () => fired.push(mine));
            waiting.push({ id: mine, dueMs: clock.monotonicMs() + each.add, ref });
          } else if ('cancel' in each && waiting.length > 0) {
            const [gone] = waiting.splice(each.cancel % waiting.length, 1);
            expect(gone?.ref.cancel()).toBe(Math.max(0, (gone?.dueMs ?? 0) - clock.monotonicMs()));
          } else if ('advance' in each) {
            await clock.advance(each.advance);
            const due = waiting.filter((timer) => timer.dueMs <= clock.monotonicMs());
            expected.push(...due.sort((a, b) => a.dueMs - b.dueMs || a.id - b.id).map((timer) => timer.id));
            waiting = waiting.filter((timer) => timer.dueMs > clock.monotonicMs());
          }
          expect(timers.liveCount).toBe(waiting.length);
        }
        expect(fired).toEqual(expected);
        expect(clock.timerCount).toBe(waiting.length === 0 ? 0 : 1);
      }),
      { numRuns: 60 },
    );
  });

  test('due within the same ms fire in due order, and never before the ms that is not before their time', async () => {
    const clock = new VirtualClock();
    const timers = new TimerQueue(clock);
    const fired: string[] = [];
    timers.add(10.9, () => fired.push('c'));
    timers.add(10.2, () => fired.push('a'));
    timers.add(11, () => fired.push('d'));
    timers.add(10.2, () => fired.push('b'));
    await clock.advance(10.95);
    expect(fired).toEqual([]);
    await clock.advance(0.05);
    expect(fired).toEqual(['a', 'b', 'c', 'd']);
    expect(clock.timerCount).toBe(0);
  });

  test('those left when most are cancelled fire at their time, in order, and what was cancelled never does', async () => {
    const clock = new VirtualClock();
    const timers = new TimerQueue(clock);
    const fired: number[] = [];
    const refs = Array.from({ length: 1000 }, (_, i) => timers.add(1 + (i % 250), () => fired.push(i)));
    for (const [i, ref] of refs.entries()) if (i % 100 !== 7) ref.cancel();
    expect(timers.liveCount).toBe(10);
    await clock.advance(250);
    const kept = Array.from({ length: 10 }, (_, k) => 7 + 100 * k);
    expect(fired).toEqual(kept.sort((a, b) => (a % 250) - (b % 250) || a - b));
    expect(timers.liveCount).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test('sendAfter takes delays up to the longest a timer has, and by name looks up when the time has come', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      expect(() => self.sendAfter('x', -1)).toThrow(RangeError);
      expect(() => self.sendAfter('x', TIMER_DELAY_MS_MAX + 1)).toThrow(RangeError);
      expect(self.sendAfter('x', TIMER_DELAY_MS_MAX).cancel()).toBe(TIMER_DELAY_MS_MAX);
      self.sendAfter({ type: 'named' }, 10, 'later');
      self.sendAfter({ type: 'named' }, 10, 'nobody');
      const server = await world.script({}, { name: 'later' });
      await new Promise<void>((resolve) => world.test.clock.setTimer(resolve, 20));
      expect(await server.call('seen')).toEqual([{ type: 'named' }]);
    });
  });
});
