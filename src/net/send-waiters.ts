/**
 * Callers of an MConnection's `send` that wait for room on a channel: let in in the order in which they came, given up at
 * their deadline or when their signal aborts, and told when the connection ends.
 */
import type { Clock } from '../base/clock.ts';
import { DeadlineQueue } from '../base/deadline-queue.ts';
import { checkInteger } from '../base/errors.ts';
import type { ChannelSender, SendResult, SendWaiter } from './channel-sender.ts';
import { NetError } from './errors.ts';
import { SEND_TIMEOUT_MS_DEFAULT, SEND_TIMEOUT_MS_MAX, type SendOptions } from './mconnection-options.ts';

const FULL: Promise<SendResult> = Promise.resolve('full');

/** Those who wait on the channels of one connection. @internal */
export class SendWaiters {
  readonly #remoteAddress: string;
  readonly #deadlines: DeadlineQueue<SendWaiter>;

  constructor(clock: Clock, remoteAddress: string) {
    this.#remoteAddress = remoteAddress;
    this.#deadlines = new DeadlineQueue(clock, (waiter) => {
      waiter.isSettled = true;
      waiter.channel.unwait();
      waiter.channel.stats.refusals += 1;
      waiter.settle('timeout');
    });
  }

  /** What a caller gets whose signal has aborted. */
  aborted(channelId: number): NetError {
    return new NetError('ABORTED', `send on channel ${channelId} to ${this.#remoteAddress} was aborted`);
  }

  /**
   * Waits for room on `channel`, as `MConnection.send` says.
   *
   * @throws RangeError (as a rejection) for a timeout out of range; `ABORTED`.
   */
  wait(channel: ChannelSender, bytes: Uint8Array, options: SendOptions): Promise<SendResult> {
    const { signal } = options;
    const timeoutMs = options.timeoutMs ?? SEND_TIMEOUT_MS_DEFAULT;
    return new Promise((resolve, reject) => {
      checkInteger('timeoutMs', timeoutMs, 0, SEND_TIMEOUT_MS_MAX);
      const waiter: SendWaiter = {
        channel,
        bytes,
        timeoutMs,
        deadlineMs: 0,
        isSettled: false,
        settle: (result) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(result);
        },
      };
      const onAbort = (): void => {
        if (waiter.isSettled) return;
        waiter.isSettled = true;
        this.#deadlines.release(waiter);
        channel.unwait();
        reject(this.aborted(channel.id));
      };
      if (!channel.wait(waiter)) {
        channel.stats.refusals += 1;
        resolve(FULL);
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#deadlines.add(waiter);
    });
  }

  /** Lets callers in as far as there is room, in the order in which they came. */
  admit(channel: ChannelSender): void {
    while (!channel.isFull) {
      const waiter = channel.nextWaiter();
      if (waiter === undefined) return;
      channel.push(waiter.bytes);
      this.#settle(waiter, 'queued');
    }
  }

  /** Tells all that the connection is over. */
  close(channels: readonly ChannelSender[]): void {
    for (const channel of channels) {
      for (let waiter = channel.nextWaiter(); waiter !== undefined; waiter = channel.nextWaiter()) {
        this.#settle(waiter, 'closed');
      }
    }
  }

  #settle(waiter: SendWaiter, result: SendResult): void {
    waiter.isSettled = true;
    this.#deadlines.release(waiter);
    waiter.settle(result);
  }
}
