/** Who serves what, and what a node tells while it runs. */
import { describe, expect, it } from 'vitest';
import { GenServer } from '../../src/actors/gen-server.ts';
import { exit, type Pid } from '../../src/actors/process.ts';
import type { CallHandlers } from '../../src/actors/protocol.ts';
import { reply } from '../../src/actors/results.ts';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { defineMessage } from '../../src/codec/message.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { struct } from '../../src/codec/schema.ts';
import { builtInServices, Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { on, type ServiceProtocol, service } from '../../src/p2p/service.ts';
import { eventsOf, findNode, World } from './node-rig.ts';

describe('subscriptions', () => {
  class Answerer extends GenServer<number, ServiceProtocol> {
    init(): number {
      return 0;
    }
    override readonly handleCall: CallHandlers<number, ServiceProtocol> = {
      Ping: (_request: unknown, count: number) => reply(Ok.of({}), count + 1),
    };
  }

  it('an id twice is refused, also for the same server, unless replaced', async () => {
    const world = new World();
    const a = await world.node('a', { hasServices: false });
    const [first, second] = [await Answerer.start(), await Answerer.start()] as unknown as [Pid, Pid];
    a.subscribe(Ping, first);
    expect(a.subscriber(Ping)).toBe(first);
    const refusal = expect.objectContaining({ code: 'ALREADY_SUBSCRIBED' });
    expect(() => a.subscribe(Ping, second)).toThrow(refusal);
    expect(() => a.subscribe(Ping.id, first)).toThrow(refusal);
    a.subscribe(Ping, second, { replace: true });
    expect(a.subscriber(Ping.id)).toBe(second);
    expect(a.unsubscribe(Ping, first)).toBe(false);
    expect(a.unsubscribe(Ping, second)).toBe(true);
    expect(a.subscriber(Ping)).toBeUndefined();
    for (const pid of [first, second]) exit(pid, 'kill');
    await world.stop();
  });

  it('a dead server cannot subscribe, and a message outside the catalog is a RangeError', async () => {
    const world = new World();
    const a = await world.node('a', { hasServices: false });
    const server = (await Answerer.start()) as unknown as Pid;
    exit(server, 'kill');
    expect(() => a.subscribe(Ping, server)).toThrow(expect.objectContaining({ code: 'NOPROC' }));
    expect(() => a.subscribe(99, server)).toThrow(new RangeError("message id 99 is not in the node's catalog"));
    await world.stop();
  });

  it('a service with a message outside the catalog, by id or by name, is a RangeError and leaves nothing', async () => {
    const world = new World();
    const a = await world.node('a', { hasServices: false, messages: archethicMessages as unknown as MessageCatalog });
    const count = world.systemOf(a).processCount;
    const ping = on(Ping, () => Ok.of({}));
    const echo = on(Echo, ({ fields }) => Echoed.of({ bytes: fields.bytes }));
    await expect(a.startService(service('echo', [ping, echo]))).rejects.toThrow(
      new RangeError("message id 200 is not in the node's catalog"),
    );
    const Impostor = defineMessage('Impostor', Ping.id, struct({}));
    await expect(a.startService(service('impostor', [on(Impostor, () => Ok.of({}))]))).rejects.toThrow(
      new RangeError(`message Impostor is not in the node's catalog, where id ${Ping.id} is Ping`),
    );
    expect(a.subscriber(Ping)).toBeUndefined();
    expect(world.systemOf(a).processCount).toBe(count);
    expect(builtInServices(a).map(({ id }) => id)).toEqual(['ping', 'nodes', 'chain']);
    await world.stop();
  });

  it('a service with the id of a running one, or with a message that is taken, is refused and leaves nothing', async () => {
    const world = new World();
    const a = await world.node('a');
    const count = world.systemOf(a).processCount;
    const ping = on(Ping, () => Ok.of({}));
    await expect(a.startService(service('ping', []))).rejects.toMatchObject({ code: 'ALREADY_SUBSCRIBED' });
    await expect(a.startService(service('other', [ping]))).rejects.toMatchObject({ code: 'ALREADY_SUBSCRIBED' });
    expect(world.systemOf(a).processCount).toBe(count);
    expect(await a.stopService('ping')).toBe(true);
    expect(await a.stopService('ping')).toBe(false);
    expect(a.subscriber(Ping)).toBeUndefined();
    await a.startService(service('ping', [ping]));
    expect(a.subscriber(Ping)).toBeDefined();
    await world.stop();
  });

  it('a service started twice at the same moment runs once', async () => {
    const world = new World();
    const a = await world.node('a', { hasServices: false });
    const results = await Promise.allSettled([a.startService(service('s', [])), a.startService(service('s', []))]);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(findNode(a, 'services')?.children).toHaveLength(1);
    expect(await a.stopService('s')).toBe(true);
    expect(findNode(a, 'services')?.children).toHaveLength(0);
    await world.stop();
  });
});

describe.each(WIRES)('events, wire %s', (wire) => {
  it('tell of listening, connections, failed dials and ends; a listener that throws disturbs nobody', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a', { logger: new World().logger }), await world.node('b')];
    a.on('connected', () => {
      throw new Error('listener');
    });
    const events = eventsOf(a);
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    await world.wait(b.stop());
    await world.clock.advance(1000);
    const facts = { publicKey: b.publicKey, remoteAddress: 'memory://b:1' };
    expect(events.slice(0, 3)).toMatchObject([
      { name: 'connected', value: facts },
      { name: 'disconnected', value: facts },
      { name: 'dialFailed', value: { publicKey: b.publicKey, reason: { code: 'CONNECTION_REFUSED' } } },
    ]);
    await world.stop();
    expect(events.at(-1)).toMatchObject({ name: 'stopped' });
  });

  it('are no longer told after the returned function was called', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    let count = 0;
    const unsubscribe = a.on('connected', () => {
      count += 1;
    });
    unsubscribe();
    await world.wait((await a.connect(b.peer)).connected());
    expect(count).toBe(0);
    await world.stop();
  });
});
