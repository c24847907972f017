/** The {@link Shell} of a real process. */
import { lookup } from 'node:dns/promises';
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { systemClock } from '../base/clock.ts';
import type { Unsubscribe } from '../base/emitter.ts';
import { systemRandom } from '../base/random.ts';
import { defaultEngine } from '../crypto/default-engine.ts';
import { EXIT_FAILURE, exitCodeOf } from './command-line.ts';
import { CliError } from './errors.ts';
import type { Shell, StopCause, Terminal } from './shell.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @param programPath - path of the file that was started. */
export function systemShell(programPath: string): Shell {
  const stops = new StopRequests();
  // Whoever read our output has gone: that is how pipelines end, not a failure.
  process.stdout.on('error', (error: { code?: string }) => {
    if (error.code === 'EPIPE') {
      stops.request('EPIPE');
      return;
    }
    process.stderr.write(`genmesh: cannot write to standard output (${error.code ?? 'unknown error'})\n`);
    process.exit(EXIT_FAILURE);
  });
  process.stderr.on('error', () => {});
  return {
    clock: systemClock,
    random: systemRandom,
    // Made when it is first asked for: a help text needs none, and sodium-native takes its time to load.
    get engine() {
      return defaultEngine();
    },
    programPath,
    version: (createRequire(import.meta.url)('genmesh/package.json') as { version: string }).version,
    terminal: process.stdout.isTTY && process.env.TERM !== 'dumb' ? new SystemTerminal() : undefined,
    out: (text) => (process.stdout.writable ? process.stdout.write(text) : true),
    onOutDrain: (listener) => {
      process.stdout.on('drain', listener);
      return () => {
        process.stdout.off('drain', listener);
      };
    },
    lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
    err: (text) => {
      if (process.stderr.writable) process.stderr.write(text);
    },
    readInput,
    onStop: (listener) => stops.on(listener),
  };
}

async function readInput(bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > bytesMax) {
      throw new CliError('INPUT_TOO_LONG', `standard input is longer than ${bytesMax} bytes: give less`);
    }
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

class StopRequests {
  readonly #listeners = new Set<(cause: StopCause) => void>();
  #isInstalled = false;
  #isRequested = false;

  on(listener: (cause: StopCause) => void): Unsubscribe {
    this.#listeners.add(listener);
    if (!this.#isInstalled) {
      this.#isInstalled = true;
      for (const signal of STOP_SIGNALS) process.on(signal, () => this.request(signal));
    }
    return () => {
      this.#listeners.delete(listener);
    };
  }

  request(cause: StopCause): void {
    if (this.#listeners.size === 0) process.exit(exitCodeOf(cause));
    if (this.#isRequested) {
      // Writes that were under way fail after the first one too; only a person asks twice.
      if (cause !== 'EPIPE') process.exit(exitCodeOf(cause));
      return;
    }
    this.#isRequested = true;
    for (const listener of [...this.#listeners]) listener(cause);
  }
}

class SystemTerminal implements Terminal {
  readonly hasColor: boolean = (process.env.NO_COLOR ?? '') === '';

  size(): { readonly columns: number; readonly rows: number } {
    return { columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 };
  }

  write(text: string): boolean {
    return process.stdout.writable ? process.stdout.write(text) : true;
  }

  onResize(listener: () => void): Unsubscribe {
    process.stdout.on('resize', listener);
    return () => {
      process.stdout.off('resize', listener);
    };
  }

  onDrain(listener: () => void): Unsubscribe {
    process.stdout.on('drain', listener);
    return () => {
      process.stdout.off('drain', listener);
    };
  }

  onKey(listener: (key: string) => void): Unsubscribe {
    const { stdin } = process;
    if (!stdin.isTTY) return () => {};
    const read = (chunk: string): void => {
      for (const key of keysOf(chunk)) listener(key);
    };
    const restore = (): void => {
      stdin.setRawMode(false);
    };
    stdin.setEncoding('utf8');
    stdin.setRawMode(true);
    stdin.on('data', read);
    stdin.resume();
    process.on('exit', restore);
    return () => {
      process.off('exit', restore);
      stdin.off('data', read);
      restore();
      stdin.pause();
    };
  }

  onExit(text: string): Unsubscribe {
    const restore = (): void => {
      try {
        writeSync(1, text);
      } catch {
        // The terminal has gone, so nothing is left to restore.
      }
    };
    process.on('exit', restore);
    return () => {
      process.off('exit', restore);
    };
  }
}

/** Cuts typed text into keys: an escape sequence is one key. @internal */
export function keysOf(chunk: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with a control character
  return chunk.match(/\u001b\[[0-9;]*[A-Za-z~]|\u001bO[A-Z]|[\s\S]/gu) ?? [];
}
