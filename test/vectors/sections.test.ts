import { describe, expect, test } from 'vitest';
import {
  CODEC_SECTIONS,
  CRYPTO_SECTIONS,
  emptySections,
  HEADER_SECTIONS,
  loadVectors,
  objectOf,
  stringOf,
  type VectorCase,
} from './load.ts';

const { sections } = loadVectors();
const claimed: readonly string[] = [...HEADER_SECTIONS, ...CODEC_SECTIONS, ...CRYPTO_SECTIONS];

describe('the vector file', () => {
  test('is of the format that the suites read', () => {
    expect(stringOf(sections, 'format')).toBe('archethic-vectors/1');
  });

  test('names the source it was made from', () => {
    const source = objectOf(sections, 'source');
    expect(stringOf(source, 'repository')).not.toBe('');
    expect(stringOf(source, 'commit')).toMatch(/^[0-9a-f]{40}$/);
  });

  test('has no section that no suite claims', () => {
    expect(Object.keys(sections).filter((section) => !claimed.includes(section))).toEqual([]);
  });

  test('has no section that two suites claim', () => {
    expect(claimed.filter((section, index) => claimed.indexOf(section) !== index)).toEqual([]);
  });

  test('has every claimed section', () => {
    expect(claimed.filter((section) => sections[section] === undefined)).toEqual([]);
  });

  test('has at least one case in every claimed section', () => {
    expect(emptySections(sections, claimed)).toEqual([]);
  });
});

describe('a section', () => {
  test.each<[string, VectorCase]>([
    ['absent', {}],
    ['an empty list', { messages: [] }],
    ['an empty object', { messages: {} }],
    ['an object with an empty list in it', { messages: { valid: [{ a: 1 }], invalid: [] } }],
    ['null', { messages: null }],
  ])('that is %s is named as empty', (_what, given) => {
    expect(emptySections({ format: 'x', ...given }, ['format', 'messages'])).toEqual(['messages']);
  });

  test('with a case is not', () => {
    expect(emptySections({ a: [{}], b: { c: 1 }, d: 'x', e: { f: [0] } }, ['a', 'b', 'd', 'e'])).toEqual([]);
  });
});
