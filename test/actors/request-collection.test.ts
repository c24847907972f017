import { describe, expect, test } from 'vitest';
import { GenServer } from '../../src/actors/gen-server.ts';
import { Registry } from '../../src/actors/registry.ts';
import type { From } from '../../src/actors/request.ts';
import { RequestCollection, sendRequest } from '../../src/actors/request-collection.ts';
import { noreply } from '../../src/actors/results.ts';
import type { ScriptRef } from '../otp/world.ts';
import { World } from '../otp/world.ts';

/** Sends `count` requests that `server` keeps unanswered. */
async function keep(
  world: World,
  server: ScriptRef,
  count: number,
): Promise<[RequestCollection<number>, From<unknown>[]]> {
  const kept: From<unknown>[] = [];
  const collection = new RequestCollection<number>();
  const run = (state: never, from: From<unknown>): unknown => {
    kept.push(from);
    return noreply(state);
  };
  for (let label = 0; label < count; label += 1) collection.send(label, server, 'run', run);
  await world.settle();
  return [collection, kept];
}

describe('a collection of requests', () => {
  test('gives responses in the order they came, not in that of the requests', async () => {
    const world = new World(undefined);
    const [collection, kept] = await keep(world, await world.script(), 4);
    for (const label of [2, 0, 3]) kept[label]?.reply(`r${label}`);
    const labels: unknown[] = [];
    for (let i = 0; i < 3; i += 1) labels.push(await collection.receive());
    expect(labels).toEqual([2, 0, 3].map((label) => ({ label, response: { reply: `r${label}` } })));
    expect(collection.size).toBe(1);
  });

  test('takes 5000 responses, one at a time', async () => {
    const world = new World(undefined);
    let answered = 0;
    const [collection, kept] = await keep(world, await world.script(), 5000);
    for (const from of kept) {
      const next = collection.receive();
      answered += from.reply('answer') ? 1 : 0;
      expect((await next)?.response).toEqual({ reply: 'answer' });
    }
    expect([answered, collection.size]).toEqual([5000, 0]);
  });

  test('keeps its requests after a wait and abandons them after a receive', async () => {
    const world = new World(undefined);
    const [collection, kept] = await keep(world, await world.script(), 2);
    expect(await world.drive(collection.wait(10))).toBeUndefined();
    expect(collection.size).toBe(2);
    kept[1]?.reply('late');
    expect(await collection.wait(10)).toEqual({ label: 1, response: { reply: 'late' } });
    expect(await world.drive(collection.receive(10))).toBeUndefined();
    expect(collection.size).toBe(0);
    expect(kept[0]?.reply('too late')).toBe(false);
    expect(await collection.receive(10)).toBeUndefined();
  });

  test('is waited for by one at a time, and with a timeout that is one', async () => {
    const world = new World(undefined);
    const [collection, kept] = await keep(world, await world.script(), 1);
    await expect(collection.wait(-1)).rejects.toThrow('timeoutMs is -1');
    await expect(collection.receive(Number.NaN)).rejects.toBeInstanceOf(RangeError);
    const first = collection.receive();
    await expect(collection.receive()).rejects.toThrow('waiting already');
    kept[0]?.reply(1);
    expect(await first).toEqual({ label: 0, response: { reply: 1 } });
  });

  test('takes a request that has its response already, and one twice as one', async () => {
    const world = new World(undefined);
    const id = sendRequest(await world.script(), 'get');
    await id.wait();
    const collection = new RequestCollection<string>().add(id, 'a').add(id, 'b');
    expect(await collection.receive()).toEqual({ label: 'b', response: { reply: undefined } });
    expect(await collection.receive()).toBeUndefined();
  });
});

describe('a request', () => {
  test('names the via that nobody is behind', async () => {
    const world = new World(undefined);
    const registry = await Registry.startLink<string>({ system: world.system, name: 'shops' });
    const response = await sendRequest(registry.via('bakery'), 'get').wait();
    expect(response).toMatchObject({ error: { code: 'NOPROC', message: 'call get to shops:bakery: no process' } });
  });

  test('refuses a timeout that is none', async () => {
    const world = new World(undefined);
    const id = sendRequest(await world.script(), 'run', noreply);
    await expect(id.wait(-1)).rejects.toBeInstanceOf(RangeError);
    await expect(id.receive(Number.NaN)).rejects.toBeInstanceOf(RangeError);
    expect(await world.drive(id.receive(1))).toBeUndefined();
  });
});

test('the Elixir shape refuses a timeout that is none', async () => {
  const world = new World(undefined);
  const server = await world.script();
  await expect(GenServer.multiCall([world.system], 'nobody', 'get', -1)).rejects.toThrow('timeoutMs is -1');
  await expect(GenServer.call(server, ['get'], 'soon' as never)).rejects.toThrow('timeoutMs is soon');
});
