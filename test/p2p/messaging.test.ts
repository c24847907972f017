/** Calls over one MConnection for both directions: what is different from the other wire, and what must not be. */
import { afterEach, describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { TIMER_DELAY_MS_MAX } from '../../src/base/clock.ts';
import { GetTransactionChainLength } from '../../src/codec/archethic-chain-messages.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import type { MessageValue } from '../../src/codec/message.ts';
import { encodeMessageEnvelop } from '../../src/codec/message-envelop.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { nodeIdOf } from '../../src/crypto/node-key.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { REQUEST_CHANNEL_ID, REQUEST_WINDOW_BYTES } from '../../src/p2p/messaging-peer.ts';
import { pongTimeoutMsOf } from '../../src/p2p/messaging-switch.ts';
import { type NodeOptions, WIRES } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { on, service } from '../../src/p2p/service.ts';
import { eventsOf, findPid, outcomeOf, type TestNodeOptions, World } from './node-rig.ts';

let world = new World();
afterEach(async () => {
  await world.stop();
  await world.clock.advance(1000); // streams closed in order linger for the other end
  expect([world.clock.timerCount, world.network.connectionCount]).toEqual([0, 0]);
  world = new World();
});

function node(host: string, options: TestNodeOptions = {}): Promise<NodeSupervisor> {
  return world.node(host, { wire: 'mconnection', ...options });
}

/** How many connections a node has. */
function peersOf(of: NodeSupervisor): number {
  return of.switch.peers.size;
}

const idOf = (of: NodeSupervisor): string => nodeIdOf(of.engine, of.publicKey.raw);

describe('one connection', () => {
  it('carries the calls of both ends, whoever dialled', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const toB = await a.connect(b.peer);
    await world.wait(toB.call(Ping, {}));
    const toA = await b.connect(a.peer);
    const bytes = Uint8Array.of(7);
    expect(await world.wait(toA.call(Echo, { bytes }))).toEqual(Echoed.of({ bytes }));
    const length = await world.wait(toB.call(GetTransactionChainLength, { address: new Uint8Array(34) }));
    expect(length.name).toBe('TransactionChainLength');
    expect([peersOf(a), peersOf(b)]).toEqual([1, 1]);
    expect([a.stats().inboundAccepted, b.stats().inboundAccepted]).toEqual([0, 1]);
    expect([toA.state, toB.state]).toEqual(['connected', 'connected']);
    expect([toA.stats().sent, toB.stats().sent]).toEqual([1, 2]);
  });

  it('ends for both ends at once: calls under way are CLOSED, and one connection comes back for both', async () => {
    const [a, b] = [await node('a'), await node('b', { hasServices: false })];
    const [toB, toA] = [await a.connect(b.peer), await b.connect(a.peer)];
    await world.wait(Promise.all([toB.connected(), toA.connected()]));
    await b.startService(service('never', [on(Ping, () => new Promise<MessageValue>(() => {}))]));
    const call = outcomeOf(toB.call(Ping, {}));
    await world.clock.settle();
    world.network.cut('a', 'b');
    world.network.heal('a', 'b');
    await world.clock.settle();
    expect(call.code).toBe('CLOSED');
    await world.clock.advanceUntil(() => toA.state === 'connected' && toB.state === 'connected', 10_000);
    expect([peersOf(a), peersOf(b)]).toEqual([1, 1]);
    expect(await world.wait(toA.call(Ping, {}))).toEqual(Ok.of({}));
  });

  it('is closed by a disconnect, and dialled again by the other end when that one has calls', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const [toB, toA] = [await a.connect(b.peer), await b.connect(a.peer)];
    await world.wait(Promise.all([toB.connected(), toA.connected()]));
    await world.wait(a.disconnect(b.publicKey));
    const call = await world.wait(toA.call(Ping, {}));
    expect(call.name).toBe('Ok');
    expect(a.remotes()).toEqual([]);
  });

  it('of a remote without a listener serves calls to it, too, as long as it stands', async () => {
    const [a, b] = [await node('a'), await node('b', { isListening: false })];
    const toA = await b.connect(a.peer);
    await world.wait(toA.connected());
    const toB = await a.connect({ publicKey: b.publicKey, address: 'memory://b:1' });
    expect((await world.wait(toB.call(Ping, {}))).name).toBe('Ok');
    expect(peersOf(a)).toBe(1);
  });
});

