import { describe, expect, test } from 'vitest';
import { asProcess, exit, send } from '../../src/actors/process.ts';
import type { OverflowPolicy } from '../../src/actors/process-extras.ts';
import { noreply, reply } from '../../src/actors/results.ts';
import { getStatus, resume, suspend } from '../../src/actors/sys.ts';
import { refusal, type ScriptRef, World } from '../otp/world.ts';

/** A server whose mailbox does not move: suspended, with room for three messages. */
async function stuck(world: World, onFull: OverflowPolicy): Promise<ScriptRef> {
  const server = await world.script({}, { mailbox: { capacity: 3, onFull } });
  await world.drive(suspend(server));
  return server;
}

describe('a bounded mailbox', () => {
  test('takes as many messages as its capacity and refuses the next call with MAILBOX_FULL', async () => {
    const world = new World(undefined);
    const server = await stuck(world, 'refuse');
    server.cast('note', 1);
    server.cast('note', 2);
    const third = server.call('note', 3);
    const fourth = await refusal(server.call('note', 4));
    expect(fourth).toMatchObject({ code: 'MAILBOX_FULL', reason: 3 });
    await world.drive(resume(server));
    expect(await world.drive(third)).toBe(3);
    expect(await world.drive(server.call('seen'))).toEqual([1, 2, 3]);
  });

  test('drops and counts a cast that does not fit, and never throws at its sender', async () => {
    const world = new World(undefined);
    const server = await stuck(world, 'drop_newest');
    for (const value of [1, 2, 3, 4, 5]) expect(server.cast('note', value)).toBeUndefined();
    expect((await world.drive(getStatus(server))).droppedCount).toBe(2);
    await world.drive(resume(server));
    expect(await world.drive(server.call('seen'))).toEqual([1, 2, 3]);
  });

  test('with drop_oldest makes room by the oldest cast, never by a call', async () => {
    const world = new World(undefined);
    const server = await stuck(world, 'drop_oldest');
    const kept = server.call('note', 'call');
    server.cast('note', 1);
    server.cast('note', 2);
    server.cast('note', 3);
    const last = server.call('note', 4);
    await world.drive(resume(server));
    expect(await world.drive(kept)).toBe('call');
    expect(await world.drive(last)).toBe(4);
    expect(await world.drive(server.call('seen'))).toEqual(['call', 3, 4]);
    expect((await world.drive(getStatus(server))).droppedCount).toBe(2);
  });

  test('with drop_oldest refuses a call when only calls wait', async () => {
    const world = new World(undefined);
    const server = await stuck(world, 'drop_oldest');
    const waiting = [1, 2, 3].map((value) => server.call('note', value));
    expect((await refusal(server.call('note', 4))).code).toBe('MAILBOX_FULL');
    await world.drive(resume(server));
    expect(await world.drive(Promise.all(waiting))).toEqual([1, 2, 3]);
  });

  test('takes down and exit messages whatever its length', async () => {
    const world = new World(undefined);
    const server = await stuck(world, 'refuse');
    const other = await world.script();
    asProcess(server).trapExit(true);
    asProcess(server).link(other);
    asProcess(server).monitor(other);
    for (const value of [1, 2, 3]) server.cast('note', value);
    exit(other, 'boom');
    await world.drive(resume(server));
    const seen = await world.drive(server.call('seen'));
    expect(seen).toMatchObject([1, 2, 3, { type: 'down' }, { type: 'exit' }]);
  });

  test('needs a capacity of at least 1', async () => {
    const world = new World(undefined);
    const error = await refusal(world.script({}, { mailbox: { capacity: 0 } }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain('mailbox.capacity');
    expect(world.system.processCount).toBe(0);
  });
});

describe('the order of messages', () => {
  test('an urgent message comes before all ordinary ones and behind urgent ones before it', async () => {
    const world = new World(undefined);
    const server = await world.script();
    server.cast('note', 1);
    server.cast('note', 2);
    const urgent = server.call('note', 'urgent 1', { isUrgent: true });
    send(server, { type: 'urgent 2' }, { isUrgent: true });
    await world.drive(urgent);
    expect(await world.drive(server.call('seen'))).toEqual(['urgent 1', { type: 'urgent 2' }, 1, 2]);
  });

  test('an urgent message waits while the process is suspended, a sys request does not', async () => {
    const world = new World(undefined);
    const server = await world.script();
    await world.drive(suspend(server));
    const urgent = server.call('note', 'urgent', { isUrgent: true });
    expect((await world.drive(getStatus(server))).mailboxLength).toBe(1);
    await world.drive(resume(server));
    expect(await world.drive(urgent)).toBe('urgent');
  });

  test('a process with more than a turn of messages lets others in between', async () => {
    const world = new World(undefined);
    const order: string[] = [];
    const busy = await world.script();
    const other = await world.script();
    for (let i = 0; i < 200; i += 1) {
      busy.cast('run', (state) => {
        order.push('busy');
        return noreply(state);
      });
    }
    other.cast('run', (state) => {
      order.push('other');
      return noreply(state);
    });
    await world.settle();
    expect(order.indexOf('other')).toBe(64);
    expect(order).toHaveLength(201);
  });

  test('an async handler holds the messages of its own process and of no other', async () => {
    const world = new World(undefined);
    const server = await world.script();
    let release: () => void = () => {};
    const held = server.call('run', async (state) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return reply('held', state);
    });
    const behind = server.call('note', 'behind');
    const other = await world.script();
    expect(await world.drive(other.call('note', 'free'))).toBe('free');
    expect(asProcess(server).mailboxLength).toBe(1);
    release();
    expect(await world.drive(held)).toBe('held');
    expect(await world.drive(behind)).toBe('behind');
  });
});
