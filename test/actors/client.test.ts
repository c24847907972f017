import { describe, expect, test } from 'vitest';
import { defineServer } from '../../src/actors/define-server.ts';
import { GenServer, startServer } from '../../src/actors/gen-server.ts';
import { type CallHandlers, type CastHandlers, noreply, reply } from '../../src/actors/index.ts';
import { serverName, whereis } from '../../src/actors/names.ts';
import { exit, send } from '../../src/actors/process.ts';
import { ProcessGroups } from '../../src/actors/process-groups.ts';
import { Registry } from '../../src/actors/registry.ts';
import { RequestCollection, sendRequest } from '../../src/actors/request-collection.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { pause, refusal, World } from '../otp/world.ts';

interface CounterProtocol {
  call: { get(): number; add(by: number): number };
  cast: { reset(to?: number): void };
}

class Counter extends GenServer<number, CounterProtocol, [start: number]> {
  init(start: number): number {
    return start;
  }

  override readonly handleCall: CallHandlers<number, CounterProtocol> = this.calls({
    get: (_, n) => reply(n, n),
    add: (by, n) => reply(n + by, n + by),
  });

  override readonly handleCast: CastHandlers<number, CounterProtocol> = this.casts({
    reset: (to) => noreply(to ?? 0),
  });
}

describe('the Elixir shape', () => {
  test('calls, casts and stops by reference and by typed name', async () => {
    const world = new World(undefined);
    const counter = await startServer(Counter, [10], { system: world.system, name: 'counter' });
    expect(await GenServer.call(counter, ['add', 5], 100)).toBe(15);
    GenServer.cast(counter, 'reset');
    GenServer.cast(counter, ['reset', 3]);
    const name = serverName<CounterProtocol>('counter');
    expect(await GenServer.call(name, 'get', { system: world.system })).toBe(3);
    expect(GenServer.whereis(name, world.system)).toBe(counter);
    await GenServer.stop(name, 'normal', { system: world.system });
    expect(counter.isAlive).toBe(false);
    expect(whereis(undefined)).toBeUndefined();
    expect(() => whereis(7 as never)).toThrow(TypeError);
  });
});

describe('defineServer', () => {
  const Defined = defineServer({
    name: 'Defined',
    init: (start: number) => ({ n: start }),
    handleCall: {
      get: (state) => reply(state.n, state),
      add: (state, by: number) => reply(state.n + by, { n: state.n + by }),
    },
    handleCast: {
      reset: (_state, to?: number) => noreply({ n: to ?? 0 }),
    },
  });

  test('makes servers that share their handlers and not their state', async () => {
    const world = new World(undefined);
    const a = await Defined.startWith([1], { system: world.system });
    const b = await Defined.startWith([2], { system: world.system });
    expect(await world.drive(a.call('add', 5))).toBe(6);
    expect(await world.drive(b.call('get'))).toBe(2);
    a.cast('reset');
    expect(await world.drive(a.call('get'))).toBe(0);
    expect(a.label).toBe('Defined<1>');
  });

  test('runs under a supervisor, and logs a message that it has no handler for', async () => {
    const world = new World(undefined);
    const sup = await world.drive(
      Supervisor.startLink([Defined.childSpec('a', [7])], { strategy: 'one_for_one', system: world.system }),
    );
    send(sup.child('a'), { type: 'unknown' });
    exit(sup.child('a'), 'kill');
    await world.settle();
    expect(await world.drive(sup.child('a').call('get'))).toBe(7);
    send(sup.child('a'), { type: 'unknown' });
    await world.settle();
    expect(world.test.logs.some((entry) => entry.message.includes('unexpected message'))).toBe(true);
  });
});

describe('requests that are collected', () => {
  test('come in the order of their responses, each with its label', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const other = await world.script();
    await world.run(async () => {
      const slow = async (state: never, _from: unknown, script: { self: never }): Promise<unknown> =>
        pause(script.self, 20).then(() => reply('slow', state));
      const requests = new RequestCollection<string>()
        .send('slow', server, 'run', slow)
        .send('quick', other, 'note', 'quick')
        .send('nobody', 'unknown', 'get');
      expect(requests.size).toBe(3);
      const labels: string[] = [];
      for (let next = await requests.receive(); next !== undefined; next = await requests.receive()) {
        labels.push(next.label);
      }
      expect(labels.sort()).toEqual(['nobody', 'quick', 'slow']);
      expect(labels[2]).toBe('slow');
      expect(requests.size).toBe(0);
    });
  });

  test('wait goes on after its time, receive gives up and drops the late response', async () => {
    const world = new World(undefined);
    const server = await world.script();
    await world.run(async (self) => {
      const answers: boolean[] = [];
      const slow = (state: never, from: { reply(value: unknown): boolean }, script: { self: never }): unknown => {
        pause(script.self, 20).then(() => answers.push(from.reply('late')));
        return noreply(state);
      };
      const patient = sendRequest(server, 'run', slow);
      expect(await patient.wait(10)).toBeUndefined();
      expect(await patient.wait(20)).toEqual({ reply: 'late' });
      const hasty = sendRequest(server, 'run', slow);
      expect(await hasty.receive(10)).toBeUndefined();
      await pause(self, 20);
      expect(answers).toEqual([true, false]);
      expect(await hasty.wait()).toMatchObject({ error: { code: 'ABORTED' } });
    });
  });
});

