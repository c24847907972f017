/** The process of a supervisor: its children by id, in order, and its strategies. The handle to it is in `supervisor.ts`. */
import type { Child, ChildSpec } from '../actors/child-spec.ts';
import { ActorError } from '../actors/errors.ts';
import type { ExitReason } from '../actors/exit-reason.ts';
import type { Pid } from '../actors/process.ts';
import type { CallHandlers, MaybePromise } from '../actors/protocol.ts';
import { reply } from '../actors/results.ts';
import { type AutoShutdown, type ChildRecord, newChildRecord, stopRecord } from './child.ts';
import { SupervisorError } from './errors.ts';
import { answer, type Outcome, whenDone } from './outcome.ts';
import { type RestartingProtocol, RestartingServer, type RestartingState } from './restarting-server.ts';

/** Which children are restarted when one fails. */
export const STRATEGIES = ['one_for_one', 'one_for_all', 'rest_for_one'] as const;
/** `one_for_one`: it. `one_for_all`: all. `rest_for_one`: it and those started after it. */
export type Strategy = (typeof STRATEGIES)[number];

/** `children` is in start order. @internal */
export interface SupervisorState extends RestartingState<string> {
  readonly strategy: Strategy;
  readonly autoShutdown: AutoShutdown;
}

type SupervisorCalls = {
  startChild(spec: ChildSpec): Outcome<Child>;
  terminateChild(id: string): Outcome<undefined>;
  restartChild(id: string): Outcome<Child>;
  deleteChild(id: string): Outcome<undefined>;
};

/** The process of a supervisor. @internal */
export class SupervisorServer extends RestartingServer<
  SupervisorState,
  SupervisorCalls,
  [SupervisorState, readonly ChildSpec[]]
> {
  override get moduleName(): string {
    return 'Supervisor';
  }

  async init(state: SupervisorState, specs: readonly ChildSpec[]): Promise<SupervisorState> {
    for (const spec of specs) {
      const record = newChildRecord(spec, state.autoShutdown);
      const { id } = record;
      if (state.children.has(id)) {
        throw new SupervisorError('DUPLICATE_CHILD', `child id ${id} is given twice`, { reason: id });
      }
      state.children.set(id, record);
    }
    this.prepare(state);
    for (const record of [...state.children.values()]) {
      const error = await this.start(state, record);
      if (error === undefined) continue;
      await this.terminate('shutdown', state);
      const { message, reason, cause } = error;
      throw new ActorError('START_FAILED', message, {
        reason: { shutdown: { failedToStartChild: record.id, reason } },
        cause,
      });
    }
    return state;
  }

  override readonly handleCall: CallHandlers<SupervisorState, RestartingProtocol<SupervisorCalls>> = this.calls({
    startChild: (spec, state) =>
      answer(state, () => {
        const record = newChildRecord(spec, state.autoShutdown);
        const { id } = record;
        const present = state.children.get(id);
        if (present !== undefined) throw inTheWay(present);
        state.children.set(id, record);
        return whenDone(this.startFor(state, record), (outcome) => {
          if ('error' in outcome.value) state.children.delete(id);
          return outcome;
        });
      }),
    terminateChild: (id, state) =>
      answer(state, () => {
        const record = childNamed(state, id);
        return whenDone(stopRecord(this.process, record), () => {
          this.file(state, record);
          return reply({ value: undefined }, state);
        });
      }),
    restartChild: (id, state) => answer(state, () => this.startFor(state, stoppedChild(state, id))),
    deleteChild: (id, state) =>
      answer(state, () => {
        state.children.delete(stoppedChild(state, id).id);
        return reply({ value: undefined }, state);
      }),
  });

  override async terminate(_reason: ExitReason, state: SupervisorState): Promise<void> {
    for (const record of [...state.children.values()].reverse()) {
      const pending = stopRecord(this.process, record);
      if (pending !== undefined) await pending;
    }
  }

  protected takeChild(state: SupervisorState, pid: Pid): ChildRecord | undefined {
    for (const record of state.children.values()) if (record.process === pid) return record;
    return undefined;
  }

  /** A temporary child that does not run is forgotten. */
  protected file({ children }: SupervisorState, record: ChildRecord): void {
    if (record.restart === 'temporary' && record.process === undefined) children.delete(record.id);
  }

  protected startAgain(state: SupervisorState, record: ChildRecord): MaybePromise<ChildRecord | undefined> {
    if (state.strategy !== 'one_for_one') return this.#restartGroup(state, record);
    return whenDone(this.start(state, record), (error) => error && record);
  }

  /** Stops and starts again the group of `record`: everybody, or those after it; `supervisor.erl restart/2`. */
  async #restartGroup(state: SupervisorState, record: ChildRecord): Promise<ChildRecord | undefined> {
    const all = [...state.children.values()];
    const group = state.strategy === 'one_for_all' ? all : all.slice(all.indexOf(record));
    for (const member of group.toReversed()) {
      if (member !== record) await stopRecord(this.process, member);
      this.file(state, member);
    }
    for (const member of group) {
      if (member.restart === 'temporary' || (await this.start(state, member)) === undefined) continue;
      record.isRestarting = false;
      return member;
    }
    return undefined;
  }

  protected override endsWith({ autoShutdown, children }: SupervisorState, { isSignificant }: ChildRecord): boolean {
    if (!isSignificant || autoShutdown === 'never') return false;
    return autoShutdown === 'any_significant' || ![...children.values()].some(isSignificantUp);
  }
}

function isSignificantUp({ isSignificant, process, isRestarting }: ChildRecord): boolean {
  return isSignificant && (process !== undefined || isRestarting);
}

/** The child of that id. @throws SupervisorError `NOT_FOUND`. @internal */
export function childNamed(state: SupervisorState, id: string): ChildRecord {
  const record = state.children.get(id);
  if (record === undefined) throw new SupervisorError('NOT_FOUND', `no child with id ${id}`, { reason: id });
  return record;
}

function stoppedChild(state: SupervisorState, id: string): ChildRecord {
  const record = childNamed(state, id);
  if (record.process !== undefined || record.isRestarting) throw inTheWay(record);
  return record;
}

function inTheWay({ id, isRestarting, process }: ChildRecord): SupervisorError {
  const [code, what] = isRestarting
    ? (['CHILD_RESTARTING', 'restarting'] as const)
    : process === undefined
      ? (['ALREADY_PRESENT', 'present but not running'] as const)
      : (['CHILD_RUNNING', 'running'] as const);
  return new SupervisorError(code, `child ${id} is ${what}`, { reason: process ?? id });
}
