/** Supervisor cases of the conformance list: shutdown, administration of children, automatic shutdown. */
import { expect } from 'vitest';
import type { ChildSpec } from '../../src/actors/child-spec.ts';
import { asProcess } from '../../src/actors/process.ts';
import { stop } from '../../src/actors/results.ts';
import { DynamicSupervisor } from '../../src/supervisor/dynamic-supervisor.ts';
import { Supervisor, type SupervisorOptions } from '../../src/supervisor/supervisor.ts';
import { conformance, fresh, pause, refusal, Script, type ScriptRef, type World } from './world.ts';

type Spec = ChildSpec<string, ScriptRef>;

function start(
  world: World,
  specs: readonly ChildSpec[],
  options: Partial<SupervisorOptions> = {},
): Promise<Supervisor> {
  const all: SupervisorOptions = { strategy: 'one_for_one', system: world.system, ...options };
  return world.drive(Supervisor.startLink(specs, all)) as unknown as Promise<Supervisor>;
}

const idle = (id: string, options: Partial<Spec> = {}): Spec => Script.childSpec(id, [{}], options as never);
const child = (sup: Supervisor, id: string): ScriptRef => sup.child(id as never) as ScriptRef;

/** A trapping child whose terminate takes `ms` and says so. */
function slow(ms: number, said: string[], shutdown: Spec['shutdown']): Spec {
  return Script.childSpec(
    'slow',
    [
      {
        init: (script) => {
          script.self.trapExit(true);
          return fresh();
        },
        terminate: async (reason, _state, script) => {
          said.push(`terminate ${String(reason)}`);
          await pause(script.self, ms);
          said.push('done');
        },
      },
    ],
    shutdown === undefined ? {} : { shutdown },
  );
}

conformance('P-SV-14', async (world) => {
  const said: string[] = [];
  const sup = await start(world, [slow(10, said, 'brutal_kill')]);
  const server = child(sup, 'slow');
  await world.drive(sup.stop());
  expect(asProcess(server).exitReason).toBe('killed');
  expect(said).toEqual([]);
});

conformance('P-SV-15', async (world) => {
  const said: string[] = [];
  const sup = await start(world, [slow(1000, said, 100)]);
  const server = child(sup, 'slow');
  const before = world.nowMs;
  await world.drive(sup.stop());
  expect(world.nowMs - before).toBe(100);
  expect(said).toEqual(['terminate shutdown']);
  expect(asProcess(server).exitReason).toBe('killed');
  const reports = world.test.events.filter((event) => event.name === 'genmesh.supervisor.shutdown_error');
  expect(reports.map((event) => event.metadata.reason)).toEqual(['killed']);
});

conformance('P-SV-16', async (world) => {
  const said: string[] = [];
  const sup = await start(world, [slow(300, said, 'infinity')]);
  const before = world.nowMs;
  await world.drive(sup.stop());
  expect(world.nowMs - before).toBeGreaterThanOrEqual(300);
  expect(said).toEqual(['terminate shutdown', 'done']);
});

conformance('P-SV-17', async (world) => {
  const sup = await start(world, [idle('a'), idle('t', { restart: 'temporary' })]);
  const server = child(sup, 'a');
  await world.drive(sup.terminateChild('a'));
  await world.drive(sup.terminateChild('t'));
  expect(server.isAlive).toBe(false);
  await world.settle();
  expect(sup.whichChildren()).toMatchObject([{ id: 'a', pid: undefined }]);
  await world.drive(sup.terminateChild('a'));
  expect((await world.drive(refusal(sup.terminateChild('unknown')))).code).toBe('NOT_FOUND');
});

conformance('P-SV-18', async (world) => {
  const sup = await start(world, [idle('a')]);
  expect((await world.drive(refusal(sup.restartChild('a')))).code).toBe('CHILD_RUNNING');
  await world.drive(sup.terminateChild('a'));
  const again = await world.drive(sup.restartChild('a'));
  expect(again).toBe(child(sup, 'a'));
  expect((await world.drive(refusal(sup.restartChild('unknown')))).code).toBe('NOT_FOUND');
});

