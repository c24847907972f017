/**
 * Task: a function that runs as a process of its own and whose value somebody waits for; Elixir's `Task`.
 *
 * ```ts
 * const task = Task.async(() => fetchPrice('BTC'));
 * const price = await task.await(1000);
 * ```
 *
 * An async task is linked to its owner: if it crashes, so does the owner, unless that one traps exits. The value goes
 * through a slot and not through the owner's mailbox, so nothing is ever left over there; with `isNotifying` the owner also
 * gets a message, for servers that do not wait. A function that runs cannot be stopped from outside: its process dies at
 * once for everybody, its `self.signal` aborts, and its value is dropped.
 */
import { checkInteger, checkOneOf } from '../base/errors.ts';
import { checkTimeout } from './callable-process.ts';
import { ActorError } from './errors.ts';
import { type ExitReason, formatExitReason } from './exit-reason.ts';
import { Once } from './once.ts';
import type { MonitorRef, Pid } from './pid.ts';
import { asProcess, currentProcess, exitSignal, type Process, send } from './process.ts';
import type { MaybePromise } from './protocol.ts';
import { type FunctionProcess, type SpawnedSelf, type SpawnOptions, spawnFunction } from './spawn.ts';

/** Default patience of `await` and `yield`, in ms. */
export const TASK_TIMEOUT_MS_DEFAULT = 5000;

/** What a task runs. */
export type TaskBody<T> = (self: SpawnedSelf) => MaybePromise<T>;

/** How a task is started. */
export interface TaskOptions extends SpawnOptions {
  /** The owner also gets `{ type: 'task', task, value }`, and a `down` with `task.ref`. Default false. */
  readonly isNotifying?: boolean;
}

/** What a task came to: its value, or why its process ended. */
export type TaskResult<T> = { readonly ok: T } | { readonly exit: ExitReason };

/** What the owner of a notifying task gets with its value. */
export interface TaskMessage<T = unknown> {
  readonly type: 'task';
  readonly task: Task<T>;
  readonly value: T;
}

/** One task; made by {@link Task.async}. */
export class Task<T> {
  /** Its process; `undefined` for {@link Task.completed}. */
  readonly pid: Pid | undefined;
  readonly owner: Pid | undefined;
  /** The owner's monitor of a notifying task. */
  readonly ref: MonitorRef | undefined;
  readonly #result = new Once<TaskResult<T>>();

  private constructor(
    owner: Process | undefined,
    start: ((task: Task<T>) => FunctionProcess) | undefined,
    isNotifying = false,
  ) {
    this.owner = owner;
    const process = start?.(this);
    this.pid = process;
    this.ref = isNotifying && process !== undefined ? owner?.monitor(process) : undefined;
    process?.onExit((reason) => this.#result.settle({ exit: reason }));
  }

  /** Runs `body`, linked to the process that calls. */
  static async<T>(body: TaskBody<T>, options: TaskOptions = {}): Task<T> {
    return Task.run(body, options, (run, owner) => spawnFunction(run, { ...options, ...ownerOf(owner) }, true));
  }

  /** Runs `body` without a link: a crash of it is only seen by who waits. */
  static asyncNolink<T>(body: TaskBody<T>, options: TaskOptions = {}): Task<T> {
    return Task.run(body, options, (run, owner) => spawnFunction(run, { ...options, ...ownerOf(owner) }, false));
  }

  /** Runs `body` as a process that nobody waits for; `Task.start/1`. */
  static start(body: TaskBody<unknown>, options: SpawnOptions = {}): Pid {
    return spawnFunction(body, options, false);
  }

  /** As {@link Task.start}, linked to the process that calls; `Task.start_link/1`. */
  static startLink(body: TaskBody<unknown>, options: SpawnOptions = {}): Pid {
    return spawnFunction(body, options, true);
  }

  /** A task that is done already; `Task.completed/1`. */
  static completed<T>(value: T): Task<T> {
    const task = new Task<T>(currentProcess(), undefined);
    task.#result.settle({ ok: value });
    return task;
  }

  /** Makes a task whose process `spawn` starts. @internal */
  static run<T>(
    body: TaskBody<T>,
    options: TaskOptions,
    spawn: (run: TaskBody<void>, owner: Process | undefined) => FunctionProcess,
  ): Task<T> {
    const owner = options.parent === undefined ? currentProcess() : asProcess(options.parent);
    return new Task<T>(
      owner,
      (task) => {
        const process = spawn(async (self) => {
          const value = await body(self);
          if (!process.isAlive) return;
          task.#result.settle({ ok: value });
          if (options.isNotifying === true && owner !== undefined) {
            send(owner, { type: 'task', task: task as Task<unknown>, value } satisfies TaskMessage);
          }
        }, owner);
        process.more().callers = owner === undefined ? [] : [owner, ...(owner.extras?.callers ?? [])];
        return process;
      },
      options.isNotifying,
    );
  }

  #checkOwner(): void {
    const here = currentProcess();
    if (here === undefined || here === this.owner) return;
    throw new TypeError(`task of ${this.owner?.label ?? 'nobody'} is asked by ${here.label}: only its owner may`);
  }

