import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/codec/frame.ts';
import { ArchethicLink } from '../../src/net/archethic-link.ts';
import { connect, RawEnd, RecordedLink } from './link-rig.ts';

const bytes = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value);
const code = (value: string): unknown => expect.objectContaining({ code: value });

describe('frames', () => {
  it('are on the wire as the codec writes them, and heartbeats as 00 00 00 02 68 62', async () => {
    const { clock, near, far } = await connect();
    const { link } = new RecordedLink(near, { clock });
    const raw = new RawEnd(far);
    link.send(bytes(3));
    link.sendHeartbeat();
    link.send(bytes(300));
    await clock.settle();
    const hex = (payload: Uint8Array): string => Buffer.from(encodeFrame(payload)).toString('hex');
    expect(raw.hex).toBe(`${hex(bytes(3))}000000026862${hex(bytes(300))}`);
  });

  it('arrive in order between two links, heartbeats among them, and are counted', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    a.link.send(bytes(1));
    a.link.sendHeartbeat();
    a.link.send(bytes(2));
    b.link.send(bytes(5));
    await clock.settle();
    expect([b.log, a.log]).toEqual([['frame 1', 'heartbeat', 'frame 2'], ['frame 5']]);
    const none = { bufferedBytes: 0, remoteFaults: 0 };
    const sent = { framesOut: 2, heartbeatsOut: 1, bytesOut: 17 };
    const received = { framesIn: 1, heartbeatsIn: 0, bytesIn: 9 };
    expect(a.link.stats()).toEqual({ ...none, ...sent, ...received });
    expect(b.link.stats()).toMatchObject({ framesIn: 2, heartbeatsIn: 1, bytesIn: 17, framesOut: 1, bytesOut: 9 });
  });

  it('keep their bytes when the sender changes its array afterwards', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    const payload = bytes(10);
    a.link.send(payload);
    payload.fill(0);
    await clock.settle();
    expect(b.frames).toEqual([bytes(10)]);
  });

  it('of two bytes are heartbeats only when they say so', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    new RawEnd(far).stream.write(Uint8Array.of(0, 0, 0, 2, 0x68, 0x61, 0, 0, 0, 2, 0x68, 0x62, 0, 0, 0, 1, 0x68));
    await clock.settle();
    expect(a.log).toEqual(['frame 2', 'heartbeat', 'frame 1']);
  });

  it('are refused when empty or longer than frameBytesMax: n - 1 and n go, n + 1 does not', async () => {
    const { clock, near } = await connect();
    const { link } = new RecordedLink(near, { clock, frameBytesMax: 100 });
    link.send(bytes(99));
    link.send(bytes(100));
    expect(() => link.send(bytes(101))).toThrow(code('FRAME_SIZE_INVALID'));
    expect(() => link.send(bytes(0))).toThrow(code('FRAME_SIZE_INVALID'));
    expect(link.stats().framesOut).toBe(2);
  });
});

describe('writes', () => {
  it('are one for all that a turn produces, 64 messages as well as 1', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    for (const count of [1, 64, 256]) {
      near.writes.length = 0;
      for (let i = 0; i < count; i += 1) {
        a.link.send(bytes(120, i));
        if (i % 7 === 0) await Promise.resolve(); // promises are still the same turn
      }
      expect(near.writes).toEqual([]);
      await clock.settle();
      expect(near.writes.map((write) => write.length)).toEqual([count * 124]);
    }
    expect(b.frames.map((frame) => frame[0])).toEqual(
      [1, 64, 256].flatMap((count) => Array.from({ length: count }, (_, i) => i)),
    );
  });

  it('begin before the end of the turn at 64 KiB, so that a burst is neither copied twice nor held back', async () => {
    const { clock, near } = await connect();
    const { link } = new RecordedLink(near, { clock });
    for (let i = 0; i < 100; i += 1) link.send(bytes(1996)); // 100 * 2000 bytes
    expect(near.writes.map((write) => write.length)).toEqual([64_000, 64_000, 64_000]);
    await clock.settle();
    expect(near.writes.map((write) => write.length)).toEqual([64_000, 64_000, 64_000, 8000]);
  });

  it('answer a large message in one, and keep order around it', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    a.link.send(bytes(10, 1));
    a.link.send(bytes(3_145_728, 2));
    a.link.send(bytes(10, 3));
    await clock.settle();
    expect(b.log).toEqual(['frame 10', 'frame 3145728', 'frame 10']);
    expect(near.writes.length).toBe(3);
  });
});

