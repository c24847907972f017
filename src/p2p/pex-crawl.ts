/**
 * Walks a network by PEX: visits the roots, asks each who it knows, visits those, and so on, each address once. Polite
 * and bounded: few visits at a time, never two to one host, a pause between dials, deadlines for everything, and an end
 * to how much is remembered. What each visit found is yielded as it comes; `pex-topology.ts` makes a picture of it.
 *
 * How a visit is made is given ({@link CrawlNetwork}), so that this runs over sockets and over a simulation alike.
 */
import { type Clock, systemClock, type Timer } from '../base/clock.ts';
import { checkInteger, checkOptionNames, type OptionNames } from '../base/errors.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { P2pError } from './errors.ts';
import { formatPexAddress, invalidReasonOf, isRoutable, type PexAddress } from './pex-address.ts';

/** The numbers of a crawl; {@link CRAWL_LIMITS} has their ranges. */
export interface CrawlLimits {
  /** Visits at a time; those whose result was not taken yet count too. Default 8. */
  readonly concurrency: number;
  /** Addresses remembered; those told of beyond are dropped and counted. Default 20 000. */
  readonly addressesMax: number;
  /** Addresses visited at one IP address; further ones are dropped and counted: ports cost nothing. Default 16. */
  readonly addressesPerHostMax: number;
  /** Steps from the roots; what is told at this distance is not visited. Default 64. */
  readonly depthMax: number;
  /** Time between the beginnings of two visits, in ms. Default 50. */
  readonly dialIntervalMs: number;
  /** Patience with a connection, handshake included, in ms. Default 10 000. */
  readonly connectTimeoutMs: number;
  /** Patience with an answer, in ms. Default 15 000. */
  readonly answerTimeoutMs: number;
}

/** Default, least and most of each of {@link CrawlLimits}. */
export const CRAWL_LIMITS: {
  readonly [K in keyof CrawlLimits]: readonly [standard: number, least: number, most: number];
} = {
  concurrency: [8, 1, 64],
  addressesMax: [20_000, 1, 1_000_000],
  addressesPerHostMax: [16, 1, 65_536],
  depthMax: [64, 0, 1_000_000],
  dialIntervalMs: [50, 0, 60_000],
  connectTimeoutMs: [10_000, 1, 600_000],
  answerTimeoutMs: [15_000, 1, 600_000],
};

/** A connection made to ask one question. */
export interface CrawlPeer<Info> {
  /** What the peer says of itself. */
  readonly info: Info;
  /** Asks whom it knows. Rejects when the connection ends first. */
  requestAddresses(): Promise<readonly PexAddress[]>;
  /** Ends the connection; never throws. */
  close(): void;
}

/** The way to make such a connection. */
export interface CrawlNetwork<Info> {
  /**
   * Connects, handshake and all; rejects when it cannot. Stops trying when `signal` aborts.
   *
   * @param onDialed - to be called when somebody has taken the connection, before the handshake: what then takes too long
   *   is not said to be out of reach.
   */
  connect(address: PexAddress, signal: AbortSignal, onDialed?: () => void): Promise<CrawlPeer<Info>>;
}

/** How far a crawl has come. */
export interface CrawlProgress {
  /** Visits ended, whatever their outcome. */
  readonly visitCount: number;
  /** Of them, peers that could be connected. */
  readonly reachedCount: number;
  /** Addresses that wait for a visit. */
  readonly queuedCount: number;
  /** Visits under way. */
  readonly activeCount: number;
  /** Addresses not followed for a bound: too many, too many of one host, too far. */
  readonly droppedCount: number;
}

/** What one visit found. `answered`; `silent`: connected, but no addresses came; `unreachable`: not connected. */
export interface CrawlVisit<Info> {
  readonly address: PexAddress;
  readonly outcome: 'answered' | 'silent' | 'unreachable';
  /** Steps from the nearest root by which it was heard of. */
  readonly depth: number;
  /** What it says of itself; undefined when it was not reached. */
  readonly info: Info | undefined;
  /** Time to a connection, handshake included, in ms; undefined when it was not reached. */
  readonly connectMs: number | undefined;
  /** Time to the answer, in ms; undefined without one. */
  readonly answerMs: number | undefined;
  /** Whom it knows, as it says. */
  readonly knows: readonly PexAddress[];
  /** Why there is no answer. */
  readonly error: unknown;
  readonly progress: CrawlProgress;
}

