/** What is counted about one remote; lives as long as the remote is known, whatever happens to its processes. */
import type { ConnectionState } from './connection-machine.ts';
import { RttWindow } from './rtt-window.ts';

/**
 * Calls of one remote that were made and not sent yet. They are counted where they are made, before anything of them is kept,
 * so that calls made faster than the mailbox has its turns are bounded too. @internal
 */
export class WaitingCalls {
  /** Bounded by `queueCapacity` and {@link WaitingCalls.room} together. */
  count = 0;
  /** Bytes of their messages, bounded by `queueBytesMax`. */
  bytes = 0;
  /** Calls that would be sent without waiting; told by the mailbox, 0 without a connection that takes any. */
  room = 0;
}

/** Counters of one remote since it was connected to. @internal */
export class RemoteCounters {
  state: ConnectionState = 'idle';
  calls = 0;
  sent = 0;
  answered = 0;
  timeouts = 0;
  errors = 0;
  dropped = 0;
  refused = 0;
  lateReplies = 0;
  casts = 0;
  connections = 0;
  queueLength = 0;
  inFlight = 0;
  readonly waiting: WaitingCalls = new WaitingCalls();
  readonly rtt: RttWindow = new RttWindow();
}

/** A copy of the counters, for people and tests. */
export interface RemoteStats {
  /** Where the connection is. */
  readonly state: ConnectionState;
  /** Calls and casts made. Each is `answered`, one of `timeouts`, one of `errors`, or still under way. */
  readonly calls: number;
  readonly answered: number;
  readonly timeouts: number;
  /** Calls that ended in any other error. */
  readonly errors: number;
  /** Messages written to a connection. */
  readonly sent: number;
  /** Of the calls, those whose reply nobody waits for. */
  readonly casts: number;
  /** Of the timeouts and aborts: never sent. */
  readonly dropped: number;
  /** Of the errors: found the queue full. */
  readonly refused: number;
  /** Replies to calls that were over. */
  readonly lateReplies: number;
  /** Connections made. */
  readonly connections: number;
  /** Calls waiting to be sent. */
  readonly queueLength: number;
  /** Calls sent and unanswered. */
  readonly inFlight: number;
  /** Median round trip of the last 1024 calls, in ms; `undefined` before the first. */
  readonly rttMsP50: number | undefined;
  readonly rttMsP99: number | undefined;
}

/** @internal */
export function remoteStats(counters: RemoteCounters): RemoteStats {
  const { rtt, waiting: _, ...counts } = counters;
  return { ...counts, rttMsP50: rtt.percentile(50), rttMsP99: rtt.percentile(99) };
}
