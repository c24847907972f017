/**
 * The sending half of one channel: messages that wait, the one that is being cut into packets, and callers that wait
 * for room. Which channel goes next is `packet-scheduler.ts`; when, and how much, is `mconnection-sender.ts`.
 */
import type { Deadlined } from '../base/deadline-queue.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { packetDataBytesMax, packetMsgBytes, writePacketMsg } from '../codec/cometbft-packet.ts';
import type { ChannelSettings } from './channel-descriptor.ts';

/** Calls of `send` that may wait for room on one channel; the next one is answered `full` at once. */
export const SEND_WAITERS_MAX = 1024;

/**
 * What became of a message given to `send` or `trySend`: `queued` for sending, no more than that; `full`, its channel's
 * queue is; `timeout`, the queue was full all the time; `closed`, the connection is over or ending.
 */
export type SendResult = 'queued' | 'full' | 'timeout' | 'closed';

/** A call of `send` that waits for room. @internal */
export interface SendWaiter extends Deadlined {
  readonly channel: ChannelSender;
  readonly bytes: Uint8Array;
  readonly settle: (result: SendResult) => void;
}

/** Counters of the sending half of a channel. @internal */
export interface ChannelSenderStats {
  messagesSent: number;
  bytesSent: number;
  packetsSent: number;
  /** Answers `full` and `timeout`. */
  refusals: number;
}

/** One channel's way out. @internal */
export class ChannelSender {
  readonly id: number;
  readonly priority: number;
  readonly messageBytesMax: number;
  readonly capacity: number;
  /** Longest packet of this channel on the wire, its length included. */
  readonly packetBytesMax: number;
  readonly stats: ChannelSenderStats = { messagesSent: 0, bytesSent: 0, packetsSent: 0, refusals: 0 };
  /** True while the queue has not been empty for a while: then its messages of one packet are bulk as well. */
  isBacklogged = false;
  /** Since when there has always been something to send, in ms; set and read by the sender. */
  pendingSinceMs: number | undefined;
  /** Wire bytes of late, decayed by the scheduler. */
  recentlySent = 0;
  readonly #dataBytesMax: number;
  readonly #eofDataBytesMax: number;
  readonly #queue = new RingQueue<Uint8Array>();
  readonly #waiters = new RingQueue<SendWaiter>();
  #waiterCount = 0;
  #sending: Uint8Array | undefined;
  #offset = 0;

  constructor(settings: ChannelSettings, packetPayloadBytesMax: number) {
    this.id = settings.id;
    this.priority = settings.priority;
    this.messageBytesMax = settings.recvMessageCapacity;
    this.capacity = settings.sendQueueCapacity;
    this.#dataBytesMax = packetDataBytesMax(settings.id, false, packetPayloadBytesMax);
    this.#eofDataBytesMax = packetDataBytesMax(settings.id, true, packetPayloadBytesMax);
    this.packetBytesMax = Math.max(
      packetMsgBytes(settings.id, false, this.#dataBytesMax),
      packetMsgBytes(settings.id, true, this.#eofDataBytesMax),
    );
  }

  /** Messages not sent to their end, the one under way included. */
  get queueSize(): number {
    return this.#queue.length + (this.#sending === undefined ? 0 : 1);
  }

  /** Callers waiting for room. */
  get waiterCount(): number {
    return this.#waiterCount;
  }

  /** True while another message is refused. */
  get isFull(): boolean {
    return this.#queue.length >= this.capacity;
  }

  /** True while there is a packet to send. */
  get isPending(): boolean {
    return this.#sending !== undefined || this.#queue.length > 0;
  }

  /** True when the next packet is a whole message. */
  get isNextWhole(): boolean {
    if (this.#sending !== undefined) return false;
    const head = this.#queue.peek();
    return head !== undefined && head.length <= this.#eofDataBytesMax;
  }

  /** True when the next packet is the last of its message. */
  get isNextEof(): boolean {
    const message = this.#sending ?? this.#queue.peek();
    return message !== undefined && message.length - this.#offset <= this.#eofDataBytesMax;
  }

  /** Bytes of the next packet on the wire, its length included; 0 when there is none. */
  get nextPacketBytes(): number {
    const message = this.#sending ?? this.#queue.peek();
    if (message === undefined) return 0;
    const restBytes = message.length - this.#offset;
    return packetMsgBytes(this.id, restBytes <= this.#eofDataBytesMax, this.#nextDataBytes(restBytes));
  }

  /** Queues a message; the caller has checked `isFull`. */
  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  /** Puts a caller in the line for room; false when the line is full. */
  wait(waiter: SendWaiter): boolean {
    if (this.#waiterCount >= SEND_WAITERS_MAX) return false;
    this.#waiters.push(waiter);
    this.#waiterCount += 1;
    return true;
  }

  /** Takes a caller out of the line; it has set `isSettled`. */
  unwait(): void {
    this.#waiterCount -= 1;
    // Those that gave up are skipped when their turn comes; a line of nothing else must not grow.
    if (this.#waiters.length > 2 * SEND_WAITERS_MAX) this.#waiters.filter((waiter) => !waiter.isSettled);
  }

  /** The next caller that still waits, taken out of the line. */
  nextWaiter(): SendWaiter | undefined {
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      if (waiter.isSettled) continue;
      this.#waiterCount -= 1;
      return waiter;
    }
    return undefined;
  }

  /**
   * Writes the next packet at `offset` of `target`, which has room for the longest one; the caller has checked
   * `isPending`. `connection.go nextPacketMsg`.
   *
   * @returns bytes written.
   */
  writeNext(target: Uint8Array, offset: number): number {
    // Differs from upstream, which takes a message out of the queue by looking at it and forgets an empty one when
    // another channel is chosen: here it is taken when its first packet goes.
    let message = this.#sending;
    if (message === undefined) {
      message = this.#queue.shift() as Uint8Array;
      this.#sending = message;
      this.#offset = 0;
    }
    const restBytes = message.length - this.#offset;
    const isEof = restBytes <= this.#eofDataBytesMax;
    const dataBytes = this.#nextDataBytes(restBytes);
    const end = this.#offset + dataBytes;
    const data = dataBytes === message.length ? message : message.subarray(this.#offset, end);
    const wireBytes = writePacketMsg(target, offset, this.id, isEof, data);
    this.recentlySent += wireBytes;
    this.stats.packetsSent += 1;
    this.stats.bytesSent += dataBytes;
    this.#offset = end;
    if (isEof) {
      this.#sending = undefined;
      this.#offset = 0;
      this.stats.messagesSent += 1;
    }
    return wireBytes;
  }

  #nextDataBytes(restBytes: number): number {
    return restBytes <= this.#eofDataBytesMax ? restBytes : Math.min(this.#dataBytesMax, Math.max(1, restBytes - 1));
  }

  /** Forgets every message. */
  clear(): void {
    this.#queue.clear();
    this.#sending = undefined;
    this.#offset = 0;
  }
}
