import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { Random } from '../../src/base/random.ts';
import type { Switch } from '../../src/p2p/switch.ts';
import { SWITCH_LIMITS } from '../../src/p2p/switch-options.ts';
import { reconnectDelayMs, shuffled } from '../../src/p2p/switch-reconnect.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { eventsOf, findNode, Plain, processOf, SwitchWorld, TestReactor } from './switch-rig.ts';

const UPSTREAM = {
  reconnectIntervalMs: SWITCH_LIMITS.reconnectIntervalMs[0],
  reconnectAttempts: SWITCH_LIMITS.reconnectAttempts[0],
  reconnectBackoffAttempts: SWITCH_LIMITS.reconnectBackoffAttempts[0],
  dialJitterMs: SWITCH_LIMITS.dialJitterMs[0],
};

const fixed = (value: number): Random => ({ float: () => value, bytes: (length) => new Uint8Array(length) });

describe('the reconnect schedule (switch.go reconnectToPeer)', () => {
  test('is: at once, 19 pauses of 5 s, then 3, 9, 27 ... 59 049 s, then the end', () => {
    const pauses: (number | undefined)[] = [];
    for (let attempt = 0; attempt <= 30; attempt += 1) pauses.push(reconnectDelayMs(attempt, UPSTREAM, fixed(0)));
    expect(pauses.slice(0, 20)).toEqual([0, ...Array.from({ length: 19 }, () => 5000)]);
    // The first growing pause comes after one more of 5 s.
    expect(pauses[20]).toBe(5000 + 3000);
    expect(pauses.slice(21, 30)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10].map((exponent) => 3 ** exponent * 1000));
    expect(pauses[30]).toBeUndefined();
    const totalHours = pauses.reduce<number>((sum, pause) => sum + (pause ?? 0), 0) / 3_600_000;
    expect(totalHours).toBeGreaterThan(24);
    expect(totalHours).toBeLessThan(25);
  });

  test('adds 0 to 3 s of jitter to every pause, never less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 29 }), fc.integer(), (attempt, seed) => {
        const least = reconnectDelayMs(attempt, UPSTREAM, fixed(0)) as number;
        const pause = reconnectDelayMs(attempt, UPSTREAM, new SeededRandom(seed)) as number;
        expect(pause).toBeGreaterThanOrEqual(least);
        expect(pause).toBeLessThan(least + (attempt === 20 ? 6000 : 3000));
      }),
    );
  });

  test('without a first or a second part is just the other, without both nothing', () => {
    const of = (reconnectAttempts: number, reconnectBackoffAttempts: number): (number | undefined)[] =>
      [0, 1, 2].map((attempt) =>
        reconnectDelayMs(attempt, { ...UPSTREAM, reconnectAttempts, reconnectBackoffAttempts }, fixed(0)),
      );
    expect(of(2, 0)).toEqual([0, 5000, undefined]);
    expect(of(0, 2)).toEqual([3000, 9000, undefined]);
    expect(of(0, 0)).toEqual([undefined, undefined, undefined]);
  });

  test('a shuffled list has the same items', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        expect(shuffled(items, new SeededRandom(seed)).sort()).toEqual([...items].sort());
      }),
    );
  });
});

let world = new SwitchWorld();
afterEach(async () => {
  await world.stop();
  expect(world.network.connectionCount).toBe(0);
  expect(world.clock.timerCount).toBe(0);
  world = new SwitchWorld();
});

/** The state of the connection process for `b` in `a`. */
function stateOf(a: Switch, id: string): unknown {
  return findNode(a, 'connections', `peer-${id.slice(0, 6)}`)?.info.state;
}

