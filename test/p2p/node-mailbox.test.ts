import { describe, expect, it } from 'vitest';
import { GenServer, startServer } from '../../src/actors/gen-server.ts';
import { MESSAGES_PER_TURN } from '../../src/actors/mailbox.ts';
import { send } from '../../src/actors/process.ts';
import { type NoReply, noreply } from '../../src/actors/results.ts';
import { GetTransactionChainLength, TransactionChainLength } from '../../src/codec/archethic-chain-messages.ts';
import { GetBootstrappingNodes, Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import { mailboxRig, RecordedLink } from './mailbox-rig.ts';
import { outcomeOf, World } from './node-rig.ts';
import type { RawServer } from './raw-peer.ts';

const OK = Ok.of({});
const ok = Ok.encode({});
const payload = (size: number): { bytes: Uint8Array } => ({ bytes: new Uint8Array(size).fill(7) });

/** Bytes of the n-th echo that arrived at a server. */
const echoed = (server: RawServer): number[] =>
  server.messages.map(({ value }) => (value as { fields: { bytes: Uint8Array } }).fields.bytes[0] as number);

describe('the order of calls', () => {
  it('asked is the order on the wire, also of those that waited for the connection', async () => {
    const world = new World({ wire: 'archethic', isPlain: true, chunkBytesMax: 50 });
    const a = await world.node('a', { maxInFlight: 7 });
    const server = await world.server('raw');
    server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, ok);
    const remote = await a.connect(server.peer);
    const calls = Array.from({ length: 100 }, (_, i) => {
      const call = remote.call(Echo, { bytes: Uint8Array.of(i) });
      return outcomeOf(call);
    });
    await world.clock.settle();
    expect(calls.every((call) => call.code === 'UNEXPECTED_REPLY')).toBe(true);
    expect(echoed(server)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(server.messages.map(({ messageId }) => messageId)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    await world.stop();
  });

  it('a long queue is sent one at a time, so that other processes have their turns in between', async () => {
    const rig = await mailboxRig();
    for (let i = 0; i < 3000; i += 1) outcomeOf(rig.remote.call(Ping, {}, { timeoutMs: 60_000 }));
    await rig.clock.settle();
    const link = new RecordedLink();
    let sentAtItsTurn = -1;
    class Neighbour extends GenServer<null> {
      init(): null {
        return null;
      }
      override handleInfo(): NoReply<null> {
        sentAtItsTurn = link.sent.length;
        return noreply(null);
      }
    }
    const neighbour = await startServer(Neighbour, [], { system: rig.system });
    rig.connect(link);
    send(neighbour, 'your turn');
    await rig.clock.settle();
    expect(sentAtItsTurn).toBeGreaterThan(0);
    expect(sentAtItsTurn).toBeLessThanOrEqual(MESSAGES_PER_TURN);
    expect(link.ids).toEqual(Array.from({ length: 1024 }, (_, i) => i));
    expect(rig.counters).toMatchObject({ inFlight: 1024, queueLength: 3000 - 1024 });
    await rig.stop();
  });

  it('maxInFlight 1 is strictly one at a time', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { maxInFlight: 1 });
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    const calls = Array.from({ length: 4 }, () => outcomeOf(remote.call(Ping, {})));
    for (let i = 0; i < 4; i += 1) {
      await world.clock.settle();
      expect(server.messages).toHaveLength(i + 1);
      expect(remote.stats()).toMatchObject({ inFlight: 1, queueLength: 3 - i });
      server.connection.send(a.publicKey, i, ok);
    }
    await world.clock.settle();
    expect(calls.map((call) => call.value?.name)).toEqual(['Ok', 'Ok', 'Ok', 'Ok']);
    await world.stop();
  });

  it.each([2, 3, 4])('maxInFlight 3: of %i calls at most 3 are out', async (count) => {
    const rig = await mailboxRig({ maxInFlight: 3 });
    const link = rig.connect();
    for (let i = 0; i < count; i += 1) outcomeOf(rig.remote.call(Ping, {}));
    await rig.clock.settle();
    expect(link.ids).toHaveLength(Math.min(3, count));
    expect(rig.counters).toMatchObject({ inFlight: Math.min(3, count), queueLength: Math.max(0, count - 3) });
    await rig.stop();
  });
});

