import { describe, expect, it } from 'vitest';
import type { NetError } from '../../src/net/errors.ts';
import { MEMORY_WINDOW_BYTES } from '../../src/net/memory-pipe.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import type { ByteStream, Transport } from '../../src/net/transport.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { connect, RawEnd } from './link-rig.ts';

const at = { scheme: 'memory', host: 'b', port: 1 } as const;

interface Fate {
  stream?: ByteStream;
  code?: string;
  atMs?: number;
}

function dial(clock: VirtualClock, transport: Transport, timeoutMs = 4000): Fate {
  const fate: Fate = {};
  transport.dial(at, { timeoutMs }).then(
    (stream) => Object.assign(fate, { stream, atMs: clock.monotonicMs() }),
    (error: NetError) => Object.assign(fate, { code: error.code, atMs: clock.monotonicMs() }),
  );
  return fate;
}

describe('latency', () => {
  it('is one way for bytes and two ways for a dial, to the ms', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock, latencyMs: 50 });
    let far: RawEnd | undefined;
    let acceptedAtMs = 0;
    await network.transport('b').listen(at, (stream) => {
      acceptedAtMs = clock.monotonicMs();
      far = new RawEnd(stream);
    });
    const fate = dial(clock, network.transport('a'));
    await clock.advance(99.9);
    expect([acceptedAtMs, fate.stream]).toEqual([50, undefined]);
    await clock.advance(0.1);
    expect(fate.atMs).toBe(100);
    fate.stream?.write(Uint8Array.of(1));
    await clock.advance(49.9);
    expect(far?.hex).toBe('');
    await clock.advance(0.1);
    expect(far?.hex).toBe('01');
  });

  it('is two ways for a refusal too', async () => {
    const clock = new VirtualClock();
    const fate = dial(clock, new MemoryNetwork({ clock, latencyMs: 50 }).transport('a'));
    await clock.advance(1000);
    expect(fate).toEqual({ code: 'CONNECTION_REFUSED', atMs: 100 });
    expect(clock.timerCount).toBe(0);
  });
});

describe('determinism', () => {
  it('the same seed cuts and orders the same, another seed differently', async () => {
    const run = async (seed: number): Promise<string> => {
      const { clock, near, far } = await connect({ latencyMs: 3, chunkBytesMax: 50, random: new SeededRandom(seed) });
      const [a, b] = [new RawEnd(near), new RawEnd(far)];
      for (let i = 0; i < 20; i += 1) {
        a.stream.write(new Uint8Array(97).fill(i));
        b.stream.write(new Uint8Array(53).fill(i));
        await clock.advance(1);
      }
      await clock.advance(100);
      expect([a.hex.length, b.hex.length]).toEqual([20 * 53 * 2, 20 * 97 * 2]);
      return JSON.stringify([a, b].map((end) => end.chunks.map((chunk) => chunk.length)));
    };
    expect(await run(1)).toBe(await run(1));
    expect(await run(1)).not.toBe(await run(2));
  });
});

describe('the window', () => {
  it.each([MEMORY_WINDOW_BYTES - 1, MEMORY_WINDOW_BYTES, MEMORY_WINDOW_BYTES + 1])(
    'of %i bytes written to an end that does not read, what fits departs and the rest waits',
    async (length) => {
      const { clock, near } = await connect();
      near.write(new Uint8Array(length));
      await clock.settle();
      expect(near.bufferedBytes).toBe(Math.max(0, length - MEMORY_WINDOW_BYTES));
    },
  );
});

describe('close', () => {
  it('gives up after 30 s with WRITE_TIMEOUT when the other end takes nothing', async () => {
    const { clock, near, far } = await connect();
    const a = new RawEnd(near);
    const b = new RawEnd(far);
    b.stream.pause();
    a.stream.write(new Uint8Array(100_000));
    a.stream.close();
    await clock.advance(29_999);
    expect(a.closed).toBe(undefined);
    await clock.advance(1);
    expect(a.closed?.reason?.code).toBe('WRITE_TIMEOUT');
    expect(b.closed?.reason?.code).toBe('RESET');
    expect(clock.timerCount).toBe(0);
  });

  it('has done its part when everything has departed: a network that breaks then is no error', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RawEnd(near);
    far.pause();
    a.stream.write(Uint8Array.of(1));
    a.stream.close();
    await clock.settle();
    network.cut('a', 'b');
    await clock.settle();
    expect(a.closed).toEqual({ reason: undefined });
  });

  it('is a RESET for the other end when that still sends more than is waited for', async () => {
    const { clock, near, far } = await connect({ latencyMs: 400 });
    const a = new RawEnd(near);
    const b = new RawEnd(far);
    b.stream.write(new Uint8Array(500_000));
    a.stream.close();
    await clock.advance(5000);
    expect([a.closed, b.closed?.reason?.code]).toEqual([{ reason: undefined }, 'RESET']);
    expect(clock.timerCount).toBe(0);
  });

  it('waits 1 s for the other end when everything has departed, then is over in order', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RawEnd(near);
    const b = new RawEnd(far);
    b.stream.pause();
    a.stream.write(Uint8Array.of(1, 2, 3));
    a.stream.close();
    await clock.advance(999);
    expect(a.closed).toBe(undefined);
    await clock.advance(1);
    expect([a.closed, b.closed]).toEqual([{ reason: undefined }, undefined]);
    b.stream.resume();
    await clock.settle();
    expect([b.hex, b.closed, network.connectionCount]).toEqual(['010203', { reason: undefined }, 0]);
    expect(clock.timerCount).toBe(0);
  });
});

