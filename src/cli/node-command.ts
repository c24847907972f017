/** `genmesh node`: runs one node with the built-in services until it is told to stop. */
import { networkInterfaces } from 'node:os';
import { CodedError, describeReason } from '../base/errors.ts';
import { createLogger, LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../base/logger.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { NetError } from '../net/errors.ts';
import { type NetAddress, parseNetAddress } from '../net/net-address.ts';
import { builtInServices } from '../p2p/built-in-services.ts';
import { P2pError } from '../p2p/errors.ts';
import { NODE_LIMITS, WIRE_DEFAULT, WIRES, type Wire } from '../p2p/node-options.ts';
import { NodeSupervisor } from '../p2p/node-supervisor.ts';
import { formatPeerAddress, type PeerAddress, parsePeerAddress, parseSeeds } from '../p2p/peer-address.ts';
import { type Command, choice, command, EXIT_OK, flag, quote, text, texts, usage } from './command-line.ts';
import { CliError } from './errors.ts';
import { readKeyFile, readTextFile } from './key-file.ts';
import { cliMessages } from './message-names.ts';
import type { Shell, StopCause } from './shell.ts';
import { checkSealed, requireEd25519, SEALED_HELP } from './wire-options.ts';

/** Most `--peer` options. */
export const PEER_OPTIONS_MAX = 1000;

const details: readonly string[] = [
  'Runs a node that answers Ping, ListNodes, GetFirstPublicKey, GetTransaction, GetLastTransaction,',
  'GetTransactionSummary, GetTransactionChainLength and Echo, and keeps a connection to each peer. Its first line on',
  'standard output is the node as others name it, tcp://host:port:PUBLICKEYHEX, ready to paste; what happens to its',
  'connections is told on standard error. It runs until SIGINT, SIGTERM or SIGHUP, then stops listener, connections',
  'and services in order; a second signal ends it at once.',
];

/** `genmesh node`. */
export const nodeCommand: Command = command({
  name: 'node',
  summary: 'runs a node until a signal',
  details,
  positionals: [],
  options: {
    key: text('FILE', 'key file of the node, from genmesh keygen; needed'),
    listen: text('ADDRESS', 'where to accept connections, tcp://host:port; port 0 takes a free one; needed'),
    peer: texts('PEER', 'a node to connect to, tcp://host:port:PUBLICKEYHEX', PEER_OPTIONS_MAX),
    peers: text('FILE', 'more nodes to connect to, a line ip:port:HEXKEY:tcp each; the node itself is left out'),
    wire: choice('WIRE', 'how it speaks to others; both ends must agree', WIRES, WIRE_DEFAULT),
    sealed: flag(SEALED_HELP),
    'log-level': choice('LEVEL', 'how much it tells', LOG_LEVELS, 'info'),
    json: flag('prints each line as a JSON object, on both outputs'),
  },
  exits: [
    ['0', 'a signal ended it in order'],
    ['130, 143', 'a second SIGINT, SIGTERM ended it at once'],
  ],
  examples: [
    'genmesh node --key node.key --listen tcp://127.0.0.1:30002',
    'genmesh node --key node.key --listen tcp://0.0.0.0:30002 --peers seeds.txt --log-level debug',
  ],
  async run(options, _positionals, shell): Promise<number> {
    if (options.key === undefined)
      throw usage('option --key is missing: make a key file with genmesh keygen --out FILE');
    if (options.listen === undefined) throw usage('option --listen is missing: for example tcp://127.0.0.1:30002');
    const { wire, sealed } = options;
    checkSealed(wire, sealed);
    const listen = asUsage(options.listen, parseNetAddress);
    if (listen.scheme !== 'tcp') {
      throw usage(`option --listen is ${quote(options.listen)}: expected tcp, for example tcp://127.0.0.1:30002`);
    }
    const peers = options.peer.map((peer) => asUsage(peer, parsePeerAddress));
    const identity = readKeyFile(options.key, shell.engine);
    if (peers.some(({ publicKey }) => publicKey.equals(identity.publicKey))) {
      throw usage(`option --peer names this node itself (${identity.publicKey})`);
    }
    if (options.peers !== undefined) {
      peers.push(...readPeersFile(options.peers).filter(({ publicKey }) => !publicKey.equals(identity.publicKey)));
    }
    checkPeerCount(peers);
    if (wire === 'mconnection') requireEd25519([identity.publicKey, ...peers.map(({ publicKey }) => publicKey)]);
    const setup = { identity, listen, peers, wire, sealed, logLevel: options['log-level'], isJson: options.json };
    return runNode(shell, setup);
  },
});

/** @throws CliError of the file, `PEERS_FILE_INVALID` naming it and the line that is wrong. */
function readPeersFile(path: string): readonly PeerAddress[] {
  const text = readTextFile(path, 'peers file');
  let peers: readonly PeerAddress[];
  try {
    peers = parseSeeds(text);
  } catch (error) {
    if (!(error instanceof P2pError)) throw error;
    throw new CliError('PEERS_FILE_INVALID', `peers file ${quote(path)}: ${error.message}`, { cause: error });
  }
  if (peers.length > 0) return peers;
  throw new CliError(
    'PEERS_FILE_INVALID',
    `peers file ${quote(path)} names no node: write ip:port:HEXKEY:tcp, one a line`,
  );
}

/**
 * Before anything listens: a node that ends half way through its peers has told others of itself.
 *
 * @throws CliError `USAGE` when they are more than a node connects to. @internal
 */
export function checkPeerCount(peers: readonly PeerAddress[]): void {
  const count = new Set(peers.map(({ publicKey }) => publicKey.hex)).size;
  const [countMax] = NODE_LIMITS.remotesMax;
  if (count <= countMax) return;
  throw usage(`--peer and --peers name ${count} nodes: a node connects to at most ${countMax}, leave some out`);
}

interface NodeSetup {
  readonly identity: KeyPair;
  readonly listen: NetAddress;
  readonly peers: readonly PeerAddress[];
  readonly wire: Wire;
  readonly sealed: boolean;
  readonly logLevel: LogLevel;
  readonly isJson: boolean;
}

async function runNode(shell: Shell, setup: NodeSetup): Promise<number> {
  const { logLevel, isJson } = setup;
  const say = (event: string, line: string | undefined, facts: object): void => {
    if (isJson) shell.out(`${JSON.stringify({ event, ...facts })}\n`);
    else if (line !== undefined) shell.out(`${line}\n`);
  };
  // Before the start, so that a signal during it is not lost.
  const asked = new Promise<StopCause>((resolve) => shell.onStop(resolve));
  // A start that fails ends in one line that says what to do; what the actors said of it is kept for `debug`.
  const lines = new HeldLines((line) => shell.err(line));
  const logger = loggerOf({ clock: shell.clock, err: (line) => lines.write(line) }, logLevel, isJson);
  if (logLevel === 'debug') lines.release();
  const node = await startNode(shell, setup, logger);
  lines.release();
  try {
    return await runUntil(asked, node, { setup, say, logger });
  } finally {
    // After an error, too; does nothing to a node that is stopped already.
    await node.stop();
  }
}

interface RunningSetup {
  readonly setup: NodeSetup;
  readonly say: (event: string, line: string | undefined, facts: object) => void;
  readonly logger: Logger;
}

async function runUntil(asked: Promise<StopCause>, node: NodeSupervisor, running: RunningSetup): Promise<number> {
  const { setup, say, logger } = running;
  const ended = new Promise<unknown>((resolve) => node.on('stopped', ({ reason }) => resolve({ reason })));
  for (const service of builtInServices(node)) await node.startService(service);
  const { address } = node.peer;
  const peer = formatPeerAddress({ ...node.peer, address: dialable(address) });
  say('listening', peer, { peer, publicKey: node.publicKey.hex, host: address.host, port: address.port });
  for (const one of setup.peers) await node.connect(one);
  const cause = await Promise.race([asked, ended]);
  if (typeof cause !== 'string') {
    const { reason } = cause as { reason: unknown };
    throw new CliError('NODE_FAILED', `the node stopped by itself (${describeReason(reason)}): see the lines above`);
  }
  logger.info('stopping', { cause });
  await node.stop();
  logger.info('stopped', { cause });
  say('stopped', undefined, { cause, stats: node.stats() });
  return EXIT_OK;
}

async function startNode(
  shell: Shell,
  { identity, listen, wire, sealed }: NodeSetup,
  logger: Logger,
): Promise<NodeSupervisor> {
  const { clock, random, engine } = shell;
  try {
    return await NodeSupervisor.startLink({
      identity,
      listen,
      wire,
      ...(sealed ? { sealed } : {}),
      logger,
      messages: cliMessages,
      clock,
      random,
      engine,
    });
  } catch (error) {
    throw listenFailure(error, listen) ?? error;
  }
}

/** Lines that wait until it is known whether they are wanted. */
class HeldLines {
  readonly #write: (line: string) => void;
  #held: string[] | undefined = [];

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    if (this.#held === undefined) this.#write(line);
    else this.#held.push(line);
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const line of held) this.#write(line);
  }
}

