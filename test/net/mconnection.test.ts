/** What an MConnection promises, and what CometBFT's own connection tests check, named by theirs. */
import { describe, expect, it } from 'vitest';
import type { ChannelDescriptor } from '../../src/net/channel-descriptor.ts';
import { SEND_WAITERS_MAX, type SendResult } from '../../src/net/channel-sender.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import { type MConnectionOptions, RECV_DRAIN_MS_MAX } from '../../src/net/mconnection-options.ts';
import { connect, type LinkRig } from './link-rig.ts';
import { PLAIN, pattern, RawPeer, RecordedMConnection, texts } from './mconnection-rig.ts';

const ONE: readonly ChannelDescriptor[] = [{ id: 1, priority: 1 }];

interface Rig extends LinkRig {
  readonly a: RecordedMConnection;
  readonly peer: RawPeer;
}

async function facingRaw(
  channels: readonly ChannelDescriptor[] = ONE,
  options: Partial<MConnectionOptions> = {},
): Promise<Rig> {
  const rig = await connect();
  const a = new RecordedMConnection(rig.near, channels, { clock: rig.clock, ...PLAIN, ...options });
  const peer = new RawPeer(rig.far);
  a.mconnection.start();
  await rig.clock.advance(1);
  return { ...rig, a, peer };
}

async function pair(
  channels: readonly ChannelDescriptor[] = ONE,
  options: Partial<MConnectionOptions> = {},
): Promise<LinkRig & { a: RecordedMConnection; b: RecordedMConnection }> {
  const rig = await connect();
  const a = new RecordedMConnection(rig.near, channels, { clock: rig.clock, ...PLAIN, ...options });
  const b = new RecordedMConnection(rig.far, channels, { clock: rig.clock, ...PLAIN, ...options });
  a.mconnection.start();
  b.mconnection.start();
  return { ...rig, a, b };
}

