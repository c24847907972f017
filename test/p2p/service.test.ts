import { describe, expect, it } from 'vitest';
import { GenServer } from '../../src/actors/gen-server.ts';
import { exit, type Pid } from '../../src/actors/process.ts';
import type { CallHandlers } from '../../src/actors/protocol.ts';
import { reply } from '../../src/actors/results.ts';
import { GetTransactionChainLength, TransactionChainLength } from '../../src/codec/archethic-chain-messages.ts';
import {
  FirstPublicKey,
  GetFirstPublicKey,
  GetStorageNonce,
  NotFound,
  Ok,
  Ping,
} from '../../src/codec/archethic-node-messages.ts';
import type { MessageValue } from '../../src/codec/message.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { SERVICE_MAILBOX_MAX } from '../../src/p2p/request-role.ts';
import { on, type ServiceProtocol, service } from '../../src/p2p/service.ts';
import { findNode, findPid, outcomeOf, World, type WorldOptions } from './node-rig.ts';

const ERROR = { name: 'Error', fields: { reason: 'network_issue' } };
const bytes = Uint8Array.of(5);
const address = new Uint8Array(34);

/** A client and a node whose services a test brings. */
async function pair(options: object = {}, worldOptions: WorldOptions = {}) {
  const world = new World(worldOptions);
  const a = await world.node('a', { hasServices: false });
  const b = await world.node('b', { hasServices: false, logger: world.logger, ...options });
  const remote = await a.connect(b.peer);
  await world.wait(remote.connected());
  return { world, a, b, remote };
}

