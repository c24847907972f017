/** A hostile client at a node's door: each attack has its code, costs the attacker its connection, and nobody else anything. */
import { describe, expect, it } from 'vitest';
import { GetTransaction } from '../../src/codec/archethic-chain-messages.ts';
import { Ping } from '../../src/codec/archethic-node-messages.ts';
import { encodeFrame } from '../../src/codec/frame.ts';
import { encodeMessageEnvelop } from '../../src/codec/message-envelop.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import type { NodeLimitOptions } from '../../src/p2p/node-options.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { ARENA_TIMEOUT_MS, ARENAS, type Arena } from '../p2p/arena.ts';
import { type LogLine, outcomeOf } from '../p2p/node-rig.ts';
import { HEARTBEAT_FRAME, type RawConnection } from '../p2p/raw-peer.ts';

interface Attack {
  readonly name: string;
  readonly code: string;
  readonly limits?: NodeLimitOptions;
  readonly run: (evil: RawConnection, victim: NodeSupervisor, arena: Arena) => void;
}

const PING = Ping.encode({});
/** For calls that must be answered, also on a busy machine. */
const PATIENT = { timeoutMs: 40_000 };
const ids = { messageId: 1, isEncrypted: true };

const attacks: readonly Attack[] = [
  {
    name: 'garbage instead of a frame',
    code: 'FRAME_INVALID',
    run: (evil) => evil.write(new Uint8Array(64).fill(0xff)),
  },
  { name: 'an empty frame', code: 'FRAME_INVALID', run: (evil) => evil.frame(new Uint8Array(0)) },
  {
    name: 'a frame one byte over inboundFrameBytesMax',
    code: 'FRAME_INVALID',
    limits: { inboundFrameBytesMax: 1000 },
    run: (evil) => evil.write(Uint8Array.of(0, 0, 0x03, 0xe9)),
  },
  {
    name: 'a truncated frame',
    code: 'FRAME_TRUNCATED',
    run(evil) {
      evil.write(encodeFrame(new Uint8Array(100)).subarray(0, 30));
      evil.stream.close();
    },
  },
  { name: 'garbage in a frame', code: 'INVALID_FLAG', run: (evil) => evil.frame(new Uint8Array(90).fill(0xee)) },
  { name: 'an envelop that ends in its head', code: 'TRUNCATED', run: (evil) => evil.frame(Uint8Array.of(0, 0, 0)) },
  {
    name: 'an envelop flag 2',
    code: 'INVALID_FLAG',
    run(evil, victim) {
      const envelop = evil.seal(victim.publicKey, 1, PING);
      envelop[4] = 2;
      evil.frame(envelop);
    },
  },
  {
    name: 'a sender key of an unknown curve',
    code: 'UNKNOWN_CURVE',
    run(evil, victim) {
      const envelop = evil.seal(victim.publicKey, 1, PING);
      envelop[5] = 9;
      evil.frame(envelop);
    },
  },
  {
    name: 'a message sealed for somebody else',
    code: 'DECRYPTION_FAILED',
    run: (evil, _victim, arena) => evil.send(arena.key().publicKey, 1, PING),
  },
  {
    name: 'a flipped bit in the body',
    code: 'DECRYPTION_FAILED',
    run(evil, victim) {
      const envelop = evil.seal(victim.publicKey, 1, PING);
      envelop[envelop.length - 1]! ^= 1;
      evil.frame(envelop);
    },
  },
  {
    name: 'a flipped bit in the signature',
    code: 'BAD_SIGNATURE',
    run(evil, victim) {
      const envelop = evil.seal(victim.publicKey, 1, PING);
      envelop[5 + 34 + 1 + 10]! ^= 1;
      evil.frame(envelop);
    },
  },
  {
    name: 'the key of somebody else as sender',
    code: 'BAD_SIGNATURE',
    run(evil, victim, arena) {
      const envelop = evil.seal(victim.publicKey, 1, PING);
      envelop.set(arena.key().publicKey.bytes, 5);
      evil.frame(envelop);
    },
  },
  {
    name: 'an ephemeral key of low order',
    code: 'DECRYPTION_FAILED',
    run(evil) {
      const senderPublicKey = evil.identity.publicKey.bytes;
      const signature = evil.engine.sign(evil.identity, PING);
      evil.frame(encodeMessageEnvelop({ ...ids, senderPublicKey, signature, body: new Uint8Array(80) }));
    },
  },
  {
    name: 'a sender key of low order',
    code: 'BAD_SIGNATURE',
    run(evil, victim) {
      const senderPublicKey = PublicKey.of('ed25519', 'software', new Uint8Array(32)).bytes;
      const { engine } = evil;
      const body = engine.eciesSeal(victim.publicKey, PING, {
        bytes: (n) => new Uint8Array(n).fill(7),
        float: () => 0,
      });
      evil.frame(encodeMessageEnvelop({ ...ids, senderPublicKey, signature: new Uint8Array(64), body }));
    },
  },
  {
    name: 'a bls sender key, which nobody can verify',
    code: 'UNSUPPORTED_CURVE',
    run(evil) {
      const senderPublicKey = PublicKey.of('bls', 'software', new Uint8Array(48)).bytes;
      const signature = new Uint8Array(64);
      evil.frame(encodeMessageEnvelop({ messageId: 1, isEncrypted: false, senderPublicKey, signature, body: PING }));
    },
  },
  {
    name: 'an unknown message id',
    code: 'UNKNOWN_MESSAGE',
    run: (evil, victim) => evil.send(victim.publicKey, 1, Uint8Array.of(99)),
  },
  {
    name: 'the reserved message id 255',
    code: 'UNKNOWN_MESSAGE',
    run: (evil, victim) => evil.send(victim.publicKey, 1, Uint8Array.of(255)),
  },
  {
    name: 'an empty message',
    code: 'TRUNCATED',
    run: (evil, victim) => evil.send(victim.publicKey, 1, new Uint8Array(0)),
  },
  {
    name: 'a request whose body ends early',
    code: 'TRUNCATED',
    run(evil, victim) {
      const request = GetTransaction.encode({ address: new Uint8Array(34) });
      evil.send(victim.publicKey, 1, request.subarray(0, 20));
    },
  },
  {
    name: 'a heartbeat more than heartbeatsPer10sMax',
    code: 'FLOOD',
    limits: { heartbeatsPer10sMax: 20 },
    run(evil) {
      for (let i = 0; i < 21; i += 1) evil.write(HEARTBEAT_FRAME);
    },
  },
  {
    name: 'silence from the first moment',
    code: 'IDLE_TIMEOUT',
    limits: { inboundIdleTimeoutMs: 1500 },
    run: () => {},
  },
  {
    name: 'a frame that never ends',
    code: 'IDLE_TIMEOUT',
    limits: { inboundIdleTimeoutMs: 1500 },
    run: (evil) => evil.write(encodeFrame(new Uint8Array(100)).subarray(0, 99)),
  },
  {
    name: 'many questions and no ear for the answers',
    code: 'WRITE_TIMEOUT',
    limits: { writeTimeoutMs: 1000 },
    run(evil, victim) {
      evil.stream.pause();
      const request = Echo.encode({ bytes: new Uint8Array(1_000_000) });
      for (let i = 0; i < 20; i += 1) evil.send(victim.publicKey, i, request);
    },
  },
  {
    name: 'more answers asked for than the send buffer holds',
    code: 'SEND_BUFFER_FULL',
    limits: { sendBufferBytesMax: 100_000 },
    run(evil, victim) {
      evil.stream.pause();
      const request = Echo.encode({ bytes: new Uint8Array(90_000) });
      for (let i = 0; i < 200; i += 1) evil.send(victim.publicKey, i, request);
    },
  },
];

