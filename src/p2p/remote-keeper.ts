/**
 * RemoteKeeper: keeps a supervisor running for every remote that is wanted.
 *
 * Each remote has a supervisor of its own with a mailbox, a connection and, while connected, a reader. When one of them keeps
 * failing, that supervisor gives up, and only it: it is a temporary child, so it costs its siblings nothing, and the keeper
 * starts it again after a pause. (Upstream lets the fourth crash of one connection take down all of them.)
 */

import type { ChildSpec, StartContext } from '../actors/child-spec.ts';
import { GenServer } from '../actors/gen-server.ts';
import { asProcess, type Pid, send, type TimerRef } from '../actors/process.ts';
import type { CallHandlers, Info, MaybePromise, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply, type Reply, reply } from '../actors/results.ts';
import { describeReason } from '../base/errors.ts';
import { formatNetAddress } from '../net/net-address.ts';
import type { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { Connection, type ConnectionRef } from './connection.ts';
import { P2pError, stoppedError } from './errors.ts';
import type { NodeContext } from './node-context.ts';
import { type MailboxRef, NodeMailbox } from './node-mailbox.ts';
import type { PeerAddress } from './peer-address.ts';
import { RemoteCounters } from './remote-counters.ts';

/** A remote that is wanted. @internal */
export interface WantedRemote {
  peer: PeerAddress;
  readonly counters: RemoteCounters;
  supervisor: Supervisor | undefined;
  revival: TimerRef | undefined;
  /** It was disconnected from and forgotten; what still holds it gets `STOPPED`. */
  isReleased: boolean;
}

interface KeeperState {
  readonly context: NodeContext;
  readonly remotes: DynamicSupervisor;
  /** Survives a crash of the keeper: it belongs to the node. */
  readonly wanted: Map<string, WantedRemote>;
}

type Outcome = { readonly remote: WantedRemote } | { readonly error: P2pError };

/** @internal */
export interface KeeperProtocol {
  call: {
    /** Makes sure the remote is wanted and its supervisor runs. */
    ensure(peer: PeerAddress): Outcome;
    /** Stops the remote and forgets it. @returns whether it was wanted. */
    release(key: string): boolean;
  };
  info: { readonly type: 'revive'; readonly key: string };
}

/** @internal */
export type KeeperRef = ServerRef<KeeperProtocol>;

/** @internal */
export class RemoteKeeper extends GenServer<
  KeeperState,
  KeeperProtocol,
  [NodeContext, remotes: DynamicSupervisor, wanted: Map<string, WantedRemote>]
> {
  init(context: NodeContext, remotes: DynamicSupervisor, wanted: Map<string, WantedRemote>): KeeperState {
    for (const [key, remote] of wanted) {
      remote.revival = undefined; // it died with the keeper before
      if (remote.supervisor?.pid.isAlive === true) this.self.monitor(remote.supervisor.pid);
      else send(this.self, { type: 'revive', key }); // after a restart of the tables everything was stopped
    }
    return { context, remotes, wanted };
  }

  override readonly handleCall: CallHandlers<KeeperState, KeeperProtocol> = this.calls({
    ensure: async (peer, state): Promise<Reply<Outcome, KeeperState>> => {
      const { context, wanted } = state;
      const key = peer.publicKey.hex;
      let remote = wanted.get(key);
      if (remote === undefined) {
        const { remotesMax } = context.limits;
        if (wanted.size >= remotesMax) {
          const error = new P2pError(
            'REMOTES_MAX',
            `${remotesMax} remotes are known already: ${peer.publicKey} refused`,
          );
          return reply({ error }, state);
        }
        remote = { peer, counters: new RemoteCounters(), supervisor: undefined, revival: undefined, isReleased: false };
        wanted.set(key, remote);
      } else if (!isSameAddress(remote.peer, peer) && remote.counters.state !== 'connected') {
        // A changed address replaces a connection that does not stand, and never one that does.
        remote.peer = peer;
        await this.#stop(state, remote);
      }
      try {
        await this.#start(state, remote);
      } catch (error) {
        this.#reviveLater(state, remote, error);
        return reply({ error: startError(remote, error) }, state);
      }
      return reply({ remote }, state);
    },
    release: async (key, state): Promise<Reply<boolean, KeeperState>> => {
      const remote = state.wanted.get(key);
      if (remote === undefined) return reply(false, state);
      state.wanted.delete(key);
      remote.isReleased = true;
      remote.revival?.cancel();
      await this.#stop(state, remote);
      remote.counters.state = 'stopped';
      state.context.events.emit('released', { publicKey: remote.peer.publicKey });
      return reply(true, state);
    },
  });

  override handleInfo(message: Info<KeeperProtocol>, state: KeeperState): MaybePromise<NoReply<KeeperState>> {
    if (message.type === 'revive') return this.#revive(state, message.key);
    if (message.type === 'down') this.#ended(state, message.pid, message.reason);
    return noreply(state);
  }

  override inspect(state: KeeperState): Readonly<Record<string, number>> {
    return { wanted: state.wanted.size };
  }

  async #revive(state: KeeperState, key: string): Promise<NoReply<KeeperState>> {
    const remote = state.wanted.get(key);
    if (remote !== undefined) {
      remote.revival = undefined;
      try {
        await this.#start(state, remote);
      } catch (error) {
        // The keeper serves all the others: it must not fail because one of them does not start.
        this.#reviveLater(state, remote, error);
      }
    }
    return noreply(state);
  }

  #ended(state: KeeperState, pid: Pid, reason: unknown): void {
    for (const remote of state.wanted.values()) {
      if (remote.supervisor?.pid === pid) this.#reviveLater(state, remote, reason);
    }
  }

  #reviveLater({ context }: KeeperState, remote: WantedRemote, reason: unknown): void {
    const { publicKey, address } = remote.peer;
    const { reviveDelayMs } = context.limits;
    context.logger.error('the supervisor of a remote gave up and is started again', {
      peer: publicKey.toString(),
      address: formatNetAddress(address),
      afterMs: reviveDelayMs,
      reason: describeReason(reason),
    });
    remote.supervisor = undefined;
    remote.revival?.cancel();
    remote.revival = this.self.sendAfter({ type: 'revive', key: publicKey.hex }, reviveDelayMs);
  }

  async #start(state: KeeperState, remote: WantedRemote): Promise<void> {
    const { publicKey, address } = remote.peer;
    if (remote.counters.state !== 'connected') state.context.directory.learn(publicKey, address);
    if (remote.supervisor?.pid.isAlive === true) return;
    remote.revival?.cancel();
    remote.revival = undefined;
    remote.supervisor = await state.remotes.startChild(remoteSpec(state.context, remote));
    this.self.monitor(remote.supervisor.pid);
  }

  async #stop(state: KeeperState, remote: WantedRemote): Promise<void> {
    const { supervisor } = remote;
    remote.supervisor = undefined;
    if (supervisor?.pid.isAlive !== true) return;
    try {
      await state.remotes.terminateChild(supervisor.pid);
    } catch (error) {
      if (asProcess(supervisor.pid).isAlive) throw error; // else it ended by itself, which is as good
    }
  }
}

