/** `genmesh call`: sends one message to a node and prints the reply. */
import { CodedError } from '../base/errors.ts';
import type { Json } from '../codec/json-form.ts';
import type { MessageType } from '../codec/message.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { formatNetAddress } from '../net/net-address.ts';
import { P2pError } from '../p2p/errors.ts';
import { NODE_LIMITS, WIRE_DEFAULT, WIRES } from '../p2p/node-options.ts';
import { NodeSupervisor } from '../p2p/node-supervisor.ts';
import { type PeerAddress, parsePeerAddress } from '../p2p/peer-address.ts';
import { SwitchError } from '../p2p/switch-errors.ts';
import { type Command, choice, command, EXIT_OK, number, text, usage } from './command-line.ts';
import { CliError } from './errors.ts';
import { readKeyFile } from './key-file.ts';
import { cliMessages, messageByName, withDefaults } from './message-names.ts';
import { requireEd25519 } from './node-command.ts';

/** Longest JSON read from standard input, in bytes: the hex of the largest frame, and room around it. */
export const FIELDS_BYTES_MAX = 36_000_000;

const [TIMEOUT_MS, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX] = NODE_LIMITS.callTimeoutMs;

/** `genmesh call`. */
export const callCommand: Command = command({
  name: 'call',
  summary: 'sends one message to a node and prints the reply as JSON',
  details: [
    'Connects to PEER, sends MESSAGE with the fields of the JSON object, and prints the reply:',
    '{ "name": ..., "fields": { ... } }. Bytes are hex text, integers past 2^53 decimal text.',
    'ListNodes without authorizedAndAvailable asks for all nodes (false); every other field must be there.',
    'The message is signed by the key of --key, or by one made for this call.',
    '',
    'messages:',
    ...wrapped(cliMessages.types.map(({ name }) => name)),
  ],
  positionals: [
    { name: 'PEER', help: 'tcp://host:port:PUBLICKEYHEX, as genmesh node prints it' },
    { name: 'MESSAGE', help: 'name of the message, for example ListNodes' },
    { name: 'JSON', help: 'its fields as a JSON object; - reads standard input (default {})', isOptional: true },
  ],
  options: {
    key: text('FILE', 'key file to sign with (default: a new ed25519 key)'),
    wire: choice('WIRE', 'how the node there speaks', WIRES, WIRE_DEFAULT),
    timeout: number('MS', 'how long to wait for the reply, in ms', {
      min: TIMEOUT_MS_MIN,
      max: TIMEOUT_MS_MAX,
      standard: TIMEOUT_MS,
    }),
  },
  exits: [
    ['0', 'a reply came and was printed, be it NotFound or Error'],
    ['1', 'no reply: one line on stderr says why'],
  ],
  examples: [
    "genmesh call tcp://127.0.0.1:30002:0001ab... ListNodes '{}'",
    'genmesh call tcp://127.0.0.1:30002:0001ab... Ping --timeout 1000',
  ],
  async run({ key, timeout, wire }, [peerText = '', name = '', json = '{}'], shell): Promise<number> {
    const peer = parsePeer(peerText);
    const type = messageByName(name);
    const source = json === '-' ? new TextDecoder().decode(await shell.readInput(FIELDS_BYTES_MAX)) : json;
    const fields = parseFields(type, source);
    const identity = key === undefined ? shell.engine.generateKeyPair(shell.random) : readKeyFile(key, shell.engine);
    if (wire === 'mconnection') requireEd25519([identity.publicKey, peer.publicKey]);
    if (identity.publicKey.equals(peer.publicKey)) {
      throw usage(
        `--key is the key of the node at PEER itself (${peer.publicKey}): call without --key, or with another`,
      );
    }
    const { clock, random, engine } = shell;
    const node = await NodeSupervisor.startLink({
      identity,
      wire,
      messages: cliMessages,
      clock,
      random,
      engine,
      dialTimeoutMs: Math.min(NODE_LIMITS.dialTimeoutMs[0], timeout),
    });
    try {
      const reply = await callOnce(node, peer, type, fields, timeout);
      shell.out(`${JSON.stringify({ name: reply.name, fields: cliMessages.toJson(reply) }, null, 2)}\n`);
      return EXIT_OK;
    } finally {
      await node.stop();
    }
  },
});

