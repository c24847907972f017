import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
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