/** A promise and its resolve. */
function gate<T>() {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

describe.each(WIRES)('services, wire %s', (wire) => {
  it('several actors serve one message each or many, and each is told who asked, what and from where', async () => {
    const { world, a, b, remote } = await pair({}, { wire });
    const seen: object[] = [];
    await b.startService(
      service('one', [
        on(Ping, (request) => {
          seen.push(request);
          return Ok.of({});
        }),
      ]),
    );
    await b.startService(
      service('many', [
        on(Echo, ({ fields }) => Echoed.of({ bytes: fields.bytes })),
        on(GetTransactionChainLength, () => TransactionChainLength.of({ length: 3 })),
        on(GetFirstPublicKey, ({ sender }) => FirstPublicKey.of({ publicKey: sender.bytes })),
      ]),
    );
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    const length = await world.wait(remote.call(GetTransactionChainLength, { address }));
    expect(length).toMatchObject({ fields: { length: 3n } });
    const first = await world.wait(remote.call(GetFirstPublicKey, { publicKey: b.publicKey.bytes }));
    expect(first).toMatchObject({ fields: { publicKey: a.publicKey.bytes } });
    expect(seen).toMatchObject([
      { fields: {}, sender: a.publicKey, messageId: 0, remoteAddress: expect.stringMatching(/^memory:\/\/a:/) },
    ]);
    expect(findNode(b, 'services', 'many', 'many')?.info).toMatchObject({
      messages: 'Echo,GetTransactionChainLength,GetFirstPublicKey',
      answered: 2,
    });
    await world.stop();
  });

  it('any server can be subscribed; its subscription goes when it ends', async () => {
    class Answerer extends GenServer<number, ServiceProtocol> {
      init(): number {
        return 0;
      }
      override readonly handleCall: CallHandlers<number, ServiceProtocol> = {
        Ping: (_request: unknown, count: number) => reply(Ok.of({}), count + 1),
      };
    }
    const { world, b, remote } = await pair({}, { wire });
    const server = (await Answerer.start()) as unknown as Pid;
    b.subscribe(Ping, server);
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    exit(server, 'kill');
    expect(b.subscriber(Ping)).toBeUndefined();
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject(ERROR);
    await world.stop();
  });

  it('a request nobody serves is answered with Error at once', async () => {
    const { world, b, remote } = await pair({}, { wire });
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    expect(call.value).toMatchObject(ERROR);
    expect(b.stats()).toMatchObject({ requestsUnserved: 1, requestsAnswered: 0, requestsFailed: 0 });
    await world.stop();
  });

  it('a reply sent as a request has nobody who serves it either', async () => {
    const { world, remote } = await pair({}, { wire });
    const call = outcomeOf(remote.call(Ok, {}));
    await world.clock.settle();
    expect(call.value).toMatchObject(ERROR);
    await world.stop();
  });

  it('are asked concurrently: one that takes its time holds up nobody else', async () => {
    const { world, b, remote } = await pair({}, { wire });
    const slow = gate<MessageValue>();
    await b.startService(service('slow', [on(Echo, () => slow.promise)]));
    await b.startService(service('fast', [on(Ping, () => Ok.of({}))]));
    const waiting = outcomeOf(remote.call(Echo, { bytes }));
    const quick = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    expect(quick.value).toMatchObject({ name: 'Ok' });
    expect(waiting.isSettled).toBe(false);
    slow.open(Echoed.of({ bytes }));
    await world.clock.settle();
    expect(waiting.value).toMatchObject({ name: 'Echoed' });
    await world.stop();
  });
});

describe.each(WIRES)('a service that fails, wire %s', (wire) => {
  it.each<[string, () => MessageValue | Promise<MessageValue>]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('answers Error at once when it %s, is restarted, and is subscribed again', async (_how, fail) => {
    const { world, b, remote } = await pair({}, { wire });
    let crashes = 1;
    await b.startService(
      service('shaky', [
        on(Ping, () => {
          crashes -= 1;
          return crashes >= 0 ? fail() : Ok.of({});
        }),
      ]),
    );
    const before = b.subscriber(Ping);
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    expect(call.value).toMatchObject(ERROR);
    expect(before?.isAlive).toBe(false);
    expect(b.subscriber(Ping)?.isAlive).toBe(true);
    expect(b.subscriber(Ping)).not.toBe(before);
    expect(b.stats()).toMatchObject({ requestsFailed: 1 });
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'Ok' });
    expect(findNode(b, 'services', 'shaky', 'shaky')).toMatchObject({ restarts: 1 });
    await world.stop();
  });

  it('answers Error to those who waited in its mailbox as well', async () => {
    const { world, b, remote } = await pair({}, { wire });
    const first = gate<MessageValue>();
    await b.startService(service('slow', [on(Ping, () => first.promise)]));
    const calls = Array.from({ length: 3 }, () => outcomeOf(remote.call(Ping, {})));
    await world.clock.settle();
    exit(b.subscriber(Ping) as Pid, 'kill');
    await world.clock.settle();
    for (const call of calls) expect(call.value).toMatchObject(ERROR);
    await world.stop();
  });

  it('4 times in 5 s is down alone; others serve on, and it can be started again at once', async () => {
    const { world, b, remote } = await pair({}, { wire });
    const broken = service('broken', [
      on(Echo, () => {
        throw new Error('always');
      }),
    ]);
    await b.startService(broken);
    await b.startService(service('ping', [on(Ping, () => Ok.of({}))]));
    const ping = b.subscriber(Ping);
    for (let i = 0; i < 4; i += 1) {
      expect(await world.wait(remote.call(Echo, { bytes }))).toMatchObject(ERROR);
      expect(b.subscriber(Echo) !== undefined).toBe(i < 3);
    }
    expect(findNode(b, 'services', 'broken')).toBeUndefined();
    expect(await world.wait(remote.call(Echo, { bytes }))).toMatchObject(ERROR);
    expect(b.stats()).toMatchObject({ requestsFailed: 4, requestsUnserved: 1 });
    expect(b.subscriber(Ping)).toBe(ping);
    await b.startService(broken);
    expect(b.subscriber(Echo)).toBeDefined();
    await world.stop();
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a value that is no message', { hello: 'there' }],
    ['a message nobody knows', { name: 'Nonsense', id: 77, fields: {} }],
    ['a message whose fields do not fit', { name: 'TransactionChainLength', id: 245, fields: { length: -1 } }],
  ])('with %s as answer gives Error', async (_what, value) => {
    const { world, b, remote } = await pair({}, { wire });
    await b.startService(service('odd', [on(Ping, () => value as MessageValue)]));
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    expect(call.value).toMatchObject(ERROR);
    expect(b.stats()).toMatchObject({ requestsFailed: 1, requestsAnswered: 0, faults: 0 });
    await world.stop();
  });

  it('by being slower than serviceTimeoutMs gives Error at that moment', async () => {
    const { world, b, remote } = await pair({ serviceTimeoutMs: 300 }, { wire });
    await b.startService(service('slow', [on(Ping, () => gate<MessageValue>().promise)]));
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.advance(299);
    expect(call.isSettled).toBe(false);
    await world.clock.advance(1);
    expect(call.value).toMatchObject(ERROR);
    expect(b.stats()).toMatchObject({ requestsFailed: 1 });
    await world.stop();
  });

  it('with an answer too large for a frame gives Error, and the connection stands', async () => {
    // Answers have the limit of frames, which is not that of what strangers may send.
    const { world, b, remote } = await pair({ frameBytesMax: 1000, inboundFrameBytesMax: 500 }, { wire });
    let size = 900;
    await b.startService(service('big', [on(Ping, () => Echoed.of({ bytes: new Uint8Array(size) }))]));
    // 5 + 34 + 1 of the envelop, 64 of the signature and 48 of the seal where there are any, 1 + 3 of the message.
    const overhead = 5 + 34 + 1 + (wire === 'archethic' ? 64 + 48 : 0) + 1 + 3;
    const sizeMax = 1000 - overhead;
    const answers: unknown[] = [];
    for (size of [sizeMax - 1, sizeMax, sizeMax + 1]) {
      const call = outcomeOf(remote.call(Ping, {}));
      await world.clock.settle();
      answers.push(call.code ?? call.value?.name);
    }
    expect(answers).toEqual(['UNEXPECTED_REPLY', 'UNEXPECTED_REPLY', 'Error']);
    expect(b.stats()).toMatchObject({ faults: 0, requestsAnswered: 2, requestsFailed: 1 });
    expect(remote.stats().connections).toBe(1);
    await world.stop();
  });

  it.each([
    [SERVICE_MAILBOX_MAX, 0],
    [SERVICE_MAILBOX_MAX + 1, 0],
    [SERVICE_MAILBOX_MAX + 2, 1],
  ])(
    'of %i requests at once, one in work and 10 000 waiting, answers %i with Error at once',
    async (count, refused) => {
      const { world, b } = await pair({}, { wire, isPlain: wire === 'archethic' });
      const stuck = gate<MessageValue>();
      await b.startService(service('stuck', [on(Ping, () => stuck.promise)]));
      const first = outcomeOf(b.call(b.publicKey, Ping, {}));
      await world.clock.settle();
      const calls = Array.from({ length: count - 1 }, () => outcomeOf(b.call(b.publicKey, Ping, {})));
      await world.clock.settle();
      const answered = calls.filter((call) => call.isSettled);
      expect(answered.map((call) => call.value)).toMatchObject(Array(refused).fill(ERROR));
      stuck.open(Ok.of({}));
      await world.clock.settle();
      expect([first, ...calls].filter((call) => call.value?.name === 'Ok')).toHaveLength(count - refused);
      await world.stop();
    },
  );
});

