import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PoolApp, runPool } from '../../examples/otp-pool/main.ts';
import { exit } from '../../src/actors/process.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const printed: string[] = [];
beforeEach(() => {
  printed.length = 0;
  vi.spyOn(console, 'log').mockImplementation((...parts: unknown[]) => {
    printed.push(parts.join(' '));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

test('the pool answers every job but the one that crashes, restarts that worker, and stops without leaving anything', async () => {
  const summary = await runPool(new ActorSystem(), 20, 3);
  // The sum of the squares of 1 to 20 without 13.
  expect(summary).toEqual({ total: 2870 - 169, failed: 1, refused: 0, restarts: 1, processesLeft: 0 });
  expect(printed.join('\n')).toContain('13 is bad luck');
  expect(printed.join('\n')).toContain('|- workers  Supervisor');
});

test('a supervisor of workers that is killed comes back with its workers, and the pool goes on', async () => {
  const clock = new VirtualClock();
  const system = new ActorSystem({ clock, logger: silentLogger });
  const drive = async <T>(promise: Promise<T>): Promise<T> => {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await clock.advanceUntil(() => isSettled, 10_000);
    return promise;
  };
  const app = await drive(PoolApp.start(system, 3));
  const squares = 650; // of 1 to 12
  expect(await drive(app.run(12))).toEqual({ total: squares, failed: 0, refused: 0 });
  const count = system.processCount;
  for (let kills = 1; kills <= 3; kills += 1) {
    const killed = app.workers.pid;
    exit(killed, 'kill');
    await clock.settle();
    expect(app.workers.pid).not.toBe(killed);
    expect(system.processCount).toBe(count);
    // The counter was started before the workers, so it has kept its count.
    expect(await drive(app.run(12))).toEqual({ total: squares * (kills + 1), failed: 0, refused: 0 });
  }
  await drive(app.stop());
  expect(system.processCount).toBe(0);
});

test('a job that meets no worker fails alone', async () => {
  const system = new ActorSystem({ logger: silentLogger });
  const app = await PoolApp.start(system, 0);
  expect(await app.run(2)).toEqual({ total: 0, failed: 2, refused: 0 });
  await app.stop();
});
