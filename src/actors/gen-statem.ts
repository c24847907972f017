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
 * A transition costs about ten microseconds. Keep data paths out of it: only lifecycle edges are events.
 */
import { EventTimeouts, type FiredTimeout } from './event-timeouts.ts';
import type { ExitReason } from './exit-reason.ts';
import { GenServer } from './gen-server.ts';
import { asProcess } from './process.ts';
import type { CallHandlers, CastHandlers } from './protocol.ts';
import type { From, Request } from './request.ts';
import { type NoReply, noreply, type Stop, stop } from './results.ts';

/** Events a process may have postponed; the next is dropped with a warning, and its caller gets `MAILBOX_FULL`. */
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

/** What xstate (5.33) asks of whoever runs a machine. */
interface ActorScope {
  readonly self: object;
  readonly system: { _sendInspectionEvent(): void };
  readonly defer: () => void;
  readonly actionExecutor: (action: MachineAction) => void;
}

/**
 * The pure functions of an xstate machine. They are called as they are: xstate's own `transition` makes an actor and a
 * system for each event and throws them away, and would be the only part of xstate that this file needs.
 */
interface PureMachine {
  getInitialSnapshot(scope: ActorScope): Snapshot;
  transition(snapshot: Snapshot, event: object, scope: ActorScope): Snapshot;
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

/** Inner state of a {@link GenStatem} process: opaque. */
export interface StatemState {
  /** Undefined until the first state is entered. */
  snapshot: { readonly value: unknown; readonly status: string } | undefined;
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
  readonly #timeouts = new EventTimeouts<StateEvent>();
  readonly #state: StatemState = { snapshot: undefined };
  #stopReason: { readonly reason: ExitReason } | undefined;
  readonly #raised: EventsOf<M>[] = [];
  #isStepping = false;
  #isDispatching = false;

  /** The state the machine is in. */
  get state(): StatesOf<M> {
    return String(this.#state.snapshot?.value ?? '') as StatesOf<M>;
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
    // Outside of an event nobody looks at the result, so the process stops itself.
    const process = asProcess(this.self);
    if (this.#stopReason && !this.#isDispatching && !process.isTerminating) process.exit(this.#stopReason.reason);
  }

  /** Sends itself `event` after `delayMs`, unless it is cancelled or set anew; it survives changes of state. */
  protected startTimeout(name: string, delayMs: number, event: EventsOf<M>): void {
    this.#timeouts.arm(this.self, `named:${name}`, delayMs, event as unknown as StateEvent);
  }

  /** Takes {@link GenStatem.startTimeout} back. @returns false when it was not running. */
  protected cancelTimeout(name: string): boolean {
    return this.#timeouts.cancel(`named:${name}`);
  }

  /** Sends itself `event` after `delayMs`, unless any other event comes first. `Infinity` takes it back. */
  protected startEventTimeout(delayMs: number, event: EventsOf<M>): void {
    this.#timeouts.arm(this.self, EVENT_TIMEOUT, delayMs, event as unknown as StateEvent);
  }

  override init(...args: A): StatemState | Stop<unknown> {
    this.prepare(...args);
    this.#step(undefined);
    return this.#stopReason ? stop(this.#stopReason.reason, undefined) : this.#state;
  }

  // The protocol depends on the machine's type, which is open here, so the maps are built by hand and cast once.
  override readonly handleCall: CallHandlers<StatemState, StatemProtocol<EventsOf<M>>> = {
    event: (event: EventsOf<M>, _: StatemState, from: From<unknown>) => this.#handle(event, from),
  } as never;

  override readonly handleCast: CastHandlers<StatemState, StatemProtocol<EventsOf<M>>> = {
    event: (event: EventsOf<M>) => this.#handle(event),
    timeout: (fired: FiredTimeout<EventsOf<M>>) =>
      this.#timeouts.take(fired) ? this.#handle(fired.event) : noreply(this.#state),
  } as never;

  override terminate(_reason: ExitReason, _state: StatemState): void {
    this.#timeouts.clear();
  }

  #handle(event: EventsOf<M>, from?: From<unknown>): NoReply<StatemState> | Stop<StatemState> {
    this.#isDispatching = true;
    try {
      this.#dispatch({ event, from });
    } finally {
      this.#isDispatching = false;
    }
    return this.#stopReason ? stop(this.#stopReason.reason, this.#state) : noreply(this.#state);
  }

  #dispatch(item: Postponed<EventsOf<M>>): void {
    const queue = [item];
    for (let next = queue.shift(); next !== undefined && this.#stopReason === undefined; next = queue.shift()) {
      this.#timeouts.cancel(EVENT_TIMEOUT);
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
    if (this.#postponed.length < POSTPONED_EVENTS_MAX) {
      this.#postponed.push(item);
      return;
    }
    const { host, label } = asProcess(this.self);
    host.logger.warn(`${label} dropped a postponed event`, { type: item.event.type });
    (item.from as Request | undefined)?.fail('MAILBOX_FULL', POSTPONED_EVENTS_MAX);
  }

  /** One transition, the first one without an event, and then those that its actions raise. */
  #step(event: EventsOf<M> | undefined): void {
    this.#timeouts.cancel(EVENT_TIMEOUT);
    const machine = this.machine.definition as PureMachine;
    const actions: MachineAction[] = [];
    const scope: ActorScope = { ...INERT, actionExecutor: (action) => actions.push(action) };
    const before = this.#state.snapshot;
    const snapshot =
      event === undefined || before === undefined
        ? machine.getInitialSnapshot(scope)
        : machine.transition(before, event as object, scope);
    this.#state.snapshot = snapshot;
    this.#isStepping = true;
    try {
      this.#run(actions, event);
    } finally {
      this.#isStepping = false;
    }
    if (snapshot.status === 'done') this.#stopReason ??= { reason: 'normal' };
    const next = this.#stopReason ? undefined : this.#raised.shift();
    if (next !== undefined) this.#step(next);
  }

  #run(actions: readonly MachineAction[], event: EventsOf<M> | undefined): void {
    const context = { event, state: this.state };
    for (const { type, params } of actions) {
      if (type === 'xstate.raise') this.#arm(params as DelayedRaise);
      else if (type === 'xstate.cancel') this.#timeouts.cancel(String((params as { sendId?: unknown })?.sendId));
      else {
        const run = this.actions[type];
        if (!run) throw new TypeError(`${this.moduleName}: the machine names an unknown action ${type}`);
        run(context);
      }
    }
  }

  #arm({ id, event, delay = 0 }: DelayedRaise): void {
    this.#timeouts.arm(this.self, id ?? event.type, delay, event);
  }
}

const EVENT_TIMEOUT = 'event_timeout';

/** A machine that is only asked never uses these. */
const INERT = { self: {}, system: { _sendInspectionEvent: (): void => {} }, defer: (): void => {} } as const;
