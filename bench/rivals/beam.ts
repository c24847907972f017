/**
 * The BEAM as a rival: `beam/workloads.exs` on one scheduler, in an operating system process of its own that runs a workload
 * when it is told to and waits otherwise, so that its rounds alternate with ours.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Rival, Run } from '../harness.ts';

const SCRIPT = 'bench/rivals/beam/workloads.exs';

/** Workloads that the script knows, by the names they have here. */
export const BEAM_WORKLOADS: readonly string[] = [
  'call_seq',
  'call_lat_p50',
  'call_64',
  'cast_1000',
  'cast_1m',
  'pingpong',
  'ring',
  'ring_par',
  'fanin_64',
  'big_mailbox',
  'spawn_stop',
  'spawn_bulk_start',
  'raw_spawn',
  'idle_server',
  'idle_hibernated',
  'sup_restart_300_p50',
  'sup_burst',
  'dynsup_start_10k',
  'dynsup_stop_50k',
  'monitors_100k',
  'link_chain_10k',
  'registry_register',
  'registry_lookup',
  'registry_call',
  'registry_dispatch',
  'timers_1s_arm',
  'timers_100k_arm_cancel',
  'timers_cancel',
  'task_await',
  'task_stream',
  'agent_update',
  'sys_get_state',
];

/** Whether a program of that name is on the PATH. */
export function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The figures of a line that the script answers with. @throws Error with what it says went wrong. */
export function figuresIn(line: string): number[] {
  const figures = line.startsWith('= ') ? line.slice(2).split(' ').map(Number.parseFloat) : [];
  if (figures.length > 0 && figures.every(Number.isFinite)) return figures;
  throw new Error(line.replace(/^! /, ''));
}

/** The script as it runs: one question, one line of an answer. */
class Script {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#process = spawn('elixir', ['--erl', '+S 1:1', SCRIPT], { stdio: 'pipe' });
    this.#process.stderr.pipe(process.stderr, { end: false });
    // A write to a script that has ended is told by the lines that end, too.
    this.#process.stdin.on('error', () => {});
    this.#process.on('error', () => {});
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** The next line that is an answer; whatever else the BEAM prints goes by. */
  async answer(): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error('the BEAM has ended');
      if (/^[=!] /.test(value)) return value;
    }
  }

  async run(name: string, scale: number): Promise<number[]> {
    this.#process.stdin.write(`${name} ${scale.toFixed(6)}\n`);
    return figuresIn(await this.answer());
  }

  close(): void {
    this.#process.stdin.end();
  }
}

/** Starts the BEAM. @throws Error when it does not come up. */
export async function startBeam(): Promise<Rival> {
  const script = new Script();
  const version = (await script.answer()).slice(2);
  const run = (name: string): Run => {
    return async (scale) => {
      const figures = await script.run(name, scale);
      return figures.length === 1 ? (figures[0] as number) : figures;
    };
  };
  return {
    name: 'BEAM',
    version,
    runs: Object.fromEntries(BEAM_WORKLOADS.map((name) => [name, run(name)])),
    // Quadratic over there: some 25 s.
    slow: ['dynsup_stop_50k'],
    close: () => script.close(),
  };
}
