/**
 * NodeMailbox: one process per remote node that serialises the calls to it. It outlives the connections of its remote.
 *
 * How many calls may wait is decided where they are made (`remote.ts`). Here a call waits in the queue until a connection stands and fewer than `maxInFlight` are unanswered, then gets the next
 * 32-bit id, is signed, sealed and sent, in the order asked. A call whose time is up before is dropped and never sent. Ids
 * wrap at 2^32 and skip those in flight; upstream's stop working there (`archethic-node client/connection.ex`).
 */
import { GenServer } from '../actors/gen-server.ts';
import { send } from '../actors/process.ts';
import type { CallHandlers, CastHandlers, Info, ServerRef } from '../actors/protocol.ts';
import type { From } from '../actors/request.ts';
import { type NoReply, noreply } from '../actors/results.ts';
import { CodedError } from '../base/errors.ts';
import type { MessageType, MessageValue } from '../codec/message.ts';
import { NetError } from '../net/errors.ts';
import { P2pError } from './errors.ts';
import { wrapMessage } from './messaging-envelop.ts';
import type { MessageLink } from './messaging-link.ts';
import type { NodeContext } from './node-context.ts';
import type { PeerAddress } from './peer-address.ts';
import type { RemoteCounters, WaitingCalls } from './remote-counters.ts';

/** A request on its way out. @internal */
export class Outgoing {
  readonly type: MessageType;
  /** Encoded and padded, not yet sealed. */
  readonly message: Uint8Array;
  from: From<CallOutcome> | undefined = undefined;
  messageId = -1;
  sentAtMs = 0;
  #waiting: WaitingCalls | undefined;

  constructor(type: MessageType, message: Uint8Array) {
    this.type = type;
    this.message = message;
  }

  /** Takes a place among the calls that wait. */
  enter(waiting: WaitingCalls): void {
    this.#waiting = waiting;
    waiting.count += 1;
    waiting.bytes += this.message.length;
  }

  /** Gives the place back, when it is sent or over, whichever comes first; then does nothing. */
  leave(): void {
    if (this.#waiting === undefined) return;
    this.#waiting.count -= 1;
    this.#waiting.bytes -= this.message.length;
    this.#waiting = undefined;
  }
}

/** How a call ended. @internal */
export type CallOutcome = { readonly value: MessageValue } | { readonly error: P2pError };

/** @internal */
export interface MailboxState {
  readonly context: NodeContext;
  readonly peer: PeerAddress;
  readonly counters: RemoteCounters;
  /** Calls that wait to be sent, oldest first. A set, because a call that is dropped leaves from the middle. */
  readonly queue: Set<Outgoing>;
  readonly inFlight: Map<number, Outgoing>;
  nextId: number;
  link: MessageLink | undefined;
  /** The link has no room for the oldest call: nothing is sealed again before it tells that it has. */
  isCongested: boolean;
  /** A message to go on with the queue is under way. */
  isPumping: boolean;
}

/** @internal */
export interface MailboxProtocol {
  call: {
    /** Settles when the reply comes or the call fails. */
    send(outgoing: Outgoing): CallOutcome;
  };
  cast: {
    /** The caller has given up. */
    drop(outgoing: Outgoing): void;
    replied(reply: { readonly messageId: number; readonly value: MessageValue }): void;
    undecodable(reply: { readonly messageId: number; readonly error: CodedError }): void;
    connected(link: MessageLink): void;
    drained(): void;
    disconnected(reason: unknown): void;
  };
  info: { readonly type: 'retry' | 'pump' };
}

/** Pause before a message that found the send buffer full is tried again, in ms, when the link will not tell of room. */
export const CONGESTION_RETRY_MS = 5;

/** @internal */
export type MailboxRef = ServerRef<MailboxProtocol>;

/** First message id of a mailbox; a test of the wrap starts elsewhere. @internal */
export interface MailboxOptions {
  readonly firstMessageId?: number;
  /** Asks for a connection; called when something waits and none stands. */
  readonly demand: () => void;
}

/** @internal */
export class NodeMailbox extends GenServer<
  MailboxState,
  MailboxProtocol,
  [NodeContext, PeerAddress, RemoteCounters, MailboxOptions]
> {
  #demand: () => void = () => {};

  init(context: NodeContext, peer: PeerAddress, counters: RemoteCounters, options: MailboxOptions): MailboxState {
    context.registry.register(`node/${peer.publicKey.hex}`, this.self, undefined);
    this.#demand = options.demand;
    counters.queueLength = 0;
    counters.inFlight = 0;
    counters.waiting.room = 0;
    return {
      context,
      peer,
      counters,
      queue: new Set(),
      inFlight: new Map(),
      nextId: options.firstMessageId ?? 0,
      link: undefined,
      isCongested: false,
      isPumping: false,
    };
  }

  override readonly handleCall: CallHandlers<MailboxState, MailboxProtocol> = this.calls({
    send: (outgoing, state, from) => {
      // Its deadline passed while it waited for this turn: never sent.
      if (!from.isPending) {
        state.counters.dropped += 1;
        return noreply(state);
      }
      outgoing.from = from;
      state.queue.add(outgoing);
      this.#pump(state);
      if (state.link === undefined) this.#demand();
      return noreply(state);
    },
  });

  override readonly handleCast: CastHandlers<MailboxState, MailboxProtocol> = this.casts({
    drop: (outgoing, state) => {
      this.#drop(outgoing, state);
      return noreply(state);
    },
    replied: ({ messageId, value }, state) => {
      const outgoing = this.#take(messageId, state);
      if (outgoing === undefined) state.counters.lateReplies += 1;
      else {
        const rttMs = state.context.clock.monotonicMs() - outgoing.sentAtMs;
        state.counters.rtt.add(rttMs);
        outgoing.from?.reply({ value });
      }
      this.#pump(state);
      return noreply(state);
    },
    undecodable: ({ messageId, error }, state) => {
      const text = `reply ${messageId} from ${state.peer.publicKey} does not decode: ${error.message}`;
      this.#take(messageId, state)?.from?.reply({ error: new P2pError('BAD_REPLY', text, { cause: error }) });
      return noreply(state);
    },
    connected: (link, state) => {
      state.link = link;
      state.isCongested = false;
      this.#pump(state);
      return noreply(state);
    },
    drained: (_, state) => {
      state.isCongested = false;
      this.#pump(state);
      return noreply(state);
    },
    disconnected: (reason, state) => {
      state.link = undefined;
      const why = reason instanceof Error ? reason.message : 'closed by the other end';
      const text = `connection to ${state.peer.publicKey} ended before the reply: ${why}`;
      const unanswered = [...state.inFlight.values()];
      state.inFlight.clear();
      this.#count(state);
      for (const { from } of unanswered) from?.reply({ error: new P2pError('CLOSED', text, { cause: reason }) });
      if (state.queue.size > 0) this.#demand();
      return noreply(state);
    },
  });

  override handleInfo(message: Info<MailboxProtocol>, state: MailboxState): NoReply<MailboxState> {
    if (message.type === 'retry') {
      state.isCongested = false;
      this.#pump(state);
    } else if (message.type === 'pump') {
      state.isPumping = false;
      this.#pump(state);
    }
    return noreply(state);
  }

  override inspect(state: MailboxState): Readonly<Record<string, number>> {
    return { queue: state.queue.size, inFlight: state.inFlight.size };
  }

  /** Sends what may be sent, oldest first. */
  #pump(state: MailboxState): void {
    const { queue, inFlight, context, link } = state;
    let hasSealed = false;
    for (const outgoing of queue) {
      if (link?.isOpen !== true || state.isCongested || inFlight.size >= context.limits.maxInFlight) break;
      if (outgoing.from?.isPending !== false) {
        if (hasSealed) {
          // A seal costs 100 us and more: one a message, so that a long queue does not keep timers and sockets waiting.
          if (!state.isPumping) send(this.self, { type: 'pump' });
          state.isPumping = true;
          break;
        }
        hasSealed = true;
        if (this.#transmit(outgoing, link, state) === 'congested') {
          state.isCongested = true;
          // Below its high-water mark a stream does not tell when it has room again.
          if (!link.isCongested) this.self.sendAfter({ type: 'retry' }, CONGESTION_RETRY_MS);
          break;
        }
      } else state.counters.dropped += 1;
      queue.delete(outgoing);
      outgoing.leave();
    }
    this.#count(state);
  }

