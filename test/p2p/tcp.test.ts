/** Nodes on real sockets of loopback. What a hostile client does to them there: `test/evil/node.test.ts`. */
import { afterEach, describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { type Clock, systemClock, type Timer } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { ListNodes, Ping } from '../../src/codec/archethic-node-messages.ts';
import type { Curve } from '../../src/crypto/keys.ts';
import { builtInServices, Echo } from '../../src/p2p/built-in-services.ts';
import { type NodeOptions, WIRES, type Wire } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { ARENA_TIMEOUT_MS, type Arena, tcpArena } from './arena.ts';
import { testMessages } from './messages.ts';
import { findPid, outcomeOf } from './node-rig.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** The host's clock, with its timers counted. */
class CountingClock implements Clock {
  readonly armed = new Set<Timer>();

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  wallMs(): number {
    return systemClock.wallMs();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = systemClock.setTimer(() => {
      this.armed.delete(timer);
      callback();
    }, delayMs);
    this.armed.add(timer);
    return timer;
  }

  clearTimer(timer: Timer): void {
    this.armed.delete(timer);
    systemClock.clearTimer(timer);
  }

  defer(callback: () => void): void {
    systemClock.defer(callback);
  }
}

const arenas: Arena[] = [];
const arena = (wire: Wire): Arena => {
  const made = tcpArena(wire);
  arenas.push(made);
  return made;
};

afterEach(async () => {
  for (const one of arenas.splice(0)) await one.stop();
});

describe('two nodes on tcp, wire archethic', { timeout: ARENA_TIMEOUT_MS }, () => {
  it.each<Curve>(['ed25519', 'secp256r1', 'secp256k1'])('call each other with keys of %s', async (curve) => {
    const net = arena('archethic');
    const engine = net.engine;
    const identity = (): NodeOptions['identity'] => engine.generateKeyPair(systemRandom, { curve });
    const a = await net.node('a', { identity: identity() });
    const b = await net.node('b', { identity: identity() });
    expect(b.address).toMatchObject({ scheme: 'tcp', host: '127.0.0.1' });
    const there = await a.connect(b.peer);
    const back = await b.connect(a.peer);
    expect(await there.call(Ping, {})).toMatchObject({ name: 'Ok' });
    expect(await back.call(Ping, {})).toMatchObject({ name: 'Ok' });
    const list = await there.call(ListNodes, { authorizedAndAvailable: false });
    const nodes = list.name === 'NodeList' ? list.fields.nodes : [];
    expect(nodes.map((node) => [node.ip, node.port])).toContainEqual(['127.0.0.1', b.address?.port]);
    expect(there.stats()).toMatchObject({ calls: 2, answered: 2, errors: 0 });
  });

  it('a killed reader on either end is made good without a lost node', async () => {
    const net = arena('archethic');
    const [a, b] = [await net.node('a', { backoffBaseMs: 20 }), await net.node('b')];
    const remote = await a.connect(b.peer);
    await remote.connected();
    exit(findPid(a, 'remotes', 'remote-*', 'reader'), 'kill');
    expect(await remote.call(Ping, {})).toMatchObject({ name: 'Ok' });
    exit(findPid(b, 'inbound', 'reader'), 'kill');
    await net.until(() => remote.state !== 'connected');
    expect(await remote.call(Ping, {})).toMatchObject({ name: 'Ok' });
    expect(remote.stats().connections).toBe(3);
    await net.until(() => b.stats().inboundOpen === 1);
  });
});

describe.each(WIRES)('two nodes on tcp, wire %s', { timeout: ARENA_TIMEOUT_MS }, (wire) => {
  it('keep 2000 calls apart, 500 at a time', async () => {
    const net = arena(wire);
    const [a, b] = [await net.node('a'), await net.node('b')];
    const remote = await a.connect(b.peer);
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < 2000) {
        const bytes = Uint8Array.of(next >> 8, next & 255);
        next += 1;
        const reply = await remote.call(Echo, { bytes }, { timeoutMs: 20_000 });
        expect(reply.name === 'Echoed' && reply.fields.bytes).toEqual(bytes);
      }
    };
    await Promise.all(Array.from({ length: 500 }, caller));
    expect(remote.stats()).toMatchObject({ calls: 2000, answered: 2000, inFlight: 0, connections: 1 });
  });

  it('carry messages of 1 MiB, several at once, both ways', async () => {
    const net = arena(wire);
    const [a, b] = [await net.node('a'), await net.node('b')];
    const remote = await a.connect(b.peer);
    const bytes = new Uint8Array(1_048_576).map((_, i) => (i * 31) & 255);
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => remote.call(Echo, { bytes }, { timeoutMs: 20_000 })),
    );
    for (const reply of replies) {
      expect(reply.name === 'Echoed' && Buffer.compare(reply.fields.bytes, bytes)).toBe(0);
    }
    expect(remote.stats().connections).toBe(1);
  });

  it('a killed socket ends calls in flight with CLOSED at once, and the node reconnects by itself', async () => {
    const net = arena(wire);
    const [a, b] = [await net.node('a', { backoffBaseMs: 20 }), await net.node('b')];
    const proxy = await TcpProxy.start(b.peer.address);
    const remote = await a.connect({ publicKey: b.publicKey, address: proxy.address });
    await remote.connected();
    proxy.stall();
    const calls = Array.from({ length: 5 }, () => outcomeOf(remote.call(Ping, {}, { timeoutMs: 60_000 })));
    await net.until(() => remote.stats().inFlight === 5);
    proxy.kill();
    await net.until(() => calls.every((call) => call.isSettled));
    expect(calls.map((call) => call.code)).toEqual(Array(5).fill('CLOSED'));
    proxy.heal();
    expect(await remote.call(Ping, {})).toMatchObject({ name: 'Ok' });
    expect(remote.stats()).toMatchObject({ connections: 2, timeouts: 0 });
    await proxy.close();
  });

  it('a stalled socket is found dead by its heartbeats or pings, and the calls in flight are CLOSED', async () => {
    const net = arena(wire);
    const a = await net.node('a', { backoffBaseMs: 20, heartbeatIntervalMs: 60 });
    const b = await net.node('b');
    const proxy = await TcpProxy.start(b.peer.address);
    const remote = await a.connect({ publicKey: b.publicKey, address: proxy.address });
    await remote.connected();
    const reasons: unknown[] = [];
    a.on('disconnected', ({ reason }) => void reasons.push(reason));
    proxy.stall();
    const call = outcomeOf(remote.call(Ping, {}, { timeoutMs: 60_000 }));
    await net.until(() => call.isSettled);
    expect(call.code).toBe('CLOSED');
    expect(reasons).toMatchObject([{ code: wire === 'archethic' ? 'HEARTBEAT_LOST' : 'PONG_TIMEOUT' }]);
    proxy.heal();
    expect(await remote.call(Ping, {})).toMatchObject({ name: 'Ok' });
    await proxy.close();
  });

  it('a node that comes back at its address is found again by its key', async () => {
    const net = arena(wire);
    const a = await net.node('a', { backoffBaseMs: 20 });
    const identity = net.key();
    const b = await net.node('b', { identity });
    const remote = await a.connect(b.peer);
    await remote.connected();
    const { address } = b.peer;
    await b.stop();
    await net.until(() => remote.state !== 'connected');
    const call = remote.call(Ping, {}, { timeoutMs: 20_000 });
    const again = await net.node('b', { identity, listen: address });
    expect(await call).toMatchObject({ name: 'Ok' });
    expect(again.publicKey.equals(b.publicKey)).toBe(true);
  });
});

