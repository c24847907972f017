import { afterEach, describe, expect, test } from 'vitest';
import { encodeDelimited } from '../../src/codec/cometbft-delimited.ts';
import type { NodeInfo } from '../../src/codec/cometbft-node-info.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { SWITCH_ERROR_CODES, SwitchError, toSwitchError } from '../../src/p2p/switch-errors.ts';
import { IntroductionStream } from '../../src/p2p/transport-upgrade-stream.ts';
import { SwitchWorld } from './switch-rig.ts';
import { introduction, Sink, streamPair, UpgradeEnd } from './upgrade-rig.ts';

let world = new SwitchWorld();
afterEach(async () => {
  await world.clock.advance(120_000);
  expect(world.network.connectionCount).toBe(0);
  expect(world.clock.timerCount).toBe(0);
  world = new SwitchWorld();
});

/** How both ends of an upgrade turn out, as codes; `ok` when it succeeds. */
async function outcomes(left: UpgradeEnd, right: UpgradeEnd, dialedId?: string): Promise<readonly string[]> {
  const [a, b] = await streamPair(world);
  const streams: ByteStream[] = [];
  const settle = async (upgrade: ReturnType<UpgradeEnd['upgrade']>): Promise<string> => {
    try {
      streams.push((await upgrade).stream);
      return 'ok';
    } catch (error) {
      expect(error).toBeInstanceOf(SwitchError);
      expect((error as SwitchError).isRejection).toBe(true);
      return (error as SwitchError).code;
    }
  };
  const ends = await world.wait(Promise.all([settle(left.upgrade(a, { dialedId })), settle(right.upgrade(b))]));
  for (const stream of streams) stream.destroy();
  return ends;
}

describe('an upgrade (transport_test.go Handshake)', () => {
  test('tells both ends who the other is, and gives a stream that carries bytes both ways', async () => {
    const [left, right] = [new UpgradeEnd(world, { moniker: 'left' }), new UpgradeEnd(world, { moniker: 'right' })];
    const [a, b] = await streamPair(world);
    const [ab, ba] = await world.wait(Promise.all([left.upgrade(a, { dialedId: right.id }), right.upgrade(b)]));
    expect([ab.id, ba.id]).toEqual([right.id, left.id]);
    expect([ab.nodeInfo, ba.nodeInfo]).toEqual([right.nodeInfo, left.nodeInfo]);
    const [sa, sb] = [new Sink(ab.stream), new Sink(ba.stream)];
    sa.stream.write(Uint8Array.of(1, 2, 3));
    sb.stream.write(Uint8Array.of(4));
    await world.clock.settle();
    expect([sb.bytes, sa.bytes]).toEqual([[1, 2, 3], [4]]);
    sa.stream.close();
    await world.clock.advance(2000);
    expect([sa.closed, sb.closed]).toEqual([{ reason: undefined }, { reason: undefined }]);
  });

  test('does not lose what comes behind the NodeInfo, in the same chunk or later', async () => {
    const [left, right] = [new UpgradeEnd(world), new UpgradeEnd(world)];
    const [a, b] = await streamPair(world);
    const upgrade = left.upgrade(a);
    const secret = await world.wait(right.secure(b));
    const [info, early] = [introduction(right.nodeInfo), Uint8Array.of(7, 8)];
    const both = new Uint8Array(info.length + early.length);
    both.set(info);
    both.set(early, info.length);
    new Sink(secret);
    secret.write(both);
    const { stream } = await world.wait(upgrade);
    secret.write(Uint8Array.of(9));
    await world.clock.advance(1000);
    const sink = new Sink(stream);
    expect(sink.bytes).toEqual([]);
    await world.clock.settle();
    expect(sink.bytes).toEqual([7, 8, 9]);
    stream.destroy();
  });

  test.each([
    ['of another network (RejectIncompatible)', { network: 'other-chain' }, ['INCOMPATIBLE', 'INCOMPATIBLE']],
    [
      'of another block version',
      { protocolVersion: { p2p: 8n, block: 12n, app: 0n } },
      ['INCOMPATIBLE', 'INCOMPATIBLE'],
    ],
    ['without a channel in common', { channels: Uint8Array.of(0x20) }, ['INCOMPATIBLE', 'INCOMPATIBLE']],
    ['without any channel: only we mind', { channels: Uint8Array.of() }, ['INCOMPATIBLE', 'ok']],
    ['of another p2p and app version', { protocolVersion: { p2p: 9n, block: 11n, app: 7n } }, ['ok', 'ok']],
    ['without a moniker (ValidateNodeInfo)', { moniker: ' ' }, ['NODE_INFO_INVALID', 'ok']],
    ['with an address that is none', { listenAddress: 'tcp://nowhere' }, ['NODE_INFO_INVALID', 'ok']],
    ['with a channel twice', { channels: Uint8Array.of(0x70, 0x70) }, ['NODE_INFO_INVALID', 'ok']],
    [
      'with 17 channels',
      { channels: Uint8Array.from({ length: 17 }, (_, i) => 0x70 + i) },
      ['NODE_INFO_INVALID', 'ok'],
    ],
    ['with 16 channels', { channels: Uint8Array.from({ length: 16 }, (_, i) => 0x70 + i) }, ['ok', 'ok']],
    ['under another id (RejectMismatchID)', { id: '00'.repeat(20) }, ['AUTH_FAILURE', 'ok']],
  ] as const)('with a peer %s', async (_what, changes: Partial<NodeInfo>, expected) => {
    expect(await outcomes(new UpgradeEnd(world), new UpgradeEnd(world, changes))).toEqual(expected);
  });

  test('with somebody else than was dialed is refused before anything is said (DialRejectWrongID)', async () => {
    const [left, right] = [new UpgradeEnd(world), new UpgradeEnd(world)];
    const [a, b] = await streamPair(world);
    const [dial, accept] = [left.upgrade(a, { dialedId: '11'.repeat(20) }), right.upgrade(b)];
    const [error, other] = await Promise.all([world.failure(dial), world.failure(accept)]);
    expect(error).toMatchObject({ code: 'AUTH_FAILURE', peerId: right.id });
    expect(error.message).toBe(`auth failure: conn.ID (${right.id}) dialed ID (${'11'.repeat(20)}) mismatch`);
    expect(other.code).toBe('HANDSHAKE_FAILED');
  });

  test('with ourselves is refused at both ends (RejectSelf)', async () => {
    const key = world.key();
    expect(await outcomes(new UpgradeEnd(world, {}, key), new UpgradeEnd(world, {}, key))).toEqual(['SELF', 'SELF']);
  });

  test.each([
    ['handshake', 3000],
    ['NodeInfo', 2000],
  ] as const)('has a deadline for the %s, to the ms', async (step, timeoutMs) => {
    const [left, right] = [new UpgradeEnd(world), new UpgradeEnd(world)];
    const [a, b] = await streamPair(world);
    const upgrade = left.upgrade(a);
    let error: unknown;
    upgrade.catch((reason) => {
      error = reason;
    });
    const other = step === 'NodeInfo' ? new Sink(await world.wait(right.secure(b))) : new Sink(b);
    await world.clock.advance(timeoutMs - 1);
    expect(error).toBeUndefined();
    await world.clock.advance(1);
    expect(error).toMatchObject({ code: 'HANDSHAKE_TIMEOUT', isRejection: true });
    await world.clock.advance(10);
    expect(other.closed?.reason?.code).toBe('RESET');
  });

  test.each(['handshake', 'NodeInfo'] as const)(
    'is given up in the middle of the %s when its signal aborts',
    async (step) => {
      const [left, right] = [new UpgradeEnd(world), new UpgradeEnd(world)];
      const [a, b] = await streamPair(world);
      const abort = new AbortController();
      const upgrade = left.upgrade(a, { signal: abort.signal });
      const failure = world.failure(upgrade);
      const other = step === 'NodeInfo' ? new Sink(await world.wait(right.secure(b))) : new Sink(b);
      await world.clock.settle();
      abort.abort();
      expect(await failure).toMatchObject({ code: 'STOPPED' });
      await world.clock.advance(10);
      expect(other.closed).toBeDefined();
    },
  );

  test('is refused at once when the signal has aborted before', async () => {
    const [a, b] = await streamPair(world);
    const upgrade = new UpgradeEnd(world).upgrade(a, { signal: AbortSignal.abort() });
    expect(await world.failure(upgrade)).toMatchObject({ code: 'STOPPED' });
    b.destroy();
  });
});

