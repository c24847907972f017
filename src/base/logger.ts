/**
 * Log lines with levels and fields. What is made with options is silent unless they name a logger: programs pass
 * {@link createLogger} with a sink of their own. Only the system of programs that name none prints, as OTP does: a crash
 * that nobody hears of is a bug that nobody finds.
 */
import type { Clock } from './clock.ts';
import { checkMethods, describeReason } from './errors.ts';

/** From most to least talkative; a logger passes its own level and everything after it. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** How much a logger says. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line is about besides its text. Never put secrets or whole payloads here. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where genmesh says what happened. An exception from an implementation is swallowed, see {@link guardLogger}; so is the
 * rejection of a promise it gives back.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const nothing = (): void => {};

/** Says nothing: the default of whatever is made with options. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Longest value of a field in a line, in characters; the rest is cut with an ellipsis. */
export const LOG_FIELD_CHARS_MAX = 300;

/**
 * A logger that formats one line a call: `2026-11-20T09:00:00.000Z warn  message key=value`.
 *
 * @param options.write - takes one line without its line break; an exception from it is swallowed.
 * @param options.level - default `info`.
 */
export function createLogger(options: {
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly level?: LogLevel;
}): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level ?? 'info');
  const at = (level: LogLevel): ((message: string, fields?: LogFields) => void) => {
    if (LOG_LEVELS.indexOf(level) < threshold) return nothing;
    return (message, fields) => {
      try {
        options.write(formatLogLine(options.clock.wallMs(), level, message, fields));
      } catch {
        // A sink that fails must not take down who logs.
      }
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Warnings and errors, a line each, on the error console (stderr in Node): how the default system says why it restarts. */
export function consoleLogger(clock: Clock): Logger {
  return createLogger({ write: (line) => console.error(line), clock, level: 'warn' });
}

const LOGGER_METHODS = ['debug', 'info', 'warn', 'error'] as const;
const guarded = new WeakSet<Logger>([silentLogger]);

/**
 * A logger that passes everything on to `logger` and survives it: a sink that fails must not take down who logs. Called
 * wherever a logger comes in from outside; what was guarded once is given back as it is.
 *
 * @throws TypeError naming the option `logger` when one of the four methods is missing.
 */
export function guardLogger(logger: Logger): Logger {
  if (guarded.has(checkMethods('logger', logger, 'a Logger', LOGGER_METHODS))) return logger;
  const at =
    (level: (typeof LOGGER_METHODS)[number]) =>
    (message: string, fields?: LogFields): void => {
      try {
        // An async function is a Logger too, for the compiler; what it rejects with would end the program.
        const outcome: unknown = logger[level](message, fields);
        if (outcome instanceof Promise) outcome.catch(nothing);
      } catch {
        // There is nowhere left to say it.
      }
    };
  const safe: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  guarded.add(safe);
  return safe;
}

function formatLogLine(wallMs: number, level: LogLevel, message: string, fields?: LogFields): string {
  let line = `${new Date(wallMs).toISOString()} ${level.padEnd(5)} ${message}`;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue;
    const text = describeReason(value, LOG_FIELD_CHARS_MAX);
    line += ` ${key}=${/[\s"=]/.test(text) ? JSON.stringify(text) : text}`;
  }
  // Text that came from a peer must not forge a second line or drive a terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
