/** Remote: a node one can call. A handle; the work is done by the actors under its supervisor. */
import { ActorError } from '../actors/errors.ts';
import type { CallOptions } from '../actors/request.ts';
import { CodedError, checkInteger, checkOptionNames, type OptionNames } from '../base/errors.ts';
import { ErrorMessage, NotFound } from '../codec/archethic-node-messages.ts';
import type { InputFieldsOf, MessageType, MessageValue, ReplyOf } from '../codec/message.ts';
import type { MessageCatalog } from '../codec/message-catalog.ts';
import type { PublicKey } from '../crypto/keys.ts';
import type { ConnectionState } from './connection-machine.ts';
import { P2pError } from './errors.ts';
import { requestBytesMax } from './messaging-envelop.ts';
import type { NodeContext } from './node-context.ts';
import { type MailboxRef, Outgoing } from './node-mailbox.ts';
import { NODE_LIMITS } from './node-options.ts';
import type { PeerAddress } from './peer-address.ts';
import { type RemoteStats, remoteStats } from './remote-counters.ts';
import type { WantedRemote } from './remote-keeper.ts';

/** Any message type, whatever its fields. */
// biome-ignore lint/suspicious/noExplicitAny: fields are both read and written, so only any fits every type
export type AnyMessageType = MessageType<string, any, any, any>;

const CALL_OPTION_NAMES: OptionNames<CallOptions> = { timeoutMs: true, signal: true, isUrgent: true, caller: true };
const CONNECTED_OPTION_NAMES = { timeoutMs: true };

/** A remote node. */
export class Remote {
  readonly #context: NodeContext;
  readonly #remote: WantedRemote;

  /** Made by `node.connect`. @internal */
  constructor(context: NodeContext, remote: WantedRemote) {
    this.#context = context;
    this.#remote = remote;
  }

  /** The key it is known by. */
  get publicKey(): PublicKey {
    return this.#remote.peer.publicKey;
  }

  /** Its key and where it is dialled. */
  get peer(): PeerAddress {
    return this.#remote.peer;
  }

  /** Where its connection is now. */
  get state(): ConnectionState {
    return this.#remote.counters.state;
  }

