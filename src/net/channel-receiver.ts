/**
 * The receiving half of one channel: packets become messages again, and messages wait, bounded, for a handler that takes
 * them one at a time.
 *
 * Differs from CometBFT, which runs the handler inside its receive loop, so that one slow reactor stops every channel and
 * the answers to pings: here each channel has a queue and a pace of its own. A handler that returns nothing is called as
 * its message arrives; one that returns a promise gets the next message when that has settled.
 */
import { RingQueue } from '../base/ring-queue.ts';
import { type ChannelSettings, RECV_ROOM_BYTES, RECV_ROOM_COUNT } from './channel-descriptor.ts';
import { NetError } from './errors.ts';

/** First size of the buffer in which a message of several packets is put together (`defaultRecvBufferCapacity`). */
const REASSEMBLY_BYTES_MIN = 4_096;

/** ... where earlier messages were longer, their size up to this: 1 MiB. Growing costs as much as opening the frames. */
const REASSEMBLY_EXPECTED_BYTES_MAX = 1_048_576;

/** Takes one whole message; the promise it returns, if any, holds the next one back. */
export type ReceiveHandler = (channelId: number, message: Uint8Array) => void | PromiseLike<void>;

/** What a {@link ChannelReceiver} needs of its connection. @internal */
export interface ChannelReceiverOwner {
  readonly onReceive: ReceiveHandler;
  /** The queue has become full, and the channel asks to pause; or it has room again. */
  onFull(isFull: boolean): void;
  /** The handler threw or its promise was rejected. */
  onHandlerError(channelId: number, cause: unknown): void;
  /** Nothing waits and no handler runs any more. */
  onIdle(): void;
}

/** Counters of the receiving half of a channel. @internal */
export interface ChannelReceiverStats {
  messagesReceived: number;
  bytesReceived: number;
  packetsReceived: number;
  /** Whole messages forgotten because the queue was full, or the connection was stopped first. */
  messagesDropped: number;
  /** Most messages that ever waited at once. */
  queueSizeMax: number;
  /** Times that the queue has become full and stopped the reading of the connection. */
  pauses: number;
}

/** One channel's way in. @internal */
export class ChannelReceiver {
  readonly id: number;
  readonly stats: ChannelReceiverStats = {
    messagesReceived: 0,
    bytesReceived: 0,
    packetsReceived: 0,
    messagesDropped: 0,
    queueSizeMax: 0,
    pauses: 0,
  };
  readonly #settings: ChannelSettings;
  readonly #owner: ChannelReceiverOwner;
  readonly #queue = new RingQueue<Uint8Array>();
  #queueBytes = 0;
  #messageBytesMax: number;
  #partial: Uint8Array | undefined;
  #partialBytes = 0;
  #expectedBytes = 0;
  #isHandling = false;
  #isFull = false;
  #isClosed = false;

  constructor(settings: ChannelSettings, owner: ChannelReceiverOwner) {
    this.id = settings.id;
    this.#settings = settings;
    this.#messageBytesMax = settings.recvMessageCapacity;
    this.#owner = owner;
  }

  /** Messages waiting for the handler. */
  get queueSize(): number {
    return this.#queue.length;
  }

  /** Bytes of messages waiting for the handler. */
  get queueBytes(): number {
    return this.#queueBytes;
  }

  /** Bytes of the message that has not arrived whole. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** True while the handler runs or messages wait for it. */
  get isBusy(): boolean {
    return this.#isHandling || this.#queue.length > 0;
  }

  /** True while the queue is full and the channel asks for a pause. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The longest message taken from now on, `recvMessageCapacity` bytes at most. */
  limit(messageBytesMax: number): void {
    this.#messageBytesMax = Math.min(messageBytesMax, this.#settings.recvMessageCapacity);
  }

  /**
   * Takes the data of one packet (`connection.go recvPacketMsg`).
   *
   * @throws {@link NetError} `MESSAGE_TOO_LARGE` when the message grows over its limit; `RECV_QUEUE_FULL` when
   *   it is whole, has no place in the queue, and the overflow of the channel is `disconnect`.
   */
  accept(eof: boolean, data: Uint8Array): void {
    this.stats.packetsReceived += 1;
    const messageBytes = this.#partialBytes + data.length;
    const capacity = this.#messageBytesMax;
    if (messageBytes > capacity) {
      const text = `a message on channel ${this.id} of ${messageBytes} bytes or more: at most ${capacity} are accepted`;
      throw new NetError('MESSAGE_TOO_LARGE', text);
    }
    if (!eof) {
      this.#append(data, messageBytes);
      return;
    }
    let message = data;
    let isFresh = false;
    if (this.#partialBytes > 0) {
      this.#append(data, messageBytes);
      message = this.#joined(messageBytes);
      isFresh = true;
    }
    this.#partial = undefined;
    this.#partialBytes = 0;
    this.stats.messagesReceived += 1;
    this.stats.bytesReceived += messageBytes;
    if (this.isBusy) this.#enqueue(message, isFresh);
    else this.#handle(message);
  }

