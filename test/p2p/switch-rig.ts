/** Switches in memory on virtual time, reactors that remember what they are told, and ways to look at both. */
import { asProcess, type Process } from '../../src/actors/process.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { Telemetry } from '../../src/base/telemetry.ts';
import type { NodeInfo } from '../../src/codec/cometbft-node-info.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import { createNativeEngine } from '../../src/crypto/native-engine.ts';
import { nodeIdOf } from '../../src/crypto/node-key.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import type { Peer } from '../../src/p2p/peer.ts';
import { type ReactorHandlers, type ReactorSpec, reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, type Channel, channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';
import type { SwitchError } from '../../src/p2p/switch-errors.ts';
import type { SwitchOptions } from '../../src/p2p/switch-options.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import type { TreeNode } from '../../src/supervisor/tree.ts';

/** What a switch logged. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A network on a virtual clock with switches on it. */
export class SwitchWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly engine: CryptoEngine = createNativeEngine() ?? defaultEngine();
  readonly logs: LogLine[] = [];
  readonly switches: Switch[] = [];

  constructor(options: { readonly seed?: number; readonly chunkBytesMax?: number; readonly latencyMs?: number } = {}) {
    const { seed = 1, ...rest } = options;
    this.random = new SeededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random, ...rest });
  }

  key(): KeyPair {
    return this.engine.generateKeyPair(this.random);
  }

  idOf(key: KeyPair): string {
    return nodeIdOf(this.engine, key.publicKey.raw);
  }

  system(): ActorSystem {
    const at =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
        void this.logs.push({ level, message, fields });
    const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    return new ActorSystem({ clock: this.clock, logger, telemetry: new Telemetry(logger) });
  }

  /** A switch on host `host`, listening at port 1 unless told otherwise. */
  async switch(host: string, options: Partial<SwitchOptions> = {}): Promise<Switch> {
    const created = await Switch.startLink({
      nodeKey: this.key(),
      network: 'test-chain',
      moniker: host,
      reactors: [new TestReactor('test', [Plain]).spec],
      transport: this.network.transport(host),
      listen: `memory://${host}:1`,
      engine: this.engine,
      random: this.random,
      system: this.system(),
      ...options,
    });
    this.switches.push(created);
    return created;
  }

  /** Two switches, `a` connected to `b` by a dial of `a`. */
  async pair(
    ofA: Partial<SwitchOptions> = {},
    ofB: Partial<SwitchOptions> = {},
  ): Promise<{ readonly a: Switch; readonly b: Switch; readonly ab: Peer; readonly ba: Peer }> {
    const b = await this.switch('b', ofB);
    const a = await this.switch('a', ofA);
    const ab = await this.wait(a.dialPeer(b.nodeAddress as string));
    await this.clock.advanceUntil(() => b.stats().peersAdded > 0);
    return { a, b, ab, ba: b.peers.get(a.id) as Peer };
  }

  /** Lets time pass until `promise` settles, and gives what it gives. */
  async wait<T>(promise: Promise<T>, durationMsMax?: number): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.clock.advanceUntil(() => isSettled, durationMsMax);
    return promise;
  }

  /** Waits for a rejection and gives its error. */
  async failure(promise: Promise<unknown>, durationMsMax?: number): Promise<SwitchError> {
    let error: unknown;
    const caught = promise.then(
      () => {
        throw new Error('expected a rejection');
      },
      (reason) => {
        error = reason;
      },
    );
    await this.wait(caught, durationMsMax);
    return error as SwitchError;
  }

  /** Stops every switch. */
  async stop(): Promise<void> {
    for (const each of this.switches) await this.wait(each.stop(), 300_000);
    await this.clock.advance(120_000); // streams that linger
  }
}

/** A channel of plain bytes. */
export const Plain: Channel<Uint8Array, 0x70> = channel({
  id: 0x70,
  priority: 5,
  sendQueueCapacity: 8,
  codec: bytesCodec,
});
/** Another one. */
export const Second: Channel<Uint8Array, 0x71> = channel({ id: 0x71, sendQueueCapacity: 8, codec: bytesCodec });
/** And one for texts, that refuses what is no JSON. */
export const Json: Channel<unknown, 0x72> = channel({
  id: 0x72,
  codec: {
    encode: (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value)),
    decode: (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes)),
  },
});

