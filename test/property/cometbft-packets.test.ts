/** Packets: equal to a protobuf library, to a slow twin, and to themselves whatever the chunks. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DelimitedDecoder, encodeDelimited, writeUvarint } from '../../src/codec/cometbft-delimited.ts';
import {
  decodePacket,
  encodePacketMsg,
  encodePacketPing,
  encodePacketPong,
  maxPacketMsgBytes,
  type Packet,
  PacketDecoder,
  packetDataBytesMax,
  packetMsgBytes,
  writePacketMsg,
} from '../../src/codec/cometbft-packet.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { referencePacket } from '../reference/cometbft-packet.ts';

const data = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 300 }).map((length) => new Uint8Array(length).fill(length)) },
  { weight: 2, arbitrary: fc.integer({ min: 1000, max: 1024 }).map((length) => new Uint8Array(length).fill(0x1a)) },
);
const message = fc.record({
  type: fc.constant('msg' as const),
  channelId: fc.integer({ min: 0, max: 255 }),
  eof: fc.boolean(),
  data,
});
const packet: fc.Arbitrary<Packet> = fc.oneof(
  { weight: 8, arbitrary: message },
  fc.constant({ type: 'ping' as const }),
  fc.constant({ type: 'pong' as const }),
);

function encode(value: Packet): Uint8Array {
  if (value.type === 'ping') return encodePacketPing();
  return value.type === 'pong' ? encodePacketPong() : encodePacketMsg(value.channelId, value.eof, value.data);
}

/** A packet without its length. */
function bare(value: Packet): Uint8Array {
  const decoder = new DelimitedDecoder(2000);
  decoder.push(encode(value));
  return decoder.next() as Uint8Array;
}

/** The same by the library. */
function encodeByLibrary(value: Packet): Uint8Array {
  const writer = new BinaryWriter();
  const kind = { ping: 1, pong: 2, msg: 3 }[value.type];
  writer.fork().tag(kind, WireType.LengthDelimited).fork();
  if (value.type === 'msg') {
    if (value.channelId !== 0) writer.tag(1, WireType.Varint).int32(value.channelId);
    if (value.eof) writer.tag(2, WireType.Varint).bool(true);
    if (value.data.length > 0) writer.tag(3, WireType.LengthDelimited).bytes(value.data);
  }
  return Uint8Array.from(writer.join().join().finish());
}

/** Bytes that are nearly packets: pieces of them, with numbers and tags in between. */
const nearly = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: packet.filter((value) => value.type !== 'msg' || value.data.length < 50).map(bare) },
      {
        weight: 4,
        arbitrary: fc
          .constantFrom(0x08, 0x0a, 0x10, 0x12, 0x1a, 0x1b, 0x1c, 0x4b, 0x4c)
          .map((tag) => Uint8Array.of(tag)),
      },
      { weight: 2, arbitrary: fc.uint8Array({ maxLength: 6 }) },
      {
        weight: 2,
        arbitrary: fc
          .array(fc.constantFrom(0x80, 0xff), { minLength: 1, maxLength: 11 })
          .map((high) => Uint8Array.of(...high, 1)),
      },
    ),
    { maxLength: 5 },
  )
  .map((parts) => Uint8Array.from(Buffer.concat(parts)));
