import { afterEach, describe, expect, test, vi } from 'vitest';
import { getStatus } from '../../src/actors/sys.ts';
import { reactor } from '../../src/p2p/reactor.ts';
import { channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';
import { SwitchError } from '../../src/p2p/switch-errors.ts';
import { upgradeConnection } from '../../src/p2p/transport-upgrade.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import {
  bytes,
  eventsOf,
  findNode,
  Json,
  Plain,
  processOf,
  Second,
  SwitchWorld,
  TestReactor,
  text,
} from './switch-rig.ts';
import { Sink } from './upgrade-rig.ts';

let world = new SwitchWorld();
afterEach(async () => {
  await world.stop();
  expect(world.network.connectionCount).toBe(0);
  expect(world.clock.timerCount).toBe(0);
  world = new SwitchWorld();
});

describe('Switches (switch_test.go TestSwitches)', () => {
  test('two switches become peers of each other and broadcasts reach every channel both ways', async () => {
    const ra = new TestReactor('r', [Plain, Second]);
    const rb = new TestReactor('r', [Plain, Second]);
    const { a, b, ab, ba } = await world.pair({ reactors: [ra.spec] }, { reactors: [rb.spec] });
    expect([ab.isOutbound, ba.isOutbound]).toEqual([true, false]);
    expect([ab.id, ba.id]).toEqual([b.id, a.id]);
    expect([a.numPeers(), b.numPeers()]).toEqual([
      { outbound: 1, inbound: 0, dialing: 0 },
      { outbound: 0, inbound: 1, dialing: 0 },
    ]);
    const sends = [a.broadcast(Plain, bytes('1')), a.broadcast(Second, bytes('2')), b.broadcast(Plain, bytes('3'))];
    const results = await world.wait(Promise.all(sends));
    expect(results.flat().map(({ result }) => result)).toEqual(['queued', 'queued', 'queued']);
    await world.clock.advanceUntil(() => rb.messages.length === 2 && ra.messages.length === 1);
    expect(rb.messages.map(({ channelId, message }) => [channelId, text(message)])).toEqual([
      [0x70, '1'],
      [0x71, '2'],
    ]);
    expect(text(ra.messages[0]?.message)).toBe('3');
  });

  test('ten switches that dial each other at random are all connected to all (DialPeersAsync, FullConnectivity)', async () => {
    const all: Switch[] = [];
    for (let i = 0; i < 10; i += 1) all.push(await world.switch(`host-${i}`, { outboundPeersMax: 20 }));
    for (const [index, each] of all.entries()) {
      each.dialPeersAsync(all.slice(index + 1).map((other) => other.nodeAddress as string));
    }
    await world.clock.advance(10_000);
    expect(all.map((each) => each.peers.size)).toEqual(all.map(() => 9));
    expect(all.map((each) => each.stats().reasons)).toEqual(all.map(() => ({})));
  }, 60_000);

  test('dials of a list are spread over 3 s and leave out ourselves and whom we dial already', async () => {
    const b = await world.switch('b');
    const a = await world.switch('a');
    const events = eventsOf(a);
    a.dialPeersAsync([b.nodeAddress as string, a.nodeAddress as string, b.nodeAddress as string]);
    await world.clock.settle();
    expect(a.stats().dials).toBe(0);
    await world.clock.advance(3000);
    expect(a.stats().dials).toBe(1);
    expect(events.sort()).toEqual(['added b', 'dialFailed ALREADY_DIALING']);
  });
});

