/** The process of a supervisor: child exits in, restarts out; `supervisor.erl`. The handle to it is in `supervisor.ts`. */
import type { Child, ChildSpec } from '../actors/child-spec.ts';
import { ActorError } from '../actors/errors.ts';
import { type ExitReason, isCleanExit } from '../actors/exit-reason.ts';
import { GenServer } from '../actors/gen-server.ts';
import { asProcess, type Exit, type Process } from '../actors/process.ts';
import type { CallHandlers, CastHandlers, Info, MaybePromise, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply, reply, type Stop, stop } from '../actors/results.ts';
import { type AutoShutdown, type ChildRecord, newChildRecord, report, startRecord, stopRecord } from './child.ts';
import { SupervisorError } from './errors.ts';
import type { Outcome } from './outcome.ts';
import type { RestartBackoff } from './restart-backoff.ts';
import type { RestartIntensity } from './restart-intensity.ts';
import { publishChildren } from './tree.ts';

/** Which children are restarted when one fails. */
export const STRATEGIES = ['one_for_one', 'one_for_all', 'rest_for_one'] as const;
/** `one_for_one`: it. `one_for_all`: all. `rest_for_one`: it and those started after it. */
export type Strategy = (typeof STRATEGIES)[number];

/** @internal */
export interface SupervisorState {
  readonly strategy: Strategy;
  readonly autoShutdown: AutoShutdown;
  readonly intensity: RestartIntensity;
  readonly backoff: RestartBackoff | undefined;
  /** In start order. */
  readonly children: Map<string, ChildRecord>;
}

/** @internal */
export interface SupervisorProtocol {
  call: {
    startChild(spec: ChildSpec): Outcome<Child>;
    terminateChild(id: string): Outcome<undefined>;
    restartChild(id: string): Outcome<Child>;
    deleteChild(id: string): Outcome<undefined>;
  };
  cast: { retry(record: ChildRecord): void };
  info: { readonly type: 'restart'; readonly record: ChildRecord };
}

type Next = NoReply<SupervisorState> | Stop<SupervisorState>;

/** The process of a supervisor. @internal */
export class SupervisorServer extends GenServer<
  SupervisorState,
  SupervisorProtocol,
  [SupervisorState, readonly ChildSpec[]]