describe('MConnection: sending', () => {
  it('carries messages of every size between two ends (Send, Receive)', async () => {
    const { clock, a, b } = await pair([{ id: 1, priority: 1, sendQueueCapacity: 100 }]);
    const sizes = [0, 1, 1023, 1024, 1025, 2048, 100_000];
    for (const [i, size] of sizes.entries()) expect(a.mconnection.trySend(1, pattern(size, i))).toBe('queued');
    await clock.advance(10);
    expect(texts(b.received.map(({ message }) => message))).toEqual(texts(sizes.map((size, i) => pattern(size, i))));
  });

  it('refuses the message after the last that fits, and takes one again when there is room (TrySend)', async () => {
    const { clock, a } = await facingRaw([{ id: 1, priority: 1, sendQueueCapacity: 2 }]);
    const results = [0, 1, 2].map(() => a.mconnection.trySend(1, pattern(10)));
    expect(results).toEqual(['queued', 'queued', 'full']);
    expect(a.mconnection.canSend(1)).toBe(false);
    await clock.advance(1);
    expect(a.mconnection.canSend(1)).toBe(true);
    expect(a.mconnection.trySend(1, pattern(10))).toBe('queued');
    expect(a.mconnection.status().channels[0]?.sendRefusals).toBe(1);
  });

  it('lets senders wait in their order, and times out those whose time is up', async () => {
    const { clock, network, a, peer } = await facingRaw();
    network.stall('a', 'b');
    a.mconnection.trySend(1, pattern(300_000)); // fills every buffer on the way, and stays under way
    await clock.advance(1);
    a.mconnection.trySend(1, pattern(1));
    const log: string[] = [];
    for (const [size, timeoutMs] of [
      [2, 10_000],
      [3, 500],
      [4, 10_000],
    ] as const) {
      void a.mconnection.send(1, pattern(size), { timeoutMs }).then((result) => log.push(`${size} ${result}`));
    }
    await clock.advance(499);
    expect([log, a.mconnection.status().channels[0]?.sendWaiters]).toEqual([[], 3]);
    await clock.advance(1);
    expect([log, a.mconnection.status().channels[0]?.sendWaiters]).toEqual([['3 timeout'], 2]);
    network.heal('a', 'b');
    await clock.advance(50);
    expect(log).toEqual(['3 timeout', '2 queued', '4 queued']);
    const sizes = peer.packets.filter((packet) => packet.type === 'msg' && packet.eof);
    expect(sizes.length).toBe(4);
  });

  it('waits 10 s when nothing else is said', async () => {
    const { clock, network, a } = await facingRaw();
    network.stall('a', 'b');
    a.mconnection.trySend(1, pattern(300_000));
    await clock.advance(1);
    a.mconnection.trySend(1, pattern(1));
    let result: SendResult | undefined;
    void a.mconnection.send(1, pattern(1)).then((value) => {
      result = value;
    });
    await clock.advance(9_999);
    expect(result).toBeUndefined();
    await clock.advance(1);
    expect(result).toBe('timeout');
  });

  it('wakes waiting senders when the connection ends', async () => {
    const { clock, network, a } = await facingRaw();
    network.stall('a', 'b');
    a.mconnection.trySend(1, pattern(300_000));
    await clock.advance(1);
    a.mconnection.trySend(1, pattern(1));
    const waiting = [1, 2, 3].map(() => a.mconnection.send(1, pattern(1)));
    a.mconnection.stop();
    expect(await Promise.all(waiting)).toEqual(['closed', 'closed', 'closed']);
    expect([a.mconnection.trySend(1, pattern(1)), await a.mconnection.send(1, pattern(1))]).toEqual([
      'closed',
      'closed',
    ]);
    expect(a.mconnection.canSend(1)).toBe(false);
  });

  it('gives a wait up when the caller aborts, and queues nothing then', async () => {
    const { clock, network, a, peer } = await facingRaw();
    network.stall('a', 'b');
    a.mconnection.trySend(1, pattern(300_000));
    await clock.advance(1);
    a.mconnection.trySend(1, pattern(1));
    const controller = new AbortController();
    const aborted = a.mconnection.send(1, pattern(77), { signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(a.mconnection.send(1, pattern(77), { signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    network.heal('a', 'b');
    await clock.advance(50);
    expect(peer.text).not.toContain('1:77');
    expect(clock.timerCount).toBe(2); // the ping interval and the watch for a stall; no wait is left
  });

  it('lets 1024 callers wait for a channel and answers the next one full', async () => {
    const { clock, network, a } = await facingRaw();
    network.stall('a', 'b');
    a.mconnection.trySend(1, pattern(300_000));
    await clock.advance(1);
    a.mconnection.trySend(1, pattern(1));
    const waiting: Promise<SendResult>[] = [];
    for (let i = 0; i < SEND_WAITERS_MAX; i += 1) waiting.push(a.mconnection.send(1, pattern(1)));
    expect(await a.mconnection.send(1, pattern(1))).toBe('full');
    a.mconnection.stop();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['closed']));
  });

  it('refuses an unknown channel, a message over the capacity and what is no bytes, and stays usable', async () => {
    const { clock, a, peer } = await facingRaw([{ id: 1, priority: 1, recvMessageCapacity: 100 }]);
    const call = (channelId: number, size: number) => (): SendResult =>
      a.mconnection.trySend(channelId, new Uint8Array(size));
    expect(call(2, 1)).toThrow(expect.objectContaining({ code: 'UNKNOWN_CHANNEL' }));
    expect(call(1, 101)).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
    await expect(a.mconnection.send(1025, new Uint8Array(1))).rejects.toMatchObject({ code: 'UNKNOWN_CHANNEL' });
    expect(a.mconnection.canSend(2)).toBe(false);
    for (const none of ['text', 42, {}, undefined, null, [1], new ArrayBuffer(1), new Uint16Array(1), { length: 5 }]) {
      expect(() => a.mconnection.trySend(1, none as Uint8Array)).toThrow(TypeError);
      await expect(a.mconnection.send(1, none as Uint8Array)).rejects.toThrow(TypeError);
    }
    expect(call(1, 100)()).toBe('queued');
    await clock.advance(1);
    expect(peer.text).toBe('1:100.');
  });

  it('writes what one turn of the program produces at its end, as one piece, without waiting for a timer', async () => {
    const { clock, a, near, peer } = await facingRaw([{ id: 1, priority: 1, sendQueueCapacity: 100 }]);
    const writesBefore = near.writes.length;
    for (let i = 0; i < 64; i += 1) a.mconnection.trySend(1, pattern(100));
    expect(near.writes.length).toBe(writesBefore);
    await clock.settle();
    expect(near.writes.length).toBe(writesBefore + 1);
    expect(peer.packets.length).toBe(64);
    expect(clock.monotonicMs()).toBe(1);
  });

  it('writes at once when asked to flush', async () => {
    const { a, near } = await facingRaw();
    const writesBefore = near.writes.length;
    a.mconnection.trySend(1, pattern(100));
    a.mconnection.flush();
    expect(near.writes.length).toBe(writesBefore + 1);
  });

  it('sends what was queued before it started', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedMConnection(near, ONE, { clock, ...PLAIN });
    expect(a.mconnection.trySend(1, pattern(5))).toBe('queued');
    const peer = new RawPeer(far);
    a.mconnection.start();
    expect(() => a.mconnection.start()).toThrow(Error);
    await clock.advance(1);
    expect(peer.text).toBe('1:5.');
  });
});

describe('MConnection: limits', () => {
  it('keeps to its send rate, and lets pongs, and small messages within a burst, pass', async () => {
    const channels = [
      { id: 1, priority: 1 },
      { id: 2, priority: 100 },
    ];
    const { clock, a, peer } = await facingRaw(channels, { sendRateBytesPerSecond: 100_000 });
    a.mconnection.trySend(1, pattern(1_000_000));
    await clock.advance(1000);
    const bytes = (): number => a.mconnection.status().send.bytes;
    expect(bytes()).toBeGreaterThan(95_000);
    expect(bytes()).toBeLessThan(112_000);
    expect(a.mconnection.status().rateWaits).toBeGreaterThan(10);
    const beforeMs = clock.monotonicMs();
    a.mconnection.trySend(2, pattern(100));
    peer.ping();
    await clock.settle();
    expect(clock.monotonicMs()).toBe(beforeMs);
    expect(peer.text).toMatch(/2:100\. o/);
    await clock.advance(9_000);
    expect(bytes()).toBeGreaterThan(990_000);
    expect(bytes()).toBeLessThan(1_020_000);
    expect(a.mconnection.status().send.limitedMs).toBeGreaterThan(8_000);
  });

  it('reads no faster than its receive rate, and answers a ping within what arrived', async () => {
    const { clock, a, peer } = await facingRaw(ONE, { recvRateBytesPerSecond: 100_000 });
    for (let i = 0; i < 500; i += 1) peer.msg(1, true, pattern(1000));
    await clock.advance(2000);
    const received = a.mconnection.status().recv.bytes;
    expect(received).toBeGreaterThan(190_000);
    expect(received).toBeLessThan(280_000); // the rate, and one chunk of 64 KiB that had arrived
    await clock.advance(4000);
    expect(a.received.length).toBe(500);
    expect(a.mconnection.status().recv.limitedMs).toBeGreaterThan(1000);
    peer.ping();
    await clock.settle();
    expect(peer.text).toBe('o');
  });

  it('gives a peer up that takes nothing of what waits for it', async () => {
    const { clock, network, a } = await facingRaw(ONE, { writeTimeoutMs: 5000 });
    network.stall('a', 'b');
    a.mconnection.trySend(1, pattern(1_000_000));
    await clock.advance(4999);
    expect(a.log).toEqual([]);
    await clock.advance(1500);
    expect(a.log).toEqual(['error WRITE_TIMEOUT', 'close WRITE_TIMEOUT']);
    expect(clock.timerCount).toBe(0);
  });

  it('keeps what waits in the stream small while the peer takes nothing, whatever it asks', async () => {
    const { clock, network, a, peer } = await facingRaw([{ id: 1, priority: 1, sendQueueCapacity: 1_000_000 }]);
    network.stall('a', 'b', { oneWay: true });
    for (let i = 0; i < 5_000; i += 1) a.mconnection.trySend(1, pattern(1000));
    for (let i = 0; i < 3_000; i += 1) peer.ping();
    await clock.advance(100);
    expect(a.mconnection.status().bufferedBytes).toBeLessThan(262_144 + 65_536);
    expect(a.mconnection.status().pingsReceived).toBe(3_000);
    network.heal('a', 'b');
    await clock.advance(1000);
    expect(peer.packets.filter((packet) => packet.type === 'msg').length).toBe(5_000);
    expect(a.mconnection.status().pongsSent).toBeGreaterThanOrEqual(1);
    expect(a.mconnection.status().pongsSent).toBeLessThanOrEqual(3_000);
  });
});

describe('MConnection: liveness', () => {
  it('finds a peer that does not pong (PongTimeoutResultsInError)', async () => {
    const { clock, a, peer } = await facingRaw(ONE, { pingIntervalMs: 400, pongTimeoutMs: 300 });
    await clock.advance(698);
    expect([peer.text, a.log]).toEqual(['i', []]);
    await clock.advance(10);
    expect(a.log).toEqual(['error PONG_TIMEOUT', 'close PONG_TIMEOUT']);
  });

  it('is not harmed by pongs that answer nothing (MultiplePongsInTheBeginning)', async () => {
    const { clock, a, peer } = await facingRaw(ONE, { pingIntervalMs: 400, pongTimeoutMs: 300 });
    for (let i = 0; i < 3; i += 1) peer.pong();
    peer.answerPings();
    await clock.advance(2000);
    expect(a.log).toEqual([]);
    expect(a.mconnection.status()).toMatchObject({ pongsUnasked: 3, liveness: 'quiet' });
  });

  it('answers every ping (MultiplePings)', async () => {
    const { clock, a, peer } = await facingRaw();
    for (let i = 0; i < 3; i += 1) peer.ping();
    await clock.advance(1);
    expect([peer.text, a.log]).toEqual(['o o o', []]);
  });

  it('volleys between two ends for ever (PingPongs)', async () => {
    const { clock, a, b } = await pair(ONE, { pingIntervalMs: 100, pongTimeoutMs: 50 });
    await clock.advance(10_000);
    expect([a.log, b.log]).toEqual([[], []]);
    expect(a.mconnection.status().pongsReceived).toBeGreaterThan(95);
    expect(b.mconnection.status().pongsReceived).toBeGreaterThan(95);
  });

  it('answers pings while a handler never returns', async () => {
    const { clock, a, peer } = await facingRaw();
    a.onReceive = () => new Promise(() => {});
    for (let i = 0; i < 10; i += 1) peer.msg(1, true, pattern(1000));
    peer.ping();
    await clock.advance(1);
    expect([peer.text, a.received.length]).toEqual(['o', 1]);
  });
});

describe('MConnection: channels do not wait for each other', () => {
  const two = [
    { id: 1, priority: 1, recvQueueCapacity: 4 },
    { id: 2, priority: 1 },
  ];

  it('delivers on one channel while the handler of another is busy', async () => {
    const { clock, a, peer } = await facingRaw(two);
    a.onReceive = (channelId) => (channelId === 1 ? new Promise(() => {}) : undefined);
    peer.msg(1, true, pattern(1));
    peer.msg(1, true, pattern(2));
    peer.msg(2, true, pattern(3));
    await clock.advance(1);
    expect(a.log).toEqual(['message 1 1', 'message 2 3']);
  });

  it('stops reading when a channel is full and goes on when there is room; nothing is lost', async () => {
    const { clock, a, peer } = await facingRaw(two);
    const handled: (() => void)[] = [];
    a.onReceive = (channelId) => (channelId === 1 ? new Promise((resolve) => handled.push(resolve)) : undefined);
    const message = pattern(40_000);
    for (let i = 0; i < 20; i += 1) {
      for (let at = 0; at < message.length; at += 1000)
        peer.msg(1, at + 1000 === message.length, message.subarray(at, at + 1000));
    }
    await clock.advance(10);
    expect(a.mconnection.status().isPaused).toBe(true);
    expect(a.mconnection.status().channels[0]?.recvQueueSize).toBeLessThanOrEqual(6);
    for (let i = 0; i < 20; i += 1) {
      handled.shift()?.();
      await clock.advance(10);
    }
    expect(a.received.length).toBe(20);
    expect(a.mconnection.status().isPaused).toBe(false);
  });

  it('delays neither a pong nor another channel for a slow handler, up to what may wait for it', async () => {
    const { clock, a, peer } = await facingRaw([
      { id: 1, priority: 1, recvQueueCapacity: 200 },
      { id: 2, priority: 1 },
    ]);
    a.onReceive = (channelId) => (channelId === 1 ? new Promise(() => {}) : undefined);
    for (let i = 0; i < 200; i += 1) {
      peer.msg(1, true, pattern(1000)); // one in the handler, 199 waiting in the end
      peer.msg(2, true, pattern(1));
      peer.ping();
      await clock.advance(1);
      expect([a.received.filter(({ channelId }) => channelId === 2).length, peer.packets.length]).toEqual([
        i + 1,
        i + 1,
      ]);
    }
    expect(a.mconnection.status()).toMatchObject({ isPaused: false, channels: [{ recvPauses: 0 }, {}] });
  });

  it('past that, what is behind a slow channel waits for its handler to take what is before, and no longer', async () => {
    const { clock, a, peer } = await facingRaw([
      { id: 1, priority: 1, recvQueueBytesMax: 32 * 65_536 },
      { id: 2, priority: 1 },
    ]);
    const handlerMs = 20;
    a.onReceive = (channelId) => {
      if (channelId !== 1) return undefined;
      return new Promise<void>((resolve) => void clock.setTimer(resolve, handlerMs));
    };
    const bulk = (): void => {
      for (let part = 0; part < 64; part += 1) peer.msg(1, part === 63, pattern(1024));
    };
    for (let i = 0; i < 36; i += 1) bulk(); // 33 in, 3 on the wire
    await clock.advance(1);
    expect(a.mconnection.status().isPaused).toBe(true);
    peer.msg(2, true, pattern(1));
    peer.ping();
    await clock.advance(12 * handlerMs);
    expect(a.received.some(({ channelId }) => channelId === 2)).toBe(true);
    const before = a.received.findIndex(({ channelId }) => channelId === 2);
    // Not half the queue: those on the wire, and what a chunk of the wire holds.
    expect(before).toBeLessThanOrEqual(5);
    expect(peer.text).toBe('o');
    await clock.advance(36 * handlerMs);
    expect(a.received.length).toBe(37);
    expect(a.mconnection.status().channels[0]?.recvPauses).toBeGreaterThan(1);
  });

  it('names its own slow handler, not the peer, when it could not read a pong in time', async () => {
    const { clock, a, peer } = await facingRaw(two, { pingIntervalMs: 1000, pongTimeoutMs: 500 });
    peer.answerPings();
    a.onReceive = () => new Promise(() => {});
    for (let i = 0; i < 6; i += 1) peer.msg(1, true, pattern(10));
    await clock.advance(1498);
    expect(a.closed).toBeUndefined();
    await clock.advance(10);
    expect(a.closed?.reason).toMatchObject({
      code: 'RECV_QUEUE_FULL',
      message: expect.stringMatching(/no pong was read for 500 ms, since the handler of channel 1, which is full, is/),
    });
  });

  it('ends a connection whose channel must neither wait nor lose anything', async () => {
    const { clock, a, peer } = await facingRaw([
      { id: 1, priority: 1, recvQueueCapacity: 2, recvOverflow: 'disconnect' },
    ]);
    a.onReceive = () => new Promise(() => {});
    for (let i = 0; i < 3; i += 1) peer.msg(1, true, pattern(10));
    peer.ping();
    await clock.advance(1);
    expect([a.closed, peer.text]).toEqual([undefined, 'o']);
    peer.msg(1, true, pattern(10));
    await clock.advance(1);
    expect(a.log).toEqual(['message 1 10', 'error RECV_QUEUE_FULL', 'close RECV_QUEUE_FULL']);
  });

  it('forgets messages of a channel that may lose them, and never stops reading for it', async () => {
    const { clock, a, peer } = await facingRaw([
      { id: 1, priority: 1, recvQueueCapacity: 2, recvOverflow: 'drop' },
      { id: 2, priority: 1 },
    ]);
    a.onReceive = (channelId) => (channelId === 1 ? new Promise(() => {}) : undefined);
    for (let i = 0; i < 1000; i += 1) peer.msg(1, true, pattern(1000));
    peer.msg(2, true, pattern(7));
    peer.ping();
    await clock.advance(10);
    expect(a.log).toEqual(['message 1 1000', 'message 2 7']);
    expect(peer.text).toBe('o');
    expect(a.mconnection.status().channels[0]?.messagesDropped).toBe(997);
  });
});

describe('MConnection: ends', () => {
  it('closes in order and leaves nothing behind', async () => {
    const { clock, a, peer } = await facingRaw(ONE, { bulkWindowBytes: 131_072, isPingBehindMessages: true });
    a.mconnection.trySend(1, pattern(10));
    await clock.advance(1);
    a.mconnection.stop();
    a.mconnection.stop();
    await clock.advance(2000);
    expect(a.log).toEqual(['close in order']);
    expect(peer.closed).toEqual({ reason: undefined });
    expect([clock.timerCount, a.mconnection.status().state]).toEqual([0, 'closed']);
  });

  it('sends everything queued before it ends when asked to (SendFlushStop)', async () => {
    const { clock, a, b } = await pair([{ id: 1, priority: 1, sendQueueCapacity: 100 }], {
      sendRateBytesPerSecond: 1000,
      bulkWindowBytes: 4096,
    });
    for (let i = 0; i < 50; i += 1) a.mconnection.trySend(1, pattern(10_000, i));
    let isStopped = false;
    void a.mconnection.flushStop().then(() => {
      isStopped = true;
    });
    expect(a.mconnection.trySend(1, pattern(1))).toBe('closed');
    await clock.advance(5000);
    const queued = Array.from({ length: 50 }, (_, i) => pattern(10_000, i));
    expect(texts(b.received.map(({ message }) => message))).toEqual(texts(queued));
    expect([isStopped, a.log, b.log.at(-1), clock.timerCount]).toEqual([true, ['close in order'], 'close in order', 0]);
    await a.mconnection.flushStop();
  });

  it('gives a flush up when the peer takes nothing, or when stopped', async () => {
    const { clock, network, a } = await facingRaw(ONE, { writeTimeoutMs: 1000 });
    network.stall('a', 'b');
    a.mconnection.trySend(1, pattern(1_000_000));
    const flushed = a.mconnection.flushStop();
    await clock.advance(3000);
    await flushed;
    expect(a.closed?.reason?.code).toBe('WRITE_TIMEOUT');
    const other = await facingRaw(ONE);
    other.network.stall('a', 'b');
    other.a.mconnection.trySend(1, pattern(1_000_000));
    void other.a.mconnection.flushStop();
    await other.clock.advance(10);
    other.a.mconnection.stop();
    await other.clock.advance(31_000);
    expect(other.a.mconnection.status().state).toBe('closed');
  });

  it('tells once, and once only, that the stream broke (StopsAndReturnsError)', async () => {
    const { clock, a, peer } = await facingRaw();
    peer.stream.destroy();
    await clock.advance(10);
    expect(a.log).toEqual(['error RESET', 'close RESET']);
    a.mconnection.stop();
    await clock.advance(10);
    expect(a.log.length).toBe(2);
  });

  it('delivers what arrived before the peer closed, also to a slow handler, and then ends', async () => {
    const { clock, a, peer } = await facingRaw();
    const handled: (() => void)[] = [];
    a.onReceive = () => new Promise((resolve) => handled.push(resolve));
    for (let i = 0; i < 3; i += 1) peer.msg(1, true, pattern(i));
    peer.stream.close();
    await clock.advance(100);
    expect([a.log, a.mconnection.status().state]).toEqual([['message 1 0'], 'draining']);
    expect(a.mconnection.trySend(1, pattern(1))).toBe('closed');
    for (let i = 0; i < 3; i += 1) {
      handled.shift()?.();
      await clock.advance(1);
    }
    expect(a.log).toEqual(['message 1 0', 'message 1 1', 'message 1 2', 'close in order']);
    expect(clock.timerCount).toBe(0);
  });

  it('waits no longer than 30 s for handlers after the peer closed', async () => {
    const { clock, a, peer } = await facingRaw();
    a.onReceive = () => new Promise(() => {});
    peer.msg(1, true, pattern(1));
    await clock.advance(1);
    peer.stream.close();
    await clock.advance(RECV_DRAIN_MS_MAX - 1);
    expect(a.closed).toBeUndefined();
    await clock.advance(100);
    expect(a.log).toEqual(['message 1 1', 'close in order']);
  });

  it.each(['throws', 'rejects'] as const)('ends only its own connection when a handler %s', async (how) => {
    const { clock, a, peer } = await facingRaw();
    const other = await facingRaw();
    a.onReceive = () => {
      if (how === 'rejects') return Promise.reject(new Error('broken reactor'));
      throw new Error('broken reactor');
    };
    peer.msg(1, true, pattern(1));
    peer.msg(1, true, pattern(2));
    await clock.advance(10);
    expect(a.log).toEqual(['message 1 1', 'error HANDLER_FAILED', 'close HANDLER_FAILED']);
    expect(other.a.log).toEqual([]);
  });

  it('survives listeners of its own end that throw', async () => {
    const { clock, near, far } = await connect();
    const mconnection = new MConnection(near, ONE, {
      clock,
      handlers: {
        onReceive: () => {},
        onError: () => {
          throw new Error('onError');
        },
        onClose: () => {
          throw new Error('onClose');
        },
      },
    });
    mconnection.start();
    const peer = new RawPeer(far);
    await clock.advance(1);
    peer.stream.destroy();
    await clock.advance(10);
    expect(mconnection.status().state).toBe('closed');
  });

  it('can be stopped before it was started', async () => {
    const { clock, near } = await connect();
    const a = new RecordedMConnection(near, ONE, { clock });
    a.mconnection.stop();
    await clock.advance(40_000);
    expect([a.log, a.mconnection.status().state, clock.timerCount]).toEqual([['close in order'], 'closed', 0]);
  });
});

describe('MConnection: status and options', () => {
  it('counts everything (Status)', async () => {
    const { clock, a, b } = await pair();
    a.mconnection.trySend(1, pattern(3000));
    await clock.advance(10);
    expect(a.mconnection.status()).toMatchObject({
      state: 'running',
      durationMs: 10,
      channels: [
        {
          id: 1,
          priority: 1,
          sendQueueSize: 0,
          sendQueueCapacity: 1,
          messagesSent: 1,
          bytesSent: 3000,
          packetsSent: 3,
        },
      ],
    });
    expect(b.mconnection.status().recv.bytes).toBe(a.mconnection.status().send.bytes);
    expect(b.mconnection.status().channels[0]).toMatchObject({
      messagesReceived: 1,
      bytesReceived: 3000,
      packetsReceived: 3,
    });
    expect(a.mconnection.status().channels[0]?.recentlySent).toBe(a.mconnection.status().send.bytes);
  });

  it.each([
    { packetPayloadBytesMax: 0 },
    { pingIntervalMs: 0 },
    { pongTimeoutMs: -1 },
    { sendRateBytesPerSecond: -1 },
    { recvRateBytesPerSecond: 0.5 },
    { recvPingsPerSecondMax: 0 },
    { sendPingsPerSecondMax: 1_000_001 },
    { writeTimeoutMs: 0 },
    { bulkWindowBytes: 4095 },
    { bulkWindowBytes: 8192, bulkWindowBytesMax: 8191 },
  ])('refuses %o', async (option) => {
    const { clock, near } = await connect();
    const make = (): MConnection => new MConnection(near, ONE, { clock, handlers: { onReceive: () => {} }, ...option });
    expect(make).toThrow(RangeError);
  });

  it('refuses a wait that is no time', async () => {
    const { clock, a } = await facingRaw();
    a.mconnection.trySend(1, pattern(1));
    await expect(a.mconnection.send(1, pattern(1), { timeoutMs: -1 })).rejects.toThrow(RangeError);
    await clock.advance(1);
  });
});
