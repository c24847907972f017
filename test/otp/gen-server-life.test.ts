/** GenServer cases of the conformance list: casting, timeouts, exits, stopping, names. */
import { expect } from 'vitest';
import { abcast, call, cast, multiCall, stopServer } from '../../src/actors/client.ts';
import { GenServer, startServer } from '../../src/actors/gen-server.ts';
import { serverName, type Via, whereis } from '../../src/actors/names.ts';
import type { Pid } from '../../src/actors/pid.ts';
import { asProcess, exit, send } from '../../src/actors/process.ts';
import { Registry } from '../../src/actors/registry.ts';
import { noreply, reply, stop } from '../../src/actors/results.ts';
import { getStatus } from '../../src/actors/sys.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { conformance, fresh, pause, refusal, Script, type World } from './world.ts';

conformance('P-GS-23', async (world) => {
  const server = await world.script({
    info: (message, state) => {
      state.seen.push((message as { value: unknown }).value);
      return noreply(state);
    },
  });
  server.cast('note', 'a');
  server.cast('note', 'b');
  send(server, { type: 'plain', value: 'c' });
  const d = server.call('note', 'd');
  server.cast('note', 'e');
  await world.drive(d);
  expect(await world.drive(server.call('seen'))).toEqual(['a', 'b', 'c', 'd', 'e']);
});

conformance('P-GS-24', async (world) => {
  const dead = await world.script();
  await world.drive(dead.stop());
  const registry = await Registry.startLink<string>({ system: world.system });
  for (const target of [dead, 'unknown', registry.via('unknown'), undefined]) {
    expect(cast(target, 'note', world.system)).toBeUndefined();
  }
});

class Mute extends GenServer<string> {
  init(): string {
    return 'S';
  }
}

conformance('P-GS-25', async (world) => {
  const server = await startServer(Mute, [], { system: world.system });
  send(server, { type: 'what' });
  await world.settle();
  expect(world.test.logs.filter((entry) => entry.message.includes('unexpected message'))).toHaveLength(1);
  expect(server.isAlive).toBe(true);
  expect((await world.drive(getStatus(server))).state).toBe('S');
});

conformance('P-GS-26', async (world) => {
  const first = await startServer(Mute, [], { system: world.system });
  cast(first, 'unknown');
  await world.settle();
  expect(asProcess(first).exitReason).toMatchObject({ code: 'UNHANDLED_MESSAGE' });
  expect(String((asProcess(first).exitReason as Error).message)).toContain('cast unknown');
  const second = await startServer(Mute, [], { system: world.system });
  const error = await world.drive(refusal(call(second as Pid, 'unknown')));
  expect(error).toMatchObject({ code: 'EXIT', reason: { code: 'UNHANDLED_MESSAGE' } });
  expect((error.reason as Error).message).toContain('call unknown');
});

conformance('P-GS-27', async (world) => {
  await world.run(async (self) => {
    self.trapExit(true);
    for (const reason of ['normal', 'boom']) {
      const server = await world.script({}, { parent: self });
      server.cast('run', (state) => stop(reason, state));
      expect(await self.receive()).toEqual({ type: 'exit', pid: server, reason });
    }
  });
  const errors = world.test.logs.filter((entry) => entry.level === 'error');
  expect(errors.map((entry) => entry.fields.reason)).toEqual(['boom']);
});

conformance('P-GS-28', async (world) => {
  const server = await world.script();
  server.cast('run', (state) => noreply(state, { timeoutMs: 50 }));
  await world.advance(49);
  expect((server as never as { mailboxLength: number }).mailboxLength).toBe(0);
  await world.advance(200);
  expect(await world.drive(server.call('seen'))).toEqual([{ type: 'timeout' }]);
});

conformance('P-GS-29', async (world) => {
  const server = await world.script();
  server.cast('run', (state) => noreply(state, { timeoutMs: 50 }));
  await world.advance(20);
  server.cast('note', 'x');
  await world.advance(200);
  expect(await world.drive(server.call('seen'))).toEqual(['x']);
});

conformance('P-GS-30', async (world) => {
  const server = await world.script();
  await world.drive(server.call('run', (state) => reply('ok', { ...state, value: 7 }, { hibernate: true })));
  expect((await world.drive(getStatus(server))).status).toBe('hibernating');
  expect(await world.drive(server.call('get'))).toBe(7);
});

conformance('P-GS-31', async (world) => {
  const server = await world.script({}, { hibernateAfterMs: 20 });
  await world.advance(19);
  expect((await world.drive(getStatus(server))).status).toBe('running');
  await world.advance(100);
  expect((await world.drive(getStatus(server))).status).toBe('hibernating');
  await world.drive(server.call('get'));
  expect((await world.drive(getStatus(server))).status).toBe('running');
  await world.advance(20);
  expect((await world.drive(getStatus(server))).status).toBe('hibernating');
});

conformance('P-GS-32', async (world) => {
  let isTidied = false;
  const hooks = {
    terminate: () => {
      isTidied = true;
    },
  };
  const server = await world.script(hooks);
  const other = await world.script();
  asProcess(server).link(other);
  other.cast('run', (state) => stop('boom', state));
  await world.settle();
  expect(asProcess(server).exitReason).toBe('boom');
  expect(isTidied).toBe(false);
});

