import { describe, expect, test } from 'vitest';
import type { ChildSpec } from '../../src/actors/child-spec.ts';
import { asProcess, exit, type Pid } from '../../src/actors/process.ts';
import { ignore, noreply, stop } from '../../src/actors/results.ts';
import { spawn } from '../../src/actors/spawn.ts';
import { normalizeChildSpec } from '../../src/supervisor/child.ts';
import { DynamicSupervisor } from '../../src/supervisor/dynamic-supervisor.ts';
import { PartitionSupervisor } from '../../src/supervisor/partition-supervisor.ts';
import { RestartIntensity } from '../../src/supervisor/restart-intensity.ts';
import { Supervisor, type SupervisorOptions } from '../../src/supervisor/supervisor.ts';
import { formatTree } from '../../src/supervisor/tree.ts';
import { fresh, pause, refusal, Script, type ScriptRef, World } from '../otp/world.ts';

type Spec = ChildSpec<string, ScriptRef>;
const idle = (id: string, options: Partial<Spec> = {}): Spec => Script.childSpec(id, [{}], options as never);

function start(world: World, specs: readonly Spec[], options: Partial<SupervisorOptions> = {}): Promise<Supervisor> {
  const all: SupervisorOptions = { strategy: 'one_for_one', system: world.system, ...options };
  return world.drive(Supervisor.startLink(specs, all)) as unknown as Promise<Supervisor>;
}
const pids = (sup: Supervisor): (Pid | undefined)[] => sup.whichChildren().map((info) => info.pid);

