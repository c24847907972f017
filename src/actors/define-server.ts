/**
 * defineServer: a small server as one object. Protocol, state, start arguments and replies are inferred from the handlers,
 * and all processes of it share them, so an idle one costs no more than its process and its state.
 *
 * ```ts
 * const Counter = defineServer({
 *   init: (start: number) => ({ n: start }),
 *   handleCall: {
 *     get: (state) => reply(state.n, state),
 *     add: (state, by: number) => reply(state.n + by, { n: state.n + by }),
 *   },
 *   handleCast: { reset: (_state, to?: number) => noreply({ n: to ?? 0 }) },
 * });
 * const counter = await Counter.startLink(10);
 * ```
 *
 * Handlers get the state first, then the payload. The running process is `self()`, before the first `await`.
 */
import type { ChildOptions, ChildSpec } from './child-spec.ts';
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { type StartOptions, serverSpec, spawnServer } from './gen-server.ts';
import type { ServerModule } from './gen-server-process.ts';
import type { Down, Exit, Timeout } from './pid.ts';
import { currentProcess } from './process.ts';
import type { MaybePromise, Protocol, ServerRef } from './protocol.ts';
import { reportUnexpected } from './reports.ts';
import type { From } from './request.ts';
import { type Ignore, type NoReply, noreply, type Ok, type Reply, type Stop } from './results.ts';

// biome-ignore lint/suspicious/noExplicitAny: the widest handler, from which the narrow ones are inferred
type AnyCall<S> = (state: S, payload: any, from: From<any>) => MaybePromise<Reply<any, S> | NoReply<S> | Stop<S, any>>;
// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyCast<S> = (state: S, payload: any) => MaybePromise<NoReply<S> | Stop<S>>;

type ReplyIn<R> = R extends Reply<infer V, infer _S> ? V : R extends Stop<infer _S, infer V> ? V : never;
// biome-ignore lint/suspicious/noExplicitAny: matches every handler
type ReplyOf<H> = H extends (state: any, payload: any, from: From<infer F>) => infer R
  ? ReplyIn<Awaited<R>> | (unknown extends F ? never : F)
  : never;
// biome-ignore lint/suspicious/noExplicitAny: matches every handler
type PayloadOf<H> = H extends (state: any, ...rest: infer R) => any
  ? R extends []
    ? []
    : R extends [infer T, ...unknown[]]
      ? unknown extends T
        ? []
        : undefined extends T
          ? [payload?: T]
          : [payload: T]
      : R extends [(infer T)?, ...unknown[]]
        ? [payload?: T]
        : []
  : never;
type CallsOf<C> = { [K in keyof C]: (...payload: PayloadOf<C[K]>) => ReplyOf<C[K]> };
type CastsOf<C> = { [K in keyof C]: (...payload: PayloadOf<C[K]>) => void };

/** What is defined; see the top of this file. */
export interface ServerDefinition<S, A extends unknown[], C, X> {
  /** Shown in trees, logs and labels. Default `server`. */
  readonly name?: string;
  readonly init: (...args: A) => MaybePromise<S | Ok<S> | Ignore | Stop<unknown>>;
  readonly handleCall?: C & Record<string, AnyCall<NoInfer<S>>>;
  readonly handleCast?: X & Record<string, AnyCast<NoInfer<S>>>;
  readonly handleInfo?: (
    state: NoInfer<S>,
    message: Down | Exit | Timeout | { readonly type: string },
  ) => MaybePromise<NoReply<S> | Stop<S>>;
  readonly handleContinue?: (state: NoInfer<S>, value: unknown) => MaybePromise<NoReply<S> | Stop<S>>;
  readonly terminate?: (reason: ExitReason, state: NoInfer<S>) => MaybePromise<void>;
}

/** A defined server. */
export interface DefinedServer<A extends unknown[], P extends Protocol> {
  /** Starts one linked to the process that calls. @throws ActorError as `startServer`. */
  startLink(...args: A): Promise<ServerRef<P>>;
  /** Starts one without a link. */
  start(...args: A): Promise<ServerRef<P>>;
  /** Starts one with options; linked unless `isLinked` is false. */
  startWith(args: A, options: StartOptions, isLinked?: boolean): Promise<ServerRef<P>>;
  /** How a supervisor starts one. */
  childSpec<const I extends string>(id: I, args: A, options?: ChildOptions): ChildSpec<I, ServerRef<P>>;
}

type Handler = (state: unknown, payload: unknown, from?: From<unknown>) => unknown;

/** Makes a server of its handlers; see the top of this file. */
export function defineServer<
  S,
  A extends unknown[],
  C extends Record<string, AnyCall<S>> = Record<never, never>,
  X extends Record<string, AnyCast<S>> = Record<never, never>,
>(definition: ServerDefinition<S, A, C, X>): DefinedServer<A, { call: CallsOf<C>; cast: CastsOf<X> }> {
  type P = { call: CallsOf<C>; cast: CastsOf<X> };
  const module = moduleOf(definition as unknown as ServerDefinition<unknown, never[], Record<string, Handler>, never>);
  const startWith = async (args: A, options: StartOptions, isLinked = true): Promise<ServerRef<P>> =>
    spawnServer(module, args, options, isLinked) as unknown as ServerRef<P>;
  return {
    startWith,
    startLink: (...args) => startWith(args, {}),
    start: (...args) => startWith(args, {}, false),
    childSpec: <I extends string>(id: I, args: A, options: ChildOptions = {}) =>
      serverSpec(id, module.moduleName, () => module, args, options) as ChildSpec<I, ServerRef<P>>,
  };
}

function moduleOf(definition: ServerDefinition<unknown, never[], Record<string, Handler>, never>): ServerModule {
  const { handleInfo, handleContinue, terminate } = definition;
  return {
    moduleName: definition.name ?? 'server',
    init: definition.init,
    handleCall: turned((definition.handleCall ?? {}) as Record<string, Handler>),
    handleCast: turned((definition.handleCast ?? {}) as Record<string, Handler>),
    handleInfo: (message, state) => {
      if (handleInfo !== undefined) return handleInfo(state, message as Down);
      const process = currentProcess();
      if (process !== undefined) reportUnexpected(process, message);
      return noreply(state);
    },
    handleContinue: (value, state) => {
      if (handleContinue !== undefined) return handleContinue(state, value);
      throw new ActorError('UNHANDLED_MESSAGE', `${currentProcess()?.label ?? 'server'} has no handleContinue`);
    },
    ...(terminate && { terminate }),
  };
}

function turned(
  handlers: Readonly<Record<string, Handler>>,
): Record<string, (payload: unknown, state: unknown, from?: From<unknown>) => unknown> {
  return Object.fromEntries(
    Object.entries(handlers).map(([tag, handler]) => [
      tag,
      (payload: unknown, state: unknown, from?: From<unknown>) => handler(state, payload, from),
    ]),
  );
}