describe('cut', () => {
  it('resets connections both ways round, makes dials UNREACHABLE, and touches no other host', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock });
    const accepted: RawEnd[] = [];
    await network.transport('b').listen(at, (stream) => void accepted.push(new RawEnd(stream)));
    const fates = [dial(clock, network.transport('a')), dial(clock, network.transport('c'))];
    await clock.settle();
    const ends = fates.map((fate) => new RawEnd(fate.stream as ByteStream));
    expect(network.connectionCount).toBe(2);
    network.cut('b', 'a');
    await clock.settle();
    expect([...ends, ...accepted].map((end) => end.closed?.reason?.code)).toEqual([
      'RESET',
      undefined,
      'RESET',
      undefined,
    ]);
    expect(network.connectionCount).toBe(1);
    const during = dial(clock, network.transport('a'));
    await clock.settle();
    expect(during.code).toBe('UNREACHABLE');
    network.heal('a', 'b');
    const after = dial(clock, network.transport('a'));
    await clock.settle();
    expect(after.stream).toBeDefined();
  });

  it('ends a dial under way', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock, latencyMs: 100 });
    await network.transport('b').listen(at, () => {});
    const fate = dial(clock, network.transport('a'));
    await clock.advance(50);
    network.cut('a', 'b');
    await clock.settle();
    expect(fate).toEqual({ code: 'UNREACHABLE', atMs: 50 });
    expect(clock.timerCount).toBe(0);
  });
});

describe('stall', () => {
  it('holds bytes and ends without losing them, until it heals', async () => {
    const { clock, network, near, far } = await connect({ latencyMs: 5 });
    const a = new RawEnd(near);
    const b = new RawEnd(far);
    a.stream.write(Uint8Array.of(1)); // in flight when the stall begins
    network.stall('a', 'b');
    a.stream.write(Uint8Array.of(2));
    await clock.advance(500);
    expect([b.hex, a.stream.bufferedBytes]).toEqual(['', 1]);
    a.stream.close();
    await clock.advance(500);
    network.heal('a', 'b');
    await clock.advance(20);
    expect([b.hex, a.closed, b.closed]).toEqual(['0102', { reason: undefined }, { reason: undefined }]);
  });

  it('one way lets the other way pass', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RawEnd(near);
    const b = new RawEnd(far);
    network.stall('a', 'b', { oneWay: true });
    a.stream.write(Uint8Array.of(1));
    b.stream.write(Uint8Array.of(2));
    await clock.settle();
    expect([a.hex, b.hex]).toEqual(['02', '']);
  });

  it('holds a reset: the other end learns of it when the network heals', async () => {
    const { clock, network, near, far } = await connect();
    const a = new RawEnd(near);
    const b = new RawEnd(far);
    network.stall('a', 'b');
    a.stream.destroy();
    await clock.settle();
    expect([a.closed, b.closed]).toEqual([{ reason: undefined }, undefined]);
    network.heal('a', 'b');
    await clock.settle();
    expect(b.closed?.reason?.code).toBe('RESET');
  });

  it('holds dials, each way, until they time out or it heals', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock });
    const accepted: RawEnd[] = [];
    await network.transport('b').listen(at, (stream) => void accepted.push(new RawEnd(stream)));
    network.stall('a', 'b');
    const late = dial(clock, network.transport('a'));
    await clock.advance(4000);
    expect(late).toEqual({ code: 'DIAL_TIMEOUT', atMs: 4000 });
    expect(accepted).toHaveLength(0);
    const healed = dial(clock, network.transport('a'));
    await clock.advance(1000);
    network.heal('a', 'b');
    await clock.settle();
    expect([healed.atMs, accepted.length]).toEqual([5000, 1]);
    network.stall('b', 'a', { oneWay: true });
    const unanswered = dial(clock, network.transport('a'));
    await clock.advance(4000);
    expect(unanswered.code).toBe('DIAL_TIMEOUT');
    network.heal('a', 'b');
    await clock.settle();
    expect(accepted.map((end) => end.closed?.reason?.code)).toEqual([undefined, 'RESET']);
    expect(clock.timerCount).toBe(0);
  });
});

describe('hosts and options', () => {
  it('a host listens on its own name only; the nameless one on any', async () => {
    const network = new MemoryNetwork({ clock: new VirtualClock() });
    await expect(network.transport('a').listen(at, () => {})).rejects.toMatchObject({ code: 'ADDRESS_UNAVAILABLE' });
    expect((await network.transport().listen(at, () => {})).address).toEqual(at);
  });

  it('two networks know nothing of each other', async () => {
    const clock = new VirtualClock();
    await new MemoryNetwork({ clock }).transport('b').listen(at, () => {});
    const fate = dial(clock, new MemoryNetwork({ clock }).transport('a'));
    await clock.settle();
    expect(fate.code).toBe('CONNECTION_REFUSED');
  });

  it.each([{ latencyMs: -1 }, { latencyMs: 60_001 }, { chunkBytesMax: 65_537 }, { maxConnections: 0 }])(
    'refuses %o',
    (options) => {
      expect(() => new MemoryNetwork({ clock: new VirtualClock(), ...options })).toThrow(RangeError);
    },
  );

  it('needs chance to cut by chance', () => {
    expect(() => new MemoryNetwork({ clock: new VirtualClock(), chunkBytesMax: 1 })).toThrow(TypeError);
  });
});
