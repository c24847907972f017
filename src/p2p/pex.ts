/**
 * Peer exchange: a node learns of others from its peers and keeps as many outbound connections as it wants. Every 30 s
 * it dials addresses of the book, asks a random peer for more while the book is short, and turns to its seeds when there
 * is nobody to dial. As a seed it does the opposite: it crawls, answers once and lets go (`pex-seed-crawler.ts`).
 *
 * Logic without a process or a socket: `pex-reactor.ts` plugs it into a Switch. After CometBFT
 * `p2p/pex/pex_reactor.go`.
 */
import type { Clock, Timer } from '../base/clock.ts';
import {
  checkBoolean,
  checkFunction,
  checkMethods,
  checkOptionNames,
  describeReason,
  type OptionNames,
} from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { AddressBook } from './address-book.ts';
import { P2pError } from './errors.ts';
import type { PexAddress } from './pex-address.ts';
import { type PacedDialOutcome, PexDialer } from './pex-dialer.ts';
import { type PexCounters, PexExchange } from './pex-exchange.ts';
import {
  ENSURE_PEERS_INTERVAL_MS,
  GOOD_PEER_AFTER_MS,
  SEED_CRAWL_INTERVAL_MS,
  SEED_DISCONNECT_AFTER_MS,
} from './pex-limits.ts';
import type { PexNetwork, PexPeer } from './pex-network.ts';
import { SeedCrawler } from './pex-seed-crawler.ts';
import { type HostResolver, PexSeeds, parseSeeds } from './pex-seeds.ts';

/** What a {@link Pex} is made with. */
export interface PexOptions {
  readonly book: AddressBook;
  readonly network: PexNetwork;
  readonly clock: Clock;
  readonly random: Random;
  /** Nodes to begin with, `ID@HOST:PORT`, at most 1000. Default none. */
  readonly seeds?: readonly string[];
  /** Finds the address of a seed given by name. Default: names do not resolve. */
  readonly resolve?: HostResolver;
  /** Be a seed: crawl, answer each peer once and disconnect it. Default false. */
  readonly isSeed?: boolean;
  /**
   * Time between two rounds, in ms, 1 and up. Default 30 000. It moves neither how often a peer may ask us (every 10 s) nor
   * how often we ask one: 11 s after its last answer at the soonest.
   */
  readonly ensurePeersIntervalMs?: number;
  /** As a seed: how long a peer that we dialled is kept, in ms. Default 28 hours. */
  readonly seedDisconnectAfterMs?: number;
  /** Longest pause between dials of a persistent peer, in ms; 0 for no bound of its own. Default 0. */
  readonly persistentPauseMsMax?: number;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** @internal */
export const PEX_OPTION_NAMES: OptionNames<PexOptions> = {
  book: true,
  network: true,
  clock: true,
  random: true,
  seeds: true,
  resolve: true,
  isSeed: true,
  ensurePeersIntervalMs: true,
  seedDisconnectAfterMs: true,
  persistentPauseMsMax: true,
  logger: true,
};

/**
 * Checks what does not come from the switch; also called by `pexReactor`, so that a mistake shows where it was made.
 *
 * @throws TypeError, RangeError naming the option; P2pError `PEER_INVALID` for a seed that does not parse. @internal
 */
export function checkPexOptions(options: Omit<PexOptions, 'network' | 'clock' | 'random'>): void {
  const { book, seeds, resolve, isSeed } = options;
  checkMethods('book', book, 'an AddressBook', ['addAddress', 'pickAddress', 'hasMisbehaved']);
  if (seeds !== undefined) parseSeeds(seeds);
  if (resolve !== undefined) checkFunction('resolve', resolve);
  if (isSeed !== undefined) checkBoolean('isSeed', isSeed);
  for (const [name, least] of DURATIONS) if (options[name] !== undefined) atLeast(name, options[name], least);
}

const DURATIONS = [
  ['ensurePeersIntervalMs', 1],
  ['seedDisconnectAfterMs', 0],
  ['persistentPauseMsMax', 0],
] as const;

/** Peer exchange of one node. */
export class Pex {
  readonly #book: AddressBook;
  readonly #network: PexNetwork;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #seeds: PexSeeds;
  readonly #dialer: PexDialer;
  readonly #exchange: PexExchange;
  readonly #crawler: SeedCrawler | undefined;
  readonly #intervalMs: number;
  readonly #connectedAtMs = new WeakMap<PexPeer, number>();
  #timer: Timer | undefined;
  #isRunning = false;
  #isDialingSeeds = false;

