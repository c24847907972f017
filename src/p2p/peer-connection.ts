/**
 * PeerConnection: the process of one connection of a switch, as `switch-connection-machine.ts` says: it dials or takes an
 * accepted stream, upgrades it, admits the peer, and after the end dials again if the peer is wanted.
 *
 * `p2p/switch.go addPeer, stopAndRemovePeer, reconnectToPeer`. What happens in one round, from stream to removal, is in
 * `peer-round.ts`; here are the order of rounds and the pauses between them.
 */
import type { ExitReason } from '../actors/exit-reason.ts';
import { type ActionContext, GenStatem, type StatemState } from '../actors/gen-statem.ts';
import type { Protocol, ServerRef } from '../actors/protocol.ts';
import type { Timer } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { formatHostPort, formatNodeAddress, type NodeAddress } from '../codec/cometbft-address.ts';
import type { ByteStream } from '../net/transport.ts';
import type { Peer } from './peer.ts';
import { PeerRound } from './peer-round.ts';
import { type PeerConnectionEvent, switchConnectionMachine } from './switch-connection-machine.ts';
import type { SwitchContext } from './switch-context.ts';
import { SwitchError } from './switch-errors.ts';
import { dialJitterMs, reconnectDelayMs } from './switch-reconnect.ts';

/** What a connection begins with: a stream that came in, or an address whose dial is claimed in the table. @internal */
export interface PeerConnectionOptions {
  readonly context: SwitchContext;
  readonly origin: { readonly stream: ByteStream } | { readonly address: NodeAddress };
  /** Told once: the first peer, or why there is none. */
  readonly settled: (outcome: Peer | SwitchError) => void;
}

interface PeerConnectionProtocol extends Protocol {
  cast: { event(event: PeerConnectionEvent): void };
}

/** @internal */
export class PeerConnection extends GenStatem<typeof switchConnectionMachine, [PeerConnectionOptions]> {
  override readonly machine: typeof switchConnectionMachine = switchConnectionMachine;
  #context!: SwitchContext;
  #settled: ((outcome: Peer | SwitchError) => void) | undefined;
  #round!: PeerRound;
  /** Where it is dialed; undefined as long as the other side did it. */
  #address: NodeAddress | undefined;
  #dialer: AbortController | undefined;
  /** Dials that failed since the peer was lost; -1 before the first. */
  #attempt = -1;
  #connectedAtMs: number | undefined;
  #pauseMs: number | undefined;
  #pauseTimer: Timer | undefined;
  /** Lost by an error that its reactor called transient: dialed again until it is there. */
  #isTransient = false;
  #isShutDown = false;

  override readonly actions: Readonly<Record<string, (context: ActionContext<PeerConnectionEvent>) => void>> = {
    dial: () => void this.#dial(),
    upgrade: () => this.#round.upgrade(),
    admit: () => this.#round.admit(),
    announce: () => this.#announce(),
    remove: () => void this.#remove(),
    armBackoff: () => this.#armBackoff(),
    disarmBackoff: () => this.#disarmBackoff(),
  };

  protected override prepare({ context, origin, settled }: PeerConnectionOptions): void {
    this.#context = context;
    this.#settled = settled;
    this.self.trapExit(true);
    this.self.signal.addEventListener('abort', () => this.#killed(), { once: true });
    this.#round = this.#newRound('address' in origin);
    if ('address' in origin) {
      this.#address = origin.address;
      this.#post({ type: 'dial' });
    } else {
      this.#round.take(origin.stream);
      this.#post({ type: 'accept' });
    }
  }

  /** Asked to stop by its supervisor: the reactors are told before the process goes. */
  override async terminate(reason: ExitReason, state: StatemState): Promise<void> {
    this.#shutDown(`the switch stops: ${describeReason(reason, 60)}`);
    const round = this.#round;
    await round.remove();
    this.#finish(round.ending ?? new SwitchError('STOPPED', 'the switch stops'));
    super.terminate(reason, state);
  }

  override inspect(): Readonly<Record<string, string | number>> {
    const { peer, remoteAddress } = this.#round;
    const to = this.#address === undefined ? remoteAddress : formatNodeAddress(this.#address);
    // To the microsecond; what is less, as in memory, was not measured.
    const rttMs = Math.round((peer?.status()?.rttMsLast ?? 0) * 1000) / 1000;
    return {
      state: this.state,
      ...(to === undefined ? {} : { to }),
      ...(peer === undefined ? {} : { peer: peer.id, direction: peer.isOutbound ? 'out' : 'in' }),
      ...(rttMs > 0 ? { rttMs } : {}),
      ...(this.#attempt > 0 ? { attempts: this.#attempt } : {}),
    };
  }

  #newRound(isOutbound: boolean): PeerRound {
    const round = new PeerRound({
      context: this.#context,
      process: this.self,
      isOutbound,
      dialed: () => this.#address,
      post: (event) => {
        if (this.#round === round && this.self.isAlive) this.#post(event);
      },
    });
    return round;
  }

  #post(event: PeerConnectionEvent): void {
    (this.self as unknown as ServerRef<PeerConnectionProtocol>).cast('event', event);
  }

  async #dial(): Promise<void> {
    const { transport, limits, counters, table, clock } = this.#context;
    const address = this.#address as NodeAddress;
    if (this.#round.isOver) this.#round = this.#newRound(true);
    const round = this.#round;
    if (table.isClaimed(address.id)) {
      const text = `${formatNodeAddress(address)} is connected already`;
      round.end(new SwitchError('ALREADY_DIALING', text, { peerId: address.id }));
      return;
    }
    counters.dials += 1;
    const dialer = new AbortController();
    this.#dialer = dialer;
    const { host, port } = address;
    const startMs = clock.monotonicMs();
    try {
      const stream = await transport.dial(
        { scheme: transport.scheme, host, port },
        { timeoutMs: limits.dialTimeoutMs, signal: dialer.signal },
      );
      if (round.isOver || !this.self.isAlive) stream.destroy();
      else {
        round.take(stream);
        this.#post({ type: 'dialed' });
      }
    } catch (cause) {
      const tookMs = Math.round(clock.monotonicMs() - startMs);
      const text = `dial ${formatHostPort(address)} failed after ${tookMs} ms: ${describeReason(cause)}`;
      round.end(new SwitchError('DIAL_FAILED', text, { peerId: address.id, cause }));
    }
  }

  #announce(): void {
    const peer = this.#round.peer as Peer;
    this.#connectedAtMs = this.#context.clock.monotonicMs();
    if (peer.isOutbound) this.#context.table.setDialConnected(peer.id, true);
    this.#round.announce();
    this.#settled?.(peer);
    this.#settled = undefined;
  }

