import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** The codes of each class as the source declares them: `export const X_ERROR_CODES = [...]` in some `errors.ts`. */
function declaredCodes(): Map<string, string[]> {
  const byClass = new Map<string, string[]>();
  for (const folder of readdirSync('src', { withFileTypes: true })) {
    if (!folder.isDirectory() || folder.name === 'base') continue;
    let text: string;
    try {
      text = readFileSync(`src/${folder.name}/errors.ts`, 'utf8');
    } catch {
      continue;
    }
    const list = /export const \w+_ERROR_CODES = \[([\s\S]*?)\] as const;/.exec(text)?.[1];
    const name = /export class (\w+) extends (?:Coded|Reasoned)Error/.exec(text)?.[1];
    expect(list, `src/${folder.name}/errors.ts declares its codes`).toBeDefined();
    expect(name, `src/${folder.name}/errors.ts has one class`).toBeDefined();
    byClass.set(
      name as string,
      [...(list as string).matchAll(/^\s*'(\w+)'/gm)].map((match) => match[1] as string),
    );
  }
  return byClass;
}

/** The rows of each class's table in the page. */
function documentedCodes(): Map<string, string[]> {
  const byClass = new Map<string, string[]>();
  for (const section of readFileSync('docs/errors.md', 'utf8').split(/^## /m).slice(1)) {
    const name = /^\w+/.exec(section)?.[0] as string;
    const rows = [...section.matchAll(/^\| `(\w+)` \| (.+?) \| (.+?) \|$/gm)];
    byClass.set(
      name,
      rows.map((row) => row[1] as string),
    );
  }
  return byClass;
}

describe('docs/errors.md', () => {
  const declared = declaredCodes();
  const documented = documentedCodes();

  test('has a table for every error class and for no other', () => {
    expect([...documented.keys()].sort()).toEqual([...declared.keys()].sort());
    expect(declared.size).toBeGreaterThan(5);
  });

  test.each([...declared])('%s: has a row for every code, once, in alphabetical order', (name, codes) => {
    expect(documented.get(name)).toEqual([...codes].sort((a, b) => (a < b ? -1 : 1)));
  });
});
