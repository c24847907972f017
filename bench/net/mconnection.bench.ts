/**
 * How does our MConnection do against a CometBFT peer, beside CometBFT against itself, in the same minutes: echo, bulk,
 * and the round trip of a small message beside saturated bulk? And beside a bare sender with the same cipher, between two
 * genmesh processes, and at the receiving end of a CometBFT client? Without Go there are no rows.
 *
 * Engines: the one that is there by itself, and the native one where that is another.
 */
import type { CryptoEngine, EngineName } from '../../src/crypto/engine.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import { type GoOptions, GoPeer, type GoResult } from '../../test/interop/go-peer.ts';
import type { BenchOptions, BenchTable, Heading, Run, Workload } from '../harness.ts';
import { bareBulk } from './bare-sender.ts';
import { GenmeshPeer } from './genmesh-peer.ts';
import { goTable } from './go-table.ts';
import { Link, type LinkResult } from './mconnection-workloads.ts';

type Result = LinkResult | GoResult;
type Pick = (result: Result) => number | undefined;

/** A peer of either kind. */
interface Peer {
  connect(engine: CryptoEngine): Promise<SecretStream>;
  goClient(args: readonly string[]): Promise<GoResult>;
  stop(): void;
}

const SECONDS = 2;
const BULK_BYTES = 65_536;
const DEFAULTS: GoOptions = { flush: '10ms', rate: 5_120_000 };
const SLOW_MS = 20;

const perSecond: Pick = (result) => result.perSecond;
const mbPerSecond: Pick = (result) => result.mbPerSecond;
const p50: Pick = (result) => result.p50Ms;
const p99: Pick = (result) => result.p99Ms;

/** CPU seconds of the sender for each GB, opening its connection left out. */
const cpuPerGb: Pick = (result) => {
  const bytes = 'bytes' in result ? (result.bytes as number) : (result.mbPerSecond ?? 0) * 1e6 * SECONDS;
  return (result.cpuSeconds / bytes) * 1e9;
};

/** Starts the peer anew for each number: a Go server whose heap has grown receives faster. */
async function withPeer(starting: Promise<Peer>, picks: readonly Pick[], run: (peer: Peer) => Promise<Result>) {
  const peer = await starting;
  try {
    const result = await run(peer);
    return picks.map((pick) => pick(result) ?? Number.NaN);
  } finally {
    peer.stop();
  }
}

function goToGo(args: readonly string[], picks: readonly Pick[], options: GoOptions = {}): Run {
  return () => withPeer(GoPeer.start(options), picks, (peer) => peer.goClient([...args, ...limitsOf(options)]));
}

/** A Go client has the limits of its peer; told of a slow one, it does not wait until that has handled everything. */
function limitsOf({ flush, rate, bulkDelay }: GoOptions): readonly string[] {
  const given = [
    ['-flush', flush],
    ['-rate', rate],
    ['-bulk-delay', bulkDelay],
  ];
  return given.flatMap(([flag, value]) => (value === undefined ? [] : [`${flag}`, `${value}`]));
}

type LinkRun = (link: Link, scale: number) => Promise<LinkResult>;

function oursTo(start: () => Promise<Peer>, engine: CryptoEngine, picks: readonly Pick[], run: LinkRun): Run {
  return (scale) =>
    withPeer(start(), picks, async (peer) => {
      const link = new Link(await peer.connect(engine));
      const result = await run(link, scale);
      link.mconnection.stop();
      return result;
    });
}

const echo =
  (inFlight: number): LinkRun =>
  (link, scale) =>
    link.echo(inFlight, SECONDS * scale);

const bulk =
  (size: number): LinkRun =>
  (link, scale) =>
    link.bulk(size, SECONDS * scale);

const probe =
  (size: number, warmUpSeconds: number): LinkRun =>
  (link, scale) =>
    link.probe(size, SECONDS * scale, warmUpSeconds);

const CPU_UNIT = 's/GB';
const BARE_TARGET = '90 % of a bare sender with the same cipher';

/** What depends on the cipher. */
function sealing(engineName: EngineName, engine: CryptoEngine): readonly Workload[] {
  const toGo = (picks: readonly Pick[], run: LinkRun): Run => oursTo(() => GoPeer.start(), engine, picks, run);
  const bulkPicks = [mbPerSecond, cpuPerGb];
  const bulkRows = (name: string, size: number): readonly Workload[] => [
    {
      name: `${name}_${engineName}`,
      unit: 'MB/s',
      also: [{ name: `${name}_cpu_${engineName}`, unit: CPU_UNIT }],
      floor: goToGo(['-test', 'bulk', '-size', `${size}`], bulkPicks),
      ours: toGo(bulkPicks, bulk(size)),
    },
    {
      name: `${name}_bare_${engineName}`,
      unit: 'MB/s',
      target: BARE_TARGET,
      also: [{ name: `${name}_bare_cpu_${engineName}`, unit: CPU_UNIT }],
      floor: (scale) =>
        withPeer(GoPeer.start(), bulkPicks, async (peer) =>
          bareBulk(await peer.connect(engine), size, SECONDS * scale),
        ),
      ours: toGo(bulkPicks, bulk(size)),
    },
  ];
  const toOurs = (): Promise<Peer> => GenmeshPeer.start({ engine: engineName });
  const goEcho = (inFlight: number): Run => goToGo(['-test', 'echo', '-in-flight', `${inFlight}`], [perSecond]);
  const both = (name: string): Heading => ({ name: `${name}_${engineName}`, unit: 'rt/s' });
  return [
    { ...both('echo_1'), target: 'as Go to Go', floor: goEcho(1), ours: toGo([perSecond], echo(1)) },
    { ...both('echo_64'), target: '1.7 times Go to Go', floor: goEcho(64), ours: toGo([perSecond], echo(64)) },
    { ...both('genmesh_echo_64'), floor: goEcho(64), ours: oursTo(toOurs, engine, [perSecond], echo(64)) },
    ...bulkRows('bulk_64k', BULK_BYTES),
    ...bulkRows('bulk_1m', 1_048_576),
    {
      name: `genmesh_bulk_64k_${engineName}`,
      unit: 'MB/s',
      also: [{ name: `genmesh_bulk_64k_cpu_${engineName}`, unit: CPU_UNIT }],
      floor: goToGo(['-test', 'bulk'], bulkPicks),
      ours: oursTo(toOurs, engine, bulkPicks, bulk(BULK_BYTES)),
    },
  ];
}

