/**
 * A process: a mailbox, what it is linked to and watched by, and one message at a time.
 *
 * This file is the core under every kind of process (GenServer, GenStatem, Supervisor). It follows `erlang(3)` for links,
 * monitors and exit signals. Two things differ because JavaScript cannot pre-empt: an exit signal that ends a process takes
 * effect at once for everybody else, while a handler of it that is running goes on to its end and has its result dropped.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { DeadlineQueue } from '../base/deadline-queue.ts';
import type { Logger } from '../base/logger.ts';
import { RingQueue } from '../base/ring-queue.ts';
import type { Telemetry } from '../base/telemetry.ts';
import type { ExitReason } from './exit-reason.ts';
import { MessageKind, type Request } from './request.ts';

/** Messages one process handles before the next in the run queue has its turn. */
export const MESSAGES_PER_TURN = 64;

/** A process, as others see it. */
export interface Pid {
  /** Unique in its system, from 1. */
  readonly id: number;
  /** False from the moment its exit signals are sent. */
  readonly isAlive: boolean;
  /** Its name if it has one, else `Module<id>`; for people. */
  readonly label: string;
}

/** What a watcher gets when the process it monitors ends, or at once with reason `noproc` when it had ended before. */
export interface Down {
  readonly type: 'down';
  readonly ref: MonitorRef;
  readonly pid: Pid;
  readonly reason: ExitReason;
}

/** What a trapping process gets when a process linked to it ends. */
export interface Exit {
  readonly type: 'exit';
  readonly pid: Pid;
  readonly reason: ExitReason;
}

/** What a server gets when the time set by a `timeoutMs` action passes without a message. */
export interface Timeout {
  readonly type: 'timeout';
}

/** A monitor, from `monitor` until its `down` or `demonitor`. Compare by identity. */
export interface MonitorRef {
  readonly pid: Pid;
}

/** A message armed by `sendAfter`. */
export interface TimerRef {
  /** Stops it. @returns the ms that were left, or false when it had fired or was cancelled before. */
  cancel(): number | false;
}

/** The process that a callback runs in, given to its code as `this.self`. */
export interface Self extends Pid {
  /** Turns exit signals of linked processes into `exit` messages. @returns what it was before. */
  trapExit(isTrapping: boolean): boolean;
  /** Links both ways; a dead `pid` acts as if it had just exited with `noproc`. */
  link(pid: Pid): void;
  /** Takes the link back; an `exit` message already queued stays. */
  unlink(pid: Pid): void;
  /** Asks for one `down` message when `pid` ends. */
  monitor(pid: Pid): MonitorRef;
  /** Takes a monitor back; with `flush`, also a `down` that waits in the mailbox. @returns false when it was gone. */
  demonitor(ref: MonitorRef, options?: { readonly flush?: boolean }): boolean;
  /** Sends `message` to itself (default) or `pid` after `delayMs`, never early; dropped when the receiver is dead. */
  sendAfter(message: unknown, delayMs: number, pid?: Pid): TimerRef;
  /** Sends an exit signal to itself: ends it with `reason` once the running callback returns. */
  exit(reason: ExitReason): void;
  /** Aborted when this process ends: for work that an async callback has started. */
  readonly signal: AbortSignal;
}

/** What a process needs of its system. @internal */
export interface ProcessHost {
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue<Request>;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  /** Puts a process with messages into the run queue. */
  schedule(process: Process): void;
  /** Counts one handled message; true when the host's event loop is due a turn. */
  tick(): boolean;
  /** Frees the name and pid of a process that ends, before anybody hears of it. */
  forget(process: Process): void;
  nextId(): number;
}

/** @internal */
export class CastMessage {
  readonly kind: typeof MessageKind.cast = MessageKind.cast;
  readonly tag: string;
  readonly payload: unknown;
  constructor(tag: string, payload: unknown) {
    this.tag = tag;
    this.payload = payload;
  }
}

