/**
 * Commands and their options: one declaration from which the parser, the checks and the help text follow. Splitting the
 * arguments is `node:util` `parseArgs`; every complaint about them is made here, names the option and its range, and is a
 * {@link CliError} `USAGE`.
 */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { CliError } from './errors.ts';
import { didYouMean } from './nearest-names.ts';
import type { Shell, StopCause } from './shell.ts';

/** Exit code of a command that did what it was asked. */
export const EXIT_OK = 0;
/** Exit code after an operating error. */
export const EXIT_FAILURE = 1;
/** Exit code after a wrong use. */
export const EXIT_USAGE = 2;

/** The exit code of what such an end broke off: 128 + the number of the signal; 0 when nobody reads on. */
export function exitCodeOf(cause: StopCause): number {
  return cause === 'EPIPE' ? EXIT_OK : 128 + constants.signals[cause];
}

/** An option of a command, and how its texts become a value. */
export interface Option<T> {
  readonly isFlag: boolean;
  /** What stands for the value in help; empty for a flag. */
  readonly placeholder: string;
  /** One line. Range and default included. */
  readonly help: string;
  /** @param given - the values in the order given; for a flag, an empty text each. @throws CliError `USAGE`. */
  readonly parse: (name: string, given: readonly string[]) => T;
}

/** Options by name, without the two dashes. */
export type OptionMap = Readonly<Record<string, Option<unknown>>>;

/** What an {@link OptionMap} parses to. */
export type OptionValues<T extends OptionMap> = {
  readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never;
};

/** An option that is there or not. */
export function flag(help: string): Option<boolean> {
  return { isFlag: true, placeholder: '', help, parse: (name, given) => atMostOnce(name, given) !== undefined };
}

/** Free text; `undefined` when not given. */
export function text(placeholder: string, help: string): Option<string | undefined> {
  return { isFlag: false, placeholder, help, parse: (name, given) => atMostOnce(name, given) };
}

/** Free text as often as wanted. @param countMax - most times. */
export function texts(placeholder: string, help: string, countMax: number): Option<readonly string[]> {
  const parse = (name: string, given: readonly string[]): readonly string[] => {
    if (given.length > countMax) {
      throw usage(`option --${name} is given ${given.length} times: at most ${countMax}`);
    }
    return given;
  };
  return { isFlag: false, placeholder, help: `${help}; may be given more than once`, parse };
}

/** One of a closed set. */
export function choice<const T extends string, D extends T | undefined>(
  placeholder: string,
  help: string,
  allowed: readonly T[],
  standard: D,
): Option<T | D> {
  const list = allowed.join(', ');
  const parse = (name: string, given: readonly string[]): T | D => {
    const value = atMostOnce(name, given);
    if (value === undefined) return standard;
    if (!allowed.includes(value as T)) {
      throw usage(`option --${name} is ${quote(value)}: expected one of ${list}${didYouMean(value, allowed)}`);
    }
    return value as T;
  };
  return { isFlag: false, placeholder, help: `${help}: ${list}${defaultText(standard)}`, parse };
}

/** How a number may be written, and between what. */
export interface NumberRange<D extends number | undefined> {
  readonly min: number;
  readonly max: number;
  readonly standard: D;
  /** Whether digits after a point are taken. */
  readonly isFractional?: boolean;
}

/** A number in a range. */
export function number<D extends number | undefined>(
  placeholder: string,
  help: string,
  range: NumberRange<D>,
): Option<number | D> {
  const { min, max, standard, isFractional = false } = range;
  const kind = isFractional ? 'a number' : 'an integer';
  const pattern = isFractional ? /^\d{1,15}(\.\d{1,9})?$/ : /^\d{1,15}$/;
  const parse = (name: string, given: readonly string[]): number | D => {
    const value = atMostOnce(name, given);
    if (value === undefined) return standard;
    const parsed = Number(value);
    if (!pattern.test(value) || parsed < min || parsed > max) {
      throw usage(`option --${name} is ${quote(value)}: expected ${kind} from ${min} to ${max}`);
    }
    return parsed;
  };
  return { isFlag: false, placeholder, help: `${help}; ${kind} from ${min} to ${max}${defaultText(standard)}`, parse };
}

/** An argument without a name, as help shows it. */
export interface Positional {
  readonly name: string;
  readonly help: string;
  readonly isOptional?: boolean;
}

/** What a command is made of. */
export interface CommandDefinition<T extends OptionMap> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs of help; lines are printed as they are. */
  readonly details: readonly string[];
  readonly positionals: readonly Positional[];
  readonly options: T;
  /**
   * Meaning of each exit code that is special to this command, beside those every command has; a row with an empty code
   * goes on with the one above it.
   */
  readonly exits: readonly (readonly [code: string, meaning: string])[];
  readonly examples: readonly string[];
  /** @returns the exit code. @throws CliError and other coded errors, which end in one line and code 1 or 2. */
  readonly run: (options: OptionValues<T>, positionals: readonly string[], shell: Shell) => Promise<number>;
}

/** A command, ready to run. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The text of `--help`, with a line break at its end. */
  help(): string;
  /** Parses `args`, prints help when asked for, else runs. @returns the exit code. */
  run(args: readonly string[], shell: Shell): Promise<number>;
}