const PROBE = ['-test', 'probe', '-seconds', `${SECONDS}`];
const TRIP_PICKS = [p50, p99];
const TRIP_AND_BULK_PICKS = [...TRIP_PICKS, mbPerSecond];

/** What a probe runs against, what it is to reach, and what it tells. */
interface Probe {
  readonly name: string;
  readonly target50?: string;
  readonly target99?: string;
  readonly picks: readonly Pick[];
  readonly floor: (picks: readonly Pick[]) => Run;
  readonly ours: (picks: readonly Pick[]) => Run;
}

/** The rows of one probe: the round trip in the middle, the slow ones, and the bulk beside it. */
function probeRows({ name, target50, target99, picks, floor, ours }: Probe): Workload {
  const headings: readonly Heading[] = [
    { name: `${name}_p99`, unit: 'ms', ...(target99 === undefined ? {} : { target: target99 }) },
    { name: `${name}_bulk`, unit: 'MB/s' },
  ];
  return {
    name: `${name}_p50`,
    unit: 'ms',
    ...(target50 === undefined ? {} : { target: target50 }),
    also: headings.slice(0, picks.length - 1),
    floor: floor(picks),
    ours: ours(picks),
  };
}

/** The round trip of a small message, with the engine that is there by itself. */
function latency(engine: CryptoEngine): readonly Workload[] {
  const go =
    (options: GoOptions = {}, args: readonly string[] = []) =>
    (picks: readonly Pick[]): Run =>
      goToGo([...PROBE, ...args], picks, options);
  const toGo =
    (options: GoOptions, run: LinkRun) =>
    (picks: readonly Pick[]): Run =>
      oursTo(() => GoPeer.start(options), engine, picks, run);
  const toOurs =
    (bulkDelayMs: number) =>
    (picks: readonly Pick[]): Run =>
      oursTo(() => GenmeshPeer.start({ bulkDelayMs }), engine, picks, probe(BULK_BYTES, 1));
  const goToOurs =
    (bulkDelayMs: number) =>
    (picks: readonly Pick[]): Run =>
    () =>
      withPeer(GenmeshPeer.start({ bulkDelayMs }), picks, (peer) =>
        peer.goClient([...PROBE, ...limitsOf({ bulkDelay: `${bulkDelayMs}ms` })]),
      );
  const slow: GoOptions = { bulkDelay: `${SLOW_MS}ms` };
  const target50 = 'at most 0.5';
  // What a slow peer has handled is not counted, and beside nothing there is nothing to count.
  const picks = TRIP_PICKS;
  const picksAll = TRIP_AND_BULK_PICKS;
  return [
    probeRows({
      name: 'probe',
      target50,
      target99: 'at most 5',
      picks: picksAll,
      floor: go(),
      ours: toGo({}, probe(BULK_BYTES, 0.3)),
    }),
    probeRows({
      name: 'probe_defaults',
      target50: 'at most 0.5 at 85 % of the rate of a peer with all defaults',
      picks: picksAll,
      floor: go(DEFAULTS),
      ours: toGo(DEFAULTS, probe(BULK_BYTES, 8)),
    }),
    probeRows({
      name: 'probe_slow',
      target50: 'at most 15',
      picks,
      floor: go(slow),
      ours: toGo(slow, probe(BULK_BYTES, 1)),
    }),
    probeRows({
      name: 'idle_defaults',
      target50,
      picks,
      floor: go(DEFAULTS, ['-size', '0']),
      ours: toGo(DEFAULTS, probe(0, 0.3)),
    }),
    probeRows({ name: 'genmesh_probe', picks: picksAll, floor: go(), ours: toOurs(0) }),
    probeRows({ name: 'genmesh_probe_slow', picks, floor: go(slow), ours: toOurs(SLOW_MS) }),
    probeRows({ name: 'receiving_probe', picks: picksAll, floor: go(), ours: goToOurs(0) }),
    probeRows({ name: 'receiving_probe_slow', picks, floor: go(slow), ours: goToOurs(SLOW_MS) }),
  ];
}

/** The table. */
export function mconnectionBench(options: BenchOptions): Promise<BenchTable> {
  const title = 'MConnection to a CometBFT peer, floor: CometBFT to itself, and of "bare" rows a bare sender';
  return goTable(title, options, (engines) => [
    ...engines.flatMap((engine) => sealing(engine.name, engine)),
    ...latency(engines[0] as CryptoEngine),
  ]);
}
