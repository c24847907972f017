import { describe, expect, test } from 'vitest';
import {
  DELIMITED_BYTES_MAX,
  DelimitedDecoder,
  encodeDelimited,
  uvarintBytes,
  writeUvarint,
} from '../../src/codec/cometbft-delimited.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { codeOf } from '../crypto/engines.ts';

describe('an unsigned varint', () => {
  test.each([
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [0xffff_ffff, 'ffffffff0f'],
  ])('of %i is %s', (value, hex) => {
    const target = new Uint8Array(10);
    const end = writeUvarint(target, 0, value);
    expect(bytesToHex(target.subarray(0, end))).toBe(hex);
    expect(uvarintBytes(value)).toBe(end);
  });
});

describe('a delimited decoder', () => {
  test.each([0, 1, 127, 128, 5000])('gives back a message of %i bytes in chunks of any length', (length) => {
    const message = Uint8Array.from({ length }, (_, i) => i * 3);
    const stream = Uint8Array.of(...encodeDelimited(message), ...encodeDelimited(message));
    for (const chunkBytes of [1, 2, 3, 128, 129, 10_002]) {
      const decoder = new DelimitedDecoder(5000);
      const messages: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += chunkBytes) {
        decoder.push(stream.slice(at, at + chunkBytes));
        for (let next = decoder.next(); next !== undefined; next = decoder.next()) messages.push(next);
      }
      expect(messages).toEqual([message, message]);
      expect(codeOf(() => decoder.finish())).toBe('nothing');
    }
  });

  test.each([
    [99, 'nothing'],
    [100, 'nothing'],
    [101, 'FRAME_TOO_LARGE'],
  ])('with a cap of 100 takes %i bytes: %s', (length, code) => {
    const decoder = new DelimitedDecoder(100);
    decoder.push(encodeDelimited(new Uint8Array(length)));
    expect(codeOf(() => decoder.next())).toBe(code);
  });

  test('refuses a length over the cap before a byte of the message is there', () => {
    const decoder = new DelimitedDecoder(100);
    decoder.push(Uint8Array.of(101));
    expect(codeOf(() => decoder.next())).toBe('FRAME_TOO_LARGE');
    expect(decoder.bufferedBytes).toBe(0);
    decoder.push(new Uint8Array(50));
    expect([decoder.bufferedBytes, codeOf(() => decoder.next()), codeOf(() => decoder.finish())]).toEqual([
      0,
      'FRAME_TOO_LARGE',
      'FRAME_TOO_LARGE',
    ]);
  });

  test.each([
    ['ffffffffffffffffff02', 'OUT_OF_RANGE'],
    ['ffffffffffffffffffff', 'OUT_OF_RANGE'],
    ['ffffffffffffffffff01', 'FRAME_TOO_LARGE'],
    ['80808080808080808000', 'nothing'],
  ])('reads the ten-byte length %s: %s', (hex, code) => {
    const decoder = new DelimitedDecoder(100);
    decoder.push(hexToBytes(hex));
    expect(codeOf(() => decoder.next())).toBe(code);
  });

  test('gives the rest of a stream whose messages are followed by something else, and begins anew', () => {
    const decoder = new DelimitedDecoder(100);
    decoder.push(Uint8Array.of(1, 9, 7, 7));
    decoder.push(Uint8Array.of(8));
    expect(decoder.next()).toEqual(Uint8Array.of(9));
    expect(decoder.takeRest()).toEqual(Uint8Array.of(7, 7, 8));
    expect([decoder.bufferedBytes, decoder.isAtBoundary, decoder.takeRest().length]).toEqual([0, true, 0]);
    decoder.push(Uint8Array.of(1, 5));
    expect(decoder.next()).toEqual(Uint8Array.of(5));
  });

  test.each([-1, 0.5, DELIMITED_BYTES_MAX + 1])('cannot have a cap of %d bytes', (cap) => {
    expect(() => new DelimitedDecoder(cap)).toThrow(RangeError);
  });

  test.each([0, DELIMITED_BYTES_MAX])('can have a cap of %i bytes', (cap) => {
    expect(() => new DelimitedDecoder(cap)).not.toThrow();
  });
});
