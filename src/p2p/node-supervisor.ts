/**
 * NodeSupervisor: one local node. Others are called through it, and its services answer theirs.
 *
 * ```ts
 * const node = await NodeSupervisor.startLink({ identity, listen: 'tcp://127.0.0.1:0' });
 * await node.startService(service('ping', [on(Ping, () => Ok.of({}))]));
 * const remote = await node.connect({ publicKey, address: 'tcp://127.0.0.1:30002' });
 * const pong = await remote.call(Ping, {});                      // 5 s by default
 * ```
 *
 * The tree below it, in start order, is stopped in reverse; when a table fails, what depends on it is restarted with it
 * (`rest_for_one`): registry, directory, services, remotes, keeper, and the switch, or on wire `archethic` inbound and
 * listener.
 */

import { asProcess, type Pid } from '../actors/process.ts';
import type { CallOptions } from '../actors/request.ts';
import { ActorSystem } from '../actors/system.ts';
import type { Unsubscribe } from '../base/emitter.ts';
import { describeReason } from '../base/errors.ts';
import type { InputFieldsOf, MessageType, MessageValue, ReplyOf } from '../codec/message.ts';
import type { MessageCatalog } from '../codec/message-catalog.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import type { PublicKey } from '../crypto/keys.ts';
import type { NetAddress } from '../net/net-address.ts';
import { formatTree, type TreeNode } from '../supervisor/tree.ts';
import { P2pError, stoppedError } from './errors.ts';
import { createNodeContext, type NodeContext, type NodeCounters, type NodeEvents } from './node-context.ts';
import type { NodeDirectory } from './node-directory.ts';
import { type NodeOptions, parseNodeOptions } from './node-options.ts';
import { type NodeTree, startTree } from './node-tree.ts';
import { type PeerAddress, type PeerInput, toPeerAddress } from './peer-address.ts';
import { type AnyMessageType, checkTimeout, encode, expectReply, Remote, requireKnown } from './remote.ts';
import type { WantedRemote } from './remote-keeper.ts';
import { serve } from './request-role.ts';
import type { ServiceSpec } from './service.ts';
import type { SwitchHandle } from './switch-handle.ts';

/** What a node has counted, and its faults by error code. */
export interface NodeStats extends Readonly<NodeCounters> {
  readonly faultsByCode: Readonly<Record<string, number>>;
}

/** A message type or its id. */
export type MessageKey = AnyMessageType | number;

/** A local node; see the top of this file. */
export class NodeSupervisor {
  readonly #context: NodeContext;
  readonly #parts: NodeTree;

  private constructor(context: NodeContext, parts: NodeTree) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Starts a node, linked to the process that calls if there is one; resolves when it listens.
   *
   * @throws TypeError, RangeError for an option that is wrong, naming it; NetError `ADDRESS_IN_USE`,
   * `ADDRESS_UNAVAILABLE`, `ADDRESS_INVALID` when it cannot listen; nothing is left running then.
   */
  static async startLink(options: NodeOptions): Promise<NodeSupervisor> {
    const parsed = parseNodeOptions(options);
    const context = createNodeContext(parsed);
    const system =
      parsed.system ?? new ActorSystem({ clock: parsed.clock, logger: parsed.logger, telemetry: parsed.telemetry });
    const parts = await startTree(context, system);
    asProcess(parts.supervisor.pid).onExit((reason) => {
      context.isStopped = true;
      context.events.emit('stopped', { reason });
    });
    return new NodeSupervisor(context, parts);
  }

  /** The node's supervisor process: link or monitor it. */
  get pid(): Pid {
    return this.#parts.supervisor.pid;
  }

  /** The key others know this node by. */
  get publicKey(): PublicKey {
    return this.#context.identity.publicKey;
  }

  /** Where it accepts connections; `undefined` when it does not. */
  get address(): NetAddress | undefined {
    return this.#context.listenAddress;
  }

  /** This node as others dial it. @throws P2pError `PEER_INVALID` when it does not listen. */
  get peer(): PeerAddress {
    const { address, publicKey } = this;
    if (address === undefined) throw new P2pError('PEER_INVALID', 'this node does not listen, so nobody can dial it');
    return { address, publicKey };
  }

  /** The engine it seals and signs with. */
  get engine(): CryptoEngine {
    return this.#context.engine;
  }

  /** The messages it understands. */
  get messages(): MessageCatalog {
    return this.#context.messages;
  }

  /** Who is known, and who is available as seen from here. */
  get directory(): NodeDirectory {
    return this.#context.directory;
  }

