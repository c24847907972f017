/** How a connection is kept, given up and moved; the rest of its life is in `connection.test.ts`. */
import { describe, expect, it } from 'vitest';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { eventsOf, findNode, outcomeOf, World } from './node-rig.ts';
import type { RawServer } from './raw-peer.ts';

const OK = Ok.encode({});
const NOWHERE = 'memory://none:1';

/** A raw server that answers every message with Ok. */
async function answering(world: World, host = 'raw'): Promise<RawServer> {
  const server = await world.server(host);
  server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
  return server;
}

describe('heartbeats', () => {
  it('go out every 10 s; a silent peer gets two, and the connection is dead at 30.0 s', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    server.answersHeartbeats = false;
    const remote = await a.connect(server.peer);
    await world.clock.settle();
    expect(remote.state).toBe('connected');
    const events = eventsOf(a);
    const beats = (): number => server.connections[0]?.heartbeats ?? -1;
    const at = async (ms: number): Promise<[number, string]> => {
      await world.clock.advance(ms - world.clock.monotonicMs());
      return [beats(), remote.state];
    };
    expect(await at(9999)).toEqual([0, 'connected']);
    expect(await at(10_000)).toEqual([1, 'connected']);
    expect(await at(20_000)).toEqual([2, 'connected']);
    expect(await at(29_999)).toEqual([2, 'connected']);
    expect(await at(30_000)).toEqual([2, 'backoff']);
    expect(events).toMatchObject([{ name: 'disconnected', value: { reason: { code: 'HEARTBEAT_LOST' } } }]);
    await world.stop();
  });

  it('a peer that is stalled, not silent, is dead at 30.0 s too, and calls in flight are CLOSED then', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await answering(world);
    const remote = await a.connect(server.peer);
    await world.clock.settle();
    world.network.stall('a', 'raw');
    const call = outcomeOf(remote.call(Ping, {}, { timeoutMs: 60_000 }));
    await world.clock.advance(29_999);
    expect(call.isSettled).toBe(false);
    await world.clock.advance(1);
    expect(call.code).toBe('CLOSED');
    expect(remote.state).toBe('backoff');
    world.network.heal('a', 'raw');
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    await world.stop();
  });

  it('that are answered keep an idle connection for hours; two nodes never lose each other', async () => {
    const world = new World({ wire: 'archethic' });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    const back = await b.connect(a.peer);
    await world.clock.advance(2 * 3_600_000);
    for (const one of [remote, back]) expect(one.stats()).toMatchObject({ connections: 1, state: 'connected' });
    expect(a.stats().faults + b.stats().faults).toBe(0);
    await world.stop();
  });

  it('say nothing about requests: one that is never answered does not end the connection', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(100_000);
    expect(call.code).toBe('TIMEOUT');
    expect(remote.stats()).toMatchObject({ connections: 1, state: 'connected' });
    await world.stop();
  });
});

describe('a changed address', () => {
  it('replaces a connection that does not stand, with its queued calls ended', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await answering(world);
    const { publicKey } = server.peer;
    const remote = await a.connect({ publicKey, address: NOWHERE });
    const queued = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(100);
    expect(remote.state).toBe('backoff');
    const moved = await a.connect(server.peer);
    expect(queued.code).toBe('STOPPED');
    expect(await world.wait(moved.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    expect(remote.peer.address).toEqual(server.peer.address);
    expect(a.directory.lookup(publicKey)?.address).toEqual(server.peer.address);
    expect(findNode(a, 'remotes')?.children).toHaveLength(1);
    await world.stop();
  });

  it('does not replace a connected one, and is not remembered either', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await answering(world);
    const remote = await a.connect(server.peer);
    await world.wait(remote.connected());
    await a.connect({ publicKey: server.peer.publicKey, address: NOWHERE });
    await world.clock.settle();
    expect(remote.stats()).toMatchObject({ state: 'connected', connections: 1 });
    expect(remote.peer.address).toEqual(server.peer.address);
    expect(a.directory.lookup(server.peer.publicKey)?.address).toEqual(server.peer.address);
    await world.stop();
  });

  it('the same address again changes nothing while a dial runs', async () => {
    const world = new World({ wire: 'archethic', latencyMs: 500 });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    await world.clock.advance(400);
    await a.connect(server.peer);
    await world.clock.advance(601);
    expect(remote.state).toBe('connected');
    expect(server.connections).toHaveLength(1);
    await world.stop();
  });
});
