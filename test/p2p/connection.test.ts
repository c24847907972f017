/** The lifecycle of a connection, row by row as in `archethic-node p2p/client/connection.ex`; the caller's side of each row. */
import { describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { eventsOf, findPid, outcomeOf, World } from './node-rig.ts';
import type { RawServer } from './raw-peer.ts';

const OK = Ok.encode({});
const PING = Ping.encode({});
const NOWHERE = 'memory://none:1';

/** A raw server that answers every message with Ok. */
async function answering(world: World, host = 'raw'): Promise<RawServer> {
  const server = await world.server(host);
  server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
  return server;
}

/** Times of the failed dials of a node, on the virtual clock. */
function failures(world: World, node: NodeSupervisor): number[] {
  const times: number[] = [];
  node.on('dialFailed', () => void times.push(world.clock.monotonicMs()));
  return times;
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - times[i]!);

describe('backoff', () => {
  it('is 500, 1000, 2000 ms and so on, doubled 16 times and capped at 6 h', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { backoffJitterPercent: 0, silenceMs: 86_400_000, hasServices: false });
    const times = failures(world, a);
    await a.connect({ publicKey: world.key().publicKey, address: NOWHERE });
    await world.clock.advanceUntil(() => times.length === 20, 200_000_000);
    const expected = Array.from({ length: 19 }, (_, i) => Math.min(21_600_000, 500 * 2 ** i));
    expect(gaps(times)).toEqual(expected);
    expect(expected.slice(14, 18)).toEqual([8_192_000, 16_384_000, 21_600_000, 21_600_000]);
    await world.stop();
  });

  it('gets longer by a jitter of 0 to 20 percent, never shorter', async () => {
    const world = new World({ wire: 'archethic', seed: 7 });
    const a = await world.node('a', { silenceMs: 86_400_000, hasServices: false });
    const times = failures(world, a);
    await a.connect({ publicKey: world.key().publicKey, address: NOWHERE });
    await world.clock.advanceUntil(() => times.length === 13, 200_000_000);
    const factors = gaps(times).map((gap, i) => gap / (500 * 2 ** i));
    for (const factor of factors) {
      expect(factor).toBeGreaterThanOrEqual(1);
      expect(factor).toBeLessThanOrEqual(1.2);
    }
    expect(new Set(factors.map((factor) => factor.toFixed(3))).size).toBeGreaterThan(6);
    expect(Math.max(...factors)).toBeGreaterThan(1.1);
    await world.stop();
  });

  it('keeps to backoffBaseMs and backoffMaxMs', async () => {
    const world = new World({ wire: 'archethic' });
    const options = { backoffBaseMs: 30, backoffMaxMs: 100, backoffJitterPercent: 0 };
    const a = await world.node('a', { ...options, hasServices: false });
    const times = failures(world, a);
    await a.connect({ publicKey: world.key().publicKey, address: NOWHERE });
    await world.clock.advanceUntil(() => times.length === 6);
    expect(gaps(times)).toEqual([30, 60, 100, 100, 100]);
    await world.stop();
  });

  it('begins anew at 500 ms after a connection that stood', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { backoffJitterPercent: 0 });
    const times = failures(world, a);
    const key = world.key();
    const remote = await a.connect({ publicKey: key.publicKey, address: 'memory://raw:1' });
    await world.clock.advanceUntil(() => times.length === 4);
    const server = await world.server('raw', key);
    await world.wait(remote.connected({ timeoutMs: 60_000 }));
    await server.close();
    const lostMs = world.clock.monotonicMs();
    server.connection.stream.destroy();
    await world.clock.advanceUntil(() => times.length === 6);
    expect(times.slice(4).map((time) => time - lostMs)).toEqual([500, 1500]);
    await world.stop();
  });

  it('a first dial that fails does not lose the call that waits: it is answered when the node comes up', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const key = world.key();
    const remote = await a.connect({ publicKey: key.publicKey, address: 'memory://raw:1' });
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(700);
    expect(remote.state).toBe('backoff');
    const server = await world.server('raw', key);
    server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
    await world.clock.advanceUntil(() => call.isSettled);
    expect(call.value).toMatchObject({ name: 'Ok' });
    await world.stop();
  });
});

