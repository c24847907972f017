/**
 * Connection: the process that keeps one outbound connection to one remote, as `connection-machine.ts` says.
 *
 * It dials, starts a reader for each connection it gets, tells the mailbox, watches the heartbeats, and after the end waits
 * out a pause that doubles with each failure. `archethic-node p2p/client/connection.ex`; differs from it: pauses have jitter,
 * a timer of an answered request cannot reach it, and nothing a remote sends can end it.
 */

import { type ExitReason, isCleanExit } from '../actors/exit-reason.ts';
import { type ActionContext, GenStatem, type StatemState } from '../actors/gen-statem.ts';
import { asProcess } from '../actors/process.ts';
import type { Info, Protocol, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply } from '../actors/results.ts';
import type { Timer } from '../base/clock.ts';
import { type CodedError, describeReason } from '../base/errors.ts';
import type { MessageValue } from '../codec/message.ts';
import type { OpenedEnvelop } from '../crypto/sealed-envelop.ts';
import { ArchethicLink } from '../net/archethic-link.ts';
import { NetError } from '../net/errors.ts';
import { HeartbeatLiveness } from '../net/heartbeat-liveness.ts';
import { formatNetAddress } from '../net/net-address.ts';
import type { ByteStream } from '../net/transport.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import { type ConnectionEvent, type ConnectionState, connectionMachine } from './connection-machine.ts';
import { P2pError } from './errors.ts';
import type { LinkRole, MessageLink } from './messaging-link.ts';
import { type NodeContext, noteFault } from './node-context.ts';
import type { MailboxRef } from './node-mailbox.ts';
import type { PeerAddress } from './peer-address.ts';
import { Reader, type ReaderRole } from './reader.ts';
import type { RemoteCounters } from './remote-counters.ts';

/** Largest exponent of the backoff: 500 ms * 2^16 is past 6 hours. `connection.ex backoff/1`. */
export const BACKOFF_ATTEMPTS_MAX = 16;

/** What a connection needs of its surroundings. @internal */
export interface ConnectionOptions {
  readonly context: NodeContext;
  readonly peer: PeerAddress;
  readonly counters: RemoteCounters;
  /** The mailbox of the remote, as it is now. */
  readonly mailbox: () => MailboxRef | undefined;
  /** The supervisor of the remote, once it is up: readers are its children. */
  readonly supervisor: Promise<Supervisor>;
}

interface ConnectionProtocol extends Protocol {
  cast: { event(event: ConnectionEvent): void };
}

/** @internal */
export type ConnectionRef = ServerRef<ConnectionProtocol>;

/** @internal */
export class Connection extends GenStatem<typeof connectionMachine, [ConnectionOptions]> {
  override readonly machine: typeof connectionMachine = connectionMachine;
  #options!: ConnectionOptions;
  #liveness: HeartbeatLiveness | undefined;
  /** The link of the connection that stands. */
  #link: MessageLink | undefined;
  /** The newest link, standing or not. */
  #latest: MessageLink | undefined;
  #attempts = 0;
  #backoffTimer: Timer | undefined;
  #lastDialMs = Number.NEGATIVE_INFINITY;
  #dialing: AbortController | undefined;
  /** Its supervisor stops the whole remote: the calls of the mailbox end with that, not with this connection. */
  #isShutDown = false;

  override readonly actions: Readonly<Record<string, (context: ActionContext<ConnectionEvent>) => void>> = {
    dial: () => this.#dial(),
    announceConnected: ({ event }) => this.#connected((event as { link: MessageLink }).link),
    announceDisconnected: ({ event }) => this.#disconnected((event as { reason?: unknown }).reason),
    announceFailure: ({ event }) => this.#dialFailed((event as { reason?: unknown }).reason),
    armBackoff: () => this.#armBackoff(),
    disarmBackoff: () => this.#disarmBackoff(),
    countAttempt: () => {
      this.#attempts = Math.min(BACKOFF_ATTEMPTS_MAX, this.#attempts + 1);
    },
    considerDial: () => this.#considerDial(),
    hasten: () => this.#hasten(),
  };

