import { describe, expect, test } from 'vitest';
import { decodePexMessage, encodePexMessage } from '../../src/codec/cometbft-pex.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { formatPexAddress, type PexAddress } from '../../src/p2p/pex-address.ts';
import { ENSURE_PEERS_INTERVAL_MS, GOOD_PEER_AFTER_MS, PEX_ASK_AGAIN_MS } from '../../src/p2p/pex-limits.ts';
import type { DialOutcome } from '../../src/p2p/pex-network.ts';
import { at, FakePeer, fillBook, idOf, PexRig, randomAddress } from './pex-rig.ts';

const SEED = `${idOf(500)}@50.60.70.80:26656`;
const SEED_ADDRESS = at(500, '50.60.70.80');

describe('PEX messages, after p2p/pex/pex_reactor_test.go', () => {
  test('PexVectors: a request and an answer of one address', () => {
    const addresses = [{ id: '1', ip: '127.0.0.1', port: 9090 }];
    expect(bytesToHex(encodePexMessage({ type: 'pex_request' }))).toBe('0a00');
    const hex = bytesToHex(encodePexMessage({ type: 'pex_addrs', addresses }));
    expect(hex).toBe('12130a110a013112093132372e302e302e31188247');
  });

  test('AddRemovePeer: who comes to us is put into the book, whom we dialled is asked instead', () => {
    const rig = new PexRig();
    const inbound = rig.peer();
    expect(rig.book.lookup(inbound.id)).toMatchObject({
      address: inbound.listenAddress,
      source: inbound.socketAddress,
    });
    expect(inbound.sent).toEqual([]);
    const outbound = rig.peer({ isOutbound: true });
    expect(outbound.sent).toEqual([{ type: 'pex_request' }]);
    expect(rig.book.size).toBe(1);
    rig.network.remove(inbound);
    rig.network.remove(outbound);
    expect(rig.book.size).toBe(1);
  });

  test('a peer whose NodeInfo has no usable address is not put into the book', () => {
    const rig = new PexRig();
    rig.peer({ listenAddress: undefined });
    rig.peer({ listenAddress: at(7, '0.0.0.0') });
    expect(rig.book.size).toBe(0);
  });

  test('with 1000 addresses in the book nobody is asked', () => {
    const rig = new PexRig();
    fillBook(rig.book, rig.random, 0, 999);
    expect(rig.peer({ isOutbound: true }).sent).toHaveLength(1);
    fillBook(rig.book, rig.random, 0, 1);
    expect(rig.peer({ isOutbound: true }).sent).toHaveLength(0);
  });

  test('Receive: an answer fills the book, a request is answered with what is in it', () => {
    const rig = new PexRig();
    const peer = rig.peer({ isOutbound: true });
    const addresses = [randomAddress(rig.random), randomAddress(rig.random)];
    rig.answer(peer, addresses);
    expect(rig.book.size).toBe(2);
    expect(rig.book.lookup(addresses[0]!.id)?.source).toEqual(peer.socketAddress);
    rig.request(peer);
    const sent = peer.sent.at(-1);
    expect(sent).toMatchObject({ type: 'pex_addrs' });
    expect(sent?.type === 'pex_addrs' ? sent.addresses : []).toEqual(expect.arrayContaining(addresses));
    expect(rig.pex.stats()).toMatchObject({
      answersReceived: 1,
      addressesAdded: 2,
      requestsReceived: 1,
      peersBanned: 0,
    });
  });

  test('what a peer tells counts for the group of its socket, not for the one it claims', () => {
    const rig = new PexRig();
    const peer = rig.peer({ isOutbound: true, listenAddress: at(77, '99.98.97.96') });
    const address = randomAddress(rig.random);
    rig.answer(peer, [address]);
    expect(rig.book.lookup(address.id)?.source).toEqual(peer.socketAddress);
  });

  test('DoesNotAddPrivatePeersToAddrBook: neither by their coming nor by being told of', () => {
    const rig = new PexRig();
    const hidden = randomAddress(rig.random);
    rig.book.addPrivateIds([hidden.id]);
    const peer = rig.network.add(new FakePeer(rig.network, hidden));
    expect(rig.pex.requestAddresses(peer)).toBe(true);
    rig.answer(peer, [hidden, randomAddress(rig.random)]);
    expect(rig.book.size).toBe(0);
    expect(peer.error).toBeUndefined();
    expect(rig.pex.stats()).toMatchObject({ addressesReceived: 2, addressesRefused: 2 });
  });

  test('RequestMessageAbuse: two requests are free, the third within 10 s ends and bans', async () => {
    const rig = new PexRig();
    const peer = rig.peer();
    rig.request(peer);
    rig.request(peer);
    expect([peer.sent.length, peer.isConnected]).toEqual([2, true]);
    await rig.clock.advance(9999);
    rig.request(peer);
    expect(peer.error).toMatchObject({ code: 'FLOOD' });
    expect([peer.sent.length, peer.isConnected]).toEqual([2, false]);
    expect([rig.book.hasMisbehaved(peer.id), rig.book.hasAddress(peer.listenAddress!)]).toEqual([true, false]);
    await rig.clock.advance(86_400_000 - 1);
    expect(rig.book.hasMisbehaved(peer.id)).toBe(true);
    await rig.clock.advance(1);
    expect(rig.book.hasMisbehaved(peer.id)).toBe(false);
  });

  test('a peer that asks every 10 s is answered each time', async () => {
    const rig = new PexRig();
    const peer = rig.peer();
    for (let i = 0; i < 20; i += 1) {
      rig.request(peer);
      await rig.clock.advance(10_000);
    }
    expect([peer.sent.length, peer.error]).toEqual([20, undefined]);
  });

  test.each([500, 5000, 120_000])(
    'rounds every %i ms: a peer may ask every 10 s, and is asked 11 s after its answer at the soonest',
    async (ensurePeersIntervalMs) => {
      const rig = new PexRig({ ensurePeersIntervalMs });
      const peer = rig.peer();
      const askedAtMs: number[] = [];
      peer.send = (message) => {
        if (decodePexMessage(message).type !== 'pex_request') return;
        askedAtMs.push(rig.clock.monotonicMs());
        rig.answer(peer, []);
      };
      await rig.pex.start();
      for (let i = 0; i < 30; i += 1) {
        rig.request(peer);
        await rig.clock.advance(10_000);
      }
      expect(peer.error).toBeUndefined();
      expect(askedAtMs.length).toBeGreaterThan(1);
      for (const [i, ms] of askedAtMs.slice(1).entries()) expect(ms - askedAtMs[i]!).toBeGreaterThanOrEqual(11_000);
      rig.request(peer);
      await rig.clock.advance(9999);
      rig.request(peer);
      expect(peer.error).toMatchObject({ code: 'FLOOD', message: /after 9999 ms: 10000 ms must pass/ });
      rig.pex.stop();
    },
  );

  test('the pause counts from the second request, not from the first', async () => {
    const rig = new PexRig();
    const peer = rig.peer();
    rig.request(peer);
    await rig.clock.advance(9000);
    rig.request(peer);
    await rig.clock.advance(1001);
    rig.request(peer);
    expect(peer.error).toMatchObject({ code: 'FLOOD', message: /after 1001 ms: 10000 ms must pass/ });
  });

  test('AddrsMessageAbuse: an answer that nobody asked for ends and bans', () => {
    const rig = new PexRig();
    const peer = rig.peer({ isOutbound: true });
    rig.answer(peer, [randomAddress(rig.random)]);
    expect(peer.isConnected).toBe(true);
    rig.answer(peer, [randomAddress(rig.random)]);
    expect(peer.error).toMatchObject({ code: 'PEX_UNSOLICITED' });
    expect([peer.isConnected, rig.book.hasMisbehaved(peer.id), rig.book.size]).toEqual([false, true, 1]);
  });

  test('a second request waits for the answer to the first, and then for 11 s', async () => {
    const rig = new PexRig();
    const peer = rig.peer();
    expect(rig.pex.requestAddresses(peer)).toBe(true);
    await rig.clock.advance(60_000);
    expect(rig.pex.requestAddresses(peer)).toBe(false);
    rig.answer(peer, []);
    await rig.clock.advance(PEX_ASK_AGAIN_MS - 1);
    expect(rig.pex.requestAddresses(peer)).toBe(false);
    await rig.clock.advance(1);
    expect(rig.pex.requestAddresses(peer)).toBe(true);
    expect(peer.sent).toHaveLength(2);
  });

  test('a new connection of a peer begins anew', () => {
    const rig = new PexRig();
    const peer = rig.peer();
    rig.pex.requestAddresses(peer);
    rig.request(peer);
    rig.network.remove(peer);
    const again = rig.network.add(new FakePeer(rig.network, peer.listenAddress!));
    expect(rig.pex.requestAddresses(again)).toBe(true);
    rig.request(again);
    rig.request(again);
    expect(again.error).toBeUndefined();
  });
});

