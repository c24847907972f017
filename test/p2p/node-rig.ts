/** Nodes in memory on virtual time, and ways to look at what they do. */
import { asProcess, type Pid, type Process } from '../../src/actors/process.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { describeReason } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/logger.ts';
import { Telemetry } from '../../src/base/telemetry.ts';
import { Ping } from '../../src/codec/archethic-node-messages.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine, KeyOptions } from '../../src/crypto/engine.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import { type NetAddress, parseNetAddress } from '../../src/net/net-address.ts';
import { STREAM_LINGER_MS, type Transport } from '../../src/net/transport.ts';
import { builtInServices } from '../../src/p2p/built-in-services.ts';
import { type NodeOptions, WIRE_DEFAULT, type Wire } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { on, service } from '../../src/p2p/service.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import type { TreeNode } from '../../src/supervisor/tree.ts';
import { testMessages } from './messages.ts';
import { plainEngine } from './plain-engine.ts';
import { RawConnection, RawServer } from './raw-peer.ts';

/** The children of a node in start order, by wire. */
export const NODE_PARTS: Readonly<Record<Wire, readonly string[]>> = {
  archethic: ['registry', 'directory', 'services', 'remotes', 'keeper', 'inbound', 'listener'],
  mconnection: ['registry', 'directory', 'services', 'remotes', 'keeper', 'switch'],
};

export interface WorldOptions {
  readonly seed?: number;
  readonly latencyMs?: number;
  readonly chunkBytesMax?: number;
  /** An engine that neither seals nor signs: fast. For wire `archethic` only: the other one has a handshake that needs both. */
  readonly isPlain?: boolean;
  /** Wire of its nodes; that of the library by default. Raw peers speak `archethic`. */
  readonly wire?: Wire;
}

export interface TestNodeOptions extends Partial<NodeOptions> {
  /** Start the built-in services; default true. */
  readonly hasServices?: boolean;
  /** Listen at all; default true. */
  readonly isListening?: boolean;
}

/** A line a node logged. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A network on a virtual clock with nodes on it. */
export class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly engine: CryptoEngine;
  readonly wire: Wire;
  readonly logs: LogLine[] = [];
  readonly nodes: NodeSupervisor[] = [];
  readonly #systems = new Map<NodeSupervisor, ActorSystem>();

  constructor(options: WorldOptions = {}) {
    const { seed = 1, latencyMs, chunkBytesMax } = options;
    this.random = new SeededRandom(seed);
    this.network = new MemoryNetwork({
      clock: this.clock,
      random: this.random,
      ...(latencyMs === undefined ? {} : { latencyMs }),
      ...(chunkBytesMax === undefined ? {} : { chunkBytesMax }),
    });
    this.wire = options.wire ?? WIRE_DEFAULT;
    if (options.isPlain === true && this.wire !== 'archethic') throw new Error(`wire ${this.wire} needs a real engine`);
    this.engine = options.isPlain === true ? plainEngine(defaultEngine()) : defaultEngine();
  }

  key(options?: KeyOptions): KeyPair {
    return this.engine.generateKeyPair(this.random, options);
  }

  /** Takes what is logged, for tests of it. */
  get logger(): Logger {
    const at =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
        void this.logs.push({ level, message, fields });
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  /** A node on host `host`, listening at port 1. */
  async node(host: string, options: TestNodeOptions = {}): Promise<NodeSupervisor> {
    const { hasServices = true, isListening = true, ...rest } = options;
    const { logger } = this;
    const system = new ActorSystem({ clock: this.clock, logger, telemetry: new Telemetry(logger) });
    const node = await NodeSupervisor.startLink({
      identity: this.key(),
      transports: [this.transport(host)],
      messages: testMessages,
      wire: this.wire,
      engine: this.engine,
      random: this.random,
      system,
      ...(isListening ? { listen: `memory://${host}:1` } : {}),
      ...rest,
    });
    if (hasServices) for (const service of builtInServices(node)) await node.startService(service);
    this.nodes.push(node);
    this.#systems.set(node, system);
    return node;
  }

  /** A node on either wire that takes every Ping and answers none while its callers wait. */
  async silent(host: string, options: TestNodeOptions = {}): Promise<NodeSupervisor> {
    const node = await this.node(host, { serviceTimeoutMs: 3_600_000, ...options, hasServices: false });
    await node.startService(service('silent', [on(Ping, () => new Promise<never>(() => {}))]));
    return node;
  }

  /** The system a node's processes run in. */
  systemOf(node: NodeSupervisor): ActorSystem {
    return this.#systems.get(node) as ActorSystem;
  }

  transport(host: string): Transport {
    return this.network.transport(host);
  }

  /** A raw listener on host `host`, port 1. */
  async server(host: string, identity: KeyPair = this.key()): Promise<RawServer> {
    this.#requireRaw();
    return RawServer.start(this.transport(host), parseNetAddress(`memory://${host}:1`), identity, this.engine);
  }

  /** A raw connection from host `host`. */
  async dial(host: string, address: NetAddress | undefined, identity: KeyPair = this.key()): Promise<RawConnection> {
    this.#requireRaw();
    if (address === undefined) throw new Error('that node does not listen');
    const pending = this.transport(host).dial(address, { timeoutMs: 4000 });
    const stream = await this.wait(pending);
    return new RawConnection(stream, identity, this.engine);
  }

  #requireRaw(): void {
    if (this.wire !== 'archethic') throw new Error(`raw peers speak archethic: this world is on ${this.wire}`);
  }

  /** Lets time pass until `promise` settles, and gives what it gives. */
  async wait<T>(promise: Promise<T>, durationMsMax?: number): Promise<T> {
    const outcome = outcomeOf(promise);
    await this.clock.advanceUntil(() => outcome.isSettled, durationMsMax);
    return promise;
  }

  /** Stops every node; afterwards nothing is left on the clock. */
  async stop(): Promise<void> {
    for (const node of this.nodes) await this.wait(node.stop());
    await this.clock.settle();
    // Streams that are closed in order linger for the other end.
    if (this.wire === 'mconnection') await this.clock.advance(STREAM_LINGER_MS);
  }
}

