/**
 * The protocol of a server as a TypeScript interface: its calls and casts as function types, which carry payload and reply.
 *
 * A message has one payload: that leaves room for call options, and is a wire frame as it stands.
 */

import type { Down, Exit, Pid, Timeout } from './pid.ts';
import type { CallOptions, From } from './request.ts';
import type { NoReply, Reply, Stop } from './results.ts';

/** What a server understands. `info` is the type of plain messages it expects, besides those of the runtime. */
export interface Protocol {
  // biome-ignore lint/suspicious/noExplicitAny: the widest function type, so that an interface's own methods fit
  call?: Record<string, (...payload: any[]) => unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  cast?: Record<string, (...payload: any[]) => void>;
  info?: unknown;
}

/** The calls of a protocol; none when it names none. */
export type Calls<P extends Protocol> = P extends { call: infer C } ? C : Record<never, never>;
/** The casts of a protocol; none when it names none. */
export type Casts<P extends Protocol> = P extends { cast: infer C } ? C : Record<never, never>;
/** What `handleInfo` can get. */
export type Info<P extends Protocol> = (P extends { info: infer I } ? I : never) | Down | Exit | Timeout;

// biome-ignore lint/suspicious/noExplicitAny: matches every parameter list
type Parameter<F> = F extends (...payload: infer A extends any[]) => unknown ? A : never;
/** The payload type of one call or cast; `undefined` when it has none. */
export type Payload<F> = Parameter<F> extends [] ? undefined : Parameter<F>[0];
// biome-ignore lint/suspicious/noExplicitAny: matches every parameter list
type Answer<F> = F extends (...payload: any[]) => infer R ? Awaited<R> : never;

/** Arguments after the tag: the payload where there is one, then the options. */
type CallArguments<F> =
  Parameter<F> extends []
    ? [payload?: undefined, options?: CallOptions]
    : [] extends Parameter<F>
      ? [payload?: Parameter<F>[0], options?: CallOptions]
      : [payload: Parameter<F>[0], options?: CallOptions];
type CastArguments<F> = Parameter<F> extends [] ? [] : Parameter<F>;

/** A value, or a promise of it: an async handler makes the other messages of its own process wait, and no others. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** One handler for each call of a protocol. */
export type CallHandlers<S, P extends Protocol> = {
  readonly [K in keyof Calls<P>]: (
    payload: Payload<Calls<P>[K]>,
    state: S,
    from: From<Answer<Calls<P>[K]>>,
  ) => MaybePromise<Reply<Answer<Calls<P>[K]>, S> | NoReply<S> | Stop<S, Answer<Calls<P>[K]>>>;
};

/** One handler for each cast of a protocol. */
export type CastHandlers<S, P extends Protocol> = {
  readonly [K in keyof Casts<P>]: (payload: Payload<Casts<P>[K]>, state: S) => MaybePromise<NoReply<S> | Stop<S>>;
};

declare const PROTOCOL: unique symbol;

/** A server one can talk to: a pid that knows its protocol. */
export interface ServerRef<P extends Protocol = Protocol> extends Pid {
  readonly [PROTOCOL]?: P;
  /**
   * Asks and waits for the reply; `gen_server(3) call/3`.
   *
   * @throws ActorError `TIMEOUT` (the server still handles the request), `NOPROC` at once for a dead server, `EXIT` as soon
   * as the server ends, `CALLING_SELF` at once, `ABORTED` by `options.signal`; RangeError for a timeout out of range.
   */
  call<K extends keyof Calls<P> & string>(tag: K, ...args: CallArguments<Calls<P>[K]>): Promise<Answer<Calls<P>[K]>>;
  /** Tells and does not wait; to a dead server the message is dropped. Never throws. */
  cast<K extends keyof Casts<P> & string>(tag: K, ...payload: CastArguments<Casts<P>[K]>): void;
  /**
   * Asks the server to end with `reason` (default `normal`) after the messages before, and waits until it is gone.
   *
   * @throws ActorError `NOPROC`, `CALLING_SELF`, `TIMEOUT` (default: no limit), `EXIT` when it ended for another reason.
   */
  stop(reason?: unknown, options?: { readonly timeoutMs?: number }): Promise<void>;
}