describe('dialing', () => {
  it('5 wake-ups during a slow connect cause one connect only', async () => {
    const world = new World({ wire: 'archethic', latencyMs: 800 });
    const a = await world.node('a');
    const key = world.key();
    const server = await world.server('raw', key);
    const knock = await world.dial('raw', a.address, key);
    const remote = await a.connect(server.peer);
    await world.clock.settle();
    expect(remote.state).toBe('dialing');
    for (let i = 0; i < 5; i += 1) knock.send(a.publicKey, i, PING);
    await world.clock.advance(800);
    expect(a.stats().requestsReceived).toBe(5);
    expect(remote.state).toBe('dialing');
    await world.wait(remote.connected());
    await world.clock.advance(5000);
    expect(server.connections).toHaveLength(1);
    await world.stop();
  });

  it('does not block anybody: calls wait with their own clock running, and others go on', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const [slow, fast] = [await world.server('slow'), await answering(world, 'fast')];
    world.network.stall('a', 'slow');
    const waiting = await a.connect(slow.peer);
    const other = await a.connect(fast.peer);
    const call = outcomeOf(waiting.call(Ping, {}, { timeoutMs: 1000 }));
    expect(await world.wait(other.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    expect(waiting.state).toBe('dialing');
    await world.clock.advance(999);
    expect(call.isSettled).toBe(false);
    await world.clock.advance(2);
    expect(call.code).toBe('TIMEOUT');
    expect(waiting.state).toBe('dialing');
    await world.stop();
  });

  it('is given up after dialTimeoutMs, 4000 by default', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    world.network.stall('a', 'raw');
    const events = eventsOf(a);
    await a.connect(server.peer);
    await world.clock.advance(3999);
    expect(events).toEqual([]);
    await world.clock.advance(1);
    expect(events).toMatchObject([{ name: 'dialFailed', value: { reason: { code: 'DIAL_TIMEOUT' } } }]);
    await world.stop();
  });

  it('a call to a remote in a long backoff dials, but not within demandDialIntervalMs of the last dial', async () => {
    const world = new World({ wire: 'archethic' });
    const options = { backoffBaseMs: 3_600_000, demandDialIntervalMs: 5000, silenceMs: 86_400_000 };
    const a = await world.node('a', { ...options, hasServices: false });
    const times = failures(world, a);
    const remote = await a.connect({ publicKey: world.key().publicKey, address: NOWHERE });
    await world.clock.settle();
    const callAt = async (atMs: number): Promise<void> => {
      await world.clock.advance(atMs - world.clock.monotonicMs());
      outcomeOf(remote.call(Ping, {}, { timeoutMs: 10 }));
      await world.clock.settle();
    };
    await callAt(1);
    await callAt(4999);
    expect(times).toEqual([0]);
    await callAt(5000);
    expect(times).toEqual([0, 5000]);
    for (const atMs of [5001, 9999, 10_000, 10_001]) await callAt(atMs);
    expect(times).toEqual([0, 5000, 10_000]);
    await world.stop();
  });

  it('an address without a transport fails like any dial', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const events = eventsOf(a);
    await a.connect({ publicKey: world.key().publicKey, address: 'tcp://127.0.0.1:9' });
    await world.clock.settle();
    expect(events).toMatchObject([{ name: 'dialFailed', value: { reason: { code: 'ADDRESS_INVALID' } } }]);
    await world.stop();
  });
});

describe('wake-up', () => {
  it('by a signed request of the remote ends a long backoff at once and starts it over', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { backoffJitterPercent: 0, silenceMs: 86_400_000 });
    const key = world.key();
    const times = failures(world, a);
    await a.connect({ publicKey: key.publicKey, address: 'memory://raw:1' });
    await world.clock.advanceUntil(() => times.length === 10, 10_000_000);
    await world.clock.advance(10_000);
    const wokenMs = world.clock.monotonicMs();
    const knock = await world.dial('raw', a.address, key);
    knock.send(a.publicKey, 0, PING);
    await world.clock.advance(1500);
    expect(times.slice(10).map((time) => time - wokenMs)).toEqual([0, 500, 1500]);
    await world.stop();
  });

  it('many requests of an unreachable remote dial it no more often than every backoffBaseMs', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { backoffJitterPercent: 0 });
    const key = world.key();
    const times = failures(world, a);
    await a.connect({ publicKey: key.publicKey, address: 'memory://raw:1' });
    const knock = await world.dial('raw', a.address, key);
    for (let i = 0; i < 50; i += 1) {
      knock.send(a.publicKey, i, PING);
      await world.clock.advance(40);
    }
    expect(times.length).toBeGreaterThanOrEqual(4);
    for (const gap of gaps(times)) expect(gap).toBeGreaterThanOrEqual(500);
    await world.stop();
  });

  it('is not caused by a request that is not signed by the remote', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { backoffBaseMs: 3_600_000, hasServices: false });
    const times = failures(world, a);
    await a.connect({ publicKey: world.key().publicKey, address: 'memory://raw:1' });
    const knock = await world.dial('raw', a.address);
    knock.send(a.publicKey, 0, PING);
    await world.clock.advance(5000);
    expect(a.stats().requestsReceived).toBe(1);
    expect(times).toHaveLength(1);
    await world.stop();
  });

  it('of a connected remote changes nothing', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const key = world.key();
    const server = await world.server('raw', key);
    const remote = await a.connect(server.peer);
    await world.wait(remote.connected());
    const knock = await world.dial('raw', a.address, key);
    knock.send(a.publicKey, 0, PING);
    await world.clock.advance(2000);
    expect(server.connections).toHaveLength(1);
    expect(remote.stats().connections).toBe(1);
    await world.stop();
  });
});

