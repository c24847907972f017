/**
 * DynamicSupervisor: children that come and go while it runs; `DynamicSupervisor` of Elixir.
 *
 * One strategy, `one_for_one`. Children are told apart by pid; ids need not be unique. All are stopped concurrently, each
 * with its own patience, in time linear in their number.
 */
import type { Child, ChildOptions, ChildSpec, StartContext } from '../actors/child-spec.ts';
import { type ExitReason, isCleanExit } from '../actors/exit-reason.ts';
import { GenServer, type StartOptions, startServer } from '../actors/gen-server.ts';
import { asProcess, type Pid, type Process } from '../actors/process.ts';
import type { CallHandlers, CastHandlers, Info, MaybePromise, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply, type Reply, reply, type Stop, stop } from '../actors/results.ts';
import { checkInteger, checkOneOf } from '../base/errors.ts';
import { type ChildCounts, type ChildRecord, newChildRecord, report, startRecord, stopRecord } from './child.ts';
import { SupervisorError } from './errors.ts';
import { type Outcome, unwrap, WAIT } from './outcome.ts';
import { type BackoffOptions, RestartBackoff } from './restart-backoff.ts';
import { type IntensityOptions, RestartIntensity } from './restart-intensity.ts';
import { isIgnore, reasonOf } from './supervisor-server.ts';
import { publishChildren, snapshotTree, type TreeNode } from './tree.ts';

/** Default of `maxChildren`. */
export const MAX_CHILDREN_DEFAULT = 1_000_000;

/** How a dynamic supervisor behaves. */
export interface DynamicSupervisorOptions extends IntensityOptions, StartOptions {
  /** Children at a time, restarting ones included, 0 to 10^9; one more is refused. Default {@link MAX_CHILDREN_DEFAULT}. */
  readonly maxChildren?: number;
  /** Given to every start function before its own arguments, at restarts too. Default: none. */
  readonly extraArguments?: readonly unknown[];
  /** Only `one_for_one`. */
  readonly strategy?: 'one_for_one';
  /** Pauses before restarts. Default: none, as in OTP. */
  readonly backoff?: BackoffOptions;
}

/** One row of {@link DynamicSupervisor.whichChildren}. Ids mean nothing here, so there is none. */
export interface DynamicChildInfo {
  readonly id: undefined;
  readonly pid: Pid | undefined;
  /** What its start function returned. */
  readonly child: Child | undefined;
  readonly type: 'worker' | 'supervisor';
  readonly status: 'running' | 'restarting';
  readonly restarts: number;
}

interface State {
  readonly maxChildren: number;
  readonly extraArguments: readonly unknown[];
  readonly backoff: RestartBackoff | undefined;
  readonly intensity: RestartIntensity;
  readonly running: Map<Process, ChildRecord>;
  readonly restarting: Set<ChildRecord>;
}

interface DynamicProtocol {
  call: { startChild(spec: ChildSpec): Outcome<Child>; terminateChild(pid: Pid): Outcome<undefined> };
  cast: { retry(record: ChildRecord): void };
  info: { readonly type: 'restart'; readonly record: ChildRecord };
}

type Next = NoReply<State> | Stop<State>;

class DynamicSupervisorServer extends GenServer<State, DynamicProtocol, [State]> {
  override get moduleName(): string {
    return 'DynamicSupervisor';
  }

  init(state: State): State {
    this.self.trapExit(true);
    publishChildren(this.#process, () => [...state.running.values(), ...state.restarting]);
    return state;
  }

  get #process(): Process {
    return asProcess(this.self);
  }

