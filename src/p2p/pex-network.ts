/**
 * What peer exchange needs from the node around it: its peers and a way to dial. The Switch gives both
 * (`pex-reactor.ts`); a test gives its own.
 */
import type { P2pError } from './errors.ts';
import type { PexAddress } from './pex-address.ts';

/** One connected peer. The same object for as long as the connection stands, another one for the next connection. */
export interface PexPeer {
  /** Its id, proved by the handshake. */
  readonly id: string;
  /** Whether we dialled it. */
  readonly isOutbound: boolean;
  /** Whether the node always keeps a connection to it. */
  readonly isPersistent: boolean;
  /** Its id and where its socket is; undefined on a transport without IP addresses. */
  readonly socketAddress: PexAddress | undefined;
  /** Where it says in its NodeInfo that it listens; undefined when that is no IP address. */
  readonly listenAddress: PexAddress | undefined;
  /** Queues a message on the PEX channel; never throws. What does not fit is dropped. */
  send(message: Uint8Array): unknown;
  /** Ends the connection at once because of `reason`. */
  disconnect(reason: P2pError): void;
  /** Ends the connection in order, once what was sent has gone out. */
  disconnectGracefully(): void;
}

/**
 * How a dial went: `connected`; `busy`: it is connected or being dialled already; `unauthenticated`: who answered is
 * somebody else; `self`: who answered is this node; `failed`: anything else.
 */
export type DialOutcome = 'connected' | 'busy' | 'unauthenticated' | 'self' | 'failed';

/** The node as peer exchange sees it. */
export interface PexNetwork {
  /** Outbound peers that the node wants. */
  readonly outboundMax: number;
  /** Peers connected now, and dials under way. */
  counts(): { readonly outbound: number; readonly inbound: number; readonly dialing: number };
  /** Everybody connected now. */
  peers(): readonly PexPeer[];
  /** Whether a dial to that id or place is needless. */
  isDialingOrConnected(address: PexAddress): boolean;
  /** Whether the node always keeps a connection to it. */
  isPersistent(address: PexAddress): boolean;
  /** Dials; resolves when the peer is connected or will not be. Never rejects. */
  dial(address: PexAddress): Promise<DialOutcome>;
}
