/**
 * The text of `addrbook.json`, as CometBFT writes and reads it (`p2p/pex/file.go`, `known_address.go`): an object with
 * the book's key and its addresses, indented by tabs. Pure; `address-book-file.ts` moves it to the disk and back.
 */
import { isNodeId } from '../codec/cometbft-address.ts';
import { formatIp, parseIp } from '../codec/cometbft-ip.ts';
import type { AddressBook } from './address-book.ts';
import type { KnownAddress } from './address-book-entry.ts';
import {
  BOOK_ADDRESSES_MAX,
  BOOK_FILE_BYTES_MAX,
  NEW_BUCKET_ADDRESSES_MAX,
  NEW_BUCKET_COUNT,
  NEW_BUCKETS_PER_ADDRESS_MAX,
  OLD_BUCKET_ADDRESSES_MAX,
  OLD_BUCKET_COUNT,
} from './address-book-limits.ts';
import { P2pError } from './errors.ts';
import { invalidReasonOf, type PexAddress } from './pex-address.ts';

/** Longest key of a book that is read, in characters; CometBFT's has 24. */
export const BOOK_KEY_CHARS_MAX = 256;

/** What a book's file holds. */
export interface AddressBookContents {
  /** Keys the choice of buckets. */
  readonly key: string;
  readonly addresses: readonly KnownAddress[];
}

// Bucket types are a byte in the file, `addrbook.go bucketTypeNew, bucketTypeOld`.
const BUCKET_TYPE_NEW = 1;
const BUCKET_TYPE_OLD = 2;
const INT32_MAX = 2_147_483_647;
/** Go's zero time: never. */
const TIME_NEVER = '0001-01-01T00:00:00Z';
const TIME_CHARS_MAX = 64;
/** RFC 3339 as Go writes it: up to nine digits of fraction, any offset. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** The text of `addrbook.json` for what is in the book; times lose what is under a ms, bans are not kept. */
export function encodeAddressBook(book: AddressBook): string {
  const addrs = book.entries().map((entry) => ({
    addr: addressToJson(entry.address),
    src: addressToJson(entry.source),
    buckets: entry.buckets,
    attempts: Math.min(entry.attempts, INT32_MAX),
    bucket_type: entry.bucketType === 'new' ? BUCKET_TYPE_NEW : BUCKET_TYPE_OLD,
    last_attempt: formatTime(entry.lastAttemptMs),
    last_success: formatTime(entry.lastSuccessMs),
    last_ban_time: formatTime(entry.bannedUntilMs),
  }));
  return JSON.stringify({ key: book.key, addrs }, null, '\t');
}

/**
 * Reads the text of `addrbook.json`. Unknown fields are ignored and those that are missing are zero, as Go does; all else
 * is held to what a book can be, since a wrong index or a count over its bound would break it later.
 *
 * @throws P2pError `ADDRESS_BOOK_INVALID` naming the place that is wrong.
 */
