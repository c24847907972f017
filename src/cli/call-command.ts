/** `genmesh call`: sends one message to a node and prints the reply. */
import { CodedError } from '../base/errors.ts';
import type { Json } from '../codec/json-form.ts';
import type { MessageType } from '../codec/message.ts';
import { NODE_LIMITS, WIRE_DEFAULT, WIRES, type Wire } from '../p2p/node-options.ts';
import { NodeSupervisor } from '../p2p/node-supervisor.ts';
import { type PeerAddress, parsePeerAddress } from '../p2p/peer-address.ts';
import { callFailure, dialFailure } from './call-failure.ts';
import { type Command, choice, command, EXIT_OK, flag, number, text, usage } from './command-line.ts';
import type { CliError } from './errors.ts';
import { readKeyFile } from './key-file.ts';
import { cliMessages, messageByName, withDefaults } from './message-names.ts';
import type { Shell } from './shell.ts';
import { checkSealed, requireEd25519, SEALED_HELP } from './wire-options.ts';
import { type ProbeResult, probeWire } from './wire-probe.ts';

/** Longest JSON read from standard input, in bytes: the hex of the largest frame, and room around it. */
export const FIELDS_BYTES_MAX = 36_000_000;

const [TIMEOUT_MS, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX] = NODE_LIMITS.callTimeoutMs;

type AnyMessage = { readonly name: string; readonly fields: unknown };

interface Asked {
  readonly peer: PeerAddress;
  readonly type: MessageType;
  readonly fields: unknown;
  readonly timeoutMs: number;
  readonly wire: Wire;
}

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
    sealed: flag(SEALED_HELP),
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
    "genmesh call tcp://127.0.0.1:30002:0001ab... ListNodes '{}' --sealed",
    'genmesh call tcp://127.0.0.1:30002:0001ab... Ping --timeout 1000',
  ],
  async run({ key, timeout, wire, sealed }, [peerText = '', name = '', json = '{}'], shell): Promise<number> {
    checkSealed(wire, sealed);
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
      ...(sealed ? { sealed } : {}),
      messages: cliMessages,
      clock,
      random,
      engine,
      dialTimeoutMs: Math.min(NODE_LIMITS.dialTimeoutMs[0], timeout),
    });
    try {
      const reply = await callOnce(node, { peer, type, fields, timeoutMs: timeout, wire }, shell);
      shell.out(`${JSON.stringify({ name: reply.name, fields: cliMessages.toJson(reply) }, null, 2)}\n`);
      return EXIT_OK;
    } finally {
      await node.stop();
    }
  },
});

async function callOnce(node: NodeSupervisor, asked: Asked, shell: Shell): Promise<AnyMessage> {
  const { peer, type, fields, timeoutMs, wire } = asked;
  let fault: CodedError | undefined;
  node.on('fault', ({ error }) => {
    fault = error;
  });
  const probe = (): Promise<ProbeResult> => probeWire(peer.address, shell.clock, timeoutMs);
  // A node goes on dialling; who waits at a terminal wants to know at once.
  let failure: Promise<CliError> | undefined;
  const unreachable = new Promise<never>((_, reject) => {
    node.on('dialFailed', ({ reason }) => {
      failure ??= dialFailure(reason, { peer, probe });
      failure.then(reject, reject);
    });
  });
  const call = async (): Promise<AnyMessage> => {
    const remote = await node.connect(peer);
    return remote.call(type, fields, { timeoutMs });
  };
  try {
    return await Promise.race([call(), unreachable]);
  } catch (error) {
    // What is found out about a dial says more than that the time was up meanwhile.
    if (failure !== undefined) throw await failure;
    throw await callFailure(error, { name: type.name, peer, wire, timeoutMs, fault, probe });
  }
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
