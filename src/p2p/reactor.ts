/**
 * Reactors: what a node does with the messages of its channels. A reactor is an actor under its switch; for each peer it gets
 * `initPeer`, `addPeer`, any number of `receive`, and `removePeer`; `p2p/base_reactor.go`.
 *
 * ```ts
 * const Echo = channel({ id: 0x70, priority: 5, codec: bytesCodec });
 * const echo = reactor('echo', [Echo], () => ({
 *   receive: ({ peer, message }) => void peer.trySend(Echo, message),
 * }));
 * const node = await Switch.startLink({ nodeKey, network: 'test-chain', reactors: [echo] });
 * ```
 *
 * What throws on behalf of a peer loses that peer, and nothing else. Between one reactor and one peer the calls are in order:
 * `initPeer` before the connection is started, `addPeer` after, no `receive` before `addPeer` is done, and `removePeer` before
 * the `initPeer` of the next connection of the same peer. `receive` may return a promise: the next message of that channel of
 * that peer waits for it, and nothing else does, so the messages of different peers can be in work at the same time.
 */
import type { Pid } from '../actors/pid.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import type { Clock } from '../base/clock.ts';
import { checkFunction, type OptionNames } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { Peer } from './peer.ts';
import type { PeerFilter } from './peer-filter.ts';
import type { AnyChannel, Channel } from './reactor-channel.ts';
import type { SwitchError } from './switch-errors.ts';
import type { SwitchHandle } from './switch-handle.ts';

/** One message, with its channel and who sent it. With several channels, `channelId` tells the types apart. */
export type Envelope<C extends AnyChannel> =
  C extends Channel<infer M, infer I>
    ? { readonly channelId: I; readonly channel: C; readonly peer: Peer; readonly message: M }
    : never;

/** What a reactor does; every function may be async. */
export interface ReactorHandlers<C extends AnyChannel = AnyChannel> {
  /** A peer is about to be connected: set what `receive` will need. Nothing can be sent to it yet. */
  initPeer?(peer: Peer): MaybePromise<void>;
  /** The peer is connected. */
  addPeer?(peer: Peer): MaybePromise<void>;
  /** The peer is gone; called once for each `initPeer` that succeeded. A throw is logged and counted. */
  removePeer?(peer: Peer, reason: SwitchError): MaybePromise<void>;
  /** A message of one of the reactor's channels. */
  receive(envelope: Envelope<C>): MaybePromise<void>;
  /** A plain message to the reactor's process, a timer's for instance. A throw ends the process, which is restarted. */
  handleInfo?(message: unknown): MaybePromise<void>;
  /** The switch stops, or the reactor is restarted. */
  stop?(): MaybePromise<void>;
}

/** What a reactor is made with. */
export interface ReactorContext {
  /** The switch it belongs to: its peers, and ways to reach them. */
  readonly switch: SwitchHandle;
  /** Its process. */
  readonly pid: Pid;
  /** Sends `message` to its `handleInfo` after `delayMs`; forgotten when the process ends. */
  sendAfter(message: unknown, delayMs: number): { cancel(): number | false };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A reactor to give to a switch; made by {@link reactor}. */
export interface ReactorSpec {
  /** Unique in its switch. */
  readonly id: string;
  /** In this order they are scheduled when equal. */
  readonly channels: readonly AnyChannel[];
  /** Makes the reactor; again after a restart, whereupon the peers of the moment are introduced to it. */
  readonly create: (context: ReactorContext) => ReactorHandlers;
  /** Whom it will not have; run with the `peerFilters` of the switch, before `initPeer`. Default: nobody is refused. */
  readonly peerFilter?: PeerFilter | undefined;
}

/** @internal */
export const REACTOR_SPEC_NAMES: OptionNames<ReactorSpec> = {
  id: true,
  channels: true,
  create: true,
  peerFilter: true,
};

/** @internal */
export const REACTOR_HANDLER_NAMES: OptionNames<ReactorHandlers> = {
  initPeer: true,
  addPeer: true,
  removePeer: true,
  receive: true,
  handleInfo: true,
  stop: true,
};

/**
 * Describes a reactor: what it is called, its channels, how it is made, and whom it refuses.
 *
 * @throws TypeError for a `create`, or a `peerFilter`, that is no function.
 */
export function reactor<const C extends readonly AnyChannel[]>(
  id: string,
  channels: C,
  create: (context: ReactorContext) => ReactorHandlers<C[number]>,
  peerFilter?: PeerFilter,
): ReactorSpec {
  checkFunction(`create of reactor ${id}`, create);
  if (peerFilter !== undefined) checkFunction(`peerFilter of reactor ${id}`, peerFilter);
  return { id, channels, create: create as ReactorSpec['create'], peerFilter };
}
