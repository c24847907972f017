/**
 * What a reader does with requests of others: finds the service subscribed to the message id, and sends its answer back on the
 * same connection, under the same id, sealed for the key that signed the request; `archethic-node listener_protocol.ex`.
 *
 * The requester always gets an answer: a request nobody serves, and a service that fails, is late or answers nonsense, is
 * answered with the Error message (`network_issue`); upstream is silent there.
 */
import { asProcess } from '../actors/process.ts';
import type { ServerRef } from '../actors/protocol.ts';
import { CodedError, describeReason } from '../base/errors.ts';
import { ErrorMessage } from '../codec/archethic-node-messages.ts';
import { FRAME_HEADER_BYTES } from '../codec/frame.ts';
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

/** Requests that may wait for one service; the next is answered with Error at once. */
export const SERVICE_MAILBOX_MAX = 10_000;

/** The Error message a requester gets when there is no better answer. */
export const NO_ANSWER: Uint8Array = ErrorMessage.encode({ reason: 'network_issue' });

/** The role of a connection that another node made to us. @internal */
export class RequestRole implements ReaderRole {
  readonly verifyWith: undefined = undefined;
  readonly idleTimeoutMs: number;
  readonly frameBytesMax: number;
  readonly sendFrameBytesMax: number;
  readonly #context: NodeContext;
  readonly #wakeUp: (publicKey: PublicKey) => void;
  #link!: ArchethicLink;
  #sender: PublicKey | undefined;
  #onRoom: () => void = () => {};
  #inWork = 0;
  #isFull = false;
  #heartbeats = 0;
  #heartbeatWindowMs = 0;

  constructor(context: NodeContext, wakeUp: (publicKey: PublicKey) => void) {
    this.#context = context;
    this.#wakeUp = wakeUp;
    this.idleTimeoutMs = context.limits.inboundIdleTimeoutMs;
    this.frameBytesMax = context.limits.inboundFrameBytesMax;
    this.sendFrameBytesMax = context.limits.frameBytesMax;
  }

  /** From `requestsPerConnectionMax` requests in work until half of them are answered. */
  get isFull(): boolean {
    return this.#isFull;
  }

  opened(link: ArchethicLink, onRoom: () => void): void {
    this.#link = link;
    this.#onRoom = onRoom;
    this.#context.counters.inboundOpen += 1;
  }

  received(envelop: OpenedEnvelop, message: MessageValue): void {
    const context = this.#context;
    context.counters.requestsReceived += 1;
    this.#sender = envelop.sender;
    context.directory.seen(envelop.sender);
    this.#wakeUp(envelop.sender);
    this.#inWork += 1;
    if (this.#inWork >= context.limits.requestsPerConnectionMax) this.#isFull = true;
    const { sender, messageId } = envelop;
    const { remoteAddress } = this.#link;
    serve(context, message, { fields: message.fields, sender, messageId, remoteAddress }).then((answer) => {
      this.#inWork -= 1;
      this.#answer(envelop, answer);
      if (this.#isFull && this.#inWork <= context.limits.requestsPerConnectionMax / 2) {
        this.#isFull = false;
        this.#onRoom();
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

  closed(): void {}

  ended(): void {
    this.#context.counters.inboundOpen -= 1;
  }

  #fault(error: CodedError): void {
    noteFault(this.#context, this.#link.remoteAddress, this.#sender, error);
    this.#link.destroy(new NetError('REMOTE_FAULT', error.message, { cause: error }));
  }

  #answer(envelop: OpenedEnvelop, answer: Uint8Array): void {
    if (!this.#link.isOpen) return; // the requester has gone; there is nobody to tell
    const { remoteAddress } = this.#link;
    try {
      let frame = this.#seal(envelop, answer);
      if (!this.#fits(frame)) {
        const { counters, logger } = this.#context;
        counters.requestsAnswered -= 1;
        counters.requestsFailed += 1;
        logger.warn('an answer is too large to send, the requester gets Error', { remoteAddress, size: frame.length });
        frame = this.#seal(envelop, NO_ANSWER);
      }
      this.#link.send(frame);
    } catch (error) {
      // A requester that does not read what it asked for, or a key that nothing can be sealed for.
      if (error instanceof CodedError) this.#fault(error);
      else {
        const text = `an answer to ${remoteAddress} failed: ${describeReason(error)}`;
        this.#context.logger.error(text, { remoteAddress });
        this.#link.destroy(new NetError('HANDLER_FAILED', text, { cause: error }));
      }
    }
  }

  #seal({ messageId, sender }: OpenedEnvelop, message: Uint8Array): Uint8Array {
    const { engine, identity, random } = this.#context;
    return sealMessageEnvelop(engine, { messageId, message, sender: identity, recipient: sender, random });
  }

  #fits(frame: Uint8Array): boolean {
    const { sendBufferBytesMax } = this.#context.limits;
    return frame.length <= this.sendFrameBytesMax && frame.length + FRAME_HEADER_BYTES <= sendBufferBytesMax;
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
    const { mailboxLength } = asProcess(pid);
    if (mailboxLength >= SERVICE_MAILBOX_MAX) throw new P2pError('QUEUE_FULL', `${mailboxLength} requests wait for it`);
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
