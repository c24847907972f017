/**
 * genmesh as an ordinary peer of a real CometBFT node: one chain, one validator, blocks several times a second. What is
 * compared is what the node says by RPC and in its log.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Sighting } from '../../src/cli/peer-sighting.ts';
import { MempoolChannel, txHash, watchReactor } from '../../src/cli/peer-watch.ts';
import { runProgram } from '../../src/cli/program.ts';
import { parseNodeAddress } from '../../src/codec/cometbft-address.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { AddressBook } from '../../src/p2p/address-book.ts';
import type { Peer } from '../../src/p2p/peer.ts';
import { type PexAddress, toPexAddress } from '../../src/p2p/pex-address.ts';
import { crawl } from '../../src/p2p/pex-crawl.ts';
import { wireCrawlNetwork } from '../../src/p2p/pex-crawl-network.ts';
import { pexReactor } from '../../src/p2p/pex-reactor.ts';
import { reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';
import type { SwitchEvents } from '../../src/p2p/switch-handle.ts';
import type { SwitchOptions } from '../../src/p2p/switch-options.ts';
import { FakeShell, runHere } from '../cli/fake-shell.ts';
import { CometBftNode, eventually } from './cometbft-node.ts';

const PING_INTERVAL_MS = 300;
const engine = defaultEngine();
const switches: Switch[] = [];
let comet: CometBftNode;

beforeAll(async () => {
  comet = await CometBftNode.start();
}, 600_000);
afterEach(async () => {
  await Promise.all(switches.splice(0).map((node) => node.stop()));
});
afterAll(() => comet?.stop());

interface Watcher {
  readonly node: Switch;
  readonly seen: Sighting[];
  /** What was seen of one kind. */
  of<E extends Sighting['event']>(event: E): Extract<Sighting, { readonly event: E }>[];
}

async function startWatcher(options: Partial<SwitchOptions> = {}): Promise<Watcher> {
  const seen: Sighting[] = [];
  const node = await startSwitch({
    reactors: [watchReactor({ engine, clock: systemClock, onSighting: (sighting) => seen.push(sighting) })],
    ...options,
  });
  return { node, seen, of: (event) => seen.filter((each) => each.event === event) as never };
}

async function startSwitch(options: Partial<SwitchOptions>): Promise<Switch> {
  const node = await Switch.startLink({
    nodeKey: engine.generateKeyPair(systemRandom),
    network: comet.network,
    moniker: 'genmesh-interop',
    version: '0.0.1',
    listen: 'tcp://127.0.0.1:0',
    allowDuplicateIp: true,
    dialJitterMs: 0,
    connection: { pingIntervalMs: PING_INTERVAL_MS, pongTimeoutMs: 5000 },
    ...options,
  });
  switches.push(node);
  return node;
}

/** The next event of that kind that is wanted. */
function next<K extends keyof SwitchEvents & string>(
  node: Switch,
  event: K,
  isWanted: (value: SwitchEvents[K]) => boolean = () => true,
): Promise<SwitchEvents[K]> {
  return new Promise((resolve) => {
    const off = node.on(event, (value) => {
      if (!isWanted(value)) return;
      off();
      resolve(value);
    });
  });
}

/** We dial the node, or it is told by RPC to dial us. */
async function connect(node: Switch, direction: 'dialing' | 'being dialed'): Promise<Peer> {
  if (direction === 'dialing') return node.dialPeer(comet.address);
  const added = next(node, 'peerAdded', ({ peer }) => peer.id === comet.id);
  await comet.rpc('dial_peers', { peers: `["${node.nodeAddress}"]`, persistent: 'false' });
  return (await added).peer;
}

interface NetInfo {
  readonly peers: readonly {
    readonly node_info: {
      readonly id: string;
      readonly moniker: string;
      readonly version: string;
      readonly channels: string;
    };
    readonly is_outbound: boolean;
  }[];
}

async function peerAsTheNodeSeesIt(id: string): Promise<NetInfo['peers'][number] | undefined> {
  return ((await comet.rpc('net_info')) as NetInfo).peers.find((peer) => peer.node_info.id === id);
}

