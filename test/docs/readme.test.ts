import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const readme = readFileSync('README.md', 'utf8');
const programs = [...readme.matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)].map((match) => match[1] as string);

describe('README.md', () => {
  beforeAll(() => mkdirSync('build/docs', { recursive: true }));

  test('shows a program of at most 25 lines on its first screen', () => {
    const [first] = programs;
    expect(first?.trimEnd().split('\n').length).toBeLessThanOrEqual(25);
    expect(readme.indexOf(first as string)).toBeLessThan(2500);
  });

  test('shows a reactor in at most 25 lines', () => {
    const program = programs.find((text) => text.includes('reactor('));
    expect(program?.trimEnd().split('\n').length).toBeLessThanOrEqual(25);
  });

  test.each(programs.map((program, index) => [index + 1, program] as const))(
    'program %i runs as pasted and prints what the page says',
    async (index, program) => {
      const file = `build/docs/readme-${index}.mjs`;
      writeFileSync(file, program);
      const { stdout, stderr } = await run(process.execPath, [file], { timeout: 15_000 });
      const logged = [...program.matchAll(/\/\/ logs (.+)$/gm)].map((match) => match[1] as string);
      expect(stderr === '').toBe(logged.length === 0);
      for (const line of stderr.split('\n').slice(0, -1)) {
        expect(
          logged.some((text) => line.includes(text)),
          line,
        ).toBe(true);
      }
      const printed = [...program.matchAll(/\/\/ prints (.+)$/gm)].map((match) => match[1] as string);
      expect(printed.length).toBeGreaterThan(0);
      for (const line of printed) expect(stdout).toContain(line);
    },
  );

  test('names only files that exist', () => {
    for (const [, path] of readme.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(() => readFileSync(path as string), path).not.toThrow();
    }
  });
});