  protected override prepare(options: ConnectionOptions): void {
    this.#options = options;
    this.self.trapExit(true);
    options.context.registry.register(`connection/${options.peer.publicKey.hex}`, this.self, undefined);
    options.counters.state = 'idle';
    this.self.signal.addEventListener('abort', () => this.#ended(), { once: true });
    this.#post({ type: 'dial' });
  }

  override handleInfo(message: Info<Protocol>, state: StatemState): NoReply<StatemState> {
    if (message.type === 'down') {
      const { reason } = message;
      const tell = (): void => {
        if (this.self.isAlive) this.#post({ type: 'closed', reason });
      };
      // A reader that is shut down goes before this process does, when the whole remote is stopped: that is waited for.
      if (reason === 'shutdown') this.#options.context.clock.defer(tell);
      else tell();
    }
    return noreply(state);
  }

  override terminate(reason: ExitReason, state: StatemState): void {
    this.#isShutDown = isCleanExit(reason);
    if (this.state !== 'stopped') this.raise({ type: 'stop' });
    super.terminate(reason, state);
  }

  override inspect(): Readonly<Record<string, string | number>> {
    const { address } = this.#options.peer;
    return { state: this.state, to: formatNetAddress(address), attempts: this.#attempts };
  }

  #post(event: ConnectionEvent): void {
    (this.self as unknown as ConnectionRef).cast('event', event);
  }

  #setState(state: ConnectionState): void {
    this.#options.counters.state = state;
  }

  #dial(): void {
    const { context, peer } = this.#options;
    this.#setState('dialing');
    this.#lastDialMs = context.clock.monotonicMs();
    const dialing = new AbortController();
    this.#dialing = dialing;
    const dial =
      context.dialer === undefined
        ? this.#dialStream(dialing.signal).then((stream) => this.#open(stream))
        : context.dialer.dial(peer, this.#role(), dialing.signal);
    dial.catch((reason) => {
      if (this.self.isAlive) this.#post({ type: 'dialFailed', reason });
    });
  }

