/** One child as its supervisor keeps it: the checked spec, the running process, and how it is started and stopped. */

import { type Child, type ChildSpec, RESTART_TYPES, type Restart, type Shutdown } from '../actors/child-spec.ts';
import type { ExitReason } from '../actors/exit-reason.ts';
import { asProcess, exitSignal, type Pid, type Process } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import type { ActorSystem } from '../actors/system.ts';
import { describeReason } from '../base/errors.ts';
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
  /** What the start function returned; `undefined` while the child is not running. */
  child: Child | undefined;
  process: Process | undefined;
  isRestarting: boolean;
  restartCount: number;
}

/** A checked record for `spec`. @throws SupervisorError `CHILD_SPEC_INVALID` naming the field and its value. @internal */
export function newChildRecord(spec: ChildSpec): ChildRecord {
  const invalid = (what: string, value: unknown): SupervisorError =>
    new SupervisorError('CHILD_SPEC_INVALID', `child spec: ${what} is ${describeReason(value, 60)}`, { reason: value });
  if (typeof spec !== 'object' || spec === null) throw invalid('spec', spec);
  const { id, start, type = 'worker', restart = 'permanent' } = spec;
  if (typeof id !== 'string' || id === '') throw invalid('id', id);
  if (typeof start !== 'function') throw invalid('start', start);
  if (!RESTART_TYPES.includes(restart)) throw invalid('restart', restart);
  if (type !== 'worker' && type !== 'supervisor') throw invalid('type', type);
  const shutdown = spec.shutdown ?? (type === 'supervisor' ? 'infinity' : SHUTDOWN_MS_DEFAULT);
  if (shutdown !== 'brutal_kill' && shutdown !== 'infinity' && !(Number.isFinite(shutdown) && shutdown >= 0)) {
    throw invalid('shutdown', shutdown);
  }
  return {
    id,
    spec,
    restart,
    shutdown,
    type,
    child: undefined,
    process: undefined,
    isRestarting: false,
    restartCount: 0,
  };
}

/** The process behind what a start function returned. @internal */
export function pidOf(child: Child): Pid {
  return 'pid' in child ? child.pid : child;
}

/** Starts the child in `supervisor`; throws or rejects with what its start function did. @internal */
export function startRecord(supervisor: Process, record: ChildRecord): MaybePromise<void> {
  const context = { parent: supervisor as Pid, system: supervisor.host as ActorSystem };
  const started = supervisor.enter(() => record.spec.start(context));
  if (typeof (started as PromiseLike<Child>)?.then === 'function') {
    return (started as PromiseLike<Child>).then((child) => adopt(supervisor, record, child));
  }
  adopt(supervisor, record, started as Child);
}

function adopt(supervisor: Process, record: ChildRecord, child: Child): void {
  if (typeof child !== 'object' || child === null) {
    throw new SupervisorError(
      'CHILD_SPEC_INVALID',
      `child ${record.id}: start returned ${describeReason(child, 60)}, not a pid`,
    );
  }
  const process = asProcess(pidOf(child));
  record.child = child;
  record.process = process;
  record.isRestarting = false;
  supervisor.host.telemetry.emit(
    'genmesh.supervisor.child_started',
    {},
    { supervisor: supervisor.label, id: record.id, pid: process.id },
  );
  // A start function that forgot to link would leave an orphan behind.
  supervisor.link(process);
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
  let endReason: ExitReason;
  process.onExit((reason) => {
    endReason = reason;
  });
  supervisor.unlink(process);
  exitSignal(process, supervisor, shutdown === 'brutal_kill' ? 'kill' : 'shutdown', false);
  if (!process.isAlive) {
    reportShutdown(supervisor, record, endReason);
    return;
  }
  return new Promise<void>((resolve) => {
    const { clock } = supervisor.host;
    const timer =
      typeof shutdown === 'number'
        ? clock.setTimer(() => exitSignal(process, supervisor, 'kill', false), shutdown)
        : undefined;
    process.onExit((reason) => {
      if (timer !== undefined) clock.clearTimer(timer);
      reportShutdown(supervisor, record, reason);
      resolve();
    });
  });
}

function reportShutdown(supervisor: Process, record: ChildRecord, reason: ExitReason): void {
  const expected =
    record.shutdown === 'brutal_kill' ? reason === 'killed' : reason === 'shutdown' || reason === 'normal';
  const isShutdownTerm = typeof reason === 'object' && reason !== null && Object.hasOwn(reason, 'shutdown');
  if (expected || isShutdownTerm) return;
  report(supervisor, 'shutdown_error', record, reason);
}

/** A supervisor report: which child, in which context, why; `supervisor.erl report_error/5`. @internal */
export function report(
  supervisor: Process,
  context: 'start_error' | 'child_terminated' | 'shutdown' | 'shutdown_error',
  record: ChildRecord,
  reason: ExitReason,
): void {
  const { host } = supervisor;
  const facts = {
    supervisor: supervisor.label,
    id: record.id,
    pid: record.process?.id,
    restart: record.restart,
    reason,
  };
  host.telemetry.emit(`genmesh.supervisor.${context}`, { restarts: record.restartCount }, facts);
  host.logger.warn(`${supervisor.label}: ${context.replace('_', ' ')}`, {
    child: record.id,
    pid: record.process?.id,
    restart: record.restart,
    reason: describeReason(reason),
  });
}
