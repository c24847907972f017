/**
 * A node that keeps an address book: told of one seed, it learns of the others by peer exchange, writes them down, and after a
 * restart finds them again although the seed is gone and nobody is named any more.
 *
 * Watch for: the parts that belong together. One book for what is known, one file for where it is kept, loaded before the switch
 * starts; one reactor that exchanges peers, saves the file every two minutes and when it stops, and keeps out whom the book has
 * banned. `isStrict: false` and `allowDuplicateIp` are for nodes of one machine; leave both out on the open internet.
 *
 * Runs as it is on Node 22.18 and later, which strips types: node examples/address-book.ts. In a program of your own the
 * imports are from `genmesh` (`systemClock` and `systemRandom` are there only), `genmesh/p2p` and so on.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock } from '../src/base/clock.ts';
import { systemRandom as random } from '../src/base/random.ts';
import { defaultEngine } from '../src/crypto/index.ts';
import { AddressBook, AddressBookFile, diskFiles, pexReactor, Switch } from '../src/p2p/index.ts';

const engine = defaultEngine();
const folder = await mkdtemp(join(tmpdir(), 'genmesh-'));

async function start(moniker: string, nodeKey = engine.generateKeyPair(random), seeds: string[] = []): Promise<Switch> {
  const book = new AddressBook({ clock, random, engine, isStrict: false });
  const file = new AddressBookFile({ book, files: diskFiles, path: join(folder, `${moniker}.json`), clock, random });
  const isKnown = await file.load(); // false when there is no file yet
  console.log(`${moniker} starts with`, isKnown ? `a book of ${book.size}` : 'no book');
  const pex = pexReactor({ book, file, seeds });
  return Switch.startLink({
    nodeKey,
    network: 'my-chain',
    moniker,
    listen: 'tcp://127.0.0.1:0',
    reactors: [pex],
    allowDuplicateIp: true,
  });
}

/** The names of the peers of `node`, once it has `count`. */
async function peersOf(node: Switch, count: number): Promise<string> {
  while (node.peers.size !== count) {
    await new Promise<void>((resolve) => {
      const changed = (): void => {
        for (const off of offs) off();
        resolve();
      };
      const offs = [node.on('peerAdded', changed), node.on('peerRemoved', changed)];
    });
  }
  return [...node.peers]
    .map(({ nodeInfo }) => nodeInfo.moniker)
    .sort()
    .join(', ');
}

const seed = await start('seed');
const seeds = [seed.nodeAddress as string];
const alice = await start('alice', undefined, seeds);
await peersOf(seed, 1);
const bobKey = engine.generateKeyPair(random);
const bob = await start('bob', bobKey, seeds);
console.log('bob, told of the seed, found', await peersOf(bob, 2));

await bob.stop();
await seed.stop();
await peersOf(alice, 0);
const again = await start('bob', bobKey);
console.log('bob, told of nobody, found', await peersOf(again, 1));

await again.stop();
await alice.stop();
await rm(folder, { recursive: true });
