/** Task and Agent cases of the conformance list. */
import { expect } from 'vitest';
import { Agent } from '../../src/actors/agent.ts';
import { asProcess } from '../../src/actors/process.ts';
import { noreply, reply } from '../../src/actors/results.ts';
import { Task } from '../../src/actors/task.ts';
import { asyncStream, type StreamResult } from '../../src/actors/task-stream.ts';
import { TaskSupervisor } from '../../src/supervisor/task-supervisor.ts';
import { conformance, pause, refusal } from './world.ts';

const forever = (): Promise<never> => new Promise(() => {});

conformance('P-TK-01', async (world) => {
  await world.run(async (self) => {
    const silent = Task.async(() => 'v', { parent: self });
    expect(await silent.await()).toBe('v');
    expect(self.messages).toEqual([]);
    // The owner's messages are for servers that do not wait, and only if asked for.
    const task = Task.async(() => 'v', { parent: self, isNotifying: true });
    expect(await self.receive()).toEqual({ type: 'task', task, value: 'v' });
    expect(await self.receive()).toEqual({ type: 'down', ref: task.ref, pid: task.pid, reason: 'normal' });
    expect(self.messages).toEqual([]);
  });
});

conformance('P-TK-02', async (world) => {
  await world.run(async (self) => {
    const task = Task.async(async (inner) => pause(inner, 50).then(() => 'late'), { parent: self });
    const error = await refusal(task.await(10));
    expect(error).toMatchObject({ code: 'TIMEOUT', reason: 'timeout' });
    expect(error.message).toContain('10 ms');
    expect(task.pid?.isAlive).toBe(true);
    await pause(self, 100);
    expect(task.pid?.isAlive).toBe(false);
    expect(self.messages).toEqual([]);
  });
});

conformance('P-TK-03', async (world) => {
  await world.run(async (self) => {
    const task = Task.async(forever, { parent: self });
    const other = await world.script();
    for (const query of ['await', 'yield', 'shutdown'] as const) {
      const code = other.call('run', async (state) => {
        try {
          await task[query]();
        } catch (error) {
          return reply((error as Error).message, state);
        }
        return reply('none', state);
      });
      expect(await code).toContain('only its owner may');
    }
    await task.shutdown('brutal_kill');
  });
});

conformance('P-TK-04', async (world) => {
  const E = new Error('E');
  const server = await world.script();
  server.cast('run', (state, script) => {
    Task.async(() => Promise.reject(E), { parent: script.self });
    return noreply(state);
  });
  await world.settle();
  expect(asProcess(server).exitReason).toBe(E);
});

conformance('P-TK-05', async (world) => {
  const E = new Error('E');
  await world.run(async (self) => {
    const awaited = Task.asyncNolink(() => Promise.reject(E), { parent: self });
    expect(await refusal(awaited.await())).toMatchObject({ code: 'EXIT', reason: E, cause: E });
    const silent = Task.asyncNolink(() => Promise.reject(E), { parent: self, isNotifying: true });
    expect(await self.receive()).toMatchObject({ type: 'down', ref: silent.ref, reason: E });
    expect(self.isAlive).toBe(true);
  });
});

conformance('P-TK-06', async (world) => {
  await world.run(async (self) => {
    const task = Task.async(async (inner) => pause(inner, 15).then(() => 'v'), { parent: self });
    expect(await task.yield(10)).toBeUndefined();
    expect(await task.yield(10)).toEqual({ ok: 'v' });
    const dying = Task.asyncNolink((inner) => inner.exit('reason'), { parent: self });
    expect(await dying.yield(10)).toEqual({ exit: 'reason' });
  });
});

conformance('P-TK-07', async (world) => {
  await world.run(async (self) => {
    const running = Task.async(forever, { parent: self });
    expect(await running.shutdown()).toBeUndefined();
    expect(running.pid?.isAlive).toBe(false);
    const done = Task.async(() => 'v', { parent: self });
    await pause(self, 1);
    expect(await done.shutdown('brutal_kill')).toEqual({ ok: 'v' });
    const dead = Task.asyncNolink((inner) => inner.exit('boom'), { parent: self });
    await pause(self, 1);
    expect(await dead.shutdown()).toEqual({ exit: 'boom' });
    expect(self.isAlive).toBe(true);
  });
});

conformance('P-TK-08', async (world) => {
  await world.run(async (self) => {
    const tasks = [2, 3, 1].map((ms, i) =>
      Task.async(async (inner) => pause(inner, ms).then(() => i), { parent: self }),
    );
    expect(await Task.awaitMany(tasks)).toEqual([0, 1, 2]);
  });
});

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of stream) list.push(item);
  return list;
}

conformance('P-TK-09', async (world) => {
  await world.run(async (self) => {
    for (const isOrdered of [true, false]) {
      let running = 0;
      let most = 0;
      const completed: number[] = [];
      const stream = asyncStream(
        Array.from({ length: 10 }, (_, i) => i),
        async (item, inner) => {
          running += 1;
          most = Math.max(most, running);
          await pause(inner, ((item * 7) % 5) + 1);
          running -= 1;
          completed.push(item);
          return item;
        },
        { maxConcurrency: 3, isOrdered, parent: self },
      );
      const results = (await collect(stream)) as { ok: number }[];
      expect(most).toBe(3);
      expect(results.map((result) => result.ok)).toEqual(isOrdered ? [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] : completed);
    }
  });
});

conformance('P-TK-10', async (world) => {
  await world.run(async (self) => {
    const body = async (item: number, inner: Parameters<typeof pause>[0]): Promise<number> => {
      if (item === 1) await pause(inner, 1000);
      return item;
    };
    const options = { timeoutMs: 20, parent: self };
    const error = await refusal(collect(asyncStream([0, 1, 2], body, options)));
    expect(error).toMatchObject({ code: 'TIMEOUT', reason: 'timeout' });
    const killing: StreamResult<number, number>[] = await collect(
      asyncStream([0, 1, 2], body, { ...options, onTimeout: 'kill_task' }),
    );
    expect(killing).toEqual([{ ok: 0 }, { exit: 'timeout' }, { ok: 2 }]);
    expect(world.system.processCount).toBe(1);
  });
});

conformance('P-TK-11', async (world) => {
  const sup = await world.drive(TaskSupervisor.startLink({ system: world.system }));
  let runs = 0;
  await world.drive(
    sup.startChild(() => {
      runs += 1;
      throw new Error('raised');
    }),
  );
  await world.settle();
  expect(runs).toBe(1);
  expect(sup.children()).toEqual([]);
  expect(sup.pid.isAlive).toBe(true);
  expect(world.test.events.filter((event) => event.name === 'genmesh.process.crash')).toHaveLength(1);
});

conformance('P-AG-01', async (world) => {
  const agent = await Agent.startLink(() => 0, { system: world.system });
  expect(await world.drive(agent.get((n) => n))).toBe(0);
  expect(await world.drive(agent.update((n) => n + 1))).toBeUndefined();
  expect(await world.drive(agent.getAndUpdate((n) => [`was ${n}`, n + 1] as const))).toBe('was 1');
  agent.cast((n) => n + 10);
  expect(await world.drive(agent.get((n) => n))).toBe(12);
  const E = new Error('E');
  const error = await world.drive(
    refusal(
      agent.update(() => {
        throw E;
      }),
    ),
  );
  expect(error).toMatchObject({ code: 'EXIT', reason: E });
  expect(agent.pid.isAlive).toBe(false);
});
