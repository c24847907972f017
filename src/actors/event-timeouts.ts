/** The timeouts of one state machine process: at most one under each key, and none that was cancelled is ever acted upon. */
import { checkTimeout } from './callable-process.ts';
import { castMessage } from './message.ts';
import type { Pid, TimerRef } from './pid.ts';
import { asProcess } from './process.ts';

/** A timeout as it comes back: the payload of a cast `timeout`, which keeps it apart from plain messages. @internal */
export interface FiredTimeout<E> {
  readonly key: string;
  readonly event: E;
  timer: TimerRef | undefined;
}

/** @internal */
export class EventTimeouts<E> {
  readonly #armed = new Map<string, FiredTimeout<E>>();

  /** Has `event` come to `pid` after `delayMs`, instead of what was armed under `key`; never after `Infinity`. */
  arm(pid: Pid, key: string, delayMs: number, event: E): void {
    checkTimeout(delayMs);
    this.cancel(key);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    const fired: FiredTimeout<E> = { key, event, timer: undefined };
    fired.timer = asProcess(pid).deliverAfter(castMessage('timeout', fired), delayMs);
    this.#armed.set(key, fired);
  }

  /** @returns false when nothing was armed. */
  cancel(key: string): boolean {
    this.#armed.get(key)?.timer?.cancel();
    return this.#armed.delete(key);
  }

  /** @returns false for one that was cancelled or armed anew while its message waited. */
  take(fired: FiredTimeout<E>): boolean {
    return this.#armed.get(fired.key) === fired && this.#armed.delete(fired.key);
  }

  clear(): void {
    for (const key of [...this.#armed.keys()]) this.cancel(key);
  }
}
