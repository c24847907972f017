/** What goes wrong between bytes and values: one class, a closed list of codes. */
import { CodedError } from '../base/errors.ts';

/** Every code of {@link CodecError}. */
export const CODEC_ERROR_CODES = [
  /** The input ends before the value does. */
  'TRUNCATED',
  /** A number does not fit its field, or a count is over its bound. */
  'OUT_OF_RANGE',
  /** A value, on the wire or given to an encoder, that its field does not allow. */
  'INVALID_VALUE',
  /** Text that is not an even number of hex digits. */
  'INVALID_HEX',
  /** A frame header declares more than the cap of its decoder. */
  'FRAME_TOO_LARGE',
  /** No message of the catalog has this id or name. */
  'UNKNOWN_MESSAGE',
  /** A public key with a curve id without a known layout. */
  'UNKNOWN_CURVE',
  /** An address or digest with a hash id without a known layout. */
  'UNKNOWN_HASH',
  /** A message envelop whose flag byte is neither 0 nor 1. */
  'INVALID_FLAG',
  /** A typed value nested deeper than its bound. */
  'TOO_DEEP',
] as const;

/** Why an encoder or decoder refuses. */
export type CodecErrorCode = (typeof CODEC_ERROR_CODES)[number];

/**
 * The only thing a decoder throws, whatever its input, and what an encoder throws for a value its schema does not allow.
 * The message begins with the field path (`NodeList.nodes[3].port: ...`) where there is one.
 */
export class CodecError extends CodedError<CodecErrorCode> {
  readonly #detail: string;
  #path = '';

  constructor(code: CodecErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
    this.#detail = message;
  }

  /** Where in the value it went wrong, as `nodes[3].port`; empty when that is not known. */
  get path(): string {
    return this.#path;
  }

  /**
   * Puts a field name or a list index before the path, for a schema that passes the error of a part on.
   *
   * @returns this same error.
   */
  at(segment: string | number): this {
    const own = typeof segment === 'number' ? `[${segment}]` : segment;
    this.#path = this.#path === '' || this.#path.startsWith('[') ? own + this.#path : `${own}.${this.#path}`;
    this.message = `${this.#path}: ${this.#detail}`;
    return this;
  }
}

/** What to throw on when the part under `segment` threw `error`: a codec error with its path, else `error` itself. */
export function locateError(error: unknown, segment: string | number): unknown {
  return error instanceof CodecError ? error.at(segment) : error;
}
