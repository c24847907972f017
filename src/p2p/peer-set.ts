/** The peers of a switch, by id; `p2p/peer_set.go`. What a user sees of it only reads. */
import type { Random } from '../base/random.ts';
import type { Peer } from './peer.ts';

/**
 * The peers that are connected, in the order they came. Iteration goes over a copy, so that peers may come and go meanwhile;
 * a peer that is being removed stays in it until every reactor has let go of it, and `isRunning` is false then.
 *
 * ```ts
 * for (const peer of node.switch.peers) if (peer.isOutbound) peer.trySend(0x70, bytes);
 * ```
 */
export interface PeerSet extends Iterable<Peer> {
  /** Peers now. */
  readonly size: number;
  /** Of them, those we dialed. */
  readonly outboundCount: number;
  /** Of them, those that dialed us. */
  readonly inboundCount: number;
  /** The peer of that id, 40 lower-case hex digits. */
  get(id: string): Peer | undefined;
  /** True for the id of a peer. */
  has(id: string): boolean;
  /** True when a peer has that IP address. O(number of peers). */
  hasIp(ip: string): boolean;
  /** The peers of this moment. */
  copy(): Peer[];
  /** Any one of them; undefined when there is none. O(number of peers). */
  random(random: Random): Peer | undefined;
}

/** The set as its switch writes it. @internal */
export class MutablePeerSet implements PeerSet {
  readonly #peers = new Map<string, Peer>();
  #outboundCount = 0;

  get size(): number {
    return this.#peers.size;
  }

  get outboundCount(): number {
    return this.#outboundCount;
  }

  get inboundCount(): number {
    return this.#peers.size - this.#outboundCount;
  }

  get(id: string): Peer | undefined {
    return this.#peers.get(id);
  }

  has(id: string): boolean {
    return this.#peers.has(id);
  }

  hasIp(ip: string): boolean {
    for (const peer of this.#peers.values()) if (peer.remoteIp === ip) return true;
    return false;
  }

  copy(): Peer[] {
    return [...this.#peers.values()];
  }

  random(random: Random): Peer | undefined {
    const peers = this.copy();
    return peers[Math.floor(random.float() * peers.length)];
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.copy()[Symbol.iterator]();
  }

  /** @throws Error for an id that is there: ids are claimed in the {@link PeerTable} before. */
  add(peer: Peer): void {
    if (this.#peers.has(peer.id)) throw new Error(`invariant: peer ${peer.id} is in the set already`);
    this.#peers.set(peer.id, peer);
    if (peer.isOutbound) this.#outboundCount += 1;
  }

  /** @returns whether this very peer was in it. */
  remove(peer: Peer): boolean {
    if (this.#peers.get(peer.id) !== peer) return false;
    this.#peers.delete(peer.id);
    if (peer.isOutbound) this.#outboundCount -= 1;
    return true;
  }
}
