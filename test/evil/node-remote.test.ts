/** A node that was dialled and is hostile: what it sends ends its own connection, and its calls with a typed error at once. */
import { describe, expect, it } from 'vitest';
import { NotFound, Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { encodeFrame } from '../../src/codec/frame.ts';
import { sealMessageEnvelop } from '../../src/crypto/sealed-envelop.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { ARENA_TIMEOUT_MS, ARENAS, type Arena } from '../p2p/arena.ts';
import { outcomeOf } from '../p2p/node-rig.ts';
import type { RawConnection, RawMessage } from '../p2p/raw-peer.ts';

interface Attack {
  readonly name: string;
  readonly code: string;
  /** How the call that was answered so ends, where it is not CLOSED. */
  readonly ends?: string;
  readonly run: (evil: RawConnection, victim: NodeSupervisor, asked: RawMessage, arena: Arena) => void;
}

const OK = Ok.encode({});
/** For calls that must be answered, also on a busy machine. */
const PATIENT = { timeoutMs: 40_000 };

const attacks: readonly Attack[] = [
  {
    name: 'garbage instead of a frame',
    code: 'FRAME_INVALID',
    run: (evil) => evil.write(new Uint8Array(9).fill(0xff)),
  },
  { name: 'an empty frame', code: 'FRAME_INVALID', run: (evil) => evil.frame(new Uint8Array(0)) },
  {
    name: 'a truncated frame',
    code: 'FRAME_TRUNCATED',
    run(evil) {
      evil.write(encodeFrame(new Uint8Array(100)).subarray(0, 30));
      evil.stream.close();
    },
  },
  { name: 'garbage in a frame', code: 'INVALID_FLAG', run: (evil) => evil.frame(new Uint8Array(90).fill(0xee)) },
  {
    name: 'a reply sealed for somebody else',
    code: 'DECRYPTION_FAILED',
    run: (evil, _victim, { messageId }, arena) => evil.send(arena.key().publicKey, messageId, OK),
  },
  {
    name: 'a well signed reply by another key than the one dialled',
    code: 'BAD_SIGNATURE',
    run(evil, victim, { messageId }, arena) {
      const random = new SeededRandom(5);
      const sealed = { messageId, message: OK, sender: arena.key(), recipient: victim.publicKey, random };
      evil.frame(sealMessageEnvelop(evil.engine, sealed));
    },
  },
  {
    name: 'a reply with an unknown message id in it',
    code: 'UNKNOWN_MESSAGE',
    ends: 'BAD_REPLY',
    run: (evil, victim, { messageId }) => evil.send(victim.publicKey, messageId, Uint8Array.of(99)),
  },
  {
    name: 'a reply whose body does not decode',
    code: 'TRUNCATED',
    ends: 'BAD_REPLY',
    run: (evil, victim, { messageId }) => evil.send(victim.publicKey, messageId, Uint8Array.of(249, 1, 9)),
  },
  {
    name: 'a flood of replies that nobody asked for',
    code: 'FLOOD',
    run(evil, victim, { messageId }) {
      for (let i = 1; i < 50; i += 1) evil.send(victim.publicKey, messageId + 1000 + i, OK);
    },
  },
];

describe.each(ARENAS)('a hostile node that was dialled %s', { timeout: ARENA_TIMEOUT_MS }, (_arena, makeArena) => {
  it.each(attacks.map((attack) => [attack.name, attack.code, attack] as const))(
    '%s is %s: its calls end at once, it is dialled again, and calls to others go on',
    async (_name, code, attack) => {
      const arena = makeArena();
      const victim = await arena.node('victim', { backoffBaseMs: 10 });
      const friend = await arena.node('friend');
      const server = await arena.server('evil');
      const honest = await victim.connect(friend.peer);
      const remote = await victim.connect(server.peer);
      await arena.until(() => remote.state === 'connected' && honest.state === 'connected');
      const faults: object[] = [];
      victim.on('fault', (fault) => void faults.push(fault));
      const calls = [outcomeOf(remote.call(Ping, {}, PATIENT)), outcomeOf(remote.call(Ping, {}, PATIENT))];
      await arena.until(() => server.messages.length === 2);
      const evil = server.connection;
      attack.run(evil, victim, evil.messages[0] as RawMessage, arena);
      const others = Array.from({ length: 20 }, () => outcomeOf(honest.call(Ping, {}, PATIENT)));
      await arena.until(() => [...calls, ...others].every((call) => call.isSettled));
      expect(calls.map((call) => call.code)).toEqual([attack.ends ?? 'CLOSED', 'CLOSED']);
      expect(others.map((call) => call.value?.name)).toEqual(Array(20).fill('Ok'));
      await arena.until(() => evil.closed !== undefined);
      expect(victim.stats()).toMatchObject({ faults: 1, faultsByCode: { [code]: 1 } });
      const { publicKey } = server.peer;
      expect(faults).toMatchObject([{ remoteAddress: evil.stream.localAddress, publicKey, error: { code } }]);
      server.onMessage = ({ messageId, sender }, connection) => connection.send(sender, messageId, OK);
      await arena.until(() => remote.stats().connections === 2);
      const again = outcomeOf(remote.call(Ping, {}, PATIENT));
      await arena.until(() => again.isSettled);
      expect(again.value).toMatchObject({ name: 'Ok' });
      expect(honest.stats().connections).toBe(1);
      await arena.stop();
    },
  );

  it('a reply under an id that is not in flight is dropped and counted, and the call waits on for its own', async () => {
    const arena = makeArena();
    const victim = await arena.node('victim');
    const server = await arena.server('evil');
    const remote = await victim.connect(server.peer);
    const calls = [outcomeOf(remote.call(Ping, {}, PATIENT)), outcomeOf(remote.call(Ping, {}, PATIENT))];
    await arena.until(() => server.messages.length === 2);
    server.connection.send(victim.publicKey, 4_000_000_000, OK);
    server.connection.send(victim.publicKey, 1, OK);
    await arena.until(() => calls[1]?.isSettled === true);
    expect(calls[1]?.value).toMatchObject({ name: 'Ok' });
    expect(remote.stats()).toMatchObject({ lateReplies: 1, inFlight: 1 });
    expect(victim.stats().faults).toBe(0);
    // The third reply to two requests is one too many.
    server.connection.send(victim.publicKey, 0, OK);
    await arena.until(() => calls[0]?.isSettled === true);
    expect(calls[0]?.code).toBe('CLOSED');
    expect(victim.stats().faultsByCode).toEqual({ FLOOD: 1 });
    await arena.stop();
  });

  it('a reply sent twice settles its call once, and the second one is a fault', async () => {
    const arena = makeArena();
    const victim = await arena.node('victim');
    const server = await arena.server('evil');
    server.onMessage = ({ messageId, sender }, connection) => {
      connection.send(sender, messageId, OK);
      connection.send(sender, messageId, NotFound.encode({}));
    };
    const remote = await victim.connect(server.peer);
    const call = outcomeOf(remote.call(Ping, {}, PATIENT));
    await arena.until(() => call.isSettled && victim.stats().faults === 1);
    expect(call).toMatchObject({ value: { name: 'Ok' }, count: 1 });
    expect(remote.stats()).toMatchObject({ answered: 1, lateReplies: 0 });
    await arena.stop();
  });
});