describe.each(['dialing', 'being dialed'] as const)('a peer of a CometBFT node, %s', (direction) => {
  test('the handshake ends with both knowing each other by their NodeInfo', async () => {
    const { node } = await startWatcher();
    const peer = await connect(node, direction);
    expect(peer.id).toBe(comet.id);
    expect(peer.isOutbound).toBe(direction === 'dialing');
    const status = (await comet.rpc('status')) as { readonly node_info: Record<string, string> };
    const { nodeInfo } = peer;
    expect(nodeInfo).toMatchObject({
      id: status.node_info.id,
      network: comet.network,
      moniker: status.node_info.moniker,
    });
    expect(Buffer.from(nodeInfo.channels).toString('hex').toUpperCase()).toBe(status.node_info.channels);
    let theirs: NetInfo['peers'][number] | undefined;
    await eventually('our NodeInfo by RPC', async () => {
      theirs = await peerAsTheNodeSeesIt(node.id);
      return theirs !== undefined;
    });
    expect(theirs).toMatchObject({
      node_info: { moniker: 'genmesh-interop', version: '0.0.1', channels: '00202122233040' },
      is_outbound: direction === 'being dialed',
    });
  });

  test('pings are answered for more than two intervals', async () => {
    const { node } = await startWatcher();
    const peer = await connect(node, direction);
    // More pings than the interval asks for may go out: they measure the way while there is traffic.
    await eventually('four intervals', () => (peer.status()?.durationMs ?? 0) > 4 * PING_INTERVAL_MS);
    const { pingsSent = 0, pongsReceived = 0, pongsUnasked, rttMsMin = 0 } = peer.status() ?? {};
    expect(pingsSent).toBeGreaterThanOrEqual(3);
    expect(pongsReceived).toBeGreaterThanOrEqual(pingsSent - 1);
    expect(pongsUnasked).toBe(0);
    expect(rttMsMin).toBeGreaterThan(0);
    expect(peer.isRunning).toBe(true);
  });

  test('at least three heights in a row are seen, and their blocks, fetched by blocksync, are those of the node', async () => {
    const { node, of } = await startWatcher();
    await connect(node, direction);
    await eventually('three blocks', () => of('block').length >= 3);
    const heights = [...new Set(of('step').map(({ height }) => height))];
    expect(heights.length).toBeGreaterThanOrEqual(3);
    expect(heights).toEqual(heights.map((_, index) => (heights[0] as number) + index));
    for (const { height, hash } of of('block').slice(0, 3)) {
      const { block_id } = (await comet.rpc('block', { height: String(height) })) as { block_id: { hash: string } };
      expect(hash).toBe(block_id.hash);
    }
  });

  test('a transaction sent by RPC arrives on our mempool channel', async () => {
    const { node, of } = await startWatcher();
    await connect(node, direction);
    await eventually('a height that both are at', () => of('step').length > 0);
    const tx = `rpc-${direction.replaceAll(' ', '-')}=1`;
    await comet.rpc('broadcast_tx_sync', { tx: `"${tx}"` });
    const hash = txHash(engine, new TextEncoder().encode(tx));
    await eventually('the transaction', () => of('tx').some((seen) => seen.hash === hash));
  });

  test('a transaction that we gossip ends in a block, which we fetch', async () => {
    const { node, of } = await startWatcher();
    const peer = await connect(node, direction);
    const tx = new TextEncoder().encode(`gossip-${direction.replaceAll(' ', '-')}=1`);
    await eventually('a block', () => of('block').length > 0);
    expect(await peer.send(MempoolChannel, [tx])).toBe('queued');
    const hash = txHash(engine, tx);
    await eventually('a block with it', () => of('block').some(({ txHashes }) => txHashes.includes(hash)));
    await eventually('it is in the index', async () => {
      const found = (await comet.rpc('tx', { hash: `0x${hash}` }).catch(() => undefined)) as
        | { height: string }
        | undefined;
      if (found === undefined) return false;
      expect(of('block').find(({ height }) => String(height) === found.height)?.txHashes).toContain(hash);
      return true;
    });
  });
});

describe('what does not fit is refused, each with its reason', () => {
  test('a node of another network', async () => {
    const { node } = await startWatcher({ network: 'another-chain' });
    const text = `incompatible: network "${comet.network}", expected "another-chain"`;
    await expect(node.dialPeer(comet.address)).rejects.toMatchObject({ code: 'INCOMPATIBLE', message: text });
    const rejected = next(node, 'rejected');
    await comet.rpc('dial_peers', { peers: `["${node.nodeAddress}"]`, persistent: 'false' });
    expect((await rejected).error).toMatchObject({ code: 'INCOMPATIBLE', message: text });
    await comet.logged(/incompatible: peer is on a different network/);
  });

  test('a node with another id than was dialed', async () => {
    const { node } = await startWatcher();
    const { host, port } = parseNodeAddress(comet.address);
    const wrong = '0'.repeat(40);
    const text = `auth failure: conn.ID (${comet.id}) dialed ID (${wrong}) mismatch`;
    const dialed = node.dialPeer({ id: wrong, host, port });
    await expect(dialed).rejects.toMatchObject({ code: 'AUTH_FAILURE', message: text });
    const rejected = next(node, 'rejected', ({ isOutbound }) => !isOutbound);
    await comet.rpc('dial_peers', { peers: `["${wrong}@127.0.0.1:${node.address?.port}"]`, persistent: 'false' });
    await comet.logged(new RegExp(`conn.ID \\(${node.id}\\) dialed ID \\(${wrong}\\) mismatch`));
    expect((await rejected).error.code).toBe('HANDSHAKE_FAILED');
  });

  test('a node that is connected already', async () => {
    const nodeKey = engine.generateKeyPair(systemRandom);
    const first = await startWatcher({ nodeKey });
    const peer = await first.node.dialPeer(comet.address);
    await expect(first.node.dialPeer(comet.address)).rejects.toMatchObject({ code: 'ALREADY_DIALING' });
    // The same key from another place: it is the node that refuses.
    const second = await startWatcher({ nodeKey });
    const lost = Promise.race([next(second.node, 'peerRemoved'), next(second.node, 'dialFailed')]);
    await second.node.dialPeer(comet.address).catch(() => {});
    await comet.logged(new RegExp(`duplicate ID<${first.node.id}>`));
    await lost;
    expect(peer.isRunning).toBe(true);
  });

  test('a node with which it has no channel in common', async () => {
    const Foreign = channel({ id: 0x70, codec: bytesCodec });
    const node = await startSwitch({ reactors: [reactor('foreign', [Foreign], () => ({ receive: () => {} }))] });
    await expect(node.dialPeer(comet.address)).rejects.toMatchObject({
      code: 'INCOMPATIBLE',
      message: expect.stringContaining('no common channel: ours 70'),
    });
    await comet.logged(/incompatible: .*no common channels/);
  });
});

