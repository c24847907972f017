/**
 * A process: a mailbox, what it is linked to and watched by, and one message at a time.
 *
 * This file is the core under every kind of process (GenServer, GenStatem, Supervisor, spawned functions). It follows
 * `erlang(3)` for links, monitors and exit signals. Two things differ because JavaScript cannot pre-empt: an exit signal that
 * ends a process takes effect at once for everybody else, while a handler of it that is running goes on to its end and has
 * its result dropped.
 */
import { TIMER_DELAY_MS_MAX } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { currentMailbox, Flag, failRequest, Mailbox, type ProcessHost } from './mailbox.ts';
import { exitMessage, infoMessage, type Message, MessageKind } from './message.ts';
import type { Alias, Destination, Down, MonitorRef, Pid, Self, TimerRef } from './pid.ts';
import type { ProcessExtras } from './process-extras.ts';
import type { Request, RequestOwner } from './request.ts';
import type { QueuedTimer } from './timer-queue.ts';

export type { Alias, Destination, Down, Exit, MonitorRef, Pid, Self, Timeout, TimerRef } from './pid.ts';

class Monitor implements MonitorRef {
  readonly pid: Process;
  readonly watcher: Process;
  constructor(pid: Process, watcher: Process) {
    this.pid = pid;
    this.watcher = watcher;
  }
}

class ProcessAlias implements Alias {
  readonly pid: Process;
  readonly isSingleUse: boolean;
  isActive = true;
  constructor(pid: Process, isSingleUse: boolean) {
    this.pid = pid;
    this.isSingleUse = isSingleUse;
  }
}

const HAS_PARENT = Flag.hasParent;

/** The process whose callback is running, valid until its first `await`; `undefined` outside of processes. */
export function self(): Self | undefined {
  return currentMailbox() as Process | undefined;
}

/** @internal */
export function currentProcess(): Process | undefined {
  return currentMailbox() as Process | undefined;
}

/** Ends waiting for their turn: a chain of links is walked by this queue, not by the stack. */
const ending = new RingQueue<Process>();
let isEnding = false;

/** The common part of all processes. Fields are read by the process column only. @internal */
export abstract class Process extends Mailbox implements Self, RequestOwner {
  spawner: Process | undefined;
  /** The call whose handler runs now. */
  serving: Request | undefined;
  /** One link is the common case and costs no set. */
  linkSlot: Process | Set<Process> | undefined;
  watchers: Monitor | Set<Monitor> | undefined;

  /** @param isLinked - `spawner` is its parent: the exit of that one ends it even if it traps exits. */
  constructor(host: ProcessHost, spawner: Process | undefined, isLinked: boolean) {
    super(host, isLinked && spawner !== undefined ? HAS_PARENT : 0);
    this.spawner = spawner;
    this.serving = undefined;
    this.linkSlot = undefined;
    this.watchers = undefined;
  }

  /** The process it was started by with a link. */
  get parent(): Process | undefined {
    return (this.flags & HAS_PARENT) === 0 ? undefined : this.spawner;
  }

  /** Why it ended; `undefined` while it lives. */
  get exitReason(): ExitReason | undefined {
    return this.extras?.exitReason;
  }

  get ancestors(): readonly Pid[] {
    const list: Pid[] = [];
    for (let next = this.spawner; next !== undefined; next = next.spawner) list.push(next);
    return list;
  }

  setLabel(label: string): void {
    this.more().label = label;
  }

  trapExit(isTrapping: boolean): boolean {
    const before = this.isTrapping;
    this.flags = isTrapping ? this.flags | Flag.trapping : this.flags & ~Flag.trapping;
    return before;
  }

  link(pid: Pid): void {
    const other = asProcess(pid);
    if (other === this || !this.isAlive) return;
    if (other.isAlive) {
      addLink(this, other);
      addLink(other, this);
    } else if (this.isTrapping) {
      this.deliver(exitMessage(other, 'noproc'));
    } else {
      throw new ActorError('NOPROC', `${this.label} cannot link to ${other.label}: no process`, { reason: 'noproc' });
    }
  }

