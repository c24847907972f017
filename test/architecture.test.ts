/** Holds the tables of `docs/architecture.md`, and where the host may be touched. A failure names the file, the line and what is wrong with it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const page = readFileSync('docs/architecture.md', 'utf8');

/** The rows of the table of `docs/architecture.md` whose head begins with `first`, cell by cell. */
function tableOf(first: string): (readonly string[])[] {
  const lines = page.split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${first} |`));
  const end = lines.findIndex((line, index) => index > head && !line.startsWith('|'));
  return lines.slice(head + 2, head < 0 ? 0 : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);

/** Folder to the folders it may import, in the order of the page. */
const LAYERS: ReadonlyMap<string, readonly string[]> = (() => {
  const rows = tableOf('folder').map((cells) => [namesIn(cells[0] ?? '')[0] ?? '', cells.at(-1) ?? ''] as const);
  const folders = rows.map(([folder]) => folder);
  const allowedIn = (text: string, index: number): string[] => {
    if (text === 'nothing of ours') return [];
    if (text === 'all above') return folders.slice(0, index);
    return text === 'all' ? folders : text.split(', ');
  };
  return new Map(rows.map(([folder, text], index) => [folder, allowedIn(text, index)]));
})();

/** What comes from outside, and the files or folders that may take it; the row of any other `node:` is the last. */
const OUTSIDE: readonly (readonly [what: string, allowed: readonly string[]])[] = tableOf('from outside').map(
  ([what = '', allowed = '']) => [namesIn(what)[0] ?? '', namesIn(allowed)],
);

/** The row that an import falls under. */
const ruleOf = (from: string): (typeof OUTSIDE)[number] | undefined =>
  OUTSIDE.find(([what]) => from === what || from.startsWith(what.endsWith(':') ? what : `${what}/`));

/** The host's time and chance; only `base` has them. */
const HOST = [
  /\bDate\.now\(/,
  /\bnew Date\(\)/,
  /\bperformance\.now\(/,
  /(?<![.\w])set(?:Timeout|Interval|Immediate)\(/,
  /(?<![.\w])clear(?:Timeout|Interval|Immediate)\(/,
  /\bqueueMicrotask\(/,
  /\bprocess\.nextTick\(/,
  /\bprocess\.hrtime\b/,
  /\bMath\.random\(/,
  /\bcrypto\.getRandomValues\(/,
  /\bAbortSignal\.timeout\(/,
];

interface Import {
  readonly file: string;
  readonly line: number;
  readonly from: string;
  readonly isType: boolean;
}

const files: readonly string[] = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts'))
  .sort();

/** The code of a file without comments and with its line breaks. */
function codeOf(file: string): string {
  return readFileSync(join('src', file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ' '));
}

function importsOf(file: string): Import[] {
  const code = codeOf(file);
  const found: Import[] = [];
  const pattern = /\b(?:import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;
  for (const match of code.matchAll(pattern)) {
    const line = code.slice(0, match.index).split('\n').length;
    found.push({ file, line, from: (match[2] ?? match[3]) as string, isType: match[1] !== undefined });
  }
  return found;
}

const all: readonly Import[] = files.flatMap(importsOf);
const isOurs = (from: string): boolean => from.startsWith('.');
const targetOf = ({ file, from }: Import): string => normalize(join(dirname(file), from)).replaceAll('\\', '/');
const folderOf = (file: string): string | undefined => (file.includes('/') ? file.split('/')[0] : undefined);
const at = ({ file, line }: Import): string => `src/${file}:${line}`;

describe('the layers', () => {
  test('every folder of src has its row', () => {
    const folders = [...new Set(files.map(folderOf).filter((folder) => folder !== undefined))];
    expect(folders.filter((folder) => !LAYERS.has(folder))).toEqual([]);
    expect([...LAYERS.keys()].filter((folder) => !folders.includes(folder))).toEqual([]);
    expect(files.length).toBeGreaterThan(50);
    expect(all.length).toBeGreaterThan(200);
  });

  test('the table is read as the page means it', () => {
    expect(LAYERS.get('base')).toEqual([]);
    expect(LAYERS.get('crypto')).toEqual(['base', 'codec']);
    expect(LAYERS.get('p2p')).toEqual(['base', 'codec', 'crypto', 'net', 'actors', 'supervisor']);
    const unknown = [...LAYERS].flatMap(([folder, allowed]) =>
      allowed.filter((name) => !LAYERS.has(name)).map((name) => `${folder}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  test('a folder imports only what its row allows', () => {
    const wrong = all
      .filter((found) => isOurs(found.from))
      .filter((found) => {
        const from = folderOf(found.file);
        const to = folderOf(targetOf(found));
        return from !== undefined && from !== to && (to === undefined || !LAYERS.get(from)?.includes(to));
      })
      .map((found) => `${at(found)} imports ${targetOf(found)}`);
    expect(wrong).toEqual([]);
  });

  test('every import of ours names a file that exists, with its extension', () => {
    const wrong = all
      .filter((found) => isOurs(found.from) && !files.includes(targetOf(found)))
      .map((found) => `${at(found)} imports ${found.from}`);
    expect(wrong).toEqual([]);
  });

  test('there is no cycle, also not inside a folder', () => {
    const next = new Map<string, string[]>();
    for (const found of all) {
      // Types vanish before anything runs; a cycle of values does not.
      if (!isOurs(found.from) || found.isType) continue;
      next.set(found.file, [...(next.get(found.file) ?? []), targetOf(found)]);
    }
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      if (done.has(file) || path.includes(file)) return;
      for (const target of next.get(file) ?? []) walk(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
    expect(cycles).toEqual([]);
  });
});

describe('the outside', () => {
  test('the page has a row for each thing', () => {
    expect(OUTSIDE.length).toBeGreaterThan(5);
    expect(OUTSIDE.filter(([what, allowed]) => what === '' || allowed.length === 0)).toEqual([]);
  });

  test('is imported only where its row says', () => {
    const wrong = all
      .filter(({ from, file }) => {
        const places = ruleOf(from)?.[1] ?? [];
        return !isOurs(from) && !places.some((place) => file === place || file.startsWith(`${place}/`));
      })
      .map((found) => `${at(found)} imports ${found.from}`);
    expect(wrong).toEqual([]);
  });

  test('is imported everywhere its row says', () => {
    const idle = OUTSIDE.flatMap(([what, places]) =>
      places
        .filter((place) => !all.some(({ from, file }) => ruleOf(from)?.[0] === what && file.startsWith(place)))
        .map((place) => `${place} does not import ${what}`),
    );
    expect(idle).toEqual([]);
  });

  test('time and chance of the host are touched only in base', () => {
    const wrong: string[] = [];
    for (const file of files) {
      if (folderOf(file) === 'base') continue;
      codeOf(file)
        .split('\n')
        .forEach((line, i) => {
          if (HOST.some((pattern) => pattern.test(line))) wrong.push(`src/${file}:${i + 1} ${line.trim()}`);
        });
    }
    expect(wrong).toEqual([]);
  });

  test('nothing is exported by a star, and no file is longer than 450 lines', () => {
    const stars = files.filter((file) => /\bexport\s+\*/.test(codeOf(file)));
    expect(stars).toEqual([]);
    const long = files.filter((file) => readFileSync(join('src', file), 'utf8').split('\n').length > 451);
    expect(long).toEqual([]);
  });
});
