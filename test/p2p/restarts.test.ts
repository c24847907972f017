/** Processes of a node that die, and what is left of it a moment later: everything. */
import { describe, expect, it } from 'vitest';
import { GenServer } from '../../src/actors/gen-server.ts';
import { exit, type Pid } from '../../src/actors/process.ts';
import type { CallHandlers } from '../../src/actors/protocol.ts';
import { reply } from '../../src/actors/results.ts';
import { GetStorageNonce, NotFound, Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import { WIRES, type Wire } from '../../src/p2p/node-options.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import type { Remote } from '../../src/p2p/remote.ts';
import type { ServiceProtocol } from '../../src/p2p/service.ts';
import { findNode, findPid, NODE_PARTS, outcomeOf, World } from './node-rig.ts';

const OK = Ok.encode({});
const bytes = Uint8Array.of(1);

async function mesh(wire: Wire, options: object = {}) {
  const world = new World({ wire });
  const nodes: NodeSupervisor[] = [];
  for (const host of ['a', 'b', 'c']) nodes.push(await world.node(host, options));
  const remotes: Remote[] = [];
  for (const one of nodes) {
    for (const other of nodes) {
      if (one === other) continue;
      const remote = await one.connect(other.peer);
      await world.wait(remote.connected());
      remotes.push(remote);
    }
  }
  return { world, nodes, remotes };
}

describe.each(WIRES)('a crash of, wire %s', (wire) => {
  it.each(NODE_PARTS[wire])(
    'the %s brings it and all after it back: services subscribed, remotes connected, the door open at its address',
    async (id) => {
      const { world, nodes, remotes } = await mesh(wire);
      const [a, b] = nodes as [NodeSupervisor, NodeSupervisor];
      const address = a.address;
      const count = world.systemOf(a).processCount;
      const ids = a.tree().children.map((child) => child.id);
      const before = a.tree().children.map((child) => child.pid);
      exit(findPid(a, id), 'kill');
      await world.clock.settle();
      const after = a.tree().children.map((child) => child.pid);
      const at = ids.indexOf(id);
      expect(after.slice(0, at)).toEqual(before.slice(0, at));
      for (let i = at; i < ids.length; i += 1) expect(after[i]).not.toBe(before[i]);
      expect(a.address).toEqual(address);
      // Keeper, inbound and listener leave the connections of this node's own calls alone.
      const own = remotes[0] as Remote;
      if (at > ids.indexOf('remotes')) expect(own.stats().connections).toBe(1);
      await world.clock.advance(2000);
      for (const remote of remotes) expect(remote.state).toBe('connected');
      for (const remote of remotes) {
        expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
        expect(await world.wait(remote.call(Echo, { bytes }))).toMatchObject({ name: 'Echoed' });
      }
      expect(a.directory.view([b.publicKey]).toString()).toBe('1');
      expect(a.directory.lookup(b.publicKey)?.address).toEqual(b.address);
      expect(world.systemOf(a).processCount).toBe(count);
      // One connection of each pair, or one for the calls of each end.
      const open = nodes.map((node) => node.stats().inboundOpen).reduce((sum, one) => sum + one);
      expect(open).toBe(wire === 'mconnection' ? 3 : 6);
      await world.stop();
      expect(world.clock.timerCount).toBe(0);
    },
  );

  it('the registry keeps the subscriptions of servers outside of the node, and forgets those that have ended', async () => {
    class Answerer extends GenServer<number, ServiceProtocol> {
      init(): number {
        return 0;
      }
      override readonly handleCall: CallHandlers<number, ServiceProtocol> = {
        Ping: (_request: unknown, count: number) => reply(NotFound.of({}), count + 1),
      };
    }
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b', { hasServices: false })];
    const [server, dead] = [await Answerer.start(), await Answerer.start()] as unknown as [Pid, Pid];
    b.subscribe(Ping, server);
    b.subscribe(GetStorageNonce, dead);
    exit(dead, 'kill');
    exit(findPid(b, 'registry'), 'kill');
    await world.clock.settle();
    expect(b.subscriber(Ping)).toBe(server);
    expect(b.subscriber(GetStorageNonce)).toBeUndefined();
    const remote = await a.connect(b.peer);
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'NotFound' });
    expect(b.unsubscribe(Ping, server)).toBe(true);
    exit(findPid(b, 'registry'), 'kill');
    await world.clock.settle();
    expect(b.subscriber(Ping)).toBeUndefined();
    await world.stop();
  });

  it('the keeper does not lose a revival that was due', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    const b = await world.node('b');
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    exit(findPid(a, 'remotes', 'remote-*'), 'kill');
    await world.clock.settle();
    expect(findNode(a, 'remotes')?.children).toEqual([]);
    exit(findPid(a, 'keeper'), 'kill');
    await world.clock.settle();
    expect(findNode(a, 'remotes')?.children).toHaveLength(1);
    expect(remote.state).toBe('connected');
    await world.stop();
  });

  it('the tables 4 times in 5 s ends the node as a whole, and its event says so', async () => {
    const { world, nodes } = await mesh(wire);
    const a = nodes[0] as NodeSupervisor;
    let reason: unknown;
    a.on('stopped', (event) => {
      reason = event.reason;
    });
    for (let i = 0; i < 4; i += 1) {
      exit(findPid(a, 'registry'), 'kill');
      await world.clock.settle();
    }
    expect(reason).toBe('shutdown');
    expect(world.systemOf(a).processCount).toBe(0);
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });
});

