import { afterEach, describe, expect, test } from 'vitest';
import { send } from '../../src/actors/process.ts';
import { P2pError } from '../../src/p2p/errors.ts';
import type { Peer } from '../../src/p2p/peer.ts';
import { type Envelope, reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { bytes, eventsOf, findNode, Json, Plain, processOf, Second, SwitchWorld, TestReactor } from './switch-rig.ts';

let world = new SwitchWorld();
afterEach(async () => {
  await world.stop();
  expect(world.network.connectionCount).toBe(0);
  expect(world.clock.timerCount).toBe(0);
  world = new SwitchWorld();
});

/** A promise and the way to settle it. */
function later(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('a reactor', () => {
  test('hears of a peer before it is connected, when it is, of its messages, and when it is gone', async () => {
    const seen: [string, boolean][] = [];
    const note = (what: string) => (peer: Peer) => void seen.push([what, peer.isRunning]);
    const ra = new TestReactor('r', [Plain], {
      initPeer: note('init'),
      addPeer: note('add'),
      receive: ({ peer }) => note('receive')(peer),
      removePeer: note('remove'),
    });
    const rb = new TestReactor('r', [Plain], { addPeer: (peer) => void peer.trySend(Plain, bytes('hello')) });
    const { a, ab } = await world.pair({ reactors: [ra.spec] }, { reactors: [rb.spec] });
    await world.clock.advanceUntil(() => ra.messages.length === 1);
    a.stopPeerForError(ab, 'test');
    await world.clock.advance(100);
    expect(seen).toEqual([
      ['init', false],
      ['add', true],
      ['receive', true],
      ['remove', false],
    ]);
  });

  test('of several each is told, in their order, and keeps values of its own at the peer', async () => {
    const order: string[] = [];
    const make = (id: string, channels: (typeof Plain | typeof Second)[]) =>
      new TestReactor(id, channels as never, {
        initPeer: (peer) => {
          order.push(`init ${id}`);
          peer.set(id, { height: id.length });
        },
        addPeer: (peer) => void order.push(`add ${id} ${JSON.stringify(peer.get(id))}`),
        removePeer: (peer) => void order.push(`remove ${id} ${JSON.stringify(peer.get(id))}`),
      });
    const { a, ab } = await world.pair({ reactors: [make('x', [Plain]).spec, make('yy', [Second]).spec] });
    a.stopPeerForError(ab, 'test');
    await world.clock.advance(100);
    expect(order).toEqual([
      'init x',
      'init yy',
      'add x {"height":1}',
      'add yy {"height":2}',
      'remove x {"height":1}',
      'remove yy {"height":2}',
    ]);
  });

  test('gets no message before its addPeer is done, however early it came', async () => {
    const gate = later();
    const ra = new TestReactor('r', [Plain], { addPeer: () => gate.promise });
    const rb = new TestReactor('r', [Plain], { addPeer: (peer) => void peer.trySend(Plain, bytes('early')) });
    const b = await world.switch('b', { reactors: [rb.spec] });
    const a = await world.switch('a', { reactors: [ra.spec] });
    const dial = a.dialPeer(b.nodeAddress as string);
    await world.clock.advance(1000);
    expect([ra.calls, ra.messages.length, rb.calls]).toEqual([['init b', 'add b'], 0, ['init a', 'add a']]);
    gate.resolve();
    await world.wait(dial);
    await world.clock.settle();
    expect(ra.messages.length).toBe(1);
  });

  test('is told of a removal before it is told of the next connection (InitPeerIsNotCalledBeforeRemovePeer)', async () => {
    const gate = later();
    const rb = new TestReactor('r', [Plain], { removePeer: () => gate.promise });
    const { a, b, ab } = await world.pair({}, { reactors: [rb.spec], reactorTimeoutMs: 60_000 });
    const events = eventsOf(b);
    a.stopPeerForError(ab, 'test');
    await world.clock.advance(1000);
    expect(rb.calls).toEqual(['init a', 'add a', 'remove a']);
    // It comes again while the reactor has not let go.
    a.dialPeer(b.nodeAddress as string).catch(() => {});
    await world.clock.advance(1000);
    expect(rb.calls).toEqual(['init a', 'add a', 'remove a']);
    expect(events).toEqual(['rejected in DUPLICATE_ID']);
    gate.resolve();
    await world.clock.advance(2000);
    await world.wait(a.dialPeer(b.nodeAddress as string));
    await world.clock.advance(1000);
    expect(rb.calls).toEqual(['init a', 'add a', 'remove a', 'init a', 'add a']);
  });

  test('with an async receive gets the messages of a channel one at a time, and other channels and peers do not wait', async () => {
    const gates: (() => void)[] = [];
    const started: string[] = [];
    const rb = new TestReactor('r', [Plain, Second], {
      receive: ({ peer, channelId, message }) => {
        started.push(`${peer.nodeInfo.moniker} ${channelId} ${(message as Uint8Array)[0]}`);
        const gate = later();
        gates.push(gate.resolve);
        return gate.promise;
      },
    });
    const { b, ab } = await world.pair(
      { reactors: [new TestReactor('r', [Plain, Second]).spec] },
      { reactors: [rb.spec] },
    );
    const c = await world.switch('c');
    const cb = await world.wait(c.dialPeer(b.nodeAddress as string));
    for (const i of [1, 2, 3]) ab.trySend(Plain, Uint8Array.of(i));
    ab.trySend(Second, Uint8Array.of(4));
    cb.trySend(Plain, Uint8Array.of(5));
    await world.clock.advance(100);
    expect(started.sort()).toEqual(['a 112 1', 'a 113 4', 'c 112 5']);
    expect(b.tree()).toBeDefined();
    for (let i = 0; i < 5; i += 1) {
      for (const resolve of gates.splice(0)) resolve();
      await world.clock.advance(10);
    }
    expect(started.length).toBe(5);
    expect(started.filter((each) => each.startsWith('a 112'))).toEqual(['a 112 1', 'a 112 2', 'a 112 3']);
  });

  test('gets its own messages by handleInfo, and forgets its timers with its process', async () => {
    const infos: unknown[] = [];
    const ticking = reactor('tick', [Plain], (context) => {
      context.sendAfter('tick', 1000);
      return { receive: () => {}, handleInfo: (message) => void infos.push(message) };
    });
    const a = await world.switch('a', { reactors: [ticking] });
    await world.clock.advance(999);
    expect(infos).toEqual([]);
    await world.clock.advance(1);
    send(a.reactor('tick')!, 'hello');
    await world.clock.settle();
    expect(infos).toEqual(['tick', 'hello']);
  });

  test('may dial before its switch listens: that waits', async () => {
    const b = await world.switch('b');
    const outcomes: string[] = [];
    const early = reactor('early', [Plain], (context) => {
      const dial = context.switch.dialPeer(b.nodeAddress as string);
      context.switch.dialPeersAsync([`${'ab'.repeat(20)}@nobody:1`]);
      dial.then(
        ({ id }) => void outcomes.push(id),
        (error) => void outcomes.push(error.code),
      );
      return { receive: () => {} };
    });
    const a = await world.switch('a', { reactors: [early] });
    await world.clock.advance(4000);
    expect([outcomes, a.stats().dials]).toEqual([[b.id], 2]);
    // And one whose switch never comes to run is told so.
    const start = world.switch('a', { reactors: [early], listen: 'memory://a:1' });
    expect(await world.failure(start)).toMatchObject({ code: 'ADDRESS_IN_USE' });
    expect(outcomes[1]).toBe('STOPPED');
  });

  test('reaches peers through the switch it is given', async () => {
    const found: string[] = [];
    const asking = reactor('ask', [Plain], (context) => ({
      addPeer: (peer) => void found.push(...[...context.switch.peers].map(({ id }) => id), peer.id, context.switch.id),
      receive: () => {},
    }));
    const { a, b } = await world.pair({ reactors: [asking] });
    expect(found).toEqual([b.id, b.id, a.id]);
  });
});

describe('a reactor with a peerFilter', () => {
  test('keeps the peers from its switch that it will not have, beside the filters of the switch', async () => {
    const seen: string[] = [];
    const handlers = { receive: (): void => {} };
    const picky = reactor(
      'picky',
      [Plain],
      () => handlers,
      ({ nodeInfo, isPersistent, isOutbound }) => {
        seen.push(`${nodeInfo.moniker} ${isPersistent} ${isOutbound}`);
        return nodeInfo.moniker === 'c' ? 'not c' : undefined;
      },
    );
    let filterCalls = 0;
    const count = (): undefined => {
      filterCalls += 1;
    };
    const { a, b } = await world.pair({}, { reactors: [picky], peerFilters: [count] });
    const c = await world.switch('c');
    await world.wait(c.dialPeer(b.nodeAddress as string).catch(() => {}));
    await world.clock.advanceUntil(() => b.stats().reasons.FILTERED === 1);
    expect(b.peers.copy().map(({ id }) => id)).toEqual([a.id]);
    expect(seen).toEqual(['a false false', 'c false false']);
    expect(filterCalls).toBe(2);
  });
});

describe('a reactor that fails', () => {
  test.each([
    [
      'initPeer',
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['initPeer', 'rejects', () => Promise.reject(new Error('bug'))],
    [
      'addPeer',
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['addPeer', 'rejects', () => Promise.reject(new Error('bug'))],
    ['addPeer', 'never answers', () => new Promise<void>(() => {})],
    ['initPeer', 'never answers', () => new Promise<void>(() => {})],
  ] as const)('in %s, because it %s, loses that peer and tells the other reactors (%#)', async (hook, _how, run) => {
    const before = new TestReactor('before', [Plain]);
    const bad = new TestReactor('bad', [Second], { [hook]: run });
    const a = await world.switch('a', { reactors: [before.spec, bad.spec] });
    const b = await world.switch('b');
    const events = eventsOf(a);
    const error = await world.failure(a.dialPeer(b.nodeAddress as string));
    expect([error.code, error.peerId]).toEqual(['REACTOR_FAILED', b.id]);
    expect(error.message).toContain(`reactor bad failed in ${hook} for peer ${b.id}`);
    expect(events).toEqual(['rejected out REACTOR_FAILED', 'dialFailed REACTOR_FAILED']);
    await world.clock.advance(6000);
    expect(before.calls.at(-1)).toBe('remove b');
    expect(bad.calls.filter((call) => call.startsWith('remove')).length).toBe(hook === 'addPeer' ? 1 : 0);
    expect([a.peers.size, a.reactor('bad')?.isAlive]).toEqual([0, true]);
    expect(a.stats().reactors.bad).toMatchObject({ failures: 1, restarts: 0 });
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('bug in receive');
      },
    ],
    [
      'sends what is no bytes',
      (peer: Peer) => {
        try {
          peer.trySend(Plain, { text: 'a plain object' } as never);
        } catch (cause) {
          throw new Error('bug in receive', { cause });
        }
      },
    ],
    ['rejects', () => Promise.reject(new Error('bug in receive'))],
  ] as const)('on a message, because it %s, loses who sent it and nobody else', async (_how, run) => {
    const bad = new TestReactor('bad', [Plain], {
      receive: ({ peer, message }) => ((message as Uint8Array)[0] === 0xbd ? run(peer) : undefined),
    });
    const { a, ab, b } = await world.pair({}, { reactors: [bad.spec] });
    const c = await world.switch('c');
    const cb = await world.wait(c.dialPeer(b.nodeAddress as string));
    const reasons: string[] = [];
    b.on('peerRemoved', ({ reason }) => void reasons.push(`${reason.code} ${reason.message}`));
    ab.trySend(Plain, Uint8Array.of(0xbd));
    await world.clock.advance(100);
    expect(reasons.length).toBe(1);
    expect(reasons[0]).toMatch(
      /^REACTOR_FAILED reactor bad failed on a message of peer .* on channel 0x70: .*bug in rec/,
    );
    expect([a.peers.size, c.peers.size]).toEqual([0, 1]);
    cb.trySend(Plain, bytes('fine'));
    await world.clock.advance(100);
    expect(bad.messages.length).toBe(2);
    expect(bad.created).toBe(1);
    expect(b.stats()).toMatchObject({ reactorFailures: 1, reasons: { REACTOR_FAILED: 1 } });
  });

  test('by being late in initPeer does not keep a peer that is gone', async () => {
    const gate = later();
    const late = new TestReactor('late', [Plain], { initPeer: () => gate.promise });
    const a = await world.switch('a', { reactors: [late.spec], reactorTimeoutMs: 1000 });
    const b = await world.switch('b');
    expect(await world.failure(a.dialPeer(b.nodeAddress as string))).toMatchObject({ code: 'REACTOR_FAILED' });
    gate.resolve();
    await world.clock.advance(1000);
    expect(findNode(a, 'reactors', 'late')?.info.peers).toBe(0);
    expect(late.calls).toEqual(['init b']);
  });

  test('is counted by the code it gives when it stops a peer', async () => {
    const { a, ab } = await world.pair();
    a.stopPeerForError(ab, new P2pError('FLOOD', 'asked too often'));
    await world.clock.advance(100);
    expect(a.stats().reasons).toEqual({ FLOOD: 1 });
  });

  test('to let go of a peer is logged, and the peer is gone all the same (RemovalErr)', async () => {
    const bad = new TestReactor('bad', [Plain], { removePeer: () => Promise.reject(new Error('held on')) });
    const { a, b, ab } = await world.pair({ reactors: [bad.spec] });
    a.stopPeerForError(ab, 'test');
    await world.clock.advance(1000);
    expect(a.peers.size).toBe(0);
    expect(world.logs.some(({ message }) => message === 'a reactor failed to let go of a peer')).toBe(true);
    await world.wait(a.dialPeer(b.nodeAddress as string));
    expect(bad.calls).toEqual(['init b', 'add b', 'remove b', 'init b', 'add b']);
  });

  test('as a process is restarted with a new state, and the peers of the moment are introduced to it', async () => {
    const rb = new TestReactor('r', [Plain]);
    const { b, ab } = await world.pair({}, { reactors: [rb.spec] });
    processOf(b, b.reactor('r')?.id).end(new Error('crash'));
    await world.clock.settle();
    expect(rb.created).toBe(2);
    expect(rb.calls).toEqual(['init a', 'add a', 'init a', 'add a']);
    expect([b.peers.size, findNode(b, 'reactors', 'r')?.restarts]).toEqual([1, 1]);
    ab.trySend(Plain, bytes('after'));
    await world.clock.advance(100);
    expect(rb.messages.length).toBe(1);
    expect(b.stats().reactors.r).toMatchObject({ restarts: 1, messagesReceived: 1 });
  });

  test('as a process takes along the messages it had in work, and their channels go on', async () => {
    const rb = new TestReactor('r', [Plain], {
      receive: ({ message }) => ((message as Uint8Array)[0] === 1 ? new Promise<void>(() => {}) : undefined),
    });
    const { b, ab } = await world.pair({}, { reactors: [rb.spec] });
    ab.trySend(Plain, Uint8Array.of(1));
    ab.trySend(Plain, Uint8Array.of(2));
    await world.clock.advance(100);
    expect(rb.messages.length).toBe(1);
    processOf(b, b.reactor('r')?.id).end(new Error('crash'));
    await world.clock.advance(100);
    expect(rb.messages.map(({ message }) => (message as Uint8Array)[0])).toEqual([1, 2]);
    expect(b.stats().reactors.r?.messagesDropped).toBe(1);
  });

  test('again after its restart loses the peer it failed for', async () => {
    let isBad = false;
    const rb = new TestReactor('r', [Plain], {
      initPeer: () => {
        if (isBad) throw new Error('bad start');
      },
    });
    const { b } = await world.pair({}, { reactors: [rb.spec] });
    const events = eventsOf(b);
    isBad = true;
    processOf(b, b.reactor('r')?.id).end(new Error('crash'));
    await world.clock.advance(100);
    expect(events).toEqual(['removed a REACTOR_FAILED']);
  });

  test('in handleInfo is a matter of its supervisor, not of a peer', async () => {
    const rb = new TestReactor('r', [Plain], {
      handleInfo: () => {
        throw new Error('bug');
      },
    });
    const { b } = await world.pair({}, { reactors: [rb.spec] });
    send(b.reactor('r')!, 'boom');
    await world.clock.advance(100);
    expect([b.peers.size, rb.created, b.reactor('r')?.isAlive]).toEqual([1, 2, true]);
  });

  test('too often takes the connections along, and the switch goes on without them', async () => {
    const rb = new TestReactor('r', [Plain]);
    const { b, a } = await world.pair({}, { reactors: [rb.spec] });
    for (let i = 0; i < 4; i += 1) {
      processOf(b, b.reactor('r')?.id).end(new Error('crash'));
      await world.clock.settle();
    }
    await world.clock.advance(3000);
    expect([b.peers.size, b.pid.isAlive, b.reactor('r')?.isAlive]).toEqual([0, true, true]);
    await world.wait(a.dialPeer(b.nodeAddress as string));
    expect(a.peers.size).toBe(1);
  });
});

describe('channels', () => {
  test('a message that does not decode is the fault of the peer and costs its connection', async () => {
    const rb = new TestReactor('r', [Json as never]);
    const raw = channel({ id: Json.id, codec: bytesCodec });
    const { ab, b } = await world.pair({ reactors: [new TestReactor('r', [raw]).spec] }, { reactors: [rb.spec] });
    const reasons: string[] = [];
    b.on('peerRemoved', ({ reason }) => void reasons.push(`${reason.code} ${reason.message}`));
    ab.trySend(Json.id, bytes('{"half":'));
    await world.clock.advance(100);
    expect(reasons[0]).toMatch(
      /^MESSAGE_INVALID peer [0-9a-f]{40}: 8 bytes on channel 0x72 do not decode: SyntaxError/,
    );
    expect([rb.messages.length, b.peers.size]).toEqual([0, 0]);
  });

  test('a filter of raw messages comes before the codec (MsgBytesFilter)', async () => {
    let decoded = 0;
    const guarded = channel({
      id: 0x70,
      filterBytes: (message) => (message.length > 4 ? `${message.length} bytes are too many` : undefined),
      codec: {
        encode: (message: Uint8Array) => message,
        decode: (message) => {
          decoded += 1;
          return message;
        },
      },
    });
    const { ab, b } = await world.pair({}, { reactors: [new TestReactor('r', [guarded]).spec] });
    const reasons: string[] = [];
    b.on('peerRemoved', ({ reason }) => void reasons.push(`${reason.code} ${reason.message}`));
    ab.trySend(Plain, new Uint8Array(4));
    await world.clock.advance(10);
    ab.trySend(Plain, new Uint8Array(5));
    await world.clock.advance(100);
    expect([decoded, reasons.length]).toEqual([1, 1]);
    expect(reasons[0]).toMatch(/^MESSAGE_INVALID .*5 bytes are too many$/);
  });

  test('a peer is not sent what it did not list (peer.go Send), and a value too long for a channel is refused', async () => {
    const small = channel({ id: 0x73, recvMessageCapacity: 10, codec: bytesCodec });
    const ra = new TestReactor('r', [Plain, Second, small]);
    const { ab, ba } = await world.pair(
      { reactors: [ra.spec] },
      { reactors: [new TestReactor('r', [Plain, small]).spec] },
    );
    expect([ab.hasChannel(Plain), ab.hasChannel(Second), ab.hasChannel(0x73)]).toEqual([true, false, true]);
    expect([ab.trySend(Second, bytes('x')), await ab.send(Second, bytes('x'))]).toEqual([
      'unknown_channel',
      'unknown_channel',
    ]);
    expect(ab.trySend(small, new Uint8Array(10))).toBe('queued');
    expect(() => ab.trySend(small, new Uint8Array(11))).toThrow(/11 bytes/);
    expect(() => ba.trySend(0x71, bytes('x'))).toThrow(RangeError);
    await expect(ba.send(Second, bytes('x'))).rejects.toThrow(RangeError);
    expect(ab.stats()).toMatchObject({ messagesSent: 1, messagesRefused: 2 });
  });

  test('tell the types of their messages apart by id', () => {
    const spec = reactor('typed', [Plain, Json], () => ({
      receive: (envelope: Envelope<typeof Plain | typeof Json>) => {
        if (envelope.channelId === 0x70) envelope.message satisfies Uint8Array;
      },
    }));
    expect(spec.channels.map(({ id }) => id)).toEqual([0x70, 0x72]);
  });
});