  async #dialStream(signal: AbortSignal): Promise<ByteStream> {
    const { context, peer } = this.#options;
    const transport = context.transports.get(peer.address.scheme);
    if (transport !== undefined) {
      return transport.dial(peer.address, { timeoutMs: context.limits.dialTimeoutMs, signal });
    }
    throw new NetError('ADDRESS_INVALID', `no transport for ${formatNetAddress(peer.address)}`);
  }

  async #open(stream: ByteStream): Promise<void> {
    if (!this.self.isAlive || this.state !== 'dialing') {
      stream.destroy();
      return;
    }
    const role = this.#role();
    const supervisor = await this.#options.supervisor;
    const spec = Reader.childSpec('reader', [this.#options.context, stream, role], { restart: 'temporary' });
    try {
      const reader = await supervisor.startChild(spec);
      if (this.self.isAlive) this.self.monitor(reader);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  /** What the reader of one connection does with what it reads: all of it belongs to the calls of this remote. */
  #role(): ReaderRole & LinkRole {
    const { context, peer, counters, mailbox } = this.#options;
    let link: MessageLink;
    let sentBefore = 0;
    let replies = 0;
    return {
      verifyWith: peer.publicKey,
      frameBytesMax: context.limits.frameBytesMax,
      sendFrameBytesMax: context.limits.frameBytesMax,
      idleTimeoutMs: 0, // heartbeats watch over this direction
      isFull: false, // what it reads goes to the mailbox, which never makes a reader wait
      opened: (opened) => {
        link = opened;
        sentBefore = counters.sent;
        this.#latest = opened;
        if (this.self.isAlive && this.state === 'dialing') this.#post({ type: 'dialed', link });
        else link.destroy();
      },
      received: (envelop: OpenedEnvelop, value: MessageValue) => {
        replies += 1;
        // Late ones are no fault; more than were asked for on this connection are.
        if (replies > counters.sent - sentBefore) {
          const text = `${link.remoteAddress} sent ${replies} replies to ${replies - 1} requests`;
          const error = new P2pError('FLOOD', text);
          noteFault(context, link.remoteAddress, peer.publicKey, error);
          link.destroy(new NetError('REMOTE_FAULT', text, { cause: error }));
          return;
        }
        context.directory.seen(peer.publicKey);
        mailbox()?.cast('replied', { messageId: envelop.messageId, value });
      },
      undecodable: (envelop: OpenedEnvelop, error: CodedError) => {
        mailbox()?.cast('undecodable', { messageId: envelop.messageId, error });
      },
      heartbeat: () => {
        if (this.#link === link) this.#liveness?.heartbeatReceived();
      },
      drained: () => mailbox()?.cast('drained'),
      closed: (reason) => {
        // The end of a connection before the latest says nothing about that one.
        if (this.self.isAlive && this.#latest === link) this.#post({ type: 'closed', reason });
      },
      ended: () => {}, // the monitor tells
    };
  }

  #connected(link: MessageLink): void {
    const { context, peer, counters, mailbox } = this.#options;
    this.#setState('connected');
    this.#link = link;
    this.#attempts = 0;
    counters.connections += 1;
    if (link instanceof ArchethicLink) this.#watch(link); // else the connection below has pings of its own
    context.directory.connected(peer.publicKey);
    mailbox()?.cast('connected', link);
    const facts = { publicKey: peer.publicKey, remoteAddress: link.remoteAddress };
    context.logger.info('connected', { peer: peer.publicKey.toString(), remoteAddress: link.remoteAddress });
    context.telemetry.emit('genmesh.connection.connected', {}, facts);
    context.events.emit('connected', facts);
  }

  #watch(link: ArchethicLink): void {
    const { context } = this.#options;
    const { heartbeatIntervalMs, heartbeatOutstandingMax } = context.limits;
    this.#liveness = new HeartbeatLiveness({
      clock: context.clock,
      intervalMs: heartbeatIntervalMs,
      outstandingMax: heartbeatOutstandingMax,
      sendHeartbeat: () => {
        link.sendHeartbeat();
      },
      onDead: () => {
        const text = `${link.remoteAddress} left ${heartbeatOutstandingMax} heartbeats unanswered`;
        link.destroy(new NetError('HEARTBEAT_LOST', text));
      },
    });
    this.#liveness.start();
  }

  #disconnected(reason: unknown): void {
    const { context, peer, mailbox } = this.#options;
    const remoteAddress = this.#link?.remoteAddress ?? formatNetAddress(peer.address);
    this.#link?.destroy();
    this.#link = undefined; // first of all, so that the end is told once
    this.#release();
    context.directory.disconnected(peer.publicKey);
    if (!this.#isShutDown) mailbox()?.cast('disconnected', reason);
    const why = reason === undefined ? 'closed' : describeReason(reason);
    context.logger.info('disconnected', { peer: peer.publicKey.toString(), remoteAddress, reason: why });
    context.telemetry.emit('genmesh.connection.disconnected', {}, { publicKey: peer.publicKey, remoteAddress, reason });
    context.events.emit('disconnected', { publicKey: peer.publicKey, remoteAddress, reason });
  }

  #dialFailed(reason: unknown): void {
    const { context, peer } = this.#options;
    const { publicKey, address } = peer;
    context.logger.info('dial failed', {
      peer: publicKey.toString(),
      address: formatNetAddress(address),
      reason: describeReason(reason),
    });
    context.telemetry.emit('genmesh.connection.dial_failed', { attempts: this.#attempts }, { publicKey, reason });
    context.events.emit('dialFailed', { publicKey, address, reason });
  }

  #armBackoff(): void {
    this.#setState('backoff');
    const { clock, random, limits } = this.#options.context;
    const pauseMs = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** this.#attempts);
    // Jitter only adds: nobody is dialled more often than upstream would.
    const delayMs = pauseMs * (1 + (random.float() * limits.backoffJitterPercent) / 100);
    this.#backoffTimer = clock.setTimer(() => this.#post({ type: 'retry' }), delayMs);
  }

  #disarmBackoff(): void {
    if (this.#backoffTimer !== undefined) this.#options.context.clock.clearTimer(this.#backoffTimer);
    this.#backoffTimer = undefined;
  }

  /** A call waits: dial if the last dial is long enough ago, however long the pause still is. */
  #considerDial(): void {
    const { clock, limits } = this.#options.context;
    if (clock.monotonicMs() - this.#lastDialMs >= limits.demandDialIntervalMs) this.#post({ type: 'retry' });
  }

  /** The remote showed that it is there: start over, at once unless it was dialled just now. `connection.ex wake_up`. */
  #hasten(): void {
    const { clock, limits } = this.#options.context;
    this.#disarmBackoff();
    this.#attempts = -1; // the retry counts one, so the next pause is the first again
    const restMs = Math.max(0, limits.backoffBaseMs - (clock.monotonicMs() - this.#lastDialMs));
    this.#backoffTimer = clock.setTimer(() => this.#post({ type: 'retry' }), restMs);
  }

  /** However this process ended, who waits for its connection hears of it. */
  #ended(): void {
    if (this.#link !== undefined) this.#disconnected(new NetError('CLOSED', 'the process of the connection ended'));
    this.#release();
  }

  /** Lets go of socket, dial and timers; safe to call again. */
  #release(): void {
    this.#dialing?.abort();
    this.#dialing = undefined;
    this.#liveness?.stop();
    this.#liveness = undefined;
    this.#link?.destroy();
    this.#link = undefined;
    this.#disarmBackoff();
    if (!asProcess(this.self).isAlive || this.state === 'stopped') this.#setState('stopped');
  }
}