describe('the send buffer', () => {
  it('takes n - 1 and n bytes, headers included, and refuses n + 1 without sending any of it', async () => {
    for (const [length, isTaken] of [
      [1000 - 4 - 50 - 1, true],
      [1000 - 4 - 50, true],
      [1000 - 4 - 50 + 1, false],
    ] as const) {
      const { clock, network, near, far } = await connect();
      const a = new RecordedLink(near, { clock, sendBufferBytesMax: 1000 });
      const b = new RecordedLink(far, { clock });
      network.stall('a', 'b');
      a.link.send(bytes(46)); // 50 bytes with its header
      await clock.settle();
      expect(a.link.stats().bufferedBytes).toBe(50);
      if (isTaken) a.link.send(bytes(length));
      else expect(() => a.link.send(bytes(length))).toThrow(code('SEND_BUFFER_FULL'));
      expect(a.link.stats().bufferedBytes).toBe(isTaken ? 54 + length : 50);
      network.heal('a', 'b');
      await clock.settle();
      expect(b.frames.length).toBe(isTaken ? 2 : 1);
      expect([a.link.isOpen, a.link.stats().bufferedBytes]).toEqual([true, 0]);
    }
  });

  it('drops a heartbeat that has no room instead of throwing', async () => {
    const { clock, network, near } = await connect();
    const { link } = new RecordedLink(near, { clock, sendBufferBytesMax: 12 });
    network.stall('a', 'b');
    expect([link.sendHeartbeat(), link.sendHeartbeat(), link.sendHeartbeat()]).toEqual([true, true, false]);
    expect(link.stats().heartbeatsOut).toBe(2);
  });

  it('tells of congestion and of its end', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    new RecordedLink(far, { clock });
    network.stall('a', 'b');
    a.link.send(bytes(65_531));
    await clock.settle();
    expect(a.link.isCongested).toBe(false);
    a.link.send(bytes(1));
    await clock.settle();
    expect(a.link.isCongested).toBe(true);
    network.heal('a', 'b');
    await clock.settle();
    expect([a.link.isCongested, a.log]).toEqual([false, ['drain']]);
  });
});

