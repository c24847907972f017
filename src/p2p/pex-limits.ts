/**
 * The numbers of peer exchange, as CometBFT has them (`p2p/pex/pex_reactor.go`). A peer that asks more often than
 * {@link PEX_REQUEST_INTERVAL_MS} is banned by every unmodified node, so most of them are no matter of taste.
 */

/** The channel of PEX messages. */
export const PEX_CHANNEL_ID = 0x00;
/** Its priority: everything else is more urgent. */
export const PEX_CHANNEL_PRIORITY = 1;
/** Messages that may wait on it to be sent to one peer. */
export const PEX_SEND_QUEUE_MAX = 10;

/** Time between two looks at whether there are enough peers, in ms; the first is put off by a random part of it. */
export const ENSURE_PEERS_INTERVAL_MS = 30_000;
/**
 * A peer's requests must be this far apart, in ms: a third of upstream's 30 s, whatever our own interval is, or we would ban
 * those who keep to the rules.
 */
export const PEX_REQUEST_INTERVAL_MS = 10_000;
/**
 * We ask a peer again no sooner after its answer, in ms: what others allow, counted from a moment when they have had the
 * request for sure, and 1 s for clocks that go at different speeds.
 */
export const PEX_ASK_AGAIN_MS = 11_000;
/** Requests of one connection that {@link PEX_REQUEST_INTERVAL_MS} does not apply to: the first two. */
export const PEX_REQUESTS_FREE_MAX = 2;
/** How long a peer that misbehaves is banned, in ms: 24 hours. */
export const PEX_BAN_MS = 86_400_000;

/** Failed dials of one address, as they follow each other, after which it is banned; about 35 hours. */
export const DIAL_ATTEMPTS_MAX = 16;
/** The pause after n failed dials is 2^n s and up to that much more, in ms. */
export const DIAL_JITTER_MS = 1000;
/** Addresses whose failed dials are remembered; one more forgets the one dialled longest ago. */
export const DIAL_HISTORY_MAX = 20_800;

/**
 * An outbound peer connected for that long counts as good, in ms. Differs from upstream, where the consensus reactor
 * says so after some thousand votes: a node without it would never know a good peer.
 */
export const GOOD_PEER_AFTER_MS = 120_000;

/** Seeds that one node may have. */
export const SEEDS_MAX = 1000;

/** Seed mode: time between two rounds of the crawl, in ms. */
export const SEED_CRAWL_INTERVAL_MS = 30_000;
/** Seed mode: a peer is not dialled again before that, in ms. */
export const SEED_CRAWL_AGAIN_MS = 120_000;
/** Seed mode: what is known of a peer's last crawl is forgotten after that, in ms. */
export const SEED_CRAWL_FORGET_MS = 86_400_000;
/** Seed mode: dials at a time. Differs from upstream, which dials one after the other and so waits for each. */
export const SEED_CRAWL_DIALS_MAX = 16;
/** Seed mode: peers whose last crawl is remembered; one more forgets the one crawled longest ago. */
export const SEED_CRAWL_HISTORY_MAX = 20_800;
/** Seed mode: share of new addresses in an answer, in percent. */
export const SEED_NEW_BIAS_PERCENT = 30;
/** Seed mode: a peer that we dialled and that is not persistent is kept no longer, in ms: 28 hours. */
export const SEED_DISCONNECT_AFTER_MS = 100_800_000;
