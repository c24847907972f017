/** Errors of the process column. Codes and what to do about each: `docs/errors.md`. */
import { ReasonedError } from '../base/errors.ts';

/** Every code an {@link ActorError} can carry. */
export const ACTOR_ERROR_CODES = [
  'ABORTED',
  'ALREADY_REGISTERED',
  'ALREADY_STARTED',
  'BAD_RETURN_VALUE',
  'CALLBACK_FAILED',
  'CALLING_SELF',
  'CALL_CYCLE',
  'EXIT',
  'IGNORE',
  'INIT_TIMEOUT',
  'MAILBOX_FULL',
  'NAME_INVALID',
  'NOPROC',
  'NOT_SUSPENDED',
  'START_FAILED',
  'TIMEOUT',
  'UNHANDLED_MESSAGE',
] as const;

/** One of {@link ACTOR_ERROR_CODES}. */
export type ActorErrorCode = (typeof ACTOR_ERROR_CODES)[number];

/**
 * An operating error of the process column.
 *
 * `reason` is the OTP exit reason behind it, as links and monitors would see it: for `EXIT` why the server died, for
 * `START_FAILED` what `init` stopped with, for `ALREADY_STARTED` and `ALREADY_REGISTERED` the pid that holds the name.
 */
export class ActorError extends ReasonedError<ActorErrorCode> {}
