/** The commands as a person runs them: processes, files, signals, pipes. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WIRES } from '../../src/p2p/node-options.ts';
import { loadVectors, stringOf } from '../vectors/load.ts';
import { builtProgram, PATIENCE_MS, Running, run } from './built-program.ts';

const folder = mkdtempSync(join(tmpdir(), 'genmesh-e2e-'));
const keyPath = join(folder, 'node.key');
const PEER = /^tcp:\/\/127\.0\.0\.1:\d+:[0-9a-f]{68}$/m;

beforeAll(async () => {
  builtProgram();
  expect(await run(['keygen', '--out', keyPath])).toMatchObject({ code: 0, stderr: '' });
}, 2 * PATIENCE_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const timeout = PATIENCE_MS;

describe('a node in a process of its own', { timeout }, () => {
  test.each(WIRES)('is called, is called by another node, and ends in order at SIGTERM, wire %s', async (wire) => {
    const node = new Running(['node', '--key', keyPath, '--listen', 'tcp://127.0.0.1:0', '--wire', wire]);
    const [peer] = await node.match(PEER);
    const call = await run(['call', peer, 'ListNodes', '{"authorizedAndAvailable":false}', '--wire', wire]);
    expect(call).toMatchObject({ code: 0, stderr: '' });
    const reply = JSON.parse(call.stdout) as { name: string; fields: { nodes: { firstPublicKey: string }[] } };
    expect(reply.name).toBe('NodeList');
    expect(peer.endsWith(reply.fields.nodes[0]!.firstPublicKey)).toBe(true);
    const bytes = 'ab'.repeat(100_000);
    const echo = await run(
      ['call', peer, 'Echo', '-', '--key', keyPath.replace('node', 'other')],
      `{"bytes":"${bytes}"}`,
    );
    expect(echo).toMatchObject({ code: 1, stderr: expect.stringContaining('is not there') });
    const echoed = await run(['call', peer, 'Echo', '-', '--wire', wire], `{"bytes":"${bytes}"}`);
    expect(JSON.parse(echoed.stdout)).toEqual({ name: 'Echoed', fields: { bytes } });

    const otherKey = join(folder, `second-${wire}.key`);
    await run(['keygen', '--curve', wire === 'archethic' ? 'secp256r1' : 'ed25519', '--out', otherKey]);
    const args = ['node', '--key', otherKey, '--listen', 'tcp://127.0.0.1:0', '--peer', peer, '--wire', wire];
    const other = new Running(args);
    await other.match(/ info {2}connected /, 'stderr');
    node.process.kill('SIGTERM');
    const ended = await node.ended;
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.stderr).toMatch(/ stopping cause=SIGTERM\n[\s\S]* stopped cause=SIGTERM\n$/);
    await other.match(/ info {2}disconnected [\s\S]* info {2}dial failed /, 'stderr');
    other.process.kill('SIGINT');
    expect(await other.ended).toMatchObject({ code: 0, signal: null });
  });

  test('says that its port is in use in one line', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { code, stdout, stderr } = await run(['node', '--key', keyPath, '--listen', `tcp://127.0.0.1:${port}`]);
    server.close();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^genmesh: port \d+ of 127\.0\.0\.1 is in use: [^\n]*--listen\n$/);
  });

  test('refuses a key file that others may read, or that is none', async () => {
    const open = join(folder, 'open.key');
    writeFileSync(open, readFileSync(keyPath));
    chmodSync(open, 0o644);
    const listen = ['--listen', 'tcp://127.0.0.1:0'];
    expect(await run(['node', '--key', open, ...listen])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `genmesh: key file ${JSON.stringify(open)} is open to others (mode 0644): chmod 600 ${open}\n`,
    });
    const broken = join(folder, 'broken.key');
    const { privateKey } = JSON.parse(readFileSync(keyPath, 'utf8')) as { privateKey: string };
    writeFileSync(broken, privateKey, { mode: 0o600 });
    const outcome = await run(['node', '--key', broken, ...listen]);
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^genmesh: key file .* is not JSON: [^\n]*\n$/),
    });
    expect(outcome.stderr).not.toContain(privateKey.slice(0, 12));
  });
});

describe('a call', { timeout }, () => {
  test('to where nobody listens fails at once in one line', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const { publicKey } = JSON.parse(readFileSync(keyPath, 'utf8')) as { publicKey: string };
    const { code, stderr } = await run([
      'call',
      `tcp://127.0.0.1:${port}:${publicKey}`,
      'Ping',
      '--timeout',
      '3600000',
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^genmesh: cannot reach tcp:[^\n]*: nobody listens there: [^\n]*\n$/);
  });

  test('interrupted ends as the signal asks', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    const connected = new Promise((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { publicKey } = JSON.parse(readFileSync(keyPath, 'utf8')) as { publicKey: string };
    const call = new Running(['call', `tcp://127.0.0.1:${port}:${publicKey}`, 'Ping']);
    await connected;
    call.process.kill('SIGTERM');
    expect(await call.ended).toMatchObject({ signal: 'SIGTERM', stdout: '' });
    server.close();
  });
});

describe('decode', { timeout }, () => {
  test('opens an envelope of the vectors with its key', async () => {
    const vector = loadVectors().cases('envelopes')[0]!;
    const key = join(folder, 'recipient.key');
    writeFileSync(
      key,
      JSON.stringify({ format: 'genmesh-key/1', privateKey: stringOf(vector, 'recipientPrivateKey') }),
      { mode: 0o600 },
    );
    const { code, stdout } = await run(['decode', '-', '--key', key], `${stringOf(vector, 'encrypted')}\n`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'envelope',
      signatureValid: true,
      message: { name: 'GetTransaction' },
    });
  });

  test('says in one line what is wrong', async () => {
    expect(await run(['decode', 'xy'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^genmesh: HEX: [^\n]*\n$/),
    });
    expect(await run(['decode', 'ffff'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^genmesh: [^\n]*\n$/),
    });
  });
});

describe('a pipe whose reader has gone', { timeout }, () => {
  test.each(['call --help', 'demo --seconds 60'])('is no crash: %s', async (args) => {
    const command = `"${process.execPath}" "${builtProgram()}" ${args} | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const output = await new Promise<string>((resolve) => {
      execFile('bash', ['-c', command], { timeout: PATIENCE_MS }, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
    const lines = output.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('0');
  });
});
