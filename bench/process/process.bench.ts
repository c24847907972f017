/** What does a process cost over a bare mailbox: calls, casts, hops, spawns, restarts, timers, memory? */
import { ActorSystem, exit, type Pid, type RefOf, Registry, startServer } from '../../src/actors/index.ts';
import { DynamicSupervisor, Supervisor } from '../../src/supervisor/index.ts';
import {
  type BenchOptions,
  type BenchTable,
  collectGarbage,
  percentile,
  ratePerSecond,
  runTable,
  type Workload,
} from '../harness.ts';
import { DefinedEcho, Echo, SharedEcho, Volley } from './echo.ts';
import { BareMailbox, bareCounter } from './floor.ts';

type EchoRef = RefOf<Echo>;

const callSequential: Workload = {
  name: 'call_seq',
  unit: 'calls/s',
  target: 'at least 1/2 of the floor, aim 2/3',
  floor: (scale) => {
    const server = bareCounter();
    return ratePerSecond(500_000 * scale, async () => {
      for (let i = 0; i < 500_000 * scale; i += 1) await server.call('get');
    });
  },
  ours: async (scale) => {
    const server = await startServer(Echo, [0], { system: new ActorSystem() });
    return ratePerSecond(500_000 * scale, async () => {
      for (let i = 0; i < 500_000 * scale; i += 1) await server.call('ping');
    });
  },
};

const call64: Workload = {
  name: 'call_64',
  unit: 'calls/s',
  target: 'at least 1/2 of the floor, aim 2/3',
  floor: (scale) => {
    const server = bareCounter();
    const client = async (): Promise<void> => {
      for (let i = 0; i < 10_000 * scale; i += 1) await server.call('get');
    };
    return ratePerSecond(640_000 * scale, async () => {
      await Promise.all(Array.from({ length: 64 }, client));
    });
  },
  ours: async (scale) => {
    const server = await startServer(Echo, [0], { system: new ActorSystem() });
    const client = async (): Promise<void> => {
      for (let i = 0; i < 10_000 * scale; i += 1) await server.call('ping');
    };
    return ratePerSecond(640_000 * scale, async () => {
      await Promise.all(Array.from({ length: 64 }, client));
    });
  },
};

const castBatches: Workload = {
  name: 'cast_1000',
  unit: 'casts/s',
  target: 'at least 0.4 of the floor, aim 0.5',
  floor: (scale) => {
    const server = bareCounter();
    return ratePerSecond(2_000_000 * scale, async () => {
      for (let batch = 0; batch < 2000 * scale; batch += 1) {
        for (let i = 0; i < 999; i += 1) server.cast('inc');
        await server.call('get');
      }
    });
  },
  ours: async (scale) => {
    const server = await startServer(Echo, [0], { system: new ActorSystem() });
    return ratePerSecond(2_000_000 * scale, async () => {
      for (let batch = 0; batch < 2000 * scale; batch += 1) {
        for (let i = 0; i < 999; i += 1) server.cast('inc');
        await server.call('get');
      }
    });
  },
};

const pingPong: Workload = {
  name: 'pingpong',
  unit: 'round trips/s',
  floor: (scale) => {
    let left = 1_000_000 * scale;
    return ratePerSecond(
      left,
      () =>
        new Promise((done) => {
          const a: BareMailbox = new BareMailbox((_op, _value, state) => {
            left -= 1;
            if (left <= 0) done();
            else b.cast('ball');
            return state;
          });
          const b: BareMailbox = new BareMailbox((_op, _value, state) => {
            a.cast('ball');
            return state;
          });
          b.cast('ball');
        }),
    );
  },
  ours: async (scale) => {
    const system = new ActorSystem();
    const rounds = 1_000_000 * scale;
    let finish = (): void => {};
    const a = await startServer(Volley, [rounds, () => finish()], { system });
    const b = await startServer(Volley, [-1, () => {}], { system });
    a.cast('serve', b);
    b.cast('serve', a);
    return ratePerSecond(
      rounds,
      () =>
        new Promise((done) => {
          finish = done;
          b.cast('ball');
        }),
    );
  },
};

const spawnStop: Workload = {
  name: 'spawn_stop',
  unit: 'pairs/s',
  target: 'well above 0.3 M/s',
  ours: async (scale) => {
    const system = new ActorSystem();
    return ratePerSecond(100_000 * scale, async () => {
      for (let i = 0; i < 100_000 * scale; i += 1) {
        const server = await startServer(Echo, [0], { system });
        await server.stop();
      }
    });
  },
};

const memory = (name: string, target: string, start: (system: ActorSystem) => Promise<Pid>): Workload => ({
  name,
  unit: 'B',
  target,
  floor: (scale) => bytesEach(Math.ceil(100_000 * scale), () => bareCounter()),
  ours: async (scale) => {
    const system = new ActorSystem();
    const count = Math.ceil(100_000 * scale);
    const kept: Pid[] = new Array(count);
    for (let i = 0; i < 1000; i += 1) await start(system);
    collectGarbage();
    const before = process.memoryUsage();
    for (let i = 0; i < count; i += 1) kept[i] = await start(system);
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    const after = process.memoryUsage();
    if (kept.length !== system.processCount - 1000) throw new Error('servers are missing');
    return (after.heapUsed + after.external - before.heapUsed - before.external) / count;
  },
});

