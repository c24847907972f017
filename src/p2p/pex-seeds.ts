/**
 * Seeds: nodes to begin with, as people write them, `ID@HOST:PORT`. Names are resolved when they are needed, so that a
 * name server that is away at the start does not matter for ever. `p2p/pex/pex_reactor.go checkSeeds`.
 */
import type { Clock } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type NodeAddress, parseNodeAddress } from '../codec/cometbft-address.ts';
import { P2pError } from './errors.ts';
import { type PexAddress, toPexAddress } from './pex-address.ts';
import { SEEDS_MAX } from './pex-limits.ts';

/** Gives an IP address of a host name, or undefined when it has none; a rejection counts as that. */
export type HostResolver = (host: string) => Promise<string | undefined>;

/** Patience with a {@link HostResolver}, in ms; then the host counts as unknown for now. */
export const RESOLVE_TIMEOUT_MS = 5000;

/** What {@link PexSeeds} is made with. @internal */
export interface PexSeedsOptions {
  readonly seeds: readonly string[];
  readonly resolve: HostResolver | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
}

/** The seeds of one node. @internal */
export class PexSeeds {
  readonly #seeds: readonly NodeAddress[];
  readonly #options: PexSeedsOptions;
  readonly #logger: Logger;

  /** @throws P2pError `PEER_INVALID` for one that does not parse; RangeError for over {@link SEEDS_MAX}. */
  constructor(options: PexSeedsOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#seeds = parseSeeds(options.seeds);
  }

  /** Seeds given. */
  get count(): number {
    return this.#seeds.length;
  }

  /** Whether a peer is one of them. */
  has(id: string): boolean {
    return this.#seeds.some((seed) => seed.id === id);
  }

  /** Seeds in random order; the address of each is found out when it is asked for. */
  *shuffled(): Generator<NodeAddress> {
    const rest = [...this.#seeds];
    while (rest.length > 0) {
      const index = Math.floor(this.#options.random.float() * rest.length);
      yield rest.splice(index, 1)[0] as NodeAddress;
    }
  }

  /** How many seeds have an address now. */
  async countOnline(): Promise<number> {
    const addresses = await Promise.all(this.#seeds.map((seed) => this.resolve(seed)));
    return addresses.filter((address) => address !== undefined).length;
  }

  /** Where a seed is, or undefined when its name does not resolve in {@link RESOLVE_TIMEOUT_MS}. Never rejects. */
  async resolve(seed: NodeAddress): Promise<PexAddress | undefined> {
    const given = toPexAddress(seed);
    if (given !== undefined) return given;
    try {
      const host = await this.#lookup(seed.host);
      const found = host === undefined ? undefined : toPexAddress({ ...seed, host });
      if (found !== undefined) return found;
      this.#logger.warn('seed does not resolve', { host: seed.host });
    } catch (error) {
      this.#logger.warn('seed does not resolve', { host: seed.host, error: describeReason(error) });
    }
    return undefined;
  }

  #lookup(host: string): Promise<string | undefined> {
    const { resolve, clock } = this.#options;
    if (resolve === undefined) return Promise.resolve(undefined);
    return new Promise((settle, fail) => {
      const timer = clock.setTimer(() => settle(undefined), RESOLVE_TIMEOUT_MS);
      Promise.resolve(host)
        .then(resolve)
        .finally(() => clock.clearTimer(timer))
        .then(settle, fail);
    });
  }
}

/**
 * The addresses of seeds as people write them.
 *
 * @throws P2pError `PEER_INVALID` for one that does not parse; TypeError, RangeError for no list, or one that is too long.
 * @internal
 */
export function parseSeeds(seeds: readonly string[]): NodeAddress[] {
  if (!Array.isArray(seeds)) throw new TypeError('option seeds is not a list');
  if (seeds.length > SEEDS_MAX) {
    throw new RangeError(`option seeds has ${seeds.length} entries: at most ${SEEDS_MAX}`);
  }
  return seeds.map(parseSeed);
}

function parseSeed(text: string): NodeAddress {
  try {
    return parseNodeAddress(text);
  } catch (cause) {
    throw new P2pError('PEER_INVALID', `seed: ${describeReason(cause)}`, { cause });
  }
}