describe('two nodes full of requests of each other', () => {
  it('beyond the window do not lock each other up: every call is answered, over one connection', async () => {
    const options = { requestsPerConnectionMax: 2 };
    const [a, b] = [await node('a', options), await node('b', options)];
    const [toB, toA] = [await a.connect(b.peer), await b.connect(a.peer)];
    await world.wait(Promise.all([toB.connected(), toA.connected()]));
    const bytes = new Uint8Array(131_072).fill(3);
    const count = (2 * REQUEST_WINDOW_BYTES) / bytes.length;
    const timeoutMs = 60_000;
    const calls = [toA, toB].flatMap((remote) =>
      Array.from({ length: count }, () => outcomeOf(remote.call(Echo, { bytes }, { timeoutMs }))),
    );
    await world.clock.settle();
    expect([toA, toB].every((remote) => remote.stats().inFlight * bytes.length <= REQUEST_WINDOW_BYTES)).toBe(true);
    await world.clock.advanceUntil(() => calls.every((call) => call.isSettled), timeoutMs);
    expect(new Set(calls.map((call) => call.code ?? call.value?.name))).toEqual(new Set(['Echoed']));
    for (const remote of [toA, toB])
      expect(remote.stats()).toMatchObject({ answered: count, sent: count, connections: 1 });
    expect([a.stats().faults, b.stats().faults]).toEqual([0, 0]);
  });

  it('what overruns the window is dropped and told in the status of the channel, and replies go on', async () => {
    const [a, b] = [await node('a', { requestsPerConnectionMax: 1, hasServices: false }), await node('b')];
    let open = (): void => {};
    const stuck = new Promise<void>((resolve) => {
      open = resolve;
    });
    await a.startService(
      service('stuck', [on(Echo, ({ fields }) => stuck.then(() => Echoed.of({ bytes: fields.bytes })))]),
    );
    const [toB, toA] = [await a.connect(b.peer), await b.connect(a.peer)];
    await world.wait(Promise.all([toB.connected(), toA.connected()]));
    // Past the link and its window, as callers do that gave up on what still waits at the other end.
    const [peer] = [...b.switch.peers];
    const request = encodeMessageEnvelop({
      messageId: 9,
      isEncrypted: false,
      senderPublicKey: b.publicKey.bytes,
      signature: new Uint8Array(0),
      body: Echo.encode({ bytes: new Uint8Array(1_048_576) }),
    });
    for (let i = 0; i < 8; i += 1) peer?.trySend(REQUEST_CHANNEL_ID, request);
    await world.clock.advance(2000);
    const [status] = [...a.switch.peers].map((one) => one.status());
    const requests = status?.channels.find(({ id }) => id === REQUEST_CHANNEL_ID);
    expect(requests?.messagesDropped).toBeGreaterThan(0);
    expect(a.stats().requestsReceived).toBe(1);
    expect((await world.wait(toB.call(Ping, {}))).name).toBe('Ok');
    expect([toA.state, toB.state]).toEqual(['connected', 'connected']);
    open();
  });
});

