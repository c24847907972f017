/**
 * Bans of an address book: what is kept out until when, and the entry that comes back afterwards. The book has two: ids
 * that misbehaved after they had proven their key, and addresses that are not worth a dial. They are apart, because an
 * address is what somebody told us: who tells lies about an id must not get that id banned.
 */
import type { Clock } from '../base/clock.ts';
import type { BookEntry } from './address-book-entry.ts';

interface Ban {
  readonly entry: BookEntry | undefined;
  untilMs: number;
}

/** Bans by a key of the owner's choice; in memory only. @internal */
export class BanList {
  readonly #clock: Clock;
  readonly #countMax: number;
  readonly #bans = new Map<string, Ban>();

  /** @param countMax - bans at a time, 1 and up; one more forgets the one that ends first. */
  constructor(clock: Clock, countMax: number) {
    this.#clock = clock;
    this.#countMax = countMax;
  }

  /** Bans remembered, those that have ended but were not lifted included. */
  get count(): number {
    return this.#bans.size;
  }

  /** Whether a ban of that key lasts. */
  has(key: string): boolean {
    const ban = this.#bans.get(key);
    return ban !== undefined && ban.untilMs > this.#clock.wallMs();
  }

  /** Bans for `banMs`, or until the ban there is ends if that is later. `entry` is given back when it is over. */
  add(key: string, entry: BookEntry | undefined, banMs: number): void {
    const known = this.#bans.get(key);
    const ban = known ?? { entry, untilMs: 0 };
    ban.untilMs = Math.max(ban.untilMs, this.#clock.wallMs() + banMs);
    if (ban.entry !== undefined) ban.entry.bannedUntilMs = ban.untilMs;
    if (known === undefined && this.#bans.size >= this.#countMax) this.#forgetFirst();
    this.#bans.set(key, ban);
  }

  /** Forgets a ban that has ended; one that lasts stays. */
  forgetEnded(key: string): void {
    if (!this.has(key)) this.#bans.delete(key);
  }

  /** Lifts the bans that have ended. @returns the entries they had. */
  lift(): BookEntry[] {
    const nowMs = this.#clock.wallMs();
    const entries: BookEntry[] = [];
    for (const [key, { entry, untilMs }] of [...this.#bans]) {
      if (untilMs > nowMs) continue;
      this.#bans.delete(key);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  #forgetFirst(): void {
    let first: string | undefined;
    let firstMs = Number.POSITIVE_INFINITY;
    for (const [key, { untilMs }] of this.#bans) {
      if (untilMs < firstMs) {
        first = key;
        firstMs = untilMs;
      }
    }
    if (first !== undefined) this.#bans.delete(first);
  }
}