describe.each(WIRES)('the start and stop of a node on tcp, wire %s', (wire) => {
  const start = async (options: Partial<NodeOptions> = {}) => {
    const clock = new CountingClock();
    const system = new ActorSystem({ clock });
    const node = NodeSupervisor.startLink({
      identity: tcpArena(wire).key(),
      wire,
      listen: 'tcp://127.0.0.1:0',
      messages: testMessages,
      clock,
      system,
      ...options,
    });
    return { clock, system, node };
  };

  it('a port in use refuses the start with ADDRESS_IN_USE and leaves no process and no timer', async () => {
    const first = await start();
    const { address } = await first.node;
    const second = await start({ listen: address ?? '' });
    await expect(second.node).rejects.toMatchObject({
      name: 'NetError',
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(String(address?.port)),
    });
    expect(second.system.processCount).toBe(0);
    expect(second.clock.armed.size).toBe(0);
    await (await first.node).stop();
  });

  it('a stop leaves no process and no timer, and frees the port', async () => {
    const [one, other] = [await start(), await start()];
    const [a, b] = [await one.node, await other.node];
    for (const service of builtInServices(b)) await b.startService(service);
    const remote = await a.connect(b.peer);
    expect(await remote.call(Ping, {})).toMatchObject({ name: 'Ok' });
    const { address } = b;
    await b.stop();
    await a.stop();
    for (const { system } of [one, other]) expect(system.processCount).toBe(0);
    // A stream closed in order waits for the end of the other one, which is on its way.
    if (wire === 'mconnection') await arena(wire).until(() => one.clock.armed.size + other.clock.armed.size === 0);
    expect([one.clock.armed.size, other.clock.armed.size]).toEqual([0, 0]);
    const again = await start({ listen: address ?? '' });
    expect((await again.node).address).toEqual(address);
    await (await again.node).stop();
  });
});
