import { describe, expect, test } from 'vitest';
import {
  decodePacket,
  encodePacketMsg,
  encodePacketPing,
  encodePacketPong,
  maxPacketMsgBytes,
  PACKET_PAYLOAD_BYTES_MAX,
  PacketDecoder,
  packetDataBytesMax,
  packetMsgBytes,
  writePacketMsg,
} from '../../src/codec/cometbft-packet.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import { codeOf } from '../crypto/engines.ts';

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 13);

/** Whether a peer with this payload size takes a packet. */
function fateAt(payloadMax: number, packet: Uint8Array): string {
  const decoder = new PacketDecoder({ packetPayloadBytesMax: payloadMax });
  decoder.push(packet);
  return codeOf(() => decoder.next());
}

describe('a packet', () => {
  test('is written into the middle of a buffer, and nowhere else', () => {
    const target = new Uint8Array(60).fill(0xaa);
    const data = bytesOf(20);
    const length = writePacketMsg(target, 10, 0x21, true, data);
    expect(length).toBe(packetMsgBytes(0x21, true, 20));
    expect(target.slice(10, 10 + length)).toEqual(encodePacketMsg(0x21, true, data));
    expect(target.slice(0, 10).every((byte) => byte === 0xaa)).toBe(true);
    expect(target.slice(10 + length).every((byte) => byte === 0xaa)).toBe(true);
  });

  test.each([-1, 256, 1.5])('of channel %d is a RangeError', (channelId) => {
    expect(() => encodePacketMsg(channelId, true, bytesOf(1))).toThrow(RangeError);
  });

  test.each([0, 1, 0x7f, 0x80, 0xff])('of channel %i comes back, with any length of data', (channelId) => {
    for (const length of [0, 1, 116, 117, 118, 119, 120, 121, 127, 128, 1023, 1024, 16_383, 16_384]) {
      for (const eof of [true, false]) {
        const data = bytesOf(length);
        const encoded = encodePacketMsg(channelId, eof, data);
        expect(encoded.length).toBe(packetMsgBytes(channelId, eof, length));
        const decoder = new PacketDecoder({ packetPayloadBytesMax: 65_537 });
        decoder.push(encoded);
        expect(decoder.next()).toEqual({ type: 'msg', channelId, eof, data });
        expect([decoder.next(), decoder.isAtBoundary]).toEqual([undefined, true]);
      }
    }
  });

  test('has data that is a view of the chunk when it arrived in one, so that nothing is copied', () => {
    const chunk = encodePacketMsg(1, true, bytesOf(100));
    const decoder = new PacketDecoder();
    decoder.push(chunk);
    const packet = decoder.next();
    expect(packet?.type === 'msg' && packet.data.buffer === chunk.buffer).toBe(true);
  });

  test('that is a ping or a pong is the same object each time', () => {
    expect(decodePacket(encodePacketPing().subarray(1))).toBe(decodePacket(encodePacketPing().subarray(1)));
    expect(decodePacket(encodePacketPong().subarray(1))).toEqual({ type: 'pong' });
    expect(encodePacketPing()).not.toBe(encodePacketPing());
  });
});

describe('the size of a packet', () => {
  test('with the default of 1024 is taken up to a full last packet, 1034 bytes', () => {
    expect(maxPacketMsgBytes(1024)).toBe(1034);
    expect(fateAt(1024, encodePacketMsg(1, true, bytesOf(1023)))).toBe('nothing');
    expect(fateAt(1024, encodePacketMsg(1, true, bytesOf(1024)))).toBe('nothing');
    expect(fateAt(1024, encodePacketMsg(1, true, bytesOf(1025)))).toBe('FRAME_TOO_LARGE');
  });

  test.each([1, 2, 10, 119, 120, 121, 122, 123, 127, 128, 1024, 4096, 16_384, 65_536])(
    'never breaks a peer with payload %i, whatever the channel',
    (payloadMax) => {
      for (const channelId of [0, 1, 0x7f, 0x80, 0xff]) {
        for (const eof of [true, false]) {
          const dataBytes = packetDataBytesMax(channelId, eof, payloadMax);
          expect(fateAt(payloadMax, encodePacketMsg(channelId, eof, bytesOf(dataBytes)))).toBe('nothing');
          expect(payloadMax - dataBytes).toBeLessThanOrEqual(2);
          if (channelId < 0x80) expect(dataBytes).toBe(payloadMax);
        }
      }
    },
  );

  test('of a full last packet on channel 0x80 is one too many upstream, so one byte less goes into it', () => {
    expect(fateAt(1024, encodePacketMsg(0x80, true, bytesOf(1024)))).toBe('FRAME_TOO_LARGE');
    expect(packetDataBytesMax(0x80, true, 1024)).toBe(1023);
    expect(packetDataBytesMax(0x80, false, 1024)).toBe(1024);
  });

  test.each([0, -1, 1.5, PACKET_PAYLOAD_BYTES_MAX + 1])('cannot be capped at %d', (packetPayloadBytesMax) => {
    expect(() => new PacketDecoder({ packetPayloadBytesMax })).toThrow(RangeError);
    expect(() => maxPacketMsgBytes(packetPayloadBytesMax)).toThrow(RangeError);
  });

  test.each([1, PACKET_PAYLOAD_BYTES_MAX])('can be capped at %i', (packetPayloadBytesMax) => {
    expect(() => new PacketDecoder({ packetPayloadBytesMax })).not.toThrow();
  });
});

