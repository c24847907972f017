/**
 * The place of one reactor in its switch: it outlives the reactor's process, so that peers need not know whether that was
 * restarted. It counts, and settles what was in work when the process ended.
 */
import type { ServerRef } from '../actors/protocol.ts';
import { describeReason } from '../base/errors.ts';
import type { Peer } from './peer.ts';
import type { ReactorSpec } from './reactor.ts';
import type { AnyChannel } from './reactor-channel.ts';
import { SwitchError } from './switch-errors.ts';

/** The functions of a reactor that are called for a peer. @internal */
export type ReactorHook = 'initPeer' | 'addPeer' | 'removePeer';

/** One message on its way into a reactor. @internal */
export interface Delivery {
  readonly peer: Peer;
  readonly channel: AnyChannel;
  readonly message: unknown;
  resolve(): void;
  reject(error: unknown): void;
}

/** @internal */
export interface HookCall {
  readonly hook: ReactorHook;
  readonly peer: Peer;
  readonly reason: SwitchError | undefined;
}

/** @internal */
export interface ReactorProtocol {
  call: { hook(call: HookCall): { readonly error: unknown } | undefined };
  cast: { receive(delivery: Delivery): void };
  info: unknown;
}

/** What was counted about one reactor. */
export interface ReactorCounters {
  /** Messages given to `receive`. */
  messagesReceived: number;
  /** Messages lost because the reactor's process ended, or let go of the peer, before it was done with them. */
  messagesDropped: number;
  /** Throws, rejections and late answers of its functions. */
  failures: number;
  /** Starts of its process after the first. */
  restarts: number;
}

/** @internal */
export class ReactorSlot {
  readonly spec: ReactorSpec;
  readonly counters: ReactorCounters = { messagesReceived: 0, messagesDropped: 0, failures: 0, restarts: 0 };
  readonly #hookTimeoutMs: number;
  readonly #pending = new Set<Delivery>();
  #server: ServerRef<ReactorProtocol> | undefined;
  #hasRun = false;

  constructor(spec: ReactorSpec, hookTimeoutMs: number) {
    this.spec = spec;
    this.#hookTimeoutMs = hookTimeoutMs;
  }

  /** The running process. */
  get server(): ServerRef<ReactorProtocol> | undefined {
    return this.#server;
  }

  /** Messages in work or waiting for the reactor. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** @returns true when it is a restart. */
  attach(server: ServerRef<ReactorProtocol>): boolean {
    this.#server = server;
    const isRestart = this.#hasRun;
    if (isRestart) this.counters.restarts += 1;
    this.#hasRun = true;
    return isRestart;
  }

  /** The process ended: its peers go on, without the messages it had. */
  detach(server: ServerRef<ReactorProtocol>): void {
    if (this.#server !== server) return;
    this.#server = undefined;
    this.counters.messagesDropped += this.#pending.size;
    for (const delivery of [...this.#pending]) delivery.resolve();
  }

  /**
   * Calls a function of the reactor and waits until it is done.
   *
   * @throws SwitchError (as a rejection) `REACTOR_FAILED` when it throws, is late, or is not running.
   */
  async call(hook: ReactorHook, peer: Peer, reason?: SwitchError): Promise<void> {
    const { id } = this.spec;
    const details = { peerId: peer.id, remoteAddress: peer.remoteAddress };
    let cause: unknown;
    if (this.#server === undefined) cause = 'it is not running';
    else {
      try {
        const call: HookCall = { hook, peer, reason };
        const failure = await this.#server.call('hook', call, { timeoutMs: this.#hookTimeoutMs });
        if (failure === undefined) return;
        cause = failure.error;
      } catch (error) {
        cause = error;
      }
    }
    this.counters.failures += 1;
    const text = `reactor ${id} failed in ${hook} for peer ${peer.id}: ${describeReason(cause, 120)}`;
    throw new SwitchError('REACTOR_FAILED', text, { ...details, cause });
  }

  /** Hands a message over; resolves when the reactor is done with it, and rejects with what it threw. */
  deliver(peer: Peer, channel: AnyChannel, message: unknown): Promise<void> {
    const server = this.#server;
    if (server === undefined) {
      this.counters.messagesDropped += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const delivery: Delivery = {
        peer,
        channel,
        message,
        resolve: () => {
          this.#pending.delete(delivery);
          resolve();
        },
        reject: (error) => {
          this.#pending.delete(delivery);
          this.counters.failures += 1;
          reject(error);
        },
      };
      this.#pending.add(delivery);
      server.cast('receive', delivery);
    });
  }
}
