/**
 * PeerLink: a peer of the switch as a link for calls. Requests go out on one channel and replies on another, both ways on one
 * connection: who dialled does not matter.
 *
 * Requests are bounded by a window: what was sent and not answered is at most {@link REQUEST_WINDOW_BYTES}, which is what the
 * other end keeps for requests that wait. So an honest peer never overruns it, replies are read however many requests wait,
 * and two nodes full of each other's requests cannot lock each other up.
 *
 * Who was asked may answer at greater length than strangers may ask: replies are taken up to `frameBytesMax` while a request
 * is unanswered, and no longer than requests else.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { NetError } from '../net/errors.ts';
import type { LinkRole, MessageLink } from './messaging-link.ts';
import type { Peer } from './peer.ts';
import { bytesCodec, type Channel, type ChannelOptions, channel } from './reactor-channel.ts';
import { SwitchError } from './switch-errors.ts';

/** Channel of requests. Not an implementation choice: both ends must agree. */
export const REQUEST_CHANNEL_ID = 0x50;

/** Channel of replies, and of the greeting. */
export const REPLY_CHANNEL_ID = 0x51;

/** Share of the link that requests get beside replies: a reply ends a wait, a request begins one. */
export const REQUEST_CHANNEL_PRIORITY = 5;

/** Share of the link that replies get beside requests. */
export const REPLY_CHANNEL_PRIORITY = 10;

/** Bytes of requests sent and not answered, and of requests that wait at the other end: 4 MiB; one always fits. */
export const REQUEST_WINDOW_BYTES: number = 4 * 1024 * 1024;

/** Requests sent and not answered, and requests that wait at the other end. */
export const REQUEST_WINDOW_COUNT = 65_536;

/** A request that nobody answered for that long no longer takes room in the window, in ms. */
export const REQUEST_WINDOW_PATIENCE_MS = 60_000;

/** Replies that wait for the link in its own queue; more wait behind them, bounded by `sendBufferBytesMax`. */
export const REPLY_QUEUE_CAPACITY = 8;

/** The two channels. @internal */
export interface MessageChannels {
  readonly requests: Channel<Uint8Array, typeof REQUEST_CHANNEL_ID>;
  readonly replies: Channel<Uint8Array, typeof REPLY_CHANNEL_ID>;
}

/** What a link needs to know. @internal */
export interface PeerLinkOptions {
  readonly clock: Clock;
  readonly sendBufferBytesMax: number;
  /** A peer that takes no reply for that long is given up, in ms. */
  readonly writeTimeoutMs: number;
  /** Longest envelop that may come on the channel of replies: while a request is unanswered, and else. */
  readonly replyBytesMax: number;
  readonly unaskedBytesMax: number;
}

/**
 * The descriptors of both channels.
 *
 * @param maxInFlight - requests that may be queued at once.
 * @param requestBytesMax - longest envelop of a request, either way.
 * @param replyBytesMax - the same of a reply. @internal
 */
export function messageChannels(maxInFlight: number, requestBytesMax: number, replyBytesMax: number): MessageChannels {
  const requests: ChannelOptions<typeof REQUEST_CHANNEL_ID, Uint8Array> = {
    id: REQUEST_CHANNEL_ID,
    priority: REQUEST_CHANNEL_PRIORITY,
    codec: bytesCodec,
    sendQueueCapacity: maxInFlight,
    recvMessageCapacity: requestBytesMax,
    recvQueueCapacity: REQUEST_WINDOW_COUNT,
    recvQueueBytesMax: REQUEST_WINDOW_BYTES,
    // Only who overruns the window loses requests; to stop reading instead would hold back the replies behind them.
    recvOverflow: 'drop',
  };
  const replies: ChannelOptions<typeof REPLY_CHANNEL_ID, Uint8Array> = {
    id: REPLY_CHANNEL_ID,
    priority: REPLY_CHANNEL_PRIORITY,
    codec: bytesCodec,
    sendQueueCapacity: REPLY_QUEUE_CAPACITY,
    recvMessageCapacity: replyBytesMax,
  };
  return { requests: channel(requests), replies: channel(replies) };
}

