import { describe, expect, test } from 'vitest';
import { BENCH_USAGE, parseBenchArguments } from '../../bench/arguments.ts';

describe('the arguments of the bench', () => {
  test('are all optional, and a whole run is saved', () => {
    expect(parseBenchArguments([])).toEqual({ isAlone: false, isSaving: true });
  });

  test('are taken', () => {
    const args = ['--rounds', '3', '--scale', '0.2', '--only', 'call'];
    expect(parseBenchArguments(args)).toEqual({ rounds: 3, scale: 0.2, only: 'call', isAlone: false, isSaving: false });
    expect(parseBenchArguments([...args, '--save'])).toMatchObject({ isSaving: true });
    expect(parseBenchArguments(['--alone'])).toEqual({ isAlone: true, isSaving: true });
    expect(parseBenchArguments(['--rounds', '1'])).toMatchObject({ rounds: 1 });
    expect(parseBenchArguments(['--rounds', '1000', '--scale', '1000'])).toMatchObject({ rounds: 1000, scale: 1000 });
  });

  test.each(['--help', '-h'])('%s asks for the usage, which names every option', (flag) => {
    expect(parseBenchArguments([flag])).toBe('help');
    for (const name of ['rounds', 'scale', 'only', 'alone', 'save', 'help'])
      expect(BENCH_USAGE).toContain(`  --${name}`);
  });

  test.each<[string[], string]>([
    [['--round', '3'], "Unknown option '--round': see npm run bench -- --help"],
    [['call'], "Unexpected argument 'call'"],
    [['--only'], "Option '--only <value>' argument missing"],
    [['--rounds', '--save'], "Option '--rounds' argument is ambiguous"],
    [['--rounds', '0'], 'option --rounds is "0": expected an integer from 1 to 1000'],
    [['--rounds', '1001'], 'option --rounds is "1001"'],
    [['--rounds', 'x'], 'option --rounds is "x"'],
    [['--scale', '0'], 'option --scale is "0": expected a number over 0, at most 1000'],
    [['--scale', '1000.5'], 'option --scale is "1000.5"'],
    [['--scale', ''], 'option --scale is ""'],
  ])('%j are refused in one line', (args, message) => {
    const failure = ((): unknown => {
      try {
        return parseBenchArguments(args);
      } catch (error) {
        return error;
      }
    })() as Error;
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure.message).toContain(message);
    expect(failure.message).not.toContain('\n');
  });
});
