/** Which server answers which kind of request: rows `message/<id>` of the node's registry, kept across its restart. */
import type { Pid } from '../actors/process.ts';
import type { MessageType } from '../codec/message.ts';
import { P2pError } from './errors.ts';
import type { NodeContext, RegistryKey } from './node-context.ts';

/** The subscriptions of one node. @internal */
export class Subscriptions {
  readonly #context: NodeContext;
  /** By message id, so at most 255; a row outlives its server until the id is taken again or everything is restored. */
  readonly #servers = new Map<number, Pid>();

  constructor(context: NodeContext) {
    this.#context = context;
  }

  /** @throws P2pError `ALREADY_SUBSCRIBED`; ActorError `NOPROC` for a dead server. */
  subscribe(type: MessageType, server: Pid, options: { readonly replace?: boolean }): void {
    const { registry } = this.#context;
    const owner = this.subscriber(type);
    if (owner !== undefined && options.replace !== true) {
      const text = `${type.name} (id ${type.id}) is served by ${owner.label}${owner === server ? ' already' : ''}`;
      throw new P2pError('ALREADY_SUBSCRIBED', text);
    }
    if (owner !== undefined && server.isAlive) registry.unregister(keyOf(type.id), owner);
    registry.register(keyOf(type.id), server, undefined);
    this.#servers.set(type.id, server);
  }

  /** @returns whether `server` had it. */
  unsubscribe(type: MessageType, server: Pid): boolean {
    if (this.#servers.get(type.id) === server) this.#servers.delete(type.id);
    return this.#context.registry.unregister(keyOf(type.id), server);
  }

  subscriber(type: Pick<MessageType, 'id'>): Pid | undefined {
    return this.#context.registry.whereis(keyOf(type.id));
  }

  /** After a restart of the registry: enters those again whose servers live, which are the ones outside of the node's tree. */
  restore(): void {
    for (const [id, server] of this.#servers) {
      if (server.isAlive) this.#context.registry.register(keyOf(id), server, undefined);
      else this.#servers.delete(id);
    }
  }
}

function keyOf(id: number): RegistryKey {
  return `message/${id}`;
}
