import { describe, expect, it } from 'vitest';
import { type Deadlined, DeadlineQueue } from '../../src/base/deadline-queue.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

interface Wait extends Deadlined {
  readonly name: string;
}

const wait = (name: string, timeoutMs: number): Wait => ({ name, timeoutMs, deadlineMs: 0, isSettled: false });

interface Rig {
  readonly clock: VirtualClock;
  readonly queue: DeadlineQueue<Wait>;
  readonly expired: string[];
}

function rig(onExpire: (item: Wait) => void = () => {}): Rig {
  const clock = new VirtualClock();
  const expired: string[] = [];
  const queue = new DeadlineQueue<Wait>(clock, (item) => {
    item.isSettled = true;
    expired.push(`${item.name} ${clock.monotonicMs()}`);
    onExpire(item);
  });
  return { clock, queue, expired };
}

function settle(queue: DeadlineQueue<Wait>, item: Wait): void {
  item.isSettled = true;
  queue.release(item);
}

describe('DeadlineQueue', () => {
  it('expires each wait at its timeout, not before, on one timer per timeout value', async () => {
    const { clock, queue, expired } = rig();
    queue.add(wait('a', 5000));
    queue.add(wait('b', 100));
    await clock.advance(50);
    queue.add(wait('c', 100));
    await clock.advance(0);
    expect([clock.timerCount, queue.openCount]).toEqual([2, 3]);
    await clock.advance(49.999);
    expect(expired).toEqual([]);
    await clock.advance(10_000);
    expect(expired).toEqual(['b 100', 'c 150', 'a 5000']);
    expect([clock.timerCount, queue.openCount]).toEqual([0, 0]);
  });

  it('forgets a wait that ends in the turn it began in, without a timer', async () => {
    const { clock, queue, expired } = rig();
    const item = wait('a', 10);
    queue.add(item);
    settle(queue, item);
    await clock.settle();
    expect([clock.timerCount, queue.openCount, item.deadlineMs]).toEqual([0, 0, 0]);
    await clock.advance(100);
    expect(expired).toEqual([]);
  });

  it('clears its timer when the last wait is settled', async () => {
    const { clock, queue } = rig();
    const items = [wait('a', 10), wait('b', 10)];
    for (const item of items) queue.add(item);
    await clock.settle();
    settle(queue, items[0] as Wait);
    expect(clock.timerCount).toBe(1);
    settle(queue, items[1] as Wait);
    expect([clock.timerCount, queue.openCount]).toEqual([0, 0]);
  });

  it('takes a second release of the same wait for nothing', async () => {
    const { clock, queue, expired } = rig();
    const [a, b] = [wait('a', 10), wait('b', 10)];
    queue.add(a);
    queue.add(b);
    await clock.settle();
    settle(queue, a);
    queue.release(a);
    expect(queue.openCount).toBe(1);
    await clock.advance(10);
    expect(expired).toEqual(['b 10']);
  });

  it('expires a timeout of 0 at the end of the turn', async () => {
    const { clock, queue, expired } = rig();
    queue.add(wait('a', 0));
    await clock.advance(0);
    expect(expired).toEqual(['a 0']);
  });

  it('keeps a wait that begins while the last of its lane is expired and another settled', async () => {
    const b = wait('b', 10);
    const { clock, queue, expired } = rig((item) => {
      if (item.name !== 'a') return;
      settle(queue, b); // the lane is empty now
      queue.add(wait('c', 10)); // and begins anew
    });
    queue.add(wait('a', 10));
    queue.add(b);
    await clock.advance(100);
    expect(expired).toEqual(['a 10', 'c 20']);
  });

  it('keeps the other waits when the owner throws', async () => {
    const { clock, queue, expired } = rig((item) => {
      if (item.name === 'a') throw new Error('owner');
    });
    queue.add(wait('a', 10));
    queue.add(wait('b', 10));
    await expect(clock.advance(10)).rejects.toThrow('owner');
    await clock.advance(0);
    expect(expired).toEqual(['a 10', 'b 10']);
  });

  it('drops settled waits from the middle before they pile up', async () => {
    const { clock, queue, expired } = rig();
    const items = Array.from({ length: 1000 }, (_, i) => wait(`${i}`, 60_000));
    for (const item of items) queue.add(item);
    await clock.settle();
    for (const item of items.slice(1)) settle(queue, item);
    expect(queue.openCount).toBe(1);
    await clock.advance(60_000);
    expect(expired).toEqual(['0 60000']);
  });
});