describe('one flaky remote', () => {
  it.each([
    ['connection', 'killed 20 times', 20],
    ['mailbox', 'killed 20 times', 20],
  ])('whose %s is %s disturbs no call to another, and is revived after reviveDelayMs', async (id, _how, times) => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a', { reviveDelayMs: 5000 });
    const [flaky, steady] = [await world.server('flaky'), await world.server('steady')];
    for (const server of [flaky, steady]) {
      server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
    }
    const bad = await a.connect(flaky.peer);
    const good = await a.connect(steady.peer);
    await world.wait(good.connected());
    const supervisor = `remote-${bad.publicKey.hex.slice(4, 10)}`;
    const untouched = NODE_PARTS.archethic.map((part) => findPid(a, part));
    let killed = 0;
    let gaveUp = 0;
    while (killed < times) {
      if (findNode(a, 'remotes', supervisor) === undefined) {
        gaveUp += 1;
        const call = outcomeOf(bad.call(Ping, {}));
        await world.clock.settle();
        expect(call.code).toBe('STOPPED');
        await world.clock.advance(4999);
        expect(findNode(a, 'remotes', supervisor)).toBeUndefined();
        await world.clock.advance(1);
        expect(findNode(a, 'remotes', supervisor)).toBeDefined();
      }
      exit(findPid(a, 'remotes', supervisor, id), 'kill');
      killed += 1;
      expect(await world.wait(good.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    }
    expect(gaveUp).toBe(4); // each time at the fourth restart within 5 s
    expect(untouched.every((pid) => pid.isAlive)).toBe(true);
    expect(good.stats()).toMatchObject({ connections: 1, errors: 0, timeouts: 0 });
    await world.clock.advance(5000);
    expect(await world.wait(bad.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it('that is disconnected while it waits for its revival stays away', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    await world.wait(remote.connected());
    exit(findPid(a, 'remotes', 'remote-*'), 'kill');
    await world.clock.settle();
    expect(await world.wait(a.disconnect(remote.publicKey))).toBe(true);
    await world.clock.advance(60_000);
    expect(findNode(a, 'remotes')?.children).toEqual([]);
    expect(server.connections).toHaveLength(1);
    await world.stop();
  });

  it('that is connected to while it waits for its revival is there at once, and only once', async () => {
    const world = new World({ wire: 'archethic' });
    const a = await world.node('a');
    const server = await world.server('raw');
    const remote = await a.connect(server.peer);
    await world.wait(remote.connected());
    exit(findPid(a, 'remotes', 'remote-*'), 'kill');
    await world.clock.settle();
    await world.wait((await world.wait(a.connect(server.peer))).connected());
    await world.clock.advance(60_000);
    expect(findNode(a, 'remotes')?.children).toHaveLength(1);
    expect(server.connections).toHaveLength(2);
    await world.stop();
  });
});
