/**
 * What watches a running process: its last events, counts, a trace, and functions of your own; the debug part of `sys(3)`.
 *
 * Off, it costs one bit test a message. A watching function that throws is taken away and the process goes on.
 */
import { checkInteger } from '../base/errors.ts';
import type { GenServerProcess } from './gen-server-process.ts';
import { Flag } from './mailbox.ts';
import type { Pid } from './pid.ts';
import type { DebugEvent, DebugHook } from './process-extras.ts';
import { askSystem } from './sys.ts';

export type { DebugEvent } from './process-extras.ts';

/** Events that a log keeps by default; `sys(3) log/2`. */
export const LOG_EVENTS_DEFAULT = 10;
/** Events that a log can keep. */
export const LOG_EVENTS_MAX = 100_000;

/** Counts of a watched process; times in wall-clock ms. */
export interface ProcessStatistics {
  readonly startTimeMs: number;
  readonly currentTimeMs: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
}

/** A function that watches: gives its next state, or `'done'` to be taken away. */
export type DebugFunction<T> = (state: T, event: DebugEvent) => T | 'done';

interface Watch {
  readonly hook: DebugHook;
  readonly events?: DebugEvent[];
  readonly counts?: { readonly startTimeMs: number; messagesIn: number; messagesOut: number };
}

const watches = new WeakMap<GenServerProcess, Map<string, Watch>>();

/** What watches a process, by id. */
function watchesOf(process: GenServerProcess): Map<string, Watch> {
  const named = watches.get(process) ?? new Map<string, Watch>();
  watches.set(process, named);
  return named;
}

/** Has `next`, or nothing, watch a process under `id` from now on. */
function setWatch(process: GenServerProcess, id: string, next?: Watch): void {
  const named = watchesOf(process);
  const extras = process.more();
  extras.debug ??= new Set();
  extras.debug.delete(named.get(id)?.hook as DebugHook);
  named.delete(id);
  if (next) {
    named.set(id, next);
    extras.debug.add(next.hook);
  }
  process.flags = extras.debug.size > 0 ? process.flags | Flag.debugged : process.flags & ~Flag.debugged;
}

/**
 * Keeps the last events of a process: `true` ({@link LOG_EVENTS_DEFAULT}), a number of them, or `false`. A handled message is
 * two events: `in`, and `out` or `noreply`.
 *
 * @throws RangeError for a number that is not 1 to {@link LOG_EVENTS_MAX}; ActorError as `getState`.
 */
export async function setLog(pid: Pid, keep: boolean | number, timeoutMs?: number): Promise<void> {
  if (typeof keep === 'number') checkInteger('keep', keep, 1, LOG_EVENTS_MAX);
  await askSystem(pid, 'sys:log', timeoutMs, (process) => {
    const max = keep === true ? LOG_EVENTS_DEFAULT : Number(keep);
    const events = watchesOf(process).get('log')?.events ?? [];
    const hook = (event: DebugEvent): void => {
      events.push(event);
      while (events.length > max) events.shift();
    };
    setWatch(process, 'log', keep === false ? undefined : { hook, events });
  });
}

/** The events kept, oldest first; empty when the log is off. @throws ActorError as `getState`. */
export function getLog(pid: Pid, timeoutMs?: number): Promise<readonly DebugEvent[]> {
  return askSystem(pid, 'sys:log', timeoutMs, (process) => [...(watchesOf(process).get('log')?.events ?? [])]);
}

/** Counts messages from now on, or stops it. @throws ActorError as `getState`. */
export function setStatistics(pid: Pid, isOn: boolean, timeoutMs?: number): Promise<void> {
  return askSystem(pid, 'sys:statistics', timeoutMs, (process) => {
    const counts = { startTimeMs: process.host.clock.wallMs(), messagesIn: 0, messagesOut: 0 };
    const hook = ({ type }: DebugEvent): void => {
      if (type === 'in') counts.messagesIn += 1;
      else if (type === 'out') counts.messagesOut += 1;
    };
    setWatch(process, 'statistics', isOn ? { hook, counts } : undefined);
  });
}

/** The counts, or `undefined` when they are off. @throws ActorError as `getState`. */
export function getStatistics(pid: Pid, timeoutMs?: number): Promise<ProcessStatistics | undefined> {
  return askSystem(pid, 'sys:statistics', timeoutMs, (process) => {
    const counts = watchesOf(process).get('statistics')?.counts;
    return counts && { ...counts, currentTimeMs: process.host.clock.wallMs() };
  });
}

/**
 * Writes a line for each event, or stops it: `*DBG* counter got call add from client<3>`.
 *
 * @param write - takes one line; default: the logger of the system, at info.
 */
export function setTrace(pid: Pid, isOn: boolean, write?: (line: string) => void, timeoutMs?: number): Promise<void> {
  return askSystem(pid, 'sys:trace', timeoutMs, (process) => {
    const say = write ?? ((line: string): void => process.host.logger.info(line));
    setWatch(process, 'trace', isOn ? { hook: (event) => say(traceLine(event)) } : undefined);
  });
}

function traceLine({ type, pid, what, value, caller, state }: DebugEvent): string {
  const who = `*DBG* ${pid.label}`;
  if (type === 'in') return `${who} got ${what}${caller ? ` from ${caller.label}` : ''}`;
  const sent = type === 'out' ? ` sent ${show(value)} to ${caller?.label ?? 'outside'},` : '';
  return `${who}${sent} new state ${show(state)}`;
}

function show(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return String(value);
  }
}

/**
 * Has `watch` called with each event of a process, from `state` on; does nothing while another one is under that `id`.
 *
 * @throws ActorError as `getState`.
 */
export function install<T>(pid: Pid, id: string, watch: DebugFunction<T>, state: T, timeoutMs?: number): Promise<void> {
  return askSystem(pid, 'sys:install', timeoutMs, (process) => {
    const key = `user:${id}`;
    const before = watchesOf(process).get(key);
    if (before && process.extras?.debug?.has(before.hook)) return;
    let current = state;
    const hook = (event: DebugEvent): void => {
      const next = watch(current, event);
      if (next === 'done') setWatch(process, key);
      else current = next;
    };
    setWatch(process, key, { hook });
  });
}

/** Takes back what {@link install} put under `id`. @throws ActorError as `getState`. */
export function remove(pid: Pid, id: string, timeoutMs?: number): Promise<void> {
  return askSystem(pid, 'sys:remove', timeoutMs, (process) => setWatch(process, `user:${id}`));
}

/** Takes back everything that watches a process. @throws ActorError as `getState`. */
export function noDebug(pid: Pid, timeoutMs?: number): Promise<void> {
  return askSystem(pid, 'sys:noDebug', timeoutMs, (process) => {
    for (const id of watchesOf(process).keys()) setWatch(process, id);
  });
}
