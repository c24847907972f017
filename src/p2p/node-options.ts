/** What a node is made with, checked once at the door; the inside trusts the result. */

import { ActorSystem } from '../actors/system.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import {
  checkInteger,
  checkMethods,
  checkOneOf,
  checkOptionNames,
  describeReason,
  type OptionNames,
} from '../base/errors.ts';
import { guardLogger, type Logger, silentLogger } from '../base/logger.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { Telemetry } from '../base/telemetry.ts';
import { archethicMessages } from '../codec/archethic-messages.ts';
import { FRAME_BYTES_MAX_DEFAULT } from '../codec/frame.ts';
import { MessageCatalog } from '../codec/message-catalog.ts';
import { defaultEngine } from '../crypto/default-engine.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import { KeyPair } from '../crypto/keys.ts';
import { checkNetAddress, type NetAddress, parseNetAddress } from '../net/net-address.ts';
import { TcpTransport } from '../net/tcp-transport.ts';
import type { Transport } from '../net/transport.ts';
import type { ReactorSpec } from './reactor.ts';

/** The tunable numbers of a node. `docs/limits.md` says what happens at each. */
export interface NodeLimits {
  /** Patience of a call, in ms, from the moment it is made. Default 5000. */
  readonly callTimeoutMs: number;
  /** Calls of one remote sent and not answered; 1 is strictly one at a time. More wait in its queue. Default 1024. */
  readonly maxInFlight: number;
  /** Calls of one remote that wait to be sent; one more is refused with `QUEUE_FULL`. Default 4096. */
  readonly queueCapacity: number;
  /** Bytes of the messages that wait for one remote; more are refused with `QUEUE_FULL`. Default 16 777 216. */
  readonly queueBytesMax: number;
  /** Remotes known at a time; one more is refused with `REMOTES_MAX`. Default 4096. */
  readonly remotesMax: number;
  /** Patience of a dial, and of each step in the handshake of an MConnection, in ms. Default 4000. */
  readonly dialTimeoutMs: number;
  /** Pause between heartbeats on an outbound connection, or pings on an MConnection, in ms. Default 10 000. */
  readonly heartbeatIntervalMs: number;
  /**
   * Heartbeats that may be unanswered; at the next one the connection is given up. Of an MConnection, how many times
   * `heartbeatIntervalMs` a pong may take. Default 2.
   */
  readonly heartbeatOutstandingMax: number;
  /** First pause before a new dial, in ms; doubles with each failure. Default 500. */
  readonly backoffBaseMs: number;
  /** Longest pause before a new dial, in ms. Default 21 600 000. */
  readonly backoffMaxMs: number;
  /** Jitter: at most this many percent are added to each pause. Default 20. */
  readonly backoffJitterPercent: number;
  /** Pause at least, in ms, between dials that calls ask for while the remote is in backoff. Default 5000. */
  readonly demandDialIntervalMs: number;
  /** Pause before a remote or a service whose supervisor gave up is started again, in ms. Default 5000. */
  readonly reviveDelayMs: number;
  /** A write that moves nothing for that long ends the connection, in ms. Default 30 000. */
  readonly writeTimeoutMs: number;
  /** Bytes that may wait in one connection to be written. Default 33 554 432. */
  readonly sendBufferBytesMax: number;
  /**
   * Largest frame accepted or sent, in bytes; a larger one ends the connection. On an MConnection the longest answer, in its
   * envelop. Default 16 777 216.
   */
  readonly frameBytesMax: number;
  /**
   * The same for frames of accepted connections, whose senders are not known yet, and the longest request sent; with
   * `inboundConnectionsMax` it bounds the memory that strangers can take. Room for the longest transaction content upstream
   * allows (3 145 728 bytes). On an MConnection the longest message that nobody asked for. Default 4 194 304.
   */
  readonly inboundFrameBytesMax: number;
  /** Accepted connections at a time; one more is closed at once. Default 1024. */
  readonly inboundConnectionsMax: number;
  /**
   * Of those, the ones of one host, an IPv4 address or an IPv6 /64; one more is closed at once. Default 256: nobody takes more
   * than a quarter of the room from one place.
   */
  readonly inboundPerHostMax: number;
  /**
   * On wire `archethic`: an accepted connection on which no whole frame arrives for that long is closed, in ms; a heartbeat is
   * a frame. Default 60 000.
   */
  readonly inboundIdleTimeoutMs: number;
  /** Requests of one accepted connection in work at a time; then it is not read from until half are answered. Default 256. */
  readonly requestsPerConnectionMax: number;
  /** Patience with a service, in ms; then the requester gets an Error message. Default 5000. */
  readonly serviceTimeoutMs: number;
  /**
   * On wire `archethic`: heartbeats taken from one accepted connection within 10 s; one more closes it as a flood.
   * Default 100.
   */
  readonly heartbeatsPer10sMax: number;
  /** Nodes the directory remembers; beyond, the one heard of longest ago that is not connected is forgotten. Default 65 536. */
  readonly directoryCapacity: number;
  /** A node without a connection that was not heard of for that long counts as away, in ms. Default 30 000. */
  readonly silenceMs: number;
}

