/**
 * A peer: one authenticated connection to another node, as reactors and users of a switch see it; `p2p/peer.go`.
 *
 * The handle belongs to one connection: after a reconnection there is another one. The process behind it is in
 * `switch-connection.ts`.
 */
import type { Pid } from '../actors/pid.ts';
import { checkOptionNames, type OptionNames } from '../base/errors.ts';
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import type { SendResult } from '../net/channel-sender.ts';
import type { MConnection } from '../net/mconnection.ts';
import type { SendOptions } from '../net/mconnection-options.ts';
import { type AnyChannel, formatChannelId, type MessageOf } from './reactor-channel.ts';
import type { SwitchError } from './switch-errors.ts';

/** @internal */
export const SEND_OPTION_NAMES: OptionNames<SendOptions> = { timeoutMs: true, signal: true };

/** Values that reactors may keep at one peer. */
export const PEER_VALUES_MAX = 1024;

/**
 * What became of a message: `queued`, no more than that; `full`, `timeout`, `closed` as the connection says; `unknown_channel`,
 * the peer did not list that channel in its NodeInfo, so it was not sent.
 */
export type PeerSendResult = SendResult | 'unknown_channel';

/** Everything that the connection of a peer counts: the status of its MConnection. */
export type PeerStatus = ReturnType<MConnection['status']>;

/** What a peer is made of. @internal */
export interface PeerParts {
  readonly id: string;
  readonly nodeInfo: NodeInfo;
  readonly isOutbound: boolean;
  readonly isPersistent: boolean;
  readonly remoteAddress: string;
  readonly remoteIp: string;
  readonly socketAddress: string;
  readonly process: Pid;
  /** Channels of our own reactors. */
  readonly channels: ReadonlyMap<number, AnyChannel>;
  /** Ends the connection; resolves when every reactor has let go of the peer. */
  readonly stop: (
    reason: SwitchError,
    how?: { readonly isGraceful?: boolean; readonly isFinal?: boolean; readonly isTransient?: boolean },
  ) => Promise<void>;
}

/** What was counted about one peer since it was connected. */
export interface PeerCounters {
  /** Messages accepted for sending. */
  messagesSent: number;
  /** Messages not accepted: `full`, `timeout`, `closed` and `unknown_channel`. */
  messagesRefused: number;
  /** Messages given to a reactor. */
  messagesReceived: number;
  /** Bytes of those. */
  bytesReceived: number;
}

/** A connected peer. */
export class Peer {
  /** 40 lower-case hex digits: the address of its node key, which it has proven to own. */
  readonly id: string;
  /** What it says of itself; checked for form only. */
  readonly nodeInfo: NodeInfo;
  /** We dialed it. */
  readonly isOutbound: boolean;
  /** It is dialed again when the connection is lost. */
  readonly isPersistent: boolean;
  /** The other end of the connection, as the transport writes it. */
  readonly remoteAddress: string;
  /** Its host. */
  readonly remoteIp: string;
  /** `id@host:port` of the other end: where it was dialed, or the port it dialed from. */
  readonly socketAddress: string;
  /** Its process. */
  readonly pid: Pid;
  readonly #channels: ReadonlyMap<number, AnyChannel>;
  readonly #theirs: ReadonlySet<number>;
  readonly #values = new Map<unknown, unknown>();
  readonly #counters: PeerCounters = { messagesSent: 0, messagesRefused: 0, messagesReceived: 0, bytesReceived: 0 };
  /** @internal */
  readonly stop: PeerParts['stop'];
  #connection: MConnection | undefined;
  /** Limits given before there was a connection, by channel id. */
  readonly #limits = new Map<number, number>();
  #lastStatus: PeerStatus | undefined;

  /** @internal */
  constructor(parts: PeerParts) {
    this.id = parts.id;
    this.nodeInfo = parts.nodeInfo;
    this.isOutbound = parts.isOutbound;
    this.isPersistent = parts.isPersistent;
    this.remoteAddress = parts.remoteAddress;
    this.remoteIp = parts.remoteIp;
    this.socketAddress = parts.socketAddress;
    this.pid = parts.process;
    this.stop = parts.stop;
    this.#channels = parts.channels;
    this.#theirs = new Set(parts.nodeInfo.channels);
  }

  /** False before its connection is started and from the moment its removal begins; what is sent then is `closed`. */
  get isRunning(): boolean {
    return this.#connection !== undefined;
  }

  /** True when the peer listed that channel in its NodeInfo. */
  hasChannel(channel: AnyChannel | number): boolean {
    return this.#theirs.has(typeof channel === 'number' ? channel : channel.id);
  }

