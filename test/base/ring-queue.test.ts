import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingQueue } from '../../src/base/ring-queue.ts';

type Step = { do: 'push' | 'unshift'; value: number } | { do: 'shift' | 'clear' | 'keepEven' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), value: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unshift' as const), value: fc.nat() }) },
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'shift' }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'clear' }, { do: 'keepEven' }) },
);

describe('RingQueue', () => {
  it('does what an array does, in any sequence of operations', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = new RingQueue<number>();
        let model: number[] = [];
        for (const s of steps) {
          if (s.do === 'push') {
            queue.push(s.value);
            model.push(s.value);
          } else if (s.do === 'unshift') {
            queue.unshift(s.value);
            model.unshift(s.value);
          } else if (s.do === 'shift') {
            expect(queue.shift()).toBe(model.shift());
          } else if (s.do === 'clear') {
            queue.clear();
            model = [];
          } else {
            queue.filter((value) => value % 2 === 0);
            model = model.filter((value) => value % 2 === 0);
          }
          expect(queue.toArray()).toEqual(model);
          expect(queue.length).toBe(model.length);
          expect(queue.peek()).toBe(model[0]);
          expect([queue.at(-1), queue.at(model.length)]).toEqual([undefined, undefined]);
          if (model.length > 0) expect(queue.at(model.length - 1)).toBe(model.at(-1));
        }
      }),
    );
  });

  it.each([7, 8, 9, 15, 16, 17])('keeps order across growth with %i items behind a moved head', (count) => {
    const queue = new RingQueue<number>();
    for (let i = 0; i < 5; i += 1) queue.push(-1);
    for (let i = 0; i < 5; i += 1) queue.shift();
    for (let i = 0; i < count; i += 1) queue.push(i);
    expect(queue.toArray()).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('holds undefined as an item', () => {
    const queue = new RingQueue<undefined>();
    queue.push(undefined);
    expect(queue.length).toBe(1);
    queue.shift();
    expect(queue.length).toBe(0);
  });
});
