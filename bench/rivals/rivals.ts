/**
 * Who else runs the workloads of processes: the BEAM, where `elixir` is on the PATH, and the libraries of
 * `bench/rivals/actors/package.json`, where they are installed. They are never dependencies of ours.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Rival } from '../harness.ts';
import { isOnPath, startBeam } from './beam.ts';
import { type Nact, nactRival } from './nact.ts';
import { type XState, xstateRival } from './xstate.ts';

/** Where the libraries are installed. */
export const ACTORS_FOLDER = 'bench/rivals/actors';

/**
 * The rivals that are there.
 *
 * @param say - told in a line who is there, in what version, and for each who is not, how to get it.
 * @param folder - where the libraries are installed.
 */
export async function findRivals(
  say: (line: string) => void,
  folder: string = ACTORS_FOLDER,
): Promise<readonly Rival[]> {
  const rivals: Rival[] = [];
  if (!isOnPath('elixir')) say('no BEAM beside ours: put elixir on the PATH (Debian: apt-get install elixir)');
  else
    await startBeam().then(
      (rival) => rivals.push(rival),
      (error: Error) => say(`no BEAM beside ours: ${error.message}`),
    );
  try {
    rivals.push(
      xstateRival(...(await load<XState>(folder, 'xstate'))),
      nactRival(...(await load<Nact>(folder, 'nact'))),
    );
  } catch (error) {
    const code = (error as { code?: string }).code ?? (error as Error).message;
    say(`no xstate and nact beside ours (${code}): npm ci --prefix ${ACTORS_FOLDER}`);
  }
  if (rivals.length > 0) say(`beside ${rivals.map(({ name, version }) => `${name} (${version})`).join(', ')}`);
  return rivals;
}

async function load<T>(folder: string, name: string): Promise<[module: T, version: string]> {
  const { resolve: find } = createRequire(resolve(folder, 'package.json'));
  // Read first: `find` would also take a library that is installed further up.
  const { version } = JSON.parse(readFileSync(resolve(folder, 'node_modules', name, 'package.json'), 'utf8')) as {
    version: string;
  };
  const loaded = (await import(pathToFileURL(find(name)).href)) as T & { readonly default?: T };
  return [loaded.default ?? loaded, version];
}
