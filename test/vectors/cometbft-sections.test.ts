import { describe, expect, test } from 'vitest';
import {
  COMETBFT_CODEC_SECTIONS,
  COMETBFT_CRYPTO_SECTIONS,
  COMETBFT_HEADER_SECTIONS,
  COMETBFT_NET_SECTIONS,
  emptySections,
  loadCometbftVectors,
  objectOf,
  stringOf,
} from './load.ts';

const vectors = loadCometbftVectors();
const sections = vectors?.sections ?? {};
const claimed: readonly string[] = [
  ...COMETBFT_HEADER_SECTIONS,
  ...COMETBFT_CODEC_SECTIONS,
  ...COMETBFT_CRYPTO_SECTIONS,
  ...COMETBFT_NET_SECTIONS,
];

describe.skipIf(vectors === undefined)('the CometBFT vector file', () => {
  test('names the source it was made from', () => {
    expect(stringOf(objectOf(sections, 'meta'), 'source')).toContain('cometbft');
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
