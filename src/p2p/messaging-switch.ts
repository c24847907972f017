/**
 * The switch of a node on the MConnection wire: made from the node's options, with the messaging reactor in it, restarted with
 * it, and with what it tells turned into what a node tells.
 */

import type { StartContext } from '../actors/child-spec.ts';
import { TIMER_DELAY_MS_MAX } from '../base/clock.ts';
import { CodecError } from '../codec/errors.ts';
import { CryptoError } from '../crypto/errors.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { causeOf, P2pError } from './errors.ts';
import { MessagingDialer, switchTransport } from './messaging-dialer.ts';
import { MessagingReactor } from './messaging-reactor.ts';
import { type NodeContext, noteFault } from './node-context.ts';
import { Switch } from './switch.ts';
import type { SwitchError, SwitchErrorCode } from './switch-errors.ts';
import { SWITCH_LIMITS, type SwitchOptions } from './switch-options.ts';

/** Codes of connections that others made and broke before we knew them: faults of whoever did. */
const FAULTS_OF_HANDSHAKE: ReadonlySet<SwitchErrorCode> = new Set<SwitchErrorCode>([
  'AUTH_FAILURE',
  'HANDSHAKE_FAILED',
  'HANDSHAKE_TIMEOUT',
  'INCOMPATIBLE',
  'NODE_INFO_INVALID',
]);

/** What a node on the MConnection wire has besides the one on the other wire. @internal */
export class Messaging {
  readonly dialer: MessagingDialer;
  readonly #context: NodeContext;
  readonly #reactor: MessagingReactor;
  #switch: Switch | undefined;

  /** @param wakeUp - told of the key of every peer that greets. */
  constructor(context: NodeContext, wakeUp: (publicKey: PublicKey) => void) {
    this.#context = context;
    this.dialer = new MessagingDialer(
      context,
      () => this.#reactor,
      () => this.#switch,
    );
    this.#reactor = new MessagingReactor(context, {
      linkAdded: (link) => this.dialer.linkAdded(link),
      linkGreeted: (_link, sender) => wakeUp(sender),
    });
  }

  /** The switch that runs. */
  get switch(): Switch | undefined {
    return this.#switch;
  }

  /** The start function of the switch. @throws NetError when it cannot listen. */
  async start(start: StartContext): Promise<Switch> {
    const context = this.#context;
    this.#switch = undefined;
    const spec = Switch.childSpec('switch', switchOptions(context, this.#reactor));
    const started = await spec.start(start);
    this.#reactor.sweep(); // links of a switch before this one, had that been killed
    this.#switch = started;
    this.dialer.switchStarted();
    this.#listenTo(started);
    const { address } = started;
    if (address !== undefined) {
      context.listenAddress = address;
      context.events.emit('listening', { address });
    }
    return started;
  }

  #listenTo(started: Switch): void {
    const context = this.#context;
    started.on('rejected', ({ remoteAddress, isOutbound, error }) => {
      const { code, peerId } = error;
      if (code === 'DUPLICATE_ID') this.dialer.crossed(peerId);
      if (isOutbound) return;
      if (code === 'INBOUND_MAX' || code === 'INBOUND_PER_HOST_MAX') {
        context.counters.inboundRefused += 1;
        const said = code === 'INBOUND_MAX' ? 'FLOOD' : code;
        const refusal = new P2pError(said, `${remoteAddress} refused: ${error.message}`, { cause: error });
        noteFault(context, remoteAddress, undefined, refusal);
      } else if (isFault(error)) noteFault(context, remoteAddress, undefined, error);
    });
    started.on('stopped', () => {
      if (this.#switch !== started) return;
      this.#switch = undefined;
      this.#reactor.sweep();
    });
  }
}

/** A handshake that just ended is the network's doing as well as a peer's. */
function isFault(error: SwitchError): boolean {
  if (!FAULTS_OF_HANDSHAKE.has(error.code)) return false;
  const isNonsense = causeOf(error, CodecError) !== undefined || causeOf(error, CryptoError) !== undefined;
  return error.code !== 'HANDSHAKE_FAILED' || isNonsense;
}

/** The patience with a pong: at most what a timer can wait, about 25 days. @internal */
export function pongTimeoutMsOf(heartbeatIntervalMs: number, heartbeatOutstandingMax: number): number {
  return Math.min(heartbeatIntervalMs * heartbeatOutstandingMax, TIMER_DELAY_MS_MAX);
}

function switchOptions(context: NodeContext, messaging: MessagingReactor): SwitchOptions {
  const { limits, identity, network, reactors, engine, clock, random, logger, telemetry } = context;
  const { listen, listenAddress } = context;
  const { inboundConnectionsMax, remotesMax, dialTimeoutMs, heartbeatIntervalMs, heartbeatOutstandingMax } = limits;
  const [, , peersMax] = SWITCH_LIMITS.outboundPeersMax;
  const [, , handshakesMax] = SWITCH_LIMITS.handshakesMax;
  // A restarted switch must come back where others know it, not on another free port.
  const at = listen?.port === 0 ? (listenAddress ?? listen) : listen;
  return {
    nodeKey: identity,
    network,
    reactors: [messaging.spec, ...reactors],
    transport: switchTransport(context),
    ...(at === undefined ? {} : { listen: at }),
    allowDuplicateIp: true,
    inboundPeersMax: inboundConnectionsMax,
    inboundPerHostMax: limits.inboundPerHostMax,
    outboundPeersMax: Math.min(peersMax, remotesMax),
    dialsMax: Math.min(peersMax, remotesMax),
    handshakesMax: Math.min(handshakesMax, inboundConnectionsMax),
    dialTimeoutMs,
    handshakeTimeoutMs: dialTimeoutMs,
    nodeInfoTimeoutMs: dialTimeoutMs,
    // Its own pauses are for persistent peers; those of remotes are the connection's business.
    dialJitterMs: 0,
    connection: {
      sendRateBytesPerSecond: 0,
      recvRateBytesPerSecond: 0,
      pingIntervalMs: heartbeatIntervalMs,
      pongTimeoutMs: pongTimeoutMsOf(heartbeatIntervalMs, heartbeatOutstandingMax),
      writeTimeoutMs: limits.writeTimeoutMs,
    },
    engine,
    clock,
    random,
    logger,
    telemetry,
  };
}
