/** `genmesh decode`: says what some bytes are, and shows them as JSON. */
import { CodedError } from '../base/errors.ts';
import { hexToBytes } from '../codec/hex.ts';
import { type Command, choice, command, EXIT_OK, text, usage } from './command-line.ts';
import { CliError } from './errors.ts';
import { readKeyFile } from './key-file.ts';
import { describeWire, WIRE_FORMS } from './wire-description.ts';

/** Longest hex text, in characters: two frames of the largest accepted size. */
export const HEX_CHARS_MAX: number = 4 * (16 * 1024 * 1024 + 4);

/** `genmesh decode`. */
export const decodeCommand: Command = command({
  name: 'decode',
  summary: 'prints a frame, an envelope or a message as JSON',
  details: [
    'Finds out what the bytes are and prints it as JSON; "kind" says which: frame (4-byte length and payload; several',
    'in a row make an array), heartbeat, envelope, message. Of a sealed envelope the message is shown when --key opens',
    'it, else what travels in the clear. The signature is verified whenever the message can be read; an envelope without',
    'one, as inside an MConnection, says null.',
  ],
  positionals: [
    { name: 'HEX', help: 'the bytes in hex, blanks allowed, 0x before them allowed; - reads standard input' },
  ],
  options: {
    key: text('FILE', 'key file of the recipient, to open a sealed envelope'),
    as: choice('FORM', 'takes the bytes for that instead of finding out', WIRE_FORMS, undefined),
  },
  exits: [['1', 'it is none of these, does not open with the key, or its signature does not hold']],
  examples: ['genmesh decode 19', 'genmesh decode --key node.key - < envelope.hex'],
  async run({ key, as }, [hex = ''], shell): Promise<number> {
    const source = hex === '-' ? new TextDecoder().decode(await shell.readInput(HEX_CHARS_MAX)) : hex;
    const bytes = parseHex(source);
    const recipient = key === undefined ? undefined : readKeyFile(key, shell.engine);
    const { description, problem } = describeWire(bytes, { engine: shell.engine, recipient, form: as });
    if (description !== undefined) shell.out(`${JSON.stringify(description, null, 2)}\n`);
    if (problem === undefined) return EXIT_OK;
    throw new CliError('NOT_DECODABLE', problem);
  },
});

/** @internal */
export function parseHex(source: string): Uint8Array {
  const digits = source.replace(/\s+/g, '').replace(/^0x/i, '');
  if (digits === '') throw usage('HEX is empty: give the bytes as hex digits');
  if (digits.length > HEX_CHARS_MAX) {
    throw new CliError('INPUT_TOO_LONG', `HEX has ${digits.length} digits: at most ${HEX_CHARS_MAX}`);
  }
  try {
    return hexToBytes(digits);
  } catch (error) {
    if (error instanceof CodedError) throw usage(`HEX: ${error.message}`);
    throw error;
  }
}
