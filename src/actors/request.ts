/**
 * One call on its way: the message in the server's mailbox and the caller's one-shot reply slot in one object.
 *
 * It settles exactly once: by a reply, the server's exit, the deadline or an abort. Whatever comes later is dropped, so no
 * late and no second reply ever reaches anybody.
 */
import type { Deadlined, DeadlineQueue } from '../base/deadline-queue.ts';
import { ActorError, type ActorErrorCode } from './errors.ts';
import { formatExitReason } from './exit-reason.ts';

/** Default patience of a call, in ms; `gen_server(3) call/2`. */
export const CALL_TIMEOUT_MS_DEFAULT = 5000;

/** How long and how cancellably to wait. */
export interface CallOptions {
  /** 0 or more ms, or `Infinity`; default {@link CALL_TIMEOUT_MS_DEFAULT}. */
  readonly timeoutMs?: number;
  /** Ends the wait with code `ABORTED`; the server still handles the request. */
  readonly signal?: AbortSignal;
}

/** Where a call handler that returned `noreply` sends its answer, from any process, at any time. */
export interface From<R> {
  /** Answers the caller. @returns false when the call was settled before: the value is dropped. */
  reply(value: R): boolean;
  /** False once the caller has its answer, gave up or aborted: work for it can be skipped. */
  readonly isPending: boolean;
}

/** Kinds of mailbox messages; small integers because the mailbox loop switches on them. */
export const MessageKind: Readonly<{ call: 0; cast: 1; info: 2; system: 3; exit: 4; continue: 5 }> = {
  call: 0,
  cast: 1,
  info: 2,
  system: 3,
  exit: 4,
  continue: 5,
};

/** Where the request stands with its server; lets the server's exit find the calls that nobody answered. */
interface RequestOwner {
  readonly label: string;
  readonly host: { readonly deadlines: DeadlineQueue<Request> };
  deferred: Set<Request> | undefined;
}

/** @internal */
export class Request implements Deadlined, From<unknown> {
  // Assigned in the constructor: field initialisers are a call of their own, 6 % of a whole call.
  readonly kind: typeof MessageKind.call;
  readonly tag: string;
  readonly payload: unknown;
  readonly timeoutMs: number;
  readonly owner: RequestOwner;
  deadlineMs: number;
  isSettled: boolean;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: ActorError) => void;
  #unlisten: (() => void) | undefined;

  constructor(
    owner: RequestOwner,
    tag: string,
    payload: unknown,
    timeoutMs: number,
    resolve: (value: unknown) => void,
    reject: (error: ActorError) => void,
  ) {
    this.kind = MessageKind.call;
    this.tag = tag;
    this.payload = payload;
    this.timeoutMs = timeoutMs;
    this.owner = owner;
    this.deadlineMs = 0;
    this.isSettled = false;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#unlisten = undefined;
  }

  get isPending(): boolean {
    return !this.isSettled;
  }

  reply(value: unknown): boolean {
    if (this.isSettled) return false;
    this.#settle();
    this.#resolve(value);
    return true;
  }

  /** Ends the call with an error of `code`; false when it was settled before. */
  fail(code: ActorErrorCode, reason: unknown, cause?: unknown): boolean {
    if (this.isSettled) return false;
    this.#settle();
    this.#reject(callError(code, this.owner.label, this.tag, this.timeoutMs, reason, cause));
    return true;
  }

  /** Ends the call with `ABORTED` when `signal` does. */
  listen(signal: AbortSignal): void {
    const abort = (): void => {
      this.fail('ABORTED', 'aborted', signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', abort);
  }

  #settle(): void {
    this.isSettled = true;
    if (this.deadlineMs !== 0) this.owner.host.deadlines.release(this);
    if (this.#unlisten !== undefined) this.#unlisten();
    if (this.owner.deferred !== undefined) this.owner.deferred.delete(this);
  }
}

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
  const text =
    code === 'TIMEOUT'
      ? `${what} timed out after ${timeoutMs} ms`
      : code === 'NOPROC'
        ? `${what}: no process`
        : code === 'CALLING_SELF'
          ? `${what}: a process cannot call itself`
          : code === 'ABORTED'
            ? `${what} was aborted by the caller`
            : `${what} failed: the server exited: ${formatExitReason(reason)}`;
  const withCause = cause ?? (reason instanceof Error ? reason : undefined);
  return new ActorError(code, text, withCause === undefined ? { reason } : { reason, cause: withCause });
}
