/** The parts of the latency technique, each told by hand what a connection would tell it. */
import { describe, expect, it } from 'vitest';
import { BulkPace } from '../../src/net/bulk-pace.ts';
import { BulkWindow, type PongSample } from '../../src/net/bulk-window.ts';
import { ReplyFlush } from '../../src/net/reply-flush.ts';
import { WINDOW_GAIN_MAX, WindowGain } from '../../src/net/window-gain.ts';

const KIB = 1024;

function bulkWindow(windowBytes = 64 * KIB): BulkWindow {
  return new BulkWindow({
    windowBytes,
    windowBytesMax: 4096 * KIB,
    isEofGated: true,
    isPingBehindMessages: true,
    pingsPerSecondMax: 1000,
    nowMs: 0,
  });
}

/** A window and the time at which it is told things. */
class Pinging {
  nowMs = 0;
  readonly #window: BulkWindow;

  constructor(window: BulkWindow) {
    this.#window = window;
  }

  ping(rttMs: number): void {
    this.#window.pingSent(this.nowMs);
    this.nowMs += rttMs;
    this.#window.pongReceived(this.nowMs);
  }
}

describe('BulkWindow', () => {
  it('counts as un-ponged what was sent behind the last ping that was answered', () => {
    const window = bulkWindow();
    window.packetSent(1000, false, false);
    window.pingSent(0);
    window.packetSent(500, false, false);
    expect(window.unpongedBytes).toBe(1500);
    expect(window.pongReceived(1)?.pongedBytes).toBe(1000);
    expect(window.unpongedBytes).toBe(500);
    expect(window.pongReceived(2)).toBeUndefined();
  });

  it('asks for a ping at a quarter of the window, and for none while one is out or nothing is new', () => {
    const window = bulkWindow();
    const wants = (): boolean => window.wantsPing(64 * KIB, false, false);
    expect(wants()).toBe(false);
    window.packetSent(16 * KIB - 1, false, false);
    expect(wants()).toBe(false);
    window.packetSent(1, false, false);
    expect(wants()).toBe(true);
    window.pingSent(0);
    window.packetSent(64 * KIB, false, false);
    expect(wants()).toBe(false);
  });

  it('is eight times as wide while nothing but bulk was sent for a second', () => {
    const window = bulkWindow();
    expect(window.windowBytes(0)).toBe(512 * KIB);
    window.messagesSent(true, 100);
    expect([window.windowBytes(100), window.windowBytes(1099), window.windowBytes(1100)]).toEqual([
      64 * KIB,
      64 * KIB,
      512 * KIB,
    ]);
  });

  it('grows on a long way until it no longer limits the rate, up to its bound', () => {
    const window = bulkWindow();
    let nowMs = 0;
    for (let i = 0; i < 200; i += 1) {
      window.messagesSent(true, nowMs);
      window.packetSent(window.windowBytes(nowMs), false, false);
      window.pingSent(nowMs);
      nowMs += 50;
      window.pongReceived(nowMs);
    }
    expect(window.windowBytes(nowMs)).toBe(4096 * KIB);
  });

  it("makes room when the peer's own bulk delays its pongs, takes it back later, and says so to the pace", () => {
    const window = bulkWindow();
    window.pingSent(0);
    window.pongReceived(1);
    let nowMs = 10;
    const round = (rttMs: number, receivedBytes: number): PongSample | undefined => {
      window.messagesSent(true, nowMs);
      window.packetSent(1000, false, false);
      window.pingSent(nowMs);
      window.chunkReceived(receivedBytes);
      nowMs += rttMs;
      return window.pongReceived(nowMs);
    };
    expect(round(80, 100 * KIB)?.isInboundBulk).toBe(true);
    const once = window.windowBytes(nowMs);
    expect(once).toBeGreaterThan(100 * KIB);
    for (let i = 0; i < 20; i += 1) round(80, 100 * KIB);
    expect(window.windowBytes(nowMs)).toBeGreaterThanOrEqual(1024 * KIB);
    for (let i = 0; i < 200; i += 1) round(1, 0);
    expect(window.windowBytes(nowMs)).toBe(64 * KIB);
  });

  it('holds ends back one by one until handlers have shown to be fast, and again when they are not', () => {
    const window = bulkWindow();
    const time = new Pinging(window);
    window.packetSent(1000, false, true);
    expect(window.isEofHeld(time.nowMs)).toBe(true);
    time.ping(0.3);
    window.packetSent(1000, false, false);
    time.ping(0.3); // nothing but parts in between: what a ping costs by itself
    window.packetSent(1000, false, true);
    expect(window.isEofHeld(time.nowMs)).toBe(false);
    for (let i = 0; i < 10; i += 1) {
      window.packetSent(1000, false, true);
      time.ping(20);
    }
    window.packetSent(1000, false, true);
    expect(window.isEofHeld(time.nowMs)).toBe(true);
  });

  it('lets 32 ends through at a fast peer beside small messages, and any number beside nothing but bulk', () => {
    const window = bulkWindow();
    for (let nowMs = 0; nowMs < 2; nowMs += 1) {
      window.packetSent(1000, false, nowMs === 1);
      window.pingSent(nowMs);
      window.pongReceived(nowMs);
    }
    window.messagesSent(true, 2);
    for (let i = 1; i <= 32; i += 1) {
      expect(window.isEofHeld(2)).toBe(false);
      window.packetSent(1000, false, true);
    }
    expect(window.isEofHeld(2)).toBe(true);
    expect(window.isEofHeld(1002)).toBe(false);
  });

  it('is as wide as 20 ms of what goes through while nothing but bulk is sent, up to its bound', () => {
    const window = bulkWindow();
    let nowMs = 0;
    const run = (bytesPerMs: number): void => {
      for (let i = 0; i < 50; i += 1) {
        window.packetSent(bytesPerMs, false, false);
        window.pingSent(nowMs);
        nowMs += 1;
        window.pongReceived(nowMs);
      }
    };
    run(10 * KIB);
    expect(window.windowBytes(nowMs)).toBe(512 * KIB);
    run(100 * KIB);
    expect(window.windowBytes(nowMs)).toBeGreaterThan(1990 * KIB);
    expect(window.windowBytes(nowMs)).toBeLessThanOrEqual(2000 * KIB);
    run(1000 * KIB);
    expect(window.windowBytes(nowMs)).toBe(4096 * KIB);
    window.messagesSent(true, nowMs);
    expect(window.windowBytes(nowMs)).toBe(64 * KIB);
  });

  it.each([
    ['many short messages on their way to a fast peer', 32, 65_536, 10, false],
    ['one long message on its way to a fast peer', 1, 2_097_152, 5.5, false],
    ['many short messages at a slow one', 16, 65_536, 16 * 20, true],
    ['a long message at a slow one', 1, 2_097_152, 5.5 + 20, true],
  ])(
    'judges the handler by its time for each message, beside nothing but bulk: %s',
    (_what, ends, size, rttMs, held) => {
      const window = bulkWindow();
      const time = new Pinging(window);
      // 200 MB/s is known, and that a ping in front of an end takes 1 ms.
      for (let i = 0; i < 20; i += 1) {
        window.packetSent(200_000, false, false);
        time.ping(1);
      }
      for (let i = 0; i < 10; i += 1) {
        for (let end = 0; end < ends; end += 1) window.packetSent(size, false, true);
        time.nowMs += (ends * size) / 200_000 / 2;
        time.ping(rttMs);
      }
      window.packetSent(size, false, true);
      expect(window.isEofHeld(time.nowMs)).toBe(held);
    },
  );

  it('lets as many ends through as a handler takes 20 ms for beside nothing but bulk, and 4 ms beside small messages', () => {
    const window = bulkWindow();
    const time = new Pinging(window);
    const ends = (): number => {
      let count = 0;
      for (; !window.isEofHeld(time.nowMs); count += 1) window.packetSent(10, false, true);
      return count;
    };
    window.packetSent(10, false, false);
    time.ping(1);
    for (let i = 0; i < 30; i += 1) {
      window.packetSent(10, false, true);
      time.ping(1 + 2);
      window.packetSent(10, false, false);
      time.ping(1);
    }
    expect(ends()).toBe(10);
    time.ping(1 + 20);
    window.messagesSent(true, time.nowMs);
    expect(ends()).toBe(2);
  });

  it('does not believe a ping in front of an end for longer than 2 s, nor one behind many small messages', () => {
    const window = bulkWindow();
    const time = new Pinging(window);
    window.packetSent(10, false, false);
    time.ping(1);
    // Behind 200 messages with slow handlers of their own: no measure of the way.
    for (let i = 0; i < 200; i += 1) window.packetSent(10, true, true);
    time.ping(4000);
    for (let i = 0; i < 10; i += 1) {
      window.packetSent(10, false, true);
      time.ping(21);
    }
    window.packetSent(10, false, true);
    expect(window.isEofHeld(time.nowMs)).toBe(true);
  });

  it('is its own size, not more, until the first pong tells how long the way is', () => {
    const window = bulkWindow();
    window.messagesSent(true, 0);
    window.packetSent(30_000, false, false);
    window.pingSent(10);
    expect(window.windowBytes(10)).toBe(64 * KIB);
    expect(window.windowBytes(5_000)).toBe(512 * KIB);
  });

  it('allows no more pings at once than a second has', () => {
    const window = new BulkWindow({
      windowBytes: 64 * KIB,
      windowBytesMax: 4096 * KIB,
      isEofGated: true,
      isPingBehindMessages: true,
      pingsPerSecondMax: 2,
      nowMs: 0,
    });
    const may = [0, 1, 2].map(() => {
      const isAllowed = window.mayPing(0);
      if (isAllowed) window.pingSent(0);
      return isAllowed;
    });
    expect(may).toEqual([true, true, false]);
    expect(window.mayPing(500)).toBe(true);
  });

  it('does not take a busy machine, late everywhere, for a slow handler', () => {
    const window = bulkWindow();
    let nowMs = 0;
    for (let i = 0; i < 20; i += 1) {
      window.packetSent(1000, false, i % 2 === 0);
      window.pingSent(nowMs);
      nowMs += 40;
      window.pongReceived(nowMs);
    }
    window.packetSent(1000, false, true);
    expect(window.isEofHeld(nowMs)).toBe(false);
  });

  it.each([
    [31, true],
    [32, false],
    [33, false],
  ])('allows 32 pings at once, then their rate: after %i', (count, may) => {
    const window = bulkWindow();
    for (let i = 0; i < count; i += 1) window.pingSent(0);
    expect(window.mayPing(0)).toBe(may);
    if (!may) {
      const waitMs = window.pingDelayMs;
      expect(waitMs).toBe(count - 31);
      expect(window.mayPing(waitMs)).toBe(true);
    }
  });
});

