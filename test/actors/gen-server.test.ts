import { describe, expect, test } from 'vitest';
import { startMonitor, startServer } from '../../src/actors/gen-server.ts';
import { asProcess, exit, self } from '../../src/actors/process.ts';
import { noreply, ok, reply, stop } from '../../src/actors/results.ts';
import { changeCode, getState, getStatus, replaceState, resume, suspend, terminate } from '../../src/actors/sys.ts';
import { install, noDebug, setTrace } from '../../src/actors/sys-debug.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { fresh, pause, refusal, Script, type State, World } from '../otp/world.ts';

describe('a message that nobody handles', () => {
  test.each(['missing', 'constructor', 'toString', 'hasOwnProperty'])('ends the server: %s', async (tag) => {
    const world = new World(undefined);
    const called = await world.script();
    const forged = { kind: 'reply', value: 'forged', state: 'forged', action: undefined };
    const call = called.call as (tag: string, payload: unknown) => Promise<unknown>;
    const refused = refusal(call.call(called, tag, forged));
    expect(await world.drive(refused)).toMatchObject({ code: 'EXIT', reason: { code: 'UNHANDLED_MESSAGE' } });
    const cast = (await world.script()) as unknown as { cast(tag: string, payload: unknown): void; isAlive: boolean };
    cast.cast(tag, { kind: 'noreply', state: 'forged', action: undefined });
    await world.settle();
    expect(asProcess(cast as never).exitReason).toMatchObject({ code: 'UNHANDLED_MESSAGE' });
  });
});

describe('faults of a callback', () => {
  test('a bad action after an await ends the process and does not leave its mailbox stuck', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const bad = server.call('run', async (state) => reply('answered', state, { timeoutMs: -1 }));
    expect(await world.drive(bad)).toBe('answered');
    await world.settle();
    expect(asProcess(server).exitReason).toMatchObject({ code: 'BAD_RETURN_VALUE' });
  });

  test('a thenable that throws, or calls back twice, ends or answers once', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const twice = server.call('run', (state) => ({
      // biome-ignore lint/suspicious/noThenProperty: the thenable is the point
      then(resolve: (value: unknown) => void): void {
        resolve(reply(1, state));
        resolve(reply(2, state));
      },
    }));
    expect(await world.drive(twice)).toBe(1);
    const throwing = server.call('run', () => ({
      // biome-ignore lint/suspicious/noThenProperty: the thenable is the point
      then(): void {
        throw new Error('then');
      },
    }));
    expect(await world.drive(refusal(throwing))).toMatchObject({ code: 'EXIT', reason: { message: 'then' } });
  });

  test('a thrown result counts as returned, in a handler that is async too', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const sync = server.call('run', (state) => {
      throw reply('thrown', state);
    });
    expect(await world.drive(sync)).toBe('thrown');
    const later = server.call('run', async (state) => {
      throw reply('thrown later', state);
    });
    expect(await world.drive(later)).toBe('thrown later');
  });

  test('an error of terminate becomes the exit reason, and the reply of stop is still sent', async () => {
    const world = new World(undefined);
    const E = new Error('terminate');
    const server = await world.script({
      terminate: () => {
        throw E;
      },
    });
    expect(await world.drive(server.call('run', (state) => stop('normal', state, 'bye')))).toBe('bye');
    expect(asProcess(server).exitReason).toBe(E);
  });

  test('a kill while an async handler runs ends the process at once and drops what the handler returns', async () => {
    const world = new World(undefined);
    const server = await world.script();
    let isAborted = false;
    const running = server.call('run', async (state, _from, script) => {
      script.self.signal.addEventListener('abort', () => {
        isAborted = true;
      });
      await pause(script.self, 50);
      return reply('too late', { ...state, value: 'changed' });
    });
    const outcome = refusal(running);
    await world.settle();
    exit(server, 'kill');
    expect(await outcome).toMatchObject({ code: 'EXIT', reason: 'killed' });
    expect(isAborted).toBe(true);
    await world.advance(100);
    expect(server.isAlive).toBe(false);
  });

  test('what a dead process does in a late handler leaves nothing behind', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const other = await world.script();
    server.cast('run', async (state, script) => {
      await pause(script.self, 10);
      script.self.monitor(other);
      script.self.link(other);
      script.self.sendAfter('late', 1000);
      return noreply(state, { timeoutMs: 1000 });
    });
    await world.settle();
    exit(server, 'kill');
    await world.advance(10);
    expect(asProcess(other).watcherCount).toBe(0);
    expect(asProcess(other).links).toEqual([]);
    expect(world.test.clock.timerCount).toBe(0);
  });

  test('an exit hook that throws disturbs no other end', async () => {
    const world = new World(undefined);
    const [a, b] = [await world.script(), await world.script()];
    asProcess(a).onExit(() => {
      throw new Error('hook');
    });
    exit(a, 'boom');
    exit(b, 'boom');
    expect(a.isAlive || b.isAlive).toBe(false);
    expect(world.system.processCount).toBe(0);
    expect(world.test.logs.some((entry) => entry.message.includes('exit hook failed'))).toBe(true);
  });
});

