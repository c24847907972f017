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
import type { ExitReason } from './exit-reason.ts';
import { GenServer } from './gen-server.ts';
import { castMessage } from './message.ts';
import type { TimerRef } from './pid.ts';
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

interface Armed {
  readonly timer: TimerRef;
  readonly message: Fired;
}

interface Fired {
  readonly id: string;
  readonly event: StateEvent;
}

/** Inner state of a {@link GenStatem} process: opaque. */
export interface StatemState {
  snapshot: Snapshot;
  readonly timers: Map<string, Armed>;
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
  readonly #raised: EventsOf<M>[] = [];
  #isStepping = false;
  #isDispatching = false;

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

  /**
   * Handles `event` now, in the turn that calls: for events that come from inside this process's own turn. Called from an
   * action, it waits until the transition under way is complete, and comes before anything else.
   */
  protected raise(event: EventsOf<M>): void {
    if (this.#isStepping) {
      this.#raised.push(event);
      return;
    }
    this.#step(event);
    const end = this.#stopReason;
    // Outside of an event nobody looks at the result, so the process stops itself.
    const process = asProcess(this.self);
    if (end !== undefined && !this.#isDispatching && !process.isTerminating) process.exit(end.reason);
  }

  /** Sends itself `event` after `delayMs`, unless it is cancelled or set anew; it survives changes of state. */
  protected startTimeout(name: string, delayMs: number, event: EventsOf<M>): void {
    this.#arm({ id: `named:${name}`, delay: delayMs, event: event as unknown as StateEvent });
  }

  /** Takes {@link GenStatem.startTimeout} back. @returns false when it was not running. */
  protected cancelTimeout(name: string): boolean {
    return this.#cancel(`named:${name}`);
  }

  override init(...args: A): StatemState | Stop<unknown> {
    this.prepare(...args);
    const [snapshot, actions] = initialTransition(this.machine.definition as AnyStateMachine, undefined as never);
    this.#state = { snapshot: snapshot as unknown as Snapshot, timers: new Map() };
    this.#isStepping = true;
    this.#run(actions as readonly MachineAction[], undefined);
    this.#isStepping = false;
    if (this.#state.snapshot.status === 'done') this.#stopReason ??= { reason: 'normal' };
    this.#stepRaised();
    return this.#stopReason === undefined ? this.#state : stop(this.#stopReason.reason, undefined);
  }

  // The protocol depends on the machine's type, which is open here, so the maps are built by hand and cast once.
  override readonly handleCall: CallHandlers<StatemState, StatemProtocol<EventsOf<M>>> = {
    event: (event: EventsOf<M>, state: StatemState, from: From<unknown>) => this.#handle(event, state, from),
  } as never;

  override readonly handleCast: CastHandlers<StatemState, StatemProtocol<EventsOf<M>>> = {
    event: (event: EventsOf<M>, state: StatemState) => this.#handle(event, state, undefined),
    // Not a plain message: those belong to whoever extends this class.
    timeout: (fired: Fired, state: StatemState) => this.#timedOut(fired, state),
  } as never;

  override terminate(_reason: ExitReason, state: StatemState): void {
    for (const { timer } of state.timers.values()) timer.cancel();
    state.timers.clear();
  }

  #timedOut(fired: Fired, state: StatemState): NoReply<StatemState> | Stop<StatemState> {
    // One that was cancelled or set anew while its message waited is not the one meant.
    if (state.timers.get(fired.id)?.message !== fired) return noreply(state);
    state.timers.delete(fired.id);
    return this.#handle(fired.event as unknown as EventsOf<M>, state, undefined);
  }

  #handle(
    event: EventsOf<M>,
    state: StatemState,
    from: From<unknown> | undefined,
  ): NoReply<StatemState> | Stop<StatemState> {
    this.#isDispatching = true;
    try {
      this.#dispatch({ event, from });
    } finally {
      this.#isDispatching = false;
    }
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
    this.#isStepping = true;
    try {
      this.#run(actions as readonly MachineAction[], event);
    } finally {
      this.#isStepping = false;
    }
    if (state.snapshot.status === 'done') this.#stopReason ??= { reason: 'normal' };
    this.#stepRaised();
  }

  #stepRaised(): void {
    const next = this.#stopReason === undefined ? this.#raised.shift() : undefined;
    if (next !== undefined) this.#step(next);
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
    const message: Fired = { id, event: raise.event };
    timers.set(id, { timer: process.deliverAfter(castMessage('timeout', message), raise.delay ?? 0), message });
  }

  #cancel(id: string): boolean {
    const { timers } = this.#state as StatemState;
    const armed = timers.get(id);
    armed?.timer.cancel();
    return timers.delete(id);
  }
}
