/**
 * TaskSupervisor: tasks as children of a supervisor, so that they are seen, bounded and stopped with the tree; Elixir's
 * `Task.Supervisor`. Tasks are temporary: a crash is reported and not restarted, unless the child asks for it.
 */
import type { ChildOptions, ChildSpec, Restart, Shutdown } from '../actors/child-spec.ts';
import { asProcess, currentProcess, type Pid } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import { type FunctionProcess, type SpawnBody, type SpawnedSelf, spawnFunction } from '../actors/spawn.ts';
import { Task, type TaskBody, type TaskOptions } from '../actors/task.ts';
import { asyncStream, type StreamResult, type TaskStreamOptions } from '../actors/task-stream.ts';
import { DynamicSupervisor, type DynamicSupervisorOptions } from './dynamic-supervisor.ts';
import { SupervisorHandle, supervisorSpec } from './supervisor-handle.ts';

/** How one task child is kept. */
export interface TaskChildOptions {
  /** Default `temporary`. */
  readonly restart?: Restart;
  /** Default 5000 ms. */
  readonly shutdown?: Shutdown;
  readonly label?: string;
}

/** A running task supervisor. */
export class TaskSupervisor extends SupervisorHandle {
  readonly #supervisor: DynamicSupervisor;

  private constructor(supervisor: DynamicSupervisor) {
    super(supervisor.pid);
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
    return supervisorSpec(id, 'TaskSupervisor', options, TaskSupervisor.startLink);
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
    let task: Task<T> | undefined;
    await this.#startChild(body.name, { ...options, restart: 'temporary' }, (start) => {
      task = Task.run(body, owner === undefined ? options : { ...options, parent: owner }, (run) => {
        const process = start(run);
        if (isLinked && owner?.isAlive === true) process.link(owner);
        return process;
      });
      return task.pid as Pid;
    });
    return task as unknown as Task<T>;
  }

  /** Runs `body` as a child that nobody waits for. @throws SupervisorError `MAX_CHILDREN`, `CHILD_SPEC_INVALID`. */
  startChild(body: TaskBody<unknown>, options: TaskChildOptions = {}): Promise<Pid> {
    return this.#startChild(body.name, options, (start) => start(body));
  }

  #startChild(
    name: string,
    { restart = 'temporary', shutdown, label }: TaskChildOptions,
    make: (start: (body: SpawnBody) => FunctionProcess) => Pid,
  ): Promise<Pid> {
    return this.#supervisor.startChild<Pid>({
      id: label ?? (name || 'task'),
      restart,
      ...(shutdown === undefined ? {} : { shutdown }),
      start: ({ parent, system }) =>
        make((body) => spawnFunction(body, { parent, system, ...(label === undefined ? {} : { label }) }, true)),
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
}
