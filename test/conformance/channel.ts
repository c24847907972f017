/** What channels promise over any byte stream: a suite that each kind of stream runs. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { ChannelDescriptor } from '../../src/net/channel-descriptor.ts';
import type { NetError } from '../../src/net/errors.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { pattern, texts } from '../net/mconnection-rig.ts';

const BULK = 0x40;
const SMALL = 0x22;
const CHANNELS: readonly ChannelDescriptor[] = [
  { id: BULK, priority: 1, sendQueueCapacity: 8 },
  { id: SMALL, priority: 100, sendQueueCapacity: 100 },
];

/** Time that an event may take, in ms. */
const PATIENCE_MS = 10_000;

/** One end with what it received, and a way to wait for more. */
class End {
  readonly mconnection: MConnection;
  readonly received: { readonly channelId: number; readonly message: Uint8Array }[] = [];
  closed: { readonly reason: NetError | undefined } | undefined;
  onReceive: (channelId: number, message: Uint8Array) => void = () => {};
  #onChange: () => void = () => {};

  constructor(stream: ByteStream) {
    this.mconnection = new MConnection(stream, CHANNELS, {
      clock: systemClock,
      sendRateBytesPerSecond: 0,
      recvRateBytesPerSecond: 0,
      handlers: {
        onReceive: (channelId, message) => {
          this.received.push({ channelId, message: message.slice() });
          this.onReceive(channelId, message);
          this.#onChange();
        },
        onClose: (reason) => {
          this.closed = { reason };
          this.#onChange();
        },
      },
    });
    this.mconnection.start();
  }

  until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = systemClock.setTimer(() => reject(new Error(`not done in ${PATIENCE_MS} ms`)), PATIENCE_MS);
      this.#onChange = () => {
        if (!isDone()) return;
        systemClock.clearTimer(timer);
        resolve();
      };
      this.#onChange();
    });
  }
}

/**
 * Runs the suite.
 *
 * @param make - gives two ends of one connection, neither opened.
 */
export function channelConformance(name: string, make: () => Promise<readonly [ByteStream, ByteStream]>): void {
  describe(`channel conformance: ${name}`, () => {
    it('delivers messages of every size, each channel in order', async () => {
      const [a, b] = (await make()).map((stream) => new End(stream)) as [End, End];
      const sizes = [0, 1, 1023, 1024, 1025, 65_536, 1_000_000];
      for (const [i, size] of sizes.entries()) {
        expect(await a.mconnection.send(BULK, pattern(size, i))).toBe('queued');
        expect(await a.mconnection.send(SMALL, pattern(i, i))).toBe('queued');
      }
      await b.until(() => b.received.length === 2 * sizes.length);
      const on = (channelId: number): Uint8Array[] =>
        b.received.filter((each) => each.channelId === channelId).map(({ message }) => message);
      expect(texts(on(BULK))).toEqual(texts(sizes.map((size, i) => pattern(size, i))));
      expect(texts(on(SMALL))).toEqual(texts(sizes.map((_, i) => pattern(i, i))));
      await a.mconnection.flushStop();
      await b.until(() => b.closed !== undefined);
    });

    it('works in both directions at once', async () => {
      const [a, b] = (await make()).map((stream) => new End(stream)) as [End, End];
      const send = async (end: End): Promise<void> => {
        for (let i = 0; i < 30; i += 1) await end.mconnection.send(BULK, pattern(50_000, i));
      };
      await Promise.all([send(a), send(b)]);
      await Promise.all([a.until(() => a.received.length === 30), b.until(() => b.received.length === 30)]);
      const sent = Array.from({ length: 30 }, (_, i) => pattern(50_000, i));
      for (const end of [a, b]) expect(texts(end.received.map(({ message }) => message))).toEqual(texts(sent));
      a.mconnection.stop();
      await b.until(() => b.closed !== undefined);
    });

    it('lets a small message on a high-priority channel overtake bulk that was queued before it', async () => {
      const [a, b] = (await make()).map((stream) => new End(stream)) as [End, End];
      for (let i = 0; i < 8; i += 1) a.mconnection.trySend(BULK, pattern(1_000_000, i));
      a.mconnection.trySend(SMALL, pattern(10));
      await b.until(() => b.received.length === 9);
      expect(b.received[0]?.channelId).toBe(SMALL);
      a.mconnection.stop();
      await b.until(() => b.closed !== undefined);
    });

    it('echoes a thousand messages with 64 in flight', async () => {
      const [a, b] = (await make()).map((stream) => new End(stream)) as [End, End];
      b.onReceive = (channelId, message) => void b.mconnection.trySend(channelId, message.slice());
      let next = 0;
      a.onReceive = () => {
        if (next < 1000) a.mconnection.trySend(SMALL, pattern(100, next++));
      };
      for (; next < 64; next += 1) a.mconnection.trySend(SMALL, pattern(100, next));
      await a.until(() => a.received.length === 1000);
      expect(a.received.every(({ message }, i) => Buffer.compare(message, pattern(100, i)) === 0)).toBe(true);
      a.mconnection.stop();
      await b.until(() => b.closed !== undefined);
    });

    it('loses nothing that was accepted when it is flushed and stopped, and both ends close in order', async () => {
      const [a, b] = (await make()).map((stream) => new End(stream)) as [End, End];
      for (let i = 0; i < 8; i += 1) expect(a.mconnection.trySend(BULK, pattern(300_000, i))).toBe('queued');
      await a.mconnection.flushStop();
      await b.until(() => b.closed !== undefined);
      expect(b.received.length).toBe(8);
      expect([a.closed, b.closed]).toEqual([{ reason: undefined }, { reason: undefined }]);
    });
  });
}