describe('the rounds', () => {
  test('at the start, without a peer, the first round is at once, and then every 30 s', async () => {
    const rig = new PexRig();
    rig.network.outcomeOf = () => 'failed';
    fillBook(rig.book, rig.random, 0, 30);
    await rig.pex.start();
    await rig.clock.settle();
    const first = rig.network.dials.length;
    expect(first).toBeGreaterThan(0);
    await rig.clock.advance(ENSURE_PEERS_INTERVAL_MS - 1);
    expect(rig.network.dials).toHaveLength(first);
    await rig.clock.advance(1);
    expect(rig.network.dials.length).toBeGreaterThan(first);
    rig.pex.stop();
    expect(rig.clock.timerCount).toBe(0);
  });

  test('with a peer already there the first round is put off by a random part of the interval', async () => {
    const delays = new Set<number>();
    for (let seed = 0; seed < 8; seed += 1) {
      const rig = new PexRig({ seed });
      rig.peer();
      await rig.pex.start();
      const dueMs = rig.clock.nextTimerMs as number;
      expect(dueMs).toBeLessThan(ENSURE_PEERS_INTERVAL_MS);
      delays.add(dueMs);
      rig.pex.stop();
    }
    expect(delays.size).toBe(8);
  });

  test('it dials what is missing to the outbound peers wanted, and no more', async () => {
    const rig = new PexRig();
    rig.network.outboundMax = 4;
    fillBook(rig.book, rig.random, 50, 50);
    rig.peer({ isOutbound: true });
    rig.pex.ensurePeers();
    await rig.clock.settle();
    expect([rig.network.dials.length, rig.network.counts().outbound]).toEqual([3, 4]);
    rig.pex.ensurePeers();
    await rig.clock.settle();
    expect(rig.network.dials).toHaveLength(3);
  });

  test('dials under way count as peers', async () => {
    const rig = new PexRig();
    rig.network.outboundMax = 5;
    rig.network.outcomeOf = () => new Promise<DialOutcome>(() => {});
    fillBook(rig.book, rig.random, 50, 50);
    rig.pex.ensurePeers();
    rig.pex.ensurePeers();
    expect(rig.network.dials).toHaveLength(5);
  });

  test('who is connected already is not dialled', async () => {
    const rig = new PexRig();
    const peer = rig.peer(); // inbound, in the book
    rig.pex.ensurePeers();
    await rig.clock.settle();
    expect(rig.book.hasAddress(peer.listenAddress!)).toBe(true);
    expect(rig.network.dials).toEqual([]);
  });

  test('while the book is short one random peer is asked each round, and none in between', async () => {
    const rig = new PexRig();
    const peers = Array.from({ length: 5 }, () => rig.peer());
    const asked = (): number => peers.reduce((sum, peer) => sum + peer.sent.length, 0);
    rig.pex.ensurePeers(false);
    expect(asked()).toBe(0);
    rig.pex.ensurePeers(true);
    expect(asked()).toBe(1);
  });

  test('no honest node is ever banned by another for its rounds', async () => {
    const [asker, answerer] = [new PexRig({ seed: 1 }), new PexRig({ seed: 2 })];
    const theirs = new FakePeer(asker.network, randomAddress(asker.random), { isOutbound: true });
    const ours = new FakePeer(answerer.network, randomAddress(asker.random));
    // Wires the two: what one sends the other receives at once.
    theirs.send = (message) => {
      answerer.pex.receive(ours, message);
    };
    ours.send = (message) => {
      asker.pex.receive(theirs, message);
    };
    answerer.network.add(ours);
    asker.network.add(theirs);
    await asker.pex.start();
    await answerer.pex.start();
    for (let i = 0; i < 600; i += 1) {
      await asker.clock.advance(5000);
      await answerer.clock.advance(5000);
    }
    expect([theirs.error, ours.error]).toEqual([undefined, undefined]);
    expect(asker.pex.stats().requestsSent).toBeGreaterThan(50);
  });

  test('an outbound peer that stays is good after two minutes', async () => {
    const rig = new PexRig();
    const [address] = fillBook(rig.book, rig.random, 0, 1);
    await rig.pex.start();
    await rig.clock.settle();
    expect(rig.network.counts().outbound).toBe(1);
    await rig.clock.advance(GOOD_PEER_AFTER_MS - 1);
    expect(rig.book.isGood(address!)).toBe(false);
    await rig.clock.advance(ENSURE_PEERS_INTERVAL_MS);
    expect(rig.book.isGood(address!)).toBe(true);
  });

  test('who was banned comes back when the ban is over and the book short', async () => {
    const rig = new PexRig();
    const [address] = fillBook(rig.book, rig.random, 0, 1);
    rig.book.markBad(address!, 45_000);
    rig.network.outcomeOf = () => 'failed';
    await rig.pex.start();
    await rig.clock.advance(ENSURE_PEERS_INTERVAL_MS);
    expect(rig.book.size).toBe(0);
    await rig.clock.advance(ENSURE_PEERS_INTERVAL_MS);
    expect(rig.book.hasAddress(address!)).toBe(true);
  });
});

