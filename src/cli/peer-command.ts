/** `genmesh peer`: joins a running CometBFT chain as an ordinary peer and prints what it sees as it comes. */
import { CodedError, describeReason } from '../base/errors.ts';
import { createLogger } from '../base/logger.ts';
import { formatHostPort, type NodeAddress, parseNodeAddress } from '../codec/cometbft-address.ts';
import { CodecError } from '../codec/errors.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { Switch } from '../p2p/switch.ts';
import { SwitchError } from '../p2p/switch-errors.ts';
import { type Command, command, EXIT_OK, flag, number, text, usage } from './command-line.ts';
import { CliError } from './errors.ts';
import { LineOutput } from './line-output.ts';
import { readNodeKeyFile } from './node-key-file.ts';
import { failureText, joinFailure } from './peer-failure.ts';
import { formatSighting, type Sighting, sightingToJson } from './peer-sighting.ts';
import { WATCH_RTT_INTERVAL_MS, watchReactor } from './peer-watch.ts';
import type { Shell, StopCause } from './shell.ts';

/** Longest `--seconds`: a week. */
export const PEER_SECONDS_MAX = 604_800;

const details: readonly string[] = [
  'Connects to a CometBFT node (v0.34 to v1) as any node does, and prints a line for each thing it sees: the node itself,',
  'round-trip times, addresses learnt by peer exchange, steps of consensus, proposals, new blocks and transactions by hash.',
  'It votes on nothing and has no blocks to give. It says that it is as far as the node, since transactions are sent to',
  'such peers only. When the connection is lost it dials again. It runs until SIGINT, SIGTERM or SIGHUP, or --seconds.',
  'Where its output is read more slowly than it comes, lines are left out, and a line says how many.',
  '',
  'The id of a node is printed by cometbft show-node-id, its network by cometbft status (also called chain id).',
];

/** `genmesh peer`. */
export const peerCommand: Command = command({
  name: 'peer',
  summary: 'joins a CometBFT chain as a peer and prints what it sees',
  details,
  positionals: [{ name: 'ID@HOST:PORT', help: 'the node to connect to; its peer-to-peer port, 26656 by default' }],
  options: {
    network: text('NAME', 'id of the chain; needed'),
    key: text('FILE', 'node_key.json, or an ed25519 key file of genmesh keygen; default: a new key each time'),
    moniker: text('TEXT', 'name that the node is told (default genmesh)'),
    seconds: number('N', 'ends after so long', { min: 1, max: PEER_SECONDS_MAX, standard: undefined }),
    json: flag('prints each line as a JSON object'),
  },
  exits: [
    ['0', 'a signal ended it, or the seconds are over'],
    ['1', 'it could not become a peer, or not again: one line on stderr says why'],
  ],
  examples: [
    'genmesh peer 5576458aef205977e18fd50b274e9b5d9014525a@127.0.0.1:26656 --network cosmoshub-4',
    'genmesh peer 5576458aef205977e18fd50b274e9b5d9014525a@127.0.0.1:26656 --network test --seconds 60 --json',
  ],
  async run({ network, key, moniker, seconds, json }, [target = ''], shell): Promise<number> {
    const address = parseTarget(target);
    if (network === undefined) throw usage('option --network is missing: the id of the chain, see cometbft status');
    checkNetwork(network);
    const nodeKey = key === undefined ? shell.engine.generateKeyPair(shell.random) : readNodeKeyFile(key, shell.engine);
    const setup = { address, network, moniker: moniker ?? 'genmesh', nodeKey, seconds, isJson: json };
    return watch(shell, setup);
  },
});

/** `ID@HOST:PORT` of a command line. @throws CliError `USAGE`. @internal */
export function parseTarget(target: string): NodeAddress {
  try {
    const address = parseNodeAddress(target);
    if (address.port === 0) throw usage(`port 0 of ${target} cannot be dialed: a node listens on 26656 by default`);
    return { ...address, id: address.id.toLowerCase() };
  } catch (error) {
    if (error instanceof CodecError) throw usage(error.message);
    throw error;
  }
}

