/** Small messages beside bulk, against a peer that behaves in time like an unmodified CometBFT node. */
import { describe, expect, it } from 'vitest';
import type { MConnection } from '../../src/net/mconnection.ts';
import type { MConnectionOptions } from '../../src/net/mconnection-options.ts';
import type { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { connect } from './link-rig.ts';
import { RecordedMConnection } from './mconnection-rig.ts';
import { UpstreamPeer, type UpstreamPeerOptions } from './upstream-peer.ts';

const BULK = 1;
const ECHO = 2;
const CHANNELS = [
  { id: BULK, priority: 1, sendQueueCapacity: 4 },
  { id: ECHO, priority: 100, sendQueueCapacity: 100 },
];
const OFF = { bulkWindowBytes: 0, isPingBehindMessages: false } as const;

interface Rig {
  readonly clock: VirtualClock;
  readonly a: RecordedMConnection;
  readonly mconnection: MConnection;
  readonly peer: UpstreamPeer;
  /** Keeps the bulk channel full from now on. */
  saturate(size?: number): void;
  /** Round trip of one small message, in virtual ms. */
  probe(): Promise<number>;
}

async function rig(peerOptions: UpstreamPeerOptions, options: Partial<MConnectionOptions> = {}): Promise<Rig> {
  const { clock, near, far } = await connect();
  const a = new RecordedMConnection(near, CHANNELS, {
    clock,
    sendRateBytesPerSecond: 0,
    recvRateBytesPerSecond: 0,
    ...options,
  });
  const peer = new UpstreamPeer(far, clock, peerOptions);
  const { mconnection } = a;
  mconnection.start();
  let echoes = 0;
  a.onReceive = () => {
    echoes += 1;
  };
  return {
    clock,
    a,
    mconnection,
    peer,
    saturate: (size = 65_536) => {
      const message = new Uint8Array(size);
      const next = (): void => {
        if (mconnection.isRunning) void mconnection.send(BULK, message, { timeoutMs: 3_600_000 }).then(next);
      };
      next();
    },
    probe: async () => {
      const startMs = clock.monotonicMs();
      const before = echoes;
      mconnection.trySend(ECHO, new Uint8Array(100));
      await clock.advanceUntil(() => echoes > before);
      return clock.monotonicMs() - startMs;
    },
  };
}

async function probes(r: Rig, count: number, everyMs: number): Promise<number[]> {
  const rtts: number[] = [];
  for (let i = 0; i < count; i += 1) {
    rtts.push(await r.probe());
    await r.clock.advance(everyMs);
  }
  return rtts.sort((x, y) => x - y);
}

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] as number;

describe('the window', () => {
  it('keeps un-ponged bulk under its bound while small messages share the link', async () => {
    const r = await rig({ handlerMs: 20 }, { bulkWindowBytes: 32_768, bulkWindowBytesMax: 32_768 });
    r.saturate();
    await r.probe();
    for (let i = 0; i < 200; i += 1) {
      await r.clock.advance(3);
      expect(r.mconnection.status().unpongedBytes).toBeLessThanOrEqual(32_768);
      expect(r.peer.backlogBytes).toBeLessThanOrEqual(32_768);
    }
    expect(r.mconnection.status().windowWaits).toBeGreaterThan(0);
  });

  it('does not stand in the way of a message longer than itself, or of packets longer than itself', async () => {
    const r = await rig({}, { bulkWindowBytes: 4096, bulkWindowBytesMax: 4096 });
    r.mconnection.trySend(BULK, new Uint8Array(1_000_000));
    await r.clock.advance(200); // 4 KiB a ping, at the rate of pings
    expect([r.peer.bulkBytes, r.peer.bulkMessages]).toEqual([1_000_000, 1]);
  });

  it('makes a small message wait for one handler at most, where it waited for all of them', async () => {
    const bare = await rig({ handlerMs: 20 }, OFF);
    for (let i = 0; i < 50; i += 1) {
      await bare.mconnection.send(BULK, new Uint8Array(65_536));
      await bare.clock.advance(1);
    }
    expect(await bare.probe()).toBeGreaterThan(500);

    const r = await rig({ handlerMs: 20 });
    r.saturate();
    await r.clock.advance(200);
    expect(median(await probes(r, 40, 37))).toBeLessThanOrEqual(21);
  });

  it.each([
    [1000, 20],
    [1000, 5],
    [2000, 3],
    [8192, 10],
  ])('does so whatever the size of what comes without end: %i bytes, handled in %i ms', async (size, handlerMs) => {
    const r = await rig({ handlerMs });
    r.saturate(size);
    await r.clock.advance(5000);
    expect(await r.probe()).toBeLessThanOrEqual(Math.max(20, handlerMs) + 2);
    expect(median(await probes(r, 40, 37))).toBeLessThanOrEqual(handlerMs + 5);
  });

  it('takes messages of one packet for small ones again once there is no backlog of them', async () => {
    const r = await rig({ handlerMs: 2 });
    for (let i = 0; i < 4; i += 1) r.mconnection.trySend(BULK, new Uint8Array(1000));
    const waits: Promise<unknown>[] = [];
    for (let i = 0; i < 100; i += 1) waits.push(r.mconnection.send(BULK, new Uint8Array(1000)));
    await r.clock.advance(3000);
    await Promise.all(waits);
    const { eofWaits } = r.mconnection.status();
    expect(eofWaits).toBeGreaterThan(0);
    for (let i = 0; i < 4; i += 1) r.mconnection.trySend(BULK, new Uint8Array(1000));
    await r.clock.advance(0);
    expect(r.mconnection.status().eofWaits).toBe(eofWaits);
  });

  it('costs the bulk of a slow peer nothing much', async () => {
    const r = await rig({ handlerMs: 20 });
    r.saturate();
    await r.clock.advance(1000);
    expect(r.peer.bulkMessages).toBeGreaterThanOrEqual(43); // of 50 that its handler can take
  });
});