  unlink(pid: Pid): void {
    const other = asProcess(pid);
    dropLink(this, other);
    dropLink(other, this);
  }

  isLinkedTo(other: Process): boolean {
    return this.linkSlot === other || (this.linkSlot instanceof Set && this.linkSlot.has(other));
  }

  /** Whether `other` started it with a link; true also after its end, as long as it is asked in the same turn or later. */
  wasLinkedTo(other: Process): boolean {
    return this.isLinkedTo(other) || this.extras?.exitParent === other;
  }

  /** Its links, in no particular order. */
  get links(): readonly Process[] {
    return this.linkSlot === undefined ? [] : this.linkSlot instanceof Set ? [...this.linkSlot] : [this.linkSlot];
  }

  get watcherCount(): number {
    return this.watchers === undefined ? 0 : this.watchers instanceof Set ? this.watchers.size : 1;
  }

  monitor(pid: Pid): MonitorRef {
    const target = asProcess(pid);
    const ref = new Monitor(target, this);
    if (!target.isAlive) {
      this.deliver(infoMessage({ type: 'down', ref, pid: target, reason: 'noproc' } satisfies Down));
    } else if (this.isAlive) {
      if (target.watchers === undefined) target.watchers = ref;
      else if (target.watchers instanceof Set) target.watchers.add(ref);
      else target.watchers = new Set([target.watchers, ref]);
      const extras = this.more();
      extras.monitors ??= new Set();
      extras.monitors.add(ref);
    }
    return ref;
  }

  demonitor(ref: MonitorRef, options: { readonly flush?: boolean } = {}): boolean {
    const monitor = ref as Monitor;
    const wasActive = this.extras?.monitors?.delete(monitor) ?? false;
    if (wasActive) dropWatcher(monitor);
    if (options.flush === true && !wasActive) {
      this.mailbox?.filter((message) => !(message.kind === MessageKind.info && isDownOf(message.payload, ref)));
    }
    return wasActive;
  }

  sendAfter(message: unknown, delayMs: number, to: Pid | string = this): TimerRef {
    if (!(delayMs >= 0 && delayMs <= TIMER_DELAY_MS_MAX)) {
      throw new RangeError(`sendAfter: delayMs is ${delayMs}: expected 0 to ${TIMER_DELAY_MS_MAX}`);
    }
    const { host } = this;
    if (typeof to === 'string') {
      return host.timers.add(delayMs, () => {
        const pid = host.whereis(to);
        if (pid !== undefined) send(pid, message);
      });
    }
    const target = asProcess(to);
    return target.unlessEnded(host.timers.addInfo(delayMs, target, message, target.more()));
  }

  /** Queues `message` here after `delayMs`. The timer goes with this process: it is of no use to anybody else. */
  deliverAfter(message: Message, delayMs: number): TimerRef {
    return this.unlessEnded(this.host.timers.addMessage(delayMs, this, message, this.more()));
  }

  private unlessEnded(timer: QueuedTimer): TimerRef {
    if (!this.isAlive) timer.drop();
    return timer;
  }

  exit(reason: ExitReason): void {
    exitSignal(this, this, reason, false);
  }

  alias(options: { readonly isSingleUse?: boolean } = {}): Alias {
    const alias = new ProcessAlias(this, options.isSingleUse === true);
    if (!this.isAlive) alias.isActive = false;
    else {
      const extras = this.more();
      extras.aliases ??= new Set();
      extras.aliases.add(alias);
    }
    return alias;
  }

  unalias(alias: Alias): boolean {
    if (!alias.isActive) return false;
    (alias as ProcessAlias).isActive = false;
    this.extras?.aliases?.delete(alias);
    return true;
  }

  get signal(): AbortSignal {
    const extras = this.more();
    extras.aborter ??= new AbortController();
    if (!this.isAlive) extras.aborter.abort();
    return extras.aborter.signal;
  }

