/** `genmesh crawl`: walks a CometBFT network by peer exchange and draws it, as JSON and for Graphviz. */
import { closeSync, lstatSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve as resolvePath } from 'node:path';
import { CodedError, describeReason } from '../base/errors.ts';
import type { NodeAddress } from '../codec/cometbft-address.ts';
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import { TcpTransport } from '../net/tcp-transport.ts';
import { type PexAddress, toPexAddress } from '../p2p/pex-address.ts';
import { CRAWL_LIMITS, type CrawlNetwork, type CrawlVisit, crawl } from '../p2p/pex-crawl.ts';
import { wireCrawlNetwork } from '../p2p/pex-crawl-network.ts';
import { type Topology, TopologyBuilder, type TopologyNode, topologyToDot } from '../p2p/pex-topology.ts';
import { SwitchError } from '../p2p/switch-errors.ts';
import { type Command, command, EXIT_OK, exitCodeOf, flag, number, quote, text, usage } from './command-line.ts';
import { CliError } from './errors.ts';
import { readNodeKeyFile } from './node-key-file.ts';
import { checkNetwork, parseTarget } from './peer-command.ts';
import { joinFailure, networkOf } from './peer-failure.ts';
import { plainNodeInfo, plainText } from './peer-sighting.ts';
import type { Shell, StopCause } from './shell.ts';

/** Addresses of the first node's host name that are tried. */
export const ROOT_ADDRESSES_MAX = 4;

/** Longest `--timeout`, in ms. */
export const CRAWL_TIMEOUT_MS_MAX = 600_000;

const details: readonly string[] = [
  'Visits a node, asks whom it knows, visits those, and so on, each once: few at a time, never two at one host, with a',
  'pause between dials. Visited nodes are told an address that nobody keeps. Addresses that the open internet cannot',
  'reach are left out unless --private is given. A signal ends the walk early; what was found is written, if anything.',
  '',
  'Without --out the JSON goes to standard output. Each of its nodes has an outcome (answered, silent, unreachable), what',
  'it says of itself, whom it knows, and, when it did not answer, the error: its code and one line.',
  'Draw the picture with: sfdp -Tsvg topology.dot > topology.svg',
];

const range = ([standard, min, max]: readonly [number, number, number]): {
  readonly min: number;
  readonly max: number;
  readonly standard: number;
} => ({ min, max, standard });

/** `genmesh crawl`. */
export const crawlCommand: Command = command({
  name: 'crawl',
  summary: 'walks a CometBFT network by peer exchange and draws it',
  details,
  positionals: [{ name: 'ID@HOST:PORT', help: 'where to begin; its peer-to-peer port, 26656 by default' }],
  options: {
    network: text('NAME', 'id of the chain; default: that of the first node, which is dialed once more to ask'),
    out: text('FILE', 'writes the topology there as JSON'),
    dot: text('FILE', "writes the picture there, in Graphviz' DOT language"),
    key: text('FILE', 'node_key.json, or an ed25519 key file of genmesh keygen; default: a new key each time'),
    private: flag('follows addresses of private networks and loopback too'),
    concurrency: number('N', 'visits at a time', range(CRAWL_LIMITS.concurrency)),
    interval: number('MS', 'pause between two dials, in ms', range(CRAWL_LIMITS.dialIntervalMs)),
    timeout: number('MS', 'patience with a connection and with an answer, in ms', {
      min: 1,
      max: CRAWL_TIMEOUT_MS_MAX,
      standard: 10_000,
    }),
    max: number('N', 'addresses remembered', range(CRAWL_LIMITS.addressesMax)),
    depth: number('N', 'steps from the first node', range(CRAWL_LIMITS.depthMax)),
  },
  exits: [
    ['0', 'the topology is written'],
    ['1', 'the first node was not reached, or a file cannot be written: one line on stderr says why'],
    ['130, 143', 'SIGINT, SIGTERM came before any node was visited: nothing is written'],
  ],
  examples: [
    'genmesh crawl 5576458aef205977e18fd50b274e9b5d9014525a@localhost:26656 --private',
    'genmesh crawl 5576458aef205977e18fd50b274e9b5d9014525a@10.0.0.1:26656 --network test --out t.json --dot t.dot',
  ],
  async run(options, [target = ''], shell): Promise<number> {
    const { key } = options;
    const first = parseTarget(target);
    if (options.network !== undefined) checkNetwork(options.network);
    if (isOneFile(options.out, options.dot)) throw usage('options --out and --dot name the same file: give two');
    // A walk may take hours: what cannot be kept is said before it.
    for (const path of [options.out, options.dot]) if (path !== undefined) checkWritable(path);
    const roots = await resolve(shell, first);
    const { clock, random, engine } = shell;
    const nodeKey = key === undefined ? engine.generateKeyPair(random) : readNodeKeyFile(key, engine);
    const wire = { transport: new TcpTransport({ clock }), nodeKey, clock, random, engine };
    const end = new Ending(shell);
    try {
      const network =
        options.network ??
        (await askNetwork(shell, wireOf({ ...wire, network: ANY_NETWORK }, options.timeout), roots, end));
      const topology = await walk(shell, {
        network: wireOf({ ...wire, network }, options.timeout),
        roots,
        chain: network,
        end,
        crawl: {
          concurrency: options.concurrency,
          dialIntervalMs: options.interval,
          connectTimeoutMs: options.timeout,
          answerTimeoutMs: options.timeout,
          addressesMax: options.max,
          depthMax: options.depth,
          isStrict: !options.private,
        },
      });
      if (end.cause !== undefined && topology.nodes.length === 0) return exitCodeOf(end.cause);
      write(shell, topology, network, options);
      return EXIT_OK;
    } catch (error) {
      // A dial that the signal broke off has not failed.
      if (end.cause !== undefined && error instanceof CliError && error.code === 'CALL_FAILED') {
        return exitCodeOf(end.cause);
      }
      throw error;
    } finally {
      end.off();
    }
  },
});