  #count({ counters, queue, inFlight, link, isCongested, context }: MailboxState): void {
    counters.queueLength = queue.size;
    counters.inFlight = inFlight.size;
    const isTaking = link?.isOpen === true && !isCongested;
    counters.waiting.room = isTaking ? context.limits.maxInFlight - inFlight.size : 0;
  }

  #transmit(outgoing: Outgoing, link: MessageLink, state: MailboxState): 'done' | 'congested' {
    const { context, peer, counters } = state;
    try {
      const messageId = this.#nextId(state);
      const { isSealed } = context;
      const envelop = wrapMessage(context, {
        messageId,
        message: outgoing.message,
        recipient: peer.publicKey,
        isSealed,
      });
      link.send(envelop);
      outgoing.messageId = messageId;
      outgoing.sentAtMs = context.clock.monotonicMs();
      counters.sent += 1;
      state.inFlight.set(messageId, outgoing);
      return 'done';
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (error instanceof NetError && error.code === 'SEND_BUFFER_FULL' && link.stats().bufferedBytes > 0)
        return 'congested';
      // Only this request is lost; upstream loses the connection and every caller on it.
      const code = error instanceof NetError ? (error.code === 'CLOSED' ? 'CLOSED' : 'ENCODE_FAILED') : 'SEAL_FAILED';
      const text = `${outgoing.type.name} to ${peer.publicKey} was not sent: ${error.message}`;
      outgoing.from?.reply({ error: new P2pError(code, text, { cause: error }) });
      return 'done';
    }
  }

  #nextId(state: MailboxState): number {
    while (state.inFlight.has(state.nextId)) state.nextId = (state.nextId + 1) >>> 0;
    const messageId = state.nextId;
    state.nextId = (messageId + 1) >>> 0;
    return messageId;
  }

  #take(messageId: number, state: MailboxState): Outgoing | undefined {
    const outgoing = state.inFlight.get(messageId);
    if (outgoing === undefined) return undefined;
    state.inFlight.delete(messageId);
    state.counters.inFlight = state.inFlight.size;
    return outgoing;
  }

  #drop(outgoing: Outgoing, state: MailboxState): void {
    if (state.queue.delete(outgoing)) state.counters.dropped += 1;
    else if (state.inFlight.get(outgoing.messageId) === outgoing) state.inFlight.delete(outgoing.messageId);
    this.#pump(state);
  }
}
