/**
 * Coded errors: the one shape of every error that genmesh hands to a caller.
 *
 * Each folder has one `errors.ts` with one class over {@link CodedError} and a closed list of codes. Test on `code`,
 * never on the message: codes are stable, messages are for people. Programmer errors (a wrong type, a value out of
 * range) are plain `TypeError` and `RangeError` and are not part of this family.
 */

/**
 * An operating error or a remote fault, told apart by `code`.
 *
 * @typeParam C - the union of codes of the folder that throws it, UPPER_SNAKE. Codes may be added in a minor version.
 */
export abstract class CodedError<C extends string = string> extends Error {
  /** Stable, machine-readable reason; has a row in `docs/errors.md`. */
  readonly code: C;

  constructor(code: C, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/**
 * A coded error with an exit reason behind it: what the errors of processes and of supervisors have in common.
 *
 * @typeParam C - the codes it can carry.
 */
export abstract class ReasonedError<C extends string = string> extends CodedError<C> {
  /** The exit reason, or the pid that was in the way; see the class. */
  readonly reason: unknown;

  constructor(code: C, message: string, options: { readonly reason?: unknown; readonly cause?: unknown } = {}) {
    super(code, message, options);
    this.reason = options.reason;
  }
}

/** Says whether `value` is a {@link CodedError}, and with `code`, whether it carries that code. */
export function isCodedError(value: unknown, code?: string): value is CodedError {
  return value instanceof CodedError && (code === undefined || value.code === code);
}

/** One line for a human about any thrown or exit value; never a stack, at most `charsMax` characters (default 300). */
export function describeReason(reason: unknown, charsMax = 300): string {
  let text: string;
  if (reason instanceof CodedError) text = `${reason.code}: ${reason.message}`;
  else if (reason instanceof Error) text = `${reason.name}: ${reason.message}`;
  else if (typeof reason === 'string') text = reason;
  else if (typeof reason === 'number') text = String(reason);
  else if (isShutdown(reason)) {
    // One level is what a shutdown has; a deeper one, perhaps without end, is shown as the plain value it is.
    const inner = isShutdown(reason.shutdown) ? Object.prototype.toString.call(reason.shutdown) : reason.shutdown;
    text = `shutdown: ${describeReason(inner, charsMax)}`;
  } else {
    try {
      text = JSON.stringify(reason) ?? String(reason);
    } catch {
      text = Object.prototype.toString.call(reason);
    }
  }
  const line = text.replace(/\s*\n\s*/g, ' ');
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1)}…`;
}

function isShutdown(reason: unknown): reason is { shutdown: unknown } {
  return typeof reason === 'object' && reason !== null && Object.hasOwn(reason, 'shutdown');
}

/**
 * Asserts what the code around it guarantees; a failure is a bug in genmesh, not bad input.
 *
 * @throws Error `invariant: <message>` when `condition` is false.
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`);
}

/**
 * Checks an integer option at the door.
 *
 * @returns `value` when it is an integer in [min, max].
 * @throws RangeError naming the option, its value and its range.
 */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`option ${name} is ${describeReason(value, 60)}: expected an integer from ${min} to ${max}`);
  }
  return value;
}

/** The names of the options in `T`, all of them: what {@link checkOptionNames} compares with. */
export type OptionNames<T> = { readonly [K in keyof T]-?: unknown };

/**
 * Checks that an option object has no option that nobody reads: a misspelt one would be ignored.
 *
 * @param known - has a key for each option there is; its values do not matter.
 * @param whose - whose options they are, for the text: ` of channel 112`. Default: nobody's in particular.
 * @throws TypeError for what is no object; RangeError naming the first option that is not known.
 */
export function checkOptionNames<T extends object>(options: T, known: OptionNames<T>, whose = ''): void {
  if (typeof options !== 'object' || options === null) throw new TypeError(`the options${whose} are not an object`);
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw new RangeError(`option ${unknown.slice(0, 60)}${whose} is not known`);
}

/**
 * Checks that an option is one of a closed set of strings.
 *
 * @throws RangeError naming the option, its value and the allowed values.
 */
export function checkOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    throw new RangeError(`option ${name} is ${describeReason(value, 60)}: expected one of ${allowed.join(', ')}`);
  }
  return value as T;
}

/**
 * Checks a switch: `'false'` is no false, and 0 is none either.
 *
 * @throws TypeError naming the option and its value.
 */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`option ${name} is ${describeReason(value, 60)}: expected true or false`);
}

/**
 * Checks that an option is a function.
 *
 * @throws TypeError naming the option and its value.
 */
export function checkFunction<T>(name: string, value: T): T {
  if (typeof value === 'function') return value;
  throw new TypeError(`option ${name} is ${describeReason(value, 60)}: expected a function`);
}

/**
 * Checks an option that users implement themselves: that it has the methods it is going to be called by.
 *
 * @param kind - what it should be, with its article, e.g. `a Logger`.
 * @returns `value`.
 * @throws TypeError naming the option, what it should be, and the first method that is missing.
 */
export function checkMethods<T extends object>(
  name: string,
  value: T,
  kind: string,
  methods: readonly (keyof T & string)[],
): T {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    throw new TypeError(`option ${name} is not ${kind}`);
  }
  const missing = methods.find((method) => typeof value[method] !== 'function');
  if (missing !== undefined) throw new TypeError(`option ${name} is not ${kind}: it has no method ${missing}`);
  return value;
}
