/**
 * The loop of a GenServer: takes a message, runs the callback, applies what it returned; `gen_server.erl loop/7`.
 *
 * Synchronous callbacks run through without a promise; only a thenable is awaited, and then the mailbox of this process
 * waits, and of no other. What is rare (debugging, timeouts, hibernation, timing) stands behind one test of flag bits; what
 * happens when nothing comes is in `idle-process.ts`.
 */
import { describeReason } from '../base/errors.ts';
import { ActorError } from './errors.ts';
import { type ExitReason, formatExitReason } from './exit-reason.ts';
import { IdleProcess } from './idle-process.ts';
import { Flag, type ProcessHost } from './mailbox.ts';
import { type CastMessage, continueMessage, describeMessage, type Message, MessageKind } from './message.ts';
import type { Process } from './process.ts';
import type { DebugEvent } from './process-extras.ts';
import { reportLongHandler, reportTermination } from './reports.ts';
import type { From, Request } from './request.ts';
import { type Action, Ignore, isResult, NoReply, Ok, Reply, Stop } from './results.ts';

type CallHandler = (payload: unknown, state: unknown, from: From<unknown>) => unknown;
type CastHandler = (payload: unknown, state: unknown) => unknown;
type MaybeResult = Reply<unknown, unknown> | NoReply<unknown> | Stop<unknown, unknown> | null | undefined;

/** The callbacks of a server, as the loop sees them. @internal */
export interface ServerModule {
  readonly moduleName: string;
  init(...args: never[]): unknown;
  readonly handleCall?: Readonly<Record<string, CallHandler>>;
  readonly handleCast?: Readonly<Record<string, CastHandler>>;
  handleInfo(message: unknown, state: unknown): unknown;
  handleContinue(value: unknown, state: unknown): unknown;
  terminate?(reason: ExitReason, state: unknown): unknown;
  codeChange?(oldVersion: unknown, state: unknown, extra: unknown): unknown;
  formatStatus?(status: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
}

const SPECIAL =
  Flag.idleTimer | Flag.debugged | Flag.skipsAbandoned | Flag.hibernating | Flag.hibernatesAfter | Flag.timed;

const DEBUGGED = Flag.debugged;

/** What every object literal has, a map of handlers too: `constructor`, `toString` and their like handle nothing. */
const INHERITED = Object.prototype as unknown as Readonly<Record<string, CallHandler | CastHandler | undefined>>;

/** @internal */
export class GenServerProcess extends IdleProcess {
  module: ServerModule;
  state: unknown;
  private castTag: string | undefined;
  private castHandler: CastHandler | undefined;

  constructor(host: ProcessHost, spawner: Process | undefined, isLinked: boolean, module: ServerModule) {
    super(host, spawner, isLinked);
    this.module = module;
    this.state = undefined;
    this.castTag = undefined;
    this.castHandler = undefined;
    if (host.longHandlerMs !== undefined) this.flags |= Flag.timed;
  }

  get moduleName(): string {
    return this.module.moduleName;
  }

  /** Goes on with the callbacks of `module`. */
  become(module: ServerModule): void {
    this.module = module;
    this.castTag = undefined;
    this.castHandler = undefined;
  }

  /** Runs `init`; throws or rejects when the process is not to run. */
  start(args: readonly unknown[]): PromiseLike<void> | undefined {
    let result: unknown;
    try {
      result = this.enter(() => (this.module.init as (...args: readonly unknown[]) => unknown)(...args));
    } catch (thrown) {
      if (!isResult(thrown)) throw thrown;
      result = thrown;
    }
    if (!isThenable(result)) {
      this.applyInit(result);
      return undefined;
    }
    this.flags |= Flag.busy;
    const settled = Promise.resolve(result).catch((thrown: unknown) => {
      if (!isResult(thrown)) throw thrown;
      return thrown;
    });
    return settled.then((value) => {
      this.flags &= ~Flag.busy;
      if (!this.isAlive) return;
      this.applyInit(value);
      this.wake();
    });
  }

  private applyInit(result: unknown): void {
    if (result instanceof Ok) {
      this.state = result.state;
      if (result.action !== undefined) this.act(result.action);
    } else if (result instanceof Stop) {
      throw new ActorError('START_FAILED', `${this.label}: init stopped: ${formatExitReason(result.reason)}`, {
        reason: result.reason,
      });
    } else if (result instanceof Ignore) {
      throw new ActorError('IGNORE', `${this.label}: init asked to be ignored`, { reason: 'normal' });
    } else if (result instanceof Reply || result instanceof NoReply) {
      throw this.badReturn('init', result);
    } else {
      this.state = result;
    }
    if ((this.flags & Flag.hibernatesAfter) !== 0) this.rest();
  }

  protected handle(message: Message): PromiseLike<void> | undefined {
    return (this.flags & SPECIAL) === 0 ? this.dispatch(message) : this.handleSpecially(message);
  }

  private dispatch(message: Message): PromiseLike<void> | undefined {
    if (message.kind === MessageKind.cast) return this.takeCast(message);
    return message.kind === MessageKind.call ? this.takeCall(message) : this.takeOther(message);
  }

