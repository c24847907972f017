import { describe, expect, test } from 'vitest';
import { CODEC_SECTIONS, CRYPTO_SECTIONS, HEADER_SECTIONS, loadVectors, objectOf, stringOf } from './load.ts';

const { sections } = loadVectors();
// Another file may well have nothing to say in a section; ours has not.
const isOurOwn = (process.env.GENMESH_VECTORS ?? '') === '';
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

  if (isOurOwn) {
    test('has at least one case in every claimed section', () => {
      const empty = claimed.filter((section) => {
        const value = sections[section];
        if (Array.isArray(value)) return value.length === 0;
        return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
      });
      expect(empty).toEqual([]);
    });
  }
});