describe('two nodes that dial each other at once', () => {
  it.each([0, 1, 7, 40])('with %i ms of latency end up with one connection, and no call is lost', async (latencyMs) => {
    for (let seed = 1; seed <= 12; seed += 1) {
      world = new World({ seed, latencyMs });
      const [a, b] = [await node('a'), await node('b')];
      const events = [eventsOf(a), eventsOf(b)];
      const toB = await a.connect(b.peer);
      // Not always in the same moment: between hello and handshake the ends can come to different conclusions.
      await world.clock.advance((latencyMs * (seed - 1)) / 4);
      const toA = await b.connect(a.peer);
      const calls = [toA, toB, toA, toB].map((remote) => outcomeOf(remote.call(Ping, {})));
      await world.clock.advanceUntil(() => calls.every((call) => call.isSettled), 5000);
      expect(calls.map((call) => call.code ?? call.value?.name)).toEqual(['Ok', 'Ok', 'Ok', 'Ok']);
      expect([toA.state, toB.state]).toEqual(['connected', 'connected']);
      expect([peersOf(a), peersOf(b)]).toEqual([1, 1]);
      expect([toA.stats().connections, toB.stats().connections]).toEqual([1, 1]);
      // Nobody had to wait out a pause: it was settled between the two of them.
      expect(events.flat().filter(({ name }) => name === 'dialFailed')).toEqual([]);
      expect([a.stats().faults, b.stats().faults]).toEqual([0, 0]);
      if (seed < 12) {
        await world.stop();
        await world.clock.advance(1000);
      }
    }
  });
});

describe('the patience with a pong', () => {
  it.each([
    [TIMER_DELAY_MS_MAX - 1, 1, TIMER_DELAY_MS_MAX - 1],
    [TIMER_DELAY_MS_MAX, 1, TIMER_DELAY_MS_MAX],
    [(TIMER_DELAY_MS_MAX + 1) / 2, 2, TIMER_DELAY_MS_MAX],
    [3_600_000, 596, 2_145_600_000],
    [3_600_000, 597, TIMER_DELAY_MS_MAX],
  ])('of %i ms times %i is %i ms: no longer than a timer can be', (intervalMs, outstandingMax, patienceMs) => {
    expect(pongTimeoutMsOf(intervalMs, outstandingMax)).toBe(patienceMs);
  });

  it.each([596, 597, 1000])(
    'of 3600 s times %i is one that a node starts with, and by which an honest peer stays',
    async (heartbeatOutstandingMax) => {
      const options = { heartbeatIntervalMs: 3_600_000, heartbeatOutstandingMax };
      const [a, b] = [await node('a', options), await node('b', options)];
      const toB = await a.connect(b.peer);
      await world.wait(toB.connected());
      await world.clock.advance(4 * 3_600_000);
      expect((await world.wait(toB.call(Ping, {}))).name).toBe('Ok');
      expect(toB.stats().connections).toBe(1);
    },
  );
});

