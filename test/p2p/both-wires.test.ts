/** What a caller may rely on whatever the wire: the same calls, ends, pauses and events on both, with whole nodes at both ends. */
import { describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { on, service } from '../../src/p2p/service.ts';
import { eventsOf, findNode, findPid, outcomeOf, World } from './node-rig.ts';

const NOWHERE = 'memory://none:1';

/** Times of the failed dials of a node, on the virtual clock. */
function failures(world: World, node: NodeSupervisor): number[] {
  const times: number[] = [];
  node.on('dialFailed', () => void times.push(world.clock.monotonicMs()));
  return times;
}

/** The names of the telemetry events of a node, calls and connections only, with what sets them apart. */
function telemetryOf(world: World, node: NodeSupervisor): string[] {
  const seen: string[] = [];
  world.systemOf(node).telemetry.attach('test', 'genmesh', ({ name, metadata }) => {
    // Switches are below the connections of one wire, and supervisors everywhere.
    if (/^genmesh\.(switch|supervisor)\./.test(name)) return;
    const { outcome, answer } = metadata as { outcome?: string; answer?: string };
    seen.push([name.slice('genmesh.'.length), outcome ?? answer ?? ''].join(' ').trim());
  });
  return seen;
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - (times[i] as number));

describe.each(WIRES)('a remote that is not there, wire %s', (wire) => {
  it('is dialled again after 500, 1000, 2000 ms and so on, up to 6 h', async () => {
    const world = new World({ wire });
    const a = await world.node('a', { backoffJitterPercent: 0, silenceMs: 86_400_000, hasServices: false });
    const times = failures(world, a);
    await a.connect({ publicKey: world.key().publicKey, address: NOWHERE });
    await world.clock.advanceUntil(() => times.length === 20, 200_000_000);
    expect(gaps(times)).toEqual(Array.from({ length: 19 }, (_, i) => Math.min(21_600_000, 500 * 2 ** i)));
    await world.stop();
  });

  it('and comes up in time answers the call that waits for it', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    const identity = world.key();
    const remote = await a.connect({ publicKey: identity.publicKey, address: 'memory://b:1' });
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(700);
    expect(remote.state).toBe('backoff');
    await world.node('b', { identity });
    await world.clock.advanceUntil(() => call.isSettled);
    expect(call.value).toEqual(Ok.of({}));
    await world.stop();
  });

  it('and cannot be reached is given up after dialTimeoutMs, with DIAL_TIMEOUT', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    world.network.stall('a', 'b');
    const events = eventsOf(a);
    await a.connect(b.peer);
    await world.clock.advance(3999);
    expect(events).toEqual([]);
    await world.clock.advance(1);
    expect(events).toMatchObject([{ name: 'dialFailed', value: { reason: { code: 'DIAL_TIMEOUT' } } }]);
    await world.stop();
  });

  it('by its scheme is a failed dial like any other', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    const events = eventsOf(a);
    await a.connect({ publicKey: world.key().publicKey, address: 'tcp://127.0.0.1:9' });
    await world.clock.settle();
    expect(events).toMatchObject([{ name: 'dialFailed', value: { reason: { code: 'ADDRESS_INVALID' } } }]);
    await world.stop();
  });

  it('holds up no call to another, and its own calls end at their time', async () => {
    const world = new World({ wire });
    const [a, b, c] = [await world.node('a'), await world.node('b'), await world.node('c')];
    world.network.stall('a', 'b');
    const [slow, fast] = [await a.connect(b.peer), await a.connect(c.peer)];
    const call = outcomeOf(slow.call(Ping, {}, { timeoutMs: 1000 }));
    expect(await world.wait(fast.call(Ping, {}))).toEqual(Ok.of({}));
    await world.clock.advance(999);
    expect(call.isSettled).toBe(false);
    await world.clock.advance(2);
    expect(call.code).toBe('TIMEOUT');
    await world.stop();
  });

  it('and is then said to be elsewhere is dialled there, its queued calls ended', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect({ publicKey: b.publicKey, address: NOWHERE });
    const queued = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(100);
    const moved = await a.connect(b.peer);
    expect(queued.code).toBe('STOPPED');
    expect(await world.wait(moved.call(Ping, {}))).toEqual(Ok.of({}));
    expect(findNode(a, 'remotes')?.children).toHaveLength(1);
    await world.stop();
  });
});