describe('broadcast', () => {
  test('gives one result for each peer and tells a full queue from a taken message (TryBroadcast)', async () => {
    const slow = new TestReactor('r', [Plain]);
    const { a } = await world.pair({}, { reactors: [slow.spec] });
    const big = new Uint8Array(200_000);
    const results = Array.from({ length: 12 }, () => a.tryBroadcast(Plain, big)[0]?.result);
    expect(results.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => 'queued'));
    expect(results.at(-1)).toBe('full');
    await world.clock.advance(5000);
    expect(slow.messages.length).toBe(results.filter((result) => result === 'queued').length);
  });

  test('waits for room, keeps the order of the calls, and can be given up', async () => {
    const rb = new TestReactor('r', [Plain]);
    const { a } = await world.pair({}, { reactors: [rb.spec] });
    const sends = Array.from({ length: 30 }, (_, i) => a.broadcast(Plain, Uint8Array.of(i)));
    const results = await world.wait(Promise.all(sends));
    expect(results.flat().every(({ result }) => result === 'queued')).toBe(true);
    await world.clock.advanceUntil(() => rb.messages.length === 30);
    expect(rb.messages.map(({ message }) => (message as Uint8Array)[0])).toEqual(
      Array.from({ length: 30 }, (_, i) => i),
    );
    const error = await world.failure(a.broadcast(Plain, bytes('x'), { signal: AbortSignal.abort() }));
    expect(error.code).toBe('ABORTED');
  });

  test('to nobody gives nothing, and a channel without a reactor is an error of the caller', async () => {
    const a = await world.switch('a');
    expect(await a.broadcast(Plain, bytes('x'))).toEqual([]);
    expect(a.tryBroadcast(0x70, bytes('x'))).toEqual([]);
    expect(() => a.tryBroadcast(0x33, bytes('x'))).toThrow(RangeError);
    await expect(a.broadcast(Second, bytes('x'))).rejects.toThrow(/channel 0x71 belongs to no reactor/);
  });

  test('a value is encoded once by the codec of its channel and decoded for the reactor', async () => {
    const rb = new TestReactor('r', [Json as never]);
    const ra = new TestReactor('r', [Json as never]);
    const { a } = await world.pair({ reactors: [ra.spec] }, { reactors: [rb.spec] });
    await world.wait(a.broadcast(Json, { height: 7 }));
    await world.clock.advanceUntil(() => rb.messages.length === 1);
    expect(rb.messages[0]?.message).toEqual({ height: 7 });
  });
});

