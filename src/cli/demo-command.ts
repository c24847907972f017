/** `genmesh demo`: nodes in processes of their own that call each other over TCP, while one looks on. */
import type { Timer } from '../base/clock.ts';
import { WIRE_DEFAULT, WIRES, type Wire } from '../p2p/node-options.ts';
import { type Command, choice, command, EXIT_OK, flag, number } from './command-line.ts';
import { type DemoDisplay, LineDisplay, noDisplay, PageDisplay } from './demo-display.ts';
import { DemoFleet } from './demo-fleet.ts';
import { describeSummary, failureOf, summarize } from './demo-summary.ts';
import { CliError } from './errors.ts';
import type { Shell } from './shell.ts';
import { checkSealed, SEALED_HELP } from './wire-options.ts';

/** Nodes a demo can have. */
export const DEMO_NODES_MAX = 16;

/** Calls a second over all nodes when no rate is given: little enough for one core. */
export const DEMO_CALLS_PER_SECOND = 300;

interface DemoSettings {
  readonly nodes: number;
  readonly seconds: number | undefined;
  readonly json: boolean;
  readonly kill: number | undefined;
  readonly rate: number | undefined;
  readonly 'in-flight': number;
  readonly wire: Wire;
  readonly sealed: boolean;
}

/** `genmesh demo`. */
export const demoCommand: Command = command({
  name: 'demo',
  summary: 'shows nodes in processes of their own that call each other, until Ctrl-C',
  details: [
    'Starts nodes with keys made on the spot, each its own process, on TCP over loopback. Each calls the others: Ping,',
    'ListNodes, GetTransactionChainLength, GetTransaction (NotFound) and Echo of 1 to 16384 random bytes. A terminal',
    'shows for each direction state, round trips, calls and queue, and the actor tree of one node; anything else gets',
    'a line a second. At the end the calls under way are waited for, each direction is checked with a Ping, and the',
    'processes are stopped in order. They end with the demo however it ends.',
    '',
    'With --kill a process is killed (SIGKILL) now and then, in turn, and started again with its key and port; the',
    'others reconnect by themselves.',
    '',
    'The summary of --json: nodes, wire, sealed, calls = replies + timeouts + errors, errorsByCode, rttMsP50 and rttMsP99',
    '(from call to reply, waiting included), kills, reconnects, abandoned (calls under way when their own caller was',
    'killed, not among calls), remotes (the same for each direction), processes, tree.',
  ],
  positionals: [],
  options: {
    seconds: number('N', 'ends after that many seconds of calls (default: at Ctrl-C)', {
      min: 0.1,
      max: 86_400,
      standard: undefined,
      isFractional: true,
    }),
    json: flag('prints nothing but one JSON summary at the end'),
    kill: number('S', 'kills one process every S seconds', {
      min: 0.1,
      max: 3600,
      standard: undefined,
      isFractional: true,
    }),
    nodes: number('N', 'how many nodes', { min: 2, max: DEMO_NODES_MAX, standard: 3 }),
    rate: number('N', `calls a second that each node makes (default: ${DEMO_CALLS_PER_SECOND} over all nodes)`, {
      min: 1,
      max: 10_000,
      standard: undefined,
    }),
    wire: choice('WIRE', 'how they speak to each other', WIRES, WIRE_DEFAULT),
    sealed: flag(SEALED_HELP),
    'in-flight': number('N', 'calls under way from one node to one other; no more then', {
      min: 1,
      max: 1024,
      standard: 8,
    }),
  },
  exits: [
    ['0', 'every call was answered; with --kill: every call was settled, by a reply or a typed error, and every'],
    ['', 'direction was connected and answering at the end'],
    ['1', 'that was not so, or a node did not start'],
    ['130, 143', 'a second Ctrl-C, SIGTERM ended it at once'],
  ],
  examples: ['genmesh demo', 'genmesh demo --seconds 5 --json', 'genmesh demo --kill 2 --nodes 5'],
  run: (options, _positionals, shell) => runDemo(options, shell),
});

async function runDemo(settings: DemoSettings, shell: Shell): Promise<number> {
  const { nodes, json, seconds, kill, wire, sealed } = settings;
  checkSealed(wire, sealed);
  const rate = settings.rate ?? Math.round(DEMO_CALLS_PER_SECOND / nodes);
  let quit: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    quit = resolve;
    shell.onStop(() => resolve());
  });
  const inFlightMax = settings['in-flight'];
  const fleet = new DemoFleet({ shell, count: nodes, wire, isSealed: sealed, rate, inFlightMax });
  const display = displayOf(settings, shell, fleet, quit);
  display.open();
  try {
    const isAskedEarly = await Promise.race([fleet.start().then(() => false), fleet.failure, asked.then(() => true)]);
    if (isAskedEarly) {
      // Nothing was measured yet, so there is nothing to sum up.
      await fleet.stop();
      return EXIT_OK;
    }
    display.setPhase('running');
    if (kill !== undefined) fleet.startKilling(kill * 1000);
    const startMs = shell.clock.monotonicMs();
    await Promise.race([seconds === undefined ? asked : orAfter(shell, asked, seconds * 1000), fleet.failure]);
    const ranSeconds = (shell.clock.monotonicMs() - startMs) / 1000;
    display.setPhase('waiting for the calls under way');
    await Promise.race([fleet.finish(), fleet.failure]);
    const summary = summarize(fleet.model, ranSeconds);
    display.setPhase('stopping');
    await fleet.stop();
    display.close();
    shell.out(json ? `${JSON.stringify(summary)}\n` : describeSummary(summary));
    const failure = failureOf(summary);
    if (failure !== undefined) throw new CliError('DEMO_FAILED', `the demo did not go well: ${failure}`);
    return EXIT_OK;
  } finally {
    fleet.destroy();
    display.close();
  }
}

function displayOf({ json }: DemoSettings, shell: Shell, fleet: DemoFleet, quit: () => void): DemoDisplay {
  if (json) return noDisplay;
  return shell.terminal === undefined ? new LineDisplay(shell, fleet) : new PageDisplay(shell, fleet, quit);
}

async function orAfter(shell: Shell, asked: Promise<void>, delayMs: number): Promise<void> {
  let timer: Timer | undefined;
  const over = new Promise<void>((resolve) => {
    timer = shell.clock.setTimer(resolve, delayMs);
  });
  await Promise.race([asked, over]);
  if (timer !== undefined) shell.clock.clearTimer(timer);
}
