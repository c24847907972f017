/** The program: finds the command, runs it, and turns whatever it throws into one line and an exit code. */
import { CodedError, describeReason } from '../base/errors.ts';
import { callCommand } from './call-command.ts';
import { type Command, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, quote, rows, usage } from './command-line.ts';
import { crawlCommand } from './crawl-command.ts';
import { decodeCommand } from './decode-command.ts';
import { demoCommand } from './demo-command.ts';
import { DEMO_NODE_COMMAND, runDemoNode } from './demo-node.ts';
import { CliError } from './errors.ts';
import { keygenCommand } from './keygen-command.ts';
import { didYouMean } from './nearest-names.ts';
import { nodeCommand } from './node-command.ts';
import { peerCommand } from './peer-command.ts';
import type { Shell } from './shell.ts';

/** The commands, in the order help lists them. */
export const COMMANDS: readonly Command[] = [
  demoCommand,
  keygenCommand,
  nodeCommand,
  callCommand,
  decodeCommand,
  peerCommand,
  crawlCommand,
];

/** Longest line of an error, in characters; the rest is cut. */
export const ERROR_LINE_CHARS_MAX = 1000;

/**
 * Runs the program.
 *
 * @param args - without interpreter and script.
 * @returns the exit code: 0 done, 1 operating error, 2 wrong use; never rejects.
 */
export async function runProgram(args: readonly string[], shell: Shell): Promise<number> {
  try {
    return await dispatch(args, shell);
  } catch (error) {
    if (error instanceof CodedError) {
      shell.err(`${errorLine(error)}\n`);
      return error instanceof CliError && error.code === 'USAGE' ? EXIT_USAGE : EXIT_FAILURE;
    }
    // Not an operating error but a fault in this program: say all there is to say.
    shell.err(`genmesh: internal error, please report it: ${describeReason(error)}\n`);
    if (error instanceof Error && error.stack !== undefined) shell.err(`${error.stack}\n`);
    return EXIT_FAILURE;
  }
}

/** `genmesh: ...` in one line without control characters. @internal */
export function errorLine(error: Error): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  const line = `genmesh: ${error.message}`.replace(/\s*[\u0000-\u001f\u007f-\u009f]+\s*/g, ' ');
  return line.length <= ERROR_LINE_CHARS_MAX ? line : `${line.slice(0, ERROR_LINE_CHARS_MAX - 1)}…`;
}

async function dispatch(args: readonly string[], shell: Shell): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    shell.err(help());
    return EXIT_USAGE;
  }
  if (name === '--help' || name === '-h') return print(shell, help());
  if (name === '--version') return print(shell, `${shell.version}\n`);
  if (name === 'help') return print(shell, rest[0] === undefined ? help() : find(rest[0]).help());
  if (name === DEMO_NODE_COMMAND && process.send !== undefined) return runDemoNode(shell);
  return find(name).run(rest, shell);
}

function find(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  const what = name.startsWith('-') ? 'option' : 'command';
  const hint = didYouMean(
    name,
    COMMANDS.map((command) => command.name),
  );
  throw usage(`unknown ${what} ${quote(name)}${hint}: see genmesh --help`);
}

function print(shell: Shell, text: string): number {
  shell.out(text);
  return EXIT_OK;
}

function help(): string {
  return `${[
    'usage: genmesh COMMAND [options]',
    '',
    'Supervised nodes that exchange encrypted, multiplexed messages over TCP: by MConnections as CometBFT has them, or',
    'on the wire of Archethic nodes; peer and crawl speak to CometBFT nodes.',
    '',
    'commands:',
    ...rows(COMMANDS.map(({ name, summary }) => [name, summary])),
    '',
    'options:',
    ...rows([
      ['--help, -h', 'prints this; genmesh COMMAND --help has the options of a command'],
      ['--version', 'prints the version'],
    ]),
    '',
    'exit codes:',
    ...rows([
      ['0', 'done'],
      ['1', 'an operating error: one line on stderr says what to do'],
      ['2', 'wrong use: one line on stderr says what was expected'],
      ['130, 143', 'ended by SIGINT, SIGTERM before it was done; node and demo end in order instead'],
    ]),
    '',
    'example:',
    '  genmesh demo',
  ].join('\n')}\n`;
}
