/** What do the services cost: Registry, timers, tasks, agents, sys? The floors are what plain JavaScript does instead. */
import {
  ActorSystem,
  Agent,
  asyncStream,
  call,
  GenServer,
  getState,
  type Info,
  type NoReply,
  noreply,
  type Pid,
  Registry,
  startServer,
  Task,
} from '../../src/actors/index.ts';
import { percentile, ratePerSecond, type Workload } from '../harness.ts';
import { Echo } from './echo.ts';
import { BareMailbox, bareCounter } from './floor.ts';

const KEYS = 10_000;

const registryRegister: Workload = {
  name: 'registry_register',
  unit: 'keys/s',
  also: [{ name: 'registry_unregister', unit: 'keys/s' }],
  ours: async () => {
    const system = new ActorSystem();
    const registry = await Registry.startLink<string, number>({ system });
    const server = await startServer(Echo, [0], { system });
    const keys = Array.from({ length: KEYS }, (_, i) => `k${i}`);
    const made = await ratePerSecond(KEYS, () => {
      for (const [i, key] of keys.entries()) registry.register(key, server, i);
    });
    const gone = await ratePerSecond(KEYS, () => {
      for (const key of keys) registry.unregister(key, server);
    });
    if (registry.count !== 0) throw new Error(`${registry.count} keys are left`);
    return [made, gone];
  },
};

const registryCall: Workload = {
  name: 'registry_call',
  unit: 'calls/s',
  floor: (scale) => {
    const servers = new Map([['server', bareCounter()]]);
    return ratePerSecond(100_000 * scale, async () => {
      for (let i = 0; i < 100_000 * scale; i += 1) await servers.get('server')?.call('get');
    });
  },
  ours: async (scale) => {
    const system = new ActorSystem();
    const registry = await Registry.startLink<string>({ system });
    const via = registry.via('server');
    await startServer(Echo, [0], { system, name: via });
    return ratePerSecond(100_000 * scale, async () => {
      for (let i = 0; i < 100_000 * scale; i += 1) await call(via, 'ping');
    });
  },
};

/** Subscribers of {@link registryDispatch}. */
const SUBSCRIBERS = 1000;

const registryDispatch: Workload = {
  name: 'registry_dispatch',
  unit: 'deliveries/s',
  floor: (scale) => {
    const count = Math.ceil(500 * scale) * SUBSCRIBERS;
    return ratePerSecond(count, async () => {
      const topic = new Map<string, readonly BareMailbox[]>();
      const counter = new BareMailbox((_op, _value, state) => state);
      const subscriber = (): BareMailbox => new BareMailbox((_op, _value, state) => state + 1);
      topic.set(
        'topic',
        Array.from({ length: SUBSCRIBERS }, () => subscriber()),
      );
      for (let i = 0; i < 500 * scale; i += 1) for (const to of topic.get('topic') ?? []) to.cast('inc', i);
      await counter.call('end');
    });
  },
  ours: async (scale) => {
    const system = new ActorSystem();
    const registry = await Registry.startLink<string>({ system, keys: 'duplicate' });
    const rounds = Math.ceil(500 * scale);
    const servers = await Promise.all(Array.from({ length: SUBSCRIBERS }, () => startServer(Echo, [0], { system })));
    for (const server of servers) registry.register('topic', server, undefined);
    return ratePerSecond(rounds * SUBSCRIBERS, async () => {
      for (let i = 0; i < rounds; i += 1) {
        registry.dispatch('topic', (entries) => {
          for (const { pid } of entries) (pid as unknown as { cast(tag: string): void }).cast('inc');
        });
      }
      const seen = await Promise.all(servers.map((server) => server.call('get')));
      if (seen.some((count) => count !== rounds)) throw new Error('messages are missing');
    });
  },
};

/** The delay of the `i`th of the timers that are spread over a second, in ms. */
const delayOf = (i: number): number => ((i * 7919) % 1000) + 1;

/** How late the timers were, in ms. */
class Lateness {
  readonly #late: Float64Array;
  #count = 0;
  #done = (): void => {};
  readonly allFired: Promise<void> = new Promise((resolve) => {
    this.#done = resolve;
  });

  constructor(count: number) {
    this.#late = new Float64Array(count);
  }

  fired(dueMs: number): void {
    this.#late[this.#count] = performance.now() - dueMs;
    this.#count += 1;
    if (this.#count === this.#late.length) this.#done();
  }

  percentiles(): readonly [p50: number, p99: number] {
    const sorted = this.#late.sort();
    return [percentile(sorted, 0.5), percentile(sorted, 0.99)];
  }
}

/** Arms `count` timers over the next second. @returns ms to arm, p50 and p99 of how late they fired. */
export async function timersOfASecond(
  count: number,
  arm: (delayMs: number, dueMs: number, lateness: Lateness) => void,
): Promise<readonly [armMs: number, p50: number, p99: number]> {
  const lateness = new Lateness(count);
  const startMs = performance.now();
  for (let i = 1; i <= count; i += 1) {
    const delayMs = delayOf(i);
    arm(delayMs, performance.now() + delayMs, lateness);
  }
  const armMs = performance.now() - startMs;
  await lateness.allFired;
  return [armMs, ...lateness.percentiles()];
}

interface LateMessage {
  readonly type: 'late';
  readonly dueMs: number;
  readonly lateness: Lateness;
}

/** Notes how late the messages are that it sends itself. */
class Alarm extends GenServer<undefined, { info: LateMessage }> {
  init(): undefined {
    return undefined;
  }