  /**
   * Sends a request and waits for the reply. Without a connection it waits for one, its clock running.
   *
   * @param message - the type of the request.
   * @param fields - its fields; borrowed until the promise settles.
   * @param options.timeoutMs - 1 to 3 600 000 ms from now; default `callTimeoutMs` of the node, 5000.
   * @returns the reply, told apart by `name`: what the request declares, or Error or NotFound.
   * @throws P2pError `TIMEOUT`, `CLOSED`, `QUEUE_FULL`, `ENCODE_FAILED`, `SEAL_FAILED`, `BAD_REPLY`, `UNEXPECTED_REPLY`,
   * `ABORTED`, `STOPPED`, exactly one and exactly once; RangeError for a timeout out of range or an option
   * that is not known.
   */
  async call<M extends AnyMessageType>(
    message: M,
    fields: InputFieldsOf<M>,
    options: CallOptions = {},
  ): Promise<ReplyOf<M>> {
    checkOptionNames(options, CALL_OPTION_NAMES, ' of call');
    const timeoutMs = checkTimeout(options.timeoutMs, this.#context.limits.callTimeoutMs);
    const value = await this.#send(this.#admit(message, fields), { ...options, timeoutMs });
    return expectReply(message, value) as ReplyOf<M>;
  }

  /**
   * Sends a message and does not wait. The wire has no such thing, so the other end answers all the same; its reply is dropped.
   *
   * @throws P2pError `ENCODE_FAILED` at once; whatever happens later is only counted.
   */
  cast<M extends AnyMessageType>(message: M, fields: InputFieldsOf<M>): void {
    const { counters } = this.#remote;
    const { callTimeoutMs: timeoutMs } = this.#context.limits;
    try {
      const outgoing = this.#admit(message, fields);
      counters.casts += 1;
      this.#send(outgoing, { timeoutMs }).catch(() => {}); // counted by #send
    } catch (error) {
      if (!(error instanceof P2pError) || error.code !== 'QUEUE_FULL') throw error;
      counters.casts += 1; // and refused, which #admit has counted
    }
  }

  /** What was counted about this remote since it was first connected to. */
  stats(): RemoteStats {
    return remoteStats(this.#remote.counters);
  }

  /** The last round-trip times in ms, at most 1024, in no order. */
  rttSamples(): Float64Array {
    return this.#remote.counters.rtt.samples();
  }

  /**
   * Resolves when a connection stands, at once if one does.
   *
   * @param options.timeoutMs - 1 to 3 600 000 ms, default 5000.
   * @throws P2pError `TIMEOUT` after `timeoutMs`; `STOPPED` when the remote was given up or the node stopped. RangeError for
   * a timeout out of range.
   */
  async connected(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { clock, events } = this.#context;
    const { publicKey } = this;
    checkOptionNames(options, CONNECTED_OPTION_NAMES, ' of connected');
    const timeoutMs = checkTimeout(options.timeoutMs, NODE_LIMITS.callTimeoutMs[0]);
    if (this.#remote.isReleased || this.#context.isStopped) throw this.#givenUp();
    if (this.state === 'connected') return;
    return new Promise((resolve, reject) => {
      const settle = (error?: P2pError): void => {
        clock.clearTimer(timer);
        for (const unsubscribe of subscriptions) unsubscribe();
        if (error === undefined) resolve();
        else reject(error);
      };
      const timer = clock.setTimer(
        () => settle(new P2pError('TIMEOUT', `no connection to ${publicKey} after ${timeoutMs} ms (${this.state})`)),
        timeoutMs,
      );
      const subscriptions = [
        events.on('connected', (event) => {
          if (event.publicKey.equals(publicKey)) settle();
        }),
        events.on('released', (event) => {
          if (event.publicKey.equals(publicKey)) settle(this.#givenUp());
        }),
        events.on('stopped', () => settle(this.#givenUp())),
      ];
    });
  }

  #givenUp(): P2pError {
    return new P2pError('STOPPED', `${this.publicKey} is not connected to any more`);
  }

  /**
   * Encodes a message and takes its place among those that wait, or refuses it, in the turn of the caller: whoever calls
   * faster than the mailbox has its turns holds no more than the bounds allow.
   *
   * @throws P2pError `ENCODE_FAILED`, `QUEUE_FULL`.
   */
  #admit(message: MessageType, fields: unknown): Outgoing {
    const { messages, limits } = this.#context;
    const { waiting } = this.#remote.counters;
    requireKnown(messages, message);
    if (waiting.count >= limits.queueCapacity + waiting.room) throw this.#full(message);
    const outgoing = encode(message, fields);
    const size = outgoing.message.length;
    const sizeMax = Math.min(requestBytesMax(this.#context, this.publicKey), limits.queueBytesMax);
    if (size > sizeMax) {
      const text = `${message.name} to ${this.publicKey} was not sent: it is ${size} bytes long, at most ${sizeMax} go`;
      throw new P2pError('ENCODE_FAILED', text);
    }
    if (waiting.bytes + size > limits.queueBytesMax) throw this.#full(message);
    outgoing.enter(waiting);
    return outgoing;
  }

  /** Counts a refused call. */
  #full(type: MessageType): P2pError {
    const { counters } = this.#remote;
    const { count, bytes } = counters.waiting;
    counters.calls += 1;
    counters.errors += 1;
    counters.refused += 1;
    this.#tell('QUEUE_FULL', type, this.#context.clock.monotonicMs());
    const held = `${count} calls, ${bytes} bytes`;
    return new P2pError('QUEUE_FULL', `queue to ${this.publicKey} is full (${held}): ${type.name} refused`);
  }

  async #send(outgoing: Outgoing, options: CallOptions & { readonly timeoutMs: number }): Promise<MessageValue> {
    const context = this.#context;
    const { counters, peer } = this.#remote;
    const { timeoutMs } = options;
    counters.calls += 1;
    const mailbox = context.registry.whereis(`node/${peer.publicKey.hex}`) as MailboxRef | undefined;
    const startMs = context.clock.monotonicMs();
    try {
      if (mailbox === undefined) throw this.#givenUp();
      const outcome = await mailbox.call('send', outgoing, options);
      if ('error' in outcome) throw outcome.error;
      counters.answered += 1;
      this.#tell('answered', outgoing.type, startMs);
      return outcome.value;
    } catch (error) {
      const failure = this.#failureOf(error, outgoing, timeoutMs);
      if (failure.code === 'TIMEOUT') {
        counters.timeouts += 1;
        context.directory.timedOut(peer.publicKey);
      } else counters.errors += 1;
      if (failure.code === 'TIMEOUT' || failure.code === 'ABORTED') mailbox?.cast('drop', outgoing);
      this.#tell(failure.code, outgoing.type, startMs);
      throw failure;
    } finally {
      outgoing.leave();
    }
  }

  /** The one error a caller of this layer sees, made from what the actors below say. */
  #failureOf(error: unknown, { type }: Outgoing, timeoutMs: number): P2pError {
    const what = `${type.name} to ${this.publicKey}`;
    const cause = { cause: error };
    if (error instanceof P2pError) {
      // Which goes first, the connection or the mailbox, depends on the wire; the reason is the same.
      if (error.code !== 'CLOSED' || !this.#context.isStopping) return error;
      return new P2pError('STOPPED', `${what}: the node was stopped before the reply`, cause);
    }
    if (!(error instanceof ActorError)) throw error;
    if (error.code === 'TIMEOUT') {
      return new P2pError('TIMEOUT', `${what} timed out after ${timeoutMs} ms (${this.state})`, cause);
    }
    if (error.code === 'ABORTED') return new P2pError('ABORTED', `${what} was aborted by the caller`, cause);
    return new P2pError('STOPPED', `${what}: its mailbox ended: ${error.message}`, cause);
  }

  #tell(outcome: string, type: MessageType, startMs: number): void {
    const { telemetry, clock } = this.#context;
    if (!telemetry.isActive) return;
    const durationMs = clock.monotonicMs() - startMs;
    telemetry.emit('genmesh.call.settled', { durationMs }, { publicKey: this.publicKey, message: type.name, outcome });
  }
}

/**
 * What is not in the catalog of the node is not in those of its peers either, as far as it knows: one of them would close the
 * connection, and the calls in flight on it would end too.
 *
 * @throws P2pError `ENCODE_FAILED`. @internal
 */
export function requireKnown(messages: MessageCatalog, type: MessageType): void {
  if (messages.byId(type.id)?.name === type.name) return;
  throw new P2pError('ENCODE_FAILED', `${type.name} (id ${type.id}) is not in the node's catalog`);
}

/** @throws P2pError `ENCODE_FAILED`. @internal */
export function encode(message: MessageType, fields: unknown): Outgoing {
  try {
    return new Outgoing(message, message.encode(fields));
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new P2pError('ENCODE_FAILED', `${message.name} was not sent: ${error.message}`, { cause: error });
  }
}

/** The reply if the request declares it. @throws P2pError `UNEXPECTED_REPLY`. @internal */
export function expectReply(request: MessageType, reply: MessageValue): MessageValue {
  const { replies } = request;
  if (replies === undefined || ErrorMessage.is(reply) || NotFound.is(reply)) return reply;
  if (replies.some((type) => type.is(reply))) return reply;
  const expected = replies.map((type) => type.name).join(', ');
  throw new P2pError('UNEXPECTED_REPLY', `${request.name} was answered with ${reply.name}: expected ${expected}`);
}

/** The patience of a call, in ms; only `undefined` stands for the default. @throws RangeError. @internal */
export function checkTimeout(timeoutMs: number | undefined, standard: number): number {
  const [, least, most] = NODE_LIMITS.callTimeoutMs;
  return checkInteger('timeoutMs', timeoutMs === undefined ? standard : timeoutMs, least, most);
}
