/**
 * The harness of every benchmark: rounds that interleave ours and the floor, medians, and a table that is data first.
 *
 * A claim is a ratio of two numbers taken in one run; an absolute number is colour. So a workload is measured beside its
 * floor round by round, and the ratio is that of the medians.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** One measured line: ours, and the floor beside it where there is one. */
export interface BenchRow {
  readonly name: string;
  readonly unit: string;
  /** Median of the rounds. */
  readonly value: number;
  /** Lowest and highest round. */
  readonly spread: readonly [low: number, high: number];
  /** Median of the floor in the same rounds. */
  readonly floor?: number;
  /** Value over floor. */
  readonly ratio?: number;
  /** What the row is meant to reach, in words. */
  readonly target?: string;
}

/** The rows of one topic. */
export interface BenchTable {
  readonly title: string;
  readonly rounds: number;
  readonly rows: readonly BenchRow[];
}

/** How a bench runs. */
export interface BenchOptions {
  /** Rounds of each workload, default 5. */
  readonly rounds?: number;
  /** Multiplies the number of operations, default 1. */
  readonly scale?: number;
  /** Runs only rows whose name contains it. */
  readonly only?: string;
  /** Told of each row as it is done. */
  readonly onRow?: (row: BenchRow) => void;
}

/** One workload: each function runs it once and gives its number. */
export interface Workload {
  readonly name: string;
  readonly unit: string;
  readonly target?: string;
  readonly ours: (scale: number) => number | Promise<number>;
  readonly floor?: (scale: number) => number | Promise<number>;
}

/** Rounds when the options say nothing. */
export const ROUNDS_DEFAULT = 5;

let collect: (() => void) | undefined;

/** Collects garbage, twice, so that what the first pass finalised goes too. */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  collect();
}

/** The value in the middle, or the mean of the two there. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value below which the share `p` (0 to 1) of `sorted` lies. */
export function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** Operations a second of `run`, which does `count` of them. */
export async function ratePerSecond(count: number, run: () => void | Promise<void>): Promise<number> {
  const startMs = performance.now();
  await run();
  return (count / (performance.now() - startMs)) * 1000;
}

/** Runs the workloads, one warm-up and then `rounds` rounds each, floor and ours in turn. */
export async function runTable(
  title: string,
  workloads: readonly Workload[],
  options: BenchOptions = {},
): Promise<BenchTable> {
  const rounds = options.rounds ?? ROUNDS_DEFAULT;
  const scale = options.scale ?? 1;
  const rows: BenchRow[] = [];
  for (const workload of workloads) {
    if (options.only !== undefined && !workload.name.includes(options.only)) continue;
    const ours: number[] = [];
    const floor: number[] = [];
    for (let round = -1; round < rounds; round += 1) {
      collectGarbage();
      const bare = workload.floor === undefined ? undefined : await workload.floor(scale);
      collectGarbage();
      const value = await workload.ours(scale);
      if (round < 0) continue;
      ours.push(value);
      if (bare !== undefined) floor.push(bare);
    }
    const row = rowOf(workload, ours, floor);
    rows.push(row);
    options.onRow?.(row);
  }
  return { title, rounds, rows };
}

function rowOf(workload: Workload, ours: readonly number[], floor: readonly number[]): BenchRow {
  const value = median(ours);
  const { name, unit, target } = workload;
  const row = { name, unit, value, spread: [Math.min(...ours), Math.max(...ours)] as const };
  const bare = floor.length === 0 ? {} : { floor: median(floor), ratio: value / median(floor) };
  return { ...row, ...bare, ...(target === undefined ? {} : { target }) };
}

/** A number as people read it: `4.12 M`, `318`, `0.42`. */
export function formatNumber(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** One row as a line of text. */
export function formatRow(row: BenchRow): string {
  const floor = row.floor === undefined ? '' : `  floor ${formatNumber(row.floor)}  ratio ${row.ratio?.toFixed(2)}`;
  const target = row.target === undefined ? '' : `  (${row.target})`;
  const spread = `${formatNumber(row.spread[0])} to ${formatNumber(row.spread[1])}`;
  return `${row.name.padEnd(28)} ${formatNumber(row.value).padStart(9)} ${row.unit.padEnd(10)} [${spread}]${floor}${target}`;
}
