/**
 * Restart backoff: a pause before a child is restarted that failed before, growing with each failure in a row. Not in OTP,
 * where a dependency that is down burns the whole restart intensity in microseconds; off unless asked for.
 */
import { checkInteger } from '../base/errors.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { ChildRecord } from './child.ts';

/** How long to wait before a restart. */
export interface BackoffOptions {
  /** Pause before the first restart in a row, 0 to 3 600 000 ms. Default 100. */
  readonly baseMs?: number;
  /** Longest pause, 1 to 86 400 000 ms; also how long a child must have been up for its failures to be forgotten. Default 30 000. */
  readonly maxMs?: number;
  /** Share of the pause that is drawn at random, 0 to 100. Default 50. */
  readonly jitterPercent?: number;
  /** Default: the host's. */
  readonly random?: Random;
}

/** Pauses of one supervisor. @internal */
export class RestartBackoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #jitter: number;
  readonly #random: Random;

  constructor(options: BackoffOptions) {
    this.#baseMs = checkInteger('backoff.baseMs', options.baseMs ?? 100, 0, 3_600_000);
    this.#maxMs = checkInteger('backoff.maxMs', options.maxMs ?? 30_000, 1, 86_400_000);
    this.#jitter = checkInteger('backoff.jitterPercent', options.jitterPercent ?? 50, 0, 100) / 100;
    this.#random = options.random ?? systemRandom;
  }

  /** The pause before the next start of `record`, in ms; counts the attempt. */
  next(record: ChildRecord, nowMs: number): number {
    if (record.attempts > 0 && nowMs - record.upSinceMs >= this.#maxMs) record.attempts = 0;
    const fullMs = Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(record.attempts, 32));
    record.attempts += 1;
    return Math.round(fullMs * (1 - this.#jitter * this.#random.float()));
  }
}
