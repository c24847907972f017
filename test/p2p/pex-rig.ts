/** Addresses, a book's disk and a network of peers that do what a test says. */
import { parseIp } from '../../src/codec/cometbft-ip.ts';
import {
  decodePexMessage,
  encodePexMessage,
  type PexMessage,
  type PexNetAddress,
} from '../../src/codec/cometbft-pex.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import { AddressBook } from '../../src/p2p/address-book.ts';
import type { FileStore } from '../../src/p2p/address-book-file.ts';
import type { P2pError } from '../../src/p2p/errors.ts';
import { Pex, type PexOptions } from '../../src/p2p/pex.ts';
import { isRoutable, type PexAddress } from '../../src/p2p/pex-address.ts';
import type { DialOutcome, PexNetwork, PexPeer } from '../../src/p2p/pex-network.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

export const engine: CryptoEngine = defaultEngine();

/** `id` as 40 hex digits. */
export function idOf(number: number): string {
  return number.toString(16).padStart(40, '0');
}

/** An address by hand. */
export function at(id: number | string, ip: string, port = 26_656): PexAddress {
  if (parseIp(ip) === undefined) throw new Error(`${ip} is no IP address`);
  return { id: typeof id === 'number' ? idOf(id) : id, ip, port };
}

/** A random public IPv4 address with a random id. */
export function randomAddress(random: SeededRandom): PexAddress {
  const below = (count: number): number => Math.floor(random.float() * count);
  for (;;) {
    const ip = [1 + below(254), below(255), below(255), below(255)].join('.');
    const address = { id: bytesToHex(random.bytes(20)), ip, port: 1 + below(65_534) };
    if (isRoutable(address)) return address;
  }
}

/** A book on a clock of its own. */
export function createBook(
  seed = 1,
  isStrict = true,
): { book: AddressBook; clock: VirtualClock; random: SeededRandom } {
  const clock = new VirtualClock();
  const random = new SeededRandom(seed);
  return { book: new AddressBook({ clock, random, engine, isStrict }), clock, random };
}

/** Adds `oldCount` good and `newCount` new addresses; the addresses in that order. */
export function fillBook(book: AddressBook, random: SeededRandom, oldCount: number, newCount: number): PexAddress[] {
  const addresses = Array.from({ length: oldCount + newCount }, () => randomAddress(random));
  for (const [index, address] of addresses.entries()) {
    if (book.addAddress(address, randomAddress(random)) !== 'added') throw new Error('the book refuses');
    if (index < oldCount) book.markGood(address.id);
  }
  return addresses;
}

/** Files in memory; `fail` makes the next calls of a method reject. */
export class MemoryFiles implements FileStore {
  readonly files: Map<string, string> = new Map();
  readonly calls: string[] = [];
  readonly failing: Set<'readText' | 'writeText' | 'rename'> = new Set();

  async readText(path: string, bytesMax: number): Promise<string | undefined> {
    this.#call('readText', path);
    const text = this.files.get(path);
    if (text !== undefined && text.length > bytesMax) throw new Error('too long');
    return text;
  }

  async writeText(path: string, text: string): Promise<void> {
    this.files.set(path, text.slice(0, text.length / 2));
    this.#call('writeText', path);
    this.files.set(path, text);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#call('rename', to);
    const text = this.files.get(from);
    if (text === undefined) throw new Error(`no file ${from}`);
    this.files.delete(from);
    this.files.set(to, text);
  }

  async remove(path: string): Promise<void> {
    this.#call('remove', path);
    this.files.delete(path);
  }

  #call(method: string, path: string): void {
    this.calls.push(`${method} ${path}`);
    if (this.failing.has(method as 'rename')) throw new Error('no space left on device');
  }
}

/** A peer that notes what is done to it. */
export class FakePeer implements PexPeer {
  readonly id: string;
  readonly isOutbound: boolean;
  readonly isPersistent: boolean;
  readonly socketAddress: PexAddress | undefined;
  readonly listenAddress: PexAddress | undefined;
  readonly sent: PexMessage[] = [];
  readonly network: FakeNetwork;
  error: P2pError | undefined;
  isGracefullyClosed = false;

