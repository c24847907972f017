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
  /** Of a timeout: what it was set under. */
  readonly key: string | undefined;
}

/** What the actions of a transition, and of the enter call after it, come to. */
interface Effects<E> {
  isPostponed: boolean;
  readonly inserted: Item<E>[];
  /** The latest of each key, in the order they were set. */
  readonly timeouts: Map<string, { readonly delayMs: number; readonly event: E | undefined }>;
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
  /** Keys of the timeouts of 0 ms in the queue. */
  readonly #due = new Set<string>();
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
    const effects = this.#collect(actions);
    this.#enter(inner, state, effects);
    this.#carryOut(effects, []);
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
      if (item.key !== undefined) this.#due.delete(item.key);
      this.#cancel(EVENT_TIMEOUT);
      const result = this.handleEvent(item.event, inner.state, inner.data, item);
      if (!(result instanceof Transition)) throw this.#badReturn('handleEvent');
      this.#apply(inner, result, item);
    }
  }

  #apply(inner: StateServerState<S, D>, result: Transition<S, D, E>, item: Item<E>): void {
    const before = inner.state;
    this.#take(inner, result);
    // Before the enter call: a caller has its reply whatever becomes of that, and its timeouts override these.
    const effects = this.#collect(result.actions);
    if (this.#halt) return;
    if (result.kind === 'next') inner.state = result.state as S;
    const isChanged = inner.state !== before;
    if (isChanged || result.kind === 'repeat') this.#enter(inner, before, effects);
    if (isChanged) this.#cancel(STATE_TIMEOUT);
    if (effects.isPostponed) this.#postpone(item, isChanged);
    this.#carryOut(effects, isChanged ? this.#postponed.splice(0) : []);
  }

  /** Takes over the data of `result`, and its reason to stop. */
  #take(inner: StateServerState<S, D>, { hasData, data, kind, reason }: Transition<S, D, E>): void {
    if (hasData) inner.data = data as D;
    if (kind === 'halt') this.#halt = { reason };
  }

  #enter(inner: StateServerState<S, D>, before: S, effects: Effects<E>): void {
    const result = this.enterState?.(before, inner.state, inner.data);
    if (result === undefined && !this.enterState) return;
    const isRight =
      result instanceof Transition &&
      (result.kind === 'keep' || result.kind === 'halt') &&
      !result.actions.some((action) => 'postpone' in action || 'nextEvent' in action);
    if (!isRight) throw this.#badReturn('enterState');
    this.#take(inner, result);
    this.#collect(result.actions, effects);
  }

  /** Sends the replies at once; gathers the rest for when everything is said. */
  #collect(
    actions: readonly TransitionAction<E>[],
    effects: Effects<E> = { isPostponed: false, inserted: [], timeouts: new Map() },
  ): Effects<E> {
    const set = (key: string, delayMs: number, event?: E): void => {
      effects.timeouts.delete(key);
      effects.timeouts.set(key, { delayMs: checkTimeout(delayMs), event });
    };
    for (const action of actions) {
      if ('postpone' in action) effects.isPostponed = true;
      else if ('nextEvent' in action) effects.inserted.push(itemOf(action.nextEvent, 'internal'));
      else if ('reply' in action) (action.reply as From<unknown>).reply(action.value);
      else if ('cancelTimeout' in action) set(NAMED + action.cancelTimeout, Number.POSITIVE_INFINITY);
      else if ('stateTimeoutMs' in action) set(STATE_TIMEOUT, action.stateTimeoutMs, action.event);
      else if ('eventTimeoutMs' in action) set(EVENT_TIMEOUT, action.eventTimeoutMs, action.event);
      else set(NAMED + action.timeout, action.timeoutMs, action.event);
    }
    return effects;
  }

  /** Inserted events come first, then those retried, then what waits; timeouts of 0 ms after all of them. */
  #carryOut({ inserted, timeouts }: Effects<E>, retried: readonly Item<E>[]): void {
    if (inserted.length + retried.length > 0) this.#queue = [...inserted, ...retried, ...this.#queue];
    for (const [key, { delayMs, event }] of timeouts) {
      this.#cancel(key);
      if (delayMs > 0) {
        this.#timeouts.arm(this.self, key, delayMs, event as E);
      } else if (key !== EVENT_TIMEOUT || this.#queue.length === 0) {
        this.#queue.push(timeoutItem(key, event as E));
        this.#due.add(key);
      }
    }
  }

  /** @param isRetried - the state has changed, so it does not stay. */
  #postpone(item: Item<E>, isRetried: boolean): void {
    if (this.#postponed.length >= STATE_POSTPONED_MAX && !isRetried) {
      throw new ActorError('MAILBOX_FULL', `${this.self.label} has ${STATE_POSTPONED_MAX} postponed events`);
    }
    this.#postponed.push(item);
  }

  /** Takes a timeout back, also one of 0 ms that waits for its turn. */
  #cancel(key: string): void {
    this.#timeouts.cancel(key);
    if (this.#due.delete(key)) this.#queue = this.#queue.filter((item) => item.key !== key);
  }

  #badReturn(where: string): ActorError {
    return new ActorError('BAD_RETURN_VALUE', `${this.self.label}: ${where} returned no transition it may return`);
  }
}

function itemOf<E>(event: E, source: EventContext['source'], from?: From<never>): Item<E> {
  return { event, source, from, timeout: undefined, key: undefined };
}

function timeoutItem<E>(key: string, event: E): Item<E> {
  const source = key === STATE_TIMEOUT || key === EVENT_TIMEOUT ? key : 'timeout';
  return { event, source, from: undefined, timeout: source === 'timeout' ? key.slice(NAMED.length) : undefined, key };
}
