/**
 * Restart intensity: how many restarts in how many seconds a supervisor tolerates; `supervisor.erl add_restart/1`.
 *
 * Like the BEAM's it counts in whole monotonic seconds and includes the edge, so the true window is up to 1 s longer.
 * Unlike the BEAM's it keeps one counter a second, so its cost does not grow with the number of restarts.
 */
import { checkInteger } from '../base/errors.ts';

/** Default of `maxRestarts`; Elixir's. */
export const MAX_RESTARTS_DEFAULT = 3;
/** Default of `maxSeconds`; Elixir's. */
export const MAX_SECONDS_DEFAULT = 5;

/** Bounds on restarts. */
export interface IntensityOptions {
  /** Restarts tolerated within `maxSeconds`, 0 to 10^9; one more ends the supervisor. Default 3. */
  readonly maxRestarts?: number;
  /** 1 to 86 400. Default 5. */
  readonly maxSeconds?: number;
}

/** Counts the restarts of one supervisor. */
export class RestartIntensity {
  readonly maxRestarts: number;
  readonly maxSeconds: number;
  readonly #buckets: { readonly second: number; count: number }[] = [];
  #count = 0;

  constructor(options: IntensityOptions) {
    this.maxRestarts = checkInteger('maxRestarts', options.maxRestarts ?? MAX_RESTARTS_DEFAULT, 0, 1_000_000_000);
    this.maxSeconds = checkInteger('maxSeconds', options.maxSeconds ?? MAX_SECONDS_DEFAULT, 1, 86_400);
  }

  /** Counts one restart at monotonic time `nowMs`. @returns false when it is one too many. */
  add(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    for (let oldest = this.#buckets[0]; oldest !== undefined && oldest.second < second - this.maxSeconds; ) {
      this.#count -= oldest.count;
      this.#buckets.shift();
      oldest = this.#buckets[0];
    }
    const last = this.#buckets.at(-1);
    if (last?.second === second) last.count += 1;
    else this.#buckets.push({ second, count: 1 });
    this.#count += 1;
    return this.#count <= this.maxRestarts;
  }
}
