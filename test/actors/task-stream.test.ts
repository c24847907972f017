import { describe, expect, test } from 'vitest';
import { reply } from '../../src/actors/results.ts';
import { callers, Task } from '../../src/actors/task.ts';
import { asyncStream, type StreamResult, type TaskStreamOptions } from '../../src/actors/task-stream.ts';
import { TaskSupervisor } from '../../src/supervisor/task-supervisor.ts';
import { pause, World } from '../otp/world.ts';

type Stream = <T>(items: number[], body: (n: number, self: never) => T) => AsyncGenerator<StreamResult<T, number>>;

/** A stream of one task at a time, so that all but the first start in a turn of their own. */
async function streams(world: World): Promise<Record<string, Stream>> {
  const supervisor = await TaskSupervisor.startLink({ system: world.system });
  const options: TaskStreamOptions = { maxConcurrency: 1 };
  return {
    asyncStream: (items, body) => asyncStream(items, body as never, options),
    'TaskSupervisor.asyncStream': (items, body) => supervisor.asyncStream(items, body as never, options),
  };
}

describe('a stream of tasks', () => {
  test('belongs to the process that asked for it: owner, link and system of every task', async () => {
    const world = new World(undefined);
    for (const [name, stream] of Object.entries(await streams(world))) {
      const server = await world.script();
      const seen: unknown[] = [];
      const asked = server.call('run', async (state, _from, self) => {
        const tasks = stream([1, 2, 3], (_n, task: { host: unknown }) =>
          seen.push([task.host === world.system, callers(task as never)[0] === self.self]),
        );
        for await (const _ of tasks);
        return reply('done', state);
      });
      expect(await world.drive(asked), name).toBe('done');
      expect(seen, name).toEqual(Array(3).fill([true, true]));
    }
  });

  test('takes its owner along when a task crashes, also a later one', async () => {
    const world = new World(undefined);
    for (const [name, stream] of Object.entries(await streams(world))) {
      const server = await world.script();
      const asked = server.call('run', async (state) => {
        const tasks = stream([1, 2], (n) => {
          if (n === 2) throw new Error('second');
        });
        for await (const _ of tasks);
        return reply('survived', state);
      });
      await expect(world.drive(asked), name).rejects.toMatchObject({ code: 'EXIT', reason: { message: 'second' } });
    }
  });

  test('refuses options out of range before it takes an item', async () => {
    const taken: number[] = [];
    function* items(): Generator<number> {
      taken.push(1);
      yield 1;
    }
    const wrong = [
      { timeoutMs: -1 },
      { timeoutMs: Number.NaN },
      { maxConcurrency: 0 },
      { onTimeout: 'retry' as never },
    ];
    for (const options of wrong) {
      await expect(asyncStream(items(), () => {}, options).next()).rejects.toBeInstanceOf(RangeError);
    }
    expect(taken).toEqual([]);
  });
});

test('a task refuses a patience or a policy out of range', async () => {
  const world = new World(undefined);
  await world.run(async (self) => {
    const task = Task.async((inner) => pause(inner, 5), { parent: self });
    await expect(task.shutdown(-1)).rejects.toThrow('timeoutMs is -1');
    await expect(task.shutdown(Number.NaN)).rejects.toBeInstanceOf(RangeError);
    await expect(Task.yieldMany([task], { onTimeout: 'retry' as never })).rejects.toThrow('onTimeout is retry');
    expect(await task.shutdown(Number.POSITIVE_INFINITY)).toBeUndefined();
  });
});
