/**
 * sys: looking into a running process, after `sys(3)`. Requests run in the process, in queue order, so a busy process
 * answers late, and a suspended one still answers.
 */
import { RingQueue } from '../base/ring-queue.ts';
import type { GenServer, StateOf } from './gen-server.ts';
import { GenServerProcess } from './gen-server-process.ts';
import { asProcess, isForMachinery, type Message, type Pid, type Process, SystemMessage } from './process.ts';
import { CALL_TIMEOUT_MS_DEFAULT, Request } from './request.ts';

/** What {@link getStatus} tells. */
export interface ProcessStatus {
  readonly pid: number;
  readonly label: string;
  readonly module: string;
  readonly status: 'running' | 'suspended' | 'terminating';
  readonly parent: number | undefined;
  readonly isTrapping: boolean;
  readonly mailboxLength: number;
  readonly links: readonly number[];
  readonly watchers: number;
  readonly unansweredCalls: number;
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
  return ask(pid, 'sys:getState', timeoutMs, (process) => (process as GenServerProcess).state as StateOf<T>);
}

/**
 * Replaces the state by `change(state)` and gives the new one. A `change` that throws leaves the state as it was.
 *
 * @throws ActorError `EXIT` with what `change` threw as `reason`; else as {@link getState}.
 */
export function replaceState<S>(pid: Pid, change: (state: S) => S, timeoutMs?: number): Promise<S> {
  return ask(pid, 'sys:replaceState', timeoutMs, (process) => {
    const server = process as GenServerProcess;
    server.state = change(server.state as S);
    return server.state as S;
  });
}

/** Status of a process, without its state. @throws ActorError as {@link getState}. */
export function getStatus(pid: Pid, timeoutMs?: number): Promise<ProcessStatus> {
  return ask(pid, 'sys:getStatus', timeoutMs, (process) => ({
    pid: process.id,
    label: process.label,
    module: process.moduleName,
    status: (process as GenServerProcess).isTerminating ? 'terminating' : process.isSuspended ? 'suspended' : 'running',
    parent: process.parent?.id,
    isTrapping: process.isTrapping,
    mailboxLength: process.mailboxLength,
    links: [...(process.links ?? [])].map((linked) => linked.id),
    watchers: process.watchers?.size ?? 0,
    unansweredCalls: process.deferred?.size ?? 0,
  }));
}

/** Stops the handling of everything but sys requests; idempotent. @throws ActorError as {@link getState}. */
export function suspend(pid: Pid, timeoutMs?: number): Promise<void> {
  return ask(pid, 'sys:suspend', timeoutMs, (process) => {
    if (process.isSuspended) return;
    process.isSuspended = true;
    // What was asked of the machinery before must not wait for the resume.
    const waiting = process.mailbox?.toArray() ?? [];
    process.systemLane ??= new RingQueue<Message>();
    for (const message of waiting) if (isForMachinery(message, process)) process.systemLane.push(message);
    process.mailbox?.filter((message) => !isForMachinery(message, process));
  });
}

/** Goes on with what waited; idempotent. @throws ActorError as {@link getState}. */
export function resume(pid: Pid, timeoutMs?: number): Promise<void> {
  return ask(pid, 'sys:resume', timeoutMs, (process) => {
    process.isSuspended = false;
  });
}

function ask<T>(
  pid: Pid,
  tag: string,
  timeoutMs = CALL_TIMEOUT_MS_DEFAULT,
  operation: (process: Process) => T,
): Promise<T> {
  const process = asProcess(pid);
  if (!(process instanceof GenServerProcess)) throw new TypeError(`${pid.label} does not answer sys requests`);
  if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}: expected 0 or more, or Infinity`);
  return new Promise<T>((resolve, reject) => {
    const request = new Request(process, tag, undefined, timeoutMs, resolve as (value: unknown) => void, reject);
    if (timeoutMs !== Number.POSITIVE_INFINITY) process.host.deadlines.add(request);
    process.deliver(new SystemMessage(request, operation));
  });
}
