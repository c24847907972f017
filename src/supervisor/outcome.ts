/** Results that cross a mailbox: an operating error is an answer, not a crash of who found it. */
import type { SupervisorError } from './errors.ts';

/** A value or the error to throw at the caller. @internal */
export type Outcome<T> = { readonly value: T } | { readonly error: SupervisorError };

/** Starting and stopping takes as long as the children take. @internal */
export const WAIT: Readonly<{ timeoutMs: number }> = { timeoutMs: Number.POSITIVE_INFINITY };

/** The value; throws the error. @internal */
export function unwrap<T>(outcome: Outcome<T>): T {
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
