/** What a hostile peer may send on the PEX channel, and what becomes of it; others go on as if it were not there. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodePexMessage, PEX_MESSAGE_BYTES_MAX } from '../../src/codec/cometbft-pex.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import { at, FakePeer, fillBook, idOf, PexRig, randomAddress } from '../p2p/pex-rig.ts';

const ADDRESS = { id: idOf(7), ip: '20.30.40.50', port: 26_656 };

/** An answer as bytes, without the checks of our own encoder. */
function rawAnswer(count: number, bytesEach = 60): Uint8Array {
  const one = encodePexMessage({ type: 'pex_addrs', addresses: [{ ...ADDRESS, ip: 'x'.repeat(bytesEach - 48) }] });
  const entry = one.subarray(2 + (one[1]! >= 0x80 ? 1 : 0));
  const inner = new Uint8Array(entry.length * count);
  for (let i = 0; i < count; i += 1) inner.set(entry, i * entry.length);
  const head = [0x12];
  for (let rest = inner.length; ; rest >>>= 7) {
    head.push(rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest);
    if (rest < 0x80) break;
  }
  return Uint8Array.from([...head, ...inner]);
}

describe('one message that ends and bans its sender', () => {
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['garbage', Uint8Array.of(0xff, 0xff, 0xff)],
    ['an unknown member of the oneof', hexToBytes('1a00')],
    ['an answer cut off', encodePexMessage({ type: 'pex_addrs', addresses: [ADDRESS] }).subarray(0, 20)],
    ['a group without an end', hexToBytes('0b')],
    ['field number 0', hexToBytes('0200')],
    ['251 addresses', rawAnswer(251)],
    ['a message over 64 000 bytes', rawAnswer(1, PEX_MESSAGE_BYTES_MAX + 1)],
    [
      'an IP address that is a name',
      encodePexMessage({ type: 'pex_addrs', addresses: [{ ...ADDRESS, ip: 'localhost' }] }),
    ],
    ['no IP address', encodePexMessage({ type: 'pex_addrs', addresses: [{ ...ADDRESS, ip: '' }] })],
    ['port 65536', encodePexMessage({ type: 'pex_addrs', addresses: [{ ...ADDRESS, port: 65_536 }] })],
    [
      'one bad address among good ones',
      encodePexMessage({ type: 'pex_addrs', addresses: [ADDRESS, { ...ADDRESS, ip: '1.2.3' }] }),
    ],
  ])('%s, though an answer was asked for', (_name, bytes) => {
    const rig = new PexRig();
    const [evil, other] = [rig.peer({ isOutbound: true }), rig.peer({ isOutbound: true })];
    rig.pex.receive(evil, bytes);
    expect(evil.error).toMatchObject({ code: 'PEX_INVALID', cause: expect.any(Error) });
    expect([evil.isConnected, rig.book.hasMisbehaved(evil.id)]).toEqual([false, true]);
    expect([other.isConnected, rig.book.hasMisbehaved(other.id), rig.book.size]).toEqual([true, false, 0]);
    rig.answer(other, [ADDRESS]);
    expect(rig.book.size).toBe(1);
  });

  test('the error says nothing of what was sent but a short piece of it', () => {
    const rig = new PexRig();
    const evil = rig.peer({ isOutbound: true });
    rig.answer(evil, [{ ...ADDRESS, ip: 'A'.repeat(5000) }]);
    expect(evil.error?.message.length).toBeLessThan(400);
  });
});

describe('what is taken, but not to heart', () => {
  test('250 addresses are taken; nobody is banned for some that are worthless', () => {
    const rig = new PexRig();
    const peer = rig.peer({ isOutbound: true });
    const worthless = [
      { ...ADDRESS, id: '' },
      { ...ADDRESS, id: 'no id' },
      { ...ADDRESS, ip: '0.0.0.0' },
      { ...ADDRESS, ip: '127.0.0.1' },
      { ...ADDRESS, ip: '10.0.0.1' },
      { ...ADDRESS, ip: '::1' },
      { ...ADDRESS, ip: '255.255.255.255' },
      { ...ADDRESS, ip: '2001:db8::1' },
    ];
    const good = Array.from({ length: 242 }, () => randomAddress(rig.random));
    rig.answer(peer, [...worthless, ...good]);
    expect(peer.error).toBeUndefined();
    expect(rig.pex.stats()).toMatchObject({ addressesReceived: 250, addressesRefused: 8, addressesAdded: 242 });
  });

  test('our own id and place in an answer are refused', () => {
    const rig = new PexRig();
    rig.book.addOurAddress(at(1, '5.6.7.8'));
    const peer = rig.peer({ isOutbound: true });
    rig.answer(peer, [at(1, '8.8.8.8'), at(2, '5.6.7.8')]);
    expect([rig.book.size, peer.error]).toEqual([0, undefined]);
  });
});

