/**
 * What a seed does all day: dial the addresses of its book, ask who they know, and let go of them again.
 * `p2p/pex/pex_reactor.go crawlPeersRoutine, attemptDisconnects`.
 */
import type { Clock } from '../base/clock.ts';
import type { PexAddress } from './pex-address.ts';
import type { PexDialer } from './pex-dialer.ts';
import type { PexExchange } from './pex-exchange.ts';
import {
  SEED_CRAWL_AGAIN_MS,
  SEED_CRAWL_DIALS_MAX,
  SEED_CRAWL_FORGET_MS,
  SEED_CRAWL_HISTORY_MAX,
} from './pex-limits.ts';
import type { PexNetwork, PexPeer } from './pex-network.ts';

/** What a {@link SeedCrawler} is made with. @internal */
export interface SeedCrawlerOptions {
  readonly dialer: PexDialer;
  readonly exchange: PexExchange;
  readonly network: PexNetwork;
  readonly clock: Clock;
  /** How long a peer is kept, in ms. */
  readonly keepMs: number;
}

/** The crawl of a seed. @internal */
export class SeedCrawler {
  readonly #options: SeedCrawlerOptions;
  /** When each id was crawled last, in monotonic ms; the one crawled longest ago first. */
  readonly #crawledAtMs = new Map<string, number>();
  #dialCount = 0;

  constructor(options: SeedCrawlerOptions) {
    this.#options = options;
  }

  /** Peers whose last crawl is remembered. */
  get historyCount(): number {
    return this.#crawledAtMs.size;
  }

  /**
   * Dials each address that was not crawled within 2 minutes, at most 16 at a time over all calls, and asks who answers.
   * Those for whom there is no room now come with a later round.
   */
  async crawl(addresses: readonly PexAddress[]): Promise<void> {
    this.#forgetOld();
    const queue = [...addresses];
    const workers: Promise<void>[] = [];
    while (this.#dialCount < SEED_CRAWL_DIALS_MAX && workers.length < queue.length) {
      this.#dialCount += 1;
      workers.push(this.#work(queue));
    }
    await Promise.all(workers);
  }

  /** Disconnects whoever has been here for over `keepMs` and is not persistent. */
  disconnectOld(ageMsOf: (peer: PexPeer) => number): void {
    for (const peer of this.#options.network.peers()) {
      if (!peer.isPersistent && ageMsOf(peer) >= this.#options.keepMs) peer.disconnectGracefully();
    }
  }

  async #work(queue: PexAddress[]): Promise<void> {
    try {
      for (let address = queue.shift(); address !== undefined; address = queue.shift()) await this.#visit(address);
    } finally {
      this.#dialCount -= 1;
    }
  }

  async #visit(address: PexAddress): Promise<void> {
    const { dialer, exchange, network, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const lastMs = this.#crawledAtMs.get(address.id);
    if (lastMs !== undefined && nowMs - lastMs < SEED_CRAWL_AGAIN_MS) return;
    this.#note(address.id, nowMs);
    if ((await dialer.dial(address)) !== 'connected') return;
    const peer = network.peers().find(({ id }) => id === address.id);
    if (peer !== undefined) exchange.request(peer);
  }

  #note(id: string, nowMs: number): void {
    this.#crawledAtMs.delete(id);
    if (this.#crawledAtMs.size >= SEED_CRAWL_HISTORY_MAX) {
      for (const oldest of this.#crawledAtMs.keys()) {
        this.#crawledAtMs.delete(oldest);
        break;
      }
    }
    this.#crawledAtMs.set(id, nowMs);
  }

  #forgetOld(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [id, lastMs] of this.#crawledAtMs) {
      if (nowMs - lastMs <= SEED_CRAWL_FORGET_MS) break; // in the order of time
      this.#crawledAtMs.delete(id);
    }
  }
}
