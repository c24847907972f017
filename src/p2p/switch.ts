/**
 * Switch: reactors on one side, peers on the other; `p2p/switch.go`.
 *
 * ```ts
 * const Echo = channel({ id: 0x70, priority: 5, codec: bytesCodec });
 * const echo = reactor('echo', [Echo], () => ({
 *   receive: ({ peer, message }) => void peer.trySend(Echo, message),
 * }));
 * const node = await Switch.startLink({ nodeKey, network: 'test-chain', reactors: [echo], listen: 'tcp://127.0.0.1:0' });
 * const peer = await node.dialPeer('7fa8..@127.0.0.1:26656');
 * for (const each of node.peers) if (each.isOutbound) each.trySend(Echo, Uint8Array.of(1));
 * ```
 *
 * The tree below it, in start order, stopped in reverse (`rest_for_one`): reactors (each a process, `one_for_one`),
 * connections (a process for each peer or dial), dialer, listener. A crash of one connection costs that peer; of one reactor,
 * nothing but the messages it had in work; of the listener, nothing but the moment until it listens again.
 */
import type { ChildOptions, ChildSpec, StartContext } from '../actors/child-spec.ts';
import { asProcess, type Pid } from '../actors/process.ts';
import { ActorSystem } from '../actors/system.ts';
import type { Unsubscribe } from '../base/emitter.ts';
import { checkOptionNames, describeReason, type OptionNames } from '../base/errors.ts';
import { formatHostPort, formatNodeAddress, type NodeAddress } from '../codec/cometbft-address.ts';
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import type { SendOptions } from '../net/mconnection-options.ts';
import type { NetAddress } from '../net/net-address.ts';
import { formatTree, type TreeNode } from '../supervisor/tree.ts';
import { ownNodeInfo } from './node-info.ts';
import { type Peer, SEND_OPTION_NAMES } from './peer.ts';
import type { PeerSet } from './peer-set.ts';
import { type AnyChannel, formatChannelId, type MessageOf } from './reactor-channel.ts';
import type { ReactorCounters } from './reactor-slot.ts';
import { createSwitchContext, type SwitchContext, type SwitchCounters } from './switch-context.ts';
import { SwitchError, toSwitchError } from './switch-errors.ts';
import type { BroadcastResult, DialPeerOptions, PeerCounts, SwitchEvents, SwitchHandle } from './switch-handle.ts';
import {
  PERSISTENT_PEERS_MAX,
  parseNodeAddresses,
  parseNodeIds,
  parseSwitchOptions,
  type SwitchOptions,
  toNodeAddress,
} from './switch-options.ts';
import { type SwitchTree, startSwitchTree } from './switch-tree.ts';

/** What a NodeInfo says of a node that does not listen: nobody dials it. */
const NOWHERE = '0.0.0.0:0';

const DIAL_OPTION_NAMES: OptionNames<DialPeerOptions> = { isPersistent: true };

/** What a switch has counted. */
export interface SwitchStats extends Readonly<SwitchCounters>, PeerCounts {
  /** Connections of others that have not proven who they are yet. */
  readonly handshakes: number;
  /**
   * How often each error code ended a connection or kept it from becoming a peer: for `PEER_CLOSED` with a cause, and for
   * what a reactor stopped, the code of that (`PING_FLOOD`, `RESET`).
   */
  readonly reasons: Readonly<Record<string, number>>;
  /** By reactor id. */
  readonly reactors: Readonly<Record<string, Readonly<ReactorCounters>>>;
}

/** A switch; see the top of this file. */
export class Switch implements SwitchHandle {
  readonly #context: SwitchContext;
  #tree: SwitchTree | undefined;
  /** Reactors run before their switch does, and may dial already: that waits here. */
  readonly #started: Promise<SwitchTree>;
  #settleStart: (outcome: Promise<SwitchTree>) => void = () => {};