/** Default, least and most of each of {@link NodeLimits}. */
export const NODE_LIMITS: {
  readonly [K in keyof NodeLimits]: readonly [standard: number, least: number, most: number];
} = {
  callTimeoutMs: [5000, 1, 3_600_000],
  maxInFlight: [1024, 1, 65_536],
  queueCapacity: [4096, 1, 1_000_000],
  queueBytesMax: [16_777_216, 1024, 1_073_741_824],
  remotesMax: [4096, 1, 1_000_000],
  dialTimeoutMs: [4000, 1, 3_600_000],
  heartbeatIntervalMs: [10_000, 10, 3_600_000],
  heartbeatOutstandingMax: [2, 1, 1000],
  backoffBaseMs: [500, 1, 3_600_000],
  backoffMaxMs: [21_600_000, 1, 86_400_000],
  backoffJitterPercent: [20, 0, 100],
  demandDialIntervalMs: [5000, 0, 3_600_000],
  reviveDelayMs: [5000, 0, 3_600_000],
  writeTimeoutMs: [30_000, 1, 3_600_000],
  sendBufferBytesMax: [33_554_432, 65_536, 2_147_483_647],
  frameBytesMax: [FRAME_BYTES_MAX_DEFAULT, 64, 2_147_483_647],
  inboundFrameBytesMax: [4_194_304, 64, 2_147_483_647],
  inboundConnectionsMax: [1024, 1, 65_536],
  inboundPerHostMax: [256, 1, 65_536],
  inboundIdleTimeoutMs: [60_000, 1, 86_400_000],
  requestsPerConnectionMax: [256, 1, 65_536],
  serviceTimeoutMs: [5000, 1, 3_600_000],
  heartbeatsPer10sMax: [100, 1, 1_000_000],
  directoryCapacity: [65_536, 1, 10_000_000],
  silenceMs: [30_000, 1, 86_400_000],
};

/** The numbers of {@link NodeLimits}, all optional. */
export type NodeLimitOptions = Partial<NodeLimits>;

type LimitName = keyof NodeLimits;

/** Wires a node can speak, the default first. */
export const WIRES = ['mconnection', 'archethic'] as const;
/**
 * `mconnection`: one connection for both directions, mutually authenticated and secret as a whole, with channels beside those
 * of calls; between genmesh nodes. `archethic`: one socket per direction of calls, messages sealed one by one; with Archethic
 * nodes, or with keys of other curves than ed25519.
 */
export type Wire = (typeof WIRES)[number];

/** Wire of a node that is not told another. */
export const WIRE_DEFAULT: Wire = WIRES[0];

/** Network of a node that is not told another. */
export const NETWORK_DEFAULT = 'genmesh';

