/**
 * How does one connection of ours do beside one of js-libp2p (tcp, noise, yamux), each with its own kind in another
 * process: echo of 100 bytes, bulk of 64 KiB, and a small message beside bulk? The floor of each row is js-libp2p, with its
 * streams kept open; a stream for each request, as it is mostly used, is slower.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { type BenchOptions, type BenchTable, percentile, runTable, type Workload } from '../harness.ts';
import {
  ECHO_PROTOCOL,
  type Libp2pNode,
  type Libp2pStream,
  libp2pVersion,
  parseMultiaddr,
  SINK_PROTOCOL,
  startLibp2p,
} from './libp2p-modules.ts';
import { Link } from './mconnection-workloads.ts';

const SECONDS = 1.5;
const MESSAGE_BYTES = 100;
const BULK_BYTES = 65_536;
const PROBE_EVERY_MS = 5;
/** Bulk messages between two that the other end answers, and how many of those may be open. */
const MARK_EVERY = 16;
const MARKS_OPEN_MAX = 4;

/** Starts the other end and runs `run` with its address. */
async function withNode<T>(kind: 'libp2p' | 'genmesh', run: (address: string) => Promise<T>): Promise<T> {
  const child: ChildProcess = fork(new URL('./libp2p-node.js', import.meta.url), [kind], { stdio: 'inherit' });
  try {
    const address = await new Promise<string>((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`the ${kind} process ended with ${code}`)));
    });
    return await run(address);
  } finally {
    child.removeAllListeners('exit');
    child.kill('SIGKILL');
  }
}

/** A stream as a function to send with; `onBytes` is told of what comes. */
function opened(stream: Libp2pStream, onBytes: (bytes: Uint8Array) => void): (bytes: Uint8Array) => void {
  const waiting: Uint8Array[] = [];
  let wake: () => void = () => {};
  async function* outgoing(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = waiting.shift();
      if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else yield next;
    }
  }
  void stream.sink(outgoing()).catch(() => {});
  void (async (): Promise<void> => {
    for await (const piece of stream.source) onBytes(piece.subarray());
  })().catch(() => {});
  return (bytes) => {
    waiting.push(bytes);
    wake();
  };
}

async function withLibp2p<T>(run: (dial: (protocol: string) => Promise<Libp2pStream>) => Promise<T>): Promise<T> {
  return withNode('libp2p', async (address) => {
    const node: Libp2pNode = await startLibp2p(false);
    const target = await parseMultiaddr(address);
    try {
      return await run((protocol) => node.dialProtocol(target, protocol));
    } finally {
      void node.stop().catch(() => {});
    }
  });
}

function echoLibp2p(inFlight: number, scale: number): Promise<number> {
  return withLibp2p(async (dial) => {
    const stream = await dial(ECHO_PROTOCOL);
    const startMs = performance.now();
    const endMs = startMs + SECONDS * scale * 1000;
    return new Promise<number>((resolve) => {
      let receivedBytes = 0;
      let answeredCount = 0;
      const send = opened(stream, (bytes) => {
        receivedBytes += bytes.length;
        for (; answeredCount < Math.floor(receivedBytes / MESSAGE_BYTES); answeredCount += 1) {
          send(new Uint8Array(MESSAGE_BYTES));
        }
        const nowMs = performance.now();
        if (nowMs > endMs) resolve((answeredCount / (nowMs - startMs)) * 1000);
      });
      for (let i = 0; i < inFlight; i += 1) send(new Uint8Array(MESSAGE_BYTES));
    });
  });
}

/** Sends bulk until `endMs`, never more than a few marks ahead of the other end. @returns bytes that have arrived. */
async function saturate(stream: Libp2pStream, endMs: number): Promise<number> {
  let arrivedMarks = 0;
  let wake: () => void = () => {};
  const send = opened(stream, (bytes) => {
    arrivedMarks += bytes.length;
    wake();
  });
  const plain = new Uint8Array(BULK_BYTES);
  const mark = new Uint8Array(BULK_BYTES);
  mark[BULK_BYTES - 1] = 1;
  let sentMarks = 0;
  while (performance.now() < endMs) {
    for (let i = 1; i < MARK_EVERY; i += 1) send(plain);
    send(mark);
    sentMarks += 1;
    while (sentMarks - arrivedMarks >= MARKS_OPEN_MAX) await new Promise<void>((resolve) => (wake = resolve));
  }
  while (arrivedMarks < sentMarks) await new Promise<void>((resolve) => (wake = resolve));
  return sentMarks * MARK_EVERY * BULK_BYTES;
}

