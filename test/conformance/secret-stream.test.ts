import { afterEach, describe } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import type { NetAddress } from '../../src/net/net-address.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import type { Transport } from '../../src/net/transport.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { secretTransport } from '../net/secret-rig.ts';
import { TransportBench, type TransportHarness } from './transport-harness.ts';
import { streamConformance } from './transport-streams.ts';

/** A secret stream is held to everything that any other stream is held to. */
function secretStreamConformance(name: string, make: () => { transport: Transport; address: NetAddress }): void {
  describe(`stream conformance: SecretConnection over ${name}`, () => {
    const bench = new TransportBench();
    afterEach(() => bench.clear());
    streamConformance(bench, async (): Promise<TransportHarness> => {
      const { transport, address } = make();
      const secret = secretTransport(transport);
      return {
        transport: secret,
        transportOfTwo: secret,
        address,
        hangingDial: () => ({ transport: secret, address }),
        turn: () => new Promise((resolve) => systemClock.setTimer(resolve, 2)),
      };
    });
  });
}

const memory: NetAddress = { scheme: 'memory', host: 'a', port: 0 };

secretStreamConformance('memory', () => ({
  transport: new MemoryNetwork({ clock: systemClock }).transport(),
  address: memory,
}));
secretStreamConformance('memory cutting everything into small chunks', () => ({
  transport: new MemoryNetwork({ clock: systemClock, random: new SeededRandom(7), chunkBytesMax: 4096 }).transport(),
  address: memory,
}));
secretStreamConformance('tcp', () => ({
  transport: new TcpTransport(),
  address: { scheme: 'tcp', host: '127.0.0.1', port: 0 },
}));
