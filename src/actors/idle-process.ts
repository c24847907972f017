/**
 * What a server does while nothing comes: the timeout that a callback asked for, and hibernation; `gen_server(3)`,
 * `proc_lib(3) hibernate/3`. Below the loop of `gen-server-process.ts`, which says when.
 */
import { CallableProcess } from './callable-process.ts';
import type { ExitReason } from './exit-reason.ts';
import { Flag } from './mailbox.ts';
import { infoMessage } from './message.ts';

/** Marks the idle timer of `hibernateAfterMs`. */
const REST: unique symbol = Symbol('rest');

/** @internal */
export abstract class IdleProcess extends CallableProcess {
  /** With `hibernateAfterMs`: rests when nothing comes for that long and no other timeout runs. */
  protected rest(): undefined {
    if ((this.flags & (Flag.hibernatesAfter | Flag.idleTimer | Flag.dead)) !== Flag.hibernatesAfter) return;
    const extras = this.more();
    this.flags |= Flag.idleTimer;
    extras.idleMessage = REST;
    extras.idleTimeoutMs = extras.hibernateAfterMs;
    extras.idleTimer = this.host.timers.add(extras.hibernateAfterMs, () => {
      this.flags &= ~Flag.idleTimer;
      if (this.mailboxLength === 0 && !this.isBusy) this.hibernate();
    });
  }

  /** Gives back what an idle process does not need; `proc_lib(3) hibernate/3`. */
  protected hibernate(): void {
    this.flags |= Flag.hibernating;
    if (this.mailbox?.length === 0) this.mailbox = undefined;
  }

  protected armIdle(timeoutMs: number, message: unknown): void {
    if (timeoutMs === Number.POSITIVE_INFINITY || !this.isAlive) return;
    if (message === REST) {
      this.rest();
      return;
    }
    if (timeoutMs === 0) {
      // As the receive of gen_server: at once, unless something waits already.
      if (this.mailboxLength === 0) this.deliver(infoMessage(message ?? { type: 'timeout' }));
      return;
    }
    const extras = this.more();
    extras.idleTimer?.cancel();
    extras.idleTimeoutMs = timeoutMs;
    extras.idleMessage = message;
    this.flags |= Flag.idleTimer;
    extras.idleTimer = this.host.timers.add(timeoutMs, () => {
      this.flags &= ~Flag.idleTimer;
      // A message that came first decides anew, even if it has not been handled yet.
      if (this.mailboxLength === 0) this.deliver(infoMessage(message ?? { type: 'timeout' }));
    });
  }

  override announceEnd(reason: ExitReason): void {
    this.extras?.idleTimer?.cancel();
    super.announceEnd(reason);
  }
}
