import { describe, expect, it } from 'vitest';
import {
  formatPeerAddress,
  type PeerInput,
  parsePeerAddress,
  parseSeeds,
  SEEDS_COUNT_MAX,
  toPeerAddress,
} from '../../src/p2p/peer-address.ts';
import { World } from './node-rig.ts';

const key = new World().key().publicKey;
const invalid = (text: string | RegExp): unknown =>
  expect.objectContaining({ code: 'PEER_INVALID', message: expect.stringMatching(text) });

describe('a peer in one line', () => {
  it.each(['tcp://10.0.0.1:30002', 'tcp://node.example:1', 'tcp://[::1]:65535', 'memory://a:1'])(
    '%s and a key is read and written again',
    (address) => {
      const text = `${address}:${key.hex}`;
      const peer = parsePeerAddress(text);
      expect(peer.publicKey.equals(key)).toBe(true);
      expect(formatPeerAddress(peer)).toBe(text);
      expect(toPeerAddress(text)).toEqual(peer);
    },
  );

  it('takes a key in upper case', () => {
    expect(parsePeerAddress(`tcp://a:1:${key.hex.toUpperCase()}`).publicKey.equals(key)).toBe(true);
  });

  it.each([
    '',
    'nonsense',
    'tcp://10.0.0.1:30002',
    'tcp://10.0.0.1:30002:',
    'tcp://10.0.0.1:30002:00',
    `tcp://10.0.0.1:${key.hex}`,
    `tcp://10.0.0.1:70000:${key.hex}`,
    `10.0.0.1:30002:${key.hex}`,
    `tcp://10.0.0.1:30002:09${key.hex.slice(2)}`,
  ])('%j is PEER_INVALID', (text) => {
    expect(() => parsePeerAddress(text)).toThrow(invalid(/^peer /));
  });

  it('shows at most 80 characters of what it refuses', () => {
    expect(() => parsePeerAddress('x'.repeat(10_000))).toThrow(invalid(/^peer "x{79}…": expected/));
  });
});

describe('a peer in parts', () => {
  const address = { scheme: 'tcp', host: '10.0.0.1', port: 3 };

  it.each<[string, PeerInput]>([
    ['objects', { publicKey: key, address }],
    ['bytes and a text', { publicKey: key.bytes, address: 'tcp://10.0.0.1:3' }],
    ['two texts', { publicKey: key.hex, address: 'tcp://10.0.0.1:3' }],
  ])('of %s is taken', (_what, input) => {
    const peer = toPeerAddress(input);
    expect(peer.publicKey.equals(key)).toBe(true);
    expect(peer.address).toEqual(address);
  });

  it('with a bad key or address is PEER_INVALID', () => {
    expect(() => toPeerAddress({ publicKey: 'xy', address })).toThrow(invalid(/^peer: /));
    expect(() => toPeerAddress({ publicKey: key, address: 'nowhere' })).toThrow(invalid(/^peer: /));
  });

  it.each<[unknown, RegExp]>([
    [undefined, /the address is missing/],
    [null, /the address is missing/],
    [5, /the address is missing/],
    [{}, /the scheme is not text/],
    [{ scheme: 'tcp' }, /the host is not text/],
    [{ ...address, host: 5 }, /the host is not text/],
    [{ ...address, host: '' }, /the host is empty/],
    [{ ...address, scheme: 'T' }, /the scheme is not lower-case/],
    [{ ...address, port: Number.NaN }, /the port is not a number/],
    [{ ...address, port: '3' }, /the port is not a number/],
    [{ ...address, port: 1.5 }, /the port is not a number/],
    [{ ...address, port: -1 }, /the port is not a number/],
    [{ ...address, port: 65_536 }, /the port is not a number/],
  ])('with the address %j is PEER_INVALID, saying what is wrong', (given, message) => {
    expect(() => toPeerAddress({ publicKey: key, address: given } as PeerInput)).toThrow(invalid(message));
  });

  it.each([undefined, null, 5, true])('is not %j', (given) => {
    expect(() => toPeerAddress(given as unknown as PeerInput)).toThrow(invalid(/^peer: expected tcp:/));
  });

  it('is copied, so that what was checked is what is dialled', () => {
    const given = { ...address };
    const peer = toPeerAddress({ publicKey: key, address: given });
    given.port = Number.NaN;
    expect(peer.address).toEqual(address);
  });

  it('that is refused leaves the node running', async () => {
    const world = new World();
    const [a, b] = [await world.node('a'), await world.node('b')];
    for (const bad of [undefined, null, {}, { scheme: 'tcp' }, { ...address, port: Number.NaN }]) {
      const input = { publicKey: key, address: bad } as PeerInput;
      await expect(a.connect(input)).rejects.toMatchObject({ code: 'PEER_INVALID' });
    }
    await expect(a.connect(undefined as unknown as PeerInput)).rejects.toMatchObject({ code: 'PEER_INVALID' });
    await world.wait((await a.connect(b.peer)).connected());
    expect(a.pid.isAlive).toBe(true);
    await world.stop();
  });
});

describe('a seeds file', () => {
  const line = (i: number): string => `10.0.0.${i}:3000${i}:${key.hex.toUpperCase()}:tcp`;

  it('is read line by line, without blank lines and comments, with any line ends', () => {
    const peers = parseSeeds(`# seeds\r\n${line(1)}\r\n\n  ${line(2)}  \n`);
    expect(peers.map(formatPeerAddress)).toEqual([1, 2].map((i) => `tcp://10.0.0.${i}:3000${i}:${key.hex}`));
    expect(parseSeeds('')).toEqual([]);
  });

  it.each([
    ['a line that is no seed', 'hello', /^seeds line 2: expected ip:port:HEXKEY:tcp, got "hello"$/],
    ['another transport', line(3).replace(':tcp', ':udp'), /^seeds line 2: transport udp is not tcp$/],
    ['a key that is none', '10.0.0.1:1:00ff:tcp', /^seeds line 2: /],
    ['a port out of range', line(1).replace(':30001:', ':99999:'), /^seeds line 2: /],
  ])('with %s is refused by its number, and nothing is taken', (_what, bad, message) => {
    expect(() => parseSeeds(`${line(1)}\n${bad}\n${line(2)}`)).toThrow(invalid(message));
  });

  it.each([
    [SEEDS_COUNT_MAX - 1, false],
    [SEEDS_COUNT_MAX, false],
    [SEEDS_COUNT_MAX + 1, true],
  ])('of %i lines is refused: %s', (count, isRefused) => {
    const text = Array(count).fill('#').join('\n');
    if (isRefused) expect(() => parseSeeds(text)).toThrow(invalid(`${count} lines: at most ${SEEDS_COUNT_MAX}`));
    else expect(parseSeeds(text)).toEqual([]);
  });
});
