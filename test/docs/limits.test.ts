import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NODE_LIMITS } from '../../src/p2p/node-options.ts';

const page = readFileSync('docs/limits.md', 'utf8');
const digits = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
const plain = (text: string): number => Number(text.replaceAll(' ', ''));

/** Every exported constant whose name says that it is a bound, with its value. */
async function bounds(): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const entry of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts') || entry.startsWith('cli')) continue;
    const text = readFileSync(`src/${entry}`, 'utf8');
    if (!/^export const [A-Z][A-Z0-9_]*(_MAX|_MAX_DEFAULT|_CAPACITY_DEFAULT)\b/m.test(text)) continue;
    const module = (await import(/* @vite-ignore */ `../../src/${entry}`)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) {
      if (/_(MAX|MAX_DEFAULT|CAPACITY_DEFAULT)$/.test(name) && typeof value === 'number') found.set(name, value);
    }
  }
  return found;
}

/** The rows of Markdown tables that have more or fewer cells than the head of their table. */
function misshapenRows(text: string): string[] {
  const faults: string[] = [];
  let columnCount = 0;
  text.split('\n').forEach((line, index) => {
    if (!line.startsWith('|')) {
      columnCount = 0;
      return;
    }
    const count = line.trimEnd().split(/(?<!\\)\|/).length - 2;
    if (columnCount === 0) columnCount = count;
    if (count !== columnCount) faults.push(`line ${index + 1}: ${count} columns instead of ${columnCount}`);
  });
  return faults;
}

describe('docs/limits.md', () => {
  test.each(Object.entries(NODE_LIMITS))(
    'option %s stands there with its default and range',
    (name, [standard, least, most]) => {
      const row = new RegExp(`^\\| \`${name}\` \\| ([\\d ]+) \\| ([\\d ]+) to ([\\d ]+) \\| .+ \\|$`, 'm').exec(page);
      expect(row?.slice(1, 4).map(plain), `row of ${name}`).toEqual([standard, least, most]);
    },
  );

  test('every row has the columns of its table', () => {
    expect(misshapenRows(page)).toEqual([]);
  });

  test.each([
    ['| `A` | 1 |', ['line 3: 2 columns instead of 3']],
    ['| `A` | 1 | a | b |', ['line 3: 4 columns instead of 3']],
    ['| `A` | 1 | a \\| b |', []],
    ['| `A` | 1 | a |', []],
  ])('a row %s is told from a good one', (row, faults) => {
    expect(misshapenRows(`| constant | value | what |\n| --- | --- | --- |\n${row}\n`)).toEqual(faults);
  });

  test('names every bound in the code with its value', async () => {
    const all = await bounds();
    expect(all.size).toBeGreaterThan(25);
    const missing = [...all].filter(([name, value]) => {
      const row = new RegExp(`^\\| \`${name}\` \\| ([\\d ]+) \\|`, 'm').exec(page);
      return row === null || plain(row[1] as string) !== value;
    });
    expect(missing.map(([name, value]) => `${name} = ${digits(value)}`)).toEqual([]);
  });

  test('names no constant that is not in the code', () => {
    const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((entry) => entry.endsWith('.ts'))
      .map((entry) => readFileSync(`src/${entry}`, 'utf8'))
      .join('\n');
    const named = [...page.matchAll(/^\| `([A-Z][A-Z0-9_]+)` \|/gm)].map((match) => match[1] as string);
    expect(named.filter((name) => !new RegExp(`export const ${name}\\b`).test(source))).toEqual([]);
  });
});
