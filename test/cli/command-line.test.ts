import { describe, expect, test } from 'vitest';
import {
  choice,
  command,
  flag,
  number,
  type OptionMap,
  parseCommandLine,
  text,
  texts,
} from '../../src/cli/command-line.ts';
import { CliError } from '../../src/cli/errors.ts';
import { FakeShell } from './fake-shell.ts';

const options = {
  key: text('FILE', 'key file'),
  peer: texts('PEER', 'a node', 2),
  curve: choice('CURVE', 'the curve', ['ed25519', 'secp256k1'], 'ed25519'),
  count: number('N', 'how many', { min: 2, max: 16, standard: 3 }),
  seconds: number('S', 'how long', { min: 0.5, max: 10, standard: undefined, isFractional: true }),
  json: flag('as JSON'),
} satisfies OptionMap;

const definition = {
  name: 'try',
  summary: 'tries',
  details: ['Tries things.'],
  positionals: [
    { name: 'WHAT', help: 'what to try' },
    { name: 'HOW', help: 'how', isOptional: true },
  ],
  options,
  exits: [['7', 'seven']] as const,
  examples: ['genmesh try this'],
  run: async () => 0,
};

function parse(...args: string[]): ReturnType<typeof parseCommandLine<typeof options>> {
  return parseCommandLine(definition, args);
}

function complaint(...args: string[]): string {
  try {
    parse(...args);
  } catch (error) {
    expect(error).toBeInstanceOf(CliError);
    expect((error as CliError).code).toBe('USAGE');
    return (error as CliError).message;
  }
  throw new Error(`${args.join(' ')} was accepted`);
}

describe('options', () => {
  test('have their defaults when not given', () => {
    expect(parse('x')).toEqual({
      options: { key: undefined, peer: [], curve: 'ed25519', count: 3, seconds: undefined, json: false },
      positionals: ['x'],
    });
  });

  test('are taken in any place, with a blank or an equals sign', () => {
    expect(
      parse('--json', 'x', '--key=a', '--peer', 'p', 'y', '--peer=q', '--curve', 'secp256k1', '--count', '16'),
    ).toEqual({
      options: { key: 'a', peer: ['p', 'q'], curve: 'secp256k1', count: 16, seconds: undefined, json: true },
      positionals: ['x', 'y'],
    });
  });

  test('that are unknown are named, with the nearest known one', () => {
    expect(complaint('x', '--jsn')).toBe('unknown option "--jsn" (did you mean --json?): see genmesh try --help');
    expect(complaint('x', '--zzzzzz')).toBe('unknown option "--zzzzzz": see genmesh try --help');
    expect(complaint('x', '-j')).toContain('unknown option "-j"');
    expect(complaint('x', '--constructor')).toContain('unknown option "--constructor"');
  });

  test('that need a value say so when it is missing or looks like an option', () => {
    expect(complaint('x', '--key')).toBe('option --key needs a value: --key FILE');
    expect(complaint('x', '--key', '--json')).toBe(
      'option --key needs a value and is followed by "--json": write --key=VALUE if it is one',
    );
    expect(parse('x', '--key=--json')).toMatchObject({ options: { key: '--json' } });
    expect(parse('x', '--key', '-')).toMatchObject({ options: { key: '-' } });
  });

  test('that are flags take no value', () => {
    expect(complaint('x', '--json=yes')).toBe('option --json takes no value');
  });

  test('are given once, but for those that may be repeated up to their bound', () => {
    expect(complaint('x', '--key', 'a', '--key', 'b')).toBe('option --key is given 2 times: once is enough');
    expect(complaint('x', '--json', '--json')).toContain('2 times');
    expect(parse('x', '--peer', 'a')).toMatchObject({ options: { peer: ['a'] } });
    expect(parse('x', '--peer', 'a', '--peer', 'b')).toMatchObject({ options: { peer: ['a', 'b'] } });
    expect(complaint('x', '--peer', 'a', '--peer', 'b', '--peer', 'c')).toBe(
      'option --peer is given 3 times: at most 2',
    );
  });

  test('of a closed set name the set', () => {
    expect(complaint('x', '--curve', 'ed2551')).toBe(
      'option --curve is "ed2551": expected one of ed25519, secp256k1 (did you mean ed25519?)',
    );
  });

  test.each([
    ['1', false],
    ['2', true],
    ['3', true],
    ['15', true],
    ['16', true],
    ['17', false],
    ['2.5', false],
    ['-3', false],
    ['0x3', false],
    ['', false],
    ['1e1', false],
  ])('that are integers are held to their range: %j', (value, isGood) => {
    if (isGood) expect(parse('x', `--count=${value}`)).toMatchObject({ options: { count: Number(value) } });
    else
      expect(complaint('x', `--count=${value}`)).toBe(`option --count is "${value}": expected an integer from 2 to 16`);
  });

  test.each([
    ['0.49', false],
    ['0.5', true],
    ['10', true],
    ['10.01', false],
    ['nan', false],
  ])('that are numbers are held to their range: %j', (value, isGood) => {
    if (isGood) expect(parse('x', '--seconds', value)).toMatchObject({ options: { seconds: Number(value) } });
    else expect(complaint('x', '--seconds', value)).toContain('expected a number from 0.5 to 10');
  });
});

describe('arguments', () => {
  test('that are missing or too many are named', () => {
    expect(complaint()).toBe('WHAT is missing: see genmesh try --help');
    expect(complaint('a', 'b', 'c')).toBe('unexpected argument "c": see genmesh try --help');
    expect(parse('a', 'b')).toMatchObject({ positionals: ['a', 'b'] });
  });

  test('after two dashes are no options', () => {
    expect(parse('a', '--', '--json')).toMatchObject({ positionals: ['a', '--json'], options: { json: false } });
  });
});

describe('help', () => {
  test('is asked for by --help and -h, whatever else is wrong after it', () => {
    expect(parse('--help')).toBe('help');
    expect(parse('-h')).toBe('help');
    expect(parse('--help', '--nonsense')).toBe('help');
  });

  test('has usage, arguments, options with range and default, exit codes and an example', async () => {
    const shell = new FakeShell();
    expect(await command(definition).run(['--help'], shell)).toBe(0);
    expect(shell.stdout).toContain('usage: genmesh try WHAT [HOW] [options]\n');
    expect(shell.stdout).toContain('Tries things.');
    expect(shell.stdout).toContain('--curve CURVE  the curve: ed25519, secp256k1 (default ed25519)');
    expect(shell.stdout).toContain('--count N      how many; an integer from 2 to 16 (default 3)');
    expect(shell.stdout).toContain('may be given more than once');
    expect(shell.stdout).toMatch(/exit codes:\n {2}0 {2}done\n {2}1 .*\n {2}2 .*\n {2}7 {2}seven\n/);
    expect(shell.stdout).toContain('example:\n  genmesh try this\n');
  });

  test('goes on under the exit code that a row without one belongs to', async () => {
    const exits = [
      ['0', 'first'],
      ['', 'second'],
      ['7', 'seven'],
      ['', 'more of seven'],
    ] as const;
    const lines = command({ ...definition, exits })
      .help()
      .split('\n');
    const from = lines.indexOf('exit codes:') + 1;
    expect(lines.slice(from, from + 6).map((line) => line.trimEnd())).toEqual([
      '  0  first',
      '     second',
      expect.stringMatching(/^ {2}1 {2}/),
      expect.stringMatching(/^ {2}2 {2}/),
      '  7  seven',
      '     more of seven',
    ]);
  });
});
