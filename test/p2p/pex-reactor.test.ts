import { afterEach, describe, expect, test } from 'vitest';
import { decodePexMessage, encodePexMessage, type PexMessage } from '../../src/codec/cometbft-pex.ts';
import { AddressBook } from '../../src/p2p/address-book.ts';
import { AddressBookFile } from '../../src/p2p/address-book-file.ts';
import { decodeAddressBook } from '../../src/p2p/address-book-json.ts';
import type { Pex } from '../../src/p2p/pex.ts';
import type { PexAddress } from '../../src/p2p/pex-address.ts';
import { crawl } from '../../src/p2p/pex-crawl.ts';
import { wireCrawlNetwork } from '../../src/p2p/pex-crawl-network.ts';
import { PexChannel, type PexReactorOptions, pexReactor, refuseBanned } from '../../src/p2p/pex-reactor.ts';
import { reactor } from '../../src/p2p/reactor.ts';
import type { Switch } from '../../src/p2p/switch.ts';
import type { SwitchOptions } from '../../src/p2p/switch-options.ts';
import { MemoryFiles } from './pex-rig.ts';
import { SwitchWorld } from './switch-rig.ts';

interface PexNode {
  readonly node: Switch;
  readonly book: AddressBook;
  readonly address: PexAddress;
  pex(): Pex;
}

/** Switches with PEX, named by their IP addresses, in memory and on virtual time. */
class PexWorld extends SwitchWorld {
  book(isStrict = true): AddressBook {
    return new AddressBook({ clock: this.clock, random: this.random, engine: this.engine, isStrict });
  }

  async node(
    host: string,
    options: Partial<PexReactorOptions> & { readonly ofSwitch?: Partial<SwitchOptions> } = {},
  ): Promise<PexNode> {
    const { ofSwitch, ...rest } = options;
    const book = options.book ?? this.book();
    let pex: Pex | undefined;
    const onPex = (made: Pex): void => {
      pex = made;
    };
    const node = await this.switch(host, { reactors: [pexReactor({ book, onPex, ...rest })], ...ofSwitch });
    return { node, book, address: { id: node.id, ip: host, port: 1 }, pex: () => pex as Pex };
  }

  /** A node that says what it likes on the PEX channel and notes what it hears. */
  async hand(host: string): Promise<{ readonly node: Switch; readonly heard: PexMessage[] }> {
    const heard: PexMessage[] = [];
    const spec = reactor('hand', [PexChannel], () => ({
      receive: ({ message }) => void heard.push(decodePexMessage(message)),
    }));
    return { node: await this.switch(host, { reactors: [spec] }), heard };
  }
}

const request = (): Uint8Array => encodePexMessage({ type: 'pex_request' });
const ips = ['20.1.1.1', '21.1.1.1', '22.1.1.1', '23.1.1.1', '24.1.1.1'] as const;

