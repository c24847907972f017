/**
 * One call on its way: the message in the server's mailbox and the caller's one-shot reply slot in one object.
 *
 * It settles exactly once: by a reply, the server's exit, the deadline or an abort. Whatever comes later is dropped, so no
 * late and no second reply ever reaches anybody.
 */
import type { Deadlined } from '../base/deadline-queue.ts';
import { ActorError, type ActorErrorCode } from './errors.ts';
import { formatExitReason } from './exit-reason.ts';
import { MessageKind } from './message.ts';
import { type Pid, printAsText } from './pid.ts';

/** Default patience of a call, in ms; `gen_server(3) call/2`. */
export const CALL_TIMEOUT_MS_DEFAULT = 5000;

/** How long and how cancellably to wait. */
export interface CallOptions {
  /** 0 or more ms, or `Infinity`; default {@link CALL_TIMEOUT_MS_DEFAULT}. */
  readonly timeoutMs?: number;
  /** Ends the wait with code `ABORTED`; the server still handles the request. */
  readonly signal?: AbortSignal;
  /** Puts the request before all ordinary messages of the server, behind other urgent ones. Default false. */
  readonly isUrgent?: boolean;
  /** Who asks. Default: the process whose callback is running, before its first `await`. */
  readonly caller?: Pid;
}

/** Where a call handler that returned `noreply` sends its answer, from any process, at any time. */
export interface From<R> {
  /** Answers the caller. @returns false when the call was settled before: the value is dropped. */
  reply(value: R): boolean;
  /** False once the caller has its answer, gave up or aborted: work for it can be skipped. */
  readonly isPending: boolean;
  /** The process that asked, `undefined` when the call came from outside of processes. */
  readonly caller: Pid | undefined;
}

/** The server of a request, as the request sees it. @internal */
export interface RequestOwner extends Pid {
  readonly host: { readonly deadlines: { release(request: Request): void } };
  undefer(request: Request): void;
}

/** @internal */
export class Request implements Deadlined, From<unknown> {
  // Plain fields assigned in the constructor: initialisers and #names cost 6 % of a whole call.
  readonly kind: typeof MessageKind.call;
  readonly tag: string;
  readonly payload: unknown;
  readonly timeoutMs: number;
  readonly owner: RequestOwner;
  readonly caller: Pid | undefined;
  deadlineMs: number;
  isSettled: boolean;
  /** Its server keeps it in a set of unanswered calls. */
  isDeferred: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ActorError) => void;
  /** Runs once when the call settles: takes listeners back. */
  onSettled: (() => void) | undefined;

  constructor(
    owner: RequestOwner,
    tag: string,
    payload: unknown,
    timeoutMs: number,
    caller: Pid | undefined,
    resolve: (value: unknown) => void,
    reject: (error: ActorError) => void,
  ) {
    this.kind = MessageKind.call;
    this.tag = tag;
    this.payload = payload;
    this.timeoutMs = timeoutMs;
    this.owner = owner;
    this.caller = caller;
    this.deadlineMs = 0;
    this.isSettled = false;
    this.isDeferred = false;
    this.resolve = resolve;
    this.reject = reject;
    this.onSettled = undefined;
  }

  get isPending(): boolean {
    return !this.isSettled;
  }

  toString(): string {
    return `From<${this.caller}>`;
  }

  reply(value: unknown): boolean {
    if (this.isSettled) return false;
    this.settle();
    this.resolve(value);
    return true;
  }

  /** Ends the call with an error of `code`; false when it was settled before. */
  fail(code: ActorErrorCode, reason: unknown, cause?: unknown): boolean {
    if (this.isSettled) return false;
    this.settle();
    this.reject(callError(code, this.owner.label, this.tag, this.timeoutMs, reason, cause));
    return true;
  }

  /** Ends the call with `ABORTED` when `signal` does. */
  listen(signal: AbortSignal): void {
    const abort = (): void => {
      this.fail('ABORTED', 'aborted', signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.onSettled = () => signal.removeEventListener('abort', abort);
  }

  private settle(): void {
    this.isSettled = true;
    if (this.deadlineMs !== 0) this.owner.host.deadlines.release(this);
    if (this.onSettled !== undefined) this.onSettled();
    if (this.isDeferred) this.owner.undefer(this);
  }
}

printAsText(Request);

/** The error of a call that got no reply, naming whom, what and how long. */
export function callError(
  code: ActorErrorCode,
  server: string,
  tag: string,
  timeoutMs: number,
  reason: unknown,
  cause?: unknown,
): ActorError {
  const what = `call ${tag} to ${server}`;
  const withCause = cause ?? (reason instanceof Error ? reason : undefined);
  const text = `${what}${explain(code, timeoutMs, reason)}`;
  return new ActorError(code, text, withCause === undefined ? { reason } : { reason, cause: withCause });
}

function explain(code: ActorErrorCode, timeoutMs: number, reason: unknown): string {
  switch (code) {
    case 'TIMEOUT':
      return ` timed out after ${timeoutMs} ms`;
    case 'NOPROC':
      return ': no process';
    case 'CALLING_SELF':
      return ': a process cannot call itself';
    case 'CALL_CYCLE':
      return `: would wait for ever: ${String(reason)}`;
    case 'ABORTED':
      return ' was aborted by the caller';
    case 'MAILBOX_FULL':
      return `: its mailbox is full (${String(reason)} messages)`;
    case 'CALLBACK_FAILED':
      return `: the given function failed: ${formatExitReason(reason)}`;
    default:
      return ` failed: the server exited: ${formatExitReason(reason)}`;
  }
}
