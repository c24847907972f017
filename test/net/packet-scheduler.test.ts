import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketDecoder } from '../../src/codec/cometbft-packet.ts';
import { type ChannelDescriptor, parseChannelDescriptors } from '../../src/net/channel-descriptor.ts';
import { ChannelSender } from '../../src/net/channel-sender.ts';
import { DECAY_INTERVAL_MS, PacketScheduler } from '../../src/net/packet-scheduler.ts';
import { pattern } from './mconnection-rig.ts';

function senders(channels: readonly ChannelDescriptor[], payloadMax = 1024): ChannelSender[] {
  return parseChannelDescriptors(channels).map((settings) => new ChannelSender(settings, payloadMax));
}

function send(scheduler: PacketScheduler, count: number): number[] {
  const target = new Uint8Array(2048);
  const order: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const channel = scheduler.pick(() => true);
    if (channel === undefined) break;
    channel.writeNext(target, 0);
    order.push(channel.id);
  }
  return order;
}

describe('PacketScheduler', () => {
  it('shares the link by priority, within a packet of each share', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 6 }), (priorities) => {
        const channels = senders(priorities.map((priority, id) => ({ id: id + 1, priority })));
        for (const channel of channels) channel.push(new Uint8Array(10_000_000));
        const count = 2_000;
        const order = send(new PacketScheduler(channels, 0), count);
        const total = priorities.reduce((sum, priority) => sum + priority, 0);
        for (const [index, priority] of priorities.entries()) {
          const got = order.filter((id) => id === index + 1).length;
          expect(Math.abs(got - (count * priority) / total)).toBeLessThanOrEqual(priorities.length);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives ties to the channel registered first', () => {
    const channels = senders([
      { id: 9, priority: 5 },
      { id: 2, priority: 5 },
    ]);
    for (const channel of channels) channel.push(new Uint8Array(4096));
    expect(send(new PacketScheduler(channels, 0), 4)).toEqual([9, 2, 9, 2]);
  });

  it('lets a small message on a channel of high priority go before bulk that has begun', () => {
    const channels = senders([
      { id: 1, priority: 1 },
      { id: 2, priority: 100 },
    ]);
    const [bulk, small] = channels as [ChannelSender, ChannelSender];
    bulk.push(new Uint8Array(100_000));
    const scheduler = new PacketScheduler(channels, 0);
    expect(send(scheduler, 3)).toEqual([1, 1, 1]);
    small.push(new Uint8Array(100));
    expect(send(scheduler, 3)).toEqual([2, 1, 1]);
  });

  it('passes over channels that must wait, and only those', () => {
    const channels = senders([
      { id: 1, priority: 10 },
      { id: 2, priority: 1 },
    ]);
    for (const channel of channels) channel.push(new Uint8Array(10));
    const scheduler = new PacketScheduler(channels, 0);
    expect(scheduler.pick((channel) => channel.id !== 1)?.id).toBe(2);
    expect(scheduler.pick(() => false)).toBeUndefined();
    expect(scheduler.pick(() => true)?.id).toBe(1);
  });

  it('fades what was sent by a fifth every 2 s, also after a long silence, and not before', () => {
    const [channel] = senders([{ id: 1, priority: 1 }]) as [ChannelSender];
    const scheduler = new PacketScheduler([channel], 0);
    channel.recentlySent = 1000;
    scheduler.decayTo(DECAY_INTERVAL_MS - 1);
    expect(channel.recentlySent).toBe(1000);
    scheduler.decayTo(DECAY_INTERVAL_MS);
    expect(channel.recentlySent).toBe(800);
    scheduler.decayTo(3 * DECAY_INTERVAL_MS + 1);
    expect(channel.recentlySent).toBe(512);
    scheduler.decayTo(1e12);
    expect(channel.recentlySent).toBe(0);
  });
});

describe('ChannelSender', () => {
  it('cuts any message into packets that a peer of the same payload size accepts, on every channel id', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 2000 }),
        (id, payloadMax, size) => {
          const [channel] = senders([{ id, priority: 1 }], payloadMax) as [ChannelSender];
          const message = pattern(size, id);
          channel.push(message);
          const decoder = new PacketDecoder({ packetPayloadBytesMax: payloadMax });
          const joined: number[] = [];
          const ends: boolean[] = [];
          while (channel.isPending) {
            const isEof = channel.isNextEof;
            const target = new Uint8Array(channel.packetBytesMax);
            decoder.push(target.subarray(0, channel.writeNext(target, 0)));
            const packet = decoder.next();
            if (packet?.type !== 'msg') throw new Error('no packet');
            expect(packet.eof).toBe(isEof);
            joined.push(...packet.data);
            ends.push(packet.eof);
          }
          expect(Uint8Array.from(joined)).toEqual(message);
          expect(ends.indexOf(true)).toBe(ends.length - 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([1023, 1024, 1025, 2047, 2048, 2049])(
    'keeps a full last packet of channel 0x80 within what an unmodified peer accepts: %i bytes',
    (size) => {
      const [channel] = senders([{ id: 0x80, priority: 1 }]) as [ChannelSender];
      channel.push(new Uint8Array(size));
      const target = new Uint8Array(2048);
      while (channel.isPending) expect(channel.writeNext(target, 0) - 2).toBeLessThanOrEqual(1034);
    },
  );
});

describe('channel descriptors', () => {
  it.each([
    [[]],
    [[{ id: -1, priority: 1 }]],
    [[{ id: 256, priority: 1 }]],
    [[{ id: 1, priority: 0 }]],
    [[{ id: 1, priority: 1_000_001 }]],
    [[{ id: 1, priority: 1, sendQueueCapacity: 0 }]],
    [[{ id: 1, priority: 1, recvMessageCapacity: 0 }]],
    [[{ id: 1, priority: 1, recvQueueBytesMax: 2 ** 30 + 1 }]],
    [[{ id: 1, priority: 1, recvOverflow: 'lose' as 'drop' }]],
    [
      [
        { id: 1, priority: 1 },
        { id: 1, priority: 2 },
      ],
    ],
  ])('refuses %o', (channels) => {
    expect(() => parseChannelDescriptors(channels)).toThrow(RangeError);
  });

  it('takes ids from 0 to 255', () => {
    const all = Array.from({ length: 256 }, (_, id) => ({ id, priority: 1 }));
    expect(parseChannelDescriptors(all).length).toBe(256);
  });
});
