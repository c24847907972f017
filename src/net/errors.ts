/** What can go wrong between a socket and a frame, as codes. */
import { CodedError } from '../base/errors.ts';

/** Every code a {@link NetError} carries; codes may be added in a minor version. */
export const NET_ERROR_CODES = [
  /** An address does not parse, or a transport is given an address of another scheme. */
  'ADDRESS_INVALID',
  /** Another listener has the address. */
  'ADDRESS_IN_USE',
  /** The host does not own the address, or the program may not listen on it. */
  'ADDRESS_UNAVAILABLE',
  /** Nobody listens at the address dialled. */
  'CONNECTION_REFUSED',
  /** The connection was not established in the time given. */
  'DIAL_TIMEOUT',
  /** No route to the host, or its name does not resolve. */
  'UNREACHABLE',
  /** The caller's signal aborted the dial. */
  'ABORTED',
  /** Used after it was closed, here or by the other end. */
  'CLOSED',
  /** The other end, or something on the way, broke the connection off; bytes may be lost. */
  'RESET',
  /** The other end took none of the waiting bytes for the time given. */
  'WRITE_TIMEOUT',
  /** The message does not fit into what may wait to be sent; nothing of it was sent. */
  'SEND_BUFFER_FULL',
  /** The payload given to send is empty or longer than a frame may be; nothing of it was sent. */
  'FRAME_SIZE_INVALID',
  /** Remote fault found above the link: a frame that cannot be opened, verified or decoded, or a flood. `cause` says which. */
  'REMOTE_FAULT',
  /** The other end did not finish its part of the handshake in the time given. */
  'HANDSHAKE_TIMEOUT',
  /** Remote fault: what came is no handshake, proves nothing, or ended in the middle. `cause` says which. */
  'HANDSHAKE_FAILED',
  /** Remote fault: an empty or oversized frame arrived. */
  'FRAME_INVALID',
  /** Remote fault: the other end closed in the middle of a frame. */
  'FRAME_TRUNCATED',
  /** No frame arrived for the time given. */
  'IDLE_TIMEOUT',
  /** The other end left too many heartbeats unanswered. */
  'HEARTBEAT_LOST',
  /** The other end left a ping unanswered for the time given. */
  'PONG_TIMEOUT',
  /** Remote fault: more pings, or pongs that answer nothing, than a peer may send. */
  'PING_FLOOD',
  /** Remote fault: bytes that are no packet, or a packet longer than agreed. `cause` says which. */
  'PACKET_INVALID',
  /** A channel that the connection does not have: in a call, or, as a remote fault, in a packet. */
  'UNKNOWN_CHANNEL',
  /** A message longer than its channel allows: in a call, or, as a remote fault, as it arrives. */
  'MESSAGE_TOO_LARGE',
  /** The handler of a channel is too slow for what comes, and what may wait for it does. */
  'RECV_QUEUE_FULL',
  /** A handler of this program threw; its connection was given up. */
  'HANDLER_FAILED',
  /** The program or the host has no socket or memory left for it. */
  'RESOURCE_EXHAUSTED',
  /** Any other failure of the operating system; `cause` has its error. */
  'IO_FAILED',
] as const;

/** A code of {@link NetError}. */
export type NetErrorCode = (typeof NET_ERROR_CODES)[number];

/** A failure of a transport, a stream or a link; `cause` is set where another error is behind it. */
export class NetError extends CodedError<NetErrorCode> {}
