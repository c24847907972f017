/**
 * Finds or makes the one connection with a remote: the one that stands, whoever dialled it, or else a new one.
 *
 * Two nodes that dial each other at once can end up with each keeping the connection that the other one drops. Neither has
 * greeted then, so nothing is lost but the dial, and it is made once more, by one of them: the one with the lower id dials again
 * at once, the other one waits for it.
 */
import { nodeIdOf } from '../crypto/node-key.ts';
import { NetError } from '../net/errors.ts';
import { formatNetAddress } from '../net/net-address.ts';
import type { Transport } from '../net/transport.ts';
import { P2pError } from './errors.ts';
import type { LinkDialer, LinkRole } from './messaging-link.ts';
import type { PeerLink } from './messaging-peer.ts';
import type { MessagingReactor } from './messaging-reactor.ts';
import type { NodeContext } from './node-context.ts';
import type { PeerAddress } from './peer-address.ts';
import type { SwitchHandle } from './switch-handle.ts';

/** Dials of one round that are made again because both ends dialled at once. */
export const CROSSED_DIALS_MAX = 4;

/** Pause of the end with the lower id before it dials again, in ms; longer by as much each time. */
export const CROSSED_DIAL_PAUSE_MS = 50;

/** Time for which the end with the higher id waits for the other one to dial again, in ms. */
export const CROSSED_DIAL_WAIT_MS = 1000;

/** A dial under way. */
interface Dial {
  /** The other end dialled too, and one of the two connections got in the way of the other. */
  isCrossed: boolean;
  /** A peer with that id is there. */
  arrived: () => void;
}

/** @internal */
export class MessagingDialer implements LinkDialer {
  readonly #context: NodeContext;
  readonly #reactor: () => MessagingReactor;
  readonly #switch: () => SwitchHandle | undefined;
  /** By node id, so at most one a remote. */
  readonly #dials = new Map<string, Dial>();
  /** Dials that wait for the switch; at most one a remote. */
  readonly #awaitingSwitch = new Set<() => void>();

  constructor(context: NodeContext, reactor: () => MessagingReactor, getSwitch: () => SwitchHandle | undefined) {
    this.#context = context;
    this.#reactor = reactor;
    this.#switch = getSwitch;
  }

