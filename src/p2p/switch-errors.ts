/**
 * What goes wrong between a Switch and its peers, as codes. Most are reasons why a connection never became a peer; their
 * texts begin as those of CometBFT do (`p2p/errors.go ErrRejected`).
 */
import { P2pError } from './errors.ts';

/** Every code a {@link SwitchError} carries, all of them codes of {@link P2pError}; more may come in a minor version. */
export const SWITCH_ERROR_CODES = [
  'ALREADY_DIALING',
  'AUTH_FAILURE',
  'DIALS_MAX',
  'DIAL_FAILED',
  'DUPLICATE_CONN',
  'DUPLICATE_ID',
  'DUPLICATE_IP',
  'FILTERED',
  'FILTER_TIMEOUT',
  'HANDSHAKE_FAILED',
  'HANDSHAKE_TIMEOUT',
  'INBOUND_MAX',
  'INBOUND_PER_HOST_MAX',
  'INCOMPATIBLE',
  'MESSAGE_INVALID',
  'NODE_INFO_INVALID',
  'OUTBOUND_MAX',
  'PEER_CLOSED',
  'REACTOR_FAILED',
  'SELF',
  'STOPPED',
] as const;

/** One of {@link SWITCH_ERROR_CODES}. */
export type SwitchErrorCode = (typeof SWITCH_ERROR_CODES)[number];

/** Codes of a connection that was refused, by us, before it became a peer; `p2p/errors.go ErrRejected`. */
export const REJECTION_CODES: readonly SwitchErrorCode[] = [
  'AUTH_FAILURE',
  'DUPLICATE_CONN',
  'DUPLICATE_ID',
  'DUPLICATE_IP',
  'FILTERED',
  'FILTER_TIMEOUT',
  'HANDSHAKE_FAILED',
  'HANDSHAKE_TIMEOUT',
  'INBOUND_MAX',
  'INBOUND_PER_HOST_MAX',
  'INCOMPATIBLE',
  'NODE_INFO_INVALID',
  'OUTBOUND_MAX',
  'REACTOR_FAILED',
  'SELF',
];

/** Whom a {@link SwitchError} is about, as far as it is known, and what is behind it. */
export interface SwitchErrorDetails {
  /** 40 hex digits. Authenticated unless the code is `AUTH_FAILURE`. */
  readonly peerId?: string | undefined;
  /** As the transport writes it. */
  readonly remoteAddress?: string | undefined;
  readonly cause?: unknown;
}

/** An operating error or remote fault of a Switch; `cause` is set when it wraps another. */
export class SwitchError extends P2pError {
  declare readonly code: SwitchErrorCode;
  /** The peer it is about, where one is known. */
  readonly peerId: string | undefined;
  /** The connection it is about, where there is one. */
  readonly remoteAddress: string | undefined;

  constructor(code: SwitchErrorCode, message: string, details: SwitchErrorDetails = {}) {
    super(code, message, details.cause === undefined ? undefined : { cause: details.cause });
    this.peerId = details.peerId;
    this.remoteAddress = details.remoteAddress;
  }

  /** True when the connection was refused before it became a peer. */
  get isRejection(): boolean {
    return REJECTION_CODES.includes(this.code);
  }
}

/** `error` as a {@link SwitchError}: itself, or wrapped in one of `code`. @internal */
export function toSwitchError(
  error: unknown,
  code: SwitchErrorCode,
  message: string,
  details: SwitchErrorDetails = {},
): SwitchError {
  return error instanceof SwitchError ? error : new SwitchError(code, message, { ...details, cause: error });
}
