import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const FOLDER = `build/published-${process.pid}`;

const CONSUMER = `
import { defineServer, GenServer, Registry, reply, StateServer, Task } from './dist/actors/index.js';
import { Supervisor } from './dist/supervisor/index.js';
import { TestSystem } from './dist/testing/index.js';
interface P { call: { get(): number } }
class C extends GenServer<number, P, [n: number]> {
  init(n: number) { return n; }
  override handleCall = this.calls({ get: (_, s) => reply(s, s) });
}
const sup = await Supervisor.startLink([C.childSpec('a', [1])], { strategy: 'one_for_one' });
(await sup.child('a').call('get')) satisfies number;
// @ts-expect-error there is no such call
void sup.child('a').call('nope');
void [defineServer, Registry, StateServer, Task, TestSystem];
`;

const COMPILERS = ['typescript', 'typescript-5.9'];

function tsc(project: object, compiler = 'typescript'): string {
  const file = `${FOLDER}/tsconfig.json`;
  writeFileSync(file, JSON.stringify(project));
  try {
    return execFileSync('node', [`node_modules/${compiler}/bin/tsc`, '-p', file], { encoding: 'utf8' });
  } catch (error) {
    return String((error as { stdout: string }).stdout);
  }
}

test('the declarations as published, without what is internal, compile in a program that checks them, on both compilers', () => {
  mkdirSync(FOLDER, { recursive: true });
  try {
    const folders = ['actors', 'supervisor', 'testing'].map((name) => `../../src/${name}`);
    const options = { rootDir: '../../src', outDir: 'dist', emitDeclarationOnly: true };
    expect(tsc({ extends: '../../tsconfig.build.json', compilerOptions: options, include: folders })).toBe('');
    writeFileSync(`${FOLDER}/use.ts`, CONSUMER);
    const strict = {
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      types: [],
      lib: ['es2023', 'dom', 'dom.iterable'],
    };
    const modules = { target: 'es2023', module: 'nodenext', moduleResolution: 'nodenext' };
    for (const compiler of COMPILERS) {
      const errors = tsc({ compilerOptions: { ...strict, ...modules }, files: ['use.ts'] }, compiler).split('\n');
      const ours = errors.filter((line) => line.includes('error') && !line.includes('node_modules'));
      expect(ours, compiler).toEqual([]);
    }
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
}, 120_000);
