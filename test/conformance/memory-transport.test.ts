import { systemClock } from '../../src/base/clock.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { transportConformance } from './transport.ts';
import type { TransportHarness } from './transport-harness.ts';

const turn = (): Promise<void> => new Promise((resolve) => systemClock.setTimer(resolve, 2));

async function make(options: { latencyMs?: number; chunkBytesMax?: number }): Promise<TransportHarness> {
  const common = { clock: systemClock, random: new SeededRandom(7), ...options };
  const network = new MemoryNetwork(common);
  return {
    transport: network.transport(),
    transportOfTwo: new MemoryNetwork({ ...common, maxConnections: 2 }).transport(),
    address: { scheme: 'memory', host: 'a', port: 0 },
    hangingDial: () => {
      const hanging = new MemoryNetwork({
        ...common,
        clock: { ...systemClock, setTimer: (callback) => systemClock.setTimer(callback, 1) },
      });
      hanging.stall('local', 'a');
      return { transport: hanging.transport(), address: { scheme: 'memory', host: 'a', port: 9 } };
    },
    turn,
  };
}

transportConformance('memory', () => make({}));
transportConformance('memory with latency', () => make({ latencyMs: 1 }));
transportConformance('memory cutting everything into small chunks', () => make({ chunkBytesMax: 4096 }));
