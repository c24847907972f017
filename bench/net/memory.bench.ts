/**
 * What does an idle connection cost in memory? 1000 connections between two processes, each a SecretConnection with an
 * MConnection of two channels; what either process takes after garbage collection, less what it took with the first
 * {@link WARM_UP} of them, for each connection more.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { type BenchOptions, type BenchTable, runTable, type Workload } from '../harness.ts';
import type { MemoryOrder, MemoryReport } from './memory-node.ts';

/** Connections of one round. */
const CONNECTIONS = 1000;

/** Connections before the first weighing: code is compiled and pools are filled by then. */
const WARM_UP = 100;

type Weighed = Extract<MemoryReport, { kind: 'weighed' }>;

class MemoryProcess {
  readonly #child: ChildProcess = fork(new URL('./memory-node.js', import.meta.url), { stdio: 'inherit' });

  async ask<K extends MemoryReport['kind']>(order: MemoryOrder, kind: K): Promise<Extract<MemoryReport, { kind: K }>> {
    const report = await new Promise<MemoryReport>((resolve, reject) => {
      this.#child.once('message', resolve);
      this.#child.once('exit', (code) => reject(new Error(`a process of the memory benchmark ended with ${code}`)));
      this.#child.send(order);
    });
    if (report.kind !== kind) throw new Error(`asked to ${order.kind}, it said ${report.kind}`);
    return report as Extract<MemoryReport, { kind: K }>;
  }

  stop(): void {
    this.#child.removeAllListeners('exit');
    this.#child.kill('SIGKILL');
  }
}

/** KB (1000 bytes) a connection: heap and external of dialler and listener, then their resident memory. */
async function weighConnections(count: number): Promise<readonly number[]> {
  const [listener, dialler] = [new MemoryProcess(), new MemoryProcess()];
  try {
    const { address } = await listener.ask({ kind: 'listen', connectionsMax: 2 * count + WARM_UP }, 'listening');
    const weigh = async (connections: number): Promise<readonly [Weighed, Weighed]> => {
      const [own, other] = await Promise.all([
        dialler.ask({ kind: 'weigh' }, 'weighed'),
        listener.ask({ kind: 'weigh' }, 'weighed'),
      ]);
      if (own.connections === connections && other.connections === connections) return [own, other];
      throw new Error(`${own.connections} and ${other.connections} connections stand: ${connections} were asked for`);
    };
    await dialler.ask({ kind: 'dial', address, count: WARM_UP }, 'dialled');
    const before = await weigh(WARM_UP);
    await dialler.ask({ kind: 'dial', address, count }, 'dialled');
    const after = await weigh(WARM_UP + count);
    const kilobytes = (of: (weighed: Weighed) => number, i: 0 | 1): number =>
      (of(after[i]) - of(before[i])) / count / 1000;
    const heap = (weighed: Weighed): number => weighed.heapBytes;
    const rss = (weighed: Weighed): number => weighed.rssBytes;
    return [kilobytes(heap, 0), kilobytes(heap, 1), kilobytes(rss, 0), kilobytes(rss, 1)];
  } finally {
    listener.stop();
    dialler.stop();
  }
}

const UNIT = 'KB/conn.';
const TARGET = 'at most 40';

const WORKLOAD: Workload = {
  name: 'idle_dialled',
  unit: UNIT,
  target: TARGET,
  also: [
    { name: 'idle_accepted', unit: UNIT, target: TARGET },
    { name: 'idle_dialled_rss', unit: UNIT, target: TARGET },
    { name: 'idle_accepted_rss', unit: UNIT, target: TARGET },
  ],
  ours: (scale) => weighConnections(Math.max(10, Math.round(CONNECTIONS * scale))),
};

/** The table. */
export function memoryBench(options: BenchOptions): Promise<BenchTable> {
  return runTable('Memory of an idle connection, heap and external, then resident', [WORKLOAD], options);
}
