import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CASES } from './world.ts';

test('every case of the list has a test of its id, and no test an id that is not in the list', () => {
  const folder = new URL('.', import.meta.url);
  const tested = readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => [...readFileSync(new URL(name, folder), 'utf8').matchAll(/conformance\(\s*'([A-Z0-9-]+)'/g)])
    .map((match) => match[1] as string);
  expect(CASES).toHaveLength(132);
  expect([...tested].sort()).toEqual(CASES.map((found) => found.id).sort());
});

test('no row of docs/otp.md has an empty cell, and every module of the issue has its table', () => {
  const page = readFileSync(new URL('../../docs/otp.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('|'));
  expect(rows.length).toBeGreaterThan(100);
  const empty = rows.filter((row) =>
    row
      .replaceAll('\\|', '')
      .slice(1, -1)
      .split('|')
      .some((cell) => cell.trim() === ''),
  );
  expect(empty).toEqual([]);
  for (const name of ['GenServer', 'Supervisor', 'DynamicSupervisor', 'PartitionSupervisor', 'Registry', 'Task']) {
    expect(page).toContain(`\n## ${name}\n`);
  }
  for (const name of ['Task.Supervisor', 'Agent', 'Processes', ':sys']) expect(page).toContain(`\n## ${name}\n`);
});

describe('docs/otp.md, module by module', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const rowsOf = (module: string): string[][] => {
    const section = read('../../docs/otp.md').split(`\n## ${module}\n`)[1]?.split('\n## ')[0] ?? '';
    return section
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.slice(2).split(' | '));
  };
  const { modules } = JSON.parse(read('functions.json')) as { modules: Readonly<Record<string, readonly string[]>> };
  const isWordOf = (text: string, word: string): boolean => text.split(/[^\w?!]+/).includes(word);

  test.each(Object.entries(modules))('has every function of %s', (module, names) => {
    const elixir = rowsOf(module)
      .map(([first = '']) => first)
      .join(' ');
    expect(names.filter((name) => !isWordOf(elixir, name))).toEqual([]);
  });

  test('names nothing of ours that is not there', () => {
    const code = ['actors', 'supervisor']
      .map((folder) => new URL(`../../src/${folder}/`, import.meta.url))
      .flatMap((folder) => readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8')))
      .join('\n')
      .replace(/\/\*[\s\S]*?\*\//g, '');
    const words = new Set(code.split(/[^\w]+/));
    const called = [...Object.keys(modules), ':gen_statem', ':pg and reports']
      .flatMap(rowsOf)
      .flatMap(([, here = '']) => [...here.matchAll(/(\w+)\(/g)].map((match) => match[1] as string));
    expect(called.length).toBeGreaterThan(60);
    expect(called.filter((name) => !words.has(name))).toEqual([]);
  });
});
