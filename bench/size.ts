/**
 * What the process column weighs in a bundle: minified and gzipped, our own code and third-party code apart.
 *
 * Fails when our own code is over its limit, so that weight is added on purpose, and when the table in
 * `docs/dependencies.md` is more than 2 % off. Bundled from the sources, as the published
 * files are the same code without its types.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

interface Entry {
  readonly name: string;
  /** First cell of its row in the documentation. */
  readonly documentedAs: string;
  readonly code: string;
  /** Our own code at most, in bytes, minified and gzipped. */
  readonly ownGzipBytesMax: number;
}

const ACTORS = `${process.cwd()}/src/actors/index.ts`;
const SUPERVISOR = `${process.cwd()}/src/supervisor/index.ts`;

const ENTRIES: readonly Entry[] = [
  {
    name: 'everything in actors and supervisor',
    documentedAs: 'everything exported by `genmesh/actors` and `genmesh/supervisor`',
    code: `export * from '${ACTORS}'; export * from '${SUPERVISOR}';`,
    ownGzipBytesMax: 26_130,
  },
  {
    name: 'GenServer, Supervisor, Registry',
    documentedAs: '`GenServer`, `Supervisor`, `Registry`',
    code: `export { GenServer, Registry } from '${ACTORS}'; export { Supervisor } from '${SUPERVISOR}';`,
    ownGzipBytesMax: 17_450,
  },
  {
    name: 'GenServer',
    documentedAs: '`GenServer`',
    code: `export { GenServer } from '${ACTORS}';`,
    ownGzipBytesMax: 12_560,
  },
];

interface Weight {
  readonly bytes: number;
  readonly gzipBytes: number;
}

const VIRTUAL = '\0entry.js';

async function weigh(code: string, isThirdPartyLeftOut: boolean): Promise<Weight> {
  const bundle = await rolldown({
    input: 'entry',
    platform: 'node',
    external: (id) => isThirdPartyLeftOut && /^[\w@]/.test(id) && id !== 'entry',
    transform: { target: 'es2022' },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? VIRTUAL : undefined),
        load: (id) => (id === VIRTUAL ? code : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true, comments: false, codeSplitting: false });
  await bundle.close();
  const text = output[0].code;
  return { bytes: Buffer.byteLength(text), gzipBytes: gzipSync(text, { level: 9 }).length };
}

function row(...cells: readonly (string | number)[]): string {
  const [name, ...rest] = cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell));
  return (name ?? '').padEnd(38) + rest.map((cell) => cell.padStart(12)).join('');
}

const PAGE = 'docs/dependencies.md';
const page = readFileSync(PAGE, 'utf8');
const DEVIATION_MAX = 0.02;

/** What the row of `documentedAs` says: bytes minified and gzipped; nothing when there is no such row. */
function documented(documentedAs: string): readonly number[] {
  const line = page.split('\n').find((text) => text.startsWith(`| ${documentedAs} | `)) ?? '';
  return line
    .split('|')
    .slice(2, 4)
    .map((cell) => Number(cell.replaceAll(' ', '')));
}

/** Where the row of a bundle is off, as text. */
function faultsOf({ documentedAs }: Entry, own: Weight): readonly string[] {
  const said = documented(documentedAs);
  return [own.bytes, own.gzipBytes].flatMap((measured, column) => {
    const bytes = said[column] ?? 0;
    if (Math.abs(bytes - measured) <= measured * DEVIATION_MAX) return [];
    return [`${PAGE}, row ${documentedAs}: ${bytes} bytes stand there, ${measured} were measured`];
  });
}

console.log(row('bytes, ES module, es2022', 'own', 'own gzip', 'limit', 'third gzip'));
const heavy: string[] = [];
const stale: string[] = [];
for (const entry of ENTRIES) {
  const { name, code, ownGzipBytesMax } = entry;
  const own = await weigh(code, true);
  const all = await weigh(code, false);
  console.log(row(name, own.bytes, own.gzipBytes, ownGzipBytesMax, all.gzipBytes - own.gzipBytes));
  if (own.gzipBytes > ownGzipBytesMax) heavy.push(`${name}: ${own.gzipBytes} bytes, limit ${ownGzipBytesMax}`);
  stale.push(...faultsOf(entry, own));
}
if (heavy.length > 0) {
  console.error(`too heavy\n${heavy.join('\n')}`);
  process.exitCode = 1;
}
if (stale.length > 0) {
  console.error(`more than 2 % off\n${stale.join('\n')}`);
  process.exitCode = 1;
}