describe.each(ARENAS)('a hostile client %s', { timeout: ARENA_TIMEOUT_MS }, (_arena, makeArena) => {
  it.each(attacks.map((attack) => [attack.name, attack.code, attack] as const))(
    '%s is %s: told, counted, logged, and only its own connection is closed',
    async (_name, code, attack) => {
      const arena = makeArena();
      const logs: LogLine[] = [];
      const warn = (message: string, fields = {}): void => void logs.push({ level: 'warn', message, fields });
      const logger = { debug: () => {}, info: () => {}, warn, error: warn };
      const victim = await arena.node('victim', { logger, ...attack.limits });
      const friend = await arena.node('friend', { heartbeatIntervalMs: 50, heartbeatOutstandingMax: 1000 });
      const remote = await friend.connect(victim.peer);
      const first = outcomeOf(remote.call(Ping, {}, PATIENT));
      await arena.until(() => first.isSettled);
      const before = { processes: arena.processCount(victim), open: victim.stats().inboundOpen };
      const faults: { remoteAddress: string; error: { code: string } }[] = [];
      victim.on('fault', (fault) => void faults.push(fault));

      const evil = await arena.dial(victim);
      attack.run(evil, victim, arena);
      const calls = Array.from({ length: 20 }, () => outcomeOf(remote.call(Ping, {}, PATIENT)));
      await arena.until(() => faults.length > 0);
      evil.stream.resume();
      await arena.until(() => evil.closed !== undefined && calls.every((call) => call.isSettled));
      await arena.until(() => arena.processCount(victim) === before.processes);

      expect(victim.stats()).toMatchObject({ faults: 1, faultsByCode: { [code]: 1 }, inboundOpen: before.open });
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatchObject({ remoteAddress: evil.stream.localAddress, error: { code } });
      expect(logs).toContainEqual(
        expect.objectContaining({
          message: 'peer broke the protocol, connection closed',
          fields: expect.objectContaining({ remoteAddress: evil.stream.localAddress, code }),
        }),
      );
      expect(calls.map((call) => call.value?.name)).toEqual(Array(20).fill('Ok'));
      expect(remote.stats().connections).toBe(1);
      const last = outcomeOf(remote.call(Ping, {}, PATIENT));
      await arena.until(() => last.isSettled);
      expect(last.value).toMatchObject({ name: 'Ok' });
      await arena.stop();
      expect(arena.timerCount() ?? 0).toBe(0);
    },
  );

  it('a flood of connections: as many as allowed are taken, the next ones refused, and there is room again later', async () => {
    const arena = makeArena();
    const victim = await arena.node('victim', { inboundConnectionsMax: 4 });
    const friend = await arena.node('friend');
    const remote = await friend.connect(victim.peer);
    await arena.until(() => remote.state === 'connected' && victim.stats().inboundOpen === 1);
    const faults: string[] = [];
    victim.on('fault', ({ remoteAddress, error }) => void faults.push(`${error.code} ${remoteAddress}`));
    const crowd = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const pending = outcomeOf(arena.dial(victim));
        await arena.until(() => pending.isSettled);
        return pending.value as RawConnection;
      }),
    );
    await arena.until(() => crowd.filter((one) => one.closed !== undefined).length === 7);
    expect(victim.stats()).toMatchObject({ inboundOpen: 4, inboundRefused: 7, faultsByCode: { FLOOD: 7 } });
    const refused = crowd.filter((one) => one.closed !== undefined).map((one) => `FLOOD ${one.stream.localAddress}`);
    expect(faults.sort()).toEqual(refused.sort());
    const call = outcomeOf(remote.call(Ping, {}, PATIENT));
    await arena.until(() => call.isSettled);
    expect(call.value).toMatchObject({ name: 'Ok' });
    for (const one of crowd) one.stream.destroy();
    await arena.until(() => victim.stats().inboundOpen === 1);
    const late = await arena.dial(victim);
    late.send(victim.publicKey, 5, PING);
    await arena.until(() => late.messages.length === 1);
    expect(late.messages[0]).toMatchObject({ messageId: 5, value: { name: 'Ok' } });
    late.stream.destroy();
    await arena.stop();
  });

  it('a flood of connections from one host: it gets as many as one may have, others come in, and it again when it lets go', async () => {
    const arena = makeArena();
    const victim = await arena.node('victim', { inboundPerHostMax: 3 });
    const remote = await (await arena.node('friend')).connect(victim.peer);
    await arena.until(() => remote.state === 'connected' && victim.stats().inboundOpen === 1);
    const roomCount = arena.name === 'memory' ? 3 : 2; // on real sockets the friend is of the same host
    const faults: string[] = [];
    victim.on('fault', ({ remoteAddress, error }) => void faults.push(`${error.code} ${remoteAddress}`));
    const dial = async (): Promise<RawConnection> => {
      const pending = outcomeOf(arena.dial(victim, undefined, 'crowd'));
      await arena.until(() => pending.isSettled);
      return pending.value as RawConnection;
    };
    const crowd = await Promise.all(Array.from({ length: 10 }, dial));
    const isOpen = (one: RawConnection): boolean => one.closed === undefined;
    await arena.until(() => crowd.filter(isOpen).length === roomCount);
    const refused = crowd.filter((one) => !isOpen(one)).map((one) => `INBOUND_PER_HOST_MAX ${one.stream.localAddress}`);
    expect(faults.sort()).toEqual(refused.sort());
    expect(victim.stats()).toMatchObject({
      inboundOpen: roomCount + 1,
      inboundRefused: refused.length,
      faultsByCode: { INBOUND_PER_HOST_MAX: refused.length },
    });
    const call = outcomeOf(remote.call(Ping, {}, PATIENT));
    await arena.until(() => call.isSettled);
    expect(call.value).toMatchObject({ name: 'Ok' });
    crowd.find(isOpen)?.stream.destroy();
    await arena.until(() => victim.stats().inboundOpen === roomCount);
    const late = await dial();
    late.send(victim.publicKey, 5, PING);
    await arena.until(() => late.messages.length === 1);
    expect(late.messages[0]).toMatchObject({ messageId: 5, value: { name: 'Ok' } });
    await arena.stop();
  });

  it('good requests before a fault are answered or lost, those behind it are not served', async () => {
    const arena = makeArena();
    const victim = await arena.node('victim');
    const evil = await arena.dial(victim);
    evil.send(victim.publicKey, 1, PING);
    await arena.until(() => evil.messages.length === 1);
    evil.frame(new Uint8Array(10).fill(0xee));
    evil.send(victim.publicKey, 2, PING);
    await arena.until(() => evil.closed !== undefined);
    expect(victim.stats()).toMatchObject({ requestsReceived: 1, faults: 1 });
    await arena.stop();
  });

  it('plain envelops and bytes after a message are no fault: upstream takes both', async () => {
    const arena = makeArena();
    const victim = await arena.node('victim');
    const peer = await arena.dial(victim);
    const senderPublicKey = peer.identity.publicKey.bytes;
    const body = Uint8Array.of(...PING, 1, 2, 3);
    const signature = peer.engine.sign(peer.identity, body);
    peer.frame(encodeMessageEnvelop({ messageId: 4, isEncrypted: false, senderPublicKey, signature, body }));
    await arena.until(() => peer.messages.length === 1);
    expect(peer.messages[0]).toMatchObject({ messageId: 4, value: { name: 'Ok' } });
    expect(peer.frames[0]?.[4]).toBe(1); // answered sealed
    expect(victim.stats().faults).toBe(0);
    peer.stream.destroy();
    await arena.stop();
  });

  it('a replayed envelop is served again: the wire cannot tell, and the directory learns only what was signed', async () => {
    const arena = makeArena();
    const victim = await arena.node('victim');
    const honest = arena.key();
    const first = await arena.dial(victim, honest);
    const envelop = first.seal(victim.publicKey, 9, PING);
    const thief = await arena.dial(victim);
    thief.frame(envelop);
    await arena.until(() => victim.stats().requestsAnswered === 1);
    await arena.until(() => thief.unreadable === 1); // the answer is sealed for whoever signed
    expect(victim.directory.isAvailable(honest.publicKey)).toBe(true);
    expect(victim.directory.lookup(thief.identity.publicKey)).toBeUndefined();
    first.stream.destroy();
    thief.stream.destroy();
    await arena.stop();
  });
});
