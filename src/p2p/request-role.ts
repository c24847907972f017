/**
 * What a reader does with requests of others: finds the service subscribed to the message id, and sends its answer back on the
 * same connection, under the same id, sealed for the key that signed the request; `archethic-node listener_protocol.ex`.
 *
 * The requester always gets an answer: a request nobody serves, and a service that fails, is late or answers nonsense, is
 * answered with the Error message (`network_issue`); upstream is silent there.
 */
import type { ServerRef } from '../actors/protocol.ts';
import { CodedError, describeReason } from '../base/errors.ts';
import { ErrorMessage } from '../codec/archethic-node-messages.ts';
import type { MessageValue } from '../codec/message.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { type OpenedEnvelop, sealMessageEnvelop } from '../crypto/sealed-envelop.ts';
import type { ArchethicLink } from '../net/archethic-link.ts';
import { NetError } from '../net/errors.ts';
import { P2pError } from './errors.ts';
import { type NodeContext, noteFault } from './node-context.ts';
import type { ReaderRole } from './reader.ts';
import type { ServiceProtocol, ServiceRequest } from './service.ts';

/** Window in which heartbeats of one connection are counted, in ms. */
export const HEARTBEAT_WINDOW_MS = 10_000;

/** The Error message a requester gets when there is no better answer. */
export const NO_ANSWER: Uint8Array = ErrorMessage.encode({ reason: 'network_issue' });

/** The role of a connection that another node made to us. @internal */
export class RequestRole implements ReaderRole {
  readonly verifyWith: undefined = undefined;
  readonly idleTimeoutMs: number;
  readonly #context: NodeContext;
  readonly #wakeUp: (publicKey: PublicKey) => void;
  #link!: ArchethicLink;
  #sender: PublicKey | undefined;
  #inWork = 0;
  #isPaused = false;
  #heartbeats = 0;
  #heartbeatWindowMs = 0;

  constructor(context: NodeContext, wakeUp: (publicKey: PublicKey) => void) {
    this.#context = context;
    this.#wakeUp = wakeUp;
    this.idleTimeoutMs = context.limits.inboundIdleTimeoutMs;
  }

  opened(link: ArchethicLink): void {
    this.#link = link;
    this.#context.counters.inboundOpen += 1;
  }

  received(envelop: OpenedEnvelop, message: MessageValue): void {
    const context = this.#context;
    context.counters.requestsReceived += 1;
    this.#sender = envelop.sender;
    context.directory.seen(envelop.sender);
    this.#wakeUp(envelop.sender);
    this.#inWork += 1;
    if (this.#inWork >= context.limits.requestsPerConnectionMax && !this.#isPaused) {
      this.#isPaused = true;
      this.#link.pause();
    }
    const { sender, messageId } = envelop;
    const { remoteAddress } = this.#link;
    serve(context, message, { fields: message.fields, sender, messageId, remoteAddress }).then((answer) => {
      this.#answer(envelop, answer);
      this.#inWork -= 1;
      if (this.#isPaused && this.#inWork <= context.limits.requestsPerConnectionMax / 2) {
        this.#isPaused = false;
        this.#link.resume();
      }
    });
  }

  undecodable(): void {}

  drained(): void {}

  /** Answers a heartbeat; too many are a flood. */
  heartbeat(): void {
    const { clock, limits, directory } = this.#context;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#heartbeatWindowMs >= HEARTBEAT_WINDOW_MS) {
      this.#heartbeatWindowMs = nowMs;
      this.#heartbeats = 0;
    }
    this.#heartbeats += 1;
    if (this.#heartbeats > limits.heartbeatsPer10sMax) {
      const text = `${this.#link.remoteAddress} sent more than ${limits.heartbeatsPer10sMax} heartbeats in 10 s`;
      this.#fault(new P2pError('FLOOD', text));
      return;
    }
    if (this.#sender !== undefined) directory.touched(this.#sender);
    this.#link.sendHeartbeat();
  }

  closed(): void {
    this.#context.counters.inboundOpen -= 1;
  }

  #fault(error: CodedError): void {
    noteFault(this.#context, this.#link.remoteAddress, this.#sender, error);
    this.#link.destroy(new NetError('REMOTE_FAULT', error.message, { cause: error }));
  }

  #answer(envelop: OpenedEnvelop, answer: Uint8Array): void {
    if (!this.#link.isOpen) return; // the requester has gone; there is nobody to tell
    const { engine, identity, random } = this.#context;
    const { messageId, sender } = envelop;
    try {
      this.#link.send(
        sealMessageEnvelop(engine, { messageId, message: answer, sender: identity, recipient: sender, random }),
      );
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      // A requester that does not read what it asked for, or a key that nothing can be sealed for.
      this.#fault(error);
    }
  }
}

/** Asks the service for its answer, encoded; never rejects. Also the way of a call to oneself. @internal */
export async function serve(context: NodeContext, message: MessageValue, request: ServiceRequest): Promise<Uint8Array> {
  const { counters, logger, limits } = context;
  const pid = context.registry.whereis(`message/${message.id}`);
  if (pid === undefined) {
    counters.requestsUnserved += 1;
    logger.debug('nobody serves the request', { message: message.name, remoteAddress: request.remoteAddress });
    return NO_ANSWER;
  }
  const startMs = context.clock.monotonicMs();
  try {
    const server = pid as ServerRef<ServiceProtocol>;
    const value = await server.call(message.name, request, { timeoutMs: limits.serviceTimeoutMs });
    const answer = context.messages.encode(value);
    counters.requestsAnswered += 1;
    const durationMs = context.clock.monotonicMs() - startMs;
    context.telemetry.emit('genmesh.request.answered', { durationMs }, { message: message.name, answer: value.name });
    return answer;
  } catch (error) {
    counters.requestsFailed += 1;
    logger.warn('a service failed, the requester gets Error', {
      message: message.name,
      service: pid.label,
      remoteAddress: request.remoteAddress,
      error: describeReason(error),
    });
    return NO_ANSWER;
  }
}
