/**
 * Hostile peers at each step between the first byte and the first message: the connection ends with its reason, it is
 * counted, and a peer that behaves does not notice. `p2p/conn/evil_secret_connection_test.go`,
 * `p2p/switch_test.go TestSwitchAcceptRoutineErrorCases`.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeDelimited } from '../../src/codec/cometbft-delimited.ts';
import { encodeEphemeralKey } from '../../src/codec/cometbft-handshake.ts';
import { encodeNodeInfo } from '../../src/codec/cometbft-node-info.ts';
import type { NetError } from '../../src/net/errors.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import type { Peer } from '../../src/p2p/peer.ts';
import type { Switch } from '../../src/p2p/switch.ts';
import type { SwitchError } from '../../src/p2p/switch-errors.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytes, Plain, SwitchWorld, TestReactor } from '../p2p/switch-rig.ts';
import { introduction, Sink, UpgradeEnd } from '../p2p/upgrade-rig.ts';

let world: SwitchWorld;
let reactor: TestReactor;
let victim: Switch;
let honest: Switch;
let toVictim: Peer;
let errors: SwitchError[];
const limits = { handshakeTimeoutMs: 3000, nodeInfoTimeoutMs: 2000, allowDuplicateIp: true };

beforeEach(async () => {
  world = new SwitchWorld();
  reactor = new TestReactor('r', [Plain]);
  victim = await world.switch('victim', { reactors: [reactor.spec], ...limits });
  honest = await world.switch('honest');
  toVictim = await world.wait(honest.dialPeer(victim.nodeAddress as string));
  await world.clock.settle();
  errors = [];
  victim.on('rejected', ({ error }) => void errors.push(error));
  victim.on('peerRemoved', ({ reason }) => void errors.push(reason));
});

/** The honest peer is there and heard, and nothing of the others is left. */
afterEach(async () => {
  const before = reactor.messages.length;
  expect(toVictim.trySend(Plain, bytes('still here'))).toBe('queued');
  await world.clock.advanceUntil(() => reactor.messages.length === before + 1);
  expect(victim.numPeers()).toEqual({ outbound: 0, inbound: 1, dialing: 0 });
  expect(victim.stats().handshakes).toBe(0);
  expect(reactor.created).toBe(1);
  await world.stop();
  expect(world.network.connectionCount).toBe(0);
  expect(world.clock.timerCount).toBe(0);
});

const dial = (): Promise<ByteStream> =>
  world.wait(world.network.transport('evil').dial(victim.address!, { timeoutMs: 1000 }));

const zeros = (length: number): Uint8Array => new Uint8Array(length);
const hex = (digits: string): Uint8Array =>
  Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** A good ephemeral key, and nothing behind it. */
const ephemeral = (): Uint8Array => encodeEphemeralKey(world.engine.x25519(world.random.bytes(32)).publicKey);

