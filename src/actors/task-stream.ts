/**
 * asyncStream: a function over many items, some at a time, each in a process of its own; `Task.async_stream/3`.
 *
 * The stream is lazy: an item is taken when there is room for it. Leaving the loop early ends the tasks that still run.
 */
import { checkInteger, checkOneOf } from '../base/errors.ts';
import { checkTimeout } from './callable-process.ts';
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { currentProcess } from './process.ts';
import type { MaybePromise } from './protocol.ts';
import type { SpawnedSelf } from './spawn.ts';
import { TASK_TIMEOUT_MS_DEFAULT, Task, type TaskBody, type TaskOptions, type TaskResult } from './task.ts';

/** Default of `maxConcurrency`. Elixir takes the number of cores; one JavaScript thread has no better number. */
export const TASK_CONCURRENCY_DEFAULT = 8;

/** How a stream of tasks runs. */
export interface TaskStreamOptions extends TaskOptions {
  /** Tasks at a time, 1 to 1 000 000. Default {@link TASK_CONCURRENCY_DEFAULT}. */
  readonly maxConcurrency?: number;
  /** Results in the order of the items; else in the order they come. Default true. */
  readonly isOrdered?: boolean;
  /** Patience with one item, in ms, or `Infinity`. Default 5000. */
  readonly timeoutMs?: number;
  /** What a timeout does: `exit` (default) ends the stream with an error, `kill_task` gives `{ exit: 'timeout' }`. */
  readonly onTimeout?: 'exit' | 'kill_task';
  /** Failures carry the item: `{ exit: reason, item }`. Default false. */
  readonly isZippingInputOnExit?: boolean;
}

/** One result of a stream. */
export type StreamResult<T, I> = { readonly ok: T } | { readonly exit: ExitReason; readonly item?: I };

/** Starts one task of a stream. */
export type StartTask = <T>(body: TaskBody<T>, options: TaskOptions) => MaybePromise<Task<T>>;

/**
 * Runs `body` for each item. The tasks belong to the process that calls, whenever the loop asks for them.
 *
 * @throws ActorError `TIMEOUT` out of the loop when an item takes longer than `timeoutMs` and `onTimeout` is `exit`;
 * RangeError, as the loop begins, for an option out of range.
 */
export function asyncStream<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  body: (item: I, self: SpawnedSelf) => MaybePromise<T>,
  options: TaskStreamOptions = {},
  startTask: StartTask = (run, taskOptions) => Task.async(run, taskOptions),
): AsyncGenerator<StreamResult<T, I>, void, undefined> {
  // Taken here, because the loop runs in later turns, which know of no process.
  const parent = options.parent ?? currentProcess();
  return stream(items, body, parent === undefined ? options : { ...options, parent }, startTask);
}

async function* stream<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  body: (item: I, self: SpawnedSelf) => MaybePromise<T>,
  options: TaskStreamOptions,
  startTask: StartTask,
): AsyncGenerator<StreamResult<T, I>, void, undefined> {
  const max = checkInteger('maxConcurrency', options.maxConcurrency ?? TASK_CONCURRENCY_DEFAULT, 1, 1_000_000);
  const onTimeout = checkOneOf('onTimeout', options.onTimeout ?? 'exit', ['exit', 'kill_task']);
  const timeoutMs = checkTimeout(options.timeoutMs ?? TASK_TIMEOUT_MS_DEFAULT);
  const isOrdered = options.isOrdered ?? true;
  const iterator =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : (items as Iterable<I>)[Symbol.iterator]();
  interface Running {
    readonly task: Task<T>;
    readonly item: I;
    readonly settled: Promise<Running>;
    result: TaskResult<T> | undefined;
  }
  const running: Running[] = [];
  let isExhausted = false;
  const launch = async (): Promise<void> => {
    const next = await iterator.next();
    if (next.done === true) {
      isExhausted = true;
      return;
    }
    const item = next.value;
    const task = await startTask((self) => body(item, self), options);
    const entry: Running = {
      task,
      item,
      result: undefined,
      settled: task.yield(timeoutMs).then((result) => {
        entry.result = result;
        return entry;
      }),
    };
    running.push(entry);
  };
  try {
    while (!isExhausted && running.length < max) await launch();
    while (running.length > 0) {
      const done = await (isOrdered ? (running[0] as Running).settled : Promise.race(running.map((r) => r.settled)));
      running.splice(running.indexOf(done), 1);
      const { result } = done;
      if (result === undefined) {
        if (onTimeout === 'exit') {
          running.push(done);
          throw new ActorError('TIMEOUT', `a task of a stream took longer than ${timeoutMs} ms`, { reason: 'timeout' });
        }
        await done.task.shutdown('brutal_kill');
      }
      if (!isExhausted) await launch();
      if (result !== undefined && 'ok' in result) yield result;
      else {
        const exit = result === undefined ? 'timeout' : result.exit;
        yield options.isZippingInputOnExit === true ? { exit, item: done.item } : { exit };
      }
    }
  } finally {
    await Promise.all(running.map((entry) => entry.task.shutdown('brutal_kill')));
    await iterator.return?.();
  }
}
