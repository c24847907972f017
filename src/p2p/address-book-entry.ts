/**
 * What the address book knows of one address, and the rule by which it gives up on it (`p2p/pex/known_address.go`).
 * Times are wall-clock ms, because they outlive the process in the book's file; 0 is never.
 */
import {
  FAILURES_NEVER_SUCCEEDED,
  FAILURES_SINCE_SUCCESS,
  MISSING_MS,
  RECENT_ATTEMPT_MS,
  SUCCESS_WITHIN_MS,
} from './address-book-limits.ts';
import type { PexAddress } from './pex-address.ts';

/** The two kinds of bucket: heard of, and connected to. */
export type BucketType = 'new' | 'old';

/** One address of a book, as {@link AddressBook.entries} shows it and its file keeps it. */
export interface KnownAddress {
  readonly address: PexAddress;
  /** Who told of it first; the address itself for a peer that came to us. */
  readonly source: PexAddress;
  readonly bucketType: BucketType;
  /** Indices of its buckets: 1 to 4 new ones, or 1 old one. */
  readonly buckets: readonly number[];
  /** Failures since the last success. */
  readonly attempts: number;
  /** Wall-clock ms of the last attempt, success, or of becoming known. */
  readonly lastAttemptMs: number;
  /** Wall-clock ms of the last success; 0 when there was none. */
  readonly lastSuccessMs: number;
  /** Wall-clock ms at which its last ban ends or ended; 0 when there was none. */
  readonly bannedUntilMs: number;
}

/** A {@link KnownAddress} that its book may change. @internal */
export interface BookEntry extends KnownAddress {
  bucketType: BucketType;
  buckets: number[];
  attempts: number;
  lastAttemptMs: number;
  lastSuccessMs: number;
  bannedUntilMs: number;
}

/** A fresh entry in no bucket. Becoming known counts as an attempt, or it would be bad at once. @internal */
export function createEntry(address: PexAddress, source: PexAddress, nowMs: number): BookEntry {
  return {
    address,
    source,
    bucketType: 'new',
    buckets: [],
    attempts: 0,
    lastAttemptMs: nowMs,
    lastSuccessMs: 0,
    bannedUntilMs: 0,
  };
}

/**
 * Says whether an address is not worth keeping: new, not tried within the last minute, and either not tried for a week,
 * or failed three times and never succeeded, or failed ten times with no success for a week.
 * `p2p/pex/known_address.go isBad`.
 *
 * @param nowMs - the wall clock, in ms.
 */
export function isBadAddress(entry: KnownAddress, nowMs: number): boolean {
  if (entry.bucketType === 'old') return false;
  if (entry.lastAttemptMs > nowMs - RECENT_ATTEMPT_MS) return false;
  if (entry.lastAttemptMs < nowMs - MISSING_MS) return true;
  if (entry.lastSuccessMs === 0 && entry.attempts >= FAILURES_NEVER_SUCCEEDED) return true;
  return entry.lastSuccessMs < nowMs - SUCCESS_WITHIN_MS && entry.attempts >= FAILURES_SINCE_SUCCESS;
}
