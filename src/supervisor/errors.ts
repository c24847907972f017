/** Errors of supervisors. Codes and what to do about each: `docs/errors.md`. */
import { CodedError } from '../base/errors.ts';

/** Every code a {@link SupervisorError} can carry. */
export const SUPERVISOR_ERROR_CODES = [
  'ALREADY_PRESENT',
  'CHILD_NOT_RUNNING',
  'CHILD_RUNNING',
  'CHILD_RESTARTING',
  'CHILD_SPEC_INVALID',
  'DUPLICATE_CHILD',
  'FAILED_TO_START_CHILD',
  'MAX_CHILDREN',
  'NOT_FOUND',
] as const;

/** One of {@link SUPERVISOR_ERROR_CODES}. */
export type SupervisorErrorCode = (typeof SUPERVISOR_ERROR_CODES)[number];

/** An operating error of a supervisor. `reason` is the exit reason behind it, where there is one. */
export class SupervisorError extends CodedError<SupervisorErrorCode> {
  readonly reason: unknown;

  constructor(
    code: SupervisorErrorCode,
    message: string,
    options: { readonly reason?: unknown; readonly cause?: unknown } = {},
  ) {
    super(code, message, 'cause' in options ? { cause: options.cause } : undefined);
    this.reason = options.reason;
  }
}