  /**
   * On wire `mconnection`, the default, the switch that carries its connections: its peers, and ways to reach them on the channels of
   * `reactors`.
   *
   * @throws P2pError `NO_SWITCH` on the other wire, and for the moment in which the switch is restarted.
   */
  get switch(): SwitchHandle {
    const found = this.#parts.switch();
    if (found !== undefined) return found;
    throw new P2pError('NO_SWITCH', 'the node has no switch: its wire is archethic, or the switch is being restarted');
  }

  /** Wall time of the node's clock, in ms. */
  wallMs(): number {
    return this.#context.clock.wallMs();
  }

  /**
   * Starts the supervisor of a remote (its mailbox and its connection, which dials at once) unless it runs, and gives a
   * handle to it. Does not wait for the connection: `remote.connected()` does. A new address for a known key counts only
   * while no connection stands.
   *
   * @throws P2pError `PEER_INVALID`, `REMOTES_MAX`, `STOPPED`.
   */
  async connect(peer: PeerInput): Promise<Remote> {
    const parsed = toPeerAddress(peer);
    if (parsed.publicKey.equals(this.publicKey)) {
      throw new P2pError('PEER_INVALID', `peer ${parsed.publicKey} is this node itself`);
    }
    return new Remote(this.#context, await this.#ensure(parsed));
  }

  /** The remote of that key if it was connected to and not disconnected since. */
  remote(publicKey: PublicKey): Remote | undefined {
    const remote = this.#parts.wanted.get(publicKey.hex);
    return remote === undefined ? undefined : new Remote(this.#context, remote);
  }

  /** Every remote, in the order they were connected to. */
  remotes(): Remote[] {
    return [...this.#parts.wanted.values()].map((remote) => new Remote(this.#context, remote));
  }

  /** Stops the remote's actors and forgets it: calls under way end with `STOPPED`. @returns whether it was there. */
  async disconnect(publicKey: PublicKey): Promise<boolean> {
    try {
      return await this.#parts.keeper().call('release', publicKey.hex, { timeoutMs: Number.POSITIVE_INFINITY });
    } catch (error) {
      throw stoppedError(error);
    }
  }

  /**
   * Calls the node of that key: finds its mailbox, or starts it when the directory knows where the node is. A call to the
   * node's own key is served here, without a network.
   *
   * @throws P2pError `UNKNOWN_NODE` at once when nobody is known by that key; else as {@link Remote.call}.
   */
  async call<M extends AnyMessageType>(
    publicKey: PublicKey,
    message: M,
    fields: InputFieldsOf<M>,
    options: CallOptions = {},
  ): Promise<ReplyOf<M>> {
    if (publicKey.equals(this.publicKey)) return this.#callSelf(message, fields, options);
    const known = this.remote(publicKey);
    if (known !== undefined) return known.call(message, fields, options);
    const address = this.directory.lookup(publicKey)?.address;
    if (address === undefined) {
      throw new P2pError('UNKNOWN_NODE', `${publicKey} is not known here: connect to it first`);
    }
    return new Remote(this.#context, await this.#ensure({ publicKey, address })).call(message, fields, options);
  }

  /**
   * Gives the requests of one kind to a server: for each it gets a call with the message's name as tag and a
   * `ServiceRequest` as payload, and its reply, a message value, is the answer. Ends with the server; a supervised server
   * subscribes in its `init`, so that it is subscribed again after a restart.
   *
   * @param options.replace - take the id over from the server that has it; default: that is an error.
   * @throws P2pError `ALREADY_SUBSCRIBED`, `STOPPED`; ActorError `NOPROC` for a dead server; RangeError for a message the
   * node does not know.
   */
  subscribe(message: MessageKey, server: Pid, options: { readonly replace?: boolean } = {}): void {
    const type = this.#typeOf(message);
    try {
      this.#parts.subscriptions.subscribe(type, server, options);
    } catch (error) {
      throw server.isAlive || this.#context.isStopped ? stoppedError(error) : error;
    }
  }

  /** Takes a subscription back: requests of that kind are answered with Error. @returns whether `server` had it. */
  unsubscribe(message: MessageKey, server: Pid): boolean {
    return this.#parts.subscriptions.unsubscribe(this.#typeOf(message), server);
  }

  /** The server subscribed to that kind of request. */
  subscriber(message: MessageKey): Pid | undefined {
    return this.#parts.subscriptions.subscriber(this.#typeOf(message));
  }

  /**
   * Starts a service under the node's supervisor and subscribes it to its messages. When it fails it is restarted and
   * subscribed again at once; after more than 3 failures in 5 s that comes `reviveDelayMs` later, and until then its requests
   * are answered with Error. So it goes until `stopService`.
   *
   * @throws P2pError `ALREADY_SUBSCRIBED` (the id of a message, or of the service, is taken), `STOPPED` (also when it was
   * stopped while it started); RangeError for a message the node does not know.
   */
  async startService(spec: ServiceSpec): Promise<void> {
    for (const { message } of spec.routes) this.#typeOf(message);
    await this.#parts.services.start(spec);
  }

  /** Stops a service that `startService` started, also one that is to be started again. @returns whether it ran. */
  async stopService(id: string): Promise<boolean> {
    return this.#parts.services.stop(id);
  }

  /** Calls `listener` for each event of that kind until the returned function is called. */
  on<K extends keyof NodeEvents & string>(event: K, listener: (value: NodeEvents[K]) => void): Unsubscribe {
    return this.#context.events.on(event, listener);
  }

  /** Counters since the start. */
  stats(): NodeStats {
    return { ...this.#context.counters, faultsByCode: Object.fromEntries(this.#context.faultsByCode) };
  }

  /** The actor tree as data. */
  tree(): TreeNode {
    return { ...this.#parts.supervisor.tree(), id: 'node', module: 'NodeSupervisor' };
  }

  /** The actor tree as text, one process a line. */
  formatTree(): string {
    return formatTree(this.tree());
  }

  /** Stops everything, last started first: the listener, connections, services. Calls under way end with `STOPPED`. */
  async stop(): Promise<void> {
    if (!this.pid.isAlive) return;
    this.#context.isStopping = true;
    await this.#parts.supervisor.stop('shutdown');
  }

  async #ensure(peer: PeerAddress): Promise<WantedRemote> {
    const { publicKey } = peer;
    if (this.#context.wire === 'mconnection' && publicKey.curve !== 'ed25519') {
      const text = `peer ${publicKey} has a key of curve ${publicKey.curve}: expected ed25519 on wire mconnection`;
      throw new P2pError('PEER_INVALID', text);
    }
    try {
      const outcome = await this.#parts.keeper().call('ensure', peer, { timeoutMs: Number.POSITIVE_INFINITY });
      if ('error' in outcome) throw outcome.error;
      return outcome.remote;
    } catch (error) {
      throw stoppedError(error);
    }
  }

  async #callSelf<M extends AnyMessageType>(
    message: M,
    fields: InputFieldsOf<M>,
    options: CallOptions,
  ): Promise<ReplyOf<M>> {
    const context = this.#context;
    const timeoutMs = checkTimeout(options.timeoutMs, context.limits.callTimeoutMs);
    const type: MessageType = message;
    if (context.isStopped) throw new P2pError('STOPPED', 'the node is not running');
    requireKnown(context.messages, type);
    const { message: bytes } = encode(type, fields);
    // Through the codec, so that a service sees what it would see from the wire.
    const value: MessageValue = context.messages.decode(bytes);
    const request = { fields: value.fields, sender: this.publicKey, messageId: 0, remoteAddress: 'local' };
    const answer = await this.#settleBy(() => serve(context, value, request), type, timeoutMs, options.signal);
    return expectReply(type, context.messages.decode(answer)) as ReplyOf<M>;
  }

  /** What `start` gives, or `TIMEOUT` or `ABORTED` when that comes first. */
  #settleBy<T>(start: () => Promise<T>, type: MessageType, timeoutMs: number, signal?: AbortSignal): Promise<T> {
    const { clock } = this.#context;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clock.clearTimer(timer);
        signal?.removeEventListener('abort', abort);
      };
      const fail = (code: 'TIMEOUT' | 'ABORTED', what: string): void => {
        finish();
        reject(new P2pError(code, `${type.name} to this node itself ${what}`));
      };
      const abort = (): void => fail('ABORTED', 'was aborted by the caller');
      const timer = clock.setTimer(() => fail('TIMEOUT', `timed out after ${timeoutMs} ms`), timeoutMs);
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener('abort', abort, { once: true });
      start().then((value) => {
        finish();
        resolve(value);
      }, reject);
    });
  }

  #typeOf(message: MessageKey | MessageType): MessageType {
    const id = typeof message === 'number' ? message : message.id;
    const type = this.#context.messages.byId(id);
    if (type === undefined) {
      const what = typeof id === 'number' ? `message id ${id}` : `message ${describeReason(message, 60)}`;
      throw new RangeError(`${what} is not in the node's catalog`);
    }
    if (typeof message === 'number' || message.name === type.name) return type;
    throw new RangeError(`message ${message.name} is not in the node's catalog, where id ${id} is ${type.name}`);
  }
}
