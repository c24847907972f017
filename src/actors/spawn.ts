/**
 * Plain processes: a function with a mailbox, `spawn/1` of Erlang. It takes its messages itself, in any order it likes, and
 * ends when the function returns or throws. For anything that answers calls or is supervised for long, use a GenServer.
 *
 * ```ts
 * const pid = spawn(async (self) => {
 *   const message = await self.receive((m) => m === 'go', { timeoutMs: 1000 });
 * });
 * ```
 */
import { RingQueue } from '../base/ring-queue.ts';
import { checkTimeout } from './callable-process.ts';
import { ActorError } from './errors.ts';
import { continueMessage, type Message, MessageKind } from './message.ts';
import { systemHere } from './names.ts';
import type { Down, MonitorRef, Pid, Self } from './pid.ts';
import { asProcess, currentProcess, Process } from './process.ts';
import type { MaybePromise } from './protocol.ts';
import { reportCrash } from './reports.ts';
import type { ActorSystem } from './system.ts';

/** A process that runs a function, as that function sees it. */
export interface SpawnedSelf extends Self {
  /**
   * Takes the oldest message that `matches` (default: any); the others stay, in order. Exit signals of a trapping process
   * and `down` messages come as they do in a `handleInfo`. One receive at a time.
   *
   * @throws ActorError `TIMEOUT` when none comes within `timeoutMs` (default: waits for ever), `EXIT` once it has ended;
   * RangeError for a timeout that is none.
   */
  receive(matches?: (message: unknown) => boolean, options?: { readonly timeoutMs?: number }): Promise<unknown>;
  /** The oldest message that `matches`, at once, or `undefined`. */
  take(matches?: (message: unknown) => boolean): unknown;
  /** Messages that wait, oldest first; a copy. */
  readonly messages: readonly unknown[];
}

/** How a function is spawned. */
export interface SpawnOptions {
  /** Default: the system of the process that spawns, else the default one. */
  readonly system?: ActorSystem;
  /** Who spawns it. Default: the process whose callback is running. */
  readonly parent?: Pid;
  /** Name for people. Default: the name of the function. */
  readonly label?: string;
}

/** What a spawned process runs; the value it returns is dropped. */
export type SpawnBody = (self: SpawnedSelf) => MaybePromise<unknown>;

interface Receiver {
  readonly matches: (message: unknown) => boolean;
  readonly resolve: (message: unknown) => void;
  readonly reject: (error: ActorError) => void;
}

const ANY = (): boolean => true;

/** @internal */
export class FunctionProcess extends Process implements SpawnedSelf {
  readonly #body: SpawnBody;
  readonly #inbox = new RingQueue<unknown>();
  #receiver: Receiver | undefined;

  get moduleName(): string {
    return this.#body.name || 'spawned';
  }

  constructor(system: ActorSystem, spawner: Process | undefined, isLinked: boolean, body: SpawnBody) {
    super(system, spawner, isLinked);
    this.#body = body;
  }

  get messages(): readonly unknown[] {
    return [...this.#inbox.toArray(), ...(this.mailbox?.toArray() ?? []).map(valueIn)];
  }

  override get mailboxLength(): number {
    return super.mailboxLength + this.#inbox.length;
  }

  protected handle(message: Message): PromiseLike<void> | undefined {
    if (message.kind === MessageKind.continue) {
      this.#begin();
      return undefined;
    }
    const value = valueIn(message);
    const receiver = this.#receiver;
    if (receiver?.matches(value) === true) {
      this.#receiver = undefined;
      receiver.resolve(value);
    } else this.#inbox.push(value);
    return undefined;
  }

  #begin(): void {
    const fail = (error: unknown): void => {
      if (!this.isAlive) return;
      reportCrash(this, error);
      this.end(error);
    };
    try {
      const result = this.#body(this);
      if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') this.end('normal');
      else Promise.resolve(result).then(() => this.end('normal'), fail);
    } catch (error) {
      fail(error);
    }
  }