interface Unanswered {
  readonly bytes: number;
  readonly sentAtMs: number;
}

/** One connection with one peer, for calls both ways. @internal */
export class PeerLink implements MessageLink {
  readonly peer: Peer;
  /** The key that its greeting named, origin included. */
  sender: PublicKey | undefined;
  /** Whose calls it carries; without one it only brings requests. */
  role: LinkRole | undefined;
  /** Settles once: true when the peer has greeted, false when the link is over before. */
  readonly greeted: Promise<boolean>;
  readonly #options: PeerLinkOptions;
  /** By message id, oldest first. */
  readonly #unanswered = new Map<number, Unanswered>();
  #settleGreeted: (isGreeted: boolean) => void = () => {};
  #unansweredBytes = 0;
  #waitingReplyBytes = 0;
  #isCongested = false;
  #isGreeted = false;
  #windowTimer: Timer | undefined;
  #greetingTimer: Timer | undefined;

  /** @param greetingTimeoutMs - time for the greeting; then `onSilent`. */
  constructor(peer: Peer, options: PeerLinkOptions, greetingTimeoutMs: number, onSilent: () => void) {
    this.peer = peer;
    this.#options = options;
    this.greeted = new Promise((resolve) => {
      this.#settleGreeted = resolve;
    });
    this.#greetingTimer = options.clock.setTimer(() => {
      this.#greetingTimer = undefined;
      onSilent();
    }, greetingTimeoutMs);
  }

  get remoteAddress(): string {
    return this.peer.remoteAddress;
  }

  get isOpen(): boolean {
    return this.peer.isRunning;
  }

  get isCongested(): boolean {
    return this.#isCongested;
  }

  /** The peer has greeted. */
  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  send(envelop: Uint8Array): void {
    if (!this.isOpen) throw this.#closed();
    const bytes = envelop.length;
    const isOverWindow = this.#unansweredBytes > 0 && this.#unansweredBytes + bytes > REQUEST_WINDOW_BYTES;
    if (isOverWindow || this.#unanswered.size >= REQUEST_WINDOW_COUNT) {
      this.#isCongested = true;
      this.#armWindow();
      throw this.#full(`${this.#unanswered.size} requests (${this.#unansweredBytes} bytes) are unanswered`);
    }
    const result = this.peer.trySend(REQUEST_CHANNEL_ID, envelop);
    if (result === 'full') throw this.#full('its queue of requests is full');
    if (result !== 'queued') throw this.#closed();
    const messageId = idOf(envelop);
    this.answered(messageId); // one that its caller gave up long ago can have had the same id
    if (this.#unanswered.size === 0) this.peer.limitReceive(REPLY_CHANNEL_ID, this.#options.replyBytesMax);
    this.#unanswered.set(messageId, { bytes, sentAtMs: this.#options.clock.monotonicMs() });
    this.#unansweredBytes += bytes;
  }

  /** The peer is done with that request: it no longer takes room. */
  answered(messageId: number): void {
    const request = this.#unanswered.get(messageId);
    if (request === undefined) return;
    this.#unanswered.delete(messageId);
    this.#unansweredBytes -= request.bytes;
    if (this.#unanswered.size === 0) this.peer.limitReceive(REPLY_CHANNEL_ID, this.#options.unaskedBytesMax);
    if (this.#isCongested) this.#relax();
  }

  /**
   * Sends a reply in its envelop; the array passes to the link.
   *
   * @returns undefined when it is queued or the link is over, else a promise that settles when it is: the requester then
   * reads slower than it asks, and its next request must wait.
   * @throws NetError `SEND_BUFFER_FULL` when too much waits already, also as a rejection; `MESSAGE_TOO_LARGE`.
   */
  reply(envelop: Uint8Array): Promise<void> | undefined {
    const { sendBufferBytesMax, writeTimeoutMs } = this.#options;
    const bytes = envelop.length;
    if (this.peer.trySend(REPLY_CHANNEL_ID, envelop) !== 'full') return undefined;
    if (this.#waitingReplyBytes + bytes > sendBufferBytesMax) {
      throw this.#full(`${this.#waitingReplyBytes} bytes of replies wait already`);
    }
    this.#waitingReplyBytes += bytes;
    return this.peer.send(REPLY_CHANNEL_ID, envelop, { timeoutMs: writeTimeoutMs }).then((result) => {
      this.#waitingReplyBytes -= bytes;
      if (result === 'timeout' || result === 'full') throw this.#full(`no reply was taken in ${writeTimeoutMs} ms`);
    });
  }

  stats(): { readonly bufferedBytes: number } {
    // What was refused for want of room was so because of something: never 0 to who asks after a refusal.
    return { bufferedBytes: Math.max(1, this.#unansweredBytes) };
  }

  destroy(reason?: NetError): void {
    if (!this.isOpen) return;
    const { id: peerId, remoteAddress } = this.peer;
    const text = `connection with ${remoteAddress} given up: ${reason?.message ?? 'not needed any more'}`;
    // The switch tells the reactor, which tells this link; a failure of that is reported there.
    this.peer.stop(new SwitchError('STOPPED', text, { peerId, remoteAddress, cause: reason })).catch(() => {});
  }

  /** The peer has taken the connection, and is known by that key. */
  greet(sender: PublicKey): void {
    this.#isGreeted = true;
    this.sender = sender;
    this.#disarm();
    this.#settleGreeted(true);
  }

  /** The connection is over. */
  end(reason: NetError | undefined): void {
    this.#disarm();
    if (this.#windowTimer !== undefined) this.#options.clock.clearTimer(this.#windowTimer);
    this.#windowTimer = undefined;
    this.#unanswered.clear();
    this.#unansweredBytes = 0;
    this.#settleGreeted(false);
    const { role } = this;
    this.role = undefined;
    role?.closed(reason);
  }

  #disarm(): void {
    if (this.#greetingTimer !== undefined) this.#options.clock.clearTimer(this.#greetingTimer);
    this.#greetingTimer = undefined;
  }

  #relax(): void {
    if (this.#unansweredBytes > REQUEST_WINDOW_BYTES / 2 || this.#unanswered.size > REQUEST_WINDOW_COUNT / 2) return;
    this.#isCongested = false;
    this.role?.drained();
  }

  /** While there is no room, requests that nobody will answer are found out. */
  #armWindow(): void {
    const oldest = this.#unanswered.values().next().value;
    if (this.#windowTimer !== undefined || oldest === undefined) return;
    const { clock } = this.#options;
    const restMs = oldest.sentAtMs + REQUEST_WINDOW_PATIENCE_MS - clock.monotonicMs();
    this.#windowTimer = clock.setTimer(
      () => {
        this.#windowTimer = undefined;
        const beforeMs = clock.monotonicMs() - REQUEST_WINDOW_PATIENCE_MS;
        for (const [messageId, { sentAtMs }] of this.#unanswered) {
          if (sentAtMs > beforeMs) break;
          this.answered(messageId);
        }
        if (this.#isCongested) this.#armWindow();
      },
      Math.max(0, restMs),
    );
  }

  #full(why: string): NetError {
    return new NetError('SEND_BUFFER_FULL', `no room on the connection with ${this.remoteAddress}: ${why}`);
  }

  #closed(): NetError {
    return new NetError('CLOSED', `the connection with ${this.remoteAddress} is over`);
  }
}

/** The message id of an envelop: its first four bytes. */
function idOf(envelop: Uint8Array): number {
  return new DataView(envelop.buffer, envelop.byteOffset, 4).getUint32(0);
}
