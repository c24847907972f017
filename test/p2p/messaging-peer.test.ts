/** The window of requests and the queue of replies of one peer, at their bounds. */
import { describe, expect, it } from 'vitest';
import type { PublicKey } from '../../src/crypto/keys.ts';
import type { NetError } from '../../src/net/errors.ts';
import type { LinkRole } from '../../src/p2p/messaging-link.ts';
import {
  PeerLink,
  REPLY_CHANNEL_ID,
  REQUEST_CHANNEL_ID,
  REQUEST_WINDOW_BYTES,
  REQUEST_WINDOW_COUNT,
  REQUEST_WINDOW_PATIENCE_MS,
} from '../../src/p2p/messaging-peer.ts';
import type { Peer, PeerSendResult } from '../../src/p2p/peer.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const GREETING_TIMEOUT_MS = 4000;
const SEND_BUFFER_BYTES_MAX = 1000;

/** A link with a peer whose answers the test decides. */
function rig() {
  const clock = new VirtualClock();
  const sent: { readonly channel: number; readonly bytes: number }[] = [];
  const waiting: ((result: PeerSendResult) => void)[] = [];
  const peer = {
    isRunning: true,
    remoteAddress: 'memory://peer:1',
    answer: 'queued' as PeerSendResult,
    trySend(channel: number, bytes: Uint8Array): PeerSendResult {
      if (peer.answer === 'queued') sent.push({ channel, bytes: bytes.length });
      return peer.answer;
    },
    limits: [] as number[],
    limitReceive: (_channel: number, bytes: number): void => void peer.limits.push(bytes),
    send: (): Promise<PeerSendResult> => new Promise((resolve) => waiting.push(resolve)),
    stop: async () => {
      peer.isRunning = false;
    },
  };
  let silences = 0;
  const told: string[] = [];
  const link = new PeerLink(
    peer as unknown as Peer,
    {
      clock,
      sendBufferBytesMax: SEND_BUFFER_BYTES_MAX,
      writeTimeoutMs: 30_000,
      replyBytesMax: 9000,
      unaskedBytesMax: 500,
    },
    GREETING_TIMEOUT_MS,
    () => {
      silences += 1;
    },
  );
  link.role = {
    drained: () => void told.push('drained'),
    closed: (reason: NetError | undefined) => void told.push(`closed ${reason?.code}`),
  } as unknown as LinkRole;
  return { clock, sent, waiting, peer, link, told, silences: () => silences };
}

/** An envelop of that many bytes, as far as a link looks at it. */
function envelop(messageId: number, bytes = 100): Uint8Array {
  const made = new Uint8Array(bytes);
  new DataView(made.buffer).setUint32(0, messageId);
  return made;
}

const FULL = expect.objectContaining({ code: 'SEND_BUFFER_FULL' });

describe('the length of replies', () => {
  it('is that of answers from the first request on until the last is answered, else that of what strangers send', () => {
    const { link, peer } = rig();
    for (const id of [1, 2]) link.send(envelop(id));
    expect(peer.limits).toEqual([9000]);
    link.answered(1);
    link.answered(1);
    expect(peer.limits).toEqual([9000]);
    link.answered(2);
    expect(peer.limits).toEqual([9000, 500]);
    link.send(envelop(3));
    expect(peer.limits).toEqual([9000, 500, 9000]);
  });
});

