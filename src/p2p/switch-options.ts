/** What a switch is made with, checked once at the door; the inside trusts the result. */
import type { ActorSystem } from '../actors/system.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { checkFunction, checkInteger, checkOptionNames, type OptionNames } from '../base/errors.ts';
import { guardLogger, type Logger, silentLogger } from '../base/logger.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { Telemetry } from '../base/telemetry.ts';
import { formatNodeAddress, isNodeId, type NodeAddress, parseNodeAddress } from '../codec/cometbft-address.ts';
import { NODE_INFO_CHANNELS_MAX } from '../codec/cometbft-node-info.ts';
import { defaultEngine } from '../crypto/default-engine.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import { KeyPair } from '../crypto/keys.ts';
import { parseChannelDescriptors } from '../net/channel-descriptor.ts';
import {
  MCONNECTION_OPTION_NAMES,
  type MConnectionOptions,
  parseMConnectionOptions,
} from '../net/mconnection-options.ts';
import { type NetAddress, parseNetAddress } from '../net/net-address.ts';
import { TcpTransport } from '../net/tcp-transport.ts';
import type { Transport } from '../net/transport.ts';
import { NODE_INFO_OPTION_NAMES, type NodeInfoOptions } from './node-info.ts';
import { type ConnectionFilter, FILTERS_MAX, type PeerFilter } from './peer-filter.ts';
import { REACTOR_SPEC_NAMES, type ReactorSpec } from './reactor.ts';
import type { AnyChannel } from './reactor-channel.ts';

/** Persistent peers and unconditional ids a switch takes, of each. */
export const PERSISTENT_PEERS_MAX = 4096;

/** Reactors of one switch: as many as a NodeInfo has room for channels. */
export const REACTORS_MAX: number = NODE_INFO_CHANNELS_MAX;

/** The tunable numbers of a switch. `docs/limits.md` says what happens at each. */
export interface SwitchLimits {
  /** Peers that dialed us. Default 40. */
  readonly inboundPeersMax: number;
  /**
   * Connections that one host has made, those in their handshake included; a host is an IPv4 address or an IPv6 /64. Only
   * with `allowDuplicateIp`: without it the second one is refused. Default 16. Upstream has no such bound.
   */
  readonly inboundPerHostMax: number;
  /** Peers that we dialed, persistent ones not counted. Default 10. Upstream leaves this to PEX. */
  readonly outboundPeersMax: number;
  /** Nodes dialed, waiting for a dial, or connected by one, persistent ones included. Default 1024. */
  readonly dialsMax: number;
  /** Connections of others that have not proven who they are yet. Default 64. */
  readonly handshakesMax: number;
  /** Patience of a dial, in ms. Default 1000. */
  readonly dialTimeoutMs: number;
  /** Patience with the SecretConnection, in ms. Default 3000. */
  readonly handshakeTimeoutMs: number;
  /** Patience with the NodeInfo, in ms. Default 3000; 20 000 in v2. */
  readonly nodeInfoTimeoutMs: number;
  /** Patience with the filters, in ms. Default 5000. */
  readonly filterTimeoutMs: number;
  /** Patience with `initPeer`, `addPeer` and `removePeer` of a reactor, in ms. Default 5000. */
  readonly reactorTimeoutMs: number;
  /** Time that a graceful disconnection may take to send what is queued, in ms. Default 5000. */
  readonly flushTimeoutMs: number;
  /** Each pause before a dial is longer by a random part of this, in ms. Default 3000. */
  readonly dialJitterMs: number;
  /** Pause between the first dials of a lost persistent peer, in ms. Default 5000. */
  readonly reconnectIntervalMs: number;
  /** Those first dials. Default 20. */
  readonly reconnectAttempts: number;
  /** Dials after them, with pauses of 3, 9, 27 ... s. Default 10. */
  readonly reconnectBackoffAttempts: number;
}

/** Default, least and most of each of {@link SwitchLimits}. */
export const SWITCH_LIMITS: {
  readonly [K in keyof SwitchLimits]: readonly [standard: number, least: number, most: number];
} = {
  inboundPeersMax: [40, 0, 65_536],
  inboundPerHostMax: [16, 1, 65_536],
  outboundPeersMax: [10, 0, 65_536],
  dialsMax: [1024, 1, 65_536],
  handshakesMax: [64, 1, 65_536],
  dialTimeoutMs: [1000, 1, 3_600_000],
  handshakeTimeoutMs: [3000, 1, 3_600_000],
  nodeInfoTimeoutMs: [3000, 1, 3_600_000],
  filterTimeoutMs: [5000, 1, 3_600_000],
  reactorTimeoutMs: [5000, 1, 3_600_000],
  flushTimeoutMs: [5000, 0, 3_600_000],
  dialJitterMs: [3000, 0, 3_600_000],
  reconnectIntervalMs: [5000, 1, 3_600_000],
  reconnectAttempts: [20, 0, 1_000_000],
  reconnectBackoffAttempts: [10, 0, 12],
};