/** What to do when a node cannot listen; `undefined` for any other error. @internal */
export function listenFailure(error: unknown, { host, port }: NetAddress): CliError | undefined {
  if (!(error instanceof NetError)) return undefined;
  let text = `cannot listen: ${error.message}`;
  if (error.code === 'ADDRESS_IN_USE') {
    text = `port ${port} of ${host} is in use: stop the program that has it, or choose another port with --listen`;
  } else if (error.code === 'ADDRESS_UNAVAILABLE') {
    text = `cannot listen on port ${port} of ${host}: it is no address of this host, or the port needs more rights`;
  }
  return new CliError('NODE_FAILED', text, { cause: error });
}

/** Every address is not one: names an address of this host that others may reach, where there is one. */
function dialable(address: NetAddress): NetAddress {
  if (address.host !== '0.0.0.0' && address.host !== '::') return address;
  const outward = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return { ...address, host: outward?.address ?? '127.0.0.1' };
}

function asUsage<T>(value: string, parse: (text: string) => T): T {
  try {
    return parse(value);
  } catch (error) {
    if (error instanceof NetError || error instanceof P2pError) throw usage(error.message);
    throw error;
  }
}

/** A logger on standard error: lines for people, or a JSON object each. @internal */
export function loggerOf(shell: Pick<Shell, 'clock' | 'err'>, level: LogLevel, isJson: boolean): Logger {
  const { clock } = shell;
  const write = (line: string): void => shell.err(`${line}\n`);
  if (!isJson) return createLogger({ write, clock, level });
  const threshold = LOG_LEVELS.indexOf(level);
  const at = (own: LogLevel): Logger['info'] => {
    if (LOG_LEVELS.indexOf(own) < threshold) return () => {};
    return (message: string, fields?: LogFields) => {
      const facts = Object.entries(fields ?? {}).map(([key, value]) => [key, plain(value)]);
      write(
        JSON.stringify({
          time: new Date(clock.wallMs()).toISOString(),
          level: own,
          message,
          ...Object.fromEntries(facts),
        }),
      );
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function plain(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return value;
  return value instanceof CodedError ? { code: value.code, message: value.message } : describeReason(value);
}