describe('the deadline of a call', () => {
  it('runs from the moment it is asked, also while nothing is connected; then it is dropped and never sent', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const key = world.key();
    const remote = await a.connect({ publicKey: key.publicKey, address: 'memory://raw:1' });
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(4999);
    expect(call.isSettled).toBe(false);
    await world.clock.advance(1);
    expect(call.code).toBe('TIMEOUT');
    expect(remote.stats()).toMatchObject({ timeouts: 1, dropped: 1, sent: 0, queueLength: 0 });
    const server = await world.server('raw', key);
    await world.wait(remote.connected({ timeoutMs: 60_000 }));
    await world.clock.advance(10_000);
    expect(server.connection.frames).toEqual([]);
    await world.stop();
  });

  it('frees its place: the next call in the queue goes out when one in flight is over', async () => {
    const rig = await mailboxRig({ maxInFlight: 1 });
    const link = rig.connect();
    const first = outcomeOf(rig.remote.call(Ping, {}, { timeoutMs: 100 }));
    outcomeOf(rig.remote.call(Ping, {}));
    await rig.clock.advance(99);
    expect(link.ids).toEqual([0]);
    await rig.clock.advance(1);
    expect(first.code).toBe('TIMEOUT');
    expect(link.ids).toEqual([0, 1]);
    await rig.stop();
  });

  it('default comes from callTimeoutMs of the node', async () => {
    const rig = await mailboxRig({ callTimeoutMs: 70 });
    const call = outcomeOf(rig.remote.call(Ping, {}));
    await rig.clock.advance(69);
    expect(call.isSettled).toBe(false);
    await rig.clock.advance(1);
    expect(call.code).toBe('TIMEOUT');
    await rig.stop();
  });

  it('passed while the mailbox was busy elsewhere: the call is dropped, not sent', async () => {
    const rig = await mailboxRig();
    const link = rig.connect();
    const controller = new AbortController();
    const call = outcomeOf(rig.remote.call(Ping, {}, { signal: controller.signal }));
    controller.abort(); // before the mailbox had its turn
    await rig.clock.settle();
    expect(call.code).toBe('ABORTED');
    expect(link.ids).toEqual([]);
    expect(rig.counters).toMatchObject({ dropped: 1, sent: 0 });
    await rig.stop();
  });

  it('a reply after it is counted as late and dropped', async () => {
    const rig = await mailboxRig();
    rig.connect();
    const call = outcomeOf(rig.remote.call(Ping, {}, { timeoutMs: 50 }));
    await rig.clock.advance(50);
    rig.reply(0, OK);
    rig.reply(77, OK);
    await rig.clock.settle();
    expect(call.code).toBe('TIMEOUT');
    expect(call.count).toBe(1);
    expect(rig.counters).toMatchObject({ lateReplies: 2, answered: 0, timeouts: 1 });
    await rig.stop();
  });
});

describe('an abort', () => {
  it('before sending drops the call; after sending it ends the wait, and the reply is late', async () => {
    const rig = await mailboxRig();
    const controllers = [new AbortController(), new AbortController()];
    const [queued] = [outcomeOf(rig.remote.call(Ping, {}, { signal: controllers[0]!.signal }))];
    await rig.clock.settle();
    controllers[0]!.abort();
    await rig.clock.settle();
    expect(queued!.code).toBe('ABORTED');
    const link = rig.connect();
    await rig.clock.settle();
    expect(link.ids).toEqual([]);
    const sent = outcomeOf(rig.remote.call(Ping, {}, { signal: controllers[1]!.signal }));
    await rig.clock.settle();
    expect(link.ids).toEqual([0]);
    controllers[1]!.abort();
    await rig.clock.settle();
    rig.reply(0, OK);
    await rig.clock.settle();
    expect(sent.code).toBe('ABORTED');
    expect(rig.counters).toMatchObject({ dropped: 1, lateReplies: 1, errors: 2, inFlight: 0 });
    await rig.stop();
  });

  it('that came before the call is ABORTED at once', async () => {
    const rig = await mailboxRig();
    const link = rig.connect();
    const call = outcomeOf(rig.remote.call(Ping, {}, { signal: AbortSignal.abort() }));
    await rig.clock.settle();
    expect(call.code).toBe('ABORTED');
    expect(link.ids).toEqual([]);
    await rig.stop();
  });
});

