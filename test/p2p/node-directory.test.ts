/** Who counts as available when: `archethic-node p2p/client/connection.ex`, and silence, to the ms. */
import { describe, expect, it } from 'vitest';
import { CodedError } from '../../src/base/errors.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { NodeDirectory } from '../../src/p2p/node-directory.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { outcomeOf, World } from './node-rig.ts';
import { HEARTBEAT_FRAME } from './raw-peer.ts';

const PING = Ping.encode({});
const OK = Ok.encode({});
const world = new World();
const keys = Array.from({ length: 40 }, () => world.key().publicKey);
const self = world.key().publicKey;
const address = parseNetAddress('tcp://10.0.0.1:30002');

function directory(options: { silenceMs?: number; capacity?: number; startMs?: number } = {}) {
  const { silenceMs = 30_000, capacity = 100, startMs = 5000 } = options;
  const clock = new VirtualClock({ startMs });
  return { clock, table: new NodeDirectory(clock, { self, silenceMs, capacity }) };
}

describe('availability', () => {
  it('is true on connect and on any message that verifies, false on the end and on a timed-out request', () => {
    const { table } = directory();
    const key = keys[0]!;
    const states: boolean[] = [];
    for (const step of ['connected', 'timedOut', 'seen', 'disconnected', 'seen'] as const) {
      table[step](key);
      states.push(table.isAvailable(key));
    }
    expect(states).toEqual([true, false, true, false, true]);
  });

  it('is true for oneself always, and false for the unknown and for those only heard of', () => {
    const { table } = directory();
    expect(table.isAvailable(self)).toBe(true);
    expect(table.isAvailable(keys[0]!)).toBe(false);
    table.learn(keys[0]!, address);
    expect(table.isAvailable(keys[0]!)).toBe(false);
    expect(table.lookup(keys[0]!)).toMatchObject({ address, isAvailable: false, lastSeenMs: 0, availabilityS: 0 });
  });

  it('of a node without a connection ends after silenceMs without news, to the ms', async () => {
    const { clock, table } = directory({ silenceMs: 1000 });
    table.seen(keys[0]!);
    await clock.advance(600);
    table.seen(keys[0]!);
    await clock.advance(999);
    expect(table.isAvailable(keys[0]!)).toBe(true);
    await clock.advance(1);
    expect(table.isAvailable(keys[0]!)).toBe(false);
    expect(table.lookup(keys[0]!)).toMatchObject({ isAvailable: false, availabilityS: 1 });
  });

  it('of a connected node does not end by silence', async () => {
    const { clock, table } = directory({ silenceMs: 1000 });
    table.connected(keys[0]!);
    await clock.advance(1_000_000);
    table.sweep();
    expect(table.isAvailable(keys[0]!)).toBe(true);
  });

  it('is kept by heartbeats, which cannot begin it', async () => {
    const { clock, table } = directory({ silenceMs: 1000 });
    table.touched(keys[1]!);
    expect(table.size).toBe(0);
    table.seen(keys[0]!);
    for (let i = 0; i < 5; i += 1) {
      await clock.advance(900);
      table.touched(keys[0]!);
    }
    expect(table.isAvailable(keys[0]!)).toBe(true);
    table.timedOut(keys[0]!);
    table.touched(keys[0]!);
    expect(table.isAvailable(keys[0]!)).toBe(false);
  });

  it('stays as long as one of two connections stands', () => {
    const { table } = directory();
    table.connected(keys[0]!);
    table.connected(keys[0]!);
    table.disconnected(keys[0]!);
    expect(table.lookup(keys[0]!)).toMatchObject({ isConnected: true });
    table.disconnected(keys[0]!);
    expect(table.lookup(keys[0]!)).toMatchObject({ isConnected: false, isAvailable: false });
    table.disconnected(keys[0]!);
    table.connected(keys[0]!);
    expect(table.lookup(keys[0]!)).toMatchObject({ isConnected: true });
  });
});

