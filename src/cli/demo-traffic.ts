/**
 * Traffic: the calls a node of the demo makes to its peers, at a steady rate, several under way. Each call ends once: with
 * the reply it should get, or with a typed error that is counted by its code.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { GetTransaction, GetTransactionChainLength } from '../codec/archethic-chain-messages.ts';
import { ListNodes, Ping } from '../codec/archethic-node-messages.ts';
import { bytesEqual } from '../codec/hex.ts';
import { CURVE_IDS, HASH_IDS } from '../codec/key-layout.ts';
import type { MessageValue } from '../codec/message.ts';
import { Echo } from '../p2p/built-in-services.ts';
import type { Remote } from '../p2p/remote.ts';
import type { CallCounts } from './demo-protocol.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** Largest Echo, in bytes; sizes are spread evenly over their magnitudes. */
export const ECHO_BYTES_MAX = 16_384;

/** Code under which a reply that is not the right one is counted. */
export const WRONG_REPLY = 'WRONG_REPLY';

/** Code under which an error without a code is counted. */
export const UNEXPECTED = 'UNEXPECTED';

/** Different codes counted by name; further ones count as {@link UNEXPECTED}. */
export const ERROR_CODES_MAX = 64;

/** Pause between two rounds of calls, in ms: the rate is kept by the clock, not by the pause. */
const ROUND_MS_MIN = 4;
const ROUND_MS_MAX = 100;

/** Calls that are made up for after a pause of the whole process, in seconds of the rate. */
const ARREARS_S_MAX = 0.25;

/** What is called, and how often. */
export interface TrafficOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly remotes: readonly Remote[];
  /** Calls a second, over all remotes. */
  readonly rate: number;
  /** Calls under way to one remote; at it a call is left out. */
  readonly inFlightMax: number;
}

class LinkTraffic {
  readonly remote: Remote;
  readonly latencies: LatencyHistogram = new LatencyHistogram();
  readonly errorsByCode = new Map<string, number>();
  calls = 0;
  replies = 0;
  timeouts = 0;
  errors = 0;

  constructor(remote: Remote) {
    this.remote = remote;
  }

  get open(): number {
    return this.calls - this.replies - this.timeouts - this.errors;
  }
}

/** A source of calls. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #links: readonly LinkTraffic[];
  #timer: Timer | undefined;
  #startMs = 0;
  #made = 0;
  #turn = 0;
  #quiet: (() => void) | undefined;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#links = options.remotes.map((remote) => new LinkTraffic(remote));
  }

  /** Begins to call. */
  start(): void {
    if (this.#timer !== undefined || this.#links.length === 0) return;
    this.#startMs = this.#options.clock.monotonicMs();
    this.#made = 0;
    this.#arm();
  }

  /** Makes no more calls; resolves when those under way are over, which takes a call's timeout at most. */
  async stop(): Promise<void> {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    if (this.#links.every((link) => link.open === 0)) return;
    await new Promise<void>((resolve) => {
      this.#quiet = resolve;
    });
  }

  /** One Ping to a remote, counted like every call. @returns whether it was answered. */
  ping(remote: Remote): Promise<boolean> {
    const link = this.#links.find((one) => one.remote === remote);
    if (link === undefined) throw new RangeError(`remote ${remote.publicKey} is not called here`);
    return this.#call(link, pingOnce);
  }

  /** What became of the calls to that remote. */
  counts(remote: Remote): CallCounts {
    const link = this.#links.find((one) => one.remote === remote);
    if (link === undefined) throw new RangeError(`remote ${remote.publicKey} is not called here`);
    const { calls, replies, timeouts, errors, open, errorsByCode, latencies } = link;
    return {
      calls,
      replies,
      timeouts,
      errors,
      open,
      errorsByCode: Object.fromEntries(errorsByCode),
      latencies: latencies.counts(),
    };
  }

  #arm(): void {
    const { clock, rate } = this.#options;
    const pauseMs = Math.min(ROUND_MS_MAX, Math.max(ROUND_MS_MIN, 1000 / rate));
    this.#timer = clock.setTimer(() => {
      this.#arm();
      this.#round();
    }, pauseMs);
  }

  #round(): void {
    const { clock, rate, inFlightMax, random } = this.#options;
    const due = Math.floor(((clock.monotonicMs() - this.#startMs) / 1000) * rate);
    this.#made = Math.max(this.#made, due - Math.ceil(rate * ARREARS_S_MAX));
    for (; this.#made < due; this.#made += 1) {
      const link = this.#links[this.#turn % this.#links.length] as LinkTraffic;
      this.#turn += 1;
      if (link.open < inFlightMax) void this.#call(link, pick(random));
    }
  }

  async #call(link: LinkTraffic, exchange: Exchange): Promise<boolean> {
    const { clock, random } = this.#options;
    const startMs = clock.monotonicMs();
    link.calls += 1;
    try {
      const isRight = await exchange(link.remote, random);
      if (isRight) {
        link.replies += 1;
        link.latencies.add(clock.monotonicMs() - startMs);
      } else this.#countError(link, WRONG_REPLY);
      return isRight;
    } catch (error) {
      const code = error instanceof CodedError ? error.code : UNEXPECTED;
      if (code === 'TIMEOUT') link.timeouts += 1;
      else this.#countError(link, code);
      return false;
    } finally {
      if (this.#quiet !== undefined && this.#links.every((one) => one.open === 0)) this.#quiet();
    }
  }

  #countError(link: LinkTraffic, code: string): void {
    const { errorsByCode } = link;
    const key = errorsByCode.has(code) || errorsByCode.size < ERROR_CODES_MAX ? code : UNEXPECTED;
    link.errors += 1;
    errorsByCode.set(key, (errorsByCode.get(key) ?? 0) + 1);
  }
}

/** One call and whether its reply is the right one. */
type Exchange = (remote: Remote, random: Random) => Promise<boolean>;

const pingOnce: Exchange = async (remote) => isNamed(await remote.call(Ping, {}), 'Ok');

const EXCHANGES: readonly Exchange[] = [
  pingOnce,
  async (remote, random) => {
    const reply = await remote.call(ListNodes, { authorizedAndAvailable: random.float() < 0.5 });
    return reply.name === 'NodeList' && reply.fields.nodes.length > 0;
  },
  async (remote, random) => {
    const reply = await remote.call(GetTransactionChainLength, { address: randomAddress(random) });
    return isNamed(reply, 'TransactionChainLength');
  },
  async (remote, random) => {
    const reply = await remote.call(GetTransaction, { address: randomAddress(random) });
    return isNamed(reply, 'NotFound');
  },
  async (remote, random) => {
    const bytes = random.bytes(Math.floor(ECHO_BYTES_MAX ** random.float()));
    const reply = await remote.call(Echo, { bytes });
    return reply.name === 'Echoed' && bytesEqual(reply.fields.bytes, bytes);
  },
];

function pick(random: Random): Exchange {
  return EXCHANGES[Math.floor(random.float() * EXCHANGES.length)] as Exchange;
}

function isNamed(reply: MessageValue, name: string): boolean {
  return reply.name === name;
}

function randomAddress(random: Random): Uint8Array {
  const address = new Uint8Array(34);
  address[0] = CURVE_IDS.ed25519;
  address[1] = HASH_IDS.sha256;
  address.set(random.bytes(32), 2);
  return address;
}
