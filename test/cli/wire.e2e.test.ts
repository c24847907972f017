/** `--wire` of the commands: both wires in processes of their own, and what is refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WIRES } from '../../src/p2p/node-options.ts';
import { builtProgram, PATIENCE_MS, Running, run } from './built-program.ts';
import { runHere } from './fake-shell.ts';

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
    expect(wrong.stderr.trimEnd().split('\n')).toHaveLength(1);
    node.process.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0, signal: null });
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
