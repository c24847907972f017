/** Errors of the peer-to-peer layer. Codes and what to do about each: `docs/errors.md`. */
import { CodedError } from '../base/errors.ts';

/** Every code a {@link P2pError} carries; codes may be added in a minor version. */
export const P2P_ERROR_CODES = [
  /** The caller's signal aborted the call; it may have been sent. */
  'ABORTED',
  /** The message id has a service already, and `replace` was not asked for. */
  'ALREADY_SUBSCRIBED',
  /** The reply to this call does not decode; the connection is closed. */
  'BAD_REPLY',
  /** The connection ended while the call waited for its reply. */
  'CLOSED',
  /** The fields do not fit the message's layout, or the message does not fit into a frame. Nothing was sent. */
  'ENCODE_FAILED',
  /** A peer sends more heartbeats or connections than it may. */
  'FLOOD',
  /** A peer address, key or seeds line does not parse. */
  'PEER_INVALID',
  /** The remote's queue is full, by count or by bytes. Nothing was sent. */
  'QUEUE_FULL',
  /** As many remotes as allowed are known already. */
  'REMOTES_MAX',
  /** The message cannot be sealed for this remote's key. Nothing was sent. */
  'SEAL_FAILED',
  /** The node or this remote was stopped. */
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
