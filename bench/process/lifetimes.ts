/** What do lives and deaths cost: starts in bulk, plain spawns, restarts, stops of many, monitors, links, hibernation? */
import {
  ActorSystem,
  type Down,
  exit,
  GenServer,
  type Info,
  type NoReply,
  noreply,
  type Pid,
  type RefOf,
  type Self,
  type SpawnedSelf,
  spawn,
  spawnMonitor,
  startServer,
} from '../../src/actors/index.ts';
import { DynamicSupervisor, Supervisor } from '../../src/supervisor/index.ts';
import { collectGarbage, ratePerSecond, type Workload } from '../harness.ts';
import { Echo } from './echo.ts';
import { bareCounter } from './floor.ts';
import { latencies } from './messages.ts';

/** Operations a second of `count` done in `ms`. */
const perSecond = (count: number, ms: number): number => (count / ms) * 1000;

const spawnBulk: Workload = {
  name: 'spawn_bulk_start',
  unit: 'starts/s',
  also: [{ name: 'spawn_bulk_stop', unit: 'stops/s' }],
  ours: async (scale) => {
    const system = new ActorSystem();
    const count = Math.ceil(100_000 * scale);
    const servers: RefOf<Echo>[] = [];
    const startMs = performance.now();
    for (let i = 0; i < count; i += 1) servers.push(await startServer(Echo, [0], { system }));
    const startedMs = performance.now();
    for (const server of servers) await server.stop();
    return [perSecond(count, startedMs - startMs), perSecond(count, performance.now() - startedMs)];
  },
};

/** Runs `body` in a process of its own and gives what it returns. */
function inProcess<T>(system: ActorSystem, body: (self: SpawnedSelf) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    spawn((self) => body(self).then(resolve, reject), { system });
  });
}

const rawSpawn: Workload = {
  name: 'raw_spawn',
  unit: 'lives/s',
  ours: (scale) => {
    const system = new ActorSystem();
    const count = 300_000 * scale;
    return inProcess(system, (self) =>
      ratePerSecond(count, async () => {
        for (let i = 0; i < count; i += 1) {
          spawnMonitor(() => {}, { parent: self });
          await self.receive();
        }
      }),
    );
  },
};