describe('the end of a connection', () => {
  it('fails calls in flight with CLOSED at once and leaves queued ones waiting for the next', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { maxInFlight: 2 });
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    await world.wait(remote.connected());
    const calls = Array.from({ length: 4 }, () => outcomeOf(remote.call(Ping, {})));
    await world.clock.settle();
    expect(server.messages).toHaveLength(2);
    server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
    const nowMs = world.clock.monotonicMs();
    server.connection.stream.destroy();
    await world.clock.settle();
    expect(world.clock.monotonicMs()).toBe(nowMs);
    expect(calls.map((call) => call.code)).toEqual(['CLOSED', 'CLOSED', undefined, undefined]);
    expect(remote.stats()).toMatchObject({ state: 'backoff', inFlight: 0, queueLength: 2 });
    await world.clock.advanceUntil(() => calls.every((call) => call.isSettled));
    expect(calls.slice(2).map((call) => call.value)).toMatchObject([{ name: 'Ok' }, { name: 'Ok' }]);
    await world.stop();
  });

  it('in order counts as an end too, and the disconnected event says so', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    await world.wait(remote.connected());
    const events = eventsOf(a);
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    server.connection.stream.close();
    await world.clock.settle();
    expect(call.code).toBe('CLOSED');
    expect(events).toMatchObject([{ name: 'disconnected', value: { reason: undefined } }]);
    await world.stop();
  });

  it('message ids carry on across connections', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await answering(world);
    const remote = await a.connect(server.peer);
    for (let i = 0; i < 3; i += 1) await world.wait(remote.call(Ping, {}));
    server.connection.stream.destroy();
    await world.clock.settle();
    await world.wait(remote.call(Ping, {}));
    expect(server.connections.map((connection) => connection.messages.map((message) => message.messageId))).toEqual([
      [0, 1, 2],
      [3],
    ]);
    await world.stop();
  });

  it.each([
    ['connection', 'kill'],
    ['reader', 'kill'],
    ['reader', 'shutdown'],
    ['reader', 'normal'],
    ['mailbox', 'kill'],
  ])('a %s process that ends with %s ends its calls at once and is made good', async (id, reason) => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    await world.wait(remote.connected());
    const events = eventsOf(a);
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    const entry = a.directory.lookup(remote.publicKey);
    expect(entry).toMatchObject({ isConnected: true, isAvailable: true });
    const pid = findPid(a, 'remotes', 'remote-*', id);
    exit(pid, reason);
    await world.clock.settle();
    if (reason === 'normal') {
      // Nobody can end another process with normal: nothing happened.
      expect(call.isSettled).toBe(false);
      expect(pid.isAlive).toBe(true);
    } else {
      expect(call.code).toBe(id === 'mailbox' ? 'STOPPED' : 'CLOSED');
      expect(events[0]).toMatchObject({ name: 'disconnected' });
      server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
      expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
      expect(server.connections).toHaveLength(2);
      expect(server.connections[0]?.closed).toBeDefined();
      expect(events.filter((event) => event.name === 'disconnected')).toHaveLength(1);
    }
    expect(a.directory.lookup(remote.publicKey)).toMatchObject({ isConnected: true });
    await world.wait(a.disconnect(remote.publicKey));
    expect(a.directory.lookup(remote.publicKey)).toMatchObject({ isConnected: false });
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
    expect(world.network.connectionCount).toBe(0);
  });
});