  /** Drops what waits and what is partial; a handler that runs keeps its message, and nothing follows it. */
  close(): void {
    this.#isClosed = true;
    this.stats.messagesDropped += this.#queue.length;
    this.#queue.clear();
    this.#queueBytes = 0;
    this.#partial = undefined;
    this.#partialBytes = 0;
  }

  #append(data: Uint8Array, messageBytes: number): void {
    if (data.length === 0) return;
    let partial = this.#partial;
    if (partial === undefined || partial.length < messageBytes) {
      // As long as the last ones, then doubled, so that joining is linear; a peer that announces nothing and has never
      // sent much reserves little.
      const startBytes = Math.max(REASSEMBLY_BYTES_MIN, this.#expectedBytes);
      const bytes = Math.max(startBytes, messageBytes, (partial?.length ?? 0) * 2);
      const grown = new Uint8Array(Math.min(bytes, Math.max(messageBytes, this.#messageBytesMax)));
      if (partial !== undefined) grown.set(partial.subarray(0, this.#partialBytes));
      partial = grown;
      this.#partial = grown;
    }
    partial.set(data, this.#partialBytes);
    this.#partialBytes = messageBytes;
  }

  /** The message that is whole now, in memory not much longer than itself: its owner may keep it. */
  #joined(messageBytes: number): Uint8Array {
    const partial = this.#partial as Uint8Array;
    // At once when longer, by halves when shorter.
    const fadedBytes = (this.#expectedBytes + messageBytes) >>> 1;
    this.#expectedBytes = Math.min(REASSEMBLY_EXPECTED_BYTES_MAX, Math.max(messageBytes, fadedBytes));
    if (partial.length > Math.max(REASSEMBLY_BYTES_MIN, 2 * messageBytes)) return partial.slice(0, messageBytes);
    return partial.subarray(0, messageBytes);
  }

  #enqueue(message: Uint8Array, isFresh: boolean): void {
    const { recvQueueCapacity, recvQueueBytesMax, recvOverflow } = this.#settings;
    const isFull = this.#queue.length >= recvQueueCapacity || this.#queueBytes >= recvQueueBytesMax;
    if (isFull && recvOverflow === 'drop') {
      this.stats.messagesDropped += 1;
      return;
    }
    if (isFull && recvOverflow === 'disconnect') {
      const waiting = `${this.#queue.length} messages of ${this.#queueBytes} bytes`;
      throw new NetError('RECV_QUEUE_FULL', `${waiting} wait for the handler of channel ${this.id}, and more came`);
    }
    // A copy: a small view would keep the whole chunk it arrived in, and the bound counts only its own bytes.
    this.#queue.push(isFresh ? message : message.slice());
    this.#queueBytes += message.length;
    if (this.#queue.length > this.stats.queueSizeMax) this.stats.queueSizeMax = this.#queue.length;
    if (this.#isFull || recvOverflow !== 'pause') return;
    if (this.#queue.length < recvQueueCapacity && this.#queueBytes < recvQueueBytesMax) return;
    this.#isFull = true;
    this.stats.pauses += 1;
    this.#owner.onFull(true);
  }

  #handle(message: Uint8Array): void {
    let pending: void | PromiseLike<void>;
    this.#isHandling = true;
    try {
      pending = this.#owner.onReceive(this.id, message);
    } catch (cause) {
      this.#isHandling = false;
      this.#owner.onHandlerError(this.id, cause);
      return;
    }
    if (pending === undefined || pending === null || typeof pending.then !== 'function') {
      this.#isHandling = false;
      return;
    }
    pending.then(this.#onHandled, this.#onRejected);
  }

  readonly #onHandled = (): void => {
    this.#isHandling = false;
    while (!this.#isHandling && !this.#isClosed) {
      const message = this.#queue.shift();
      if (message === undefined) break;
      this.#queueBytes -= message.length;
      this.#checkRoom();
      this.#handle(message);
    }
    if (!this.isBusy) this.#owner.onIdle();
  };

  readonly #onRejected = (cause: unknown): void => {
    this.#isHandling = false;
    this.#owner.onHandlerError(this.id, cause);
  };

  #checkRoom(): void {
    if (!this.#isFull) return;
    const { recvQueueCapacity, recvQueueBytesMax } = this.#settings;
    const room = Math.min(RECV_ROOM_COUNT, Math.ceil(recvQueueCapacity / 2));
    const roomBytes = Math.min(RECV_ROOM_BYTES, Math.ceil(recvQueueBytesMax / 2));
    if (this.#queue.length > recvQueueCapacity - room || this.#queueBytes > recvQueueBytesMax - roomBytes) return;
    this.#isFull = false;
    this.#owner.onFull(false);
  }
}
