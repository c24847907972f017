/** Where the same test runs in memory on virtual time and on real sockets. */
import { ActorSystem } from '../../src/actors/system.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { builtInServices } from '../../src/p2p/built-in-services.ts';
import type { Wire } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { testMessages } from './messages.ts';
import { type TestNodeOptions, World } from './node-rig.ts';
import { RawConnection, RawServer } from './raw-peer.ts';

/** Real time after which a condition that does not come to hold fails the test, in ms. */
const PATIENCE_MS = 50_000;

export interface Arena {
  readonly name: 'memory' | 'tcp';
  readonly engine: CryptoEngine;
  key(): KeyPair;
  node(host: string, options?: TestNodeOptions): Promise<NodeSupervisor>;
  processCount(node: NodeSupervisor): number;
  /** A raw connection to a node, in memory from `host` or another one each time. */
  dial(node: NodeSupervisor, identity?: KeyPair, host?: string): Promise<RawConnection>;
  /** A raw listener. */
  server(host: string, identity?: KeyPair): Promise<RawServer>;
  /** Lets time pass until it holds. */
  until(isDone: () => boolean): Promise<void>;
  /** Timers armed; `undefined` where nobody counts them. */
  timerCount(): number | undefined;
  stop(): Promise<void>;
}

export function memoryArena(wire: Wire): Arena {
  const world = new World({ wire });
  let hosts = 0;
  return {
    name: 'memory',
    engine: world.engine,
    key: () => world.key(),
    node: (host, options) => world.node(host, options),
    processCount: (node) => world.systemOf(node).processCount,
    dial: (node, identity, host) => world.dial(host ?? `evil${hosts++}`, node.address, identity),
    server: (host, identity) => world.server(host, identity),
    until: (isDone) => world.clock.advanceUntil(isDone, 200_000),
    timerCount: () => world.clock.timerCount,
    stop: () => world.stop(),
  };
}

export function tcpArena(wire: Wire): Arena {
  const engine = defaultEngine();
  const transport = new TcpTransport();
  const nodes: NodeSupervisor[] = [];
  const servers: RawServer[] = [];
  const systems = new Map<NodeSupervisor, ActorSystem>();
  const key = (): KeyPair => engine.generateKeyPair(systemRandom);
  return {
    name: 'tcp',
    engine,
    key,
    async node(_host, options = {}) {
      const { hasServices = true, isListening = true, ...rest } = options;
      const system = new ActorSystem(rest.logger === undefined ? {} : { logger: rest.logger });
      const listen = isListening ? { listen: 'tcp://127.0.0.1:0' } : {};
      const node = await NodeSupervisor.startLink({
        identity: key(),
        messages: testMessages,
        wire,
        system,
        ...listen,
        ...rest,
      });
      if (hasServices) for (const service of builtInServices(node)) await node.startService(service);
      nodes.push(node);
      systems.set(node, system);
      return node;
    },
    processCount: (node) => systems.get(node)?.processCount ?? -1,
    async dial(node, identity = key()) {
      if (node.address === undefined) throw new Error('that node does not listen');
      return new RawConnection(await transport.dial(node.address, { timeoutMs: 4000 }), identity, engine);
    },
    async server(_host, identity = key()) {
      const server = await RawServer.start(transport, parseNetAddress('tcp://127.0.0.1:0'), identity, engine);
      servers.push(server);
      return server;
    },
    async until(isDone) {
      const untilMs = systemClock.monotonicMs() + PATIENCE_MS;
      while (!isDone()) {
        if (systemClock.monotonicMs() > untilMs) throw new Error(`condition does not hold after ${PATIENCE_MS} ms`);
        await new Promise<void>((resolve) => systemClock.defer(resolve));
      }
    },
    timerCount: () => undefined,
    async stop() {
      for (const node of nodes) await node.stop();
      for (const server of servers) {
        await server.close();
        for (const connection of server.connections) connection.stream.destroy();
      }
    },
  };
}

/** Timeout of a test in an arena, in ms: on a busy machine real sockets take their time. */
export const ARENA_TIMEOUT_MS = 60_000;

/** Both arenas on the wire that raw peers speak, for `describe.each`. */
export const ARENAS: readonly [name: string, make: () => Arena][] = [
  ['in memory', () => memoryArena('archethic')],
  ['on tcp', () => tcpArena('archethic')],
];