/** @internal */
export class InfoMessage {
  readonly kind: typeof MessageKind.info = MessageKind.info;
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** @internal */
export class ExitMessage {
  readonly kind: typeof MessageKind.exit = MessageKind.exit;
  readonly pid: Process;
  readonly reason: ExitReason;
  constructor(pid: Process, reason: ExitReason) {
    this.pid = pid;
    this.reason = reason;
  }
}

/** The value of a `continue` action: handled before any other message. @internal */
export class ContinueMessage {
  readonly kind: typeof MessageKind.continue = MessageKind.continue;
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** A request to the process machinery itself (`sys`): runs in the process, in queue order. @internal */
export class SystemMessage {
  readonly kind: typeof MessageKind.system = MessageKind.system;
  readonly request: Request;
  readonly operation: (process: Process) => unknown;
  constructor(request: Request, operation: (process: Process) => unknown) {
    this.request = request;
    this.operation = operation;
  }
}

/** @internal */
export type Message = Request | CastMessage | InfoMessage | SystemMessage | ExitMessage | ContinueMessage;

class Monitor implements MonitorRef {
  readonly pid: Process;
  readonly watcher: Process;
  constructor(pid: Process, watcher: Process) {
    this.pid = pid;
    this.watcher = watcher;
  }
}

class SendAfter implements TimerRef {
  readonly #owner: Process;
  readonly #clock: Clock;
  readonly #dueMs: number;
  #timer: Timer | undefined;

  constructor(owner: Process, clock: Clock, delayMs: number, fire: () => void) {
    this.#owner = owner;
    this.#clock = clock;
    this.#dueMs = clock.monotonicMs() + delayMs;
    this.#timer = clock.setTimer(() => {
      this.#timer = undefined;
      owner.timers?.delete(this);
      fire();
    }, delayMs);
  }

