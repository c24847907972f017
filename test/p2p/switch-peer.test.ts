import { afterEach, describe, expect, test } from 'vitest';
import { InboundHosts } from '../../src/p2p/inbound-hosts.ts';
import { PEER_VALUES_MAX } from '../../src/p2p/peer.ts';
import { PeerTable } from '../../src/p2p/peer-table.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytes, Plain, SwitchWorld, TestReactor } from './switch-rig.ts';

let world = new SwitchWorld();
afterEach(async () => {
  await world.stop();
  world = new SwitchWorld();
});

describe('a peer (peer_test.go Basic, Send)', () => {
  test('says who and where it is', async () => {
    const { a, b, ab, ba } = await world.pair();
    expect(ab).toMatchObject({ id: b.id, isOutbound: true, isPersistent: false, isRunning: true, remoteIp: 'b' });
    expect(ab.remoteAddress).toBe('memory://b:1');
    expect(ab.socketAddress).toBe(`${b.id}@b:1`);
    expect(ba.socketAddress).toMatch(new RegExp(`^${a.id}@a:[0-9]+$`));
    expect(ab.nodeInfo).toEqual(b.nodeInfo);
    expect(`${ab} ${ba}`).toBe(`Peer{${b.id}@b:1 out} Peer{${ba.socketAddress} in}`);
    expect(ab.pid.isAlive).toBe(true);
    expect(ab.status()?.channels.map(({ id }) => id)).toEqual([0x70]);
  });

  test('takes a message by channel or by id, and the other end counts it', async () => {
    const rb = new TestReactor('r', [Plain]);
    const { ab, ba, b } = await world.pair({}, { reactors: [rb.spec] });
    expect(await ab.send(Plain, bytes('one'))).toBe('queued');
    expect(ab.trySend(0x70, bytes('three'))).toBe('queued');
    await world.clock.advanceUntil(() => rb.messages.length === 2);
    expect(ab.stats()).toMatchObject({ messagesSent: 2, messagesRefused: 0, messagesReceived: 0 });
    expect(ba.stats()).toMatchObject({ messagesReceived: 2, bytesReceived: 8 });
    expect(b.stats()).toMatchObject({ messagesReceived: 2, bytesReceived: 8 });
  });

  test('waits for room only as long as told', async () => {
    const { ab } = await world.pair();
    world.network.stall('a', 'b');
    for (let i = 0; i < 40; i += 1) {
      ab.trySend(Plain, new Uint8Array(50_000));
      await world.clock.advance(100);
    }
    expect(ab.trySend(Plain, bytes('x'))).toBe('full');
    expect(await world.wait(ab.send(Plain, bytes('x'), { timeoutMs: 500 }))).toBe('timeout');
    world.network.heal('a', 'b');
  });

  test('keeps values, as many as the bound says', async () => {
    const { ab } = await world.pair();
    const key = {};
    ab.set(key, 1);
    ab.set(key, 2);
    expect([ab.get(key), ab.get('other')]).toEqual([2, undefined]);
    ab.set(key, undefined);
    expect(ab.get(key)).toBeUndefined();
    for (let i = 0; i < PEER_VALUES_MAX; i += 1) ab.set(i, i);
    ab.set(0, 'again');
    expect(() => ab.set('one more', 1)).toThrow(RangeError);
    ab.set(1, undefined);
    ab.set('one more', 1);
  });
});

