/**
 * How does our MConnection do against a CometBFT peer, beside CometBFT against itself, in the same minutes: echo, bulk,
 * and the round trip of a small message beside saturated bulk? The floor of each row is Go to Go. Without Go there are
 * no rows.
 */
import { buildGoPeer, type GoOptions, GoPeer, type GoResult } from '../../test/interop/go-peer.ts';
import { type BenchOptions, type BenchTable, runTable, type Workload } from '../harness.ts';
import { Link, type LinkResult } from './mconnection-workloads.ts';

interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly target: string;
  readonly peer?: GoOptions;
  readonly go: readonly string[];
  readonly ours: (link: Link, scale: number) => Promise<LinkResult>;
  readonly pick: (result: LinkResult | GoResult) => number | undefined;
}

const p50 = (result: LinkResult | GoResult): number | undefined => result.p50Ms;
const p99 = (result: LinkResult | GoResult): number | undefined => result.p99Ms;
const PROBE = ['-test', 'probe', '-seconds', '2'];
const DEFAULTS: GoOptions = { flush: '10ms', rate: 5_120_000 };

const COMPARISONS: readonly Comparison[] = [
  {
    name: 'echo_1',
    unit: 'rt/s',
    target: 'as Go to Go',
    go: ['-test', 'echo'],
    ours: (link, scale) => link.echo(1, 2 * scale),
    pick: (result) => result.perSecond,
  },
  {
    name: 'echo_64',
    unit: 'rt/s',
    target: '1.7 times Go to Go',
    go: ['-test', 'echo', '-in-flight', '64'],
    ours: (link, scale) => link.echo(64, 2 * scale),
    pick: (result) => result.perSecond,
  },
  {
    name: 'bulk_64k',
    unit: 'MB/s',
    target: '90 % of a bare sender with the same cipher',
    go: ['-test', 'bulk'],
    ours: (link, scale) => link.bulk(65_536, 2 * scale),
    pick: (result) => result.mbPerSecond,
  },
  {
    name: 'bulk_1m',
    unit: 'MB/s',
    target: '90 % of a bare sender with the same cipher',
    go: ['-test', 'bulk', '-size', '1048576'],
    ours: (link, scale) => link.bulk(1_048_576, 2 * scale),
    pick: (result) => result.mbPerSecond,
  },
  {
    name: 'probe_p50',
    unit: 'ms',
    target: 'at most 0.5 beside bulk',
    go: PROBE,
    ours: (link, scale) => link.probe(65_536, 2 * scale),
    pick: p50,
  },
  {
    name: 'probe_p99',
    unit: 'ms',
    target: 'at most 5 beside bulk',
    go: PROBE,
    ours: (link, scale) => link.probe(65_536, 2 * scale),
    pick: p99,
  },
  {
    name: 'probe_defaults_p50',
    unit: 'ms',
    target: 'at most 0.5, a peer with all defaults, at 85 % of its rate',
    peer: DEFAULTS,
    go: [...PROBE, '-flush', '10ms', '-rate', '5120000'],
    ours: (link, scale) => link.probe(65_536, 4 * scale, 8),
    pick: p50,
  },
  {
    name: 'probe_slow_p50',
    unit: 'ms',
    target: 'at most 15, bulk handlers that sleep 20 ms',
    peer: { bulkDelay: '20ms' },
    go: PROBE,
    ours: (link, scale) => link.probe(65_536, 3 * scale, 1),
    pick: p50,
  },
  {
    name: 'idle_defaults_p50',
    unit: 'ms',
    target: 'at most 0.5, a peer with all defaults',
    peer: DEFAULTS,
    go: [...PROBE, '-size', '0', '-flush', '10ms'],
    ours: (link, scale) => link.probe(0, 2 * scale),
    pick: p50,
  },
];

/** Starts the peer anew for each number: a Go server whose heap has grown receives faster. */
async function withPeer(options: GoOptions | undefined, run: (peer: GoPeer) => Promise<number>): Promise<number> {
  const peer = await GoPeer.start(options);
  try {
    return await run(peer);
  } finally {
    peer.stop();
  }
}

function workload(comparison: Comparison): Workload {
  const { name, unit, target, peer, go, ours, pick } = comparison;
  return {
    name,
    unit,
    target,
    floor: () => withPeer(peer, async (server) => pick(await server.goClient(go)) ?? Number.NaN),
    ours: (scale) =>
      withPeer(peer, async (server) => {
        const link = new Link(await server.connect());
        const result = pick(await ours(link, scale));
        link.mconnection.stop();
        return result ?? Number.NaN;
      }),
  };
}

/** The table. */
export async function mconnectionBench(options: BenchOptions): Promise<BenchTable> {
  const title = 'MConnection to a CometBFT peer, floor: CometBFT to itself';
  try {
    buildGoPeer();
  } catch (error) {
    console.log(`${title}: left out, ${(error as Error).message}`);
    return { title, rounds: 0, rows: [] };
  }
  return runTable(title, COMPARISONS.map(workload), options);
}