describe('seeds', () => {
  test('CheckSeeds: none at all is fine, one that does not parse is refused at once', async () => {
    await expect(new PexRig().pex.start()).resolves.toBeUndefined();
    expect(() => new PexRig({ seeds: ['nonsense'] })).toThrow(expect.objectContaining({ code: 'PEER_INVALID' }));
    expect(() => new PexRig({ seeds: [`${idOf(1)}@host:99999`] })).toThrow(
      expect.objectContaining({ code: 'PEER_INVALID' }),
    );
    expect(() => new PexRig({ seeds: new Array(1001).fill(SEED) })).toThrow(RangeError);
    expect(() => new PexRig({ seeds: new Array(1000).fill(SEED) })).not.toThrow();
  });

  test('CheckSeeds: with no seed that resolves and an empty book there is nothing to begin with', async () => {
    const seeds = [`${idOf(1)}@bad.network.addr:26657`, `${idOf(2)}@anotherbad.network.addr:26657`];
    const bad = new PexRig({ seeds, resolve: async () => undefined });
    await expect(bad.pex.start()).rejects.toMatchObject({ code: 'SEEDS_UNREACHABLE' });
    expect(bad.clock.timerCount).toBe(0);
    const failing = new PexRig({ seeds, resolve: () => Promise.reject(new Error('SERVFAIL')) });
    await expect(failing.pex.start()).rejects.toMatchObject({ code: 'SEEDS_UNREACHABLE' });
    const oneGood = new PexRig({ seeds: [...seeds, SEED], resolve: async () => undefined });
    await expect(oneGood.pex.start()).resolves.toBeUndefined();
    const filled = new PexRig({ seeds });
    fillBook(filled.book, filled.random, 0, 1);
    await expect(filled.pex.start()).resolves.toBeUndefined();
  });

  test('a name server that never answers holds a start up for 5 s, not for ever', async () => {
    const rig = new PexRig({ seeds: [`${idOf(1)}@slow.example:1`], resolve: () => new Promise(() => {}) });
    const started = rig.pex.start();
    const outcome = started.then(
      () => 'started',
      (error: { code: string }) => error.code,
    );
    await rig.clock.advance(5000);
    expect(await outcome).toBe('SEEDS_UNREACHABLE');
  });

  test('UsesSeedsIfNeeded: an empty book turns to a seed at once', async () => {
    const rig = new PexRig({ seeds: [SEED] });
    await rig.pex.start();
    await rig.clock.settle();
    expect(rig.network.dials).toEqual([SEED_ADDRESS]);
    expect(rig.network.peers()[0]?.sent).toEqual([{ type: 'pex_request' }]);
  });

  test('a seed given by name is dialled where the name leads', async () => {
    const rig = new PexRig({ seeds: [`${idOf(500)}@seed.example:26656`], resolve: async () => '50.60.70.80' });
    await rig.pex.start();
    await rig.clock.settle();
    expect(rig.network.dials).toEqual([SEED_ADDRESS]);
  });

  test('seeds are tried one after the other until one answers', async () => {
    const seeds = Array.from({ length: 6 }, (_, index) => `${idOf(index + 1)}@60.70.80.${index + 1}:1`);
    const rig = new PexRig({ seeds });
    rig.network.outcomeOf = () => (rig.network.dials.length < 4 ? 'failed' : 'connected');
    await rig.pex.start();
    await rig.clock.settle();
    expect(new Set(rig.network.dials.map(({ id }) => id)).size).toBe(4);
    expect(rig.network.counts().outbound).toBe(1);
  });

  test('a node with addresses to dial leaves the seeds alone', async () => {
    const rig = new PexRig({ seeds: [SEED] });
    fillBook(rig.book, rig.random, 0, 20);
    await rig.pex.start();
    await rig.clock.settle();
    expect(rig.network.dials).not.toContainEqual(SEED_ADDRESS);
    expect(rig.network.dials.length).toBeGreaterThan(0);
  });

  test('ConnectionSpeedForPeerReceivedFromSeed: what a seed tells is dialled without waiting for the next round', async () => {
    const rig = new PexRig({ seeds: [SEED] });
    await rig.pex.start();
    await rig.clock.settle();
    const [seed] = rig.network.peers();
    const addresses = Array.from({ length: 3 }, () => randomAddress(rig.random));
    rig.answer(seed!, addresses);
    await rig.clock.settle();
    expect(rig.network.dials).toHaveLength(4);
    expect(rig.clock.monotonicMs()).toBe(0);
  });

  test('what another peer tells waits for the next round', async () => {
    const rig = new PexRig();
    await rig.pex.start();
    const peer = rig.peer({ isOutbound: true });
    rig.answer(peer, [randomAddress(rig.random)]);
    await rig.clock.settle();
    expect(rig.network.dials).toEqual([]);
    await rig.clock.advance(ENSURE_PEERS_INTERVAL_MS);
    expect(rig.network.dials).toHaveLength(1);
  });
});

