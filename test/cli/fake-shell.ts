/** A shell for commands that run inside a test: what they write is kept, signals are function calls. */
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { Random } from '../../src/base/random.ts';
import { CliError } from '../../src/cli/errors.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { Shell, StopCause } from '../../src/cli/shell.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

let nextSeed = 1;

export class FakeShell implements Shell {
  readonly clock: Clock = systemClock;
  /** Another seed each: two ends with the same random bytes would have the same keys. */
  readonly random: Random = new SeededRandom(nextSeed++);
  readonly engine: CryptoEngine = defaultEngine();
  readonly programPath = '/nowhere';
  readonly version = '1.2.3';
  readonly terminal = undefined;
  readonly input: Uint8Array;
  stdout = '';
  stderr = '';
  /** Whether the reader of standard output lags behind. */
  isCongested = false;
  /** What names stand for. */
  readonly hosts: Map<string, readonly string[]> = new Map();
  readonly #drains = new Set<() => void>();
  readonly #stops = new Set<(cause: StopCause) => void>();
  #onOutput: () => void = () => {};

  constructor(input = '') {
    this.input = new TextEncoder().encode(input);
  }

  out(text: string): boolean {
    this.stdout += text;
    this.#onOutput();
    return !this.isCongested;
  }

  onOutDrain(listener: () => void): () => void {
    this.#drains.add(listener);
    return () => this.#drains.delete(listener);
  }

  /** The reader of standard output has caught up. */
  drain(): void {
    this.isCongested = false;
    for (const listener of this.#drains) listener();
  }

  async lookup(host: string): Promise<readonly string[]> {
    const addresses = this.hosts.get(host);
    if (addresses === undefined) throw Object.assign(new Error(`no ${host}`), { code: 'ENOTFOUND' });
    return addresses;
  }

  err(text: string): void {
    this.stderr += text;
    this.#onOutput();
  }

  async readInput(bytesMax: number): Promise<Uint8Array> {
    if (this.input.length > bytesMax) throw new CliError('INPUT_TOO_LONG', `longer than ${bytesMax} bytes`);
    return this.input;
  }

  onStop(listener: (cause: StopCause) => void): () => void {
    this.#stops.add(listener);
    return () => this.#stops.delete(listener);
  }

  stop(cause: StopCause): void {
    for (const listener of this.#stops) listener(cause);
  }

  /** Resolves when standard output has a whole line that matches. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      this.#onOutput = () => {
        const match = pattern.exec(this.stdout);
        if (match !== null) resolve(match);
      };
      this.#onOutput();
    });
  }
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in this process. */
export async function runHere(args: readonly string[], input = ''): Promise<Outcome> {
  const shell = new FakeShell(input);
  const code = await runProgram(args, shell);
  return { code, stdout: shell.stdout, stderr: shell.stderr };
}
