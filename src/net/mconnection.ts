/**
 * MConnection: many channels over one connection, as Tendermint and CometBFT speak it (`CometBFT p2p/conn/connection.go`).
 *
 * Messages are queued per channel, cut into packets, and taken by priority (`packet-scheduler.ts`, `mconnection-sender.ts`);
 * packets that arrive become messages again and wait in a queue per channel (`mconnection-receiver.ts`,
 * `channel-receiver.ts`). Beyond upstream: it flushes as soon as the program pauses, pings and pongs never wait for a
 * handler or a limit, a peer that takes nothing or pings without end is found out, and small messages do not wait behind
 * bulk that is on its way already (`bulk-window.ts`). It runs over any {@link ByteStream}, in practice a SecretConnection;
 * peers and reactors are above it.
 */
import type { Clock } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { type ChannelDescriptor, parseChannelDescriptors } from './channel-descriptor.ts';
import { ChannelReceiver } from './channel-receiver.ts';
import { ChannelSender, type SendResult } from './channel-sender.ts';
import { NetError } from './errors.ts';
import {
  type MConnectionOptions,
  type MConnectionSettings,
  parseMConnectionOptions,
  RECV_DRAIN_MS_MAX,
  type SendOptions,
} from './mconnection-options.ts';
import { MConnectionReceiver } from './mconnection-receiver.ts';
import { MConnectionSender } from './mconnection-sender.ts';
import { channelStatus, type MConnectionStatus } from './mconnection-status.ts';
import { PingLiveness } from './ping-liveness.ts';
import { SendWaiters } from './send-waiters.ts';
import type { ByteStream } from './transport.ts';

const QUEUED: Promise<SendResult> = Promise.resolve('queued');
const CLOSED: Promise<SendResult> = Promise.resolve('closed');

/** One multiplexed connection. It opens the stream and owns it from then on. */
export class MConnection {
  /** The other end as text. */
  readonly remoteAddress: string;
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #settings: MConnectionSettings;
  readonly #senders: ChannelSender[];
  readonly #receivers: ChannelReceiver[];
  readonly #sendersById: (ChannelSender | undefined)[] = new Array(256);
  readonly #sender: MConnectionSender;
  readonly #receiver: MConnectionReceiver;
  readonly #liveness: PingLiveness;
  readonly #waiters: SendWaiters;
  readonly #closedWaiters: (() => void)[] = [];
  #state: MConnectionStatus['state'] = 'new';
  #isFlushing = false;
  #fault: NetError | undefined;
  #drainTimer: object | undefined;
  #startMs = 0;
  #endMs: number | undefined;

