import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { builtProgram } from '../cli/built-program.ts';

const run = promisify(execFile);
const readme = readFileSync('README.md', 'utf8');
const blocks = (page: string, language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`(?:${language})\\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] as string);
const programs = blocks(readme, 'js');
const typedPrograms = ['README.md', 'docs/otp.md'].flatMap((page) =>
  blocks(readFileSync(page, 'utf8'), 'ts').map((program, index) => [page, index + 1, program] as const),
);
const folder = 'build/docs';

/** Checks that a program prints and logs what its comments say, and logs nothing else. */
async function runProgram(file: string, program: string): Promise<void> {
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
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether somebody accepts connections there. */
function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

beforeAll(() => mkdirSync(folder, { recursive: true }));

describe('README.md', () => {
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
      const file = `${folder}/readme-${index}.mjs`;
      writeFileSync(file, program);
      await runProgram(file, program);
    },
  );

  test('has a command line block that runs as a script, and leaves no node behind', { timeout: 60_000 }, async () => {
    const script = blocks(readme, 'sh').find((text) => text.includes(' decode '));
    const home = mkdtempSync(join(tmpdir(), 'genmesh-readme-'));
    const port = await freePort();
    try {
      const file = join(home, 'commands.sh');
      const text = (script as string)
        .replaceAll('dist/cli/main.js', builtProgram())
        .replaceAll('alice.json', join(home, 'alice.json'))
        .replaceAll('30002', String(port));
      writeFileSync(file, `set -e\n${text}\nwait $NODE\n`);
      const { stdout } = await run('bash', [file], { timeout: 50_000 });
      expect(stdout).toMatch(new RegExp(`^tcp://127\\.0\\.0\\.1:${port}:[0-9a-f]+$`, 'm'));
      expect(stdout).toContain('"name": "NodeList"');
      expect(stdout).toContain('"kind": "heartbeat"');
      expect(await isListening(port)).toBe(false);
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  test('names only files that exist', () => {
    for (const [, path] of readme.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(() => readFileSync(path as string), path).not.toThrow();
    }
  });
});

describe('programs in TypeScript', () => {
  test('there is one in README.md', () => {
    expect(typedPrograms.filter(([page]) => page === 'README.md').length).toBeGreaterThan(0);
  });

  test.each(typedPrograms)(
    'in %s, number %i, compiles strictly and prints what the page says',
    { timeout: 60_000 },
    async (page, index, program) => {
      const name = `${page.replace(/\W+/g, '-')}-${index}`;
      writeFileSync(`${folder}/${name}.ts`, program);
      const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noImplicitOverride'];
      const target = [
        '--module',
        'nodenext',
        '--target',
        'es2022',
        '--types',
        'node',
        '--outDir',
        `${folder}/out`,
        '--rootDir',
        folder,
      ];
      const tsc = ['node_modules/typescript/bin/tsc', '--ignoreConfig', ...strict, ...target, `${folder}/${name}.ts`];
      const faults = await run(process.execPath, tsc).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
      expect(faults).toBe('');
      await runProgram(`${folder}/out/${name}.js`, program);
    },
  );
});
