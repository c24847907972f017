/** Supervisor cases of the conformance list: order, restarts, strategies, intensity. */
import { expect } from 'vitest';
import type { ChildSpec } from '../../src/actors/child-spec.ts';
import type { Pid } from '../../src/actors/pid.ts';
import { asProcess, exit } from '../../src/actors/process.ts';
import { stop } from '../../src/actors/results.ts';
import { normalizeChildSpec } from '../../src/supervisor/child.ts';
import { Supervisor, type SupervisorOptions } from '../../src/supervisor/supervisor.ts';
import { conformance, fresh, pause, refusal, Script, type ScriptRef, type World } from './world.ts';

type Spec = ChildSpec<string, ScriptRef>;

function start(world: World, specs: readonly Spec[], options: Partial<SupervisorOptions> = {}): Promise<Supervisor> {
  const all: SupervisorOptions = { strategy: 'one_for_one', system: world.system, ...options };
  return world.drive(Supervisor.startLink(specs, all)) as unknown as Promise<Supervisor>;
}

const idle = (id: string, options: Partial<Spec> = {}): Spec => Script.childSpec(id, [{}], options as never);
const child = (sup: Supervisor, id: string): ScriptRef => sup.child(id as never) as ScriptRef;
const pidOf = (sup: Supervisor, id: string): Pid | undefined => sup.whichChildren().find((info) => info.id === id)?.pid;

/** A child that logs its start and its stop. */
function logging(id: string, log: string[], pauseMs = 0): Spec {
  return Script.childSpec(id, [
    {
      init: async (script) => {
        script.self.trapExit(true);
        if (pauseMs > 0) await pause(script.self, pauseMs);
        log.push(`+${id}`);
        return fresh();
      },
      terminate: async (_reason, _state, script) => {
        if (pauseMs > 0) await pause(script.self, pauseMs);
        log.push(`-${id}`);
      },
    },
  ]);
}

async function crash(world: World, sup: Supervisor, id: string, reason: unknown = 'boom'): Promise<void> {
  const server = child(sup, id);
  if (reason === 'killed') exit(server, 'kill');
  else server.cast('run', (state) => stop(reason, state));
  await world.settle();
}

conformance('P-SV-01', async (world) => {
  const log: string[] = [];
  const sup = await start(world, [logging('a', log, 10), logging('b', log, 5), logging('c', log, 1)]);
  expect(log).toEqual(['+a', '+b', '+c']);
  await world.drive(sup.stop());
  expect(log).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
});

conformance('P-SV-02', async (world) => {
  const log: string[] = [];
  const failing = Script.childSpec('c', [{ init: () => stop('R', undefined) }]);
  const error = await refusal(start(world, [logging('a', log), logging('b', log), failing]));
  expect(log).toEqual(['+a', '+b', '-b', '-a']);
  expect(error).toMatchObject({
    code: 'START_FAILED',
    reason: { shutdown: { failedToStartChild: 'c', reason: 'R' } },
  });
  expect(world.system.processCount).toBe(0);
});

conformance('P-SV-03', async (world) => {
  const sup = await start(world, [idle('a')], { maxRestarts: 10 });
  for (const reason of ['normal', 'shutdown', { shutdown: 'x' }, 'boom', 'killed']) {
    const before = child(sup, 'a');
    await crash(world, sup, 'a', reason);
    expect(child(sup, 'a')).not.toBe(before);
    expect(child(sup, 'a').isAlive).toBe(true);
  }
});

conformance('P-SV-04', async (world) => {
  for (const reason of ['normal', 'shutdown', { shutdown: 'x' }]) {
    const sup = await start(world, [idle('a', { restart: 'transient' })]);
    await crash(world, sup, 'a', reason);
    expect(sup.whichChildren()).toMatchObject([{ id: 'a', pid: undefined, status: 'stopped' }]);
  }
  const sup = await start(world, [idle('a', { restart: 'transient' })]);
  const before = child(sup, 'a');
  await crash(world, sup, 'a', 'boom');
  expect(child(sup, 'a')).not.toBe(before);
});