describe('the gate', () => {
  it('lets one end of a bulk message wait at a peer with slow handlers, also with a wide window', async () => {
    const options = { bulkWindowBytes: 1_048_576, isAutoPaced: false };
    const open = await rig({ handlerMs: 20 }, { ...options, isEofGated: false });
    open.saturate();
    await open.clock.advance(1000);
    expect(await open.probe()).toBeGreaterThan(100);

    const r = await rig({ handlerMs: 20 }, options);
    r.saturate();
    await r.clock.advance(1000);
    expect(median(await probes(r, 20, 33))).toBeLessThanOrEqual(21);
    expect(r.mconnection.status().eofWaits).toBeGreaterThan(10);
  });

  it('holds nothing back beside a fast peer once it is known to be fast', async () => {
    const r = await rig({});
    for (let i = 0; i < 100; i += 1) {
      r.mconnection.trySend(BULK, new Uint8Array(65_536));
      await r.clock.advance(1);
    }
    const { eofWaits } = r.mconnection.status();
    for (let i = 0; i < 100; i += 1) {
      r.mconnection.trySend(BULK, new Uint8Array(65_536));
      await r.clock.advance(1);
    }
    expect(r.mconnection.status().eofWaits).toBe(eofWaits);
  });
});

describe('a ping behind a message', () => {
  it.each([10, 100])('takes a flush timer of %i ms out of the round trip', async (flushMs) => {
    const bare = await rig({ flushMs }, OFF);
    expect(await bare.probe()).toBe(flushMs);

    const r = await rig({ flushMs });
    const rtts = await probes(r, 100, 20);
    expect(median(rtts)).toBe(0);
    expect(rtts.filter((rtt) => rtt > 0).length).toBeLessThanOrEqual(5); // what it took to find out
  });

  it('is left out, but for a try now and then, where the peer flushes by itself', async () => {
    const r = await rig({ flushMs: 0 });
    await probes(r, 20, 20);
    const before = r.peer.pings;
    await probes(r, 200, 20);
    expect(r.peer.pings - before).toBeLessThanOrEqual(8);
  });

  it('keeps to the stated rate of pings, and to one ping out at a time', async () => {
    const r = await rig({ flushMs: 10 }, { sendPingsPerSecondMax: 50 });
    const startMs = r.clock.monotonicMs();
    for (let i = 0; i < 600; i += 1) {
      r.mconnection.trySend(ECHO, new Uint8Array(100));
      await r.clock.advance(1);
      const { pingsSent, pongsReceived } = r.mconnection.status();
      expect(pingsSent - pongsReceived).toBeLessThanOrEqual(1);
    }
    const seconds = (r.clock.monotonicMs() - startMs) / 1000;
    expect(r.peer.pings).toBeLessThanOrEqual(32 + 50 * seconds);
    expect(r.peer.pings).toBeGreaterThan(40);
  });

  it('sends no pings but those of liveness when all of it is switched off', async () => {
    const r = await rig({ flushMs: 10 }, OFF);
    for (let i = 0; i < 10; i += 1) await r.mconnection.send(BULK, new Uint8Array(65_536));
    await probes(r, 20, 20);
    expect(r.peer.pings).toBe(0);
    expect(r.mconnection.status().windowBytes).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the pace', () => {
  const RATE = 500_000;

  it('finds the limit of a peer and stays under it, so that small messages do not wait', async () => {
    const r = await rig({ recvRate: RATE, flushMs: 10 }, { bulkWindowBytes: 32_768 });
    r.saturate(16_384);
    await r.clock.advance(5_000);
    expect(r.mconnection.status().paceBytesPerSecond).toBeGreaterThan(0.75 * RATE);
    const before = r.peer.bulkBytes;
    const startMs = r.clock.monotonicMs();
    const rtts = await probes(r, 200, 17);
    const rate = ((r.peer.bulkBytes - before) / (r.clock.monotonicMs() - startMs)) * 1000;
    expect(rate).toBeGreaterThan(0.8 * RATE);
    expect(median(rtts)).toBeLessThan(0.5);
    expect(rtts[Math.floor(rtts.length * 0.95)]).toBeLessThan(5);
  });

  it('is never set for a peer without a limit', async () => {
    for (const handlerMs of [0, 5]) {
      const r = await rig({ handlerMs }, { bulkWindowBytes: 16_384 });
      for (let i = 0; i < 200; i += 1) {
        r.mconnection.trySend(BULK, new Uint8Array(65_536));
        await r.clock.advance(7);
        expect(r.mconnection.status().paceBytesPerSecond).toBe(0);
      }
    }
  });

  it('can be switched off', async () => {
    const r = await rig({ recvRate: RATE }, { isAutoPaced: false });
    r.saturate();
    await r.clock.advance(3_000);
    expect(r.mconnection.status().paceBytesPerSecond).toBe(0);
  });
});
