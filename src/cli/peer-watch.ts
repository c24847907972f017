/**
 * The reactor behind `genmesh peer`: an ordinary peer of a CometBFT node that takes part in nothing and tells what it sees.
 * Of the node's round steps it says "me too", since a node sends transactions and proposals only to peers that are as far
 * as it; each new block it asks for by height, since its hash is made of its header. It never votes, and has no blocks to give.
 */
import type { Clock } from '../base/clock.ts';
import {
  type Block,
  type BlocksyncMessage,
  decodeBlocksyncMessage,
  encodeBlocksyncMessage,
} from '../codec/cometbft-blocksync.ts';
import {
  CONSENSUS_MESSAGE_BYTES_MAX,
  type ConsensusMessage,
  decodeConsensusMessage,
  encodeNewRoundStep,
  type NewRoundStep,
} from '../codec/cometbft-consensus.ts';
import { decodeMempoolTxs, encodeMempoolTxs } from '../codec/cometbft-mempool.ts';
import { decodePexMessage, encodePexMessage, PEX_MESSAGE_BYTES_MAX, type PexMessage } from '../codec/cometbft-pex.ts';
import { bytesToHex } from '../codec/hex.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import type { Peer } from '../p2p/peer.ts';
import { type Envelope, type ReactorHandlers, type ReactorSpec, reactor } from '../p2p/reactor.ts';
import { type Channel, type ChannelCodec, channel } from '../p2p/reactor-channel.ts';
import { merkleRoot } from './merkle-tree.ts';
import type { Sighting } from './peer-sighting.ts';

/** Addresses remembered as seen; those told of beyond are shown again. */
export const WATCH_ADDRESSES_MAX = 20_000;

/** Time between looks at the round-trip time, in ms; also the ping interval that suits it. */
export const WATCH_RTT_INTERVAL_MS = 5000;

/** Time between two questions for addresses, in ms. A node bans who asks more often than every 10 s. */
export const WATCH_PEX_INTERVAL_MS = 60_000;

/** Time for which an unanswered request for a block is left alone before the next block is asked for, in ms. */
export const WATCH_BLOCK_PATIENCE_MS = 10_000;

/** Transactions of one block that are named by hash; the others are only counted. */
export const WATCH_BLOCK_HASHES_MAX = 1000;

/** Longest block that is taken, in bytes: the largest by default, 21 MiB, and its commit. */
export const WATCH_BLOCK_BYTES_MAX = 23_068_672;

const consensusCodec: ChannelCodec<ConsensusMessage> = {
  encode: (message: ConsensusMessage): Uint8Array => {
    if (message.type !== 'new_round_step') throw new TypeError(`a ${message.type} is only read here`);
    return encodeNewRoundStep(message);
  },
  decode: decodeConsensusMessage,
};

const blocksyncCodec: ChannelCodec<BlocksyncMessage> = {
  encode: (message: BlocksyncMessage): Uint8Array => {
    if (message.type === 'block_response') throw new TypeError('blocks are only read here');
    return encodeBlocksyncMessage(message);
  },
  decode: decodeBlocksyncMessage,
};

const consensus = { sendQueueCapacity: 100, recvMessageCapacity: CONSENSUS_MESSAGE_BYTES_MAX, codec: consensusCodec };

/** Channels of CometBFT's own reactors, with its ids and priorities (`node/node.go`, `GetChannels` of each reactor). */
export const StateChannel: Channel<ConsensusMessage, 0x20> = channel({ ...consensus, id: 0x20, priority: 6 });
/** Proposals and block parts. */
export const DataChannel: Channel<ConsensusMessage, 0x21> = channel({ ...consensus, id: 0x21, priority: 10 });
/** Votes. */
export const VoteChannel: Channel<ConsensusMessage, 0x22> = channel({ ...consensus, id: 0x22, priority: 7 });
/** Which votes somebody has. */
export const VoteSetBitsChannel: Channel<ConsensusMessage, 0x23> = channel({ ...consensus, id: 0x23 });
/** Transactions. */
export const MempoolChannel: Channel<readonly Uint8Array[], 0x30> = channel({
  id: 0x30,
  priority: 5,
  sendQueueCapacity: 64,
  codec: { encode: encodeMempoolTxs, decode: decodeMempoolTxs },
});
/** Decided blocks. */
export const BlocksyncChannel: Channel<BlocksyncMessage, 0x40> = channel({
  id: 0x40,
  priority: 5,
  sendQueueCapacity: 100,
  recvMessageCapacity: WATCH_BLOCK_BYTES_MAX,
  codec: blocksyncCodec,
});
/** Addresses. */
export const AddressChannel: Channel<PexMessage, 0x00> = channel({
  id: 0x00,
  sendQueueCapacity: 10,
  recvMessageCapacity: PEX_MESSAGE_BYTES_MAX,
  codec: { encode: encodePexMessage, decode: decodePexMessage },
});

