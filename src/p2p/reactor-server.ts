/** The process of a reactor: runs its functions, and turns what they throw into a matter of one peer. */
import { GenServer } from '../actors/gen-server.ts';
import type { CallHandlers, CastHandlers, MaybePromise, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply, type Ok, ok } from '../actors/results.ts';
import { checkOptionNames, describeReason } from '../base/errors.ts';
import type { Peer } from './peer.ts';
import { REACTOR_HANDLER_NAMES, type ReactorHandlers } from './reactor.ts';
import type { AnyChannel } from './reactor-channel.ts';
import type { Delivery, HookCall, ReactorProtocol, ReactorSlot } from './reactor-slot.ts';
import type { SwitchContext } from './switch-context.ts';
import { toSwitchError } from './switch-errors.ts';

interface ReactorState {
  readonly handlers: ReactorHandlers;
  /** Those whose `initPeer` succeeded and whose `removePeer` was not called. */
  readonly peers: Set<Peer>;
}

/** @internal */
export type ReactorRef = ServerRef<ReactorProtocol>;

/** @internal */
export class ReactorServer extends GenServer<ReactorState, ReactorProtocol, [SwitchContext, ReactorSlot]> {
  #context!: SwitchContext;
  #slot!: ReactorSlot;
  readonly #gone = new WeakSet<Peer>();

  override get moduleName(): string {
    return this.#slot === undefined ? 'Reactor' : `Reactor(${this.#slot.spec.id})`;
  }

  init(context: SwitchContext, slot: ReactorSlot): Ok<ReactorState> {
    this.#context = context;
    this.#slot = slot;
    this.self.trapExit(true);
    const { clock, random, logger } = context;
    const handlers = slot.spec.create({
      switch: context.handle,
      pid: this.self,
      sendAfter: (message, delayMs) => this.self.sendAfter(message, delayMs),
      clock,
      random,
      logger,
    });
    // Whoever forgets it, or makes `create` async, is told now and not by the loss of the first peer that speaks.
    if (typeof (handlers as Partial<ReactorHandlers> | undefined)?.receive !== 'function') {
      throw new TypeError(`reactor ${slot.spec.id}: what create returned has no receive`);
    }
    // A class has methods of its own; what is written down in place has nothing that nobody calls, unless it is misspelt.
    if (Object.getPrototypeOf(handlers) === Object.prototype) {
      checkOptionNames(handlers, REACTOR_HANDLER_NAMES, ` of reactor ${slot.spec.id}`);
    }
    const server = this.self as unknown as ReactorRef;
    const isRestart = slot.attach(server);
    this.self.signal.addEventListener('abort', () => slot.detach(server), { once: true });
    return ok({ handlers, peers: new Set() }, isRestart ? { continue: 'reintroduce' } : undefined);
  }

  override readonly handleCall: CallHandlers<ReactorState, ReactorProtocol> = this.calls({
    // Never waits for a hook: another peer's messages must not wait for it either.
    hook: (call, state, from): NoReply<ReactorState> => {
      const run = this.#run(call, state);
      if (run === undefined) from.reply(undefined);
      else {
        run.then(
          () => from.reply(undefined),
          (error) => from.reply({ error }),
        );
      }
      return noreply(state);
    },
  });

  override readonly handleCast: CastHandlers<ReactorState, ReactorProtocol> = this.casts({
    receive: (delivery, state) => {
      this.#receive(delivery, state);
      return noreply(state);
    },
  });

  /** After a restart the peers of the moment are new to the reactor. */
  override handleContinue(_value: unknown, state: ReactorState): NoReply<ReactorState> {
    for (const peer of this.#context.table.peers) {
      if (!peer.isRunning) continue;
      this.#introduce(peer, state).catch((error) => {
        this.#slot.counters.failures += 1;
        const text = `reactor ${this.#slot.spec.id} failed after its restart: ${describeReason(error, 120)}`;
        const details = { peerId: peer.id, remoteAddress: peer.remoteAddress };
        this.#context.handle.stopPeerForError(peer, toSwitchError(error, 'REACTOR_FAILED', text, details));
      });
    }
    return noreply(state);
  }

  override handleInfo(message: unknown, state: ReactorState): MaybePromise<NoReply<ReactorState>> {
    const { handlers } = state;
    if (handlers.handleInfo === undefined) return noreply(state);
    const pending = handlers.handleInfo(message);
    return isThenable(pending) ? pending.then(() => noreply(state)) : noreply(state);
  }

  override async terminate(_reason: unknown, { handlers }: ReactorState): Promise<void> {
    await handlers.stop?.();
  }

  override inspect(state: ReactorState): Readonly<Record<string, string | number>> {
    const { counters, spec, pendingCount } = this.#slot;
    return {
      channels: spec.channels.map(({ id }) => `0x${id.toString(16)}`).join(','),
      peers: state.peers.size,
      received: counters.messagesReceived,
      pending: pendingCount,
    };
  }

  async #introduce(peer: Peer, state: ReactorState): Promise<void> {
    await this.#run({ hook: 'initPeer', peer, reason: undefined }, state);
    if (peer.isRunning) await this.#run({ hook: 'addPeer', peer, reason: undefined }, state);
  }

  /** Undefined when it is done already; else a promise. What a hook throws is a rejection. */
  #run({ hook, peer, reason }: HookCall, { handlers, peers }: ReactorState): Promise<void> | undefined {
    // A reactor that was restarted in between never heard of that peer.
    if (hook === 'removePeer') this.#gone.add(peer);
    if (hook !== 'initPeer' && !peers.has(peer)) return undefined;
    if (hook === 'removePeer') peers.delete(peer);
    try {
      const pending = hook === 'removePeer' ? handlers.removePeer?.(peer, reason!) : handlers[hook]?.(peer);
      if (!isThenable(pending)) {
        if (hook === 'initPeer') peers.add(peer);
        return undefined;
      }
      return Promise.resolve(pending).then(() => {
        // One that took longer than its caller waited must not leave a peer behind that is gone.
        if (hook === 'initPeer' && !this.#gone.has(peer)) peers.add(peer);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #receive(delivery: Delivery, { handlers, peers }: ReactorState): void {
    const { peer, channel, message } = delivery;
    const { counters } = this.#slot;
    if (!peers.has(peer) || !peer.isRunning) {
      counters.messagesDropped += 1;
      delivery.resolve();
      return;
    }
    counters.messagesReceived += 1;
    try {
      const envelope = { channelId: channel.id, channel, peer, message };
      const pending = (handlers as ReactorHandlers<AnyChannel>).receive(envelope);
      if (isThenable(pending)) pending.then(delivery.resolve, delivery.reject);
      else delivery.resolve();
    } catch (error) {
      delivery.reject(error);
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return typeof (value as PromiseLike<void> | undefined)?.then === 'function';
}