/** What the connections of a switch are made with besides channels; see `MConnection`. */
export type PeerConnectionSettings = Omit<MConnectionOptions, 'clock' | 'handlers' | 'logger'>;

/** How a switch is started. */
export interface SwitchOptions extends NodeInfoOptions, Partial<SwitchLimits> {
  /** The ed25519 key that names this node. */
  readonly nodeKey: KeyPair;
  /** Their channels, in this order, are those of the node. Default none. */
  readonly reactors?: readonly ReactorSpec[];
  /** Where to accept connections, e.g. `tcp://0.0.0.0:26656`; port 0 takes a free one. Default: nowhere. */
  readonly listen?: string | NetAddress;
  /** Default TCP. */
  readonly transport?: Transport;
  /** `ID@HOST:PORT`: dialed from the start, and again whenever they are lost. */
  readonly persistentPeers?: readonly (string | NodeAddress)[];
  /** Ids that no limit holds back. */
  readonly unconditionalPeerIds?: readonly string[];
  /** Several connections with one IP address, as many inbound ones as `inboundPerHostMax` says. Default false. */
  readonly allowDuplicateIp?: boolean;
  /** Run before each handshake. */
  readonly connectionFilters?: readonly ConnectionFilter[];
  /** Run before a peer is admitted. */
  readonly peerFilters?: readonly PeerFilter[];
  /** For the MConnection of each peer. Default: 5 120 000 bytes a second each way, else its own defaults. */
  readonly connection?: PeerConnectionSettings;
  /** Default: native where `node:crypto` is, else portable. */
  readonly engine?: CryptoEngine;
  /** The system its processes run in. Default: one of its own with `clock`, `logger` and `telemetry`. */
  readonly system?: ActorSystem;
  /** Default: the host's. */
  readonly clock?: Clock;
  /** Default: the host's. */
  readonly random?: Random;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Default: one of its own. */
  readonly telemetry?: Telemetry;
}

/** Bytes a second in each direction on the connections of a switch (`P2PConfig.SendRate`, `RecvRate`). */
export const PEER_RATE_BYTES_PER_SECOND_DEFAULT = 5_120_000;