  /**
   * Waits for the value.
   *
   * @param timeoutMs - 0 or more, or `Infinity`; default 5000.
   * @throws ActorError `TIMEOUT` (the task goes on and its value is dropped), `EXIT` (`reason`: why it ended); TypeError when
   * a process other than the owner asks.
   */
  await(timeoutMs: number = TASK_TIMEOUT_MS_DEFAULT): Promise<T> {
    this.#checkOwner();
    return this.#outcome(timeoutMs).then((result) => {
      if (result === undefined) {
        const text = `task ${this.#label} gave no value within ${timeoutMs} ms`;
        throw new ActorError('TIMEOUT', text, { reason: 'timeout' });
      }
      if ('ok' in result) return result.ok;
      const { exit } = result;
      throw new ActorError('EXIT', `task ${this.#label} exited: ${formatExitReason(exit)}`, {
        reason: exit,
        ...(exit instanceof Error && { cause: exit }),
      });
    });
  }

  /** Waits for the result and does not throw for it: `undefined` when there is none after `timeoutMs`. Can be repeated. */
  yield(timeoutMs: number = TASK_TIMEOUT_MS_DEFAULT): Promise<TaskResult<T> | undefined> {
    this.#checkOwner();
    return this.#outcome(timeoutMs);
  }

  /**
   * Ends the task and waits until it is gone: asked with `shutdown` and killed after `patience` ms, or killed at once.
   *
   * @returns a result that was there before, the exit reason when it died abnormally, else `undefined`.
   */
  async shutdown(patience: number | 'brutal_kill' = TASK_TIMEOUT_MS_DEFAULT): Promise<TaskResult<T> | undefined> {
    this.#checkOwner();
    if (patience !== 'brutal_kill') checkTimeout(patience);
    if (this.#result.value !== undefined) return this.#result.value;
    const process = asProcess(this.pid as Pid);
    this.#unlink();
    const gone = this.#outcome(Number.POSITIVE_INFINITY);
    const isBrutal = patience === 'brutal_kill';
    exitSignal(process, undefined, isBrutal ? 'kill' : 'shutdown', false);
    const timer =
      isBrutal || patience === Number.POSITIVE_INFINITY || !process.isAlive
        ? undefined
        : process.host.timers.add(patience, () => exitSignal(process, undefined, 'kill', false));
    const result = await gone;
    timer?.cancel();
    const isAsked = result && 'exit' in result && (result.exit === 'shutdown' || result.exit === 'killed');
    return isAsked ? undefined : result;
  }

  /** Detaches from the task: it goes on, unlinked, and nobody hears of it. @returns a result that was there before. */
  ignore(): TaskResult<T> | undefined {
    this.#checkOwner();
    this.#unlink();
    if (this.ref !== undefined && this.owner !== undefined) asProcess(this.owner).demonitor(this.ref, { flush: true });
    return this.#result.value;
  }

  #unlink(): void {
    if (this.owner !== undefined && this.pid !== undefined) asProcess(this.owner).unlink(this.pid);
  }

  get #label(): string {
    return this.pid?.label ?? 'completed';
  }

  #outcome(timeoutMs: number): Promise<TaskResult<T> | undefined> {
    return this.#result.wait((this.pid as Process | undefined)?.host.timers, timeoutMs);
  }

  /** Waits for all values, in the order given; rejects as the first one does. `Task.await_many/2`. */
  static awaitMany<T>(tasks: readonly Task<T>[], timeoutMs: number = TASK_TIMEOUT_MS_DEFAULT): Promise<T[]> {
    return Promise.all(tasks.map((task) => task.await(timeoutMs)));
  }

  /**
   * Waits for the results of all, in the order given; `Task.yield_many/2`.
   *
   * @param options.limit - enough results; default: all.
   * @param options.onTimeout - what happens to those without one: `nothing` (default), `ignore` or `kill_task`.
   */
  static async yieldMany<T>(
    tasks: readonly Task<T>[],
    options: {
      readonly timeoutMs?: number;
      readonly limit?: number;
      readonly onTimeout?: 'nothing' | 'ignore' | 'kill_task';
    } = {},
  ): Promise<readonly (readonly [task: Task<T>, result: TaskResult<T> | undefined])[]> {
    const { timeoutMs = TASK_TIMEOUT_MS_DEFAULT } = options;
    const onTimeout = checkOneOf('onTimeout', options.onTimeout ?? 'nothing', ['nothing', 'ignore', 'kill_task']);
    const limit = Math.min(checkInteger('limit', options.limit ?? tasks.length, 0, 1_000_000_000), tasks.length);
    let count = 0;
    const outcomes = tasks.map((task) => task.yield(timeoutMs));
    await new Promise<void>((resolve) => {
      if (limit === 0) resolve();
      for (const outcome of outcomes) {
        outcome.then((result) => {
          if (result !== undefined) count += 1;
          if (count >= limit) resolve();
        });
      }
      Promise.all(outcomes).then(() => resolve());
    });
    return Promise.all(
      tasks.map(async (task) => {
        const { value } = task.#result;
        if (value !== undefined) return [task, value] as const;
        if (onTimeout === 'ignore') task.ignore();
        return [task, onTimeout === 'kill_task' ? await task.shutdown('brutal_kill') : undefined] as const;
      }),
    );
  }
}

function ownerOf(owner: Process | undefined): { readonly parent?: Pid } {
  return owner === undefined ? {} : { parent: owner };
}

/** Who started the tasks that led here, nearest first: `$callers`. Empty outside of tasks. */
export function callers(pid: Pid | undefined = currentProcess()): readonly Pid[] {
  return pid === undefined ? [] : (asProcess(pid).extras?.callers ?? []);
}