/** How a promise ended, as far as it has. */
export interface Outcome<T> {
  isSettled: boolean;
  value: T | undefined;
  /** The code of the error, or its description. */
  code: string | undefined;
  error: unknown;
  /** How often it settled; a promise cannot more than once, so this counts callbacks. */
  count: number;
}

/** Watches a promise without waiting. */
export function outcomeOf<T>(promise: Promise<T>): Outcome<T> {
  const outcome: Outcome<T> = { isSettled: false, value: undefined, code: undefined, error: undefined, count: 0 };
  promise.then(
    (value) => {
      outcome.isSettled = true;
      outcome.count += 1;
      outcome.value = value;
    },
    (error) => {
      outcome.isSettled = true;
      outcome.count += 1;
      outcome.error = error;
      outcome.code = (error as { code?: string }).code ?? describeReason(error);
    },
  );
  return outcome;
}

/** The node of the actor tree with these ids from the root down. */
export function findNode(node: NodeSupervisor, ...path: string[]): TreeNode | undefined {
  let found: TreeNode | undefined = node.tree();
  for (const id of path) {
    found = found?.children.find(
      (child) => child.id === id || (id.endsWith('*') && child.id.startsWith(id.slice(0, -1))),
    );
  }
  return found;
}

/** The process at these ids from the root down, to kill it. */
export function findPid(node: NodeSupervisor, ...path: string[]): Pid {
  const id = findNode(node, ...path)?.pid;
  const seen = new Set<Process>();
  const waiting = [asProcess(node.pid)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    if (next.id === id) return next;
    seen.add(next);
    waiting.push(...(next.links ?? []));
  }
  throw new Error(`no process at ${path.join('/')}\n${node.formatTree()}`);
}

/** Collects what a node tells. */
export function eventsOf(node: NodeSupervisor): { readonly name: string; readonly value: Record<string, unknown> }[] {
  const events: { name: string; value: Record<string, unknown> }[] = [];
  for (const name of ['listening', 'connected', 'disconnected', 'dialFailed', 'fault', 'stopped'] as const) {
    node.on(name, (value) => void events.push({ name, value: value as unknown as Record<string, unknown> }));
  }
  return events;
}