const mutated = fc
  .tuple(nearly, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
  .map(([bytes, changes]) => {
    const copy = bytes.slice();
    for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
    return copy;
  });

function outcome(bytes: Uint8Array): unknown {
  try {
    const decoded = decodePacket(bytes);
    return decoded.type === 'msg' ? { ...decoded, data: [...decoded.data] } : decoded;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return error.code === 'UNKNOWN_MESSAGE' ? { type: 'none' } : 'refused';
  }
}

function referenceOutcome(bytes: Uint8Array): unknown {
  try {
    return referencePacket(bytes);
  } catch {
    return 'refused';
  }
}

describe('packets', () => {
  test('are written byte for byte as the protobuf library writes them', () => {
    fc.assert(
      fc.property(packet, fc.nat(20), (value, offset) => {
        expect(encode(value)).toEqual(encodeByLibrary(value));
        if (value.type !== 'msg') return;
        const { channelId, eof } = value;
        const target = new Uint8Array(offset + packetMsgBytes(channelId, eof, value.data.length));
        expect(writePacketMsg(target, offset, channelId, eof, value.data)).toBe(target.length - offset);
        expect(target.subarray(offset)).toEqual(encode(value));
      }),
    );
  });

  test('come back the same, whatever the chunks and whenever the decoder is asked', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 6 }),
        fc.array(fc.tuple(fc.oneof(fc.nat(5), fc.nat(1500)), fc.boolean()), { maxLength: 20 }),
        (packets, cuts) => {
          const stream = Uint8Array.from(Buffer.concat(packets.map(encode)));
          const decoder = new PacketDecoder({ packetPayloadBytesMax: 1025 }); // 1024 on the channels of two bytes
          const out: Packet[] = [];
          const drain = (): void => {
            for (let next = decoder.next(); next !== undefined; next = decoder.next()) out.push(next);
          };
          let at = 0;
          for (const [size, asksNow] of cuts) {
            decoder.push(stream.slice(at, at + size));
            at = Math.min(stream.length, at + size);
            if (asksNow) drain();
          }
          decoder.push(stream.slice(at));
          drain();
          expect(out).toEqual(packets);
          expect([decoder.bufferedBytes, decoder.isAtBoundary]).toEqual([0, true]);
        },
      ),
    );
  });

  test('are read on the short road as on the long one, which a field that nobody knows leads to', () => {
    fc.assert(
      fc.property(packet, (value) => {
        const bytes = bare(value);
        expect(decodePacket(Uint8Array.of(0x78, 0x00, ...bytes))).toEqual(decodePacket(bytes));
      }),
    );
  });

  test('that are nearly ones are read, or refused, as the slow twin does', () => {
    fc.assert(
      fc.property(mutated, (bytes) => {
        expect(outcome(bytes)).toEqual(referenceOutcome(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  test('of any bytes throw nothing but a CodecError, and the same one for ever', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }), (chunks) => {
        const decoder = new PacketDecoder();
        let failure: unknown;
        for (const chunk of chunks) {
          decoder.push(chunk);
          try {
            while (decoder.next() !== undefined);
            expect(failure).toBeUndefined();
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError);
            failure ??= error;
            expect(error).toBe(failure);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('never hold more than the cap says, and never break a peer when cut by packetDataBytesMax', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70_000 }),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (payloadMax, channelId, eof) => {
          const dataBytes = packetDataBytesMax(channelId, eof, payloadMax);
          const prefix = new Uint8Array(10);
          const wire = packetMsgBytes(channelId, eof, dataBytes);
          const bytesMax = maxPacketMsgBytes(payloadMax);
          expect(wire).toBeLessThanOrEqual(writeUvarint(prefix, 0, bytesMax) + bytesMax);
          expect(dataBytes).toBeLessThanOrEqual(payloadMax);
        },
      ),
    );
  });
});

describe('delimited messages', () => {
  test('of any bytes and any cap: messages up to the cap come out, the first one over it ends the stream', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.integer({ min: 0, max: 45 }),
        fc.integer({ min: 1, max: 30 }),
        (messages, cap, chunkBytes) => {
          const stream = Uint8Array.from(Buffer.concat(messages.map(encodeDelimited)));
          const decoder = new DelimitedDecoder(cap);
          const out: Uint8Array[] = [];
          let code: string | undefined;
          for (let at = 0; at < stream.length && code === undefined; at += chunkBytes) {
            decoder.push(stream.slice(at, at + chunkBytes));
            try {
              for (let next = decoder.next(); next !== undefined; next = decoder.next()) out.push(next);
            } catch (error) {
              code = (error as CodecError).code;
            }
          }
          const firstOver = messages.findIndex((value) => value.length > cap);
          expect(out).toEqual(firstOver < 0 ? messages : messages.slice(0, firstOver));
          expect(code).toBe(firstOver < 0 ? undefined : 'FRAME_TOO_LARGE');
        },
      ),
    );
  });
});
