/** sys and report cases of the conformance list. */
import { expect } from 'vitest';
import { asProcess, send } from '../../src/actors/process.ts';
import { reply, stop } from '../../src/actors/results.ts';
import { changeCode, getState, getStatus, replaceState, resume, suspend } from '../../src/actors/sys.ts';
import { getLog, getStatistics, setLog, setStatistics, setTrace } from '../../src/actors/sys-debug.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { conformance, fresh, refusal, Script, type State } from './world.ts';

conformance('P-SY-01', async (world) => {
  const server = await world.script({ init: () => fresh('S') });
  expect(await world.drive(getState<Script>(server))).toEqual(fresh('S'));
  const next = await world.drive(replaceState<State>(server, (state) => ({ ...state, value: `f(${state.value})` })));
  expect(next.value).toBe('f(S)');
  expect(await world.drive(server.call('get'))).toBe('f(S)');
});

conformance('P-SY-02', async (world) => {
  const server = await world.script({ init: () => fresh('S') });
  await world.drive(suspend(server));
  await world.drive(suspend(server));
  const error = await world.drive(refusal(server.call('note', 'queued', { timeoutMs: 100 })));
  expect(error.code).toBe('TIMEOUT');
  expect((await world.drive(getState<Script>(server))).value).toBe('S');
  expect((await world.drive(getStatus(server))).status).toBe('suspended');
  await world.drive(resume(server));
  await world.drive(resume(server));
  expect(await world.drive(server.call('seen'))).toEqual(['queued']);
});

conformance('P-SY-03', async (world) => {
  const server = await world.script();
  await world.drive(setStatistics(server, true));
  await world.advance(10);
  await world.drive(server.call('get'));
  const counts = await world.drive(getStatistics(server));
  expect(counts).toMatchObject({ messagesIn: 1, messagesOut: 1 });
  expect((counts?.currentTimeMs ?? 0) - (counts?.startTimeMs ?? 0)).toBe(10);
  await world.drive(setStatistics(server, false));
  expect(await world.drive(getStatistics(server))).toBeUndefined();
});

conformance('P-SY-04', async (world) => {
  const server = await world.script();
  for (const keep of [true, 4]) {
    await world.drive(setLog(server, keep));
    for (let i = 1; i <= 15; i += 1) send(server, { type: 'plain', value: i });
    const log = await world.drive(getLog(server));
    const last = keep === true ? [11, 12, 13, 14, 15] : [14, 15];
    expect(log.map((event) => event.type)).toEqual(last.flatMap(() => ['in', 'noreply']));
    const values = log.filter((event) => event.type === 'in').map((event) => (event.value as { value: number }).value);
    expect(values).toEqual(last);
    await world.drive(setLog(server, false));
    expect(await world.drive(getLog(server))).toEqual([]);
  }
});

conformance('P-SY-05', async (world) => {
  const server = await world.script({}, { name: 'server' });
  const lines: string[] = [];
  await world.drive(setTrace(server, true, (line) => lines.push(line)));
  await world.run(async (self) => {
    self.setLabel('client');
    await server.call('run', (state) => reply('R', { ...state, value: 'S' }), { caller: self });
  });
  expect(lines).toEqual([
    '*DBG* server got call run from client',
    '*DBG* server sent "R" to client, new state {"seen":[],"value":"S"}',
  ]);
});

class Changing extends Script {
  override codeChange(oldVersion: unknown, state: unknown, extra: unknown): State {
    if (extra === 'refuse') throw new Error('r');
    return { ...(state as State), value: `${String(oldVersion)} to ${String(extra)}` };
  }
}

conformance('P-SY-06', async (world) => {
  const server = await world.script({ init: () => fresh('old') });
  const module = Changing as never;
  expect((await world.drive(refusal(changeCode(server, { module })))).code).toBe('NOT_SUSPENDED');
  await world.drive(suspend(server));
  const refused = await world.drive(refusal(changeCode(server, { module, extra: 'refuse' })));
  expect(refused).toMatchObject({ code: 'CALLBACK_FAILED', reason: { message: 'r' } });
  expect((await world.drive(getState<Script>(server))).value).toBe('old');
  await world.drive(changeCode(server, { module, oldVersion: 1, extra: 2 }));
  await world.drive(resume(server));
  expect(await world.drive(server.call('get'))).toBe('1 to 2');
});

conformance('P-LG-01', async (world) => {
  const E = new Error('E');
  const server = await world.script({ init: () => fresh('S') }, { name: 'server' });
  await world.run(async (self) => {
    self.setLabel('client');
    const call = server.call(
      'run',
      () => {
        throw E;
      },
      { caller: self },
    );
    await refusal(call);
  });
  const reports = world.test.events.filter((event) => event.name === 'genmesh.server.terminating');
  expect(reports).toHaveLength(1);
  expect(reports[0]?.metadata).toMatchObject({
    label: 'server',
    reason: E,
    lastMessage: 'call run',
    state: fresh('S'),
    client: 'client',
    clientIsAlive: true,
  });
  const crashes = world.test.events.filter((event) => event.name === 'genmesh.process.crash');
  expect(crashes).toHaveLength(1);
  expect(crashes[0]?.metadata).toMatchObject({ module: 'Script', ancestors: [] });
  const lines = world.test.logs.filter((entry) => entry.level === 'error');
  expect(lines.map((entry) => entry.message)).toEqual(['server terminating']);
  expect(world.test.logs.some((entry) => String(entry.fields.stack).includes('sys.test'))).toBe(true);
});

conformance('P-LG-02', async (world) => {
  for (const reason of ['normal', 'shutdown', { shutdown: 'x' }]) {
    const server = await world.script();
    server.cast('run', (state) => stop(reason, state));
    await world.settle();
    expect(server.isAlive).toBe(false);
  }
  expect(world.test.logs.filter((entry) => entry.level === 'error')).toEqual([]);
  expect(world.test.events.filter((event) => event.name.includes('crash'))).toEqual([]);
});

conformance('P-LG-03', async (world) => {
  const spec = Script.childSpec('child', [{}]);
  const sup = await world.drive(
    Supervisor.startLink([spec], { strategy: 'one_for_one', system: world.system, name: 'sup' }),
  );
  const server = sup.child('child');
  server.cast('run', (state) => stop('boom', state));
  await world.settle();
  const report = world.test.events.find((event) => event.name === 'genmesh.supervisor.child_terminated');
  expect(report?.metadata).toMatchObject({
    supervisor: 'sup',
    context: 'child_terminated',
    reason: 'boom',
    id: 'child',
    pid: asProcess(server).id,
    restart: 'permanent',
    shutdown: 5000,
    type: 'worker',
  });
  expect(world.test.logs.some((entry) => entry.message === 'sup: child terminated')).toBe(true);
  const names = world.test.events.map((event) => event.name);
  const order = ['genmesh.server.terminating', 'genmesh.process.crash', 'genmesh.supervisor.child_terminated'];
  expect(names.filter((name) => order.includes(name))).toEqual(order);
});