test('addresses go both ways between us and two nodes', async () => {
  // A chain of its own: the book of the other node is full of those who were here and are gone.
  const first = await CometBftNode.start();
  const { network } = first;
  const book = (): AddressBook =>
    new AddressBook({ clock: systemClock, random: systemRandom, engine, isStrict: false });
  const pexNode = (seeds: readonly string[]): Promise<Switch> =>
    startSwitch({ network, reactors: [pexReactor({ book: book(), seeds, ensurePeersIntervalMs: 12_000 })] });
  let other: CometBftNode | undefined;
  try {
    const known = await pexNode([first.address]);
    await eventually('a connection with the first node', () => known.peers.has(first.id));
    const dialedByOther = next(known, 'peerAdded', ({ peer }) => !peer.isOutbound);
    // It knows nobody but the first node, which tells it of us.
    other = await CometBftNode.start({ joins: first, seeds: [first.address] });
    expect((await dialedByOther).peer.id).toBe(other.id);
    // And one that knows nobody but the first node learns of the other from it.
    const otherId = other.id;
    const late = await pexNode([first.address]);
    const { peer } = await next(late, 'peerAdded', (added) => added.peer.id === otherId);
    expect(peer.isOutbound).toBe(true);

    const wire = wireCrawlNetwork({
      transport: new TcpTransport({ clock: systemClock }),
      nodeKey: engine.generateKeyPair(systemRandom),
      network,
      clock: systemClock,
      random: systemRandom,
      engine,
    });
    const found = new Map<string, string>();
    const roots = [toPexAddress(parseNodeAddress(first.address)) as PexAddress];
    for await (const visit of crawl({ network: wire, roots, isStrict: false }))
      found.set(visit.address.id, visit.outcome);
    for (const id of [first.id, otherId, known.id]) expect(found.get(id), id).toBe('answered');
  } finally {
    await Promise.all([other?.stop(), first.stop()]);
  }
}, 120_000);

test('a persistent peer is connected again after it was restarted, and blocks go on', async () => {
  const { node, of } = await startWatcher({
    persistentPeers: [comet.address],
    reconnectIntervalMs: 200,
    reconnectAttempts: 500,
  });
  await eventually('a block', () => of('block').length > 0);
  const removed = next(node, 'peerRemoved');
  await comet.halt();
  expect((await removed).reason.code).toBe('PEER_CLOSED');
  const before = Math.max(...of('block').map(({ height }) => height));
  const added = next(node, 'peerAdded');
  await comet.run();
  expect((await added).peer.id).toBe(comet.id);
  await eventually('a later block', () => of('block').some(({ height }) => height > before));
}, 120_000);

test('genmesh peer prints live blocks and transactions, and genmesh crawl finds the node', async () => {
  const shell = new FakeShell();
  const code = runProgram(['peer', comet.address, '--network', comet.network], shell);
  const block = await shell.line(/^block +(\d+) ([0-9A-F]{64}) /m);
  const { block_id } = (await comet.rpc('block', { height: block[1] as string })) as { block_id: { hash: string } };
  expect(block[2]).toBe(block_id.hash);
  await comet.rpc('broadcast_tx_sync', { tx: '"cli=1"' });
  await shell.line(new RegExp(`^tx +${txHash(engine, new TextEncoder().encode('cli=1'))} of 5 bytes$`, 'm'));
  await shell.line(/^rtt +\d+\.\d\d ms/m);
  shell.stop('SIGINT');
  expect(await code).toBe(0);
  expect(shell.stderr).toBe('');
  const found = await runHere(['crawl', comet.address, '--network', comet.network, '--private', '--max', '1']);
  expect(found).toMatchObject({ code: 0 });
  expect(JSON.parse(found.stdout)).toMatchObject({ nodes: [{ id: comet.id, outcome: 'answered' }] });
});