/** How a node is started. Every field but `identity` has a default. */
export interface NodeOptions extends NodeLimitOptions {
  /** The node's first key pair: others know it by the public half. */
  readonly identity: KeyPair;
  /** Where to accept connections, e.g. `tcp://0.0.0.0:30002`; port 0 takes a free one. Default: nowhere. */
  readonly listen?: string | NetAddress;
  /** How it speaks to others, who must speak alike. Default `mconnection`, which takes an ed25519 identity only. */
  readonly wire?: Wire;
  /** On the MConnection wire: signs and seals each call and its reply end to end as well. Default false. */
  readonly sealed?: boolean;
  /** On the MConnection wire: only nodes of the same network connect. Default `genmesh`. */
  readonly network?: string;
  /** On the MConnection wire: reactors of `node.switch` besides the one that carries calls. Default none. */
  readonly reactors?: readonly ReactorSpec[];
  /** Ways to reach others, told apart by the scheme of an address. Default: TCP. */
  readonly transports?: readonly Transport[];
  /** Messages this node understands. Default: Archethic's. */
  readonly messages?: MessageCatalog;
  /** Default: native where `node:crypto` is, else portable. */
  readonly engine?: CryptoEngine;
  /** The system its processes run in. Default: one of its own with `clock`, `logger` and `telemetry`. */
  readonly system?: ActorSystem;
  /** Default: the host's. */
  readonly clock?: Clock;
  /** Default: the host's. */
  readonly random?: Random;
  /** Default: silent. What it throws is swallowed. */
  readonly logger?: Logger;
  /** Default: one of its own. */
  readonly telemetry?: Telemetry;
}

