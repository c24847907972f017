import { describe, expect, test } from 'vitest';
import { P2pError } from '../../src/p2p/errors.ts';
import type { PexAddress } from '../../src/p2p/pex-address.ts';
import {
  CRAWL_LIMITS,
  type CrawlLimits,
  type CrawlNetwork,
  type CrawlOptions,
  type CrawlPeer,
  type CrawlVisit,
  crawl,
} from '../../src/p2p/pex-crawl.ts';
import { TOPOLOGY_MESSAGE_CHARS_MAX, TopologyBuilder, topologyToDot } from '../../src/p2p/pex-topology.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { at, idOf } from './pex-rig.ts';

/** A network of nodes that know each other as told; who is not in it cannot be reached. */
class FakeWorld implements CrawlNetwork<string> {
  readonly clock: VirtualClock = new VirtualClock();
  readonly knows: Map<string, readonly PexAddress[] | 'silent' | 'stuck' | 'shy'> = new Map();
  readonly connects: { readonly id: string; readonly atMs: number }[] = [];
  readonly open: Set<string> = new Set();
  openMost = 0;
  connectMs = 10;

  async connect(address: PexAddress, signal: AbortSignal, onDialed?: () => void): Promise<CrawlPeer<string>> {
    this.connects.push({ id: address.id, atMs: this.clock.monotonicMs() });
    const knows = this.knows.get(address.id);
    if (knows === 'shy') onDialed?.();
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      if (knows !== 'stuck' && knows !== 'shy') this.clock.setTimer(resolve, this.connectMs);
    });
    if (knows === undefined) throw new P2pError('CLOSED', 'nobody there');
    const name = `${address.id}@${address.ip}`;
    this.open.add(name);
    this.openMost = Math.max(this.openMost, this.open.size);
    return {
      info: `node ${Number.parseInt(address.id, 16)}`,
      requestAddresses: () =>
        new Promise((resolve) => {
          if (knows !== 'silent') this.clock.setTimer(() => resolve(knows as readonly PexAddress[]), this.connectMs);
        }),
      close: () => void this.open.delete(name),
    };
  }

  async run(options: Partial<CrawlOptions<string>> & { readonly roots: readonly PexAddress[] }) {
    const visits: CrawlVisit<string>[] = [];
    let isDone = false;
    const running = (async () => {
      for await (const visit of crawl({ network: this, clock: this.clock, ...options })) visits.push(visit);
    })().finally(() => {
      isDone = true;
    });
    running.catch(() => {});
    await this.clock.advanceUntil(() => isDone, 100_000_000);
    await running;
    return visits;
  }
}

const node = (index: number): PexAddress => at(index, `20.${index >> 8}.${index & 0xff}.1`);
const nodes = (...indices: number[]): PexAddress[] => indices.map(node);
const summary = (visits: readonly CrawlVisit<string>[]): string[] =>
  visits.map(({ address, outcome }) => `${Number.parseInt(address.id, 16)} ${outcome}`).sort();

