/** GenServer cases of the conformance list: starting and calling. */
import { expect } from 'vitest';
import { call } from '../../src/actors/client.ts';
import { startServer } from '../../src/actors/gen-server.ts';
import type { Via } from '../../src/actors/names.ts';
import type { Pid } from '../../src/actors/pid.ts';
import { asProcess, exit, send } from '../../src/actors/process.ts';
import { Registry } from '../../src/actors/registry.ts';
import type { From } from '../../src/actors/request.ts';
import { ignore, noreply, ok, reply, stop } from '../../src/actors/results.ts';
import { conformance, fresh, pause, refusal, Script } from './world.ts';

const outside = (pid: Pid): number => asProcess(pid).links.length;

conformance('P-GS-01', async (world) => {
  await world.run(async (self) => {
    const before = world.nowMs;
    const server = await world.script(
      { init: (script) => pause(script.self, 80).then(() => fresh()) },
      { parent: self },
    );
    expect(world.nowMs - before).toBeGreaterThanOrEqual(80);
    expect(server.isAlive).toBe(true);
    expect(asProcess(self).isLinkedTo(asProcess(server))).toBe(true);
  });
});

conformance('P-GS-02', async (world) => {
  await world.run(async (self) => {
    const server = await startServer(Script, [], { parent: self }, false);
    expect(outside(self)).toBe(0);
    server.cast('run', (state) => stop('boom', state));
    await pause(self, 1);
    expect(server.isAlive).toBe(false);
    expect(self.isAlive).toBe(true);
  });
});

conformance('P-GS-03', async (world) => {
  let started: Pid | undefined;
  const init = (script: Script): unknown => {
    started = script.self;
    return stop('R', undefined);
  };
  const error = await refusal(world.script({ init }, { name: 'n' }));
  expect(error).toMatchObject({ code: 'START_FAILED', reason: 'R' });
  expect(started?.isAlive).toBe(false);
  expect(world.system.whereis('n')).toBeUndefined();
  const second = await world.script({}, { name: 'n' });
  expect(world.system.whereis('n')).toBe(second);
});

conformance('P-GS-04', async (world) => {
  await world.run(async (self) => {
    for (const isLinked of [true, false]) {
      const hooks = { init: () => ignore() };
      const error = await refusal(startServer(Script, [hooks], { parent: self, name: 'n' }, isLinked));
      expect(error.code).toBe('IGNORE');
      expect(world.system.whereis('n')).toBeUndefined();
    }
    expect(world.system.processCount).toBe(1);
    expect(self.isAlive).toBe(true);
  });
});

conformance('P-GS-05', async (world) => {
  const broken = new Error('E');
  const throwing = await refusal(
    world.script({
      init: () => {
        throw broken;
      },
    }),
  );
  expect(throwing).toMatchObject({ code: 'START_FAILED', reason: broken });
  const exiting = await refusal(world.script({ init: (script) => script.self.exit('R') }));
  expect(exiting).toMatchObject({ code: 'START_FAILED', reason: 'R' });
  const server = await world.script({
    init: () => {
      throw ok(fresh('S'));
    },
  });
  expect(await world.drive(server.call('get'))).toBe('S');
});

conformance('P-GS-06', async (world) => {
  // A state may be any value here, so the unknown values of init are the results of the other callbacks.
  const wrong = reply(1, fresh());
  const error = await refusal(world.script({ init: () => wrong }));
  expect(error).toMatchObject({ code: 'BAD_RETURN_VALUE', reason: wrong });
});

conformance('P-GS-07', async (world) => {
  let started: Pid | undefined;
  const init = (script: Script): unknown => {
    started = script.self;
    return pause(script.self, 1000).then(() => fresh());
  };
  const before = world.nowMs;
  const error = await world.drive(refusal(world.script({ init }, { timeoutMs: 50 })));
  expect(error).toMatchObject({ code: 'INIT_TIMEOUT', reason: 'timeout' });
  expect(world.nowMs - before).toBe(50);
  expect(started?.isAlive).toBe(false);
});

conformance('P-GS-08', async (world) => {
  const server = await world.script({
    init: (script) => {
      send(script.self, { type: 'self' });
      return ok(fresh(), { continue: 'C' });
    },
    continue: (value, state) => {
      state.seen.push(value);
      return noreply(state);
    },
    info: (message, state) => {
      state.seen.push((message as { type: string }).type);
      return noreply(state);
    },
  });
  server.cast('note', 'client');
  expect(await world.drive(server.call('seen'))).toEqual(['C', 'self', 'client']);
});

conformance('P-GS-09', async (world) => {
  const server = await world.script({
    continue: (value, state) => {
      state.seen.push(`continue ${String(value)}`);
      return (value as number) < 3 ? noreply(state, { continue: (value as number) + 1 }) : noreply(state);
    },
  });
  server.cast('run', (state) => noreply(state, { continue: 1 }));
  for (const value of ['a', 'b', 'c']) server.cast('note', value);
  expect(await world.drive(server.call('seen'))).toEqual(['continue 1', 'continue 2', 'continue 3', 'a', 'b', 'c']);
});

conformance('P-GS-10', async (world) => {
  const first = await world.script({}, { name: 'N' });
  let isRun = false;
  await world.run(async (self) => {
    const init = (): unknown => {
      isRun = true;
      return fresh();
    };
    const error = await refusal(world.script({ init }, { name: 'N', parent: self }));
    expect(error).toMatchObject({ code: 'ALREADY_STARTED', reason: first });
    expect(outside(self)).toBe(0);
  });
  expect(isRun).toBe(false);
});