const hibernated: Workload = {
  name: 'idle_hibernated',
  unit: 'B',
  floor: (scale) => {
    const kept = new Array<object>(Math.ceil(100_000 * scale));
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < kept.length; i += 1) kept[i] = bareCounter();
    collectGarbage();
    return (process.memoryUsage().heapUsed - before) / kept.length;
  },
  ours: async (scale) => {
    const system = new ActorSystem();
    const kept = new Array<Pid>(Math.ceil(100_000 * scale));
    collectGarbage();
    const before = process.memoryUsage();
    for (let i = 0; i < kept.length; i += 1) kept[i] = await startServer(Echo, [0], { system, hibernateAfterMs: 0 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    collectGarbage();
    const after = process.memoryUsage();
    if (kept.length !== system.processCount) throw new Error('servers are missing');
    return (after.heapUsed + after.external - before.heapUsed - before.external) / kept.length;
  },
};

/** An Echo whose `init` tells that it is up. */
class Reporter extends Echo {
  override init(start: number): number {
    onUp(this.self as unknown as RefOf<Echo>);
    return start;
  }
}
let onUp = (_server: RefOf<Echo>): void => {};

const UNLIMITED = { strategy: 'one_for_one', maxRestarts: 1_000_000_000, maxSeconds: 1 } as const;

/**
 * Kills, restarts and first answers that are timed: few, as the BEAM reads its whole history of restarts at each of them.
 * JavaScript does {@link RESTARTS_BEFORE} before, as its compiler has seen nothing of it yet and the BEAM's is done.
 */
export const RESTARTS = 300;
/** Restarts before the clock runs. */
export const RESTARTS_BEFORE = 2000;

/** Times `restart` {@link RESTARTS} times. @returns p50 and p99 in us. */
export async function restartLatencies(restart: () => unknown): Promise<readonly [p50: number, p99: number]> {
  for (let i = 0; i < RESTARTS_BEFORE; i += 1) await restart();
  collectGarbage();
  return latencies(RESTARTS, restart);
}

const restart300: Workload = {
  name: 'sup_restart_300_p50',
  unit: 'us',
  target: 'at most 10',
  also: [{ name: 'sup_restart_300_p99', unit: 'us' }],
  ours: async () => {
    const supervisor = await Supervisor.startLink([Reporter.childSpec('only', [0])], {
      ...UNLIMITED,
      system: new ActorSystem(),
    });
    let child = supervisor.child('only');
    const measured = await restartLatencies(async () => {
      const up = new Promise<RefOf<Echo>>((resolve) => {
        onUp = resolve;
      });
      exit(child, 'kill');
      child = await up;
      await child.call('ping');
    });
    await supervisor.stop();
    return measured;
  },
};

const restartBurst: Workload = {
  name: 'sup_burst',
  unit: 'ms',
  ours: async (scale) => {
    const count = Math.ceil(1000 * scale);
    const started: RefOf<Echo>[] = [];
    onUp = (server) => {
      started.push(server);
    };
    const specs = Array.from({ length: count }, (_, i) => Reporter.childSpec(`child ${i}`, [0]));
    const supervisor = await Supervisor.startLink(specs, { ...UNLIMITED, system: new ActorSystem() });
    const children = started.splice(0);
    const startMs = performance.now();
    const up = new Promise<void>((resolve) => {
      onUp = (server) => {
        if (started.push(server) === count) resolve();
      };
    });
    for (const child of children) exit(child, 'kill');
    await up;
    for (const child of started) await child.call('ping');
    const burstMs = performance.now() - startMs;
    await supervisor.stop();
    return burstMs;
  },
};

const dynamic10k: Workload = {
  name: 'dynsup_start_10k',
  unit: 'starts/s',
  also: [{ name: 'dynsup_stop_10k', unit: 'ms' }],
  ours: async (scale) => {
    const supervisor = await DynamicSupervisor.startLink({ system: new ActorSystem() });
    const spec = Echo.childSpec('echo', [0], { restart: 'temporary' });
    const count = Math.ceil(10_000 * scale);
    const started = await ratePerSecond(count, async () => {
      for (let i = 0; i < count; i += 1) await supervisor.startChild(spec);
    });
    const startMs = performance.now();
    await supervisor.stop();
    return [started, performance.now() - startMs];
  },
};

interface WatcherState {
  left: number;
  readonly done: () => void;
}

/** Counts the `down` messages it gets. */
class Watcher extends GenServer<WatcherState, Record<never, never>, [left: number, done: () => void]> {
  init(left: number, done: () => void): WatcherState {
    return { left, done };
  }

  override handleInfo(message: Info<Record<never, never>>, state: WatcherState): NoReply<WatcherState> {
    if (message.type === 'down') {
      state.left -= 1;
      if (state.left === 0) state.done();
    }
    return noreply(state);
  }
}

const monitors: Workload = {
  name: 'monitors_100k',
  unit: 'monitors/s',
  also: [{ name: 'monitors_100k_down', unit: 'downs/s' }],
  ours: async (scale) => {
    const system = new ActorSystem();
    const count = Math.ceil(100_000 * scale);
    const server = await startServer(Echo, [0], { system });
    let done = (): void => {};
    const allDown = new Promise<void>((resolve) => {
      done = resolve;
    });
    const watcher = (await startServer(Watcher, [count, () => done()], { system })) as unknown as Self;
    const startMs = performance.now();
    for (let i = 0; i < count; i += 1) watcher.monitor(server);
    const madeMs = performance.now();
    exit(server, 'kill');
    await allDown;
    return [perSecond(count, madeMs - startMs), perSecond(count, performance.now() - madeMs)];
  },
};

/** Ends the head of a chain of `count` links. @returns ms until a monitor of its tail tells. */
function endChain(system: ActorSystem, count: number): Promise<number> {
  const sleep = (): Promise<void> => new Promise(() => {});
  return inProcess(system, async (self) => {
    const tail = spawn(sleep, { system });
    let head = tail;
    for (let i = 1; i < count; i += 1) {
      const next = spawn(sleep, { system }) as Self;
      next.link(head);
      head = next;
    }
    self.monitor(tail);
    await new Promise((resolve) => setImmediate(resolve));
    const startMs = performance.now();
    exit(head, 'boom');
    const { reason } = (await self.receive()) as Down;
    if (reason !== 'boom') throw new Error(`the tail ended with ${String(reason)}`);
    return performance.now() - startMs;
  });
}

/** Chains that end before the one that is timed, for the same reason as {@link RESTARTS_BEFORE}. */
const CHAINS_BEFORE = 4;

const linkChain: Workload = {
  name: 'link_chain_10k',
  unit: 'ms',
  ours: async (scale) => {
    const system = new ActorSystem();
    for (let i = 0; i < CHAINS_BEFORE; i += 1) await endChain(system, 10_000 * scale);
    collectGarbage();
    return endChain(system, 10_000 * scale);
  },
};

/** Workloads of lives beyond those of `process.bench.ts`. */
export const LIFETIME_WORKLOADS: readonly Workload[] = [
  spawnBulk,
  rawSpawn,
  hibernated,
  restart300,
  restartBurst,
  dynamic10k,
  monitors,
  linkChain,
];