/** What {@link watchReactor} is given. */
export interface WatchOptions {
  readonly engine: CryptoEngine;
  readonly clock: Clock;
  /** Told of each thing as it is seen; must not throw. */
  readonly onSighting: (sighting: Sighting) => void;
}

const channels = [
  AddressChannel,
  StateChannel,
  DataChannel,
  VoteChannel,
  VoteSetBitsChannel,
  MempoolChannel,
  BlocksyncChannel,
] as const;
type WatchEnvelope = Envelope<(typeof channels)[number]>;

/** A reactor that watches every peer of its switch. */
export function watchReactor(options: WatchOptions): ReactorSpec {
  return reactor('watch', channels, ({ sendAfter, switch: node }): ReactorHandlers<(typeof channels)[number]> => {
    const watched = new Map<Peer, PeerWatch>();
    const known = new Set<string>();
    sendAfter('look', WATCH_RTT_INTERVAL_MS);
    return {
      initPeer: (peer) => void watched.set(peer, new PeerWatch(peer, known, options)),
      addPeer: (peer) => watched.get(peer)?.ask(),
      removePeer: (peer) => void watched.delete(peer),
      receive: (envelope) => watched.get(envelope.peer)?.receive(envelope),
      handleInfo: () => {
        for (const peer of node.peers) watched.get(peer)?.look();
        sendAfter('look', WATCH_RTT_INTERVAL_MS);
      },
    };
  });
}

/** CometBFT's name of a transaction: its SHA-256 in upper-case hex; `types/tx.go Hash`. */
export function txHash(engine: CryptoEngine, tx: Uint8Array): string {
  return upperHex(engine.hash('sha256', tx));
}

/** The hash of a block: the Merkle root of the fields of its header; `types/block.go Header.Hash`. */
export function blockHash(engine: CryptoEngine, { header }: Block): string {
  return upperHex(merkleRoot(engine, header.leaves));
}

function upperHex(bytes: Uint8Array): string {
  return bytesToHex(bytes).toUpperCase();
}

/** To the microsecond: what is beyond is an artefact of the arithmetic. */
function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** One peer and what was seen of it. */
class PeerWatch {
  readonly #peer: Peer;
  readonly #known: Set<string>;
  readonly #options: WatchOptions;
  #askedMs = Number.NEGATIVE_INFINITY;
  #pongCount = 0;
  #lastStatus: string | undefined;
  /** The newest block asked for or shown, the one waited for, and since when. */
  #blockHeight = 0;
  #wantedHeight: number | undefined;
  #wantedMs = 0;

  constructor(peer: Peer, known: Set<string>, options: WatchOptions) {
    this.#peer = peer;
    this.#known = known;
    this.#options = options;
  }

  /** Asks for addresses and for how far the node is. */
  ask(): void {
    this.#askedMs = this.#options.clock.monotonicMs();
    this.#peer.trySend(AddressChannel, { type: 'pex_request' });
    this.#peer.trySend(BlocksyncChannel, { type: 'status_request' });
  }