/** The actors of one remote: if the mailbox fails the connection goes too, and not the other way round. */
function remoteSpec(context: NodeContext, remote: WantedRemote): ChildSpec<string, Supervisor> {
  const { peer, counters } = remote;
  const key = peer.publicKey.hex;
  const start = async ({ parent, system }: StartContext): Promise<Supervisor> => {
    let announce: (supervisor: Supervisor) => void = () => {};
    const supervisorReady = new Promise<Supervisor>((resolve) => {
      announce = resolve;
    });
    const mailbox = (): MailboxRef | undefined => context.registry.whereis(`node/${key}`) as MailboxRef | undefined;
    const connection = (): ConnectionRef | undefined =>
      context.registry.whereis(`connection/${key}`) as ConnectionRef | undefined;
    const demand = (): void => connection()?.cast('event', { type: 'demand' });
    const supervisor = await Supervisor.startLink(
      [
        NodeMailbox.childSpec('mailbox', [context, peer, counters, { demand }]),
        Connection.childSpec('connection', [{ context, peer, counters, mailbox, supervisor: supervisorReady }]),
      ],
      { strategy: 'rest_for_one', parent, system },
    );
    announce(supervisor as unknown as Supervisor);
    return supervisor as unknown as Supervisor;
  };
  return { id: `remote-${key.slice(4, 10)}`, start, restart: 'temporary', shutdown: 'infinity', type: 'supervisor' };
}

function isSameAddress(a: PeerAddress, b: PeerAddress): boolean {
  return formatNetAddress(a.address) === formatNetAddress(b.address);
}

function startError({ peer }: WantedRemote, error: unknown): P2pError {
  const stopped = stoppedError(error);
  if (stopped instanceof P2pError) return stopped;
  const text = `the actors of ${peer.publicKey} did not start: ${describeReason(error)}`;
  return new P2pError('STOPPED', text, { cause: error });
}
