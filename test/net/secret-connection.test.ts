import { describe, expect, test } from 'vitest';
import { NetError } from '../../src/net/errors.ts';
import { SECRET_HANDSHAKE_TIMEOUT_MS_MAX, secretConnection } from '../../src/net/secret-connection.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { NATIVE, PORTABLE } from '../crypto/engines.ts';
import { connect, RawEnd } from './link-rig.ts';
import { begin, nodeKeyOf, Outcome, secretPair } from './secret-rig.ts';

const bytesOf = (length: number, seed = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);

describe('the handshake', () => {
  test('tells both ends who the other one is (secret_connection_test.go Handshake)', async () => {
    const { a, b } = await secretPair();
    expect(a.remotePublicKey).toEqual(nodeKeyOf(2).publicKey.raw);
    expect(b.remotePublicKey).toEqual(nodeKeyOf(1).publicKey.raw);
  });

  test('takes 35 and 1044 bytes each way, and leaves no timer behind', async () => {
    const { near, clock, a } = await secretPair();
    expect(near.writes.map((write) => write.length)).toEqual([35, 1044]);
    expect(clock.timerCount).toBe(0);
    expect([a.remoteAddress, a.localAddress]).toEqual([near.remoteAddress, near.localAddress]);
  });

  test.each([
    ['native', 'portable', NATIVE, PORTABLE],
    ['portable', 'native', PORTABLE, NATIVE],
    ['portable', 'portable', PORTABLE, PORTABLE],
  ] as const)('works between a %s and a %s engine', async (_one, _other, one, other) => {
    const { a, b, clock } = await secretPair({}, [one, other]);
    const [endA, endB] = [new RawEnd(a), new RawEnd(b)];
    a.write(bytesOf(3000));
    b.write(bytesOf(10));
    await clock.settle();
    expect(endB.hex).toBe(Buffer.from(bytesOf(3000)).toString('hex'));
    expect(endA.hex).toBe(Buffer.from(bytesOf(10)).toString('hex'));
  });

  test('is the same whatever the chunks it arrives in', async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const { a, b } = await secretPair({ chunkBytesMax: 3, random: new SeededRandom(seed) });
      expect([a.remotePublicKey, b.remotePublicKey]).toEqual([nodeKeyOf(2).publicKey.raw, nodeKeyOf(1).publicKey.raw]);
    }
  });

  test('between two ends with the same node key is for the layer above to notice', async () => {
    const { clock, near, far } = await connect();
    const [one, other] = [
      new Outcome(begin(near, clock, 1)),
      new Outcome(begin(far, clock, 1, NATIVE, { random: new SeededRandom(99) })),
    ];
    await clock.settle();
    expect(one.value?.remotePublicKey).toEqual(other.value?.remotePublicKey);
  });

  test('does not start with a node key of another curve, and leaves the stream alone', async () => {
    const { clock, near } = await connect();
    const nodeKey = NATIVE.keyPairFromSeed(new Uint8Array(32).fill(1), { curve: 'secp256k1' });
    const options = { clock, random: new SeededRandom(1), engine: NATIVE, nodeKey };
    await expect(secretConnection(near, options)).rejects.toThrow(RangeError);
    expect(() => new RawEnd(near)).not.toThrow();
  });

  test.each([
    [0, 'refused'],
    [1, 'taken'],
    [SECRET_HANDSHAKE_TIMEOUT_MS_MAX, 'taken'],
    [SECRET_HANDSHAKE_TIMEOUT_MS_MAX + 1, 'refused'],
    [1.5, 'refused'],
  ])('with a handshakeTimeoutMs of %d is %s', async (handshakeTimeoutMs, fate) => {
    const { clock, near } = await connect();
    const outcome = new Outcome(begin(near, clock, 1, NATIVE, { handshakeTimeoutMs }));
    await clock.settle();
    expect(outcome.error instanceof RangeError ? 'refused' : 'taken').toBe(fate);
    near.destroy();
    await clock.settle();
  });
});

describe('a signal', () => {
  test('that is aborted already gives the handshake up at once', async () => {
    const { clock, near, far } = await connect();
    const outcome = new Outcome(begin(near, clock, 1, NATIVE, { signal: AbortSignal.abort() }));
    const end = new RawEnd(far);
    await clock.settle();
    expect([outcome.error?.code, end.hex, end.closed?.reason?.code]).toEqual(['ABORTED', '', 'RESET']);
  });

  test('that aborts in the middle gives it up, with its reason as the cause', async () => {
    const { clock, near, far } = await connect();
    const controller = new AbortController();
    const outcome = new Outcome(begin(near, clock, 1, NATIVE, { signal: controller.signal }));
    const end = new RawEnd(far);
    await clock.settle();
    controller.abort(new Error('not wanted any more'));
    await clock.settle();
    expect(outcome.error).toMatchObject({ code: 'ABORTED', cause: { message: 'not wanted any more' } });
    expect(end.closed?.reason?.code).toBe('RESET');
    expect(clock.timerCount).toBe(0);
  });

  test('that aborts after it does nothing', async () => {
    const { clock, near, far } = await connect();
    const controller = new AbortController();
    const outcome = new Outcome(begin(near, clock, 1, NATIVE, { signal: controller.signal }));
    const other = new Outcome(begin(far, clock, 2));
    await clock.settle();
    controller.abort();
    const end = new RawEnd(other.value as NonNullable<typeof other.value>);
    outcome.value?.write(bytesOf(1));
    await clock.settle();
    expect([end.hex, end.closed]).toEqual(['00', undefined]);
  });
});

