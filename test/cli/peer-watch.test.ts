import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Sighting } from '../../src/cli/peer-sighting.ts';
import {
  AddressChannel,
  BlocksyncChannel,
  StateChannel,
  WATCH_ADDRESSES_MAX,
  WATCH_BLOCK_HASHES_MAX,
  WATCH_BLOCK_PATIENCE_MS,
  WATCH_PEX_INTERVAL_MS,
  WATCH_RTT_INTERVAL_MS,
  watchReactor,
} from '../../src/cli/peer-watch.ts';
import type { Block, BlocksyncMessage } from '../../src/codec/cometbft-blocksync.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { Peer } from '../../src/p2p/peer.ts';
import type { ReactorContext, ReactorHandlers } from '../../src/p2p/reactor.ts';
import type { AnyChannel } from '../../src/p2p/reactor-channel.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

/** A peer that keeps what it is sent. */
class FakePeer {
  readonly sent: { readonly channelId: number; readonly message: unknown }[] = [];
  result = 'queued';
  pongsReceived = 0;

  trySend(channel: AnyChannel, message: unknown): string {
    if (this.result === 'queued') this.sent.push({ channelId: channel.id, message });
    return this.result;
  }

  status(): object {
    return { rttMsLast: 2.0004, rttMsMin: 0.9996, pongsReceived: this.pongsReceived };
  }

  heightsAskedFor(): number[] {
    const messages = this.sent.filter(({ channelId }) => channelId === 0x40).map(({ message }) => message);
    return (messages as BlocksyncMessage[]).flatMap((each) => (each.type === 'block_request' ? [each.height] : []));
  }
}

let clock: VirtualClock;
let peer: FakePeer;
let seen: Sighting[];
let handlers: ReactorHandlers;
beforeEach(async () => {
  clock = new VirtualClock();
  peer = new FakePeer();
  seen = [];
  const spec = watchReactor({ engine: defaultEngine(), clock, onSighting: (sighting) => seen.push(sighting) });
  const info = (message: unknown): void => void handlers.handleInfo?.(message);
  handlers = spec.create({
    switch: { peers: [peer] },
    sendAfter: (message: unknown, delayMs: number) => {
      clock.setTimer(() => info(message), delayMs);
      return { cancel: () => false };
    },
    clock,
    random: systemRandom,
    logger: silentLogger,
  } as unknown as ReactorContext);
  await handlers.initPeer?.(peer as unknown as Peer);
  await handlers.addPeer?.(peer as unknown as Peer);
});

function receive(channel: AnyChannel, message: unknown): void {
  void handlers.receive({ channelId: channel.id, channel, peer: peer as unknown as Peer, message } as never);
}

function step(height: number): void {
  const at = { round: 0, step: 'NewHeight', secondsSinceStart: 0, lastCommitRound: 0 };
  receive(StateChannel, { type: 'new_round_step', height, ...at });
}

function block(height: number, txCount = 0): void {
  const header = { chainId: 'x', height, timeMs: 0, proposerAddress: new Uint8Array(20), leaves: [new Uint8Array(1)] };
  const given: Block = { header, txs: Array.from({ length: txCount }, () => new Uint8Array(1)) };
  receive(BlocksyncChannel, { type: 'block_response', block: given });
}

const heightsSeen = (): number[] => seen.flatMap((each) => (each.event === 'block' ? [each.height] : []));

