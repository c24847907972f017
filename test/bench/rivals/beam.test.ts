import { readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { BEAM_WORKLOADS, figuresIn, isOnPath } from '../../../bench/rivals/beam.ts';

describe('the BEAM as a rival', () => {
  test('has a function for each of its workloads', () => {
    const script = readFileSync('bench/rivals/beam/workloads.exs', 'utf8');
    for (const name of BEAM_WORKLOADS) expect(script).toMatch(new RegExp(`^  def ${name}\\(_?scale\\)`, 'm'));
  });

  test('answers with its figures', () => {
    expect(figuresIn('= 1.5')).toEqual([1.5]);
    expect(figuresIn('= 7449.3 1.0e6 12')).toEqual([7449.3, 1_000_000, 12]);
  });

  test.each([
    ['! error :badarg', 'error :badarg'],
    ['= ', '= '],
    ['= 1 two', '= 1 two'],
    ['', ''],
  ])('%j is not an answer with figures', (line, message) => {
    expect(() => figuresIn(line)).toThrow(new Error(message));
  });
});

describe('the PATH', () => {
  const before = process.env.PATH;
  afterEach(() => {
    process.env.PATH = before;
  });

  test('is searched folder by folder', () => {
    process.env.PATH = ['/nowhere', dirname(process.execPath)].join(delimiter);
    expect([isOnPath('node'), isOnPath('no-such-program')]).toEqual([true, false]);
    process.env.PATH = '/nowhere';
    expect(isOnPath('node')).toBe(false);
    delete process.env.PATH;
    expect(isOnPath('node')).toBe(false);
  });
});