async function trapping(world: World, seen: unknown[], parent?: Pid): ReturnType<World['script']> {
  return world.script(
    {
      init: (script) => {
        script.self.trapExit(true);
        return fresh();
      },
      info: (message, state) => {
        seen.push(message);
        return noreply(state);
      },
      terminate: (reason) => seen.push(['terminate', reason]),
    },
    parent === undefined ? {} : { parent },
  );
}

conformance('P-GS-33', async (world) => {
  const seen: unknown[] = [];
  let server: Pid | undefined;
  await refusal(
    world.run(async (self) => {
      server = await trapping(world, seen, self);
      self.exit('R');
    }),
  );
  await world.settle();
  expect(seen).toEqual([['terminate', 'R']]);
  expect(asProcess(server as Pid).exitReason).toBe('R');
});

conformance('P-GS-34', async (world) => {
  const seen: unknown[] = [];
  const server = await trapping(world, seen);
  const other = await world.script();
  asProcess(server).link(other);
  exit(other, 'boom');
  await world.settle();
  expect(seen).toEqual([{ type: 'exit', pid: other, reason: 'boom' }]);
  expect(server.isAlive).toBe(true);
});

conformance('P-GS-35', async (world) => {
  const server = await world.script({ terminate: (_r, _s, script) => pause(script.self, 60) }, { name: 'slow' });
  const before = world.nowMs;
  await world.drive(server.stop());
  expect(world.nowMs - before).toBeGreaterThanOrEqual(60);
  expect(server.isAlive).toBe(false);
  expect(world.system.whereis('slow')).toBeUndefined();
});

conformance('P-GS-36', async (world) => {
  const dead = await world.script();
  await world.drive(dead.stop());
  for (const target of [dead, 'unknown', undefined]) {
    const error = await refusal(stopServer(target, 'normal', { system: world.system }));
    expect(error).toMatchObject({ code: 'NOPROC', reason: 'noproc' });
    expect(error.message).toContain('stop');
  }
});

conformance('P-GS-37', async (world) => {
  const server = await world.script();
  const code = server.call('run', async (state, _from, script) =>
    reply((await refusal(stopServer(script.self))).code, state),
  );
  expect(await world.drive(code)).toBe('CALLING_SELF');
});

/** A name service across systems: what `{global, term}` and `{via, module, term}` are on the BEAM. */
function moduleNames(): (term: string) => Via {
  const names = new Map<string, Pid>();
  return (term) => ({
    registerName: (pid) => void names.set(term, pid),
    unregisterName: () => void names.delete(term),
    whereisName: () => names.get(term),
    label: term,
  });
}

conformance('P-GS-38', async (world) => {
  const registry = await Registry.startLink<string>({ system: world.system });
  const global = moduleNames()('term');
  for (const name of ['local', global, registry.via('key')]) {
    const server = await world.script({}, { name });
    const { system } = world;
    expect(whereis(name, system)).toBe(server);
    cast(name, ['note', 1], system);
    expect(await world.drive(call(name, 'seen', { system }))).toEqual([1]);
    await world.drive(stopServer(name, 'normal', { system }));
    expect(whereis(name, system)).toBeUndefined();
  }
  const unnamed = await world.script();
  expect(asProcess(unnamed).name).toBeUndefined();
});

conformance('P-GS-39', async (world) => {
  const before = world.system.processCount;
  for (const name of ['', 7, ['unknown', 'x'], { via: 'non-module' }]) {
    const error = await refusal(world.script({}, { name: name as never }));
    expect(error.code).toBe('NAME_INVALID');
  }
  expect((await refusal(world.script({}, { name: 7 as never }))).message).toContain('7');
  expect(world.system.processCount).toBe(before);
});

conformance('P-GS-40', async (world) => {
  const { system } = world;
  const server = await world.script({}, { name: 'N' });
  const registry = await Registry.startLink<string>({ system });
  expect(whereis('N', system)).toBe(server);
  expect(whereis(server, system)).toBe(server);
  expect(whereis(serverName('N'), system)).toBe(server);
  // A name of another node is here a name in another system, which has its own answer.
  expect(whereis('N', new ActorSystem())).toBeUndefined();
  expect(whereis('unknown', system)).toBeUndefined();
  expect(whereis(registry.via('unknown'), system)).toBeUndefined();
});

conformance('P-GS-41', async (world) => {
  const { system } = world;
  const unreachable = new ActorSystem({ clock: world.test.clock });
  const server = await world.script({}, { name: 'N' });
  const result = await world.drive(multiCall([system, unreachable], 'N', ['note', 'm'], 1000));
  expect(result).toEqual({ replies: [[system, 'm']], bad: [unreachable] });
  abcast([system, unreachable], 'N', ['note', 'a']);
  expect(await world.drive(server.call('seen'))).toEqual(['m', 'a']);
});

conformance('P-GS-42', async (world) => {
  // The id is given: siblings need their own, and a class has no name once it is minified.
  const spec = Script.childSpec('Script', [{}]);
  expect(spec).toMatchObject({ id: 'Script', modules: ['Script'] });
  const started = await spec.start({ parent: world.test.probe().pid, system: world.system });
  expect(await world.drive(started.call('seen'))).toEqual([]);
  const overridden = Script.childSpec('other', [{}], { restart: 'temporary', shutdown: 10 });
  expect(overridden).toMatchObject({ id: 'other', restart: 'temporary', shutdown: 10 });
});