describe('crawl', () => {
  test('everybody who can be heard of is visited once, with the shortest way to it', async () => {
    const world = new FakeWorld();
    world.knows.set(idOf(1), nodes(2, 3));
    world.knows.set(idOf(2), nodes(1, 3, 4));
    world.knows.set(idOf(3), []);
    world.knows.set(idOf(4), nodes(5, 6));
    world.knows.set(idOf(5), 'silent');
    const visits = await world.run({ roots: nodes(1) });
    expect(summary(visits)).toEqual([
      '1 answered',
      '2 answered',
      '3 answered',
      '4 answered',
      '5 silent',
      '6 unreachable',
    ]);
    expect(visits.map(({ depth }) => depth)).toEqual([0, 1, 1, 2, 3, 3]);
    expect(visits[0]).toMatchObject({
      info: 'node 1',
      connectMs: 10,
      answerMs: 10,
      knows: nodes(2, 3),
      error: undefined,
    });
    const silent = visits.find(({ outcome }) => outcome === 'silent');
    expect(silent).toMatchObject({
      info: 'node 5',
      answerMs: undefined,
      error: { code: 'TIMEOUT', message: 'no answer in 15000 ms' },
    });
    const gone = visits.find(({ outcome }) => outcome === 'unreachable');
    expect(gone).toMatchObject({ info: undefined, connectMs: undefined, error: { code: 'CLOSED' } });
    expect(visits.at(-1)?.progress).toEqual({
      visitCount: 6,
      reachedCount: 5,
      queuedCount: 0,
      activeCount: 0,
      droppedCount: 0,
    });
    expect([world.open.size, world.clock.timerCount]).toEqual([0, 0]);
  });

  test.each([
    ['stuck', 'no connection in 700 ms'],
    ['shy', 'connected, but did not shake hands in 700 ms'],
  ] as const)('a visit that is %s ends at its deadline: %s', async (how, message) => {
    const world = new FakeWorld();
    world.knows.set(idOf(1), how);
    const [visit] = await world.run({ roots: nodes(1), connectTimeoutMs: 700 });
    expect(visit).toMatchObject({
      outcome: 'unreachable',
      error: { code: 'TIMEOUT', message },
    });
    expect(world.clock.monotonicMs()).toBe(700);
    expect(world.clock.timerCount).toBe(0);
  });

  test('a connection that comes after its deadline is closed', async () => {
    const world = new FakeWorld();
    let isClosed = false;
    const network: CrawlNetwork<string> = {
      connect: () =>
        new Promise((resolve) => {
          const close = (): void => {
            isClosed = true;
          };
          const peer = { info: 'late', requestAddresses: async () => [], close };
          world.clock.setTimer(() => resolve(peer), 2000);
        }),
    };
    const [visit] = await world.run({ roots: nodes(1), network, connectTimeoutMs: 1000 });
    expect([visit?.outcome, isClosed]).toEqual(['unreachable', false]);
    await world.clock.advance(1000);
    expect(isClosed).toBe(true);
  });

  test.each([1, 3, 8])('at most %i visits run at a time', async (concurrency) => {
    const world = new FakeWorld();
    world.knows.set(idOf(1), nodes(...Array.from({ length: 60 }, (_, index) => index + 2)));
    for (let i = 2; i < 62; i += 1) world.knows.set(idOf(i), []);
    world.connectMs = 500;
    const visits = await world.run({ roots: nodes(1), concurrency, dialIntervalMs: 0 });
    expect([visits.length, world.openMost]).toEqual([61, concurrency]);
  });

  test('a consumer that is slow holds the crawl back', async () => {
    const world = new FakeWorld();
    for (let i = 1; i <= 30; i += 1) world.knows.set(idOf(i), []);
    const roots = nodes(...Array.from({ length: 30 }, (_, index) => index + 1));
    const visits = crawl({ network: world, clock: world.clock, roots, concurrency: 4, dialIntervalMs: 0 });
    const first = visits.next();
    await world.clock.advance(10_000);
    await first;
    await world.clock.advance(10_000);
    expect(world.connects.length).toBe(5); // the 4 that fit, and one for the result that was taken
    await visits.next();
    await world.clock.advance(10_000);
    expect(world.connects.length).toBe(6);
    await visits.return();
    expect([world.open.size, world.clock.timerCount]).toEqual([0, 0]);
  });

  test('between the beginnings of two visits there is a pause', async () => {
    const world = new FakeWorld();
    const roots = nodes(...Array.from({ length: 20 }, (_, index) => index + 1));
    await world.run({ roots, dialIntervalMs: 100 });
    const gaps = world.connects.slice(1).map(({ atMs }, index) => atMs - world.connects[index]!.atMs);
    expect(Math.min(...gaps)).toBe(100);
  });

  test('one host is never visited twice at a time', async () => {
    const world = new FakeWorld();
    const roots = Array.from({ length: 10 }, (_, index) => at(index + 1, '20.1.1.1', 1000 + index));
    for (const { id } of roots) world.knows.set(id, []);
    const visits = await world.run({ roots, dialIntervalMs: 0 });
    expect([visits.length, world.openMost]).toEqual([10, 1]);
  });

  test.each([
    [15, 0],
    [16, 0],
    [17, 1],
  ])('of %i addresses of one host %i are dropped', async (count, dropped) => {
    const world = new FakeWorld();
    world.knows.set(
      idOf(1),
      Array.from({ length: count }, (_, index) => at(index + 2, '30.1.1.1', 1000 + index)),
    );
    const visits = await world.run({ roots: nodes(1) });
    expect([visits.length, visits.at(-1)?.progress.droppedCount]).toEqual([1 + count - dropped, dropped]);
  });

  test.each([
    [9, 0],
    [10, 0],
    [11, 1],
  ])('of %i addresses, 10 may be remembered: %i are dropped', async (count, dropped) => {
    const world = new FakeWorld();
    const roots = nodes(...Array.from({ length: count }, (_, index) => index + 1));
    const visits = await world.run({ roots, addressesMax: 10 });
    expect([visits.length, visits.at(-1)?.progress.droppedCount]).toEqual([count - dropped, dropped]);
  });

  test('it goes no further than depthMax', async () => {
    const world = new FakeWorld();
    for (let i = 1; i < 10; i += 1) world.knows.set(idOf(i), nodes(i + 1));
    const visits = await world.run({ roots: nodes(1), depthMax: 2 });
    expect(summary(visits)).toEqual(['1 answered', '2 answered', '3 answered']);
    expect(visits.at(-1)?.progress.droppedCount).toBe(1);
  });

  test('who was reached at one address is not visited at another', async () => {
    const world = new FakeWorld();
    world.knows.set(idOf(1), nodes(2));
    world.knows.set(idOf(2), [at(1, '66.1.1.1'), at(1, '67.1.1.1'), at(3, '68.1.1.1')]);
    const visits = await world.run({ roots: nodes(1) });
    expect(visits).toHaveLength(3);
  });

  test('who was reached while another of its addresses waited is not visited there', async () => {
    const world = new FakeWorld();
    world.knows.set(idOf(1), [at(5, '66.1.1.1'), at(5, '67.1.1.1')]);
    world.knows.set(idOf(5), []);
    const visits = await world.run({ roots: nodes(1), concurrency: 1 });
    expect([summary(visits), world.connects.length]).toEqual([['1 answered', '5 answered'], 2]);
  });

  test('who was not reached at one address is tried at the next', async () => {
    const world = new FakeWorld();
    const dead = at(5, '66.1.1.1');
    const connect = world.connect.bind(world);
    world.knows.set(idOf(1), [dead, at(5, '67.1.1.1')]);
    world.knows.set(idOf(5), []);
    world.connect = (address, signal) =>
      address.ip === dead.ip ? Promise.reject(new P2pError('CLOSED', 'no')) : connect(address, signal);
    const visits = await world.run({ roots: nodes(1) });
    expect(summary(visits)).toEqual(['1 answered', '5 answered', '5 unreachable']);
  });

  test('what strangers tell is followed only to where the internet leads, unless asked otherwise', async () => {
    const world = new FakeWorld();
    const told = [
      at(2, '10.0.0.1'),
      at(3, '127.0.0.1'),
      at(4, '0.0.0.0'),
      { ...node(5), id: 'no id' },
      { ...node(6), port: 0 },
    ];
    world.knows.set(idOf(1), told);
    expect(await world.run({ roots: [at(1, '127.0.0.1')] })).toHaveLength(1);
    expect(await world.run({ roots: [at(1, '127.0.0.1')], isStrict: false })).toHaveLength(3);
  });

  test('a signal ends it and closes what is open', async () => {
    const world = new FakeWorld();
    for (let i = 1; i <= 20; i += 1) world.knows.set(idOf(i), 'silent');
    const abort = new AbortController();
    world.clock.setTimer(() => abort.abort(), 500);
    const roots = nodes(...Array.from({ length: 20 }, (_, index) => index + 1));
    const visits = await world.run({ roots, signal: abort.signal });
    expect([visits.length, world.open.size, world.clock.timerCount]).toEqual([0, 0, 0]);
    expect(await world.run({ roots, signal: AbortSignal.abort() })).toEqual([]);
  });

  test('without roots there is nothing to do', async () => {
    expect(await new FakeWorld().run({ roots: [] })).toEqual([]);
  });

  test.each(Object.entries(CRAWL_LIMITS))('option %s is held to its range', async (name, [, least, most]) => {
    for (const value of [least - 1, most + 1, 0.5, Number.NaN]) {
      const options = { [name]: value } as Partial<CrawlLimits>;
      const visits = crawl({ network: new FakeWorld(), roots: [], ...options });
      await expect(visits.next(), `${name} ${value}`).rejects.toThrow(`option ${name} is`);
    }
    for (const value of [least, most]) {
      const visits = crawl({ network: new FakeWorld(), roots: [], [name]: value });
      expect(await visits.next()).toMatchObject({ done: true });
    }
  });
});

