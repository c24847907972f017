/**
 * The harness of every benchmark: rounds that interleave ours, the floor and the rivals, medians, and a table that is data
 * first.
 *
 * A claim is a ratio of two numbers taken in one run; an absolute number is colour. So a workload is measured beside its
 * floor and its rivals round by round, and the ratio is that of the medians.
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
  /** The same by others, in the same rounds. */
  readonly rivals?: readonly RivalFigure[];
  /** What the row is meant to reach, in words. */
  readonly target?: string;
}

/** What a rival made of a row. */
export interface RivalFigure {
  readonly name: string;
  /** Median of the rounds. */
  readonly value: number;
  /** Lowest and highest round. */
  readonly spread: readonly [low: number, high: number];
  /** Our value over this one. */
  readonly ratio: number;
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
  /** Measured beside ours where they know the workload. Default: none. */
  readonly rivals?: readonly Rival[];
  /** Told of each row as it is done. */
  readonly onRow?: (row: BenchRow) => void;
  /** Told, in one line, of each rival that failed in a workload, whose row then goes without it. Default: nobody. */
  readonly onFailure?: (text: string) => void;
  /**
   * Whether garbage is collected before each round; default true. A forced collection also throws compiled code away:
   * where the floor is another program, which loses nothing by it, that would not be a comparison.
   */
  readonly isCollecting?: boolean;
}

/** Runs a workload once and gives its number, or a number for each of its rows. */
export type Run = (scale: number) => Measured | Promise<Measured>;

/** What one run measures: a number for the workload's own row, and where it has more rows, one for each of those. */
export type Measured = number | readonly number[];

/** One line that a workload gives. */
export interface Heading {
  readonly name: string;
  readonly unit: string;
  readonly target?: string;
}

/** One workload; it has a row of its own name, and `also` others where a run measures several things. */
export interface Workload extends Heading {
  readonly also?: readonly Heading[];
  readonly ours: Run;
  readonly floor?: Run;
}

/** Another implementation of some of the workloads. */
export interface Rival {
  readonly name: string;
  /** For people. */
  readonly version: string;
  /** By name of the workload; each gives as many numbers as ours. */
  readonly runs: Readonly<Record<string, Run>>;
  /** Workloads that take it so long that one round without a warm-up has to do. */
  readonly slow?: readonly string[];
  /** Ends what it runs on. */
  close?(): void;
}

/** Rounds when the options say nothing. */
export const ROUNDS_DEFAULT = 5;