/** What {@link crawl} is given; the numbers of {@link CrawlLimits} are optional. */
export interface CrawlOptions<Info> extends Partial<CrawlLimits> {
  readonly network: CrawlNetwork<Info>;
  /** Where to begin. */
  readonly roots: readonly PexAddress[];
  /** Default: the host's clock. */
  readonly clock?: Clock;
  /** Follow only addresses that the open internet can reach, roots aside. Default true. */
  readonly isStrict?: boolean;
  /** Ends the crawl: connections are closed, and what was not yielded yet is not. */
  readonly signal?: AbortSignal;
}

const OPTION_NAMES: OptionNames<CrawlOptions<unknown>> = {
  ...CRAWL_LIMITS,
  network: true,
  roots: true,
  clock: true,
  isStrict: true,
  signal: true,
};

/**
 * Crawls; ends when there is nobody left to visit. Leaving the loop early closes every connection.
 *
 * @throws RangeError for an option out of its range, or not known.
 */
export async function* crawl<Info>(options: CrawlOptions<Info>): AsyncGenerator<CrawlVisit<Info>, void, void> {
  const run = new CrawlRun(options);
  try {
    for (let visit = await run.next(); visit !== undefined; visit = await run.next()) yield visit;
  } finally {
    run.stop();
  }
}

interface Target {
  readonly address: PexAddress;
  readonly depth: number;
}

interface Host {
  readonly waiting: RingQueue<Target>;
  isBusy: boolean;
  count: number;
}

class CrawlRun<Info> {
  readonly #network: CrawlNetwork<Info>;
  readonly #clock: Clock;
  readonly #isStrict: boolean;
  readonly #limits: CrawlLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Set<string>();
  readonly #reachedIds = new Set<string>();
  readonly #hosts = new Map<string, Host>();
  /** Hosts with somebody to visit and no visit under way, in turn. */
  readonly #ready = new RingQueue<Host>();
  readonly #results = new RingQueue<Omit<CrawlVisit<Info>, 'progress'>>();
  readonly #aborts = new Set<AbortController>();
  readonly #onAbort = (): void => this.stop();
  #queuedCount = 0;
  #visitCount = 0;
  #droppedCount = 0;
  #lastDialMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;
  #isStopped = false;