describe('a supervisor', () => {
  test('restarts the rest of a group when one of it asks to be ignored', async () => {
    const world = new World(undefined);
    let starts = 0;
    const shy = Script.childSpec('shy', [
      {
        init: () => {
          starts += 1;
          return starts === 1 ? fresh() : ignore();
        },
      },
    ]);
    const sup = await start(world, [idle('a'), shy, idle('c')], { strategy: 'one_for_all' });
    exit(pids(sup)[0] as Pid, 'kill');
    await world.settle();
    expect(sup.whichChildren().map((info) => info.status)).toEqual(['running', 'stopped', 'running']);
  });

  test('stays responsive while a restart keeps failing, and terminateChild ends the loop', async () => {
    const world = new World(undefined);
    let isBroken = false;
    const init = (script: Script): unknown =>
      isBroken ? pause(script.self, 10).then(() => stop('broken', undefined)) : fresh();
    const sup = await start(world, [Script.childSpec('a', [{ init }])], { maxRestarts: 1000 });
    isBroken = true;
    exit(pids(sup)[0] as Pid, 'kill');
    await world.advance(5);
    expect(sup.whichChildren()).toMatchObject([{ status: 'restarting', pid: undefined }]);
    expect((await world.drive(refusal(sup.restartChild('a')))).code).toBe('CHILD_RESTARTING');
    expect((await world.drive(refusal(sup.deleteChild('a')))).code).toBe('CHILD_RESTARTING');
    expect((await world.drive(refusal(sup.startChild(idle('a'))))).code).toBe('CHILD_RESTARTING');
    await world.drive(sup.terminateChild('a'));
    await world.advance(100);
    expect(sup.whichChildren()).toMatchObject([{ status: 'stopped' }]);
    isBroken = false;
    expect((await world.drive(sup.restartChild('a'))) as Pid).toMatchObject({ isAlive: true });
  });

  test('killed while a child starts, it leaves no orphan', async () => {
    const world = new World(undefined);
    const started: Pid[] = [];
    const sup = await start(world, []);
    const slow: ChildSpec = {
      id: 'slow',
      start: async ({ system }) => {
        const pid = spawn(() => new Promise(() => {}), { system });
        started.push(pid);
        await pause(pid, 10);
        return pid;
      },
    };
    const outcome = refusal(sup.startChild(slow));
    await world.settle();
    exit(sup.pid, 'kill');
    expect((await outcome).code).toBe('EXIT');
    await world.advance(10);
    expect(started.map((pid) => pid.isAlive)).toEqual([false]);
    expect(world.system.processCount).toBe(0);
  });

  test('killed, it takes its children along: those that trap exits tidy up', async () => {
    const world = new World(undefined);
    const said: unknown[] = [];
    const trapping = Script.childSpec('t', [
      {
        init: (script) => {
          script.self.trapExit(true);
          return fresh();
        },
        terminate: (reason) => said.push(reason),
      },
    ]);
    const sup = await start(world, [trapping, idle('b')]);
    exit(sup.pid, 'kill');
    await world.settle();
    expect(said).toEqual(['killed']);
    expect(world.system.processCount).toBe(0);
  });

  test('is not hung by a child that unlinked itself', async () => {
    const world = new World(undefined);
    const sup = await start(world, [idle('a')]);
    const child = pids(sup)[0] as Pid;
    asProcess(child).unlink(sup.pid);
    await world.drive(sup.stop());
    expect(child.isAlive).toBe(false);
  });

  test('the spec of a supervisor keeps what is said of it as a child: restart, shutdown, significance, modules', () => {
    const said = { restart: 'transient', shutdown: 100, significant: true, modules: ['Own'] } as const;
    const spec = Supervisor.childSpec('inner', [idle('a')], { strategy: 'one_for_one', ...said });
    expect(spec).toMatchObject({ id: 'inner', type: 'supervisor', ...said });
    const plain = normalizeChildSpec(Supervisor.childSpec('inner', [], { strategy: 'one_for_one' }));
    const expected = { restart: 'permanent', shutdown: 'infinity', significant: false, modules: ['Supervisor'] };
    expect(plain).toMatchObject(expected);
  });

  test('a transient supervisor that gave up is not restarted by its own, a permanent one is', async () => {
    const world = new World(undefined);
    for (const restart of ['transient', 'permanent'] as const) {
      const inner = Supervisor.childSpec('inner', [idle('a')], { strategy: 'one_for_one', maxRestarts: 0, restart });
      const outer = await world.drive(Supervisor.startLink([inner], { strategy: 'one_for_one', system: world.system }));
      exit((outer.child('inner') as Supervisor).whichChildren()[0]?.pid as Pid, 'kill');
      await world.settle();
      expect(outer.whichChildren()[0]?.status).toBe(restart === 'permanent' ? 'running' : 'stopped');
    }
  });

  test('refuses significant children that cannot be, and ignores the end of one by terminateChild', async () => {
    const world = new World(undefined);
    const permanent = idle('a', { significant: true });
    const error = await refusal(start(world, [permanent], { autoShutdown: 'any_significant' }));
    expect(error.cause).toMatchObject({ code: 'CHILD_SPEC_INVALID' });
    const never = await refusal(start(world, [idle('a', { significant: true, restart: 'transient' })]));
    expect(never.cause).toMatchObject({ code: 'CHILD_SPEC_INVALID' });
    const specs = [idle('a', { significant: true, restart: 'transient' })];
    const sup = await start(world, specs, { autoShutdown: 'any_significant' });
    await world.drive(sup.terminateChild('a'));
    expect(sup.pid.isAlive).toBe(true);
    await world.drive(sup.restartChild('a'));
    exit(pids(sup)[0] as Pid, 'kill');
    await world.settle();
    expect(sup.pid.isAlive).toBe(true);
  });

  test('shows its tree, as data and as text', async () => {
    const world = new World(undefined);
    const inner = Supervisor.childSpec('inner', [idle('b')], { strategy: 'one_for_one' });
    const sup = await world.drive(
      Supervisor.startLink([idle('a'), inner], { strategy: 'one_for_one', system: world.system, name: 'root' }),
    );
    expect(sup.tree()).toMatchObject({ id: 'root', type: 'supervisor', children: [{ id: 'a' }, { id: 'inner' }] });
    expect(formatTree(sup.tree())).toBe(
      ['root  Supervisor<1>', '|- a  Script<2>', "'- inner  Supervisor<3>", "   '- b  Script<4>"].join('\n'),
    );
    expect(() => sup.child('unknown' as never)).toThrow('no child with id unknown');
    expect(() => sup.getChildSpec('unknown')).toThrow('no child with id unknown');
  });
});

