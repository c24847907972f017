/**
 * The address book: which peers there are, where, and how far each can be trusted to be there. Peers that were only
 * heard of are "new", peers that a connection was made to are "old"; both live in buckets chosen by a keyed hash of the
 * network group, so that whoever owns one network, or tells many lies, fills a few buckets and no more.
 *
 * A table without a process of its own: the PEX reactor and the dialler use it in their turns, `address-book-file.ts`
 * keeps its addresses on disk; bans (`address-book-bans.ts`) last as long as the process. Numbers: `address-book-limits.ts`. After CometBFT `p2p/pex/addrbook.go`.
 */
import type { Clock } from '../base/clock.ts';
import { checkOptionNames, invariant, type OptionNames } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { bytesToHex } from '../codec/hex.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import { BanList } from './address-book-bans.ts';
import { AddressBookBuckets } from './address-book-buckets.ts';
import { type BookEntry, createEntry, isBadAddress, type KnownAddress } from './address-book-entry.ts';
import {
  BAD_ADDRESSES_MAX,
  BANNED_PEERS_MAX,
  NEED_ADDRESSES_BELOW,
  NEW_BUCKETS_PER_ADDRESS_MAX,
  SELECTION_ADDRESSES_MAX,
  SELECTION_ADDRESSES_MIN,
  SELECTION_PERCENT,
} from './address-book-limits.ts';
import { dialStringOf, formatPexAddress, invalidReasonOf, isRoutable, type PexAddress } from './pex-address.ts';

/** Bytes of randomness in the key of a book; it is written as twice as many hex digits. */
export const BOOK_KEY_BYTES = 12;

/**
 * What became of an address given to a book. `added`: it is in one bucket more. `known`: nothing changed. Else why it was
 * refused: `invalid` (no such address can be), `banned`, `private`, `private-source` (told by a private peer), `self`,
 * `not-routable` (a strict book takes public addresses only).
 */
export type AddAddressResult =
  | 'added'
  | 'known'
  | 'invalid'
  | 'banned'
  | 'private'
  | 'private-source'
  | 'self'
  | 'not-routable';

/** What an {@link AddressBook} is made with. */
export interface AddressBookOptions {
  /** Its wall clock says when an address was tried and when a ban ends. */
  readonly clock: Clock;
  /** Picks and selects, and makes the key. */
  readonly random: Random;
  /** Hashes for the choice of buckets. */
  readonly engine: Pick<CryptoEngine, 'hash'>;
  /** Take addresses only that the open internet can reach. Default true (`addr_book_strict`). */
  readonly isStrict?: boolean;
}

const OPTION_NAMES: OptionNames<AddressBookOptions> = { clock: true, random: true, engine: true, isStrict: true };

/** Addresses of peers, bounded by its buckets. One address per id: the first one told stays until it is removed. */
export class AddressBook {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #engine: Pick<CryptoEngine, 'hash'>;
  /** Whether it takes public addresses only. */
  readonly isStrict: boolean;
  readonly #byId = new Map<string, BookEntry>();
  readonly #misbehaved: BanList;
  readonly #badAddresses: BanList;
  readonly #privateIds = new Set<string>();
  readonly #ourIds = new Set<string>();
  readonly #ourPlaces = new Set<string>();
  #buckets: AddressBookBuckets;

  /** @throws RangeError for an option that is not known. */
  constructor(options: AddressBookOptions) {
    checkOptionNames(options, OPTION_NAMES);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#engine = options.engine;
    this.isStrict = options.isStrict ?? true;
    this.#misbehaved = new BanList(this.#clock, BANNED_PEERS_MAX);
    this.#badAddresses = new BanList(this.#clock, BAD_ADDRESSES_MAX);
    this.#buckets = this.#createBuckets(bytesToHex(this.#random.bytes(BOOK_KEY_BYTES)));
  }

  /** The key of the hash that chooses buckets, 24 hex digits; who knows it can aim at one bucket. */
  get key(): string {
    return this.#buckets.key;
  }

  /** Addresses in the book. */
  get size(): number {
    return this.#byId.size;
  }

  /** Addresses heard of and never connected to. */
  get newCount(): number {
    return this.#buckets.new.addressCount;
  }

