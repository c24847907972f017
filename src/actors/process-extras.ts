/**
 * What only few processes need: kept in one object made on first use, so that an idle process is small.
 */
import type { RingQueue } from '../base/ring-queue.ts';
import type { ExitReason } from './exit-reason.ts';
import type { Message } from './message.ts';
import type { Alias, MonitorRef, Pid, TimerRef } from './pid.ts';
import type { Request } from './request.ts';
import type { QueuedTimer, TimerOwner } from './timer-queue.ts';

/** What a full mailbox does with one more message. */
export const OVERFLOW_POLICIES = ['drop_newest', 'drop_oldest', 'refuse'] as const;
/**
 * `refuse`: calls are refused with `MAILBOX_FULL`, casts and plain messages are dropped and counted. `drop_newest`: the same
 * for calls; the arriving cast is dropped. `drop_oldest`: the oldest cast or plain message makes room, for a call too; when
 * none waits it is as `drop_newest`.
 */
export type OverflowPolicy = (typeof OVERFLOW_POLICIES)[number];

/**
 * A bound on a mailbox. `down`, exit and system messages are never dropped, but take room while they wait; what is sent with
 * `isUrgent` has a queue of its own, without a bound.
 */
export interface MailboxOptions {
  /** Messages waiting at most, 1 to 10^9. */
  readonly capacity: number;
  /** Default `refuse`. The sender of a cast is never thrown at. */
  readonly onFull?: OverflowPolicy;
}

/** @internal */
export interface MailboxBound {
  readonly capacity: number;
  readonly onFull: OverflowPolicy;
  droppedCount: number;
}

/** Told of what a process does while it is debugged; `sys(3) install/2`. @internal */
export type DebugHook = (event: DebugEvent) => void;

/** One event of a debugged process; `sys(3) system_event()`. */
export interface DebugEvent {
  /** `in`: a message was taken. `out`: a reply was sent. `noreply`: handled without one. */
  readonly type: 'in' | 'out' | 'noreply';
  readonly pid: Pid;
  /** What was taken: `call add`, `cast reset`, `info`, `exit`. */
  readonly what: string;
  /** The message of an `in`, the reply of an `out`. */
  readonly value: unknown;
  /** Who called, where that is known. */
  readonly caller: Pid | undefined;
  readonly state: unknown;
}

/** Told of the end of a process. @internal */
export type ExitHook = (reason: ExitReason) => void;

/** @internal */
export class ProcessExtras implements TimerOwner {
  /** Continues; while suspended also sys requests and the exit of the parent. */
  systemLane: RingQueue<Message> | undefined = undefined;
  /** Urgent messages: before the mailbox. */
  urgentLane: RingQueue<Message> | undefined = undefined;
  bound: MailboxBound | undefined = undefined;
  /** Calls handled without an answer yet. */
  deferred: Set<Request> | undefined = undefined;
  monitors: Set<MonitorRef> | undefined = undefined;
  firstTimer: QueuedTimer | undefined = undefined;
  aliases: Set<Alias> | undefined = undefined;
  exitHooks: ExitHook | Set<ExitHook> | undefined = undefined;
  aborter: AbortController | undefined = undefined;
  name: string | undefined = undefined;
  label: string | undefined = undefined;
  exitReason: ExitReason | undefined = undefined;
  exitParent: Pid | undefined = undefined;
  idleTimer: TimerRef | undefined = undefined;
  idleTimeoutMs = 0;
  idleMessage: unknown = undefined;
  hibernateAfterMs = -1;
  /** The latest call that this process made and that is not settled. */
  calling: Request | undefined = undefined;
  debug: Set<DebugHook> | undefined = undefined;
  /** Owners of the tasks that led to this one, nearest first. */
  callers: readonly Pid[] | undefined = undefined;
}