> {
  override get moduleName(): string {
    return 'Supervisor';
  }

  get #process(): Process {
    return asProcess(this.self);
  }

  async init(state: SupervisorState, specs: readonly ChildSpec[]): Promise<SupervisorState> {
    this.self.trapExit(true);
    for (const spec of specs) {
      const record = newChildRecord(spec, state.autoShutdown);
      if (state.children.has(record.id)) {
        throw new SupervisorError('DUPLICATE_CHILD', `child id ${record.id} is given twice`, { reason: record.id });
      }
      state.children.set(record.id, record);
    }
    publishChildren(this.#process, () => state.children.values());
    for (const record of [...state.children.values()]) {
      const error = await this.#tryStart(state, record);
      if (error === undefined) continue;
      await this.#stopAll(state);
      throw new ActorError('START_FAILED', error.message, {
        reason: { shutdown: { failedToStartChild: record.id, reason: error.reason } },
        cause: error.cause,
      });
    }
    return state;
  }

  override readonly handleCall: CallHandlers<SupervisorState, SupervisorProtocol> = this.calls({
    startChild: async (spec, state) => {
      const outcome = await this.#startChild(state, spec);
      return reply(outcome, state);
    },
    terminateChild: async (id, state) => {
      const record = state.children.get(id);
      if (record === undefined) return reply(notFound(id), state);
      await stopRecord(this.#process, record);
      if (record.restart === 'temporary') state.children.delete(id);
      return reply({ value: undefined }, state);
    },
    restartChild: async (id, state) => {
      const record = state.children.get(id);
      if (record === undefined) return reply(notFound(id), state);
      if (record.process !== undefined || record.isRestarting) return reply(inTheWay(record), state);
      const error = await this.#tryStart(state, record);
      return reply(error === undefined ? { value: record.child as unknown as Child } : { error }, state);
    },
    deleteChild: (id, state) => {
      const record = state.children.get(id);
      if (record === undefined) return reply(notFound(id), state);
      if (record.process !== undefined || record.isRestarting) return reply(inTheWay(record), state);
      state.children.delete(id);
      return reply({ value: undefined }, state);
    },
  });

  override readonly handleCast: CastHandlers<SupervisorState, SupervisorProtocol> = this.casts({
    retry: (record, state) =>
      record.isRestarting && state.children.get(record.id) === record ? this.#restart(state, record) : noreply(state),
  });

  override handleInfo(message: Info<SupervisorProtocol>, state: SupervisorState): MaybePromise<Next> {
    if (message.type === 'restart') {
      const { record } = message;
      const isWanted = record.isRestarting && state.children.get(record.id) === record;
      return isWanted ? this.#startAgain(state, record) : noreply(state);
    }
    if (message.type !== 'exit') return noreply(state);
    const record = recordOf(state, message);
    return record === undefined ? noreply(state) : this.#childEnded(state, record, message.reason);
  }

  override async terminate(_reason: ExitReason, state: SupervisorState): Promise<void> {
    await this.#stopAll(state);
  }

  async #startChild(state: SupervisorState, spec: ChildSpec): Promise<Outcome<Child>> {
    let record: ChildRecord;
    try {
      record = newChildRecord(spec, state.autoShutdown);
    } catch (error) {
      return { error: error as SupervisorError };
    }
    const present = state.children.get(record.id);
    if (present !== undefined) return present.process === undefined ? alreadyPresent(present) : inTheWay(present);
    state.children.set(record.id, record);
    const error = await this.#tryStart(state, record);
    if (error === undefined) return { value: record.child as unknown as Child };
    state.children.delete(record.id);
    return { error };
  }

  /** Starts a child; an `ignore` counts as started, without a process. A temporary child that is ignored is forgotten. */
  async #tryStart(state: SupervisorState, record: ChildRecord): Promise<SupervisorError | undefined> {
    try {
      await startRecord(this.#process, record);
    } catch (error) {
      if (!isIgnore(error)) return this.#startFailed(record, error);
      if (record.restart === 'temporary') state.children.delete(record.id);
    }
  }

  #startFailed(record: ChildRecord, error: unknown): SupervisorError {
    const reason = reasonOf(error);
    report(this.#process, 'start_error', record, reason);
    const text = error instanceof Error ? error.message : String(error);
    return new SupervisorError('FAILED_TO_START_CHILD', `child ${record.id} did not start: ${text}`, {
      reason,
      cause: error,
    });
  }

  #childEnded(state: SupervisorState, record: ChildRecord, reason: ExitReason): MaybePromise<Next> {
    if (!isCleanExit(reason) || record.restart === 'permanent') {
      report(this.#process, 'child_terminated', record, reason);
    }
    record.child = undefined;
    record.process = undefined;
    if (record.restart === 'permanent' || (record.restart === 'transient' && !isCleanExit(reason))) {
      return this.#restart(state, record);
    }
    if (record.restart === 'temporary') state.children.delete(record.id);
    return record.isSignificant && isAutoShutdown(state) ? stop('shutdown', state) : noreply(state);
  }

  /** Counts a restart and begins it, after the pause of the backoff if there is one. */
  #restart(state: SupervisorState, record: ChildRecord): MaybePromise<Next> {
    record.isRestarting = true;
    record.restartCount += 1;
    const nowMs = this.#process.host.clock.monotonicMs();
    if (!state.intensity.add(nowMs)) {
      const { maxRestarts, maxSeconds } = state.intensity;
      report(this.#process, 'shutdown', record, `more than ${maxRestarts} restarts in ${maxSeconds} s`);
      return stop('shutdown', state);
    }
    const pauseMs = state.backoff?.next(record, nowMs) ?? 0;
    if (pauseMs === 0) return this.#startAgain(state, record);
    this.self.sendAfter({ type: 'restart', record }, pauseMs);
    return noreply(state);
  }

  #startAgain(state: SupervisorState, record: ChildRecord): MaybePromise<Next> {
    if (state.strategy !== 'one_for_one') return this.#restartGroup(state, record);
    try {
      const pending = startRecord(this.#process, record);
      if (pending === undefined) return noreply(state);
      return Promise.resolve(pending).then(
        () => noreply(state),
        (error) => this.#retryLater(state, record, error),
      );
    } catch (error) {
      return this.#retryLater(state, record, error);
    }
  }

  /** Stops and starts again the group of `record`: everybody, or those after it; `supervisor.erl restart/2`. */
  async #restartGroup(state: SupervisorState, record: ChildRecord): Promise<Next> {
    const all = [...state.children.values()];
    const group = state.strategy === 'one_for_all' ? all : all.slice(all.indexOf(record));
    for (const member of group.toReversed()) {
      if (member !== record) await stopRecord(this.#process, member);
      if (member.restart === 'temporary') state.children.delete(member.id);
    }
    for (const member of group) {
      if (member.restart === 'temporary') continue;
      try {
        await startRecord(this.#process, member);
      } catch (error) {
        if (!this.#process.isAlive) return noreply(state);
        if (!isIgnore(error)) {
          if (member !== record) record.isRestarting = false;
          return this.#retryLater(state, member, error);
        }
        member.isRestarting = false;
      }
    }
    return noreply(state);
  }

  #retryLater(state: SupervisorState, record: ChildRecord, error: unknown): Next {
    if (isIgnore(error)) {
      record.isRestarting = false;
      if (record.restart === 'temporary') state.children.delete(record.id);
      return noreply(state);
    }
    this.#startFailed(record, error);
    record.isRestarting = true;
    (this.self as unknown as ServerRef<SupervisorProtocol>).cast('retry', record);
    return noreply(state);
  }

  async #stopAll(state: SupervisorState): Promise<void> {
    for (const record of [...state.children.values()].reverse()) {
      const pending = stopRecord(this.#process, record);
      if (pending !== undefined) await pending;
    }
  }
}

function isAutoShutdown(state: SupervisorState): boolean {
  if (state.autoShutdown === 'never') return false;
  if (state.autoShutdown === 'any_significant') return true;
  for (const other of state.children.values()) {
    if (other.isSignificant && (other.process !== undefined || other.isRestarting)) return false;
  }
  return true;
}

/** @internal */
export function isIgnore(error: unknown): boolean {
  return error instanceof ActorError && error.code === 'IGNORE';
}

/** The exit reason behind a failed start. @internal */
export function reasonOf(error: unknown): unknown {
  return (error instanceof ActorError || error instanceof SupervisorError) && error.reason !== undefined
    ? error.reason
    : error;
}

function recordOf(state: SupervisorState, exit: Exit): ChildRecord | undefined {
  for (const record of state.children.values()) if (record.process === (exit.pid as Process)) return record;
  return undefined;
}

function notFound(id: string): { readonly error: SupervisorError } {
  return { error: new SupervisorError('NOT_FOUND', `no child with id ${id}`, { reason: id }) };
}

function alreadyPresent(record: ChildRecord): { readonly error: SupervisorError } {
  if (record.isRestarting) return inTheWay(record);
  return {
    error: new SupervisorError('ALREADY_PRESENT', `child ${record.id} is present but not running`, {
      reason: record.id,
    }),
  };
}

function inTheWay(record: ChildRecord): { readonly error: SupervisorError } {
  const [code, what] = record.isRestarting
    ? (['CHILD_RESTARTING', 'restarting'] as const)
    : (['CHILD_RUNNING', 'running'] as const);
  return { error: new SupervisorError(code, `child ${record.id} is ${what}`, { reason: record.process ?? record.id }) };
}
