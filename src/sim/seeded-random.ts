/** Chance from a seed: the same seed gives the same run. Not for secrets. */
import type { Random } from '../base/random.ts';

/** A reproducible {@link Random} (SplitMix32), for tests and simulations only. */
export class SeededRandom implements Random {
  #state: number;
  /** What to print when a run fails. */
  readonly seed: number;

  /** @param seed - an integer; its low 32 bits count. */
  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  float(): number {
    return this.#next() / 2 ** 32;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#next() & 0xff);
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }
}