  /** Calls `hook` with the reason when this process has ended; the returned function takes it back. */
  onExit(hook: (reason: ExitReason) => void): () => void {
    const extras = this.more();
    // One hook is the common case and costs no set.
    if (extras.exitHooks === undefined) extras.exitHooks = hook;
    else if (extras.exitHooks instanceof Set) extras.exitHooks.add(hook);
    else extras.exitHooks = new Set([extras.exitHooks, hook]);
    return () => {
      if (extras.exitHooks === hook) extras.exitHooks = undefined;
      else if (extras.exitHooks instanceof Set) extras.exitHooks.delete(hook);
    };
  }

  /** Remembers a call that is to be answered later. */
  defer(request: Request): void {
    if (request.isSettled) return;
    const extras = this.more();
    extras.deferred ??= new Set();
    extras.deferred.add(request);
    request.isDeferred = true;
  }

  undefer(request: Request): void {
    this.extras?.deferred?.delete(request);
  }

  /** Ends this process: names are freed, callers answered, watchers told, links signalled, in that order. */
  end(reason: ExitReason): void {
    if (!this.isAlive) return;
    this.flags |= Flag.dead;
    const extras = this.more();
    extras.exitReason = reason;
    extras.exitParent = this.parent;
    ending.push(this);
    if (isEnding) return;
    isEnding = true;
    try {
      for (let next = ending.shift(); next !== undefined; next = ending.shift()) next.announceEnd(next.exitReason);
    } finally {
      isEnding = false;
    }
  }

  /** @internal */
  announceEnd(reason: ExitReason): void {
    this.host.forget(this);
    const { extras } = this;
    if (extras !== undefined) this.dropTimers(extras);
    this.failRequests(reason);
    if (extras?.monitors !== undefined) {
      for (const monitor of extras.monitors) dropWatcher(monitor as Monitor);
      extras.monitors = undefined;
    }
    const { watchers, linkSlot: links } = this;
    this.watchers = undefined;
    this.linkSlot = undefined;
    if (watchers instanceof Set) for (const ref of watchers) tell(ref, reason);
    else if (watchers !== undefined) tell(watchers, reason);
    if (links instanceof Set) for (const other of links) signalLink(other, this, reason);
    else if (links !== undefined) signalLink(links, this, reason);
    // Who it came from is of no use to the dead, and would keep a whole line of them in memory.
    this.spawner = undefined;
    this.runHooks(reason);
  }

  private dropTimers(extras: ProcessExtras): void {
    while (extras.firstTimer !== undefined) extras.firstTimer.drop();
    if (extras.aliases !== undefined) {
      for (const alias of extras.aliases) (alias as ProcessAlias).isActive = false;
      extras.aliases = undefined;
    }
  }

  private runHooks(reason: ExitReason): void {
    const { extras } = this;
    if (extras === undefined) return;
    const hooks = extras.exitHooks;
    extras.exitHooks = undefined;
    if (hooks instanceof Set) for (const hook of hooks) this.runHook(hook, reason);
    else if (hooks !== undefined) this.runHook(hooks, reason);
    if (extras.aborter !== undefined) extras.aborter.abort();
  }

  private runHook(hook: (reason: ExitReason) => void, reason: ExitReason): void {
    try {
      hook(reason);
    } catch (error) {
      this.host.logger.error(`${this.label}: exit hook failed`, { error: describeReason(error) });
    }
  }

  private failRequests(reason: ExitReason): void {
    if (this.serving !== undefined) this.serving.fail('EXIT', reason);
    this.serving = undefined;
    const { extras } = this;
    if (extras !== undefined) {
      if (extras.deferred !== undefined) for (const request of extras.deferred) request.fail('EXIT', reason);
      extras.deferred = undefined;
      if (extras.systemLane !== undefined) failAll(extras.systemLane, reason);
      if (extras.urgentLane !== undefined) failAll(extras.urgentLane, reason);
      extras.systemLane = undefined;
      extras.urgentLane = undefined;
    }
    const { mailbox } = this;
    this.mailbox = undefined;
    if (mailbox !== undefined && mailbox.length > 0) failAll(mailbox, reason);
  }
}

