/** Hostile peers of an MConnection: each costs its own connection, with a typed reason, and nobody else's. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePacketMsg, encodePacketPing, encodePacketPong } from '../../src/codec/cometbft-packet.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import type { MConnectionOptions } from '../../src/net/mconnection-options.ts';
import { connect, type LinkRig } from '../net/link-rig.ts';
import { pattern, RawPeer, RecordedMConnection } from '../net/mconnection-rig.ts';

const CHANNELS = [{ id: 1, priority: 1, recvMessageCapacity: 2048 }];

interface Rig extends LinkRig {
  readonly a: RecordedMConnection;
  readonly peer: RawPeer;
}

async function rig(options: Partial<MConnectionOptions> = {}): Promise<Rig> {
  const pair = await connect();
  const a = new RecordedMConnection(pair.near, CHANNELS, { clock: pair.clock, recvRateBytesPerSecond: 0, ...options });
  const peer = new RawPeer(pair.far);
  a.mconnection.start();
  await pair.clock.advance(1);
  return { ...pair, a, peer };
}

function repeated(bytes: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i += 1) all.set(bytes, i * bytes.length);
  return all;
}

const PING = encodePacketPing();
const PONG = encodePacketPong();

describe('a hostile peer of an MConnection', () => {
  it.each([
    ['bytes that are no packet (ReadErrorBadEncoding)', Uint8Array.of(1, 2, 3, 4, 5), 'PACKET_INVALID'],
    ['a packet that is nothing (ReadErrorUnknownMsgType)', Uint8Array.of(0), 'PACKET_INVALID'],
    ['a packet of an unknown kind', Uint8Array.of(2, 0x22, 0), 'PACKET_INVALID'],
    ['a packet one byte over the size', repeated(Uint8Array.of(0x8b, 0x08), 1), 'PACKET_INVALID'],
    ['a length without end', repeated(Uint8Array.of(0xff), 11), 'PACKET_INVALID'],
    ['a length of 2^63', Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), 'PACKET_INVALID'],
    ['an unknown channel (ReadErrorUnknownChannel)', encodePacketMsg(2, true, pattern(1)), 'UNKNOWN_CHANNEL'],
    ['channel 0', encodePacketMsg(0, true, pattern(1)), 'UNKNOWN_CHANNEL'],
    ['channel -1, in ten bytes', hexToBytes('0f1a0d08ffffffffffffffffff011001'), 'UNKNOWN_CHANNEL'],
    ['channel 256', hexToBytes('071a050880021001'), 'UNKNOWN_CHANNEL'],
    ['channel 1025 (ChannelOverflow)', Uint8Array.of(7, 0x1a, 5, 0x08, 0x81, 0x08, 0x10, 1), 'UNKNOWN_CHANNEL'],
    [
      'channel -1',
      Uint8Array.of(15, 0x1a, 13, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x10, 1),
      'UNKNOWN_CHANNEL',
    ],
    ['a message over the capacity', repeated(encodePacketMsg(1, false, pattern(1000)), 3), 'MESSAGE_TOO_LARGE'],
    ['20 000 pings in a burst', repeated(PING, 20_000), 'PING_FLOOD'],
    ['20 000 pongs that answer nothing', repeated(PONG, 20_000), 'PING_FLOOD'],
  ])('that sends %s is disconnected', async (_, bytes, code) => {
    const { clock, a, peer } = await rig();
    peer.stream.write(bytes);
    await clock.advance(100);
    expect(a.log).toEqual([`error ${code}`, `close ${code}`]);
    expect(peer.closed?.reason?.code).toBe('RESET');
    expect(clock.timerCount).toBe(0);
  });

  it.each([
    [1024, []],
    [1025, ['error PACKET_INVALID', 'close PACKET_INVALID']],
  ])('may put %i bytes in a packet (ReadErrorLongMessage)', async (size, log) => {
    const { clock, a, peer } = await rig();
    peer.msg(1, true, pattern(size));
    await clock.advance(1);
    expect(a.log.filter((line) => !line.startsWith('message'))).toEqual(log);
    expect(a.received.length).toBe(log.length === 0 ? 1 : 0);
  });

  it.each([
    [2047, 'message 1 2047'],
    [2048, 'message 1 2048'],
    [2049, 'error MESSAGE_TOO_LARGE'],
  ])('may send a message of %i bytes at a capacity of 2048', async (size, line) => {
    const { clock, a, peer } = await rig();
    const message = pattern(size);
    for (let at = 0; at < size; at += 1000) peer.msg(1, at + 1000 >= size, message.subarray(at, at + 1000));
    await clock.advance(1);
    expect(a.log[0]).toBe(line);
  });

  it.each([
    [99, undefined],
    [100, undefined],
    [101, 'PING_FLOOD'],
  ])('may send %i pings at once where 100 a second are allowed', async (count, code) => {
    const { clock, a, peer } = await rig({ recvPingsPerSecondMax: 100 });
    peer.stream.write(repeated(PING, count));
    await clock.advance(1);
    expect(a.closed?.reason?.code).toBe(code);
    if (code === undefined) expect(peer.packets.length).toBe(count);
  });

  it('that pings at the allowed rate, under load, is answered each time and for ever', async () => {
    const { clock, a, peer } = await rig({ recvPingsPerSecondMax: 100, sendRateBytesPerSecond: 50_000 });
    void a.mconnection.send(1, pattern(2048));
    for (let i = 0; i < 2000; i += 1) {
      peer.stream.write(PING);
      peer.stream.write(encodePacketMsg(1, true, pattern(100)));
      await clock.advance(10);
    }
    expect(a.closed).toBeUndefined();
    expect(peer.packets.filter((packet) => packet.type === 'pong').length).toBe(2000);
  });

  it('that closes in the middle of a packet is told apart from one that just closes', async () => {
    const { clock, a, peer } = await rig();
    peer.stream.write(encodePacketMsg(1, true, pattern(100)).subarray(0, 50));
    peer.stream.close();
    await clock.advance(2000);
    expect(a.log).toEqual(['error FRAME_TRUNCATED', 'close FRAME_TRUNCATED']);
  });

  it('that sends empty parts without end costs no memory', async () => {
    const { clock, a, peer } = await rig();
    peer.stream.write(repeated(encodePacketMsg(1, false, new Uint8Array(0)), 100_000));
    await clock.advance(1);
    expect(a.mconnection.status().channels[0]).toMatchObject({ packetsReceived: 100_000, recvPartialBytes: 0 });
    expect(a.closed).toBeUndefined();
  });

  it('that ends its own connection inside a handler hears nothing more', async () => {
    const { clock, a, peer } = await rig();
    a.onReceive = () => a.mconnection.stop();
    for (let i = 0; i < 10; i += 1) peer.msg(1, true, pattern(i));
    await clock.advance(2000);
    expect(a.log).toEqual(['message 1 0', 'close in order']);
  });

  it('that floods disturbs nobody else', async () => {
    const good = await rig();
    const bad = await rig();
    bad.peer.stream.write(repeated(PING, 20_000));
    await bad.clock.advance(10);
    good.peer.msg(1, true, pattern(5));
    await good.clock.advance(10);
    expect([bad.a.closed?.reason?.code, good.a.log]).toEqual(['PING_FLOOD', ['message 1 5']]);
  });

  it('that sends any bytes at all gets a typed reason or nothing, whatever the chunks', async () => {
    const typed = [
      'PACKET_INVALID',
      'UNKNOWN_CHANNEL',
      'MESSAGE_TOO_LARGE',
      'PING_FLOOD',
      'FRAME_TRUNCATED',
      undefined,
    ];
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(PING),
      fc.constant(PONG),
      fc
        .tuple(fc.constantFrom(1, 1, 1, 3), fc.boolean(), fc.uint8Array({ maxLength: 600 }))
        .map(([id, eof, data]) => encodePacketMsg(id, eof, data)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 1, max: 64 }), async (pieces, cut) => {
        const { clock, a, peer } = await rig();
        const bytes = Uint8Array.from(pieces.flatMap((part) => [...part]));
        for (let at = 0; at < bytes.length; at += cut) peer.stream.write(bytes.slice(at, at + cut));
        await clock.advance(1);
        if (peer.closed === undefined) peer.stream.close();
        await clock.advance(2000);
        expect(typed).toContain(a.closed?.reason?.code);
        expect(a.mconnection.status().state).toBe('closed');
        expect(clock.timerCount).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
