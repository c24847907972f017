/**
 * What comes in on an MConnection, packet by packet (`CometBFT p2p/conn/connection.go recvRoutine`).
 *
 * Pings and pongs are dealt with as they are read, messages go to their channel; nothing here waits for a handler. The
 * stream is paused for two reasons only: a channel whose queue is full asks for it, or the limit of the connection does.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { PacketDecoder } from '../codec/cometbft-packet.ts';
import type { ChannelReceiver } from './channel-receiver.ts';
import { NetError } from './errors.ts';
import { FlowRate } from './flow-rate.ts';
import type { MConnectionSettings } from './mconnection-options.ts';
import type { ByteStream } from './transport.ts';

/** Counters of the receiver. @internal */
export interface ReceiverStats {
  pingsReceived: number;
  pongsReceived: number;
}

/** What the receiver needs of its connection. @internal */
export interface ReceiverOwner {
  /** Bytes have come; before what is in them. */
  onChunk(bytes: number): void;
  onPing(): void;
  /** Returns false when no ping was out. */
  onPong(): boolean;
  /** A packet of a message has come; before its channel has it. */
  onMessagePacket(nowMs: number): void;
  /** The peer is at fault, and the connection ends. */
  onFault(reason: NetError): void;
}

/** The way in of one connection. @internal */
export class MConnectionReceiver {
  readonly rate: FlowRate;
  readonly stats: ReceiverStats = { pingsReceived: 0, pongsReceived: 0 };
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #owner: ReceiverOwner;
  readonly #channels: readonly (ChannelReceiver | undefined)[];
  readonly #decoder: PacketDecoder;
  readonly #pings: FlowRate;
  readonly #pingsPerSecondMax: number;
  #fullChannels = 0;
  #fullUntilMs = Number.NEGATIVE_INFINITY;
  #rateTimer: Timer | undefined;
  #isPaused = false;
  #isOver = false;

  /** @param channels - by channel id. */
  constructor(
    stream: ByteStream,
    channels: readonly (ChannelReceiver | undefined)[],
    settings: MConnectionSettings,
    owner: ReceiverOwner,
  ) {
    this.#stream = stream;
    this.#clock = settings.clock;
    this.#owner = owner;
    this.#channels = channels;
    this.#decoder = new PacketDecoder({ packetPayloadBytesMax: settings.packetPayloadBytesMax });
    const nowMs = settings.clock.monotonicMs();
    this.rate = new FlowRate({ rateBytesPerSecond: settings.recvRateBytesPerSecond, nowMs });
    const pingsPerSecondMax = settings.recvPingsPerSecondMax;
    this.#pingsPerSecondMax = pingsPerSecondMax;
    // The same bucket, counting pings for bytes; a full second of them may come at once, after a pause on the way.
    this.#pings = new FlowRate({
      rateBytesPerSecond: pingsPerSecondMax,
      burstMs: 1000,
      burstBytesMin: 1,
      nowMs,
    });
  }

  /** True while nothing is read. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Takes what has arrived. */
  push(chunk: Uint8Array): void {
    if (this.#isOver) return;
    const nowMs = this.#clock.monotonicMs();
    this.rate.take(chunk.length, nowMs);
    this.#owner.onChunk(chunk.length);
    try {
      this.#decoder.push(chunk);
      for (;;) {
        // A handler may have ended the connection.
        if (this.#isOver) return;
        const packet = this.#decoder.next();
        if (packet === undefined) break;
        if (packet.type === 'msg') this.#message(packet.channelId, packet.eof, packet.data, nowMs);
        else if (packet.type === 'ping') this.#ping(nowMs);
        else this.#pong(nowMs);
      }
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#fault(error);
      return;
    }
    if (this.#rateTimer === undefined && this.rate.availableBytes(nowMs) < 0) this.#waitForRate(nowMs);
  }

  /** The stream has ended in order. @returns what is wrong with that, if anything. */
  finish(): NetError | undefined {
    if (this.#isOver || this.#decoder.isAtBoundary) return undefined;
    const text = `from ${this.#stream.remoteAddress}: closed in the middle of a packet`;
    return new NetError('FRAME_TRUNCATED', text);
  }

  /** A channel has become full, or has room again. */
  channelFull(isFull: boolean): void {
    this.#fullChannels += isFull ? 1 : -1;
    if (this.#fullChannels === 0) this.#fullUntilMs = this.#clock.monotonicMs();
    this.#applyPause();
  }

  /** Why no pong was read for that long: where a full channel kept us from reading, the peer is not to blame. */
  noPong(timeoutMs: number): NetError {
    const { remoteAddress } = this.#stream;
    const wasFull = this.#fullChannels > 0 || this.#fullUntilMs >= this.#clock.monotonicMs() - timeoutMs;
    if (!wasFull) return new NetError('PONG_TIMEOUT', `${remoteAddress} left a ping unanswered for ${timeoutMs} ms`);
    const full = this.#channels.filter((channel) => channel?.isFull === true).map((channel) => channel?.id);
    const whose = full.length === 0 ? 'a channel that was full' : `channel ${full.join(', ')}, which is full,`;
    const text = `${remoteAddress}: no pong was read for ${timeoutMs} ms, since the handler of ${whose} is too slow`;
    return new NetError('RECV_QUEUE_FULL', text);
  }

  /** Reads no more. */
  stop(): void {
    this.#isOver = true;
    if (this.#rateTimer !== undefined) this.#clock.clearTimer(this.#rateTimer);
    this.#rateTimer = undefined;
  }

  #message(channelId: number, eof: boolean, data: Uint8Array, nowMs: number): void {
    const channel = channelId >= 0 && channelId < 256 ? this.#channels[channelId] : undefined;
    if (channel === undefined) throw new NetError('UNKNOWN_CHANNEL', `a packet for channel ${channelId}`);
    this.#owner.onMessagePacket(nowMs);
    channel.accept(eof, data);
  }

  #ping(nowMs: number): void {
    this.stats.pingsReceived += 1;
    this.#spendPing(nowMs);
    this.#owner.onPing();
  }

  #pong(nowMs: number): void {
    this.stats.pongsReceived += 1;
    // Upstream takes pongs that answer nothing, and so do we, but no more of them than of pings.
    if (!this.#owner.onPong()) this.#spendPing(nowMs);
  }

  #spendPing(nowMs: number): void {
    if (this.#pings.availableBytes(nowMs) < 1) {
      throw new NetError('PING_FLOOD', `over ${this.#pingsPerSecondMax} pings or unasked pongs a second`);
    }
    this.#pings.take(1, nowMs);
  }

  #fault(cause: CodedError): void {
    const text = `from ${this.#stream.remoteAddress}: ${cause.message}`;
    const code = cause instanceof NetError ? cause.code : 'PACKET_INVALID';
    this.#owner.onFault(new NetError(code, text, { cause }));
  }

  #waitForRate(nowMs: number): void {
    this.rate.setLimited(true, nowMs);
    this.#rateTimer = this.#clock.setTimer(
      () => {
        this.#rateTimer = undefined;
        this.rate.setLimited(false, this.#clock.monotonicMs());
        this.#applyPause();
      },
      this.rate.delayMs(1, nowMs),
    );
    this.#applyPause();
  }

  #applyPause(): void {
    const isPaused = this.#fullChannels > 0 || this.#rateTimer !== undefined;
    if (isPaused === this.#isPaused || this.#isOver) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#stream.pause();
    else this.#stream.resume();
  }
}
