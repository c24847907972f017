/**
 * Channels of reactors: a channel of the MConnection and the codec of its messages, so that what is sent and received is
 * typed. `Echo` here is used both to send and to say what a reactor receives:
 *
 * ```ts
 * const Echo = channel({ id: 0x70, priority: 5, codec: bytesCodec });
 * peer.trySend(Echo, Uint8Array.of(1));
 * ```
 */
import { checkOptionNames, type OptionNames } from '../base/errors.ts';
import { CHANNEL_DESCRIPTOR_NAMES, type ChannelDescriptor } from '../net/channel-descriptor.ts';

/** How the messages of a channel are written and read. */
export interface ChannelCodec<M> {
  /** The bytes of `message`; a throw reaches who sends. The array passes to the connection. */
  encode(message: M): Uint8Array;
  /** The message in `bytes`, which it may keep. A throw is a fault of the peer, which loses its connection. */
  decode(bytes: Uint8Array): M;
}

/** What {@link channel} takes: a descriptor of the MConnection, with `priority` 1 unless given, and a codec. */
export interface ChannelOptions<I extends number, M> extends Omit<ChannelDescriptor, 'priority' | 'id'> {
  /** 0 to 255; above 127 an unmodified peer needs care, see `docs/wire.md`. */
  readonly id: I;
  /** Share of the link, 1 to 1 000 000; default 1. */
  readonly priority?: number;
  readonly codec: ChannelCodec<M>;
  /**
   * Looks at a message before it is decoded: a text, or a throw, refuses it, and the peer loses its connection.
   * `p2p/peer.go MsgBytesFilter` of v0.38.25 and v0.40.
   */
  readonly filterBytes?: (bytes: Uint8Array) => string | undefined;
}

/** A channel with typed messages; made by {@link channel}. */
export interface Channel<M = unknown, I extends number = number> {
  readonly id: I;
  /** For the MConnection. */
  readonly descriptor: ChannelDescriptor;
  readonly codec: ChannelCodec<M>;
  readonly filterBytes: ((bytes: Uint8Array) => string | undefined) | undefined;
}

/** A channel, whatever its messages are. */
// biome-ignore lint/suspicious/noExplicitAny: a channel of any message type; a codec is invariant in it
export type AnyChannel = Channel<any, number>;
/** The messages of a channel. */
export type MessageOf<C extends AnyChannel> = C extends Channel<infer M, number> ? M : never;

const OPTION_NAMES: OptionNames<ChannelOptions<number, unknown>> = {
  ...CHANNEL_DESCRIPTOR_NAMES,
  codec: true,
  filterBytes: true,
};

/**
 * Describes a channel. Its numbers are checked when a switch takes it.
 *
 * @throws TypeError for what are no options; RangeError for an option that is not known.
 */
export function channel<const I extends number, M>(options: ChannelOptions<I, M>): Channel<M, I> {
  checkOptionNames(options, OPTION_NAMES, ` of channel ${options?.id ?? ''}`.trimEnd());
  const { codec, filterBytes, priority = 1, ...rest } = options;
  return { id: options.id, codec, filterBytes, descriptor: { ...rest, priority } };
}

/** Messages that are just bytes. */
export const bytesCodec: ChannelCodec<Uint8Array> = {
  encode: (message: Uint8Array): Uint8Array => message,
  decode: (bytes: Uint8Array): Uint8Array => bytes,
};

/** A channel id as upstream writes it: `0x22`. @internal */
export function formatChannelId(id: number): string {
  return `0x${id.toString(16).padStart(2, '0')}`;
}
