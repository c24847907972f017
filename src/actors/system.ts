/**
 * An actor system: the run queue, the names, the clock and the deadlines that its processes share.
 *
 * Several systems can live in one JavaScript process and know nothing of each other. Most programs use the one behind
 * {@link defaultSystem}. Scheduling is first come, first served: a process takes up to 64 messages a turn, and after
 * 1024 messages or 3 ms the event loop gets a turn, so that timers and sockets never starve (ARCHITECTURE, "facts").
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { DeadlineQueue } from '../base/deadline-queue.ts';
import { describeReason } from '../base/errors.ts';
import { consoleLogger, guardLogger, type Logger, silentLogger } from '../base/logger.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { Telemetry } from '../base/telemetry.ts';
import { ActorError } from './errors.ts';
import type { Mailbox } from './mailbox.ts';
import type { Pid } from './pid.ts';
import type { Request } from './request.ts';
import { TimerQueue } from './timer-queue.ts';

/** Messages handled before the event loop gets a turn. */
export const MESSAGES_PER_SLICE = 1024;
/** Time after which the event loop gets a turn, in ms, looked at every 16 to 31 messages. */
export const SLICE_MS_MAX = 3;
const MESSAGES_PER_CLOCK_READING = 16;

/** What a system is made with. */
export interface ActorSystemOptions {
  /** Default: the host's clock. */
  readonly clock?: Clock;
  /** Where crash and restart reports go; what it throws is swallowed. Default: nowhere. */
  readonly logger?: Logger;
  /** Default: one of its own. */
  readonly telemetry?: Telemetry;
  /** Reports every handler that runs longer, in ms; costs two clock readings a message. Default: nobody looks. */
  readonly longHandlerMs?: number;
  /**
   * Refuses, with `CALL_CYCLE` and the names in it, a call that would wait for its own caller. Sees calls that callbacks
   * make before their first `await`. Default false.
   */
  readonly isDetectingCallCycles?: boolean;
  /**
   * A call that a callback makes while it serves another waits at most as long as that one has left; further on it travels
   * the same way. Sees what {@link ActorSystemOptions.isDetectingCallCycles} sees, and calls that name their `caller`.
   * Default false.
   */
  readonly isPropagatingDeadlines?: boolean;
  /** Who runs next; default: first come, first served. A test kit passes a seeded one. */
  readonly scheduler?: Scheduler;
}

/** Decides in which order processes that have messages run. */
export interface Scheduler {
  /** Takes note that `process` has something to do; called once until it has run. */
  ready(process: Runnable): void;
  /** Starts on it soon, never in the turn that calls; `run` until there is nothing to do. */
  attach(runner: { readonly onFailure: (process: Runnable, error: unknown) => void }): void;
}

/** A process as a scheduler sees it. */
export interface Runnable {
  readonly id: number;
  readonly label: string;
  readonly mailboxLength: number;
  /** Handles at most `messagesMax` messages. */
  run(messagesMax?: number): void;
}

const RESOLVED = Promise.resolve();

/** A world of processes. */
export class ActorSystem {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  /** @internal */
  readonly deadlines: DeadlineQueue<Request>;
  /** @internal */
  readonly timers: TimerQueue;
  /** @internal */
  readonly longHandlerMs: number | undefined;
  /** @internal */
  readonly isDetectingCallCycles: boolean;
  /** @internal */
  readonly isPropagatingDeadlines: boolean;
  readonly #scheduler: Scheduler | undefined;
  readonly #names = new Map<string, Mailbox>();
  readonly #ready = new RingQueue<Mailbox>();
  #lastId = 0;
  #processCount = 0;
  #isDraining = false;
  #isYielding = false;
  #sliceEndArmed = false;
  #isSliceOver = false;
  #sliceMessages = 0;
  #sliceCheckAt = 0;
  #sliceStartMs = 0;

  constructor(options: ActorSystemOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.logger = guardLogger(options.logger ?? silentLogger);
    this.telemetry = options.telemetry ?? new Telemetry(this.logger);
    this.timers = new TimerQueue(this.clock);
    this.longHandlerMs = options.longHandlerMs;
    this.isDetectingCallCycles = options.isDetectingCallCycles ?? false;
    this.isPropagatingDeadlines = options.isPropagatingDeadlines ?? false;
    this.#scheduler = options.scheduler;
    this.#scheduler?.attach({ onFailure: (process, error) => this.#failed(process as Mailbox, error) });
    this.deadlines = new DeadlineQueue<Request>(this.clock, (request) => {
      request.fail('TIMEOUT', 'timeout');
    });
  }

  /** Processes alive. */
  get processCount(): number {
    return this.#processCount;
  }

  /** The process of that name, or `undefined`. */
  whereis(name: string): Pid | undefined {
    return this.#names.get(name);
  }