conformance('P-SV-19', async (world) => {
  const sup = await start(world, [idle('a')]);
  expect((await world.drive(refusal(sup.deleteChild('a')))).code).toBe('CHILD_RUNNING');
  await world.drive(sup.terminateChild('a'));
  await world.drive(sup.deleteChild('a'));
  expect(sup.whichChildren()).toEqual([]);
  expect((await world.drive(refusal(sup.deleteChild('unknown')))).code).toBe('NOT_FOUND');
});

conformance('P-SV-20', async (world) => {
  const sup = await start(world, [idle('x')]);
  const running = await world.drive(refusal(sup.startChild(idle('x'))));
  expect(running).toMatchObject({ code: 'CHILD_RUNNING', reason: child(sup, 'x') });
  await world.drive(sup.terminateChild('x'));
  expect((await world.drive(refusal(sup.startChild(idle('x'))))).code).toBe('ALREADY_PRESENT');
});

conformance('P-SV-21', async (world) => {
  const sup = await start(world, []);
  const { start: begin } = idle('a');
  const wrong: [unknown, string][] = [
    [{ start: begin }, 'id'],
    [{ id: 'a', start: 'not a function' }, 'start'],
    [{ id: 'a', start: begin, shutdown: -1 }, '-1'],
    [{ id: 'a', start: begin, restart: 'sometimes' }, 'sometimes'],
  ];
  for (const [spec, quoted] of wrong) {
    const error = await world.drive(refusal(sup.startChild(spec as Spec)));
    expect(error.code).toBe('CHILD_SPEC_INVALID');
    expect(error.message).toContain(quoted);
  }
  expect(sup.pid.isAlive).toBe(true);
});

conformance('P-SV-22', async (world) => {
  const error = await refusal(start(world, [idle('a'), idle('a')]));
  expect(error).toMatchObject({ code: 'START_FAILED', cause: { code: 'DUPLICATE_CHILD', reason: 'a' } });
  expect(world.system.processCount).toBe(0);
});

conformance('P-SV-23', async (world) => {
  const sup = await start(world, [idle('a'), idle('b'), DynamicSupervisor.childSpec('d')]);
  await world.drive(sup.terminateChild('b'));
  expect(sup.countChildren()).toEqual({ specs: 3, active: 2, supervisors: 1, workers: 2 });
});

conformance('P-SV-24', async (world) => {
  const sup = await start(world, []);
  const { start: begin } = idle('a');
  const spec: ChildSpec<string, { pid: ScriptRef; extra: string }> = {
    id: 'a',
    start: async (context) => ({ pid: await begin(context), extra: 'info' }),
  };
  const answer = await world.drive(sup.startChild(spec));
  expect(answer.extra).toBe('info');
  expect(sup.whichChildren()).toMatchObject([{ pid: answer.pid }]);
});

const significant = (id: string): Spec => idle(id, { restart: 'transient', significant: true });

async function end(world: World, server: ScriptRef, reason: string): Promise<void> {
  server.cast('run', (state) => stop(reason, state));
  await world.settle();
}

conformance('P-SV-25', async (world) => {
  const specs = [significant('a'), significant('b'), idle('c')];
  const sup = await start(world, specs, { autoShutdown: 'any_significant' });
  const b = child(sup, 'b');
  await end(world, child(sup, 'a'), 'normal');
  expect(asProcess(sup.pid).exitReason).toBe('shutdown');
  expect(b.isAlive).toBe(false);
  expect(world.system.processCount).toBe(0);
});

conformance('P-SV-26', async (world) => {
  const specs = [significant('a'), significant('b'), idle('c')];
  const sup = await start(world, specs, { autoShutdown: 'all_significant' });
  const c = child(sup, 'c');
  await end(world, child(sup, 'a'), 'normal');
  expect(sup.pid.isAlive).toBe(true);
  await end(world, child(sup, 'b'), 'normal');
  expect(asProcess(sup.pid).exitReason).toBe('shutdown');
  expect(c.isAlive).toBe(false);
});