describe.each(WIRES)('requests of one connection, wire %s', (wire) => {
  it.each([1, 4, 16])('are at most %i in work, then it is not read from until half are answered', async (max) => {
    const { world, b, remote } = await pair({ requestsPerConnectionMax: max }, { wire, isPlain: wire === 'archethic' });
    const gates: ReturnType<typeof gate<MessageValue>>[] = [];
    class Eager extends GenServer<number, ServiceProtocol> {
      init(): number {
        return 0;
      }
      override readonly handleCall: CallHandlers<number, ServiceProtocol> = {
        Ping: (_request: unknown, count: number, from: { reply(value: MessageValue): boolean }) => {
          const one = gate<MessageValue>();
          gates.push(one);
          one.promise.then((value) => from.reply(value));
          return { kind: 'noreply', state: count + 1, action: undefined } as never;
        },
      };
    }
    b.subscribe(Ping, (await Eager.start()) as unknown as Pid);
    const calls = Array.from({ length: 200 }, () => outcomeOf(remote.call(Ping, {})));
    await world.clock.settle();
    expect(gates).toHaveLength(max);
    expect(b.stats().requestsReceived).toBe(max);
    const half = Math.floor(max / 2);
    for (let i = 0; i < max - half - 1; i += 1) gates[i]?.open(Ok.of({}));
    await world.clock.settle();
    expect(b.stats().requestsReceived).toBe(max);
    gates[max - half - 1]?.open(Ok.of({}));
    await world.clock.settle();
    expect(b.stats().requestsReceived).toBe(max + (max - half));
    for (let i = 0; i < 200; i += 1) {
      for (const one of gates) one.open(Ok.of({}));
      await world.clock.settle();
    }
    expect(calls.every((call) => call.value?.name === 'Ok')).toBe(true);
    expect(remote.stats().connections).toBe(1);
    await world.stop();
  });

  it('are answered under their own ids, whatever the order of the answers', async () => {
    const { world, b, remote } = await pair({}, { wire });
    const slow = gate<MessageValue>();
    await b.startService(service('slow', [on(Echo, () => slow.promise)]));
    await b.startService(service('none', [on(GetStorageNonce, () => NotFound.of({}))]));
    const first = outcomeOf(remote.call(Echo, { bytes }));
    const second = outcomeOf(remote.call(GetStorageNonce, { publicKey: b.publicKey.bytes }));
    await world.clock.settle();
    expect(second.value).toMatchObject({ name: 'NotFound' });
    slow.open(Echoed.of({ bytes }));
    await world.clock.settle();
    expect(first.value).toMatchObject({ name: 'Echoed' });
    await world.stop();
  });
});

