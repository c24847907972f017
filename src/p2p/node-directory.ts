/**
 * NodeDirectory: who is known by which public key, where, and whether each is available as seen from here.
 *
 * A table that everybody reads and writes without a message, like the public ETS table of upstream; a process owns it and
 * marks those away that have been silent for too long. Availability follows `archethic-node p2p/client/connection.ex`: true
 * on connect and on any message that verifies, false on disconnect and on any timed-out request.
 */
import { GenServer } from '../actors/gen-server.ts';
import type { Info, Protocol } from '../actors/protocol.ts';
import { type NoReply, noreply } from '../actors/results.ts';
import type { Clock } from '../base/clock.ts';
import { BitString } from '../codec/bit-string.ts';
import { PublicKey } from '../crypto/keys.ts';
import type { NetAddress } from '../net/net-address.ts';

/** What is known of a node. */
export interface NodeEntry {
  readonly publicKey: PublicKey;
  /** Where it can be dialled; `undefined` when it only ever came to us. */
  readonly address: NetAddress | undefined;
  readonly isAvailable: boolean;
  /** Whether a connection stands: one that was dialled here, on the MConnection wire also one that came in. */
  readonly isConnected: boolean;
  /** Wall-clock ms of the last message that verified or connection made; 0 when never. */
  readonly lastSeenMs: number;
  /** Whole seconds of availability since they were last taken by `takeAvailability`. */
  readonly availabilityS: number;
}

interface Row {
  readonly publicKey: PublicKey;
  address: NetAddress | undefined;
  isAvailable: boolean;
  connections: number;
  lastSeenMs: number;
  lastSeenMonotonicMs: number;
  availableSinceMs: number;
  availableMs: number;
}

interface DirectoryProtocol extends Protocol {
  info: { readonly type: 'sweep' };
}

/** The process behind a directory. @internal */
export class DirectoryServer extends GenServer<NodeDirectory, DirectoryProtocol, [NodeDirectory]> {
  override get moduleName(): string {
    return 'NodeDirectory';
  }

  init(directory: NodeDirectory): NodeDirectory {
    this.self.sendAfter({ type: 'sweep' }, directory.sweepIntervalMs);
    return directory;
  }

  override handleInfo(message: Info<DirectoryProtocol>, directory: NodeDirectory): NoReply<NodeDirectory> {
    if (message.type === 'sweep') {
      directory.sweep();
      this.self.sendAfter({ type: 'sweep' }, directory.sweepIntervalMs);
    }
    return noreply(directory);
  }

  override inspect(directory: NodeDirectory): Readonly<Record<string, number>> {
    return { nodes: directory.size };
  }
}

/** The directory of one node. Bounded: see `directoryCapacity` in `node-options.ts`. */
export class NodeDirectory {
  /** How often silence is looked for, in ms. @internal */
  readonly sweepIntervalMs: number;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #capacity: number;
  readonly #self: PublicKey;
  /** By key in hex; oldest news first, so that the first row without a connection is the one to forget. */
  readonly #rows = new Map<string, Row>();
  /** The last of them, if known: most news is of the same node as the news before. */
  #newest: Row | undefined;

  /** @param options.self - the node's own key; to itself it is always available. */
  constructor(
    clock: Clock,
    options: { readonly self: PublicKey; readonly silenceMs: number; readonly capacity: number },
  ) {
    this.#self = options.self;
    this.#clock = clock;
    this.#silenceMs = options.silenceMs;
    this.#capacity = options.capacity;
    this.sweepIntervalMs = Math.max(1, Math.floor(options.silenceMs / 3));
  }

  /** Nodes known. */
  get size(): number {
    return this.#rows.size;
  }

  /** What is known by that key, or `undefined`. */
  lookup(publicKey: PublicKey): NodeEntry | undefined {
    const row = this.#rows.get(publicKey.hex);
    return row === undefined ? undefined : this.#entryOf(row);
  }

