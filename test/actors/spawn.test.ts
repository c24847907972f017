import { describe, expect, test } from 'vitest';
import type { Down } from '../../src/actors/pid.ts';
import { asProcess, exit, send } from '../../src/actors/process.ts';
import { spawn, spawnLink, spawnMonitor } from '../../src/actors/spawn.ts';
import { callers, Task } from '../../src/actors/task.ts';
import { asyncStream } from '../../src/actors/task-stream.ts';
import { TaskSupervisor } from '../../src/supervisor/task-supervisor.ts';
import { pause, refusal, World } from '../otp/world.ts';

describe('a spawned function', () => {
  test('runs in a later turn and ends with normal, or with what it throws', async () => {
    const world = new World(undefined);
    let isRun = false;
    const good = spawn(
      () => {
        isRun = true;
      },
      { system: world.system },
    );
    const bad = spawn(
      () => {
        throw 'thrown';
      },
      { system: world.system },
    );
    expect(isRun).toBe(false);
    await world.settle();
    expect(isRun).toBe(true);
    expect(asProcess(good).exitReason).toBe('normal');
    expect(asProcess(bad).exitReason).toBe('thrown');
  });

  test('a receive refuses a timeout that is none', async () => {
    const world = new World(undefined);
    await world.run((self) => {
      for (const timeoutMs of [-1, Number.NaN]) {
        expect(() => self.receive(() => true, { timeoutMs })).toThrow(`timeoutMs is ${timeoutMs}`);
      }
      expect(world.test.clock.timerCount).toBe(0);
    });
  });

  test('a demonitor with flush takes away the down that waits, and no other message', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      const [first, second] = [await world.script(), await world.script()];
      const [ref, kept] = [self.monitor(first), self.monitor(second)];
      for (const pid of [first, second]) exit(pid, 'gone', self);
      send(self, null);
      await pause(self, 5);
      expect(self.demonitor(ref, { flush: true })).toBe(false);
      expect(self.messages.map((m) => (m as Down | null)?.ref === kept)).toEqual([true, false]);
    });
  });

  test('a receive that waits gets its message, gives up in time, or ends with the process', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      self.sendAfter('late', 20);
      const early = await refusal(self.receive(() => true, { timeoutMs: 10 }));
      expect(early.code).toBe('TIMEOUT');
      expect(await self.receive(() => true, { timeoutMs: 15 })).toBe('late');
      expect(self.take()).toBeUndefined();
    });
    let waiting: Promise<unknown> | undefined;
    const pid = spawn(
      async (self) => {
        waiting = self.receive();
        waiting.catch(() => {});
        expect(() => self.receive()).toThrow('a receive is waiting already');
        await new Promise(() => {});
      },
      { system: world.system },
    );
    await world.settle();
    exit(pid, 'kill');
    expect(await refusal(waiting as Promise<unknown>)).toMatchObject({ code: 'EXIT', reason: 'killed' });
    expect(world.test.clock.timerCount).toBe(0);
  });

  test('spawnMonitor always tells the true reason, and spawnLink needs a living parent', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      const { pid, ref } = spawnMonitor((inner) => inner.exit('reason'), { parent: self });
      expect(await self.receive()).toEqual({ type: 'down', ref, pid, reason: 'reason' });
      expect(() => spawnLink(() => {}, { parent: pid })).toThrow('cannot spawn');
    });
    expect(() => spawnMonitor(() => {})).toThrow(TypeError);
  });

  test('an alias can be switched off, and a single-use one is off after its first message', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      const alias = self.alias();
      const once = self.alias({ isSingleUse: true });
      send(alias, 1);
      send(once, 2);
      send(once, 3);
      expect(self.unalias(alias)).toBe(true);
      expect(self.unalias(alias)).toBe(false);
      send(alias, 4);
      await pause(self, 1);
      expect(self.messages).toEqual([1, 2]);
      expect([alias.isActive, once.isActive]).toEqual([false, false]);
    });
  });

  test('knows its ancestors up to the first that has ended, and its label', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      self.setLabel('root');
      const middle = await world.script({}, { parent: self });
      const leaf = spawn(() => new Promise(() => {}), { parent: middle });
      expect(asProcess(leaf).ancestors).toEqual([middle, self]);
      expect(self.label).toBe('root');
      await middle.stop();
      expect(asProcess(leaf).ancestors).toEqual([middle]);
    });
  });

  test('a chain of processes that spawn each other and end keeps only its last link in memory', async () => {
    const world = new World(undefined);
    let last = world.test.probe().pid;
    for (let i = 0; i < 50; i += 1) {
      const next = spawn(() => new Promise(() => {}), { system: world.system, parent: last });
      exit(last, 'kill');
      last = next;
    }
    expect(asProcess(last).ancestors).toHaveLength(1);
  });
});