  cancel(): number | false {
    if (this.#timer === undefined) return false;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#owner.timers?.delete(this);
    return Math.max(0, Math.ceil(this.#dueMs - this.#clock.monotonicMs()));
  }
}

let current: Process | undefined;

/** The process whose callback is running, valid until its first `await`; `undefined` outside of processes. */
export function self(): Self | undefined {
  return current;
}

/** @internal */
export function currentProcess(): Process | undefined {
  return current;
}

/** Ends waiting for their turn: a chain of links is walked by this queue, not by the stack. */
const ending = new RingQueue<{ readonly process: Process; readonly reason: ExitReason }>();
let isEnding = false;

/** The common part of all processes. Fields are read by the process column only. @internal */
export abstract class Process implements Self {
  readonly id: number;
  readonly host: ProcessHost;
  readonly parent: Process | undefined;
  name: string | undefined = undefined;
  isAlive = true;
  isTrapping = false;
  isSuspended = false;
  /** An async callback has not finished: messages wait. */
  isBusy = false;
  isScheduled = false;
  mailbox: RingQueue<Message> | undefined = undefined;
  systemLane: RingQueue<Message> | undefined = undefined;
  /** The call whose handler runs now. */
  serving: Request | undefined = undefined;
  /** Calls handled without an answer yet. */
  deferred: Set<Request> | undefined = undefined;
  links: Set<Process> | undefined = undefined;
  watchers: Set<Monitor> | undefined = undefined;
  monitors: Set<Monitor> | undefined = undefined;
  timers: Set<TimerRef> | undefined = undefined;
  exitHooks: Set<(reason: ExitReason) => void> | undefined = undefined;
  aborter: AbortController | undefined = undefined;

  constructor(host: ProcessHost, parent: Process | undefined) {
    this.id = host.nextId();
    this.host = host;
    this.parent = parent;
  }

  /** What people call this kind of process. */
  abstract get moduleName(): string;

  /** Handles one message; a returned promise keeps the mailbox waiting. Must not throw. */
  protected abstract handle(message: Message): PromiseLike<void> | undefined;

  get label(): string {
    return this.name ?? `${this.moduleName}<${this.id}>`;
  }

  get mailboxLength(): number {
    return (this.mailbox?.length ?? 0) + (this.systemLane?.length ?? 0);
  }

  /** Queues `message`; to a dead process it is dropped, and a request is answered `NOPROC`. */
  deliver(message: Message): void {
    if (!this.isAlive) {
      failRequest(message, 'NOPROC', 'noproc');
      return;
    }
    if (this.isSuspended && isForMachinery(message, this)) {
      this.systemLane ??= new RingQueue<Message>();
      this.systemLane.push(message);
    } else {
      this.mailbox ??= new RingQueue<Message>();
      this.mailbox.push(message);
    }
    if (!this.isScheduled && !this.isBusy) {
      this.isScheduled = true;
      this.host.schedule(this);
    }
  }

  /** Handles messages until the mailbox is empty, the turn is used up, or a callback has to be waited for. */
  run(): void {
    this.isScheduled = false;
    for (let count = 0; count < MESSAGES_PER_TURN; count += 1) {
      if (!this.isAlive || this.isBusy) return;
      const message = this.#next();
      if (message === undefined) return;
      const outer = current;
      current = this;
      const pending = this.handle(message);
      current = outer;
      if (pending !== undefined) this.hold(pending);
      if (this.host.tick()) break;
    }
    this.wake();
  }

  #next(): Message | undefined {
    const system = this.systemLane?.shift();
    if (system !== undefined || this.isSuspended) return system;
    return this.mailbox === undefined ? undefined : this.mailbox.shift();
  }

  /** Runs `callback` as this process, so that {@link self} is right in it. */
  enter<T>(callback: () => T): T {
    const outer = current;
    current = this;
    try {
      return callback();
    } finally {
      current = outer;
    }
  }

  /** Makes the mailbox wait for `pending`, which must not reject. */
  hold(pending: PromiseLike<void>): void {
    this.isBusy = true;
    pending.then(() => {
      this.isBusy = false;
      this.wake();
    });
  }

  /** Puts the process into the run queue if there is something it may handle now. */
  wake(): void {
    if (!this.isAlive || this.isBusy || this.isScheduled) return;
    if ((this.systemLane?.length ?? 0) > 0 || (!this.isSuspended && (this.mailbox?.length ?? 0) > 0)) {
      this.isScheduled = true;
      this.host.schedule(this);
    }
  }

  trapExit(isTrapping: boolean): boolean {
    const before = this.isTrapping;
    this.isTrapping = isTrapping;
    return before;
  }

  link(pid: Pid): void {
    const other = asProcess(pid);
    if (other === this || !this.isAlive) return;
    if (!other.isAlive) {
      exitSignal(this, other, 'noproc', true);
      return;
    }
    this.links ??= new Set();
    this.links.add(other);
    other.links ??= new Set();
    other.links.add(this);
  }

  unlink(pid: Pid): void {
    const other = asProcess(pid);
    this.links?.delete(other);
    other.links?.delete(this);
  }

  monitor(pid: Pid): MonitorRef {
    const target = asProcess(pid);
    const ref = new Monitor(target, this);
    if (target.isAlive) {
      target.watchers ??= new Set();
      target.watchers.add(ref);
      this.monitors ??= new Set();
      this.monitors.add(ref);
    } else {
      this.deliver(new InfoMessage({ type: 'down', ref, pid: target, reason: 'noproc' } satisfies Down));
    }
    return ref;
  }

  demonitor(ref: MonitorRef, options: { readonly flush?: boolean } = {}): boolean {
    const monitor = ref as Monitor;
    const wasActive = this.monitors?.delete(monitor) ?? false;
    monitor.pid.watchers?.delete(monitor);
    if (options.flush === true && !wasActive) {
      this.mailbox?.filter((message) => !(message.kind === MessageKind.info && isDownOf(message.value, ref)));
    }
    return wasActive;
  }

  sendAfter(message: unknown, delayMs: number, pid: Pid = this): TimerRef {
    if (!(delayMs >= 0)) throw new RangeError(`sendAfter: delayMs is ${delayMs}: expected 0 or more`);
    const target = asProcess(pid);
    // The timer belongs to the receiver: it is of no use to anybody once that one is dead.
    const timer = new SendAfter(target, this.host.clock, delayMs, () => target.deliver(new InfoMessage(message)));
    target.timers ??= new Set();
    target.timers.add(timer);
    return timer;
  }

  exit(reason: ExitReason): void {
    exitSignal(this, this, reason, false);
  }

  get signal(): AbortSignal {
    this.aborter ??= new AbortController();
    if (!this.isAlive) this.aborter.abort();
    return this.aborter.signal;
  }

  /** Calls `hook` with the reason when this process has ended; the returned function takes it back. */
  onExit(hook: (reason: ExitReason) => void): () => void {
    this.exitHooks ??= new Set();
    this.exitHooks.add(hook);
    return () => {
      this.exitHooks?.delete(hook);
    };
  }

  /** Ends this process: names are freed, callers answered, watchers told, links signalled, in that order. */
  end(reason: ExitReason): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    ending.push({ process: this, reason });
    if (isEnding) return;
    isEnding = true;
    for (let next = ending.shift(); next !== undefined; next = ending.shift()) next.process.announceEnd(next.reason);
    isEnding = false;
  }

  /** @internal */
  announceEnd(reason: ExitReason): void {
    this.host.forget(this);
    for (const timer of this.timers ?? []) timer.cancel();
    this.aborter?.abort();
    this.#failRequests(reason);
    for (const monitor of this.monitors ?? []) monitor.pid.watchers?.delete(monitor);
    this.monitors = undefined;
    const watchers = this.watchers;
    this.watchers = undefined;
    for (const ref of watchers ?? []) {
      ref.watcher.monitors?.delete(ref);
      ref.watcher.deliver(new InfoMessage({ type: 'down', ref, pid: this, reason } satisfies Down));
    }
    const links = this.links;
    this.links = undefined;
    for (const linked of links ?? []) {
      linked.links?.delete(this);
      exitSignal(linked, this, reason, true);
    }
    const hooks = this.exitHooks;
    this.exitHooks = undefined;
    for (const hook of hooks ?? []) hook(reason);
  }

  #failRequests(reason: ExitReason): void {
    this.serving?.fail('EXIT', reason);
    this.serving = undefined;
    const deferred = this.deferred;
    this.deferred = undefined;
    for (const request of deferred ?? []) request.fail('EXIT', reason);
    for (const message of this.systemLane?.toArray() ?? []) failRequest(message, 'EXIT', reason);
    for (const message of this.mailbox?.toArray() ?? []) failRequest(message, 'EXIT', reason);
    this.systemLane = undefined;
    this.mailbox = undefined;
  }
}