const registryLookup: Workload = {
  name: 'registry_lookup',
  unit: 'lookups/s',
  ours: async (scale) => {
    const system = new ActorSystem();
    const registry = await Registry.startLink<number, number>({ system });
    const server = await startServer(Echo, [0], { system });
    for (let i = 0; i < 10_000; i += 1) registry.register(i, server, i);
    return ratePerSecond(1_000_000 * scale, () => {
      for (let i = 0; i < 1_000_000 * scale; i += 1) {
        const key = (i * 7919) % 10_000;
        if (registry.lookup(key)?.value !== key) throw new Error('wrong value');
      }
    });
  },
};

function bytesEach(count: number, make: () => object): number {
  const kept: object[] = new Array(count);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i += 1) kept[i] = make();
  collectGarbage();
  const bytes = (process.memoryUsage().heapUsed - before) / kept.length;
  return bytes;
}

/** Tells when it is up, so that nobody has to poll. */
class Reporter extends Echo {
  override init(start: number): number {
    const told = onUp;
    onUp = undefined;
    if (told !== undefined) told(this.self as unknown as EchoRef);
    return start;
  }
}
let onUp: ((server: EchoRef) => void) | undefined;

/** Latencies of kill, restart and first answer, in us, sorted. */
async function restartLatencies(count: number): Promise<number[]> {
  const supervisor = await Supervisor.startLink([Reporter.childSpec('echo', [0])], {
    strategy: 'one_for_one',
    maxRestarts: 1_000_000_000,
    maxSeconds: 1,
    system: new ActorSystem(),
  });
  const latencies: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const before = supervisor.child('echo');
    const up = new Promise<EchoRef>((resolve) => {
      onUp = (server) => resolve(server);
    });
    const startMs = performance.now();
    exit(before, 'kill');
    await (await up).call('ping');
    latencies.push((performance.now() - startMs) * 1000);
  }
  await supervisor.stop();
  return latencies.sort((a, b) => a - b);
}

const restart = (p: number): Workload => ({
  name: `restart_p${p * 100}`,
  unit: 'us',
  ...(p === 0.5 ? { target: 'under 15, aim 10' } : {}),
  ours: async (scale) => percentile(await restartLatencies(Math.max(300, 5000 * scale)), p),
});

const timerLateness: Workload = {
  name: 'timer_5ms_lateness_max',
  unit: 'ms',
  target: 'never more than 10 while two actors volley',
  ours: async () => {
    const system = new ActorSystem();
    const a = await startServer(Volley, [-1, () => {}], { system });
    const b = await startServer(Volley, [-1, () => {}], { system });
    a.cast('serve', b);
    b.cast('serve', a);
    a.cast('ball');
    let worstMs = 0;
    for (let i = 0; i < 60; i += 1) {
      const dueMs = performance.now() + 5;
      await new Promise((resolve) => setTimeout(resolve, 5));
      worstMs = Math.max(worstMs, performance.now() - dueMs);
    }
    exit(a, 'kill');
    exit(b, 'kill');
    return worstMs;
  },
};

const timersArm: Workload = {
  name: 'timers_100k_arm_cancel',
  unit: 'ms to arm',
  target: 'under 50',
  ours: async (scale) => {
    const system = new ActorSystem();
    const server = await startServer(Echo, [0], { system });
    const process = server as unknown as { sendAfter(message: unknown, delayMs: number): { cancel(): unknown } };
    const count = Math.ceil(100_000 * scale);
    const refs = new Array<{ cancel(): unknown }>(count);
    const startMs = performance.now();
    for (let i = 0; i < count; i += 1) refs[i] = process.sendAfter('late', 60_000 + (i % 1000));
    const armMs = performance.now() - startMs;
    for (const ref of refs) ref.cancel();
    await server.stop();
    return armMs;
  },
};

const dynsupStop: Workload = {
  name: 'dynsup_stop_50k',
  unit: 'ms',
  target: 'under 500; the BEAM: 23 000',
  ours: async (scale) => {
    const supervisor = await DynamicSupervisor.startLink({ system: new ActorSystem() });
    const spec = Echo.childSpec('echo', [0], { restart: 'temporary' });
    for (let i = 0; i < 50_000 * scale; i += 1) await supervisor.startChild(spec);
    const startMs = performance.now();
    await supervisor.stop();
    return performance.now() - startMs;
  },
};

/** Every workload of the process column. */
export const PROCESS_WORKLOADS: readonly Workload[] = [
  callSequential,
  call64,
  castBatches,
  pingPong,
  spawnStop,
  memory('idle_server', 'at most 600', (system) => startServer(Echo, [0], { system })),
  memory('idle_shared_server', 'at most 300', (system) => startServer(SharedEcho, [0], { system })),
  memory('idle_defined_server', 'at most 300', (system) => DefinedEcho.startWith([0], { system })),
  registryLookup,
  restart(0.5),
  restart(0.99),
  timerLateness,
  timersArm,
  dynsupStop,
];

/** Runs the process workloads; see {@link PROCESS_WORKLOADS}. */
export function processBench(options: BenchOptions = {}): Promise<BenchTable> {
  return runTable('processes', PROCESS_WORKLOADS, options);
}
