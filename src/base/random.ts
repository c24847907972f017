/** Chance, as everything in genmesh sees it: passed in, so that a simulation can own it and a race is a seed. */

/** A source of randomness. */
export interface Random {
  /** `length` fresh random bytes, 0 to 65 536 at a time; the caller owns them. */
  bytes(length: number): Uint8Array;
  /** A float in [0, 1), for jitter and choice; not for secrets. */
  float(): number;
}

interface Host {
  crypto: { getRandomValues<T extends Uint8Array>(target: T): T };
}

const host = globalThis as unknown as Host;

/** The host's cryptographic randomness. */
export const systemRandom: Random = {
  bytes: (length: number): Uint8Array => host.crypto.getRandomValues(new Uint8Array(length)),
  float: (): number => Math.random(),
};
