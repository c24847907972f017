/** One child as its supervisor keeps it: the checked spec, the running process, and how it is started and stopped. */

import { type Child, type ChildSpec, RESTART_TYPES, type Restart, type Shutdown } from '../actors/child-spec.ts';
import { type ExitReason, isCleanExit } from '../actors/exit-reason.ts';
import { isThenable } from '../actors/gen-server-process.ts';
import { asProcess, exitSignal, type Pid, type Process } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import type { ActorSystem } from '../actors/system.ts';
import { describeReason, isCodedError, ReasonedError } from '../base/errors.ts';
import { silentLogger } from '../base/logger.ts';
import { SupervisorError } from './errors.ts';

/** Default patience with a worker that is asked to shut down, in ms. */
export const SHUTDOWN_MS_DEFAULT = 5000;

/** @internal */
export interface ChildRecord {
  readonly id: string;
  readonly spec: ChildSpec;
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly type: 'worker' | 'supervisor';
  readonly isSignificant: boolean;
  /** What the start function returned; `undefined` while the child is not running. */
  child: Child | undefined;
  process: Process | undefined;
  isRestarting: boolean;
  restartCount: number;
  /** Restarts in a row without a quiet time between, for the backoff. */
  attempts: number;
  /** When it was last up, in monotonic ms. */
  upSinceMs: number;
}

/** One row of `Supervisor.whichChildren`. */
export interface ChildInfo {
  readonly id: string;
  readonly pid: Pid | undefined;
  readonly type: 'worker' | 'supervisor';
  readonly status: 'running' | 'restarting' | 'stopped';
  readonly restarts: number;
}

/** What `countChildren` of a supervisor gives. */
export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** A child spec with everything said; see {@link normalizeChildSpec}. */
export type NormalChildSpec = Required<ChildSpec>;

/**
 * The spec with its defaults filled in: what a supervisor reads out of it.
 *
 * @throws SupervisorError `CHILD_SPEC_INVALID` naming the field and its value.
 */
export function normalizeChildSpec(spec: ChildSpec): NormalChildSpec {
  const { id, restart, shutdown, type, isSignificant } = newChildRecord(spec, 'any_significant');
  return { id, start: spec.start, restart, shutdown, type, significant: isSignificant, modules: spec.modules ?? [] };
}

/** When the end of significant children ends their supervisor. */
export const AUTO_SHUTDOWNS = ['never', 'any_significant', 'all_significant'] as const;
/** `never`; `any_significant`: as the first one ends by itself; `all_significant`: as the last one does. */
export type AutoShutdown = (typeof AUTO_SHUTDOWNS)[number];

/** A checked record for `spec`. @throws SupervisorError `CHILD_SPEC_INVALID` naming the field and its value. @internal */
export function newChildRecord(spec: ChildSpec, autoShutdown: AutoShutdown): ChildRecord {
  const check = (what: string, value: unknown, isValid: boolean): void => {
    if (!isValid) throw invalid(`child spec: ${what} is ${describeReason(value, 60)}`, value);
  };
  check('spec', spec, typeof spec === 'object' && spec !== null);
  const { id, start, type = 'worker', restart = 'permanent', significant: isSignificant = false } = spec;
  const shutdown = spec.shutdown ?? (type === 'supervisor' ? 'infinity' : SHUTDOWN_MS_DEFAULT);
  check('id', id, typeof id === 'string' && id !== '');
  check('start', start, typeof start === 'function');
  check('restart', restart, RESTART_TYPES.includes(restart));
  check('type', type, type === 'worker' || type === 'supervisor');
  const isPatience = Number.isFinite(shutdown) && (shutdown as number) >= 0;
  check('shutdown', shutdown, isPatience || shutdown === 'brutal_kill' || shutdown === 'infinity');
  check('significant', isSignificant, typeof isSignificant === 'boolean');
  check('significant', 'true for a permanent child', !isSignificant || restart !== 'permanent');
  check('significant', 'true under autoShutdown never', !isSignificant || autoShutdown !== 'never');
  return {
    id,
    spec,
    restart,
    shutdown,
    type,
    isSignificant,
    child: undefined,
    process: undefined,
    isRestarting: false,
    restartCount: 0,
    attempts: 0,
    upSinceMs: 0,
  };
}

function invalid(text: string, reason: unknown): SupervisorError {
  return new SupervisorError('CHILD_SPEC_INVALID', text, { reason });
}

/** The process behind what a start function returned. @internal */
export function pidOf(child: Child): Pid {
  return 'pid' in child ? child.pid : child;
}

/**
 * Starts the child in `supervisor`: at once, unless its start function gives a promise. One whose `init` asks to be ignored
 * counts as started and has no process.
 *
 * @returns what went wrong, after it was reported. Never throws.
 * @internal
 */
export function startRecord(
  supervisor: Process,
  record: ChildRecord,
  extra: readonly unknown[] = [],
): MaybePromise<SupervisorError | undefined> {
  const context = { parent: supervisor as Pid, system: supervisor.host as ActorSystem };
  const up = (child: Child): undefined => adopt(supervisor, record, child);
  const failed = (error: unknown): SupervisorError | undefined => startFailed(supervisor, record, error);
  try {
    const started = supervisor.enter(() => record.spec.start(context, ...extra));
    return isThenable(started)
      ? Promise.resolve(started as PromiseLike<Child>)
          .then(up)
          .catch(failed)
      : up(started);
  } catch (error) {
    return failed(error);
  }
}

