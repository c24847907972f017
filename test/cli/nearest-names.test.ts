import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  didYouMean,
  editDistance,
  NEAREST_NAME_CHARS_MAX,
  NEAREST_NAMES_MAX,
  nearestNames,
} from '../../src/cli/nearest-names.ts';

const NAMES = ['Ping', 'ListNodes', 'GetTransaction', 'GetTransactionChain', 'NodeList', 'Ok'];

/** The definition, without a table. */
function slowDistance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const [x, y] = [a.slice(1), b.slice(1)];
  let best = Math.min(slowDistance(x, b) + 1, slowDistance(a, y) + 1, slowDistance(x, y) + (a[0] === b[0] ? 0 : 1));
  if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]) {
    best = Math.min(best, slowDistance(a.slice(2), b.slice(2)) + 1);
  }
  return best;
}

describe('nearest names', () => {
  test('forgive case, a wrong letter, a missing one and swapped ones', () => {
    expect(nearestNames('ping', NAMES)).toEqual(['Ping']);
    expect(nearestNames('Pong', NAMES)).toEqual(['Ping']);
    expect(nearestNames('Pnig', NAMES)).toEqual(['Ping']);
    expect(nearestNames('ListNode', NAMES)).toEqual(['ListNodes']);
  });

  test('complete a beginning', () => {
    expect(nearestNames('GetTrans', NAMES)).toEqual(['GetTransaction', 'GetTransactionChain']);
  });

  test('are none when everything is far, and for no text or a very long one', () => {
    expect(nearestNames('Frobnicate', NAMES)).toEqual([]);
    expect(nearestNames('', NAMES)).toEqual([]);
    expect(nearestNames('x'.repeat(NEAREST_NAME_CHARS_MAX + 1), NAMES)).toEqual([]);
    const long = 'x'.repeat(NEAREST_NAME_CHARS_MAX);
    expect(nearestNames(long, [long])).toEqual([long]);
  });

  test('are at most a few', () => {
    expect(nearestNames('abc', ['abc1', 'abc2', 'abc3', 'abc4'])).toHaveLength(NEAREST_NAMES_MAX);
  });

  test('make a question', () => {
    expect(didYouMean('jsn', ['json', 'kill'], '--')).toBe(' (did you mean --json?)');
    expect(didYouMean('zzzzzz', ['json'])).toBe('');
  });

  test('rest on the same distance as its definition', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
    fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === slowDistance(a, b)));
  });
});