  look(): void {
    const status = this.#peer.status();
    const { rttMsLast: rttMs, rttMsMin, pongsReceived } = status ?? {};
    if (rttMs !== undefined && rttMsMin !== undefined && pongsReceived !== this.#pongCount) {
      this.#pongCount = pongsReceived ?? 0;
      this.#options.onSighting({ event: 'rtt', rttMs: roundMs(rttMs), rttMsMin: roundMs(rttMsMin) });
    }
    if (this.#options.clock.monotonicMs() - this.#askedMs >= WATCH_PEX_INTERVAL_MS) this.ask();
  }

  receive(envelope: WatchEnvelope): void {
    const { engine, onSighting } = this.#options;
    switch (envelope.channelId) {
      case 0x00:
        this.#pex(envelope.message);
        break;
      case 0x30:
        for (const tx of envelope.message) onSighting({ event: 'tx', hash: txHash(engine, tx), size: tx.length });
        break;
      case 0x40:
        this.#blocksync(envelope.message);
        break;
      default:
        this.#consensus(envelope.message);
    }
  }

  #pex(message: PexMessage): void {
    if (message.type === 'pex_request') {
      // A node that asks wants an answer, and one without addresses is one.
      this.#peer.trySend(AddressChannel, { type: 'pex_addrs', addresses: [] });
      return;
    }
    const fresh = new Set<string>();
    for (const { id, ip, port } of message.addresses) {
      const address = `${id}@${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
      if (this.#known.has(address)) continue;
      fresh.add(address);
      if (this.#known.size < WATCH_ADDRESSES_MAX) this.#known.add(address);
    }
    if (fresh.size === 0) return;
    this.#options.onSighting({ event: 'peers', addresses: [...fresh], knownCount: this.#known.size });
  }

  #consensus(message: ConsensusMessage): void {
    const { onSighting } = this.#options;
    if (message.type === 'new_round_step') {
      const { height, round, step } = message;
      onSighting({ event: 'step', height, round, step });
      this.#follow(message);
    } else if (message.type === 'proposal') {
      const { height, round } = message;
      onSighting({ event: 'proposal', height, round, hash: upperHex(message.blockHash) });
    }
  }

  #follow(step: NewRoundStep): void {
    this.#peer.trySend(StateChannel, step);
    this.#wantBlock(step.height - 1);
  }

  /** One request at a time; of blocks that pass meanwhile the newest is asked for next. */
  #wantBlock(height: number): void {
    if (height <= this.#blockHeight) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#wantedHeight !== undefined && nowMs - this.#wantedMs < WATCH_BLOCK_PATIENCE_MS) return;
    if (this.#peer.trySend(BlocksyncChannel, { type: 'block_request', height }) !== 'queued') return;
    this.#blockHeight = height;
    this.#wantedHeight = height;
    this.#wantedMs = nowMs;
  }

  #blocksync(message: BlocksyncMessage): void {
    switch (message.type) {
      case 'status_request':
        this.#peer.trySend(BlocksyncChannel, { type: 'status_response', height: 0, base: 0 });
        return;
      case 'block_request':
        this.#peer.trySend(BlocksyncChannel, { type: 'no_block_response', height: message.height });
        return;
      case 'status_response':
        this.#status(message.height, message.base);
        return;
      case 'no_block_response':
        if (message.height === this.#wantedHeight) this.#wantedHeight = undefined;
        return;
      case 'block_response':
        this.#block(message.block);
    }
  }

  /** A node says it when asked, and by itself to who is new: shown once. */
  #status(height: number, base: number): void {
    const status = `${base} ${height}`;
    if (status === this.#lastStatus) return;
    this.#lastStatus = status;
    this.#options.onSighting({ event: 'status', height, base });
  }

  #block(block: Block): void {
    const { header, txs } = block;
    // What nobody asked for is not shown: it could be any height.
    if (header.height !== this.#wantedHeight) return;
    this.#wantedHeight = undefined;
    const { engine, onSighting } = this.#options;
    onSighting({
      event: 'block',
      height: header.height,
      hash: blockHash(engine, block),
      time: new Date(header.timeMs).toISOString(),
      txCount: txs.length,
      txHashes: txs.slice(0, WATCH_BLOCK_HASHES_MAX).map((tx) => txHash(engine, tx)),
      proposer: upperHex(header.proposerAddress),
    });
  }
}
