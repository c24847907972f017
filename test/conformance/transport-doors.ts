/** The part of the transport suite about coming to a connection: dialling and listening. */
import { describe, expect, it } from 'vitest';
import type { NetError } from '../../src/net/errors.ts';
import type { NetAddress } from '../../src/net/net-address.ts';
import type { ByteStream, TransportListener } from '../../src/net/transport.ts';
import {
  codeOf,
  expectBytes,
  fateOf,
  numbered,
  Recorder,
  type TransportBench,
  type TransportHarness,
} from './transport-harness.ts';

/** Declares the tests. */
export function doorConformance(bench: TransportBench, make: () => Promise<TransportHarness>): void {
  const pairOf = ({ transport, address }: TransportHarness): ReturnType<TransportBench['pair']> =>
    bench.pair(transport, address);

  describe('dialling', () => {
    it('nobody there is CONNECTION_REFUSED, naming the address', async () => {
      const harness = await make();
      const listener = await bench.listen(harness.transport, harness.address, () => {});
      await listener.close();
      const error = await bench.dial(harness.transport, listener.address).catch((reason: NetError) => reason);
      expect((error as NetError).code).toBe('CONNECTION_REFUSED');
      expect((error as NetError).message).toContain(String(listener.address.port));
    });

    it('no answer is DIAL_TIMEOUT', async () => {
      const { transport, address } = (await make()).hangingDial();
      expect(await codeOf(transport.dial(address, { timeoutMs: 4000 }))).toBe('DIAL_TIMEOUT');
    });

    it('an aborted signal is ABORTED, before the dial and during it, and nothing afterwards', async () => {
      const harness = await make();
      const listener = await bench.listen(harness.transport, harness.address, () => {});
      const dialWith = (signal: AbortSignal): Promise<ByteStream> =>
        harness.transport.dial(listener.address, { timeoutMs: 10_000, signal });
      expect(await codeOf(dialWith(AbortSignal.abort()))).toBe('ABORTED');
      const during = new AbortController();
      const pending = codeOf(dialWith(during.signal));
      during.abort();
      expect(await pending).toBe('ABORTED');
      const after = new AbortController();
      const stream = await dialWith(after.signal);
      bench.streams.push(stream);
      after.abort();
      expect(stream.write(numbered(1))).toBe(true);
    });

    it('an address of another scheme, a port of 0 and a timeout out of range are refused at the door', async () => {
      const { transport, address } = await make();
      const at = (change: Partial<NetAddress>): Promise<ByteStream> =>
        transport.dial({ ...address, port: 1, ...change }, { timeoutMs: 1000 });
      expect(await codeOf(at({ scheme: 'quic' }))).toBe('ADDRESS_INVALID');
      expect(await codeOf(at({ port: 0 }))).toBe('ADDRESS_INVALID');
      expect(await codeOf(at({ host: 'a b' }))).toBe('ADDRESS_INVALID');
      for (const timeoutMs of [0, -1, 1.5, 3_600_001]) {
        await expect(transport.dial({ ...address, port: 1 }, { timeoutMs })).rejects.toThrow(RangeError);
      }
    });

    it('both ends know both addresses', async () => {
      const [dialled, accepted] = await pairOf(await make());
      expect(dialled.remoteAddress).toBe(accepted.localAddress);
      expect(accepted.remoteAddress).toBe(dialled.localAddress);
      expect(dialled.remoteAddress).not.toBe(dialled.localAddress);
    });
  });

  describe('listening', () => {
    it('port 0 becomes a real one', async () => {
      const harness = await make();
      const listener = await bench.listen(harness.transport, harness.address, () => {});
      expect(listener.address.port).toBeGreaterThan(0);
      expect(listener.address.scheme).toBe(harness.transport.scheme);
    });

    it('the same address twice is ADDRESS_IN_USE, and free again after close', async () => {
      const harness = await make();
      const first = await bench.listen(harness.transport, harness.address, () => {});
      expect(await codeOf(bench.listen(harness.transport, first.address, () => {}))).toBe('ADDRESS_IN_USE');
      await first.close();
      await first.close();
      const second = await bench.listen(harness.transport, first.address, () => {});
      expect(second.address.port).toBe(first.address.port);
    });

    it('another scheme is refused', async () => {
      const { transport, address } = await make();
      expect(await codeOf(transport.listen({ ...address, scheme: 'quic' }, () => {}))).toBe('ADDRESS_INVALID');
    });

    it('accepted streams live on after the listener closed, and are counted until they are over', async () => {
      const harness = await make();
      const [dialled, accepted] = await pairOf(harness);
      const listener = bench.listeners[0] as TransportListener;
      expect(listener.connectionCount).toBe(1);
      await listener.close();
      const [a, b] = [new Recorder(dialled), new Recorder(accepted)];
      a.stream.write(numbered(5));
      expectBytes(await b.untilReceived(5), numbered(5));
      a.stream.close();
      await b.closed;
      expect(listener.connectionCount).toBe(0);
    });

    it('holds maxConnections: n - 1 and n live, n + 1 is reset, and there is room again after one ends', async () => {
      const harness = await make();
      const accepted: Recorder[] = [];
      const listener = await bench.listen(harness.transportOfTwo, harness.address, (stream) => {
        const end = new Recorder(stream);
        end.onData = (chunk) => void stream.write(chunk);
        accepted.push(end);
      });
      const connect = async (): Promise<Recorder> =>
        new Recorder(await bench.dial(harness.transportOfTwo, listener.address));
      const first = await connect();
      const second = await connect();
      for (const end of [first, second]) {
        end.stream.write(numbered(3));
        await end.untilReceived(3);
      }
      expect(await fateOf(bench.dial(harness.transportOfTwo, listener.address))).toBe('RESET');
      expect([listener.connectionCount, listener.refusedCount]).toEqual([2, 1]);
      first.stream.close();
      await accepted[0]?.closed;
      const fourth = await connect();
      fourth.stream.write(numbered(3));
      await fourth.untilReceived(3);
      expect([listener.connectionCount, listener.refusedCount]).toEqual([2, 1]);
    });

    it('a handler that throws loses its own stream only', async () => {
      const harness = await make();
      let isFirst = true;
      const listener = await bench.listen(harness.transport, harness.address, (stream) => {
        if (isFirst) {
          isFirst = false;
          throw new Error('handler');
        }
        const end = new Recorder(stream);
        end.onData = (chunk) => void stream.write(chunk);
      });
      expect(await fateOf(bench.dial(harness.transport, listener.address))).toBe('RESET');
      const good = new Recorder(await bench.dial(harness.transport, listener.address));
      good.stream.write(numbered(3));
      expectBytes(await good.untilReceived(3), numbered(3));
      expect([listener.connectionCount, listener.refusedCount]).toEqual([1, 1]);
    });

    it('100 connections at once each get their own bytes', async () => {
      const harness = await make();
      const listener = await bench.listen(harness.transport, harness.address, (stream) => {
        const end = new Recorder(stream);
        end.onData = (chunk) => void stream.write(chunk);
      });
      const ends = await Promise.all(
        Array.from({ length: 100 }, async () => new Recorder(await bench.dial(harness.transport, listener.address))),
      );
      for (const [i, end] of ends.entries()) end.stream.write(numbered(1000, i));
      const echoes = await Promise.all(ends.map((end) => end.untilReceived(1000)));
      expect(listener.connectionCount).toBe(100);
      for (const [i, echo] of echoes.entries()) expectBytes(echo, numbered(1000, i));
      for (const end of ends) end.stream.close();
      expect(await Promise.all(ends.map((end) => end.closed))).toEqual(new Array(100).fill(undefined));
      expect(listener.refusedCount).toBe(0);
    });
  });
}
