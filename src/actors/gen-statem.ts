/**
 * GenStatem: a state machine as a process, after `gen_statem(3)`.
 *
 * The machine is pure: it says which state comes next and which actions to take. The process owns everything that acts:
 * it runs the actions, arms the delayed events on its system's clock, and postpones what the state has no use for yet.
 * Machines are written with xstate and wrapped by {@link machine}, so that no xstate type is part of this interface:
 *
 * ```ts
 * const door = machine<'open' | 'closed', { type: 'push' } | { type: 'pull' }>(createMachine({
 *   initial: 'closed',
 *   states: {
 *     closed: { on: { pull: { target: 'open', actions: 'creak' } } },
 *     open: { on: { push: 'closed' }, after: { 5000: 'closed' } },
 *   },
 * }));
 * class Door extends GenStatem<typeof door> {
 *   readonly machine = door;
 *   readonly actions = { creak: () => {} };
 * }
 * ```
 *
 * A transition costs a few microseconds. Keep data paths out of it: only lifecycle edges are events.
 */
import { type AnyStateMachine, initialTransition, transition } from 'xstate';
import type { Timer } from '../base/clock.ts';
import type { ExitReason } from './exit-reason.ts';
import { GenServer } from './gen-server.ts';
import { asProcess } from './process.ts';
import type { CallHandlers, CastHandlers } from './protocol.ts';
import type { From } from './request.ts';
import { type NoReply, noreply, type Stop, stop } from './results.ts';

/** Events a process may have postponed; the next one is dropped with a warning. */
export const POSTPONED_EVENTS_MAX = 1024;

/** An event: its type and whatever it carries. */
export interface StateEvent {
  readonly type: string;
}

declare const STATES: unique symbol;

/** A pure state machine, wrapped; made by {@link machine}. */
export interface Machine<S extends string = string, E extends StateEvent = StateEvent> {
  readonly [STATES]?: { states: S; events: E };
  /** @internal */
  readonly definition: unknown;
}

type StatesOf<M extends Machine> = M extends Machine<infer S, StateEvent> ? S : string;
type EventsOf<M> = M extends Machine<string, infer E> ? E : never;

/**
 * Wraps an xstate machine with string states (no parallel regions) whose actions are named by strings.
 *
 * Delays (`after`) are held on the process's clock. Guards must be pure. Invoked and spawned actors are not run: processes
 * are what this library has for that.
 */
export function machine<S extends string, E extends StateEvent>(definition: object): Machine<S, E> {
  return { definition };
}

/** What an action gets. */
export interface ActionContext<E> {
  /** The event that caused the transition; `undefined` for the first state. */
  readonly event: E | undefined;
  /** The state after the transition. */
  readonly state: string;
}

interface Snapshot {
  readonly value: unknown;
  readonly status: string;
}

interface MachineAction {
  readonly type: string;
  readonly params?: unknown;
}

interface DelayedRaise {
  readonly event: StateEvent;
  readonly delay?: number;
  readonly id?: string;
}

interface Postponed<E> {
  readonly event: E;
  readonly from: From<unknown> | undefined;
}

/** Inner state of a {@link GenStatem} process. @internal */
export interface StatemState {
  snapshot: Snapshot;
  readonly timers: Map<string, Timer>;
}

interface StatemProtocol<E> {
  call: { event(event: E): unknown };
  cast: { event(event: E): void };
}

/** Base class of state machine processes; see the top of this file. */
export abstract class GenStatem<M extends Machine, A extends unknown[] = []> extends GenServer<
  StatemState,
  StatemProtocol<EventsOf<M>>,
  A
