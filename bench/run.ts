/**
 * `npm run bench [-- --rounds 3 --only call --scale 0.2]`: runs the tables, prints them and writes them as JSON to
 * `bench/results/<date>-<commit>.json`, with the machine they were taken on.
 */
import { execFileSync } from 'node:child_process';
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
console.log(`Node ${machine.node}, ${machine.cores} x ${machine.cpu}, commit ${machine.commit}`);

const rivals = isAlone ? [] : await findRivals((line) => console.log(line));
const options: BenchOptions = {
  ...chosen,
  rivals,
  onRow: (row) => console.log(formatRow(row)),
  onFailure: (text) => console.error(text),
};
const tables: BenchTable[] = [];
for (const run of TABLES) tables.push(await run(options));
for (const rival of rivals) rival.close?.();
if (isSaving) {
  mkdirSync('bench/results', { recursive: true });
  const file = `bench/results/${machine.date.slice(0, 10)}-${machine.commit}.json`;
  writeFileSync(
    file,
    `${JSON.stringify({ ...machine, beside: rivals.map(({ name, version }) => `${name} (${version})`), tables }, undefined, 2)}\n`,
  );
  console.log(`written to ${file}`);
}
process.exit(0);
