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
