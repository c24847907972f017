/**
 * How much of what the engine allows does a whole call get? Echoes of 100 bytes between two OS processes over TCP, signed
 * and sealed both ways, beside the same cryptography without a node around it, in the same rounds.
 *
 * For each call each of the two processes signs, seals, opens and verifies once. So with many calls in flight the ceiling
 * is what both processes do of that at the same time, and with one in flight what they do one after the other.
 *
 * And what do the same calls cost on the other wire, where connections are sealed instead of messages?
 */
import { type ChildProcess, fork } from 'node:child_process';
import { systemRandom } from '../../src/base/random.ts';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import { CURVES, type Curve } from '../../src/crypto/keys.ts';
import { createNativeEngine } from '../../src/crypto/native-engine.ts';
import { createPortableEngine } from '../../src/crypto/portable-engine.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import type { Wire } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import type { Remote } from '../../src/p2p/remote.ts';
import { type BenchOptions, type BenchTable, ratePerSecond, runTable, type Workload } from '../harness.ts';
import { type CryptoOperations, cryptoOperations, PAYLOAD_BYTES, runCalls } from './crypto-load.ts';
import type { Order, Report } from './echo-node.ts';

/** Calls of one round. */
const CALLS = 6000;
/** Calls of one round with {@link BULK_BYTES} each way, a few at a time. */
const BULK_CALLS = 64;
const BULK_BYTES = 1_048_576;
/** Time of one round of a single operation, in ms. */
const OPERATION_MS = 60;

class EchoProcess {
  readonly #child: ChildProcess;
  readonly #reports: ((report: Report) => void)[] = [];

  constructor(wire: Wire) {
    this.#child = fork(new URL('./echo-node.js', import.meta.url), [wire], { stdio: 'inherit' });
    this.#child.on('message', (report: Report) => this.#reports.shift()?.(report));
  }

