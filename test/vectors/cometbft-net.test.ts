/** The MConnection sections of the CometBFT golden file: which channel goes next, and how packets become messages. */
import { describe, expect, test } from 'vitest';
import { decodePacket } from '../../src/codec/cometbft-packet.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { parseChannelDescriptors } from '../../src/net/channel-descriptor.ts';
import { ChannelReceiver } from '../../src/net/channel-receiver.ts';
import { ChannelSender } from '../../src/net/channel-sender.ts';
import { NetError } from '../../src/net/errors.ts';
import { PacketScheduler } from '../../src/net/packet-scheduler.ts';
import {
  booleanOf,
  bytesOf,
  COMETBFT_NET_SECTIONS,
  eachCase,
  integerOf,
  isOwnFolder,
  listOf,
  loadCometbftVectors,
  objectOf,
  stringOf,
  type VectorCase,
} from './load.ts';

/** `numBatchPacketMsgs` */
const BATCH_PACKETS = 10;

const vectors = loadCometbftVectors();
const held: string[] = [];

interface Pick {
  readonly ch: number;
  readonly eof: boolean;
  readonly len: number;
  readonly wire_len: number;
}

class Schedule {
  readonly channels: ChannelSender[];
  readonly scheduler: PacketScheduler;

  constructor(vector: VectorCase) {
    const descriptors = listOf(vector, 'channels').map((channel) => ({
      id: Number(integerOf(channel, 'id')),
      priority: Number(integerOf(channel, 'priority')),
      sendQueueCapacity: 100,
    }));
    const payloadMax = Number(integerOf(vector, 'max_payload'));
    this.channels = parseChannelDescriptors(descriptors).map((settings) => new ChannelSender(settings, payloadMax));
    this.scheduler = new PacketScheduler(this.channels, 0);
    this.push(listOf(vector, 'initial_messages'));
  }

  push(messages: readonly VectorCase[]): void {
    for (const message of messages) {
      const channel = this.channels.find(({ id }) => id === Number(integerOf(message, 'ch'))) as ChannelSender;
      channel.push(new Uint8Array(Number(integerOf(message, 'size'))));
    }
  }

  batch(): { picks: Pick[]; exhausted: boolean } {
    const picks: Pick[] = [];
    const target = new Uint8Array(2048);
    while (picks.length < BATCH_PACKETS) {
      const channel = this.scheduler.pick(() => true);
      if (channel === undefined) return { picks, exhausted: true };
      const wireBytes = channel.writeNext(target, 0);
      const lengthBytes = (target[0] as number) < 0x80 ? 1 : 2;
      const packet = decodePacket(target.subarray(lengthBytes, wireBytes));
      if (packet.type !== 'msg') throw new Error(`a ${packet.type}`);
      const { channelId: ch, eof, data } = packet;
      picks.push({ ch, eof, len: data.length, wire_len: wireBytes });
    }
    return { picks, exhausted: false };
  }

  counts(key: 'recentlySent' | 'queueSize'): Record<string, number> {
    return Object.fromEntries(this.channels.map((channel) => [String(channel.id), channel[key]]));
  }
}

function checkSchedule(vector: VectorCase): void {
  const schedule = new Schedule(vector);
  for (const step of listOf(vector, 'steps')) {
    const what = stringOf(step, 'do');
    if (what === 'push') {
      schedule.push(listOf(step, 'messages'));
      continue;
    }
    if (what === 'update_stats') schedule.scheduler.decay();
    else if (what === 'batch') {
      const { picks, exhausted } = schedule.batch();
      const expected = step.picks === null ? [] : (listOf(step, 'picks') as unknown as Pick[]);
      expect(picks).toEqual(expected);
      expect(exhausted).toBe(booleanOf(step, 'exhausted'));
      expect(schedule.counts('queueSize')).toEqual(objectOf(step, 'send_queue_size'));
    } else throw new Error(`unknown step ${what}`);
    expect(schedule.counts('recentlySent')).toEqual(objectOf(step, 'recently_sent'));
  }
}

/** Differs from CometBFT: an empty message that another channel overtakes is sent, not forgotten. */
function checkNothingIsLost(vector: VectorCase): void {
  const schedule = new Schedule(vector);
  const { picks } = schedule.batch();
  expect(picks.map(({ ch, len }) => `${ch}:${len}`).sort()).toEqual(
    listOf(vector, 'initial_messages')
      .map((message) => `${message.ch}:${message.size}`)
      .sort(),
  );
  expect(Object.values(schedule.counts('queueSize'))).toEqual([0, 0]);
}

function checkReassembly(vector: VectorCase): void {
  const recvMessageCapacity = Number(integerOf(vector, 'recv_message_capacity'));
  const events: VectorCase[] = [];
  let after = 0;
  const [settings] = parseChannelDescriptors([{ id: 1, priority: 1, recvMessageCapacity }]);
  const channel = new ChannelReceiver(settings as NonNullable<typeof settings>, {
    onReceive: (_, message) => void events.push({ after, message_hex: bytesToHex(message) }),
    onFull: () => {},
    onHandlerError: () => {},
    onIdle: () => {},
  });
  try {
    for (const packet of listOf(vector, 'packets')) {
      channel.accept(booleanOf(packet, 'eof'), bytesOf(packet, 'data_hex'));
      after += 1;
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    events.push({ after, error: error.code });
  }
  const expected = listOf(vector, 'events').map((event) =>
    event.error === undefined ? event : { after: event.after, error: 'MESSAGE_TOO_LARGE' },
  );
  expect(events).toEqual(expected);
}

describe.skipIf(vectors === undefined)('the MConnection sections', () => {
  const file = vectors as NonNullable<typeof vectors>;

  test('scheduling: the channel with the least sent for its priority goes next', () => {
    held.push('scheduling');
    const count = eachCase(file, 'scheduling', (vector) => {
      if (typeof vector.name === 'string' && vector.name.includes('upstream quirk')) checkNothingIsLost(vector);
      else checkSchedule(vector);
    });
    if (isOwnFolder()) expect(count).toBe(7);
  });

  test('reassembly: packets become messages, up to the capacity', () => {
    held.push('reassembly');
    const count = eachCase(file, 'reassembly', checkReassembly);
    if (isOwnFolder()) expect(count).toBe(7);
  });

  test('every section claimed for this suite was held', () => {
    expect(held).toEqual([...COMETBFT_NET_SECTIONS]);
  });
});