describe('dials', () => {
  const address = at(1, '20.30.40.50');

  test('DialPeer: a failed dial is not repeated before 2 s, then not before 4 s, and so on', async () => {
    const rig = new PexRig();
    rig.network.outcomeOf = () => 'failed';
    rig.book.addAddress(address, address);
    expect(rig.pex.attemptsToDial(address)).toBe(0);
    expect(await rig.pex.dialPeer(address)).toBe('failed');
    expect(await rig.pex.dialPeer(address)).toBe('too-early');
    expect([rig.pex.attemptsToDial(address), rig.book.lookup(address.id)?.attempts]).toEqual([1, 1]);
    await rig.clock.advance(1999);
    expect(await rig.pex.dialPeer(address)).toBe('too-early');
    await rig.clock.advance(1001);
    expect(await rig.pex.dialPeer(address)).toBe('failed');
    await rig.clock.advance(3999);
    expect(await rig.pex.dialPeer(address)).toBe('too-early');
    await rig.clock.advance(1001);
    rig.network.outcomeOf = () => 'connected';
    expect(await rig.pex.dialPeer(address)).toBe('connected');
    expect(rig.pex.attemptsToDial(address)).toBe(0);
  });

  test('who is connected or being dialled leaves no trace', async () => {
    const rig = new PexRig();
    rig.network.outcomeOf = () => 'busy';
    expect(await rig.pex.dialPeer(address)).toBe('busy');
    expect(rig.pex.attemptsToDial(address)).toBe(0);
  });

  test('a network that throws has failed, and nothing else happens', async () => {
    const rig = new PexRig({ seeds: [SEED] });
    rig.network.outcomeOf = () => Promise.reject(new Error('broken'));
    expect(await rig.pex.dialPeer(address)).toBe('failed');
    expect(rig.pex.attemptsToDial(address)).toBe(1);
    await rig.pex.start();
    await rig.clock.advance(60_000);
    rig.pex.stop();
  });

  test('an address where another id answers is not dialled for a day, and is not held against its id', async () => {
    const rig = new PexRig();
    rig.book.addAddress(address, address);
    rig.network.outcomeOf = () => 'unauthenticated';
    expect(await rig.pex.dialPeer(address)).toBe('unauthenticated');
    expect([rig.book.isBanned(address), rig.book.size]).toEqual([true, 0]);
    expect([rig.book.hasMisbehaved(address.id), rig.book.banCount]).toEqual([false, 0]);
    const honest = { ...address, port: address.port + 1 };
    expect(rig.book.addAddress(honest, honest)).toBe('added');
    await rig.clock.advance(86_400_000 - 1);
    expect(rig.book.isBanned(address)).toBe(true);
    await rig.clock.advance(1);
    expect(rig.book.isBanned(address)).toBe(false);
  });

  test('an address that turns out to be our own leaves the book for good', async () => {
    const rig = new PexRig();
    rig.book.addAddress(address, address);
    rig.network.outcomeOf = () => 'self';
    expect(await rig.pex.dialPeer(address)).toBe('self');
    expect(rig.book.size).toBe(0);
    expect(rig.book.addAddress(address, randomAddress(rig.random))).toBe('self');
  });

  test('after 16 failures one more is tried, and after that the address is banned', async () => {
    const rig = new PexRig();
    rig.network.outcomeOf = () => 'failed';
    rig.book.addAddress(address, address);
    for (let i = 0; i < 17; i += 1) {
      expect(await rig.pex.dialPeer(address), `dial ${i}`).toBe('failed');
      await rig.clock.advance(2 ** 17 * 1000);
    }
    expect(rig.book.hasAddress(address)).toBe(true);
    expect(await rig.pex.dialPeer(address)).toBe('given-up');
    expect([rig.book.hasAddress(address), rig.book.isBanned(address)]).toEqual([false, true]);
    expect(rig.book.hasMisbehaved(address.id)).toBe(false);
    expect(rig.network.dials).toHaveLength(17);
    expect(await rig.pex.dialPeer(address)).toBe('failed'); // with a new chance after the ban
  });

  test('a persistent peer is never given up, and its pauses have a bound', async () => {
    const rig = new PexRig({ persistentPauseMsMax: 60_000 });
    rig.network.outcomeOf = () => 'failed';
    rig.network.persistentIds.add(address.id);
    for (let i = 0; i < 40; i += 1) {
      expect(await rig.pex.dialPeer(address), `dial ${i}`).toBe('failed');
      await rig.clock.advance(60_000);
    }
  });

  test('without that bound the pause of a persistent peer stops growing at about 18 hours', async () => {
    const rig = new PexRig();
    rig.network.outcomeOf = () => 'failed';
    rig.network.persistentIds.add(address.id);
    for (let i = 0; i < 40; i += 1) {
      expect(await rig.pex.dialPeer(address), `dial ${i}`).toBe('failed');
      await rig.clock.advance(2 ** 16 * 1000 + 1000);
    }
  });
});