function wireOf(
  wire: Omit<Parameters<typeof wireCrawlNetwork>[0], 'stepTimeoutMs'>,
  stepTimeoutMs: number,
): CrawlNetwork<NodeInfo> {
  try {
    return wireCrawlNetwork({ ...wire, stepTimeoutMs });
  } catch (error) {
    if (error instanceof RangeError && error.cause instanceof CodedError) throw usage(error.message);
    throw error;
  }
}

/** The signal that ends a walk early. */
class Ending {
  readonly #abort = new AbortController();
  readonly signal: AbortSignal = this.#abort.signal;
  readonly off: () => void;
  cause: StopCause | undefined;

  constructor(shell: Shell) {
    this.off = shell.onStop((cause) => {
      this.cause ??= cause;
      this.#abort.abort();
    });
  }
}

/** What a dial that only asks for the network says it is of. */
const ANY_NETWORK = 'unknown';

/** The network of the first node: it says so before it turns us away. */
async function askNetwork(
  shell: Shell,
  network: CrawlNetwork<NodeInfo>,
  roots: readonly PexAddress[],
  { signal }: Ending,
): Promise<string> {
  let failure: unknown;
  for (const root of roots) {
    try {
      const peer = await network.connect(root, signal);
      peer.close();
      return peer.info.network;
    } catch (error) {
      const found = error instanceof SwitchError ? networkOf(error) : undefined;
      if (found !== undefined) {
        shell.err(`the first node is of network ${found}\n`);
        return found;
      }
      failure = failureAt(error, root, ANY_NETWORK);
      if (signal.aborted) break;
    }
  }
  throw failure;
}

interface Walk {
  readonly network: CrawlNetwork<NodeInfo>;
  /** The addresses of the first node: one after the other, until it is reached. */
  readonly roots: readonly PexAddress[];
  readonly chain: string;
  readonly end: Ending;
  readonly crawl: Omit<Parameters<typeof crawl<NodeInfo>>[0], 'network' | 'roots' | 'signal' | 'clock'>;
}

/** Where a node is: a host name has an address for each protocol, of which the node may listen on one only. */
async function resolve(shell: Shell, target: NodeAddress): Promise<readonly PexAddress[]> {
  const given = toPexAddress(target);
  if (given !== undefined) return [given];
  let ips: readonly string[] = [];
  let cause: unknown;
  try {
    ips = await shell.lookup(target.host);
  } catch (error) {
    cause = error;
  }
  const roots = ips.map((host) => toPexAddress({ ...target, host })).filter((root) => root !== undefined);
  if (roots.length > 0) return roots.slice(0, ROOT_ADDRESSES_MAX);
  const why = (cause as { code?: string } | undefined)?.code ?? 'no address';
  throw new CliError('CALL_FAILED', `the host ${quote(target.host)} is not known (${why}): check the name`, { cause });
}

async function walk(shell: Shell, { network, roots, chain, end, crawl: settings }: Walk): Promise<Topology<NodeInfo>> {
  const builder = new TopologyBuilder<NodeInfo>();
  const progress = new ProgressLine(shell);
  try {
    const { signal } = end;
    let isReached = false;
    for (const [index, root] of roots.entries()) {
      const isLast = index === roots.length - 1;
      for await (const visit of crawl({ ...settings, network, roots: [root], signal, clock: shell.clock })) {
        if (visit.depth === 0 && visit.outcome === 'unreachable') {
          // Nothing can follow from a first node that was not reached.
          if (isLast) throw failureAt(visit.error, root, chain);
          break;
        }
        isReached = true;
        builder.add(visit);
        progress.show(visit);
      }
      if (isReached || signal.aborted) break;
    }
  } finally {
    progress.end();
  }
  return builder.topology();
}