  override handleInfo(message: Info<{ info: LateMessage }>, state: undefined): NoReply<undefined> {
    if (message.type === 'late') message.lateness.fired(message.dueMs);
    return noreply(state);
  }
}

interface SendsLater extends Pid {
  sendAfter(message: unknown, delayMs: number): { cancel(): unknown };
}

const timersOneSecond: Workload = {
  name: 'timers_1s_arm',
  unit: 'ms',
  target: 'under 50',
  also: [
    { name: 'timers_1s_late_p50', unit: 'ms' },
    { name: 'timers_1s_late_p99', unit: 'ms' },
  ],
  floor: (scale) =>
    timersOfASecond(Math.ceil(100_000 * scale), (delayMs, dueMs, lateness) => {
      setTimeout(() => lateness.fired(dueMs), delayMs);
    }),
  ours: async (scale) => {
    const alarm = (await startServer(Alarm, [], { system: new ActorSystem() })) as unknown as SendsLater;
    return timersOfASecond(Math.ceil(100_000 * scale), (delayMs, dueMs, lateness) => {
      alarm.sendAfter({ type: 'late', dueMs, lateness } satisfies LateMessage, delayMs);
    });
  },
};

/** Arms and cancels timers of a minute. @returns cancels a second. */
async function cancelRate<T>(scale: number, arm: (delayMs: number) => T, cancel: (timer: T) => void): Promise<number> {
  const timers: T[] = [];
  for (let i = 0; i < 100_000 * scale; i += 1) timers.push(arm(60_000 + (i % 1000)));
  return ratePerSecond(timers.length, () => {
    for (const timer of timers) cancel(timer);
  });
}

const timersCancel: Workload = {
  name: 'timers_cancel',
  unit: 'cancels/s',
  floor: (scale) => cancelRate(scale, (delayMs) => setTimeout(() => {}, delayMs), clearTimeout),
  ours: async (scale) => {
    const alarm = (await startServer(Alarm, [], { system: new ActorSystem() })) as unknown as SendsLater;
    return cancelRate(
      scale,
      (delayMs) => alarm.sendAfter('late', delayMs),
      (timer) => timer.cancel(),
    );
  },
};

const taskAwait: Workload = {
  name: 'task_await',
  unit: 'tasks/s',
  floor: (scale) => {
    const body = async (i: number): Promise<number> => i;
    return ratePerSecond(50_000 * scale, async () => {
      for (let i = 0; i < 50_000 * scale; i += 1) if ((await body(i)) !== i) throw new Error('wrong value');
    });
  },
  ours: (scale) => {
    const system = new ActorSystem();
    return ratePerSecond(50_000 * scale, async () => {
      for (let i = 0; i < 50_000 * scale; i += 1) {
        if ((await Task.async(() => i, { system }).await()) !== i) throw new Error('wrong value');
      }
    });
  },
};

const taskStream: Workload = {
  name: 'task_stream',
  unit: 'tasks/s',
  ours: (scale) => {
    const system = new ActorSystem();
    const items = Array.from({ length: Math.ceil(50_000 * scale) }, (_, i) => i);
    return ratePerSecond(items.length, async () => {
      let seen = 0;
      for await (const result of asyncStream(items, (i) => i, { system, maxConcurrency: 64 })) {
        if ('ok' in result) seen += 1;
      }
      if (seen !== items.length) throw new Error(`${seen} of ${items.length} tasks gave a value`);
    });
  },
};

const agentUpdate: Workload = {
  name: 'agent_update',
  unit: 'updates/s',
  floor: (scale) => {
    const agent = new BareMailbox((_op, change, state) => (change as (n: number) => number)(state));
    return ratePerSecond(300_000 * scale, async () => {
      for (let i = 0; i < 300_000 * scale; i += 1) await agent.call('update', (n: number) => n + 1);
    });
  },
  ours: async (scale) => {
    const agent = await Agent.startLink(() => 0, { system: new ActorSystem() });
    return ratePerSecond(300_000 * scale, async () => {
      for (let i = 0; i < 300_000 * scale; i += 1) await agent.update((n) => n + 1);
    });
  },
};

const sysGetState: Workload = {
  name: 'sys_get_state',
  unit: 'calls/s',
  floor: (scale) => {
    const server = bareCounter();
    return ratePerSecond(300_000 * scale, async () => {
      for (let i = 0; i < 300_000 * scale; i += 1) await server.call('get');
    });
  },
  ours: async (scale) => {
    const server = await startServer(Echo, [0], { system: new ActorSystem() });
    return ratePerSecond(300_000 * scale, async () => {
      for (let i = 0; i < 300_000 * scale; i += 1) await getState(server);
    });
  },
};

/** Workloads of the services beyond those of `process.bench.ts`. */
export const SERVICE_WORKLOADS: readonly Workload[] = [
  registryRegister,
  registryCall,
  registryDispatch,
  timersOneSecond,
  timersCancel,
  taskAwait,
  taskStream,
  agentUpdate,
  sysGetState,
];