  /** The next report, which it was told to make or makes by itself. */
  next(): Promise<Report> {
    return new Promise((resolve) => this.#reports.push(resolve));
  }

  ask(order: Order): Promise<Report> {
    const report = this.next();
    this.#child.send(order);
    return report;
  }

  stop(): void {
    this.#child.disconnect();
  }
}

interface Ends {
  readonly other: EchoProcess;
  readonly remote: Remote;
  readonly operations: CryptoOperations;
  stop(): Promise<void>;
}

async function connectEnds(wire: Wire): Promise<Ends> {
  const other = new EchoProcess(wire);
  const first = await other.next();
  if (first.kind !== 'peer') throw new Error('the echo process did not say where it listens');
  const engine = defaultEngine();
  const messages = archethicMessages.extend([Echo, Echoed]) as unknown as MessageCatalog;
  const identity = engine.generateKeyPair(systemRandom);
  const node = await NodeSupervisor.startLink({ identity, wire, messages, maxInFlight: 4096 });
  const remote = await node.connect(first.peer);
  await remote.connected();
  const stop = async (): Promise<void> => {
    await node.stop();
    other.stop();
  };
  return { other, remote, operations: cryptoOperations(engine, 'ed25519'), stop };
}

async function echo(remote: Remote, count: number, inFlight: number, size: number = PAYLOAD_BYTES): Promise<void> {
  const bytes = new Uint8Array(size).fill(7);
  let left = count;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const reply = await remote.call(Echo, { bytes }, { timeoutMs: 60_000 });
      if (reply.name !== 'Echoed') throw new Error(`an echo was answered with ${reply.name}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

/** Calls a second that the cryptography of both ends allows, at the same time or one after the other. */
async function ceiling({ other, operations }: Ends, count: number, isParallel: boolean): Promise<number> {
  const theirs = isParallel ? other.ask({ kind: 'crypto', count }) : undefined;
  const startMs = performance.now();
  runCalls(operations, count);
  const ownMs = performance.now() - startMs;
  const report = await (theirs ?? other.ask({ kind: 'crypto', count }));
  const theirMs = report.kind === 'crypto' ? report.ms : Number.NaN;
  return (count / (isParallel ? Math.max(ownMs, theirMs) : ownMs + theirMs)) * 1000;
}

/** CPU time of both processes so far, in us. */
async function cpuUs({ other }: Ends): Promise<number> {
  const report = await other.ask({ kind: 'cpu' });
  const { user, system } = process.cpuUsage();
  return user + system + (report.kind === 'cpu' ? report.us : Number.NaN);
}

function callWorkloads(ends: Ends): Workload[] {
  const calls = (inFlight: number): Workload => ({
    name: `wire_echo_${inFlight}`,
    unit: 'calls/s',
    target: 'at least 0.7 of what the engine allows',
    floor: (scale) => ceiling(ends, Math.ceil(CALLS * scale), inFlight > 1),
    ours: (scale) => {
      const count = Math.ceil(CALLS * scale);
      return ratePerSecond(count, () => echo(ends.remote, count, inFlight));
    },
  });
  const cpu = (inFlight: number): Workload => ({
    name: `wire_cpu_${inFlight}`,
    unit: 'us/call',
    target: 'CPU of both ends; the floor is their cryptography',
    floor: async (scale) => {
      const count = Math.ceil(CALLS * scale);
      const before = await cpuUs(ends);
      await ceiling(ends, count, true);
      return ((await cpuUs(ends)) - before) / count;
    },
    ours: async (scale) => {
      const count = Math.ceil(CALLS * scale);
      const before = await cpuUs(ends);
      await echo(ends.remote, count, inFlight);
      return ((await cpuUs(ends)) - before) / count;
    },
  });
  return [calls(1), calls(64), calls(1024), cpu(1), cpu(64), cpu(1024)];
}

/** The same calls on both wires: the floor is wire archethic, whose messages are signed and sealed one by one. */
function wireWorkloads(mconnection: Ends, archethic: Ends): Workload[] {
  const calls = (inFlight: number): Workload => {
    const rate = ({ remote }: Ends, scale: number): Promise<number> => {
      const count = Math.ceil(CALLS * scale);
      return ratePerSecond(count, () => echo(remote, count, inFlight));
    };
    return {
      name: `wire_mconnection_echo_${inFlight}`,
      unit: 'calls/s',
      target: 'the floor is wire archethic',
      floor: (scale) => rate(archethic, scale),
      ours: (scale) => rate(mconnection, scale),
    };
  };
  const bulk = async ({ remote }: Ends, scale: number): Promise<number> => {
    const count = Math.ceil(BULK_CALLS * scale);
    return (await ratePerSecond(count, () => echo(remote, count, 4, BULK_BYTES))) * (BULK_BYTES / 1e6);
  };
  return [
    ...[1, 64, 1024].map(calls),
    {
      name: 'wire_mconnection_echo_1_mib',
      unit: 'MB/s each way',
      target: 'the floor is wire archethic',
      floor: (scale) => bulk(archethic, scale),
      ours: (scale) => bulk(mconnection, scale),
    },
  ];
}

function operationWorkloads(engine: CryptoEngine, curve: Curve): Workload[] {
  const operations = cryptoOperations(engine, curve);
  return (['sign', 'verify', 'seal', 'open'] as const).map((name) => ({
    name: `${engine.name}_${curve}_${name}`,
    unit: '/s',
    ours: (scale) => {
      const run = operations[name];
      const untilMs = performance.now() + OPERATION_MS * scale;
      const startMs = performance.now();
      let count = 0;
      while (performance.now() < untilMs) {
        for (let i = 0; i < 8; i += 1) run();
        count += 8;
      }
      return (count / (performance.now() - startMs)) * 1000;
    },
  }));
}

/** Runs the wire workloads: calls between two processes, and the operations of each engine on each curve. */
export async function wireBench(options: BenchOptions = {}): Promise<BenchTable> {
  const [ends, mconnection] = [await connectEnds('archethic'), await connectEnds('mconnection')];
  try {
    const engines = [createNativeEngine(), createPortableEngine()].filter((engine) => engine !== undefined);
    const operations = engines.flatMap((engine) => CURVES.flatMap((curve) => operationWorkloads(engine, curve)));
    return await runTable(
      'wire',
      [...callWorkloads(ends), ...wireWorkloads(mconnection, ends), ...operations],
      options,
    );
  } finally {
    await ends.stop();
    await mconnection.stop();
  }
}
