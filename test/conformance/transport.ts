/**
 * What every transport must do, as one suite: `transportConformance(name, make)` runs it for one implementation.
 *
 * Bytes are numbered, so that a lost, doubled or swapped chunk shows; waits are for events, with the test's own time as
 * deadline.
 */
import { afterEach, describe } from 'vitest';
import { doorConformance } from './transport-doors.ts';
import { TransportBench, type TransportHarness } from './transport-harness.ts';
import { streamConformance } from './transport-streams.ts';

/** Runs the suite; `make` gives each test a harness of its own. */
export function transportConformance(name: string, make: () => Promise<TransportHarness>): void {
  describe(`transport conformance: ${name}`, () => {
    const bench = new TransportBench();
    afterEach(() => bench.clear());
    streamConformance(bench, make);
    doorConformance(bench, make);
  });
}