  private handleSpecially(message: Message): PromiseLike<void> | undefined {
    const { extras } = this;
    const hadIdleTimer = (this.flags & Flag.idleTimer) !== 0;
    if (hadIdleTimer) {
      extras?.idleTimer?.cancel();
      this.flags &= ~Flag.idleTimer;
    }
    const wasResting = (this.flags & Flag.hibernating) !== 0;
    const isSystem = message.kind === MessageKind.system;
    if (!isSystem) this.flags &= ~Flag.hibernating;
    if ((this.flags & Flag.skipsAbandoned) !== 0 && message.kind === MessageKind.call && isAbandoned(message)) {
      message.fail('ABORTED', 'caller is gone');
      return this.rest();
    }
    if ((this.flags & Flag.debugged) !== 0 && !isSystem) this.note('in', describeMessage(message), message);
    const startMs = (this.flags & Flag.timed) === 0 ? 0 : this.host.clock.monotonicMs();
    const pending = this.dispatch(message);
    if ((this.flags & Flag.timed) !== 0) {
      const tookMs = this.host.clock.monotonicMs() - startMs;
      if (tookMs > (this.host.longHandlerMs as number)) reportLongHandler(this, describeMessage(message), tookMs);
    }
    // A system message restarts the idle timeout where any other cancels it.
    if (isSystem && hadIdleTimer && this.isAlive) this.armIdle(extras?.idleTimeoutMs ?? 0, extras?.idleMessage);
    else if (!wasResting || !isSystem) this.rest();
    return pending;
  }

  // Casts and calls that are answered at once end in these two; all else is one function further. They are small so that
  // the compiler has room for them in the loop of the scheduler.

  private takeCast(message: CastMessage): PromiseLike<void> | undefined {
    try {
      const handler = message.tag === this.castTag ? this.castHandler : this.findCastHandler(message.tag);
      if (handler === undefined) return this.unhandled('cast', message);
      const result = handler(message.payload, this.state) as MaybeResult;
      if (result?.kind !== 'noreply' || result.action !== undefined || (this.flags & DEBUGGED) !== 0) {
        return this.apply(result, message);
      }
      this.state = result.state;
    } catch (thrown) {
      return this.failed(thrown, message);
    }
  }

  private takeCall(message: Request): PromiseLike<void> | undefined {
    try {
      const handler = this.module.handleCall?.[message.tag];
      if (handler === undefined || handler === INHERITED[message.tag]) return this.unhandled('call', message);
      this.serving = message;
      const result = handler(message.payload, this.state, message) as MaybeResult;
      if (result?.kind !== 'reply' || result.action !== undefined || (this.flags & DEBUGGED) !== 0) {
        return this.apply(result, message);
      }
      this.state = result.state;
      this.serving = undefined;
      message.reply(result.value);
    } catch (thrown) {
      return this.failed(thrown, message);
    }
  }

  /** Remembered for the next cast: most have the tag of the one before, and a look-up by a name that varies is slow. */
  private findCastHandler(tag: string): CastHandler | undefined {
    const found = this.module.handleCast?.[tag];
    const handler = found === INHERITED[tag] ? undefined : found;
    this.castTag = tag;
    this.castHandler = handler;
    return handler;
  }

  private takeOther(message: Message): PromiseLike<void> | undefined {
    try {
      switch (message.kind) {
        case MessageKind.info:
          return this.apply(this.module.handleInfo(message.payload, this.state), message);
        case MessageKind.exit: {
          const { pid, reason } = message.payload;
          if (pid === this.parent) return this.terminate(reason);
          return this.apply(this.module.handleInfo({ type: 'exit', pid, reason }, this.state), message);
        }
        case MessageKind.continue:
          return this.apply(this.module.handleContinue(message.payload, this.state), message);
        default:
          return this.handleSystem(message);
      }
    } catch (thrown) {
      return this.failed(thrown, message);
    }
  }

  /** A thrown result is taken as returned, as in `gen_server`; anything else ends the process. */
  private failed(thrown: unknown, message: Message): PromiseLike<void> | undefined {
    if (isResult(thrown) && this.isAlive && !this.isTerminating) {
      try {
        return this.apply(thrown, message);
      } catch (error) {
        return this.terminate(error, message);
      }
    }
    return this.terminate(thrown, message);
  }

  private handleSystem(message: Message): PromiseLike<void> | undefined {
    if (message.kind !== MessageKind.system) return undefined;
    const { request, run } = message.payload;
    if (request === undefined) return run() as PromiseLike<void> | undefined;
    let result: unknown;
    try {
      result = run();
    } catch (error) {
      request.fail('CALLBACK_FAILED', error);
      return undefined;
    }
    if (!isThenable(result)) {
      request.reply(result);
      return undefined;
    }
    return Promise.resolve(result).then(
      (value) => {
        request.reply(value);
      },
      (error) => {
        request.fail('CALLBACK_FAILED', error);
      },
    );
  }

