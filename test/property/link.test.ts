import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { connect, RecordedLink } from '../net/link-rig.ts';

const length = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 70_000 }) },
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), length }) },
  { weight: 1, arbitrary: fc.constant({ do: 'heartbeat' as const, length: 0 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('turn' as const, 'pause' as const, 'resume' as const).map((d) => ({ do: d, length: 0 })),
  },
);

describe('an Archethic link', () => {
  it('delivers every frame whole and in order, however they are sent, cut, paused and delayed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.record({
          seed: fc.nat(),
          chunkBytesMax: fc.constantFrom(0, 7, 1000, 65_536),
          latencyMs: fc.nat({ max: 3 }),
        }),
        async (steps, { seed, chunkBytesMax, latencyMs }) => {
          const { clock, near, far } = await connect({ chunkBytesMax, latencyMs, random: new SeededRandom(seed) });
          const a = new RecordedLink(near, { clock });
          const b = new RecordedLink(far, { clock });
          const expected: string[] = [];
          let number = 0;
          for (const s of steps) {
            if (s.do === 'send') {
              number += 1;
              a.link.send(new Uint8Array(s.length).fill(number));
              expected.push(`frame ${s.length}`);
            } else if (s.do === 'heartbeat') {
              a.link.sendHeartbeat();
              expected.push('heartbeat');
            } else if (s.do === 'turn') await clock.advance(1);
            else b.link[s.do]();
          }
          b.link.resume();
          a.link.close();
          await clock.advanceUntil(() => b.closed !== undefined && a.closed !== undefined);
          expect(b.log).toEqual([...expected, 'close in order']);
          expect(a.log.filter((event) => event !== 'drain')).toEqual(['close in order']);
          for (const [i, frame] of b.frames.entries()) {
            expect([frame[0], frame[frame.length - 1]]).toEqual([(i + 1) & 0xff, (i + 1) & 0xff]);
          }
          expect(a.link.stats().bytesOut).toBe(b.link.stats().bytesIn);
          expect(clock.timerCount).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
