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
import { checkTimeout } from './callable-process.ts';
import { ActorError } from './errors.ts';
import { EventTimeouts, type FiredTimeout } from './event-timeouts.ts';
import type { ExitReason } from './exit-reason.ts';
import { GenServer } from './gen-server.ts';
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

const STATE_TIMEOUT = 'state_timeout';
const EVENT_TIMEOUT = 'event_timeout';
const NAMED = 'named:';

/** Base class; see the top of this file. */
export abstract class StateServer<
  S extends string,
  D,
  E extends { readonly type: string },
  A extends unknown[] = [],
> extends GenServer<StateServerState<S, D>, StateServerProtocol<E>, A> {
  readonly #timeouts = new EventTimeouts<E>();
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
    return this.#halt ? stop(this.#halt.reason, undefined) : inner;
  }

  override readonly handleCall: CallHandlers<StateServerState<S, D>, StateServerProtocol<E>> = {
    event: (event: E, inner: StateServerState<S, D>, from: From<never>) =>
      this.#receive(inner, itemOf(event, 'call', from)),
  } as never;

  override readonly handleCast: CastHandlers<StateServerState<S, D>, StateServerProtocol<E>> = {
    event: (event: E, inner: StateServerState<S, D>) => this.#receive(inner, itemOf(event, 'cast')),
    timeout: (fired: FiredTimeout<E>, inner: StateServerState<S, D>) =>
      this.#timeouts.take(fired) ? this.#receive(inner, timeoutItem(fired.key, fired.event)) : noreply(inner),
  } as never;

  override handleInfo(message: Info<StateServerProtocol<E>>, inner: StateServerState<S, D>): Outcome<S, D> {
    return this.#receive(inner, itemOf(message as E, 'info'));
  }

  override terminate(reason: ExitReason, { state, data }: StateServerState<S, D>): void {
    this.#timeouts.clear();
    this.leave?.(reason, state, data);
  }

  #receive(inner: StateServerState<S, D>, item: Item<E>): Outcome<S, D> {
    this.#queue.push(item);
    this.#drain(inner);
    return this.#halt ? stop(this.#halt.reason, inner) : noreply(inner);
  }

  #drain(inner: StateServerState<S, D>): void {
    for (let item = this.#queue.shift(); item && !this.#halt; item = this.#queue.shift()) {
      this.#timeouts.cancel(EVENT_TIMEOUT);
      const result = this.handleEvent(item.event, inner.state, inner.data, item);
      if (!(result instanceof Transition)) throw this.#badReturn('handleEvent');
      this.#apply(inner, result, item);
    }
  }

  #apply(inner: StateServerState<S, D>, result: Transition<S, D, E>, item: Item<E>): void {
    const before = inner.state;
    this.#take(inner, result);
    if (this.#halt) {
      this.#act(result.actions, item);
      return;
    }
    if (result.kind === 'next') inner.state = result.state as S;
    let { actions } = result;
    let retried: Item<E>[] = [];
    const isChanged = inner.state !== before;
    if (isChanged) {
      // Before the actions: what they postpone belongs to the new state, what they arm lives in it.
      retried = this.#postponed;
      this.#postponed = [];
      this.#timeouts.cancel(STATE_TIMEOUT);
      if (actions.some(isPostpone)) retried.push(item);
      actions = actions.filter((action) => !isPostpone(action));
    }
    const rest = this.#queue;
    this.#queue = [];
    if (isChanged || result.kind === 'repeat') this.#enter(inner, before);
    const timeouts = this.#act(actions, item);
    this.#queue = [...this.#queue, ...retried, ...rest];
    this.#enqueue(timeouts);
  }

  /** Takes over the data of `result`, and its reason to stop. */
  #take(inner: StateServerState<S, D>, { hasData, data, kind, reason }: Transition<S, D, E>): void {
    if (hasData) inner.data = data as D;
    if (kind === 'halt') this.#halt = { reason };
  }

  /** Puts timeouts of 0 ms behind what is queued; an event timeout only if nothing is. */
  #enqueue(timeouts: readonly Item<E>[]): void {
    for (const item of timeouts) {
      if (item.source !== 'event_timeout' || this.#queue.length === 0) this.#queue.push(item);
    }
  }

  #enter(inner: StateServerState<S, D>, before: S): void {
    const result = this.enterState?.(before, inner.state, inner.data);
    if (result === undefined && !this.enterState) return;
    const isRight =
      result instanceof Transition &&
      (result.kind === 'keep' || result.kind === 'halt') &&
      !result.actions.some((action) => isPostpone(action) || 'nextEvent' in action);
    if (!isRight) throw this.#badReturn('enterState');
    this.#take(inner, result);
    this.#enqueue(this.#act(result.actions, undefined));
  }

  /** Runs the actions; gives the timeouts of 0 ms, which come after everything queued. */
  #act(actions: readonly TransitionAction<E>[], item: Item<E> | undefined): Item<E>[] {
    const due: Item<E>[] = [];
    const inserted: Item<E>[] = [];
    for (const action of actions) {
      if ('postpone' in action) this.#postpone(item);
      else if ('nextEvent' in action) inserted.push(itemOf(action.nextEvent, 'internal'));
      else if ('reply' in action) (action.reply as From<unknown>).reply(action.value);
      else if ('cancelTimeout' in action) this.#timeouts.cancel(NAMED + action.cancelTimeout);
      else if ('stateTimeoutMs' in action) this.#arm(STATE_TIMEOUT, action.stateTimeoutMs, action.event, due);
      else if ('eventTimeoutMs' in action) this.#arm(EVENT_TIMEOUT, action.eventTimeoutMs, action.event, due);
      else this.#arm(NAMED + action.timeout, action.timeoutMs, action.event, due);
    }
    this.#queue.push(...inserted);
    return due;
  }

  #postpone(item: Item<E> | undefined): void {
    if (!item) return;
    if (this.#postponed.length >= STATE_POSTPONED_MAX) {
      throw new ActorError('MAILBOX_FULL', `${this.self.label} has ${STATE_POSTPONED_MAX} postponed events`);
    }
    this.#postponed.push(item);
  }

  #arm(key: string, delayMs: number, event: E, due: Item<E>[]): void {
    this.#timeouts.cancel(key);
    if (checkTimeout(delayMs) === 0) due.push(timeoutItem(key, event));
    else if (delayMs !== Number.POSITIVE_INFINITY) this.#timeouts.arm(this.self, key, delayMs, event);
  }

  #badReturn(where: string): ActorError {
    return new ActorError('BAD_RETURN_VALUE', `${this.self.label}: ${where} returned no transition it may return`);
  }
}

function isPostpone(action: object): boolean {
  return 'postpone' in action;
}

function itemOf<E>(event: E, source: EventContext['source'], from?: From<never>, timeout?: string): Item<E> {
  return { event, source, from, timeout };
}

function timeoutItem<E>(key: string, event: E): Item<E> {
  if (key === STATE_TIMEOUT || key === EVENT_TIMEOUT) return itemOf(event, key);
  return itemOf(event, 'timeout', undefined, key.slice(NAMED.length));
}
