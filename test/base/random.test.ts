import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

describe('systemRandom', () => {
  it('gives as many bytes as asked, 0 and 65 536 included', () => {
    expect([0, 1, 65_536].map((length) => systemRandom.bytes(length).length)).toEqual([0, 1, 65_536]);
    expect(systemRandom.bytes(32)).not.toEqual(systemRandom.bytes(32));
  });

  it('gives floats from 0 to below 1', () => {
    for (let i = 0; i < 1000; i += 1) {
      const float = systemRandom.float();
      expect(float >= 0 && float < 1).toBe(true);
    }
  });
});

describe('SeededRandom', () => {
  it('repeats itself for the same seed and differs for another', () => {
    const draw = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return [random.float(), ...random.bytes(8), random.float()];
    };
    expect(draw(42)).toEqual(draw(42));
    expect(draw(42)).not.toEqual(draw(43));
  });

  it('is even enough for choice: each tenth of the range gets its share', () => {
    const random = new SeededRandom(1);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i += 1) {
      const tenth = Math.floor(random.float() * 10);
      counts[tenth] = (counts[tenth] as number) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
