import { describe, expect, test } from 'vitest';
import {
  ActorSystem,
  Agent,
  defineServer,
  GenServer,
  ProcessGroups,
  Registry,
  startMonitor,
  startServer,
} from '../../src/actors/index.ts';
import { DynamicSupervisor, PartitionSupervisor, Supervisor, TaskSupervisor } from '../../src/supervisor/index.ts';

class Idle extends GenServer<undefined> {
  init(): undefined {
    return undefined;
  }
}
const idle = defineServer({ init: () => undefined });

const system = new ActorSystem();
const oneForOne = { strategy: 'one_for_one', system } as const;
/** What JavaScript lets through. */
const misspelt = (options: object): never => ({ system, ...options }) as never;

describe('a misspelt option is refused by its name', () => {
  test.each([
    ['startServer', 'timeout', () => startServer(Idle, [], misspelt({ timeout: 5 }))],
    ['startMonitor', 'nam', () => idleMonitor(misspelt({ nam: 'x' }))],
    ['defineServer', 'timeout', () => idle.startWith([], misspelt({ timeout: 5 }))],
    ['Registry', 'key', () => Registry.startLink(misspelt({ key: 'unique' }))],
    ['ProcessGroups', 'scope', () => ProcessGroups.startLink(misspelt({ scope: 'a' }))],
    ['Agent', 'timeout', () => Agent.startLink(() => 0, misspelt({ timeout: 5 }))],
    ['Supervisor', 'maxRestart', () => Supervisor.startLink([], misspelt({ ...oneForOne, maxRestart: 3 }))],
    ['DynamicSupervisor', 'maxChild', () => DynamicSupervisor.startLink(misspelt({ maxChild: 1 }))],
    ['TaskSupervisor', 'maxChild', () => TaskSupervisor.startLink(misspelt({ maxChild: 1 }))],
    [
      'PartitionSupervisor',
      'partition',
      () => PartitionSupervisor.startLink(misspelt({ name: 'p', childSpec: partSpec, args: [], partition: 3 })),
    ],
  ] as const)('%s does not know %s', async (_, name, start: () => Promise<unknown>) => {
    const before = system.processCount;
    await expect(start()).rejects.toThrow(new RangeError(`option ${name} is not known`));
    expect(system.processCount).toBe(before);
  });

  test('one in the spec of a registry is refused as the registry starts', async () => {
    const spec = Registry.childSpec('names', { key: 'unique' } as never);
    await expect(Supervisor.startLink([spec], oneForOne)).rejects.toThrow('option key is not known');
  });
});

function partSpec(): ReturnType<typeof Idle.childSpec> {
  return Idle.childSpec('idle', []);
}

/** Monitors need a process to tell. */
async function idleMonitor(options: never): Promise<unknown> {
  const watcher = await startServer(Idle, [], { system });
  try {
    return await startMonitor(Idle, [], { ...(options as object), parent: watcher });
  } finally {
    await watcher.stop();
  }
}

describe('every option there is is taken', () => {
  test('by a server, a registry, and the supervisors', async () => {
    const start = { system, timeoutMs: 1000, hibernateAfterMs: 1000, isSkippingAbandoned: true };
    const server = await startServer(Idle, [], { ...start, name: 'server', mailbox: { capacity: 5 } });
    const parented = await startServer(Idle, [], { parent: server });
    const registry = await Registry.startLink({ ...start, keys: 'duplicate', listeners: [server] });
    expect(registry.keysMode).toBe('duplicate');
    const limits = { ...start, maxRestarts: 1, maxSeconds: 1, backoff: { baseMs: 1 } };
    const supervisor = await Supervisor.startLink([], { ...oneForOne, ...limits, autoShutdown: 'never' });
    const dynamic = await DynamicSupervisor.startLink({ ...limits, maxChildren: 1, extraArguments: [] });
    for (const one of [parented, server, registry, supervisor, dynamic]) {
      await one.stop();
      expect('pid' in one ? one.pid.isAlive : one.isAlive).toBe(false);
    }
  });

  test('by a child spec that says how it is restarted and shut down too', async () => {
    const said = { restart: 'transient', shutdown: 10, significant: false, modules: ['A'], type: 'worker' } as const;
    const spec = Registry.childSpec('names', { ...said, name: 'names', keys: 'duplicate' });
    expect(spec).toMatchObject({ id: 'names', ...said });
    const supervisor = await Supervisor.startLink([spec], oneForOne);
    expect(supervisor.child('names').keysMode).toBe('duplicate');
    expect(system.whereis('names')).toBe(supervisor.child('names').pid);
    await supervisor.stop();
  });
});

describe('what is left out or is something else is told in words', () => {
  test('a supervisor without options is told of the strategy', async () => {
    const start = Supervisor.startLink as unknown as (...args: unknown[]) => Promise<unknown>;
    const refusal = /option strategy is undefined: expected one of one_for_one/;
    await expect(start.call(Supervisor)).rejects.toThrow(refusal);
    await expect(start.call(Supervisor, [])).rejects.toThrow(refusal);
  });

  test.each(['startLink', 'start'] as const)('Agent.%s of a value says that a function is expected', async (how) => {
    await expect(Agent[how](5 as never, { system })).rejects.toThrow(
      new TypeError('the start of an agent is not a function: expected () => state'),
    );
  });
});
