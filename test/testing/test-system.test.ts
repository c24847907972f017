import { describe, expect, test } from 'vitest';
import { startServer } from '../../src/actors/gen-server.ts';
import { asProcess, send } from '../../src/actors/process.ts';
import { noreply } from '../../src/actors/results.ts';
import { ENTRIES_KEPT_MAX, forEachSeed, TestSystem } from '../../src/testing/test-system.ts';
import { Script } from '../otp/world.ts';

/** The order in which three servers get to run one message each. */
async function order(seed: number): Promise<string> {
  const system = new TestSystem({ seed });
  const seen: string[] = [];
  const servers = await Promise.all(['a', 'b', 'c'].map(() => startServer(Script, [], { system: system.system })));
  servers.forEach((server, i) => {
    server.cast('run', (state) => {
      seen.push('abc'[i] as string);
      return noreply(state);
    });
  });
  await system.settle();
  await system.settle();
  return seen.join('');
}

describe('a test system', () => {
  test('repeats a run by its seed, and other seeds give every other order', async () => {
    const orders = new Set<string>();
    for (let seed = 1; seed <= 60; seed += 1) {
      const first = await order(seed);
      expect(await order(seed)).toBe(first);
      orders.add(first);
    }
    expect([...orders].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
  });

  test('finds a race that the order of production hides, and names its seed', async () => {
    const race = async (system: TestSystem): Promise<void> => {
      const probe = system.probe();
      for (const name of ['first', 'second']) {
        const server = await startServer(Script, [], { system: system.system });
        server.cast('run', (state) => {
          send(probe.pid, name);
          return noreply(state);
        });
      }
      expect(await system.assertReceive(probe)).toBe('first');
    };
    await race(new TestSystem());
    await expect(forEachSeed(race)).rejects.toThrow(/^seed \d+: /);
  });

  test('steps one message at a time, of the process that is named', async () => {
    const system = new TestSystem({ seed: 1 });
    const [a, b] = [
      await startServer(Script, [], { system: system.system, name: 'a' }),
      await startServer(Script, [], { system: system.system, name: 'b' }),
    ];
    expect(system.step()).toBe(false);
    a.cast('note', 1);
    a.cast('note', 2);
    b.cast('note', 3);
    expect(system.scheduler?.readyLabels).toEqual(['a', 'b']);
    expect(system.step('b')).toBe(true);
    expect(system.step('b')).toBe(false);
    expect(system.step('a')).toBe(true);
    expect(asProcess(a).mailboxLength).toBe(1);
    system.scheduler?.resume();
    await system.settle();
    expect(asProcess(a).mailboxLength).toBe(0);
    expect(() => new TestSystem().step()).toThrow(TypeError);
  });

  test('waits for messages on virtual time, and says what arrived instead', async () => {
    const system = new TestSystem();
    const probe = system.probe();
    probe.sendAfter('late', 5000);
    await expect(system.assertReceive(probe, undefined, { withinMs: 4999 })).rejects.toThrow('arrived: nothing');
    await expect(system.refuteReceive(probe, undefined, { forMs: 1 })).rejects.toThrow('unexpected message: "late"');
    expect(await system.assertReceive(probe)).toBe('late');
    await system.refuteReceive(probe);
    send(probe.pid, { type: 'other' });
    await expect(system.assertReceive(probe, (message) => message === 'x')).rejects.toThrow('{"type":"other"}');
  });

  test('keeps logs and events up to its bound', async () => {
    const system = new TestSystem();
    for (let i = 0; i <= ENTRIES_KEPT_MAX; i += 1) system.system.logger.info(`line ${i}`);
    expect(system.logs).toHaveLength(ENTRIES_KEPT_MAX);
    expect(system.logs[0]?.message).toBe('line 1');
    const server = await startServer(Script, [], { system: system.system });
    send(server, { type: 'x' });
    await system.settle();
    system.system.telemetry.emit('event');
    expect(system.events.at(-1)?.name).toBe('event');
  });
});