  constructor(network: FakeNetwork, address: PexAddress, options: Partial<PexPeer> = {}) {
    this.network = network;
    this.id = address.id;
    this.isOutbound = options.isOutbound ?? false;
    this.isPersistent = options.isPersistent ?? false;
    this.socketAddress = 'socketAddress' in options ? options.socketAddress : address;
    this.listenAddress = 'listenAddress' in options ? options.listenAddress : address;
  }

  get isConnected(): boolean {
    return this.network.connected.has(this);
  }

  send(message: Uint8Array): void {
    this.sent.push(decodePexMessage(message));
  }

  disconnect(reason: P2pError): void {
    this.error ??= reason;
    this.network.remove(this);
  }

  disconnectGracefully(): void {
    this.isGracefullyClosed = true;
    this.network.remove(this);
  }
}

/** A node's peers, and dials that end as a test says. */
export class FakeNetwork implements PexNetwork {
  outboundMax = 10;
  readonly connected: Set<FakePeer> = new Set();
  readonly dials: PexAddress[] = [];
  readonly persistentIds: Set<string> = new Set();
  readonly pending: Set<string> = new Set();
  /** How dials end; by default they connect. */
  outcomeOf: (address: PexAddress) => DialOutcome | Promise<DialOutcome> = () => 'connected';
  pex: Pex | undefined;

  counts(): { outbound: number; inbound: number; dialing: number } {
    const outbound = [...this.connected].filter((peer) => peer.isOutbound).length;
    return { outbound, inbound: this.connected.size - outbound, dialing: this.pending.size };
  }

  peers(): readonly FakePeer[] {
    return [...this.connected];
  }

  isDialingOrConnected(address: PexAddress): boolean {
    return this.pending.has(address.id) || this.peers().some(({ id }) => id === address.id);
  }

  isPersistent(address: PexAddress): boolean {
    return this.persistentIds.has(address.id);
  }

  async dial(address: PexAddress): Promise<DialOutcome> {
    if (this.isDialingOrConnected(address)) return 'busy';
    this.dials.push(address);
    this.pending.add(address.id);
    const outcome = await this.outcomeOf(address);
    this.pending.delete(address.id);
    if (outcome === 'connected') {
      this.add(new FakePeer(this, address, { isOutbound: true, isPersistent: this.isPersistent(address) }));
    }
    return outcome;
  }

  add(peer: FakePeer): FakePeer {
    this.connected.add(peer);
    this.pex?.addPeer(peer);
    return peer;
  }

  remove(peer: FakePeer): void {
    if (this.connected.delete(peer)) this.pex?.removePeer(peer);
  }
}

/** Peer exchange with a book, on a clock and a network of its own. */
export class PexRig {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly book: AddressBook;
  readonly network: FakeNetwork = new FakeNetwork();
  readonly pex: Pex;

  constructor(options: Partial<PexOptions> & { readonly seed?: number; readonly isStrict?: boolean } = {}) {
    const { seed, isStrict, ...rest } = options;
    const made = createBook(seed, isStrict);
    this.clock = made.clock;
    this.random = made.random;
    this.book = made.book;
    const { book, network, clock, random } = this;
    this.pex = new Pex({ book, network, clock, random, ...rest });
    network.pex = this.pex;
  }

  /** A connected peer at a random address. */
  peer(options: Partial<PexPeer> = {}): FakePeer {
    return this.network.add(new FakePeer(this.network, randomAddress(this.random), options));
  }

  request(peer: FakePeer): void {
    this.pex.receive(peer, encodePexMessage({ type: 'pex_request' }));
  }

  answer(peer: FakePeer, addresses: readonly PexNetAddress[]): void {
    this.pex.receive(peer, encodePexMessage({ type: 'pex_addrs', addresses }));
  }
}
