import { describe, expect, test } from 'vitest';
import type { Pid } from '../../src/actors/pid.ts';
import { asProcess, exit, send } from '../../src/actors/process.ts';
import { type GroupEvent, ProcessGroups } from '../../src/actors/process-groups.ts';
import { spawn } from '../../src/actors/spawn.ts';
import { World } from '../otp/world.ts';

const forever = (): Promise<never> => new Promise(() => {});
const idle = (world: World, count: number): Pid[] =>
  Array.from({ length: count }, () => spawn(forever, { system: world.system }));

describe('process groups', () => {
  test('keep members in the order they joined, once for each join, and tell of every change', async () => {
    const world = new World(undefined);
    const groups = await ProcessGroups.startLink({ system: world.system });
    const [p, q] = idle(world, 2) as [Pid, Pid];
    const probe = world.test.probe();
    groups.watch(probe.pid, 'a');
    groups.join('a', p, q, p);
    groups.join('b', p);
    expect(groups.members('a')).toEqual([p, q, p]);
    expect(groups.leave('a', p)).toBe(true);
    expect(groups.members('a')).toEqual([q, p]);
    expect([groups.leave('a', q), groups.leave('a', q)]).toEqual([true, false]);
    groups.join('a', p);
    exit(p, 'gone');
    expect([groups.members('a'), groups.whichGroups()]).toEqual([[], []]);
    await world.settle();
    expect((probe.messages as GroupEvent[]).map(({ type, pids }) => [type, pids.length])).toEqual([
      ['join', 3],
      ['leave', 1],
      ['leave', 1],
      ['join', 1],
      ['leave', 2],
    ]);
  });

  test('watch nobody any longer who has left, and hear of nothing after unwatch', async () => {
    const world = new World(undefined);
    const groups = await ProcessGroups.startLink({ system: world.system });
    const [p] = idle(world, 1) as [Pid];
    const probe = world.test.probe();
    groups.watch(probe.pid);
    groups.unwatch(probe.pid);
    groups.join('a', p);
    groups.leave('a', p);
    await world.settle();
    expect([asProcess(p).watcherCount, asProcess(probe.pid).watcherCount]).toEqual([0, 0]);
    expect(probe.messages).toEqual([]);
  });

  test('lose 20 000 members of one group in time that grows with their number only', async () => {
    const world = new World(undefined);
    const groups = await ProcessGroups.startLink({ system: world.system });
    const members = idle(world, 20_000);
    groups.join('all', ...members);
    const probe = world.test.probe();
    groups.watch(probe.pid);
    for (const member of members) exit(member, 'kill');
    await world.settle();
    expect(groups.whichGroups()).toEqual([]);
    // Quadratic, this took more than 5 s: the time limit of the test is the assertion.
    expect(probe.messages.length).toBe(20_000);
  });

  test('outlive stray messages, and take nobody in when their scope has ended', async () => {
    const world = new World(undefined);
    const groups = await ProcessGroups.startLink({ system: world.system });
    const members = idle(world, 1);
    for (const stray of [null, undefined, 1]) send(groups.pid, stray);
    await world.settle();
    groups.join('a', ...members);
    await world.drive(groups.stop());
    expect(groups.members('a')).toEqual([]);
    expect(() => groups.join('a', ...members)).toThrow(expect.objectContaining({ code: 'NOPROC' }));
  });
});
