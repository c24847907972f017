/**
 * Distribution cases of the conformance list. The process column has no nodes: what stands for a node is a system, several
 * of which live in one JavaScript process. Calls between OS processes are the business of `genmesh/p2p`. So these tests
 * hold what is promised between systems: the same semantics, and `noproc` for what is not there.
 */
import { expect } from 'vitest';
import { call } from '../../src/actors/client.ts';
import type { Exit } from '../../src/actors/pid.ts';
import { exit } from '../../src/actors/process.ts';
import { noreply } from '../../src/actors/results.ts';
import { conformance, refusal, World } from './world.ts';

conformance('P-DI-01', async (world) => {
  const other = new World(world.isSeeded ? 7 : undefined);
  const server = await other.script({}, { name: 'N' });
  const { system } = other;
  expect(await other.drive(call('N', ['note', 'reply'], { system }))).toBe('reply');
  expect(await refusal(call('unknown', 'get', { system }))).toMatchObject({ code: 'NOPROC' });
  await other.drive(server.stop());
  const gone = await refusal(call('N', 'get', { system }));
  expect(gone).toMatchObject({ code: 'NOPROC', reason: 'noproc' });
  expect(gone.message).toContain('call get to N');
});

conformance('P-DI-02', async (world) => {
  const other = new World(world.isSeeded ? 7 : undefined);
  const server = await other.script();
  const watcher = world.test.probe();
  watcher.link(server);
  const ref = watcher.monitor(server);
  const waiting = refusal(server.call('run', (state) => noreply(state)));
  await other.settle();
  exit(server, 'kill');
  expect(await waiting).toMatchObject({ code: 'EXIT', reason: 'killed' });
  await world.settle();
  expect(watcher.take((message) => (message as Exit).type === 'exit')).toMatchObject({ reason: 'killed' });
  expect(watcher.messages).toEqual([{ type: 'down', ref, pid: server, reason: 'killed' }]);
});