  /**
   * Queues a message and waits for room if there is none; `p2p/peer.go Send`.
   *
   * @param channel - a channel of one of our reactors, or its id with bytes as message.
   * @param message - bytes are borrowed until the promise settles.
   * @throws RangeError when no reactor of ours has that channel, or for an option that is not known; what the channel's
   *   codec throws.
   */
  async send(channel: number, message: Uint8Array, options?: SendOptions): Promise<PeerSendResult>;
  async send<C extends AnyChannel>(channel: C, message: MessageOf<C>, options?: SendOptions): Promise<PeerSendResult>;
  async send(channel: AnyChannel | number, message: unknown, options?: SendOptions): Promise<PeerSendResult> {
    const { id } = this.#own(channel);
    if (options !== undefined) checkOptionNames(options, SEND_OPTION_NAMES, ' of send');
    const connection = this.#connection;
    if (connection === undefined || !this.#theirs.has(id)) return this.#refused(connection);
    const bytes = typeof channel === 'number' ? (message as Uint8Array) : channel.codec.encode(message);
    return this.#count(await connection.send(id, bytes, options));
  }

  /** Queues a message if there is room at once; `p2p/peer.go TrySend`. Arguments and errors as {@link Peer.send}. */
  trySend(channel: number, message: Uint8Array): PeerSendResult;
  trySend<C extends AnyChannel>(channel: C, message: MessageOf<C>): PeerSendResult;
  trySend(channel: AnyChannel | number, message: unknown): PeerSendResult {
    const { id } = this.#own(channel);
    const connection = this.#connection;
    if (connection === undefined || !this.#theirs.has(id)) return this.#refused(connection);
    const bytes = typeof channel === 'number' ? (message as Uint8Array) : channel.codec.encode(message);
    return this.#count(connection.trySend(id, bytes));
  }

  /** The value a reactor keeps under `key`; `p2p/peer.go Get`. */
  get(key: unknown): unknown {
    return this.#values.get(key);
  }

  /**
   * Keeps `value` under `key` for as long as this connection lasts; undefined forgets it. Reactors take a key that nobody
   * else has: a string with their name, or an object.
   *
   * @throws RangeError for more than {@link PEER_VALUES_MAX} keys.
   */
  set(key: unknown, value: unknown): void {
    if (value === undefined) {
      this.#values.delete(key);
      return;
    }
    if (!this.#values.has(key) && this.#values.size >= PEER_VALUES_MAX) {
      throw new RangeError(`peer ${this.id} has ${PEER_VALUES_MAX} values already`);
    }
    this.#values.set(key, value);
  }

  /** Counters since it was connected. */
  stats(): Readonly<PeerCounters> {
    return { ...this.#counters };
  }

  /** What its connection tells; the last word of one that is over, undefined before it was started. */
  status(): PeerStatus | undefined {
    return this.#connection?.status() ?? this.#lastStatus;
  }

  /** `id@host:port`, and who dialed. */
  toString(): string {
    return `Peer{${this.socketAddress} ${this.isOutbound ? 'out' : 'in'}}`;
  }

  /** See `MConnection.limitReceive`; a reactor may say it in `initPeer`, before anything can have come. @internal */
  limitReceive(channelId: number, messageBytesMax: number): void {
    if (this.#connection === undefined) this.#limits.set(channelId, messageBytesMax);
    else this.#connection.limitReceive(channelId, messageBytesMax);
  }

  /** @internal */
  begin(connection: MConnection): void {
    this.#connection = connection;
    for (const [channelId, bytes] of this.#limits) connection.limitReceive(channelId, bytes);
    this.#limits.clear();
  }

  /** @internal */
  end(): void {
    this.#lastStatus = this.#connection?.status();
    this.#connection = undefined;
  }

  /** @internal */
  received(bytes: number): void {
    this.#counters.messagesReceived += 1;
    this.#counters.bytesReceived += bytes;
  }

  #own(channel: AnyChannel | number): AnyChannel {
    const id = typeof channel === 'number' ? channel : channel.id;
    const own = this.#channels.get(id);
    if (own === undefined) throw new RangeError(`channel ${formatChannelId(id)} belongs to no reactor of this switch`);
    return own;
  }

  #refused(connection: MConnection | undefined): PeerSendResult {
    return this.#count(connection === undefined ? 'closed' : 'unknown_channel');
  }

  #count(result: PeerSendResult): PeerSendResult {
    if (result === 'queued') this.#counters.messagesSent += 1;
    else this.#counters.messagesRefused += 1;
    return result;
  }
}