function failureAt(error: unknown, root: PexAddress, chain: string): CliError {
  const cause =
    error instanceof SwitchError
      ? error
      : new SwitchError('DIAL_FAILED', `the dial failed: ${describeReason(error)}`, { cause: error });
  return joinFailure(cause, { id: root.id, host: root.ip, port: root.port }, chain);
}

/** One line on standard error: on a terminal drawn over itself, else once in ten seconds. */
class ProgressLine {
  readonly #shell: Shell;
  #lastMs: number;
  #last = '';
  #isDrawn = false;

  constructor(shell: Shell) {
    this.#shell = shell;
    this.#lastMs = shell.clock.monotonicMs();
  }

  show({ progress }: CrawlVisit<NodeInfo>): void {
    const { visitCount, reachedCount, queuedCount, activeCount, droppedCount } = progress;
    const dropped = droppedCount > 0 ? `, ${droppedCount} left out` : '';
    this.#last = `${visitCount} visited, ${reachedCount} reached, ${activeCount} under way, ${queuedCount} waiting${dropped}`;
    const nowMs = this.#shell.clock.monotonicMs();
    const isTerminal = this.#shell.terminal !== undefined;
    if (nowMs - this.#lastMs < (isTerminal ? TERMINAL_INTERVAL_MS : PIPE_INTERVAL_MS)) return;
    this.#lastMs = nowMs;
    this.#isDrawn = isTerminal;
    this.#shell.err(isTerminal ? `\r\u001b[K${this.#last}` : `${this.#last}\n`);
  }

  end(): void {
    if (this.#last !== '') this.#shell.err(`${this.#isDrawn ? '\r\u001b[K' : ''}${this.#last}\n`);
  }
}

const TERMINAL_INTERVAL_MS = 100;
const PIPE_INTERVAL_MS = 10_000;

function write(
  shell: Shell,
  topology: Topology<NodeInfo>,
  network: string,
  files: { readonly out: string | undefined; readonly dot: string | undefined },
): void {
  const roundMs = (ms: number | undefined): number | undefined =>
    ms === undefined ? ms : Math.round(ms * 1000) / 1000;
  const nodes = topology.nodes.map(({ info, ...node }) => ({
    ...node,
    connectMs: roundMs(node.connectMs),
    answerMs: roundMs(node.answerMs),
    info: info === undefined ? null : plainNodeInfo(info),
  }));
  const json = `${JSON.stringify({ network, ...topology, nodes }, null, 2)}\n`;
  if (files.out === undefined) shell.out(json);
  else writeWhole(files.out, json);
  if (files.dot !== undefined) writeWhole(files.dot, topologyToDot(topology, labelOf));
}

function labelOf({ id, info }: TopologyNode<NodeInfo>): string {
  return info === undefined ? id.slice(0, 6) : `${plainText(info.moniker)} ${id.slice(0, 6)}`;
}

/** A file that {@link writeWhole} replaces by a new one beside it; false for what it writes to. */
const isReplaced = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? true;

/** @throws CliError `FILE_UNWRITABLE` when no file can be made there. A pipe is not opened: its reader would see an end. */
function checkWritable(path: string): void {
  if (!isReplaced(path)) return;
  const target = `${path}.${process.pid}.new`;
  try {
    closeSync(openSync(target, 'a'));
    rmSync(target, { force: true });
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Whether both are one plain file, there or yet to be made; two texts on one pipe or terminal are nobody's loss. */
function isOneFile(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const stats = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  const [first, second] = stats;
  if (first === undefined && second === undefined) return placeOf(one) === placeOf(other);
  return first?.isFile() === true && second?.isFile() === true && first.dev === second.dev && first.ino === second.ino;
}

/** Its path without links in the folder. */
function placeOf(path: string): string {
  const whole = resolvePath(path);
  try {
    return join(realpathSync(dirname(whole)), basename(whole));
  } catch {
    return whole; // no such folder, which is said when it is to be written to
  }
}

function unwritable(path: string, cause: unknown): CliError {
  const code = (cause as { code?: string }).code ?? 'unknown error';
  return new CliError('FILE_UNWRITABLE', `cannot write ${quote(path)} (${code}): choose another place`, { cause });
}

/**
 * A new file beside it takes its place, so that nobody reads half of one. What is no plain file, /dev/stdout or a link, is
 * written to instead: its place is not ours to take.
 */
function writeWhole(path: string, content: string): void {
  const target = isReplaced(path) ? `${path}.${process.pid}.new` : path;
  try {
    writeFileSync(target, content);
    if (target !== path) renameSync(target, path);
  } catch (cause) {
    if (target !== path) rmSync(target, { force: true });
    throw unwritable(path, cause);
  }
}