describe('admission', () => {
  test('a switch that reaches itself says so and does not become its own peer (FiltersOutItself)', async () => {
    const key = world.key();
    const a = await world.switch('a', { nodeKey: key });
    expect(await world.failure(a.dialPeer(a.nodeAddress as string))).toMatchObject({ code: 'SELF' });
    // A twin with the same key comes in under another address.
    const twin = await world.wait(world.network.transport('twin').dial(a.address!, { timeoutMs: 1000 }));
    const events = eventsOf(a);
    const { clock, random, engine } = world;
    const timeouts = { handshakeTimeoutMs: 3000, nodeInfoTimeoutMs: 3000 };
    const upgrade = upgradeConnection(twin, { clock, random, engine, nodeKey: key, nodeInfo: a.nodeInfo, ...timeouts });
    expect(await world.failure(upgrade)).toMatchObject({ code: 'SELF', message: `self ID<${a.id}>` });
    await world.clock.advance(100);
    expect(events).toEqual(['rejected in SELF']);
    expect(a.peers.size).toBe(0);
  });

  test('a second connection of the same node is refused as a duplicate id (PeerFilterDuplicate)', async () => {
    const key = world.key();
    const { b } = await world.pair({ nodeKey: key });
    const events = eventsOf(b);
    const twin = await world.switch('twin', { nodeKey: key, listen: 'memory://twin:1' });
    const dial = twin.dialPeer(b.nodeAddress as string);
    await world.clock.advance(1000);
    expect(events).toEqual(['rejected in DUPLICATE_ID']);
    expect(b.peers.size).toBe(1);
    await dial.catch(() => {});
    await world.clock.advance(1000);
    expect(twin.peers.size).toBe(0);
  });

  test('of two connections from one IP address the second is refused, unless that is allowed (ConnDuplicateIPFilter)', async () => {
    for (const [allowDuplicateIp, expected] of [
      [false, ['rejected in DUPLICATE_IP']],
      [true, ['added two']],
    ] as const) {
      const host = `b-${allowDuplicateIp}`;
      const b = await world.switch(host, { allowDuplicateIp });
      const one = await world.switch(`same-${allowDuplicateIp}`, { moniker: 'one' });
      const two = await world.switch(`same-${allowDuplicateIp}`, {
        moniker: 'two',
        listen: `memory://same-${allowDuplicateIp}:2`,
      });
      await world.wait(one.dialPeer(b.nodeAddress as string));
      const events = eventsOf(b);
      two.dialPeer(b.nodeAddress as string).catch(() => {});
      await world.clock.advance(1000);
      expect(events).toEqual(expected);
    }
  });

  test('where several connections of a host are allowed, one more than may be is refused before a byte is said', async () => {
    const b = await world.switch('b', { allowDuplicateIp: true, inboundPerHostMax: 2 });
    const events = eventsOf(b);
    const dial = async (host: string): Promise<Sink> =>
      new Sink(await world.wait(world.network.transport(host).dial(b.address!, { timeoutMs: 1000 })));
    const [first, , third] = [await dial('bad'), await dial('bad'), await dial('bad')];
    await world.clock.advance(10);
    expect([third?.bytes, third?.closed?.reason?.code, events]).toEqual([
      [],
      'RESET',
      ['rejected in INBOUND_PER_HOST_MAX'],
    ]);
    expect(b.stats()).toMatchObject({ handshakes: 2, reasons: { INBOUND_PER_HOST_MAX: 1 } });
    // Others come in meanwhile, and so does the host when it has let go of one.
    const good = await world.switch('good');
    await world.wait(good.dialPeer(b.nodeAddress as string));
    first?.stream.destroy();
    await world.clock.advance(10);
    await dial('bad');
    await world.clock.advance(10);
    expect(b.stats()).toMatchObject({ handshakes: 2, reasons: { INBOUND_PER_HOST_MAX: 1 } });
  });

  test('a peer filter sees who comes and refuses with its reason (PeerFilter)', async () => {
    const seen: string[] = [];
    const b = await world.switch('b', {
      peerFilters: [
        ({ nodeInfo, ip }, peers) => {
          seen.push(`${nodeInfo.moniker} ${ip} ${peers.size}`);
          return undefined;
        },
        ({ nodeInfo }) => (nodeInfo.moniker === 'evil' ? 'not you' : undefined),
      ],
    });
    const evil = await world.switch('evil');
    const errors: SwitchError[] = [];
    b.on('rejected', ({ error }) => void errors.push(error));
    evil.dialPeer(b.nodeAddress as string).catch(() => {});
    await world.clock.advance(1000);
    expect(seen).toEqual(['evil evil 0']);
    expect(errors.map(({ code, message, isRejection }) => [code, message, isRejection])).toEqual([
      ['FILTERED', `filtered ID<${evil.id}>: not you`, true],
    ]);
    const good = await world.switch('good');
    await world.wait(good.dialPeer(b.nodeAddress as string));
    expect(b.peers.size).toBe(1);
  });

  test.each([
    ['never answers', () => new Promise<undefined>(() => {}), 'FILTER_TIMEOUT'],
    ['throws', () => Promise.reject(new Error('broken')), 'FILTERED'],
  ] as const)(
    'a filter that %s keeps the peer out (PeerFilterTimeout, ConnFilterTimeout)',
    async (_name, filter, code) => {
      for (const kind of ['peerFilters', 'connectionFilters'] as const) {
        const b = await world.switch(`b-${kind}`, { [kind]: [filter], filterTimeoutMs: 5000 });
        const a = await world.switch(`a-${kind}`, { nodeInfoTimeoutMs: 60_000, handshakeTimeoutMs: 60_000 });
        const codes: string[] = [];
        b.on('rejected', ({ error }) => void codes.push(error.code));
        a.dialPeer(b.nodeAddress as string).catch(() => {});
        await world.clock.advance(4999);
        expect(codes).toEqual(code === 'FILTERED' ? ['FILTERED'] : []);
        await world.clock.advance(2);
        expect(codes).toEqual([code]);
        expect(b.stats()).toMatchObject({ inbound: 0, handshakes: 0, reasons: { [code]: 1 } });
      }
    },
  );

  test('a connection that a filter refuses is closed at once, before a byte is said (ConnFilter)', async () => {
    const b = await world.switch('b', {
      connectionFilters: [({ ip }) => (ip === 'bad' ? 'not from there' : undefined)],
    });
    const sink = new Sink(await world.wait(world.network.transport('bad').dial(b.address!, { timeoutMs: 1000 })));
    await world.clock.advance(10);
    expect([sink.bytes, sink.closed?.reason?.code]).toEqual([[], 'RESET']);
    expect(b.stats()).toMatchObject({ handshakes: 0, reasons: { FILTERED: 1 } });
  });

  test('inbound peers are admitted up to the limit, and unconditional ones beyond it (AcceptRoutine)', async () => {
    const freeKey = world.key();
    const b = await world.switch('b', {
      inboundPeersMax: 3,
      unconditionalPeerIds: [world.idOf(freeKey).toUpperCase()],
    });
    for (let i = 0; i < 3; i += 1) {
      const each = await world.switch(`in-${i}`);
      await world.wait(each.dialPeer(b.nodeAddress as string));
      await world.clock.advanceUntil(() => b.peers.size === i + 1);
    }
    const events = eventsOf(b);
    const late = await world.switch('late');
    late.dialPeer(b.nodeAddress as string).catch(() => {});
    await world.clock.advance(1000);
    expect(events).toEqual(['rejected in INBOUND_MAX']);
    const free = await world.switch('free', { nodeKey: freeKey });
    await world.wait(free.dialPeer(b.nodeAddress as string));
    await world.clock.advance(1000);
    expect(events.at(-1)).toBe('added free');
    expect(b.peers.size).toBe(4);
    // Room again: the next one gets in.
    await world.wait(b.stopPeerGracefully(b.peers.copy()[0]!));
    const next = await world.switch('next');
    await world.wait(next.dialPeer(b.nodeAddress as string));
    await world.clock.advance(1000);
    expect(b.numPeers()).toEqual({ outbound: 0, inbound: 4, dialing: 0 });
  });

  test('outbound peers are dialed up to the limit, persistent ones beyond it', async () => {
    const others: Switch[] = [];
    for (let i = 0; i < 4; i += 1) others.push(await world.switch(`out-${i}`));
    const a = await world.switch('a', { outboundPeersMax: 2 });
    await world.wait(a.dialPeer(others[0]!.nodeAddress as string));
    await world.wait(a.dialPeer(others[1]!.nodeAddress as string));
    expect(await world.failure(a.dialPeer(others[2]!.nodeAddress as string))).toMatchObject({ code: 'OUTBOUND_MAX' });
    await world.wait(a.dialPeer(others[3]!.nodeAddress as string, { isPersistent: true }));
    expect(a.numPeers().outbound).toBe(3);
  });

  test('the listener closes connections at the door while too many shake hands, and counts them (MaxIncomingConnections)', async () => {
    const b = await world.switch('b', { handshakesMax: 2, allowDuplicateIp: true });
    const transport = world.network.transport('idle');
    const streams = [];
    for (let i = 0; i < 3; i += 1) {
      streams.push(await world.wait(transport.dial(b.address!, { timeoutMs: 1000 })));
    }
    await world.clock.settle();
    expect(b.stats()).toMatchObject({ accepted: 3, refused: 1, handshakes: 2 });
    await world.clock.advance(3001);
    expect(b.stats()).toMatchObject({ handshakes: 0, reasons: { HANDSHAKE_TIMEOUT: 2 } });
    const a = await world.switch('a');
    await world.wait(a.dialPeer(b.nodeAddress as string));
    for (const stream of streams) stream.destroy();
  });

  test('ten that dial at once are all accepted, each once (AcceptMultiple)', async () => {
    const b = await world.switch('b');
    const dialers = await Promise.all(Array.from({ length: 10 }, (_, i) => world.switch(`dialer-${i}`)));
    await world.wait(Promise.all(dialers.map((each) => each.dialPeer(b.nodeAddress as string))));
    await world.clock.advanceUntil(() => b.peers.size === 10);
    expect([...b.peers].map(({ id }) => id).sort()).toEqual(dialers.map(({ id }) => id).sort());
    expect(b.stats()).toMatchObject({ accepted: 10, refused: 0, inbound: 10, handshakes: 0, reasons: {} });
  });

  test('after each kind of bad connection the next good one is accepted (AcceptRoutineErrorCases)', async () => {
    const bad = world.key();
    const b = await world.switch('b', {
      connectionFilters: [({ ip }) => (ip === 'filtered' ? 'not from there' : undefined)],
      peerFilters: [({ id }) => (id === world.idOf(bad) ? 'not you' : undefined)],
    });
    const raw = async (host: string, say: Uint8Array): Promise<void> => {
      const stream = await world.wait(world.network.transport(host).dial(b.address!, { timeoutMs: 1000 }));
      const sink = new Sink(stream);
      stream.write(say);
      if (say.length === 0) stream.close();
      await world.clock.advanceUntil(() => sink.closed !== undefined);
    };
    const kinds: readonly (readonly [code: string, run: () => Promise<unknown>])[] = [
      ['FILTERED', () => raw('filtered', bytes('x'))],
      ['HANDSHAKE_FAILED', () => raw('garbage', Uint8Array.of(2, 0xff, 0xff))],
      ['HANDSHAKE_FAILED', () => raw('gone', new Uint8Array(0))],
      ['FILTERED', async () => (await world.switch('evil', { nodeKey: bad })).dialPeer(b.nodeAddress as string)],
      ['INCOMPATIBLE', async () => (await world.switch('other', { network: 'x' })).dialPeer(b.nodeAddress as string)],
    ];
    const codes: string[] = [];
    b.on('rejected', ({ error }) => void codes.push(error.code));
    for (const [index, [code, run]] of kinds.entries()) {
      run().catch(() => {});
      await world.clock.advanceUntil(() => codes.length === index + 1);
      expect(codes.at(-1)).toBe(code);
      const good = await world.switch(`good-${index}`);
      await world.wait(good.dialPeer(b.nodeAddress as string));
      expect(b.peers.has(good.id)).toBe(true);
    }
  });

  test('a connection that stays silent does not hold up the others (AcceptNonBlocking)', async () => {
    const b = await world.switch('b');
    const silent = await world.wait(world.network.transport('silent').dial(b.address!, { timeoutMs: 1000 }));
    const a = await world.switch('a');
    const startMs = world.clock.monotonicMs();
    await world.wait(a.dialPeer(b.nodeAddress as string));
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(100);
    silent.destroy();
  });
});