describe('restart backoff', () => {
  test('waits longer with each failure in a row, and forgets them after a quiet time', async () => {
    const world = new World(undefined);
    const sup = await start(world, [idle('a')], {
      maxRestarts: 100,
      backoff: { baseMs: 100, maxMs: 1000, jitterPercent: 0 },
    });
    const waits: number[] = [];
    const crash = async (): Promise<void> => {
      const before = world.nowMs;
      exit(pids(sup)[0] as Pid, 'kill');
      await world.settle();
      expect(sup.whichChildren()[0]?.status).toBe('restarting');
      await world.test.clock.advanceUntil(() => sup.whichChildren()[0]?.status === 'running');
      waits.push(world.nowMs - before);
    };
    for (let i = 0; i < 6; i += 1) await crash();
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
    await world.advance(1000);
    await crash();
    expect(waits.at(-1)).toBe(100);
  });

  test('is stopped by terminateChild and by the end of the supervisor', async () => {
    const world = new World(undefined);
    const dynamic = await world.drive(
      DynamicSupervisor.startLink({ system: world.system, backoff: { baseMs: 100, jitterPercent: 50 } }),
    );
    const child = await world.drive(dynamic.startChild(idle('x')));
    exit(child, 'kill');
    await world.settle();
    expect(dynamic.countChildren()).toMatchObject({ specs: 1, active: 0 });
    await world.advance(100);
    expect(dynamic.countChildren()).toMatchObject({ specs: 1, active: 1 });
    exit(dynamic.whichChildren()[0]?.pid as Pid, 'kill');
    await world.settle();
    await world.drive(dynamic.stop());
    expect(world.test.clock.timerCount).toBe(0);
  });

  test('refuses options out of range', async () => {
    const world = new World(undefined);
    for (const backoff of [{ baseMs: -1 }, { maxMs: 0 }, { jitterPercent: 101 }]) {
      expect(await refusal(start(world, [], { backoff }))).toBeInstanceOf(RangeError);
    }
  });
});

describe('restart intensity', () => {
  test('counts in whole seconds with the edge included', () => {
    const intensity = new RestartIntensity({ maxRestarts: 1, maxSeconds: 2 });
    expect(intensity.add(999)).toBe(true);
    expect(intensity.add(2999)).toBe(false);
    const later = new RestartIntensity({ maxRestarts: 1, maxSeconds: 2 });
    expect(later.add(999)).toBe(true);
    expect(later.add(3000)).toBe(true);
    expect(later.add(3001)).toBe(false);
  });

  test('refuses options out of range at the door', () => {
    for (const options of [{ maxRestarts: -1 }, { maxRestarts: 1.5 }, { maxSeconds: 0 }, { maxSeconds: 86_401 }]) {
      expect(() => new RestartIntensity(options)).toThrow(RangeError);
    }
  });
});

describe('a dynamic supervisor', () => {
  test('stops all children side by side, each with its own patience', async () => {
    const world = new World(undefined);
    const dynamic = await world.drive(DynamicSupervisor.startLink({ system: world.system }));
    const slow = (ms: number): Spec =>
      Script.childSpec('x', [
        {
          init: (script) => {
            script.self.trapExit(true);
            return fresh();
          },
          terminate: (_r, _s, script) => pause(script.self, ms),
        },
      ]);
    for (const ms of [50, 100, 150]) await world.drive(dynamic.startChild(slow(ms)));
    const before = world.nowMs;
    await world.drive(dynamic.stop());
    expect(world.nowMs - before).toBe(150);
    expect(world.system.processCount).toBe(0);
  });

  test('drops a child whose restart asks to be ignored, and gives up beyond its intensity', async () => {
    const world = new World(undefined);
    let starts = 0;
    const once = Script.childSpec('x', [{ init: () => (starts++ === 0 ? fresh() : ignore()) }]);
    const dynamic = await world.drive(DynamicSupervisor.startLink({ system: world.system, maxRestarts: 2 }));
    exit(await world.drive(dynamic.startChild(once)), 'kill');
    await world.settle();
    expect(dynamic.childCount).toBe(0);
    const child = await world.drive(dynamic.startChild(idle('y')));
    child.cast('run', (state) => stop('boom', state));
    await world.settle();
    exit(dynamic.whichChildren()[0]?.pid as Pid, 'kill');
    await world.settle();
    expect(asProcess(dynamic.pid).exitReason).toBe('shutdown');
  });

  test('a stray exit or message does not disturb it', async () => {
    const world = new World(undefined);
    const dynamic = await world.drive(DynamicSupervisor.startLink({ system: world.system }));
    const stranger = await world.script();
    exit(dynamic.pid, 'boom', stranger);
    stranger.cast('run', (state) => noreply(state));
    await world.settle();
    expect(dynamic.pid.isAlive).toBe(true);
  });
});

test('a partition supervisor can be resized, down to nothing and up again', async () => {
  const world = new World(undefined);
  const parts = await world.drive(
    PartitionSupervisor.startLink({
      name: 'parts',
      partitions: 2,
      childSpec: () => idle('p'),
      args: [],
      system: world.system,
    }),
  );
  await world.drive(parts.resize(4));
  expect(parts.countChildren()).toMatchObject({ active: 4 });
  expect(parts.partitionOf(7)).toBe(3);
  await world.drive(parts.resize(0));
  expect(() => parts.child(1)).toThrow('has no partitions');
  await world.drive(parts.resize(1));
  expect(parts.child('any').isAlive).toBe(true);
  expect(() => parts.via(1).registerName(parts.pid)).toThrow(TypeError);
});
