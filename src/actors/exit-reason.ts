/**
 * Exit reasons: why a process ended, as values that travel over links and monitors.
 *
 * `'normal'`, `'shutdown'` and `{ shutdown: term }` are clean: nobody logs them and a transient child is not restarted.
 * An exception is its own reason: the thrown value itself.
 */
import { describeReason } from '../base/errors.ts';

/** Why a process ended. Any value; the named ones have a meaning of their own. */
export type ExitReason = 'normal' | 'shutdown' | 'killed' | 'noproc' | { readonly shutdown: unknown } | unknown;

/** True for `normal`, `shutdown` and `{ shutdown: term }`: a wanted end. */
export function isCleanExit(reason: ExitReason): boolean {
  return (
    reason === 'normal' ||
    reason === 'shutdown' ||
    (typeof reason === 'object' && reason !== null && !(reason instanceof Error) && Object.hasOwn(reason, 'shutdown'))
  );
}

/** One line about an exit reason. */
export function formatExitReason(reason: ExitReason): string {
  return describeReason(reason);
}
