/** What is found where something speaks, on sockets of this host. */
import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { PROBE_TIMEOUT_MS_MAX, probeWire } from '../../src/cli/wire-probe.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { NetAddress } from '../../src/net/net-address.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(onSocket: (socket: Socket) => unknown): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    onSocket(socket.on('error', () => {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as { port: number }).port;
}

const at = (port: number): NetAddress => ({ scheme: 'tcp', host: '127.0.0.1', port });
const look = (port: number): Promise<string> => probeWire(at(port), systemClock, 60_000);

test.each(WIRES)('a node of wire %s is found to be one', async (wire) => {
  const identity = defaultEngine().generateKeyPair(systemRandom);
  const node = await NodeSupervisor.startLink({ identity, wire, listen: 'tcp://127.0.0.1:0' });
  closers.push(() => node.stop());
  expect(await look(node.peer.address.port)).toBe(wire);
});

test.each([
  [
    'a web server',
    'other',
    (socket: Socket): unknown => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  ],
  ['one that greets', 'other', (socket: Socket): unknown => socket.write('SSH-2.0-x\r\n')],
  ['the beginning of a heartbeat and no more', 'other', (socket: Socket): unknown => socket.end(Uint8Array.of(0, 0))],
  ['one that closes', 'closed', (socket: Socket): unknown => socket.end()],
  [
    'one that closes when it is spoken to',
    'closed',
    (socket: Socket): unknown => socket.once('data', () => socket.end()),
  ],
  ['one that resets', 'closed', (socket: Socket): unknown => socket.once('data', () => socket.resetAndDestroy())],
  ['a heartbeat byte by byte', 'archethic', (socket: Socket): void => drip(socket, [0, 0, 0, 2, 0x68, 0x62])],
  ['an ephemeral key byte by byte', 'mconnection', (socket: Socket): void => drip(socket, [0x22, 0x0a, 0x20])],
] as const)('%s is found to be %s', async (_name, found, onSocket) => {
  expect(await look(await serve(onSocket))).toBe(found);
});

/** Writes one byte at a time, the next when the one before has gone out. */
function drip(socket: Socket, [first, ...rest]: readonly number[]): void {
  if (first === undefined) return;
  socket.setNoDelay(true).write(Uint8Array.of(first), () => drip(socket, rest));
}

test('where nobody listens nothing is reached', async () => {
  const port = await serve(() => {});
  await closers.pop()?.();
  expect(await look(port)).toBe('unreachable');
});

test.each([
  [60_000, PROBE_TIMEOUT_MS_MAX],
  [PROBE_TIMEOUT_MS_MAX + 1, PROBE_TIMEOUT_MS_MAX],
  [PROBE_TIMEOUT_MS_MAX, PROBE_TIMEOUT_MS_MAX],
  [PROBE_TIMEOUT_MS_MAX - 1, PROBE_TIMEOUT_MS_MAX - 1],
])('with a patience of %i ms, one that says nothing is silent after %i ms', async (given, patienceMs) => {
  const clock = new VirtualClock();
  let heard: () => void = () => {};
  const isHeard = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const port = await serve((socket) => socket.once('data', () => heard()));
  let found: string | undefined;
  const probing = probeWire(at(port), clock, given).then((result) => {
    found = result;
  });
  await isHeard;
  await clock.advance(patienceMs - 1);
  expect(found).toBeUndefined();
  await clock.advance(1);
  await probing;
  expect(found).toBe('silent');
});
