/** What `npm run bench -- ...` understands, checked before anything runs. */
import { parseArgs } from 'node:util';

/** The text of `--help`. */
export const BENCH_USAGE = `usage: npm run bench [-- options]

options:
  --rounds N    rounds of each workload, an integer from 1 to 1000 (default 5)
  --scale X     multiplies the number of operations, over 0 to 1000 (default 1)
  --only TEXT   runs only rows whose name contains TEXT; writes no file without --save
  --alone       leaves out the BEAM and the other libraries
  --save        writes the results to bench/results even with --only
  --help, -h    prints this
`;

/** Arguments that make sense. */
export interface BenchArguments {
  readonly rounds?: number;
  readonly scale?: number;
  readonly only?: string;
  /** No rivals are looked for. */
  readonly isAlone: boolean;
  readonly isSaving: boolean;
}

/** @returns `help` when it is asked for. @throws RangeError in one line that names the option. */
export function parseBenchArguments(args: readonly string[]): BenchArguments | 'help' {
  const { help, rounds, scale, only, alone = false, save = false } = valuesOf(args);
  if (help === true) return 'help';
  return {
    ...(rounds === undefined ? {} : { rounds: roundsOf(rounds) }),
    ...(scale === undefined ? {} : { scale: scaleOf(scale) }),
    ...(only === undefined ? {} : { only }),
    isAlone: alone,
    isSaving: only === undefined || save,
  };
}

interface Values {
  readonly help?: boolean;
  readonly rounds?: string;
  readonly scale?: string;
  readonly only?: string;
  readonly alone?: boolean;
  readonly save?: boolean;
}

function valuesOf(args: readonly string[]): Values {
  const options = {
    rounds: { type: 'string' },
    scale: { type: 'string' },
    only: { type: 'string' },
    alone: { type: 'boolean' },
    save: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    // After its first sentence, parseArgs explains how to write a value that begins with a dash.
    const [sentence = ''] = (error as Error).message.split(/\.?\s*\n|\. /);
    throw new RangeError(`${sentence}: see npm run bench -- --help`, { cause: error });
  }
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000) return rounds;
  throw new RangeError(`option --rounds is ${JSON.stringify(text)}: expected an integer from 1 to 1000`);
}

function scaleOf(text: string): number {
  const scale = Number(text);
  if (scale > 0 && scale <= 1000) return scale;
  throw new RangeError(`option --scale is ${JSON.stringify(text)}: expected a number over 0, at most 1000`);
}
