/** Errors of the command line: each is one line for a person that says what to do. Codes: `docs/errors.md`. */
import { CodedError } from '../base/errors.ts';

/** Every code a {@link CliError} carries; codes may be added in a minor version. */
export const CLI_ERROR_CODES = [
  /** The command was called in a way it does not understand; exit code 2. */
  'USAGE',
  /** A file that is needed is not there. */
  'FILE_MISSING',
  /** A file cannot be read: no permission, a directory, larger than allowed. */
  'FILE_UNREADABLE',
  /** A file would be overwritten and `--force` was not given. */
  'FILE_EXISTS',
  /** A file cannot be written. */
  'FILE_UNWRITABLE',
  /** A key file does not hold a key. */
  'KEY_FILE_INVALID',
  /** Others than its owner may read a key file. */
  'KEY_FILE_EXPOSED',
  /** A peers file names no node, or a line of it does not parse. */
  'PEERS_FILE_INVALID',
  /** Standard input is longer than the command takes. */
  'INPUT_TOO_LONG',
  /** Bytes that are no frame, envelope or message, or one that does not hold. */
  'NOT_DECODABLE',
  /** A call got no reply. */
  'CALL_FAILED',
  /** A node does not start, or stopped by itself. */
  'NODE_FAILED',
  /** The demo does not start, or not every call was answered. */
  'DEMO_FAILED',
] as const;

/** One of {@link CLI_ERROR_CODES}. */
export type CliErrorCode = (typeof CLI_ERROR_CODES)[number];

/** An operating error of a command, or a wrong use of it; `cause` is set when it wraps another. */
export class CliError extends CodedError<CliErrorCode> {}