> {
  /** The machine this process runs. */
  abstract readonly machine: M;
  /** What each action named in the machine does. An action the machine names and this map lacks ends the process. */
  abstract readonly actions: Readonly<Record<string, (context: ActionContext<EventsOf<M>>) => void>>;

  readonly #postponed: Postponed<EventsOf<M>>[] = [];
  #state: StatemState | undefined;
  #stopReason: { readonly reason: ExitReason } | undefined;

  /** The state the machine is in. */
  get state(): StatesOf<M> {
    return String(this.#state?.snapshot.value ?? '') as StatesOf<M>;
  }

  /** Prepares this process before the machine enters its first state. */
  protected prepare(..._args: A): void {}

  /** Says whether `event` is to wait until the state changes; by default nothing waits. */
  protected isPostponed(_event: EventsOf<M>, _state: StatesOf<M>): boolean {
    return false;
  }

  /** Answers a `call('event', event)` after its transition; by default with the new state's name. */
  protected answer(_event: EventsOf<M>, state: StatesOf<M>): unknown {
    return state;
  }

  /** Called from an action: ends the process with `reason` once the running transition is complete. */
  protected stopAfterTransition(reason: ExitReason): void {
    this.#stopReason = { reason };
  }

  /** Handles `event` now, in the turn that calls: for events that come from inside this process's own turn. */
  protected raise(event: EventsOf<M>): void {
    this.#step(event);
  }

  override init(...args: A): StatemState {
    this.prepare(...args);
    const [snapshot, actions] = initialTransition(this.machine.definition as AnyStateMachine, undefined as never);
    this.#state = { snapshot: snapshot as unknown as Snapshot, timers: new Map() };
    this.#run(actions as readonly MachineAction[], undefined);
    return this.#state;
  }

  // The protocol depends on the machine's type, which is open here, so the maps are built by hand and cast once.
  override readonly handleCall: CallHandlers<StatemState, StatemProtocol<EventsOf<M>>> = {
    event: (event: EventsOf<M>, state: StatemState, from: From<unknown>) => this.#handle(event, state, from),
  } as never;

  override readonly handleCast: CastHandlers<StatemState, StatemProtocol<EventsOf<M>>> = {
    event: (event: EventsOf<M>, state: StatemState) => this.#handle(event, state, undefined),
  } as never;

  override terminate(_reason: ExitReason, state: StatemState): void {
    for (const timer of state.timers.values()) asProcess(this.self).host.clock.clearTimer(timer);
    state.timers.clear();
  }

  #handle(
    event: EventsOf<M>,
    state: StatemState,
    from: From<unknown> | undefined,
  ): NoReply<StatemState> | Stop<StatemState> {
    this.#dispatch({ event, from });
    const end = this.#stopReason;
    return end === undefined ? noreply(state) : stop(end.reason, state);
  }

  #dispatch(item: Postponed<EventsOf<M>>): void {
    const queue = [item];
    for (let next = queue.shift(); next !== undefined && this.#stopReason === undefined; next = queue.shift()) {
      if (this.isPostponed(next.event, this.state)) {
        this.#postpone(next);
        continue;
      }
      const before = this.state;
      this.#step(next.event);
      next.from?.reply(this.answer(next.event, this.state));
      // Retried only after a real change of state, oldest first, before anything newer.
      if (this.state !== before) queue.unshift(...this.#postponed.splice(0));
    }
  }

  #postpone(item: Postponed<EventsOf<M>>): void {
    if (this.#postponed.length >= POSTPONED_EVENTS_MAX) {
      const process = asProcess(this.self);
      process.host.logger.warn(`${process.label} dropped a postponed event`, { type: item.event.type });
      return;
    }
    this.#postponed.push(item);
  }

  #step(event: EventsOf<M>): void {
    const state = this.#state as StatemState;
    const [snapshot, actions] = transition(
      this.machine.definition as AnyStateMachine,
      state.snapshot as never,
      event as never,
    );
    state.snapshot = snapshot as unknown as Snapshot;
    this.#run(actions as readonly MachineAction[], event);
    if (state.snapshot.status === 'done') this.#stopReason ??= { reason: 'normal' };
  }

  #run(actions: readonly MachineAction[], event: EventsOf<M> | undefined): void {
    const context = { event, state: this.state };
    for (const action of actions) {
      if (action.type === 'xstate.raise') this.#arm(action.params as DelayedRaise);
      else if (action.type === 'xstate.cancel') this.#cancel(String((action.params as { sendId?: unknown })?.sendId));
      else {
        const run = this.actions[action.type];
        if (run === undefined)
          throw new TypeError(`${this.constructor.name}: the machine names an unknown action ${action.type}`);
        run(context);
      }
    }
  }

  #arm(raise: DelayedRaise): void {
    const process = asProcess(this.self);
    const { timers } = this.#state as StatemState;
    const id = raise.id ?? raise.event.type;
    this.#cancel(id);
    const timer = process.host.clock.setTimer(() => {
      timers.delete(id);
      (this.self as unknown as { cast(tag: 'event', event: StateEvent): void }).cast('event', raise.event);
    }, raise.delay ?? 0);
    timers.set(id, timer);
  }

  #cancel(id: string): void {
    const { timers } = this.#state as StatemState;
    const timer = timers.get(id);
    if (timer === undefined) return;
    asProcess(this.self).host.clock.clearTimer(timer);
    timers.delete(id);
  }
}