/**
 * Sends the exit signal `reason` from `from` to `pid`; `erlang(3) exit/2`.
 *
 * `kill` cannot be trapped and shows as `killed`; `normal` is ignored by a process that does not trap, unless it is its own.
 */
export function exit(pid: Pid, reason: ExitReason, from: Pid = pid): void {
  exitSignal(asProcess(pid), asProcess(from), reason, false);
}

/** @internal */
export function exitSignal(target: Process, from: Process, reason: ExitReason, isFromLink: boolean): void {
  if (!target.isAlive) return;
  // A process that exits by itself with `kill` spreads an ordinary, trappable `kill`.
  if (reason === 'kill' && !isFromLink) target.end('killed');
  else if (target.isTrapping) target.deliver(new ExitMessage(from, reason));
  else if (reason !== 'normal' || (from === target && !isFromLink)) target.end(reason);
}

/** Sends a plain message: `handleInfo` gets it. To a dead process it is dropped. */
export function send(pid: Pid, message: unknown): void {
  asProcess(pid).deliver(new InfoMessage(message));
}

/** @internal */
export function asProcess(pid: Pid): Process {
  if (pid instanceof Process) return pid;
  throw new TypeError('expected a pid of this version of genmesh');
}

/** True for what even a suspended process handles: sys requests and the exit of its parent. @internal */
export function isForMachinery(message: Message, process: Process): boolean {
  return message.kind === MessageKind.system || (message.kind === MessageKind.exit && message.pid === process.parent);
}

function failRequest(message: Message, code: 'NOPROC' | 'EXIT', reason: ExitReason): void {
  if (message.kind === MessageKind.call) message.fail(code, reason);
  else if (message.kind === MessageKind.system) message.request.fail(code, reason);
}

function isDownOf(value: unknown, ref: MonitorRef): boolean {
  return typeof value === 'object' && value !== null && (value as Down).type === 'down' && (value as Down).ref === ref;
}