/** Makes a command of its definition. */
export function command<const T extends OptionMap>(definition: CommandDefinition<T>): Command {
  const { name, summary } = definition;
  const help = (): string => helpOf(definition);
  return {
    name,
    summary,
    help,
    async run(args: readonly string[], shell: Shell): Promise<number> {
      const parsed = parseCommandLine(definition, args);
      if (parsed === 'help') {
        shell.out(help());
        return EXIT_OK;
      }
      return definition.run(parsed.options, parsed.positionals, shell);
    },
  };
}

/** The error for a wrong use; the line ends with where to read on. */
export function usage(message: string): CliError {
  return new CliError('USAGE', message);
}

/** A text as a message shows it: quoted, without control characters, at most 80 characters. */
export function quote(value: string): string {
  return JSON.stringify(value.length <= 80 ? value : `${value.slice(0, 79)}…`);
}

interface ParsedCommandLine<T extends OptionMap> {
  readonly options: OptionValues<T>;
  readonly positionals: readonly string[];
}

/** Takes arguments apart. @throws CliError `USAGE`. @internal */
export function parseCommandLine<T extends OptionMap>(
  { name, options, positionals: expected }: CommandDefinition<T>,
  args: readonly string[],
): ParsedCommandLine<T> | 'help' {
  const given = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokensOf(options, args)) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === 'help' || token.rawName === '-h') return 'help';
    const option =
      Object.hasOwn(options, token.name) && token.rawName.startsWith('--') ? options[token.name] : undefined;
    if (option === undefined) {
      const hint = didYouMean(token.name, [...Object.keys(options), 'help'], '--');
      throw usage(`unknown option ${quote(token.rawName)}${hint}: see genmesh ${name} --help`);
    }
    const values = given.get(token.name) ?? [];
    values.push(givenValue(option, token));
    given.set(token.name, values);
  }
  checkPositionals(name, expected, positionals);
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(options)) values[key] = option.parse(key, given.get(key) ?? []);
  return { options: values as OptionValues<T>, positionals };
}

type Token =
  | { kind: 'option'; name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined }
  | { kind: 'positional'; value: string }
  | { kind: 'option-terminator' };

function tokensOf(options: OptionMap, args: readonly string[]): readonly Token[] {
  const config: Record<string, { type: 'boolean' | 'string' }> = { help: { type: 'boolean' } };
  for (const [name, { isFlag }] of Object.entries(options)) config[name] = { type: isFlag ? 'boolean' : 'string' };
  return parseArgs({ args: [...args], options: config, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function givenValue(option: Option<unknown>, token: Token & { kind: 'option' }): string {
  const { rawName, value, inlineValue } = token;
  if (option.isFlag) {
    if (value !== undefined) throw usage(`option ${rawName} takes no value`);
    return '';
  }
  if (value === undefined) throw usage(`option ${rawName} needs a value: ${rawName} ${option.placeholder}`);
  if (inlineValue !== true && value.length > 1 && value.startsWith('-')) {
    throw usage(
      `option ${rawName} needs a value and is followed by ${quote(value)}: write ${rawName}=VALUE if it is one`,
    );
  }
  return value;
}

function checkPositionals(name: string, expected: readonly Positional[], given: readonly string[]): void {
  const missing = expected.find(({ isOptional }, index) => isOptional !== true && given[index] === undefined);
  if (missing !== undefined) throw usage(`${missing.name} is missing: see genmesh ${name} --help`);
  const extra = given[expected.length];
  if (extra !== undefined) throw usage(`unexpected argument ${quote(extra)}: see genmesh ${name} --help`);
}

function atMostOnce(name: string, given: readonly string[]): string | undefined {
  if (given.length > 1) throw usage(`option --${name} is given ${given.length} times: once is enough`);
  return given[0];
}

function defaultText(standard: string | number | undefined): string {
  return standard === undefined ? '' : ` (default ${standard})`;
}

const COMMON_EXITS: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  ['1', 'an operating error: one line on stderr says what to do'],
  ['2', 'wrong use: one line on stderr says what was expected'],
];

function helpOf<T extends OptionMap>(definition: CommandDefinition<T>): string {
  const { name, positionals, options, details, exits, examples } = definition;
  const shownArguments = positionals.map((one) => (one.isOptional === true ? `[${one.name}]` : one.name));
  const optionRows = Object.entries(options).map(([key, { placeholder, help }]): [string, string] => [
    `--${key}${placeholder === '' ? '' : ` ${placeholder}`}`,
    help,
  ]);
  const blocks = [
    [`usage: ${['genmesh', name, ...shownArguments, '[options]'].join(' ')}`],
    details,
    positionals.length === 0 ? [] : ['arguments:', ...rows(positionals.map((one) => [one.name, one.help]))],
    ['options:', ...rows([...optionRows, ['--help, -h', 'prints this']])],
    ['exit codes:', ...rows(exitRows(exits))],
    [examples.length === 1 ? 'example:' : 'examples:', ...examples.map((example) => `  ${example}`)],
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

/** The exit codes every command has, in the words of this one where it has some, then those of its own. */
function exitRows(exits: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const own = new Map<string, (readonly [string, string])[]>();
  let code = '';
  for (const row of exits) {
    // A row without a code goes on with the one above it.
    if (row[0] !== '') code = row[0];
    own.set(code, [...(own.get(code) ?? []), row]);
  }
  const common = COMMON_EXITS.flatMap((row) => own.get(row[0]) ?? [row]);
  for (const [one] of COMMON_EXITS) own.delete(one);
  return [...common, ...[...own.values()].flat()];
}

/** Two columns, the second at a common margin. @internal */
export function rows(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