describe('persistent peers', () => {
  test('are dialed from the start and again when lost (ReconnectsToOutboundPersistentPeer)', async () => {
    const b = await world.switch('b');
    const ra = new TestReactor('r', [Plain]);
    const a = await world.switch('a', { persistentPeers: [b.nodeAddress as string], reactors: [ra.spec] });
    const events = eventsOf(a);
    await world.clock.advance(3000);
    expect(events).toEqual(['added b']);
    const peer = a.peers.get(b.id);
    expect([peer?.isPersistent, peer?.isOutbound]).toEqual([true, true]);
    await world.clock.advance(5000);
    a.stopPeerForError(peer!, new Error('transient'));
    await world.clock.advance(100);
    expect(events).toEqual(['added b', 'removed b STOPPED', 'added b']);
    expect(ra.calls).toEqual(['init b', 'add b', 'remove b', 'init b', 'add b']);
    expect(a.peers.get(b.id)).not.toBe(peer);
    expect(a.stats()).toMatchObject({ dials: 2, redials: 1 });
  });

  test('that were not there yet are found when they come', async () => {
    const key = world.key();
    const a = await world.switch('a', { persistentPeers: [`${world.idOf(key)}@b:1`] });
    const events = eventsOf(a);
    await world.clock.advance(14_000);
    expect(new Set(events)).toEqual(new Set(['dialFailed DIAL_FAILED']));
    expect(a.numPeers()).toEqual({ outbound: 0, inbound: 0, dialing: 1 });
    await world.switch('b', { nodeKey: key });
    await world.clock.advance(8000);
    expect(events.at(-1)).toBe('added b');
  });

  test('are dialed 31 times over a day and then given up, with an event', async () => {
    const a = await world.switch('a', { persistentPeers: [`${'ab'.repeat(20)}@nobody:1`] });
    const events = eventsOf(a);
    let dials = 0;
    a.on('dialFailed', () => {
      dials += 1;
    });
    await world.clock.advance(30 * 3_600_000);
    expect(events.at(-2)).toBe('gaveUp 30');
    expect(dials).toBe(31); // the first, then 30 by the schedule
    expect(a.numPeers().dialing).toBe(0);
    expect(world.clock.timerCount).toBe(0);
    expect(a.stats()).toMatchObject({ dials: 31, redials: 30, reasons: { DIAL_FAILED: 31 } });
  });

  test('that hang up at once are not dialed at once for ever', async () => {
    const b = await world.switch('b', {
      reactors: [new TestReactor('r', [Plain], { addPeer: () => Promise.reject(new Error('no')) }).spec],
    });
    const a = await world.switch('a', { persistentPeers: [b.nodeAddress as string] });
    await world.clock.advance(3000);
    await world.clock.advance(60_000);
    // 5 to 8 s each after the first two.
    expect(a.stats().dials).toBeGreaterThan(7);
    expect(a.stats().dials).toBeLessThanOrEqual(2 + 60 / 5 + 1);
  });

  test('that dialed us are dialed by us when lost (ReconnectsToInboundPersistentPeer)', async () => {
    const key = world.key();
    const b = await world.switch('b');
    b.addPersistentPeers([`${world.idOf(key)}@a:1`]);
    const a = await world.switch('a', { nodeKey: key });
    await world.wait(a.dialPeer(b.nodeAddress as string));
    await world.clock.advance(6000);
    const peer = b.peers.get(a.id);
    expect([peer?.isPersistent, peer?.isOutbound]).toEqual([true, false]);
    const events = eventsOf(b);
    b.stopPeerForError(peer!, 'test');
    await world.clock.advance(20_000);
    expect(events).toEqual(expect.arrayContaining(['removed a STOPPED', 'added a']));
    expect(b.peers.get(a.id)?.isOutbound).toBe(true);
    // The process that did so is watched: killed, it is replaced.
    processOf(b, findNode(b, 'connections', 'peer-*')?.pid).end('killed');
    await world.clock.advance(20_000);
    expect(b.peers.get(a.id)?.isOutbound).toBe(true);
  });

  test('connected by the other side are not dialed, until that connection ends', async () => {
    const key = world.key();
    const b = await world.switch('b');
    const a = await world.switch('a', { nodeKey: key });
    await world.wait(a.dialPeer(b.nodeAddress as string));
    await world.clock.settle();
    b.dialPeersAsync([`${world.idOf(key)}@a:1`], { isPersistent: true });
    await world.clock.advance(30_000);
    expect(b.stats()).toMatchObject({ dials: 0, inbound: 1, outbound: 0, dialing: 1 });
    expect(stateOf(b, a.id)).toBe('backoff');
    a.stopPeerForError(a.peers.get(b.id)!, 'test');
    await world.clock.advance(9000);
    expect(b.numPeers()).toEqual({ outbound: 1, inbound: 0, dialing: 0 });
  });

  test('stopped gracefully are not dialed again', async () => {
    const b = await world.switch('b');
    const a = await world.switch('a', { persistentPeers: [b.nodeAddress as string] });
    await world.clock.advance(3000);
    await world.wait(a.stopPeerGracefully(a.peers.get(b.id)!));
    await world.clock.advance(60_000);
    expect(a.numPeers()).toEqual({ outbound: 0, inbound: 0, dialing: 0 });
  });

  test('lost with their process are dialed by another one', async () => {
    const b = await world.switch('b');
    const a = await world.switch('a', { persistentPeers: [b.nodeAddress as string] });
    await world.clock.advance(3000);
    processOf(a, findNode(a, 'connections', 'peer-*')?.pid).end(new Error('bug'));
    await world.clock.advance(100);
    expect(a.peers.size).toBe(0);
    await world.clock.advance(5000);
    expect(a.peers.size).toBe(1);
  });

  test('come back after a restart of the dialer', async () => {
    const b = await world.switch('b');
    const a = await world.switch('a', { persistentPeers: [b.nodeAddress as string] });
    await world.clock.settle();
    processOf(a, findNode(a, 'dialer')?.pid).end(new Error('bug'));
    await world.clock.advance(3001);
    expect(a.peers.size).toBe(1);
    expect(findNode(a, 'dialer')?.restarts).toBe(1);
  });

  test('a switch with one in backoff stops at once', async () => {
    const a = await world.switch('a', { persistentPeers: [`${'ab'.repeat(20)}@nobody:1`] });
    await world.clock.advance(10_000);
    const startMs = world.clock.monotonicMs();
    await world.wait(a.stop());
    expect(world.clock.monotonicMs()).toBe(startMs);
  });
});