  async dial(peer: PeerAddress, role: LinkRole, signal: AbortSignal): Promise<void> {
    const id = nodeIdOf(this.#context.engine, peer.publicKey.raw);
    const taken = (): P2pError =>
      new P2pError(
        'ALREADY_DIALING',
        `${peer.publicKey} is known here by another origin id: only one can be connected`,
      );
    if (this.#dials.has(id)) throw taken();
    const dial: Dial = { isCrossed: false, arrived: () => {} };
    this.#dials.set(id, dial);
    let link: PeerLink;
    try {
      link = await this.#reach(id, peer, dial, signal);
    } finally {
      this.#dials.delete(id);
    }
    if (signal.aborted) {
      if (link.peer.isOutbound && link.role === undefined) link.destroy();
      throw new P2pError('STOPPED', `the dial of ${peer.publicKey} was given up`);
    }
    if (link.role !== undefined) throw taken();
    link.role = role;
    role.opened(link);
  }

  /** A peer with that id is there: a dial of it may wait for that. */
  linkAdded(link: PeerLink): void {
    const dial = this.#dials.get(link.peer.id);
    if (dial === undefined) return;
    if (!link.peer.isOutbound) dial.isCrossed = true;
    dial.arrived();
  }

  /** The switch runs again. */
  switchStarted(): void {
    for (const goOn of [...this.#awaitingSwitch]) goOn();
  }

  /** A connection of that peer was refused because there is another. */
  crossed(id: string | undefined): void {
    const dial = id === undefined ? undefined : this.#dials.get(id);
    if (dial !== undefined) dial.isCrossed = true;
  }

  async #reach(id: string, peer: PeerAddress, dial: Dial, signal: AbortSignal): Promise<PeerLink> {
    for (let attempt = 1; ; attempt += 1) {
      const standing = await this.#standing(id);
      if (standing !== undefined) return standing;
      // A restart of the node's tables takes it away for a moment.
      if (this.#switch() === undefined) await this.#switchBack(signal);
      const failure = await this.#dialOnce(id, peer);
      const link = await this.#standing(id);
      if (link !== undefined) return link;
      const { code } = failure as { readonly code?: string };
      if (code === 'DUPLICATE_ID' || code === 'ALREADY_DIALING') dial.isCrossed = true;
      // Refused after it knew us: its own dial, if it made one, is here in a moment.
      if (!dial.isCrossed && code === 'PEER_CLOSED') await this.#arrival(dial, CROSSED_DIAL_PAUSE_MS, signal);
      if (!dial.isCrossed || attempt > CROSSED_DIALS_MAX || signal.aborted) throw failure;
      const isFirst = (this.#switch()?.id ?? '') < id;
      await this.#arrival(dial, isFirst ? CROSSED_DIAL_PAUSE_MS * attempt : CROSSED_DIAL_WAIT_MS, signal);
      if (signal.aborted) throw failure;
    }
  }

  /** The link with that node, once it has greeted. */
  async #standing(id: string): Promise<PeerLink | undefined> {
    const link = this.#reactor().link(id);
    return link !== undefined && (await link.greeted) && link.isOpen ? link : undefined;
  }

  /** Dials; whatever comes of it is found by its id. @returns why there is nothing, if there is nothing. */
  async #dialOnce(id: string, { address, publicKey }: PeerAddress): Promise<unknown> {
    const own = this.#switch();
    const at = formatNetAddress(address);
    if (own === undefined) return new P2pError('STOPPED', `${at} is not dialled: the switch is not running`);
    try {
      const { scheme } = switchTransport(this.#context);
      if (address.scheme !== scheme)
        throw new NetError('ADDRESS_INVALID', `${at} is not dialled: the node is on ${scheme}`);
      await own.dialPeer({ id, host: address.host, port: address.port });
      return new P2pError('PEER_CLOSED', `${publicKey} at ${at} closed the connection before it greeted`);
    } catch (error) {
      // What the transport said of the dial is what its callers know to read.
      const cause = error instanceof P2pError && error.code === 'DIAL_FAILED' ? error.cause : undefined;
      return cause ?? error;
    }
  }

  /** Waits until a peer with that id is there, at most `waitMs`. */
  async #arrival(dial: Dial, waitMs: number, signal: AbortSignal): Promise<void> {
    await this.#wait(waitMs, signal, (goOn) => {
      dial.arrived = goOn;
    });
    dial.arrived = () => {};
  }

  /** Waits until the switch runs, at most as long as a dial may take. */
  async #switchBack(signal: AbortSignal): Promise<void> {
    let started = (): void => {};
    await this.#wait(this.#context.limits.dialTimeoutMs, signal, (goOn) => {
      started = goOn;
      this.#awaitingSwitch.add(started);
    });
    this.#awaitingSwitch.delete(started);
  }

  /** Until what `arm` is given is called, `waitMs` have passed or the dial is given up. */
  #wait(waitMs: number, signal: AbortSignal, arm: (goOn: () => void) => void): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { clock } = this.#context;
    return new Promise((resolve) => {
      const goOn = (): void => {
        clock.clearTimer(timer);
        signal.removeEventListener('abort', goOn);
        resolve();
      };
      const timer = clock.setTimer(goOn, waitMs);
      signal.addEventListener('abort', goOn, { once: true });
      arm(goOn);
    });
  }
}

/** The way out of the switch, which has one: that of the address it listens at, else the first. @internal */
export function switchTransport({ transports, listen }: NodeContext): Transport {
  const transport = listen === undefined ? transports.values().next().value : transports.get(listen.scheme);
  if (transport === undefined) {
    throw new NetError(
      'ADDRESS_INVALID',
      `no transport for ${listen === undefined ? 'any' : formatNetAddress(listen)}`,
    );
  }
  return transport;
}