/** A reactor that writes down what it is told; `hooks` replace its functions. */
export class TestReactor {
  readonly calls: string[] = [];
  readonly messages: { readonly peer: Peer; readonly channelId: number; readonly message: unknown }[] = [];
  readonly reasons: SwitchError[] = [];
  readonly spec: ReactorSpec;
  created = 0;

  constructor(
    id: string,
    channels: readonly Channel<never, number>[] | readonly Channel<Uint8Array, number>[],
    hooks: Partial<ReactorHandlers> = {},
  ) {
    this.spec = reactor(id, channels as readonly Channel<unknown, number>[], () => {
      this.created += 1;
      return {
        initPeer: (peer) => {
          this.calls.push(`init ${peer.nodeInfo.moniker}`);
          return hooks.initPeer?.(peer);
        },
        addPeer: (peer) => {
          this.calls.push(`add ${peer.nodeInfo.moniker}`);
          return hooks.addPeer?.(peer);
        },
        removePeer: (peer, reason) => {
          this.calls.push(`remove ${peer.nodeInfo.moniker}`);
          this.reasons.push(reason);
          return hooks.removePeer?.(peer, reason);
        },
        receive: (envelope) => {
          const { peer, channelId, message } = envelope;
          this.messages.push({ peer, channelId, message });
          return hooks.receive?.(envelope);
        },
        ...(hooks.handleInfo === undefined ? {} : { handleInfo: hooks.handleInfo }),
        ...(hooks.stop === undefined ? {} : { stop: hooks.stop }),
      };
    });
  }
}

/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A text of bytes. */
export function text(message: unknown): string {
  return new TextDecoder().decode(message as Uint8Array);
}

/** The node of the actor tree with these ids from the root down; `*` ends a prefix. */
export function findNode(root: Switch, ...path: string[]): TreeNode | undefined {
  let found: TreeNode | undefined = root.tree();
  for (const id of path) {
    found = found?.children.find(
      (child) => child.id === id || (id.endsWith('*') && child.id.startsWith(id.slice(0, -1))),
    );
  }
  return found;
}

/** The process of a pid number anywhere under a switch. */
export function processOf(root: Switch, id: number | undefined): Process {
  const seen = new Set<Process>();
  const waiting = [asProcess(root.pid)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    if (next.id === id) return next;
    seen.add(next);
    waiting.push(...(next.links as readonly Process[]));
  }
  throw new Error(`no process ${id}\n${root.formatTree()}`);
}

/** Names of events with what tells them apart, in the order they came. */
export function eventsOf(root: Switch): string[] {
  const events: string[] = [];
  root.on('peerAdded', ({ peer }) => void events.push(`added ${peer.nodeInfo.moniker}`));
  root.on('peerRemoved', ({ peer, reason }) => void events.push(`removed ${peer.nodeInfo.moniker} ${reason.code}`));
  root.on(
    'rejected',
    ({ error, isOutbound }) => void events.push(`rejected ${isOutbound ? 'out' : 'in'} ${error.code}`),
  );
  root.on('dialFailed', ({ error }) => void events.push(`dialFailed ${error.code}`));
  root.on('gaveUp', ({ dials }) => void events.push(`gaveUp ${dials}`));
  return events;
}

/** A NodeInfo as upstream's tests use it. */
export function testNodeInfo(id: string, changes: Partial<NodeInfo> = {}): NodeInfo {
  return {
    protocolVersion: { p2p: 8n, block: 11n, app: 0n },
    id,
    listenAddress: 'tcp://127.0.0.1:26656',
    network: 'test-chain',
    version: '1.2.3-rc0-deadbeef',
    channels: Uint8Array.of(0x70),
    moniker: 'testing',
    txIndex: '',
    rpcAddress: '',
    ...changes,
  };
}