export function decodeAddressBook(text: string): AddressBookContents {
  // A character is at least a byte, so this refuses nothing that fits.
  if (text.length > BOOK_FILE_BYTES_MAX) {
    throw invalid(`it has ${text.length} characters: at most ${BOOK_FILE_BYTES_MAX} bytes are read`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
  const file = objectAt(parsed, 'the file');
  const key = file.key ?? '';
  if (typeof key !== 'string' || key.length > BOOK_KEY_CHARS_MAX) throw invalid('key is not a short text');
  const addrs = file.addrs ?? [];
  if (!Array.isArray(addrs)) throw invalid('addrs is not a list');
  if (addrs.length > BOOK_ADDRESSES_MAX) {
    throw invalid(`addrs has ${addrs.length} entries: a full book has ${BOOK_ADDRESSES_MAX}`);
  }
  const addresses = addrs.map((value, index) => decodeEntry(value, `addrs[${index}]`));
  checkTogether(addresses);
  return { key, addresses };
}

function decodeEntry(value: unknown, at: string): KnownAddress {
  const entry = objectAt(value, at);
  const bucketType = entry.bucket_type;
  if (bucketType !== BUCKET_TYPE_NEW && bucketType !== BUCKET_TYPE_OLD) {
    throw invalid(`${at}.bucket_type is neither ${BUCKET_TYPE_NEW} nor ${BUCKET_TYPE_OLD}`);
  }
  const isNew = bucketType === BUCKET_TYPE_NEW;
  const address = decodeAddress(entry.addr, `${at}.addr`);
  const reason = invalidReasonOf(address);
  if (reason !== undefined) throw invalid(`${at}.addr: ${reason}`);
  return {
    address,
    // A source only says which group told of the address, so it need not be one that can be dialled.
    source: decodeAddress(entry.src, `${at}.src`),
    bucketType: isNew ? 'new' : 'old',
    buckets: decodeBuckets(entry.buckets ?? [], isNew, `${at}.buckets`),
    attempts: integerAt(entry.attempts ?? 0, INT32_MAX, `${at}.attempts`),
    lastAttemptMs: parseTime(entry.last_attempt, `${at}.last_attempt`),
    lastSuccessMs: parseTime(entry.last_success, `${at}.last_success`),
    bannedUntilMs: parseTime(entry.last_ban_time, `${at}.last_ban_time`),
  };
}

function decodeBuckets(value: unknown, isNew: boolean, at: string): number[] {
  const countMax = isNew ? NEW_BUCKETS_PER_ADDRESS_MAX : 1;
  if (!Array.isArray(value) || value.length > countMax) throw invalid(`${at} is not a list of at most ${countMax}`);
  const indexMax = (isNew ? NEW_BUCKET_COUNT : OLD_BUCKET_COUNT) - 1;
  const buckets = value.map((index, i) => integerAt(index, indexMax, `${at}[${i}]`));
  if (new Set(buckets).size !== buckets.length) throw invalid(`${at} names a bucket twice`);
  return buckets;
}

function checkTogether(addresses: readonly KnownAddress[]): void {
  const ids = new Set<string>();
  const filled = new Map<string, number>();
  for (const [index, { address, bucketType, buckets }] of addresses.entries()) {
    if (ids.has(address.id)) throw invalid(`addrs[${index}] has the id of another entry`);
    ids.add(address.id);
    const capacity = bucketType === 'new' ? NEW_BUCKET_ADDRESSES_MAX : OLD_BUCKET_ADDRESSES_MAX;
    for (const bucket of buckets) {
      const name = `${bucketType} bucket ${bucket}`;
      const count = (filled.get(name) ?? 0) + 1;
      if (count > capacity) throw invalid(`${name} has over ${capacity} addresses`);
      filled.set(name, count);
    }
  }
}

function addressToJson(address: PexAddress): PexAddress {
  return { id: address.id, ip: address.ip, port: address.port };
}

function decodeAddress(value: unknown, at: string): PexAddress {
  const { id, ip, port } = objectAt(value, at);
  if (typeof id !== 'string' || !isNodeId(id)) throw invalid(`${at}.id is not 40 hex digits`);
  const bytes = typeof ip === 'string' ? parseIp(ip) : undefined;
  if (bytes === undefined) throw invalid(`${at}.ip is not an IP address`);
  return { id, ip: formatIp(bytes), port: integerAt(port ?? 0, 65_535, `${at}.port`) };
}

function formatTime(ms: number): string {
  return ms === 0 ? TIME_NEVER : new Date(ms).toISOString();
}

function parseTime(value: unknown, at: string): number {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'string' || value.length > TIME_CHARS_MAX || !TIME.test(value)) {
    throw invalid(`${at} is not a time`);
  }
  // Fractions finer than a ms are cut by hand: what the host makes of nine digits is its own affair.
  const ms = Date.parse(value.replace(/(\.\d{3})\d+/, '$1'));
  if (Number.isNaN(ms)) throw invalid(`${at} is not a time`);
  return Math.max(0, ms);
}

function objectAt(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`${at} is not an object`);
}

function integerAt(value: unknown, max: number, at: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw invalid(`${at} is not an integer from 0 to ${max}`);
}

function invalid(why: string, cause?: unknown): P2pError {
  const options = cause === undefined ? undefined : { cause };
  return new P2pError('ADDRESS_BOOK_INVALID', `address book: ${why}`, options);
}