conformance('P-GS-11', async (world) => {
  const server = await world.script();
  const answer = server.call('run', (state) => reply('R', { ...state, value: 'S' }));
  expect(await world.drive(answer)).toBe('R');
  expect(await world.drive(server.call('get'))).toBe('S');
});

conformance('P-GS-12', async (world) => {
  const server = await world.script();
  let held: From<unknown> | undefined;
  const waiting = server.call('run', (state, from) => {
    held = from;
    return noreply(state);
  });
  expect(await world.drive(server.call('note', 'other'))).toBe('other');
  await world.run(() => {
    expect(held?.reply('late')).toBe(true);
  });
  expect(await world.drive(waiting)).toBe('late');
});

conformance('P-GS-13', async (world) => {
  const server = await world.script();
  const error = await world.drive(refusal(server.call('run', (state) => noreply(state), { timeoutMs: 20 })));
  expect(error).toMatchObject({ code: 'TIMEOUT', reason: 'timeout' });
  expect(error.message).toContain('call run to Script');
  expect(error.message).toContain('20 ms');
  expect(server.isAlive).toBe(true);
});

conformance('P-GS-14', async (world) => {
  const server = await world.script();
  const client = await world.script({}, {});
  let late: boolean | undefined;
  client.cast('run', async (state) => {
    const slow = server.call(
      'run',
      (inner, from, script) => {
        pause(script.self, 100).then(() => {
          late = from.reply('late');
        });
        return noreply(inner);
      },
      { timeoutMs: 20 },
    );
    state.value = (await refusal(slow)).code;
    return noreply(state);
  });
  await world.advance(200);
  expect(late).toBe(false);
  expect(await world.drive(client.call('get'))).toBe('TIMEOUT');
  expect(await world.drive(client.call('seen'))).toEqual([]);
});

conformance('P-GS-15', async (world) => {
  const dead = await world.script();
  await world.drive(dead.stop());
  const nobody: Via = {
    registerName: () => {},
    unregisterName: () => {},
    whereisName: () => undefined,
    label: 'global x',
  };
  for (const target of [dead, 'unknown', nobody, undefined]) {
    const error = await refusal(call(target, 'get', { system: world.system }));
    expect(error).toMatchObject({ code: 'NOPROC', reason: 'noproc' });
    expect(error.message).toContain('call get');
  }
});

conformance('P-GS-16', async (world) => {
  const registry = await Registry.startLink<string>({ system: world.system });
  const via = registry.via('me');
  const server = await world.script({}, { name: via });
  world.system.register('local', await world.script());
  const byPid = await world.drive(
    server.call('run', async (state, _from, script) => {
      const self = script.self as never as Parameters<typeof call>[0];
      const errors = [refusal(call(self, 'get')), refusal(call(via, 'get'))];
      return reply(
        (await Promise.all(errors)).map((error) => error.code),
        state,
      );
    }),
  );
  expect(byPid).toEqual(['CALLING_SELF', 'CALLING_SELF']);
  const named = await world.script({}, { name: 'self' });
  const byName = named.call('run', async (state) => reply((await refusal(call('self', 'get'))).code, state));
  expect(await world.drive(byName)).toBe('CALLING_SELF');
});

conformance('P-GS-17', async (world) => {
  for (const reason of ['normal', 'shutdown', { shutdown: 'x' }, 'boom']) {
    const server = await world.script();
    const error = await world.drive(refusal(server.call('run', (state) => stop(reason, state))));
    expect(error).toMatchObject({ code: 'EXIT', reason });
  }
});

conformance('P-GS-18', async (world) => {
  const server = await world.script();
  const waiting = refusal(server.call('run', (state) => noreply(state)));
  await world.settle();
  exit(server, 'kill');
  expect(await waiting).toMatchObject({ code: 'EXIT', reason: 'killed' });
});

conformance('P-GS-19', async (world) => {
  const server = await world.script();
  const error = await world.drive(refusal(server.call('run', () => 'X')));
  expect(error).toMatchObject({ code: 'EXIT', reason: { code: 'BAD_RETURN_VALUE', reason: 'X' } });
  expect(server.isAlive).toBe(false);
});

conformance('P-GS-20', async (world) => {
  const E = new Error('E');
  const reasons: unknown[] = [];
  const server = await world.script({ terminate: (reason) => reasons.push(reason) });
  const error = await world.drive(
    refusal(
      server.call('run', () => {
        throw E;
      }),
    ),
  );
  expect(error).toMatchObject({ code: 'EXIT', reason: E, cause: E });
  expect(reasons).toEqual([E]);
});

conformance('P-GS-21', async (world) => {
  const server = await world.script({
    continue: (_value, state, script) => pause(script.self, 50).then(() => noreply(state)),
  });
  const before = world.nowMs;
  expect(await world.drive(server.call('run', (state) => reply('R', state, { continue: 'C' })))).toBe('R');
  expect(world.nowMs).toBe(before);
  await world.drive(server.call('get'));
  expect(world.nowMs - before).toBe(50);
});

conformance('P-GS-22', async (world) => {
  // A reply goes to its slot and never through the mailbox, so there is nothing to scan: counted, not timed.
  const unread = world.isSeeded ? 200 : 100_000;
  const server = await world.script();
  await world.run(async (self) => {
    for (let i = 0; i < unread; i += 1) send(self, i);
    for (let i = 0; i < (world.isSeeded ? 20 : 1000); i += 1) await server.call('get');
    expect(self.messages.length).toBe(unread);
    expect(self.messages[0]).toBe(0);
    expect(self.messages.at(-1)).toBe(unread - 1);
  });
});