describe('who may connect', () => {
  it.each(['secp256r1', 'secp256k1'] as const)('an identity of curve %s is refused at the door', async (curve) => {
    await expect(node('a', { identity: world.key({ curve }) })).rejects.toThrow(
      `option identity is of curve ${curve}: expected ed25519 on wire mconnection`,
    );
    const a = await node('b');
    const { publicKey } = world.key({ curve });
    await expect(a.connect({ publicKey, address: 'memory://c:1' })).rejects.toMatchObject({ code: 'PEER_INVALID' });
  });

  it.each<[string, Partial<NodeOptions>]>([
    ['sealed', { sealed: true }],
    ['network', { network: 'other' }],
    ['reactors', { reactors: [] }],
  ])('option %s is refused on the other wire', async (name, options) => {
    const started = NodeSupervisor.startLink({ identity: world.key(), wire: 'archethic', ...options });
    await expect(started).rejects.toThrow(`option ${name} is for wire mconnection only`);
  });

  it('a node of another network is not connected to, and both ends say why', async () => {
    const [a, b] = [await node('a'), await node('b', { network: 'other' })];
    const events = eventsOf(a);
    const toB = await a.connect(b.peer);
    await world.clock.advance(100);
    expect(toB.state).toBe('backoff');
    expect(events.find(({ name }) => name === 'dialFailed')?.value.reason).toMatchObject({ code: 'INCOMPATIBLE' });
    expect(b.stats().faultsByCode).toEqual({ INCOMPATIBLE: 1 });
  });

  it.each([300, 8000])('a host that accepts and says nothing fails the dial after dialTimeoutMs, %i ms', async (ms) => {
    const a = await node('a', { dialTimeoutMs: ms });
    const mute = parseNetAddress('memory://mute:1');
    const listener = await world.transport('mute').listen(mute, (stream) => {
      stream.open({ onData: () => {}, onDrain: () => {}, onClose: () => {} });
    });
    const events = eventsOf(a);
    await a.connect({ publicKey: world.key().publicKey, address: 'memory://mute:1' });
    await world.clock.advance(ms - 1);
    expect(events).toEqual([]);
    await world.clock.advance(1);
    expect(events).toMatchObject([{ name: 'dialFailed', value: { reason: { code: 'HANDSHAKE_TIMEOUT' } } }]);
    await listener.close();
  });

  it('a node that is not who was dialled is not connected to', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const events = eventsOf(a);
    const remote = await a.connect({ publicKey: world.key().publicKey, address: 'memory://b:1' });
    expect((await world.wait(b.call(b.publicKey, Ping, {}))).name).toBe('Ok');
    await world.clock.advance(100);
    expect(remote.state).toBe('backoff');
    expect(events.find(({ name }) => name === 'dialFailed')?.value.reason).toMatchObject({ code: 'AUTH_FAILURE' });
  });

  it('nodes of different wires do not connect, and stay whole', async () => {
    const [a, b] = [await node('a'), await world.node('b', { wire: 'archethic' })];
    const [toB, toA] = [await a.connect(b.peer), await b.connect(a.peer)];
    const calls = [
      outcomeOf(toB.call(Ping, {}, { timeoutMs: 3000 })),
      outcomeOf(toA.call(Ping, {}, { timeoutMs: 3000 })),
    ];
    await world.clock.advance(3500);
    for (const call of calls) expect(['TIMEOUT', 'CLOSED']).toContain(call.code);
    expect([a.pid.isAlive, b.pid.isAlive]).toEqual([true, true]);
  });

  it('one key under two origin ids is one node: only one of both remotes gets the connection', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const first = await a.connect(b.peer);
    await world.wait(first.connected());
    const twin = PublicKey.of('ed25519', 'tpm', b.publicKey.raw);
    const events = eventsOf(a);
    const second = await a.connect({ publicKey: twin, address: 'memory://b:1' });
    await world.clock.advance(100);
    expect([first.state, second.state]).toEqual(['connected', 'backoff']);
    expect(events.find(({ name }) => name === 'dialFailed')?.value.reason).toMatchObject({ code: 'ALREADY_DIALING' });
    expect((await world.wait(first.call(Ping, {}))).name).toBe('Ok');
  });

  it.each([1, 2])('inboundConnectionsMax %i: as many are taken, one more is refused and dials again', async (max) => {
    const a = await node('a', { inboundConnectionsMax: max });
    const remotes = [];
    for (let i = 0; i <= max; i += 1) {
      const one = await node(`n${i}`);
      const remote = await one.connect(a.peer);
      await world.clock.advance(50);
      remotes.push(remote);
    }
    expect(remotes.map((remote) => remote.state)).toEqual([...Array(max).fill('connected'), 'backoff']);
    expect(a.stats()).toMatchObject({ inboundOpen: max, inboundRefused: 1, faultsByCode: { FLOOD: 1 } });
    // The connection refused was never taken for one: nobody was told that it stood.
    expect(remotes.at(-1)?.stats().connections).toBe(0);
  });
});

