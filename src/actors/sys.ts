/**
 * sys: looking into a running process, after `sys(3)`. Requests run in the process, in queue order, so a busy process
 * answers late, and a suspended one still answers. What watches a process (log, statistics, trace, installed functions) is
 * in `sys-debug.ts`.
 */
import { RingQueue } from '../base/ring-queue.ts';
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import type { GenServer, StateOf } from './gen-server.ts';
import { GenServerProcess } from './gen-server-process.ts';
import { Flag, isForMachinery } from './mailbox.ts';
import { type Message, systemMessage } from './message.ts';
import type { Pid } from './pid.ts';
import { asProcess, currentProcess, type Process } from './process.ts';
import type { MaybePromise } from './protocol.ts';
import { formatStatus } from './reports.ts';
import { CALL_TIMEOUT_MS_DEFAULT, Request } from './request.ts';

/** What {@link getStatus} tells. */
export interface ProcessStatus {
  readonly pid: number;
  readonly label: string;
  readonly module: string;
  readonly status: 'running' | 'suspended' | 'hibernating' | 'terminating';
  readonly parent: number | undefined;
  readonly isTrapping: boolean;
  readonly mailboxLength: number;
  /** Messages that a bounded mailbox dropped. */
  readonly droppedCount: number;
  readonly links: readonly number[];
  readonly watchers: number;
  readonly unansweredCalls: number;
  readonly ancestors: readonly string[];
  /** The state, as the server's `formatStatus` shows it. */
  readonly state: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: any server class
type AnyServer = GenServer<any, any, any>;

/**
 * The state of a server, as its last callback left it: the object itself, not a copy; do not change it.
 *
 * @param timeoutMs - patience, default 5000.
 * @throws ActorError `NOPROC`, `TIMEOUT`, `EXIT`.
 */
export function getState<T extends AnyServer>(pid: Pid, timeoutMs?: number): Promise<StateOf<T>> {
  return askSystem(pid, 'sys:getState', timeoutMs, (process) => process.state as StateOf<T>);
}

/**
 * Replaces the state by `change(state)` and gives the new one. A `change` that throws leaves the state as it was.
 *
 * @throws ActorError `CALLBACK_FAILED` with what `change` threw as `reason`; else as {@link getState}.
 */
export function replaceState<S>(pid: Pid, change: (state: S) => S, timeoutMs?: number): Promise<S> {
  return askSystem(pid, 'sys:replaceState', timeoutMs, (process) => {
    process.state = change(process.state as S);
    return process.state as S;
  });
}

/** Status of a process and its state as `formatStatus` shows it. @throws ActorError as {@link getState}. */
export function getStatus(pid: Pid, timeoutMs?: number): Promise<ProcessStatus> {
  return askSystem(pid, 'sys:getStatus', timeoutMs, (process) => ({
    pid: process.id,
    label: process.label,
    module: process.moduleName,
    status: statusOf(process),
    parent: process.parent?.id,
    isTrapping: process.isTrapping,
    mailboxLength: process.mailboxLength,
    droppedCount: process.extras?.bound?.droppedCount ?? 0,
    links: process.links.map((linked) => linked.id),
    watchers: process.watcherCount,
    unansweredCalls: process.extras?.deferred?.size ?? 0,
    ancestors: process.ancestors.map((ancestor) => ancestor.label),
    state: formatStatus(process, { state: process.state }).state,
  }));
}

function statusOf(process: Process): ProcessStatus['status'] {
  if (process.isTerminating) return 'terminating';
  if (process.isSuspended) return 'suspended';
  return (process.flags & Flag.hibernating) === 0 ? 'running' : 'hibernating';
}

/** Stops the handling of everything but sys requests and the exit of the parent; idempotent. @throws ActorError as {@link getState}. */
export function suspend(pid: Pid, timeoutMs?: number): Promise<void> {
  return askSystem(pid, 'sys:suspend', timeoutMs, (process) => {
    if (process.isSuspended) return;
    process.flags |= Flag.suspended | Flag.lanes;
    // What was asked of the machinery before must not wait for the resume.
    const waiting = process.mailbox?.toArray() ?? [];
    const extras = process.more();
    extras.systemLane ??= new RingQueue<Message>();
    for (const message of waiting) if (isForMachinery(message, process)) extras.systemLane.push(message);
    process.mailbox?.filter((message) => !isForMachinery(message, process));
  });
}

/** Goes on with what waited; idempotent. @throws ActorError as {@link getState}. */
export function resume(pid: Pid, timeoutMs?: number): Promise<void> {
  return askSystem(pid, 'sys:resume', timeoutMs, (process) => {
    process.flags = (process.flags & ~Flag.suspended) | Flag.lanes;
  });
}

/**
 * Converts the state of a suspended server by its `codeChange`, and swaps in `module` if one is given: the handlers of a
 * new version of its class. `sys(3) change_code/4`.
 *
 * @throws ActorError `NOT_SUSPENDED` for a running server; `CALLBACK_FAILED` when `codeChange` threw: the old state stays.
 */
export async function changeCode(
  pid: Pid,
  options: {
    readonly oldVersion?: unknown;
    readonly extra?: unknown;
    readonly module?: new () => AnyServer;
    readonly timeoutMs?: number;
  } = {},
): Promise<void> {
  const { oldVersion, extra, timeoutMs } = options;
  const outcome = await askSystem(pid, 'sys:changeCode', timeoutMs, (process): MaybePromise<boolean> => {
    if (!process.isSuspended) return false;
    const module = options.module === undefined ? process.module : new options.module();
    const swap = (state: unknown): boolean => {
      process.state = state;
      (module as unknown as { self: Process }).self = process;
      process.become(module as typeof process.module);
      return true;
    };
    const changed = (module as typeof process.module).codeChange?.(oldVersion, process.state, extra) ?? process.state;
    return isPromise(changed) ? changed.then(swap) : swap(changed);
  });
  if (!outcome) {
    throw new ActorError('NOT_SUSPENDED', `${pid.label} runs: suspend it before its code is changed`);
  }
}

/** Ends a server in its own turn with `reason`; `sys(3) terminate/2`. Does not wait. */
export function terminate(pid: Pid, reason: ExitReason): void {
  const process = serverOf(pid);
  process.deliver(systemMessage('stop', undefined, () => process.terminate(reason)));
}

/** Runs `operation` in the process of a server. @internal */
export function askSystem<T>(
  pid: Pid,
  tag: string,
  timeoutMs: number | undefined,
  operation: (process: GenServerProcess) => MaybePromise<T>,
): Promise<T> {
  const process = serverOf(pid);
  const patienceMs = timeoutMs ?? CALL_TIMEOUT_MS_DEFAULT;
  if (!(patienceMs >= 0)) throw new RangeError(`timeoutMs is ${patienceMs}: expected 0 or more, or Infinity`);
  return new Promise<T>((resolve, reject) => {
    const settle = resolve as (value: unknown) => void;
    const request = new Request(process, tag, undefined, patienceMs, currentProcess(), settle, reject);
    if (currentProcess() === process) {
      request.fail('CALLING_SELF', 'calling_self');
      return;
    }
    if (patienceMs !== Number.POSITIVE_INFINITY) process.host.deadlines.add(request);
    process.deliver(systemMessage(tag, request, () => operation(process)));
  });
}

function serverOf(pid: Pid): GenServerProcess {
  const process = asProcess(pid);
  if (!(process instanceof GenServerProcess)) throw new TypeError(`${pid.label} does not answer sys requests`);
  return process;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
