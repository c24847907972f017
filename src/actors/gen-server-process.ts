/**
 * The loop of a GenServer: takes a message, runs the callback, applies what it returned; `gen_server.erl loop/7`.
 *
 * Synchronous callbacks run through without a promise; only a thenable is awaited, and then the mailbox of this process
 * waits, and of no other.
 */
import type { Timer } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { ActorError } from './errors.ts';
import { type ExitReason, formatExitReason, isCleanExit } from './exit-reason.ts';
import {
  type CastMessage,
  ContinueMessage,
  currentProcess,
  InfoMessage,
  type Message,
  Process,
  type ProcessHost,
  SystemMessage,
} from './process.ts';
import { CALL_TIMEOUT_MS_DEFAULT, type CallOptions, type From, MessageKind, Request } from './request.ts';
import { type Action, Ignore, NoReply, Ok, Reply, Stop } from './results.ts';

type CallHandler = (payload: unknown, state: unknown, from: From<unknown>) => unknown;
type CastHandler = (payload: unknown, state: unknown) => unknown;

/** The callbacks of a server, as the loop sees them. @internal */
export interface ServerModule {
  readonly moduleName: string;
  init(...args: never[]): unknown;
  readonly handleCall?: Readonly<Record<string, CallHandler>>;
  readonly handleCast?: Readonly<Record<string, CastHandler>>;
  handleInfo(message: unknown, state: unknown): unknown;
  handleContinue(value: unknown, state: unknown): unknown;
  terminate?(reason: ExitReason, state: unknown): unknown;
}

/** @internal */
export class GenServerProcess extends Process {
  readonly module: ServerModule;
  state: unknown = undefined;
  isTerminating = false;
  #idleTimer: Timer | undefined = undefined;
  #idleTimeoutMs = 0;

  constructor(host: ProcessHost, parent: Process | undefined, module: ServerModule) {
    super(host, parent);
    this.module = module;
  }

  get moduleName(): string {
    return this.module.moduleName;
  }

