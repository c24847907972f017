/** Holds the layer table, and where the host may be touched. A failure names the file, the line and what is wrong with it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Folder to the folders it may import; the table of `docs/architecture.md`. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  codec: ['base'],
  crypto: ['base', 'codec'],
  net: ['base', 'codec', 'crypto'],
  actors: ['base'],
  supervisor: ['base', 'actors'],
  p2p: ['base', 'codec', 'crypto', 'net', 'actors', 'supervisor'],
  observer: ['base', 'codec', 'crypto', 'net', 'actors', 'supervisor', 'p2p'],
  sim: ['base', 'codec', 'crypto', 'net', 'actors', 'supervisor', 'p2p'],
  testing: ['base', 'actors', 'supervisor', 'sim'],
  cli: ['base', 'codec', 'crypto', 'net', 'actors', 'supervisor', 'p2p', 'observer', 'sim'],
};

/** What comes from outside, and which files may take it. */
const OUTSIDE: readonly { readonly what: RegExp; readonly allowed: RegExp }[] = [
  { what: /^node:crypto$/, allowed: /^crypto\// },
  { what: /^@noble\//, allowed: /^crypto\// },
  { what: /^xstate$/, allowed: /^(actors\/gen-statem|net\/[\w-]*liveness|p2p\/[\w-]*connection-machine)\.ts$/ },
  { what: /^eventemitter3$/, allowed: /^base\// },
  { what: /^node:(net|fs|fs\/promises|http)$/, allowed: /^(net\/[^/]*(tcp|websocket)[^/]*\.ts|observer\/.*|cli\/.*)$/ },
  { what: /^node:/, allowed: /^(crypto|cli|observer)\/|^net\/[^/]*(tcp|websocket)[^/]*\.ts$/ },
];

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
    expect(folders.filter((folder) => !(folder in LAYERS))).toEqual([]);
    expect(files.length).toBeGreaterThan(50);
    expect(all.length).toBeGreaterThan(200);
  });

  test('a folder imports only what its row allows', () => {
    const wrong = all
      .filter((found) => isOurs(found.from))
      .filter((found) => {
        const from = folderOf(found.file);
        const to = folderOf(targetOf(found));
        return from !== undefined && from !== to && (to === undefined || !LAYERS[from]?.includes(to));
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
  test.each(OUTSIDE.map((rule) => [rule.what.source, rule] as const))(
    '%s only where it may be',
    (_, { what, allowed }) => {
      const wrong = all
        .filter((found) => what.test(found.from) && !allowed.test(found.file))
        .map((found) => `${at(found)} imports ${found.from}`);
      expect(wrong).toEqual([]);
    },
  );

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
