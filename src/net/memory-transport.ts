/**
 * A network in memory: the same interface as TCP, inside one process, on any {@link Clock}. On a virtual clock every
 * run is the same run; faults are switched on by host name.
 *
 * @example
 * ```ts
 * const network = new MemoryNetwork({ clock });
 * const listener = await network.transport('b').listen(parseNetAddress('memory://b:1'), onConnection);
 * const stream = await network.transport('a').dial(listener.address, { timeoutMs: 4000 });
 * network.cut('a', 'b');
 * ```
 */
import type { Clock, Timer } from '../base/clock.ts';
import { checkInteger, checkOptionNames, type OptionNames } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { NetError } from './errors.ts';
import { MemoryPipe, type MemoryRoute } from './memory-pipe.ts';
import { MemoryStream } from './memory-stream.ts';
import { checkNetAddress, formatNetAddress, NET_PORT_MAX, type NetAddress } from './net-address.ts';
import {
  type ByteStream,
  DIAL_TIMEOUT_MS_MAX,
  type DialOptions,
  type Transport,
  type TransportListener,
} from './transport.ts';

/** The scheme of in-memory addresses. */
export const MEMORY_SCHEME = 'memory';

/** Accepted connections open at once per listener, by default. */
export const MEMORY_CONNECTIONS_MAX_DEFAULT = 1024;

/** First port given for port 0 and to dialling ends (RFC 6335 §6); they go up to 65 535 and round again. */
const DYNAMIC_PORT_MIN = 49_152;

/** Options of {@link MemoryNetwork}. */
export interface MemoryNetworkOptions {
  readonly clock: Clock;
  /** Time of a chunk from one end to the other, 0 to 60 000 ms; default 0: the next turn of the event loop. */
  readonly latencyMs?: number;
  /** Cuts what is written into chunks of 1 to this many bytes, by chance; 0 (default) leaves it whole. */
  readonly chunkBytesMax?: number;
  /** The chance behind `chunkBytesMax`, required with it. */
  readonly random?: Random;
  /** Accepted connections open at once per listener, 1 to 1 000 000; default 1024. One more is reset at the door. */
  readonly maxConnections?: number;
}

const OPTION_NAMES: OptionNames<MemoryNetworkOptions> = {
  clock: true,
  latencyMs: true,
  chunkBytesMax: true,
  random: true,
  maxConnections: true,
};

interface Connection {
  readonly hosts: readonly [dialler: string, listener: string];
  readonly streams: readonly [dialler: MemoryStream, listener: MemoryStream];
  readonly pipes: readonly [MemoryPipe, MemoryPipe];
  openCount: number;
}

