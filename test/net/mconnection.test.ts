import { describe, expect, it } from 'vitest';
import { connect } from './link-rig.ts';
import { PLAIN, pattern, RawPeer, RecordedMConnection } from './mconnection-rig.ts';

describe('MConnection', () => {
  it('carries messages of every size between two ends', async () => {
    const { clock, near, far } = await connect();
    const channels = [{ id: 1, priority: 1, sendQueueCapacity: 100 }];
    const a = new RecordedMConnection(near, channels, { clock, ...PLAIN });
    const b = new RecordedMConnection(far, channels, { clock, ...PLAIN });
    a.mconnection.start();
    b.mconnection.start();
    const sizes = [0, 1, 1023, 1024, 1025, 2048, 100_000];
    for (const [i, size] of sizes.entries()) expect(a.mconnection.trySend(1, pattern(size, i))).toBe('queued');
    await clock.advance(10);
    expect(b.received.map(({ message }) => message)).toEqual(sizes.map((size, i) => pattern(size, i)));
  });

  it('closes in order', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedMConnection(near, [{ id: 1, priority: 1 }], { clock });
    const peer = new RawPeer(far);
    a.mconnection.start();
    await clock.advance(1);
    a.mconnection.stop();
    await clock.advance(2000);
    expect(a.log).toEqual(['close in order']);
    expect(peer.closed).toEqual({ reason: undefined });
    expect(clock.timerCount).toBe(0);
  });
});
