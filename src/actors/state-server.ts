/**
 * StateServer: a state machine as a plain reducer, with everything `gen_statem(3)` has in event function mode: postponed and
 * inserted events, state, event and named timeouts, state enter calls.
 *
 * ```ts
 * class Lamp extends StateServer<'off' | 'on', number, { type: 'press' } | { type: 'tired' }> {
 *   override start() { return { state: 'off' as const, data: 0 }; }
 *   override handleEvent(event, state, presses) {
 *     if (state === 'on') return nextState('off', presses);
 *     return nextState('on', presses + 1, [{ stateTimeoutMs: 60_000, event: { type: 'tired' } }]);
 *   }
 * }
 * const lamp = await startServer(Lamp, []);
 * lamp.cast('event', { type: 'press' });
 * ```
 *
 * Events come by `call('event', e)`, `cast('event', e)`, plain messages, timeouts and `nextEvent`. For a machine drawn as a
 * chart take {@link GenStatem}.
 */
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { GenServer } from './gen-server.ts';
import { castMessage } from './message.ts';
import type { TimerRef } from './pid.ts';
import { asProcess } from './process.ts';
import type { CallHandlers, CastHandlers, Info, Protocol } from './protocol.ts';
import type { From } from './request.ts';
import { type NoReply, noreply, type Stop, stop } from './results.ts';
import { Transition, type TransitionAction } from './transition.ts';

/** Where an event came from. */
export interface EventContext {
  readonly source: 'call' | 'cast' | 'info' | 'internal' | 'state_timeout' | 'event_timeout' | 'timeout';
  /** The caller of a `call`: answer with a `reply` action. */
  readonly from: From<never> | undefined;
  /** The name of a named timeout. */
  readonly timeout: string | undefined;
}

/** Events that may be postponed at a time; one more ends the process. */
export const STATE_POSTPONED_MAX = 65_536;

interface Item<E> extends EventContext {
  readonly event: E;
}

interface Fired {
  readonly key: string;
  readonly token: object;
}

/** State of the process between events. */
export interface StateServerState<S, D> {
  state: S;
  data: D;
}

/** What a state server understands. */
export interface StateServerProtocol<E> extends Protocol {
  call: { event(event: E): unknown };
  cast: { event(event: E): void };
  info: E;
}

type Outcome<S, D> = NoReply<StateServerState<S, D>> | Stop<StateServerState<S, D>>;

const STATE_TIMEOUT = 'state';
const EVENT_TIMEOUT = 'event';

/** Base class; see the top of this file. */
export abstract class StateServer<
  S extends string,
  D,
  E extends { readonly type: string },
  A extends unknown[] = [],
