/** The Go toolchain: found, or said to be missing; and the two ways in which the interop suite uses it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';

/** Where the programs are installed, once. */
export const INTEROP_FOLDER = 'build/interop';

const MISSING =
  'the interop tests need Go 1.26 or newer (https://go.dev/dl): "go" is neither in PATH nor in /usr/local/go/bin';
const UNFETCHED = 'the Go modules could not be fetched or built: is the module proxy reachable (go env GOPROXY)?';

/** The `go` command. @throws Error saying that it is missing. */
export function goProgram(): string {
  for (const program of ['go', '/usr/local/go/bin/go']) {
    try {
      execFileSync(program, ['version'], { stdio: 'ignore' });
      return program;
    } catch {
      // Try the next place.
    }
  }
  throw new Error(MISSING);
}

/**
 * Runs `go` with `args`; a second time if the first one fails, since fetching modules may.
 *
 * @throws Error saying what is missing.
 */
export function runGo(
  args: readonly string[],
  options: { readonly cwd?: string; readonly binFolder?: string } = {},
): void {
  const program = goProgram();
  const { cwd, binFolder } = options;
  // Without cgo no C compiler is needed.
  const env = { ...process.env, CGO_ENABLED: '0', ...(binFolder === undefined ? {} : { GOBIN: binFolder }) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      execFileSync(program, args, { env, stdio: 'inherit', ...(cwd === undefined ? {} : { cwd }) });
      return;
    } catch (cause) {
      if (attempt === 2) throw new Error(UNFETCHED, { cause });
    }
  }
}

/** Builds the program in the folder `source` as `name`, unless it is there and newer than its source. @returns its path. */
export function buildGo(source: string, name: string): string {
  const binary = `${INTEROP_FOLDER}/${name}`;
  const changedMs = ['main.go', 'go.mod', 'go.sum'].map((file) => statSync(`${source}/${file}`).mtimeMs);
  if (existsSync(binary) && statSync(binary).mtimeMs > Math.max(...changedMs)) return binary;
  mkdirSync(INTEROP_FOLDER, { recursive: true });
  runGo(['build', '-o', `../../../${binary}`, '.'], { cwd: source });
  return binary;
}