function bulkLibp2p(scale: number): Promise<number> {
  return withLibp2p(async (dial) => {
    const stream = await dial(SINK_PROTOCOL);
    const startMs = performance.now();
    const bytes = await saturate(stream, startMs + SECONDS * scale * 1000);
    return bytes / 1000 / (performance.now() - startMs);
  });
}

/** Round trips of 100 bytes on a stream of their own beside bulk. @returns p50 and p99 in ms. */
function probeLibp2p(scale: number): Promise<readonly number[]> {
  return withLibp2p(async (dial) => {
    const [echo, sink] = [await dial(ECHO_PROTOCOL), await dial(SINK_PROTOCOL)];
    const endMs = performance.now() + SECONDS * scale * 1000;
    const bulk = saturate(sink, endMs);
    const sentMs: number[] = [];
    const rtts: number[] = [];
    let receivedBytes = 0;
    const send = opened(echo, (bytes) => {
      receivedBytes += bytes.length;
      while (rtts.length < Math.floor(receivedBytes / MESSAGE_BYTES)) {
        rtts.push(performance.now() - (sentMs[rtts.length] as number));
      }
    });
    for (let dueMs = performance.now(); dueMs < endMs; dueMs += PROBE_EVERY_MS) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
      sentMs.push(performance.now());
      send(new Uint8Array(MESSAGE_BYTES));
    }
    await bulk;
    rtts.sort((a, b) => a - b);
    return [percentile(rtts, 0.5), percentile(rtts, 0.99)];
  });
}

async function withLink<T>(run: (link: Link) => Promise<T>): Promise<T> {
  return withNode('genmesh', async (address) => {
    const engine = defaultEngine();
    const stream = await new TcpTransport().dial(parseNetAddress(address), { timeoutMs: 5000 });
    const nodeKey = engine.generateKeyPair(systemRandom);
    const link = new Link(
      await secretConnection(stream, { clock: systemClock, random: systemRandom, engine, nodeKey }),
    );
    const result = await run(link);
    link.mconnection.stop();
    return result;
  });
}

const WORKLOADS: readonly Workload[] = [
  ...[1, 64].map((inFlight) => ({
    name: `libp2p_echo_${inFlight}`,
    unit: 'rt/s',
    ours: (scale: number) =>
      withLink(async (link) => (await link.echo(inFlight, SECONDS * scale)).perSecond ?? Number.NaN),
    floor: (scale: number) => echoLibp2p(inFlight, scale),
  })),
  {
    name: 'libp2p_bulk_64k',
    unit: 'MB/s',
    ours: (scale) => withLink(async (link) => (await link.bulk(BULK_BYTES, SECONDS * scale)).mbPerSecond ?? Number.NaN),
    floor: bulkLibp2p,
  },
  {
    name: 'libp2p_probe_p50',
    unit: 'ms',
    also: [{ name: 'libp2p_probe_p99', unit: 'ms' }],
    ours: (scale) =>
      withLink(async (link) => {
        const { p50Ms, p99Ms } = await link.probe(BULK_BYTES, SECONDS * scale);
        return [p50Ms ?? Number.NaN, p99Ms ?? Number.NaN];
      }),
    floor: probeLibp2p,
  },
];

/** The table; left out where js-libp2p is not installed. */
export function libp2pBench(options: BenchOptions): Promise<BenchTable> {
  const version = libp2pVersion();
  const title = `One connection with its own kind, floor: js-libp2p ${version ?? ''}`.trimEnd();
  if (version !== undefined) return runTable(title, WORKLOADS, options);
  console.log(`${title}: left out, not installed: npm ci --prefix bench/rivals/libp2p`);
  return Promise.resolve({ title, rounds: 0, rows: [] });
}
