import { expect, test } from 'vitest';
import { Agent } from '../../src/actors/agent.ts';
import { GenServer } from '../../src/actors/gen-server.ts';
import { exit, send } from '../../src/actors/process.ts';
import { ProcessGroups } from '../../src/actors/process-groups.ts';
import { Registry } from '../../src/actors/registry.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { World } from '../otp/world.ts';

/** Registers itself in the registry beside it. */
class Member extends GenServer<number> {
  init(): number {
    Registry.named<string>('names').register('member', this.self, undefined);
    return 0;
  }
}

test('a registry, groups and an agent are children of a supervisor, found by name from beside them', async () => {
  const world = new World(undefined);
  const root = await world.drive(
    Supervisor.startLink(
      [
        Registry.childSpec<'registry', string>('registry', { name: 'names' }),
        ProcessGroups.childSpec('groups'),
        Agent.childSpec('cache', () => 7, { shutdown: 10 }),
        Member.childSpec('member', []),
      ],
      { strategy: 'rest_for_one', system: world.system },
    ),
  );
  const before = root.child('registry');
  expect(Registry.named('names', world.system)).toBe(before);
  expect(before.whereis('member')).toBe(root.child('member'));
  expect(await root.child('cache').get((value) => value)).toBe(7);
  expect(root.getChildSpec('cache')).toMatchObject({ shutdown: 10, type: 'worker', modules: ['Agent'] });

  exit(before.pid, 'kill');
  await world.settle();
  const after = Registry.named<string>('names', world.system);
  expect(after).toBe(root.child('registry'));
  expect(after).not.toBe(before);
  expect(after.whereis('member')).toBe(root.child('member'));
  await world.drive(root.stop());
  expect(() => Registry.named('names', world.system)).toThrow(expect.objectContaining({ code: 'NOPROC' }));
});

test('a registry outlives stray messages, and stops', async () => {
  const world = new World(undefined);
  const registry = await Registry.startLink<string>({ system: world.system });
  for (const stray of [null, undefined, 1, 'x']) send(registry.pid, stray);
  await world.settle();
  const owner = await world.script();
  registry.register('k', owner, undefined);
  await world.drive(registry.stop());
  expect([registry.whereis('k'), registry.pid.isAlive, owner.isAlive]).toEqual([undefined, false, true]);
});
