/**
 * What a callback returns: reply, noreply, stop, and for `init` also ok and ignore, each with an optional action.
 *
 * They are classes with a `kind`, not tuples: without the brand a reply of the wrong type would structurally be a noreply
 * and compile.
 */

/**
 * What to do after a callback.
 *
 * - `timeoutMs`: if no message at all arrives within that many ms, `handleInfo` gets `{ type: 'timeout' }`.
 *   With `message`, it gets that instead.
 * - `continue`: `handleContinue` runs with that value before any message.
 * - `hibernate`: gives memory back until the next message.
 */
export type Action =
  | { readonly timeoutMs: number; readonly message?: unknown }
  | { readonly continue: unknown }
  | { readonly hibernate: true };

/** Result of a call handler: the reply and the next state. */
export class Reply<R, S> {
  readonly kind = 'reply' as const;
  readonly value: R;
  readonly state: S;
  readonly action: Action | undefined;
  constructor(value: R, state: S, action: Action | undefined) {
    this.value = value;
    this.state = state;
    this.action = action;
  }
}

/** Result of a handler that answers nobody (yet): the next state. */
export class NoReply<S> {
  readonly kind = 'noreply' as const;
  readonly state: S;
  readonly action: Action | undefined;
  constructor(state: S, action: Action | undefined) {
    this.state = state;
    this.action = action;
  }
}

/** Result of a handler that ends its process. */
export class Stop<S, R = never> {
  readonly kind = 'stop' as const;
  readonly reason: unknown;
  readonly state: S;
  readonly hasReply: boolean;
  readonly value: R | undefined;
  constructor(reason: unknown, state: S, hasReply: boolean, value: R | undefined) {
    this.reason = reason;
    this.state = state;
    this.hasReply = hasReply;
    this.value = value;
  }
}

/** Result of an `init` that needs an action; without one `init` returns the bare state. */
export class Ok<S> {
  readonly kind = 'ok' as const;
  readonly state: S;
  readonly action: Action | undefined;
  constructor(state: S, action: Action | undefined) {
    this.state = state;
    this.action = action;
  }
}

/** Result of an `init` that does not want its process to run: the start is refused with code `IGNORE`. */
export class Ignore {
  readonly kind = 'ignore' as const;
}

const IGNORE = new Ignore();

/** Answers the caller with `value` and goes on with `state`. */
export function reply<R, S>(value: R, state: S, action?: Action): Reply<R, S> {
  return new Reply(value, state, action);
}

/** Goes on with `state`; a call handler that returns it answers later by `from.reply`. */
export function noreply<S>(state: S, action?: Action): NoReply<S> {
  return new NoReply(state, action);
}

/** Ends the process with `reason`; `terminate` runs first. With `value`, the caller is answered after that. */
export function stop<S, R = never>(reason: unknown, state: S, ...value: [R] | []): Stop<S, R> {
  return new Stop<S, R>(reason, state, value.length > 0, value[0]);
}

/** From `init`: start with `state` and an action. */
export function ok<S>(state: S, action?: Action): Ok<S> {
  return new Ok(state, action);
}

/** From `init`: do not start, and do not call it a failure. */
export function ignore(): Ignore {
  return IGNORE;
}

/** True for what a callback may return, so that a thrown one counts as returned. @internal */
export function isResult(value: unknown): boolean {
  return (
    value instanceof Reply ||
    value instanceof NoReply ||
    value instanceof Stop ||
    value instanceof Ok ||
    value instanceof Ignore
  );
}
