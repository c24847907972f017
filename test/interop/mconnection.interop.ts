/** SecretConnection and MConnection against CometBFT's own p2p/conn packages (`test/interop/go`). */
import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import type { NetError } from '../../src/net/errors.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import type { MConnectionOptions } from '../../src/net/mconnection-options.ts';
import { pattern, texts } from '../net/mconnection-rig.ts';
import { ASK, BULK, buildGoPeer, ECHO, GO_CHANNELS, type GoOptions, GoPeer, HIGH_ID } from './go-peer.ts';

const PATIENCE_MS = 20_000;

/** An MConnection to a Go peer, with what it received. */
class Dialled {
  readonly peer: GoPeer;
  readonly mconnection: MConnection;
  readonly received: { readonly channelId: number; readonly message: Uint8Array }[] = [];
  closed: { readonly reason: NetError | undefined } | undefined;
  onReceive: (channelId: number) => void | Promise<void> = () => {};
  readonly #waits = new Set<() => void>();

  private constructor(
    peer: GoPeer,
    stream: Awaited<ReturnType<GoPeer['connect']>>,
    options: Partial<MConnectionOptions>,
  ) {
    this.peer = peer;
    this.mconnection = new MConnection(stream, GO_CHANNELS, {
      clock: systemClock,
      sendRateBytesPerSecond: 0,
      recvRateBytesPerSecond: 0,
      ...options,
      handlers: {
        onReceive: (channelId, message) => {
          this.received.push({ channelId, message: message.slice() });
          this.#wake();
          return this.onReceive(channelId);
        },
        onClose: (reason) => {
          this.closed = { reason };
          this.#wake();
        },
      },
    });
    this.mconnection.start();
  }

  static async dial(go: GoOptions = {}, options: Partial<MConnectionOptions> = {}): Promise<Dialled> {
    const peer = await GoPeer.start(go);
    peers.push(peer);
    const stream = await peer.connect();
    expect(bytesToHex(stream.remotePublicKey)).toBe(peer.publicKey);
    return new Dialled(peer, stream, options);
  }

  on(channelId: number): Uint8Array[] {
    return this.received.filter((each) => each.channelId === channelId).map(({ message }) => message);
  }

  until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = systemClock.setTimer(() => {
        const text = JSON.stringify({ ...this.mconnection.status(), channels: undefined });
        reject(new Error(`not done in ${PATIENCE_MS} ms: ${text}; peer: ${this.peer.errors.join(', ')}`));
      }, PATIENCE_MS);
      const check = (): void => {
        if (!isDone()) return;
        systemClock.clearTimer(timer);
        this.#waits.delete(check);
        resolve();
      };
      this.#waits.add(check);
      check();
    });
  }

  /** What the peer has counted on the bulk channel. */
  async counts(): Promise<{ messages: number; bytes: number; hash: string }> {
    const before = this.on(ASK).length;
    await this.mconnection.send(ASK, new Uint8Array(0));
    await this.until(() => this.on(ASK).length > before);
    return JSON.parse(new TextDecoder().decode(this.on(ASK).at(-1)));
  }

  #wake(): void {
    for (const check of [...this.#waits]) check();
  }
}

const peers: GoPeer[] = [];

