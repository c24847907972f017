/** A mailbox when there is too much of everything. */
import { describe, expect, it } from 'vitest';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import { CONGESTION_RETRY_MS } from '../../src/p2p/node-mailbox.ts';
import { mailboxRig, RecordedLink } from './mailbox-rig.ts';
import { outcomeOf, World } from './node-rig.ts';

const OK = Ok.of({});
const payload = (size: number): { bytes: Uint8Array } => ({ bytes: new Uint8Array(size).fill(7) });

describe('congestion', () => {
  it('waits for the link to drain, sealing nothing meanwhile, and goes on in order', async () => {
    let sealed = 0;
    const rig = await mailboxRig();
    const { eciesSeal } = rig.context.engine;
    rig.context.engine.eciesSeal = (...args) => {
      sealed += 1;
      return eciesSeal(...args);
    };
    const link = new RecordedLink();
    link.roomBytes = 400;
    link.isCongested = true;
    rig.connect(link);
    const calls = Array.from({ length: 10 }, () => outcomeOf(rig.remote.call(Ping, {})));
    await rig.clock.settle();
    expect(link.ids).toEqual([0, 1]);
    expect(sealed).toBe(3);
    expect(rig.counters).toMatchObject({ inFlight: 2, queueLength: 8 });
    link.roomBytes = Number.POSITIVE_INFINITY;
    rig.mailbox.cast('drained');
    await rig.clock.settle();
    expect(link.ids).toHaveLength(10);
    expect(link.ids).toEqual([...link.ids].sort((x, y) => x - y));
    for (const id of link.ids) rig.reply(id, OK);
    await rig.clock.settle();
    expect(calls.every((call) => call.value?.name === 'Ok')).toBe(true);
    await rig.stop();
  });

  it('tries again by itself where the link will not tell of room', async () => {
    const rig = await mailboxRig();
    const link = new RecordedLink();
    link.roomBytes = 200;
    rig.connect(link);
    outcomeOf(rig.remote.call(Ping, {}));
    outcomeOf(rig.remote.call(Ping, {}));
    await rig.clock.settle();
    expect(link.ids).toEqual([0]);
    await rig.clock.advance(CONGESTION_RETRY_MS);
    expect(link.ids).toEqual([0]);
    link.roomBytes = 1000;
    await rig.clock.advance(CONGESTION_RETRY_MS);
    expect(link.ids).toHaveLength(2);
    await rig.stop();
    expect(rig.clock.timerCount).toBe(0);
  });

  it('ends with the connection: what waited goes out on the next one', async () => {
    const rig = await mailboxRig();
    const full = new RecordedLink();
    full.roomBytes = 200;
    full.isCongested = true;
    rig.connect(full);
    const calls = [outcomeOf(rig.remote.call(Ping, {})), outcomeOf(rig.remote.call(Ping, {}))];
    await rig.clock.settle();
    rig.disconnect(full);
    await rig.clock.settle();
    expect(calls.map((call) => call.code)).toEqual(['CLOSED', undefined]);
    const link = rig.connect();
    await rig.clock.settle();
    expect(link.ids).toHaveLength(1);
    await rig.stop();
  });

  it.each([60_000, 30_000])('on a real link: messages of %i bytes through a send buffer of 65 536', async (size) => {
    const world = new World({ wire: 'archethic', isPlain: true, latencyMs: 3 });
    const a = await world.node('a', { sendBufferBytesMax: 65_536 });
    const b = await world.node('b');
    const remote = await a.connect(b.peer);
    const calls = Array.from({ length: 20 }, () => outcomeOf(remote.call(Echo, payload(size))));
    await world.clock.advanceUntil(() => calls.every((call) => call.isSettled));
    expect(calls.map((call) => call.value?.name)).toEqual(Array(20).fill('Echoed'));
    expect(world.clock.monotonicMs()).toBeLessThan(1000);
    await world.stop();
  });
});

describe('ten thousand calls', () => {
  it('leave nothing behind: no call, no queue, no deadline, no timer', async () => {
    const world = new World({ wire: 'archethic', isPlain: true });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const timers = world.clock.timerCount;
    const processes = [a, b].map((node) => world.systemOf(node).processCount);
    for (let round = 0; round < 10; round += 1) {
      const calls = Array.from({ length: 1000 }, () => outcomeOf(remote.call(Ping, {})));
      await world.clock.settle();
      expect(calls.every((call) => call.value?.name === 'Ok')).toBe(true);
    }
    expect(remote.stats()).toMatchObject({ calls: 10_000, answered: 10_000, inFlight: 0, queueLength: 0 });
    for (const node of [a, b]) expect(world.systemOf(node).deadlines.openCount).toBe(0);
    expect([a, b].map((node) => world.systemOf(node).processCount)).toEqual(processes);
    await world.clock.advance(7500); // the links look a last time whether what they wrote was taken
    expect(world.clock.timerCount).toBe(timers);
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });
});