describe('the end of a peer', () => {
  test('a peer whose connection breaks is removed and not dialed again (StopsNonPersistentPeerOnError)', async () => {
    const ra = new TestReactor('r', [Plain]);
    const { a, ab } = await world.pair({ reactors: [ra.spec] });
    const events = eventsOf(a);
    world.network.cut('a', 'b');
    await world.clock.advance(60_000);
    expect(events).toEqual(['removed b PEER_CLOSED']);
    expect(ra.calls).toEqual(['init b', 'add b', 'remove b']);
    expect(ab.isRunning).toBe(false);
    expect([ab.trySend(Plain, bytes('x')), await ab.send(0x70, bytes('x'))]).toEqual(['closed', 'closed']);
    expect(a.numPeers()).toEqual({ outbound: 0, inbound: 0, dialing: 0 });
    expect(ab.status()?.state).toBe('closed');
    world.network.heal('a', 'b');
  });

  test('a peer that a reactor stops is gone for both, with the reason, and counted (StopPeerForError)', async () => {
    const { a, b, ab } = await world.pair();
    const [atA, atB] = [eventsOf(a), eventsOf(b)];
    const reasons: SwitchError[] = [];
    a.on('peerRemoved', ({ reason }) => void reasons.push(reason));
    a.stopPeerForError(ab, new Error('bad vote'));
    a.stopPeerForError(ab, new Error('twice'));
    expect(ab.isRunning).toBe(false);
    await world.clock.advance(2000);
    expect([atA, atB]).toEqual([['removed b STOPPED'], ['removed a PEER_CLOSED']]);
    expect(reasons[0]?.message).toContain('bad vote');
    expect(a.stats()).toMatchObject({ peersAdded: 1, peersRemoved: 1, reasons: { STOPPED: 1 }, outbound: 0 });
    // And it can come back.
    await world.wait(a.dialPeer(b.nodeAddress as string));
  });

  test('a graceful end first sends what is queued', async () => {
    const rb = new TestReactor('r', [Plain]);
    const { a, ab } = await world.pair({}, { reactors: [rb.spec] });
    for (let i = 0; i < 8; i += 1) expect(ab.trySend(Plain, new Uint8Array(20_000))).toBe('queued');
    await world.wait(a.stopPeerGracefully(ab));
    await world.clock.advance(1000);
    expect(rb.messages.length).toBe(8);
    expect(a.peers.size).toBe(0);
  });

  test('a graceful end waits for a peer that reads nothing only so long', async () => {
    const { a, ab } = await world.pair({ flushTimeoutMs: 2000 });
    world.network.stall('a', 'b');
    for (let i = 0; i < 8; i += 1) ab.trySend(Plain, new Uint8Array(100_000));
    const startMs = world.clock.monotonicMs();
    await world.wait(a.stopPeerGracefully(ab));
    expect(world.clock.monotonicMs() - startMs).toBe(2000);
    world.network.heal('a', 'b');
  });

  test('a peer process that is killed takes its peer along and nobody else', async () => {
    const ra = new TestReactor('r', [Plain]);
    const { a, b } = await world.pair({ reactors: [ra.spec] });
    const c = await world.switch('c');
    await world.wait(a.dialPeer(c.nodeAddress as string));
    const node = findNode(a, 'connections', `peer-${b.id.slice(0, 6)}`);
    processOf(a, node?.pid).end('killed');
    await world.clock.advance(1000);
    expect(ra.calls.at(-1)).toBe('remove b');
    expect([...a.peers].map((peer) => peer.id)).toEqual([c.id]);
    expect(a.isDialingOrExisting(b.nodeAddress as string)).toBe(false);
  });
});

