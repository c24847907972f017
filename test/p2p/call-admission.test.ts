/** What a remote takes and refuses in the turn of the caller, before anything is kept: too many, too much, too long, unknown. */
import { describe, expect, it } from 'vitest';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import { requestBytesMax } from '../../src/p2p/messaging-envelop.ts';
import { NODE_LIMITS } from '../../src/p2p/node-options.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { mailboxRig } from './mailbox-rig.ts';
import { type Outcome, outcomeOf, World } from './node-rig.ts';

const payload = (size: number): { bytes: Uint8Array } => ({ bytes: new Uint8Array(size).fill(7) });
const tally = (calls: readonly Outcome<unknown>[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { code = 'open' } of calls) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};

describe('calls made in one turn', () => {
  it.each([
    [4095, { open: 4095 }],
    [4096, { open: 4096 }],
    [4097, { open: 4096, QUEUE_FULL: 1 }],
    [100_000, { open: 4096, QUEUE_FULL: 95_904 }],
  ])('%i of them to a remote without a connection end as %j before the turn is over', async (count, ends) => {
    const rig = await mailboxRig();
    const calls = Array.from({ length: count }, () => outcomeOf(rig.remote.call(Ping, {})));
    expect(rig.counters.waiting.count).toBe(Math.min(count, 4096));
    await Promise.resolve();
    await rig.clock.settle();
    expect(tally(calls)).toEqual(ends);
    expect(rig.counters).toMatchObject({
      calls: count,
      refused: count - Math.min(count, 4096),
      queueLength: ends.open,
    });
    await rig.clock.advance(5000);
    expect(rig.counters.waiting).toMatchObject({ count: 0, bytes: 0 });
    await rig.stop();
  });

  it('with a connection may be as many as go out at once, and as many as wait behind them', async () => {
    const rig = await mailboxRig({ maxInFlight: 2, queueCapacity: 3 });
    const link = rig.connect();
    await rig.clock.settle();
    const calls = Array.from({ length: 6 }, () => outcomeOf(rig.remote.call(Ping, {})));
    await rig.clock.settle();
    expect(tally(calls)).toEqual({ open: 5, QUEUE_FULL: 1 });
    expect(rig.counters).toMatchObject({ inFlight: 2, queueLength: 3 });
    rig.disconnect(link);
    await rig.clock.settle();
    expect(tally([outcomeOf(rig.remote.call(Ping, {}))])).toEqual({ open: 1 });
    await rig.clock.settle();
    expect(rig.counters.refused).toBe(2);
    await rig.stop();
  });

  it('hold at most queueBytesMax of messages: of 200 with 1 MB each 16 are taken', async () => {
    const rig = await mailboxRig();
    const calls = Array.from({ length: 200 }, () => outcomeOf(rig.remote.call(Echo, payload(1_000_000))));
    expect(rig.counters.waiting.count).toBe(16);
    expect(rig.counters.waiting.bytes).toBeLessThanOrEqual(NODE_LIMITS.queueBytesMax[0]);
    await rig.clock.settle();
    expect(tally(calls)).toEqual({ open: 16, QUEUE_FULL: 184 });
    await rig.clock.advance(5000);
    expect(tally(calls)).toEqual({ TIMEOUT: 16, QUEUE_FULL: 184 });
    expect(rig.counters.waiting).toMatchObject({ count: 0, bytes: 0 });
    await rig.stop();
  });

  it('that find the queue full by count are not even encoded', async () => {
    const rig = await mailboxRig({ queueCapacity: 1 });
    outcomeOf(rig.remote.call(Ping, {}));
    let readCount = 0;
    const fields = {
      get bytes(): Uint8Array {
        readCount += 1;
        return new Uint8Array(1);
      },
    };
    const refused = outcomeOf(rig.remote.call(Echo, fields));
    rig.remote.cast(Echo, fields);
    await rig.clock.settle();
    expect(refused.code).toBe('QUEUE_FULL');
    expect(readCount).toBe(0);
    expect(rig.remote.stats()).toMatchObject({ calls: 3, errors: 2, refused: 2, casts: 1 });
    await rig.stop();
  });

  it('whose caller gives up before the mailbox has its turn give their place back once', async () => {
    const rig = await mailboxRig({ queueCapacity: 2 });
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [1, 2].map(() => outcomeOf(rig.remote.call(Ping, {}, { signal })));
    controller.abort();
    await rig.clock.settle();
    expect(tally(calls)).toEqual({ ABORTED: 2 });
    expect(rig.counters.waiting).toMatchObject({ count: 0, bytes: 0 });
    const next = [1, 2, 3].map(() => outcomeOf(rig.remote.call(Ping, {})));
    await rig.clock.settle();
    expect(tally(next)).toEqual({ open: 2, QUEUE_FULL: 1 });
    await rig.stop();
  });

  it('give their places back when their mailbox is killed', async () => {
    const rig = await mailboxRig({ queueCapacity: 2 });
    const calls = [1, 2].map(() => outcomeOf(rig.remote.call(Ping, {})));
    await rig.clock.settle();
    await rig.mailbox.stop('shutdown');
    await rig.clock.settle();
    expect(tally(calls)).toEqual({ STOPPED: 2 });
    expect(rig.counters.waiting).toMatchObject({ count: 0, bytes: 0 });
  });
});

