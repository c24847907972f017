/**
 * What watches a running process: its last events, counts, a trace, and functions of your own; the debug part of `sys(3)`.
 *
 * Off, it costs one bit test a message. A watching function that throws is taken away and the process goes on.
 */
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
  readonly hooks: Map<string, DebugHook>;
  log: DebugEvent[] | undefined;
  logMax: number;
  statistics: { readonly startTimeMs: number; messagesIn: number; messagesOut: number } | undefined;
}

const watches = new WeakMap<GenServerProcess, Watch>();

function watchOf(process: GenServerProcess): Watch {
  let watch = watches.get(process);
  if (watch === undefined) {
    watch = { hooks: new Map(), log: undefined, logMax: 0, statistics: undefined };
    watches.set(process, watch);
  }
  return watch;
}

function addHook(process: GenServerProcess, id: string, hook: DebugHook): void {
  const extras = process.more();
  extras.debug ??= new Set();
  extras.debug.add(hook);
  watchOf(process).hooks.set(id, hook);
  process.flags |= Flag.debugged;
}

function removeHook(process: GenServerProcess, id: string): void {
  const { hooks } = watchOf(process);
  const hook = hooks.get(id);
  hooks.delete(id);
  const debug = process.extras?.debug;
  if (hook !== undefined) debug?.delete(hook);
  if (debug === undefined || debug.size === 0) process.flags &= ~Flag.debugged;
}

/**
 * Keeps the last events of a process: `true` ({@link LOG_EVENTS_DEFAULT}), a number of them, or `false`. A handled message is
 * two events: `in`, and `out` or `noreply`.
 *
 * @throws RangeError for a number that is not 1 to {@link LOG_EVENTS_MAX}; ActorError as `getState`.
 */
export async function setLog(pid: Pid, keep: boolean | number, timeoutMs?: number): Promise<void> {
  if (typeof keep === 'number' && !(Number.isInteger(keep) && keep >= 1 && keep <= LOG_EVENTS_MAX)) {
    throw new RangeError(`log of ${keep} events: expected an integer from 1 to ${LOG_EVENTS_MAX}`);
  }
  await askSystem(pid, 'sys:log', timeoutMs, (process) => {
    const watch = watchOf(process);
    removeHook(process, 'sys:log');
    watch.log = keep === false ? undefined : (watch.log ?? []);
    watch.logMax = typeof keep === 'number' ? keep : LOG_EVENTS_DEFAULT;
    if (keep === false) return;
    addHook(process, 'sys:log', (event) => {
      watch.log?.push(event);
      while ((watch.log?.length ?? 0) > watch.logMax) watch.log?.shift();
    });
  });
}

/** The events kept, oldest first; empty when the log is off. @throws ActorError as `getState`. */
export function getLog(pid: Pid, timeoutMs?: number): Promise<readonly DebugEvent[]> {
  return askSystem(pid, 'sys:log', timeoutMs, (process) => [...(watchOf(process).log ?? [])]);
}

/** Counts messages from now on, or stops it. @throws ActorError as `getState`. */
export async function setStatistics(pid: Pid, isOn: boolean, timeoutMs?: number): Promise<void> {
  await askSystem(pid, 'sys:statistics', timeoutMs, (process) => {
    const watch = watchOf(process);
    removeHook(process, 'sys:statistics');
    watch.statistics = isOn ? { startTimeMs: process.host.clock.wallMs(), messagesIn: 0, messagesOut: 0 } : undefined;
    if (!isOn) return;
    addHook(process, 'sys:statistics', ({ type }) => {
      const counts = watch.statistics;
      if (counts === undefined) return;
      if (type === 'in') counts.messagesIn += 1;
      else if (type === 'out') counts.messagesOut += 1;
    });
  });
}

/** The counts, or `undefined` when they are off. @throws ActorError as `getState`. */
export function getStatistics(pid: Pid, timeoutMs?: number): Promise<ProcessStatistics | undefined> {
  return askSystem(pid, 'sys:statistics', timeoutMs, (process) => {
    const counts = watchOf(process).statistics;
    return counts === undefined ? undefined : { ...counts, currentTimeMs: process.host.clock.wallMs() };
  });
}

/**
 * Writes a line for each event, or stops it: `*DBG* counter got call add from client<3>`.
 *
 * @param write - takes one line; default: the logger of the system, at info.
 */
export async function setTrace(
  pid: Pid,
  isOn: boolean,
  write?: (line: string) => void,
  timeoutMs?: number,
): Promise<void> {
  await askSystem(pid, 'sys:trace', timeoutMs, (process) => {
    removeHook(process, 'sys:trace');
    const say = write ?? ((line: string): void => process.host.logger.info(line));
    if (isOn) addHook(process, 'sys:trace', (event) => say(traceLine(event)));
  });
}

function traceLine({ type, pid, what, value, caller, state }: DebugEvent): string {
  const from = caller === undefined ? '' : ` from ${caller.label}`;
  if (type === 'in') return `*DBG* ${pid.label} got ${what}${from}`;
  if (type === 'noreply') return `*DBG* ${pid.label} new state ${show(state)}`;
  return `*DBG* ${pid.label} sent ${show(value)} to ${caller?.label ?? 'outside'}, new state ${show(state)}`;
}

function show(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return String(value);
  }
}

/**
 * Has `watch` called with each event of a process, from `state` on; the same `id` twice does nothing.
 *
 * @throws ActorError as `getState`.
 */
export async function install<T>(
  pid: Pid,
  id: string,
  watch: DebugFunction<T>,
  state: T,
  timeoutMs?: number,
): Promise<void> {
  await askSystem(pid, 'sys:install', timeoutMs, (process) => {
    const key = `user:${id}`;
    if (watchOf(process).hooks.has(key)) return;
    let current = state;
    addHook(process, key, (event) => {
      const next = watch(current, event);
      if (next === 'done') removeHook(process, key);
      else current = next;
    });
  });
}

/** Takes back what {@link install} put under `id`. @throws ActorError as `getState`. */
export async function remove(pid: Pid, id: string, timeoutMs?: number): Promise<void> {
  await askSystem(pid, 'sys:remove', timeoutMs, (process) => removeHook(process, `user:${id}`));
}

/** Takes back everything that watches a process. @throws ActorError as `getState`. */
export async function noDebug(pid: Pid, timeoutMs?: number): Promise<void> {
  await askSystem(pid, 'sys:noDebug', timeoutMs, (process) => {
    for (const id of [...watchOf(process).hooks.keys()]) removeHook(process, id);
    watches.delete(process);
  });
}
