/**
 * One round of a connection: from a stream to a peer that every reactor knows, and back to nothing.
 *
 * The order is upstream's (`p2p/transport.go filterConn, upgrade`, `p2p/switch.go addPeer, stopAndRemovePeer`): claim the
 * address, filters, upgrade, claim the id, filters, `initPeer` of all reactors, start the connection, into the set, `addPeer`
 * of all; and back: stop the connection, `removePeer` of all, out of the set, free the id. A round ends once, with one reason.
 */
import type { Pid } from '../actors/pid.ts';
import { describeReason } from '../base/errors.ts';
import { formatHostPort, type NodeAddress } from '../codec/cometbft-address.ts';
import { MConnection } from '../net/mconnection.ts';
import type { ByteStream } from '../net/transport.ts';
import { hostOf } from './inbound-hosts.ts';
import { Peer } from './peer.ts';
import { runFilters } from './peer-filter.ts';
import { formatChannelId } from './reactor-channel.ts';
import type { ReactorSlot } from './reactor-slot.ts';
import type { PeerConnectionEvent } from './switch-connection-machine.ts';
import { noteReason, type SwitchContext } from './switch-context.ts';
import { SwitchError, type SwitchErrorDetails, toSwitchError } from './switch-errors.ts';
import { type UpgradedConnection, upgradeConnection } from './transport-upgrade.ts';

/** How a round is to end. @internal */
export interface EndOptions {
  /** Sends what is queued first. */
  readonly isGraceful?: boolean;
  /** No dial follows. */
  readonly isFinal?: boolean;
  /** A dial follows even if the peer is not persistent. */
  readonly isTransient?: boolean;
}

/** @internal */
export interface PeerRoundOptions {
  readonly context: SwitchContext;
  readonly process: Pid;
  readonly isOutbound: boolean;
  /** Where it was dialed. */
  readonly dialed: () => NodeAddress | undefined;
  /** Tells the machine; dropped when this is not the round that runs. */
  readonly post: (event: PeerConnectionEvent) => void;
}

