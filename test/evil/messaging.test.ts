/** A peer that has proven who it is and then misbehaves on the channels of calls, in each way there is. */
import { afterEach, describe, expect, it } from 'vitest';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { encodeMessageEnvelop } from '../../src/codec/message-envelop.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import { nodeIdOf } from '../../src/crypto/node-key.ts';
import { sealMessageEnvelop } from '../../src/crypto/sealed-envelop.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { REPLY_CHANNEL_ID, REQUEST_CHANNEL_ID } from '../../src/p2p/messaging-peer.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import type { Peer } from '../../src/p2p/peer.ts';
import { reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';
import { eventsOf, outcomeOf, type TestNodeOptions, World } from '../p2p/node-rig.ts';

const Requests = channel({ id: REQUEST_CHANNEL_ID, codec: bytesCodec, sendQueueCapacity: 10_000 });
const Replies = channel({ id: REPLY_CHANNEL_ID, codec: bytesCodec, sendQueueCapacity: 10_000 });
const NOTHING = new Uint8Array(0);

let world = new World();
const switches: Switch[] = [];
afterEach(async () => {
  for (const one of switches.splice(0)) await world.wait(one.stop());
  await world.stop();
  await world.clock.advance(1000);
  expect(world.clock.timerCount).toBe(0);
  world = new World();
});

/** Envelops of the hostile peer, in every form. */
class Forger {
  readonly key: KeyPair;

  constructor(key: KeyPair) {
    this.key = key;
  }

  plain(messageId: number, body: Uint8Array, sender: Uint8Array = this.key.publicKey.bytes): Uint8Array {
    return encodeMessageEnvelop({ messageId, isEncrypted: false, senderPublicKey: sender, signature: NOTHING, body });
  }

  greeting(): Uint8Array {
    return this.plain(0, NOTHING);
  }
}

/** A node, and a hostile switch connected to it in one direction or the other. */
async function scene(options: TestNodeOptions = {}, isGreeting = true) {
  const node = await world.node('a', { wire: 'mconnection', ...options });
  const forger = new Forger(world.key());
  const received: { readonly channelId: number; readonly bytes: Uint8Array }[] = [];
  const peers: Peer[] = [];
  const spec = reactor('evil', [Requests, Replies], () => ({
    addPeer: (peer) => {
      peers.push(peer);
      if (isGreeting) peer.trySend(Replies, forger.greeting());
    },
    receive: ({ channelId, message }) => void received.push({ channelId, bytes: message.slice() }),
  }));
  const evil = await Switch.startLink({
    nodeKey: forger.key,
    network: 'genmesh',
    reactors: [spec],
    listen: 'memory://evil:1',
    transport: world.transport('evil'),
    engine: world.engine,
    random: world.random,
    system: world.systemOf(node),
  });
  switches.push(evil);
  const dial = async (): Promise<Peer> => {
    const address = node.address as { readonly host: string; readonly port: number };
    const id = nodeIdOf(world.engine, node.publicKey.raw);
    const peer = await world.wait(evil.dialPeer({ id, host: address.host, port: address.port }));
    await world.clock.settle();
    return peer;
  };
  return { node, evil, forger, received, peers, dial };
}

/** The connection is over, one fault of that code is counted, and the node serves on. */
async function expectFault(node: NodeSupervisor, code: string): Promise<void> {
  await world.clock.settle();
  await world.clock.advance(10);
  expect(node.stats().faultsByCode).toEqual({ [code]: 1 });
  expect(node.switch.peers.size).toBe(0);
  const honest = await world.node('honest', { wire: 'mconnection' });
  const remote = await honest.connect(node.peer);
  expect((await world.wait(remote.call(Ping, {}))).name).toBe('Ok');
}

describe('a hostile peer that dialled', () => {
  it('is served while it behaves, unsigned and signed alike', async () => {
    const { node, forger, received, dial } = await scene();
    const peer = await dial();
    peer.trySend(Requests, forger.plain(5, Ping.encode({})));
    const signed = { messageId: 6, message: Ping.encode({}), sender: forger.key, random: world.random };
    peer.trySend(Requests, sealMessageEnvelop(world.engine, { ...signed, recipient: undefined }));
    peer.trySend(Requests, sealMessageEnvelop(world.engine, { ...signed, messageId: 7, recipient: node.publicKey }));
    await world.clock.settle();
    const replies = received.filter(({ bytes }) => bytes.length > 40);
    expect(replies.map(({ bytes }) => [bytes[3], bytes[4]])).toEqual([
      [5, 0],
      [6, 0],
      [7, 1],
    ]);
    expect(node.stats()).toMatchObject({ requestsAnswered: 3, faults: 0 });
    expect(node.directory.lookup(forger.key.publicKey)?.isAvailable).toBe(true);
  });

  it.each<[string, string, (forger: Forger, node: NodeSupervisor) => Uint8Array]>([
    ['bytes that are no envelop', 'TRUNCATED', () => Uint8Array.of(1, 2, 3)],
    ['nothing', 'TRUNCATED', () => NOTHING],
    [
      'the key of somebody else',
      'AUTH_FAILURE',
      (forger) => forger.plain(1, Ping.encode({}), world.key().publicKey.bytes),
    ],
    [
      'its key under another origin id',
      'AUTH_FAILURE',
      (forger) => {
        const bytes = forger.key.publicKey.bytes.slice();
        bytes[1] = bytes[1] === 2 ? 1 : 2;
        return forger.plain(1, Ping.encode({}), bytes);
      },
    ],
    [
      'a key of another curve',
      'AUTH_FAILURE',
      (forger) => forger.plain(1, Ping.encode({}), world.key({ curve: 'secp256r1' }).publicKey.bytes),
    ],
    [
      'a flag that is none',
      'INVALID_FLAG',
      (forger) => {
        const bytes = forger.plain(1, Ping.encode({}));
        bytes[4] = 2;
        return bytes;
      },
    ],
    [
      'a signature that does not hold',
      'BAD_SIGNATURE',
      (forger) =>
        encodeMessageEnvelop({
          messageId: 1,
          isEncrypted: false,
          senderPublicKey: forger.key.publicKey.bytes,
          signature: new Uint8Array(64),
          body: Ping.encode({}),
        }),
    ],
    [
      'a seal for somebody else',
      'DECRYPTION_FAILED',
      (forger) =>
        sealMessageEnvelop(world.engine, {
          messageId: 1,
          message: Ping.encode({}),
          sender: forger.key,
          recipient: world.key().publicKey,
          random: world.random,
        }),
    ],
    ['an unknown message', 'UNKNOWN_MESSAGE', (forger) => forger.plain(1, Uint8Array.of(77))],
    ['a request without a message', 'TRUNCATED', (forger) => forger.plain(1, NOTHING)],
  ])('loses its connection for %s: %s', async (_what, code, make) => {
    const { node, forger, dial } = await scene();
    const events = eventsOf(node);
    const peer = await dial();
    peer.trySend(Requests, make(forger, node));
    await expectFault(node, code);
    expect(events.filter(({ name }) => name === 'fault')).toMatchObject([
      { value: { publicKey: forger.key.publicKey } },
    ]);
  });

  it.each<[string, (forger: Forger) => Uint8Array]>([
    ['its greeting', (forger) => forger.plain(0, NOTHING, world.key().publicKey.bytes)],
    [
      'a greeting with a key of another curve',
      (forger) => forger.plain(0, NOTHING, world.key({ curve: 'secp256k1' }).publicKey.bytes),
    ],
  ])('loses its connection when %s names the key of somebody else', async (_what, make) => {
    const { node, forger, dial } = await scene({}, false);
    (await dial()).trySend(Replies, make(forger));
    await expectFault(node, 'AUTH_FAILURE');
    expect(node.directory.entries().every(({ publicKey }) => !publicKey.equals(forger.key.publicKey))).toBe(true);
  });

  it('loses its connection when a request ahead of its greeting names the key of somebody else', async () => {
    const { node, forger, dial } = await scene({}, false);
    (await dial()).trySend(Requests, forger.plain(1, Ping.encode({}), world.key().publicKey.bytes));
    await expectFault(node, 'AUTH_FAILURE');
    expect(node.stats().requestsReceived).toBe(1); // that of the honest node
  });

  it('loses its connection for a reply to nothing', async () => {
    const { node, forger, dial } = await scene();
    (await dial()).trySend(Replies, forger.plain(1, Ok.encode({})));
    await expectFault(node, 'FLOOD');
  });

  it.each([
    [0, 'FLOOD'],
    [1, 'MESSAGE_TOO_LARGE'],
  ])('that was asked nothing sends no more than strangers may: a reply of %i bytes more is %s', async (more, code) => {
    const { node, forger, dial } = await scene({ inboundFrameBytesMax: 2000, frameBytesMax: 100_000 });
    const empty = forger.plain(1, Echo.encode({ bytes: new Uint8Array(1000) })).length - 1000;
    const reply = forger.plain(1, Echo.encode({ bytes: new Uint8Array(2000 - empty + more) }));
    (await dial()).trySend(Replies, reply);
    await expectFault(node, code);
  });

  it('loses its connection for a second greeting', async () => {
    const { node, forger, dial } = await scene();
    (await dial()).trySend(Replies, forger.greeting());
    await expectFault(node, 'FLOOD');
  });

  it('that does not greet loses its connection after dialTimeoutMs, not before', async () => {
    const { node, dial } = await scene({ dialTimeoutMs: 700 }, false);
    await dial();
    await world.clock.advance(690);
    expect(node.switch.peers.size).toBe(1);
    await world.clock.advance(20);
    await expectFault(node, 'HANDSHAKE_TIMEOUT');
  });

  it('loses its connection for a message longer than inboundFrameBytesMax, and not for one as long', async () => {
    const { node, forger, dial } = await scene({ inboundFrameBytesMax: 2000 });
    const peer = await dial();
    const empty = forger.plain(1, Echo.encode({ bytes: new Uint8Array(1000) })).length - 1000;
    peer.trySend(Requests, forger.plain(1, Echo.encode({ bytes: new Uint8Array(2000 - empty) })));
    await world.clock.settle();
    expect(node.stats()).toMatchObject({ requestsReceived: 1, faults: 0 });
    peer.trySend(Requests, forger.plain(2, Echo.encode({ bytes: new Uint8Array(2001 - empty) })));
    await expectFault(node, 'MESSAGE_TOO_LARGE');
  });

  it('that sends more requests than may be in work is held back, and each within the window is answered', async () => {
    const { node, forger, dial } = await scene({ requestsPerConnectionMax: 4 });
    const peer = await dial();
    for (let id = 0; id < 2000; id += 1) peer.trySend(Requests, forger.plain(id, Ping.encode({})));
    await world.clock.advance(100); // its window opens with our pongs, and its pings have a rate
    expect(node.stats()).toMatchObject({ requestsReceived: 2000, requestsAnswered: 2000, faults: 0 });
  });
});

describe('a hostile peer that was dialled', () => {
  async function dialled(options: TestNodeOptions = {}) {
    const made = await scene(options);
    const { publicKey } = made.forger.key;
    const remote = await made.node.connect({ publicKey, address: 'memory://evil:1' });
    await world.wait(remote.connected());
    return { ...made, remote, peer: made.peers[0] as Peer };
  }

  it('cannot have a reply taken that does not decode: the call is BAD_REPLY', async () => {
    const { node, forger, remote, peer } = await dialled();
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    peer.trySend(Replies, forger.plain(0, Uint8Array.of(77)));
    await world.clock.settle();
    expect(call.code).toBe('BAD_REPLY');
    expect(node.stats().faultsByCode).toEqual({ UNKNOWN_MESSAGE: 1 });
  });

  it('may answer at the length of a frame, and at no byte more', async () => {
    const { node, forger, remote, peer } = await dialled({ inboundFrameBytesMax: 2000, frameBytesMax: 50_000 });
    const echo = (id: number, size: number): Uint8Array =>
      forger.plain(id, Echoed.encode({ bytes: new Uint8Array(size) }));
    const empty = echo(0, 40_000).length - 40_000;
    const calls = [0, 1].map(() => outcomeOf(remote.call(Echo, { bytes: NOTHING })));
    await world.clock.settle();
    peer.trySend(Replies, echo(0, 50_000 - empty));
    await world.clock.settle();
    expect(calls[0]?.value).toMatchObject({ name: 'Echoed' });
    peer.trySend(Replies, echo(1, 50_001 - empty));
    await world.clock.settle();
    expect(calls[1]?.code).toBe('CLOSED');
    expect(node.stats().faultsByCode).toEqual({ MESSAGE_TOO_LARGE: 1 });
  });

  it('cannot send more replies than it was asked', async () => {
    const { node, forger, remote, peer } = await dialled();
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    for (let i = 0; i < 2; i += 1) peer.trySend(Replies, forger.plain(0, Ok.encode({})));
    await world.clock.settle();
    expect(call.value).toMatchObject({ name: 'Ok' });
    expect(node.stats().faultsByCode).toEqual({ FLOOD: 1 });
  });

  it('cannot answer in the clear what was asked sealed', async () => {
    const { node, forger, remote, peer } = await dialled({ sealed: true });
    const call = outcomeOf(remote.call(Ping, {}));
    await world.clock.settle();
    peer.trySend(Replies, forger.plain(0, Ok.encode({})));
    await world.clock.settle();
    expect(call.code).toBe('BAD_REPLY');
    expect(node.stats().faultsByCode).toEqual({ MESSAGE_INVALID: 1 });
  });

  it('that never answers costs its callers their time, and is connected on', async () => {
    const { node, remote } = await dialled();
    const call = outcomeOf(remote.call(Ping, {}, { timeoutMs: 200 }));
    await world.clock.advance(200);
    expect(call.code).toBe('TIMEOUT');
    expect([remote.state, node.stats().faults]).toEqual(['connected', 0]);
  });
});