/** @throws CliError `USAGE` for a name that no chain has. @internal */
export function checkNetwork(network: string): void {
  if (network.trim() === '') throw usage('option --network is empty: give the id of the chain, see cometbft status');
}

interface WatchSetup {
  readonly address: NodeAddress;
  readonly network: string;
  readonly moniker: string;
  readonly nodeKey: KeyPair;
  readonly seconds: number | undefined;
  readonly isJson: boolean;
}

async function watch(shell: Shell, setup: WatchSetup): Promise<number> {
  const { address, seconds, isJson } = setup;
  const { clock } = shell;
  // Before the start, so that a signal during it is not lost.
  let finish: (cause: StopCause | 'seconds') => void = () => {};
  const ended = new Promise<StopCause | 'seconds'>((resolve) => {
    finish = resolve;
  });
  const offStop = shell.onStop(finish);
  const timer = seconds === undefined ? undefined : clock.setTimer(() => finish('seconds'), seconds * 1000);
  const format = isJson ? sightingToJson : formatSighting;
  const output = new LineOutput(shell, (count) => format({ event: 'left_out', count }));
  const say = (sighting: Sighting): void => output.write(format(sighting));
  const node = await startSwitch(shell, setup, say);
  try {
    tellConnections(node, setup, say);
    const joined = node.dialPeer(address, { isPersistent: true });
    joined.catch(() => {}); // when the end comes first
    const broken = new Promise<never>((_, reject) => {
      node.on('gaveUp', ({ address: { host, port }, dials }) => {
        const place = formatHostPort({ host, port });
        reject(new CliError('CALL_FAILED', `${place} was lost, and ${dials} dials did not bring it back: look there`));
      });
      node.on('stopped', ({ reason }) => {
        reject(new CliError('NODE_FAILED', `the peer stopped by itself (${describeReason(reason)}): please report it`));
      });
    });
    broken.catch(() => {}); // it stops in the end
    await Promise.race([joined, ended, broken]);
    await Promise.race([ended, broken]);
    return EXIT_OK;
  } catch (error) {
    throw error instanceof SwitchError ? joinFailure(error, address, setup.network) : error;
  } finally {
    offStop();
    if (timer !== undefined) clock.clearTimer(timer);
    await node.stop();
    output.end();
  }
}

async function startSwitch(shell: Shell, setup: WatchSetup, onSighting: (sighting: Sighting) => void): Promise<Switch> {
  const { clock, random, engine } = shell;
  const { nodeKey, network, moniker } = setup;
  // Only what its actors report as broken: the rest is said in sightings.
  const logger = createLogger({ write: (line) => shell.err(`${line}\n`), clock, level: 'error' });
  try {
    return await Switch.startLink({
      nodeKey,
      network,
      moniker,
      reactors: [watchReactor({ engine, clock, onSighting })],
      connection: { pingIntervalMs: WATCH_RTT_INTERVAL_MS, pongTimeoutMs: 45_000 },
      dialTimeoutMs: 5000,
      clock,
      random,
      engine,
      logger,
    });
  } catch (error) {
    // Its own NodeInfo is checked at the door: name or network are what a user can get wrong.
    if (error instanceof RangeError && error.cause instanceof CodedError) throw usage(error.message);
    throw error;
  }
}

function tellConnections(node: Switch, { network }: WatchSetup, say: (sighting: Sighting) => void): void {
  node.on('peerAdded', ({ peer }) => {
    const { id, nodeInfo, socketAddress } = peer;
    say({ event: 'connected', id, address: socketAddress, nodeInfo });
  });
  node.on('peerRemoved', ({ peer, reason }) => {
    if (reason.code === 'STOPPED') return;
    say({
      event: 'disconnected',
      id: peer.id,
      code: reason.code,
      reason: reason.message.replace(`peer ${peer.id}: `, ''),
    });
  });
  let wasConnected = false;
  node.on('peerAdded', () => {
    wasConnected = true;
  });
  node.on('dialFailed', ({ address, error, retryInMs }) => {
    // The first dial is the command's own answer.
    if (!wasConnected || retryInMs === undefined) return;
    say({ event: 'retry', code: error.code, reason: failureText(error, address, network), inMs: retryInMs });
  });
}