describe.each(WIRES)('a connection, wire %s', (wire) => {
  it('that is idle stands for hours, in both directions of calls', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const [there, back] = [await a.connect(b.peer), await b.connect(a.peer)];
    await world.clock.advance(2 * 3_600_000);
    for (const one of [there, back]) expect(one.stats()).toMatchObject({ connections: 1, state: 'connected' });
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(one.directory.lookup(other.publicKey)).toMatchObject({ isAvailable: true, isConnected: true });
      expect(one.stats().faults).toBe(0);
    }
    await world.stop();
  });

  it('that is stalled is given up within 30 s, and its calls are CLOSED then', async () => {
    // Heartbeats go by the clock, two may be unanswered; a ping goes out right behind a message, and has the time of two.
    const deadMs = wire === 'archethic' ? 30_000 : 20_000;
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const events = eventsOf(a);
    world.network.stall('a', 'b');
    const call = outcomeOf(remote.call(Ping, {}, { timeoutMs: 60_000 }));
    await world.clock.advance(deadMs - 10);
    expect(call.isSettled).toBe(false);
    await world.clock.advance(20);
    expect(call.code).toBe('CLOSED');
    const code = wire === 'archethic' ? 'HEARTBEAT_LOST' : 'PONG_TIMEOUT';
    expect(events).toMatchObject([{ name: 'disconnected', value: { reason: { code } } }]);
    world.network.heal('a', 'b');
    expect(await world.wait(remote.call(Ping, {}, { timeoutMs: 60_000 }), 60_000)).toEqual(Ok.of({}));
    await world.stop();
  });

  it('brings answers of up to frameBytesMax at both ends, whatever strangers may send', async () => {
    const world = new World({ wire });
    const limits = { inboundFrameBytesMax: 1000 };
    const a = await world.node('a', { ...limits, frameBytesMax: 200_000 });
    const b = await world.node('b', { ...limits, frameBytesMax: 300_000, hasServices: false });
    let size = 0;
    await b.startService(service('big', [on(Ping, () => Echoed.of({ bytes: new Uint8Array(size) }))]));
    const remote = await a.connect(b.peer);
    const names: unknown[] = [];
    for (size of [150_000, 250_000, 150_000]) {
      const call = outcomeOf(remote.call(Ping, {}));
      await world.clock.advanceUntil(() => call.isSettled);
      names.push(call.code ?? call.value?.name);
    }
    // The second is longer than the one end takes, the other one does not know, and the connection is made again.
    expect(names).toEqual(['UNEXPECTED_REPLY', 'CLOSED', 'UNEXPECTED_REPLY']);
    expect(remote.stats().connections).toBe(2);
    expect(a.stats().faultsByCode).toEqual({ [wire === 'archethic' ? 'FRAME_INVALID' : 'MESSAGE_TOO_LARGE']: 1 });
    await world.stop();
  });

  it('is not ended by a call that nobody answers', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.silent('b')];
    const remote = await a.connect(b.peer);
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(100_000);
    expect(call.code).toBe('TIMEOUT');
    expect(remote.stats()).toMatchObject({ connections: 1, state: 'connected', timeouts: 1 });
    await world.stop();
  });

  it('that is cut ends calls in flight with CLOSED at once; those in the queue wait for the next', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a', { maxInFlight: 2 }), await world.silent('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const calls = Array.from({ length: 4 }, () => outcomeOf(remote.call(Ping, {})));
    await world.clock.settle();
    expect(await b.stopService('silent')).toBe(true);
    const nowMs = world.clock.monotonicMs();
    world.network.cut('a', 'b');
    world.network.heal('a', 'b');
    await world.clock.settle();
    expect(world.clock.monotonicMs()).toBe(nowMs);
    expect(calls.map((call) => call.code)).toEqual(['CLOSED', 'CLOSED', undefined, undefined]);
    expect(remote.stats()).toMatchObject({ state: 'backoff', inFlight: 0, queueLength: 2 });
    await b.startService(service('ping', [on(Ping, () => Ok.of({}))]));
    await world.clock.advanceUntil(() => calls.every((call) => call.isSettled));
    expect(calls.slice(2).map((call) => call.value)).toEqual([Ok.of({}), Ok.of({})]);
    await world.stop();
  });

  it.each(['connection', 'mailbox'])('whose %s is killed ends its calls at once and is made good', async (id) => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.silent('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const events = eventsOf(a);
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    exit(findPid(a, 'remotes', 'remote-*', id), 'kill');
    await world.clock.settle();
    expect(call.code).toBe(id === 'mailbox' ? 'STOPPED' : 'CLOSED');
    expect(await b.stopService('silent')).toBe(true);
    await b.startService(service('ping', [on(Ping, () => Ok.of({}))]));
    expect(await world.wait(remote.call(Ping, {}))).toEqual(Ok.of({}));
    expect(events.map(({ name }) => name)).toEqual(['disconnected', 'connected']);
    expect(remote.stats().connections).toBe(2);
    expect(b.stats()).toMatchObject({ inboundAccepted: 2, inboundOpen: 1, faults: 0 });
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
    expect(world.network.connectionCount).toBe(0);
  });

  it('with a node that stops and comes back with its key and address carries on with the next call', async () => {
    const world = new World({ wire });
    const identity = world.key();
    const a = await world.node('a');
    const first = await world.node('b', { identity });
    const remote = await a.connect(first.peer);
    await world.wait(remote.call(Ping, {}));
    await world.wait(first.stop());
    await world.clock.settle();
    expect(a.directory.isAvailable(identity.publicKey)).toBe(false);
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(100);
    const second = await world.node('b', { identity });
    await world.clock.advanceUntil(() => call.isSettled);
    expect(call.value).toEqual(Ok.of({}));
    expect(second.stats().inboundOpen).toBe(1);
    expect(remote.stats()).toMatchObject({ connections: 2, answered: 2, errors: 0 });
    await world.stop();
  });
});

