/** What TCP has beyond the suite for every transport: raw sockets at the other end, and the operating system's moods. */
import { connect as connectSocket, createServer, type Server, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { ArchethicLink } from '../../src/net/archethic-link.ts';
import type { NetError } from '../../src/net/errors.ts';
import { tcpAddressText, tcpError } from '../../src/net/tcp-stream.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import type { ByteStream, TransportListener } from '../../src/net/transport.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { Recorder } from '../conformance/transport-harness.ts';

const local = { scheme: 'tcp', host: '127.0.0.1', port: 0 } as const;
const clock = new VirtualClock();
const transport = new TcpTransport({ clock });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Pair {
  readonly stream: ByteStream;
  readonly raw: Socket;
  readonly listener: TransportListener;
}

/** An accepted stream of ours, and the plain socket that dialled it. */
async function pair(): Promise<Pair> {
  let accept: (stream: ByteStream) => void = () => {};
  const accepted = new Promise<ByteStream>((resolve) => {
    accept = resolve;
  });
  const listener = await transport.listen(local, (stream) => accept(stream));
  const raw = connectSocket({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true });
  raw.on('error', () => {});
  const stream = await accepted;
  cleanups.push(
    () => listener.close(),
    () => raw.destroy(),
    () => stream.destroy(),
  );
  return { stream, raw, listener };
}

const event = (emitter: Socket | Server, name: string): Promise<unknown[]> =>
  new Promise((resolve) => {
    emitter.once(name, (...args) => resolve(args));
  });

describe('a TCP stream', () => {
  it('half-closed by the other end hands over what waits and closes in order', async () => {
    const { stream, raw } = await pair();
    const end = new Recorder(stream);
    raw.end('question');
    const answer: Buffer[] = [];
    raw.on('data', (chunk) => answer.push(chunk));
    await end.untilReceived(8);
    stream.write(new Uint8Array(1_000_000).fill(1));
    await event(raw, 'end');
    expect(Buffer.concat(answer).length).toBe(1_000_000);
    expect(await end.closed).toBe(undefined);
    expect(clock.timerCount).toBe(0);
  });

  it('closed here waits 1 s for the other end to end too, not longer', async () => {
    const { stream, raw } = await pair();
    const end = new Recorder(stream);
    stream.write(Uint8Array.of(1));
    stream.close();
    raw.resume();
    await event(raw, 'end'); // and the raw socket keeps its own side open
    while (clock.timerCount === 0) await clock.settle();
    await clock.advance(999);
    expect(end.log).toEqual([]);
    await clock.advance(1);
    expect(await end.closed).toBe(undefined);
    expect(clock.timerCount).toBe(0);
    // And the socket is gone: who still writes to it is told by the operating system.
    const lost = event(raw, 'error');
    while (!raw.destroyed) {
      raw.write('x');
      await clock.settle();
    }
    expect(await lost).toMatchObject([{ code: expect.stringMatching(/EPIPE|ECONNRESET/) }]);
  });

  it.each(['open', 'half-closed'])(
    'whose other end, %s, leaves without reading what waits is RESET, not closed in order',
    async (how) => {
      const { stream, raw } = await pair();
      const end = new Recorder(stream);
      raw.pause();
      while (stream.bufferedBytes < 8_000_000) {
        stream.write(new Uint8Array(1_000_000));
        await clock.settle();
      }
      if (how === 'half-closed') {
        raw.end();
        while (clock.timerCount === 0) await clock.settle();
      }
      raw.destroy();
      expect((await end.closed)?.code).toBe('RESET');
      expect(clock.timerCount).toBe(0);
    },
  );

  it('destroyed in the moment it is closed is gone for the other end too', async () => {
    const { stream, raw, listener } = await pair();
    const end = new Recorder(stream);
    stream.close();
    stream.destroy();
    expect([await end.closed, listener.connectionCount]).toEqual([undefined, 0]);
    const lost = event(raw, 'error');
    while (!raw.destroyed) {
      raw.write('x');
      await clock.settle();
    }
    expect(await lost).toMatchObject([{ code: expect.stringMatching(/EPIPE|ECONNRESET/) }]);
  });

  it('closed here is given up after 30 s when the other end reads nothing', async () => {
    const { stream, raw } = await pair();
    const end = new Recorder(stream);
    raw.pause();
    while (stream.bufferedBytes < 8_000_000) stream.write(new Uint8Array(1_000_000));
    stream.close();
    await clock.advance(29_999);
    expect(end.log).toEqual([]);
    await clock.advance(1);
    expect((await end.closed)?.code).toBe('WRITE_TIMEOUT');
    expect(clock.timerCount).toBe(0);
  });

  it('reset by the other end is RESET, with the cause', async () => {
    const { stream, raw } = await pair();
    const end = new Recorder(stream);
    raw.resetAndDestroy();
    const reason = await end.closed;
    expect(reason).toMatchObject({ code: 'RESET', cause: { code: 'ECONNRESET' } });
    expect(reason?.message).toContain(stream.remoteAddress);
  });

  it('destroyed here is a reset for the other end, so that it does not take half a conversation for a whole', async () => {
    const { stream, raw } = await pair();
    const lost = event(raw, 'error');
    new Recorder(stream);
    raw.resume();
    stream.destroy();
    expect(await lost).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('that fails before anybody opened it says so afterwards, and nothing goes unhandled', async () => {
    const { stream, raw, listener } = await pair();
    raw.resetAndDestroy();
    while (listener.connectionCount > 0) {
      await clock.settle();
      try {
        stream.write(Uint8Array.of(1)); // a socket nobody reads learns of a reset when it writes
      } catch (error) {
        expect((error as NetError).code).toBe('CLOSED');
      }
    }
    expect((await new Recorder(stream).closed)?.code).toBe('RESET');
  });

  it('shows how far one large write has come: a stalled peer is told from a slow one', async () => {
    const { stream, raw } = await pair();
    const end = new Recorder(stream);
    raw.pause();
    const total = 64_000_000;
    stream.write(new Uint8Array(total));
    await clock.settle();
    const seen = new Set<number>([stream.bufferedBytes]);
    raw.on('data', () => seen.add(stream.bufferedBytes));
    raw.resume();
    await end.until(() => end.log.includes('drain'));
    expect(seen.size).toBeGreaterThan(10);
    expect(stream.bufferedBytes).toBe(0);
  });
});

describe('an Archethic link on TCP', () => {
  it('gives up a peer that reads nothing, when its timeout has passed', async () => {
    const { stream, raw } = await pair();
    raw.pause();
    let reason: NetError | undefined;
    const link = new ArchethicLink(stream, {
      clock,
      handlers: {
        onFrame: () => {},
        onHeartbeat: () => {},
        onClose: (why) => {
          reason = why;
        },
      },
    });
    while (link.stats().bufferedBytes < 10_000_000) {
      link.send(new Uint8Array(1_000_000).fill(1));
      await clock.settle();
    }
    const startMs = clock.monotonicMs();
    // The operating system's buffers may take some at first, so the end is awaited rather than computed.
    await clock.advanceUntil(() => reason !== undefined, 300_000);
    expect(reason?.code).toBe('WRITE_TIMEOUT');
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(30_000);
    expect(clock.timerCount).toBe(0);
  });
});

describe('dialling and listening', () => {
  it('a dialled socket sends small writes at once (TCP_NODELAY) and keeps itself alive', async () => {
    const listener = await transport.listen(local, () => {});
    cleanups.push(() => listener.close());
    const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
    const keepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive');
    cleanups.push(() => vi.restoreAllMocks());
    const stream = await transport.dial(listener.address, { timeoutMs: 5000 });
    cleanups.push(() => stream.destroy());
    expect(noDelay).toHaveBeenCalledWith(true);
    expect(keepAlive).toHaveBeenCalledWith(true);
  });

  /** `count` dialled streams, and the accepted one that each leads to. */
  async function dialledPairs(count: number): Promise<{ dialled: ByteStream; accepted: ByteStream }[]> {
    const waiting: ((stream: ByteStream) => void)[] = [];
    const listener = await transport.listen(local, (stream) => waiting.shift()?.(stream));
    cleanups.push(() => listener.close());
    const pairs: { dialled: ByteStream; accepted: ByteStream }[] = [];
    for (let i = 0; i < count; i += 1) {
      const accepting = new Promise<ByteStream>((resolve) => void waiting.push(resolve));
      const dialled = await transport.dial(listener.address, { timeoutMs: 5000 });
      const accepted = await accepting;
      cleanups.push(
        () => dialled.destroy(),
        () => accepted.destroy(),
      );
      pairs.push({ dialled, accepted });
    }
    return pairs;
  }

  it('what a dialled stream delivers stays its own when other streams read, up to a whole read and one byte over', async () => {
    const pairs = await dialledPairs(3);
    const ends = pairs.map(({ dialled }) => new Recorder(dialled));
    for (const [size, from] of [65_535, 65_536, 65_537].map((bytes, i) => [bytes, i] as const)) {
      pairs[from]?.accepted.write(new Uint8Array(size).fill(from + 1));
      await ends[from]?.untilReceived(size);
    }
    for (const [i, end] of ends.entries()) {
      expect(end.receivedBytes).toBe(65_535 + i);
      expect(end.chunks.every((chunk) => chunk.every((byte) => byte === i + 1))).toBe(true);
    }
  });

  it('a handler that only reads is given one memory again and again, and the bytes in order', async () => {
    const [pair] = await dialledPairs(1);
    const { dialled, accepted } = pair as { dialled: ByteStream; accepted: ByteStream };
    const memories = new Set<ArrayBufferLike>();
    let receivedBytes = 0;
    let isInOrder = true;
    const total = 500_000;
    await new Promise<void>((resolve) => {
      dialled.open({
        isReadingOnly: true,
        onData: (chunk) => {
          memories.add(chunk.buffer);
          for (const byte of chunk) {
            isInOrder &&= byte === receivedBytes % 251;
            receivedBytes += 1;
          }
          if (receivedBytes === total) resolve();
        },
        onDrain: () => {},
        onClose: () => resolve(),
      });
      accepted.write(Uint8Array.from({ length: total }, (_, i) => i % 251));
    });
    expect([receivedBytes, isInOrder, memories.size]).toEqual([total, true, 1]);
  });

  it('a dialled stream paused in the turn in which it was opened or resumed delivers nothing', async () => {
    const [pair] = await dialledPairs(1);
    const { dialled, accepted } = pair as { dialled: ByteStream; accepted: ByteStream };
    accepted.write(Uint8Array.of(1, 2, 3));
    const end = new Recorder(dialled);
    dialled.pause();
    const someTurns = async (): Promise<void> => {
      for (let i = 0; i < 10; i += 1) await new Promise<void>((resolve) => systemClock.defer(resolve));
    };
    await someTurns();
    dialled.resume();
    dialled.pause();
    await someTurns();
    expect(end.receivedBytes).toBe(0);
    dialled.resume();
    await end.untilReceived(3);
    expect(end.receivedBytes).toBe(3);
  });

  it('a listener at an address of somebody else is a typed error', async () => {
    await expect(transport.listen({ ...local, host: '192.0.2.1' }, () => {})).rejects.toMatchObject({
      code: 'ADDRESS_UNAVAILABLE',
    });
  });

  it('a port that a foreign program has is ADDRESS_IN_USE', async () => {
    const foreign = createServer();
    foreign.listen(0, '127.0.0.1');
    await event(foreign, 'listening');
    cleanups.push(() => foreign.close());
    const { port } = foreign.address() as { port: number };
    const error = await transport.listen({ ...local, port }, () => {}).catch((reason: NetError) => reason);
    expect(error).toMatchObject({ code: 'ADDRESS_IN_USE' });
    expect((error as NetError).message).toBe(`listen on tcp://127.0.0.1:${port}: EADDRINUSE`);
  });

  it('leaves no timer behind, whichever way a dial ends', async () => {
    const { listener } = await pair();
    const stream = await transport.dial(listener.address, { timeoutMs: 4000 });
    expect(clock.timerCount).toBe(0);
    stream.destroy();
    const aborter = new AbortController();
    const dialling = transport.dial(listener.address, { timeoutMs: 4000, signal: aborter.signal });
    aborter.abort();
    await expect(dialling).rejects.toMatchObject({ code: 'ABORTED' });
    expect(clock.timerCount).toBe(0);
  });

  it('keeps its options in range', () => {
    for (const maxConnections of [0, 1.5, 1_000_001]) {
      expect(() => new TcpTransport({ maxConnections })).toThrow(RangeError);
    }
    expect(new TcpTransport({ clock: systemClock, maxConnections: 1 }).scheme).toBe('tcp');
  });
});

describe('errors and addresses of the operating system', () => {
  it.each([
    ['ECONNREFUSED', 'CONNECTION_REFUSED'],
    ['EHOSTUNREACH', 'UNREACHABLE'],
    ['ENETUNREACH', 'UNREACHABLE'],
    ['ENOTFOUND', 'UNREACHABLE'],
    ['EAI_AGAIN', 'UNREACHABLE'],
    ['ETIMEDOUT', 'DIAL_TIMEOUT'],
    ['EADDRINUSE', 'ADDRESS_IN_USE'],
    ['EACCES', 'ADDRESS_UNAVAILABLE'],
    ['EPIPE', 'RESET'],
    ['EMFILE', 'RESOURCE_EXHAUSTED'],
    ['EWHATEVER', 'IO_FAILED'],
  ])('%s becomes %s', (code, expected) => {
    const cause = Object.assign(new Error('x'), { code });
    expect(tcpError('dial', cause)).toMatchObject({ code: expected, cause, message: `dial: ${code}` });
  });

  it('an IPv4 peer of a dual-stack listener is shown as IPv4, an IPv6 one in brackets', () => {
    expect(tcpAddressText('::ffff:10.1.2.3', 5)).toBe('tcp://10.1.2.3:5');
    expect(tcpAddressText('::1', 5)).toBe('tcp://[::1]:5');
    expect(tcpAddressText(undefined, undefined)).toBe('tcp://0.0.0.0:0');
  });
});