describe('tasks', () => {
  test('know their callers', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      const inner = await Task.async(
        (outer) => Task.async((innermost) => [...callers(innermost)], { parent: outer }).await(),
        { parent: self },
      ).await();
      expect(inner).toHaveLength(2);
      expect(inner[1]).toBe(self);
      expect(callers(self)).toEqual([]);
    });
  });

  test('yieldMany gives what is there, and does what it is told to the rest', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      const taking = (ms: number): Task<number> =>
        Task.async(async (inner) => pause(inner, ms).then(() => ms), { parent: self });
      const quick = await Task.yieldMany([taking(5), taking(1)], { timeoutMs: 10 });
      expect(quick.map(([, result]) => result)).toEqual([{ ok: 5 }, { ok: 1 }]);
      const mixed = await Task.yieldMany([taking(1), taking(100)], { timeoutMs: 10, onTimeout: 'kill_task' });
      expect(mixed.map(([, result]) => result)).toEqual([{ ok: 1 }, undefined]);
      expect(mixed[1]?.[0].pid?.isAlive).toBe(false);
      const limited = await Task.yieldMany([taking(50), taking(1)], { timeoutMs: 100, limit: 1 });
      expect(limited.map(([, result]) => result)).toEqual([undefined, { ok: 1 }]);
      expect(await limited[0]?.[0].await()).toBe(50);
    });
  });

  test('ignore detaches: the owner survives the crash of the task', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      const task = Task.async(async (inner) => pause(inner, 5).then(() => Promise.reject(new Error('late'))), {
        parent: self,
      });
      expect(task.ignore()).toBeUndefined();
      await pause(self, 10);
      expect(task.pid?.isAlive).toBe(false);
      expect(await Task.completed(7).await()).toBe(7);
    });
  });

  test('leaving a stream early ends the tasks that still run and closes its source', async () => {
    const world = new World(undefined);
    await world.run(async (self) => {
      let isClosed = false;
      function* source(): Generator<number> {
        try {
          for (let i = 0; ; i += 1) yield i;
        } finally {
          isClosed = true;
        }
      }
      const stream = asyncStream(source(), async (i, inner) => pause(inner, i + 1).then(() => i), {
        maxConcurrency: 4,
        parent: self,
      });
      for await (const result of stream) {
        expect(result).toEqual({ ok: 0 });
        break;
      }
      expect(isClosed).toBe(true);
      expect(world.system.processCount).toBe(1);
    });
  });

  test('a supervised stream gives failures with their item, and unlinked ones spare the owner', async () => {
    const world = new World(undefined);
    const sup = await world.drive(TaskSupervisor.startLink({ system: world.system }));
    await world.run(async (self) => {
      const results: unknown[] = [];
      const stream = sup.asyncStream([1, 2, 3], (i) => (i === 2 ? Promise.reject('two') : i), {
        isLinked: false,
        isZippingInputOnExit: true,
        parent: self,
      });
      for await (const result of stream) results.push(result);
      expect(results).toEqual([{ ok: 1 }, { exit: 'two', item: 2 }, { ok: 3 }]);
    });
    await world.drive(sup.stop());
    expect(world.system.processCount).toBe(0);
  });

  test('a full task supervisor refuses', async () => {
    const world = new World(undefined);
    const sup = await world.drive(TaskSupervisor.startLink({ system: world.system, maxChildren: 1 }));
    const first = await world.drive(sup.asyncNolink(() => new Promise(() => {})));
    expect(sup.children()).toEqual([first.pid]);
    expect((await world.drive(refusal(sup.asyncNolink(() => 1)))).code).toBe('MAX_CHILDREN');
    await world.drive(sup.terminateChild(first.pid as never));
    expect(await (await world.drive(sup.asyncNolink(() => 1))).await()).toBe(1);
  });
});