describe('requests of a client that goes away', () => {
  it('that is closed while it waits for room ends, and its reader with it', async () => {
    const { world, b } = await pair({ requestsPerConnectionMax: 1 }, { wire: 'archethic', isPlain: true });
    await b.startService(service('stuck', [on(Ping, () => gate<MessageValue>().promise)]));
    const open = b.stats().inboundOpen;
    const raw = await world.dial('raw', b.address);
    for (let i = 0; i < 5; i += 1) raw.send(b.publicKey, i, Ping.encode({}));
    await world.clock.settle();
    expect(b.stats()).toMatchObject({ inboundOpen: open + 1, requestsReceived: 1 });
    raw.stream.destroy();
    await world.clock.settle();
    expect(b.stats()).toMatchObject({ inboundOpen: open, requestsReceived: 1 });
    await world.stop();
  });

  it('from a client that has gone are not answered to anybody', async () => {
    const { world, b } = await pair({}, { wire: 'archethic' });
    const slow = gate<MessageValue>();
    await b.startService(service('slow', [on(Ping, () => slow.promise)]));
    const raw = await world.dial('raw', b.address);
    raw.send(b.publicKey, 1, Ping.encode({}));
    await world.clock.settle();
    raw.stream.destroy();
    await world.clock.settle();
    slow.open(Ok.of({}));
    await world.clock.settle();
    expect(b.stats()).toMatchObject({ requestsAnswered: 1, faults: 0 });
    await world.stop();
  });
});

describe('a service whose message was taken over by another server', () => {
  it('is restarted without it', async () => {
    class Other extends GenServer<number, ServiceProtocol> {
      init(): number {
        return 0;
      }
      override readonly handleCall: CallHandlers<number, ServiceProtocol> = {
        Ping: (_request: unknown, count: number) => reply(NotFound.of({}), count + 1),
      };
    }
    const { world, b, remote } = await pair();
    const echo = on(Echo, ({ fields }) => Echoed.of({ bytes: fields.bytes }));
    await b.startService(service('both', [on(Ping, () => Ok.of({})), echo]));
    const other = (await Other.start()) as unknown as Pid;
    b.subscribe(Ping, other, { replace: true });
    exit(findPid(b, 'services', 'both', 'both'), 'kill');
    await world.clock.settle();
    expect(b.subscriber(Ping)).toBe(other);
    expect(await world.wait(remote.call(Ping, {}))).toMatchObject({ name: 'NotFound' });
    expect(await world.wait(remote.call(Echo, { bytes }))).toMatchObject({ name: 'Echoed' });
    await world.stop();
  });
});