describe('init', () => {
  test('an exit in a sync init refuses the start with its reason', async () => {
    const world = new World(undefined);
    const error = await refusal(world.script({ init: (script) => script.self.exit('R') }));
    expect(error).toMatchObject({ code: 'START_FAILED', reason: 'R' });
  });

  test('a kill during an async init refuses the start', async () => {
    const world = new World(undefined);
    let started: Script['self'] | undefined;
    const starting = refusal(
      world.script({
        init: (script) => {
          started = script.self;
          return pause(script.self, 50).then(() => fresh());
        },
      }),
    );
    exit(started as Script['self'], 'kill');
    expect(await starting).toMatchObject({ code: 'START_FAILED', reason: 'killed' });
    await world.advance(100);
    expect(world.system.processCount).toBe(0);
  });

  test('a dead parent refuses the start before init runs', async () => {
    const world = new World(undefined);
    const parent = await world.script();
    await world.drive(parent.stop());
    let isRun = false;
    const init = (): unknown => {
      isRun = true;
      return fresh();
    };
    const error = await refusal(world.script({ init }, { parent }));
    expect(error).toMatchObject({ code: 'START_FAILED', reason: 'noproc' });
    expect(isRun).toBe(false);
  });

  test('messages sent while an async init runs are handled after it', async () => {
    const world = new World(undefined);
    let started: Script | undefined;
    const starting = world.script({
      init: async (script) => {
        started = script;
        await pause(script.self, 10);
        return ok(fresh(), { continue: 1 });
      },
      continue: (_value, state) => {
        state.seen.push('continue');
        return noreply(state);
      },
    });
    ((started as Script).self as unknown as { cast(tag: string, value: unknown): void }).cast('note', 'early');
    const server = await world.drive(starting);
    expect(await world.drive(server.call('seen'))).toEqual(['continue', 'early']);
  });

  test('startMonitor watches without a link, and needs somebody who watches', async () => {
    const world = new World(undefined);
    await world.run(async (me) => {
      const { pid, ref } = await startMonitor(Script, [], { parent: me });
      expect(asProcess(me).links).toEqual([]);
      exit(pid, 'boom');
      expect(await me.receive()).toEqual({ type: 'down', ref, pid, reason: 'boom' });
    });
    await expect(startMonitor(Script, [])).rejects.toThrow(TypeError);
  });
});

describe('stop', () => {
  test('during a terminate that takes time waits for that end', async () => {
    const world = new World(undefined);
    const server = await world.script({ terminate: (_r, _s, script) => pause(script.self, 50) });
    const first = server.stop();
    await world.settle();
    const second = server.stop('shutdown').catch((error) => error as { code: string; reason: unknown });
    await world.drive(first);
    expect(await second).toMatchObject({ code: 'EXIT', reason: 'normal' });
  });

  test('gives up after its timeout, and the server still ends', async () => {
    const world = new World(undefined);
    const server = await world.script({ terminate: (_r, _s, script) => pause(script.self, 50) });
    const error = await world.drive(refusal(server.stop('normal', { timeoutMs: 10 })));
    expect(error.code).toBe('TIMEOUT');
    await world.advance(50);
    expect(asProcess(server).exitReason).toBe('normal');
  });

  test('reaches a suspended server', async () => {
    const world = new World(undefined);
    const server = await world.script();
    await world.drive(suspend(server));
    await world.drive(server.stop());
    expect(server.isAlive).toBe(false);
  });

  test('refuses a negative timeout', async () => {
    const world = new World(undefined);
    const server = await world.script();
    await expect(server.stop('normal', { timeoutMs: -1 })).rejects.toThrow(RangeError);
    await expect(server.call('get', undefined, { timeoutMs: Number.NaN })).rejects.toThrow(RangeError);
  });

  test('sys terminate ends it with the reason given', async () => {
    const world = new World(undefined);
    const server = await world.script();
    terminate(server, 'why');
    await world.settle();
    expect(asProcess(server).exitReason).toBe('why');
  });
});

