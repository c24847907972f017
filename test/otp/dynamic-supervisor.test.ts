/** DynamicSupervisor and PartitionSupervisor cases of the conformance list. */
import { expect } from 'vitest';
import type { ChildSpec, StartContext } from '../../src/actors/child-spec.ts';
import { call } from '../../src/actors/client.ts';
import { exit } from '../../src/actors/process.ts';
import { ignore, stop } from '../../src/actors/results.ts';
import { DynamicSupervisor, type DynamicSupervisorOptions } from '../../src/supervisor/dynamic-supervisor.ts';
import { PartitionSupervisor } from '../../src/supervisor/partition-supervisor.ts';
import { conformance, fresh, type Hooks, refusal, Script, type ScriptRef, type World } from './world.ts';

const start = (world: World, options: DynamicSupervisorOptions = {}): Promise<DynamicSupervisor> =>
  world.drive(DynamicSupervisor.startLink({ system: world.system, ...options }));
const spec = (hooks: Hooks = {}, options: Partial<ChildSpec> = {}): ChildSpec<string, ScriptRef> =>
  Script.childSpec('x', [hooks], options as never);

conformance('P-DS-01', async (world) => {
  const sup = await start(world);
  const plain = await world.drive(sup.startChild(spec()));
  expect(plain.isAlive).toBe(true);
  const { start: begin } = spec();
  const withExtra: ChildSpec<string, { pid: ScriptRef; extra: number }> = {
    id: 'e',
    start: async (context) => ({ pid: await begin(context), extra: 7 }),
  };
  expect((await world.drive(sup.startChild(withExtra))).extra).toBe(7);
  expect(await world.drive(sup.startChild(spec({ init: () => ignore() })))).toBeUndefined();
  expect(sup.childCount).toBe(2);
  const failing = await world.drive(refusal(sup.startChild(spec({ init: () => stop('e', undefined) }))));
  expect(failing).toMatchObject({ code: 'FAILED_TO_START_CHILD', reason: 'e' });
  const odd = await world.drive(refusal(sup.startChild({ id: 'o', start: () => 'other' as never })));
  expect(odd).toMatchObject({ reason: 'other' });
  expect(odd.message).toContain('other');
});

conformance('P-DS-02', async (world) => {
  const sup = await start(world);
  const E = new Error('E');
  const throwing = (value: unknown): ChildSpec => ({
    id: 't',
    start: () => {
      throw value;
    },
  });
  expect(await world.drive(refusal(sup.startChild(throwing('t'))))).toMatchObject({ reason: 't' });
  expect(await world.drive(refusal(sup.startChild(throwing(E))))).toMatchObject({ reason: E });
  const exiting = spec({ init: (script) => script.self.exit('r') });
  expect(await world.drive(refusal(sup.startChild(exiting)))).toMatchObject({ reason: 'r' });
  expect(sup.pid.isAlive).toBe(true);
});

conformance('P-DS-03', async (world) => {
  const sup = await start(world, { maxChildren: 1 });
  const first = await world.drive(sup.startChild(spec()));
  const error = await world.drive(refusal(sup.startChild(spec())));
  expect(error).toMatchObject({ code: 'MAX_CHILDREN', reason: 'max_children' });
  await world.drive(sup.terminateChild(first));
  expect((await world.drive(sup.startChild(spec()))).isAlive).toBe(true);
});

conformance('P-DS-04', async (world) => {
  const calls: unknown[][] = [];
  const begin = spec().start;
  const noted = (context: StartContext, ...args: readonly unknown[]): ReturnType<typeof begin> => {
    calls.push([...args]);
    return begin(context);
  };
  const sup = await start(world, { extraArguments: ['x'] });
  const server = await world.drive(
    sup.startChild<ScriptRef>({ id: 'a', start: (context, ...extra) => noted(context, ...extra, 'a') }),
  );
  exit(server, 'kill');
  await world.settle();
  expect(calls).toEqual([
    ['x', 'a'],
    ['x', 'a'],
  ]);
});

conformance('P-DS-05', async (world) => {
  const sup = await start(world);
  for (let i = 0; i < 5; i += 1) await world.drive(sup.startChild(spec()));
  expect(sup.whichChildren().map((info) => info.id)).toEqual(new Array(5).fill(undefined));
  expect(new Set(sup.whichChildren().map((info) => info.pid)).size).toBe(5);
});

conformance('P-DS-06', async (world) => {
  const sup = await start(world);
  const server = await world.drive(sup.startChild(spec()));
  await world.drive(sup.terminateChild(server));
  await world.settle();
  expect(sup.childCount).toBe(0);
  expect((await world.drive(refusal(sup.terminateChild(server)))).code).toBe('NOT_FOUND');
});

conformance('P-DS-07', async (world) => {
  let starts = 0;
  const seen: string[] = [];
  const sup = await start(world, { maxRestarts: 2 });
  const init = (): unknown => {
    starts += 1;
    if (starts > 1) seen.push(...sup.whichChildren().map((info) => info.status));
    return starts === 2 ? stop('again', undefined) : fresh();
  };
  const server = await world.drive(sup.startChild(spec({ init })));
  exit(server, 'kill');
  await world.settle();
  expect(seen).toEqual(['restarting', 'restarting']);
  expect(starts).toBe(3);
  expect(sup.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
});

conformance('P-DS-08', async (world) => {
  const error = await refusal(start(world, { strategy: 'one_for_all' as never }));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toContain('one_for_all');
});

const partitions = (world: World, options: object = {}): Promise<PartitionSupervisor<ScriptRef>> =>
  world.drive(
    PartitionSupervisor.startLink({
      name: 'parts',
      partitions: 3,
      childSpec: (value: string) => Script.childSpec('p', [{ init: () => fresh(value) }]),
      args: ['base'],
      system: world.system,
      ...options,
    }),
  );

conformance('P-PS-01', async (world) => {
  const parts = await partitions(world, { withArguments: (_args: [string], i: number) => [`p${i}`] });
  const { system } = world;
  const answers: unknown[] = [];
  for (const key of [0, 1, 2, 3, -1]) answers.push(await world.drive(call(parts.via(key), 'get', { system })));
  expect(answers).toEqual(['p0', 'p1', 'p2', 'p0', 'p1']);
  for (const key of ['user', 'other', { a: 1 }]) {
    expect(parts.partitionOf(key)).toBe(parts.partitionOf(key));
    expect(parts.child(key)).toBe(parts.child(key));
  }
  // FNV-1a of 'user' is the same everywhere.
  expect(parts.partitionOf('user')).toBe(0);
});

conformance('P-PS-02', async (world) => {
  const parts = await partitions(world, { withArguments: ([base]: [string], i: number) => [`${base}/${i}`] });
  const values = await Promise.all([0, 1, 2].map((key) => world.drive(parts.child(key).call('get'))));
  expect(values).toEqual(['base/0', 'base/1', 'base/2']);
  expect(parts.whichChildren().map((info) => info.id)).toEqual(['0', '1', '2']);
});

conformance('P-PS-03', async (world) => {
  const wrong: [object, string][] = [
    [{ name: undefined }, 'name'],
    [{ childSpec: undefined }, 'childSpec'],
    [{ partitions: 0 }, 'partitions'],
    [{ autoShutdown: 'any_significant' }, 'autoShutdown'],
  ];
  for (const [options, name] of wrong) {
    const error = await refusal(partitions(world, options));
    expect(error.message).toContain(name);
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
  }
});
