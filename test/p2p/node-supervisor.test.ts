import { describe, expect, it } from 'vitest';
import { ActorSystem } from '../../src/actors/system.ts';
import { GetBootstrappingNodes, ListNodes, Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import type { MessageValue } from '../../src/codec/message.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import { NODE_LIMITS, type NodeLimits, type NodeOptions, WIRES } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { on, service } from '../../src/p2p/service.ts';
import { eventsOf, findNode, findPid, NODE_PARTS, outcomeOf, World } from './node-rig.ts';

const bytes = Uint8Array.of(1, 2, 3);
const SECP_KEY = new World().key({ curve: 'secp256r1' });
/** What plain JavaScript may pass as a timeout. */
const NO_TIMEOUTS = [null, '5', 1.5] as unknown as readonly number[];

describe.each(WIRES)('the start and the stop of a node, wire %s', (wire) => {
  it('brings the parts up in order, and formatTree shows them', async () => {
    const world = new World({ wire });
    const node = await world.node('a');
    expect(node.tree().children.map((child) => child.id)).toEqual(NODE_PARTS[wire]);
    const ids = node.tree().children.map((child) => child.pid as number);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    const text = node.formatTree();
    expect(text.split('\n')[0]).toMatch(/^node {2}NodeSupervisor<\d+>$/);
    const last =
      wire === 'archethic' ? /\n'- listener {2}Listener<8> {2}/ : /\n {3}'- listener {2}SwitchListener<12> {2}/;
    expect(text).toMatch(new RegExp(`${last.source}at=memory://a:1 {2}open=0$`));
    await world.stop();
  });

  it('stops the parts in reverse order and leaves no process and no timer', async () => {
    const world = new World({ wire });
    const node = await world.node('a');
    const other = await world.node('b');
    const remote = await node.connect(other.peer);
    await world.wait(remote.connected());
    const order: string[] = [];
    for (const id of NODE_PARTS[wire]) {
      (findPid(node, id) as unknown as { onExit(hook: () => void): void }).onExit(() => void order.push(id));
    }
    const system = world.systemOf(node);
    await world.wait(node.stop());
    expect(order).toEqual([...NODE_PARTS[wire]].reverse());
    expect(system.processCount).toBe(0);
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
    expect(world.network.connectionCount).toBe(0);
  });

  it('a second stop does nothing, and the stopped event comes once with its reason', async () => {
    const world = new World({ wire });
    const node = await world.node('a');
    const events = eventsOf(node);
    await world.wait(node.stop());
    await world.wait(node.stop());
    expect(events).toEqual([{ name: 'stopped', value: { reason: 'shutdown' } }]);
  });

  it('a node without listen has no address, and nobody can dial it', async () => {
    const world = new World({ wire });
    const node = await world.node('a', { isListening: false });
    expect(node.address).toBeUndefined();
    expect(() => node.peer).toThrow(expect.objectContaining({ code: 'PEER_INVALID' }));
    expect(node.formatTree()).not.toContain('istener<');
    await world.stop();
  });

  it('an address in use refuses the start with ADDRESS_IN_USE and leaves nothing running', async () => {
    const world = new World({ wire });
    const first = await world.node('a');
    const failed = outcomeOf(world.node('a'));
    await world.clock.advanceUntil(() => failed.isSettled);
    expect(failed).toMatchObject({ code: 'ADDRESS_IN_USE' });
    const timers = world.clock.timerCount;
    expect(timers).toBe(1); // the first node's directory looks for silence
    expect(first.pid.isAlive).toBe(true);
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it('after a stop every call, connect, disconnect, subscription and service start says STOPPED', async () => {
    const world = new World({ wire });
    const node = await world.node('a');
    const other = await world.node('b');
    const remote = await node.connect(other.peer);
    await world.wait(node.stop());
    const outcomes = [
      outcomeOf(remote.call(Ping, {})),
      outcomeOf(remote.connected()),
      outcomeOf(node.connect(other.peer)),
      outcomeOf(node.disconnect(other.publicKey)),
      outcomeOf(node.startService(service('late', [on(Ping, () => Ok.of({}))]))),
    ];
    await world.clock.settle();
    expect(outcomes.map((outcome) => outcome.code)).toEqual(['STOPPED', 'STOPPED', 'STOPPED', 'STOPPED', 'STOPPED']);
    expect(await node.stopService('ping')).toBe(false);
    expect(() => node.subscribe(Ping, other.pid)).toThrow(
      expect.objectContaining({ name: 'P2pError', code: 'STOPPED' }),
    );
    expect(() => node.subscribe(Ping, node.pid)).toThrow(
      expect.objectContaining({ name: 'P2pError', code: 'STOPPED' }),
    );
    expect(node.unsubscribe(Ping, other.pid)).toBe(false);
    expect(node.subscriber(Ping)).toBeUndefined();
    await world.stop();
  });

  it('a stop ends calls under way with STOPPED', async () => {
    const world = new World({ wire });
    const node = await world.node('a');
    const other = await world.silent('b');
    const remote = await node.connect(other.peer);
    await world.wait(remote.connected());
    const inFlight = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    expect(remote.stats().inFlight).toBe(1);
    await world.wait(node.stop());
    expect(inFlight.code).toBe('STOPPED');
  });
});

describe('the options of a node', () => {
  const start = (options: object): Promise<unknown> =>
    NodeSupervisor.startLink({ identity: new World().key(), ...options } as NodeOptions);

  it.each(Object.keys(NODE_LIMITS) as (keyof NodeLimits)[])(
    '%s is refused just outside its range, naming option, value and range',
    async (name) => {
      const [standard, least, most] = NODE_LIMITS[name];
      expect(standard).toBeGreaterThanOrEqual(least);
      expect(standard).toBeLessThanOrEqual(most);
      const message = (value: unknown): string =>
        `option ${name} is ${value}: expected an integer from ${least} to ${most}`;
      for (const value of [least - 1, most + 1, least + 0.5]) {
        await expect(start({ [name]: value })).rejects.toThrow(new RangeError(message(value)));
      }
      for (const value of ['7', null]) await expect(start({ [name]: value })).rejects.toThrow(RangeError);
    },
  );

  it.each(Object.keys(NODE_LIMITS) as (keyof NodeLimits)[])(
    '%s is accepted at both ends of its range, on either wire',
    async (name) => {
      const [, least, most] = NODE_LIMITS[name];
      for (const wire of WIRES) {
        const world = new World({ wire });
        for (const [host, value] of [
          ['a', least],
          ['b', most],
        ] as const) {
          const node = await world.node(host, { [name]: value, hasServices: false });
          expect(node.pid.isAlive).toBe(true);
        }
        await world.stop();
      }
    },
  );

  it.each<[string, object, string]>([
    ['an unknown option', { pingMs: 1 }, 'option pingMs is not known'],
    ['another wire', { wire: 'pigeon' }, 'option wire is pigeon: expected one of mconnection, archethic'],
    ['an identity that is no key pair', { identity: 'key' }, 'option identity is not a KeyPair'],
    ['messages that are no catalog', { messages: [] }, 'option messages is not a MessageCatalog'],
    [
      'a key of another curve',
      { identity: SECP_KEY },
      'option identity is of curve secp256r1: expected ed25519 on wire mconnection; wire archethic takes it',
    ],
  ])('%s is refused by name', async (_name, options, message) => {
    await expect(start(options)).rejects.toThrow(message);
  });

  it.each<[string, unknown, string]>([
    ['messages', null, 'a MessageCatalog'],
    ['system', {}, 'an ActorSystem'],
    ['system', null, 'an ActorSystem'],
    ['telemetry', { emit: () => {} }, 'a Telemetry'],
    ['clock', {}, 'a Clock: it has no method monotonicMs'],
    ['clock', null, 'a Clock'],
    ['random', 3, 'a Random'],
    ['random', { bytes: () => {} }, 'a Random: it has no method float'],
    ['logger', 3, 'a Logger'],
    ['logger', null, 'a Logger'],
    ['logger', { info: () => {} }, 'a Logger: it has no method debug'],
    ['engine', 5, 'a CryptoEngine'],
    ['engine', { hash: () => {} }, 'a CryptoEngine: it has no method sign'],
    ['transports', 5, 'a list of Transports'],
    ['transports', null, 'a list of Transports'],
    ['reactors', {}, 'a list'],
    ['sealed', 'yes', 'a boolean'],
    ['network', 7, 'text'],
  ])('option %s of the wrong kind, %j, is a TypeError that names it', async (name, value, kind) => {
    await expect(start({ [name]: value })).rejects.toThrow(new TypeError(`option ${name} is not ${kind}`));
  });

  it.each<[unknown, string]>([
    [5, 'a Transport'],
    [null, 'a Transport'],
    [{ scheme: 'tcp', dial: () => {} }, 'a Transport: it has no method listen'],
    [{ dial: () => {}, listen: () => {} }, 'a Transport: it has no scheme'],
  ])('the transport %j is a TypeError that names its place', async (value, kind) => {
    const transports = [new World().transport('a'), value];
    await expect(start({ transports })).rejects.toThrow(new TypeError(`option transports[1] is not ${kind}`));
  });

  it.each([5, null, true, {}, { scheme: 'tcp', host: 'a' }, { scheme: 'tcp', host: 5, port: 1 }])(
    'listen: %j is a TypeError that names it',
    async (listen) => {
      const started = start({ listen });
      await expect(started).rejects.toThrow(TypeError);
      await expect(started).rejects.toThrow(/^option listen is .+: expected tcp:/);
    },
  );

  it('no options at all is a TypeError', async () => {
    await expect(NodeSupervisor.startLink(undefined as unknown as NodeOptions)).rejects.toThrow(
      new TypeError('the options are not an object'),
    );
  });

  it('an address in parts to listen at must be one', async () => {
    const listen = { scheme: 'tcp', host: '127.0.0.1', port: Number.NaN };
    await expect(start({ listen })).rejects.toMatchObject({ code: 'ADDRESS_INVALID' });
  });

  it('a logger that throws disturbs nobody', async () => {
    const world = new World({ wire: 'archethic' });
    const fail = (): void => {
      throw new Error('disk full');
    };
    const logger = { debug: fail, info: fail, warn: fail, error: fail };
    const a = await world.node('a', { logger, system: new ActorSystem({ clock: world.clock, logger }) });
    const b = await world.node('b');
    const raw = await world.dial('raw', a.address);
    raw.frame(Uint8Array.of(1, 2, 3)); // no envelop: a fault, which is logged
    const remote = await a.connect(b.peer);
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    expect(a.stats().faultsByCode).not.toEqual({});
    expect(a.pid.isAlive).toBe(true);
    await world.stop();
  });

  it('an address to listen at that does not parse is ADDRESS_INVALID', async () => {
    await expect(start({ listen: 'tcp//x' })).rejects.toMatchObject({ code: 'ADDRESS_INVALID' });
    await expect(start({ listen: 'memory://a:1' })).rejects.toMatchObject({ code: 'ADDRESS_INVALID' });
  });
});

describe.each(WIRES)('remotes, wire %s', (wire) => {
  it('connect gives the same remote again, remote finds it, disconnect forgets it', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    expect(remote.publicKey.equals(b.publicKey)).toBe(true);
    expect(remote.peer).toEqual(b.peer);
    await world.wait(remote.connected());
    const again = await a.connect({ publicKey: b.publicKey.hex, address: 'memory://b:1' });
    expect(again.stats().connections).toBe(1);
    expect(a.remotes()).toHaveLength(1);
    expect(a.remote(b.publicKey)?.state).toBe('connected');
    expect(await world.wait(a.disconnect(b.publicKey))).toBe(true);
    expect(remote.state).toBe('stopped');
    expect(a.remote(b.publicKey)).toBeUndefined();
    expect(findNode(a, 'remotes')?.children).toEqual([]);
    expect(await world.wait(a.disconnect(b.publicKey))).toBe(false);
    await world.stop();
  });

  it('disconnect ends calls in flight and queued with STOPPED, and later ones at once', async () => {
    const world = new World({ wire });
    const a = await world.node('a', { maxInFlight: 1 });
    const b = await world.silent('b');
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    const calls = [outcomeOf(remote.call(Ping, {})), outcomeOf(remote.call(Ping, {}))];
    await world.clock.settle();
    expect(remote.stats()).toMatchObject({ inFlight: 1, queueLength: 1 });
    await world.wait(a.disconnect(remote.publicKey));
    const late = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    expect([...calls, late].map((call) => call.code)).toEqual(['STOPPED', 'STOPPED', 'STOPPED']);
    await world.stop();
  });

  it('its own key is refused as a peer, and so is a line that does not parse', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    await expect(a.connect(a.peer)).rejects.toMatchObject({ code: 'PEER_INVALID' });
    await expect(a.connect('tcp://nowhere')).rejects.toMatchObject({ code: 'PEER_INVALID' });
    await world.stop();
  });

  it('remotesMax n: n are taken, one more is REMOTES_MAX, and there is room again after a disconnect', async () => {
    const world = new World({ wire });
    const a = await world.node('a', { remotesMax: 2 });
    const keys = [world.key(), world.key(), world.key()].map((key) => key.publicKey);
    const connect = (i: number): Promise<unknown> => a.connect({ publicKey: keys[i]!, address: 'memory://none:1' });
    await connect(0);
    await connect(1);
    await expect(connect(2)).rejects.toMatchObject({ code: 'REMOTES_MAX' });
    await connect(1);
    await world.wait(a.disconnect(keys[0]!));
    await connect(2);
    expect(a.remotes()).toHaveLength(2);
    await world.stop();
  });

  it('connected rejects with TIMEOUT at its timeout, and with STOPPED when the remote is given up', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    const remote = await a.connect({ publicKey: world.key().publicKey, address: 'memory://none:1' });
    const waiting = outcomeOf(remote.connected({ timeoutMs: 700 }));
    await world.clock.advance(699);
    expect(waiting.isSettled).toBe(false);
    await world.clock.advance(1);
    expect(waiting.code).toBe('TIMEOUT');
    const givenUp = outcomeOf(remote.connected({ timeoutMs: 60_000 }));
    await world.wait(a.disconnect(remote.publicKey), 1000);
    await world.clock.settle();
    expect(givenUp.code).toBe('STOPPED');
    const after = outcomeOf(remote.connected());
    await world.clock.settle();
    expect(after.code).toBe('STOPPED');
    await world.stop();
  });

  it('connected refuses a timeout out of range', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    const remote = await a.connect({ publicKey: world.key().publicKey, address: 'memory://none:1' });
    for (const timeoutMs of [0, -1, Number.NaN, 3_600_001, ...NO_TIMEOUTS]) {
      await expect(remote.connected({ timeoutMs })).rejects.toThrow(RangeError);
    }
    await world.stop();
  });

  it('a remote whose address was learnt elsewhere is dialled by a call to its key', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    await world.wait(a.disconnect((await a.connect(b.peer)).publicKey));
    expect(a.remote(b.publicKey)).toBeUndefined();
    expect(await world.wait(a.call(b.publicKey, Ping, {}))).toMatchObject({ name: 'Ok' });
    expect(a.remote(b.publicKey)?.state).toBe('connected');
    await world.stop();
  });
});

