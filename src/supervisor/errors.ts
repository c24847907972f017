/** Errors of supervisors. Codes and what to do about each: `docs/errors.md`. */
import { ReasonedError } from '../base/errors.ts';

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
export class SupervisorError extends ReasonedError<SupervisorErrorCode> {}