  /** Names in use, in the order they were taken. */
  registeredNames(): string[] {
    return [...this.#names.keys()];
  }

  /**
   * Gives `name` to a process that runs already, until it ends; `erlang(3) register/2`.
   *
   * @throws ActorError `NAME_INVALID`, `ALREADY_REGISTERED` (`reason`: the pid that has the name), `NOPROC` when `pid` has
   * ended or is of another system.
   */
  register(name: string, pid: Pid): void {
    const process = pid as Mailbox;
    checkName(name);
    const owner = this.#names.get(name);
    if (owner !== undefined) {
      throw new ActorError('ALREADY_REGISTERED', `name ${name} is taken by ${owner}`, {
        reason: owner,
      });
    }
    if (!process.isAlive || process.host !== this) {
      throw new ActorError('NOPROC', `${pid.label} is no living process of this system`, { reason: 'noproc' });
    }
    if (process.name !== undefined) {
      throw new ActorError('ALREADY_REGISTERED', `${process.label} has a name already`, { reason: process });
    }
    this.#names.set(name, process);
    process.more().name = name;
  }

  /** Takes a name back. @throws ActorError `NOPROC` when nobody has it. */
  unregister(name: string): void {
    const owner = this.#names.get(name);
    if (owner === undefined) throw new ActorError('NOPROC', `name ${name} is not registered`, { reason: 'noproc' });
    this.#names.delete(name);
    owner.more().name = undefined;
  }

  /** As {@link ActorSystem.register}, for a process that is being started. @internal */
  claim(name: string, process: Mailbox): void {
    checkName(name);
    const owner = this.#names.get(name);
    if (owner !== undefined) {
      throw new ActorError('ALREADY_STARTED', `name ${name} is taken by ${owner}`, {
        reason: owner,
      });
    }
    this.#names.set(name, process);
    process.more().name = name;
  }

  /** @internal */
  nextId(): number {
    this.#processCount += 1;
    this.#lastId += 1;
    return this.#lastId;
  }

  /** @internal */
  forget(process: Mailbox): void {
    this.#processCount -= 1;
    const name = process.extras?.name;
    if (name !== undefined) this.#names.delete(name);
  }

  /** @internal */
  schedule(process: Mailbox): void {
    if (this.#scheduler !== undefined) {
      this.#scheduler.ready(process);
      return;
    }
    this.#ready.push(process);
    if (this.#isDraining || this.#isYielding) return;
    this.#isDraining = true;
    // A `then` on a resolved promise costs 95 ns where queueMicrotask costs 136 (Node 20).
    RESOLVED.then(this.#startDraining);
  }

  /** @internal */
  tick(messageCount: number): boolean {
    this.#sliceMessages += messageCount;
    return this.#sliceMessages >= this.#sliceCheckAt && this.#checkSlice();
  }

  #checkSlice(): boolean {
    this.#sliceCheckAt = this.#sliceMessages + MESSAGES_PER_CLOCK_READING;
    if (this.#sliceMessages >= MESSAGES_PER_SLICE || this.clock.monotonicMs() - this.#sliceStartMs > SLICE_MS_MAX) {
      this.#isSliceOver = true;
    }
    return this.#isSliceOver;
  }

  #failed(process: Mailbox, error: unknown): void {
    // The machinery does not throw; if it does, only the process at hand pays for it.
    this.logger.error(`${process.label}: the process loop failed`, { error: describeReason(error) });
    process.end(error);
  }

  readonly #startDraining = (): void => this.drain();

  /** A method, not a closure: what is made once is compiled with its names known. */
  private drain(): void {
    if (!this.#sliceEndArmed) {
      this.#sliceEndArmed = true;
      this.#isSliceOver = false;
      this.#sliceMessages = 0;
      this.#sliceCheckAt = MESSAGES_PER_CLOCK_READING;
      this.#sliceStartMs = this.clock.monotonicMs();
      this.clock.defer(this.#endSlice);
    }
    while (this.#ready.length > 0) {
      if (this.#isSliceOver) {
        this.#isYielding = true;
        break;
      }
      const process = this.#ready.shift() as Mailbox;
      try {
        process.run();
      } catch (error) {
        this.#failed(process, error);
      }
    }
    this.#isDraining = false;
  }

  readonly #endSlice = (): void => {
    this.#sliceEndArmed = false;
    if (!this.#isYielding) return;
    this.#isYielding = false;
    if (this.#ready.length > 0) {
      this.#isDraining = true;
      this.drain();
    }
  };
}

function checkName(name: unknown): void {
  if (typeof name !== 'string' || name === '') {
    throw new ActorError('NAME_INVALID', `name is ${describeReason(name, 60)}: expected a non-empty string`);
  }
}

let shared: ActorSystem | undefined;

/**
 * The system that programs use when they name none; made on first use. It says on the error console (stderr in Node) why
 * processes crash and are restarted; for another logger, or none, make an {@link ActorSystem} and pass it as `system`.
 */
export function defaultSystem(): ActorSystem {
  shared ??= new ActorSystem({ logger: consoleLogger(systemClock) });
  return shared;
}
