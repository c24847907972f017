/** `--wire` of the commands: both wires in processes of their own, and what is refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { builtProgram, PATIENCE_MS, Running, run } from './built-program.ts';
import { countingEngine } from './counting-engine.ts';
import { FakeShell, runHere } from './fake-shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'genmesh-wire-'));
const keyPath = join(folder, 'node.key');
const otherCurve = join(folder, 'secp.key');
const timeout = PATIENCE_MS;

beforeAll(async () => {
  builtProgram();
  expect(await runHere(['keygen', '--out', keyPath])).toMatchObject({ code: 0 });
  expect(await runHere(['keygen', '--curve', 'secp256r1', '--out', otherCurve])).toMatchObject({ code: 0 });
}, 2 * PATIENCE_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(WIRES)('--wire %s', { timeout }, (wire) => {
  test('a node is called, and ends in order at SIGTERM', async () => {
    const node = new Running(['node', '--key', keyPath, '--listen', 'tcp://127.0.0.1:0', '--wire', wire]);
    const [peer] = await node.match(/^tcp:\/\/127\.0\.0\.1:\d+:[0-9a-f]{68}$/m);
    const bytes = 'ab'.repeat(100_000);
    const call = await run(['call', peer, 'Echo', '-', '--wire', wire], `{"bytes":"${bytes}"}`);
    expect(JSON.parse(call.stdout)).toEqual({ name: 'Echoed', fields: { bytes } });
    const [other] = WIRES.filter((one) => one !== wire);
    const wrong = await run(['call', peer, 'Ping', '--timeout', '3000', '--wire', other as string]);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(new RegExp(`^genmesh: [^\\n]+[:,] give --wire ${wire}(; [^\\n]+)?\\n$`));
    node.process.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0, signal: null });
  });
});

describe('--sealed', { timeout }, () => {
  test('seals a call and its reply, and only then', async () => {
    const { engine, counts } = countingEngine();
    const node = new FakeShell();
    const running = runProgram(['node', '--key', keyPath, '--listen', 'tcp://127.0.0.1:0', '--sealed'], node);
    const [peer] = await node.line(/^tcp:\/\/127\.0\.0\.1:\d+:[0-9a-f]{68}(?=\n)/);
    for (const [args, times] of [
      [['--sealed'], 1],
      [[], 0],
    ] as const) {
      counts.clear();
      const shell = Object.assign(new FakeShell(), { engine });
      expect(await runProgram(['call', peer, 'Ping', ...args], shell)).toBe(0);
      expect([counts.get('eciesSeal') ?? 0, counts.get('eciesOpen') ?? 0]).toEqual([times, times]);
    }
    node.stop('SIGTERM');
    expect(await running).toBe(0);
  });

  test('is told by a demo, in which every call is answered', async () => {
    const json = await run(['demo', '--nodes', '2', '--rate', '20', '--seconds', '0.5', '--sealed', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ wire: 'mconnection', sealed: true, ok: true, answering: 2 });
    const text = await run(['demo', '--nodes', '2', '--rate', '20', '--seconds', '0.5', '--sealed']);
    expect(text.stdout).toMatch(/\n2 nodes, wire mconnection, sealed, [\d.]+ s: /);
  });

  test.each([
    ['node', '--key', keyPath, '--listen', 'tcp://127.0.0.1:0'],
    ['call', `tcp://127.0.0.1:1:0001${'ab'.repeat(32)}`, 'Ping'],
    ['demo'],
  ])('is refused by %s on wire archethic, in one line', async (...args) => {
    const { code, stderr } = await runHere([...args, '--wire', 'archethic', '--sealed']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'genmesh: --sealed is for wire mconnection: on wire archethic every message is sealed, leave it out\n',
    });
  });
});

describe('--wire', () => {
  test.each([
    ['node', '--listen', 'tcp://127.0.0.1:0'],
    ['call', `tcp://127.0.0.1:1:0001${'ab'.repeat(32)}`, 'Ping'],
  ])('mconnection with a key of another curve is refused by %s in one line', async (...args) => {
    const { code, stderr } = await runHere([...args, '--key', otherCurve, '--wire', 'mconnection']);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /wire mconnection takes ed25519 keys only: \w{6}\.\. is of curve secp256r1: .+ --wire archethic/,
    );
  });

  test.each([['node'], ['call', 'PEER', 'Ping'], ['demo']])(
    '%s refuses a wire that is none, naming both',
    async (...args) => {
      const { code, stderr } = await runHere([...args, '--wire', 'pigeon']);
      expect(code).toBe(2);
      expect(stderr).toContain('option --wire is "pigeon": expected one of mconnection, archethic');
    },
  );
});