/** Hosts that can reach each other, and the switches that stop them. */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #chunkBytesMax: number;
  readonly #random: Random | undefined;
  readonly #maxConnections: number;
  readonly #listeners = new Map<string, MemoryListener>();
  readonly #connections = new Set<Connection>();
  readonly #dials = new Set<MemoryDial>();
  readonly #cut = new Set<string>();
  readonly #stalled = new Set<string>();
  #nextPort = DYNAMIC_PORT_MIN;

  /** @throws RangeError when an option is out of range or not known; TypeError for `chunkBytesMax` without `random`. */
  constructor(options: MemoryNetworkOptions) {
    checkOptionNames(options, OPTION_NAMES);
    this.#clock = options.clock;
    this.#latencyMs = checkInteger('latencyMs', options.latencyMs ?? 0, 0, 60_000);
    this.#chunkBytesMax = checkInteger('chunkBytesMax', options.chunkBytesMax ?? 0, 0, 65_536);
    this.#random = options.random;
    if (this.#chunkBytesMax > 0 && options.random === undefined) {
      throw new TypeError('option chunkBytesMax needs option random');
    }
    const max = options.maxConnections ?? MEMORY_CONNECTIONS_MAX_DEFAULT;
    this.#maxConnections = checkInteger('maxConnections', max, 1, 1_000_000);
  }

  /** Connections of which at least one end is not over. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * The network as host `host` sees it.
   *
   * @param host - who dials, and the only host it can listen on; without it, dials come from `local` and it listens
   *   on any host.
   */
  transport(host?: string): Transport {
    return {
      scheme: MEMORY_SCHEME,
      dial: (address, options) => this.#dial(host ?? 'local', address, options),
      listen: (address, onConnection) => this.#listen(host, address, onConnection),
    };
  }

  /** Breaks every connection between two hosts, both ends seeing `RESET`, and refuses dials as `UNREACHABLE`. */
  cut(a: string, b: string): void {
    this.#cut.add(way(a, b)).add(way(b, a));
    for (const { hosts, streams } of [...this.#connections]) {
      if (!this.#cut.has(way(...hosts))) continue;
      for (const stream of streams) {
        stream.fail(new NetError('RESET', `connection with ${stream.remoteAddress}: the network was cut`));
      }
    }
    this.#retryDials();
  }

  /**
   * Holds everything that moves between two hosts, bytes, ends, resets and dials, without losing it.
   *
   * @param options.oneWay - holds only what goes from `a` to `b`.
   */
  stall(a: string, b: string, options: { readonly oneWay?: boolean } = {}): void {
    this.#stalled.add(way(a, b));
    if (options.oneWay !== true) this.#stalled.add(way(b, a));
  }

  /** Undoes {@link MemoryNetwork.cut} and {@link MemoryNetwork.stall} between two hosts; what was held moves on. */
  heal(a: string, b: string): void {
    for (const key of [way(a, b), way(b, a)]) {
      this.#cut.delete(key);
      this.#stalled.delete(key);
    }
    for (const { pipes } of [...this.#connections]) for (const pipe of pipes) pipe.kick();
    this.#retryDials();
  }

  #isStalled(a: string, b: string): boolean {
    return this.#stalled.size > 0 && this.#stalled.has(way(a, b));
  }

  async #listen(
    host: string | undefined,
    address: NetAddress,
    onConnection: (stream: ByteStream) => void,
  ): Promise<TransportListener> {
    const what = `listen on ${formatNetAddress(checkNetAddress(address, MEMORY_SCHEME))}`;
    if (host !== undefined && host !== address.host) {
      throw new NetError('ADDRESS_UNAVAILABLE', `${what}: this is host ${host}`);
    }
    const real = { ...address, port: address.port === 0 ? this.#freePort(address.host) : address.port };
    const key = formatNetAddress(real);
    if (this.#listeners.has(key)) throw new NetError('ADDRESS_IN_USE', `${what}: another listener has it`);
    const listener = new MemoryListener(real, this.#maxConnections, this.#clock, onConnection, () => {
      this.#listeners.delete(key);
    });
    this.#listeners.set(key, listener);
    return listener;
  }

  #freePort(host: string): number {
    for (let tries = DYNAMIC_PORT_MIN; tries <= NET_PORT_MAX; tries += 1) {
      const port = this.#takePort();
      if (!this.#listeners.has(formatNetAddress({ scheme: MEMORY_SCHEME, host, port }))) return port;
    }
    throw new NetError('ADDRESS_UNAVAILABLE', `listen on host ${host}: every dynamic port has a listener`);
  }

  #takePort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === NET_PORT_MAX ? DYNAMIC_PORT_MIN : port + 1;
    return port;
  }

  async #dial(host: string, address: NetAddress, options: DialOptions): Promise<ByteStream> {
    const remoteAddress = formatNetAddress(checkNetAddress(address, MEMORY_SCHEME));
    const what = `dial ${remoteAddress}`;
    if (address.port === 0) throw new NetError('ADDRESS_INVALID', `${what}: nobody can be reached at port 0`);
    const timeoutMs = checkInteger('timeoutMs', options.timeoutMs, 1, DIAL_TIMEOUT_MS_MAX);
    const { signal } = options;
    const aborted = (): NetError =>
      new NetError('ABORTED', `${what}: aborted by the caller`, { cause: signal?.reason });
    if (signal?.aborted === true) throw aborted();
    const localAddress = formatNetAddress({ scheme: MEMORY_SCHEME, host, port: this.#takePort() });
    const dial = new MemoryDial(host, address.host, remoteAddress, localAddress);
    const onAbort = (): void => dial.fail(aborted());
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = this.#clock.setTimer(() => {
      dial.fail(new NetError('DIAL_TIMEOUT', `${what}: not connected after ${timeoutMs} ms`));
    }, timeoutMs);
    this.#dials.add(dial);
    dial.hopTimer = this.#later(() => this.#advanceDial(dial));
    try {
      return await dial.stream;
    } finally {
      this.#clock.clearTimer(timer);
      if (dial.hopTimer !== undefined) this.#clock.clearTimer(dial.hopTimer);
      signal?.removeEventListener('abort', onAbort);
      this.#dials.delete(dial);
    }
  }

  /** One hop of the dial: to the listener, then back. A stalled way holds it until the network heals. */
  #advanceDial(dial: MemoryDial): void {
    if (dial.isOver) return;
    const [from, to] = dial.isAnswered ? [dial.remoteHost, dial.localHost] : [dial.localHost, dial.remoteHost];
    const what = `dial ${dial.remoteAddress}`;
    if (this.#cut.has(way(from, to))) {
      dial.fail(new NetError('UNREACHABLE', `${what}: the network is cut`));
      return;
    }
    dial.isHeld = this.#isStalled(from, to);
    if (dial.isHeld) return;
    if (dial.isAnswered) {
      dial.finish();
      return;
    }
    dial.isAnswered = true;
    const listener = this.#listeners.get(dial.remoteAddress);
    if (listener === undefined) {
      dial.refusal = new NetError('CONNECTION_REFUSED', `${what}: nobody listens there`);
    } else {
      const { streams } = this.#connect(dial, listener);
      dial.connected = streams[0];
      listener.accept(streams[1]);
    }
    dial.hopTimer = this.#later(() => this.#advanceDial(dial));
  }

  #retryDials(): void {
    for (const dial of [...this.#dials]) {
      if (dial.isHeld || this.#cut.has(way(dial.localHost, dial.remoteHost))) this.#advanceDial(dial);
    }
  }

  #connect(dial: MemoryDial, listener: MemoryListener): Connection {
    const clock = this.#clock;
    const { localHost, remoteHost, localAddress, remoteAddress } = dial;
    const there = new MemoryPipe(this.#route(localHost, remoteHost));
    const back = new MemoryPipe(this.#route(remoteHost, localHost));
    const onOver = (): void => {
      connection.openCount -= 1;
      if (connection.openCount === 0) this.#connections.delete(connection);
    };
    const dialler = new MemoryStream({ clock, localAddress, remoteAddress, outbound: there, inbound: back, onOver });
    const accepted = new MemoryStream({
      clock,
      localAddress: remoteAddress,
      remoteAddress: localAddress,
      outbound: back,
      inbound: there,
      onOver: () => {
        onOver();
        listener.onStreamOver(accepted);
      },
    });
    const connection: Connection = {
      hosts: [localHost, remoteHost],
      streams: [dialler, accepted],
      pipes: [there, back],
      openCount: 2,
    };
    this.#connections.add(connection);
    return connection;
  }

  #route(from: string, to: string): MemoryRoute {
    const random = this.#random;
    const chunkBytesMax = this.#chunkBytesMax;
    return {
      clock: this.#clock,
      latencyMs: this.#latencyMs,
      isStalled: () => this.#isStalled(from, to),
      nextChunkBytes: (bytes) =>
        chunkBytesMax === 0 || random === undefined
          ? bytes
          : Math.min(bytes, 1 + Math.floor(random.float() * chunkBytesMax)),
    };
  }

  #later(callback: () => void): Timer | undefined {
    if (this.#latencyMs > 0) return this.#clock.setTimer(callback, this.#latencyMs);
    this.#clock.defer(callback);
    return undefined;
  }
}