describe('a stream that is opened twice', () => {
  async function introduced(): Promise<{
    readonly stream: IntroductionStream;
    readonly other: Sink;
    message: Uint8Array;
  }> {
    const [a, b] = await streamPair(world);
    const stream = new IntroductionStream(a, world.clock);
    const other = new Sink(b);
    const reading = stream.readMessage(10);
    b.write(encodeDelimited(Uint8Array.of(1, 2)));
    const message = await world.wait(reading);
    return { stream, other, message };
  }

  test('gives the message first, and then everything after it, paused or not', async () => {
    const { stream, other, message } = await introduced();
    expect([...message]).toEqual([1, 2]);
    other.stream.write(Uint8Array.of(3));
    const sink = new Sink(stream);
    stream.pause();
    await world.clock.advance(10);
    expect(sink.bytes).toEqual([]);
    stream.resume();
    await world.clock.advance(10);
    expect(sink.bytes).toEqual([3]);
    expect(() => new Sink(stream)).toThrow(/open already/);
    stream.destroy();
  });

  test('tells an end that came before it was opened again, after what came before the end', async () => {
    const { stream, other } = await introduced();
    other.stream.write(Uint8Array.of(5));
    other.stream.close();
    await world.clock.advance(10);
    const sink = new Sink(stream);
    await world.clock.advance(2000);
    expect([sink.bytes, sink.closed]).toEqual([[5], { reason: undefined }]);
  });

  test('rejects when the end comes before the message, and for a message over its bound', async () => {
    const [a, b] = await streamPair(world);
    const reading = new IntroductionStream(a, world.clock).readMessage(10);
    const closed = world.failure(reading);
    new Sink(b);
    b.close();
    expect(await closed).toMatchObject({ code: 'CLOSED' });
    for (const [length, code] of [
      [10, undefined],
      [11, 'FRAME_TOO_LARGE'],
    ] as const) {
      const [c, d] = await streamPair(world);
      const stream = new IntroductionStream(c, world.clock);
      const second = stream.readMessage(10);
      new Sink(d);
      d.write(encodeDelimited(new Uint8Array(length)));
      if (code === undefined) expect((await world.wait(second)).length).toBe(length);
      else expect(await world.failure(second)).toMatchObject({ code });
      stream.destroy();
    }
  });
});

describe('errors of a switch', () => {
  test('carry whom they are about, and wrap what is not one of them', () => {
    const error = toSwitchError(new Error('x'), 'DIAL_FAILED', 'dial failed', {
      peerId: 'ab',
      remoteAddress: 'tcp://c:1',
    });
    expect(error).toMatchObject({ code: 'DIAL_FAILED', peerId: 'ab', remoteAddress: 'tcp://c:1', isRejection: false });
    expect((error.cause as Error).message).toBe('x');
    expect(toSwitchError(error, 'SELF', 'other')).toBe(error);
    expect(new Set(SWITCH_ERROR_CODES).size).toBe(SWITCH_ERROR_CODES.length);
  });
});
