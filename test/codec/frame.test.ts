import { describe, expect, test } from 'vitest';
import {
  encodeFrame,
  FRAME_BYTES_MAX,
  FRAME_BYTES_MAX_DEFAULT,
  FrameDecoder,
  writeFrameHeader,
} from '../../src/codec/frame.ts';

const header = (length: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  writeFrameHeader(bytes, 0, length);
  return bytes;
};
const refused = expect.objectContaining({ code: 'FRAME_TOO_LARGE' });

describe('encoding a frame', () => {
  test('puts the length before the payload, big-endian', () => {
    expect([...encodeFrame(Uint8Array.of(0x68, 0x62))]).toEqual([0, 0, 0, 2, 0x68, 0x62]);
    expect([...encodeFrame(new Uint8Array(0))]).toEqual([0, 0, 0, 0]);
    expect([...encodeFrame(new Uint8Array(0x010203)).subarray(0, 4)]).toEqual([0, 1, 2, 3]);
  });

  test('copies the payload', () => {
    const payload = Uint8Array.of(1);
    const frame = encodeFrame(payload);
    payload[0] = 2;
    expect(frame[4]).toBe(1);
  });

  test('writes a header anywhere, up to 2^32 - 1, and refuses what does not fit', () => {
    const target = new Uint8Array(6);
    writeFrameHeader(target, 2, FRAME_BYTES_MAX);
    expect([...target]).toEqual([0, 0, 255, 255, 255, 255]);
    expect(() => writeFrameHeader(target, 3, 1)).toThrow(RangeError);
    expect(() => writeFrameHeader(target, 0, FRAME_BYTES_MAX + 1)).toThrow(RangeError);
    expect(() => writeFrameHeader(target, 0, -1)).toThrow(RangeError);
  });
});

describe('the cap of a frame', () => {
  test('is 16 MiB by default: a header of 16 MiB is waited for, one byte more is refused at once', () => {
    expect(FRAME_BYTES_MAX_DEFAULT).toBe(16 * 1024 * 1024);
    const fits = new FrameDecoder();
    fits.push(header(FRAME_BYTES_MAX_DEFAULT));
    expect(fits.next()).toBeUndefined();
    const over = new FrameDecoder();
    over.push(header(FRAME_BYTES_MAX_DEFAULT + 1));
    expect(() => over.next()).toThrow(refused);
  });

  test.each([9, 10])('lets a payload of %i bytes through when it is 10', (length) => {
    const decoder = new FrameDecoder({ frameBytesMax: 10 });
    decoder.push(encodeFrame(new Uint8Array(length)));
    expect(decoder.next()?.length).toBe(length);
  });

  test('refuses 11 bytes when it is 10, with both numbers, as soon as the header is there', () => {
    const decoder = new FrameDecoder({ frameBytesMax: 10 });
    decoder.push(header(11).subarray(0, 3));
    expect(decoder.next()).toBeUndefined();
    decoder.push(header(11).subarray(3));
    expect(() => decoder.next()).toThrow(/11 bytes, at most 10/);
  });

  test('refuses 2^32 - 1 as that number, not as -1', () => {
    const decoder = new FrameDecoder();
    decoder.push(header(FRAME_BYTES_MAX));
    expect(() => decoder.next()).toThrow(/4294967295/);
  });

  test('may be 0: then only empty frames pass', () => {
    const decoder = new FrameDecoder({ frameBytesMax: 0 });
    decoder.push(header(0));
    expect(decoder.next()?.length).toBe(0);
    decoder.push(header(1));
    expect(() => decoder.next()).toThrow(refused);
  });

  test.each([-1, 1.5, Number.NaN, FRAME_BYTES_MAX + 1])('must not be %d', (frameBytesMax) => {
    expect(() => new FrameDecoder({ frameBytesMax })).toThrow(/option frameBytesMax/);
  });

  test('gives the frames before it first, then the same error for good, and holds nothing any more', () => {
    const decoder = new FrameDecoder({ frameBytesMax: 10 });
    decoder.push(Uint8Array.from([...encodeFrame(Uint8Array.of(7)), ...header(11), 1, 2, 3]));
    expect([...decoder.next()!]).toEqual([7]);
    expect(() => decoder.next()).toThrow(refused);
    expect(decoder.bufferedBytes).toBe(0);
    decoder.push(encodeFrame(Uint8Array.of(8)));
    expect(decoder.bufferedBytes).toBe(0);
    expect(() => decoder.next()).toThrow(refused);
  });
});

describe('buffers', () => {
  test('a frame within one chunk comes out as a view of that chunk', () => {
    const chunk = Uint8Array.from([...encodeFrame(Uint8Array.of(1, 2)), ...encodeFrame(Uint8Array.of(3))]);
    const decoder = new FrameDecoder();
    decoder.push(chunk);
    for (const expected of [[1, 2], [3]]) {
      const payload = decoder.next()!;
      expect([...payload]).toEqual(expected);
      expect(payload.buffer).toBe(chunk.buffer);
    }
    expect(decoder.next()).toBeUndefined();
  });

  test('a payload in a chunk of its own, after its header, is not copied either', () => {
    const payload = new Uint8Array(100).fill(5);
    const decoder = new FrameDecoder();
    decoder.push(header(100));
    expect(decoder.next()).toBeUndefined();
    decoder.push(payload);
    expect(decoder.next()?.buffer).toBe(payload.buffer);
  });

  test('a frame over two chunks comes out in an array of its own size', () => {
    const frame = encodeFrame(new Uint8Array(9000).fill(9));
    const decoder = new FrameDecoder();
    decoder.push(frame.slice(0, 4100));
    expect(decoder.next()).toBeUndefined();
    expect(decoder.bufferedBytes).toBe(4096);
    decoder.push(frame.slice(4100));
    const payload = decoder.next()!;
    expect(payload).toEqual(new Uint8Array(9000).fill(9));
    expect(payload.buffer.byteLength).toBe(9000);
  });

  test('a megabyte in chunks of one byte, asked after each, costs no quadratic time', () => {
    const frame = encodeFrame(Uint8Array.from({ length: 1024 * 1024 }, (_, i) => i % 251));
    const decoder = new FrameDecoder();
    let payload: Uint8Array | undefined;
    for (let at = 0; at < frame.length; at += 1) {
      decoder.push(frame.slice(at, at + 1));
      payload = decoder.next();
    }
    expect(Buffer.compare(payload!, frame.subarray(4))).toBe(0);
    expect(decoder.bufferedBytes).toBe(0);
  });

  test('a short frame in chunks of one byte does not keep more than 64 bytes alive', () => {
    const decoder = new FrameDecoder();
    for (const byte of encodeFrame(Uint8Array.of(1, 2, 3))) decoder.push(Uint8Array.of(byte));
    expect(decoder.next()!.buffer.byteLength).toBeLessThanOrEqual(64);
  });

  test('empty chunks change nothing', () => {
    const decoder = new FrameDecoder();
    decoder.push(new Uint8Array(0));
    expect(decoder.bufferedBytes).toBe(0);
    expect(decoder.next()).toBeUndefined();
  });
});