  async #remove(): Promise<void> {
    const round = this.#round;
    await round.remove();
    if (!this.self.isAlive || this.#isShutDown) return; // `terminate` does the rest
    const reason = round.ending as SwitchError;
    this.#pauseMs = this.#nextPause(round, reason);
    if (round.isOutbound) this.#tellFailure(round, reason);
    if (this.#pauseMs === undefined) this.#finish(reason);
    else if (this.#settled !== undefined) {
      this.#settled(reason);
      this.#settled = undefined;
    }
    this.#post({ type: 'removed', willRedial: this.#pauseMs !== undefined });
  }

  /** The pause before the next dial; undefined when there is to be none. */
  #nextPause(round: PeerRound, reason: SwitchError): number | undefined {
    const context = this.#context;
    const id = round.peer?.id ?? this.#address?.id;
    if (id === undefined || round.isFinal || reason.code === 'SELF') return undefined;
    this.#isTransient = round.isTransient || (this.#isTransient && !round.wasAnnounced);
    const wanted = context.persistent.get(id) ?? (this.#isTransient ? this.#address : undefined);
    if (wanted === undefined) return undefined;
    if (this.#address === undefined) {
      // Lost a peer that had dialed us: from now on we dial, unless somebody does already.
      if (!round.wasAnnounced || !context.table.adoptDial(id, wanted.host)) return undefined;
      context.onAdopted(this.self, wanted);
    }
    this.#address = wanted;
    context.table.setDialConnected(id, false);
    const { limits, random, clock } = context;
    if (reason.code === 'ALREADY_DIALING') {
      // Differs from upstream, which stops here and forgets a peer whose own connection ends later.
      return limits.reconnectIntervalMs + dialJitterMs(limits, random);
    }
    const stoodMs = this.#connectedAtMs === undefined ? 0 : clock.monotonicMs() - this.#connectedAtMs;
    this.#connectedAtMs = undefined;
    // Differs from upstream, which dials a peer that hangs up at once, at once, for ever.
    this.#attempt = stoodMs >= limits.reconnectIntervalMs ? 0 : this.#attempt + 1;
    const pauseMs = reconnectDelayMs(this.#attempt, limits, random);
    if (pauseMs === undefined) this.#giveUp(wanted);
    return pauseMs;
  }

  #tellFailure(round: PeerRound, error: SwitchError): void {
    if (round.wasAnnounced || error.code === 'ALREADY_DIALING') return;
    const { events, logger, telemetry } = this.#context;
    const address = this.#address as NodeAddress;
    const retryInMs = this.#pauseMs;
    const facts = { address: formatNodeAddress(address), code: error.code, reason: error.message };
    logger.info('dial failed', { ...facts, retryInMs });
    telemetry.emit('genmesh.switch.dial_failed', { attempt: this.#attempt }, facts);
    events.emit('dialFailed', { address, error, retryInMs });
  }

  #giveUp(address: NodeAddress): void {
    const { events, logger, telemetry } = this.#context;
    const dials = this.#attempt;
    logger.error('a persistent peer is given up', { address: formatNodeAddress(address), dials });
    telemetry.emit('genmesh.switch.gave_up', { dials }, { address: formatNodeAddress(address) });
    events.emit('gaveUp', { address, dials });
  }

  #armBackoff(): void {
    this.#pauseTimer = this.#context.clock.setTimer(() => {
      this.#pauseTimer = undefined;
      this.#context.counters.redials += 1;
      this.#post({ type: 'retry' });
    }, this.#pauseMs ?? 0);
  }

  #disarmBackoff(): void {
    if (this.#pauseTimer !== undefined) this.#context.clock.clearTimer(this.#pauseTimer);
    this.#pauseTimer = undefined;
  }

  /** Ends the round that runs, for good. */
  #shutDown(why: string): void {
    this.#isShutDown = true;
    this.#disarmBackoff();
    this.#dialer?.abort();
    this.#round.end(new SwitchError('STOPPED', why, this.#round.details), { isFinal: true });
  }

  /** Killed, or crashed: no `terminate` runs, but the reactors must not keep a peer that is none. */
  #killed(): void {
    this.#shutDown('the process of this peer ended');
    const round = this.#round;
    const reason = round.ending ?? new SwitchError('STOPPED', 'the process of this peer ended');
    round.remove().then(
      () => this.#finish(reason),
      () => this.#finish(reason),
    );
  }

  /** Nothing follows: gives the dial back, and tells who waited for a first peer. */
  #finish(reason: SwitchError): void {
    if (this.#address !== undefined) this.#context.table.releaseDial(this.#address.id);
    this.#address = undefined;
    this.#settled?.(reason);
    this.#settled = undefined;
  }
}