describe('the window of requests', () => {
  it('takes REQUEST_WINDOW_BYTES to the byte, and no byte more', () => {
    const { link, sent } = rig();
    link.send(envelop(1, REQUEST_WINDOW_BYTES - 10));
    expect(() => link.send(envelop(2, 11))).toThrow(FULL);
    expect(link.isCongested).toBe(true);
    link.send(envelop(2, 10));
    expect(() => link.send(envelop(3, 4))).toThrow(FULL);
    expect(link.stats().bufferedBytes).toBe(REQUEST_WINDOW_BYTES);
    expect(sent.every(({ channel }) => channel === REQUEST_CHANNEL_ID)).toBe(true);
    expect(sent).toHaveLength(2);
  });

  it('takes one request of any size when it is empty', () => {
    const { link } = rig();
    link.send(envelop(1, REQUEST_WINDOW_BYTES + 1));
    expect(() => link.send(envelop(2, 4))).toThrow(FULL);
  });

  it('takes REQUEST_WINDOW_COUNT requests, and no more', () => {
    const { link, sent } = rig();
    for (let id = 0; id < REQUEST_WINDOW_COUNT; id += 1) link.send(envelop(id, 46));
    expect(() => link.send(envelop(REQUEST_WINDOW_COUNT, 46))).toThrow(FULL);
    expect(sent).toHaveLength(REQUEST_WINDOW_COUNT);
  });

  it('tells that there is room once, when half of it is answered', () => {
    const { link, told } = rig();
    const quarter = REQUEST_WINDOW_BYTES / 4;
    for (let id = 0; id < 4; id += 1) link.send(envelop(id, quarter));
    expect(() => link.send(envelop(4, quarter))).toThrow(FULL);
    link.answered(0);
    expect(told).toEqual([]);
    link.answered(0); // the same again is nothing
    expect(told).toEqual([]);
    link.answered(3);
    expect([told, link.isCongested]).toEqual([['drained'], false]);
    link.answered(1);
    expect(told).toEqual(['drained']);
  });

  it('forgets requests that nobody answered for REQUEST_WINDOW_PATIENCE_MS', async () => {
    const { link, told, clock } = rig();
    link.greet(undefined as unknown as PublicKey);
    link.send(envelop(1, REQUEST_WINDOW_BYTES));
    await clock.advance(1000);
    expect(() => link.send(envelop(2))).toThrow(FULL);
    await clock.advance(REQUEST_WINDOW_PATIENCE_MS - 1001);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['drained']);
    link.send(envelop(2));
    link.end(undefined);
    expect(clock.timerCount).toBe(0);
  });

  it('an id that is used again counts once', () => {
    const { link } = rig();
    link.send(envelop(7, 500));
    link.send(envelop(7, 300));
    expect(link.stats().bufferedBytes).toBe(300);
  });

  it('a channel whose queue is full is no room now, and a peer that is gone is CLOSED', () => {
    const { link, peer } = rig();
    peer.answer = 'full';
    expect(() => link.send(envelop(1))).toThrow(FULL);
    expect(link.isCongested).toBe(false); // nobody would tell: to be tried again
    expect(link.stats().bufferedBytes).toBeGreaterThan(0);
    peer.answer = 'closed';
    expect(() => link.send(envelop(1))).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    peer.isRunning = false;
    expect(() => link.send(envelop(1))).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});

describe('replies', () => {
  it('go out at once while there is room, and else wait for it', async () => {
    const { link, peer, sent, waiting } = rig();
    expect(link.reply(envelop(1))).toBeUndefined();
    expect(sent).toEqual([{ channel: REPLY_CHANNEL_ID, bytes: 100 }]);
    peer.answer = 'full';
    const held = link.reply(envelop(2));
    expect(held).toBeInstanceOf(Promise);
    waiting[0]?.('queued');
    await expect(held).resolves.toBeUndefined();
  });

  it('that wait are at most sendBufferBytesMax', async () => {
    const { link, peer, waiting } = rig();
    peer.answer = 'full';
    const held = link.reply(envelop(1, SEND_BUFFER_BYTES_MAX - 1));
    expect(() => link.reply(envelop(2, 2 + 4))).toThrow(FULL);
    waiting[0]?.('queued');
    await held;
    expect(link.reply(envelop(3, SEND_BUFFER_BYTES_MAX))).toBeInstanceOf(Promise);
    expect(() => link.reply(envelop(4, 4))).toThrow(FULL);
  });

  it.each(['timeout', 'full'] as const)('that a peer does not take end in an error: %s', async (result) => {
    const { link, peer, waiting } = rig();
    peer.answer = 'full';
    const held = link.reply(envelop(1));
    waiting[0]?.(result);
    await expect(held).rejects.toMatchObject({ code: 'SEND_BUFFER_FULL' });
  });
});

describe('the greeting', () => {
  it('is waited for, and its absence told once', async () => {
    const { link, clock, silences } = rig();
    await clock.advance(GREETING_TIMEOUT_MS - 1);
    expect(silences()).toBe(0);
    await clock.advance(1);
    expect(silences()).toBe(1);
    link.end(undefined);
    await expect(link.greeted).resolves.toBe(false);
  });

  it('settles once, and the end of the link is told to its role once', async () => {
    const { link, clock, told, silences } = rig();
    link.greet(undefined as unknown as PublicKey);
    link.end(undefined);
    link.end(undefined);
    await expect(link.greeted).resolves.toBe(true);
    expect(told).toEqual(['closed undefined']);
    await clock.advance(2 * GREETING_TIMEOUT_MS);
    expect(silences()).toBe(0);
  });
});
