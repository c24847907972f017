/**
 * The built program, in processes of its own. Uses `dist` when it is as new as the sources, as after `npm test`'s own build;
 * else builds into a folder named by the newest source, so that test files running at the same time do not disturb each other.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** How long a line or an end may take to come, in ms. */
export const PATIENCE_MS = 60_000;

/** Builds of sources that were the newest so much earlier are removed, in ms; a younger one may be in use. */
const OLD_BUILD_MS = 1_800_000;

let built: string | undefined;

/** Path of `main.js`, built if need be. */
export function builtProgram(): string {
  built ??= findOrBuild();
  return built;
}

function findOrBuild(): string {
  const newestMs = newestOf(join(root, 'src'));
  const dist = join(root, 'dist/cli/main.js');
  if (existsSync(dist) && oldestOf(join(root, 'dist'), newestMs) >= newestMs) return dist;
  const folder = join(root, 'build', `e2e-${Math.floor(newestMs)}`);
  const program = join(folder, 'cli/main.js');
  if (existsSync(program)) return program;
  mkdirSync(join(root, 'build'), { recursive: true });
  const fresh = `${folder}-${process.pid}`;
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh];
  // The compiler writes the program in spite of type errors, and finding those is the business of other checks.
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (!existsSync(join(fresh, 'cli/main.js'))) throw new Error(`the program does not build: ${stdout}`);
  try {
    renameSync(fresh, folder);
  } catch {
    rmSync(fresh, { recursive: true }); // another test file was quicker
  }
  prune(newestMs - OLD_BUILD_MS);
  return program;
}

function prune(beforeMs: number): void {
  for (const name of readdirSync(join(root, 'build'))) {
    const match = /^e2e-(\d+)$/.exec(name);
    if (match !== null && Number(match[1]) < beforeMs)
      rmSync(join(root, 'build', name), { recursive: true, force: true });
  }
}

function newestOf(folder: string): number {
  let newestMs = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) newestMs = Math.max(newestMs, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newestMs;
}

/** The compiler rewrites every file, so the oldest says when the last whole build was. */
function oldestOf(folder: string, atMostMs: number): number {
  let oldestMs = atMostMs;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name === 'main.js') {
      oldestMs = Math.min(oldestMs, statSync(join(entry.parentPath, entry.name)).mtimeMs);
    }
  }
  return oldestMs;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program. */
export class Running {
  readonly process: ChildProcess;
  /** Resolves when it has ended and everything it wrote has been read; killed after {@link PATIENCE_MS}. */
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], input = '') {
    this.process = spawn(process.execPath, [builtProgram(), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.process.stdin?.on('error', () => {}).end(input);
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#tell();
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#tell();
    });
    this.ended = new Promise((resolve) => {
      const timer = setTimeout(() => this.process.kill('SIGKILL'), PATIENCE_MS);
      this.process.on('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
        this.#tell();
      });
    });
  }

  /** Resolves with the first match in what it wrote; rejects when it ends without. */
  match(pattern: RegExp, from: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this[from]);
        if (match !== null) resolve(match);
        else if (this.process.exitCode !== null || this.process.signalCode !== null) {
          reject(new Error(`ended without ${pattern}: ${this.stdout.slice(-2000)}${this.stderr.slice(-2000)}`));
        } else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Everything that it wrote to `from` and matches, now. */
  all(pattern: RegExp, from: 'stdout' | 'stderr' = 'stdout'): RegExpExecArray[] {
    return [...this[from].matchAll(pattern)];
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** Runs the program to its end. */
export function run(args: readonly string[], input = ''): Promise<Ended> {
  return new Running(args, input).ended;
}