describe('a message that never fits', () => {
  it('into the queue even when that is empty is ENCODE_FAILED, not QUEUE_FULL', async () => {
    const rig = await mailboxRig({ queueBytesMax: 1024 });
    const overhead = Echo.encode(payload(900)).length - 900;
    const codes: (string | undefined)[] = [];
    for (const size of [1023, 1024, 1025]) {
      const controller = new AbortController();
      const call = outcomeOf(rig.remote.call(Echo, payload(size - overhead), { signal: controller.signal }));
      await rig.clock.settle();
      codes.push(call.code);
      controller.abort();
      await rig.clock.settle();
    }
    expect(codes).toEqual([undefined, undefined, 'ENCODE_FAILED']);
    await rig.stop();
  });

  it('into a frame is ENCODE_FAILED between nodes of default limits, and its neighbours are answered', async () => {
    const world = new World({ wire: 'archethic', isPlain: true });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const sizes = [17_000_000, 5_000_000, 1000];
    const calls = sizes.map((size) => outcomeOf(remote.call(Echo, payload(size))));
    expect(() => remote.cast(Echo, payload(5_000_000))).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }));
    await world.clock.settle();
    expect(calls.map((call) => call.code ?? call.value?.name)).toEqual(['ENCODE_FAILED', 'ENCODE_FAILED', 'Echoed']);
    expect(remote.stats()).toMatchObject({ connections: 1, answered: 1, refused: 0 });
    expect(b.stats()).toMatchObject({ faults: 0 });
    await world.stop();
  });

  it.each([
    ['archethic', false, 5 + 34 + 1 + 64 + 48],
    ['mconnection', false, 5 + 34 + 1],
    ['mconnection', true, 5 + 34 + 1 + 64 + 48],
  ] as const)(
    'wire %s, sealed %s: with %i bytes of envelop is told to the byte',
    async (wire, sealed, envelopBytes) => {
      const inboundFrameBytesMax = 2000;
      const world = new World({ wire });
      const options = { inboundFrameBytesMax, ...(wire === 'mconnection' ? { sealed } : {}) };
      const [a, b] = [await world.node('a', options), await world.node('b', options)];
      const remote = await a.connect(b.peer);
      await world.wait(remote.connected());
      const overhead = envelopBytes + Echo.encode(payload(1500)).length - 1500;
      const names: unknown[] = [];
      for (const size of [-1, 0, 1].map((more) => inboundFrameBytesMax - overhead + more)) {
        const call = outcomeOf(remote.call(Echo, payload(size)));
        await world.clock.advanceUntil(() => call.isSettled);
        names.push(call.code ?? call.value?.name);
      }
      expect(names).toEqual(['Echoed', 'Echoed', 'ENCODE_FAILED']);
      expect(remote.stats()).toMatchObject({ connections: 1 });
      expect(b.stats()).toMatchObject({ faults: 0 });
      await world.stop();
    },
  );

  it.each(['secp256r1', 'secp256k1'] as const)('of a sender of %s counts the longest signature', async (curve) => {
    const identity = defaultEngine().generateKeyPair(new SeededRandom(4), { curve });
    const rig = await mailboxRig({ identity, inboundFrameBytesMax: 2000 });
    expect(requestBytesMax(rig.context, rig.remote.publicKey)).toBe(2000 - (5 + 67 + 1 + 72 + 48));
    expect(requestBytesMax(rig.context, identity.publicKey)).toBe(2000 - (5 + 67 + 1 + 72 + 81));
    await rig.stop();
  });
});

describe('a message outside the catalog of the node', () => {
  it('is ENCODE_FAILED at once, and the calls in flight are none the worse', async () => {
    const world = new World({ wire: 'archethic' });
    const messages = archethicMessages as unknown as MessageCatalog;
    const [a, b] = [await world.node('a', { messages }), await world.node('b', { messages })];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const neighbour = outcomeOf(remote.call(Ping, {}));
    const unknown = outcomeOf(remote.call(Echo, payload(3)));
    const own = outcomeOf(a.call(a.publicKey, Echo, payload(3)));
    expect(() => remote.cast(Echo, payload(3))).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }));
    await world.clock.settle();
    expect([unknown.code, own.code]).toEqual(['ENCODE_FAILED', 'ENCODE_FAILED']);
    expect((unknown.error as Error).message).toBe("Echo (id 200) is not in the node's catalog");
    expect(neighbour.value).toMatchObject({ name: Ok.name });
    expect(remote.stats()).toMatchObject({ connections: 1, calls: 1 });
    expect(b.stats()).toMatchObject({ faults: 0 });
    await world.stop();
  });
});