conformance('P-SV-05', async (world) => {
  for (const reason of ['normal', 'shutdown', 'boom', 'killed']) {
    const sup = await start(world, [idle('a', { restart: 'temporary' })]);
    await crash(world, sup, 'a', reason);
    expect(sup.whichChildren()).toEqual([]);
    expect(sup.pid.isAlive).toBe(true);
  }
});

conformance('P-SV-06', async (world) => {
  const sup = await start(world, [idle('a'), idle('b'), idle('c')]);
  const before = ['a', 'b', 'c'].map((id) => child(sup, id));
  await crash(world, sup, 'b', 'killed');
  const after = ['a', 'b', 'c'].map((id) => child(sup, id));
  expect(after.map((server, i) => server === before[i])).toEqual([true, false, true]);
});

conformance('P-SV-07', async (world) => {
  const log: string[] = [];
  const specs = ['a', 'b', 'c'].map((id) => logging(id, log));
  const sup = await start(world, specs, { strategy: 'one_for_all' });
  const before = ['a', 'b', 'c'].map((id) => pidOf(sup, id));
  log.length = 0;
  await crash(world, sup, 'b', 'killed');
  expect(log).toEqual(['-c', '-a', '+a', '+b', '+c']);
  const after = ['a', 'b', 'c'].map((id) => pidOf(sup, id));
  expect(after.some((pid) => before.includes(pid))).toBe(false);
  expect(after.every((pid) => pid?.isAlive)).toBe(true);
});

conformance('P-SV-08', async (world) => {
  const log: string[] = [];
  const specs = ['a', 'b', 'c', 'd'].map((id) => logging(id, log));
  const sup = await start(world, specs, { strategy: 'rest_for_one' });
  const a = pidOf(sup, 'a');
  log.length = 0;
  await crash(world, sup, 'b', 'killed');
  expect(log).toEqual(['-d', '-c', '+b', '+c', '+d']);
  expect(pidOf(sup, 'a')).toBe(a);
});

conformance('P-SV-09', async (world) => {
  const sup = await start(world, [idle('a'), idle('b')], { maxRestarts: 2, maxSeconds: 10 });
  const b = child(sup, 'b');
  await crash(world, sup, 'a');
  await crash(world, sup, 'a');
  expect(sup.pid.isAlive).toBe(true);
  expect(b.isAlive).toBe(true);
  await crash(world, sup, 'b');
  expect(asProcess(sup.pid).exitReason).toBe('shutdown');
  expect(world.system.processCount).toBe(0);
});

conformance('P-SV-10', async (world) => {
  const sup = await start(world, [idle('a')], { maxRestarts: 1, maxSeconds: 1 });
  for (let i = 0; i < 3; i += 1) {
    await crash(world, sup, 'a');
    expect(child(sup, 'a').isAlive).toBe(true);
    await world.advance(2500);
  }
});

conformance('P-SV-11', async (world) => {
  const sup = await start(world, [idle('a')], { maxRestarts: 0 });
  await crash(world, sup, 'a');
  expect(asProcess(sup.pid).exitReason).toBe('shutdown');
});

conformance('P-SV-12', async (world) => {
  const error = await refusal(Supervisor.startLink([], { system: world.system } as never));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toContain('strategy');
  const sup = await start(world, [idle('a'), idle('t', { restart: 'transient' })]);
  for (let i = 0; i < 3; i += 1) await crash(world, sup, 'a');
  expect(sup.pid.isAlive).toBe(true);
  await crash(world, sup, 't', 'normal');
  expect(sup.pid.isAlive).toBe(true);
  await crash(world, sup, 'a');
  expect(sup.pid.isAlive).toBe(false);
});

conformance('P-SV-13', async (world) => {
  const start_ = (): never => {
    throw new Error('not started');
  };
  expect(normalizeChildSpec({ id: 'w', start: start_ })).toEqual({
    id: 'w',
    start: start_,
    restart: 'permanent',
    shutdown: 5000,
    type: 'worker',
    modules: [],
    significant: false,
  });
  expect(normalizeChildSpec({ id: 's', start: start_, type: 'supervisor' }).shutdown).toBe('infinity');
  const sup = await start(world, [idle('a')]);
  expect(sup.getChildSpec('a')).toMatchObject({ restart: 'permanent', shutdown: 5000, modules: ['Script'] });
});
