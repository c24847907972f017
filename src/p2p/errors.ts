/** Errors of the peer-to-peer layer. Codes and what to do about each: `docs/errors.md`. */
import { ActorError } from '../actors/errors.ts';
import { CodedError } from '../base/errors.ts';
import { SupervisorError } from '../supervisor/errors.ts';

/** Every code a {@link P2pError} carries; codes may be added in a minor version. */
export const P2P_ERROR_CODES = [
  /** The caller's signal aborted the call; it may have been sent. */
  'ABORTED',
  /** The file of the address book is none, or cannot be read. It is never overwritten. */
  'ADDRESS_BOOK_INVALID',
  /** The address book could not be written to its file, which is as it was. */
  'ADDRESS_BOOK_NOT_SAVED',
  /** That id is dialed, waited for or connected already, or its IP address is. */
  'ALREADY_DIALING',
  /** The message id has a service already, and `replace` was not asked for. */
  'ALREADY_SUBSCRIBED',
  /** The peer did not prove who it is, or is not who was dialed. */
  'AUTH_FAILURE',
  /** The reply to this call does not decode; the connection is closed. */
  'BAD_REPLY',
  /** The connection ended while the call waited for its reply. */
  'CLOSED',
  /** As many dials as allowed are under way or waiting for their next try. */
  'DIALS_MAX',
  /** No connection was made; `cause` says why. */
  'DIAL_FAILED',
  /** There is a connection with that very address. */
  'DUPLICATE_CONN',
  /** There is a peer with that id. */
  'DUPLICATE_ID',
  /** There is a connection with that IP address. */
  'DUPLICATE_IP',
  /** The fields do not fit the message's layout, or the message is unknown to the node or too long. Nothing was sent. */
  'ENCODE_FAILED',
  /** A filter refused the connection or the peer. */
  'FILTERED',
  /** A filter did not answer in time. */
  'FILTER_TIMEOUT',
  /** A peer sends more heartbeats, replies or connections than it may. */
  'FLOOD',
  /** The connection ended or broke the protocol before the peer was known. */
  'HANDSHAKE_FAILED',
  /** The handshake was not over in time. */
  'HANDSHAKE_TIMEOUT',
  /** As many inbound peers as allowed are connected. */
  'INBOUND_MAX',
  'INBOUND_PER_HOST_MAX',
  /** The peer is of another network or block version, or has no channel in common. */
  'INCOMPATIBLE',
  /** Remote fault: a message of a channel does not decode. */
  'MESSAGE_INVALID',
  /** Remote fault: the peer's NodeInfo breaks the rules. */
  'NODE_INFO_INVALID',
  /** The node has no switch: it is on the Archethic wire, or its switch is being restarted. */
  'NO_SWITCH',
  /** As many outbound peers as allowed are connected or dialed. */
  'OUTBOUND_MAX',
  /** The connection of a peer ended; `cause` says why when it was not closed in order. */
  'PEER_CLOSED',
  /** A peer address, key or seeds line does not parse. */
  'PEER_INVALID',
  /** A peer sent a PEX message that does not decode, or an address that is none; it is disconnected and banned. */
  'PEX_INVALID',
  /** A peer sent addresses that nobody asked it for; it is disconnected and banned. */
  'PEX_UNSOLICITED',
  /** The remote's queue is full, by count or by bytes. Nothing was sent. */
  'QUEUE_FULL',
  /** A reactor threw, or was late, on behalf of this peer. */
  'REACTOR_FAILED',
  /** As many remotes as allowed are known already. */
  'REMOTES_MAX',
  /** The message cannot be sealed for this remote's key. Nothing was sent. */
  'SEAL_FAILED',
  /** No seed has an address that resolves, and the address book is empty. */
  'SEEDS_UNREACHABLE',
  /** The connection leads to this node itself. */
  'SELF',
  /** The node, the switch, this remote or this peer was stopped. */
  'STOPPED',
  /** No reply in the time given. It was sent only if a connection stood in that time. */
  'TIMEOUT',
  /** The reply is none of those the request declares. */
  'UNEXPECTED_REPLY',
  /** Nobody is known by that public key. */
  'UNKNOWN_NODE',
] as const;

/** One of {@link P2P_ERROR_CODES}. */
export type P2pErrorCode = (typeof P2P_ERROR_CODES)[number];

/** An operating error or remote fault of the peer-to-peer layer; `cause` is set when it wraps another. */
export class P2pError extends CodedError<P2pErrorCode> {}

/** Wrapped errors that are looked through for one of a class. */
const CAUSE_DEPTH_MAX = 8;

/** The error of class `kind` that `error` is or wraps, at any depth up to 8. @internal */
export function causeOf<T extends CodedError>(error: unknown, kind: new (...args: never[]) => T): T | undefined {
  let inner = error;
  for (let depth = 0; depth < CAUSE_DEPTH_MAX; depth += 1) {
    if (inner instanceof kind) return inner;
    if (!(inner instanceof Error)) return undefined;
    inner = inner.cause ?? (inner instanceof ActorError ? inner.reason : undefined);
  }
  return undefined;
}

/** What a caller gets for an error that says that a process of the node is gone; any other error as it is. @internal */
export function stoppedError(error: unknown): unknown {
  const isGone =
    error instanceof ActorError || (error instanceof SupervisorError && error.code === 'CHILD_NOT_RUNNING');
  return isGone ? new P2pError('STOPPED', `the node is not running: ${error.message}`, { cause: error }) : error;
}
