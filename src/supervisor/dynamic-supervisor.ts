/**
 * DynamicSupervisor: children that come and go while it runs; `DynamicSupervisor` of Elixir.
 *
 * One strategy, `one_for_one`. Children are told apart by pid; ids need not be unique. All are stopped concurrently, each
 * with its own patience, in time linear in their number.
 */
import type { Child, ChildOptions, ChildSpec } from '../actors/child-spec.ts';
import type { ExitReason } from '../actors/exit-reason.ts';
import { type StartOptions, startServer } from '../actors/gen-server.ts';
import { asProcess, type Pid } from '../actors/process.ts';
import type { CallHandlers, MaybePromise } from '../actors/protocol.ts';
import { reply } from '../actors/results.ts';
import { checkInteger, checkOneOf } from '../base/errors.ts';
import { type ChildCounts, type ChildRecord, childInfo, countRecords, newChildRecord, stopRecord } from './child.ts';
import { SupervisorError } from './errors.ts';
import { answer, ask, type Outcome, whenDone } from './outcome.ts';
import type { BackoffOptions } from './restart-backoff.ts';
import type { IntensityOptions } from './restart-intensity.ts';
import { type RestartingProtocol, RestartingServer, type RestartingState, takeLimits } from './restarting-server.ts';
import { SupervisorHandle, supervisorSpec } from './supervisor-handle.ts';

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

/** A child is kept under its process, or, while it has none, under its own record. */
interface State extends RestartingState<Pid | ChildRecord> {
  readonly maxChildren: number;
  readonly extraArguments: readonly unknown[];
}

type DynamicCalls = {
  startChild(spec: ChildSpec): Outcome<Child>;
  terminateChild(pid: Pid): Outcome<undefined>;
};

class DynamicSupervisorServer extends RestartingServer<State, DynamicCalls, [State]> {
  override get moduleName(): string {
    return 'DynamicSupervisor';
  }

  init(state: State): State {
    this.prepare(state);
    return state;
  }

  override readonly handleCall: CallHandlers<State, RestartingProtocol<DynamicCalls>> = this.calls({
    startChild: (spec, state) =>
      answer(state, () => {
        const record = newChildRecord(spec, 'never');
        const { maxChildren } = state;
        if (state.children.size < maxChildren) return this.startFor(state, record);
        throw new SupervisorError('MAX_CHILDREN', `${maxChildren} children run already`, { reason: 'max_children' });
      }),
    terminateChild: (pid, state) =>
      answer(state, () => {
        const record = this.takeChild(state, pid);
        if (record === undefined) {
          throw new SupervisorError('NOT_FOUND', `${pid.label} is not a child here`, { reason: pid });
        }
        return whenDone(stopRecord(this.process, record), () => reply({ value: undefined }, state));
      }),
  });

  override async terminate(_reason: ExitReason, state: State): Promise<void> {
    const records = [...state.children.values()];
    state.children.clear();
    await Promise.all(records.map((record) => stopRecord(this.process, record)));
  }

  protected override extraArguments(state: State): readonly unknown[] {
    return state.extraArguments;
  }

  protected takeChild({ children }: State, pid: Pid): ChildRecord | undefined {
    const record = children.get(pid);
    children.delete(pid);
    return record;
  }

  protected file({ children }: State, record: ChildRecord): void {
    children.delete(record);
    if (record.process !== undefined) children.set(record.process, record);
    else if (record.isRestarting) children.set(record, record);
  }

  protected startAgain(state: State, record: ChildRecord): MaybePromise<ChildRecord | undefined> {
    return whenDone(this.start(state, record), (error) => error && record);
  }
}

/** A running dynamic supervisor. */
export class DynamicSupervisor extends SupervisorHandle {
  readonly #state: State;

  private constructor(pid: Pid, state: State) {
    super(pid);
    this.#state = state;
  }

  /** Starts one without children. @throws RangeError for an option out of range or not known; ActorError as `startServer`. */
  static async startLink(options: DynamicSupervisorOptions = {}): Promise<DynamicSupervisor> {
    const [limits, given] = takeLimits(options);
    const { strategy = 'one_for_one', maxChildren = MAX_CHILDREN_DEFAULT, extraArguments = [], ...rest } = given;
    checkOneOf('strategy', strategy, ['one_for_one']);
    const state: State = {
      maxChildren: checkInteger('maxChildren', maxChildren, 0, 1_000_000_000),
      extraArguments,
      ...limits,
      children: new Map(),
    };
    return new DynamicSupervisor(await startServer(DynamicSupervisorServer, [state], rest), state);
  }

  /** How a supervisor starts one of these. */
  static childSpec<const I extends string>(
    id: I,
    options: DynamicSupervisorOptions & ChildOptions = {},
  ): ChildSpec<I, DynamicSupervisor> {
    return supervisorSpec(id, 'DynamicSupervisor', options, DynamicSupervisor.startLink);
  }

  /**
   * Starts a child and waits until it is up.
   *
   * @returns what its start function returned; `undefined` when its `init` asked to be ignored.
   * @throws SupervisorError `CHILD_SPEC_INVALID`, `MAX_CHILDREN`, `FAILED_TO_START_CHILD`; ActorError `NOPROC`, `EXIT`.
   */
  async startChild<R extends Child>(spec: ChildSpec<string, R>): Promise<R> {
    return (await ask(this.pid, 'startChild', spec)) as R;
  }

  /** Stops a child and does not restart it. @throws SupervisorError `NOT_FOUND`; TypeError for what is no pid. */
  async terminateChild(pid: Pid): Promise<void> {
    await ask(this.pid, 'terminateChild', asProcess(pid));
  }

  /** Its children, running ones oldest first, then those being restarted. */
  whichChildren(): DynamicChildInfo[] {
    return [...this.#state.children.values()]
      .sort((a, b) => Number(a.isRestarting) - Number(b.isRestarting))
      .map((record) => ({ ...childInfo(record), id: undefined, child: record.child }) as DynamicChildInfo);
  }

  /** How many children there are, of which kind, and how many run. */
  countChildren(): ChildCounts {
    return countRecords(this.#state.children.values());
  }

  /** Running and restarting children. */
  get childCount(): number {
    return this.#state.children.size;
  }
}
