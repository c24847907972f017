import { createMachine } from 'xstate';
import { expect, test } from 'vitest';
import { GenServer } from '../../src/actors/gen-server.ts';
import { GenStatem, machine } from '../../src/actors/gen-statem.ts';
import { exit } from '../../src/actors/process.ts';
import { noreply, reply } from '../../src/actors/results.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { startServer } from '../../src/actors/gen-server.ts';
import { DynamicSupervisor } from '../../src/supervisor/dynamic-supervisor.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { formatTree } from '../../src/supervisor/tree.ts';

interface CounterProtocol { call: { get(): number; add(by: number): number }; cast: { boom(): void } }
class Counter extends GenServer<{ n: number }, CounterProtocol, [start: number]> {
  init(start: number) { return { n: start }; }
  override readonly handleCall = this.calls({ get: (_, s) => reply(s.n, s), add: (by, s) => reply(s.n + by, { n: s.n + by }) });
  override readonly handleCast = this.casts({ boom: () => { throw new Error('boom'); } });
}
const door = machine<'open' | 'closed', { type: 'pull' } | { type: 'push' }>(
  createMachine({ initial: 'closed', states: { closed: { on: { pull: { target: 'open', actions: 'creak' } } }, open: { entry: 'hello', on: { push: 'closed' }, after: { 5000: 'closed' } } } }),
);
const log: string[] = [];
class Door extends GenStatem<typeof door> {
  readonly machine = door;
  readonly actions = { creak: () => log.push('creak'), hello: () => log.push('hello') } as never;
}
test('statem', async () => {
  const clock = new VirtualClock();
  const system = new ActorSystem({ clock });
  const d = await startServer(Door, [], { system });
  expect(await d.call('event', { type: 'pull' })).toBe('open');
  expect(log).toEqual(['creak', 'hello']);
  await clock.advance(4999);
  expect(clock.timerCount).toBe(1);
  await clock.advance(1);
  expect(await d.call('event', { type: 'push' })).toBe('closed');
  expect(clock.timerCount).toBe(0);
});
test('sup', async () => {
  const system = new ActorSystem();
  const sup = await Supervisor.startLink([Counter.childSpec('a', [1]), DynamicSupervisor.childSpec('dyn')], { strategy: 'one_for_one', system });
  const a = sup.child('a');
  a.cast('boom');
  await expect(a.call('get')).rejects.toMatchObject({ code: 'EXIT' });
  expect(await sup.child('a').call('get')).toBe(1);
  const c = await sup.child('dyn').startChild(Counter.childSpec('x', [5]));
  expect(await c.call('get')).toBe(5);
  exit(c, 'kill');
  console.log(formatTree(sup.tree()));
  await sup.stop();
  expect(system.processCount).toBe(0);
});
