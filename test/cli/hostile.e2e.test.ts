/** Nodes in processes of their own: one that is stopped in its tracks, and a client that speaks nonsense to another. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import { Ping } from '../../src/codec/archethic-node-messages.ts';
import { encodeFrame } from '../../src/codec/frame.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { parsePeerAddress } from '../../src/p2p/peer-address.ts';
import { builtProgram, PATIENCE_MS, Running, run } from './built-program.ts';

const PEER = /^tcp:\/\/127\.0\.0\.1:\d+:[0-9a-f]{68}$/m;
const CALL_TIMEOUT_MS = 1500;
/** What a busy machine may add to a deadline, in ms. */
const LATENESS_MS = 5000;
const timeout = 2 * PATIENCE_MS;

const folder = mkdtempSync(join(tmpdir(), 'genmesh-hostile-'));
const messages = archethicMessages.extend([Echo, Echoed]) as unknown as MessageCatalog;
const running: Running[] = [];
const nodes: NodeSupervisor[] = [];

beforeAll(async () => {
  builtProgram();
  for (const name of ['one', 'two']) {
    expect(await run(['keygen', '--out', join(folder, `${name}.key`)])).toMatchObject({ code: 0 });
  }
}, timeout);
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
  // A stopped process ends at no other signal.
  for (const { process } of running.splice(0)) process.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(name: string, ...args: string[]): Promise<{ program: Running; peer: string }> {
  const program = new Running(['node', '--key', join(folder, `${name}.key`), '--listen', 'tcp://127.0.0.1:0', ...args]);
  running.push(program);
  const [peer] = await program.match(PEER);
  return { program, peer };
}

describe.each(WIRES)('a node process that is stopped in its tracks, wire %s', { timeout }, (wire) => {
  test('costs its callers their patience and nobody else anything, and answers again when it goes on', async () => {
    const [stalled, steady] = [await start('one', '--wire', wire), await start('two', '--wire', wire)];
    const identity = defaultEngine().generateKeyPair(systemRandom);
    const caller = await NodeSupervisor.startLink({ identity, wire, messages });
    nodes.push(caller);
    const [toStalled, toSteady] = await Promise.all(
      [stalled, steady].map(({ peer }) => caller.connect(parsePeerAddress(peer))),
    );
    expect(stalled.peer.slice(-68)).not.toBe(steady.peer.slice(-68));
    if (toStalled === undefined || toSteady === undefined) throw new Error('two remotes are needed');
    for (const remote of [toStalled, toSteady]) {
      await remote.connected({ timeoutMs: PATIENCE_MS });
      expect(await remote.call(Ping, {}, { timeoutMs: PATIENCE_MS })).toMatchObject({ name: 'Ok' });
    }

    stalled.program.process.kill('SIGSTOP');
    const startMs = systemClock.monotonicMs();
    const bytes = new Uint8Array(100_000).fill(5);
    let pendingCount = 50;
    const ends = Promise.all(
      Array.from({ length: pendingCount }, async () => {
        const code = await toStalled.call(Echo, { bytes }, { timeoutMs: CALL_TIMEOUT_MS }).then(
          ({ name }) => name,
          (error: { readonly name: string; readonly code: string }) => `${error.name} ${error.code}`,
        );
        pendingCount -= 1;
        return code;
      }),
    );
    let answeredCount = 0;
    while (pendingCount > 0) {
      expect(await toSteady.call(Echo, { bytes }, { timeoutMs: PATIENCE_MS })).toMatchObject({ name: 'Echoed' });
      answeredCount += 1;
    }
    expect(new Set(await ends)).toEqual(new Set(['P2pError TIMEOUT']));
    const tookMs = systemClock.monotonicMs() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(CALL_TIMEOUT_MS - 1);
    expect(tookMs).toBeLessThan(CALL_TIMEOUT_MS + LATENESS_MS);
    expect(answeredCount).toBeGreaterThan(1);
    expect(toSteady.stats()).toMatchObject({ connections: 1, timeouts: 0, errors: 0 });

    stalled.program.process.kill('SIGCONT');
    const reply = await toStalled.call(Echo, { bytes }, { timeoutMs: PATIENCE_MS });
    expect(reply).toMatchObject({ name: 'Echoed', fields: { bytes } });
    expect(toStalled.stats()).toMatchObject({ timeouts: 50, answered: 2, queueLength: 0, inFlight: 0 });
    for (const { program } of [stalled, steady]) {
      program.process.kill('SIGTERM');
      expect(await program.ended).toMatchObject({ code: 0, signal: null });
    }
  });
});

describe('a client that speaks nonsense to a node process', { timeout }, () => {
  /** Sends bytes and gives what came back once the other end has closed the connection. */
  async function offend(peer: string, bytes: Uint8Array): Promise<Uint8Array> {
    const { host, port } = parsePeerAddress(peer).address;
    const received: Uint8Array[] = [];
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host, port }, () => socket.write(bytes));
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`the connection is open after ${PATIENCE_MS} ms`));
      }, PATIENCE_MS);
      socket.on('data', (chunk) => received.push(chunk));
      socket.on('error', () => {}); // a reset is a close, too
      socket.on('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    return Buffer.concat(received);
  }

  const garbage = new Uint8Array(4096).map((_, i) => (i * 131 + 7) % 256);
  const attacks: readonly [what: string, bytes: Uint8Array][] = [
    ['4 KiB of garbage', garbage],
    ['a frame that announces 4 GiB', new Uint8Array(64).fill(0xff)],
    ['an empty frame', new Uint8Array(4)],
    ['a frame full of garbage', encodeFrame(new Uint8Array(200).fill(0xee))],
    ['a heartbeat, then garbage', Buffer.concat([encodeFrame(new TextEncoder().encode('hb')), garbage])],
    ['a request of HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ];

  test.each(WIRES)('loses its connection, and another is answered meanwhile and after, wire %s', async (wire) => {
    const { program, peer } = await start('one', '--wire', wire);
    const ping = (): ReturnType<typeof run> => run(['call', peer, 'Ping', '--wire', wire, '--timeout', '30000']);
    const [meanwhile] = await Promise.all([ping(), ...attacks.map(([, bytes]) => offend(peer, bytes))]);
    for (const call of [meanwhile, await ping()]) {
      expect(call).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(call.stdout)).toMatchObject({ name: 'Ok' });
    }
    program.process.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0, signal: null });
  });
});