describe('WindowGain', () => {
  function rounds(gain: WindowGain, startMs: number, count: number, rate: (gain: number) => number): number {
    let nowMs = startMs;
    for (let i = 0; i < count; i += 1) {
      nowMs += 40;
      gain.pong(rate(gain.gain) * 40, true, true, nowMs);
    }
    return nowMs;
  }

  it('grows while a larger window brings more through, to its bound, and begins anew when pongs are timely', () => {
    const gain = new WindowGain();
    const nowMs = rounds(gain, 0, 200, (factor) => factor * 1000);
    expect(gain.gain).toBe(WINDOW_GAIN_MAX);
    gain.pong(1000, false, true, nowMs + 1001);
    expect(gain.gain).toBe(1);
  });

  it('takes a try back that brought nothing, and tries less and less often', () => {
    const gain = new WindowGain();
    let tried = 0;
    const nowMs = rounds(gain, 0, 1000, (factor) => {
      if (factor > 1) tried += 1;
      return 1000;
    });
    expect(nowMs).toBe(40_000);
    expect(tried).toBeGreaterThan(6);
    expect(tried).toBeLessThan(60);
    expect(gain.gain).toBeLessThanOrEqual(2);
  });
});

describe('ReplyFlush', () => {
  /** Asks for pings as long as replies take `withMs` with, `withoutMs` without one. */
  function share(withMs: number, withoutMs: number): number {
    const flush = new ReplyFlush();
    let nowMs = 0;
    let pinged = 0;
    for (let i = 0; i < 1000; i += 1) {
      const isPinged = flush.decide(true, nowMs);
      if (isPinged && i >= 100) pinged += 1;
      nowMs += isPinged ? withMs : withoutMs;
      flush.replyReceived(nowMs);
      nowMs += 5;
    }
    return pinged / 900;
  }

  it('pings a peer that holds replies back nearly always, and one that does not hardly ever', () => {
    expect(share(0.2, 10)).toBeGreaterThan(0.99);
    expect(share(0.2, 0.3)).toBeLessThan(0.03);
  });

  it('measures nothing where a ping went out for another reason', () => {
    const flush = new ReplyFlush();
    let nowMs = 0;
    for (let i = 0; i < 400; i += 1) {
      if (!flush.decide(true, nowMs)) flush.pingSent();
      nowMs += 1;
      flush.replyReceived(nowMs);
    }
    expect(flush.isPingUseless).toBe(false);
  });
});