  private apply(result: unknown, message: Message): PromiseLike<void> | undefined {
    // The brand is read once: three instanceof walks cost more than the rest of a cast.
    const kind = (result as { kind?: unknown } | null | undefined)?.kind;
    if (kind === 'noreply') {
      const { state, action } = result as NoReply<unknown>;
      this.state = state;
      if (message.kind === MessageKind.call) {
        this.serving = undefined;
        if (!message.isSettled) this.defer(message);
      }
      if ((this.flags & Flag.debugged) !== 0) this.note('noreply', '', undefined);
      if (action !== undefined) this.act(action);
      return undefined;
    }
    if (kind === 'reply' && message.kind === MessageKind.call) {
      const { value, state, action } = result as Reply<unknown, unknown>;
      this.state = state;
      this.serving = undefined;
      message.reply(value);
      if ((this.flags & DEBUGGED) !== 0) this.note('out', describeMessage(message), value, message.caller);
      if (action !== undefined) this.act(action);
      return undefined;
    }
    if (kind === 'stop') {
      const { reason, state, hasReply, value } = result as Stop<unknown, unknown>;
      this.state = state;
      if (message.kind !== MessageKind.call) return this.terminate(reason, message);
      this.serving = undefined;
      this.defer(message);
      return this.terminate(reason, message, hasReply ? () => message.reply(value) : undefined);
    }
    if (isThenable(result)) return this.applyLater(result, message);
    return this.terminate(this.badReturn('a handler', result), message);
  }

  private applyLater(result: PromiseLike<unknown>, message: Message): PromiseLike<void> {
    const apply = (value: unknown): PromiseLike<void> | undefined => {
      if (!this.isAlive) return undefined;
      return this.enter(() => {
        try {
          return this.apply(value, message);
        } catch (error) {
          return this.terminate(error, message);
        }
      });
    };
    const fail = (thrown: unknown): PromiseLike<void> | undefined =>
      this.isAlive ? this.enter(() => this.failed(thrown, message)) : undefined;
    // A foreign thenable may call back twice or at once; a promise of our own does not.
    return Promise.resolve(result).then(apply, fail) as PromiseLike<void>;
  }

  private act(action: Action): void {
    if ('continue' in action) {
      this.deliverFirst(continueMessage(action.continue));
    } else if ('hibernate' in action) {
      if (this.mailboxLength === 0) this.hibernate();
    } else {
      if (!(action.timeoutMs >= 0)) throw this.badReturn('a callback', action);
      this.armIdle(action.timeoutMs, action.message);
    }
  }

  /** Runs `terminate`, says the last words and ends; `answer` is sent between the two. */
  terminate(reason: ExitReason, last?: Message, answer?: () => void): PromiseLike<void> | undefined {
    if (this.isTerminating || !this.isAlive) return undefined;
    this.flags |= Flag.terminating;
    const { module } = this;
    if (module.terminate === undefined) {
      this.finish(reason, last, answer);
      return undefined;
    }
    let result: unknown;
    try {
      result = module.terminate(reason, this.state);
    } catch (error) {
      this.finish(error, last, answer);
      return undefined;
    }
    if (!isThenable(result)) {
      this.finish(reason, last, answer);
      return undefined;
    }
    return Promise.resolve(result).then(
      () => this.finish(reason, last, answer),
      (error) => this.finish(error, last, answer),
    );
  }

  private finish(reason: ExitReason, last: Message | undefined, answer: (() => void) | undefined): void {
    if (!this.isAlive) return;
    answer?.();
    reportTermination(this, reason, last);
    this.end(reason);
  }

  override announceEnd(reason: ExitReason): void {
    super.announceEnd(reason);
    this.state = undefined;
  }

  /** Tells those who debug this process; a hook that throws is taken away. */
  private note(type: DebugEvent['type'], what: string, value: unknown, caller?: DebugEvent['caller']): void {
    const event: DebugEvent = {
      type,
      pid: this,
      what,
      value: type === 'in' ? (value as Message).payload : value,
      caller: type === 'in' && (value as Message).kind === MessageKind.call ? (value as Request).caller : caller,
      state: this.state,
    };
    for (const hook of this.extras?.debug ?? []) {
      try {
        hook(event);
      } catch (error) {
        this.extras?.debug?.delete(hook);
        this.host.logger.warn(`${this.label}: debug function failed and was removed`, { error: describeReason(error) });
      }
    }
  }

  private unhandled(what: string, message: Message): PromiseLike<void> | undefined {
    if (message.kind === MessageKind.call) this.serving = message;
    const text = `${this.label} has no handler for ${what} ${message.kind === MessageKind.call ? message.tag : (message as { tag: string }).tag}`;
    return this.terminate(new ActorError('UNHANDLED_MESSAGE', text), message);
  }

  private badReturn(where: string, value: unknown): ActorError {
    const text = `${this.label}: ${where} returned ${describeReason(value, 60)}: expected reply, noreply or stop`;
    return new ActorError('BAD_RETURN_VALUE', text, { reason: value });
  }
}

function isAbandoned(request: Request): boolean {
  return request.isSettled || request.caller?.isAlive === false;
}

/** @internal */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
