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
 * an overriding method. Handlers that do not use `this` can be made once, outside of the class (`handleCall = CALLS`): each
 * process made by its class has closures of its own otherwise, 56 bytes a handler. A throw in a callback ends the process; whoever waits for it gets the reason at once. Do not use a
 * process for what a function can do: it pays where there is state to guard, a lifetime to supervise, or an order to keep.
 */
import { TIMER_DELAY_MS_MAX } from '../base/clock.ts';
import { checkInteger, checkOneOf, describeReason } from '../base/errors.ts';
import type { ChildOptions, ChildSpec, StartContext } from './child-spec.ts';
import { abcast, call, cast, multiCall, stopServer } from './client.ts';
import { ActorError } from './errors.ts';
import { type ExitReason, formatExitReason } from './exit-reason.ts';
import { GenServerProcess, type ServerModule } from './gen-server-process.ts';
import { Flag } from './mailbox.ts';
import { claimName, type Name, whereis } from './names.ts';
import type { MonitorRef, Pid, Self } from './pid.ts';
import { asProcess, currentProcess, type Process } from './process.ts';
import { type MailboxOptions, OVERFLOW_POLICIES } from './process-extras.ts';
import type { CallHandlers, CastHandlers, Info, MaybePromise, Protocol, ServerRef } from './protocol.ts';
import { reportCrash, reportUnexpected } from './reports.ts';
import type { From } from './request.ts';
import { type Ignore, type NoReply, noreply, type Ok, type Stop } from './results.ts';
import { type ActorSystem, defaultSystem } from './system.ts';

/** How a server is started. */
export interface StartOptions {
  /** Registered name in its system, or a via; refused with `ALREADY_STARTED` when taken. Default: none. */
  readonly name?: Name;
  /** Default: the parent's system, else {@link defaultSystem}. */
  readonly system?: ActorSystem;
  /** The process that `startLink` links to. Default: the process whose callback is running, before its first `await`. */
  readonly parent?: Pid;
  /** Patience with `init`, in ms; then the process is killed and the start refused with `INIT_TIMEOUT`. Default: none. */
  readonly timeoutMs?: number;
  /** Hibernates after that many idle ms, 0 to `TIMER_DELAY_MS_MAX`. Default: never. */
  readonly hibernateAfterMs?: number;
  /** Bounds the mailbox. Default: no bound. */
  readonly mailbox?: MailboxOptions;
  /** Does not run calls whose caller gave up or has ended. Default false: they run, as on the BEAM. */
  readonly isSkippingAbandoned?: boolean;
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
  /** Carries the types; has no value. */
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
    reportUnexpected(asProcess(this.self), message);
    return noreply(state);
  }

  /** Handles the value of a `continue` action, before any message. */
  handleContinue(_value: unknown, _state: S): MaybePromise<NoReply<S> | Stop<S>> {
    throw new ActorError('UNHANDLED_MESSAGE', `${asProcess(this.self).label} has no handleContinue`);
  }

  /** Tidies up before the process ends by itself, by `stop`, or by an exit of its parent while it traps exits. */
  terminate?(reason: ExitReason, state: S): MaybePromise<void>;

  /**
   * Converts the state when the code of a suspended server is changed by `sys` `changeCode`; `gen_server(3) code_change/3`.
   *
   * @throws whatever makes the change fail: the old state is kept.
   */
  codeChange?(oldVersion: unknown, state: unknown, extra: unknown): MaybePromise<S>;

  /** What `sys` `getStatus` and crash reports show of the state: the place to hide secrets. A throw is contained. */
  formatStatus?(status: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;

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

  /** `GenServer.call(server, ['add', 5], 100)`: the Elixir shape of a call, by pid or name; see `client.ts`. */
  static readonly call: typeof call = call;
  /** `GenServer.cast(server, 'reset')`. */
  static readonly cast: typeof cast = cast;
  /** `GenServer.stop(server, reason, timeoutMs)`. */
  static readonly stop: typeof stopServer = stopServer;
  /** `GenServer.whereis(name)`. */
  static readonly whereis: typeof whereis = whereis;
  /** `GenServer.abcast(systems, name, term)`. */
  static readonly abcast: typeof abcast = abcast;
  /** `GenServer.multiCall(systems, name, term, timeoutMs)`. */
  static readonly multiCall: typeof multiCall = multiCall;

  /** `GenServer.reply(from, value)`: answers a caller from any process. @returns false when it was settled before. */
  static reply<R>(from: From<R>, value: R): boolean {
    return from.reply(value);
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
    return serverSpec(id, this.name, () => new this(), args, options) as ChildSpec<I, RefOf<T>>;
  }
}

/** The spec of a child that runs what `make` gives, with `args` after the extra ones of its supervisor. @internal */
export function serverSpec<const I extends string>(
  id: I,
  moduleName: string,
  make: () => ServerModule | AnyServer,
  args: readonly unknown[],
  { name, ...rest }: ChildOptions,
): ChildSpec<I> {
  const start = ({ parent, system }: StartContext, ...extra: readonly unknown[]): MaybePromise<Pid> =>
    spawnServer(
      make(),
      extra.length === 0 ? args : [...extra, ...args],
      name === undefined ? { parent, system } : { parent, system, name },
      true,
    );
  return { id, start, modules: [moduleName], ...rest };
}

