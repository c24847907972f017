/** What tables beside a Go peer have in common: no rows without Go, and the engines that their rows are taken on. */
import { engineNamed } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import { buildGoPeer } from '../../test/interop/go-peer.ts';
import { type BenchOptions, type BenchTable, runTable, type Workload } from '../harness.ts';

/**
 * Runs the workloads that `workloadsOf` makes of the engine that is there by itself, first, and the native one where that
 * is another. Without Go it says why there are no rows.
 */
export async function goTable(
  title: string,
  options: BenchOptions,
  workloadsOf: (engines: readonly CryptoEngine[]) => readonly Workload[],
): Promise<BenchTable> {
  try {
    buildGoPeer();
  } catch (error) {
    console.log(`${title}: left out, ${(error as Error).message}`);
    return { title, rounds: 0, rows: [] };
  }
  const engines = (['calibrated', 'native'] as const).map(engineNamed).filter((engine) => engine !== undefined);
  const others = engines.filter((engine, index) => engines.findIndex(({ name }) => name === engine.name) === index);
  return runTable(title, workloadsOf(others), { ...options, isCollecting: false });
}
