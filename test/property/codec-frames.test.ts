import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FRAME_BYTES_MAX, FrameDecoder } from '../../src/codec/frame.ts';
import { referenceFrames } from '../reference/frames.ts';

const payloads = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: 4000, max: 20_000 }).map((length) => new Uint8Array(length).fill(7)) },
  ),
  { maxLength: 8 },
);

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

describe('the frame decoder', () => {
  test('gives the same frames whatever the chunk boundaries, and whenever it is asked', () => {
    fc.assert(
      fc.property(
        payloads,
        fc.uint8Array({ maxLength: 6 }),
        fc.array(fc.tuple(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9000 })), fc.boolean())),
        (frames, tail, cuts) => {
          const stream = join([...frames.map(encodeFrame), tail]);
          const expected = referenceFrames(stream);
          const decoder = new FrameDecoder({ frameBytesMax: FRAME_BYTES_MAX }); // the tail may spell any header
          const out: Uint8Array[] = [];
          const drain = (): void => {
            for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) out.push(frame.slice());
          };
          let at = 0;
          for (const [size, asksNow] of cuts) {
            decoder.push(stream.slice(at, at + size));
            at = Math.min(stream.length, at + size);
            if (asksNow) drain();
          }
          decoder.push(stream.slice(at));
          drain();
          expect(out).toEqual(expected.payloads);
        },
      ),
    );
  });

  test('counts exactly the bytes that it holds', () => {
    fc.assert(
      fc.property(payloads, fc.integer({ min: 1, max: 50 }), (frames, size) => {
        const stream = join(frames.map(encodeFrame));
        const decoder = new FrameDecoder();
        let taken = 0;
        for (let at = 0; at < stream.length; at += size) {
          decoder.push(stream.slice(at, at + size));
          for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) taken += 4 + frame.length;
          const pushed = Math.min(stream.length, at + size);
          // A header that was read counts as taken.
          const isHeaderRead = pushed - taken >= 4;
          if (decoder.bufferedBytes !== pushed - taken - (isHeaderRead ? 4 : 0)) {
            expect.unreachable(`${decoder.bufferedBytes} bytes are held after ${pushed} pushed and ${taken} taken`);
          }
        }
        expect(taken).toBe(stream.length);
        expect(decoder.bufferedBytes).toBe(0);
      }),
    );
  });
});
