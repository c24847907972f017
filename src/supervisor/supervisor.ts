/**
 * Supervisor: starts its children in order, restarts those that fail, and stops them in reverse; `supervisor(3)`.
 *
 * ```ts
 * const sup = await Supervisor.startLink([Counter.childSpec('a', [1])], { strategy: 'one_for_one' });
 * await sup.child('a').call('get');
 * ```
 *
 * A restart that fails is tried again by a message to itself, so the supervisor stays responsive; each try counts. More than
 * `maxRestarts` in `maxSeconds`, and it stops its children and exits with `shutdown`: its own supervisor decides then.
 */
import type { Child, ChildOptions, ChildSpec } from '../actors/child-spec.ts';
import { type StartOptions, startServer } from '../actors/gen-server.ts';
import type { Pid } from '../actors/process.ts';
import { checkOneOf } from '../base/errors.ts';
import {
  AUTO_SHUTDOWNS,
  type AutoShutdown,
  type ChildCounts,
  type ChildInfo,
  childInfo,
  countRecords,
  type NormalChildSpec,
  normalizeChildSpec,
} from './child.ts';
import { SupervisorError } from './errors.ts';
import { ask } from './outcome.ts';
import type { BackoffOptions } from './restart-backoff.ts';
import type { IntensityOptions } from './restart-intensity.ts';
import { takeLimits } from './restarting-server.ts';
import { SupervisorHandle, supervisorSpec } from './supervisor-handle.ts';
import { childNamed, STRATEGIES, type Strategy, SupervisorServer, type SupervisorState } from './supervisor-server.ts';

/** How a supervisor behaves. */
export interface SupervisorOptions extends IntensityOptions, StartOptions {
  readonly strategy: Strategy;
  /** Whether the end of significant children ends the supervisor, with `shutdown`. Default `never`. */
  readonly autoShutdown?: AutoShutdown;
  /** Pauses before restarts. Default: none, as in OTP. */
  readonly backoff?: BackoffOptions;
}

/** Child ids to what their start functions return. */
export type Children<T extends readonly ChildSpec[]> = {
  readonly [C in T[number] as C['id']]: C extends ChildSpec<string, infer R> ? R : never;
};

/** A running supervisor. Reads look straight at its children; writes are calls to its process. */
export class Supervisor<T extends readonly ChildSpec[] = readonly ChildSpec[]> extends SupervisorHandle {
  readonly #state: SupervisorState;

  private constructor(pid: Pid, state: SupervisorState) {
    super(pid);
    this.#state = state;
  }

  /**
   * Starts a supervisor and its children, left to right, each when the one before is up.
   *
   * @throws ActorError `START_FAILED` when a child does not start: those before it have been stopped, and `reason` is
   * `{ shutdown: { failedToStartChild, reason } }`; or when a spec is invalid or an id is given twice (`cause`: a
   * SupervisorError). RangeError for an option out of range or not known.
   */
  static async startLink<const T extends readonly ChildSpec[]>(
    specs: T,
    // JavaScript can leave them out, and is told of the strategy.
    options: SupervisorOptions = {} as SupervisorOptions,
  ): Promise<Supervisor<T>> {
    const [limits, { strategy, autoShutdown = 'never', ...rest }] = takeLimits(options);
    const state: SupervisorState = {
      strategy: checkOneOf('strategy', strategy, STRATEGIES),
      autoShutdown: checkOneOf('autoShutdown', autoShutdown, AUTO_SHUTDOWNS),
      ...limits,
      children: new Map(),
    };
    return new Supervisor<T>(await startServer(SupervisorServer, [state, specs], rest), state);
  }

  /** How another supervisor starts one of these: with patience `infinity` for its shutdown. */
  static childSpec<const I extends string, const T extends readonly ChildSpec[]>(
    id: I,
    specs: T,
    options: SupervisorOptions & ChildOptions,
  ): ChildSpec<I, Supervisor<T>> {
    return supervisorSpec(id, 'Supervisor', options, (given) => Supervisor.startLink(specs, given));
  }

  /**
   * The running child of that id, as its start function returned it. Ask again after a restart: it is another one then.
   *
   * @throws SupervisorError `NOT_FOUND`, `CHILD_NOT_RUNNING`.
   */
  child<I extends keyof Children<T> & string>(id: I): Children<T>[I] {
    const record = childNamed(this.#state, id);
    if (record.child === undefined) {
      throw new SupervisorError('CHILD_NOT_RUNNING', `child ${id} is not running`, { reason: id });
    }
    return record.child as Children<T>[I];
  }

  /** The running process of that child. @internal */
  pidOf(id: string): Pid | undefined {
    return this.#state.children.get(id)?.process;
  }

  /**
   * Starts one more child; waits until it is up.
   *
   * @returns what its start function returned; `undefined` when its `init` asked to be ignored.
   * @throws SupervisorError `CHILD_SPEC_INVALID`, `CHILD_RUNNING`, `CHILD_RESTARTING`, `ALREADY_PRESENT`,
   * `FAILED_TO_START_CHILD` (`reason`: why).
   */
  async startChild<R extends Child>(spec: ChildSpec<string, R>): Promise<R> {
    return (await ask(this.pid, 'startChild', spec)) as R;
  }

  /** Stops a child and does not restart it; its spec stays (not that of a temporary one). @throws SupervisorError `NOT_FOUND`. */
  async terminateChild(id: string): Promise<void> {
    await ask(this.pid, 'terminateChild', id);
  }

  /** Starts a stopped child again. @throws SupervisorError `NOT_FOUND`, `CHILD_RUNNING`, `CHILD_RESTARTING`, `FAILED_TO_START_CHILD`. */
  async restartChild(id: string): Promise<Child> {
    return (await ask(this.pid, 'restartChild', id)) as Child;
  }

  /** Forgets a stopped child. @throws SupervisorError `NOT_FOUND`, `CHILD_RUNNING`, `CHILD_RESTARTING`. */
  async deleteChild(id: string): Promise<void> {
    await ask(this.pid, 'deleteChild', id);
  }

  /** The spec of a child with its defaults filled in. @throws SupervisorError `NOT_FOUND`. */
  getChildSpec(id: string): NormalChildSpec {
    return normalizeChildSpec(childNamed(this.#state, id).spec);
  }

  /** Its children in start order (OTP: newest first). */
  whichChildren(): ChildInfo[] {
    return [...this.#state.children.values()].map(childInfo);
  }

  /** How many children there are, of which kind, and how many run. */
  countChildren(): ChildCounts {
    return countRecords(this.#state.children.values());
  }
}