describe('MConnection and a Go peer', () => {
  beforeAll(() => buildGoPeer());
  afterEach(() => {
    for (const peer of peers.splice(0)) peer.stop();
  });

  it('knows the peer by its key, and gets back what it sends, in order', async () => {
    const dialled = await Dialled.dial();
    const sent = [0, 1, 100, 1023, 1024, 1025, 2048, 100_000].map((size, i) => pattern(size, i));
    for (const message of sent) expect(await dialled.mconnection.send(ECHO, message)).toBe('queued');
    // CometBFT forgets an empty message when it is told to echo one beside others; those with bytes all come back.
    const full = sent.filter((message) => message.length > 0);
    await dialled.until(() => dialled.on(ECHO).filter((message) => message.length > 0).length === full.length);
    expect(texts(dialled.on(ECHO).filter((message) => message.length > 0))).toEqual(texts(full));
  });

  it.each([1023, 1024, 1025, 2047, 2048, 2049])(
    'sends %i bytes on a channel id over 0x7f without breaking the peer',
    async (size) => {
      const dialled = await Dialled.dial();
      await dialled.mconnection.send(HIGH_ID, pattern(size));
      const { messages } = await dialled.counts(); // the peer has read it, and still lives
      expect(messages).toBe(0);
      expect(dialled.closed).toBeUndefined();
    },
  );

  it('sends bulk that arrives whole, beside an echo with 64 in flight', async () => {
    const dialled = await Dialled.dial();
    const hash = createHash('sha256');
    let echoes = 0;
    dialled.onReceive = (channelId) => {
      if (channelId === ECHO && echoes++ < 2000) dialled.mconnection.trySend(ECHO, pattern(100));
    };
    for (let i = 0; i < 64; i += 1) dialled.mconnection.trySend(ECHO, pattern(100));
    for (let i = 0; i < 64; i += 1) {
      const message = pattern(65_536, i);
      hash.update(message);
      expect(await dialled.mconnection.send(BULK, message)).toBe('queued');
    }
    let counts = await dialled.counts();
    while (counts.messages < 64) counts = await dialled.counts();
    expect(counts).toEqual({ messages: 64, bytes: 64 * 65_536, hash: hash.digest('hex') });
    await dialled.until(() => echoes >= 2000);
  });

  it('receives bulk, slow handlers or not, without losing or delaying anything else', async () => {
    const dialled = await Dialled.dial();
    let handled = 0;
    dialled.onReceive = (channelId) => {
      if (channelId !== BULK) return undefined;
      return new Promise((resolve) => {
        systemClock.setTimer(() => {
          handled += 1;
          resolve();
        }, 5);
      });
    };
    const ask = new Uint8Array(8);
    new DataView(ask.buffer).setUint32(0, 50);
    new DataView(ask.buffer).setUint32(4, 65_536);
    await dialled.mconnection.send(ASK, ask);
    await dialled.until(() => dialled.on(BULK).length > 0);
    await dialled.mconnection.send(ECHO, pattern(100));
    await dialled.until(() => dialled.on(ECHO).length === 1);
    expect(handled).toBeLessThan(50);
    await dialled.until(() => dialled.on(BULK).length === 50);
    const numbers = dialled.on(BULK).map((message) => new DataView(message.buffer, message.byteOffset).getUint32(0));
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  // Times of hosts, not of a clock of ours: the limits, and another try, leave room for a machine that stands still.
  it('volleys pings both ways for many intervals', { retry: 2 }, async () => {
    const options = { pingIntervalMs: 100, pongTimeoutMs: 5000, isPingBehindMessages: false };
    const dialled = await Dialled.dial({ ping: '1s', pong: '900ms' }, options);
    const seconds = (count: number) => new Promise<void>((resolve) => void systemClock.setTimer(resolve, count * 1000));
    const hasVolleyed = () => {
      const { pingsReceived, pongsSent, pingsSent, pongsReceived } = dialled.mconnection.status();
      return Math.min(pingsReceived, pongsSent) > 4 && Math.min(pingsSent, pongsReceived) > 20;
    };
    for (let i = 0; i < 20 && !hasVolleyed() && dialled.closed === undefined; i += 1) await seconds(0.5);
    expect([dialled.mconnection.status().state, dialled.peer.errors]).toEqual(['running', []]);
    expect(hasVolleyed()).toBe(true);
  });

  it('keeps the link alive beside a saturated peer that is slow and impatient', { retry: 2 }, async () => {
    // 330 kB/s: what sockets swallow without a window, 2 MB and more, would keep a pong waiting for over 6 s.
    const dialled = await Dialled.dial({ bulkDelay: '200ms', ping: '3.1s', pong: '3s' });
    const endMs = systemClock.monotonicMs() + 10_000;
    const message = pattern(65_536);
    while (systemClock.monotonicMs() < endMs) await dialled.mconnection.send(BULK, message);
    expect([dialled.mconnection.status().state, dialled.peer.errors]).toEqual(['running', []]);
    expect(dialled.mconnection.status().pongsSent).toBeGreaterThan(1);
  });

  it('takes the flush timer of the peer out of the round trip, and learns when there is none', async () => {
    const dialled = await Dialled.dial({ flush: '100ms' });
    const rtts: number[] = [];
    for (let i = 0; i < 30; i += 1) {
      const startMs = systemClock.monotonicMs();
      await dialled.mconnection.send(ECHO, pattern(100));
      await dialled.until(() => dialled.on(ECHO).length === i + 1);
      rtts.push(systemClock.monotonicMs() - startMs);
    }
    rtts.sort((x, y) => x - y);
    expect(rtts[15]).toBeLessThan(50); // 100 and more without a ping
  });

  it('is closed by the peer in order when that stops, and stops in order itself', async () => {
    const dialled = await Dialled.dial();
    await dialled.mconnection.send(BULK, pattern(1_000_000));
    await dialled.mconnection.flushStop();
    expect(dialled.closed).toEqual({ reason: undefined });
    const other = await Dialled.dial();
    await other.counts();
    other.peer.stop();
    await other.until(() => other.closed !== undefined);
    expect([undefined, 'RESET']).toContain(other.closed?.reason?.code);
  });
});
