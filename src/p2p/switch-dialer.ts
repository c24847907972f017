/**
 * SwitchDialer: starts the connections that a switch makes, at once or after a pause, and sees to it that every persistent
 * peer has one; `p2p/switch.go DialPeersAsync`. The pauses between dials of one peer are its connection's business.
 */
import type { ChildSpec } from '../actors/child-spec.ts';
import { isCleanExit } from '../actors/exit-reason.ts';
import { GenServer } from '../actors/gen-server.ts';
import type { Pid } from '../actors/pid.ts';
import type { CallHandlers, CastHandlers, Info, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply } from '../actors/results.ts';
import { describeReason } from '../base/errors.ts';
import { formatNodeAddress, type NodeAddress } from '../codec/cometbft-address.ts';
import type { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import type { Peer } from './peer.ts';
import { PeerConnection, type PeerConnectionOptions } from './peer-connection.ts';
import type { SwitchContext } from './switch-context.ts';
import { SwitchError, toSwitchError } from './switch-errors.ts';
import { dialJitterMs, shuffled } from './switch-reconnect.ts';

/** Time a process of a peer may take to shut down beyond what its reactors and its queue may, in ms. */
const SHUTDOWN_SLACK_MS = 1000;

type Outcome = { readonly peer: Peer } | { readonly error: SwitchError };

/** @internal */
export interface DialerProtocol {
  call: { dial(address: NodeAddress): Outcome };
  cast: {
    dialLater(addresses: readonly NodeAddress[]): void;
    /** That process dials that node from now on. */
    watch(dialed: { readonly process: Pid; readonly address: NodeAddress }): void;
  };
  info: { readonly type: 'dialNow'; readonly address: NodeAddress };
}

/** @internal */
export type DialerRef = ServerRef<DialerProtocol>;

interface DialerState {
  /** Where the processes of connections were dialed. */
  readonly dialed: Map<Pid, NodeAddress>;
  /** Dials whose pause runs. */
  waitingCount: number;
}

/** @internal */
export class SwitchDialer extends GenServer<
  DialerState,
  DialerProtocol,
  [SwitchContext, connections: DynamicSupervisor]
> {
  #context!: SwitchContext;
  #connections!: DynamicSupervisor;

  init(context: SwitchContext, connections: DynamicSupervisor): DialerState {
    this.#context = context;
    this.#connections = connections;
    const state: DialerState = { dialed: new Map(), waitingCount: 0 };
    const self = this.self as unknown as DialerRef;
    context.onAdopted = (process, address) => self.cast('watch', { process, address });
    this.#dialLater([...context.persistent.values()], state);
    return state;
  }

  override readonly handleCall: CallHandlers<DialerState, DialerProtocol> = this.calls({
    dial: (address, state, from) => {
      this.#dial(address, state, (outcome) => from.reply(outcome));
      return noreply(state);
    },
  });

  override readonly handleCast: CastHandlers<DialerState, DialerProtocol> = this.casts({
    dialLater: (addresses, state) => {
      this.#dialLater(addresses, state);
      return noreply(state);
    },
    watch: ({ process, address }, state) => {
      this.#watch(process, address, state);
      return noreply(state);
    },
  });

  override handleInfo(message: Info<DialerProtocol>, state: DialerState): NoReply<DialerState> {
    if (message.type === 'dialNow') {
      state.waitingCount -= 1;
      this.#dial(message.address, state, () => {});
    } else if (message.type === 'down') this.#ended(state, message.pid, message.reason);
    return noreply(state);
  }

  override inspect(state: DialerState): Readonly<Record<string, number>> {
    const { persistent, table } = this.#context;
    return { persistent: persistent.size, dialing: table.dialingCount, waiting: state.waitingCount };
  }

  #watch(pid: Pid, address: NodeAddress, state: DialerState): void {
    state.dialed.set(pid, address);
    this.self.monitor(pid);
  }

  /** A process of a connection that ended other than it should is replaced where its peer is persistent. */
  #ended(state: DialerState, pid: Pid, reason: unknown): void {
    const address = state.dialed.get(pid);
    state.dialed.delete(pid);
    if (address === undefined || isCleanExit(reason) || !this.#context.persistent.has(address.id)) return;
    const { logger, limits } = this.#context;
    logger.error('the process of a persistent peer failed', { peer: address.id, reason: describeReason(reason) });
    state.waitingCount += 1;
    this.self.sendAfter({ type: 'dialNow', address }, limits.reconnectIntervalMs);
  }

  #dialLater(addresses: readonly NodeAddress[], state: DialerState): void {
    const { random, limits, id, table } = this.#context;
    for (const address of shuffled(addresses, random)) {
      if (address.id === id || table.isDialing(address.id)) continue;
      // A bound on what waits: each of them would be refused later anyway.
      if (state.waitingCount >= limits.dialsMax) {
        this.#failed(address, new SwitchError('DIALS_MAX', `${limits.dialsMax} dials wait already`));
        continue;
      }
      state.waitingCount += 1;
      this.self.sendAfter({ type: 'dialNow', address }, dialJitterMs(limits, random));
    }
  }

  #dial(address: NodeAddress, state: DialerState, tell: (outcome: Outcome) => void): void {
    const { table, persistent, id } = this.#context;
    const refuse = (error: SwitchError): void => {
      this.#failed(address, error);
      tell({ error });
    };
    if (address.id === id) {
      refuse(new SwitchError('SELF', `self ID<${id}>`, { peerId: id }));
      return;
    }
    const refusal = table.claimDial(address.id, address.host, persistent.has(address.id));
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    const settled = (outcome: Peer | SwitchError): void =>
      tell(outcome instanceof SwitchError ? { error: outcome } : { peer: outcome });
    const spec = connectionSpec(this.#context, { context: this.#context, origin: { address }, settled });
    this.#connections.startChild(spec).then(
      (pid) => {
        if (this.self.isAlive) this.#watch(pid, address, state);
      },
      (cause) => {
        table.releaseDial(address.id);
        const text = `${formatNodeAddress(address)} is not dialed: ${describeReason(cause)}`;
        refuse(toSwitchError(cause, 'STOPPED', text, { peerId: address.id }));
      },
    );
  }

  #failed(address: NodeAddress, error: SwitchError): void {
    const { logger, events } = this.#context;
    logger.info('not dialed', { address: formatNodeAddress(address), code: error.code, reason: error.message });
    events.emit('dialFailed', { address, error, retryInMs: undefined });
  }
}

/** How the process of a connection is started, and how long it may take to stop. @internal */
export function connectionSpec(context: SwitchContext, options: PeerConnectionOptions): ChildSpec<string, Pid> {
  const { flushTimeoutMs, reactorTimeoutMs } = context.limits;
  const id = 'address' in options.origin ? `peer-${options.origin.address.id.slice(0, 6)}` : 'peer-in';
  // A removal waits for the hook of a reactor that runs, and then for `removePeer` of each.
  const shutdown = flushTimeoutMs + reactorTimeoutMs * (context.slots.length + 1) + SHUTDOWN_SLACK_MS;
  return PeerConnection.childSpec(id, [options], { restart: 'temporary', shutdown });
}
