import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChannelDescriptor,
  type ChannelSettings,
  parseChannelDescriptors,
} from '../../src/net/channel-descriptor.ts';
import { ChannelReceiver } from '../../src/net/channel-receiver.ts';
import { pattern } from './mconnection-rig.ts';

interface Rig {
  readonly channel: ChannelReceiver;
  readonly log: string[];
  /** Settles the oldest handler that runs. */
  done(error?: Error): Promise<void>;
}

function rig(descriptor: Partial<ChannelDescriptor>, isSlow = true): Rig {
  const log: string[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  const [settings] = parseChannelDescriptors([{ id: 1, priority: 1, ...descriptor }]);
  const channel = new ChannelReceiver(settings as ChannelSettings, {
    onReceive: (_, message) => {
      log.push(`got ${message.length}`);
      if (!isSlow) return undefined;
      return new Promise<void>((resolve, reject) => {
        waiting.push((error) => (error === undefined ? resolve() : reject(error)));
      });
    },
    onFull: (isFull) => void log.push(isFull ? 'full' : 'room'),
    onHandlerError: (_, cause) => void log.push(`failed ${(cause as Error).message}`),
    onIdle: () => void log.push('idle'),
  });
  return {
    channel,
    log,
    done: async (error) => {
      waiting.shift()?.(error);
      await new Promise<void>((resolve) => setImmediate(resolve));
    },
  };
}

describe('ChannelReceiver', () => {
  it('hands messages to a quick handler as they arrive, without a queue', () => {
    const { channel, log } = rig({}, false);
    for (let size = 0; size < 4; size += 1) channel.accept(true, pattern(size));
    expect(log).toEqual(['got 0', 'got 1', 'got 2', 'got 3']);
    expect([channel.queueSize, channel.stats.queueSizeMax]).toEqual([0, 0]);
  });

  it('gives a slow handler one message at a time, in order', async () => {
    const { channel, log, done } = rig({});
    for (let size = 1; size <= 3; size += 1) channel.accept(true, pattern(size));
    expect(log).toEqual(['got 1']);
    await done();
    expect(log).toEqual(['got 1', 'got 2']);
    await done();
    await done();
    expect(log).toEqual(['got 1', 'got 2', 'got 3', 'idle']);
  });

  it('copies what waits, so that a chunk of 64 KiB is not kept for its 10 bytes', async () => {
    const kept: Uint8Array[] = [];
    const [settings] = parseChannelDescriptors([{ id: 1, priority: 1 }]);
    const channel = new ChannelReceiver(settings as ChannelSettings, {
      onReceive: (_, message) => {
        kept.push(message);
        return Promise.resolve();
      },
      onFull: () => {},
      onHandlerError: () => {},
      onIdle: () => {},
    });
    const chunk = new Uint8Array(65_536);
    channel.accept(true, chunk.subarray(0, 10));
    channel.accept(true, chunk.subarray(10, 20));
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(kept.map((message) => message.buffer.byteLength)).toEqual([65_536, 10]);
  });

  it.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [127, 63],
    [128, 64],
    [129, 65],
  ])('asks for a pause at %i waiting messages, and no more at %i', async (capacity, room) => {
    const { channel, log, done } = rig({ recvQueueCapacity: capacity });
    channel.accept(true, pattern(5)); // in the handler
    for (let i = 1; i < capacity; i += 1) channel.accept(true, pattern(5));
    expect(log).toEqual(['got 5']);
    channel.accept(true, pattern(5));
    expect(log).toEqual(['got 5', 'full']);
    channel.accept(true, pattern(5)); // one more of the same chunk is still taken
    expect([channel.queueSize, channel.stats.messagesDropped]).toEqual([capacity + 1, 0]);
    while (!log.includes('room')) await done();
    expect([channel.queueSize, channel.stats.pauses]).toEqual([room, 1]);
  });

  it.each([
    [99, false],
    [100, true],
    [101, true],
  ])('asks for a pause at 100 waiting bytes: %i', (bytes, isFull) => {
    const { channel } = rig({ recvQueueBytesMax: 100 });
    channel.accept(true, pattern(1));
    channel.accept(true, pattern(bytes));
    expect(channel.isFull).toBe(isFull);
  });

  it.each([
    [1000, 499, 500],
    [131_072, 65_535, 65_536],
    [1_000_000, 65_535, 65_536],
  ])('full at %i waiting bytes it goes on pausing at %i less, and no more at %i less', async (bytesMax, less, room) => {
    const { channel, log, done } = rig({ recvQueueBytesMax: bytesMax });
    for (const size of [1, less, room - less, bytesMax - room]) channel.accept(true, pattern(size));
    expect(log).toEqual(['got 1', 'full']);
    await done(); // the handler has `less`, and the queue that much room
    expect([channel.queueBytes, channel.isFull]).toEqual([bytesMax - less, true]);
    await done();
    expect([channel.queueBytes, channel.isFull]).toEqual([bytesMax - room, false]);
    expect(log.filter((line) => line === 'room')).toHaveLength(1);
  });

  it('ends the connection at the message after the last that may wait, where that is chosen', () => {
    const { channel, log } = rig({ recvQueueCapacity: 2, recvOverflow: 'disconnect' });
    for (let size = 1; size <= 3; size += 1) channel.accept(true, pattern(size)); // one in the handler, two waiting
    expect(() => channel.accept(true, pattern(4))).toThrow(
      expect.objectContaining({
        code: 'RECV_QUEUE_FULL',
        message: '2 messages of 5 bytes wait for the handler of channel 1, and more came',
      }),
    );
    expect([log, channel.isFull]).toEqual([['got 1'], false]);
  });

  it('drops and counts the newest of a full channel that may lose messages, and asks for no pause', async () => {
    const { channel, log, done } = rig({ recvQueueCapacity: 2, recvOverflow: 'drop' });
    for (let size = 1; size <= 5; size += 1) channel.accept(true, pattern(size));
    expect([channel.queueSize, channel.stats.messagesDropped, channel.isFull]).toEqual([2, 2, false]);
    for (let i = 0; i < 3; i += 1) await done();
    expect(log).toEqual(['got 1', 'got 2', 'got 3', 'idle']);
  });

  it('does with any packets and any pace of its handler what a slow twin does', async () => {
    const packet = fc.record({ eof: fc.boolean(), size: fc.oneof(fc.nat(4), fc.nat(40)), settles: fc.nat(2) });
    const overflow = fc.constantFrom('pause' as const, 'drop' as const, 'disconnect' as const);
    const capacities = fc.record({
      recvMessageCapacity: fc.integer({ min: 1, max: 60 }),
      recvQueueCapacity: fc.integer({ min: 1, max: 4 }),
      recvQueueBytesMax: fc.integer({ min: 1, max: 80 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(packet, { maxLength: 40 }),
        overflow,
        capacities,
        async (packets, recvOverflow, caps) => {
          const { channel, log, done } = rig({ ...caps, recvOverflow });
          // The twin: arrays, and everything counted anew each time.
          const expected: string[] = [];
          const waiting: number[] = [];
          let [partial, isBusy, dropped] = [0, false, 0];
          let failure: string | undefined;
          const settle = (): void => {
            const next = waiting.shift();
            isBusy = next !== undefined;
            if (next !== undefined) expected.push(`got ${next}`);
          };
          for (const [index, { eof, size, settles }] of packets.entries()) {
            if (failure !== undefined) break;
            partial += size;
            const isQueueFull =
              waiting.length >= caps.recvQueueCapacity || waiting.reduce((x, y) => x + y, 0) >= caps.recvQueueBytesMax;
            if (partial > caps.recvMessageCapacity) failure = 'MESSAGE_TOO_LARGE';
            else if (eof) {
              if (!isBusy) expected.push(`got ${partial}`);
              else if (isQueueFull && recvOverflow === 'drop') dropped += 1;
              else if (isQueueFull && recvOverflow === 'disconnect') failure = 'RECV_QUEUE_FULL';
              else waiting.push(partial);
              isBusy = true;
              partial = 0;
            }
            let code: unknown;
            try {
              channel.accept(eof, pattern(size, index));
            } catch (error) {
              ({ code } = error as { code?: string });
            }
            expect(code).toBe(failure);
            for (let i = 0; failure === undefined && i < settles && isBusy; i += 1) {
              settle();
              await done();
            }
            if (failure !== undefined) break;
            expect([channel.queueSize, channel.partialBytes, channel.stats.messagesDropped]).toEqual([
              waiting.length,
              partial,
              dropped,
            ]);
            expect(channel.queueBytes).toBe(waiting.reduce((x, y) => x + y, 0));
          }
          expect(log.filter((line) => line.startsWith('got'))).toEqual(expected);
          // It asks for a pause and takes it back in turn, and only where that was chosen.
          const pauses = log.filter((line) => line === 'full' || line === 'room');
          expect(pauses).toEqual(pauses.map((_, i) => (i % 2 === 0 ? 'full' : 'room')));
          if (recvOverflow !== 'pause') expect(pauses).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('joins parts of any size, whatever their number', () => {
    const messages: Uint8Array[] = [];
    const [settings] = parseChannelDescriptors([{ id: 1, priority: 1 }]);
    const channel = new ChannelReceiver(settings as ChannelSettings, {
      onReceive: (_, message) => void messages.push(message),
      onFull: () => {},
      onHandlerError: () => {},
      onIdle: () => {},
    });
    const whole = pattern(100_000);
    for (let at = 0; at < whole.length; at += 7) channel.accept(false, whole.subarray(at, at + 7));
    channel.accept(true, new Uint8Array(0));
    expect(messages).toEqual([whole]);
    expect(channel.partialBytes).toBe(0);
  });

  it.each([
    [29, undefined],
    [30, undefined],
    [31, 'MESSAGE_TOO_LARGE'],
  ])('takes a message of %i bytes at a capacity of 30: %s', (bytes, code) => {
    const { channel } = rig({ recvMessageCapacity: 30 });
    channel.accept(false, pattern(10));
    const rest = (): void => channel.accept(true, pattern(bytes - 10));
    if (code === undefined) expect(rest).not.toThrow();
    else expect(rest).toThrow(expect.objectContaining({ code }));
  });

  it('holds no more than twice what has arrived of a message', () => {
    const { channel } = rig({ recvMessageCapacity: 1_000_000 });
    const part = pattern(1000);
    for (let i = 0; i < 100; i += 1) channel.accept(false, part);
    for (let i = 0; i < 100_000; i += 1) channel.accept(false, new Uint8Array(0));
    expect(channel.partialBytes).toBe(100_000);
  });

  it('hands out messages in memory at most twice as long as they are, also short ones behind long ones', () => {
    const got: Uint8Array[] = [];
    const [settings] = parseChannelDescriptors([{ id: 1, priority: 1, recvMessageCapacity: 3_000_000 }]);
    const channel = new ChannelReceiver(settings as ChannelSettings, {
      onReceive: (_, message) => void got.push(message),
      onFull: () => {},
      onHandlerError: () => {},
      onIdle: () => {},
    });
    const sizes = [2_500_000, 65_536, 2048, 2049, 600_000, 1_200_000, 299_999, 300_000, 70_000];
    for (const size of sizes) {
      const message = pattern(size);
      for (let at = 0; at < size; at += 1024) channel.accept(at + 1024 >= size, message.subarray(at, at + 1024));
      expect(Buffer.compare(got.at(-1) as Uint8Array, message)).toBe(0);
    }
    expect(got.map((message) => message.length)).toEqual(sizes);
    for (const message of got) {
      expect(message.buffer.byteLength).toBeLessThanOrEqual(Math.max(4096, 2 * message.length));
    }
  });

  it('reports a handler that throws and one that rejects', async () => {
    const { channel, log, done } = rig({});
    channel.accept(true, pattern(1));
    await done(new Error('later'));
    expect(log).toEqual(['got 1', 'failed later']);
    const [settings] = parseChannelDescriptors([{ id: 1, priority: 1 }]);
    const failures: unknown[] = [];
    const throwing = new ChannelReceiver(settings as ChannelSettings, {
      onReceive: () => {
        throw new Error('at once');
      },
      onFull: () => {},
      onHandlerError: (_, cause) => void failures.push(cause),
      onIdle: () => {},
    });
    throwing.accept(true, pattern(1));
    expect(failures).toEqual([new Error('at once')]);
  });

  it('hands out nothing more once closed', async () => {
    const { channel, log, done } = rig({});
    for (let size = 1; size <= 3; size += 1) channel.accept(true, pattern(size));
    channel.close();
    expect(channel.stats.messagesDropped).toBe(2);
    await done();
    expect(log).toEqual(['got 1', 'idle']);
  });
});
