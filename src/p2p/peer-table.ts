/**
 * Who may become a peer, decided in one turn: claims on addresses and ids, and the limits. A claim is made before anything
 * is awaited and given back when the connection is gone for good, so of two connections that race exactly one wins
 * (`p2p/transport.go ConnSet`, `p2p/switch.go addPeer`).
 *
 * An id stays claimed while its peer is removed: a new connection of the same peer cannot reach `initPeer` before the last
 * `removePeer` of the old one (upstream's TestSwitchInitPeerIsNotCalledBeforeRemovePeer).
 */
import { InboundHosts } from './inbound-hosts.ts';
import { MutablePeerSet } from './peer-set.ts';
import { SwitchError } from './switch-errors.ts';

/** The limits a {@link PeerTable} holds. @internal */
export interface PeerTableLimits {
  readonly inboundPeersMax: number;
  readonly inboundPerHostMax: number;
  readonly outboundPeersMax: number;
  readonly dialsMax: number;
  readonly allowDuplicateIp: boolean;
}

interface IdClaim {
  readonly isOutbound: boolean;
  /** Counts against the limit of its direction. */
  readonly isCounted: boolean;
}

/** The tables of one switch; they outlive its processes. @internal */
export class PeerTable {
  readonly peers: MutablePeerSet = new MutablePeerSet();
  /** Ids that are never refused by a limit, in either direction. */
  readonly unconditionalIds: Set<string> = new Set();
  readonly #limits: PeerTableLimits;
  /** Connections by remote address: from before the handshake until they are over. */
  readonly #connections = new Map<string, { readonly ip: string; readonly isOutbound: boolean }>();
  readonly #inboundHosts: InboundHosts;
  readonly #ids = new Map<string, IdClaim>();
  /** Ids that are dialed or wait for it, with the host they are dialed at. */
  readonly #dials = new Map<string, { readonly host: string; readonly isCounted: boolean; isConnected: boolean }>();

  constructor(limits: PeerTableLimits) {
    this.#limits = limits;
    this.#inboundHosts = new InboundHosts(limits.inboundPerHostMax);
  }

  /** Peers that dialed us and count against the limit. */
  get inboundCount(): number {
    return this.#count(false);
  }

  /** Ids that are being dialed or wait for their next dial. */
  get dialingCount(): number {
    let count = 0;
    for (const dial of this.#dials.values()) if (!dial.isConnected) count += 1;
    return count;
  }

  /** Connections, those in their handshake included. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Claims a connection's address before its handshake; `p2p/transport.go filterConn`. */
  claimConnection(remoteAddress: string, ip: string, isOutbound: boolean): SwitchError | undefined {
    const details = { remoteAddress };
    if (this.#connections.has(remoteAddress)) {
      return new SwitchError('DUPLICATE_CONN', `duplicate CONN<${remoteAddress}>`, details);
    }
    if (!this.#limits.allowDuplicateIp && this.#hasIp(ip)) {
      const text = `filtered CONN<${remoteAddress}>: ip<${ip}> already connected`;
      return new SwitchError('DUPLICATE_IP', text, details);
    }
    if (!isOutbound && !this.#inboundHosts.take(ip)) {
      const text = `filtered CONN<${remoteAddress}>: ${this.#limits.inboundPerHostMax} connections of its host are open`;
      return new SwitchError('INBOUND_PER_HOST_MAX', text, details);
    }
    this.#connections.set(remoteAddress, { ip, isOutbound });
    return undefined;
  }

  releaseConnection(remoteAddress: string): void {
    const connection = this.#connections.get(remoteAddress);
    if (connection === undefined) return;
    this.#connections.delete(remoteAddress);
    if (!connection.isOutbound) this.#inboundHosts.release(connection.ip);
  }

  /** Claims the id of a connection whose handshake is over. */
  claimId(id: string, isOutbound: boolean, remoteAddress: string): SwitchError | undefined {
    const details = { peerId: id, remoteAddress };
    if (this.#ids.has(id)) return new SwitchError('DUPLICATE_ID', `duplicate ID<${id}>`, details);
    const isCounted = !this.unconditionalIds.has(id);
    const { inboundPeersMax } = this.#limits;
    // Outbound ones were counted when their dial was claimed.
    if (!isOutbound && isCounted && this.#count(false) >= inboundPeersMax) {
      return new SwitchError('INBOUND_MAX', `${inboundPeersMax} inbound peers are connected: ${id} refused`, details);
    }
    this.#ids.set(id, { isOutbound, isCounted });
    return undefined;
  }

  releaseId(id: string): void {
    this.#ids.delete(id);
  }

  /** True while a connection of that id is admitted, stands or is removed. */
  isClaimed(id: string): boolean {
    return this.#ids.has(id);
  }

  /** True while that id is dialed, waits for it, or is connected by a dial. */
  isDialing(id: string): boolean {
    return this.#dials.has(id);
  }

  /** `p2p/switch.go IsDialingOrExistingAddress`. */
  isDialingOrExisting(id: string, host: string): boolean {
    if (this.#dials.has(id) || this.#ids.has(id)) return true;
    return !this.#limits.allowDuplicateIp && this.#hasIp(host);
  }

  /**
   * Claims an id for dialing, until {@link PeerTable.releaseDial}.
   *
   * @param isPersistent - not counted against `outboundPeersMax`, and claimed also while it is connected in another way: its
   * dial then waits for the end of that.
   */
  claimDial(id: string, host: string, isPersistent: boolean): SwitchError | undefined {
    const { dialsMax, outboundPeersMax } = this.#limits;
    const details = { peerId: id };
    if (isPersistent ? this.isDialing(id) : this.isDialingOrExisting(id, host)) {
      return new SwitchError('ALREADY_DIALING', `${id}@${host} is dialed or connected already`, details);
    }
    const counts = !isPersistent && !this.unconditionalIds.has(id);
    if (counts && this.#countDials() >= outboundPeersMax) {
      const text = `${outboundPeersMax} outbound peers are connected or dialed: ${id} not dialed`;
      return new SwitchError('OUTBOUND_MAX', text, details);
    }
    if (this.#dials.size >= dialsMax) {
      return new SwitchError('DIALS_MAX', `${dialsMax} peers are dialed already: ${id} not dialed`, details);
    }
    this.#dials.set(id, { host, isCounted: counts, isConnected: false });
    return undefined;
  }

  /** Claims a dial for a connection that came from the other side and is to be dialed from now on. */
  adoptDial(id: string, host: string): boolean {
    if (this.#dials.has(id) || this.#dials.size >= this.#limits.dialsMax) return false;
    this.#dials.set(id, { host, isCounted: false, isConnected: false });
    return true;
  }

  /** Notes that a dialed connection stands, or no longer does. */
  setDialConnected(id: string, isConnected: boolean): void {
    const dial = this.#dials.get(id);
    if (dial !== undefined) dial.isConnected = isConnected;
  }

  releaseDial(id: string): void {
    this.#dials.delete(id);
  }

  #hasIp(ip: string): boolean {
    for (const known of this.#connections.values()) if (known.ip === ip) return true;
    return false;
  }

  #count(isOutbound: boolean): number {
    let count = 0;
    for (const claim of this.#ids.values()) if (claim.isCounted && claim.isOutbound === isOutbound) count += 1;
    return count;
  }

  #countDials(): number {
    let count = 0;
    for (const dial of this.#dials.values()) if (dial.isCounted) count += 1;
    return count;
  }
}
