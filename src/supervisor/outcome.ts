/** Results that cross a mailbox: an operating error is an answer, not a crash of who found it. */
import { callable } from '../actors/client.ts';
import { isThenable } from '../actors/gen-server-process.ts';
import type { Pid } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import { type Reply, reply } from '../actors/results.ts';
import { SupervisorError } from './errors.ts';

/** A value or the error to throw at the caller. @internal */
export type Outcome<T> = { readonly value: T } | { readonly error: SupervisorError };

/** Calls a supervisor and takes the outcome apart; waits as long as its children take. @internal */
export async function ask(supervisor: Pid, tag: string, payload: unknown): Promise<unknown> {
  const outcome = await callable(supervisor).call(tag, payload, { timeoutMs: Number.POSITIVE_INFINITY });
  if ('error' in (outcome as Outcome<unknown>)) throw (outcome as { error: SupervisorError }).error;
  return (outcome as { value: unknown }).value;
}

/** The reply that `handle` makes, or one with the SupervisorError that it throws at once. @internal */
export function answer<S, R>(state: S, handle: () => R): R | Reply<Outcome<never>, S> {
  try {
    return handle();
  } catch (error) {
    if (error instanceof SupervisorError) return reply({ error }, state);
    throw error;
  }
}

/** Goes on with `value`: in this turn, unless it is a promise. @internal */
export function whenDone<T, R>(value: MaybePromise<T>, next: (value: T) => R): MaybePromise<R> {
  return isThenable(value) ? Promise.resolve(value).then(next as (value: unknown) => R) : next(value as T);
}
