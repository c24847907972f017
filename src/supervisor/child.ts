/** One child as its supervisor keeps it: the checked spec, the running process, and how it is started and stopped. */

import { type Child, type ChildSpec, RESTART_TYPES, type Restart, type Shutdown } from '../actors/child-spec.ts';
import { type ExitReason, isCleanExit } from '../actors/exit-reason.ts';
import { asProcess, exitSignal, type Pid, type Process } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import type { ActorSystem } from '../actors/system.ts';
import { describeReason } from '../base/errors.ts';
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
  const invalid = (what: string, value: unknown): SupervisorError =>
    new SupervisorError('CHILD_SPEC_INVALID', `child spec: ${what} is ${describeReason(value, 60)}`, { reason: value });
  if (typeof spec !== 'object' || spec === null) throw invalid('spec', spec);
  const { id, start, type = 'worker', restart = 'permanent', significant = false } = spec;
  if (typeof id !== 'string' || id === '') throw invalid('id', id);
  if (typeof start !== 'function') throw invalid('start', start);
  if (!RESTART_TYPES.includes(restart)) throw invalid('restart', restart);
  if (type !== 'worker' && type !== 'supervisor') throw invalid('type', type);
  const shutdown = spec.shutdown ?? (type === 'supervisor' ? 'infinity' : SHUTDOWN_MS_DEFAULT);
  if (shutdown !== 'brutal_kill' && shutdown !== 'infinity' && !(Number.isFinite(shutdown) && shutdown >= 0)) {
    throw invalid('shutdown', shutdown);
  }
  if (typeof significant !== 'boolean') throw invalid('significant', significant);
  if (significant && restart === 'permanent') throw invalid('significant', 'true for a permanent child');
  if (significant && autoShutdown === 'never') throw invalid('significant', 'true under autoShutdown never');
  return {
    id,
    spec,
    restart,
    shutdown,
    type,
    isSignificant: significant,
    child: undefined,
    process: undefined,
    isRestarting: false,
    restartCount: 0,
    attempts: 0,
    upSinceMs: 0,
  };
}

/** The process behind what a start function returned. @internal */
export function pidOf(child: Child): Pid {
  return 'pid' in child ? child.pid : child;
}

/** Starts the child in `supervisor`; throws or rejects with what its start function did. @internal */
export function startRecord(
  supervisor: Process,
  record: ChildRecord,
  extra: readonly unknown[] = [],
): MaybePromise<void> {
  const context = { parent: supervisor as Pid, system: supervisor.host as ActorSystem };
  const started = supervisor.enter(() => record.spec.start(context, ...extra));
  if (typeof (started as PromiseLike<Child>)?.then === 'function') {
    return Promise.resolve(started).then((child) => adopt(supervisor, record, child));
  }
  adopt(supervisor, record, started as Child);
}

function adopt(supervisor: Process, record: ChildRecord, child: Child): void {
  if (typeof child !== 'object' || child === null) {
    throw new SupervisorError(
      'CHILD_SPEC_INVALID',
      `child ${record.id}: start returned ${describeReason(child, 60)}, not a pid`,
      { reason: child },
    );
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
  record.upSinceMs = supervisor.host.clock.monotonicMs();
  reportProgress(supervisor, record, process);
  // A start function that forgot to link would leave an orphan behind; one that died since has sent its exit already.
  if (process.isAlive || !process.wasLinkedTo(supervisor)) supervisor.link(process);
}

/** Progress report: a child is up; `supervisor.erl report_progress/2`. */
function reportProgress(supervisor: Process, record: ChildRecord, process: Process): void {
  const { host } = supervisor;
  if (host.telemetry.isActive) {
    const facts = { supervisor: supervisor.label, id: record.id, pid: process.id, type: record.type };
    host.telemetry.emit('genmesh.supervisor.child_started', { restarts: record.restartCount }, facts);
  }
  if (host.logger !== silentLogger) {
    host.logger.debug(`${supervisor.label}: child started`, { child: record.id, pid: process.id });
  }
}

/**
 * Stops the child and resolves when it is gone; at once when that is so already.
 * `supervisor.erl shutdown/1`: monitored, not linked, so that a child that unlinked itself cannot hang its supervisor.
 *
 * @internal
 */
export function stopRecord(supervisor: Process, record: ChildRecord): MaybePromise<void> {
  const { process, shutdown } = record;
  record.child = undefined;
  record.process = undefined;
  record.isRestarting = false;
  if (process === undefined || !process.isAlive) return;
  supervisor.unlink(process);
  exitSignal(process, supervisor, shutdown === 'brutal_kill' ? 'kill' : 'shutdown', false);
  if (!process.isAlive) {
    reportShutdown(supervisor, record, process, process.exitReason);
    return;
  }
  return new Promise<void>((resolve) => {
    const timer =
      typeof shutdown === 'number'
        ? supervisor.host.timers.add(shutdown, () => exitSignal(process, supervisor, 'kill', false))
        : undefined;
    process.onExit((reason) => {
      timer?.cancel();
      reportShutdown(supervisor, record, process, reason);
      resolve();
    });
  });
}

function reportShutdown(supervisor: Process, record: ChildRecord, process: Process, reason: ExitReason): void {
  const isExpected = record.shutdown === 'brutal_kill' ? reason === 'killed' : isCleanExit(reason);
  if (!isExpected) report(supervisor, 'shutdown_error', record, reason, process);
}

/** A supervisor report: which child, in which context, why; `supervisor.erl report_error/5`. @internal */
export function report(
  supervisor: Process,
  context: 'start_error' | 'child_terminated' | 'shutdown' | 'shutdown_error',
  record: ChildRecord,
  reason: ExitReason,
  process: Process | undefined = record.process,
): void {
  const { host } = supervisor;
  const { id, restart, shutdown, type } = record;
  if (host.telemetry.isActive) {
    const facts = { supervisor: supervisor.label, context, id, pid: process?.id, restart, shutdown, type, reason };
    host.telemetry.emit(`genmesh.supervisor.${context}`, { restarts: record.restartCount }, facts);
  }
  if (host.logger === silentLogger) return;
  host.logger.warn(`${supervisor.label}: ${context.replace('_', ' ')}`, {
    child: id,
    pid: process?.id,
    restart,
    shutdown,
    type,
    reason: describeReason(reason),
  });
}