describe('pressure', () => {
  it('pause stops frames at once, also those of the same chunk, and resume goes on in order', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    b.onFrame = () => b.link.pause();
    for (let i = 0; i < 5; i += 1) a.link.send(bytes(10, i));
    a.link.sendHeartbeat();
    await clock.settle();
    expect(b.log).toEqual(['frame 10']);
    b.link.resume();
    expect(b.log).toEqual(['frame 10']);
    await clock.settle();
    expect(b.log).toHaveLength(2);
    b.onFrame = () => {};
    b.link.resume();
    await clock.settle();
    expect(b.frames.map((frame) => frame[0])).toEqual([0, 1, 2, 3, 4]);
    expect(b.log.at(-1)).toBe('heartbeat');
  });

  it('reaches the sender: what a paused reader does not take waits there, bounded at both ends', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, sendBufferBytesMax: 1_000_000 });
    const b = new RecordedLink(far, { clock });
    b.link.pause();
    let sent = 0;
    expect(() => {
      for (;;) {
        a.link.send(bytes(9996));
        sent += 1;
      }
    }).toThrow(code('SEND_BUFFER_FULL'));
    await clock.settle();
    expect(b.frames).toEqual([]);
    expect(b.link.stats().bytesIn).toBe(0);
    expect(a.link.stats().bufferedBytes).toBe(sent * 10_000 - 65_536);
    b.link.resume();
    await clock.settle();
    expect(b.frames.length).toBe(sent);
    expect(a.log).toEqual(['drain']);
  });

  it('pausing and resuming in one go changes nothing', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    b.onFrame = () => {
      b.link.pause();
      b.link.resume();
      b.link.pause();
      b.link.resume();
    };
    for (let i = 0; i < 50; i += 1) a.link.send(bytes(10, i));
    await clock.settle();
    expect(b.frames.map((frame) => frame[0])).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

describe('a stalled peer', () => {
  it('is given up with WRITE_TIMEOUT at exactly 30 000 ms when it takes nothing', async () => {
    const { clock, network, near } = await connect();
    const a = new RecordedLink(near, { clock });
    network.stall('a', 'b');
    await clock.advance(1234);
    a.link.send(bytes(100));
    await clock.advance(29_999.999);
    expect(a.closed).toBe(undefined);
    await clock.advance(0.001);
    expect(a.log).toEqual(['close WRITE_TIMEOUT']);
    expect(a.closed?.reason?.message).toBe('104 bytes for memory://b:1: none taken in 30000 ms');
    expect(clock.timerCount).toBe(0);
  });

  it('lives while it takes a little now and then, and is given up at most a quarter of the timeout after it stops', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, writeTimeoutMs: 1000 });
    const b = new RawEnd(far);
    b.onData = () => b.stream.pause();
    b.stream.pause();
    a.link.send(bytes(1_000_000)); // 16 chunks, one taken at a time
    for (let i = 0; i < 8; i += 1) {
      await clock.advance(900);
      b.stream.resume();
      await clock.settle();
    }
    expect([a.closed, b.chunks.length]).toEqual([undefined, 8]);
    const takenAtMs = clock.monotonicMs();
    await clock.advanceUntil(() => a.closed !== undefined);
    expect(a.closed?.reason?.code).toBe('WRITE_TIMEOUT');
    expect(clock.monotonicMs() - takenAtMs).toBeGreaterThanOrEqual(1000);
    expect(clock.monotonicMs() - takenAtMs).toBeLessThanOrEqual(1250);
  });

  it('also while it is being closed, so that close never hangs', async () => {
    const { clock, network, near } = await connect();
    const a = new RecordedLink(near, { clock, writeTimeoutMs: 5000 });
    network.stall('a', 'b');
    a.link.send(bytes(100));
    a.link.close();
    await clock.advance(5000);
    expect(a.log).toEqual(['close WRITE_TIMEOUT']);
    expect(clock.timerCount).toBe(0);
  });

  it('costs no timer while nothing waits', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    new RecordedLink(far, { clock });
    a.link.send(bytes(100));
    await clock.advance(30_000);
    expect([clock.timerCount, a.link.isOpen]).toEqual([0, true]);
  });
});

describe('the idle timeout', () => {
  it('ends a link at exactly the time when no frame at all arrives', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, idleTimeoutMs: 5000 });
    const b = new RawEnd(far);
    await clock.advance(4999.9);
    expect(a.closed).toBe(undefined);
    await clock.advance(0.1);
    expect(a.log).toEqual(['close IDLE_TIMEOUT']);
    expect(b.closed?.reason?.code).toBe('RESET');
  });

  it('begins anew with each frame, also a heartbeat, but not with parts of one', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, idleTimeoutMs: 5000 });
    const b = new RawEnd(far);
    await clock.advance(4000);
    b.stream.write(Uint8Array.of(0, 0, 0, 2, 0x68, 0x62));
    await clock.advance(4000);
    b.stream.write(Uint8Array.of(0, 0, 0, 9, 1));
    await clock.advance(999);
    b.stream.write(Uint8Array.of(1));
    expect(a.closed).toBe(undefined);
    await clock.advance(1);
    expect(a.log).toEqual(['heartbeat', 'close IDLE_TIMEOUT']);
  });

  it('stands still while the owner does not read', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, idleTimeoutMs: 5000 });
    new RawEnd(far);
    a.link.pause();
    await clock.advance(60_000);
    expect(a.closed).toBe(undefined);
    a.link.resume();
    await clock.advance(4999);
    expect(a.closed).toBe(undefined);
    await clock.advance(5000);
    expect(a.log).toEqual(['close IDLE_TIMEOUT']);
  });

  it('is off by default', async () => {
    const { clock, near } = await connect();
    const a = new RecordedLink(near, { clock });
    await clock.advance(86_400_000);
    expect(a.link.isOpen).toBe(true);
  });
});

