/**
 * TaskSupervisor: tasks as children of a supervisor, so that they are seen, bounded and stopped with the tree; Elixir's
 * `Task.Supervisor`. Tasks are temporary: a crash is reported and not restarted, unless the child asks for it.
 */
import type { ChildOptions, ChildSpec, Restart, Shutdown, StartContext } from '../actors/child-spec.ts';
import type { ExitReason } from '../actors/exit-reason.ts';
import { asProcess, currentProcess, type Pid } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import { type SpawnedSelf, spawnFunction } from '../actors/spawn.ts';
import { Task, type TaskBody, type TaskOptions } from '../actors/task.ts';
import { asyncStream, type StreamResult, type TaskStreamOptions } from '../actors/task-stream.ts';
import { DynamicSupervisor, type DynamicSupervisorOptions } from './dynamic-supervisor.ts';
import type { TreeNode } from './tree.ts';

/** How one task child is kept. */
export interface TaskChildOptions {
  /** Default `temporary`. */
  readonly restart?: Restart;
  /** Default 5000 ms. */
  readonly shutdown?: Shutdown;
  readonly label?: string;
}

/** A running task supervisor. */
export class TaskSupervisor {
  /** The supervisor's process. */
  readonly pid: Pid;
  readonly #supervisor: DynamicSupervisor;

  private constructor(supervisor: DynamicSupervisor) {
    this.pid = supervisor.pid;
    this.#supervisor = supervisor;
  }

  /** Starts one. @throws as `DynamicSupervisor.startLink`. */
  static startLink(options: DynamicSupervisorOptions = {}): Promise<TaskSupervisor> {
    return DynamicSupervisor.startLink(options).then((supervisor) => new TaskSupervisor(supervisor));
  }

  /** How a supervisor starts one of these. */
  static childSpec<const I extends string>(
    id: I,
    options: DynamicSupervisorOptions & ChildOptions = {},
  ): ChildSpec<I, TaskSupervisor> {
    const { restart = 'permanent', shutdown = 'infinity', type: _type, ...rest } = options;
    const start = ({ parent, system }: StartContext): Promise<TaskSupervisor> =>
      TaskSupervisor.startLink({ ...rest, parent, system });
    return { id, start, restart, shutdown, type: 'supervisor', modules: ['TaskSupervisor'] };
  }

  /**
   * Runs `body` as a child here, linked to the process that calls too.
   *
   * @throws SupervisorError `MAX_CHILDREN`; ActorError `NOPROC` when the supervisor is dead.
   */
  async<T>(body: TaskBody<T>, options: TaskOptions & TaskChildOptions = {}): Promise<Task<T>> {
    return this.#run(body, options, true);
  }

  /** As {@link TaskSupervisor.async}, without the link: a crash is only seen by who waits. */
  asyncNolink<T>(body: TaskBody<T>, options: TaskOptions & TaskChildOptions = {}): Promise<Task<T>> {
    return this.#run(body, options, false);
  }

  async #run<T>(body: TaskBody<T>, options: TaskOptions & TaskChildOptions, isLinked: boolean): Promise<Task<T>> {
    const owner = options.parent === undefined ? currentProcess() : asProcess(options.parent);
    const { label, shutdown } = options;
    let task: Task<T> | undefined;
    await this.#supervisor.startChild({
      id: label ?? (body.name || 'task'),
      restart: 'temporary',
      ...(shutdown === undefined ? {} : { shutdown }),
      start: ({ parent, system }): Pid => {
        task = Task.run(body, owner === undefined ? options : { ...options, parent: owner }, (run) => {
          const process = spawnFunction(run, { parent, system, ...(label === undefined ? {} : { label }) }, true);
          if (isLinked && owner?.isAlive === true) process.link(owner);
          return process;
        });
        return task.pid as Pid;
      },
    });
    return task as unknown as Task<T>;
  }

  /** Runs `body` as a child that nobody waits for. @throws SupervisorError `MAX_CHILDREN`, `CHILD_SPEC_INVALID`. */
  startChild(body: TaskBody<unknown>, options: TaskChildOptions = {}): Promise<Pid> {
    const { restart = 'temporary', shutdown, label } = options;
    return this.#supervisor.startChild<Pid>({
      id: label ?? (body.name || 'task'),
      restart,
      ...(shutdown === undefined ? {} : { shutdown }),
      start: ({ parent, system }) =>
        spawnFunction(body, { parent, system, ...(label === undefined ? {} : { label }) }, true),
    });
  }

  /** `asyncStream` with its tasks as children here; unlinked with `isLinked: false`. */
  asyncStream<I, T>(
    items: Iterable<I> | AsyncIterable<I>,
    body: (item: I, self: SpawnedSelf) => MaybePromise<T>,
    options: TaskStreamOptions & { readonly isLinked?: boolean } = {},
  ): AsyncGenerator<StreamResult<T, I>, void, undefined> {
    const { isLinked = true, ...rest } = options;
    return asyncStream(items, body, rest, (run, taskOptions) => this.#run(run, taskOptions, isLinked));
  }

  /** Stops a task. @throws SupervisorError `NOT_FOUND`. */
  terminateChild(pid: Pid): Promise<void> {
    return this.#supervisor.terminateChild(pid);
  }

  /** Running tasks, oldest first. */
  children(): Pid[] {
    return this.#supervisor.whichChildren().flatMap((child) => (child.pid === undefined ? [] : [child.pid]));
  }

  /** The process tree below. */
  tree(): TreeNode {
    return this.#supervisor.tree();
  }

  /** Stops all tasks, then the supervisor. */
  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#supervisor.stop(reason, options);
  }
}
