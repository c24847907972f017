/** A switch as its reactors, filters and users see it. */
import type { Unsubscribe } from '../base/emitter.ts';
import type { NodeAddress } from '../codec/cometbft-address.ts';
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import type { SendOptions } from '../net/mconnection-options.ts';
import type { Peer, PeerSendResult } from './peer.ts';
import type { PeerSet } from './peer-set.ts';
import type { AnyChannel, MessageOf } from './reactor-channel.ts';
import type { SwitchError } from './switch-errors.ts';

/** What a switch tells while it runs; listeners cannot break it. */
export type SwitchEvents = {
  /** It accepts connections there, `host:port`. */
  readonly listening: { readonly address: string };
  /** A peer is connected and every reactor has added it. */
  readonly peerAdded: { readonly peer: Peer };
  /** A peer is gone and every reactor has let go of it. */
  readonly peerRemoved: { readonly peer: Peer; readonly reason: SwitchError };
  /** A connection did not become a peer: refused here, or broken before that. */
  readonly rejected: { readonly remoteAddress: string; readonly isOutbound: boolean; readonly error: SwitchError };
  /** A dial ended without a peer, for whatever reason. `retryInMs` is undefined when it is not tried again. */
  readonly dialFailed: {
    readonly address: NodeAddress;
    readonly error: SwitchError;
    readonly retryInMs: number | undefined;
  };
  /** A persistent peer was dialed as often as the schedule says, and is not any more. */
  readonly gaveUp: { readonly address: NodeAddress; readonly dials: number };
  /** The switch has stopped. */
  readonly stopped: { readonly reason: unknown };
};

/** Peers by direction, and how many are on the way. */
export interface PeerCounts {
  readonly outbound: number;
  readonly inbound: number;
  /** Being dialed, or waiting for the next dial. */
  readonly dialing: number;
}

/** How to dial. */
export interface DialPeerOptions {
  /** Dial it again whenever it is lost. Default false. */
  readonly isPersistent?: boolean;
}

/** What became of one message of a broadcast. */
export interface BroadcastResult {
  readonly peer: Peer;
  readonly result: PeerSendResult;
}

/** A switch; see `switch.ts`. */
export interface SwitchHandle {
  /** The id of this node. */
  readonly id: string;
  /** What this node says of itself. */
  readonly nodeInfo: NodeInfo;
  /** Who is connected. */
  readonly peers: PeerSet;
  /** `p2p/switch.go NumPeers`. */
  numPeers(): PeerCounts;
  /**
   * Dials a node and resolves when it is a peer and every reactor has added it; `p2p/switch.go DialPeerWithAddress`. A reactor
   * may call it from its start on: it then waits until the switch runs.
   *
   * @param address - `ID@HOST:PORT`, or its parts.
   * @throws SwitchError: a rejection, `ALREADY_DIALING`, `OUTBOUND_MAX`, `DIALS_MAX`, `DIAL_FAILED`, `PEER_CLOSED`, `STOPPED`;
   * CodecError `INVALID_VALUE` for a text that is no address; RangeError for an option that is not known. All as
   * rejections.
   */
  dialPeer(address: string | NodeAddress, options?: DialPeerOptions): Promise<Peer>;
  /** Dials nodes in a random order, each after a random 0 to 3 s; failures are events. `p2p/switch.go DialPeersAsync`. */
  dialPeersAsync(addresses: readonly (string | NodeAddress)[], options?: DialPeerOptions): void;
  /** True when that node is connected, dialed or waits for a dial; `p2p/switch.go IsDialingOrExistingAddress`. */
  isDialingOrExisting(address: string | NodeAddress): boolean;
  /** From now on those nodes are persistent, whoever dials; does not dial. `p2p/switch.go AddPersistentPeers`. */
  addPersistentPeers(addresses: readonly (string | NodeAddress)[]): void;
  /** From now on no limit holds those ids back; `p2p/switch.go AddUnconditionalPeerIDs`. */
  addUnconditionalPeerIds(ids: readonly string[]): void;
  /**
   * Sends a message to every peer, and waits until each has taken it or not; `p2p/switch.go Broadcast`. Encoded once. Between
   * two broadcasts the order at a peer is that of the calls.
   *
   * @throws RangeError when no reactor of ours has that channel, or for an option that is not known; what its codec throws.
   */
  broadcast(channel: number, message: Uint8Array, options?: SendOptions): Promise<BroadcastResult[]>;
  broadcast<C extends AnyChannel>(channel: C, message: MessageOf<C>, options?: SendOptions): Promise<BroadcastResult[]>;
  /** Sends a message to every peer that has room at once; `p2p/switch.go TryBroadcast`. Errors as {@link SwitchHandle.broadcast}. */
  tryBroadcast(channel: number, message: Uint8Array): BroadcastResult[];
  tryBroadcast<C extends AnyChannel>(channel: C, message: MessageOf<C>): BroadcastResult[];
  /**
   * Disconnects a peer because of `reason`, which counts as its fault; a persistent one is dialed again.
   * `p2p/switch.go StopPeerForError`. Does nothing for a peer that is gone.
   *
   * @param options.isTransient - dial an outbound peer again even if it is not persistent (`TransientError` upstream).
   */
  stopPeerForError(peer: Peer, reason: unknown, options?: { readonly isTransient?: boolean }): void;
  /**
   * Disconnects a peer after what was queued for it is sent, and does not dial it again; `p2p/switch.go StopPeerGracefully`.
   * Resolves when every reactor has let go of it.
   */
  stopPeerGracefully(peer: Peer): Promise<void>;
  /** Calls `listener` for each event of that kind until the returned function is called. */
  on<K extends keyof SwitchEvents & string>(event: K, listener: (value: SwitchEvents[K]) => void): Unsubscribe;
}