describe('BulkPace', () => {
  const sample = (rttMs: number, pongedBytes: number, isInboundBulk = false): PongSample => ({
    rttMs,
    excessMs: rttMs,
    pongedBytes,
    isInboundBulk,
  });

  function late(pace: BulkPace, startMs: number, count: number, isInboundBulk = false): number {
    let nowMs = startMs;
    for (let i = 0; i < count; i += 1) {
      nowMs += 100;
      pace.saturated();
      pace.pong(sample(100, 100_000, isInboundBulk), nowMs);
    }
    return nowMs;
  }

  /** Timely pongs, each of that many bytes, for that time. */
  function timely(pace: BulkPace, startMs: number, durationMs: number, bytesPerMs: number): number {
    let nowMs = startMs;
    for (; nowMs < startMs + durationMs; nowMs += 50) {
      pace.saturated();
      pace.pong(sample(1, 50 * bytesPerMs), nowMs + 50);
    }
    return nowMs;
  }

  it('is nine tenths of what came through while pongs were late, once two measurements agree', () => {
    const pace = new BulkPace(true, 0);
    const nowMs = late(pace, 0, 11);
    expect(pace.bytesPerSecond).toBe(0);
    late(pace, nowMs, 1);
    expect(pace.bytesPerSecond).toBeCloseTo(900_000);
  });

  it('is not set while what comes through late grows, as with a peer whose code is cold', () => {
    const pace = new BulkPace(true, 0);
    let bytes = 100_000;
    for (let nowMs = 100; nowMs <= 12_000; nowMs += 100) {
      pace.saturated();
      pace.pong(sample(100, bytes), nowMs);
      if (nowMs % 600 === 0) bytes *= 1.25;
    }
    expect(pace.bytesPerSecond).toBe(0);
  });

  it('is tried a third above the limit, and dropped when the peer takes that in time', () => {
    const pace = new BulkPace(true, 0);
    let nowMs = late(pace, 0, 12);
    nowMs = timely(pace, nowMs, 600, 900);
    expect(pace.bytesPerSecond).toBeCloseTo(1_300_000);
    timely(pace, nowMs, 600, 1300);
    expect(pace.bytesPerSecond).toBe(0);
  });

  it('is back at once when that trial makes the peer late', () => {
    const pace = new BulkPace(true, 0);
    const nowMs = timely(pace, late(pace, 0, 12), 600, 900);
    pace.saturated();
    pace.pong(sample(59, 50_000), nowMs + 59);
    expect(pace.bytesPerSecond).toBeCloseTo(1_300_000);
    pace.pong(sample(41, 50_000), nowMs + 100);
    expect(pace.bytesPerSecond).toBeCloseTo(900_000);
    timely(pace, nowMs + 100, 4000, 900);
    expect(pace.bytesPerSecond).toBeCloseTo(900_000);
  });

  it("is not set by two late pongs, by lateness of the peer's own making, or when switched off", () => {
    const hiccup = new BulkPace(true, 0);
    const nowMs = late(hiccup, 0, 2);
    for (let i = 1; i <= 2000; i += 1) {
      hiccup.saturated();
      hiccup.pong(sample(1, 100_000), nowMs + i);
    }
    const inbound = new BulkPace(true, 0);
    late(inbound, 0, 50, true);
    const off = new BulkPace(false, 0);
    late(off, 0, 50);
    expect([hiccup, inbound, off].map((pace) => pace.bytesPerSecond)).toEqual([0, 0, 0]);
  });

  it('is raised again while pongs are timely, and gone at last', () => {
    const pace = new BulkPace(true, 0);
    let nowMs = late(pace, 0, 12);
    const first = pace.bytesPerSecond;
    nowMs = timely(pace, nowMs, 600, 900) + 100;
    pace.pong(sample(100, 100_000), nowMs);
    for (let second = 0; second < 300 && pace.bytesPerSecond > 0; second += 1) {
      for (let i = 0; i < 20; i += 1) {
        nowMs += 50;
        pace.saturated();
        pace.pong(sample(1, 1000), nowMs);
      }
      if (second === 4) expect(pace.bytesPerSecond).toBe(first);
      if (second === 12) expect(pace.bytesPerSecond).toBeGreaterThan(first);
    }
    expect(pace.bytesPerSecond).toBe(0);
  });

  it('is dropped for a while when it is not the cure', () => {
    const pace = new BulkPace(true, 0);
    const nowMs = late(pace, 0, 60);
    expect(pace.bytesPerSecond).toBe(0);
    late(pace, nowMs, 100);
    expect(pace.bytesPerSecond).toBe(0);
    late(pace, nowMs + 10_000, 400);
    expect(pace.availableBytes(nowMs)).toBe(Number.POSITIVE_INFINITY);
  });
});