  private constructor(options: SwitchOptions) {
    const parsed = parseSwitchOptions(options);
    const channels = Uint8Array.from(parsed.channels.keys());
    const hostPort = parsed.listen === undefined ? NOWHERE : formatHostPort(parsed.listen);
    this.#context = createSwitchContext(parsed, this, (id) =>
      ownNodeInfo(id, hostPort, channels, parsed.nodeInfoOptions),
    );
    this.#started = new Promise((resolve) => {
      this.#settleStart = resolve;
    });
    this.#started.catch(() => {}); // who starts the switch is told
  }

  /**
   * Starts a switch, linked to the process that calls if there is one; resolves when it listens and every reactor runs.
   * Persistent peers are dialed from then on.
   *
   * @throws TypeError, RangeError for an option that is wrong, naming it; CodecError for an address that does not parse;
   * NetError `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `ADDRESS_INVALID` when it cannot listen; what a reactor's `create`
   * throws. Nothing is left running then.
   */
  static startLink(options: SwitchOptions): Promise<Switch> {
    return Switch.#start(options, undefined);
  }

  /** How a supervisor starts a switch. */
  static childSpec<const I extends string>(
    id: I,
    options: SwitchOptions,
    { name: _name, ...rest }: ChildOptions = {},
  ): ChildSpec<I, Switch> {
    const start = (context: StartContext): Promise<Switch> => Switch.#start(options, context);
    return { restart: 'permanent', shutdown: 'infinity', ...rest, id, start, type: 'supervisor' };
  }

  static async #start(options: SwitchOptions, start: StartContext | undefined): Promise<Switch> {
    const created = new Switch(options);
    const context = created.#context;
    const { clock, logger, telemetry } = context;
    const system = start?.system ?? context.system ?? new ActorSystem({ clock, logger, telemetry });
    const starting = startSwitchTree(context, system, start?.parent);
    created.#settleStart(starting);
    const tree = await starting;
    created.#tree = tree;
    asProcess(tree.pid).onExit((reason) => {
      context.isStopped = true;
      context.events.emit('stopped', { reason });
    });
    return created;
  }

  /** The supervisor process of the switch: link or monitor it. */
  get pid(): Pid {
    return this.#running().pid;
  }

  get id(): string {
    return this.#context.id;
  }

  get nodeInfo(): NodeInfo {
    return this.#context.nodeInfo;
  }

  /** Where it accepts connections; undefined when it does not. */
  get address(): NetAddress | undefined {
    return this.#context.listenAddress;
  }

  /** This node as others dial it, `ID@HOST:PORT`; undefined when it does not listen. */
  get nodeAddress(): string | undefined {
    const { address, id } = this;
    return address === undefined ? undefined : formatNodeAddress({ id, host: address.host, port: address.port });
  }

  get peers(): PeerSet {
    return this.#context.table.peers;
  }

  numPeers(): PeerCounts {
    const { peers, dialingCount } = this.#context.table;
    return { outbound: peers.outboundCount, inbound: peers.inboundCount, dialing: dialingCount };
  }

  async dialPeer(address: string | NodeAddress, options: DialPeerOptions = {}): Promise<Peer> {
    checkOptionNames(options, DIAL_OPTION_NAMES, ' of dialPeer');
    const parsed = toNodeAddress(address);
    if (options.isPersistent === true) this.addPersistentPeers([parsed]);
    try {
      const tree = this.#tree ?? (await this.#started);
      const outcome = await tree.dialer().call('dial', parsed, { timeoutMs: Number.POSITIVE_INFINITY });
      if ('error' in outcome) throw outcome.error;
      return outcome.peer;
    } catch (error) {
      throw toSwitchError(error, 'STOPPED', `the switch is not running: ${describeReason(error)}`);
    }
  }

  dialPeersAsync(addresses: readonly (string | NodeAddress)[], options: DialPeerOptions = {}): void {
    checkOptionNames(options, DIAL_OPTION_NAMES, ' of dialPeer');
    const parsed = parseNodeAddresses('addresses', addresses);
    if (options.isPersistent === true) this.addPersistentPeers(parsed);
    if (this.#context.isStopped) return;
    const dial = (tree: SwitchTree): void => tree.dialer().cast('dialLater', parsed);
    if (this.#tree !== undefined) dial(this.#tree);
    else this.#started.then(dial, () => {}); // who starts the switch is told
  }

  isDialingOrExisting(address: string | NodeAddress): boolean {
    const { id, host } = toNodeAddress(address);
    return this.#context.table.isDialingOrExisting(id, host);
  }

  addPersistentPeers(addresses: readonly (string | NodeAddress)[]): void {
    const { persistent } = this.#context;
    const parsed = parseNodeAddresses('addresses', addresses);
    const fresh = parsed.filter(({ id }) => !persistent.has(id)).length;
    if (persistent.size + fresh > PERSISTENT_PEERS_MAX) {
      throw new RangeError(`${persistent.size + fresh} persistent peers: at most ${PERSISTENT_PEERS_MAX}`);
    }
    for (const address of parsed) persistent.set(address.id, address);
  }

  addUnconditionalPeerIds(ids: readonly string[]): void {
    const { unconditionalIds } = this.#context.table;
    const parsed = parseNodeIds('ids', ids);
    if (unconditionalIds.size + parsed.length > PERSISTENT_PEERS_MAX) {
      throw new RangeError(`more than ${PERSISTENT_PEERS_MAX} unconditional peer ids`);
    }
    for (const id of parsed) unconditionalIds.add(id);
  }

  async broadcast(channel: number, message: Uint8Array, options?: SendOptions): Promise<BroadcastResult[]>;
  async broadcast<C extends AnyChannel>(
    channel: C,
    message: MessageOf<C>,
    options?: SendOptions,
  ): Promise<BroadcastResult[]>;
  async broadcast(channel: AnyChannel | number, message: unknown, options?: SendOptions): Promise<BroadcastResult[]> {
    if (options !== undefined) checkOptionNames(options, SEND_OPTION_NAMES, ' of broadcast');
    const { id, bytes } = this.#encode(channel, message);
    const sends = this.peers.copy().map(async (peer) => ({ peer, result: await peer.send(id, bytes, options) }));
    return Promise.all(sends);
  }

  tryBroadcast(channel: number, message: Uint8Array): BroadcastResult[];
  tryBroadcast<C extends AnyChannel>(channel: C, message: MessageOf<C>): BroadcastResult[];
  tryBroadcast(channel: AnyChannel | number, message: unknown): BroadcastResult[] {
    const { id, bytes } = this.#encode(channel, message);
    return this.peers.copy().map((peer) => ({ peer, result: peer.trySend(id, bytes) }));
  }

  stopPeerForError(peer: Peer, reason: unknown, options: { readonly isTransient?: boolean } = {}): void {
    const details = { peerId: peer.id, remoteAddress: peer.remoteAddress, cause: reason };
    const error =
      reason instanceof SwitchError
        ? reason
        : new SwitchError('STOPPED', `peer ${peer.id} was stopped: ${describeReason(reason)}`, details);
    // Its own process does the rest; a failure of that is reported there.
    peer.stop(error, options).catch(() => {});
  }

  stopPeerGracefully(peer: Peer): Promise<void> {
    const details = { peerId: peer.id, remoteAddress: peer.remoteAddress };
    const reason = new SwitchError('STOPPED', `peer ${peer.id} was disconnected`, details);
    return peer.stop(reason, { isGraceful: true, isFinal: true });
  }

  /** The process of a reactor; undefined while it is not running. */
  reactor(id: string): Pid | undefined {
    return this.#context.slots.find(({ spec }) => spec.id === id)?.server;
  }

  on<K extends keyof SwitchEvents & string>(event: K, listener: (value: SwitchEvents[K]) => void): Unsubscribe {
    return this.#context.events.on(event, listener);
  }

  /** Counters since the start, and how things stand. */
  stats(): SwitchStats {
    const { counters, reasons, slots, handshakeCount } = this.#context;
    return {
      ...counters,
      ...this.numPeers(),
      handshakes: handshakeCount,
      reasons: Object.fromEntries(reasons),
      reactors: Object.fromEntries(slots.map((slot) => [slot.spec.id, { ...slot.counters }])),
    };
  }

  /** The actor tree as data. */
  tree(): TreeNode {
    return { ...this.#running().snapshot(), id: 'switch', module: 'Switch' };
  }

  /** The actor tree as text, one process a line. */
  formatTree(): string {
    return formatTree(this.tree());
  }

  /** Stops everything, last started first: listener, dials, peers (each reactor lets go of each), reactors. */
  async stop(): Promise<void> {
    if (!this.pid.isAlive) return;
    await this.#running().stop();
  }

  #running(): SwitchTree {
    if (this.#tree === undefined) throw new SwitchError('STOPPED', 'the switch is not running yet');
    return this.#tree;
  }

  #encode(channel: AnyChannel | number, message: unknown): { readonly id: number; readonly bytes: Uint8Array } {
    const id = typeof channel === 'number' ? channel : channel.id;
    if (!this.#context.channels.has(id)) {
      throw new RangeError(`channel ${formatChannelId(id)} belongs to no reactor of this switch`);
    }
    const bytes = typeof channel === 'number' ? (message as Uint8Array) : channel.codec.encode(message);
    return { id, bytes };
  }
}
