/**
 * What callers of a server use: call, cast, stop. This is the client side of `gen_server(3)`; the loop is on top of it, in
 * `gen-server-process.ts`.
 */
import type { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { castMessage, systemMessage } from './message.ts';
import { asProcess, currentProcess, Process } from './process.ts';
import { CALL_TIMEOUT_MS_DEFAULT, type CallOptions, callError, Request } from './request.ts';

/** Processes that a search for a call cycle walks at most. */
export const CALL_CYCLE_HOPS_MAX = 64;

/** A process that answers calls. @internal */
export abstract class CallableProcess extends Process {
  /** Ends in its own turn with `reason`, after its last words. */
  abstract terminate(reason: ExitReason): PromiseLike<void> | undefined;

  call(tag: string, payload?: unknown, options?: CallOptions): Promise<unknown> {
    if (options !== undefined || this.host.isPropagatingDeadlines) return this.callWith(tag, payload, options ?? {});
    return new Promise((resolve, reject) => {
      const caller = currentProcess();
      const request = new Request(this, tag, payload, CALL_TIMEOUT_MS_DEFAULT, caller, resolve, reject);
      if (caller !== undefined && this.isRefused(caller, request)) return;
      this.host.deadlines.add(request);
      this.deliver(request);
    });
  }

  private callWith(tag: string, payload: unknown, options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const caller = options.caller === undefined ? currentProcess() : asProcess(options.caller);
      const asked = checkTimeout(options.timeoutMs ?? CALL_TIMEOUT_MS_DEFAULT);
      const timeoutMs = this.host.isPropagatingDeadlines ? within(caller, asked) : asked;
      const request = new Request(this, tag, payload, timeoutMs, caller, resolve, reject);
      const { signal } = options;
      if (signal?.aborted === true) {
        request.fail('ABORTED', 'aborted', signal.reason);
        return;
      }
      if (caller !== undefined && this.isRefused(caller, request)) return;
      if (signal !== undefined) request.listen(signal);
      if (timeoutMs !== Number.POSITIVE_INFINITY) this.host.deadlines.add(request);
      if (options.isUrgent === true) this.deliverUrgently(request);
      else this.deliver(request);
    });
  }

  /** Queues a call whose outcome goes to `resolve` and `reject`; for requests that are collected. */
  request(
    tag: string,
    payload: unknown,
    timeoutMs: number,
    resolve: (value: unknown) => void,
    reject: (error: ActorError) => void,
  ): Request {
    const caller = currentProcess();
    const request = new Request(this, tag, payload, checkTimeout(timeoutMs), caller, resolve, reject);
    if (caller !== undefined && this.isRefused(caller, request)) return request;
    if (timeoutMs !== Number.POSITIVE_INFINITY) this.host.deadlines.add(request);
    this.deliver(request);
    return request;
  }

  private isRefused(caller: Process, request: Request): boolean {
    if (caller === this) return request.fail('CALLING_SELF', 'calling_self');
    if (!this.host.isDetectingCallCycles) return false;
    const chain = [caller.label, this.label];
    // Who waits for whom: from the server asked now, along the calls that busy processes have open.
    let next: Process = this;
    for (let hops = 0; hops < CALL_CYCLE_HOPS_MAX && next.isBusy; hops += 1) {
      const open = next.extras?.calling;
      if (open === undefined || open.isSettled) break;
      next = open.owner as Process;
      chain.push(next.label);
      if (next === caller) return request.fail('CALL_CYCLE', chain.join(' -> '));
    }
    caller.more().calling = request;
    return false;
  }

  cast(tag: string, payload?: unknown): void {
    this.deliver(castMessage(tag, payload));
  }

  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const timeoutMs = checkTimeout(options.timeoutMs ?? Number.POSITIVE_INFINITY);
      const refuse = (code: 'CALLING_SELF' | 'NOPROC' | 'EXIT' | 'TIMEOUT', why: ExitReason): void =>
        reject(callError(code, this.label, 'stop', timeoutMs, why));
      if (currentProcess() === this) return refuse('CALLING_SELF', 'calling_self');
      if (!this.isAlive) return refuse('NOPROC', 'noproc');
      const timer =
        timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : this.host.timers.add(timeoutMs, () => {
              unhook();
              refuse('TIMEOUT', 'timeout');
            });
      const unhook = this.onExit((why) => {
        timer?.cancel();
        // The exit that was asked for is the answer; any other one is an error.
        if (why === reason) resolve();
        else refuse('EXIT', why);
      });
      if (!this.isTerminating) this.deliver(systemMessage('stop', undefined, () => this.terminate(reason)));
    });
  }
}

/** At most what is left of the call that `caller` serves: who asked first waits no longer than that. */
function within(caller: Process | undefined, timeoutMs: number): number {
  const outer = caller?.serving;
  if (caller === undefined || outer === undefined) return timeoutMs;
  // Not stamped yet: it came in this very turn, so all of its time is left.
  const leftMs = outer.deadlineMs === 0 ? outer.timeoutMs : outer.deadlineMs - caller.host.clock.monotonicMs();
  return Math.min(timeoutMs, Math.max(0, Math.ceil(leftMs)));
}

/** A timeout as it is, if it is one. @throws RangeError @internal */
export function checkTimeout(timeoutMs: number): number {
  if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}: expected 0 or more, or Infinity`);
  return timeoutMs;
}
