/**
 * GenServer: a process with state that handles one message at a time.
 *
 * ```ts
 * interface CounterProtocol {
 *   call: { get(): number; add(by: number): number };
 *   cast: { reset(to?: number): void };
 * }
 * class Counter extends GenServer<{ n: number }, CounterProtocol, [start: number]> {
 *   init(start: number) { return { n: start }; }
 *   handleCall = this.calls({
 *     get: (_, s) => reply(s.n, s),
 *     add: (by, s) => reply(s.n + by, { n: s.n + by }),
 *   });
 *   handleCast = this.casts({ reset: (to, _s) => noreply({ n: to ?? 0 }) });
 * }
 * const counter = await Counter.startLink(10);
 * await counter.call('add', 5); // 15
 * ```
 *
 * Handlers are a map given to `this.calls` and `this.casts`, because TypeScript infers parameters of an argument and not of
 * an overriding method. A throw in a callback ends the process; whoever waits for it gets the reason at once. Do not use a
 * process for what a function can do: it pays where there is state to guard, a lifetime to supervise, or an order to keep.
 */
import type { ChildOptions, ChildSpec, StartContext } from './child-spec.ts';
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { GenServerProcess, type ServerModule } from './gen-server-process.ts';
import { asProcess, currentProcess, type Pid, type Process, type Self } from './process.ts';
import type { CallHandlers, CastHandlers, Info, MaybePromise, Protocol, ServerRef } from './protocol.ts';
import { type Ignore, type NoReply, noreply, type Ok, type Stop } from './results.ts';
import { type ActorSystem, defaultSystem } from './system.ts';

/** How a server is started. */
export interface StartOptions {
  /** Registered name in its system; refused with `ALREADY_STARTED` when taken. Default: none. */
  readonly name?: string;
  /** Default: the parent's system, else {@link defaultSystem}. */
  readonly system?: ActorSystem;
  /** The process that `startLink` links to. Default: the process whose callback is running, before its first `await`. */
  readonly parent?: Pid;
  /** Patience with `init`, in ms; then the process is killed and the start refused with `INIT_TIMEOUT`. Default: none. */
  readonly timeoutMs?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: any server, whatever its state, protocol and arguments
type AnyServer = GenServer<any, any, any>;
/** The protocol of a server class. */
export type ProtocolOf<T extends AnyServer> = NonNullable<T['~types']>['protocol'];
/** The arguments of `init` of a server class. */
export type ArgumentsOf<T extends AnyServer> = NonNullable<T['~types']>['args'];
/** The state of a server class. */
export type StateOf<T extends AnyServer> = NonNullable<T['~types']>['state'];
/** What talks to a server of that class. */
export type RefOf<T extends AnyServer> = ServerRef<ProtocolOf<T>>;

/** Base class of servers; see the top of this file. */
export abstract class GenServer<S, P extends Protocol = Protocol, A extends unknown[] = []> {
  /** Carries the types; has no value. @internal */
  declare readonly '~types'?: { state: S; protocol: P; args: A };
  /** This process; set before `init`. */
  declare readonly self: Self;

  /**
   * Makes the first state. The start waits for it, and nothing is handled before.
   *
   * @returns the state itself, or `ok(state, action)`, `ignore()`, `stop(reason, undefined)`. A throw refuses the start.
   */
  abstract init(...args: A): MaybePromise<S | Ok<S> | Ignore | Stop<unknown>>;

  /** Handlers of calls: `handleCall = this.calls({...})`. */
  declare readonly handleCall: CallHandlers<S, P>;
  /** Handlers of casts: `handleCast = this.casts({...})`. */
  declare readonly handleCast: CastHandlers<S, P>;

  /** Handles plain messages and those of the runtime; by default logs that it was not expected. */
  handleInfo(message: Info<P>, state: S): MaybePromise<NoReply<S> | Stop<S>> {
    const process = asProcess(this.self);
    const type = (message as { type?: unknown } | undefined)?.type;
    process.host.logger.warn(`${process.label} got an unexpected message`, {
      type: typeof type === 'string' ? type : typeof message,
    });
    return noreply(state);
  }

  /** Handles the value of a `continue` action, before any message. */
  handleContinue(_value: unknown, _state: S): MaybePromise<NoReply<S> | Stop<S>> {
    throw new ActorError('UNHANDLED_MESSAGE', `${asProcess(this.self).label} has no handleContinue`);
  }

  /** Tidies up before the process ends by itself, by `stop`, or by an exit of its parent while it traps exits. */
  terminate?(reason: ExitReason, state: S): MaybePromise<void>;

  /** A few facts for people who look at the process tree; nothing secret, and never called on a data path. */
  inspect?(state: S): Readonly<Record<string, string | number | boolean>>;

  /** Gives `handlers` their types; returns them as they are. */
  protected calls(handlers: CallHandlers<S, P>): CallHandlers<S, P> {
    return handlers;
  }

  /** Gives `handlers` their types; returns them as they are. */
  protected casts(handlers: CastHandlers<S, P>): CastHandlers<S, P> {
    return handlers;
  }

