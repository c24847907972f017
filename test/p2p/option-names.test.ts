/** Every option object of the second wire and of nodes: a misspelt option is refused by its name, none is ignored. */
import { describe, expect, test } from 'vitest';
import { checkOptionNames } from '../../src/base/errors.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { AddressBook } from '../../src/p2p/address-book.ts';
import { AddressBookFile } from '../../src/p2p/address-book-file.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { Pex } from '../../src/p2p/pex.ts';
import { crawl } from '../../src/p2p/pex-crawl.ts';
import { wireCrawlNetwork } from '../../src/p2p/pex-crawl-network.ts';
import { pexReactor } from '../../src/p2p/pex-reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';
import { at, engine, MemoryFiles } from './pex-rig.ts';
import { SwitchWorld } from './switch-rig.ts';

const world = new SwitchWorld();
const { clock, random } = world;
const transport = world.network.transport('20.1.1.1');
const nodeKey = world.key();
const book = new AddressBook({ clock, random, engine });
const stream = { remoteAddress: 'memory://b:1' } as never;
const handlers = { onReceive(): void {} };
/** Neither of it is reached: the names are looked at first. */
const network = {} as never;

type Extra = Readonly<Record<string, unknown>>;

const doors: readonly (readonly [name: string, open: (extra: Extra) => unknown])[] = [
  ['a node', (extra) => NodeSupervisor.startLink({ identity: nodeKey, ...extra })],
  ['a switch', (extra) => Switch.startLink({ nodeKey, network: 'n', transport, ...extra })],
  ['connection of a switch', (extra) => Switch.startLink({ nodeKey, network: 'n', transport, connection: extra })],
  ['channel', (extra) => channel({ id: 0x70, codec: bytesCodec, ...extra })],
  ['an MConnection', (extra) => new MConnection(stream, [{ id: 1, priority: 1 }], { clock, handlers, ...extra })],
  [
    'a channel of an MConnection',
    (extra) => new MConnection(stream, [{ id: 1, priority: 1, ...extra }], { clock, handlers }),
  ],
  ['secretConnection', (extra) => secretConnection(stream, { clock, random, engine, nodeKey, ...extra })],
  ['pexReactor', (extra) => pexReactor({ book, ...extra })],
  ['Pex', (extra) => new Pex({ book, network, clock, random, ...extra })],
  ['an address book', (extra) => new AddressBook({ clock, random, engine, ...extra })],
  [
    'the file of a book',
    (extra) => new AddressBookFile({ book, files: new MemoryFiles(), path: 'b.json', clock, random, ...extra }),
  ],
  ['crawl', (extra) => crawl({ network, roots: [at(1, '20.1.1.1')], clock, ...extra }).next()],
  [
    'wireCrawlNetwork',
    (extra) => wireCrawlNetwork({ transport, nodeKey, network: 'n', clock, random, engine, ...extra }),
  ],
  ['TCP', (extra) => new TcpTransport({ clock, ...extra })],
  ['a network in memory', (extra) => new MemoryNetwork({ clock, ...extra })],
];

describe('options of', () => {
  test.each(doors)('%s: one that is not known is refused by its name, whatever its value', async (_name, open) => {
    for (const value of [1, undefined]) {
      const opening = (async () => open({ sendQueueCapasity: value }))();
      await expect(opening).rejects.toThrow(RangeError);
      await expect(opening).rejects.toThrow(/^option sendQueueCapasity\b.* is not known$/);
    }
  });

  test('a connection of a switch are not those that the switch gives itself', async () => {
    for (const name of ['clock', 'handlers', 'logger']) {
      const start = Switch.startLink({ nodeKey, network: 'n', transport, connection: { [name]: clock } });
      await expect(start).rejects.toThrow(new RangeError(`option ${name} of connection is not known`));
    }
  });

  test('pexReactor are not those that the switch gives itself', () => {
    for (const name of ['network', 'clock', 'random', 'logger']) {
      const extra = { [name]: clock };
      expect(() => pexReactor({ book, ...extra })).toThrow(new RangeError(`option ${name} of pexReactor is not known`));
    }
  });
});

describe('checkOptionNames', () => {
  const known = { a: true, b: true };

  test('lets known names pass, whatever their values, and needs none of them', () => {
    expect(() => checkOptionNames({}, known)).not.toThrow();
    expect(() => checkOptionNames({ a: undefined, b: null }, known)).not.toThrow();
  });

  test('names the first that is not known, and whose it is', () => {
    const misspelt: Extra = { a: 1, c: 1, d: 1 };
    expect(() => checkOptionNames(misspelt as typeof known, known, ' of x')).toThrow(
      new RangeError('option c of x is not known'),
    );
  });

  test('knows no name that every object inherits', () => {
    const inherited: Extra = { toString: 1 };
    expect(() => checkOptionNames(inherited as typeof known, known)).toThrow('option toString is not known');
  });

  test('refuses what is no object', () => {
    for (const nothing of [undefined, null, 'a']) {
      expect(() => checkOptionNames(nothing as unknown as typeof known, known, ' of x')).toThrow(
        new TypeError('the options of x are not an object'),
      );
    }
  });
});
