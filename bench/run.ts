/**
 * `npm run bench [-- --rounds 3 --only call --scale 0.2]`: runs the tables, prints them and writes them as JSON to
 * `bench/results/<date>-<commit>.json`, with the machine they were taken on. Each table has a process of its own: after a
 * million actors the heap is another one, and what allocates most then looks slower than it is.
 */
import { execFileSync, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { BENCH_USAGE, type BenchArguments, parseBenchArguments } from './arguments.ts';
import { type BenchOptions, type BenchTable, formatRow } from './harness.ts';
import { enginesBench } from './net/engines.bench.ts';
import { handshakeBench } from './net/handshake.bench.ts';
import { libp2pBench } from './net/libp2p.bench.ts';
import { mconnectionBench } from './net/mconnection.bench.ts';
import { memoryBench } from './net/memory.bench.ts';
import { otpBench } from './process/otp.bench.ts';
import { processBench } from './process/process.bench.ts';
import { findRivals } from './rivals/rivals.ts';
import { wireBench } from './wire/wire.bench.ts';

const TABLES: readonly ((options: BenchOptions) => Promise<BenchTable>)[] = [
  processBench,
  otpBench,
  wireBench,
  handshakeBench,
  mconnectionBench,
  enginesBench,
  memoryBench,
  libp2pBench,
];

/** Says to a process which table it is for. */
const TABLE_VARIABLE = 'GENMESH_BENCH_TABLE';

function argumentsOf(): BenchArguments {
  try {
    const parsed = parseBenchArguments(process.argv.slice(2));
    if (parsed !== 'help') return parsed;
    process.stdout.write(BENCH_USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exit(2);
  }
}

const { isSaving, isAlone, ...chosen } = argumentsOf();

function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

const machine = {
  date: new Date().toISOString(),
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  commit: commitOf(),
};
/** Runs the table at that place of {@link TABLES} here, and tells the parent. */
async function runHere(index: number): Promise<void> {
  const rivals = isAlone ? [] : await findRivals((line) => index === 0 && console.log(line));
  const options: BenchOptions = {
    ...chosen,
    rivals,
    onRow: (row) => console.log(formatRow(row)),
    onFailure: (text) => console.error(text),
  };
  const table = await (TABLES[index] as (typeof TABLES)[number])(options);
  for (const rival of rivals) rival.close?.();
  const beside = rivals.map(({ name, version }) => `${name} (${version})`);
  process.send?.({ table, beside } satisfies Outcome, () => process.exit(0));
}

interface Outcome {
  readonly table: BenchTable;
  readonly beside: readonly string[];
}

/** Runs it in a process of its own. */
function runApart(index: number): Promise<Outcome> {
  const env = { ...process.env, [TABLE_VARIABLE]: `${index}` };
  const child = fork(process.argv[1] as string, process.argv.slice(2), { env });
  return new Promise((resolve, reject) => {
    child.once('message', (outcome) => resolve(outcome as Outcome));
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`a table ended with ${signal ?? code}`)));
  });
}

async function runAll(): Promise<void> {
  console.log(`Node ${machine.node}, ${machine.cores} x ${machine.cpu}, commit ${machine.commit}`);
  const outcomes: Outcome[] = [];
  for (let index = 0; index < TABLES.length; index += 1) outcomes.push(await runApart(index));
  if (!isSaving) return;
  const beside = [...new Set(outcomes.flatMap((outcome) => outcome.beside))];
  const tables = outcomes.map(({ table }) => table);
  mkdirSync('bench/results', { recursive: true });
  const file = `bench/results/${machine.date.slice(0, 10)}-${machine.commit}.json`;
  writeFileSync(file, `${JSON.stringify({ ...machine, beside, tables }, undefined, 2)}\n`);
  console.log(`written to ${file}`);
}

const place = process.env[TABLE_VARIABLE];
if (place === undefined) await runAll();
else await runHere(Number(place));