/** Options after the door. @internal */
export interface ParsedNodeOptions {
  readonly identity: KeyPair;
  readonly listen: NetAddress | undefined;
  readonly wire: Wire;
  /** Messages are signed and sealed one by one. */
  readonly isSealed: boolean;
  readonly network: string;
  readonly reactors: readonly ReactorSpec[];
  readonly transports: ReadonlyMap<string, Transport>;
  readonly messages: MessageCatalog;
  readonly engine: CryptoEngine;
  readonly system: ActorSystem | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly limits: NodeLimits;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws TypeError, RangeError naming the option, its value and its range; NetError `ADDRESS_INVALID` for `listen`.
 * @internal
 */
export function parseNodeOptions(options: NodeOptions): ParsedNodeOptions {
  checkOptionNames(options, OPTION_NAMES);
  if (!(options.identity instanceof KeyPair)) throw new TypeError('option identity is not a KeyPair');
  checkKinds(options);
  // Defaults stand for `undefined` alone: null is a mistake, and was refused.
  const { system, sealed = false, network = NETWORK_DEFAULT, reactors = [] } = options;
  const wire = checkOneOf('wire', options.wire === undefined ? WIRE_DEFAULT : options.wire, WIRES);
  checkWireOptions(wire, options);
  const clock = options.clock ?? system?.clock ?? systemClock;
  const { logger: givenLogger = system?.logger ?? silentLogger } = options;
  const logger = guardLogger(givenLogger);
  const transports = options.transports ?? [new TcpTransport({ clock, maxConnections: 65_536 })];
  return {
    identity: options.identity,
    listen: parseListen(options.listen),
    wire,
    isSealed: wire === 'archethic' || sealed,
    network,
    reactors,
    transports: new Map(transports.map((transport) => [transport.scheme, transport])),
    messages: options.messages ?? (archethicMessages as unknown as MessageCatalog),
    engine: options.engine ?? defaultEngine(),
    system,
    clock,
    random: options.random ?? systemRandom,
    logger,
    telemetry: options.telemetry ?? system?.telemetry ?? new Telemetry(logger),
    limits: parseLimits(options),
  };
}

const CLOCK_METHODS = ['monotonicMs', 'wallMs', 'setTimer', 'clearTimer', 'defer'] as const;
const ENGINE_METHODS = ['hash', 'sign', 'verify', 'eciesSeal', 'eciesOpen', 'x25519', 'frameCipher'] as const;

/** What is not of the right kind would fail much later, inside a process, where nobody can tell whose mistake it was. */
function checkKinds(options: NodeOptions): void {
  const { messages, system, telemetry, clock, random, engine, transports, reactors, sealed, network } = options;
  checkInstance('messages', messages, MessageCatalog, 'a MessageCatalog');
  checkInstance('system', system, ActorSystem, 'an ActorSystem');
  checkInstance('telemetry', telemetry, Telemetry, 'a Telemetry');
  if (clock !== undefined) checkMethods('clock', clock, 'a Clock', CLOCK_METHODS);
  if (random !== undefined) checkMethods('random', random, 'a Random', ['bytes', 'float']);
  if (engine !== undefined) checkMethods('engine', engine, 'a CryptoEngine', ENGINE_METHODS);
  if (transports !== undefined) checkTransports(transports);
  if (reactors !== undefined && !Array.isArray(reactors)) throw new TypeError('option reactors is not a list');
  if (sealed !== undefined && typeof sealed !== 'boolean') throw new TypeError('option sealed is not a boolean');
  if (network !== undefined && typeof network !== 'string') throw new TypeError('option network is not text');
}

function checkInstance(
  name: string,
  value: unknown,
  type: abstract new (...args: never[]) => object,
  kind: string,
): void {
  if (value !== undefined && !(value instanceof type)) throw new TypeError(`option ${name} is not ${kind}`);
}

function checkTransports(transports: readonly Transport[]): void {
  if (!Array.isArray(transports)) throw new TypeError('option transports is not a list of Transports');
  for (const [index, transport] of (transports as readonly Transport[]).entries()) {
    const name = `transports[${index}]`;
    checkMethods(name, transport, 'a Transport', ['dial', 'listen']);
    if (typeof transport.scheme !== 'string')
      throw new TypeError(`option ${name} is not a Transport: it has no scheme`);
  }
}

function parseListen(listen: string | NetAddress | undefined): NetAddress | undefined {
  if (listen === undefined) return undefined;
  if (typeof listen === 'string') return parseNetAddress(listen);
  const { scheme, host, port } = Object(listen) as NetAddress;
  if (typeof scheme !== 'string' || typeof host !== 'string' || typeof port !== 'number') {
    const shown = describeReason(listen, 60);
    throw new TypeError(`option listen is ${shown}: expected tcp://host:port, or { scheme, host, port }`);
  }
  return checkNetAddress({ scheme, host, port }, scheme);
}

/** Only the MConnection wire has them, and it has ed25519 keys only. */
function checkWireOptions(wire: Wire, { identity, ...options }: NodeOptions): void {
  if (wire === 'mconnection') {
    if (identity.curve === 'ed25519') return;
    throw new RangeError(
      `option identity is of curve ${identity.curve}: expected ed25519 on wire mconnection; wire archethic takes it`,
    );
  }
  for (const name of ['sealed', 'network', 'reactors'] as const) {
    if (options[name] !== undefined) throw new RangeError(`option ${name} is for wire mconnection only`);
  }
}

const OPTION_NAMES: OptionNames<NodeOptions> = {
  ...NODE_LIMITS,
  identity: true,
  listen: true,
  wire: true,
  sealed: true,
  network: true,
  reactors: true,
  transports: true,
  messages: true,
  engine: true,
  system: true,
  clock: true,
  random: true,
  logger: true,
  telemetry: true,
};

function parseLimits(options: NodeLimitOptions): NodeLimits {
  const limits: Partial<Record<LimitName, number>> = {};
  for (const name of Object.keys(NODE_LIMITS) as LimitName[]) {
    const [standard, least, most] = NODE_LIMITS[name];
    const given = options[name];
    limits[name] = checkInteger(name, given === undefined ? standard : given, least, most);
  }
  return limits as NodeLimits;
}
