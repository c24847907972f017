/** What a {@link StateServer} callback returns: where to go, with which data, and what to do on the way; `gen_statem(3)`. */
import type { From } from './request.ts';

/** What happens beside the transition. They take effect in the order given. */
export type TransitionAction<E> =
  /** Handles the event again after the next real change of state. */
  | { readonly postpone: true }
  /** Handles `event` before everything that waits; several in the order given. */
  | { readonly nextEvent: E }
  /** One event after that many ms, unless the state changes first. `Infinity` takes it back. */
  | { readonly stateTimeoutMs: number; readonly event: E }
  /** One event after that many ms, unless any other comes first. */
  | { readonly eventTimeoutMs: number; readonly event: E }
  /** One event after that many ms, whatever happens, unless it is set anew or cancelled. */
  | { readonly timeout: string; readonly timeoutMs: number; readonly event: E }
  | { readonly cancelTimeout: string }
  | { readonly reply: From<never>; readonly value: unknown };

/** A result; made by the functions of this file. */
export class Transition<S, D, E> {
  readonly kind: 'next' | 'keep' | 'repeat' | 'halt';
  readonly state: S | undefined;
  readonly data: D | undefined;
  readonly hasData: boolean;
  readonly actions: readonly TransitionAction<E>[];
  readonly reason: unknown;

  constructor(
    kind: 'next' | 'keep' | 'repeat' | 'halt',
    state: S | undefined,
    data: readonly [D] | readonly [],
    actions: readonly TransitionAction<E>[],
    reason?: unknown,
  ) {
    this.kind = kind;
    this.state = state;
    this.hasData = data.length === 1;
    this.data = data[0];
    this.actions = actions;
    this.reason = reason;
  }
}

/** Goes to `state`, which may be the same: then nothing is retried and no timeout ends. */
export function nextState<S extends string, D, E = never>(
  state: S,
  data: D,
  actions: readonly TransitionAction<E>[] = [],
): Transition<S, D, E> {
  return new Transition('next', state, [data], actions);
}

/** Stays, with new data. */
export function keepState<D, E = never>(
  data: D,
  actions: readonly TransitionAction<E>[] = [],
): Transition<never, D, E> {
  return new Transition<never, D, E>('keep', undefined, [data], actions);
}

/** Stays, with the data as it is. */
export function keepStateAndData<E = never>(actions: readonly TransitionAction<E>[] = []): Transition<never, never, E> {
  return new Transition<never, never, E>('keep', undefined, [], actions);
}

/** Enters the same state again: its enter call runs; nothing is retried. */
export function repeatState<D, E = never>(
  data: D,
  actions: readonly TransitionAction<E>[] = [],
): Transition<never, D, E> {
  return new Transition<never, D, E>('repeat', undefined, [data], actions);
}

/** Ends the process with `reason`. */
export function stopState<D>(reason: unknown, ...data: readonly [D] | readonly []): Transition<never, D, never> {
  return new Transition<never, D, never>('halt', undefined, data, [], reason);
}

/** Answers callers and ends the process with `reason`. */
export function stopAndReply<D>(
  reason: unknown,
  replies: readonly { readonly reply: From<never>; readonly value: unknown }[],
  ...data: readonly [D] | readonly []
): Transition<never, D, never> {
  return new Transition<never, D, never>('halt', undefined, data, replies, reason);
}
