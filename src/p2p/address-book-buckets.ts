/**
 * The buckets of an address book and the keyed hash that chooses them (`p2p/pex/addrbook.go calcNewBucket,
 * calcOldBucket`). A new address goes to one of 32 buckets that belong to the group of who told of it; an old one to one
 * of 4 that belong to its own group. Without the key nobody can tell which.
 */
import type { BookEntry } from './address-book-entry.ts';
import {
  NEW_BUCKET_ADDRESSES_MAX,
  NEW_BUCKET_COUNT,
  NEW_BUCKETS_PER_GROUP,
  OLD_BUCKET_ADDRESSES_MAX,
  OLD_BUCKET_COUNT,
  OLD_BUCKETS_PER_GROUP,
} from './address-book-limits.ts';
import { formatPexAddress, groupKeyOf, type PexAddress } from './pex-address.ts';

/** One kind of buckets. Keeps `buckets` of every entry it holds in step. @internal */
export class BucketTable {
  readonly #buckets: BookEntry[][];
  readonly #capacity: number;
  #addressCount = 0;

  constructor(bucketCount: number, capacity: number) {
    this.#buckets = Array.from({ length: bucketCount }, () => []);
    this.#capacity = capacity;
  }

  /** Entries in it, each counted once. */
  get addressCount(): number {
    return this.#addressCount;
  }

  /** The entries of one bucket; not to be written to. */
  at(index: number): readonly BookEntry[] {
    return this.#buckets[index] ?? [];
  }

  /** The buckets that have entries. */
  filledBuckets(): (readonly BookEntry[])[] {
    return this.#buckets.filter((bucket) => bucket.length > 0);
  }

  /** Whether one more does not fit. */
  isFull(index: number): boolean {
    return this.at(index).length >= this.#capacity;
  }

  /** The entry of a bucket that was tried longest ago. */
  oldest(index: number): BookEntry | undefined {
    let oldest: BookEntry | undefined;
    for (const entry of this.at(index)) {
      if (oldest === undefined || entry.lastAttemptMs < oldest.lastAttemptMs) oldest = entry;
    }
    return oldest;
  }

  /** Puts an entry into a bucket that has room and does not have it. */
  put(entry: BookEntry, index: number): void {
    this.#buckets[index]?.push(entry);
    entry.buckets.push(index);
    if (entry.buckets.length === 1) this.#addressCount += 1;
  }

  /** Takes an entry out of one of its buckets. */
  take(entry: BookEntry, index: number): void {
    const bucket = this.#buckets[index] as BookEntry[];
    bucket.splice(bucket.indexOf(entry), 1);
    entry.buckets.splice(entry.buckets.indexOf(index), 1);
    if (entry.buckets.length === 0) this.#addressCount -= 1;
  }

  /** Takes an entry out of all of its buckets. */
  takeFromAll(entry: BookEntry): void {
    for (const index of [...entry.buckets]) this.take(entry, index);
  }
}

/**
 * Both kinds of buckets under one key.
 *
 * Differs from upstream in the hash: there it is HighwayHash under a key that is forgotten when the process ends, so a
 * book that was loaded again puts addresses elsewhere than before. Here it is SHA-256 under the key that the file keeps.
 *
 * @internal
 */
export class AddressBookBuckets {
  readonly new: BucketTable = new BucketTable(NEW_BUCKET_COUNT, NEW_BUCKET_ADDRESSES_MAX);
  readonly old: BucketTable = new BucketTable(OLD_BUCKET_COUNT, OLD_BUCKET_ADDRESSES_MAX);
  /** What the hash is keyed with. */
  readonly key: string;
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  readonly #isStrict: boolean;
  readonly #encoder = new TextEncoder();

  constructor(sha256: (bytes: Uint8Array) => Uint8Array, key: string, isStrict: boolean) {
    this.#sha256 = sha256;
    this.key = key;
    this.#isStrict = isStrict;
  }

  /** The new bucket for an address told by `source`. */
  newIndexOf(address: PexAddress, source: PexAddress): number {
    const group = groupKeyOf(address, this.#isStrict);
    const sourceGroup = groupKeyOf(source, this.#isStrict);
    const slot = this.#hash('new-slot', group, sourceGroup) % NEW_BUCKETS_PER_GROUP;
    return this.#hash('new', sourceGroup, String(slot)) % NEW_BUCKET_COUNT;
  }

  /** The old bucket for an address. */
  oldIndexOf(address: PexAddress): number {
    const slot = this.#hash('old-slot', formatPexAddress(address), '') % OLD_BUCKETS_PER_GROUP;
    return this.#hash('old', groupKeyOf(address, this.#isStrict), String(slot)) % OLD_BUCKET_COUNT;
  }

  #hash(purpose: string, a: string, b: string): number {
    // The parts cannot contain the separator, so no two lists of parts give the same bytes.
    const digest = this.#sha256(this.#encoder.encode([this.key, purpose, a, b].join('|')));
    // 48 bits are exact in a number; both moduli are powers of two, so the remainder has no bias.
    let value = 0;
    for (let i = 0; i < 6; i += 1) value = value * 256 + (digest[i] as number);
    return value;
  }
}