/** @internal */
export class PeerRound {
  readonly isOutbound: boolean;
  peer: Peer | undefined;
  /** Why it ends; the first reason counts. */
  ending: SwitchError | undefined;
  wasAnnounced = false;
  readonly #options: PeerRoundOptions;
  readonly #context: SwitchContext;
  readonly #abort = new AbortController();
  #how: EndOptions = {};
  #stream: ByteStream | undefined;
  #upgraded: UpgradedConnection | undefined;
  /** From here on the upgrade sees to the stream by itself. */
  #isUpgrading = false;
  #connection: MConnection | undefined;
  #claimedAddress: string | undefined;
  #claimedId: string | undefined;
  #isHandshake = false;
  readonly #introducedTo: ReactorSlot[] = [];
  #admission: Promise<void> = Promise.resolve();
  #removal: Promise<void> | undefined;
  #isOpen = false;
  #openGate: () => void = () => {};
  readonly #gate: Promise<void> = new Promise((resolve) => {
    this.#openGate = resolve;
  });

  constructor(options: PeerRoundOptions) {
    this.#options = options;
    this.#context = options.context;
    this.isOutbound = options.isOutbound;
  }

  get isOver(): boolean {
    return this.ending !== undefined;
  }

  get isFinal(): boolean {
    return this.#how.isFinal === true;
  }

  /** It is to be dialed again although nobody called it persistent. */
  get isTransient(): boolean {
    return this.#how.isTransient === true && this.isOutbound && this.wasAnnounced;
  }

  get remoteAddress(): string | undefined {
    return this.#stream?.remoteAddress;
  }

  /** Whom it is about, as far as that is known. */
  get details(): SwitchErrorDetails {
    return { peerId: this.peer?.id ?? this.#options.dialed()?.id, remoteAddress: this.remoteAddress };
  }

  /** Takes the stream, which nobody has opened. */
  take(stream: ByteStream): void {
    this.#stream = stream;
    if (this.isOutbound) return;
    this.#isHandshake = true; // counted by the listener, in the turn it was accepted
  }

  /** Starts to find out who is there; posts `secured` and `introduced`, or ends. */
  upgrade(): void {
    this.#upgrade().catch((error) => this.end(this.#failure('HANDSHAKE_FAILED', error)));
  }

  /** Starts to make a peer of it; posts `admitted`, or ends. */
  admit(): void {
    this.#admission = this.#admit().catch((error) => this.end(this.#failure('REACTOR_FAILED', error)));
  }

  /** The peer stands: messages flow, and everybody is told. */
  announce(): void {
    const peer = this.peer as Peer;
    const { counters, events, logger, telemetry } = this.#context;
    this.wasAnnounced = true;
    counters.peersAdded += 1;
    const facts = { peer: peer.id, remoteAddress: peer.remoteAddress, direction: peer.isOutbound ? 'out' : 'in' };
    logger.info('peer added', facts);
    telemetry.emit('genmesh.switch.peer_added', { peers: this.#context.table.peers.size }, facts);
    events.emit('peerAdded', { peer });
    this.#isOpen = true;
    this.#openGate();
  }

  /** Ends the round; later reasons are dropped. What was sent and not queued yet is lost unless it is graceful. */
  end(reason: SwitchError, how: EndOptions = {}): void {
    if (this.ending !== undefined) return;
    this.ending = reason;
    this.#how = how;
    this.#leaveHandshake();
    this.peer?.end();
    if (how.isGraceful !== true) this.#connection?.stop();
    this.#abort.abort();
    this.#openGate();
    this.#options.post({ type: 'ended' });
  }

  /** Takes everything back; resolves when nothing is left. The round must have ended. Never rejects. */
  remove(): Promise<void> {
    this.#removal ??= this.#remove().catch((error) => {
      this.#context.logger.error('a peer was not removed cleanly', { reason: describeReason(error) });
    });
    return this.#removal;
  }

  async #upgrade(): Promise<void> {
    const { table, limits, clock, connectionFilters } = this.#context;
    const stream = this.#stream as ByteStream;
    const { remoteAddress } = stream;
    const candidate = { remoteAddress, ip: hostOf(remoteAddress), isOutbound: this.isOutbound };
    const refusal = table.claimConnection(remoteAddress, candidate.ip, this.isOutbound);
    if (refusal !== undefined) throw refusal;
    this.#claimedAddress = remoteAddress;
    await runFilters(
      connectionFilters.map((filter) => () => filter(candidate)),
      { clock, timeoutMs: limits.filterTimeoutMs, what: `CONN<${remoteAddress}>`, details: { remoteAddress } },
    );
    if (this.isOver) return;
    const { random, engine, nodeKey, nodeInfo } = this.#context;
    this.#isUpgrading = true;
    this.#upgraded = await upgradeConnection(stream, {
      clock,
      random,
      engine,
      nodeKey,
      nodeInfo,
      dialedId: this.#options.dialed()?.id,
      handshakeTimeoutMs: limits.handshakeTimeoutMs,
      nodeInfoTimeoutMs: limits.nodeInfoTimeoutMs,
      signal: this.#abort.signal,
      onSecured: () => this.#options.post({ type: 'secured' }),
    });
    // Ended in the very turn in which it was through: the removal did not see this stream.
    if (this.isOver) this.#upgraded.stream.close();
    this.#options.post({ type: 'introduced' });
  }

  async #admit(): Promise<void> {
    const { table, limits, clock, peerFilters, slots, persistent } = this.#context;
    if (this.isOver) return;
    const { id, nodeInfo } = this.#upgraded as UpgradedConnection;
    const remoteAddress = this.remoteAddress as string;
    const refusal = table.claimId(id, this.isOutbound, remoteAddress);
    if (refusal !== undefined) throw refusal;
    this.#claimedId = id;
    const ip = hostOf(remoteAddress);
    const isPersistent = persistent.has(id);
    const isUnconditional = table.unconditionalIds.has(id);
    const candidate = { id, nodeInfo, remoteAddress, ip, isOutbound: this.isOutbound, isPersistent, isUnconditional };
    await runFilters(
      peerFilters.map((filter) => () => filter(candidate, table.peers)),
      { clock, timeoutMs: limits.filterTimeoutMs, what: `ID<${id}>`, details: { peerId: id, remoteAddress } },
    );
    if (this.isOver) return;
    const peer = this.#newPeer(this.#upgraded as UpgradedConnection, remoteAddress, ip);
    this.peer = peer;
    for (const slot of slots) {
      // Before the call: a reactor that is late must be told in the end, too.
      this.#introducedTo.push(slot);
      await slot.call('initPeer', peer);
      if (this.isOver) return;
    }
    this.#start(peer);
    table.peers.add(peer);
    for (const slot of slots) {
      await slot.call('addPeer', peer);
      if (this.isOver) return;
    }
    this.#leaveHandshake();
    this.#options.post({ type: 'admitted' });
  }

  #newPeer({ id, nodeInfo }: UpgradedConnection, remoteAddress: string, remoteIp: string): Peer {
    const { channels, persistent } = this.#context;
    const dialed = this.#options.dialed();
    return new Peer({
      id,
      nodeInfo,
      isOutbound: this.isOutbound,
      isPersistent: persistent.has(id),
      remoteAddress,
      remoteIp,
      socketAddress: `${id}@${dialed === undefined ? hostPortOf(remoteAddress) : formatHostPort(dialed)}`,
      process: this.#options.process,
      channels,
      stop: (reason, how) => {
        this.end(reason, how);
        return this.remove();
      },
    });
  }

  #start(peer: Peer): void {
    const { channels, clock, logger, connection: settings } = this.#context;
    const descriptors = [...channels.values()].map(({ descriptor }) => descriptor);
    const connection = new MConnection((this.#upgraded as UpgradedConnection).stream, descriptors, {
      ...settings,
      clock,
      logger,
      handlers: {
        onReceive: (channelId, bytes) => this.#receive(peer, channelId, bytes),
        onClose: (cause) => {
          const text = cause === undefined ? 'it closed the connection' : describeReason(cause);
          this.end(new SwitchError('PEER_CLOSED', `peer ${peer.id}: ${text}`, { ...this.details, cause }));
        },
      },
    });
    this.#connection = connection;
    connection.start();
    peer.begin(connection);
  }

  /** `p2p/peer.go onReceive`: decodes, and hands over; the promise holds back the next message of that channel. */
  #receive(peer: Peer, channelId: number, bytes: Uint8Array): Promise<void> | undefined {
    const { channels, slotByChannel, counters } = this.#context;
    const channel = channels.get(channelId);
    const slot = slotByChannel.get(channelId);
    if (this.isOver || channel === undefined || slot === undefined) return undefined;
    let message: unknown;
    try {
      const refusal = channel.filterBytes?.(bytes);
      if (refusal !== undefined) throw new RangeError(refusal);
      message = channel.codec.decode(bytes);
    } catch (cause) {
      const text = `peer ${peer.id}: ${bytes.length} bytes on channel ${formatChannelId(channelId)} do not decode: `;
      this.end(new SwitchError('MESSAGE_INVALID', text + describeReason(cause, 120), { ...this.details, cause }));
      return undefined;
    }
    counters.messagesReceived += 1;
    counters.bytesReceived += bytes.length;
    peer.received(bytes.length);
    const deliver = (): Promise<void> =>
      slot.deliver(peer, channel, message).catch((cause) => {
        const text = `reactor ${slot.spec.id} failed on a message of peer ${peer.id} on channel ${formatChannelId(channelId)}: `;
        this.end(new SwitchError('REACTOR_FAILED', text + describeReason(cause, 120), { ...this.details, cause }));
      });
    return this.#isOpen ? deliver() : this.#gate.then(() => (this.isOver ? undefined : deliver()));
  }

  async #remove(): Promise<void> {
    const reason = this.ending as SwitchError;
    const { table, limits, clock } = this.#context;
    if (this.#how.isGraceful === true && this.#connection !== undefined) {
      const connection = this.#connection;
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(resolve, limits.flushTimeoutMs);
        connection.flushStop().then(
          () => {
            clock.clearTimer(timer);
            resolve();
          },
          () => resolve(),
        );
      });
    }
    this.#connection?.stop();
    if (this.#connection === undefined) {
      // In order where the peer is known, so that what we said of ourselves still arrives.
      if (this.#upgraded !== undefined) this.#upgraded.stream.close();
      else if (!this.#isUpgrading) this.#stream?.destroy();
    }
    if (this.#claimedAddress !== undefined) table.releaseConnection(this.#claimedAddress);
    await this.#admission;
    const { peer } = this;
    if (peer !== undefined) {
      await this.#tellReactors(peer, reason);
      table.peers.remove(peer);
    }
    if (this.#claimedId !== undefined) table.releaseId(this.#claimedId);
    this.#tell(reason);
  }

  async #tellReactors(peer: Peer, reason: SwitchError): Promise<void> {
    for (const slot of this.#introducedTo) {
      try {
        await slot.call('removePeer', peer, reason);
      } catch (error) {
        const { logger, counters } = this.#context;
        counters.reactorFailures += 1;
        logger.error('a reactor failed to let go of a peer', { peer: peer.id, reason: describeReason(error) });
      }
    }
  }

  #tell(reason: SwitchError): void {
    const { counters, events, logger, telemetry, table } = this.#context;
    if (reason.code !== 'ALREADY_DIALING') noteReason(this.#context, reason);
    if (this.#stream === undefined) return; // a dial without a stream: told by who dialed
    const facts = { peer: this.peer?.id ?? reason.peerId, remoteAddress: this.remoteAddress, code: reason.code };
    if (this.wasAnnounced) {
      const peer = this.peer as Peer;
      counters.peersRemoved += 1;
      logger.info('peer removed', { ...facts, reason: reason.message });
      telemetry.emit('genmesh.switch.peer_removed', { peers: table.peers.size }, { ...facts, reason });
      events.emit('peerRemoved', { peer, reason });
      return;
    }
    const { isOutbound } = this;
    logger.info('connection rejected', { ...facts, reason: reason.message });
    telemetry.emit('genmesh.switch.rejected', {}, { ...facts, isOutbound });
    events.emit('rejected', { remoteAddress: this.remoteAddress as string, isOutbound, error: reason });
  }

  #failure(code: 'HANDSHAKE_FAILED' | 'REACTOR_FAILED', error: unknown): SwitchError {
    const text = `${this.remoteAddress ?? 'a connection'}: ${describeReason(error)}`;
    return toSwitchError(error, code, text, this.details);
  }

  /** It no longer counts among those that have not proven who they are. */
  #leaveHandshake(): void {
    if (!this.#isHandshake) return;
    this.#isHandshake = false;
    this.#context.handshakeCount -= 1;
  }
}

function hostPortOf(remoteAddress: string): string {
  return remoteAddress.slice(remoteAddress.indexOf('://') + 3);
}