  call(tag: string, payload?: unknown, options?: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timeoutMs = options?.timeoutMs ?? CALL_TIMEOUT_MS_DEFAULT;
      if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}: expected 0 or more, or Infinity`);
      const request = new Request(this, tag, payload, timeoutMs, resolve, reject);
      if (currentProcess() === this) {
        request.fail('CALLING_SELF', 'calling_self');
        return;
      }
      const signal = options?.signal;
      if (signal !== undefined) {
        if (signal.aborted) {
          request.fail('ABORTED', 'aborted', signal.reason);
          return;
        }
        request.listen(signal);
      }
      if (timeoutMs !== Number.POSITIVE_INFINITY) this.host.deadlines.add(request);
      this.deliver(request);
    });
  }

  cast(tag: string, payload?: unknown): void {
    this.deliver({ kind: MessageKind.cast, tag, payload } as CastMessage);
  }

  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
    return new Promise((resolve, reject) => {
      const request = new Request(
        this,
        'stop',
        reason,
        timeoutMs,
        () => resolve(),
        (error) => {
          // The exit that was asked for is the answer; any other one is an error.
          if (error.code === 'EXIT' && error.reason === reason) resolve();
          else reject(error);
        },
      );
      if (currentProcess() === this) {
        request.fail('CALLING_SELF', 'calling_self');
        return;
      }
      if (timeoutMs !== Number.POSITIVE_INFINITY) this.host.deadlines.add(request);
      if (this.isTerminating && this.isAlive) this.onExit((why) => request.fail('EXIT', why));
      else this.deliver(new SystemMessage(request, () => this.terminate(reason)));
    });
  }

  /** Runs `init`; the result is the state that was set, or the reason to give up, thrown. */
  start(args: readonly unknown[]): PromiseLike<void> | undefined {
    const result = this.enter(() => (this.module.init as (...args: readonly unknown[]) => unknown)(...args));
    if (!isThenable(result)) {
      this.#applyInit(result);
      return undefined;
    }
    this.isBusy = true;
    return result.then((value) => {
      this.isBusy = false;
      if (!this.isAlive) return;
      this.#applyInit(value);
      this.wake();
    });
  }

  #applyInit(result: unknown): void {
    if (result instanceof Ok) {
      this.state = result.state;
      if (result.action !== undefined) this.#act(result.action);
    } else if (result instanceof Stop) {
      throw new ActorError('START_FAILED', `${this.label}: init stopped: ${formatExitReason(result.reason)}`, {
        reason: result.reason,
      });
    } else if (result instanceof Ignore) {
      throw new ActorError('IGNORE', `${this.label}: init asked to be ignored`, { reason: 'normal' });
    } else if (result instanceof Reply || result instanceof NoReply) {
      throw this.#badReturn('init', result);
    } else {
      this.state = result;
    }
  }

  protected handle(message: Message): PromiseLike<void> | undefined {
    const idleTimer = this.#idleTimer;
    if (idleTimer !== undefined) {
      this.host.clock.clearTimer(idleTimer);
      this.#idleTimer = undefined;
    }
    try {
      switch (message.kind) {
        case MessageKind.call: {
          const handler = this.module.handleCall?.[message.tag];
          if (handler === undefined) return this.#unhandled('call', message.tag);
          this.serving = message;
          return this.#apply(handler(message.payload, this.state, message), message);
        }
        case MessageKind.cast: {
          const handler = this.module.handleCast?.[message.tag];
          if (handler === undefined) return this.#unhandled('cast', message.tag);
          return this.#apply(handler(message.payload, this.state), undefined);
        }
        case MessageKind.info:
          return this.#apply(this.module.handleInfo(message.value, this.state), undefined);
        case MessageKind.exit: {
          const { pid, reason } = message;
          if (pid === this.parent) return this.terminate(reason);
          return this.#apply(this.module.handleInfo({ type: 'exit', pid, reason }, this.state), undefined);
        }
        case MessageKind.continue:
          return this.#apply(this.module.handleContinue(message.value, this.state), undefined);
        case MessageKind.system: {
          const pending = this.#handleSystem(message);
          // A system message restarts the idle timeout where any other cancels it.
          if (idleTimer !== undefined) this.#armIdle(this.#idleTimeoutMs);
          return pending;
        }
      }
    } catch (error) {
      return this.terminate(error);
    }
  }

  #handleSystem(message: SystemMessage): PromiseLike<void> | undefined {
    const { request, operation } = message;
    if (request.tag === 'stop') {
      // Whoever asks to stop is answered by the exit itself.
      this.deferred ??= new Set();
      this.deferred.add(request);
      return operation(this) as PromiseLike<void> | undefined;
    }
    try {
      request.reply(operation(this));
    } catch (error) {
      request.fail('EXIT', error);
    }
    return undefined;
  }

  #apply(result: unknown, request: Request | undefined): PromiseLike<void> | undefined {
    // The brand is read once: three instanceof walks cost more than the rest of a cast.
    const kind = (result as { kind?: unknown } | null | undefined)?.kind;
    if (kind === 'noreply') {
      const { state, action } = result as NoReply<unknown>;
      this.state = state;
      if (request !== undefined) this.#defer(request);
      if (action !== undefined) this.#act(action);
      return undefined;
    }
    if (kind === 'reply' && request !== undefined) {
      const { value, state, action } = result as Reply<unknown, unknown>;
      this.state = state;
      this.serving = undefined;
      request.reply(value);
      if (action !== undefined) this.#act(action);
      return undefined;
    }
    if (kind === 'stop') {
      const { reason, state, hasReply, value } = result as Stop<unknown, unknown>;
      this.state = state;
      if (request !== undefined) this.#defer(request);
      return this.terminate(reason, hasReply ? () => request?.reply(value) : undefined);
    }
    if (isThenable(result)) return this.#applyLater(result, request);
    return this.terminate(this.#badReturn('a handler', result));
  }

  #applyLater(result: PromiseLike<unknown>, request: Request | undefined): PromiseLike<void> {
    return result.then(
      (value) => {
        if (!this.isAlive) return;
        return isThenable(value) ? undefined : this.enter(() => this.#apply(value, request));
      },
      (error) => {
        if (!this.isAlive) return;
        return this.enter(() => this.terminate(error));
      },
    ) as PromiseLike<void>;
  }

  #defer(request: Request): void {
    this.serving = undefined;
    if (request.isSettled) return;
    this.deferred ??= new Set();
    this.deferred.add(request);
  }

  #act(action: Action): void {
    if ('continue' in action) {
      this.systemLane ??= new RingQueue<Message>();
      this.systemLane.unshift(new ContinueMessage(action.continue));
      this.wake();
      return;
    }
    if (!(action.timeoutMs >= 0)) throw this.#badReturn('a callback', action);
    this.#armIdle(action.timeoutMs);
  }

  #armIdle(timeoutMs: number): void {
    if (timeoutMs === Number.POSITIVE_INFINITY || !this.isAlive) return;
    this.#idleTimeoutMs = timeoutMs;
    this.#idleTimer = this.host.clock.setTimer(() => {
      this.#idleTimer = undefined;
      // A message that came first decides anew, even if it has not been handled yet.
      if (this.mailboxLength === 0) this.deliver(new InfoMessage({ type: 'timeout' }));
    }, timeoutMs);
  }

  /** Runs `terminate`, says the last words and ends; `answer` is sent between the two. */
  terminate(reason: ExitReason, answer?: () => void): PromiseLike<void> | undefined {
    if (this.isTerminating) return undefined;
    this.isTerminating = true;
    const finish = (why: ExitReason): void => {
      if (!this.isAlive) return;
      answer?.();
      this.#report(why);
      this.end(why);
    };
    if (this.module.terminate === undefined) {
      finish(reason);
      return undefined;
    }
    let result: unknown;
    try {
      result = this.module.terminate(reason, this.state);
    } catch (error) {
      finish(error);
      return undefined;
    }
    if (!isThenable(result)) {
      finish(reason);
      return undefined;
    }
    return result.then(
      () => finish(reason),
      (error) => finish(error),
    ) as PromiseLike<void>;
  }

  override announceEnd(reason: ExitReason): void {
    if (this.#idleTimer !== undefined) this.host.clock.clearTimer(this.#idleTimer);
    this.#idleTimer = undefined;
    super.announceEnd(reason);
  }

  #report(reason: ExitReason): void {
    if (isCleanExit(reason)) return;
    const metadata = { pid: this.id, label: this.label, module: this.moduleName, reason, serving: this.serving?.tag };
    this.host.telemetry.emit('genmesh.process.crash', { mailboxLength: this.mailboxLength }, metadata);
    this.host.logger.error(`${this.label} terminating`, { reason: describeReason(reason), serving: this.serving?.tag });
  }

  #unhandled(what: string, tag: string): PromiseLike<void> | undefined {
    return this.terminate(new ActorError('UNHANDLED_MESSAGE', `${this.label} has no handler for ${what} ${tag}`));
  }

  #badReturn(where: string, value: unknown): ActorError {
    const text = `${this.label}: ${where} returned ${describeReason(value, 60)}: expected reply, noreply or stop`;
    return new ActorError('BAD_RETURN_VALUE', text, { reason: value });
  }
}

/** @internal */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
