import { describe, expect, test } from 'vitest';
import {
  checkPexAddress,
  decodePexMessage,
  encodePexMessage,
  PEX_ADDRESSES_MAX,
  PEX_MESSAGE_BYTES_MAX,
  type PexNetAddress,
} from '../../src/codec/cometbft-pex.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { codeOf } from '../crypto/engines.ts';

const ADDRESS: PexNetAddress = { id: '1', ip: '127.0.0.1', port: 9090 };
const listOf = (count: number): readonly PexNetAddress[] => Array.from({ length: count }, () => ADDRESS);

describe('a PEX message', () => {
  test('is the one of upstream’s TestPexVectors', () => {
    expect(bytesToHex(encodePexMessage({ type: 'pex_request' }))).toBe('0a00');
    const addrs = encodePexMessage({ type: 'pex_addrs', addresses: [ADDRESS] });
    expect(bytesToHex(addrs)).toBe('12130a110a013112093132372e302e302e31188247');
  });

  test.each([
    [249, 'nothing'],
    [250, 'nothing'],
    [251, 'OUT_OF_RANGE'],
  ])('with %i addresses: %s', (count, code) => {
    expect(codeOf(() => encodePexMessage({ type: 'pex_addrs', addresses: listOf(count) }))).toBe(code);
    const one = hexToBytes('0a110a013112093132372e302e302e31188247');
    const body = Uint8Array.from({ length: one.length * count }, (_, i) => one[i % one.length] as number);
    const prefix = [0x12, (body.length & 0x7f) | 0x80, body.length >> 7];
    expect(codeOf(() => decodePexMessage(Uint8Array.of(...prefix, ...body)))).toBe(code);
    expect(PEX_ADDRESSES_MAX).toBe(250);
  });

  test.each([
    [PEX_MESSAGE_BYTES_MAX - 1, 'UNKNOWN_MESSAGE'],
    [PEX_MESSAGE_BYTES_MAX, 'UNKNOWN_MESSAGE'],
    [PEX_MESSAGE_BYTES_MAX + 1, 'FRAME_TOO_LARGE'],
  ])('of %i bytes: %s', (length, code) => {
    // Fields of two and of three bytes that nobody knows.
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 2) bytes[at] = 0x78;
    if (length % 2 === 1) bytes.set([0x78, 0x80, 0], length - 3);
    expect(codeOf(() => decodePexMessage(bytes))).toBe(code);
  });

  test.each([
    ['', 'UNKNOWN_MESSAGE'],
    ['1a00', 'UNKNOWN_MESSAGE'],
    ['0801', 'INVALID_VALUE'],
    ['0a01', 'TRUNCATED'],
    ['12020a05', 'TRUNCATED'],
    ['12020801', 'INVALID_VALUE'],
    ['0a0107', 'INVALID_VALUE'],
  ])('of the bytes %s: %s', (hex, code) => {
    expect(codeOf(() => decodePexMessage(hexToBytes(hex)))).toBe(code);
  });

  test('of both kinds is the last of them', () => {
    expect(decodePexMessage(hexToBytes('0a001200'))).toEqual({ type: 'pex_addrs', addresses: [] });
    expect(decodePexMessage(hexToBytes('12000a00'))).toEqual({ type: 'pex_request' });
  });

  test.each([-1, 0.5, 2 ** 32])('with port %d is not written', (port) => {
    const message = { type: 'pex_addrs', addresses: [{ ...ADDRESS, port }] } as const;
    expect(codeOf(() => encodePexMessage(message))).toBe('OUT_OF_RANGE');
  });
});

describe('an address that came', () => {
  test.each([
    ['1.2.3.4', 65_535, 'nothing'],
    ['1.2.3.4', 65_536, 'OUT_OF_RANGE'],
    ['host', 1, 'INVALID_VALUE'],
    ['', 1, 'INVALID_VALUE'],
  ])('with ip %s and port %i: %s', (ip, port, code) => {
    expect(codeOf(() => checkPexAddress({ id: '', ip, port }))).toBe(code);
  });

  test('has its IP in one form afterwards', () => {
    expect(checkPexAddress({ id: 'x', ip: '0:0::1', port: 3 })).toEqual({ id: 'x', ip: '::1', port: 3 });
  });
});
