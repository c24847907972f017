import { describe, expect, test } from 'vitest';
import {
  FrameOpener,
  FrameSealer,
  SEALED_FRAME_BYTES,
  SECRET_FRAME_DATA_BYTES_MAX,
  sealedFramesBytes,
} from '../../src/crypto/secret-frames.ts';
import { codeOf, ENGINES, NATIVE } from './engines.ts';

const KEY = new Uint8Array(32).fill(3);
const LAST = (1n << 64n) - 1n;

/** The plaintext of a sealed frame, padding included. */
function plainOf(sealed: Uint8Array, counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce[4] = counter;
  return NATIVE.frameCipher(KEY).open(nonce, sealed) as Uint8Array;
}

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))('frames of the %s engine', (_name, engine) => {
  test.each([0, 1, 1023, 1024, 1025, 2047, 2048, 2049])('carry %i bytes of data', (length) => {
    const data = Uint8Array.from({ length }, (_, i) => i * 7);
    const sealed = new FrameSealer(engine, KEY).seal(data);
    expect(sealed.length).toBe(sealedFramesBytes(length));
    expect(sealed.length).toBe(Math.ceil(length / 1024) * 1044);
    const opener = new FrameOpener(engine, KEY);
    const opened: number[] = [];
    for (let at = 0; at < sealed.length; at += SEALED_FRAME_BYTES) {
      opened.push(...opener.openFrame(sealed.subarray(at, at + SEALED_FRAME_BYTES)));
    }
    expect(Uint8Array.from(opened)).toEqual(data);
  });

  test('pad with zeros, also after a longer frame', () => {
    const sealer = new FrameSealer(engine, KEY);
    sealer.seal(new Uint8Array(1024).fill(0xee));
    const plain = plainOf(sealer.seal(Uint8Array.of(1, 2, 3)), 1);
    expect(plain.subarray(0, 7)).toEqual(Uint8Array.of(3, 0, 0, 0, 1, 2, 3));
    expect(plain.subarray(7).every((byte) => byte === 0)).toBe(true);
  });

  test('are opened with any padding', () => {
    const plain = new Uint8Array(1028).fill(0xee);
    plain.set([2, 0, 0, 0, 8, 9]);
    const sealed = new Uint8Array(SEALED_FRAME_BYTES);
    engine.frameCipher(KEY).seal(new Uint8Array(12), plain, sealed, 0);
    expect(new FrameOpener(engine, KEY).openFrame(sealed)).toEqual(Uint8Array.of(8, 9));
  });

  test.each([0, 3, 4, 500, 1027, 1028, 1043])('do not open with bit 0 of byte %i turned over', (at) => {
    const sealed = new FrameSealer(engine, KEY).seal(new Uint8Array(10));
    sealed[at] = (sealed[at] as number) ^ 1;
    expect(codeOf(() => new FrameOpener(engine, KEY).openFrame(sealed))).toBe('DECRYPTION_FAILED');
  });

  test.each([0, 15, 16, 1043, 1045])('of %i bytes do not open', (length) => {
    expect(codeOf(() => new FrameOpener(engine, KEY).openFrame(new Uint8Array(length)))).toBe('DECRYPTION_FAILED');
  });

  test.each([
    [1023, 'nothing'],
    [1024, 'nothing'],
    [1025, 'DECRYPTION_FAILED'],
    [0x8000_0000, 'DECRYPTION_FAILED'],
    [0xffff_ffff, 'DECRYPTION_FAILED'],
  ])('that say they hold %i bytes: %s', (length, code) => {
    const plain = new Uint8Array(1028);
    new DataView(plain.buffer).setUint32(0, length, true);
    const sealed = new Uint8Array(SEALED_FRAME_BYTES);
    engine.frameCipher(KEY).seal(new Uint8Array(12), plain, sealed, 0);
    expect(codeOf(() => new FrameOpener(engine, KEY).openFrame(sealed))).toBe(code);
  });

  test('never use a nonce twice: after the last one nothing is sealed or opened', () => {
    const sealer = new FrameSealer(engine, KEY, LAST - 1n);
    const opener = new FrameOpener(engine, KEY, LAST - 1n);
    for (let i = 0; i < 2; i += 1) opener.openFrame(sealer.seal(Uint8Array.of(i)));
    expect(codeOf(() => sealer.seal(Uint8Array.of(2)))).toBe('NONCE_EXHAUSTED');
    expect(codeOf(() => sealer.seal(Uint8Array.of(2)))).toBe('NONCE_EXHAUSTED');
    expect(codeOf(() => opener.openFrame(new Uint8Array(SEALED_FRAME_BYTES)))).toBe('NONCE_EXHAUSTED');
  });
});

describe('the arguments of frames', () => {
  test('more data than a frame holds is a RangeError', () => {
    const sealer = new FrameSealer(NATIVE, KEY);
    const target = new Uint8Array(SEALED_FRAME_BYTES);
    expect(() => sealer.sealFrame(new Uint8Array(SECRET_FRAME_DATA_BYTES_MAX), target, 0)).not.toThrow();
    expect(() => sealer.sealFrame(new Uint8Array(SECRET_FRAME_DATA_BYTES_MAX + 1), target, 0)).toThrow(RangeError);
  });

  test.each([-1n, LAST + 1n])('a counter of %d is a RangeError', (counter) => {
    expect(() => new FrameSealer(NATIVE, KEY, counter)).toThrow(RangeError);
    expect(() => new FrameOpener(NATIVE, KEY, counter)).toThrow(RangeError);
  });

  test.each([0, 31, 33])('a key of %i bytes is a RangeError', (length) => {
    for (const engine of ENGINES) expect(() => engine.frameCipher(new Uint8Array(length))).toThrow(RangeError);
  });

  test('the key is copied: what happens to it later does not matter', () => {
    for (const engine of ENGINES) {
      const key = KEY.slice();
      const sealer = new FrameSealer(engine, key);
      key.fill(0);
      expect(new FrameOpener(engine, KEY).openFrame(sealer.seal(Uint8Array.of(5)))).toEqual(Uint8Array.of(5));
    }
  });
});
