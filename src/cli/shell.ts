/**
 * What a command sees of the operating system, as one value: streams, signals, terminal, time and chance. Commands take it
 * as an argument, so that a test can run them without a process of their own; `system-shell.ts` is the real one.
 */
import type { Clock } from '../base/clock.ts';
import type { Unsubscribe } from '../base/emitter.ts';
import type { Random } from '../base/random.ts';
import type { CryptoEngine } from '../crypto/engine.ts';

/** Why a command that runs on is asked to end: a signal, or the reader of its output has gone. */
export type StopCause = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'EPIPE';

/** A terminal that can be drawn on. */
export interface Terminal {
  /** Its size now, in characters. */
  size(): { readonly columns: number; readonly rows: number };
  /** Whether colours are wanted (`NO_COLOR` is not set). */
  readonly hasColor: boolean;
  /** Writes; false when it does not keep up: wait for `onDrain`. */
  write(text: string): boolean;
  /** Calls `listener` for each change of size, until taken back. */
  onResize(listener: () => void): Unsubscribe;
  /** Calls `listener` for what is typed, key by key, unechoed, until taken back. Ctrl-C arrives as `\u0003`. */
  onKey(listener: (key: string) => void): Unsubscribe;
  /** Calls `listener` whenever a write that answered false has gone out. */
  onDrain(listener: () => void): Unsubscribe;
  /** Writes `text` when the program ends in any way that a program notices, until taken back. */
  onExit(text: string): Unsubscribe;
}

/** The surroundings of a command. */
export interface Shell {
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: CryptoEngine;
  /** Path of the program, to start more processes of it. */
  readonly programPath: string;
  /** Version of the package. */
  readonly version: string;
  /** The terminal behind standard output; `undefined` for a pipe, a file or a dumb terminal. */
  readonly terminal: Terminal | undefined;
  /** Writes to standard output. @returns false when its reader does not keep up: wait for `onOutDrain`, or it all waits in memory. */
  out(text: string): boolean;
  /** Calls `listener` whenever a write that answered false has gone out, until taken back. */
  onOutDrain(listener: () => void): Unsubscribe;
  /** Writes to standard error. */
  err(text: string): void;
  /** The IP addresses of a host name, in the order to try them. @throws an error of the system with a `code` when it has none. */
  lookup(host: string): Promise<readonly string[]>;
  /** Everything from standard input. @throws CliError `INPUT_TOO_LONG` past `bytesMax`. */
  readInput(bytesMax: number): Promise<Uint8Array>;
  /**
   * From now on a signal calls `listener` instead of ending the program; a second one ends it at once, with 128 + its number.
   */
  onStop(listener: (cause: StopCause) => void): Unsubscribe;
}