  override demonitor(ref: MonitorRef, options: { readonly flush?: boolean } = {}): boolean {
    if (options.flush === true) {
      this.#inbox.filter((message) => (message as Partial<Down> | null | undefined)?.ref !== ref);
    }
    return super.demonitor(ref, options);
  }

  take(matches: (message: unknown) => boolean = ANY): unknown {
    for (let i = 0; i < this.#inbox.length; i += 1) {
      const value = this.#inbox.at(i);
      if (!matches(value)) continue;
      if (i === 0) this.#inbox.shift();
      else {
        let index = -1;
        this.#inbox.filter(() => {
          index += 1;
          return index !== i;
        });
      }
      return value;
    }
    return undefined;
  }

  receive(
    matches: (message: unknown) => boolean = ANY,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<unknown> {
    const { timeoutMs = Number.POSITIVE_INFINITY } = options;
    checkTimeout(timeoutMs);
    if (this.#receiver !== undefined) throw new TypeError(`${this.label}: a receive is waiting already`);
    return new Promise((resolve, reject) => {
      const waiting = this.#inbox.toArray().some(matches);
      if (waiting) {
        resolve(this.take(matches));
        return;
      }
      if (!this.isAlive) {
        reject(new ActorError('EXIT', `${this.label} has ended`, { reason: this.exitReason }));
        return;
      }
      const timer =
        timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : this.host.timers.add(timeoutMs, () => {
              this.#receiver = undefined;
              unhook();
              reject(
                new ActorError('TIMEOUT', `${this.label} received nothing in ${timeoutMs} ms`, { reason: 'timeout' }),
              );
            });
      const unhook = this.onExit((reason) => {
        timer?.cancel();
        this.#receiver = undefined;
        reject(new ActorError('EXIT', `${this.label} has ended`, { reason }));
      });
      const done = (message: unknown): void => {
        timer?.cancel();
        unhook();
        resolve(message);
      };
      this.#receiver = { matches, resolve: done, reject };
    });
  }
}

function valueIn(message: Message): unknown {
  if (message.kind !== MessageKind.exit) return message.payload;
  return { type: 'exit', pid: message.payload.pid, reason: message.payload.reason };
}

/** Runs `body` as a process of its own; `erlang(3) spawn/1`. It starts in a later turn. */
export function spawn(body: SpawnBody, options: SpawnOptions = {}): Pid {
  return spawnFunction(body, options, false);
}

/** As {@link spawn}, linked to the process that spawns. @throws ActorError `NOPROC` when that one has ended. */
export function spawnLink(body: SpawnBody, options: SpawnOptions = {}): Pid {
  return spawnFunction(body, options, true);
}

/**
 * As {@link spawn}, watched by the process that spawns: its `down` always has the true reason.
 *
 * @throws TypeError outside of a process, as nobody is there to get the `down`.
 */
export function spawnMonitor(
  body: SpawnBody,
  options: SpawnOptions = {},
): { readonly pid: Pid; readonly ref: MonitorRef } {
  const watcher = options.parent === undefined ? currentProcess() : asProcess(options.parent);
  if (watcher === undefined) throw new TypeError('spawnMonitor: no process is running to watch the new one');
  const pid = spawnFunction(body, { ...options, parent: watcher }, false);
  return { pid, ref: watcher.monitor(pid) };
}

/** @internal */
export function spawnFunction(body: SpawnBody, options: SpawnOptions, isLinked: boolean): FunctionProcess {
  const spawner = options.parent === undefined ? currentProcess() : asProcess(options.parent);
  const system = options.system ?? (spawner?.host as ActorSystem | undefined) ?? systemHere();
  if (isLinked && spawner !== undefined && !spawner.isAlive) {
    throw new ActorError('NOPROC', `${spawner.label} has ended and cannot spawn`, { reason: 'noproc' });
  }
  const process = new FunctionProcess(system, spawner, isLinked, body);
  if (options.label !== undefined) process.setLabel(options.label);
  if (isLinked && spawner !== undefined) process.link(spawner);
  process.deliverFirst(continueMessage(undefined));
  return process;
}
