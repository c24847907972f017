import { describe, expect, test } from 'vitest';
import {
  formatHostPort,
  formatNodeAddress,
  isNodeId,
  NODE_ADDRESS_CHARS_MAX,
  parseNodeAddress,
} from '../../src/codec/cometbft-address.ts';
import { formatIp, IP_CHARS_MAX, ipGroupKey, isIpv4, isValidIp, parseIp } from '../../src/codec/cometbft-ip.ts';
import { codeOf } from '../crypto/engines.ts';

const ID = '88116a3091362a7d8d8c8987eae06c8224c9fde5';

describe('a node address', () => {
  test.each([
    [`${ID}@1.2.3.4:26656`, '1.2.3.4', 26_656],
    [`tcp://${ID}@[2001:DB8:0:0::1]:1`, '2001:db8::1', 1],
    [`${ID}@[::ffff:1.2.3.4]:1`, '1.2.3.4', 1],
    [`${ID}@seed.example.org:65535`, 'seed.example.org', 65_535],
    [`${ID}@a_b-c:0`, 'a_b-c', 0],
  ])('%s has host %s and port %i', (text, host, port) => {
    expect(parseNodeAddress(text)).toEqual({ id: ID, host, port });
    const again = formatNodeAddress(parseNodeAddress(text));
    expect(formatNodeAddress(parseNodeAddress(again))).toBe(again);
  });

  test.each([
    '1.2.3:80',
    '01.2.3.4:80',
    '1.2.3.256:80',
    '[1.2.3.4:80',
    '[host]:80',
    '[]:80',
    '-host:80',
    'ho st:80',
    'host:',
    'host:1x',
    'host:0x50',
    'host:65536',
    'host:1000000',
    '[::1%eth0]:80',
    `${'a'.repeat(64)}:80`,
    'a..b:80',
  ])('with %s is refused', (hostPort) => {
    expect(codeOf(() => parseNodeAddress(`${ID}@${hostPort}`))).toBe('INVALID_VALUE');
  });

  test('is read up to its bound of characters', () => {
    const label = 'a'.repeat(60);
    const host = `${label}.${label}.${label}.${label}`;
    const padded = (chars: number): string => `${'x'.repeat(chars - 300)}://${ID}@${host}:26656`;
    const bare = parseNodeAddress(`${ID}@${host}:26656`);
    expect(bare.host.length).toBe(243);
    const at = padded(300 + NODE_ADDRESS_CHARS_MAX - `://${ID}@${host}:26656`.length);
    expect(at.length).toBe(NODE_ADDRESS_CHARS_MAX);
    expect(parseNodeAddress(at)).toEqual(bare);
    expect(codeOf(() => parseNodeAddress(`x${at}`))).toBe('INVALID_VALUE');
  });

  test('is shown cut in errors, however long it came', () => {
    try {
      parseNodeAddress('y'.repeat(NODE_ADDRESS_CHARS_MAX));
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(200);
    }
    expect.assertions(1);
  });

  test('puts IPv6 in brackets where a port follows', () => {
    expect(formatHostPort({ host: '::1', port: 5 })).toBe('[::1]:5');
    expect(formatHostPort({ host: 'host', port: 5 })).toBe('host:5');
  });

  test('has an id of 40 hex digits, of either case', () => {
    expect([ID, ID.toUpperCase()].map(isNodeId)).toEqual([true, true]);
    expect([`${ID}0`, ID.slice(1), `g${ID.slice(1)}`, ''].map(isNodeId)).toEqual([false, false, false, false]);
  });
});

describe('an IP address', () => {
  test.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:0:2:0:0:0', '1::2:0:0:0'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
    ['0001:00a0::FFFF', '1:a0::ffff'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['255.255.255.255', '255.255.255.255'],
  ])('%s is written %s', (text, expected) => {
    const ip = parseIp(text) as Uint8Array;
    expect(ip.length).toBe(16);
    expect(formatIp(ip)).toBe(expected);
    expect(formatIp(parseIp(expected) as Uint8Array)).toBe(expected);
  });

  test.each([
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::1.2.3',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.04',
    '1.2.3.-4',
    ' 1.2.3.4',
    '::1%1',
  ])('%s is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('has at most 45 characters', () => {
    const longest = '0000:0000:0000:0000:0000:ffff:255.255.255.255';
    expect(longest.length).toBe(IP_CHARS_MAX);
    expect(isIpv4(parseIp(longest) as Uint8Array)).toBe(true);
    expect(parseIp(`0${longest}`)).toBeUndefined();
  });

  test('that was mapped into IPv6 is worth what it is in IPv4', () => {
    expect(isValidIp(parseIp('::ffff:0.0.0.0') as Uint8Array)).toBe(false);
    expect(ipGroupKey(parseIp('::ffff:8.8.4.4') as Uint8Array, true)).toBe('8.8.0.0');
  });
});