describe('during the secret handshake', () => {
  const cases: readonly (readonly [string, () => readonly Uint8Array[], boolean, string])[] = [
    ['says nothing', () => [], false, 'HANDSHAKE_TIMEOUT'],
    ['says nothing and hangs up', () => [], true, 'HANDSHAKE_FAILED'],
    ['sends half an ephemeral key', () => [ephemeral().subarray(0, 20)], false, 'HANDSHAKE_TIMEOUT'],
    ['sends half an ephemeral key and hangs up', () => [ephemeral().subarray(0, 20)], true, 'HANDSHAKE_FAILED'],
    ['sends something else', () => [encodeDelimited(bytes('drop users;'))], false, 'HANDSHAKE_FAILED'],
    ['announces 2 GiB', () => [hex('ffffffff07')], false, 'HANDSHAKE_FAILED'],
    ['sends a length without end', () => [zeros(20).fill(0xff)], false, 'HANDSHAKE_FAILED'],
    ['sends a key of 31 bytes', () => [encodeEphemeralKey(zeros(31).fill(9))], false, 'AUTH_FAILURE'],
    ['sends a key of 33 bytes', () => [encodeEphemeralKey(zeros(33).fill(9))], false, 'AUTH_FAILURE'],
    ['sends a point of low order', () => [encodeEphemeralKey(zeros(32))], false, 'AUTH_FAILURE'],
    ['goes silent behind its key', () => [ephemeral()], false, 'HANDSHAKE_TIMEOUT'],
    ['hangs up behind its key', () => [ephemeral()], true, 'HANDSHAKE_FAILED'],
    ['sends a frame that was sealed by nobody', () => [ephemeral(), zeros(1044)], false, 'AUTH_FAILURE'],
    ['sends half a frame', () => [ephemeral(), zeros(1043)], false, 'HANDSHAKE_TIMEOUT'],
    ['sends its key twice', () => [ephemeral(), ephemeral(), zeros(1009)], false, 'AUTH_FAILURE'],
    ['speaks HTTP', () => [bytes('GET / HTTP/1.1\r\nHost: victim\r\n\r\n')], false, 'HANDSHAKE_TIMEOUT'],
  ];

  test.each(cases)('a peer that %s', async (_what, say, hangsUp, code) => {
    const sink = new Sink(await dial());
    for (const part of say()) sink.stream.write(part);
    if (hangsUp) sink.stream.close();
    await world.clock.advance(2999);
    expect(errors.map((error) => error.code)).toEqual(code === 'HANDSHAKE_TIMEOUT' ? [] : [code]);
    await world.clock.advance(1);
    expect(errors.map((error) => error.code)).toEqual([code]);
    expect(errors[0]?.remoteAddress).toBe(sink.stream.localAddress);
    expect(errors[0]?.isRejection).toBe(true);
    await world.clock.advance(2000);
    expect(sink.closed).toBeDefined();
    expect(victim.stats().reasons).toEqual({ [code]: 1 });
  });

  test('a mirror, which sends back whatever it gets', async () => {
    const stream = await dial();
    stream.open({ onData: (chunk) => void stream.write(chunk.slice()), onDrain: () => {}, onClose: () => {} });
    await world.clock.advance(100);
    expect(errors.map((error) => error.code)).toEqual(['AUTH_FAILURE']);
  });

  test('a drip of one byte a second runs into the deadline all the same', async () => {
    const sink = new Sink(await dial());
    for (const byte of ephemeral()) {
      if (sink.closed === undefined && errors.length === 0) sink.stream.write(Uint8Array.of(byte));
      await world.clock.advance(1000);
    }
    expect(errors.map((error) => error.code)).toEqual(['HANDSHAKE_TIMEOUT']);
  });

  test('random bytes never get further, and never past the deadline', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), async (chunks) => {
        const before = errors.length;
        const sink = new Sink(await dial());
        for (const chunk of chunks) {
          if (chunk.length > 0 && sink.closed === undefined) sink.stream.write(Uint8Array.from(chunk));
          await world.clock.settle();
        }
        await world.clock.advance(3000);
        expect(errors.length).toBe(before + 1);
        expect(['HANDSHAKE_TIMEOUT', 'HANDSHAKE_FAILED', 'AUTH_FAILURE']).toContain(errors.at(-1)?.code);
        sink.stream.destroy();
        await world.clock.settle();
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

describe('during the introduction', () => {
  async function secured(): Promise<{ readonly end: UpgradeEnd; readonly secret: SecretStream; readonly sink: Sink }> {
    const end = new UpgradeEnd(world, { moniker: 'evil' });
    const secret = await world.wait(end.secure(await dial()));
    return { end, secret, sink: new Sink(secret) };
  }

  const cases: readonly (readonly [string, (end: UpgradeEnd) => readonly Uint8Array[], boolean, string])[] = [
    ['says nothing', () => [], false, 'HANDSHAKE_TIMEOUT'],
    ['hangs up', () => [], true, 'HANDSHAKE_FAILED'],
    ['sends half of it', (end) => [introduction(end.nodeInfo).subarray(0, 30)], false, 'HANDSHAKE_TIMEOUT'],
    ['sends half of it and hangs up', (end) => [introduction(end.nodeInfo).subarray(0, 30)], true, 'HANDSHAKE_FAILED'],
    ['sends garbage', () => [encodeDelimited(zeros(50).fill(0xff))], false, 'HANDSHAKE_FAILED'],
    ['sends nothing at all, properly', () => [encodeDelimited(zeros(0))], false, 'NODE_INFO_INVALID'],
    ['announces one byte too many', () => [hex('8150')], false, 'HANDSHAKE_FAILED'],
    ['announces as much as is allowed and stops', () => [hex('8050')], false, 'HANDSHAKE_TIMEOUT'],
    [
      'pads it to more than is allowed',
      (end) => [encodeDelimited(Uint8Array.of(...encodeNodeInfo(end.nodeInfo), 0x7a, 0x80, 0x50, ...zeros(10_240)))],
      false,
      'HANDSHAKE_FAILED',
    ],
    ['takes the id of another', (end) => [introduction({ ...end.nodeInfo, id: honest.id })], false, 'AUTH_FAILURE'],
    ['takes our id', (end) => [introduction({ ...end.nodeInfo, id: victim.id })], false, 'AUTH_FAILURE'],
    [
      'has its id in capitals',
      (end) => [introduction({ ...end.nodeInfo, id: end.id.toUpperCase() })],
      false,
      'AUTH_FAILURE',
    ],
    [
      'has a moniker that drives a terminal',
      (end) => [introduction({ ...end.nodeInfo, moniker: '\u001b[2J' })],
      false,
      'NODE_INFO_INVALID',
    ],
    [
      'is of another network',
      (end) => [introduction({ ...end.nodeInfo, network: 'x'.repeat(5000) })],
      false,
      'INCOMPATIBLE',
    ],
  ];

  test.each(cases)('a peer that %s', async (_what, say, hangsUp, code) => {
    const { end, secret, sink } = await secured();
    for (const part of say(end)) secret.write(Uint8Array.from(part));
    if (hangsUp) secret.close();
    await world.clock.advance(1999);
    expect(errors.map((error) => error.code)).toEqual(code === 'HANDSHAKE_TIMEOUT' ? [] : [code]);
    await world.clock.advance(2);
    expect(errors.map((error) => error.code)).toEqual([code]);
    expect(errors[0]?.peerId).toBe(end.id);
    expect(errors[0]?.message.length).toBeLessThan(400);
    await world.clock.advance(2000);
    expect(sink.closed).toBeDefined();
    expect(reactor.calls).toEqual(['init honest', 'add honest']);
  });

  test('random NodeInfos are refused or taken, and never do harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (message) => {
        const before = errors.length;
        const { secret, sink } = await secured();
        secret.write(encodeDelimited(message));
        await world.clock.advance(2500);
        expect(errors.length).toBe(before + 1);
        expect(['HANDSHAKE_FAILED', 'NODE_INFO_INVALID', 'AUTH_FAILURE']).toContain(errors.at(-1)?.code);
        sink.stream.destroy();
        await world.clock.advance(2000);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

describe('as a peer', () => {
  async function admitted(): Promise<{ readonly secret: SecretStream; readonly sink: Sink }> {
    const end = new UpgradeEnd(world, { moniker: 'evil' });
    const secret = await world.wait(end.secure(await dial()));
    const sink = new Sink(secret);
    secret.write(introduction(end.nodeInfo));
    await world.clock.advance(100);
    expect(victim.peers.has(end.id)).toBe(true);
    return { secret, sink };
  }

  const cases: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
    ['sends a packet of no kind', () => hex('00'), /PACKET_INVALID/],
    ['sends garbage', () => zeros(100).fill(0xff), /PACKET_INVALID/],
    [
      'uses a channel that nobody has',
      () => encodeDelimited(hex('1a0808331001' + '1a026162')),
      /UNKNOWN_CHANNEL .*channel/,
    ],
    ['uses a channel out of range', () => encodeDelimited(hex('1a0908801010011a026162')), /UNKNOWN_CHANNEL .*channel/],
    ['announces a packet over size', () => hex('8b08'), /PACKET_INVALID .*(1035|1034)/],
    ['introduces itself again', () => introduction(new UpgradeEnd(world).nodeInfo), /PACKET_INVALID/],
  ];

  test.each(cases)('one that %s', async (_what, packet, reason) => {
    const { secret, sink } = await admitted();
    secret.write(packet());
    await world.clock.advance(1000);
    expect(errors.map((error) => error.code)).toEqual(['PEER_CLOSED']);
    const code = (errors[0]?.cause as NetError | undefined)?.code ?? 'none';
    expect(`${code} ${errors[0]?.message}`).toMatch(reason);
    expect(victim.stats().reasons).toEqual({ [code]: 1 });
    await world.clock.advance(2000);
    expect(sink.closed).toBeDefined();
    expect(reactor.calls.slice(2)).toEqual(['init evil', 'add evil', 'remove evil']);
  });

  test('20 000 pings in a burst are told apart from honest ones', async () => {
    const { secret } = await admitted();
    const pings = zeros(60_000);
    for (let i = 0; i < 20_000; i += 1) pings.set([2, 0x0a, 0], 3 * i);
    secret.write(pings);
    await world.clock.advance(1000);
    expect(errors.map((error) => error.code)).toEqual(['PEER_CLOSED']);
    expect((errors[0]?.cause as { code?: string } | undefined)?.code).toBe('PING_FLOOD');
    expect(victim.stats().reasons).toEqual({ PING_FLOOD: 1 });
  });

  test('one that reads nothing is found out by the write deadline, and a broadcast does not wait for it longer', async () => {
    const { secret } = await admitted();
    secret.pause();
    const results: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      for (const { result } of victim.tryBroadcast(Plain, new Uint8Array(100_000))) results.push(result);
      await world.clock.advance(1000);
    }
    expect(results.filter((result) => result === 'full').length).toBeGreaterThan(10);
    expect(errors.map((error) => (error.cause as { code?: string } | undefined)?.code)).toEqual(['WRITE_TIMEOUT']);
    secret.destroy();
    await world.clock.advance(35_000);
  });

  test('random packets end that connection or do nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.integer(), async (packet, seed) => {
        const { secret, sink } = await admitted();
        secret.write(encodeDelimited(packet));
        secret.write(new SeededRandom(seed).bytes(50));
        await world.clock.advance(100);
        secret.destroy();
        await world.clock.advance(2000);
        expect([victim.peers.size, sink.closed !== undefined]).toEqual([1, true]);
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});

describe('in numbers', () => {
  test('a flood of connections takes the room of handshakes and no more, and honest nodes get in afterwards', async () => {
    const sinks: Sink[] = [];
    for (let i = 0; i < 200; i += 1) {
      const transport = world.network.transport(`bot-${i}`);
      sinks.push(new Sink(await world.wait(transport.dial(victim.address!, { timeoutMs: 1000 }))));
    }
    await world.clock.settle();
    expect(victim.stats()).toMatchObject({ accepted: 201, refused: 136, handshakes: 64 });
    await world.clock.advance(3000);
    expect(victim.stats()).toMatchObject({ handshakes: 0, reasons: { HANDSHAKE_TIMEOUT: 64 } });
    const late = await world.switch('late');
    const peer = await world.wait(late.dialPeer(victim.nodeAddress as string));
    await world.wait(late.stopPeerGracefully(peer));
    await world.clock.advance(2000);
    expect(sinks.every((sink) => sink.closed !== undefined)).toBe(true);
  });

  test('a dial that reaches a hostile node ends with its reason, too', async () => {
    const transport = world.network.transport('trap');
    const listener = await transport.listen({ scheme: 'memory', host: 'trap', port: 1 }, (stream) => {
      const sink = new Sink(stream);
      sink.stream.write(encodeDelimited(bytes('drop users;')));
    });
    const error = await world.failure(victim.dialPeer(`${'ab'.repeat(20)}@trap:1`));
    expect(error.code).toBe('HANDSHAKE_FAILED');
    await listener.close();
    await world.clock.advance(2000);
    expect(victim.stats().dialing).toBe(0);
  });
});
