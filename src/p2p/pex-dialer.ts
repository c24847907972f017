/**
 * Dialling addresses of the book with growing pauses: 2^n s and a bit after n failures, and a day after 16. An
 * address that is given up on is only not dialled; nothing was proven of the node whose id it has.
 * `p2p/pex/pex_reactor.go dialPeer`.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { AddressBook } from './address-book.ts';
import { dialStringOf, type PexAddress } from './pex-address.ts';
import { DIAL_ATTEMPTS_MAX, DIAL_HISTORY_MAX, DIAL_JITTER_MS, PEX_BAN_MS } from './pex-limits.ts';
import type { DialOutcome, PexNetwork } from './pex-network.ts';

/** How a dial went, or why there was none: `too-early` within its pause, `given-up` after too many failures. */
export type PacedDialOutcome = DialOutcome | 'too-early' | 'given-up';

/** What a {@link PexDialer} is made with. @internal */
export interface PexDialerOptions {
  readonly book: AddressBook;
  readonly network: PexNetwork;
  readonly clock: Clock;
  readonly random: Random;
  /** Longest pause for a persistent peer, in ms; 0 for none (`persistent_peers_max_dial_period`). */
  readonly persistentPauseMsMax: number;
}

interface Failures {
  readonly count: number;
  readonly lastDialMs: number;
}

/**
 * The pause after `attempts` failed dials, in ms: 2^attempts s and up to 1 s more.
 *
 * @param attempts - failures so far; over 16 count as 16, about 18 hours. Differs from upstream, where the pause of a
 *   persistent peer overflows.
 * @param chance - 0 to before 1.
 */
export function dialPauseMs(attempts: number, chance: number): number {
  if (attempts <= 0) return 0;
  return 2 ** Math.min(attempts, DIAL_ATTEMPTS_MAX) * 1000 + chance * DIAL_JITTER_MS;
}

/** Dials, and remembers what failed. @internal */
export class PexDialer {
  readonly #options: PexDialerOptions;
  /** By `IP:PORT`, the one dialled longest ago first. */
  readonly #failures = new Map<string, Failures>();

  constructor(options: PexDialerOptions) {
    this.#options = options;
  }

  /** Addresses whose failures are remembered. */
  get historyCount(): number {
    return this.#failures.size;
  }

  /** Dials of that address that failed since the last that did not. */
  attemptsOf(address: PexAddress): number {
    return this.#failures.get(dialStringOf(address))?.count ?? 0;
  }

  /** Dials unless it is too early or hopeless; tells the book how it went. Never rejects. */
  async dial(address: PexAddress): Promise<PacedDialOutcome> {
    const { book, network, clock } = this.#options;
    const place = dialStringOf(address);
    const failures = this.#failures.get(place);
    const attempts = failures?.count ?? 0;
    const isPersistent = network.isPersistent(address);
    if (!isPersistent && attempts > DIAL_ATTEMPTS_MAX) {
      // Differs from upstream, which keeps the count: then nobody who comes back after the ban is ever dialled.
      this.#failures.delete(place);
      book.markBad(address, PEX_BAN_MS);
      return 'given-up';
    }
    if (failures !== undefined) {
      const pauseMs = this.#pauseMs(attempts, isPersistent);
      if (clock.monotonicMs() - failures.lastDialMs < pauseMs) return 'too-early';
    }
    const outcome = await this.connect(address);
    if (outcome === 'connected') this.#failures.delete(place);
    else if (outcome === 'unauthenticated') {
      this.#failures.delete(place);
      book.markBad(address, PEX_BAN_MS);
    } else if (outcome === 'self') book.addOurAddress(address);
    else if (outcome === 'failed') {
      book.markAttempt(address);
      this.#note(place, attempts + 1);
    }
    return outcome;
  }

  /** Dials at once, whatever was before. Never rejects: a network that throws has failed. */
  async connect(address: PexAddress): Promise<DialOutcome> {
    try {
      return await this.#options.network.dial(address);
    } catch {
      return 'failed';
    }
  }

  #pauseMs(attempts: number, isPersistent: boolean): number {
    const { random, persistentPauseMsMax } = this.#options;
    const pauseMs = dialPauseMs(attempts, random.float());
    return isPersistent && persistentPauseMsMax > 0 ? Math.min(pauseMs, persistentPauseMsMax) : pauseMs;
  }

  #note(place: string, count: number): void {
    this.#failures.delete(place);
    if (this.#failures.size >= DIAL_HISTORY_MAX) {
      for (const oldest of this.#failures.keys()) {
        this.#failures.delete(oldest);
        break;
      }
    }
    this.#failures.set(place, { count, lastDialMs: this.#options.clock.monotonicMs() });
  }
}