describe('a seed', () => {
  const keep = { isSeed: true, seedDisconnectAfterMs: 10_000 };

  test('a peer is answered once and then let go of; what it still sends meanwhile is no fault', () => {
    const rig = new PexRig({ isSeed: true });
    fillBook(rig.book, rig.random, 5, 5);
    const peer = rig.peer();
    rig.request(peer);
    rig.request(peer);
    rig.request(peer);
    expect([peer.sent.length, peer.isGracefullyClosed, peer.error]).toEqual([1, true, undefined]);
    expect(peer.sent[0]).toMatchObject({ type: 'pex_addrs' });
    expect(rig.book.hasMisbehaved(peer.id)).toBe(false);
  });

  test('a peer that the seed dialled keeps to the rules of everybody', () => {
    const rig = new PexRig({ isSeed: true });
    const peer = rig.peer({ isOutbound: true });
    for (let i = 0; i < 3; i += 1) rig.request(peer);
    expect(peer.error).toMatchObject({ code: 'FLOOD' });
  });

  test('SeedMode: it dials and asks, and disconnects only after the wait', async () => {
    const rig = new PexRig(keep);
    const address = randomAddress(rig.random);
    await rig.pex.crawlPeers([address]);
    const [peer] = rig.network.peers();
    expect([peer?.id, peer?.sent.length]).toEqual([address.id, 1]);
    rig.pex.disconnectOldPeers();
    await rig.clock.advance(9999);
    rig.pex.disconnectOldPeers();
    expect(peer?.isConnected).toBe(true);
    await rig.clock.advance(1);
    rig.pex.disconnectOldPeers();
    expect([peer?.isConnected, peer?.isGracefullyClosed]).toEqual([false, true]);
  });

  test('DoesNotDisconnectFromPersistentPeerInSeedMode', async () => {
    const rig = new PexRig(keep);
    const peer = rig.peer({ isPersistent: true });
    await rig.clock.advance(1_000_000);
    rig.pex.disconnectOldPeers();
    expect(peer.isConnected).toBe(true);
  });

  test('DialsPeerUpToMaxAttemptsInSeedMode: who failed too often is banned', async () => {
    const rig = new PexRig({ isSeed: true });
    rig.network.outcomeOf = () => 'failed';
    const [address] = fillBook(rig.book, rig.random, 0, 1);
    for (let i = 0; i < 17; i += 1) {
      await rig.pex.crawlPeers([address!]);
      await rig.clock.advance(2 ** 17 * 1000);
    }
    expect(rig.book.hasAddress(address!)).toBe(true);
    await rig.pex.crawlPeers([address!]);
    expect([rig.book.hasAddress(address!), rig.book.isBanned(address!)]).toEqual([false, true]);
  });

  test('nobody is crawled twice within two minutes', async () => {
    const rig = new PexRig({ isSeed: true });
    rig.network.outcomeOf = () => 'busy';
    const address = randomAddress(rig.random);
    await rig.pex.crawlPeers([address, address]);
    await rig.clock.advance(119_999);
    await rig.pex.crawlPeers([address]);
    expect(rig.network.dials).toHaveLength(1);
    await rig.clock.advance(1);
    await rig.pex.crawlPeers([address]);
    expect(rig.network.dials).toHaveLength(2);
  });

  test('16 dials at a time, and no more over several rounds', async () => {
    const rig = new PexRig({ isSeed: true });
    const open: (() => void)[] = [];
    rig.network.outcomeOf = () => new Promise((resolve) => open.push(() => resolve('failed')));
    const addresses = Array.from({ length: 40 }, () => randomAddress(rig.random));
    const rounds = [rig.pex.crawlPeers(addresses), rig.pex.crawlPeers(addresses)];
    expect(rig.network.dials).toHaveLength(16);
    for (let settled = 0; settled < 40; settled += 1) {
      open[settled]?.();
      await rig.clock.settle();
      expect(rig.network.pending.size).toBeLessThanOrEqual(16);
    }
    await Promise.all(rounds);
    expect(rig.network.dials).toHaveLength(40);
  });

  test('it begins with its own seeds, and crawls its book every 30 s', async () => {
    const rig = new PexRig({ isSeed: true, seeds: [SEED] });
    fillBook(rig.book, rig.random, 0, 10);
    await rig.pex.start();
    await rig.clock.settle();
    expect(rig.network.dials).toEqual([SEED_ADDRESS]);
    await rig.clock.advance(30_000);
    expect(rig.network.dials).toHaveLength(11);
    rig.pex.stop();
    expect(rig.clock.timerCount).toBe(0);
  });

  test('without seeds it crawls its book at once', async () => {
    const rig = new PexRig({ isSeed: true });
    fillBook(rig.book, rig.random, 0, 10);
    await rig.pex.start();
    await rig.clock.settle();
    expect(rig.network.dials).toHaveLength(10);
  });
});