describe('the picture of a crawl', () => {
  test('has who was visited, who was only told of, and the arrows between', async () => {
    const world = new FakeWorld();
    world.knows.set(idOf(1), nodes(2, 2, 9));
    world.knows.set(idOf(2), nodes(1));
    const builder = new TopologyBuilder<string>();
    for (const visit of await world.run({ roots: nodes(1), depthMax: 1 })) builder.add(visit);
    const topology = builder.topology();
    expect(topology).toMatchObject({
      nodes: [
        { id: idOf(1), address: `${idOf(1)}@20.0.1.1:26656`, outcome: 'answered', knows: [idOf(2), idOf(9)] },
        { id: idOf(2), outcome: 'answered', depth: 1, knows: [idOf(1)] },
        { id: idOf(9), outcome: 'unreachable', knows: [] },
      ],
      unvisited: [],
      edgeCount: 3,
    });
    expect(JSON.parse(JSON.stringify(topology)).nodes).toHaveLength(3);
    const dot = topologyToDot(topology, ({ info }) => info ?? '?');
    expect(dot).toContain(`"${idOf(1)}" [label="node 1", fillcolor=palegreen];`);
    expect(dot).toContain(`"${idOf(1)}" -> "${idOf(2)}";`);
    expect(dot.match(/->/g)).toHaveLength(3);
  });

  test('who was told of beyond the end of the crawl is listed', () => {
    const builder = new TopologyBuilder<string>();
    const progress = { visitCount: 1, reachedCount: 1, queuedCount: 0, activeCount: 0, droppedCount: 0 };
    const base = { address: node(1), depth: 0, info: 'x', connectMs: 1, answerMs: 1, error: undefined, progress };
    builder.add({ ...base, outcome: 'answered', knows: nodes(4) });
    builder.add({ ...base, outcome: 'unreachable', info: undefined, knows: [] });
    expect(builder.topology()).toMatchObject({ unvisited: [idOf(4)], nodes: [{ outcome: 'answered' }] });
  });

  test('says why a node did not answer, with the code of the error where it has one', () => {
    const builder = new TopologyBuilder<string>();
    const progress = { visitCount: 1, reachedCount: 1, queuedCount: 0, activeCount: 0, droppedCount: 0 };
    const base = { depth: 0, info: undefined, connectMs: undefined, answerMs: undefined, knows: [], progress };
    builder.add({
      ...base,
      address: node(1),
      outcome: 'unreachable',
      error: new P2pError('TIMEOUT', 'no\n\u001b[31m'),
    });
    builder.add({ ...base, address: node(2), outcome: 'silent', error: new Error('boom') });
    builder.add({ ...base, address: node(3), outcome: 'answered', error: undefined });
    expect(builder.topology().nodes.map(({ error }) => error)).toEqual([
      { code: 'TIMEOUT', message: 'no ?[31m' },
      { code: undefined, message: 'Error: boom' },
      undefined,
    ]);
  });

  test.each([
    [TOPOLOGY_MESSAGE_CHARS_MAX - 1, TOPOLOGY_MESSAGE_CHARS_MAX - 1],
    [TOPOLOGY_MESSAGE_CHARS_MAX, TOPOLOGY_MESSAGE_CHARS_MAX],
    [TOPOLOGY_MESSAGE_CHARS_MAX + 1, TOPOLOGY_MESSAGE_CHARS_MAX],
  ])('a reason of %i characters is shown with %i', (given, shown) => {
    const builder = new TopologyBuilder<string>();
    const progress = { visitCount: 1, reachedCount: 0, queuedCount: 0, activeCount: 0, droppedCount: 0 };
    const base = { depth: 0, info: undefined, connectMs: undefined, answerMs: undefined, knows: [], progress };
    const error = new P2pError('CLOSED', 'x'.repeat(given));
    builder.add({ ...base, address: node(1), outcome: 'unreachable', error });
    const message = builder.topology().nodes[0]?.error?.message ?? '';
    expect([message.length, message.endsWith('…')]).toEqual([shown, given > shown]);
  });

  test('a name made up by a stranger cannot leave its quotes, and is cut', () => {
    const builder = new TopologyBuilder<string>();
    const progress = { visitCount: 1, reachedCount: 1, queuedCount: 0, activeCount: 0, droppedCount: 0 };
    const info = `"]; evil [label="\\\n\u001b[31m${'x'.repeat(200)}`;
    builder.add({
      address: node(1),
      outcome: 'answered',
      depth: 0,
      info,
      connectMs: 1,
      answerMs: 1,
      knows: [],
      error: undefined,
      progress,
    });
    const dot = topologyToDot(builder.topology(), (each) => each.info ?? '');
    const line = dot.split('\n')[2]!;
    expect(line).toContain('[label="\\"]; evil [label=\\"\\\\??[31mxxx');
    expect(line).toMatch(/x…", fillcolor=palegreen\];$/);
    expect(dot.split('\n')).toHaveLength(5);
  });
});