/**
 * Starts a server of class `module` with options; linked unless `isLinked` is false. `gen_server(3) start_link/4`.
 *
 * @throws ActorError `ALREADY_STARTED` (`reason`: the pid that has the name), `NAME_INVALID`, `START_FAILED`, `IGNORE`,
 * `INIT_TIMEOUT`; RangeError for an option out of range or not known. All as rejections.
 */
export async function startServer<T extends AnyServer>(
  module: new () => T,
  args: ArgumentsOf<T>,
  options: StartOptions = {},
  isLinked = true,
): Promise<RefOf<T>> {
  return spawnServer(new module(), args, options, isLinked) as unknown as RefOf<T>;
}

/**
 * Starts a server without a link and with a monitor of the process that calls; `gen_server(3) start_monitor/4`.
 *
 * @throws ActorError as {@link startServer}; TypeError outside of a process, as nobody is there to get the `down`.
 */
export async function startMonitor<T extends AnyServer>(
  module: new () => T,
  args: ArgumentsOf<T>,
  options: StartOptions = {},
): Promise<{ readonly pid: RefOf<T>; readonly ref: MonitorRef }> {
  const watcher = options.parent === undefined ? currentProcess() : asProcess(options.parent);
  if (watcher === undefined) throw new TypeError('startMonitor: no process is running to watch the new one');
  const pid = await startServer(module, args, { ...options, parent: watcher }, false);
  return { pid, ref: watcher.monitor(pid) };
}

/** Starts a server; only a promise when `init` is asynchronous. @internal */
export function spawnServer(
  instance: ServerModule | AnyServer,
  args: readonly unknown[],
  options: StartOptions,
  isLinked: boolean,
): GenServerProcess | Promise<GenServerProcess> {
  const spawner = options.parent === undefined ? currentProcess() : asProcess(options.parent);
  const system = options.system ?? (spawner?.host as ActorSystem | undefined) ?? defaultSystem();
  const parent = isLinked ? spawner : undefined;
  const process = new GenServerProcess(system, spawner, isLinked, instance as ServerModule);
  if (parent !== undefined && !parent.isAlive) {
    process.end('noproc');
    throw new ActorError('START_FAILED', `${parent.label} has ended and cannot start ${process.label}`, {
      reason: 'noproc',
    });
  }
  try {
    if (options.name !== undefined) claimName(options.name, process, system);
    configure(process, options);
  } catch (error) {
    process.end('normal');
    throw error;
  }
  if (instance instanceof GenServer) (instance as { self: Self }).self = process;
  if (parent !== undefined) process.link(parent);
  let pending: PromiseLike<void> | undefined;
  try {
    pending = process.start(args);
  } catch (error) {
    throw refuse(process, parent, error);
  }
  if (pending !== undefined) return awaitInit(process, parent, pending, options.timeoutMs);
  if (!process.isAlive) throw endedInInit(process);
  return process;
}

const START_OPTIONS = ['name', 'system', 'parent', 'timeoutMs', 'hibernateAfterMs', 'mailbox', 'isSkippingAbandoned'];

function configure(process: GenServerProcess, options: StartOptions): void {
  // A misspelt option would be ignored. Not checkOptionNames, which weighs more in a bundle than this.
  for (const name in options) {
    if (!START_OPTIONS.includes(name)) throw new RangeError(`option ${name} is not known`);
  }
  const { hibernateAfterMs, mailbox, isSkippingAbandoned, timeoutMs } = options;
  if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
    throw new RangeError(`option timeoutMs is ${timeoutMs}: expected 0 or more`);
  }
  if (hibernateAfterMs !== undefined) {
    process.more().hibernateAfterMs = checkInteger('hibernateAfterMs', hibernateAfterMs, 0, TIMER_DELAY_MS_MAX);
    process.flags |= Flag.hibernatesAfter;
  }
  if (mailbox !== undefined) {
    process.more().bound = {
      capacity: checkInteger('mailbox.capacity', mailbox.capacity, 1, 1_000_000_000),
      onFull: checkOneOf('mailbox.onFull', mailbox.onFull ?? 'refuse', OVERFLOW_POLICIES),
      droppedCount: 0,
    };
    process.flags |= Flag.bounded;
  }
  if (isSkippingAbandoned === true) process.flags |= Flag.skipsAbandoned;
}

function endedInInit(process: GenServerProcess): ActorError {
  const reason = process.exitReason;
  return new ActorError('START_FAILED', `${process.label} ended in init: ${formatExitReason(reason)}`, { reason });
}

function awaitInit(
  process: GenServerProcess,
  linked: Process | undefined,
  pending: PromiseLike<void>,
  timeoutMs: number | undefined,
): Promise<GenServerProcess> {
  return new Promise((resolve, reject) => {
    const timer =
      timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY
        ? undefined
        : process.host.timers.add(timeoutMs, () => {
            const text = `${process.label}: init did not finish in ${timeoutMs} ms`;
            unhook();
            reject(refuse(process, linked, new ActorError('INIT_TIMEOUT', text, { reason: 'timeout' }), 'killed'));
          });
    const unhook = process.onExit(() => {
      timer?.cancel();
      reject(endedInInit(process));
    });
    pending.then(
      () => {
        timer?.cancel();
        unhook();
        if (process.isAlive) resolve(process);
      },
      (error) => {
        timer?.cancel();
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
      : new ActorError('START_FAILED', `${process.label}: init failed: ${describeReason(error)}`, {
          reason: error,
          cause: error,
        });
  if (process.isAlive && exitReason === undefined) reportCrash(process, refusal.reason);
  process.end(exitReason ?? refusal.reason);
  return refusal;
}