describe('a packet decoder', () => {
  test('that has failed fails in the same way for ever, and holds nothing more', () => {
    const decoder = new PacketDecoder();
    decoder.push(hexToBytes('00'));
    expect(codeOf(() => decoder.next())).toBe('UNKNOWN_MESSAGE');
    decoder.push(encodePacketPing());
    expect(codeOf(() => decoder.next())).toBe('UNKNOWN_MESSAGE');
    expect(codeOf(() => decoder.finish())).toBe('UNKNOWN_MESSAGE');
    expect(decoder.bufferedBytes).toBe(0);
  });

  test('says that a stream ended within a packet, and only then', () => {
    const packet = encodePacketMsg(1, true, bytesOf(300));
    for (let length = 0; length <= packet.length; length += 1) {
      const decoder = new PacketDecoder();
      decoder.push(packet.slice(0, length));
      while (decoder.next() !== undefined);
      const isWhole = length === 0 || length === packet.length;
      expect([decoder.isAtBoundary, codeOf(() => decoder.finish())]).toEqual([
        isWhole,
        isWhole ? 'nothing' : 'TRUNCATED',
      ]);
    }
  });

  test.each([
    ['1a0708211001', 'TRUNCATED', 'ends within the message'],
    ['1a', 'TRUNCATED', 'ends within its tag'],
    ['0801', 'INVALID_VALUE', 'has a number for a ping'],
    ['0c', 'INVALID_VALUE', 'ends a group that never began'],
    ['4b', 'TRUNCATED', 'never ends its group'],
    ['4b4b4c', 'TRUNCATED', 'never ends its outer group'],
    ['4e00', 'INVALID_VALUE', 'has wire type 6'],
    ['4f00', 'INVALID_VALUE', 'has wire type 7'],
    ['0200', 'INVALID_VALUE', 'has field number 0'],
    ['1affffffffffffffffff01', 'OUT_OF_RANGE', 'has a length of 2^64 - 1'],
    ['1affffffffffffffff7f', 'TRUNCATED', 'has a length of 2^63 - 1'],
    ['ffffffffffffffffffff01', 'OUT_OF_RANGE', 'has a tag of 11 bytes'],
    ['0a0107', 'INVALID_VALUE', 'has a broken ping body'],
    ['4100000000000000', 'TRUNCATED', 'ends within 8 fixed bytes'],
    ['45000000', 'TRUNCATED', 'ends within 4 fixed bytes'],
  ])('refuses %s as %s: it %s', (hex, code) => {
    expect(codeOf(() => decodePacket(hexToBytes(hex)))).toBe(code);
  });

  test.each([
    ['4b4b4c4c0a00', 'groups in groups'],
    ['4b08014c0a00', 'a group with a number'],
    ['4b42010a4c0a00', 'a group with bytes'],
    ['4b4100000000000000004c0a00', 'a group with fixed bytes'],
    ['f8ffffff0f010a00', 'the highest field number'],
  ])('skips what it does not know: %s, %s', (hex) => {
    expect(decodePacket(hexToBytes(hex))).toEqual({ type: 'ping' });
  });

  test('skips groups of any depth without a stack of its own', () => {
    const depth = 500;
    const packet = Uint8Array.from([...Array(depth).fill(0x4b), ...Array(depth).fill(0x4c), 0x0a, 0x00]);
    expect(decodePacket(packet)).toEqual({ type: 'ping' });
  });
});