describe('availability time', () => {
  it('adds up whole seconds of being available, and is taken once', async () => {
    const { clock, table } = directory();
    const key = keys[0]!;
    expect(table.takeAvailability(key)).toBe(0);
    table.connected(key);
    await clock.advance(2999);
    expect(table.lookup(key)?.availabilityS).toBe(2);
    await clock.advance(1);
    expect(table.lookup(key)?.availabilityS).toBe(3);
    table.timedOut(key);
    await clock.advance(10_000);
    expect(table.lookup(key)?.availabilityS).toBe(3);
    table.seen(key);
    await clock.advance(1500);
    table.disconnected(key);
    await clock.advance(10_000);
    expect(table.takeAvailability(key)).toBe(4);
    expect(table.takeAvailability(key)).toBe(0);
  });

  it('goes on from the moment it was taken', async () => {
    const { clock, table } = directory();
    table.connected(keys[0]!);
    await clock.advance(5000);
    expect(table.takeAvailability(keys[0]!)).toBe(5);
    await clock.advance(2000);
    expect(table.takeAvailability(keys[0]!)).toBe(2);
  });

  it('of a node that fell silent ends at the end of its patience, however much later somebody looks', async () => {
    const { clock, table } = directory({ silenceMs: 4000 });
    table.seen(keys[0]!);
    await clock.advance(1000);
    table.touched(keys[0]!);
    await clock.advance(100_000);
    expect(table.lookup(keys[0]!)).toMatchObject({ isAvailable: false, availabilityS: 5 });
    table.seen(keys[0]!);
    await clock.advance(1000);
    expect(table.takeAvailability(keys[0]!)).toBe(6);
  });
});

describe('the local view', () => {
  it('of 8 nodes is 1 byte, node 0 the most significant bit', () => {
    const { table } = directory();
    const nodes = keys.slice(0, 8);
    for (const i of [0, 1, 2]) table.seen(nodes[i]!);
    expect(table.view(nodes).toString()).toBe('11100000');
    expect(table.view(nodes).bytes).toEqual(Uint8Array.of(0b1110_0000));
    table.disconnected(nodes[0]!);
    table.seen(nodes[7]!);
    expect(table.view(nodes).toString()).toBe('01100001');
  });

  it.each([0, 1, 7, 8, 9, 40])('of %i nodes has as many bits', (count) => {
    const { table } = directory();
    const nodes = keys.slice(0, count);
    for (const [i, node] of nodes.entries()) if (i % 3 === 0) table.seen(node);
    const view = table.view(nodes);
    expect(view.toString()).toBe(nodes.map((_, i) => (i % 3 === 0 ? '1' : '0')).join(''));
    expect(view.bytes).toHaveLength(Math.ceil(count / 8));
  });

  it('takes keys as bytes too, counts oneself as 1, and refuses bytes that are no key', () => {
    const { table } = directory();
    table.seen(keys[1]!);
    expect(table.view([keys[0]!.bytes, keys[1]!.bytes, self.bytes]).toString()).toBe('011');
    expect(() => table.view([new Uint8Array(3)])).toThrow(CodedError);
  });
});

describe('the room of a directory', () => {
  it.each([2, 3, 4])('capacity 3: of %i nodes at most 3 are remembered', (count) => {
    const { table } = directory({ capacity: 3 });
    for (let i = 0; i < count; i += 1) table.seen(keys[i]!);
    expect(table.size).toBe(Math.min(3, count));
    expect(table.lookup(keys[0]!) === undefined).toBe(count > 3);
  });

  it('forgets the one heard of longest ago that is not connected', () => {
    const { table } = directory({ capacity: 3 });
    for (const i of [0, 1, 2]) table.seen(keys[i]!);
    table.connected(keys[0]!);
    table.seen(keys[1]!);
    table.seen(keys[3]!);
    expect(table.lookup(keys[2]!)).toBeUndefined();
    table.seen(keys[4]!);
    expect(table.lookup(keys[1]!)).toBeUndefined();
    expect(table.lookup(keys[0]!)).toBeDefined();
    expect(table.entries().map((entry) => entry.publicKey.hex)).toEqual([0, 3, 4].map((i) => keys[i]!.hex));
  });

  it('never forgets a connected node, however many strangers come by', () => {
    const { table } = directory({ capacity: 2 });
    table.connected(keys[0]!);
    for (const key of keys.slice(1)) table.seen(key);
    expect(table.size).toBe(2);
    expect(table.lookup(keys[0]!)).toMatchObject({ isConnected: true });
  });
});

