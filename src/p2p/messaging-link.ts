/**
 * What calls need of a connection, whatever the wire: a way to send envelops, and somebody to tell of what comes back. A
 * link of the Archethic wire (`net/archethic-link.ts`) is one, and so is a peer of a switch (`messaging-peer.ts`), so that
 * mailbox and connection do not know which wire they use.
 */
import type { CodedError } from '../base/errors.ts';
import type { MessageValue } from '../codec/message.ts';
import type { OpenedEnvelop } from '../crypto/sealed-envelop.ts';
import type { NetError } from '../net/errors.ts';
import type { PeerAddress } from './peer-address.ts';

/** A connection that carries requests to one remote. @internal */
export interface MessageLink {
  /** The other end as text. */
  readonly remoteAddress: string;
  /** False from the moment it is given up, here or there. */
  readonly isOpen: boolean;
  /** It has no room, and tells its role, by `drained`, when it has. */
  readonly isCongested: boolean;
  /**
   * Sends a request in its envelop; the array passes to the link.
   *
   * @throws NetError `CLOSED`; `SEND_BUFFER_FULL` when there is no room now; `FRAME_SIZE_INVALID` or `MESSAGE_TOO_LARGE` for one
   * that never fits. Nothing was sent then.
   */
  send(envelop: Uint8Array): void;
  /** What waits in it. */
  stats(): { readonly bufferedBytes: number };
  /** Breaks it off at once; the role is told. */
  destroy(reason?: NetError): void;
}

/** What is done with what a link brings to the calls of one remote. @internal */
export interface LinkRole {
  /** The link stands; called once, first. */
  opened(link: MessageLink): void;
  /** A reply, by whom was dialled. */
  received(envelop: OpenedEnvelop, message: MessageValue): void;
  /** The reply was by whom was dialled, and its message does not decode; the link is about to be closed. */
  undecodable(envelop: OpenedEnvelop, error: CodedError): void;
  /** More can be sent again. */
  drained(): void;
  /** The link is over; called once, last. */
  closed(reason: NetError | undefined): void;
}

/** Makes links to remotes, in place of a dial that ends in a bare stream. @internal */
export interface LinkDialer {
  /**
   * Finds or makes a link and tells `role` of it; resolves when it stands.
   *
   * @param signal - gives the dial up when it aborts; a link is not handed over then.
   * @throws P2pError, NetError (as a rejection) with what went wrong. Nothing of `role` was called then.
   */
  dial(peer: PeerAddress, role: LinkRole, signal: AbortSignal): Promise<void>;
}