test('Running: three nodes that know one other each come to know and connect all', async () => {
  const rigs = [1, 2, 3].map((seed) => new PexRig({ seed, isStrict: false }));
  const addresses = rigs.map((_, index) => at(index + 1, `10.0.${index}.1`));
  const connect = (from: number, to: number): void => {
    const [outbound, inbound] = [rigs[from]!, rigs[to]!];
    const ours = new FakePeer(outbound.network, addresses[to]!, { isOutbound: true });
    const theirs = new FakePeer(inbound.network, addresses[from]!, { isOutbound: false });
    const pipe = (peer: FakePeer, at: PexRig, other: FakePeer): void => {
      peer.send = (message) => {
        peer.sent.push(decodePexMessage(message));
        at.clock.defer(() => at.pex.receive(other, message));
      };
    };
    pipe(ours, inbound, theirs);
    pipe(theirs, outbound, ours);
    inbound.network.add(theirs);
    outbound.network.add(ours);
  };
  for (const [from, rig] of rigs.entries()) {
    rig.book.addOurAddress(addresses[from]!);
    // Answers `busy` after connecting by itself, so that the network of the rig adds no second peer.
    rig.network.dial = async (address: PexAddress): Promise<DialOutcome> => {
      const to = addresses.findIndex((other) => formatPexAddress(other) === formatPexAddress(address));
      if (rig.network.isDialingOrConnected(address)) return 'busy';
      connect(from, to);
      return 'connected';
    };
  }
  rigs[0]!.book.addAddress(addresses[1]!, addresses[1]!);
  rigs[1]!.book.addAddress(addresses[0]!, addresses[0]!);
  rigs[2]!.book.addAddress(addresses[1]!, addresses[1]!);
  for (const rig of rigs) await rig.pex.start();
  for (let i = 0; i < 8; i += 1) for (const rig of rigs) await rig.clock.advance(30_000);
  for (const rig of rigs) {
    expect(rig.network.connected.size).toBe(2);
    expect(rig.book.size).toBe(2);
    expect(rig.pex.stats().peersBanned).toBe(0);
    rig.pex.stop();
  }
});
