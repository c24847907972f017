/**
 * One end of many idle connections, in a process of its own: listens or dials, counts, and says what it takes. Told what to
 * do by `memory.bench.ts`.
 */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { collectGarbage } from '../harness.ts';

/** What the process is told. */
export type MemoryOrder =
  | { readonly kind: 'listen'; readonly connectionsMax: number }
  | { readonly kind: 'dial'; readonly address: string; readonly count: number }
  | { readonly kind: 'weigh' };

/** What it says. */
export type MemoryReport =
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'dialled' }
  | { readonly kind: 'weighed'; readonly connections: number; readonly heapBytes: number; readonly rssBytes: number };

/** Dials under way at once. */
const DIALS_AT_ONCE = 16;

const engine = defaultEngine();
const nodeKey = engine.generateKeyPair(systemRandom);
const channels = [
  { id: 0x10, priority: 1 },
  { id: 0x11, priority: 10 },
];
const connections: MConnection[] = [];

/** The handshake and an MConnection of two channels, with its liveness and limits, as a peer of a Switch has them. */
async function hold(stream: ByteStream): Promise<void> {
  const secret = await secretConnection(stream, { clock: systemClock, random: systemRandom, engine, nodeKey });
  const mconnection = new MConnection(secret, channels, {
    clock: systemClock,
    handlers: {
      onReceive: () => {},
      onError: (reason) => console.error(reason.message),
    },
  });
  mconnection.start();
  connections.push(mconnection);
}

async function dial(address: string, count: number): Promise<void> {
  const transport = new TcpTransport();
  const peer = parseNetAddress(address);
  let left = count;
  const dialOn = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await hold(await transport.dial(peer, { timeoutMs: 10_000 }));
    }
  };
  await Promise.all(Array.from({ length: DIALS_AT_ONCE }, dialOn));
}

async function weigh(): Promise<MemoryReport> {
  // Handshakes leave garbage that the network still has a hand on; two rounds with a turn between them see it gone.
  for (let i = 0; i < 2; i += 1) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { kind: 'weighed', connections: connections.length, heapBytes: heapUsed + external, rssBytes: rss };
}

async function obey(order: MemoryOrder): Promise<MemoryReport> {
  if (order.kind === 'weigh') return weigh();
  if (order.kind === 'dial') {
    await dial(order.address, order.count);
    return { kind: 'dialled' };
  }
  const listener = await new TcpTransport({ maxConnections: order.connectionsMax }).listen(
    parseNetAddress('tcp://127.0.0.1:0'),
    (stream) => void hold(stream).catch((error: Error) => console.error(error.message)),
  );
  return { kind: 'listening', address: `tcp://127.0.0.1:${listener.address.port}` };
}

process.on('message', (order: MemoryOrder) => {
  void obey(order).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit(0));
