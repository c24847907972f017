/** A node that behaves towards its peers as a CometBFT node does, out of our own Switch, under the test's control. */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { AddressChannel, BlocksyncChannel, MempoolChannel, StateChannel } from '../../src/cli/peer-watch.ts';
import { type BlocksyncMessage, encodeBlocksyncMessage } from '../../src/codec/cometbft-blocksync.ts';
import type { ConsensusMessage } from '../../src/codec/cometbft-consensus.ts';
import type { PexMessage, PexNetAddress } from '../../src/codec/cometbft-pex.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';
import { BLOCK_RESPONSE } from '../codec/cometbft-golden.ts';

/** The node and what it was sent. */
export interface StageNode {
  readonly node: Switch;
  /** `ID@127.0.0.1:PORT`. */
  readonly address: string;
  readonly steps: ConsensusMessage[];
  readonly requests: BlocksyncMessage[];
  readonly addresses: PexMessage[];
}

/** What the stage says of itself. */
export interface StageOptions {
  readonly network?: string;
  /** Answers to PEX with these. */
  readonly knows?: readonly PexNetAddress[];
  readonly listen?: string;
}

// Blocks go out as the bytes they are.
const Blocks = channel({ ...BlocksyncChannel.descriptor, id: 0x40, codec: bytesCodec });

/** Starts one: it is at height 3, answers requests for blocks with that of height 2, and tells of one transaction. */
export async function startStage({ network = 'stage', knows = [], listen }: StageOptions = {}): Promise<StageNode> {
  const steps: ConsensusMessage[] = [];
  const requests: BlocksyncMessage[] = [];
  const addresses: PexMessage[] = [];
  const channels = [AddressChannel, StateChannel, MempoolChannel, Blocks] as const;
  const spec = reactor('stage', channels, () => ({
    addPeer: async (peer) => {
      // A block that nobody asked for, and what a node asks that is catching up.
      await peer.send(Blocks, hexToBytes(BLOCK_RESPONSE));
      await peer.send(Blocks, encodeBlocksyncMessage({ type: 'status_request' }));
      await peer.send(Blocks, encodeBlocksyncMessage({ type: 'block_request', height: 7 }));
      await peer.send(AddressChannel, { type: 'pex_request' });
      const at = { round: 0, secondsSinceStart: 0, lastCommitRound: 0 };
      await peer.send(StateChannel, { type: 'new_round_step', height: 3, step: 'NewHeight', ...at });
    },
    receive: async ({ channelId, message, peer }) => {
      if (channelId === 0x00) {
        addresses.push(message);
        if (message.type === 'pex_request') await peer.send(AddressChannel, { type: 'pex_addrs', addresses: knows });
      } else if (channelId === 0x20) {
        steps.push(message);
        await peer.send(MempoolChannel, [new TextEncoder().encode('hello=world')]);
      } else if (channelId === 0x40) {
        const request = BlocksyncChannel.codec.decode(message);
        requests.push(request);
        if (request.type === 'block_request') await peer.send(Blocks, hexToBytes(BLOCK_RESPONSE));
      }
    },
  }));
  const node = await Switch.startLink({
    nodeKey: defaultEngine().generateKeyPair(systemRandom),
    network,
    moniker: 'stage',
    version: '0.38.26',
    listen: listen ?? 'tcp://127.0.0.1:0',
    allowDuplicateIp: true,
    reactors: [spec],
    clock: systemClock,
  });
  return { node, address: node.nodeAddress as string, steps, requests, addresses };
}
