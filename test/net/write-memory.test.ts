/** Memory that is used again: packets and sealed frames of all connections are laid out in the same place. */
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { PacketSlab } from '../../src/net/mconnection-slab.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import type { ByteStream, TransportListener } from '../../src/net/transport.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { NATIVE } from '../crypto/engines.ts';
import { nodeKeyOf } from './secret-rig.ts';

function fill(slab: PacketSlab, value: number, count: number): void {
  slab.reserve(count);
  slab.bytes.fill(value, slab.end, slab.end + count);
  slab.end += count;
}

describe('a slab of packets', () => {
  it('gives a view to whoever has no use for it later, and a copy to whoever keeps it', () => {
    const slab = new PacketSlab();
    fill(slab, 1, 100);
    const borrowed = slab.take(true);
    expect(borrowed).toEqual(new Uint8Array(100).fill(1));
    fill(slab, 2, 100);
    const kept = slab.take(false);
    expect([borrowed[0], kept[0]]).toEqual([2, 2]);
    fill(slab, 3, 100);
    expect([borrowed[0], kept[0]]).toEqual([3, 2]);
    slab.clear();
  });

  it.each([65_535, 65_536, 65_537, 200_000])('holds %i bytes and what follows them', (count) => {
    const slab = new PacketSlab();
    fill(slab, 1, count);
    fill(slab, 2, 5);
    const taken = slab.take(true);
    expect([taken.length, taken[count - 1], taken[count]]).toEqual([count + 5, 1, 2]);
    slab.clear();
    expect(slab.bytes.length).toBe(0);
  });

  it('shares its memory with another one only when it has given it back', () => {
    const [a, b, c] = [new PacketSlab(), new PacketSlab(), new PacketSlab()];
    fill(a, 1, 10);
    fill(b, 2, 10);
    expect(a.bytes.buffer).not.toBe(b.bytes.buffer);
    expect(a.bytes[0]).toBe(1);
    const { buffer } = b.bytes;
    b.clear();
    fill(c, 3, 10);
    expect(c.bytes.buffer).toBe(buffer);
    a.clear();
    c.clear();
  });
});

describe('secret connections on TCP', () => {
  const listeners: TransportListener[] = [];
  const streams: ByteStream[] = [];

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.destroy();
    for (const listener of listeners.splice(0)) await listener.close();
  });

  function begin(stream: ByteStream, number: number): Promise<SecretStream> {
    streams.push(stream);
    return secretConnection(stream, {
      clock: systemClock,
      random: new SeededRandom(number),
      engine: NATIVE,
      nodeKey: nodeKeyOf(number),
    });
  }

  async function connected(number: number): Promise<readonly [SecretStream, SecretStream]> {
    const transport = new TcpTransport();
    let accepted = (_stream: ByteStream): void => {};
    const far = new Promise<ByteStream>((resolve) => {
      accepted = resolve;
    });
    const listener = await transport.listen(parseNetAddress('tcp://127.0.0.1:0'), (stream) => accepted(stream));
    listeners.push(listener);
    const near = await transport.dial(listener.address, { timeoutMs: 5_000 });
    return Promise.all([begin(near, number), begin(await far, number + 1)]);
  }

  /** The bytes that have arrived when there are `count` of them. */
  function received(stream: SecretStream, count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    let used = 0;
    return new Promise((resolve) => {
      stream.open({
        onData: (chunk) => {
          bytes.set(chunk, used);
          used += chunk.length;
          if (used === count) resolve(bytes);
        },
        onDrain: () => {},
        onClose: () => {},
      });
    });
  }

  it('deliver what was written, though writers use their memory again at once and readers are late', async () => {
    const pairs = [await connected(1), await connected(3)];
    const count = 160; // 160 of up to 66 000 bytes each: more than the sockets hold
    const sizes = Array.from({ length: count }, (_, i) => 1 + ((i * 7919) % 66_000));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const memory = new Uint8Array(66_000);
    for (const [near] of pairs) near.open({ onData: () => {}, onDrain: () => {}, onClose: () => {} });
    let mostWaiting = 0;
    for (const [index, size] of sizes.entries()) {
      for (const [which, [near]] of pairs.entries()) {
        memory.fill((index + 100 * which) & 0xff, 0, size);
        near.write(memory.subarray(0, size));
        mostWaiting = Math.max(mostWaiting, near.bufferedBytes);
      }
    }
    expect(mostWaiting).toBeGreaterThan(66_816); // else nothing had to wait, and nothing was shown
    const arrived = await Promise.all(pairs.map(([, far]) => received(far, total)));
    for (const [which, bytes] of arrived.entries()) {
      let at = 0;
      for (const [index, size] of sizes.entries()) {
        const expected = (index + 100 * which) & 0xff;
        expect(bytes.subarray(at, at + size).every((byte) => byte === expected)).toBe(true);
        at += size;
      }
    }
  });
});