describe('blocks', () => {
  test('are asked for one at a time, and of those that pass meanwhile the newest', () => {
    step(5);
    step(6);
    step(7);
    expect(peer.heightsAskedFor()).toEqual([4]);
    block(4);
    step(7);
    expect(peer.heightsAskedFor()).toEqual([4, 6]);
    block(6);
    expect(heightsSeen()).toEqual([4, 6]);
  });

  test('that nobody asked for, or that come again, are not shown', () => {
    block(4);
    step(5);
    block(3);
    block(4);
    block(4);
    expect(heightsSeen()).toEqual([4]);
  });

  test.each([
    [WATCH_BLOCK_PATIENCE_MS - 1, [4]],
    [WATCH_BLOCK_PATIENCE_MS, [4, 5]],
    [WATCH_BLOCK_PATIENCE_MS + 1, [4, 5]],
  ])('without an answer in %i ms are these asked for: %j', async (waitedMs, heights) => {
    step(5);
    await clock.advance(waitedMs);
    step(6);
    expect(peer.heightsAskedFor()).toEqual(heights);
  });

  test('that the node does not have are given up on at once', () => {
    step(5);
    receive(BlocksyncChannel, { type: 'no_block_response', height: 4 });
    step(6);
    expect(peer.heightsAskedFor()).toEqual([4, 5]);
  });

  test('are asked for again when there was no room to ask', () => {
    peer.result = 'full';
    step(5);
    peer.result = 'queued';
    step(5);
    expect(peer.heightsAskedFor()).toEqual([4]);
  });

  test('below the first height do not exist', () => {
    step(0);
    step(1);
    expect(peer.heightsAskedFor()).toEqual([]);
  });

  test.each([
    [WATCH_BLOCK_HASHES_MAX - 1, WATCH_BLOCK_HASHES_MAX - 1],
    [WATCH_BLOCK_HASHES_MAX, WATCH_BLOCK_HASHES_MAX],
    [WATCH_BLOCK_HASHES_MAX + 1, WATCH_BLOCK_HASHES_MAX],
  ])('of %i transactions name %i', (txCount, named) => {
    step(5);
    block(4, txCount);
    const shown = seen.find((each) => each.event === 'block');
    expect(shown).toMatchObject({ txCount });
    expect(shown?.event === 'block' && shown.txHashes.length).toBe(named);
  });
});

describe('addresses', () => {
  const tell = (first: number, count: number): void => {
    const addresses = Array.from({ length: count }, (_, index) => ({ id: `${first + index}`, ip: '::1', port: 1 }));
    receive(AddressChannel, { type: 'pex_addrs', addresses });
  };

  test('are shown when they are new', () => {
    tell(0, 2);
    tell(1, 2);
    tell(0, 3);
    expect(seen).toEqual([
      { event: 'peers', addresses: ['0@[::1]:1', '1@[::1]:1'], knownCount: 2 },
      { event: 'peers', addresses: ['2@[::1]:1'], knownCount: 3 },
    ]);
  });

  test('are remembered up to a bound', () => {
    tell(0, WATCH_ADDRESSES_MAX - 1);
    tell(WATCH_ADDRESSES_MAX - 1, 1);
    tell(WATCH_ADDRESSES_MAX, 1);
    tell(WATCH_ADDRESSES_MAX - 1, 1);
    tell(WATCH_ADDRESSES_MAX, 1);
    const counts = seen.map((each) => (each.event === 'peers' ? [each.addresses.length, each.knownCount] : []));
    expect(counts).toEqual([
      [WATCH_ADDRESSES_MAX - 1, WATCH_ADDRESSES_MAX - 1],
      [1, WATCH_ADDRESSES_MAX],
      [1, WATCH_ADDRESSES_MAX],
      [1, WATCH_ADDRESSES_MAX],
    ]);
  });

  test('are asked for at the beginning and once a minute', async () => {
    const asked = (): number => peer.sent.filter(({ channelId }) => channelId === AddressChannel.id).length;
    expect(asked()).toBe(1);
    await clock.advance(WATCH_PEX_INTERVAL_MS - 1);
    expect(asked()).toBe(1);
    await clock.advance(1);
    expect(asked()).toBe(2);
  });
});

test('how far a node is, is shown when it changes', () => {
  for (const height of [7, 7, 8, 8]) receive(BlocksyncChannel, { type: 'status_response', height, base: 1 });
  receive(BlocksyncChannel, { type: 'status_response', height: 8, base: 2 });
  expect(seen).toEqual([
    { event: 'status', height: 7, base: 1 },
    { event: 'status', height: 8, base: 1 },
    { event: 'status', height: 8, base: 2 },
  ]);
});

test('a round trip is shown when there was one since the last look', async () => {
  await clock.advance(WATCH_RTT_INTERVAL_MS);
  expect(seen).toEqual([]);
  peer.pongsReceived = 3;
  await clock.advance(WATCH_RTT_INTERVAL_MS * 3);
  expect(seen).toEqual([{ event: 'rtt', rttMs: 2, rttMsMin: 1 }]);
});

test('a peer that is gone is not looked at any more', async () => {
  await handlers.removePeer?.(peer as unknown as Peer, undefined as never);
  peer.pongsReceived = 1;
  await clock.advance(WATCH_PEX_INTERVAL_MS);
  step(5);
  expect(seen).toEqual([]);
});
