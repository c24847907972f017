/**
 * Pids and the messages of the runtime, as code outside of the process machinery sees them; `erlang(3)`.
 *
 * A pid is compared by identity. What a process may do to itself is {@link Self}.
 */
import type { ExitReason } from './exit-reason.ts';

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
  /** Who ended or sent the signal; the receiver itself when the signal came from outside of processes. */
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
  /** Stops it. @returns the ms that were left, rounded up, or false when it had fired or was cancelled before. */
  cancel(): number | false;
  /** The ms until it fires, rounded up, or false when it has fired or was cancelled. */
  readonly remainingMs: number | false;
}

/** An address of a process that can be switched off, so that late messages never reach it; `erlang(3) alias/1`. */
export interface Alias {
  readonly pid: Pid;
  /** False once it was taken back, used up, or its process ended: what is sent to it is dropped. */
  readonly isActive: boolean;
}

/** Where a message can be sent: a process, an alias of one, or a name in the system of the sender. */
export type Destination = Pid | Alias | string;

/** The process that a callback runs in, given to its code as `this.self`. */
export interface Self extends Pid {
  /** Turns exit signals of linked processes into `exit` messages. @returns what it was before. */
  trapExit(isTrapping: boolean): boolean;
  /**
   * Links both ways; idempotent. A dead `pid` gives a trapping process an `exit` message with reason `noproc`.
   *
   * @throws ActorError `NOPROC` when `pid` is dead and this process does not trap exits; `erlang(3) link/1`.
   */
  link(pid: Pid): void;
  /** Takes the link back; an `exit` message already queued stays. */
  unlink(pid: Pid): void;
  /** Asks for one `down` message when `pid` ends. Each call is a monitor of its own. */
  monitor(pid: Pid): MonitorRef;
  /** Takes a monitor back; with `flush`, also a `down` that waits in the mailbox. @returns false when it was gone. */
  demonitor(ref: MonitorRef, options?: { readonly flush?: boolean }): boolean;
  /**
   * Sends `message` to itself (default) or `to` after `delayMs`, never early: in the first whole ms of the clock that is not
   * before its time. A name is looked up when the time has come; a dead receiver gets nothing.
   *
   * @param delayMs - 0 to `TIMER_DELAY_MS_MAX` (about 24.8 days).
   * @throws RangeError for a delay out of range.
   */
  sendAfter(message: unknown, delayMs: number, to?: Pid | string): TimerRef;
  /** Sends an exit signal to itself: unless it traps exits, it ends with `reason` at once. */
  exit(reason: ExitReason): void;
  /** Makes an address that can be switched off; with `isSingleUse`, the first message through it does that. */
  alias(options?: { readonly isSingleUse?: boolean }): Alias;
  /** Switches an alias off. @returns false when it was off. */
  unalias(alias: Alias): boolean;
  /** Names this process for people; does not register anything; `proc_lib(3) set_label/1`. */
  setLabel(label: string): void;
  /** Who spawned it, who spawned that one, and so on, nearest first, up to the first that has ended: `$ancestors`. */
  readonly ancestors: readonly Pid[];
  /** Aborted when this process ends: for work that an async callback has started. */
  readonly signal: AbortSignal;
}

/**
 * Makes the instances of a class show as their `toString` in `JSON.stringify`, and in `console.log` and `util.inspect` of
 * Node: what is inside them, messages and states, is nobody else's business.
 *
 * @internal
 */
export function printAsText({ prototype }: { readonly prototype: object }): void {
  for (const name of ['toJSON', Symbol.for('nodejs.util.inspect.custom')]) {
    Object.defineProperty(prototype, name, { value: prototype.toString });
  }
}
