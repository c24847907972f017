/**
 * Services: actors that answer requests of other nodes. Each is subscribed to one message id or many; a request becomes a
 * call with the message's name as tag, so any GenServer with such a call can serve it.
 *
 * ```ts
 * const balances = service('balances', [
 *   on(GetBalance, ({ fields }) => Balance.of({ uco: lookUp(fields.address) })),
 * ]);
 * await node.startService(balances);
 * ```
 */
import { GenServer } from '../actors/gen-server.ts';
import type { Pid } from '../actors/process.ts';
import type { CallHandlers, MaybePromise, Protocol } from '../actors/protocol.ts';
import { type Reply, reply } from '../actors/results.ts';
import type { FieldsOf, MessageType, MessageValue } from '../codec/message.ts';
import type { PublicKey } from '../crypto/keys.ts';
import type { AnyMessageType } from './remote.ts';

/** A request of another node, or of this one to itself. */
export interface ServiceRequest<F = unknown> {
  readonly fields: F;
  /** Who signed it. The signature covers the message only: it can be a replay. */
  readonly sender: PublicKey;
  /** As in the envelop, 0 to 2^32 - 1; not covered by the signature. */
  readonly messageId: number;
  /** Where it came from; `local` for a call to oneself. */
  readonly remoteAddress: string;
}

/** Answers one kind of request. A throw answers with Error and ends the service's process, whose supervisor restarts it. */
export type RequestHandler<M> = (request: ServiceRequest<FieldsOf<M>>) => MaybePromise<MessageValue>;

/** A kind of request and its handler; made by {@link on}. */
export interface ServiceRoute {
  readonly message: MessageType;
  readonly handler: (request: ServiceRequest<never>) => MaybePromise<MessageValue>;
}

/** A service to start with `node.startService`. */
export interface ServiceSpec {
  /** Unique among the services of a node. */
  readonly id: string;
  readonly routes: readonly ServiceRoute[];
}

/** Pairs a message with its handler, typed by the message's fields. */
export function on<M extends AnyMessageType>(message: M, handler: RequestHandler<M>): ServiceRoute {
  return { message, handler: handler as ServiceRoute['handler'] };
}

/** Names a set of routes that one actor serves, one request at a time. */
export function service(id: string, routes: readonly ServiceRoute[]): ServiceSpec {
  return { id, routes };
}

/** What a server must understand to be subscribed to messages: a call for each message's name. */
export interface ServiceProtocol extends Protocol {
  call: Record<string, (request: ServiceRequest) => MessageValue>;
}

interface ServiceState {
  answeredCount: number;
}

type ServiceHandler = (request: ServiceRequest, state: ServiceState) => MaybePromise<Reply<MessageValue, ServiceState>>;

/** The process of a {@link ServiceSpec}. @internal */
export class ServiceServer extends GenServer<
  ServiceState,
  ServiceProtocol,
  [spec: ServiceSpec, subscribe: (message: MessageType, pid: Pid) => void]
> {
  readonly #handlers: Record<string, ServiceHandler> = {};
  override readonly handleCall: CallHandlers<ServiceState, ServiceProtocol> = this.#handlers;
  #id = 'Service';

  override get moduleName(): string {
    return this.#id;
  }

  /** Subscribes itself, so that a restarted service is subscribed again before anything else happens. */
  init(spec: ServiceSpec, subscribe: (message: MessageType, pid: Pid) => void): ServiceState {
    this.#id = `Service(${spec.id})`;
    for (const { message, handler } of spec.routes) {
      this.#handlers[message.name] = (request, state) => {
        state.answeredCount += 1;
        const answer = handler(request as ServiceRequest<never>);
        return isPromise(answer) ? answer.then((value) => reply(value, state)) : reply(answer, state);
      };
      subscribe(message, this.self);
    }
    return { answeredCount: 0 };
  }

  override inspect(state: ServiceState): Readonly<Record<string, string | number>> {
    return { messages: Object.keys(this.#handlers).join(','), answered: state.answeredCount };
  }
}

function isPromise<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T>)?.then === 'function';
}
