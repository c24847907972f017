/**
 * The numbers of the address book, as CometBFT has them (`p2p/pex/params.go`): two nodes that keep addresses by other
 * numbers still understand each other, but a book file moves between them only with these. None of them is an option.
 */

/** Buckets for addresses that were heard of and never connected to. */
export const NEW_BUCKET_COUNT = 256;
/** Buckets for addresses that a connection was made to. */
export const OLD_BUCKET_COUNT = 64;
/**
 * Addresses in one new bucket; one more puts out a bad one, or the one tried longest ago. Not 64: upstream looks for
 * `len > 64` before it adds, so 65 fit, and its files may hold that many.
 */
export const NEW_BUCKET_ADDRESSES_MAX = 65;
/** Addresses in one old bucket; one more sends the one tried longest ago back to a new bucket. 65 as above. */
export const OLD_BUCKET_ADDRESSES_MAX = 65;
/** New buckets over which the addresses told by one source group are spread. */
export const NEW_BUCKETS_PER_GROUP = 32;
/** Old buckets over which the addresses of one group are spread. */
export const OLD_BUCKETS_PER_GROUP = 4;
/** New buckets that one address can be in at a time, when several sources tell of it. */
export const NEW_BUCKETS_PER_ADDRESS_MAX = 4;
/** Addresses that a book can hold: every bucket full. 256 x 65 + 64 x 65. */
export const BOOK_ADDRESSES_MAX = 20_800;

/** With fewer addresses the book asks for more. */
export const NEED_ADDRESSES_BELOW = 1000;

/** Share of the book that a selection takes, in percent. */
export const SELECTION_PERCENT = 23;
/** A selection has that many addresses at least, or all there are. */
export const SELECTION_ADDRESSES_MIN = 32;
/** A selection, and so an answer to a peer, has no more addresses. */
export const SELECTION_ADDRESSES_MAX = 250;

/** A new address not tried for that long is bad, in ms: 7 days. */
export const MISSING_MS = 604_800_000;
/** Failures without any success after which a new address is bad. */
export const FAILURES_NEVER_SUCCEEDED = 3;
/** Failures after which a new address without a success in {@link SUCCESS_WITHIN_MS} is bad. */
export const FAILURES_SINCE_SUCCESS = 10;
/** See {@link FAILURES_SINCE_SUCCESS}, in ms: 7 days. */
export const SUCCESS_WITHIN_MS = 604_800_000;
/** An address tried that recently is never bad, in ms. */
export const RECENT_ATTEMPT_MS = 60_000;

/** Addresses that are no good at a time, for a day each; one more forgets the one that is taken again first. */
export const BAD_ADDRESSES_MAX = 10_000;
/**
 * Peers under a ban at a time; one more forgets the ban that ends first. Differs from upstream, which has no bound: one
 * who makes ids for nothing could fill the memory with bans.
 */
export const BANNED_PEERS_MAX = 10_000;

/** Time between two saves of the book, in ms: 2 minutes. */
export const SAVE_INTERVAL_MS = 120_000;
/** Longest book file that is read, in bytes. A full book has about 10 million. */
export const BOOK_FILE_BYTES_MAX = 33_554_432;