describe('a switch', () => {
  test('stops its listener, its peers and its reactors, in that order', async () => {
    const order: string[] = [];
    const hooks = {
      removePeer: () => void order.push('removePeer'),
      stop: () => void order.push('stop'),
    };
    const ra = new TestReactor('r', [Plain], hooks);
    const { a, b } = await world.pair({ reactors: [ra.spec] });
    const stopped: unknown[] = [];
    a.on('stopped', ({ reason }) => void stopped.push(reason));
    await world.wait(a.stop());
    expect(order).toEqual(['removePeer', 'stop']);
    expect(ra.reasons[0]).toBeInstanceOf(SwitchError);
    expect(ra.reasons[0]?.code).toBe('STOPPED');
    expect(stopped).toEqual(['shutdown']);
    await world.clock.advance(2000);
    expect(b.peers.size).toBe(0);
    await world.wait(a.stop());
    expect(await world.failure(a.dialPeer(b.nodeAddress as string))).toMatchObject({ code: 'STOPPED' });
  });

  test('shows its tree, its NodeInfo with the real port and the channels in order, and its counters (AddChannel)', async () => {
    const { a, b } = await world.pair({
      reactors: [new TestReactor('r', [Second, Plain]).spec],
      listen: 'memory://a:0',
    });
    expect(a.nodeInfo.channels).toEqual(Uint8Array.of(0x71, 0x70));
    expect(a.nodeInfo.listenAddress).toBe(`tcp://a:${a.address?.port}`);
    expect(a.nodeInfo.listenAddress).not.toBe('tcp://a:0');
    expect(findNode(a, 'reactors', 'r')).toMatchObject({
      module: 'Reactor(r)',
      info: { channels: '0x71,0x70', peers: 1 },
    });
    expect(findNode(a, 'connections', 'peer-*')).toMatchObject({ info: { state: 'connected', peer: b.id } });
    expect(a.formatTree()).toContain('SwitchListener');
    expect(a.reactor('r')?.isAlive).toBe(true);
    expect(a.reactor('nobody')).toBeUndefined();
    const status = await world.wait(getStatus(a.reactor('r')!));
    expect(status).toBeDefined();
  });

  test('runs as a child of a supervisor and comes back when its tree fails', async () => {
    const system = world.system();
    const spec = Switch.childSpec('p2p', {
      nodeKey: world.key(),
      network: 'test-chain',
      reactors: [new TestReactor('r', [Plain]).spec],
      transport: world.network.transport('s'),
      listen: 'memory://s:1',
      engine: world.engine,
    });
    const supervisor = await Supervisor.startLink([spec], { strategy: 'one_for_one', system });
    const first = supervisor.child('p2p');
    expect(first.nodeAddress).toMatch(/@s:1$/);
    processOf(first, first.pid.id).end(new Error('boom'));
    await world.clock.advance(1000);
    const second = supervisor.child('p2p');
    expect(second).not.toBe(first);
    const a = await world.switch('a');
    await world.wait(a.dialPeer(second.nodeAddress as string));
    await world.wait(supervisor.stop());
  });

  test('refuses options out of range, naming them, and leaves nothing behind when it cannot listen', async () => {
    const nodeKey = world.key();
    const base = { nodeKey, network: 'n', transport: world.network.transport('x'), engine: world.engine };
    const reactors = [new TestReactor('r', [Plain]).spec];
    const other = new TestReactor('other', [Plain]).spec;
    await expect(Switch.startLink({ ...base, reactors, inboundPeersMax: -1 })).rejects.toThrow(/inboundPeersMax is -1/);
    await expect(Switch.startLink({ ...base, reactors: [reactors[0]!, other] })).rejects.toThrow(
      /channel id 112 is taken/,
    );
    await expect(Switch.startLink({ ...base, reactors: [reactors[0]!, reactors[0]!] })).rejects.toThrow(/called r/);
    await expect(Switch.startLink({ ...base, reactors, moniker: 'ü' })).rejects.toThrow(/moniker/);
    const mute = channel<1, Uint8Array>({ id: 1, codec: undefined as never });
    await expect(Switch.startLink({ ...base, reactors: [new TestReactor('mute', [mute]).spec] })).rejects.toThrow(
      /codec/,
    );
    for (const connection of [{ pingIntervalMs: 0 }, { pingInterval: 1 }]) {
      const wrong = Switch.startLink({ ...base, reactors, connection: connection as never });
      await expect(wrong).rejects.toThrow(/pingIntervalMs is 0|pingInterval of connection is not known/);
    }
    const tooLong = Switch.startLink({ ...base, reactors, network: 'x'.repeat(10_240) });
    await expect(tooLong).rejects.toThrow(/own NodeInfo: \d+ bytes, at most 10240/);
    for (const nothing of [undefined, {}, Promise.resolve({ receive: () => {} })]) {
      const without = reactor('r', [Plain], () => nothing as never);
      await expect(Switch.startLink({ ...base, reactors: [without] })).rejects.toThrow(/has no receive/);
    }
    await expect(Switch.startLink({ ...base, reactors, persistentPeers: ['x@y'] })).rejects.toThrow(/node address/);
    await expect(Switch.startLink({ ...base, reactors, nope: 1 } as never)).rejects.toThrow(/option nope is not known/);
    const a = await world.switch('x');
    const start = Switch.startLink({ ...base, reactors, listen: a.address! });
    expect(await world.failure(start)).toMatchObject({ code: 'ADDRESS_IN_USE' });
  });
});

describe('the tree of a switch', () => {
  test.each([
    [23.050993999999946, 'rttMs=23.051'],
    [0.0005, 'rttMs=0.001'],
    [0.0004, undefined],
    [0, undefined],
    [undefined, undefined],
  ])('shows a round trip of %s ms as %s', async (rttMsLast, shown) => {
    const { a, ab } = await world.pair();
    const status = ab.status();
    expect(status).toBeDefined();
    vi.spyOn(ab, 'status').mockReturnValue({ ...(status as NonNullable<typeof status>), rttMsLast });
    expect(/rttMs=\S*/.exec(a.formatTree())?.[0]).toBe(shown);
  });
});