function startFailed(supervisor: Process, record: ChildRecord, cause: unknown): SupervisorError | undefined {
  if (isCodedError(cause, 'IGNORE')) {
    record.isRestarting = false;
    return undefined;
  }
  const reason = cause instanceof ReasonedError && cause.reason !== undefined ? cause.reason : cause;
  // A pid alone does not say what was wrong with the start; OTP reports `{already_started, Pid}`.
  if (supervisor.isAlive) {
    report(supervisor, 'start_error', record, isCodedError(cause, 'ALREADY_STARTED') ? cause : reason);
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new SupervisorError('FAILED_TO_START_CHILD', `child ${record.id} did not start: ${text}`, { reason, cause });
}

function adopt(supervisor: Process, record: ChildRecord, child: Child): undefined {
  if (typeof child !== 'object' || child === null) {
    throw invalid(`child ${record.id}: start returned ${describeReason(child, 60)}, not a pid`, child);
  }
  const process = asProcess(pidOf(child));
  if (!supervisor.isAlive) {
    // The supervisor was killed while the child started: nobody is left to own it.
    exitSignal(process, supervisor, 'kill', false);
    throw new SupervisorError('FAILED_TO_START_CHILD', `${supervisor.label} has ended`, { reason: 'noproc' });
  }
  record.child = child;
  record.process = process;
  record.isRestarting = false;
  const { host, label } = supervisor;
  record.upSinceMs = host.clock.monotonicMs();
  // Progress report: a child is up; `supervisor.erl report_progress/2`.
  if (host.telemetry.isActive) {
    const facts = { supervisor: label, id: record.id, pid: process.id, type: record.type };
    host.telemetry.emit('genmesh.supervisor.child_started', { restarts: record.restartCount }, facts);
  }
  if (host.logger !== silentLogger) {
    host.logger.debug(`${label}: child started`, { child: record.id, pid: process.id });
  }
  // A start function that forgot to link would leave an orphan behind; one that died since has sent its exit already.
  if (process.isAlive || !process.wasLinkedTo(supervisor)) supervisor.link(process);
}

/**
 * Stops the child and resolves when it is gone; at once when that is so already.
 * `supervisor.erl shutdown/1`: monitored, not linked, so that a child that unlinked itself cannot hang its supervisor.
 *
 * @internal
 */
export function stopRecord(supervisor: Process, record: ChildRecord): MaybePromise<void> {
  const { process, shutdown } = record;
  clearRecord(record);
  record.isRestarting = false;
  if (process === undefined || !process.isAlive) return;
  const isBrutal = shutdown === 'brutal_kill';
  const ended = (reason: ExitReason): void => {
    const isExpected = isBrutal ? reason === 'killed' : isCleanExit(reason);
    if (!isExpected) report(supervisor, 'shutdown_error', record, reason, process);
  };
  supervisor.unlink(process);
  exitSignal(process, supervisor, isBrutal ? 'kill' : 'shutdown', false);
  if (!process.isAlive) return ended(process.exitReason);
  return new Promise<void>((resolve) => {
    const timer =
      typeof shutdown === 'number'
        ? supervisor.host.timers.add(shutdown, () => exitSignal(process, supervisor, 'kill', false))
        : undefined;
    process.onExit((reason) => {
      timer?.cancel();
      ended(reason);
      resolve();
    });
  });
}

/** Takes note that the child is not running. @internal */
export function clearRecord(record: ChildRecord): void {
  record.child = undefined;
  record.process = undefined;
}

/** A supervisor report: which child, in which context, why; `supervisor.erl report_error/5`. @internal */
export function report(
  supervisor: Process,
  context: 'start_error' | 'child_terminated' | 'shutdown' | 'shutdown_error',
  record: ChildRecord,
  reason: ExitReason,
  process: Process | undefined = record.process,
): void {
  const { host, label } = supervisor;
  const { id, restart, shutdown, type } = record;
  const pid = process?.id;
  if (host.telemetry.isActive) {
    const facts = { supervisor: label, context, id, pid, restart, shutdown, type, reason };
    host.telemetry.emit(`genmesh.supervisor.${context}`, { restarts: record.restartCount }, facts);
  }
  if (host.logger === silentLogger) return;
  const facts = { child: id, pid, restart, shutdown, type, reason: describeReason(reason) };
  host.logger.warn(`${label}: ${context.replace('_', ' ')}`, facts);
}

/** What `whichChildren` tells of one child. @internal */
export function childInfo({ id, process, type, isRestarting, restartCount }: ChildRecord): ChildInfo {
  const status = isRestarting ? 'restarting' : process === undefined ? 'stopped' : 'running';
  return { id, pid: process, type, status, restarts: restartCount };
}

/** How many there are, of which kind, and how many run. @internal */
export function countRecords(records: Iterable<ChildRecord>): ChildCounts {
  const counts = { specs: 0, active: 0, supervisors: 0, workers: 0 };
  for (const { process, type } of records) {
    counts.specs += 1;
    counts[`${type}s`] += 1;
    if (process !== undefined) counts.active += 1;
  }
  return counts;
}