describe('the end of a link', () => {
  it('close sends what waits, then both ends close in order and every timer is gone', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock, idleTimeoutMs: 60_000 });
    const b = new RecordedLink(far, { clock, idleTimeoutMs: 60_000 });
    a.link.send(bytes(1_000_000));
    a.link.close();
    a.link.close();
    expect(a.link.isOpen).toBe(false);
    expect(() => a.link.send(bytes(1))).toThrow(code('CLOSED'));
    expect(a.link.sendHeartbeat()).toBe(false);
    await clock.settle();
    expect([a.log, b.log]).toEqual([['close in order'], ['frame 1000000', 'close in order']]);
    expect(clock.timerCount).toBe(0);
  });

  it('destroy drops what waits and gives its reason, once', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    a.link.send(bytes(10));
    a.link.destroy();
    a.link.destroy();
    await clock.settle();
    expect([a.log, b.log, b.link.isOpen]).toEqual([['close in order'], ['close RESET'], false]);
    a.link.destroy();
    a.link.close();
    await clock.settle();
    expect(a.log).toHaveLength(1);
  });

  it('frames that arrived before an orderly end are delivered, also when they are read later', async () => {
    const { clock, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    b.onFrame = () => b.link.pause();
    for (let i = 0; i < 3; i += 1) a.link.send(bytes(10, i));
    a.link.close();
    await clock.settle();
    for (let i = 0; i < 3; i += 1) {
      b.link.resume();
      await clock.settle();
    }
    expect(b.log).toEqual(['frame 10', 'frame 10', 'frame 10', 'close in order']);
  });

  it('a sender that does not know yet that the other end is closed loses its frames without an exception', async () => {
    const { clock, near, far } = await connect({ latencyMs: 10 });
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    b.link.close();
    await clock.advance(5);
    a.link.send(bytes(10));
    await clock.advance(5);
    if (a.link.isOpen) a.link.send(bytes(10));
    await clock.advance(2000);
    expect([a.log, b.log]).toEqual([['close in order'], ['close in order']]);
    expect(clock.timerCount).toBe(0);
  });

  it('a link whose other end has closed while bytes still wait here drops what is sent then, and ends', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    network.stall('a', 'b', { oneWay: true });
    a.link.send(bytes(10));
    await clock.settle();
    far.close();
    await clock.settle();
    expect(a.link.isOpen).toBe(true); // the stream still tries to hand over what waits
    a.link.send(bytes(20));
    await clock.settle();
    expect(a.link.stats().bufferedBytes).toBe(14);
    network.heal('a', 'b');
    await clock.settle();
    expect(a.log).toEqual(['close in order']);
    expect(clock.timerCount).toBe(0);
  });

  it('a network that breaks is a RESET at both ends', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    network.cut('a', 'b');
    await clock.settle();
    expect([a.log, b.log]).toEqual([['close RESET'], ['close RESET']]);
  });
});

describe('options', () => {
  it.each([
    { frameBytesMax: 1 },
    { frameBytesMax: 2 ** 32 },
    { sendBufferBytesMax: 5 },
    { writeTimeoutMs: 0 },
    { writeTimeoutMs: 86_400_001 },
    { idleTimeoutMs: -1 },
    { idleTimeoutMs: 1.5 },
  ])('out of range are refused at the door, by name: %o', async (option) => {
    const { clock, near } = await connect();
    const handlers = { onFrame: () => {}, onHeartbeat: () => {}, onClose: () => {} };
    const name = Object.keys(option)[0] as string;
    expect(() => new ArchethicLink(near, { clock, handlers, ...option })).toThrow(
      expect.objectContaining({ name: 'RangeError', message: expect.stringContaining(`option ${name} is`) }),
    );
  });
});