/** A dial under way. */
class MemoryDial {
  readonly stream: Promise<ByteStream>;
  readonly localHost: string;
  readonly remoteHost: string;
  readonly remoteAddress: string;
  readonly localAddress: string;
  isAnswered = false;
  isHeld = false;
  isOver = false;
  refusal: NetError | undefined;
  connected: MemoryStream | undefined;
  hopTimer: Timer | undefined;
  #resolve: (stream: ByteStream) => void = () => {};
  #reject: (error: NetError) => void = () => {};

  constructor(localHost: string, remoteHost: string, remoteAddress: string, localAddress: string) {
    this.localHost = localHost;
    this.remoteHost = remoteHost;
    this.remoteAddress = remoteAddress;
    this.localAddress = localAddress;
    this.stream = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  fail(error: NetError): void {
    if (this.isOver) return;
    this.isOver = true;
    this.connected?.destroy(error);
    this.#reject(error);
  }

  finish(): void {
    if (this.isOver) return;
    if (this.refusal !== undefined) {
      this.fail(this.refusal);
      return;
    }
    this.isOver = true;
    this.#resolve(this.connected as MemoryStream);
  }
}

class MemoryListener implements TransportListener {
  readonly address: NetAddress;
  refusedCount = 0;
  readonly #streams = new Set<MemoryStream>();
  readonly #maxConnections: number;
  readonly #clock: Clock;
  readonly #onConnection: (stream: ByteStream) => void;
  readonly #onClose: () => void;
  #closed: Promise<void> | undefined;

  constructor(
    address: NetAddress,
    maxConnections: number,
    clock: Clock,
    onConnection: (stream: ByteStream) => void,
    onClose: () => void,
  ) {
    this.address = address;
    this.#maxConnections = maxConnections;
    this.#clock = clock;
    this.#onConnection = onConnection;
    this.#onClose = onClose;
  }

  get connectionCount(): number {
    return this.#streams.size;
  }

  accept(stream: MemoryStream): void {
    if (this.#streams.size >= this.#maxConnections) {
      this.refusedCount += 1;
      stream.destroy();
      return;
    }
    this.#streams.add(stream);
    try {
      this.#onConnection(stream);
    } catch (cause) {
      this.refusedCount += 1;
      const text = `handler of connections at ${formatNetAddress(this.address)} threw`;
      stream.destroy(new NetError('HANDLER_FAILED', text, { cause }));
    }
  }

  onStreamOver(stream: MemoryStream): void {
    this.#streams.delete(stream);
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#onClose();
      this.#clock.defer(resolve);
    });
    return this.#closed;
  }
}

function way(from: string, to: string): string {
  return `${from} ${to}`;
}
