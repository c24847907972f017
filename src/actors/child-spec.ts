/** What a supervisor needs to know to start, restart and stop one child; `supervisor(3) child_spec()`. */
import type { Name } from './names.ts';
import type { Pid } from './pid.ts';
import type { MaybePromise } from './protocol.ts';
import type { ActorSystem } from './system.ts';

/** When a child that ended is started again. */
export const RESTART_TYPES = ['permanent', 'transient', 'temporary'] as const;
/** `permanent`: always. `transient`: unless it ended cleanly. `temporary`: never, and it is forgotten. */
export type Restart = (typeof RESTART_TYPES)[number];

/** How a child is stopped: asked with `shutdown` and killed after that many ms, killed at once, or waited for. */
export type Shutdown = number | 'brutal_kill' | 'infinity';

/** What a start function returns: a pid, or a handle that has one (a supervisor, a registry). */
export type Child = Pid | { readonly pid: Pid };

/** Who starts the child. A start function that calls `startLink` before its first `await` need not look at it. */
export interface StartContext {
  readonly parent: Pid;
  readonly system: ActorSystem;
}

/** A child of a supervisor. */
export interface ChildSpec<I extends string = string, R extends Child = Child> {
  /** Unique among its siblings. */
  readonly id: I;
  /**
   * Starts the child, linked to `context.parent`; runs in the supervisor, which waits for it. `extra`: the
   * `extraArguments` of a DynamicSupervisor, at each start and restart.
   */
  readonly start: (context: StartContext, ...extra: readonly unknown[]) => MaybePromise<R>;
  /** Default `permanent`. */
  readonly restart?: Restart;
  /** Default 5000 ms for a worker, `infinity` for a supervisor. */
  readonly shutdown?: Shutdown;
  /** Default `worker`. */
  readonly type?: 'worker' | 'supervisor';
  /** Its end by itself can end its supervisor; see `autoShutdown`. Not for permanent children. Default false. */
  readonly significant?: boolean;
  /** Names of the modules it runs, for people and tools. Default: none. */
  readonly modules?: readonly string[];
}

/** What can be said about a child besides its id and start. */
export type ChildOptions = Pick<ChildSpec, 'restart' | 'shutdown' | 'type' | 'significant' | 'modules'> & {
  /** Registered name of the process; default none. */
  readonly name?: Name;
};

const SAID: readonly string[] = ['restart', 'shutdown', 'type', 'significant', 'modules'];

/** The spec of a child that is a handle on its process, made by `start` of `options` and the context. @internal */
export function handleSpec<const I extends string, O extends ChildOptions, R extends Child>(
  id: I,
  module: string,
  options: O,
  start: (options: O & StartContext) => MaybePromise<R>,
): ChildSpec<I, R> {
  const said: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const name in options) (SAID.includes(name) ? said : rest)[name] = options[name];
  return { modules: [module], ...said, id, start: ({ parent, system }) => start({ ...(rest as O), parent, system }) };
}
