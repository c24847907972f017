import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { P2P_ERROR_CODES } from '../../src/p2p/errors.ts';
import { REJECTION_CODES, SWITCH_ERROR_CODES } from '../../src/p2p/switch-errors.ts';
import { SWITCH_LIMITS } from '../../src/p2p/switch-options.ts';

const section = readFileSync('docs/limits.md', 'utf8').split('## Options of a switch')[1]?.split('\n## ')[0] ?? '';
const plain = (text: string | undefined): number => Number(text?.replaceAll(' ', ''));

describe('what the docs say of a switch', () => {
  test.each(Object.entries(SWITCH_LIMITS))(
    'option %s stands in docs/limits.md with its default and range',
    (name, range) => {
      const row = new RegExp(`^\\| \`${name}\` \\| ([\\d ]+) \\| ([\\d ]+) to ([\\d ]+) \\| .+ \\|$`, 'm').exec(
        section,
      );
      expect(row?.slice(1, 4).map(plain), `row of ${name}`).toEqual([...range]);
    },
  );

  test('docs/limits.md names no option of a switch that there is not', () => {
    const named = [...section.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] as string);
    expect(named.sort()).toEqual(Object.keys(SWITCH_LIMITS).sort());
  });

  test('every code of a switch is one of the layer, whose table another test holds', () => {
    const all: readonly string[] = P2P_ERROR_CODES;
    expect(SWITCH_ERROR_CODES.filter((code) => !all.includes(code))).toEqual([]);
    expect(REJECTION_CODES.filter((code) => !SWITCH_ERROR_CODES.includes(code))).toEqual([]);
  });
});