describe('a secret stream', () => {
  test.each([
    [0, 0],
    [1, 1],
    [1023, 1],
    [1024, 1],
    [1025, 2],
    [2048, 2],
    [2049, 3],
    [65_536, 64],
  ])('seals a write of %i bytes in %i frames, as one write of the stream below', async (length, frameCount) => {
    const { a, b, near, clock } = await secretPair();
    const end = new RawEnd(b);
    const writesBefore = near.writes.length;
    expect(a.write(bytesOf(length))).toBe(true);
    await clock.settle();
    const writes = near.writes.slice(writesBefore);
    expect(writes.map((write) => write.length)).toEqual(frameCount === 0 ? [] : [frameCount * 1044]);
    expect(end.hex).toBe(Buffer.from(bytesOf(length)).toString('hex'));
  });

  test('carries 100 messages of up to 5 KiB each way; a write of up to 1024 bytes arrives as one (ReadWrite)', async () => {
    const { a, b, clock } = await secretPair();
    const random = new SeededRandom(7);
    const sizes = Array.from({ length: 100 }, () => 1 + Math.floor(random.float() * 5120));
    const got: [number[], number[]] = [[], []];
    const bytes: [number[], number[]] = [[], []];
    for (const [index, end] of [a, b].entries()) {
      end.open({
        onData: (chunk) => {
          got[index]?.push(chunk.length);
          bytes[index]?.push(...chunk);
        },
        onDrain: () => {},
        onClose: () => {},
      });
    }
    for (const [seed, size] of sizes.entries()) {
      a.write(bytesOf(size, seed));
      b.write(bytesOf(size, seed + 100));
      await clock.settle();
    }
    expect(got[1]).toEqual(sizes);
    expect(got[0]).toEqual(sizes);
    expect(bytes[1]).toEqual(sizes.flatMap((size, seed) => [...bytesOf(size, seed)]));
    expect(bytes[0]).toEqual(sizes.flatMap((size, seed) => [...bytesOf(size, seed + 100)]));
  });

  test('keeps the writes of two writers whole, each in its order (ConcurrentWrite, ConcurrentRead)', async () => {
    const { a, b, clock } = await secretPair();
    const end = new RawEnd(b);
    const WRITES = 200;
    const writer = async (mark: number): Promise<void> => {
      for (let i = 0; i < WRITES; i += 1) {
        const message = new Uint8Array(1024).fill(mark);
        message[1] = i;
        a.write(message);
        await Promise.resolve(); // the other one's turn
      }
    };
    const reader = Promise.all([writer(0xaa), writer(0xbb)]);
    await reader;
    await clock.settle();
    const stream = Buffer.from(end.hex, 'hex');
    expect(stream.length).toBe(2 * WRITES * 1024);
    const order: Record<number, number[]> = { 170: [], 187: [] };
    for (let at = 0; at < stream.length; at += 1024) {
      const message = stream.subarray(at, at + 1024);
      const mark = message[0] as number;
      expect(message.subarray(2).every((byte) => byte === mark)).toBe(true);
      order[mark]?.push(message[1] as number);
    }
    const inOrder = Array.from({ length: WRITES }, (_, i) => i);
    expect(order).toEqual({ 170: inOrder, 187: inOrder });
  });

  test('shows nothing of what is written to who listens', async () => {
    const { a, near, clock } = await secretPair();
    const secret = new TextEncoder().encode('a secret of some length that is easy to find');
    a.write(secret);
    await clock.settle();
    const wire = Buffer.concat(near.writes);
    expect(wire.includes(Buffer.from(secret.subarray(0, 8)))).toBe(false);
    expect(wire.includes(Buffer.from(nodeKeyOf(1).publicKey.raw))).toBe(false);
  });

  test('is new each time: the same bytes twice are not the same on the wire', async () => {
    const { a, near, clock } = await secretPair();
    a.write(bytesOf(100));
    a.write(bytesOf(100));
    await clock.settle();
    const [one, other] = near.writes.slice(-2);
    expect(one).not.toEqual(other);
  });

  test('delivers the frames of one chunk as one piece', async () => {
    const { a, b, clock } = await secretPair();
    const end = new RawEnd(b);
    a.write(bytesOf(5000));
    await clock.settle();
    expect(end.chunks.map((chunk) => chunk.length)).toEqual([5000]);
  });

  test('reads nothing from the network before it is opened', async () => {
    const { a, b, clock } = await secretPair();
    for (let i = 0; i < 8; i += 1) a.write(bytesOf(65_536));
    await clock.advance(1_000);
    expect(a.bufferedBytes).toBeGreaterThan(6 * 65_536); // all but the window between the ends
    const end = new RawEnd(b);
    await clock.settle();
    expect(end.chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(8 * 65_536);
  });

  test('that its owner does not want is destroyed unopened, and the other end sees a reset', async () => {
    const { a, b, clock } = await secretPair();
    const end = new RawEnd(a);
    b.destroy();
    await clock.settle();
    expect(end.closed?.reason?.code).toBe('RESET');
    expect(clock.timerCount).toBe(0);
  });

  test('gives the reason it was destroyed with, and no other', async () => {
    const { a, clock } = await secretPair();
    const end = new RawEnd(a);
    const reason = new NetError('IDLE_TIMEOUT', 'enough');
    a.destroy(reason);
    a.destroy();
    await clock.settle();
    expect(end.closed?.reason).toBe(reason);
  });

  test('drops what had come early when it is closed unopened', async () => {
    const { a, b, clock } = await secretPair();
    a.write(bytesOf(10));
    await clock.settle();
    b.close();
    const end = new RawEnd(b);
    await clock.advance(2_000);
    expect([end.hex, end.closed !== undefined]).toEqual(['', true]);
  });
});