function failAll(messages: RingQueue<Message>, reason: ExitReason): void {
  for (const message of messages.toArray()) failRequest(message, 'EXIT', reason);
}

function addLink(process: Process, other: Process): void {
  if (process.linkSlot === undefined) process.linkSlot = other;
  else if (process.linkSlot instanceof Set) process.linkSlot.add(other);
  else if (process.linkSlot !== other) process.linkSlot = new Set([process.linkSlot, other]);
}

function dropLink(process: Process, other: Process): void {
  if (process.linkSlot === other) process.linkSlot = undefined;
  else if (process.linkSlot instanceof Set) process.linkSlot.delete(other);
}

function dropWatcher(monitor: Monitor): void {
  const { pid } = monitor;
  if (pid.watchers === monitor) pid.watchers = undefined;
  else if (pid.watchers instanceof Set) pid.watchers.delete(monitor);
}

function tell(ref: Monitor, reason: ExitReason): void {
  ref.watcher.extras?.monitors?.delete(ref);
  ref.watcher.deliver(infoMessage({ type: 'down', ref, pid: ref.pid, reason } satisfies Down));
}

function signalLink(other: Process, ended: Process, reason: ExitReason): void {
  dropLink(other, ended);
  exitSignal(other, ended, reason, true);
}

/**
 * Sends the exit signal `reason` to `pid`; `erlang(3) exit/2`.
 *
 * `kill` cannot be trapped and shows as `killed`; `normal` is ignored by a process that does not trap, unless it is its own.
 *
 * @param from - the sender; default: the process whose callback is running.
 */
export function exit(pid: Pid, reason: ExitReason, from: Pid | undefined = currentProcess()): void {
  exitSignal(asProcess(pid), from === undefined ? undefined : asProcess(from), reason, false);
}

/** @internal */
export function exitSignal(target: Process, from: Process | undefined, reason: ExitReason, isFromLink: boolean): void {
  if (!target.isAlive) return;
  // A process that exits by itself with `kill` spreads an ordinary, trappable `kill`.
  if (reason === 'kill' && !isFromLink) target.end('killed');
  else if (target.isTrapping) target.deliver(exitMessage(from ?? target, reason));
  else if (reason !== 'normal' || (from === target && !isFromLink)) target.end(reason);
}

/**
 * Sends a plain message: `handleInfo` gets it. To a dead process, an inactive alias or an unknown name it is dropped.
 *
 * @param to - a name is looked up in the system of the process that runs; outside of processes a name reaches nobody.
 * @param options.isUrgent - puts it before all ordinary messages of the receiver. Default false.
 */
export function send(to: Destination, message: unknown, options?: { readonly isUrgent?: boolean }): void {
  const target = resolveDestination(to);
  if (target === undefined) return;
  if (options?.isUrgent === true) target.deliverUrgently(infoMessage(message));
  else target.deliver(infoMessage(message));
}

function resolveDestination(to: Destination): Process | undefined {
  if (to instanceof Process) return to;
  if (to instanceof ProcessAlias) {
    if (!to.isActive) return undefined;
    if (to.isSingleUse) to.pid.unalias(to);
    return to.pid;
  }
  if (typeof to !== 'string') return asProcess(to as Pid);
  const pid = currentProcess()?.host.whereis(to);
  return pid === undefined ? undefined : asProcess(pid);
}

/** @internal */
export function asProcess(pid: Pid): Process {
  if (pid instanceof Process) return pid;
  throw new TypeError('expected a pid of this version of genmesh');
}

function isDownOf(value: unknown, ref: MonitorRef): boolean {
  return typeof value === 'object' && value !== null && (value as Down).type === 'down' && (value as Down).ref === ref;
}