  /** Addresses that a connection was made to. */
  get oldCount(): number {
    return this.#buckets.old.addressCount;
  }

  /** Ids remembered that misbehaved, those whose ban has ended but was not lifted included. */
  get banCount(): number {
    return this.#misbehaved.count;
  }

  /** Addresses remembered that are no good, counted in the same way. */
  get badAddressCount(): number {
    return this.#badAddresses.count;
  }

  /** True when it should be told of more addresses: it has under 1000. */
  get needsMoreAddresses(): boolean {
    return this.size < NEED_ADDRESSES_BELOW;
  }

  /** Makes sure that neither our id nor our place is ever in the book. */
  addOurAddress(address: PexAddress): void {
    this.#ourIds.add(address.id);
    this.#ourPlaces.add(dialStringOf(address));
    for (const entry of [...this.#byId.values()]) if (this.isOurAddress(entry.address)) this.#remove(entry);
  }

  /** Whether the address has our id or is our place. Differs from upstream, which compares both together only. */
  isOurAddress(address: PexAddress): boolean {
    return this.#ourIds.has(address.id) || this.#ourPlaces.has(dialStringOf(address));
  }

  /** Makes sure that peers of these ids, and what they tell, are never in the book, and so never told to others. */
  addPrivateIds(ids: Iterable<string>): void {
    for (const id of ids) {
      this.#privateIds.add(id);
      const entry = this.#byId.get(id);
      if (entry !== undefined) this.#remove(entry);
    }
  }

  /**
   * Takes an address into a new bucket. One that is new already is, by a chance that halves, also put into a bucket of
   * the other source's group; a known id keeps the address it has, or anybody could redirect a peer.
   *
   * @param source - who tells of it; the address itself for a peer that came to us.
   */
  addAddress(address: PexAddress, source: PexAddress): AddAddressResult {
    if (invalidReasonOf(address) !== undefined) return 'invalid';
    if (this.isBanned(address)) return 'banned';
    if (this.#privateIds.has(address.id)) return 'private';
    if (this.#privateIds.has(source.id)) return 'private-source';
    if (this.isOurAddress(address)) return 'self';
    if (this.isStrict && !isRoutable(address)) return 'not-routable';
    const known = this.#byId.get(address.id);
    if (known !== undefined) {
      if (known.bucketType === 'old' || known.buckets.length >= NEW_BUCKETS_PER_ADDRESS_MAX) return 'known';
      if (this.#below(2 * known.buckets.length) !== 0) return 'known';
    }
    this.#misbehaved.forgetEnded(address.id);
    this.#badAddresses.forgetEnded(formatPexAddress(address));
    const entry = known ?? createEntry(address, source, this.#clock.wallMs());
    return this.#putInNewBucket(entry, this.#buckets.newIndexOf(entry.address, source)) ? 'added' : 'known';
  }

  /** Forgets the address of that id. @returns false when there is none. */
  removeAddress(address: PexAddress): boolean {
    const entry = this.#byId.get(address.id);
    if (entry === undefined) return false;
    this.#remove(entry);
    return true;
  }

  /** Whether the id is in the book. */
  hasAddress(address: PexAddress): boolean {
    return this.#byId.has(address.id);
  }

  /** Whether the id is in an old bucket: a connection was made to it. */
  isGood(address: PexAddress): boolean {
    return this.#byId.get(address.id)?.bucketType === 'old';
  }

  /**
   * Whether the address is kept out of the book now: its id has misbehaved, or this very address is no good. Differs from
   * upstream, where a ban that has ended counts until the book reinstates the peer, and where one address that is no good
   * keeps every other one of that id out.
   */
  isBanned(address: PexAddress): boolean {
    return this.hasMisbehaved(address.id) || this.#badAddresses.has(formatPexAddress(address));
  }

  /** Whether the peer of that id is under a ban now for what it did: what {@link AddressBook.markMisbehaved} was told of. */
  hasMisbehaved(id: string): boolean {
    return this.#misbehaved.has(id);
  }

  /**
   * Picks an address to dial, at random out of a random bucket, or undefined from an empty book, or when the bias leaves
   * only buckets that are empty.
   *
   * @param newBiasPercent - chance of a new bucket, 0 to 100 (cut to it), weighed by the roots of both counts.
   */
  pickAddress(newBiasPercent: number): PexAddress | undefined {
    const bias = Math.min(100, Math.max(0, newBiasPercent));
    const oldWeight = Math.sqrt(this.oldCount) * (100 - bias);
    const newWeight = Math.sqrt(this.newCount) * bias;
    // With both weights 0 (all of one kind, and the bias all on the other) upstream picks the new ones.
    const isOld = (newWeight + oldWeight) * this.#random.float() < oldWeight;
    const buckets = (isOld ? this.#buckets.old : this.#buckets.new).filledBuckets();
    const bucket = buckets[this.#below(buckets.length)];
    return bucket === undefined ? undefined : bucket[this.#below(bucket.length)]?.address;
  }

  /** Addresses to tell a peer: 23 % of the book, at least 32 (or all), at most 250, each once, in random order. */
  getSelection(): PexAddress[] {
    return this.#draw([...this.#byId.values()], this.#selectionCount());
  }

  /**
   * As many addresses as {@link AddressBook.getSelection}, new ones first: `newBiasPercent` of them, or more when there
   * are not enough old ones; then old ones.
   */
  getSelectionWithBias(newBiasPercent: number): PexAddress[] {
    const count = this.#selectionCount();
    const bias = Math.min(100, Math.max(0, newBiasPercent));
    const newNeeded = Math.max(Math.round((bias / 100) * count), count - this.oldCount);
    const selection = this.#draw(this.#ofType('new'), newNeeded);
    return selection.concat(this.#draw(this.#ofType('old'), count - selection.length));
  }

  /** Notes a connection made: the id moves to an old bucket, its failures are forgotten. Unknown ids do nothing. */
  markGood(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    const nowMs = this.#clock.wallMs();
    entry.lastAttemptMs = nowMs;
    entry.lastSuccessMs = nowMs;
    entry.attempts = 0;
    if (entry.bucketType === 'new') this.#moveToOld(entry);
  }

  /** Notes a dial that failed. Unknown ids do nothing. */
  markAttempt(address: PexAddress): void {
    const entry = this.#byId.get(address.id);
    if (entry === undefined) return;
    entry.lastAttemptMs = this.#clock.wallMs();
    entry.attempts += 1;
  }

  /**
   * Keeps this address out of the book for `banMs`, or until its ban ends if that is later: it was given up on, or
   * somebody else answers there. Other addresses of the same id are taken, and nobody is refused who comes by itself: the
   * address may be a lie about an honest node. Differs from upstream, which bans the id, and only one that is in the book.
   */
  markBad(address: PexAddress, banMs: number): void {
    const place = formatPexAddress(address);
    const known = this.#byId.get(address.id);
    const entry = known !== undefined && formatPexAddress(known.address) === place ? known : undefined;
    if (entry !== undefined) this.#remove(entry);
    this.#badAddresses.add(place, entry, banMs);
  }

  /**
   * Bans the peer of that id for `banMs`, or until its ban ends if that is later, and takes it out of the book.
   *
   * @param id - of a peer that has proven its key and then broken the rules; never one that was only told of.
   */
  markMisbehaved(id: string, banMs: number): void {
    const entry = this.#byId.get(id);
    if (entry !== undefined) this.#remove(entry);
    this.#misbehaved.add(id, entry, banMs);
  }

  /**
   * Lifts the bans that have ended; who was in the book is put into a new bucket again. Differs from upstream, which
   * loses those that were in an old bucket.
   *
   * @returns how many are back in the book.
   */
  reinstateBadPeers(): number {
    let count = 0;
    for (const entry of [...this.#misbehaved.lift(), ...this.#badAddresses.lift()]) {
      const { address } = entry;
      if (this.#byId.has(address.id) || this.isBanned(address)) continue;
      if (this.#privateIds.has(address.id) || this.isOurAddress(address)) continue;
      this.#putInNewBucket(entry, this.#buckets.newIndexOf(address, entry.source));
      count += 1;
    }
    return count;
  }

  /** What is known of an id; a copy. */
  lookup(id: string): KnownAddress | undefined {
    const entry = this.#byId.get(id);
    return entry === undefined ? undefined : { ...entry, buckets: [...entry.buckets] };
  }

  /** Everything in the book, in the order it came in; copies. */
  entries(): KnownAddress[] {
    return [...this.#byId.values()].map((entry) => ({ ...entry, buckets: [...entry.buckets] }));
  }

  /**
   * Replaces key and addresses by those of a file; bans and private and own ids stay, and keep out what they would.
   * Buckets are taken as they are: the file may come from CometBFT, whose hash is another one.
   *
   * @param addresses - valid, ids unique, no bucket over its bound: as `decodeAddressBook` gives them.
   * @internal
   */
  restore(key: string, addresses: readonly KnownAddress[]): void {
    this.#byId.clear();
    this.#buckets = this.#createBuckets(key);
    const homeless: BookEntry[] = [];
    for (const known of addresses) {
      const { address } = known;
      if (this.isBanned(address) || this.#privateIds.has(address.id) || this.isOurAddress(address)) continue;
      const entry: BookEntry = { ...known, buckets: [] };
      for (const index of known.buckets) this.#buckets[entry.bucketType].put(entry, index);
      if (known.buckets.length > 0) this.#byId.set(address.id, entry);
      else homeless.push(entry);
    }
    // Last, because this is what puts others out of full buckets.
    for (const entry of homeless) this.#putInNewBucket(entry, this.#buckets.newIndexOf(entry.address, entry.source));
  }

  #createBuckets(key: string): AddressBookBuckets {
    return new AddressBookBuckets((bytes) => this.#engine.hash('sha256', bytes), key, this.isStrict);
  }

  /**
   * Puts an entry that is in no old bucket into a new one, whatever it was before.
   *
   * @returns false when it is in that bucket already.
   */
  #putInNewBucket(entry: BookEntry, index: number): boolean {
    if (entry.buckets.includes(index)) return false;
    entry.bucketType = 'new';
    const table = this.#buckets.new;
    if (table.isFull(index)) {
      const nowMs = this.#clock.wallMs();
      const loser = table.at(index).find((other) => isBadAddress(other, nowMs)) ?? table.oldest(index);
      invariant(loser !== undefined, 'a full bucket has an oldest address');
      table.take(loser, index);
      if (loser.buckets.length === 0) this.#byId.delete(loser.address.id);
    }
    table.put(entry, index);
    this.#byId.set(entry.address.id, entry);
    return true;
  }

  #moveToOld(entry: BookEntry): void {
    this.#buckets.new.takeFromAll(entry);
    const index = this.#buckets.oldIndexOf(entry.address);
    const table = this.#buckets.old;
    if (table.isFull(index)) {
      const demoted = table.oldest(index);
      invariant(demoted !== undefined, 'a full bucket has an oldest address');
      table.take(demoted, index);
      // Differs from upstream, where the demoted address still says that it is old, is refused and so lost.
      this.#putInNewBucket(demoted, this.#buckets.newIndexOf(demoted.address, demoted.source));
    }
    entry.bucketType = 'old';
    table.put(entry, index);
  }

  #remove(entry: BookEntry): void {
    this.#buckets[entry.bucketType].takeFromAll(entry);
    this.#byId.delete(entry.address.id);
  }

  #selectionCount(): number {
    const share = Math.floor((this.size * SELECTION_PERCENT) / 100);
    return Math.min(SELECTION_ADDRESSES_MAX, Math.max(Math.min(SELECTION_ADDRESSES_MIN, this.size), share));
  }

  #ofType(bucketType: 'new' | 'old'): BookEntry[] {
    return [...this.#byId.values()].filter((entry) => entry.bucketType === bucketType);
  }

  /** Up to `count` of `entries`, each at most once, at random: the first steps of a Fisher-Yates shuffle. */
  #draw(entries: BookEntry[], count: number): PexAddress[] {
    const drawn: PexAddress[] = [];
    for (let i = 0; i < count && i < entries.length; i += 1) {
      const j = i + this.#below(entries.length - i);
      const entry = entries[j] as BookEntry;
      entries[j] = entries[i] as BookEntry;
      drawn.push(entry.address);
    }
    return drawn;
  }

  /** An integer from 0 to before `count`. */
  #below(count: number): number {
    return Math.floor(this.#random.float() * count);
  }
}