  /**
   * @param channels - 1 to 256, the same ids as at the other end; their order decides ties between equal shares.
   * @throws RangeError when an option or a descriptor is out of range.
   */
  constructor(stream: ByteStream, channels: readonly ChannelDescriptor[], options: MConnectionOptions) {
    const settings = parseMConnectionOptions(options);
    const descriptors = parseChannelDescriptors(channels);
    this.#stream = stream;
    this.#settings = settings;
    this.#clock = settings.clock;
    this.remoteAddress = stream.remoteAddress;
    this.#waiters = new SendWaiters(settings.clock, stream.remoteAddress);
    this.#senders = descriptors.map((descriptor) => new ChannelSender(descriptor, settings.packetPayloadBytesMax));
    for (const sender of this.#senders) this.#sendersById[sender.id] = sender;
    this.#receivers = descriptors.map(
      (descriptor) =>
        new ChannelReceiver(descriptor, {
          onReceive: (channelId, message) => settings.handlers.onReceive(channelId, message),
          onFull: (isFull) => this.#receiver.channelFull(isFull),
          onHandlerError: (channelId, cause) => this.#handlerFailed(`onReceive of channel ${channelId}`, cause),
          onIdle: () => this.#checkDrained(),
        }),
    );
    const receiversById: (ChannelReceiver | undefined)[] = new Array(256);
    for (const receiver of this.#receivers) receiversById[receiver.id] = receiver;
    this.#liveness = new PingLiveness({
      clock: settings.clock,
      pingIntervalMs: settings.pingIntervalMs,
      pongTimeoutMs: settings.pongTimeoutMs,
      onPingDue: () => this.#sender.askForPing(),
      onDead: () => this.#fail(this.#receiver.noPong(settings.pongTimeoutMs)),
    });
    this.#sender = new MConnectionSender(stream, this.#senders, settings, {
      onRoom: (channel) => this.#waiters.admit(channel),
      onPingSent: (nowMs) => this.#liveness.pingSent(nowMs),
      onStall: (reason) => this.#fail(reason),
      onFinished: () => {
        this.#isFlushing = false;
        stream.close();
      },
    });
    this.#receiver = new MConnectionReceiver(stream, receiversById, settings, {
      onChunk: (bytes) => this.#sender.window.chunkReceived(bytes),
      onPing: () => this.#sender.owePong(),
      onPong: () => this.#pongReceived(),
      onMessagePacket: (nowMs) => this.#sender.window.replyReceived(nowMs),
      onFault: (reason) => this.#fail(reason),
    });
  }

  /** From now on that channel takes messages of that many bytes at most, and never over its `recvMessageCapacity`. @internal */
  limitReceive(channelId: number, messageBytesMax: number): void {
    const receiver = this.#receivers.find(({ id }) => id === channelId);
    if (receiver === undefined) throw new NetError('UNKNOWN_CHANNEL', `there is no channel ${channelId}`);
    receiver.limit(messageBytesMax);
  }

  /** True from `start` until either end closes. */
  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /**
   * Opens the stream; the handlers are called from a later turn on. What was queued before goes out now.
   *
   * @throws Error when called twice, or after `stop`.
   */
  start(): void {
    if (this.#state !== 'new') throw new Error(`the MConnection with ${this.remoteAddress} is ${this.#state}`);
    this.#state = 'running';
    this.#startMs = this.#clock.monotonicMs();
    this.#open();
    this.#liveness.start();
    this.#sender.start();
  }

  /**
   * Queues a message, waiting for room while its channel's queue is full; callers are served in order. A promise that
   * says `queued` says no more than that.
   *
   * @param channelId - of one of the channels given at construction.
   * @param bytes - 0 to `recvMessageCapacity` bytes; not copied, and not to be changed until they are sent.
   * @returns `queued`; `timeout` when there was no room in time; `full` when `SEND_WAITERS_MAX` callers wait for
   *   this channel already; `closed` as soon as the connection ends.
   * @throws {@link NetError} `UNKNOWN_CHANNEL`, `MESSAGE_TOO_LARGE`, `ABORTED`, TypeError: rejections; nothing was queued.
   */
  send(channelId: number, bytes: Uint8Array, options?: SendOptions): Promise<SendResult> {
    let channel: ChannelSender;
    try {
      channel = this.#channelFor(channelId, bytes);
      if (options?.signal?.aborted === true) throw this.#waiters.aborted(channelId);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#state !== 'running' && this.#state !== 'new') return CLOSED;
    if (!channel.isFull) {
      channel.push(bytes);
      this.#sender.queued();
      return QUEUED;
    }
    return this.#waiters.wait(channel, bytes, options ?? {});
  }

  /**
   * Queues a message if there is room now.
   *
   * @param bytes - as for {@link MConnection.send}.
   * @throws {@link NetError} `UNKNOWN_CHANNEL`, `MESSAGE_TOO_LARGE`; TypeError for what is no Uint8Array.
   */
  trySend(channelId: number, bytes: Uint8Array): SendResult {
    const channel = this.#channelFor(channelId, bytes);
    if (this.#state !== 'running' && this.#state !== 'new') return 'closed';
    if (channel.isFull) {
      channel.stats.refusals += 1;
      return 'full';
    }
    channel.push(bytes);
    this.#sender.queued();
    return 'queued';
  }

  /**
   * Whether `trySend` would queue a message now; false also for an unknown channel.
   *
   * Differs from CometBFT `CanSend`, which compares with 1 whatever the capacity of the channel is.
   */
  canSend(channelId: number): boolean {
    const channel = this.#sendersById[channelId];
    return channel !== undefined && !channel.isFull && (this.#state === 'running' || this.#state === 'new');
  }

  /** Writes now what would be written at the end of this turn of the event loop. */
  flush(): void {
    this.#sender.flush();
  }

  /**
   * Ends at once: what is queued is dropped, callers waiting in `send` get `closed`, messages waiting for a handler are
   * dropped. What was written reaches the peer. Does no harm at any time; `onClose` follows.
   */
  stop(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'closing') {
      // A flushStop under way is cut short; what the stream already has still goes out.
      if (this.#isFlushing) this.#stream.close();
      this.#isFlushing = false;
      this.#sender.stop();
      return;
    }
    const wasDraining = this.#state === 'draining';
    if (this.#state === 'new') this.#open();
    this.#end();
    if (wasDraining) this.#clock.defer(() => this.#finish(undefined));
    else this.#stream.close();
  }

  /**
   * Sends what is queued, without regard to limits, then ends. New messages are refused, those that arrive are dropped.
   *
   * @returns when the connection is over, in order or not; at most `writeTimeoutMs` after the peer last took something
   *   and 30 s more.
   */
  flushStop(): Promise<void> {
    if (this.#state === 'closed') return Promise.resolve();
    const closed = new Promise<void>((resolve) => {
      this.#closedWaiters.push(resolve);
    });
    if (this.#state !== 'running') {
      this.stop();
      return closed;
    }
    this.#state = 'closing';
    this.#isFlushing = true;
    this.#stopReceiving();
    this.#waiters.close(this.#senders);
    this.#stream.resume();
    this.#sender.finish();
    return closed;
  }

  /** A snapshot of every counter. */
  status(): MConnectionStatus {
    const nowMs = this.#clock.monotonicMs();
    const { window, pace, rate, stats } = this.#sender;
    return {
      state: this.#state,
      durationMs: this.#state === 'new' ? 0 : (this.#endMs ?? nowMs) - this.#startMs,
      send: rate.status(nowMs),
      recv: this.#receiver.rate.status(nowMs),
      ...stats,
      ...this.#receiver.stats,
      liveness: this.#liveness.state,
      rttMsMin: Number.isFinite(window.minRttMs) ? window.minRttMs : undefined,
      unpongedBytes: window.unpongedBytes,
      windowBytes: window.windowBytes(nowMs),
      paceBytesPerSecond: pace.bytesPerSecond,
      bufferedBytes: this.#stream.bufferedBytes,
      isPaused: this.#receiver.isPaused,
      channels: this.#senders.map((sender, index) => channelStatus(sender, this.#receivers[index] as ChannelReceiver)),
    };
  }

  #channelFor(channelId: number, bytes: Uint8Array): ChannelSender {
    const channel = this.#sendersById[channelId];
    if (channel === undefined) {
      throw new NetError('UNKNOWN_CHANNEL', `send to ${this.remoteAddress}: it has no channel ${channelId}`);
    }
    // Else a text would go out as zeros, and what has no length would throw in a turn that nobody owns.
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`a message for channel ${channelId} is no Uint8Array`);
    if (bytes.length > channel.messageBytesMax) {
      const text = `a message of ${bytes.length} bytes for channel ${channelId} of ${this.remoteAddress}`;
      throw new NetError('MESSAGE_TOO_LARGE', `${text}: at most ${channel.messageBytesMax} are allowed`);
    }
    return channel;
  }

  #pongReceived(): boolean {
    const wasAsked = this.#sender.pongReceived(this.#clock.monotonicMs());
    if (wasAsked) this.#liveness.pongReceived();
    return wasAsked;
  }

  #open(): void {
    this.#stream.open({
      onData: (chunk) => {
        this.#sender.chunkBegins();
        this.#receiver.push(chunk);
        this.#sender.chunkEnds();
      },
      onDrain: () => this.#sender.drained(),
      onClose: (reason) => this.#streamClosed(reason),
    });
  }

  #streamClosed(reason: NetError | undefined): void {
    if (this.#state !== 'running') {
      this.#finish(this.#fault ?? reason);
      return;
    }
    const fault = reason ?? this.#receiver.finish();
    if (fault !== undefined) {
      this.#fault = fault;
      this.#end();
      this.#reportError(fault);
      this.#finish(fault);
      return;
    }
    // Messages that arrived before an orderly end are still the owner's, also when its handlers take them later.
    this.#state = 'draining';
    this.#liveness.stop();
    this.#receiver.stop();
    this.#sender.stop();
    this.#waiters.close(this.#senders);
    this.#drainTimer = this.#clock.setTimer(() => this.stop(), RECV_DRAIN_MS_MAX);
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#state !== 'draining' || this.#receivers.some((receiver) => receiver.isBusy)) return;
    this.#end();
    this.#finish(undefined);
  }

  #handlerFailed(handler: string, cause: unknown): void {
    const text = `${handler} of the connection with ${this.remoteAddress} threw: ${describeReason(cause)}`;
    this.#settings.logger.error(text, { remote: this.remoteAddress });
    this.#fail(new NetError('HANDLER_FAILED', text, { cause }));
  }

  #fail(reason: NetError): void {
    if (this.#fault !== undefined || this.#state === 'closed') return;
    this.#fault = reason;
    const wasDraining = this.#state === 'draining';
    this.#end();
    this.#reportError(reason);
    if (wasDraining) this.#finish(reason);
    else this.#stream.destroy(reason);
  }

  #stopReceiving(): void {
    this.#liveness.stop();
    this.#receiver.stop();
    for (const receiver of this.#receivers) receiver.close();
  }

  #end(): void {
    this.#state = 'closing';
    this.#stopReceiving();
    this.#sender.stop();
    this.#waiters.close(this.#senders);
    if (this.#drainTimer !== undefined) this.#clock.clearTimer(this.#drainTimer);
    this.#drainTimer = undefined;
  }

  #reportError(reason: NetError): void {
    try {
      this.#settings.handlers.onError?.(reason);
    } catch (cause) {
      this.#logThrown('onError', cause);
    }
  }

  #finish(reason: NetError | undefined): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'closing') this.#end();
    // An end that broke while we were closing in order is still worth telling.
    if (reason !== undefined && this.#fault === undefined) {
      this.#fault = reason;
      this.#reportError(reason);
    }
    this.#sender.stop();
    this.#state = 'closed';
    this.#endMs = this.#clock.monotonicMs();
    try {
      this.#settings.handlers.onClose?.(reason);
    } catch (cause) {
      this.#logThrown('onClose', cause);
    }
    for (const resolve of this.#closedWaiters.splice(0)) resolve();
  }

  #logThrown(handler: string, cause: unknown): void {
    const text = `${handler} of the connection with ${this.remoteAddress} threw: ${describeReason(cause)}`;
    this.#settings.logger.error(text, { remote: this.remoteAddress });
  }
}