> extends GenServer<StateServerState<S, D>, StateServerProtocol<E>, A> {
  readonly #timers = new Map<string, { readonly timer: TimerRef | undefined; readonly token: object }>();
  #postponed: Item<E>[] = [];
  #queue: Item<E>[] = [];
  #halt: { readonly reason: ExitReason } | undefined;

  /** The first state and data, and what to do at once. A throw refuses the start. */
  abstract start(...args: A): {
    readonly state: S;
    readonly data: D;
    readonly actions?: readonly TransitionAction<E>[];
  };

  /** What `event` does in `state`; see `transition.ts` for the results. A throw ends the process. */
  abstract handleEvent(event: E, state: S, data: D, context: EventContext): Transition<S, D, E>;

  /**
   * Called on entering `state`: at the start with the state itself as `before`, on a change, and on `repeatState`. May change
   * data, reply and set timeouts; not change the state, postpone or insert events.
   */
  enterState?(before: S, state: S, data: D): Transition<S, D, E>;

  /** Tidies up when the process ends by itself. */
  leave?(reason: ExitReason, state: S, data: D): void;

  override init(...args: A): StateServerState<S, D> | Stop<unknown> {
    const { state, data, actions = [] } = this.start(...args);
    const inner: StateServerState<S, D> = { state, data };
    this.#enter(inner, state);
    this.#enqueue(this.#act(actions, undefined));
    this.#drain(inner);
    return this.#halt === undefined ? inner : stop(this.#halt.reason, undefined);
  }

  override readonly handleCall: CallHandlers<StateServerState<S, D>, StateServerProtocol<E>> = {
    event: (event: E, inner: StateServerState<S, D>, from: From<unknown>) =>
      this.#receive(inner, { event, source: 'call', from: from as From<never>, timeout: undefined }),
  } as never;

  override readonly handleCast: CastHandlers<StateServerState<S, D>, StateServerProtocol<E>> = {
    event: (event: E, inner: StateServerState<S, D>) =>
      this.#receive(inner, { event, source: 'cast', from: undefined, timeout: undefined }),
    timeout: (fired: Fired, inner: StateServerState<S, D>) => this.#timedOut(inner, fired),
  } as never;

  override handleInfo(message: Info<StateServerProtocol<E>>, inner: StateServerState<S, D>): Outcome<S, D> {
    return this.#receive(inner, { event: message as E, source: 'info', from: undefined, timeout: undefined });
  }

  #timedOut(inner: StateServerState<S, D>, { key, token }: Fired): Outcome<S, D> {
    // One that was cancelled or set anew while its message waited is not the one meant.
    if (this.#timers.get(key)?.token !== token) return noreply(inner);
    this.#timers.delete(key);
    return this.#receive(inner, this.#timeoutItem(key, (token as { event: E }).event));
  }

  override terminate(reason: ExitReason, inner: StateServerState<S, D>): void {
    for (const { timer } of this.#timers.values()) timer?.cancel();
    this.#timers.clear();
    this.leave?.(reason, inner.state, inner.data);
  }

  #receive(inner: StateServerState<S, D>, item: Item<E>): Outcome<S, D> {
    this.#queue.push(item);
    this.#drain(inner);
    return this.#halt === undefined ? noreply(inner) : stop(this.#halt.reason, inner);
  }

  #drain(inner: StateServerState<S, D>): void {
    for (let item = this.#queue.shift(); item !== undefined && this.#halt === undefined; item = this.#queue.shift()) {
      this.#cancel(EVENT_TIMEOUT);
      const result = this.handleEvent(item.event, inner.state, inner.data, item);
      if (!(result instanceof Transition)) throw this.#badReturn('handleEvent');
      this.#apply(inner, result, item);
    }
  }

  #apply(inner: StateServerState<S, D>, result: Transition<S, D, E>, item: Item<E>): void {
    const before = inner.state;
    if (result.hasData) inner.data = result.data as D;
    if (result.kind === 'halt') {
      this.#act(result.actions, item);
      this.#halt = { reason: result.reason };
      return;
    }
    if (result.kind === 'next') inner.state = result.state as S;
    const isChanged = inner.state !== before;
    // Before the actions: what they postpone belongs to the new state, what they arm lives in it.
    const retried = isChanged ? this.#postponed : [];
    if (isChanged) {
      this.#postponed = [];
      this.#cancel(STATE_TIMEOUT);
      if (result.actions.some((action) => 'postpone' in action)) {
        retried.push(item);
      }
    }
    const rest = this.#queue;
    this.#queue = [];
    if (isChanged || result.kind === 'repeat') this.#enter(inner, before);
    const timeouts = this.#act(
      isChanged ? result.actions.filter((action) => !('postpone' in action)) : result.actions,
      item,
    );
    this.#queue = [...this.#queue, ...retried, ...rest];
    this.#enqueue(timeouts);
  }

  /** Puts timeouts of 0 ms behind what is queued; an event timeout only if nothing is. */
  #enqueue(timeouts: readonly Item<E>[]): void {
    for (const item of timeouts) {
      if (item.source !== 'event_timeout' || this.#queue.length === 0) this.#queue.push(item);
    }
  }

  #enter(inner: StateServerState<S, D>, before: S): void {
    if (this.enterState === undefined) return;
    const result = this.enterState(before, inner.state, inner.data);
    const isWrong =
      !(result instanceof Transition) ||
      result.kind === 'next' ||
      result.kind === 'repeat' ||
      result.actions.some((action) => 'postpone' in action || 'nextEvent' in action);
    if (isWrong) throw this.#badReturn('enterState');
    if (result.hasData) inner.data = result.data as D;
    if (result.kind === 'halt') this.#halt = { reason: result.reason };
    this.#enqueue(this.#act(result.actions, undefined));
  }

  /** Runs the actions; gives the timeouts of 0 ms, which come after everything queued. */
  #act(actions: readonly TransitionAction<E>[], item: Item<E> | undefined): Item<E>[] {
    const due: Item<E>[] = [];
    const inserted: Item<E>[] = [];
    for (const action of actions) {
      if ('postpone' in action) this.#postpone(item);
      else if ('nextEvent' in action) {
        inserted.push({ event: action.nextEvent, source: 'internal', from: undefined, timeout: undefined });
      } else if ('reply' in action) (action.reply as From<unknown>).reply(action.value);
      else if ('cancelTimeout' in action) this.#cancel(`named:${action.cancelTimeout}`);
      else if ('stateTimeoutMs' in action) this.#arm(STATE_TIMEOUT, action.stateTimeoutMs, action.event, due);
      else if ('eventTimeoutMs' in action) this.#arm(EVENT_TIMEOUT, action.eventTimeoutMs, action.event, due);
      else this.#arm(`named:${action.timeout}`, action.timeoutMs, action.event, due);
    }
    this.#queue.push(...inserted);
    return due;
  }

  #postpone(item: Item<E> | undefined): void {
    if (item === undefined) return;
    if (this.#postponed.length >= STATE_POSTPONED_MAX) {
      throw new ActorError('MAILBOX_FULL', `${this.self.label} has ${STATE_POSTPONED_MAX} postponed events`);
    }
    this.#postponed.push(item);
  }

  #arm(key: string, delayMs: number, event: E, due: Item<E>[]): void {
    this.#cancel(key);
    if (!(delayMs >= 0)) throw new RangeError(`timeout is ${delayMs} ms: expected 0 or more, or Infinity`);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    if (delayMs === 0) {
      due.push(this.#timeoutItem(key, event));
      return;
    }
    const token = { event };
    const message: Fired = { key, token };
    this.#timers.set(key, {
      timer: asProcess(this.self).deliverAfter(castMessage('timeout', message), delayMs),
      token,
    });
  }

  #cancel(key: string): void {
    this.#timers.get(key)?.timer?.cancel();
    this.#timers.delete(key);
  }

  #timeoutItem(key: string, event: E): Item<E> {
    if (key === STATE_TIMEOUT) return { event, source: 'state_timeout', from: undefined, timeout: undefined };
    if (key === EVENT_TIMEOUT) return { event, source: 'event_timeout', from: undefined, timeout: undefined };
    return { event, source: 'timeout', from: undefined, timeout: key.slice('named:'.length) };
  }

  #badReturn(where: string): ActorError {
    return new ActorError('BAD_RETURN_VALUE', `${this.self.label}: ${where} returned no transition it may return`);
  }
}
