import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NetError } from '../../src/net/errors.ts';
import { formatNetAddress, NET_ADDRESS_CHARS_MAX, parseNetAddress } from '../../src/net/net-address.ts';

describe('parseNetAddress', () => {
  it.each([
    ['tcp://127.0.0.1:30002', 'tcp', '127.0.0.1', 30002],
    ['tcp://0.0.0.0:0', 'tcp', '0.0.0.0', 0],
    ['tcp://255.255.255.255:65535', 'tcp', '255.255.255.255', 65535],
    ['tcp://node-1.example.org:1', 'tcp', 'node-1.example.org', 1],
    ['tcp://localhost:80', 'tcp', 'localhost', 80],
    ['tcp://[::1]:30002', 'tcp', '::1', 30002],
    ['tcp://[::]:1', 'tcp', '::', 1],
    ['tcp://[1:2:3:4:5:6:7:8]:1', 'tcp', '1:2:3:4:5:6:7:8', 1],
    ['tcp://[2001:db8::1:0]:1', 'tcp', '2001:db8::1:0', 1],
    ['tcp://[::ffff:10.0.0.1]:1', 'tcp', '::ffff:10.0.0.1', 1],
    ['tcp://[fe80::1%eth0]:1', 'tcp', 'fe80::1%eth0', 1],
    ['memory://a:1', 'memory', 'a', 1],
    ['x-1+y.z://under_score:1', 'x-1+y.z', 'under_score', 1],
  ])('reads %s, and it is written the same', (text, scheme, host, port) => {
    expect(parseNetAddress(text)).toEqual({ scheme, host, port });
    expect(formatNetAddress({ scheme, host, port })).toBe(text);
  });

  it.each([
    '',
    'tcp',
    '127.0.0.1:30002',
    'tcp://',
    'tcp://:1',
    'tcp://host',
    'tcp://host:',
    'tcp://host:65536',
    'tcp://host:-1',
    'tcp://host:01',
    'tcp://host:1x',
    'tcp://host:1/',
    'tcp://host:1:2',
    'TCP://host:1',
    '1tcp://host:1',
    'tcp://user@host:1',
    'tcp://ho st:1',
    'tcp://-host:1',
    'tcp://host-:1',
    'tcp://a..b:1',
    'tcp://host.:1',
    'tcp://127.0.0.256:1',
    'tcp://127.1:1',
    'tcp://0127.0.0.1:1',
    'tcp://1.2.3.4.5:1',
    'tcp://::1:1',
    'tcp://[::1:1',
    'tcp://[::1]',
    'tcp://[::1]1',
    'tcp://[127.0.0.1]:1',
    'tcp://[1::2::3]:1',
    'tcp://[1:2:3:4:5:6:7]:1',
    'tcp://[1:2:3:4:5:6:7:8:9]:1',
    'tcp://[1:2:3:4:5:6:7::8]:1:',
    'tcp://[12345::]:1',
    'tcp://[1.2.3.4::]:1',
    'tcp://[::1%]:1',
    'tcp://[::1%a%b]:1',
    `tcp://${'a'.repeat(64)}:1`,
    'tcp://host\n:1',
  ])('refuses %j', (text) => {
    expect(() => parseNetAddress(text)).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }));
  });

  it('says which part is wrong', () => {
    expect(() => parseNetAddress('tcp://host:70000')).toThrow(
      'address "tcp://host:70000": the port is not a number from 0 to 65535',
    );
  });

  it('reads host labels of 63 characters and hosts of 253, and refuses one more', () => {
    const label = 'a'.repeat(63);
    const host = `${label}.${label}.${label}.${'a'.repeat(61)}`;
    expect(host).toHaveLength(253);
    expect(parseNetAddress(`tcp://${host}:1`).host).toBe(host);
    expect(() => parseNetAddress(`tcp://${host}a:1`)).toThrow(NetError);
    expect(() => parseNetAddress(`tcp://${'a'.repeat(64)}:1`)).toThrow(NetError);
  });

  it('reads no text longer than its bound, and shows no long text', () => {
    const text = `tcp://${'a'.repeat(NET_ADDRESS_CHARS_MAX)}:1`;
    expect(() => parseNetAddress(text)).toThrow(`at most ${NET_ADDRESS_CHARS_MAX}`);
    const message = ((): string => {
      try {
        parseNetAddress(`tcp://${'a'.repeat(200)}:1`);
        return '';
      } catch (error) {
        return (error as NetError).message;
      }
    })();
    expect(message).toMatch(/^address "tcp:\/\/a{50,80}…"/);
  });

  it('throws nothing but NetError, and what it reads it writes as it was', () => {
    const piece = fc.constantFrom(
      'tcp',
      '://',
      ':',
      '[',
      ']',
      '::',
      '1',
      '127.0.0.1',
      'host',
      '.',
      '%',
      '65535',
      '-',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join('')),
        ),
        (text) => {
          try {
            expect(formatNetAddress(parseNetAddress(text))).toBe(text);
          } catch (error) {
            expect(error).toBeInstanceOf(NetError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('formatNetAddress', () => {
  it.each([
    { scheme: 'tcp', host: 'a', port: 1.5 },
    { scheme: 'tcp', host: 'a', port: 65_536 },
    { scheme: 'tcp', host: 'a', port: Number.NaN },
    { scheme: '', host: 'a', port: 1 },
    { scheme: 'tcp', host: '', port: 1 },
    { scheme: 'tcp', host: 'a:b', port: 1 },
  ])('refuses %o', (address) => {
    expect(() => formatNetAddress(address)).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }));
  });
});