describe('the peer set (peer_set_test.go)', () => {
  test('finds peers by id and IP, by direction, at random, and survives changes while it is walked', async () => {
    const { a, b } = await world.pair();
    const c = await world.switch('c');
    await world.wait(c.dialPeer(a.nodeAddress as string));
    await world.clock.advance(100);
    expect([a.peers.size, a.peers.outboundCount, a.peers.inboundCount]).toEqual([2, 1, 1]);
    expect([a.peers.has(b.id), a.peers.has('x'), a.peers.hasIp('c'), a.peers.hasIp('d')]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    const drawn = new Set(Array.from({ length: 50 }, (_, seed) => a.peers.random(new SeededRandom(seed))?.id));
    expect(drawn).toEqual(new Set([b.id, c.id]));
    const seen: string[] = [];
    for (const peer of a.peers) {
      seen.push(peer.id);
      await world.wait(a.stopPeerGracefully(peer));
    }
    expect(seen).toEqual([b.id, c.id]);
    expect([a.peers.size, a.peers.random(world.random)]).toEqual([0, undefined]);
  });
});

describe('claims', () => {
  const make = (): PeerTable =>
    new PeerTable({
      inboundPeersMax: 2,
      inboundPerHostMax: 3,
      outboundPeersMax: 2,
      dialsMax: 3,
      allowDuplicateIp: false,
    });
  const id = (n: number): string => String(n).repeat(40);

  test('on an address and on an IP are held by one connection until it gives them back', () => {
    const table = make();
    expect(table.claimConnection('tcp://1.1.1.1:5', '1.1.1.1', false)).toBeUndefined();
    expect(table.claimConnection('tcp://1.1.1.1:5', '1.1.1.1', false)).toMatchObject({ code: 'DUPLICATE_CONN' });
    expect(table.claimConnection('tcp://1.1.1.1:6', '1.1.1.1', false)).toMatchObject({ code: 'DUPLICATE_IP' });
    expect(table.claimConnection('tcp://2.2.2.2:6', '2.2.2.2', false)).toBeUndefined();
    expect(table.connectionCount).toBe(2);
    table.releaseConnection('tcp://1.1.1.1:5');
    expect(table.claimConnection('tcp://1.1.1.1:6', '1.1.1.1', false)).toBeUndefined();
  });

  test('on inbound connections of one host end at the limit, whatever its port or place in an IPv6 network', () => {
    const table = new PeerTable({
      inboundPeersMax: 9,
      inboundPerHostMax: 2,
      outboundPeersMax: 9,
      dialsMax: 9,
      allowDuplicateIp: true,
    });
    const claim = (ip: string, port: number, isOutbound = false): string =>
      table.claimConnection(`tcp://${ip}:${port}`, ip, isOutbound)?.code ?? 'claimed';
    expect([1, 2, 3].map((port) => claim('1.1.1.1', port))).toEqual(['claimed', 'claimed', 'INBOUND_PER_HOST_MAX']);
    expect(claim('::ffff:1.1.1.1', 4)).toBe('INBOUND_PER_HOST_MAX');
    expect(claim('1.1.1.1', 5, true)).toBe('claimed'); // where we dial is our choice
    expect(claim('1.1.1.2', 1)).toBe('claimed');
    const six = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '2001:db8:1:2::3', '2001:db8:1:3::1', 'fe80::1%eth0'];
    expect(six.map((ip) => claim(ip, 1))).toEqual(['claimed', 'claimed', 'INBOUND_PER_HOST_MAX', 'claimed', 'claimed']);
    // One that was refused holds nothing, and one that is over gives its place back, once.
    table.releaseConnection('tcp://1.1.1.1:3');
    expect(claim('1.1.1.1', 6)).toBe('INBOUND_PER_HOST_MAX');
    table.releaseConnection('tcp://1.1.1.1:5');
    expect(claim('1.1.1.1', 6)).toBe('INBOUND_PER_HOST_MAX');
    table.releaseConnection('tcp://1.1.1.1:1');
    table.releaseConnection('tcp://1.1.1.1:1');
    expect([claim('1.1.1.1', 6), claim('1.1.1.1', 7)]).toEqual(['claimed', 'INBOUND_PER_HOST_MAX']);
  });

  test('keep no host in mind that has no connection', () => {
    const hosts = new InboundHosts(1);
    expect([hosts.take('a'), hosts.take('a'), hosts.take('b'), hosts.hostCount]).toEqual([true, false, true, 2]);
    hosts.release('a');
    hosts.release('a');
    hosts.release('c');
    expect([hosts.hostCount, hosts.take('a')]).toEqual([1, true]);
  });

  test('on inbound ids end at the limit; outbound and unconditional ones do not count', () => {
    const table = make();
    table.unconditionalIds.add(id(9));
    expect(table.claimId(id(1), false, 'x')).toBeUndefined();
    expect(table.claimId(id(2), true, 'x')).toBeUndefined();
    expect(table.claimId(id(9), false, 'x')).toBeUndefined();
    expect(table.claimId(id(3), false, 'x')).toBeUndefined();
    expect(table.claimId(id(4), false, 'x')).toMatchObject({ code: 'INBOUND_MAX' });
    expect(table.claimId(id(1), false, 'x')).toMatchObject({ code: 'DUPLICATE_ID' });
    expect(table.inboundCount).toBe(2);
    table.releaseId(id(1));
    expect(table.claimId(id(4), false, 'x')).toBeUndefined();
  });

  test('on dials end at the limits of outbound peers and of dials', () => {
    const table = make();
    expect(table.claimDial(id(1), 'h1', false)).toBeUndefined();
    expect(table.claimDial(id(1), 'h1', true)).toMatchObject({ code: 'ALREADY_DIALING' });
    expect(table.claimDial(id(2), 'h2', false)).toBeUndefined();
    expect(table.claimDial(id(3), 'h3', false)).toMatchObject({ code: 'OUTBOUND_MAX' });
    expect(table.claimDial(id(3), 'h3', true)).toBeUndefined();
    expect(table.claimDial(id(4), 'h4', true)).toMatchObject({ code: 'DIALS_MAX' });
    expect(table.adoptDial(id(4), 'h4')).toBe(false);
    table.setDialConnected(id(1), true);
    expect(table.dialingCount).toBe(2);
    table.releaseDial(id(2));
    expect(table.adoptDial(id(4), 'h4')).toBe(true);
    expect(table.adoptDial(id(4), 'h4')).toBe(false);
  });

  test('say whether a node is dialed or there, by id or by IP', () => {
    const table = make();
    table.claimConnection('tcp://1.1.1.1:5', '1.1.1.1', false);
    table.claimId(id(1), false, 'x');
    expect(table.isDialingOrExisting(id(1), 'elsewhere')).toBe(true);
    expect(table.isDialingOrExisting(id(2), '1.1.1.1')).toBe(true);
    expect(table.isDialingOrExisting(id(2), '2.2.2.2')).toBe(false);
    // A persistent one may be claimed for later.
    expect(table.claimDial(id(1), 'h', false)).toMatchObject({ code: 'ALREADY_DIALING' });
    expect(table.claimDial(id(1), 'h', true)).toBeUndefined();
  });
});