describe.each(WIRES)('calls, wire %s', (wire) => {
  it('are answered with the reply the request declares', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    const echoed = await world.wait(remote.call(Echo, { bytes }));
    expect(echoed.name === 'Echoed' && echoed.fields.bytes).toEqual(bytes);
    const list = await world.wait(remote.call(ListNodes, { authorizedAndAvailable: false }));
    expect(list.name === 'NodeList' && Array.isArray(list.fields.nodes)).toBe(true);
    expect(remote.stats()).toMatchObject({ calls: 3, answered: 3, sent: 3, errors: 0, timeouts: 0, inFlight: 0 });
    expect(b.stats()).toMatchObject({ requestsReceived: 3, requestsAnswered: 3, faults: 0, inboundOpen: 1 });
    await world.stop();
  });

  it('with a key nobody is known by are UNKNOWN_NODE at once', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    const call = outcomeOf(a.call(world.key().publicKey, Ping, {}));
    await world.clock.settle();
    expect(call.code).toBe('UNKNOWN_NODE');
    await world.stop();
  });

  it('to oneself are served here, through the codec and without a network', async () => {
    const world = new World({ wire });
    const a = await world.node('a', { isListening: false });
    const echoed = await world.wait(a.call(a.publicKey, Echo, { bytes }));
    expect(echoed.name === 'Echoed' && echoed.fields.bytes).toEqual(bytes);
    expect(await world.wait(a.call(a.publicKey, GetBootstrappingNodes, { patch: 'abc' }))).toMatchObject({
      name: 'Error',
      fields: { reason: 'network_issue' },
    });
    await expect(a.call(a.publicKey, GetBootstrappingNodes, { patch: 'abcd' })).rejects.toMatchObject({
      code: 'ENCODE_FAILED',
    });
    expect(a.stats()).toMatchObject({ requestsReceived: 0, requestsAnswered: 1, requestsUnserved: 1 });
    await world.stop();
  });

  it('to oneself keep their timeout and their signal', async () => {
    const world = new World({ wire });
    const a = await world.node('a', { hasServices: false });
    await a.startService(service('slow', [on(Ping, () => new Promise<MessageValue>(() => {}))]));
    const late = outcomeOf(a.call(a.publicKey, Ping, {}, { timeoutMs: 300 }));
    const controller = new AbortController();
    const aborted = outcomeOf(a.call(a.publicKey, Ping, {}, { signal: controller.signal }));
    await world.clock.settle();
    controller.abort();
    await world.clock.settle();
    expect(aborted.code).toBe('ABORTED');
    await world.clock.advance(299);
    expect(late.isSettled).toBe(false);
    await world.clock.advance(2);
    expect(late.code).toBe('TIMEOUT');
    const already = outcomeOf(a.call(a.publicKey, Ping, {}, { signal: controller.signal }));
    await world.clock.settle();
    expect(already.code).toBe('ABORTED');
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it('refuse a timeout out of range, at the call', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    for (const timeoutMs of [0, 3_600_001, Number.NaN, Number.POSITIVE_INFINITY, ...NO_TIMEOUTS]) {
      await expect(remote.call(Ping, {}, { timeoutMs })).rejects.toThrow(RangeError);
      await expect(a.call(a.publicKey, Ping, {}, { timeoutMs })).rejects.toThrow(RangeError);
    }
    expect(remote.stats()).toMatchObject({ calls: 0, errors: 0 });
    await world.stop();
  });

  it('answered with a message they do not declare are UNEXPECTED_REPLY', async () => {
    const world = new World({ wire });
    const a = await world.node('a');
    const b = await world.node('b', { hasServices: false });
    await b.startService(service('odd', [on(Echo, () => Ok.of({}))]));
    const remote = await a.connect(b.peer);
    await expect(world.wait(remote.call(Echo, { bytes }))).rejects.toMatchObject({ code: 'UNEXPECTED_REPLY' });
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Error' });
    await world.stop();
  });

  it('cast sends and waits for nothing; its reply is dropped and counted as an answer', async () => {
    const world = new World({ wire });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const remote = await a.connect(b.peer);
    await world.wait(remote.connected());
    remote.cast(Ping, {});
    expect(() => remote.cast(GetBootstrappingNodes, { patch: 'abcd' })).toThrow(
      expect.objectContaining({ code: 'ENCODE_FAILED' }),
    );
    await world.clock.settle();
    expect(remote.stats()).toMatchObject({ casts: 1, calls: 1, answered: 1, inFlight: 0 });
    expect(b.stats().requestsAnswered).toBe(1);
    await world.stop();
  });
});
