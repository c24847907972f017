/** Registry cases of the conformance list. */
import { expect } from 'vitest';
import { call } from '../../src/actors/client.ts';
import { currentProcess } from '../../src/actors/process.ts';
import { Registry, type RegistryOptions } from '../../src/actors/registry.ts';
import { reply } from '../../src/actors/results.ts';
import { conformance, refusal, type World } from './world.ts';

function registry<V>(world: World, options: RegistryOptions = {}): Promise<Registry<string, V>> {
  return Registry.startLink<string, V>({ system: world.system, ...options });
}

function codeOf(run: () => unknown): { code?: string; reason?: unknown } {
  try {
    run();
  } catch (error) {
    return error as { code: string; reason: unknown };
  }
  return {};
}

conformance('P-RG-01', async (world) => {
  const reg = await registry<number>(world);
  const [P, Q] = [await world.script(), await world.script()];
  reg.register('k', P, 1);
  for (const pid of [P, Q]) {
    expect(codeOf(() => reg.register('k', pid, 2))).toMatchObject({ code: 'ALREADY_REGISTERED', reason: P });
  }
});

conformance('P-RG-02', async (world) => {
  const reg = await registry<string>(world, { keys: 'duplicate' });
  const [P, Q] = [await world.script(), await world.script()];
  reg.register('k', P, 'v1');
  reg.register('k', P, 'v2');
  reg.register('k', Q, 'v3');
  expect(reg.lookupAll('k').map(({ pid, value }) => [pid, value])).toEqual([
    [P, 'v1'],
    [P, 'v2'],
    [Q, 'v3'],
  ]);
  expect(reg.unregister('k', P)).toBe(true);
  expect(reg.lookupAll('k').map((entry) => entry.value)).toEqual(['v3']);
});

conformance('P-RG-03', async (world) => {
  const reg = await registry<number>(world);
  const [P, Q] = [await world.script(), await world.script()];
  reg.register('k', P, 1);
  expect(reg.updateValue('k', P, (n) => n + 1)).toEqual({ new: 2, old: 1 });
  let isCalled = false;
  const note = (n: number): number => {
    isCalled = true;
    return n;
  };
  expect(reg.updateValue('k', Q, note)).toBeUndefined();
  expect(reg.updateValue('none', P, note)).toBeUndefined();
  expect(isCalled).toBe(false);
  expect(reg.lookup('k')?.value).toBe(2);
});

conformance('P-RG-04', async (world) => {
  const reg = await registry<number>(world, { keys: 'duplicate' });
  const P = await world.script();
  const answer = P.call('run', (state, _from, script) => {
    const calls: unknown[] = [];
    const note = (entries: readonly { pid: unknown; value: number }[]): void => {
      calls.push([currentProcess(), entries.map((entry) => entry.value)]);
    };
    reg.dispatch('k', note);
    reg.register('k', script.self, 1);
    reg.register('k', script.self, 2);
    expect(reg.dispatch('k', note)).toBeUndefined();
    return reply(calls, state);
  });
  expect(await world.drive(answer)).toEqual([[P, [1, 2]]]);
});

conformance('P-RG-05', async (world) => {
  const reg = await registry<string | undefined>(world);
  const plain = await world.script({}, { name: reg.via('plain') });
  expect(reg.lookup('plain')).toEqual({ key: 'plain', pid: plain, value: undefined });
  expect(await world.drive(call(reg.via('plain'), ['note', 'hello']))).toBe('hello');
  const valued = await world.script({}, { name: reg.via('valued', 'v') });
  expect(reg.lookup('valued')).toEqual({ key: 'valued', pid: valued, value: 'v' });
  const error = await refusal(world.script({}, { name: reg.via('plain') }));
  expect(error).toMatchObject({ code: 'ALREADY_STARTED', reason: plain });
});

conformance('P-RG-06', async (world) => {
  const probe = world.test.probe();
  const reg = await registry<string>(world, { listeners: [probe.pid] });
  const P = await world.script();
  reg.register('k', P, 'v');
  reg.unregister('k', P);
  await world.settle();
  expect(probe.messages).toEqual([
    { type: 'register', registry: reg, key: 'k', pid: P, value: 'v' },
    { type: 'unregister', registry: reg, key: 'k', pid: P },
  ]);
  // Elixir's listeners hear nothing of a crash; ours do.
  reg.register('k', P, 'v');
  await world.drive(P.stop('shutdown'));
  await world.settle();
  expect(probe.messages.at(-1)).toEqual({ type: 'unregister', registry: reg, key: 'k', pid: P, reason: 'shutdown' });
});

conformance('P-RG-07', async (world) => {
  interface Value {
    readonly kind: string;
    readonly size: number;
  }
  const reg = await registry<Value>(world, { keys: 'duplicate' });
  const P = await world.script();
  for (const size of [1, 2, 3]) reg.register('a', P, { kind: 'x', size });
  reg.register('b', P, { kind: 'y', size: 9 });
  const big = { kind: 'x', size: (size: number) => size > 1 };
  expect(reg.match('a', big).map((entry) => entry.value.size)).toEqual([2, 3]);
  expect(reg.countMatch('a', big)).toBe(2);
  expect(reg.countMatch('b', big)).toBe(0);
  expect(reg.select({ value: { size: (size: number) => size >= 3 } }).map((entry) => entry.key)).toEqual(['a', 'b']);
  expect(reg.unregisterMatch('a', P, big)).toBe(true);
  expect(reg.values('a', P)).toEqual([{ kind: 'x', size: 1 }]);
  expect(reg.unregisterMatch('a', P, big)).toBe(false);
});

conformance('P-RG-08', async (world) => {
  const reg = await registry<undefined>(world, { keys: 'duplicate' });
  expect(() => reg.via('k')).toThrow(TypeError);
  expect(() => reg.via('k')).toThrow('unique keys');
});

conformance('P-RG-09', async (world) => {
  const reg = await registry<number>(world);
  const [P, Q] = [await world.script(), await world.script()];
  reg.register('a', P, 1);
  reg.register('b', P, 2);
  expect(reg.keys(P)).toEqual(['a', 'b']);
  expect(reg.values('a', P)).toEqual([1]);
  expect(reg.values('a', Q)).toEqual([]);
  expect(reg.count).toBe(2);
  reg.unregister('a', P);
  expect(reg.keys(P)).toEqual(['b']);
  expect(reg.unregister('unknown', P)).toBe(false);
});