describe('the queue', () => {
  it.each([
    [2, []],
    [3, []],
    [4, ['QUEUE_FULL']],
  ])('queueCapacity 3: of %i calls without a connection these are refused: %j', async (count, codes) => {
    const rig = await mailboxRig({ queueCapacity: 3 });
    const calls = Array.from({ length: count }, () => outcomeOf(rig.remote.call(Ping, {})));
    await rig.clock.settle();
    expect(calls.map((call) => call.code).filter((code) => code !== undefined)).toEqual(codes);
    expect(rig.counters).toMatchObject({ refused: codes.length, queueLength: Math.min(3, count) });
    expect(rig.demands()).toBe(Math.min(3, count));
    await rig.stop();
  });

  it.each([
    [1023, undefined],
    [1024, undefined],
    [1025, 'QUEUE_FULL'],
  ])('queueBytesMax 1024: two messages of %i bytes together: %s', async (total, code) => {
    const rig = await mailboxRig({ queueBytesMax: 1024 });
    const overhead = Echo.encode(payload(300)).length - 300;
    const first = 300 + overhead;
    outcomeOf(rig.remote.call(Echo, payload(300)));
    const second = outcomeOf(rig.remote.call(Echo, payload(total - first - overhead)));
    await rig.clock.settle();
    expect(second.code).toBe(code);
    expect(rig.counters.waiting.bytes).toBe(code === undefined ? total : first);
    await rig.stop();
  });

  it('gives its bytes and places back when calls are sent, dropped and refused', async () => {
    const rig = await mailboxRig({ queueCapacity: 2 });
    outcomeOf(rig.remote.call(Echo, payload(100), { timeoutMs: 10 }));
    outcomeOf(rig.remote.call(Echo, payload(200)));
    const refused = outcomeOf(rig.remote.call(Echo, payload(300)));
    await rig.clock.settle();
    expect(refused.error).toMatchObject({ code: 'QUEUE_FULL' });
    expect((refused.error as Error).message).toMatch(/full \(2 calls, 3\d\d bytes\): Echo refused$/);
    await rig.clock.advance(10);
    const room = outcomeOf(rig.remote.call(Echo, payload(300)));
    await rig.clock.settle();
    expect(room.isSettled).toBe(false);
    rig.connect();
    await rig.clock.settle();
    expect(rig.counters.waiting).toMatchObject({ count: 0, bytes: 0 });
    expect(rig.state().queue.size).toBe(0);
    await rig.stop();
  });
});

describe('message ids', () => {
  it('wrap at 2^32 and skip those in flight', async () => {
    const rig = await mailboxRig({ firstMessageId: 2 ** 32 - 2, maxInFlight: 100 });
    const link = rig.connect();
    const calls = Array.from({ length: 5 }, () => outcomeOf(rig.remote.call(Ping, {}, { timeoutMs: 60_000 })));
    await rig.clock.settle();
    expect(link.ids).toEqual([4_294_967_294, 4_294_967_295, 0, 1, 2]);
    for (const id of [4_294_967_295, 0, 2]) rig.reply(id, OK);
    await rig.clock.settle();
    expect(calls.map((call) => call.value?.name)).toEqual([undefined, 'Ok', 'Ok', undefined, 'Ok']);
    // The whole round later: 4 294 967 294 and 1 are still in flight.
    rig.state().nextId = 2 ** 32 - 2;
    for (let i = 0; i < 4; i += 1) outcomeOf(rig.remote.call(Ping, {}));
    await rig.clock.settle();
    expect(link.ids.slice(5)).toEqual([4_294_967_295, 0, 2, 3]);
    await rig.stop();
  });

  it('of a call that could not be sealed are not used twice', async () => {
    const rig = await mailboxRig();
    const link = rig.connect();
    link.send = () => {
      throw new CodecError('OUT_OF_RANGE', 'no');
    };
    const failed = outcomeOf(rig.remote.call(Ping, {}));
    await rig.clock.settle();
    expect(failed.code).toBe('SEAL_FAILED');
    Reflect.deleteProperty(link, 'send');
    outcomeOf(rig.remote.call(Ping, {}));
    await rig.clock.settle();
    expect(link.ids).toEqual([1]);
    await rig.stop();
  });
});

