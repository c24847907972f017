/**
 * A real CometBFT node: the program, installed once into `build/interop`, with the key-value application inside, on the
 * loopback interface. Blocks come several times a second. Everything is in a temporary home, and ends with `stop`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { INTEROP_FOLDER, runGo } from './go-program.ts';

/** The version that is installed: the newest of the v0.38 line when this was written. */
export const COMETBFT_VERSION = 'v0.38.26';

const FOLDER = resolve(`${INTEROP_FOLDER}/cometbft-${COMETBFT_VERSION}`);
const BINARY = join(FOLDER, 'cometbft');
const START_DEADLINE_MS = 60_000;
const LOG_LINES_MAX = 20_000;

/**
 * Installs the program, unless it is there.
 *
 * @throws Error saying what is missing when there is no Go, or the module cannot be fetched.
 */
export function installCometBft(): void {
  if (existsSync(BINARY)) return;
  mkdirSync(FOLDER, { recursive: true });
  runGo(['install', `github.com/cometbft/cometbft/cmd/cometbft@${COMETBFT_VERSION}`], { binFolder: FOLDER });
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** Resolves when `isTrue` says so, asked every 20 ms; rejects at the deadline, saying `what` was waited for. */
export async function eventually(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  deadlineMs = 30_000,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`${what}: not in ${deadlineMs} ms`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** How to start a node. */
export interface CometBftOptions {
  /** Takes its genesis, so that both are of one chain; the new one is no validator. */
  readonly joins?: CometBftNode;
  /** `ID@HOST:PORT` that peer exchange begins with. */
  readonly seeds?: readonly string[];
}

/** A node; see the top of this file. */
export class CometBftNode {
  /** `ID@127.0.0.1:PORT`. */
  readonly address: string;
  readonly id: string;
  readonly network: string;
  readonly home: string;
  /** What it has written, the newest lines. */
  readonly log: string[] = [];
  readonly #rpcPort: number;
  readonly #waits = new Set<(line: string) => void>();
  #child: ChildProcess | undefined;

  private constructor(home: string, id: string, network: string, p2pPort: number, rpcPort: number) {
    this.home = home;
    this.id = id;
    this.network = network;
    this.address = `${id}@127.0.0.1:${p2pPort}`;
    this.#rpcPort = rpcPort;
  }

  /** Makes a home and starts a node in it; resolves when it answers to RPC. */
  static async start(options: CometBftOptions = {}): Promise<CometBftNode> {
    installCometBft();
    const home = mkdtempSync(join(tmpdir(), 'cometbft-'));
    execFileSync(BINARY, ['init', '--home', home], { stdio: 'ignore' });
    const id = execFileSync(BINARY, ['show-node-id', '--home', home], { encoding: 'utf8' }).trim();
    const genesis = join(home, 'config/genesis.json');
    if (options.joins !== undefined) cpSync(join(options.joins.home, 'config/genesis.json'), genesis);
    const { chain_id: network } = JSON.parse(readFileSync(genesis, 'utf8')) as { chain_id: string };
    const [p2pPort, rpcPort] = (await freePorts(2)) as [number, number];
    configure(home, p2pPort, rpcPort, options);
    const node = new CometBftNode(home, id, network, p2pPort, rpcPort);
    try {
      await node.run();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  /** Starts the process; resolves when it answers to RPC. */
  async run(): Promise<void> {
    const child = spawn(BINARY, ['node', '--proxy_app=kvstore', '--home', this.home], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#wrote(line));
    }
    await eventually('a node that answers', () => this.#isUp(child), START_DEADLINE_MS);
  }

  /** The result of an RPC call. @throws Error with what the node says. */
  async rpc(method: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const query = new URLSearchParams(parameters).toString();
    const answer = await fetch(`http://127.0.0.1:${this.#rpcPort}/${method}?${query}`);
    const { result, error } = (await answer.json()) as { result?: unknown; error?: unknown };
    if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  }

  /** Resolves with the first line of its log that matches, written or still to come. */
  async logged(pattern: RegExp, deadlineMs = 30_000): Promise<string> {
    const there = this.log.find((line) => pattern.test(line));
    if (there !== undefined) return there;
    return new Promise((done, fail) => {
      const wait = (line: string): void => {
        if (!pattern.test(line)) return;
        clearTimeout(timer);
        this.#waits.delete(wait);
        done(line);
      };
      const timer = setTimeout(() => {
        this.#waits.delete(wait);
        fail(new Error(`no line ${pattern} in ${deadlineMs} ms; the last ones:\n${this.log.slice(-20).join('\n')}`));
      }, deadlineMs);
      this.#waits.add(wait);
    });
  }

  /** Ends the process in order. */
  async halt(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(killer);
  }

  /** Ends the process and removes its home. */
  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.home, { recursive: true, force: true });
  }

  async #isUp(child: ChildProcess): Promise<boolean> {
    if (child.exitCode !== null) throw new Error(`CometBFT ended with ${child.exitCode}:\n${this.log.join('\n')}`);
    try {
      await this.rpc('status');
      return true;
    } catch {
      return false;
    }
  }

  #wrote(line: string): void {
    if (this.log.length >= LOG_LINES_MAX) this.log.shift();
    this.log.push(line);
    for (const wait of this.#waits) wait(line);
  }
}

/** Loopback only, free ports, blocks several times a second, `dial_peers` by RPC, one address for many peers. */
function configure(home: string, p2pPort: number, rpcPort: number, options: CometBftOptions): void {
  const path = join(home, 'config/config.toml');
  const wanted: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    rpc: { laddr: `"tcp://127.0.0.1:${rpcPort}"`, unsafe: 'true' },
    p2p: {
      laddr: `"tcp://127.0.0.1:${p2pPort}"`,
      seeds: `"${(options.seeds ?? []).join(',')}"`,
      addr_book_strict: 'false',
      allow_duplicate_ip: 'true',
    },
    consensus: { timeout_commit: '"250ms"' },
  };
  let section = '';
  const lines = readFileSync(path, 'utf8').split('\n');
  const set = lines.map((line) => {
    section = /^\[(\w+)\]/.exec(line)?.[1] ?? section;
    const name = /^(\w+) = /.exec(line)?.[1];
    const value = name === undefined ? undefined : wanted[section]?.[name];
    return value === undefined ? line : `${name} = ${value}`;
  });
  writeFileSync(path, set.join('\n'));
}
