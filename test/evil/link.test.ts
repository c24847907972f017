/** A hostile peer on an Archethic link: whatever it sends ends that link with a typed error and nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogFields } from '../../src/base/logger.ts';
import { connect, RawEnd, RecordedLink } from '../net/link-rig.ts';

const frameOf = (length: number, value = 1): Uint8Array => {
  const frame = new Uint8Array(4 + length).fill(value);
  new DataView(frame.buffer).setUint32(0, length);
  return frame;
};

describe('a peer that breaks the framing', () => {
  it.each<[string, number, string]>([
    ['n - 1 bytes', 999, 'frame 999'],
    ['n bytes', 1000, 'frame 1000'],
    ['n + 1 bytes', 1001, 'close FRAME_INVALID'],
  ])('frameBytesMax n: a frame of %s', async (_name, length, outcome) => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, frameBytesMax: 1000 });
    const evil = new RawEnd(far);
    evil.stream.write(frameOf(length));
    await clock.settle();
    expect(a.log).toEqual([outcome]);
  });

  it('is refused as soon as the header of an oversized frame is there, with the cause and a count', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const evil = new RawEnd(far);
    evil.stream.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    await clock.settle();
    expect(a.closed?.reason?.code).toBe('FRAME_INVALID');
    expect(a.closed?.reason?.cause).toMatchObject({ code: 'FRAME_TOO_LARGE' });
    expect(a.closed?.reason?.message).toContain(near.remoteAddress);
    expect(a.link.stats().remoteFaults).toBe(1);
    expect(evil.closed?.reason?.code).toBe('RESET');
  });

  it('is refused for an empty frame, after the good frames before it and none of those behind it', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const evil = new RawEnd(far);
    evil.stream.write(frameOf(3));
    evil.stream.write(frameOf(0));
    evil.stream.write(frameOf(3));
    await clock.settle();
    expect(a.log).toEqual(['frame 3', 'close FRAME_INVALID']);
    expect(a.link.stats().remoteFaults).toBe(1);
  });

  it.each([1, 3, 4, 5, 103])('that closes %i bytes into a frame of 100 is FRAME_TRUNCATED', async (length) => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const evil = new RawEnd(far);
    evil.stream.write(frameOf(7));
    evil.stream.write(frameOf(100).subarray(0, length));
    evil.stream.close();
    await clock.settle();
    expect(a.log).toEqual(['frame 7', 'close FRAME_TRUNCATED']);
    expect(a.closed?.reason?.message).toContain(`closed ${length} bytes into a frame`);
    expect(a.link.stats().remoteFaults).toBe(1);
  });

  it('never makes the link throw, whatever the bytes and their chunking, and it ends once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
        fc.constantFrom('close', 'destroy', 'nothing'),
        async (chunks, end) => {
          const { clock, near, far } = await connect();
          const a = new RecordedLink(near, { clock, frameBytesMax: 64, idleTimeoutMs: 1000 });
          const evil = new RawEnd(far);
          for (const chunk of chunks) {
            if (evil.closed !== undefined) break;
            evil.stream.write(chunk);
            await clock.settle();
          }
          if (end !== 'nothing') evil.stream[end]();
          await clock.advance(40_000);
          expect(a.log.filter((event) => event.startsWith('close'))).toHaveLength(1);
          expect(a.log.at(-1)).toMatch(/^close (in order|RESET|FRAME_INVALID|FRAME_TRUNCATED|IDLE_TIMEOUT)$/);
          expect(clock.timerCount).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a peer that plays with time and pressure', () => {
  it('that drips one byte at a time is cut off by the idle timeout', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, idleTimeoutMs: 5000 });
    const evil = new RawEnd(far);
    for (const byte of frameOf(1000).subarray(0, 20)) {
      if (evil.closed !== undefined) break;
      evil.stream.write(Uint8Array.of(byte));
      await clock.advance(1000);
    }
    expect(a.log).toEqual(['close IDLE_TIMEOUT']);
  });

  it('that asks with heartbeats and never reads the answers cannot fill our memory', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RecordedLink(near, { clock, sendBufferBytesMax: 600 });
    a.onHeartbeat = () => void a.link.sendHeartbeat();
    const evil = new RawEnd(far);
    network.stall('a', 'b', { oneWay: true });
    const heartbeat = Uint8Array.of(0, 0, 0, 2, 0x68, 0x62);
    for (let i = 0; i < 1000; i += 1) evil.stream.write(heartbeat.slice());
    await clock.settle();
    expect(a.link.stats()).toMatchObject({ heartbeatsIn: 1000, heartbeatsOut: 100, bufferedBytes: 600 });
    await clock.advance(30_000);
    expect(a.log.at(-1)).toBe('close WRITE_TIMEOUT');
  });

  it('that floods a paused link is held back: at most one chunk is taken from the stream', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    a.onFrame = () => a.link.pause();
    const evil = new RawEnd(far);
    for (let i = 0; i < 1000; i += 1) evil.stream.write(frameOf(1000));
    await clock.settle();
    expect(a.log).toEqual(['frame 1000']);
    expect(a.link.stats().bytesIn).toBeLessThanOrEqual(65_536);
    expect(evil.stream.bufferedBytes).toBeGreaterThan(1_004_000 - 2 * 65_536 - 1);
  });

  it('that resets in the middle of a burst ends the link once, with RESET', async () => {
    const { clock, near, far } = await connect({ latencyMs: 5 });
    const a = new RecordedLink(near, { clock });
    const evil = new RawEnd(far);
    for (let i = 0; i < 100; i += 1) evil.stream.write(frameOf(1000));
    await clock.advance(5);
    evil.stream.destroy();
    await clock.advance(100);
    expect(a.log.filter((event) => event.startsWith('close'))).toEqual(['close RESET']);
    expect(a.link.stats().remoteFaults).toBe(0);
  });
});

describe('an owner that throws', () => {
  it.each(['onFrame', 'onHeartbeat', 'onDrain'] as const)(
    'in %s loses this link with HANDLER_FAILED and nothing else',
    async (handler) => {
      const { clock, network, near, far } = await connect();
      const logged: LogFields[] = [];
      const nothing = (): void => {};
      const logger = {
        debug: nothing,
        info: nothing,
        warn: nothing,
        error: (_message: string, fields?: LogFields) => void logged.push(fields ?? {}),
      };
      const a = new RecordedLink(near, { clock, logger });
      const b = new RecordedLink(far, { clock });
      const failure = new Error('owner');
      a[handler] = () => {
        throw failure;
      };
      network.stall('a', 'b');
      b.link.send(new Uint8Array(3).fill(1));
      b.link.sendHeartbeat();
      a.link.send(new Uint8Array(100_000).fill(1));
      await clock.settle();
      network.heal('a', 'b');
      await clock.settle();
      expect(a.closed?.reason).toMatchObject({ code: 'HANDLER_FAILED', cause: failure });
      expect(b.closed?.reason?.code).toBe('RESET');
      expect(logged).toEqual([{ remote: near.remoteAddress }]);
      expect(a.link.stats().remoteFaults).toBe(0);
    },
  );

  it('in onClose hurts nobody', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    a.onClose = () => {
      throw new Error('owner');
    };
    far.destroy();
    await clock.settle();
    expect(a.log).toEqual(['close RESET']);
  });
});
