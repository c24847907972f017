/**
 * What goes wrong in archethic-node 1.6.27 and must not here, one test each, by its number in the list of defects. Not here:
 * 7 (quorum reads, which this library does not make), 8 (replays: `test/evil/node.test.ts`), 9 (a test file that never ran).
 */
import { describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { getState, replaceState } from '../../src/actors/sys.ts';
import { GetBootstrappingNodes, Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import type { MailboxState } from '../../src/p2p/node-mailbox.ts';
import { findNode, findPid, outcomeOf, World } from './node-rig.ts';

const OK = Ok.encode({});

describe('a defect of upstream that is none here', () => {
  it('1: the deadline of an answered call does nothing, also not while the next dial runs', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
    const remote = await a.connect(server.peer);
    await world.wait(remote.call(Ping, {}, { timeoutMs: 1000 }));
    const pid = findPid(a, 'remotes', 'remote-*', 'connection');
    world.network.stall('a', 'raw');
    server.connection.stream.destroy();
    const connection = findPid(a, 'remotes', 'remote-*', 'reader');
    exit(connection, 'kill');
    await world.clock.advance(700);
    expect(remote.state).toBe('dialing');
    await world.clock.advance(600); // past the deadline of the answered call
    expect(remote.state).toBe('dialing');
    expect(pid.isAlive).toBe(true);
    expect(a.directory.lookup(remote.publicKey)).toMatchObject({ isAvailable: false });
    expect(remote.stats()).toMatchObject({ answered: 1, timeouts: 0 });
    await world.stop();
  });

  it('2: an undecodable reply fails its call, ends its connection, and kills no process that outlives one', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    const calls = [outcomeOf(remote.call(Ping, {})), outcomeOf(remote.call(Ping, {}))];
    await world.clock.settle();
    const pids = ['mailbox', 'connection'].map((id) => findPid(a, 'remotes', 'remote-*', id));
    const nowMs = world.clock.monotonicMs();
    server.connection.send(a.publicKey, 0, Uint8Array.of(99));
    await world.clock.settle();
    expect(calls.map((call) => call.code)).toEqual(['BAD_REPLY', 'CLOSED']);
    expect(world.clock.monotonicMs()).toBe(nowMs);
    expect(pids.every((pid) => pid.isAlive)).toBe(true);
    server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    await world.stop();
  });

  it('3: a message that cannot be encoded fails its own call and nothing else', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    const before = outcomeOf(remote.call(Ping, {}));
    const bad = outcomeOf(remote.call(GetBootstrappingNodes, { patch: 'xyz1' }));
    const after = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    expect(bad.code).toBe('ENCODE_FAILED');
    for (const { messageId } of server.messages) server.connection.send(a.publicKey, messageId, OK);
    await world.clock.settle();
    expect([before, after].map((call) => call.value?.name)).toEqual(['Ok', 'Ok']);
    expect(remote.stats()).toMatchObject({ connections: 1, state: 'connected' });
    await world.stop();
  });

  it('4: the fourth crash of one connection takes down no other, and the table tells the truth about all', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const [flaky, steady] = [await world.server('flaky'), await world.server('steady')];
    steady.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
    const bad = await a.connect(flaky.peer);
    const good = await a.connect(steady.peer);
    await world.clock.settle();
    const path = ['remotes', `remote-${bad.publicKey.hex.slice(4, 10)}`, 'connection'];
    for (let i = 0; i < 4; i += 1) {
      exit(findPid(a, ...path), 'kill');
      await world.clock.settle();
    }
    expect(findNode(a, ...path.slice(0, 2))).toBeUndefined();
    expect(a.directory.view([bad.publicKey, good.publicKey]).toString()).toBe('01');
    expect(await world.wait(good.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    expect(good.stats().connections).toBe(1);
    await world.clock.advance(5000);
    expect(a.directory.view([bad.publicKey, good.publicKey]).toString()).toBe('11');
    expect(bad.state).toBe('connected');
    await world.stop();
  });

  it('5: calls are answered on and on when the message id wraps at 2^32', async () => {
    const world = new World({ wire: 'archethic' });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const mailbox = findPid(a, 'remotes', 'remote-*', 'mailbox');
    await world.wait(replaceState<MailboxState>(mailbox, (state) => Object.assign(state, { nextId: 2 ** 32 - 2 })));
    const calls = Array.from({ length: 5 }, () => outcomeOf(remote.call(Ping, {})));
    await world.clock.settle();
    expect(calls.map((call) => call.value?.name)).toEqual(['Ok', 'Ok', 'Ok', 'Ok', 'Ok']);
    expect(((await world.wait(getState(mailbox))) as MailboxState).nextId).toBe(3);
    await world.stop();
  });

  it('6: to connect again to a node that is not connected yet waits for it, no longer and no shorter', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { backoffJitterPercent: 0 });
    const key = world.key();
    const peer = { publicKey: key.publicKey, address: 'memory://raw:1' };
    await a.connect(peer);
    await world.clock.advance(100);
    const connected = outcomeOf((await a.connect(peer)).connected());
    await world.server('raw', key);
    await world.clock.advance(399);
    expect(connected.isSettled).toBe(false);
    await world.clock.advance(1);
    expect(connected).toMatchObject({ isSettled: true, code: undefined });
    await world.stop();
  });

  it('a call to a key nobody is known by is no silence for its whole timeout, but UNKNOWN_NODE at once', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const call = outcomeOf(a.call(world.key().publicKey, Ping, {}, { timeoutMs: 3000 }));
    await world.clock.settle();
    expect(call.code).toBe('UNKNOWN_NODE');
    await world.stop();
  });
});