describe('timeouts of callbacks', () => {
  test('a timeout of 0 comes before a message sent later in the same turn', async () => {
    const world = new World(undefined);
    const server = await world.script();
    server.cast('run', (state) => noreply(state, { timeoutMs: 0 }));
    await Promise.resolve();
    await Promise.resolve();
    server.cast('note', 'later');
    await world.settle();
    expect(await world.drive(server.call('seen'))).toEqual([{ type: 'timeout' }, 'later']);
  });

  test('a timeout of 0 does not come when something waits already', async () => {
    const world = new World(undefined);
    const server = await world.script();
    server.cast('run', (state) => noreply(state, { timeoutMs: 0 }));
    server.cast('note', 'waiting');
    await world.settle();
    expect(await world.drive(server.call('seen'))).toEqual(['waiting']);
  });

  test('a sys request restarts the timeout and does not cancel it', async () => {
    const world = new World(undefined);
    const server = await world.script();
    server.cast('run', (state) => noreply(state, { timeoutMs: 100 }));
    for (let i = 0; i < 3; i += 1) {
      await world.advance(60);
      expect((await world.drive(getState<Script>(server))).seen).toEqual([]);
    }
    await world.advance(100);
    expect((await world.drive(getState<Script>(server))).seen).toEqual([{ type: 'timeout' }]);
  });

  test('a timeout with a message delivers that one', async () => {
    const world = new World(undefined);
    const server = await world.script();
    server.cast('run', (state) => noreply(state, { timeoutMs: 5, message: { type: 'tick' } }));
    await world.advance(5);
    expect(await world.drive(server.call('seen'))).toEqual([{ type: 'tick' }]);
  });

  test('a dead process leaves no timer', async () => {
    const world = new World(undefined);
    const server = await world.script({}, { hibernateAfterMs: 1000 });
    asProcess(server).sendAfter('late', 500);
    server.cast('run', (state) => noreply(state, { timeoutMs: 300 }));
    await world.settle();
    expect(world.test.clock.timerCount).toBe(1);
    exit(server, 'kill');
    expect(world.test.clock.timerCount).toBe(0);
  });
});

describe('sys', () => {
  test('a replace function that throws keeps the state, and the server lives', async () => {
    const world = new World(undefined);
    const server = await world.script({ init: () => fresh('S') });
    const broken = replaceState<State>(server, () => {
      throw new Error('no');
    });
    expect(await world.drive(refusal(broken))).toMatchObject({ code: 'CALLBACK_FAILED', reason: { message: 'no' } });
    expect(await world.drive(server.call('get'))).toBe('S');
  });

  test('an installed function sees each event, leaves when it is done, and when it throws makes room for another', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const seen: string[] = [];
    const until = (count: number, { type }: { type: string }): number | 'done' => {
      seen.push(type);
      return count === 2 ? 'done' : count + 1;
    };
    await world.drive(install(server, 'counter', until, 1));
    await world.drive(install(server, 'counter', until, 1));
    await world.drive(server.call('get'));
    await world.drive(server.call('get'));
    expect(seen).toEqual(['in', 'out']);
    await world.drive(
      install(
        server,
        'broken',
        () => {
          throw new Error('watching');
        },
        0,
      ),
    );
    await world.drive(server.call('get'));
    await world.drive(server.call('get'));
    expect(world.test.logs.filter((entry) => entry.message.includes('debug function failed'))).toHaveLength(1);
    await world.drive(install(server, 'broken', until, 1));
    await world.drive(server.call('get'));
    expect(seen).toEqual(['in', 'out', 'in', 'out']);
    await world.drive(setTrace(server, true, () => {}));
    await world.drive(noDebug(server));
    expect(server.isAlive).toBe(true);
  });

  test('is refused to the process itself and to plain processes', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const code = server.call('run', async (state, _from, script) =>
      reply((await refusal(getState(script.self))).code, state),
    );
    expect(await world.drive(code)).toBe('CALLING_SELF');
    expect(() => getState(world.test.probe().pid)).toThrow(TypeError);
  });

  test('formatStatus hides what it wants from status and reports; one that throws is contained', async () => {
    class Secret extends Script {
      override formatStatus(status: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
        if ((status.state as State).value === 'broken') throw new Error('format');
        return { ...status, state: 'hidden' };
      }
    }
    const world = new World(undefined);
    const server = await startServer(Secret, [{ init: () => fresh('secret') }], { system: world.system });
    expect((await world.drive(getStatus(server))).state).toBe('hidden');
    server.cast('run', (state) => stop('boom', state));
    await world.settle();
    const report = world.test.events.find((event) => event.name === 'genmesh.server.terminating');
    expect(report?.metadata.state).toBe('hidden');
    const broken = await startServer(Secret, [{ init: () => fresh('broken') }], { system: world.system });
    expect(String((await world.drive(getStatus(broken))).state)).toContain('formatStatus failed');
  });
});

test('self is the running process in callbacks until their first await, and nobody outside', async () => {
  const system = new ActorSystem();
  const world = Object.assign(new World(undefined), { system });
  const server = await world.script();
  const seen = await server.call('run', async (state) => {
    const first = self();
    await Promise.resolve();
    return reply([first === (server as unknown), self()], state);
  });
  expect(seen).toEqual([true, undefined]);
  expect(self()).toBeUndefined();
});

test('a cast after a change of code runs the new handler, also when the one before had the same tag', async () => {
  class Changed extends Script {
    override readonly handleCast: Script['handleCast'] = this.casts({
      note: (value, state) => noreply({ ...state, value: `changed: ${String(value)}` }),
    } as Script['handleCast']);
    override codeChange(_oldVersion: unknown, state: unknown): State {
      return state as State;
    }
  }
  const world = new World(undefined);
  const server = await world.script();
  server.cast('note', 1);
  await world.drive(suspend(server));
  await world.drive(changeCode(server, { module: Changed as never }));
  await world.drive(resume(server));
  server.cast('note', 2);
  expect((await world.drive(getState<Script>(server))).value).toBe('changed: 2');
});
