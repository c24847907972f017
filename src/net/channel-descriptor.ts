/**
 * What a channel of an MConnection is: a one-byte id, a share of the link, and the bounds of its queues both ways.
 * Descriptors are fixed when the connection is made; their order decides ties in scheduling
 * (`CometBFT p2p/conn/connection.go ChannelDescriptor`).
 */
import { checkInteger, checkOneOf, checkOptionNames, type OptionNames } from '../base/errors.ts';
import { CHANNEL_ID_MAX } from '../codec/cometbft-packet.ts';

/** Messages that may wait to be sent on a channel, by default (`defaultSendQueueCapacity`). */
export const SEND_QUEUE_CAPACITY_DEFAULT = 1;

/** Highest `sendQueueCapacity` and `recvQueueCapacity`. */
export const CHANNEL_QUEUE_CAPACITY_MAX = 1_000_000;

/** Longest message of a channel by default: 21 MiB (`defaultRecvMessageCapacity`). */
export const RECV_MESSAGE_CAPACITY_DEFAULT = 22_020_096;

/** Highest `recvMessageCapacity`, and highest `recvQueueBytesMax`: 1 GiB. */
export const RECV_MESSAGE_CAPACITY_MAX = 1_073_741_824;

/** Whole messages that may wait for the handler of a channel, by default. */
export const RECV_QUEUE_CAPACITY_DEFAULT = 1024;

/** Bytes of whole messages that may wait for the handler of a channel, by default: 4 MiB. */
export const RECV_QUEUE_BYTES_MAX_DEFAULT = 4_194_304;

/** Highest priority of a channel. */
export const CHANNEL_PRIORITY_MAX = 1_000_000;

/**
 * Room at which reading goes on after a pause of {@link RecvOverflow}: this many bytes and messages of the queue, or half
 * of it where that is less. Little, since all that is behind it on the wire waits until it is there.
 */
export const RECV_ROOM_BYTES = 65_536;
/** See {@link RECV_ROOM_BYTES}. */
export const RECV_ROOM_COUNT = 64;

const RECV_OVERFLOWS = ['pause', 'drop', 'disconnect'] as const;

/**
 * What happens when the handler of a channel is too slow and its inbound queue full. Up to there no channel, ping or pong
 * waits for another's handler, whatever is chosen. The wire has no credit of a channel, so beyond it one of three gives:
 *
 * - `pause`: nothing is lost. The connection is read no faster than this handler takes, and everything on it, pings and
 *   pongs too, waits for the handler to take what is before it on the wire; counted in `recvPauses`. What a peer does who
 *   waits longer than its patience for a pong is up to it; ours ends the connection with `RECV_QUEUE_FULL`.
 * - `drop`: further messages of this channel are forgotten and counted; no other channel notices, nor does the peer.
 * - `disconnect`: the connection ends with `RECV_QUEUE_FULL`.
 */
export type RecvOverflow = (typeof RECV_OVERFLOWS)[number];

/** One channel, as the owner describes it. */
export interface ChannelDescriptor {
  /** 0 to 255, unique on its connection. */
  readonly id: number;
  /** Share of the link beside other channels that have something to send, 1 to 1 000 000. */
  readonly priority: number;
  /** Messages that may wait behind the one being sent, 1 to 1 000 000; default 1. */
  readonly sendQueueCapacity?: number;
  /** Longest message sent or accepted, 1 to 2^30 bytes; default 22 020 096. A longer one ends the connection. */
  readonly recvMessageCapacity?: number;
  /** Whole messages that may wait for the handler, 1 to 1 000 000; default 1024. */
  readonly recvQueueCapacity?: number;
  /** Bytes at which the queue of waiting messages is full, 1 to 2^30; default 4 MiB. One message always fits. */
  readonly recvQueueBytesMax?: number;
  /** What happens when that queue is full; default `pause`. */
  readonly recvOverflow?: RecvOverflow;
}

/** @internal */
export const CHANNEL_DESCRIPTOR_NAMES: OptionNames<ChannelDescriptor> = {
  id: true,
  priority: true,
  sendQueueCapacity: true,
  recvMessageCapacity: true,
  recvQueueCapacity: true,
  recvQueueBytesMax: true,
  recvOverflow: true,
};

/** A descriptor with nothing left open. @internal */
export type ChannelSettings = Required<ChannelDescriptor>;

/**
 * Checks the channels of a connection and fills in the defaults.
 *
 * @throws RangeError for a value out of range, an option that is not known, an id given twice, or no channel at all.
 * @internal
 */
export function parseChannelDescriptors(descriptors: readonly ChannelDescriptor[]): ChannelSettings[] {
  if (descriptors.length === 0) throw new RangeError('an MConnection needs at least one channel');
  const seen = new Set<number>();
  return descriptors.map((descriptor) => {
    const settings = parseChannelDescriptor(descriptor);
    if (seen.has(settings.id)) throw new RangeError(`channel id ${settings.id} is given twice`);
    seen.add(settings.id);
    return settings;
  });
}

function parseChannelDescriptor(descriptor: ChannelDescriptor): ChannelSettings {
  const id = checkInteger('channel id', descriptor.id, 0, CHANNEL_ID_MAX);
  checkOptionNames(descriptor, CHANNEL_DESCRIPTOR_NAMES, ` of channel ${id}`);
  const check = (name: string, value: number, most: number): number =>
    checkInteger(`${name} of channel ${id}`, value, 1, most);
  const sendQueueCapacity = descriptor.sendQueueCapacity ?? SEND_QUEUE_CAPACITY_DEFAULT;
  const recvMessageCapacity = descriptor.recvMessageCapacity ?? RECV_MESSAGE_CAPACITY_DEFAULT;
  const recvQueueCapacity = descriptor.recvQueueCapacity ?? RECV_QUEUE_CAPACITY_DEFAULT;
  const recvQueueBytesMax = descriptor.recvQueueBytesMax ?? RECV_QUEUE_BYTES_MAX_DEFAULT;
  return {
    id,
    priority: check('priority', descriptor.priority, CHANNEL_PRIORITY_MAX),
    sendQueueCapacity: check('sendQueueCapacity', sendQueueCapacity, CHANNEL_QUEUE_CAPACITY_MAX),
    recvMessageCapacity: check('recvMessageCapacity', recvMessageCapacity, RECV_MESSAGE_CAPACITY_MAX),
    recvQueueCapacity: check('recvQueueCapacity', recvQueueCapacity, CHANNEL_QUEUE_CAPACITY_MAX),
    recvQueueBytesMax: check('recvQueueBytesMax', recvQueueBytesMax, RECV_MESSAGE_CAPACITY_MAX),
    recvOverflow: checkOneOf(`recvOverflow of channel ${id}`, descriptor.recvOverflow ?? 'pause', RECV_OVERFLOWS),
  };
}
