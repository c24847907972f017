/**
 * Requests that come in on a peer's request channel, and their replies: finds the service as the other wire does
 * (`request-role.ts` `serve`), and answers on the reply channel under the same id, sealed where the request was.
 *
 * With as many requests in work as one connection may have, the channel is held back until half of them are answered; replies
 * to our own requests, on their channel of the same connection, are not.
 */
import { CodedError, describeReason } from '../base/errors.ts';
import type { MessageValue } from '../codec/message.ts';
import type { OpenedEnvelop } from '../crypto/sealed-envelop.ts';
import { SEND_WAITERS_MAX } from '../net/channel-sender.ts';
import { NetError } from '../net/errors.ts';
import { wrapMessage } from './messaging-envelop.ts';
import type { PeerLink } from './messaging-peer.ts';
import { type NodeContext, noteFault } from './node-context.ts';
import { NO_ANSWER, serve } from './request-role.ts';

/** The requests of one peer. @internal */
export class PeerRequests {
  readonly #context: NodeContext;
  readonly #link: PeerLink;
  readonly #inWorkMax: number;
  #inWork = 0;
  #goOn: (() => void) | undefined;

  constructor(context: NodeContext, link: PeerLink) {
    this.#context = context;
    this.#link = link;
    // Each of them may come to wait for room in the reply channel, which takes that many waiters.
    this.#inWorkMax = Math.min(context.limits.requestsPerConnectionMax, SEND_WAITERS_MAX);
  }

  /** @returns a promise when the next request must wait for it. */
  received(envelop: OpenedEnvelop, message: MessageValue): Promise<void> | undefined {
    const { counters, directory } = this.#context;
    const { sender, messageId } = envelop;
    const { remoteAddress } = this.#link;
    counters.requestsReceived += 1;
    directory.seen(sender);
    this.#inWork += 1;
    serve(this.#context, message, { fields: message.fields, sender, messageId, remoteAddress })
      .then((answer) => this.#answer(envelop, answer))
      .catch((error) => this.#failed(error))
      .finally(() => this.#done());
    if (this.#inWork < this.#inWorkMax) return undefined;
    return new Promise((resolve) => {
      this.#goOn = resolve;
    });
  }

  /** The connection is over: nothing waits for room any more. */
  end(): void {
    this.#goOn?.();
    this.#goOn = undefined;
  }

  #done(): void {
    this.#inWork -= 1;
    if (this.#inWork <= this.#inWorkMax / 2) this.end();
  }

  #answer(envelop: OpenedEnvelop, answer: Uint8Array): Promise<void> | undefined {
    const link = this.#link;
    if (!link.isOpen) return undefined; // the requester has gone; there is nobody to tell
    const { counters, limits, logger } = this.#context;
    const wrapped = this.#wrap(envelop, answer);
    if (wrapped.length <= limits.frameBytesMax) return link.reply(wrapped);
    const facts = { remoteAddress: link.remoteAddress, size: wrapped.length };
    counters.requestsAnswered -= 1;
    counters.requestsFailed += 1;
    logger.warn('an answer is too large to send, the requester gets Error', facts);
    return link.reply(this.#wrap(envelop, NO_ANSWER));
  }

  #wrap({ messageId, sender, isEncrypted }: OpenedEnvelop, message: Uint8Array): Uint8Array {
    return wrapMessage(this.#context, { messageId, message, recipient: sender, isSealed: isEncrypted });
  }

  /** A requester that does not read what it asked for, or a key that nothing can be sealed for. */
  #failed(error: unknown): void {
    const link = this.#link;
    const { remoteAddress, sender } = link;
    if (!link.isOpen) return;
    if (error instanceof CodedError) {
      noteFault(this.#context, remoteAddress, sender, error);
      link.destroy(new NetError('REMOTE_FAULT', error.message, { cause: error }));
      return;
    }
    const text = `an answer to ${remoteAddress} failed: ${describeReason(error)}`;
    this.#context.logger.error(text, { remoteAddress });
    link.destroy(new NetError('HANDLER_FAILED', text, { cause: error }));
  }
}