describe('a request that cannot go out fails itself only', () => {
  it('with ENCODE_FAILED when it does not fit its layout', async () => {
    const world = new World({ wire: 'archethic' });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    const calls = [
      outcomeOf(remote.call(Ping, {})),
      outcomeOf(remote.call(GetBootstrappingNodes, { patch: 'no such patch' })),
      outcomeOf(remote.call(Ping, {})),
    ];
    await world.clock.settle();
    expect(calls.map((call) => call.code ?? call.value?.name)).toEqual(['Ok', 'ENCODE_FAILED', 'Ok']);
    expect(remote.stats().connections).toBe(1);
    await world.stop();
  });

  it('with ENCODE_FAILED when it does not fit a frame or the send buffer', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { frameBytesMax: 100_000, sendBufferBytesMax: 80_000 });
    const b = await world.node('b');
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const calls = [100_001, 80_001, 100].map((size) => outcomeOf(remote.call(Echo, payload(size))));
    await world.clock.settle();
    expect(calls.map((call) => call.code ?? call.value?.name)).toEqual(['ENCODE_FAILED', 'ENCODE_FAILED', 'Echoed']);
    expect(remote.stats().connections).toBe(1);
    await world.stop();
  });

  it('with SEAL_FAILED when nothing can be sealed for the key of the remote', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    // All zeros is a point of small order: a key by its layout, useless as one.
    const publicKey = PublicKey.of('ed25519', 'software', new Uint8Array(32));
    await world.server('raw');
    const remote = await a.connect({ publicKey, address: 'memory://raw:1' });
    await world.wait(remote.connected());
    const calls = [outcomeOf(remote.call(Ping, {})), outcomeOf(remote.call(Ping, {}))];
    await world.clock.settle();
    expect(calls.map((call) => call.code)).toEqual(['SEAL_FAILED', 'SEAL_FAILED']);
    expect(remote.stats()).toMatchObject({ connections: 1, state: 'connected', errors: 2 });
    await world.stop();
  });
});

describe('the counters of a remote', () => {
  it('add up: every call is answered, timed out, an error, or under way', async () => {
    const rig = await mailboxRig({ maxInFlight: 2, queueCapacity: 3 });
    const link = rig.connect();
    await rig.clock.settle();
    const calls = Array.from({ length: 7 }, (_, i) => outcomeOf(rig.remote.call(Ping, {}, { timeoutMs: 100 + i })));
    await rig.clock.settle();
    rig.reply(0, OK);
    await rig.clock.advance(102);
    const stats = rig.remote.stats();
    expect(stats).toMatchObject({ calls: 7, answered: 1, timeouts: 2, errors: 2, refused: 2 });
    expect(stats.queueLength + stats.inFlight).toBe(2);
    rig.disconnect(link);
    await rig.clock.advance(100);
    expect(calls.every((call) => call.isSettled && call.count === 1)).toBe(true);
    expect(rig.remote.stats()).toMatchObject({ calls: 7, queueLength: 0, inFlight: 0 });
    await rig.stop();
  });

  it('keep the round trips of the last calls: p50, p99 and the samples', async () => {
    const world = new World({ wire: 'archethic', latencyMs: 25, isPlain: true });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    expect(remote.stats()).toMatchObject({ rttMsP50: undefined, rttMsP99: undefined });
    await world.wait(remote.connected());
    for (let i = 0; i < 3; i += 1) await world.wait(remote.call(Ping, {}));
    expect(remote.stats()).toMatchObject({ rttMsP50: 50, rttMsP99: 50 });
    expect([...remote.rttSamples()]).toEqual([50, 50, 50]);
    await world.stop();
  });

  it('a reply of another type still tells what was said', async () => {
    const rig = await mailboxRig();
    rig.connect();
    const address = new Uint8Array(34);
    const call = outcomeOf(rig.remote.call(GetTransactionChainLength, { address }));
    await rig.clock.settle();
    rig.reply(0, TransactionChainLength.of({ length: 5 }));
    await rig.clock.settle();
    expect(call.value).toMatchObject({ name: 'TransactionChainLength', fields: { length: 5 } });
    await rig.stop();
  });
});