describe('PEX on switches, after p2p/pex/pex_reactor_test.go', () => {
  let world = new PexWorld();
  afterEach(async () => {
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
    expect(world.logs.filter(({ level }) => level === 'error')).toEqual([]);
    world = new PexWorld();
  });

  test('Basic: channel 0x00, priority 1, 10 messages to send, messages of 64 000 bytes', async () => {
    const { id, priority, sendQueueCapacity, recvMessageCapacity } = PexChannel.descriptor;
    expect([id, priority, sendQueueCapacity, recvMessageCapacity]).toEqual([0, 1, 10, 64_000]);
    const { node } = await world.node(ips[0]);
    expect([...node.nodeInfo.channels]).toEqual([0]);
  });

  test('seeds whose names do not resolve yet are tried again after 30 s', async () => {
    const seed = await world.node(ips[0]);
    let lookups = 0;
    const resolve = async (): Promise<string | undefined> => {
      lookups += 1;
      return lookups > 1 ? ips[0] : undefined;
    };
    const node = await world.node(ips[1], { seeds: [`${seed.node.id}@seed.example:1`], resolve });
    await world.clock.advance(29_000);
    expect(node.node.peers.size).toBe(0);
    await world.clock.advanceUntil(() => node.node.peers.size === 1, 5000);
    expect(world.logs.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
      'peer exchange cannot begin',
    ]);
    world.logs.length = 0;
  });

  test('Running: nodes that know one other each come to be connected to all', async () => {
    const first = await world.node(ips[0]);
    const nodes = [first];
    for (const ip of ips.slice(1, 4)) {
      const node = await world.node(ip);
      node.book.addAddress(first.address, first.address);
      nodes.push(node);
    }
    await world.clock.advanceUntil(() => nodes.every(({ node }) => node.peers.size === 3), 600_000);
    for (const { book, address } of nodes) {
      expect(new Set(book.entries().map((entry) => entry.address.ip))).toEqual(
        new Set(nodes.map((other) => other.address.ip).filter((ip) => ip !== address.ip)),
      );
      expect(book.banCount).toBe(0);
    }
  });

  test('UsesSeedsIfNeeded: a node with nothing but a seed is connected before its first round', async () => {
    const seed = await world.node(ips[0]);
    const node = await world.node(ips[1], { seeds: [seed.node.nodeAddress!.replace('memory://', '')] });
    await world.clock.advanceUntil(() => node.node.peers.size === 1, 5000);
    expect(seed.book.hasAddress(node.address)).toBe(true);
  });

  test('ConnectionSpeedForPeerReceivedFromSeed: what the seed knows is dialled without waiting', async () => {
    const others = [await world.node(ips[1]), await world.node(ips[2])];
    const seed = await world.node(ips[0]);
    for (const { address } of others) seed.book.addAddress(address, address);
    const node = await world.node(ips[3], { seeds: [seed.node.nodeAddress!] });
    await world.clock.advanceUntil(() => node.node.peers.size === 3, 5000);
    expect(node.book.size).toBeGreaterThanOrEqual(2);
  });

  test('SeedModeFlushStop: a seed answers in full and then closes; the peer has learnt all', async () => {
    const book = world.book();
    for (let i = 0; i < 30; i += 1) {
      const address = { id: (i + 1).toString(16).padStart(40, '0'), ip: `40.${i}.1.1`, port: 1 };
      book.addAddress(address, address);
    }
    const seed = await world.node(ips[0], { isSeed: true, book });
    const { node, heard } = await world.hand(ips[1]);
    const peer = await world.wait(node.dialPeer(seed.node.nodeAddress!));
    peer.trySend(PexChannel, request());
    peer.trySend(PexChannel, request());
    await world.clock.advanceUntil(() => node.peers.size === 0, 10_000);
    expect(heard).toHaveLength(1);
    expect(heard[0]?.type === 'pex_addrs' ? heard[0].addresses.length : 0).toBe(31);
    expect(seed.book.hasMisbehaved(node.id)).toBe(false);
  });

  /** Has `node` ask `victim` three times at once, and waits until it is thrown out for that. */
  async function offend(node: Switch, victim: PexNode): Promise<void> {
    const peer = await world.wait(node.dialPeer(victim.node.nodeAddress!));
    for (let i = 0; i < 3; i += 1) peer.trySend(PexChannel, request());
    await world.clock.advanceUntil(() => node.peers.size === 0 && victim.node.peers.size === 0, 10_000);
    expect(victim.book.hasMisbehaved(node.id)).toBe(true);
  }

  /** Whether `victim` has `node` as a peer when that dials. */
  async function isLetIn(node: Switch, victim: PexNode): Promise<boolean> {
    const { peersAdded, reasons } = victim.node.stats();
    const filtered = reasons.FILTERED ?? 0;
    const dial = node.dialPeer(victim.node.nodeAddress!).catch(() => {}); // it may be told before its own end is up
    await world.wait(dial);
    await world.clock.advanceUntil(() => {
      const now = victim.node.stats();
      return now.peersAdded > peersAdded || (now.reasons.FILTERED ?? 0) > filtered;
    }, 10_000);
    return victim.node.stats().peersAdded > peersAdded;
  }

  test('RequestMessageAbuse: the third request in 10 s ends the connection, and who is banned cannot come back for a day', async () => {
    const victim = await world.node(ips[0]);
    const { node, heard } = await world.hand(ips[1]);
    await offend(node, victim);
    expect(heard.length).toBeLessThanOrEqual(2); // what was not sent yet is lost with the connection
    expect(await isLetIn(node, victim)).toBe(false);
    expect(victim.node.peers.size).toBe(0);
    expect(victim.node.stats().reasons).toMatchObject({ FILTERED: 1 });
    const { node: other } = await world.hand(ips[2]);
    expect(await isLetIn(other, victim)).toBe(true);
    await world.clock.advance(24 * 3_600_000);
    expect(await isLetIn(node, victim)).toBe(true);
  });

  test('isBanEnforced: false lets the banned in again, as upstream does', async () => {
    const victim = await world.node(ips[0], { isBanEnforced: false });
    const { node } = await world.hand(ips[1]);
    await offend(node, victim);
    expect(await isLetIn(node, victim)).toBe(true);
  });

  test('a persistent peer that is banned is let in again', async () => {
    const { node } = await world.hand(ips[1]);
    const victim = await world.node(ips[0], { persistentPeerIds: [node.id] });
    victim.node.addPersistentPeers([`${node.id}@9.9.9.9:1`]);
    await offend(node, victim);
    expect(await isLetIn(node, victim)).toBe(true);
  });

  test('an unconditional id that misbehaved is let in again', async () => {
    const { node } = await world.hand(ips[1]);
    const victim = await world.node(ips[0], { ofSwitch: { unconditionalPeerIds: [node.id] } });
    await offend(node, victim);
    expect(await isLetIn(node, victim)).toBe(true);
  });

  test('an answer that says an honest node is where another one answers keeps the honest one out of nothing', async () => {
    const victim = await world.node(ips[0]);
    const { node: honest } = await world.hand(ips[1]);
    const { node: liar, heard } = await world.hand(ips[2]);
    await world.hand(ips[3]); // another socket of the liar's
    const lie = { id: honest.id, ip: ips[3], port: 1 };
    const peer = await world.wait(liar.dialPeer(victim.node.nodeAddress!));
    await world.clock.advanceUntil(() => heard.length > 0, 120_000);
    peer.trySend(PexChannel, encodePexMessage({ type: 'pex_addrs', addresses: [lie] }));
    await world.clock.advanceUntil(() => victim.book.isBanned(lie), 120_000);
    expect([victim.book.hasMisbehaved(honest.id), victim.book.banCount]).toEqual([false, 0]);
    expect(await isLetIn(honest, victim)).toBe(true);
    expect(victim.node.stats().reasons.FILTERED).toBeUndefined();
    expect(victim.book.hasAddress({ id: honest.id, ip: ips[1], port: 1 })).toBe(true);
  });

  test('a node that cannot be dialled where it says it listens is let in when it comes by itself', async () => {
    const victim = await world.node(ips[0]);
    const { node: honest } = await world.hand(ips[1]);
    const claimed = { id: honest.id, ip: '30.1.1.1', port: 1 };
    for (let i = 0; i < 17; i += 1) {
      expect(await world.wait(victim.pex().dialPeer(claimed))).toBe('failed');
      await world.clock.advance(2 ** 17 * 1000);
    }
    expect(await world.wait(victim.pex().dialPeer(claimed))).toBe('given-up');
    expect(victim.book.isBanned(claimed)).toBe(true);
    expect(await isLetIn(honest, victim)).toBe(true);
  });

  test('refuseBanned keeps a second switch on the same book from whom the first has banned', async () => {
    const victim = await world.node(ips[0]);
    const { node } = await world.hand(ips[1]);
    await offend(node, victim);
    const second = await world.node(ips[2], {
      isBanEnforced: false,
      ofSwitch: { peerFilters: [refuseBanned(victim.book)] },
    });
    expect(await isLetIn(node, second)).toBe(false);
  });

  test('AddrsMessageAbuse: addresses that nobody asked for end the connection', async () => {
    const victim = await world.node(ips[0]);
    const { node } = await world.hand(ips[1]);
    const peer = await world.wait(node.dialPeer(victim.node.nodeAddress!));
    peer.trySend(PexChannel, encodePexMessage({ type: 'pex_addrs', addresses: [{ id: 'x', ip: '1.2.3.4', port: 1 }] }));
    await world.clock.advanceUntil(() => victim.node.peers.size === 0, 10_000);
    expect([victim.book.hasMisbehaved(node.id), victim.pex().stats().peersBanned]).toEqual([true, 1]);
  });

  test('bytes that do not decode end and ban too, and nobody else is disturbed', async () => {
    const victim = await world.node(ips[0]);
    const [evil, good] = [await world.hand(ips[1]), await world.hand(ips[2])];
    const bad = await world.wait(evil.node.dialPeer(victim.node.nodeAddress!));
    const fine = await world.wait(good.node.dialPeer(victim.node.nodeAddress!));
    bad.trySend(PexChannel, Uint8Array.of(0xff));
    await world.clock.advanceUntil(() => victim.node.peers.size === 1, 10_000);
    fine.trySend(PexChannel, request());
    await world.clock.advanceUntil(() => good.heard.length > 0, 10_000);
    expect([victim.book.hasMisbehaved(evil.node.id), fine.isRunning]).toEqual([true, true]);
  });

  test('DialPeer: an address where nobody listens is tried again with pauses, one with another id is banned', async () => {
    const other = await world.node(ips[0]);
    const nobody = { id: '1'.repeat(40), ip: '30.1.1.1', port: 1 };
    const impostor = { id: '2'.repeat(40), ip: ips[0], port: 1 };
    const node = await world.node(ips[1]);
    expect(await world.wait(node.pex().dialPeer(nobody))).toBe('failed');
    expect(await world.wait(node.pex().dialPeer(nobody))).toBe('too-early');
    expect(node.pex().attemptsToDial(nobody)).toBe(1);
    expect(await world.wait(node.pex().dialPeer(impostor))).toBe('unauthenticated');
    expect(node.book.isBanned(impostor)).toBe(true);
    expect(await world.wait(node.pex().dialPeer(other.address))).toBe('connected');
    expect(await world.wait(node.pex().dialPeer(other.address))).toBe('busy');
  });

  test('the book is saved while the switch runs and when it stops, and fills the next one', async () => {
    const files = new MemoryFiles();
    const { clock, random } = world;
    const book = world.book();
    const path = 'addrbook.json';
    const other = await world.node(ips[0]);
    const file = new AddressBookFile({ book, files, path, clock, random });
    const node = await world.node(ips[1], { book, file });
    await world.clock.advance(120_000);
    expect(decodeAddressBook(files.files.get(path)!).addresses).toHaveLength(0);
    await world.wait(other.node.dialPeer(node.node.nodeAddress!));
    await world.wait(node.node.stop());
    expect(decodeAddressBook(files.files.get(path)!).addresses).toHaveLength(1);
    const nextBook = world.book();
    const nextFile = new AddressBookFile({ book: nextBook, files, path, clock, random });
    await nextFile.load();
    const next = await world.node(ips[2], { book: nextBook, file: nextFile });
    await world.clock.advanceUntil(() => next.node.peers.size === 1, 60_000);
  });

  test('crawl over the wire: a node is visited, asked and left, and finds its peers', async () => {
    const nodes: PexNode[] = [];
    for (const ip of ips.slice(0, 4)) nodes.push(await world.node(ip, { outboundPeersMax: 0 }));
    for (const [index, { book }] of nodes.entries()) {
      const next = nodes[index + 1]?.address ?? { id: '3'.repeat(40), ip: '99.1.1.1', port: 1 };
      book.addAddress(next, next);
    }
    const network = wireCrawlNetwork({
      transport: world.network.transport('50.1.1.1'),
      nodeKey: world.key(),
      network: 'test-chain',
      moniker: 'crawler',
      clock: world.clock,
      random: world.random,
      engine: world.engine,
    });
    const found: string[] = [];
    const walk = (async () => {
      for await (const visit of crawl({ network, roots: [nodes[0]!.address], clock: world.clock })) {
        found.push(`${visit.depth} ${visit.info?.moniker ?? visit.address.ip} ${visit.outcome}`);
      }
    })();
    await world.wait(walk, 600_000);
    expect(found).toEqual([
      '0 20.1.1.1 answered',
      '1 21.1.1.1 answered',
      '2 22.1.1.1 answered',
      '3 23.1.1.1 answered',
      '4 99.1.1.1 unreachable',
    ]);
    await world.clock.advance(60_000);
    for (const { node, book } of nodes) expect([node.peers.size, book.size, book.banCount]).toEqual([0, 1, 0]);
  });

  test('crawl over the wire: a peer of another network is not reached, one without answers is silent', async () => {
    const other = await world.node(ips[0], { ofSwitch: { network: 'other-chain' } });
    const mute = await world.hand(ips[1]);
    const network = wireCrawlNetwork({
      transport: world.network.transport('50.1.1.1'),
      nodeKey: world.key(),
      network: 'test-chain',
      clock: world.clock,
      random: world.random,
      engine: world.engine,
    });
    const roots = [other.address, { id: mute.node.id, ip: ips[1], port: 1 }];
    const found: string[] = [];
    const walk = (async () => {
      for await (const { address, outcome, error } of crawl({ network, roots, clock: world.clock })) {
        found.push(`${address.ip} ${outcome} ${(error as { code?: string }).code}`);
      }
    })();
    await world.wait(walk, 600_000);
    expect(found.sort()).toEqual([`${ips[0]} unreachable INCOMPATIBLE`, `${ips[1]} silent TIMEOUT`]);
    expect(mute.heard).toEqual([{ type: 'pex_request' }]);
  });
});