describe('the directory of a node', () => {
  it('follows connections, replies, timeouts and the end of a connection', async () => {
    const net = new World({ wire: 'archethic' });
    const a = await net.node('a');
    const server = await net.server('raw');
    const remote = await a.connect(server.peer);
    const { publicKey } = remote;
    expect(a.directory.lookup(publicKey)).toMatchObject({ isAvailable: false, address: server.peer.address });
    await net.wait(remote.connected());
    expect(a.directory.isAvailable(publicKey)).toBe(true);
    const call = outcomeOf(remote.call(Ping, {}, { timeoutMs: 1500 }));
    await net.clock.advance(1499);
    expect(a.directory.isAvailable(publicKey)).toBe(true);
    await net.clock.advance(1);
    expect(call.code).toBe('TIMEOUT');
    expect(a.directory.lookup(publicKey)).toMatchObject({ isAvailable: false, isConnected: true, availabilityS: 1 });
    expect(remote.state).toBe('connected');
    server.connection.write(HEARTBEAT_FRAME);
    await net.clock.settle();
    expect(a.directory.isAvailable(publicKey)).toBe(false);
    server.connection.send(a.publicKey, 0, OK);
    await net.clock.settle();
    expect(a.directory.isAvailable(publicKey)).toBe(true);
    expect(remote.stats().lateReplies).toBe(1);
    server.connection.stream.destroy();
    await net.clock.settle();
    expect(a.directory.lookup(publicKey)).toMatchObject({ isAvailable: false, isConnected: false });
    await net.stop();
  });

  it('learns who calls by their signatures, keeps them by heartbeats, and lets them go by silence', async () => {
    const net = new World({ wire: 'archethic' });
    const a = await net.node('a');
    const raw = await net.dial('raw', a.address);
    const { publicKey } = raw.identity;
    raw.write(HEARTBEAT_FRAME);
    await net.clock.settle();
    expect(a.directory.lookup(publicKey)).toBeUndefined();
    raw.send(a.publicKey, 0, PING);
    await net.clock.settle();
    expect(a.directory.lookup(publicKey)).toMatchObject({ isAvailable: true, isConnected: false, address: undefined });
    for (let i = 0; i < 6; i += 1) {
      await net.clock.advance(20_000);
      raw.write(HEARTBEAT_FRAME);
    }
    await net.clock.settle();
    await net.clock.advance(29_999);
    expect(a.directory.isAvailable(publicKey)).toBe(true);
    await net.clock.advance(1);
    expect(a.directory.isAvailable(publicKey)).toBe(false);
    await net.stop();
  });

  it('knows who came to us on wire mconnection, and keeps it, silent or not, until the connection ends', async () => {
    const net = new World({ wire: 'mconnection' });
    const [a, b] = [await net.node('a'), await net.node('b')];
    const { publicKey } = b;
    await net.wait((await b.connect(a.peer)).connected());
    const known = { isAvailable: true, isConnected: true, address: undefined };
    expect(a.directory.lookup(publicKey)).toMatchObject(known);
    await net.clock.advance(300_000);
    expect(a.directory.lookup(publicKey)).toMatchObject({ ...known, availabilityS: 300 });
    const back = await a.connect(b.peer);
    await net.wait(back.connected());
    await net.wait(a.disconnect(publicKey));
    await net.clock.settle();
    expect(a.directory.lookup(publicKey)).toMatchObject({ isAvailable: false, isConnected: false });
    await net.wait((await b.connect(a.peer)).connected());
    expect(a.directory.lookup(publicKey)).toMatchObject({ isAvailable: true, isConnected: true });
    await net.wait(b.stop());
    await net.clock.settle();
    expect(a.directory.lookup(publicKey)).toMatchObject({ isAvailable: false, isConnected: false });
    await net.stop();
  });

  it.each(WIRES)('gives the view of a mesh: who answers is 1, who has gone is 0, wire %s', async (wire) => {
    const net = new World({ wire });
    const a = await net.node('a');
    const others = [];
    for (let i = 0; i < 8; i += 1) others.push(await net.node(`n${i}`));
    for (const other of others) await net.wait((await a.connect(other.peer)).connected());
    const nodes = others.map((other) => other.publicKey);
    expect(a.directory.view(nodes).toString()).toBe('11111111');
    for (const i of [3, 4, 5, 6, 7]) await net.wait(others[i]!.stop());
    await net.clock.settle();
    expect(a.directory.view(nodes).toString()).toBe('11100000');
    expect(a.directory.view(nodes).bytes).toHaveLength(1);
    await net.stop();
  });
});
