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
import type { Child, ChildOptions, ChildSpec, StartContext } from '../actors/child-spec.ts';
import type { ExitReason } from '../actors/exit-reason.ts';
import { type StartOptions, startServer } from '../actors/gen-server.ts';
import type { Pid } from '../actors/process.ts';
import type { ServerRef } from '../actors/protocol.ts';
import { checkOneOf } from '../base/errors.ts';
import {
  AUTO_SHUTDOWNS,
  type AutoShutdown,
  type ChildCounts,
  type NormalChildSpec,
  normalizeChildSpec,
} from './child.ts';
import { SupervisorError } from './errors.ts';
import { unwrap, WAIT } from './outcome.ts';
import { type BackoffOptions, RestartBackoff } from './restart-backoff.ts';
import { type IntensityOptions, RestartIntensity } from './restart-intensity.ts';
import {
  STRATEGIES,
  type Strategy,
  type SupervisorProtocol,
  SupervisorServer,
  type SupervisorState,
} from './supervisor-server.ts';
import { snapshotTree, type TreeNode } from './tree.ts';

/** How a supervisor behaves. */
export interface SupervisorOptions extends IntensityOptions, StartOptions {
  readonly strategy: Strategy;
  /** Whether the end of significant children ends the supervisor, with `shutdown`. Default `never`. */
  readonly autoShutdown?: AutoShutdown;
  /** Pauses before restarts. Default: none, as in OTP. */
  readonly backoff?: BackoffOptions;
}

/** One row of {@link Supervisor.whichChildren}. */
export interface ChildInfo {
  readonly id: string;
  readonly pid: Pid | undefined;
  readonly type: 'worker' | 'supervisor';
  readonly status: 'running' | 'restarting' | 'stopped';
  readonly restarts: number;
}

/** Child ids to what their start functions return. */
export type Children<T extends readonly ChildSpec[]> = {
  readonly [C in T[number] as C['id']]: C extends ChildSpec<string, infer R> ? R : never;
};

/** A running supervisor. Reads look straight at its children; writes are calls to its process. */
export class Supervisor<T extends readonly ChildSpec[] = readonly ChildSpec[]> {
  /** The supervisor's process. */
  readonly pid: Pid;
  readonly #server: ServerRef<SupervisorProtocol>;
  readonly #state: SupervisorState;

  private constructor(server: ServerRef<SupervisorProtocol>, state: SupervisorState) {
    this.pid = server;
    this.#server = server;
    this.#state = state;
  }

  /**
   * Starts a supervisor and its children, left to right, each when the one before is up.
   *
   * @throws ActorError `START_FAILED` when a child does not start: those before it have been stopped, and `reason` is
   * `{ shutdown: { failedToStartChild, reason } }`; or when a spec is invalid or an id is given twice (`cause`: a
   * SupervisorError). RangeError for an option out of range.
   */
  static async startLink<const T extends readonly ChildSpec[]>(
    specs: T,
    options: SupervisorOptions,
  ): Promise<Supervisor<T>> {
    const state: SupervisorState = {
      strategy: checkOneOf('strategy', options.strategy, STRATEGIES),
      autoShutdown: checkOneOf('autoShutdown', options.autoShutdown ?? 'never', AUTO_SHUTDOWNS),
      intensity: new RestartIntensity(options),
      backoff: options.backoff === undefined ? undefined : new RestartBackoff(options.backoff),
      children: new Map(),
    };
    const server = await startServer(SupervisorServer, [state, specs], options);
    return new Supervisor<T>(server, state);
  }

  /** How another supervisor starts one of these: with patience `infinity` for its shutdown. */
  static childSpec<const I extends string, const T extends readonly ChildSpec[]>(
    id: I,
    specs: T,
    options: SupervisorOptions & ChildOptions,
  ): ChildSpec<I, Supervisor<T>> {
    const { restart = 'permanent', shutdown = 'infinity', type: _type, ...rest } = options;
    const start = ({ parent, system }: StartContext): Promise<Supervisor<T>> =>
      Supervisor.startLink(specs, { ...rest, parent, system });
    return { id, start, restart, shutdown, type: 'supervisor' };
  }

  /**
   * The running child of that id, as its start function returned it. Ask again after a restart: it is another one then.
   *
   * @throws SupervisorError `NOT_FOUND`, `CHILD_NOT_RUNNING`.
   */
  child<I extends keyof Children<T> & string>(id: I): Children<T>[I] {
    const record = this.#state.children.get(id);
    if (record === undefined) throw new SupervisorError('NOT_FOUND', `no child with id ${id}`, { reason: id });
    if (record.child === undefined) {
      throw new SupervisorError('CHILD_NOT_RUNNING', `child ${id} is not running`, { reason: id });
    }
    return record.child as Children<T>[I];
  }

  /**
   * Starts one more child; waits until it is up.
   *
   * @returns what its start function returned; `undefined` when its `init` asked to be ignored.
   * @throws SupervisorError `CHILD_SPEC_INVALID`, `CHILD_RUNNING`, `CHILD_RESTARTING`, `ALREADY_PRESENT`,
   * `FAILED_TO_START_CHILD` (`reason`: why).
   */
  async startChild<R extends Child>(spec: ChildSpec<string, R>): Promise<R> {
    return unwrap(await this.#server.call('startChild', spec, WAIT)) as R;
  }

  /** Stops a child and does not restart it; its spec stays (not that of a temporary one). @throws SupervisorError `NOT_FOUND`. */
  async terminateChild(id: string): Promise<void> {
    unwrap(await this.#server.call('terminateChild', id, WAIT));
  }

  /** Starts a stopped child again. @throws SupervisorError `NOT_FOUND`, `CHILD_RUNNING`, `CHILD_RESTARTING`, `FAILED_TO_START_CHILD`. */
  async restartChild(id: string): Promise<Child> {
    return unwrap(await this.#server.call('restartChild', id, WAIT));
  }

  /** Forgets a stopped child. @throws SupervisorError `NOT_FOUND`, `CHILD_RUNNING`, `CHILD_RESTARTING`. */
  async deleteChild(id: string): Promise<void> {
    unwrap(await this.#server.call('deleteChild', id, WAIT));
  }

  /** The spec of a child with its defaults filled in. @throws SupervisorError `NOT_FOUND`. */
  getChildSpec(id: string): NormalChildSpec {
    const record = this.#state.children.get(id);
    if (record === undefined) throw new SupervisorError('NOT_FOUND', `no child with id ${id}`, { reason: id });
    return normalizeChildSpec(record.spec);
  }

  /** Its children in start order (OTP: newest first). */
  whichChildren(): ChildInfo[] {
    return [...this.#state.children.values()].map((record) => ({
      id: record.id,
      pid: record.process,
      type: record.type,
      status: record.isRestarting ? 'restarting' : record.process === undefined ? 'stopped' : 'running',
      restarts: record.restartCount,
    }));
  }

  /** How many children there are, of which kind, and how many run. */
  countChildren(): ChildCounts {
    const all = [...this.#state.children.values()];
    return {
      specs: all.length,
      active: all.filter((record) => record.process !== undefined).length,
      supervisors: all.filter((record) => record.type === 'supervisor').length,
      workers: all.filter((record) => record.type === 'worker').length,
    };
  }

  /** The process tree below. */
  tree(): TreeNode {
    return snapshotTree(this.pid);
  }

  /** Stops the children in reverse order, then the supervisor. @throws ActorError as `ServerRef.stop`. */
  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#server.stop(reason, options);
  }
}