describe('errors that a reactor calls transient (ReconnectsAfterTransientError)', () => {
  test('make us dial an outbound peer again until it is there, and then no more', async () => {
    const { a, b, ab } = await world.pair();
    await world.clock.advance(6000);
    world.network.cut('a', 'b');
    world.network.heal('a', 'b');
    await world.clock.advance(100);
    expect(a.peers.size).toBe(0); // lost by itself: not dialed again
    const again = await world.wait(a.dialPeer(b.nodeAddress as string));
    expect(again).not.toBe(ab);
    await world.wait(b.stop());
    const c = await world.switch('c');
    const ac = await world.wait(a.dialPeer(c.nodeAddress as string));
    await world.clock.advance(6000);
    a.stopPeerForError(ac, 'hiccup', { isTransient: true });
    await world.clock.advance(100);
    expect(a.peers.get(c.id)?.isOutbound).toBe(true);
    a.stopPeerForError(a.peers.get(c.id)!, 'for good');
    await world.clock.advance(60_000);
    expect(a.peers.size).toBe(0);
  });

  test('do not make us dial one that had dialed us', async () => {
    const { b, ba } = await world.pair();
    await world.clock.advance(6000);
    b.stopPeerForError(ba, 'hiccup', { isTransient: true });
    await world.clock.advance(60_000);
    expect(b.stats()).toMatchObject({ dials: 0, inbound: 0 });
  });
});
