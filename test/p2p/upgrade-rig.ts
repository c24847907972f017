/** Two ends of a connection in memory, and what a peer says, step by step. */
import { encodeDelimited } from '../../src/codec/cometbft-delimited.ts';
import { encodeNodeInfo, type NodeInfo } from '../../src/codec/cometbft-node-info.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import type { NetError } from '../../src/net/errors.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { type UpgradedConnection, type UpgradeOptions, upgradeConnection } from '../../src/p2p/transport-upgrade.ts';
import { type SwitchWorld, testNodeInfo } from './switch-rig.ts';

/** A connection in memory, opened by nobody. */
export async function streamPair(world: SwitchWorld): Promise<readonly [ByteStream, ByteStream]> {
  let accepted: ByteStream | undefined;
  const listener = await world.network.transport('right').listen(parseNetAddress('memory://right:0'), (stream) => {
    accepted = stream;
  });
  const dialed = await world.wait(world.network.transport('left').dial(listener.address, { timeoutMs: 1000 }));
  await world.clock.advanceUntil(() => accepted !== undefined);
  await listener.close();
  return [dialed, accepted as ByteStream];
}

/** One node, with the NodeInfo it sends. */
export class UpgradeEnd {
  readonly world: SwitchWorld;
  readonly nodeKey: KeyPair;
  readonly nodeInfo: NodeInfo;

  constructor(world: SwitchWorld, changes: Partial<NodeInfo> = {}, nodeKey: KeyPair = world.key()) {
    this.world = world;
    this.nodeKey = nodeKey;
    this.nodeInfo = testNodeInfo(world.idOf(nodeKey), changes);
  }

  get id(): string {
    return this.world.idOf(this.nodeKey);
  }

  /** Upgrades `stream` as a switch does. */
  upgrade(stream: ByteStream, changes: Partial<UpgradeOptions> = {}): Promise<UpgradedConnection> {
    const { clock, random, engine } = this.world;
    const { nodeKey, nodeInfo } = this;
    const timeouts = { handshakeTimeoutMs: 3000, nodeInfoTimeoutMs: 2000 };
    return upgradeConnection(stream, { clock, random, engine, nodeKey, nodeInfo, ...timeouts, ...changes });
  }

  /** Only the SecretConnection: what follows is said by hand. */
  secure(stream: ByteStream): Promise<SecretStream> {
    const { clock, random, engine } = this.world;
    return secretConnection(stream, { clock, random, engine, nodeKey: this.nodeKey, handshakeTimeoutMs: 60_000 });
  }
}

/** A NodeInfo as it goes over the wire. */
export function introduction(nodeInfo: NodeInfo): Uint8Array {
  return encodeDelimited(encodeNodeInfo(nodeInfo));
}

/** What arrives on a stream, and how it ends. */
export class Sink {
  readonly stream: ByteStream;
  readonly chunks: Uint8Array[] = [];
  closed: { readonly reason: NetError | undefined } | undefined;

  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.open({
      onData: (chunk) => void this.chunks.push(chunk),
      onDrain: () => {},
      onClose: (reason) => {
        this.closed = { reason };
      },
    });
  }

  get bytes(): number[] {
    return this.chunks.flatMap((chunk) => [...chunk]);
  }
}