  /** @internal */
  get moduleName(): string {
    return this.constructor.name;
  }

  /**
   * Starts a server linked to the process that calls, and resolves when its `init` is done. Outside of processes there is
   * nothing to link to, so it is the same as `start`.
   *
   * @throws ActorError `START_FAILED` (`reason`: what `init` threw or stopped with), `IGNORE`.
   */
  static startLink<T extends AnyServer>(this: new () => T, ...args: ArgumentsOf<T>): Promise<RefOf<T>> {
    return startServer(this, args, {}, true);
  }

  /** Starts a server without a link. */
  static start<T extends AnyServer>(this: new () => T, ...args: ArgumentsOf<T>): Promise<RefOf<T>> {
    return startServer(this, args, {}, false);
  }

  /** How a supervisor starts this server: linked, with `args`. Options stand in the spec as they are given. */
  static childSpec<T extends AnyServer, const I extends string>(
    this: new () => T,
    id: I,
    args: ArgumentsOf<T>,
    options: ChildOptions = {},
  ): ChildSpec<I, RefOf<T>> {
    const { name, ...rest } = options;
    const start = ({ parent, system }: StartContext): MaybePromise<RefOf<T>> =>
      spawnServer(
        new this(),
        args,
        name === undefined ? { parent, system } : { parent, system, name },
        true,
      ) as MaybePromise<RefOf<T>>;
    return { id, start, ...rest };
  }
}

/**
 * Starts a server of class `module` with options; linked unless `isLinked` is false. `gen_server(3) start_link/4`.
 *
 * @throws ActorError `ALREADY_STARTED` (`reason`: the pid that has the name), `NAME_INVALID`, `START_FAILED`, `IGNORE`,
 * `INIT_TIMEOUT`.
 */
export async function startServer<T extends AnyServer>(
  module: new () => T,
  args: ArgumentsOf<T>,
  options: StartOptions = {},
  isLinked = true,
): Promise<RefOf<T>> {
  return (await spawnServer(new module(), args, options, isLinked)) as unknown as RefOf<T>;
}

/** Starts a server; only a promise when `init` is asynchronous. @internal */
export function spawnServer(
  instance: AnyServer,
  args: readonly unknown[],
  options: StartOptions,
  isLinked: boolean,
): GenServerProcess | Promise<GenServerProcess> {
  const parent = options.parent === undefined ? currentProcess() : asProcess(options.parent);
  const system = options.system ?? (parent?.host as ActorSystem | undefined) ?? defaultSystem();
  const linked = isLinked ? parent : undefined;
  const process = new GenServerProcess(system, linked, instance as unknown as ServerModule);
  try {
    if (options.name !== undefined) system.register(options.name, process);
  } catch (error) {
    process.end('normal');
    throw error;
  }
  (instance as { self: Self }).self = process;
  if (linked !== undefined) process.link(linked);
  let pending: PromiseLike<void> | undefined;
  try {
    pending = process.start(args);
  } catch (error) {
    throw refuse(process, linked, error);
  }
  return pending === undefined ? process : awaitInit(process, linked, pending, options.timeoutMs);
}

function awaitInit(
  process: GenServerProcess,
  linked: Process | undefined,
  pending: PromiseLike<void>,
  timeoutMs: number | undefined,
): Promise<GenServerProcess> {
  return new Promise((resolve, reject) => {
    const { clock } = process.host;
    const timer =
      timeoutMs === undefined
        ? undefined
        : clock.setTimer(() => {
            const text = `${process.label}: init did not finish in ${timeoutMs} ms`;
            reject(refuse(process, linked, new ActorError('INIT_TIMEOUT', text, { reason: 'timeout' }), 'killed'));
          }, timeoutMs);
    const unhook = process.onExit((reason) => {
      if (timer !== undefined) clock.clearTimer(timer);
      reject(new ActorError('START_FAILED', `${process.label} ended in init`, { reason }));
    });
    pending.then(
      () => {
        if (timer !== undefined) clock.clearTimer(timer);
        unhook();
        if (process.isAlive) resolve(process);
      },
      (error) => {
        if (timer !== undefined) clock.clearTimer(timer);
        unhook();
        if (process.isAlive) reject(refuse(process, linked, error));
      },
    );
  });
}

/** Ends a process whose `init` failed without a trace for its parent, who gets the error instead of an exit signal. */
function refuse(process: Process, linked: Process | undefined, error: unknown, exitReason?: ExitReason): ActorError {
  if (linked !== undefined) process.unlink(linked);
  const refusal =
    error instanceof ActorError && ['START_FAILED', 'IGNORE', 'BAD_RETURN_VALUE', 'INIT_TIMEOUT'].includes(error.code)
      ? error
      : new ActorError('START_FAILED', `${process.label}: init failed: ${String((error as Error)?.message ?? error)}`, {
          reason: error,
          cause: error,
        });
  process.end(exitReason ?? refusal.reason);
  return refusal;
}