  /** Everybody known, those heard of longest ago first. */
  entries(): NodeEntry[] {
    return [...this.#rows.values()].map((row) => this.#entryOf(row));
  }

  /** Whether that node is available as seen from here. */
  isAvailable(publicKey: PublicKey): boolean {
    const row = this.#rows.get(publicKey.hex);
    return row === undefined ? this.#self.equals(publicKey) : this.#refresh(row).isAvailable;
  }

  /**
   * The local view of a list of nodes: bit i, from the left, is 1 when node i is available; 8 nodes are 1 byte.
   * `archethic-node p2p.ex bitstring_from_node_subsets/2`.
   */
  view(nodes: readonly (PublicKey | Uint8Array)[]): BitString {
    let bits = '';
    for (const node of nodes) {
      const publicKey = node instanceof PublicKey ? node : PublicKey.parse(node);
      bits += this.isAvailable(publicKey) ? '1' : '0';
    }
    return BitString.fromString(bits);
  }

  /** Availability of a node in whole seconds since the last time it was taken, which begins anew; 0 for an unknown one. */
  takeAvailability(publicKey: PublicKey): number {
    const row = this.#rows.get(publicKey.hex);
    if (row === undefined) return 0;
    this.#refresh(row);
    const seconds = Math.floor(this.#availableMs(row) / 1000);
    row.availableMs = 0;
    row.availableSinceMs = this.#clock.monotonicMs();
    return seconds;
  }

  /** Notes where a node can be dialled. @internal */
  learn(publicKey: PublicKey, address: NetAddress): void {
    this.#rowOf(publicKey).address = address;
  }

  /** A connection to that node stands. @internal */
  connected(publicKey: PublicKey): void {
    const row = this.#rowOf(publicKey);
    row.connections += 1;
    this.#alive(row);
  }

  /** A connection to that node ended. @internal */
  disconnected(publicKey: PublicKey): void {
    const row = this.#rows.get(publicKey.hex);
    if (row === undefined) return;
    row.connections = Math.max(0, row.connections - 1);
    this.#away(row);
  }

  /** A message of that node verified. @internal */
  seen(publicKey: PublicKey): void {
    this.#alive(this.#rowOf(publicKey));
  }

  /** A heartbeat came from where that node had sent a message before: it counts against silence only. @internal */
  touched(publicKey: PublicKey): void {
    const row = this.#rows.get(publicKey.hex);
    if (row !== undefined) row.lastSeenMonotonicMs = this.#clock.monotonicMs();
  }

  /** A request to that node timed out. @internal */
  timedOut(publicKey: PublicKey): void {
    const row = this.#rows.get(publicKey.hex);
    if (row !== undefined) this.#away(row);
  }

  /** Marks away who has no connection and was silent for too long. @internal */
  sweep(): void {
    for (const row of this.#rows.values()) this.#refresh(row);
  }

  /** Marks a silent node away, as of the moment its silence was too long, however much later that is noticed. */
  #refresh(row: Row): Row {
    if (!row.isAvailable || row.connections > 0) return row;
    const silentMs = row.lastSeenMonotonicMs + this.#silenceMs;
    if (silentMs <= this.#clock.monotonicMs()) this.#away(row, silentMs);
    return row;
  }

  #rowOf(publicKey: PublicKey): Row {
    const key = publicKey.hex;
    let row = this.#rows.get(key);
    if (row !== undefined) return row;
    if (this.#rows.size >= this.#capacity) this.#forgetOne();
    row = {
      publicKey,
      address: undefined,
      isAvailable: false,
      connections: 0,
      lastSeenMs: 0,
      lastSeenMonotonicMs: 0,
      availableSinceMs: 0,
      availableMs: 0,
    };
    this.#rows.set(key, row);
    this.#newest = row;
    return row;
  }

  #forgetOne(): void {
    for (const [key, row] of this.#rows) {
      if (row.connections > 0) continue;
      this.#rows.delete(key);
      return;
    }
  }

  #alive(row: Row): void {
    this.#refresh(row);
    const nowMs = this.#clock.monotonicMs();
    row.lastSeenMs = this.#clock.wallMs();
    row.lastSeenMonotonicMs = nowMs;
    if (this.#newest !== row) {
      const key = row.publicKey.hex;
      this.#rows.delete(key);
      this.#rows.set(key, row);
      this.#newest = row;
    }
    if (row.isAvailable) return;
    row.isAvailable = true;
    row.availableSinceMs = nowMs;
  }

  #away(row: Row, atMs: number = this.#clock.monotonicMs()): void {
    if (!row.isAvailable) return;
    row.availableMs += Math.max(0, atMs - row.availableSinceMs);
    row.isAvailable = false;
  }

  #availableMs(row: Row): number {
    return row.availableMs + (row.isAvailable ? this.#clock.monotonicMs() - row.availableSinceMs : 0);
  }

  #entryOf(row: Row): NodeEntry {
    this.#refresh(row);
    return {
      publicKey: row.publicKey,
      address: row.address,
      isAvailable: row.isAvailable,
      isConnected: row.connections > 0,
      lastSeenMs: row.lastSeenMs,
      availabilityS: Math.floor(this.#availableMs(row) / 1000),
    };
  }
}
