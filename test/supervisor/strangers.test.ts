/** What a supervisor must outlive: messages from anybody, and arguments that are none. */
import { describe, expect, test } from 'vitest';
import type { ChildSpec } from '../../src/actors/child-spec.ts';
import { GenServer, startServer } from '../../src/actors/gen-server.ts';
import { exit, send } from '../../src/actors/process.ts';
import { reply } from '../../src/actors/results.ts';
import { DynamicSupervisor } from '../../src/supervisor/dynamic-supervisor.ts';
import { PartitionSupervisor } from '../../src/supervisor/partition-supervisor.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { TaskSupervisor } from '../../src/supervisor/task-supervisor.ts';
import { Script, type ScriptRef, World } from '../otp/world.ts';

const scriptSpec = (id: string, options: Partial<ChildSpec> = {}): ChildSpec<string, ScriptRef> => ({
  id,
  start: ({ parent, system }) => startServer(Script, [{ init: () => ({ seen: [], value: id }) }], { parent, system }),
  ...(options as object),
});

const STRAYS: readonly unknown[] = [undefined, null, 5, 'restart', {}, { type: 'restart' }, { type: 'exit' }, []];

describe('a stray message', () => {
  test.each(STRAYS.map((stray) => [JSON.stringify(stray), stray]))('%s ends no supervisor', async (_name, stray) => {
    const world = new World(undefined);
    const { system } = world;
    const fixed = await Supervisor.startLink([scriptSpec('a'), scriptSpec('b')], { strategy: 'one_for_one', system });
    await fixed.terminateChild('b');
    const dynamic = await DynamicSupervisor.startLink({ system });
    const child = await dynamic.startChild(scriptSpec('c'));
    for (const { pid } of [fixed, dynamic]) send(pid, stray);
    await world.settle();
    expect(fixed.whichChildren().map(({ status }) => status)).toEqual(['running', 'stopped']);
    expect(dynamic.whichChildren().map(({ pid }) => pid)).toEqual([child]);
  });
});

test('terminateChild of what is no pid is refused at the caller', async () => {
  const world = new World(undefined);
  const dynamic = await DynamicSupervisor.startLink({ system: world.system });
  const tasks = await TaskSupervisor.startLink({ system: world.system });
  const child = await dynamic.startChild(scriptSpec('c'));
  for (const wrong of [undefined, null, 'c', 7, {}]) {
    await expect(dynamic.terminateChild(wrong as never)).rejects.toBeInstanceOf(TypeError);
    await expect(tasks.terminateChild(wrong as never)).rejects.toBeInstanceOf(TypeError);
  }
  expect([dynamic.pid.isAlive, tasks.pid.isAlive, child.isAlive]).toEqual([true, true, true]);
});

describe('a PartitionSupervisor', () => {
  const start = (world: World, restart: 'permanent' | 'temporary'): Promise<PartitionSupervisor<ScriptRef>> =>
    PartitionSupervisor.startLink({
      name: 'parts',
      system: world.system,
      childSpec: (partition: number) => scriptSpec(`p${partition}`, { restart }),
      args: [0],
      withArguments: (_, partition) => [partition],
      partitions: 3,
    });

  test('sends nobody to the neighbour of a partition that has ended for good', async () => {
    const world = new World(undefined);
    const parts = await start(world, 'temporary');
    exit(parts.child(0), 'kill');
    await world.settle();
    expect(await GenServer.call(parts.via(1), 'get')).toBe('p1');
    expect(await GenServer.call(parts.via(2), 'get')).toBe('p2');
    await expect(GenServer.call(parts.via(0), 'get')).rejects.toMatchObject({ code: 'NOPROC' });
  });

  test.each(['permanent', 'temporary'] as const)(
    'of %s children resizes one request after the other',
    async (restart) => {
      const world = new World(undefined);
      const parts = await start(world, restart);
      await world.drive(Promise.all([parts.resize(5), parts.resize(2), parts.resize(4)]));
      expect([parts.partitions, parts.countChildren().active]).toEqual([4, 4]);
      expect(await parts.child(3).call('run', (state) => reply(state.value, state))).toBe('p3');
      await expect(parts.resize(-1)).rejects.toBeInstanceOf(RangeError);
      await world.drive(parts.resize(1));
      expect(parts.whichChildren().map(({ id }) => id)).toEqual(['0']);
    },
  );
});
