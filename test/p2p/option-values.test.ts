/** Options of switches, reactors and peer exchange: a wrong one is refused where it is given, by its name. */
import { describe, expect, test } from 'vitest';
import { Ping } from '../../src/codec/archethic-node-messages.ts';
import { pexReactor } from '../../src/p2p/pex-reactor.ts';
import { type ReactorHandlers, reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';
import { mailboxRig } from './mailbox-rig.ts';
import { createBook } from './pex-rig.ts';
import { SwitchWorld } from './switch-rig.ts';

type Extra = Readonly<Record<string, unknown>>;

const { book } = createBook();
const Echo = channel({ id: 0x70, codec: bytesCodec });
const echo = (handlers: object = {}) =>
  reactor('echo', [Echo], () => ({ receive() {}, ...handlers }) as ReactorHandlers<typeof Echo>);

const ofPex: readonly (readonly [option: string, value: unknown, error: RegExp])[] = [
  ['book', undefined, /^option book is not an AddressBook$/],
  ['book', {}, /^option book is not an AddressBook: it has no method addAddress$/],
  ['outboundPeersMax', -1, /^option outboundPeersMax is -1: expected an integer from 0 to 65536$/],
  ['outboundPeersMax', 65_537, /^option outboundPeersMax is 65537: /],
  ['outboundPeersMax', Number.NaN, /^option outboundPeersMax is NaN: /],
  ['outboundPeersMax', '3', /^option outboundPeersMax is 3: /],
  ['outboundPeersMax', null, /^option outboundPeersMax is null: /],
  ['isBanEnforced', 'no', /^option isBanEnforced is no: expected true or false$/],
  ['isBanEnforced', 0, /^option isBanEnforced is 0: /],
  ['isBanEnforced', null, /^option isBanEnforced is null: /],
  ['isSeed', 'false', /^option isSeed is false: expected true or false$/],
  ['ensurePeersIntervalMs', 0, /^option ensurePeersIntervalMs is 0: expected 1 or more$/],
  ['ensurePeersIntervalMs', Number.NaN, /^option ensurePeersIntervalMs is NaN: /],
  ['seedDisconnectAfterMs', -1, /^option seedDisconnectAfterMs is -1: expected 0 or more$/],
  ['persistentPauseMsMax', '5', /^option persistentPauseMsMax is 5: expected 0 or more$/],
  ['persistentPeerIds', ['zz'], /^option persistentPeerIds: a node id is 40 hex digits$/],
  ['persistentPeerIds', [`${'a'.repeat(40)}@127.0.0.1:1`], /^option persistentPeerIds: /],
  ['persistentPeerIds', 'a'.repeat(40), /^option persistentPeerIds is not a list$/],
  ['seeds', 'a'.repeat(40), /^option seeds is not a list$/],
  ['seeds', ['zz'], /^seed: /],
  ['resolve', 'dns', /^option resolve is dns: expected a function$/],
  ['file', {}, /^option file is not an AddressBookFile: it has no method start$/],
  ['onPex', 3, /^option onPex is 3: expected a function$/],
];

describe('pexReactor', () => {
  test.each(ofPex)('%s of %o is refused at once', (option, value, error) => {
    const extra: Extra = { [option]: value };
    expect(() => pexReactor({ book, ...extra })).toThrow(error);
  });

  test('takes every bound itself', () => {
    for (const outboundPeersMax of [0, 65_536]) expect(pexReactor({ book, outboundPeersMax }).id).toBe('pex');
    for (const isBanEnforced of [true, false]) expect(pexReactor({ book, isBanEnforced }).id).toBe('pex');
    const least = { ensurePeersIntervalMs: 1, seedDisconnectAfterMs: 0, persistentPauseMsMax: 0 };
    expect(pexReactor({ book, ...least, persistentPeerIds: ['A'.repeat(40)] }).id).toBe('pex');
  });
});

const world = new SwitchWorld();
const start = (extra: Extra): Promise<Switch> =>
  Switch.startLink({
    nodeKey: world.key(),
    network: 'n',
    transport: world.network.transport('20.1.1.1'),
    clock: world.clock,
    ...extra,
  });

const ofSwitch: readonly (readonly [what: string, extra: Extra, error: RegExp])[] = [
  ['a text as peer filter', { peerFilters: ['x'] }, /^option peerFilters\[0\] is x: expected a function$/],
  ['a filter for a list', { peerFilters: () => undefined }, /^option peerFilters is not a list$/],
  [
    'an object as connection filter',
    { connectionFilters: [() => undefined, {}] },
    /^option connectionFilters\[1\] is /,
  ],
  [
    'a text as filter of a reactor',
    { reactors: [{ ...echo(), peerFilter: 'no' }] },
    /^option peerFilter of reactor echo/,
  ],
  [
    'null as filter of a reactor',
    { reactors: [{ ...echo(), peerFilter: null }] },
    /^option peerFilter of reactor echo/,
  ],
  ['a reactor without create', { reactors: [{ ...echo(), create: 3 }] }, /^option create of reactor echo is 3/],
  [
    'a misspelt name of a reactor',
    { reactors: [{ ...echo(), peerfilter() {} }] },
    /^option peerfilter of reactors is not/,
  ],
  ['null for the connection', { connection: null }, /^the options of connection are not an object$/],
  [
    'a misspelt version',
    { protocolVersion: { p2p: 8n, block: 11n, ap: 0n } },
    /^option ap of protocolVersion is not known/,
  ],
  ['a version left out', { protocolVersion: { p2p: 8n, block: 11n } }, /^option app of protocolVersion is undefined/],
  ['a number as version', { protocolVersion: { p2p: 8, block: 11n, app: 0n } }, /^option p2p of protocolVersion is 8/],
  [
    'a version below 0',
    { protocolVersion: { p2p: -1n, block: 11n, app: 0n } },
    /^option p2p of protocolVersion is -1n/,
  ],
  ['a version over 64 bits', { protocolVersion: { p2p: 2n ** 64n, block: 11n, app: 0n } }, /expected a bigint from 0n/],
  ['null as version', { protocolVersion: null }, /^the options of protocolVersion are not an object$/],
];

describe('a switch', () => {
  test.each(ofSwitch)('refuses %s when it is started', async (_what, extra, error) => {
    await expect(start(extra)).rejects.toThrow(error);
  });

  test('refuses a misspelt handler of a reactor, and lets a class have what it likes', async () => {
    const cause = await start({ reactors: [echo({ removepeer() {} })] }).catch((error: unknown) => error);
    expect(String((cause as Error).message)).toContain('option removepeer of reactor echo is not known');
    class Own {
      readonly seen = 0;
      receive(): void {}
    }
    const node = await start({ reactors: [reactor('own', [Echo], () => new Own())] });
    expect(node.nodeInfo.channels).toEqual(Uint8Array.of(0x70));
    await world.wait(node.stop());
  });
});

describe('what is given later', () => {
  test('channel and reactor say what is wrong with what they are given', () => {
    for (const nothing of [undefined, null]) {
      expect(() => channel(nothing as never)).toThrow(new TypeError('the options of channel are not an object'));
    }
    expect(() => reactor('r', [Echo], undefined as never)).toThrow(/^option create of reactor r is undefined/);
    expect(() => reactor('r', [Echo], () => ({ receive() {} }), 'no' as never)).toThrow(
      /^option peerFilter of reactor r/,
    );
  });

  test('misspelt options of send, broadcast, dialPeer, call and connected are refused by their names', async () => {
    const [a, b] = [await world.switch('a', { reactors: [echo()] }), await world.switch('b', { reactors: [echo()] })];
    const peer = await world.wait(a.dialPeer(b.nodeAddress as string));
    const misspelt = { timeoutms: 1 } as object;
    const bytes = Uint8Array.of(1);
    await expect(peer.send(Echo, bytes, misspelt)).rejects.toThrow('option timeoutms of send is not known');
    await expect(a.broadcast(Echo, bytes, misspelt)).rejects.toThrow('option timeoutms of broadcast is not known');
    await expect(a.dialPeer(b.nodeAddress as string, misspelt)).rejects.toThrow('option timeoutms of dialPeer is not');
    expect(() => a.dialPeersAsync([], misspelt)).toThrow('option timeoutms of dialPeer is not known');
    expect(await peer.send(Echo, bytes, { timeoutMs: 1 })).toBe('queued');
    await world.stop();
    const { remote } = await mailboxRig();
    await expect(remote.call(Ping, {}, misspelt)).rejects.toThrow('option timeoutms of call is not known');
    await expect(remote.connected(misspelt)).rejects.toThrow('option timeoutms of connected is not known');
  });
});
