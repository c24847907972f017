/**
 * Agent: state behind functions; Elixir's `Agent`. The functions run in the agent, one at a time, and a throw of one ends it.
 *
 * ```ts
 * const cache = await Agent.startLink(() => new Map<string, number>());
 * await cache.update((map) => map.set('a', 1));
 * ```
 */
import { type ChildOptions, type ChildSpec, handleSpec } from './child-spec.ts';
import type { ExitReason } from './exit-reason.ts';
import { GenServer, type StartOptions, startServer } from './gen-server.ts';
import type { Pid } from './pid.ts';
import type { CallHandlers, CastHandlers, MaybePromise, ServerRef } from './protocol.ts';
import type { CallOptions } from './request.ts';
import { noreply, reply } from './results.ts';

type Change = (state: unknown) => MaybePromise<readonly [answer: unknown, state: unknown]>;

interface AgentProtocol {
  call: { run(change: Change): unknown };
  cast: { run(change: Change): void };
}

class AgentServer extends GenServer<unknown, AgentProtocol, [start: () => MaybePromise<unknown>]> {
  override get moduleName(): string {
    return 'Agent';
  }

  init(start: () => MaybePromise<unknown>): MaybePromise<unknown> {
    return start();
  }

  override readonly handleCall: CallHandlers<unknown, AgentProtocol> = this.calls({
    run: (change, state) => {
      const result = change(state);
      if (Array.isArray(result)) return reply(result[0], result[1]);
      return Promise.resolve(result).then(([answer, next]) => reply(answer, next));
    },
  });

  override readonly handleCast: CastHandlers<unknown, AgentProtocol> = this.casts({
    run: (change, state) => {
      const result = change(state);
      if (Array.isArray(result)) return noreply(result[1]);
      return Promise.resolve(result).then(([, next]) => noreply(next));
    },
  });
}

/** A running agent. Every wait is 5000 ms unless the options say otherwise. */
export class Agent<S> {
  readonly pid: Pid;
  readonly #server: ServerRef<AgentProtocol>;

  private constructor(server: ServerRef<AgentProtocol>) {
    this.pid = server;
    this.#server = server;
  }

  /** Starts an agent whose first state `start` gives, linked to the process that calls. @throws ActorError as `startServer`. */
  static startLink<S>(start: () => MaybePromise<S>, options: StartOptions = {}): Promise<Agent<S>> {
    return Agent.#begin(start, options, true);
  }

  /** As {@link Agent.startLink}, without a link. */
  static start<S>(start: () => MaybePromise<S>, options: StartOptions = {}): Promise<Agent<S>> {
    return Agent.#begin(start, options, false);
  }

  static async #begin<S>(start: () => MaybePromise<S>, options: StartOptions, isLinked: boolean): Promise<Agent<S>> {
    if (typeof start !== 'function')
      throw new TypeError('the start of an agent is not a function: expected () => state');
    return new Agent<S>(await startServer(AgentServer, [start], options, isLinked));
  }

  /** How a supervisor starts one of these. */
  static childSpec<const I extends string, S>(
    id: I,
    start: () => MaybePromise<S>,
    options: StartOptions & ChildOptions = {},
  ): ChildSpec<I, Agent<S>> {
    return handleSpec(id, 'Agent', options, (given) => Agent.startLink(start, given));
  }

  /** What `read` makes of the state. @throws ActorError as `ServerRef.call`; `EXIT` with what `read` threw. */
  get<T>(read: (state: S) => MaybePromise<T>, options?: CallOptions): Promise<T> {
    return this.#run(async (state) => [await read(state), state], options) as Promise<T>;
  }

  /** Replaces the state. @throws as {@link Agent.get}. */
  async update(change: (state: S) => MaybePromise<S>, options?: CallOptions): Promise<void> {
    await this.#run(async (state) => [undefined, await change(state)], options);
  }

  /** Replaces the state and answers in one step. @throws as {@link Agent.get}. */
  getAndUpdate<T>(
    change: (state: S) => MaybePromise<readonly [answer: T, state: S]>,
    options?: CallOptions,
  ): Promise<T> {
    return this.#run(change, options) as Promise<T>;
  }

  /** Replaces the state some time later; a throw of `change` ends the agent. */
  cast(change: (state: S) => MaybePromise<S>): void {
    this.#server.cast('run', async (state) => [undefined, await change(state as S)]);
  }

  /** Stops it. @throws ActorError as `ServerRef.stop`. */
  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#server.stop(reason, options);
  }

  #run(change: (state: S) => MaybePromise<readonly [unknown, S]>, options?: CallOptions): Promise<unknown> {
    return this.#server.call('run', change as Change, options);
  }
}