/** Options after the door. @internal */
export interface ParsedSwitchOptions {
  readonly nodeKey: KeyPair;
  readonly nodeInfoOptions: NodeInfoOptions;
  readonly reactors: readonly ReactorSpec[];
  /** By id, in the order of the reactors. */
  readonly channels: ReadonlyMap<number, AnyChannel>;
  readonly listen: NetAddress | undefined;
  readonly transport: Transport;
  readonly persistentPeers: readonly NodeAddress[];
  readonly unconditionalPeerIds: readonly string[];
  readonly allowDuplicateIp: boolean;
  readonly connectionFilters: readonly ConnectionFilter[];
  readonly peerFilters: readonly PeerFilter[];
  readonly connection: PeerConnectionSettings;
  readonly engine: CryptoEngine;
  readonly system: ActorSystem | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly limits: SwitchLimits;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws TypeError, RangeError naming the option, its value and its range; CodecError for a text that is no node address;
 * NetError `ADDRESS_INVALID` for `listen`. @internal
 */
export function parseSwitchOptions(options: SwitchOptions): ParsedSwitchOptions {
  checkOptionNames(options, OPTION_NAMES);
  const { nodeKey, listen, system } = options;
  if (!(nodeKey instanceof KeyPair)) throw new TypeError('option nodeKey is not a KeyPair');
  if (nodeKey.curve !== 'ed25519')
    throw new RangeError(`option nodeKey is of curve ${nodeKey.curve}: expected ed25519`);
  if (typeof options.network !== 'string') throw new TypeError('option network is not a text');
  const clock = options.clock ?? system?.clock ?? systemClock;
  const logger = guardLogger(options.logger ?? system?.logger ?? silentLogger);
  const reactors = options.reactors ?? [];
  return {
    nodeKey,
    nodeInfoOptions: options,
    reactors,
    channels: channelsOf(reactors),
    listen: typeof listen === 'string' ? parseNetAddress(listen) : listen,
    transport: options.transport ?? new TcpTransport({ clock, maxConnections: 65_536 }),
    persistentPeers: parseNodeAddresses('persistentPeers', options.persistentPeers ?? []),
    unconditionalPeerIds: parseNodeIds('unconditionalPeerIds', options.unconditionalPeerIds ?? []),
    allowDuplicateIp: options.allowDuplicateIp ?? false,
    connectionFilters: filters('connectionFilters', options.connectionFilters),
    peerFilters: [...filters('peerFilters', options.peerFilters), ...filtersOf(reactors)],
    connection: parseConnection(options.connection, clock),
    engine: options.engine ?? defaultEngine(),
    system,
    clock,
    random: options.random ?? systemRandom,
    logger,
    telemetry: options.telemetry ?? system?.telemetry ?? new Telemetry(logger),
    limits: parseLimits(options),
  };
}

/** Checked here, or each peer would be lost for what is wrong with our own options. */
function parseConnection(options: PeerConnectionSettings = {}, clock: Clock): PeerConnectionSettings {
  checkOptionNames(options, PEER_CONNECTION_OPTION_NAMES, ' of connection');
  const connection = {
    sendRateBytesPerSecond: PEER_RATE_BYTES_PER_SECOND_DEFAULT,
    recvRateBytesPerSecond: PEER_RATE_BYTES_PER_SECOND_DEFAULT,
    ...options,
  };
  parseMConnectionOptions({ ...connection, clock, handlers: { onReceive() {}, onClose() {} } });
  return connection;
}

/** An address as text or in parts, its id in lower case. @throws CodecError `INVALID_VALUE`. @internal */
export function toNodeAddress(address: string | NodeAddress): NodeAddress {
  const parsed = parseNodeAddress(typeof address === 'string' ? address : formatNodeAddress(address));
  return { ...parsed, id: parsed.id.toLowerCase() };
}

/** @internal */
export function parseNodeAddresses(name: string, addresses: readonly (string | NodeAddress)[]): NodeAddress[] {
  return bounded(name, addresses, PERSISTENT_PEERS_MAX).map(toNodeAddress);
}

/** @internal */
export function parseNodeIds(name: string, ids: readonly string[]): string[] {
  return bounded(name, ids, PERSISTENT_PEERS_MAX).map((id) => {
    if (!isNodeId(id)) throw new RangeError(`option ${name}: a node id is 40 hex digits`);
    return id.toLowerCase();
  });
}

function filters<T>(name: string, list: readonly T[] = []): readonly T[] {
  for (const [index, filter] of bounded(name, list, FILTERS_MAX).entries()) checkFunction(`${name}[${index}]`, filter);
  return list;
}

function bounded<T>(name: string, list: readonly T[], countMax: number): readonly T[] {
  if (!Array.isArray(list)) throw new TypeError(`option ${name} is not a list`);
  if (list.length > countMax) throw new RangeError(`option ${name} has ${list.length} items: at most ${countMax}`);
  return list;
}

/** `p2p/switch.go AddReactor`, which panics on a channel that two reactors want. */
function channelsOf(reactors: readonly ReactorSpec[]): Map<number, AnyChannel> {
  const channels = new Map<number, AnyChannel>();
  const ids = new Set<string>();
  for (const spec of bounded('reactors', reactors, REACTORS_MAX)) {
    checkOptionNames(spec, REACTOR_SPEC_NAMES, ' of reactors');
    const { id, channels: own, create, peerFilter } = spec;
    checkFunction(`create of reactor ${id}`, create);
    if (peerFilter !== undefined) checkFunction(`peerFilter of reactor ${id}`, peerFilter);
    if (ids.has(id)) throw new RangeError(`option reactors: two are called ${id}`);
    ids.add(id);
    for (const each of own) {
      const { codec } = each as { readonly codec?: Partial<AnyChannel['codec']> };
      if (typeof codec?.encode !== 'function' || typeof codec.decode !== 'function') {
        throw new TypeError(`option reactors: channel id ${each.id} has no codec that can encode and decode`);
      }
      if (channels.has(each.id)) throw new RangeError(`option reactors: channel id ${each.id} is taken twice`);
      channels.set(each.id, each);
    }
  }
  const descriptors = [...channels.values()].map(({ descriptor }) => descriptor);
  if (descriptors.length > 0) parseChannelDescriptors(descriptors);
  return channels;
}

function filtersOf(reactors: readonly ReactorSpec[]): PeerFilter[] {
  return reactors.map(({ peerFilter }) => peerFilter).filter((filter) => filter !== undefined);
}

function parseLimits(options: Partial<SwitchLimits>): SwitchLimits {
  const limits: Partial<Record<keyof SwitchLimits, number>> = {};
  for (const name of Object.keys(SWITCH_LIMITS) as (keyof SwitchLimits)[]) {
    const [standard, least, most] = SWITCH_LIMITS[name];
    limits[name] = checkInteger(name, options[name] ?? standard, least, most);
  }
  return limits as SwitchLimits;
}

/** Those of an MConnection without what the switch gives itself. */
const {
  clock: _clock,
  handlers: _handlers,
  logger: _logger,
  ...PEER_CONNECTION_OPTION_NAMES
} = MCONNECTION_OPTION_NAMES;

const OPTION_NAMES: OptionNames<SwitchOptions> = {
  ...SWITCH_LIMITS,
  ...NODE_INFO_OPTION_NAMES,
  nodeKey: true,
  reactors: true,
  listen: true,
  transport: true,
  persistentPeers: true,
  unconditionalPeerIds: true,
  allowDuplicateIp: true,
  connectionFilters: true,
  peerFilters: true,
  connection: true,
  engine: true,
  system: true,
  clock: true,
  random: true,
  logger: true,
  telemetry: true,
};
