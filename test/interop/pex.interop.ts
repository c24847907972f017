/**
 * Peer exchange and the address book against CometBFT's own, out of its unmodified packages: `test/interop/go-pex`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { parseNodeAddress } from '../../src/codec/cometbft-address.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { AddressBook } from '../../src/p2p/address-book.ts';
import { decodeAddressBook, encodeAddressBook } from '../../src/p2p/address-book-json.ts';
import { type PexAddress, toPexAddress } from '../../src/p2p/pex-address.ts';
import { crawl } from '../../src/p2p/pex-crawl.ts';
import { wireCrawlNetwork } from '../../src/p2p/pex-crawl-network.ts';
import { pexReactor } from '../../src/p2p/pex-reactor.ts';
import { Switch } from '../../src/p2p/switch.ts';
import { createBook, fillBook } from '../p2p/pex-rig.ts';
import { buildGo, INTEROP_FOLDER } from './go-program.ts';

const SOURCE = 'test/interop/go-pex';
const BINARY = `${INTEROP_FOLDER}/go-pex`;
/** Rounds of the Go nodes: we refuse whoever asks more often than every 10 s. */
const PERIOD_MS = 12_000;
/** Ours, which must not make us ask them more often than they allow: a third of theirs. */
const OUR_PERIOD_MS = 3000;
const engine = defaultEngine();

/** Three Go switches, and what their books hold as they tell it. */
class GoNetwork {
  readonly addresses: readonly string[];
  readonly #child: ChildProcess;
  readonly #waits = new Set<(known: readonly (readonly string[])[]) => void>();

  private constructor(child: ChildProcess, addresses: readonly string[], lines: ReturnType<typeof createInterface>) {
    this.#child = child;
    this.addresses = addresses;
    lines.on('line', (line) => {
      const { known } = JSON.parse(line) as { readonly known: readonly (readonly string[])[] };
      for (const wait of this.#waits) wait(known);
    });
  }

  static async start(): Promise<GoNetwork> {
    const child = spawn(BINARY, ['serve', `${PERIOD_MS}ms`], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const first = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      child.once('exit', (code) => reject(new Error(`the Go peer ended with ${code} before it listened`)));
    });
    return new GoNetwork(child, (JSON.parse(first) as { addresses: string[] }).addresses, lines);
  }

  /** Resolves when the books hold what `isThere` asks for. */
  async until(isThere: (known: readonly (readonly string[])[]) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const wait = (known: readonly (readonly string[])[]): void => {
        if (!isThere(known)) return;
        this.#waits.delete(wait);
        resolve();
      };
      this.#waits.add(wait);
    });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

async function startNode(options: { readonly seeds?: readonly string[]; readonly outboundPeersMax?: number }) {
  const book = new AddressBook({ clock: systemClock, random: systemRandom, engine, isStrict: false });
  const node = await Switch.startLink({
    nodeKey: engine.generateKeyPair(systemRandom),
    network: 'testing',
    listen: 'tcp://127.0.0.1:0',
    allowDuplicateIp: true,
    reactors: [pexReactor({ book, ensurePeersIntervalMs: OUR_PERIOD_MS, ...options })],
  });
  return { node, book, address: pexAddress(node.nodeAddress as string) };
}

const pexAddress = (text: string): PexAddress => toPexAddress(parseNodeAddress(text)) as PexAddress;

/** Resolves when a peer with that id, or any inbound one, is added. */
function peerAdded(node: Switch, isWanted: (id: string, isOutbound: boolean) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const off = node.on('peerAdded', ({ peer }) => {
      if (!isWanted(peer.id, peer.isOutbound)) return;
      off();
      resolve();
    });
  });
}

let go: GoNetwork;
beforeAll(async () => {
  buildGo(SOURCE, 'go-pex');
  go = await GoNetwork.start();
}, 300_000);
afterAll(() => go?.stop());

test('CometBFT reads our addrbook.json, and we read what it saves of it', () => {
  const { book, random } = createBook(5);
  fillBook(book, random, 300, 900);
  const path = join(mkdtempSync(join(tmpdir(), 'addrbook-')), 'addrbook.json');
  writeFileSync(path, encodeAddressBook(book));
  const said = JSON.parse(execFileSync(BINARY, ['book', path], { encoding: 'utf8' })) as Record<string, unknown>;
  expect(said).toMatchObject({ size: 1200, selection: 250, picks: true });
  expect(said.good).toBeGreaterThan(20);
  const back = decodeAddressBook(readFileSync(path, 'utf8'));
  const byId = new Map(back.addresses.map((entry) => [entry.address.id, entry]));
  expect(back.key).toBe(book.key);
  expect(book.entries().map(({ address }) => byId.get(address.id))).toEqual(book.entries());
});

test('PEX goes both ways: we learn of nodes from Go and dial them, Go learns of ours from us and dials it', async () => {
  const hidden = await startNode({ outboundPeersMax: 0 }); // known to our other node only
  const ours = await startNode({ seeds: [go.addresses[0] as string] });
  try {
    ours.book.addAddress(hidden.address, hidden.address);
    const [, second] = go.addresses.map(pexAddress);
    await Promise.all([
      peerAdded(ours.node, (id) => id === second?.id),
      peerAdded(hidden.node, (id, isOutbound) => !isOutbound && id !== ours.node.id),
      go.until(([first = []]) => first.includes(ours.node.id) && first.includes(hidden.node.id)),
    ]);
    expect(ours.book.hasAddress(second as PexAddress)).toBe(true);

    const network = wireCrawlNetwork({
      transport: new TcpTransport({ clock: systemClock }),
      nodeKey: engine.generateKeyPair(systemRandom),
      network: 'testing',
      clock: systemClock,
      random: systemRandom,
      engine,
    });
    const found = new Map<string, string>();
    const roots = [pexAddress(go.addresses[0] as string)];
    for await (const visit of crawl({ network, roots, isStrict: false })) found.set(visit.address.id, visit.outcome);
    const ids = [...go.addresses.map((text) => pexAddress(text).id), ours.node.id, hidden.node.id];
    for (const id of ids) expect(found.get(id), id).toBe('answered');
    // Nobody thinks ill of anybody.
    expect([ours.book.banCount, hidden.book.banCount]).toEqual([0, 0]);
  } finally {
    await Promise.all([ours.node.stop(), hidden.node.stop()]);
  }
}, 120_000);