  constructor(options: CrawlOptions<Info>) {
    checkOptionNames(options, OPTION_NAMES);
    this.#network = options.network;
    this.#clock = options.clock ?? systemClock;
    this.#isStrict = options.isStrict ?? true;
    this.#limits = parseCrawlLimits(options);
    this.#signal = options.signal;
    if (this.#signal?.aborted === true) this.#isStopped = true;
    else this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    for (const address of options.roots) this.#offer({ address, depth: 0 });
  }

  /** The next result, or undefined at the end. */
  async next(): Promise<CrawlVisit<Info> | undefined> {
    for (;;) {
      if (this.#isStopped) return undefined;
      this.#fill();
      const visit = this.#results.shift();
      if (visit !== undefined) {
        this.#fill();
        return { ...visit, progress: this.#progress() };
      }
      if (this.#aborts.size === 0 && this.#queuedCount === 0) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    for (const abort of this.#aborts) abort.abort(new P2pError('STOPPED', 'the crawl was ended'));
    this.#wakeUp();
  }

  #progress(): CrawlProgress {
    return {
      visitCount: this.#visitCount,
      reachedCount: this.#reachedIds.size,
      queuedCount: this.#queuedCount,
      activeCount: this.#aborts.size,
      droppedCount: this.#droppedCount,
    };
  }

  #offer(target: Target): void {
    const { address, depth } = target;
    if (invalidReasonOf(address) !== undefined || address.port === 0) return;
    if (depth > 0 && this.#isStrict && !isRoutable(address)) return;
    const name = formatPexAddress(address);
    if (this.#known.has(name) || this.#reachedIds.has(address.id)) return;
    let host = this.#hosts.get(address.ip);
    const { addressesMax, addressesPerHostMax, depthMax } = this.#limits;
    if (this.#known.size >= addressesMax || depth > depthMax || (host?.count ?? 0) >= addressesPerHostMax) {
      this.#droppedCount += 1;
      return;
    }
    if (host === undefined) {
      host = { waiting: new RingQueue<Target>(), isBusy: false, count: 0 };
      this.#hosts.set(address.ip, host);
    }
    this.#known.add(name);
    host.count += 1;
    host.waiting.push(target);
    this.#queuedCount += 1;
    if (!host.isBusy && host.waiting.length === 1) this.#ready.push(host);
  }

  /** Begins visits while there is room, and not faster than the pause between dials allows. */
  #fill(): void {
    while (!this.#isStopped && this.#aborts.size + this.#results.length < this.#limits.concurrency) {
      if (this.#ready.length === 0) return;
      const waitMs = this.#lastDialMs + this.#limits.dialIntervalMs - this.#clock.monotonicMs();
      if (waitMs > 0) {
        this.#timer ??= this.#clock.setTimer(() => {
          this.#timer = undefined;
          this.#wakeUp();
        }, waitMs);
        return;
      }
      const host = this.#ready.shift() as Host;
      const target = host.waiting.shift() as Target;
      this.#queuedCount -= 1;
      // Somebody may have been reached at another of its addresses since.
      if (this.#reachedIds.has(target.address.id)) this.#release(host);
      else this.#begin(host, target);
    }
  }

  #begin(host: Host, target: Target): void {
    host.isBusy = true;
    this.#lastDialMs = this.#clock.monotonicMs();
    const abort = new AbortController();
    this.#aborts.add(abort);
    void this.#visit(target, abort).then((visit) => {
      this.#aborts.delete(abort);
      if (this.#isStopped) return;
      this.#visitCount += 1;
      for (const address of visit.knows) this.#offer({ address, depth: target.depth + 1 });
      this.#results.push(visit);
      this.#release(host);
      this.#wakeUp();
    });
  }

  #release(host: Host): void {
    host.isBusy = false;
    if (host.waiting.length > 0) this.#ready.push(host);
  }

  async #visit(target: Target, abort: AbortController): Promise<Omit<CrawlVisit<Info>, 'progress'>> {
    const { address, depth } = target;
    const startMs = this.#clock.monotonicMs();
    const blank = { address, depth, info: undefined, connectMs: undefined, answerMs: undefined, knows: [] };
    let peer: CrawlPeer<Info> | undefined;
    try {
      const { connectTimeoutMs, answerTimeoutMs } = this.#limits;
      let isDialed = false;
      const connecting = this.#network.connect(address, abort.signal, () => {
        isDialed = true;
      });
      // A connection that comes after the deadline has nobody to close it but us.
      connecting.then(
        (late) => abort.signal.aborted && late.close(),
        () => {},
      );
      peer = await this.#within(connecting, connectTimeoutMs, () => (isDialed ? NO_HANDSHAKE : 'no connection'), abort);
      const connectMs = this.#clock.monotonicMs() - startMs;
      this.#reachedIds.add(address.id);
      const reached = { ...blank, info: peer.info, connectMs };
      try {
        const knows = await this.#within(peer.requestAddresses(), answerTimeoutMs, () => 'no answer', abort);
        const answerMs = this.#clock.monotonicMs() - startMs - connectMs;
        return { ...reached, outcome: 'answered', answerMs, knows, error: undefined };
      } catch (error) {
        return { ...reached, outcome: 'silent', error };
      }
    } catch (error) {
      return { ...blank, outcome: 'unreachable', error };
    } finally {
      peer?.close();
    }
  }

  #within<T>(promise: Promise<T>, timeoutMs: number, what: () => string, abort: AbortController): Promise<T> {
    const { signal } = abort;
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => {
        this.#clock.clearTimer(timer);
        reject(signal.reason);
      };
      const timer = this.#clock.setTimer(() => {
        abort.abort(new P2pError('TIMEOUT', `${what()} in ${timeoutMs} ms`));
      }, timeoutMs);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      promise.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', onAbort);
        this.#clock.clearTimer(timer);
      });
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Somebody took the connection: what listens there may be another service. */
const NO_HANDSHAKE = 'connected, but did not shake hands';

function parseCrawlLimits(options: Partial<CrawlLimits>): CrawlLimits {
  const limits: Record<string, number> = {};
  for (const [name, [standard, least, most]] of Object.entries(CRAWL_LIMITS)) {
    limits[name] = checkInteger(name, options[name as keyof CrawlLimits] ?? standard, least, most);
  }
  return limits as unknown as CrawlLimits;
}