describe('sealed', () => {
  const wiretap = (options: TestNodeOptions) => {
    const sealed: boolean[] = [];
    const engine = world.engine;
    return {
      sealed,
      options: {
        ...options,
        engine: new Proxy(engine, {
          get(target, key: keyof typeof engine) {
            const member = target[key];
            if (typeof member !== 'function') return member;
            if (key === 'eciesSeal') {
              return (...args: Parameters<typeof engine.eciesSeal>) => {
                sealed.push(true);
                return target.eciesSeal(...args);
              };
            }
            return member.bind(target);
          },
        }),
      },
    };
  };

  it('calls and their replies are, and those of others are as they ask', async () => {
    const [mine, theirs] = [wiretap({ sealed: true }), wiretap({})];
    const [a, b] = [await node('a', mine.options), await node('b', theirs.options)];
    const [toB, toA] = [await a.connect(b.peer), await b.connect(a.peer)];
    const bytes = new Uint8Array(300).fill(9);
    expect(await world.wait(toB.call(Echo, { bytes }))).toEqual(Echoed.of({ bytes }));
    expect([mine.sealed.length, theirs.sealed.length]).toEqual([1, 1]);
    expect(await world.wait(toA.call(Echo, { bytes }))).toEqual(Echoed.of({ bytes }));
    expect([mine.sealed.length, theirs.sealed.length]).toEqual([1, 1]);
    expect([a.stats().faults, b.stats().faults]).toEqual([0, 0]);
  });

  it('between two nodes that are not nothing is sealed or signed but the handshake', async () => {
    const tap = wiretap({});
    const [a, b] = [await node('a', tap.options), await node('b', tap.options)];
    const remote = await a.connect(b.peer);
    await world.wait(remote.call(Ping, {}));
    expect(tap.sealed).toEqual([]);
  });
});

describe('the switch of a node', () => {
  it('carries other reactors beside the calls', async () => {
    const Gossip = channel({ id: 0x70, codec: bytesCodec });
    const heard: string[] = [];
    const gossip = reactor('gossip', [Gossip], () => ({
      receive: ({ peer, message }) => void heard.push(`${peer.id}: ${message.join()}`),
    }));
    const [a, b] = [await node('a', { reactors: [gossip] }), await node('b', { reactors: [gossip] })];
    const remote = await a.connect(b.peer);
    await world.wait(remote.call(Ping, {}));
    for (const peer of a.switch.peers) if (peer.isOutbound) peer.trySend(Gossip, Uint8Array.of(1, 2));
    await world.clock.settle();
    expect(heard).toEqual([`${idOf(a)}: 1,2`]);
  });

  it('is part of the tree, comes back at its address when it is killed, and the remotes with it', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const [toB, toA] = [await a.connect(b.peer), await b.connect(a.peer)];
    await world.wait(Promise.all([toB.connected(), toA.connected()]));
    const { address } = a;
    expect(a.tree().children.map(({ id }) => id)).toEqual([
      'registry',
      'directory',
      'services',
      'remotes',
      'keeper',
      'switch',
    ]);
    exit(findPid(a, 'switch'), 'kill');
    await world.clock.advanceUntil(
      () => toA.stats().connections === 2 && toA.state === 'connected' && toB.state === 'connected',
      10_000,
    );
    expect(a.address).toEqual(address);
    expect((await world.wait(toA.call(Ping, {}))).name).toBe('Ok');
    expect((await world.wait(toB.call(Ping, {}))).name).toBe('Ok');
    expect(a.stats().inboundOpen + b.stats().inboundOpen).toBe(1);
  });

  it('and its reactor that is killed keeps the connections it had', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    exit(findPid(b, 'switch', 'reactors', 'messaging'), 'kill');
    await world.clock.settle();
    expect((await world.wait(remote.call(Ping, {}))).name).toBe('Ok');
    expect(remote.stats().connections).toBe(1);
  });

  it('is there on this wire only', async () => {
    const [here, other] = await Promise.all(WIRES.map((wire) => world.node(wire, { wire })));
    expect(here?.switch.peers.size).toBe(0);
    expect(() => other?.switch).toThrow(expect.objectContaining({ code: 'NO_SWITCH' }));
  });
});