const FLOOR = 'floor';

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
export function percentile(sorted: ArrayLike<number>, p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** Operations a second of `run`, which does `count` of them. */
export async function ratePerSecond(count: number, run: () => void | Promise<void>): Promise<number> {
  const startMs = performance.now();
  await run();
  return (count / (performance.now() - startMs)) * 1000;
}

/** One of those who run a workload: the floor, a rival, ours. */
interface Contender {
  readonly name: string;
  readonly run: Run;
  readonly isRival: boolean;
  readonly isSlow: boolean;
  /** For each row of the workload, what the rounds gave. */
  readonly samples: readonly number[][];
}

/** Runs the workloads, one warm-up and then `rounds` rounds each, floor, rivals and ours in turn. */
export async function runTable(
  title: string,
  workloads: readonly Workload[],
  options: BenchOptions = {},
): Promise<BenchTable> {
  const rounds = options.rounds ?? ROUNDS_DEFAULT;
  const rows: BenchRow[] = [];
  for (const workload of workloads) {
    const headings = [workload, ...(workload.also ?? [])];
    const isWanted = ({ name }: Heading): boolean => options.only === undefined || name.includes(options.only);
    if (!headings.some(isWanted)) continue;
    let contenders = contendersOf(workload, headings.length, options.rivals ?? []);
    for (let round = -1; round < rounds; round += 1) {
      for (const contender of contenders) {
        if (contender.isSlow && round !== 0) continue;
        if (options.isCollecting !== false) collectGarbage();
        const failure = await runRound(contender, workload, options.scale ?? 1, round < 0);
        if (failure === undefined) continue;
        contenders = contenders.filter((other) => other !== contender);
        options.onFailure?.(`${contender.name} does not run ${workload.name}: ${failure}`);
      }
    }
    headings.forEach((heading, index) => {
      if (!isWanted(heading)) return;
      const row = rowOf(heading, index, contenders);
      rows.push(row);
      options.onRow?.(row);
    });
  }
  return { title, rounds, rows };
}

/** @returns what was wrong with a rival; a failure of ours or the floor ends the bench. */
async function runRound(
  { run, isRival, samples }: Contender,
  workload: Workload,
  scale: number,
  isWarmUp: boolean,
): Promise<string | undefined> {
  try {
    const measured = await run(scale);
    const figures = typeof measured === 'number' ? [measured] : measured;
    if (figures.length !== samples.length) {
      throw new TypeError(`workload ${workload.name} gave ${figures.length} of ${samples.length} numbers`);
    }
    if (!isWarmUp) for (const [index, figure] of figures.entries()) samples[index]?.push(figure);
    return undefined;
  } catch (error) {
    if (!isRival) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

function contendersOf(workload: Workload, rowCount: number, rivals: readonly Rival[]): Contender[] {
  const contender = (name: string, run: Run, isRival = false, isSlow = false): Contender => {
    return { name, run, isRival, isSlow, samples: Array.from({ length: rowCount }, () => []) };
  };
  const list: Contender[] = [];
  if (workload.floor !== undefined) list.push(contender(FLOOR, workload.floor));
  for (const { name, runs, slow } of rivals) {
    const run = runs[workload.name];
    if (run !== undefined) list.push(contender(name, run, true, slow?.includes(workload.name)));
  }
  list.push(contender('ours', workload.ours));
  return list;
}

const spreadOf = (list: readonly number[]): readonly [number, number] => [Math.min(...list), Math.max(...list)];

function rowOf({ name, unit, target }: Heading, index: number, contenders: readonly Contender[]): BenchRow {
  const samplesOf = (contender: Contender | undefined): readonly number[] => contender?.samples[index] ?? [];
  const ours = samplesOf(contenders.at(-1));
  const floor = samplesOf(contenders.find((contender) => contender.name === FLOOR && !contender.isRival));
  const value = median(ours);
  const rivals = contenders
    .filter(({ isRival }) => isRival)
    .map((contender) => {
      const list = samplesOf(contender);
      return { name: contender.name, value: median(list), spread: spreadOf(list), ratio: value / median(list) };
    });
  return {
    name,
    unit,
    value,
    spread: spreadOf(ours),
    ...(floor.length === 0 ? {} : { floor: median(floor), ratio: value / median(floor) }),
    ...(rivals.length === 0 ? {} : { rivals }),
    ...(target === undefined ? {} : { target }),
  };
}

/** A number as people read it: `4.12 M`, `318`, `0.42`. */
export function formatNumber(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** One row as text: a line, and one more for each rival. */
export function formatRow(row: BenchRow): string {
  const floor = row.floor === undefined ? '' : `  floor ${formatNumber(row.floor)}  ratio ${row.ratio?.toFixed(2)}`;
  const target = row.target === undefined ? '' : `  (${row.target})`;
  const lines = [`${figureLine(row.name, row.value, row.unit, row.spread)}${floor}${target}`];
  for (const { name, value, spread, ratio } of row.rivals ?? []) {
    lines.push(`${figureLine(`  beside ${name}`, value, row.unit, spread)}  ratio ${ratio.toFixed(2)}`);
  }
  return lines.join('\n');
}

function figureLine(name: string, value: number, unit: string, spread: readonly [number, number]): string {
  const range = `${formatNumber(spread[0])} to ${formatNumber(spread[1])}`;
  return `${name.padEnd(28)} ${formatNumber(value).padStart(9)} ${unit.padEnd(13)} [${range}]`;
}