describe('floods', () => {
  test('1000 requests at once: two answers, one error, one ban', () => {
    const rig = new PexRig();
    fillBook(rig.book, rig.random, 0, 50);
    const evil = rig.peer();
    for (let i = 0; i < 1000; i += 1) rig.request(evil);
    expect([evil.sent.length, evil.error?.code, rig.book.hasMisbehaved(evil.id)]).toEqual([2, 'FLOOD', true]);
    expect(rig.pex.stats().peersBanned).toBe(1);
  });

  test('answers after the end are dropped, whatever they hold', () => {
    const rig = new PexRig();
    const evil = rig.peer({ isOutbound: true });
    rig.network.remove(evil);
    rig.answer(evil, [ADDRESS]);
    rig.request(evil);
    expect([rig.book.size, evil.sent.length, evil.error]).toEqual([0, 1, undefined]);
    expect(rig.pex.requestAddresses(evil)).toBe(false);
  });

  test('a liar with all the time in the world fills the buckets of its own group and no more', async () => {
    const rig = new PexRig();
    const honest = fillBook(rig.book, rig.random, 40, 0);
    const evil = rig.peer({ isOutbound: true });
    for (let round = 0; round < 60; round += 1) {
      rig.answer(
        evil,
        Array.from({ length: 250 }, () => randomAddress(rig.random)),
      );
      await rig.clock.advance(30_000);
      rig.pex.requestAddresses(evil);
    }
    expect(rig.book.newCount).toBeLessThanOrEqual(32 * 65);
    for (const address of honest) expect(rig.book.isGood(address)).toBe(true);
    const picked = Array.from({ length: 300 }, () => rig.book.pickAddress(10)!);
    expect(picked.filter((address) => rig.book.isGood(address)).length).toBeGreaterThan(100);
  });

  test('peers that come, misbehave and come again under new ids leave a bounded trace', () => {
    const rig = new PexRig();
    for (let i = 0; i < 10_050; i += 1) {
      const evil = rig.network.add(new FakePeer(rig.network, at(i + 1, '20.30.40.50', 1000)));
      rig.pex.receive(evil, new Uint8Array(0));
    }
    expect([rig.book.banCount, rig.book.size, rig.network.connected.size]).toEqual([10_000, 0, 0]);
  });

  test('a peer without any IP address is banned by its id', () => {
    const rig = new PexRig();
    const evil = rig.peer({ socketAddress: undefined, listenAddress: undefined });
    rig.pex.receive(evil, new Uint8Array(0));
    expect([evil.error?.code, rig.book.hasMisbehaved(evil.id)]).toEqual(['PEX_INVALID', true]);
  });

  test('addresses told by a peer without an address have no source, and are refused', () => {
    const rig = new PexRig();
    const peer = rig.peer({ isOutbound: true, socketAddress: undefined, listenAddress: undefined });
    rig.answer(peer, [randomAddress(rig.random)]);
    expect([rig.book.size, rig.pex.stats().addressesRefused, peer.error]).toEqual([0, 1, undefined]);
  });
});

test('no bytes whatever make it throw, and every peer is either fine or banned with a reason', () => {
  const prefix = fc.constantFrom('', '0a00', '12', '1200', '123f0a3d0a28', '12130a110a0131', '1a');
  const bytes = fc
    .tuple(prefix, fc.uint8Array({ maxLength: 200 }))
    .map(([hex, tail]) => Uint8Array.from([...hexToBytes(hex), ...tail]));
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 6 }), fc.boolean(), (messages, isOutbound) => {
      const rig = new PexRig();
      const peer = rig.peer({ isOutbound });
      for (const message of messages) rig.pex.receive(peer, message);
      expect(peer.isConnected).toBe(peer.error === undefined);
      expect(rig.book.hasMisbehaved(peer.id)).toBe(peer.error !== undefined);
      if (peer.error !== undefined) expect(['PEX_INVALID', 'PEX_UNSOLICITED', 'FLOOD']).toContain(peer.error.code);
    }),
    { numRuns: 2000 },
  );
});