async function callOnce(
  node: NodeSupervisor,
  peer: PeerAddress,
  type: MessageType,
  fields: unknown,
  timeoutMs: number,
): Promise<{ readonly name: string; readonly fields: unknown }> {
  const at = formatNetAddress(peer.address);
  let fault: CodedError | undefined;
  node.on('fault', ({ error }) => {
    fault = error;
  });
  // A node goes on dialling; who waits at a terminal wants to know at once.
  const unreachable = new Promise<never>((_, reject) => {
    node.on('dialFailed', ({ reason }) => reject(dialFailure(reason, at, peer.publicKey)));
  });
  const call = async (): Promise<{ readonly name: string; readonly fields: unknown }> => {
    const remote = await node.connect(peer);
    return remote.call(type, fields, { timeoutMs });
  };
  try {
    return await Promise.race([call(), unreachable]);
  } catch (error) {
    throw callFailure(error, { name: type.name, at, peer, timeoutMs, fault });
  }
}

/** The line for a dial that failed, or a connection that was not to be. @internal */
export function dialFailure(reason: unknown, at: string, publicKey: PublicKey): CliError {
  const standard = reason instanceof Error ? reason.message : 'the dial failed';
  const why = DIAL_FAILURES[(reason as { readonly code?: string } | undefined)?.code ?? ''] ?? standard;
  // Another id than the one that was dialled has been proven: somebody is there, and it is somebody else.
  const isOther = reason instanceof SwitchError && reason.code === 'AUTH_FAILURE' && reason.peerId !== undefined;
  const text = isOther ? `another node is there: ${publicKey} is not its key, look at the line it printed` : why;
  return new CliError('CALL_FAILED', `cannot reach ${at}: ${text}`, { cause: reason });
}

const OTHER_WIRE =
  'what is there does not speak wire mconnection: give --wire archethic if that is a node of that wire';

const DIAL_FAILURES: { readonly [code in string]?: string } = {
  CONNECTION_REFUSED: 'nobody listens there: start the node, or check host and port',
  UNREACHABLE: 'the host does not exist or there is no way to it: check the address',
  DIAL_TIMEOUT: 'no answer to the connection request: give it longer with --timeout, or check address and firewalls',
  AUTH_FAILURE: OTHER_WIRE,
  HANDSHAKE_FAILED: OTHER_WIRE,
  HANDSHAKE_TIMEOUT: OTHER_WIRE,
  INCOMPATIBLE: 'what is there is no genmesh node, or one of another network',
  PEER_CLOSED: 'it closed the connection: it may be full, or have one with this key already; try again',
};

interface CallFacts {
  readonly name: string;
  readonly at: string;
  readonly peer: PeerAddress;
  readonly timeoutMs: number;
  readonly fault: CodedError | undefined;
}

function callFailure(error: unknown, { name, at, peer, timeoutMs, fault }: CallFacts): unknown {
  if (!(error instanceof P2pError)) return error;
  let why = error.message;
  if (error.code === 'TIMEOUT') {
    why = `${name} to ${at} got no reply in ${timeoutMs} ms: give it longer with --timeout, or look at the node there`;
  } else if (error.code === 'CLOSED' && fault?.code === 'FRAME_INVALID') {
    why = `${name} to ${at} got what is no frame (${fault.message}): is the node there on wire mconnection?`;
  } else if (error.code === 'CLOSED' && fault !== undefined) {
    why = `${name} to ${at} got a reply that does not hold (${fault.message}): is ${peer.publicKey} the node there?`;
  } else if (error.code === 'CLOSED') {
    why = `${name} to ${at} was not answered, the connection was closed: is ${peer.publicKey} the public key of the node there, and archethic its wire?`;
  }
  return new CliError('CALL_FAILED', why, { cause: error });
}

function parsePeer(peer: string): PeerAddress {
  try {
    return parsePeerAddress(peer);
  } catch (error) {
    if (error instanceof CodedError) throw usage(error.message);
    throw error;
  }
}

/** The fields of a message out of JSON text. @throws CliError `USAGE` naming the field. @internal */
export function parseFields(type: MessageType, source: string): unknown {
  let json: Json;
  try {
    json = JSON.parse(source) as Json;
  } catch (error) {
    throw usage(`the fields of ${type.name} are not JSON: ${(error as Error).message}`);
  }
  try {
    return type.fromJson(withDefaults(type, json));
  } catch (error) {
    if (error instanceof CodedError) throw usage(error.message);
    throw error;
  }
}

/** Names in lines of at most 100 characters. */
function wrapped(names: readonly string[]): string[] {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length > 98) lines.push(`  ${name}`);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return lines;
}