  override readonly handleCall: CallHandlers<State, DynamicProtocol> = this.calls({
    startChild: (spec, state) => {
      let record: ChildRecord;
      try {
        record = newChildRecord(spec, 'never');
        if (state.running.size + state.restarting.size >= state.maxChildren) {
          throw new SupervisorError('MAX_CHILDREN', `${state.maxChildren} children run already`, {
            reason: 'max_children',
          });
        }
        const pending = startRecord(this.#process, record, state.extraArguments);
        if (pending === undefined) return started(state, record);
        return Promise.resolve(pending).then(
          () => started(state, record),
          (error) => reply(this.#refused(record, error), state),
        );
      } catch (error) {
        return reply(error instanceof SupervisorError ? { error } : this.#refused(record!, error), state);
      }
    },
    terminateChild: (pid, state) => {
      const record = state.running.get(asProcess(pid));
      if (record === undefined) {
        const error = new SupervisorError('NOT_FOUND', `${pid.label} is not a child here`, { reason: pid });
        return reply({ error }, state);
      }
      state.running.delete(asProcess(pid));
      const pending = stopRecord(this.#process, record);
      if (pending === undefined) return reply({ value: undefined }, state);
      return Promise.resolve(pending).then(() => reply({ value: undefined }, state));
    },
  });

  override readonly handleCast: CastHandlers<State, DynamicProtocol> = this.casts({
    retry: (record, state) => (state.restarting.has(record) ? this.#restart(state, record) : noreply(state)),
  });

  override handleInfo(message: Info<DynamicProtocol>, state: State): MaybePromise<Next> {
    if (message.type === 'restart') {
      return state.restarting.has(message.record) ? this.#startAgain(state, message.record) : noreply(state);
    }
    if (message.type !== 'exit') return noreply(state);
    const process = asProcess(message.pid);
    const record = state.running.get(process);
    if (record === undefined) return noreply(state);
    const { reason } = message;
    if (!isCleanExit(reason) || record.restart === 'permanent')
      report(this.#process, 'child_terminated', record, reason);
    state.running.delete(process);
    record.child = undefined;
    record.process = undefined;
    const isWanted = record.restart === 'permanent' || (record.restart === 'transient' && !isCleanExit(reason));
    return isWanted ? this.#restart(state, record) : noreply(state);
  }

  override async terminate(_reason: ExitReason, state: State): Promise<void> {
    const records = [...state.running.values()];
    state.running.clear();
    state.restarting.clear();
    await Promise.all(records.map((record) => stopRecord(this.#process, record)));
  }

  #restart(state: State, record: ChildRecord): MaybePromise<Next> {
    record.isRestarting = true;
    record.restartCount += 1;
    state.restarting.add(record);
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

  #startAgain(state: State, record: ChildRecord): MaybePromise<Next> {
    try {
      const pending = startRecord(this.#process, record, state.extraArguments);
      if (pending === undefined) return restarted(state, record);
      return Promise.resolve(pending).then(
        () => restarted(state, record),
        (error) => this.#retryLater(state, record, error),
      );
    } catch (error) {
      return this.#retryLater(state, record, error);
    }
  }

  #retryLater(state: State, record: ChildRecord, error: unknown): Next {
    if (isIgnore(error)) state.restarting.delete(record);
    else {
      report(this.#process, 'start_error', record, error);
      (this.self as unknown as ServerRef<DynamicProtocol>).cast('retry', record);
    }
    return noreply(state);
  }

  #refused(record: ChildRecord, error: unknown): Outcome<Child> {
    if (isIgnore(error)) return { value: undefined as unknown as Child };
    const reason = reasonOf(error);
    report(this.#process, 'start_error', record, reason);
    const text = error instanceof Error ? error.message : String(error);
    return {
      error: new SupervisorError('FAILED_TO_START_CHILD', `child ${record.id} did not start: ${text}`, {
        reason,
        cause: error,
      }),
    };
  }
}

function started(state: State, record: ChildRecord): Reply<Outcome<Child>, State> {
  state.running.set(record.process as Process, record);
  return reply({ value: record.child as Child }, state);
}

function restarted(state: State, record: ChildRecord): NoReply<State> {
  state.restarting.delete(record);
  state.running.set(record.process as Process, record);
  return noreply(state);
}

/** A running dynamic supervisor. */
export class DynamicSupervisor {
  /** The supervisor's process. */
  readonly pid: Pid;
  readonly #server: ServerRef<DynamicProtocol>;
  readonly #state: State;

  private constructor(server: ServerRef<DynamicProtocol>, state: State) {
    this.pid = server;
    this.#server = server;
    this.#state = state;
  }

  /** Starts one without children. @throws RangeError for an option out of range; ActorError as `startServer`. */
  static async startLink(options: DynamicSupervisorOptions = {}): Promise<DynamicSupervisor> {
    checkOneOf('strategy', options.strategy ?? 'one_for_one', ['one_for_one']);
    const state: State = {
      maxChildren: checkInteger('maxChildren', options.maxChildren ?? MAX_CHILDREN_DEFAULT, 0, 1_000_000_000),
      extraArguments: options.extraArguments ?? [],
      backoff: options.backoff === undefined ? undefined : new RestartBackoff(options.backoff),
      intensity: new RestartIntensity(options),
      running: new Map(),
      restarting: new Set(),
    };
    return new DynamicSupervisor(await startServer(DynamicSupervisorServer, [state], options), state);
  }

  /** How a supervisor starts one of these. */
  static childSpec<const I extends string>(
    id: I,
    options: DynamicSupervisorOptions & ChildOptions = {},
  ): ChildSpec<I, DynamicSupervisor> {
    const { restart = 'permanent', shutdown = 'infinity', type: _type, ...rest } = options;
    const start = ({ parent, system }: StartContext): Promise<DynamicSupervisor> =>
      DynamicSupervisor.startLink({ ...rest, parent, system });
    return { id, start, restart, shutdown, type: 'supervisor' };
  }

  /**
   * Starts a child and waits until it is up.
   *
   * @returns what its start function returned; `undefined` when its `init` asked to be ignored.
   * @throws SupervisorError `CHILD_SPEC_INVALID`, `MAX_CHILDREN`, `FAILED_TO_START_CHILD`; ActorError `NOPROC`, `EXIT`.
   */
  async startChild<R extends Child>(spec: ChildSpec<string, R>): Promise<R> {
    return unwrap(await this.#server.call('startChild', spec, WAIT)) as R;
  }

  /** Stops a child and does not restart it. @throws SupervisorError `NOT_FOUND`. */
  async terminateChild(pid: Pid): Promise<void> {
    unwrap(await this.#server.call('terminateChild', pid, WAIT));
  }

  /** Its children, running ones oldest first, then those being restarted. */
  whichChildren(): DynamicChildInfo[] {
    return [...this.#state.running.values(), ...this.#state.restarting].map((record) => ({
      id: undefined,
      pid: record.process,
      child: record.child,
      type: record.type,
      status: record.isRestarting ? 'restarting' : 'running',
      restarts: record.restartCount,
    }));
  }

  /** How many children there are, of which kind, and how many run. */
  countChildren(): ChildCounts {
    const { running, restarting } = this.#state;
    let supervisors = 0;
    for (const record of [...running.values(), ...restarting]) if (record.type === 'supervisor') supervisors += 1;
    const specs = running.size + restarting.size;
    return { specs, active: running.size, supervisors, workers: specs - supervisors };
  }

  /** Running and restarting children. */
  get childCount(): number {
    return this.#state.running.size + this.#state.restarting.size;
  }

  /** The process tree below. */
  tree(): TreeNode {
    return snapshotTree(this.pid);
  }

  /** Stops all children, then the supervisor. @throws ActorError as `ServerRef.stop`. */
  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#server.stop(reason, options);
  }
}
