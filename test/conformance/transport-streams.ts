/** The part of the transport suite about a connection that stands: bytes, back-pressure, and how it ends. */
import { describe, expect, it } from 'vitest';
import type { NetError } from '../../src/net/errors.ts';
import { STREAM_HIGH_WATER_BYTES } from '../../src/net/transport.ts';
import { expectBytes, numbered, Recorder, type TransportBench, type TransportHarness } from './transport-harness.ts';

const MEBIBYTE = 1024 * 1024;

/** Writes to an end whose peer does not read until at least 1 MiB waits here; says how much was written. */
async function fill(end: Recorder, harness: TransportHarness): Promise<number> {
  let written = 0;
  for (let quietTurns = 0; quietTurns < 3; quietTurns += 1) {
    while (end.stream.bufferedBytes < MEBIBYTE) {
      end.stream.write(new Uint8Array(MEBIBYTE));
      written += MEBIBYTE;
      quietTurns = 0;
    }
    await harness.turn(); // the operating system may take some of it yet
  }
  return written;
}

/** Declares the tests. */
export function streamConformance(bench: TransportBench, make: () => Promise<TransportHarness>): void {
  const pairOf = ({ transport, address }: TransportHarness): ReturnType<TransportBench['pair']> =>
    bench.pair(transport, address);
  const recordedPairOf = ({ transport, address }: TransportHarness): ReturnType<TransportBench['recordedPair']> =>
    bench.recordedPair(transport, address);

  describe('bytes', () => {
    it('arrive both ways, in order, whatever the pieces they are written in', async () => {
      const [a, b] = await recordedPairOf(await make());
      const sizes = [1, 2, 3, 100, 1, 65_535, 65_536, 65_537, 7];
      let offset = 0;
      for (const size of sizes) {
        a.stream.write(numbered(size, offset));
        b.stream.write(numbered(size, offset + 5));
        offset += size;
      }
      expectBytes(await b.untilReceived(offset), numbered(offset));
      expectBytes(await a.untilReceived(offset), numbered(offset, 5));
    });

    it('are echoed while they still arrive', async () => {
      const [a, b] = await recordedPairOf(await make());
      b.onData = (chunk) => void b.stream.write(chunk);
      for (let i = 0; i < 100; i += 1) a.stream.write(numbered(100, i * 100));
      expectBytes(await a.untilReceived(10_000), numbered(10_000));
    });

    it('are plain arrays that belong to the receiver', async () => {
      const [a, b] = await recordedPairOf(await make());
      a.stream.write(numbered(10));
      await b.untilReceived(10);
      for (const chunk of b.chunks) {
        expect(Object.getPrototypeOf(chunk)).toBe(Uint8Array.prototype);
        chunk.fill(0xff);
      }
      a.stream.write(numbered(10, 10));
      expectBytes((await b.untilReceived(20)).slice(10), numbered(10, 10));
    });

    it('are neither delivered nor lost before the stream is opened', async () => {
      const harness = await make();
      const [dialled, accepted] = await pairOf(harness);
      const a = new Recorder(dialled);
      a.stream.write(numbered(1000));
      await harness.turn();
      const b = new Recorder(accepted);
      expect(b.log).toEqual([]);
      expectBytes(await b.untilReceived(1000), numbered(1000));
    });

    it('of length 0 are no event', async () => {
      const [a, b] = await recordedPairOf(await make());
      expect(a.stream.write(new Uint8Array(0))).toBe(true);
      a.stream.write(numbered(1));
      await b.untilReceived(1);
      expect(b.log).toEqual(['data']);
    });
  });

  describe('back-pressure', () => {
    it('write answers false at the high water mark, and onDrain comes once the other end has read', async () => {
      const harness = await make();
      const [a, b] = await recordedPairOf(harness);
      b.stream.pause();
      const written = await fill(a, harness);
      expect(a.stream.write(new Uint8Array(1))).toBe(false);
      b.stream.resume();
      await a.until(() => a.log.includes('drain'));
      expect(a.stream.bufferedBytes).toBe(0);
      await b.untilReceived(written + 1);
      expect(a.log).toEqual(['drain']);
      expect(a.stream.write(new Uint8Array(1))).toBe(true);
    });

    it('32 MiB go both ways at once with little waiting at either end', async () => {
      const total = 32 * MEBIBYTE;
      const pair = await recordedPairOf(await make());
      let mostWaiting = 0;
      const sums = pair.map((end, side) => {
        let sent = 0;
        let received = 0;
        let isInOrder = true;
        const pump = (): void => {
          while (sent < total) {
            const piece = new Uint8Array(16_384).fill((sent >> 14) & 0xff);
            sent += piece.length;
            const goesOn = end.stream.write(piece);
            mostWaiting = Math.max(mostWaiting, end.stream.bufferedBytes);
            if (!goesOn) return;
          }
        };
        end.onDrain = pump;
        end.onData = (chunk) => {
          end.chunks = [];
          if (chunk[0] !== ((received >> 14) & 0xff)) isInOrder = false;
          received += chunk.length;
          if (chunk[chunk.length - 1] !== (((received - 1) >> 14) & 0xff)) isInOrder = false;
        };
        pump();
        return { side, inOrder: () => isInOrder };
      });
      await Promise.all(pair.map((end) => end.until(() => end.receivedBytes >= total)));
      expect(pair.map((end) => end.receivedBytes)).toEqual([total, total]);
      expect(sums.map((sum) => sum.inOrder())).toEqual([true, true]);
      expect(mostWaiting).toBeLessThan(STREAM_HIGH_WATER_BYTES + 2 * 16_384);
    });

    it('pause stops delivery at once, also in the middle of a burst, and resume brings the rest in order', async () => {
      const harness = await make();
      const [a, b] = await recordedPairOf(harness);
      let chunksWhilePaused = 0;
      b.onData = () => b.stream.pause();
      for (let i = 0; i < 64; i += 1) a.stream.write(numbered(8192, i * 8192));
      await b.until(() => b.receivedBytes > 0);
      const receivedBefore = b.receivedBytes;
      b.onData = () => {
        chunksWhilePaused += 1;
      };
      for (let i = 0; i < 5; i += 1) await harness.turn();
      expect([chunksWhilePaused, b.receivedBytes]).toEqual([0, receivedBefore]);
      b.stream.resume();
      expectBytes(await b.untilReceived(64 * 8192), numbered(64 * 8192));
    });

    it('a stream paused before it is opened stays silent until it is resumed', async () => {
      const harness = await make();
      const [dialled, accepted] = await pairOf(harness);
      accepted.pause();
      const b = new Recorder(accepted);
      dialled.write(numbered(10));
      for (let i = 0; i < 5; i += 1) await harness.turn();
      expect(b.log).toEqual([]);
      b.stream.resume();
      expectBytes(await b.untilReceived(10), numbered(10));
    });
  });

  describe('the end', () => {
    it('close hands over everything first, also what the other end is slow to take, and both close in order, once', async () => {
      const harness = await make();
      const [a, b] = await recordedPairOf(harness);
      b.stream.pause();
      const written = await fill(a, harness);
      a.stream.close();
      await harness.turn();
      b.stream.resume();
      expect([await a.closed, await b.closed]).toEqual([undefined, undefined]);
      expect(b.receivedBytes).toBe(written);
      for (let i = 0; i < 3; i += 1) await harness.turn();
      expect(a.log).toEqual(['close']);
      expect(b.log.filter((event) => event === 'close')).toHaveLength(1);
      expect(b.log.at(-1)).toBe('close');
    });

    it('an end that the other one leaves while bytes wait hands them over if it can, and takes no more', async () => {
      const harness = await make();
      const [a, b] = await recordedPairOf(harness);
      b.stream.pause();
      await fill(a, harness);
      b.stream.close(); // drops what arrives from now on, paused or not
      expect([await a.closed, await b.closed]).toEqual([undefined, undefined]);
      expect(b.log).toEqual(['close']);
    });

    it('what the other end wrote before it noticed our close is no error for it', async () => {
      const [a, b] = await recordedPairOf(await make());
      b.stream.write(numbered(1000));
      a.stream.close();
      expect([await a.closed, await b.closed]).toEqual([undefined, undefined]);
    });

    it('an end that answers the last bytes is heard out: what it had written is handed over before it closes', async () => {
      const [a, b] = await recordedPairOf(await make());
      b.onData = (chunk) => void b.stream.write(chunk);
      a.stream.write(numbered(10));
      await a.untilReceived(10);
      b.stream.close();
      expect([await a.closed, await b.closed]).toEqual([undefined, undefined]);
    });

    it('destroy is a reset for the other end and its own reason for this one', async () => {
      const [a, b] = await recordedPairOf(await make());
      a.stream.write(numbered(10));
      await b.untilReceived(10);
      const reason = Object.assign(new Error('mine'), { code: 'FRAME_INVALID' }) as unknown as NetError;
      a.stream.destroy(reason);
      expect(await a.closed).toBe(reason);
      expect((await b.closed)?.code).toBe('RESET');
    });

    it('destroy takes effect with any amount waiting, and drops it', async () => {
      const harness = await make();
      const [a, b] = await recordedPairOf(harness);
      b.stream.pause();
      await fill(a, harness);
      a.stream.destroy();
      expect(a.stream.bufferedBytes).toBe(0);
      expect(await a.closed).toBe(undefined);
      b.stream.resume();
      await b.closed;
      expect(b.receivedBytes).toBeLessThan(64 * MEBIBYTE);
    });

    it('destroy after close does not wait for what is left', async () => {
      const harness = await make();
      const [a, b] = await recordedPairOf(harness);
      b.stream.pause();
      await fill(a, harness);
      a.stream.close();
      a.stream.destroy();
      expect(await a.closed).toBe(undefined);
    });

    it('nothing is called after close or destroy but onClose', async () => {
      const harness = await make();
      for (const end of ['close', 'destroy'] as const) {
        const [a, b] = await recordedPairOf(harness);
        b.onData = () => {
          if (b.log.length === 1) b.stream[end]();
        };
        for (let i = 0; i < 32; i += 1) a.stream.write(numbered(65_536));
        await b.closed;
        for (let i = 0; i < 3; i += 1) await harness.turn();
        expect(b.log).toEqual(['data', 'close']);
      }
    });

    it('handlers are never called from inside close, destroy, write, pause, resume or open', async () => {
      const harness = await make();
      const [a, b] = await recordedPairOf(harness);
      a.stream.write(numbered(100));
      await harness.turn();
      for (const call of ['pause', 'resume', 'pause', 'resume', 'close', 'destroy', 'close', 'destroy'] as const) {
        const before = b.log.length;
        b.stream[call]();
        expect(b.log.length).toBe(before);
      }
      await b.closed;
    });

    it('write after the end is a typed error; close and destroy then do nothing', async () => {
      const [a, b] = await recordedPairOf(await make());
      a.stream.close();
      expect(() => a.stream.write(numbered(1))).toThrow(expect.objectContaining({ code: 'CLOSED' }));
      await Promise.all([a.closed, b.closed]);
      for (const { stream } of [a, b]) {
        expect(() => stream.write(numbered(1))).toThrow(expect.objectContaining({ code: 'CLOSED' }));
        stream.close();
        stream.destroy();
        expect(stream.bufferedBytes).toBe(0);
      }
      expect([a.log.at(-1), b.log.at(-1)]).toEqual(['close', 'close']);
    });

    it('a stream that was over before it was opened still says so, once', async () => {
      const harness = await make();
      const [dialled, accepted] = await pairOf(harness);
      accepted.destroy();
      dialled.close();
      const [a, b] = [new Recorder(dialled), new Recorder(accepted)];
      await Promise.all([a.closed, b.closed]);
      expect([a.log, b.log]).toEqual([['close'], ['close']]);
      expect(() => dialled.open({ onData() {}, onDrain() {}, onClose() {} })).toThrow('open already');
    });
  });
}