describe.each(WIRES)('what a node tells, wire %s', (wire) => {
  it('by telemetry: connections, dials that fail, calls as they end, requests as they are answered', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const [seenA, seenB] = [telemetryOf(world, a), telemetryOf(world, b)];
    const remote = await a.connect(b.peer);
    await world.wait(remote.call(Ping, {}));
    await world.wait(remote.call(Echo, { bytes: Uint8Array.of(1) }));
    await world.wait(b.stop());
    await world.clock.advance(600);
    const late = outcomeOf(remote.call(Ping, {}, { timeoutMs: 10 }));
    await world.clock.advance(10);
    expect(late.code).toBe('TIMEOUT');
    expect(seenA).toEqual([
      'connection.connected',
      'call.settled answered',
      'call.settled answered',
      'connection.disconnected',
      'connection.dial_failed',
      'call.settled TIMEOUT',
    ]);
    expect(seenB).toEqual(['request.answered Ok', 'request.answered Echoed']);
    await world.stop();
  });

  it('by its counters: the same sums for the same calls', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    for (let i = 0; i < 5; i += 1) await world.wait(remote.call(Ping, {}));
    remote.cast(Ping, {});
    await world.clock.settle();
    expect(remote.stats()).toMatchObject({
      state: 'connected',
      connections: 1,
      calls: 6,
      casts: 1,
      sent: 6,
      answered: 6,
      errors: 0,
      timeouts: 0,
      dropped: 0,
      lateReplies: 0,
      refused: 0,
      queueLength: 0,
      inFlight: 0,
    });
    expect(remote.rttSamples()).toHaveLength(6);
    expect(b.stats()).toEqual({
      inboundAccepted: 1,
      inboundOpen: 1,
      inboundRefused: 0,
      requestsReceived: 6,
      requestsAnswered: 6,
      requestsUnserved: 0,
      requestsFailed: 0,
      faults: 0,
      faultsByCode: {},
    });
    await world.stop();
  });

  it('of a peer that sends garbage: one fault with its address, and nobody else is disturbed', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await b.connect(a.peer);
    await world.wait(remote.connected());
    const events = eventsOf(a);
    const address = a.peer.address;
    const stream = await world.wait(world.transport('evil').dial(address, { timeoutMs: 1000 }));
    const closed = new Promise<void>((resolve) => {
      stream.open({ onData: () => {}, onDrain: () => {}, onClose: () => resolve() });
    });
    stream.write(new Uint8Array(64).fill(0xff));
    await world.wait(closed, 100);
    const { localAddress } = stream;
    expect(events).toMatchObject([{ name: 'fault', value: { remoteAddress: localAddress, publicKey: undefined } }]);
    expect(a.stats().faults).toBe(1);
    expect(await world.wait(remote.call(Ping, {}))).toEqual(Ok.of({}));
    expect(remote.stats().connections).toBe(1);
    await world.stop();
  });
});