describe('process groups', () => {
  test('keep members by group, more than once, until they leave or end', async () => {
    const world = new World(undefined);
    const groups = await ProcessGroups.startLink({ system: world.system });
    const probe = world.test.probe();
    const [a, b] = [await world.script(), await world.script()];
    expect(groups.watch(probe.pid, 'g')).toEqual([]);
    groups.join('g', a, b, a);
    groups.join('other', b);
    expect(groups.members('g')).toEqual([a, b, a]);
    expect(groups.leave('g', a)).toBe(true);
    expect(groups.leave('unknown', a)).toBe(false);
    expect(groups.members('g')).toEqual([b, a]);
    exit(b, 'kill');
    expect(groups.members('g')).toEqual([a]);
    expect(groups.whichGroups()).toEqual(['g']);
    await world.settle();
    expect(probe.messages).toEqual([
      { type: 'join', group: 'g', pids: [a, b, a] },
      { type: 'leave', group: 'g', pids: [a] },
      { type: 'leave', group: 'g', pids: [b] },
    ]);
    groups.unwatch(probe.pid);
    groups.join('g', probe.pid);
    groups.join('dead', b);
    await world.settle();
    expect(probe.messages).toHaveLength(3);
    expect(groups.whichGroups()).toEqual(['g']);
  });
});

describe('a registry', () => {
  test('never shows a dead owner, and a dead owner does not block a new one', async () => {
    const world = new World(undefined);
    const registry = await Registry.startLink<string, number>({ system: world.system });
    const [a, b] = [await world.script(), await world.script()];
    registry.register('k', a, 1);
    exit(a, 'kill');
    expect(registry.lookup('k')).toBeUndefined();
    expect(registry.keys(a)).toEqual([]);
    expect(registry.count).toBe(0);
    registry.register('k', b, 2);
    await world.settle();
    expect(registry.lookup('k')).toEqual({ key: 'k', pid: b, value: 2 });
  });

  test('frees the monitor of an owner without keys, keeps metadata, and forgets all when it ends', async () => {
    const world = new World(undefined);
    const registry = await Registry.startLink<string, number>({ system: world.system });
    const owner = await world.script();
    registry.register('k', owner, 1);
    expect((owner as unknown as { watcherCount: number }).watcherCount).toBe(1);
    registry.unregister('k', owner);
    expect((owner as unknown as { watcherCount: number }).watcherCount).toBe(0);
    registry.putMeta('m', 1);
    expect(registry.meta('m')).toBe(1);
    registry.deleteMeta('m');
    expect(registry.meta('m')).toBeUndefined();
    registry.register('k', owner, 1);
    exit(registry.pid, 'kill');
    expect(registry.lookup('k')).toBeUndefined();
    expect(() => registry.register('x', owner, 1)).toThrow('not running');
    expect(owner.isAlive).toBe(true);
  });

  test('runs the holders of one lock one after the other, also after one that failed', async () => {
    const world = new World(undefined);
    const registry = await Registry.startLink<string>({ system: world.system });
    const log: string[] = [];
    const hold = (name: string, isFailing = false): Promise<string> =>
      registry.lock('k', async () => {
        log.push(`+${name}`);
        await Promise.resolve();
        log.push(`-${name}`);
        if (isFailing) throw new Error(name);
        return name;
      });
    const failed = refusal(hold('a', true));
    expect(await Promise.all([hold('b'), hold('c')])).toEqual(['b', 'c']);
    expect((await failed).message).toBe('a');
    expect(log).toEqual(['+a', '-a', '+b', '-b', '+c', '-c']);
    await expect(Registry.startLink({ keys: 'many' as never })).rejects.toThrow(RangeError);
  });
});