  /**
   * @throws P2pError `PEER_INVALID` for a seed that does not parse.
   * @throws TypeError, RangeError for an option of another type, out of its range, or not known.
   */
  constructor(options: PexOptions) {
    checkOptionNames(options, PEX_OPTION_NAMES);
    checkPexOptions(options);
    const { book, network, clock, random } = options;
    this.#book = book;
    this.#network = network;
    this.#clock = clock;
    this.#random = random;
    this.#logger = options.logger ?? silentLogger;
    const isSeed = options.isSeed ?? false;
    this.#intervalMs = isSeed ? SEED_CRAWL_INTERVAL_MS : (options.ensurePeersIntervalMs ?? ENSURE_PEERS_INTERVAL_MS);
    const { seeds = [], resolve, logger = silentLogger } = options;
    this.#seeds = new PexSeeds({ seeds, resolve, clock, random, logger });
    const { persistentPauseMsMax = 0 } = options;
    this.#dialer = new PexDialer({ book, network, clock, random, persistentPauseMsMax });
    this.#exchange = new PexExchange({
      book,
      clock,
      isSeed,
      onAnswer: (peer) => this.#onAnswer(peer),
    });
    if (!isSeed) return;
    const { seedDisconnectAfterMs: keepMs = SEED_DISCONNECT_AFTER_MS } = options;
    this.#crawler = new SeedCrawler({ dialer: this.#dialer, exchange: this.#exchange, network, clock, keepMs });
  }

  /** Whether it is a seed. */
  get isSeed(): boolean {
    return this.#crawler !== undefined;
  }

  /** What it has done so far; a copy. */
  stats(): Readonly<PexCounters> {
    return { ...this.#exchange.counters };
  }

  /**
   * Begins the rounds: at once without any peer, else after a random part of the interval, so that nodes started
   * together do not dial together.
   *
   * @throws P2pError `SEEDS_UNREACHABLE` when seeds were given, none resolves, and the book is empty.
   */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    if (this.#seeds.count > 0 && this.#book.size === 0 && (await this.#seeds.countOnline()) === 0) {
      this.#isRunning = false;
      const text = `the address book is empty and none of ${this.#seeds.count} seeds resolves`;
      throw new P2pError('SEEDS_UNREACHABLE', text);
    }
    if (!this.#isRunning || this.#timer !== undefined) return;
    const { outbound, inbound, dialing } = this.#network.counts();
    if (this.#crawler !== undefined && this.#seeds.count > 0) {
      void this.#dialSeeds();
      this.#arm(this.#intervalMs);
    } else if (this.#crawler === undefined && outbound + inbound + dialing > 0) {
      this.#arm(this.#random.float() * this.#intervalMs);
    } else this.#round();
  }

  /** Ends the rounds. Dials under way end by themselves. */
  stop(): void {
    this.#isRunning = false;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Takes note of a new peer: one that we dialled is asked for addresses while the book is short, one that came to us is
   * put into the book.
   */
  addPeer(peer: PexPeer): void {
    this.#connectedAtMs.set(peer, this.#clock.monotonicMs());
    if (peer.isOutbound) {
      if (this.#book.needsMoreAddresses) this.#exchange.request(peer);
      return;
    }
    const { listenAddress } = peer;
    if (listenAddress === undefined) return;
    // Asking it is left to the rounds: who came to us is trusted less than who we chose.
    const result = this.#book.addAddress(listenAddress, peer.socketAddress ?? listenAddress);
    this.#logger.debug('inbound peer', { peer: peer.id, book: result });
  }

  /** Forgets what was between us and a peer that is gone. */
  removePeer(peer: PexPeer): void {
    this.#connectedAtMs.delete(peer);
    this.#exchange.forget(peer);
  }

  /**
   * Takes a message of the PEX channel. Never throws; a peer that breaks the rules is disconnected, and banned for a day.
   *
   * @param bytes - at most 64 000 of them; not kept.
   */
  receive(peer: PexPeer, bytes: Uint8Array): void {
    this.#exchange.receive(peer, bytes);
  }

  /**
   * Asks a peer for addresses.
   *
   * @returns false, with nothing sent, while an earlier request is unanswered and for 11 s after its answer.
   */
  requestAddresses(peer: PexPeer): boolean {
    return this.#exchange.request(peer);
  }

  /** Dials with the pauses and the ban of the rounds. Never rejects. */
  dialPeer(address: PexAddress): Promise<PacedDialOutcome> {
    return this.#dialer.dial(address);
  }

  /** Dials of that address that failed since the last that did not. */
  attemptsToDial(address: PexAddress): number {
    return this.#dialer.attemptsOf(address);
  }

  /**
   * One round: dials as many addresses as outbound peers are missing, and while the book is short asks a random peer, or
   * the seeds when there was nobody to dial.
   *
   * @param isIntervalOver - false for a round in between, which asks nobody: peers count our requests.
   */
  ensurePeers(isIntervalOver = true): void {
    const { outbound, dialing } = this.#network.counts();
    const missing = this.#network.outboundMax - outbound - dialing;
    if (missing <= 0) return;
    const picked = this.#pickToDial(missing, outbound);
    for (const address of picked) void this.#dialer.dial(address);
    if (this.#book.needsMoreAddresses) this.#book.reinstateBadPeers();
    if (!this.#book.needsMoreAddresses) return;
    const peers = this.#network.peers();
    const peer = peers[Math.floor(this.#random.float() * peers.length)];
    if (isIntervalOver && peer !== undefined) this.#exchange.request(peer);
    if (picked.length === 0) void this.#dialSeeds();
  }

  /** As a seed: dials and asks each of `addresses` that was not crawled lately. Does nothing on another node. */
  async crawlPeers(addresses: readonly PexAddress[]): Promise<void> {
    await this.#crawler?.crawl(addresses);
  }

  /** As a seed: lets go of peers that were here long enough, but for persistent ones. */
  disconnectOldPeers(): void {
    this.#crawler?.disconnectOld((peer) => this.#ageMs(peer));
  }

  #pickToDial(missing: number, outbound: number): PexAddress[] {
    // The fewer connections, the rather those that were good before: 10 to 90 %.
    const bias = Math.min(outbound, 8) * 10 + 10;
    const picked = new Map<string, PexAddress>();
    for (let i = 0; i < missing * 3 && picked.size < missing; i += 1) {
      const address = this.#book.pickAddress(bias);
      if (address === undefined || picked.has(address.id) || this.#network.isDialingOrConnected(address)) continue;
      picked.set(address.id, address);
    }
    return [...picked.values()];
  }

  /** Tries the seeds in random order until one is connected. */
  async #dialSeeds(): Promise<void> {
    if (this.#isDialingSeeds) return;
    this.#isDialingSeeds = true;
    try {
      for (const seed of this.#seeds.shuffled()) {
        const address = await this.#seeds.resolve(seed);
        if (!this.#isRunning) return;
        if (address === undefined) continue;
        const outcome = await this.#dialer.connect(address);
        if (outcome === 'connected' || outcome === 'busy') return;
        this.#logger.warn('seed cannot be reached', { seed: address.id, outcome });
      }
    } finally {
      this.#isDialingSeeds = false;
    }
  }

  #onAnswer(peer: PexPeer): void {
    // What a seed tells is dialled at once: the seed is about to let go of us.
    if (this.#isRunning && !this.isSeed && this.#seeds.has(peer.id)) this.ensurePeers(false);
  }

  #round(): void {
    this.#arm(this.#intervalMs);
    this.#markGoodPeers();
    if (this.#crawler === undefined) {
      this.ensurePeers(true);
      return;
    }
    this.disconnectOldPeers();
    void this.#crawler.crawl(this.#book.getSelection());
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(() => this.#round(), delayMs);
  }

  #markGoodPeers(): void {
    for (const peer of this.#network.peers()) {
      const { socketAddress } = peer;
      if (!peer.isOutbound || socketAddress === undefined || this.#ageMs(peer) < GOOD_PEER_AFTER_MS) continue;
      if (!this.#book.isGood(socketAddress)) this.#book.markGood(peer.id);
    }
  }

  #ageMs(peer: PexPeer): number {
    const connectedAtMs = this.#connectedAtMs.get(peer);
    return connectedAtMs === undefined ? 0 : this.#clock.monotonicMs() - connectedAtMs;
  }
}

function atLeast(name: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least) return;
  throw new RangeError(`option ${name} is ${describeReason(value, 60)}: expected ${least} or more`);
}
