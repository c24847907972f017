import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LOG_LEVELS } from '../../src/base/logger.ts';
import { parseFields } from '../../src/cli/call-command.ts';
import { parseHex } from '../../src/cli/decode-command.ts';
import { CliError } from '../../src/cli/errors.ts';
import { SEED_BYTES_MAX, seedBytes } from '../../src/cli/keygen-command.ts';
import { messageByName } from '../../src/cli/message-names.ts';
import { checkPeerCount, loggerOf } from '../../src/cli/node-command.ts';
import { COMMANDS, ERROR_LINE_CHARS_MAX, errorLine, runProgram } from '../../src/cli/program.ts';
import { keysOf } from '../../src/cli/system-shell.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { NetError } from '../../src/net/errors.ts';
import { NODE_LIMITS } from '../../src/p2p/node-options.ts';
import { type PeerAddress, parsePeerAddress } from '../../src/p2p/peer-address.ts';
import { loadVectors, stringOf } from '../vectors/load.ts';
import { FakeShell, runHere } from './fake-shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'genmesh-cli-'));
const engine = defaultEngine();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function keyFile(name: string): Promise<string> {
  const path = join(folder, name);
  expect(await runHere(['keygen', '--seed', name, '--out', path, '--force'])).toMatchObject({ code: 0, stderr: '' });
  return path;
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

describe('the program', () => {
  test('without a command prints its help on stderr and is used wrongly', async () => {
    const { code, stdout, stderr } = await runHere([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('usage: genmesh COMMAND [options]');
  });

  test('prints help and version on stdout', async () => {
    const help = await runHere(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const { name, summary } of COMMANDS) expect(help.stdout).toContain(`  ${name.padEnd(8)}${summary}`);
    expect(await runHere(['-h'])).toEqual(help);
    expect(await runHere(['help'])).toEqual(help);
    expect(await runHere(['--version'])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
  });

  test.each(COMMANDS.map(({ name }) => name))(
    '%s has help with usage, options, exit codes and an example',
    async (name) => {
      const { code, stdout, stderr } = await runHere([name, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`usage: genmesh ${name} `);
      for (const part of ['options:', 'exit codes:', 'example', `  genmesh ${name}`]) expect(stdout).toContain(part);
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
      expect(await runHere(['help', name])).toEqual({ code, stdout, stderr });
    },
  );

  test('names the nearest command', async () => {
    expect(await runHere(['kegen'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'genmesh: unknown command "kegen" (did you mean keygen?): see genmesh --help\n',
    });
    expect((await runHere(['--verzion'])).stderr).toContain('unknown option "--verzion"');
    expect((await runHere(['help', 'nod'])).stderr).toContain('did you mean node?');
  });

  test('does not run the hidden part of the demo without a channel to it', async () => {
    const { send } = process;
    try {
      Object.assign(process, { send: undefined });
      expect((await runHere(['demo-node'])).code).toBe(2);
    } finally {
      Object.assign(process, { send });
    }
  });

  test('says every error in one line without control characters, and not for ever', () => {
    expect(errorLine(new Error('a\nb\u001b[2Jc'))).toBe('genmesh: a b [2Jc');
    expect(errorLine(new Error('x'.repeat(ERROR_LINE_CHARS_MAX)))).toHaveLength(ERROR_LINE_CHARS_MAX);
  });
});

describe('keygen', () => {
  test.each(
    loadVectors()
      .cases('keys')
      .filter(({ curve }) => curve !== 'bls'),
  )('makes the key that Archethic makes of a seed ($curve, $origin)', async (vector) => {
    const [curve, origin, seed] = [stringOf(vector, 'curve'), stringOf(vector, 'origin'), stringOf(vector, 'seed')];
    const { stdout, code } = await runHere(['keygen', '--curve', curve, '--origin', origin, '--seed', seed]);
    if (seed === '') {
      // Archethic makes a key of no seed at all; here that is refused.
      expect(code).toBe(2);
      return;
    }
    expect(JSON.parse(stdout)).toMatchObject({
      publicKey: stringOf(vector, 'publicKey'),
      privateKey: stringOf(vector, 'privateKey'),
    });
  });

  test('derives the key of an index', async () => {
    const seed = new TextEncoder().encode('correct horse');
    const { stdout } = await runHere(['keygen', '--seed', 'correct horse', '--index', '7', '--curve', 'secp256k1']);
    const expected = engine.deriveKeyPair(seed, 7, { curve: 'secp256k1' });
    expect(JSON.parse(stdout)).toMatchObject({ curve: 'secp256k1', publicKey: expected.publicKey.hex });
  });

  test('makes another key each time without a seed', async () => {
    const shell = new FakeShell();
    await runProgram(['keygen'], shell);
    const first = shell.stdout;
    await runProgram(['keygen'], shell);
    expect(shell.stdout.slice(first.length)).not.toBe(first);
  });

  test('with --out prints the public key only', async () => {
    const path = join(folder, 'printed.key');
    const { code, stdout } = await runHere(['keygen', '--out', path]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^0001[0-9a-f]{64}\n$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await runHere(['keygen', '--out', path]);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('is there already') });
    expect(await runHere(['keygen', '--out', path, '--force'])).toMatchObject({ code: 0 });
  });

  test('takes a seed as hex, as text, and from stdin', async () => {
    expect(bytesToHex(seedBytes('6d79'))).toBe('6d79');
    expect(bytesToHex(seedBytes('my'))).toBe('6d79');
    expect(bytesToHex(seedBytes('6d7'))).toBe('366437');
    expect(bytesToHex(seedBytes('text:6d79'))).toBe('36643739');
    expect(bytesToHex(seedBytes('hex:6D79'))).toBe('6d79');
    expect(() => seedBytes('hex:6d7')).toThrow('not an even number of hex digits');
    const typed = await runHere(['keygen', '--seed', 'my']);
    expect(await runHere(['keygen', '--seed', '-'], 'my')).toEqual(typed);
    expect((await runHere(['keygen', '--seed', '-'], 'x'.repeat(SEED_BYTES_MAX))).code).toBe(0);
    expect((await runHere(['keygen', '--seed', '-'], 'x'.repeat(SEED_BYTES_MAX + 1))).code).toBe(1);
  });

  test.each([
    [['--seed', ''], 'the seed is empty'],
    [['--index', '1'], 'option --index needs --seed'],
    [['--force'], 'option --force needs --out'],
    [['--curve', 'bls'], 'option --curve is "bls": expected one of ed25519'],
    [['--seed', 'a', '--index', '4294967296'], 'from 0 to 4294967295'],
    [['file'], 'unexpected argument "file"'],
  ])('%j is wrong use', async (args, message) => {
    const { code, stdout, stderr } = await runHere(['keygen', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('decode', () => {
  test('takes blanks, line breaks, 0x and stdin', async () => {
    const plain = await runHere(['decode', '000000026862']);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(plain.stdout)).toEqual({ kind: 'frame', length: 2, payload: { kind: 'heartbeat' } });
    expect(await runHere(['decode', '0x00000002 6862'])).toEqual(plain);
    expect(await runHere(['decode', '-'], '0000\n0002\n6862\n')).toEqual(plain);
    expect(() => parseHex('')).toThrow('HEX is empty');
  });

  test.each(['1', '1g', 'zz'])('%j is no hex', async (hex) => {
    expect(await runHere(['decode', hex])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^genmesh: HEX: .*\n$/),
    });
  });

  test('says what is wrong in one line and still shows what it can', async () => {
    const vector = loadVectors().cases('envelopes')[0] as never;
    const sealed = stringOf(vector, 'encrypted');
    const { code, stdout, stderr } = await runHere(['decode', sealed, '--key', await keyFile('stranger')]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'envelope', sealed: expect.any(String) });
    expect(stderr).toMatch(/^genmesh: the envelope does not open with this key: [^\n]*\n$/);
  });

  test('forces a form', async () => {
    expect((await runHere(['decode', '19', '--as', 'envelope'])).code).toBe(1);
    expect((await runHere(['decode', '19', '--as', 'packet'])).code).toBe(2);
  });
});

describe('call', () => {
  const key = engine.keyPairFromSeed(new TextEncoder().encode('somebody')).publicKey.hex;

  test.each([
    [['nonsense', 'Ping'], 'peer "nonsense"'],
    [[`tcp://127.0.0.1:1:${key.slice(2)}`, 'Ping'], 'not a public key'],
    [[`tcp://127.0.0.1:70000:${key}`, 'Ping'], '65535'],
    [[`tcp://127.0.0.1:1:${key}`], 'MESSAGE is missing'],
    [[`tcp://127.0.0.1:1:${key}`, 'ping'], 'there is no message "ping" (did you mean Ping?)'],
    [[`tcp://127.0.0.1:1:${key}`, 'GetTransaction', '{'], 'the fields of GetTransaction are not JSON'],
    [[`tcp://127.0.0.1:1:${key}`, 'GetTransaction', '{}'], 'GetTransaction.address: the field is missing'],
    [[`tcp://127.0.0.1:1:${key}`, 'GetTransaction', '{"address":"00"}'], 'GetTransaction.address'],
    [[`tcp://127.0.0.1:1:${key}`, 'Ping', '{"now":1}'], 'Ping.now: there is no such field'],
    [[`tcp://127.0.0.1:1:${key}`, 'Ping', '--timeout', '0'], 'option --timeout is "0"'],
  ])('%j is wrong use, in one line', async (args, message) => {
    const { code, stdout, stderr } = await runHere(['call', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('of a message finds it by its name', () => {
    expect(messageByName('Echo').id).toBe(200);
    expect(parseFields(messageByName('Echo'), '{"bytes":"00ff"}')).toEqual({ bytes: new Uint8Array([0, 255]) });
  });

  test('to where nobody listens fails at once, not at its timeout', async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const startMs = performance.now();
    const { code, stderr } = await runHere(['call', `tcp://127.0.0.1:${port}:${key}`, 'Ping', '--timeout', '60000']);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `genmesh: cannot reach tcp://127.0.0.1:${port}: nobody listens there: start the node, or check host and port\n`,
    );
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });

  test('to somebody who never answers times out', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    const port = await listening(server);
    const { code, stderr } = await runHere(['call', `tcp://127.0.0.1:${port}:${key}`, 'Ping', '--timeout', '100']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^genmesh: Ping to tcp:.* got no reply in 100 ms: [^\n]*\n$/);
    server.close();
  });

  test('to somebody who hangs up says so', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.end()));
    const port = await listening(server);
    const args = ['call', `tcp://127.0.0.1:${port}:${key}`, 'Ping'];
    const { code, stderr } = await runHere(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^genmesh: cannot reach tcp:\S+: \S.+ \(HANDSHAKE_FAILED\): it may be full, or no genmesh node: [^\n]+\n$/,
    );
    const unsaid = await runHere([...args, '--wire', 'archethic']);
    expect(unsaid).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the connection was closed (CLOSED): is '),
    });
    server.close();
  });
});

describe('node', () => {
  test('answers calls until it is told to stop, and says how to reach it', async () => {
    const shell = new FakeShell();
    const running = runProgram(['node', '--key', await keyFile('a'), '--listen', 'tcp://127.0.0.1:0'], shell);
    const [peer] = await shell.line(/^tcp:\/\/127\.0\.0\.1:\d+:[0-9a-f]{68}(?=\n)/);
    const ping = await runHere(['call', peer, 'Ping']);
    expect(ping).toEqual({ code: 0, stderr: '', stdout: '{\n  "name": "Ok",\n  "fields": {}\n}\n' });
    const list = await runHere(['call', peer, 'ListNodes', '{}']);
    expect(JSON.parse(list.stdout)).toMatchObject({ name: 'NodeList', fields: { nodes: [{}] } });
    // The times in it are those of the host, in seconds.
    const timeless = (text: string): string => text.replace(/("\w+DateS"|"\w+UpdateS"): \d+/g, '$1: 0');
    const again = await runHere(['call', peer, 'ListNodes']);
    expect({ ...again, stdout: timeless(again.stdout) }).toEqual({ ...list, stdout: timeless(list.stdout) });
    const toItself = await runHere(['call', peer, 'Ping', '--key', await keyFile('a')]);
    expect(toItself).toMatchObject({ code: 2, stderr: expect.stringContaining('call without --key, or with another') });
    const unserved = await runHere(['call', peer, 'GetNetworkStats', '{"summaryTimeS":1}']);
    expect(JSON.parse(unserved.stdout)).toEqual({ name: 'Error', fields: { reason: 'network_issue' } });
    const wrongKey = peer.replace(/[0-9a-f]{68}$/, engine.generateKeyPair(shell.random).publicKey.hex);
    const closed = await runHere(['call', wrongKey, 'Ping']);
    expect(closed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/another node is there: \w{6}\.\. is not its key/),
    });
    shell.stop('SIGTERM');
    expect(await running).toBe(0);
    expect(shell.stderr).toMatch(/listening address=tcp:[\s\S]*stopping cause=SIGTERM[\s\S]*stopped cause=SIGTERM\n$/);
    expect((await runHere(['call', peer, 'Ping'])).stderr).toContain('nobody listens there');
  });

  test('prints JSON lines with --json, and connects to what its peers file lists but itself', async () => {
    const first = new FakeShell();
    const firstRun = runProgram(
      ['node', '--key', await keyFile('b'), '--listen', 'tcp://127.0.0.1:0', '--json'],
      first,
    );
    const [line] = await first.line(/^\{.*\}(?=\n)/);
    const { event, peer, publicKey, host, port } = JSON.parse(line) as Record<string, unknown>;
    expect({ event, host }).toEqual({ event: 'listening', host: '127.0.0.1' });
    expect(peer).toBe(`tcp://127.0.0.1:${port}:${publicKey}`);
    const seeds = join(folder, 'seeds');
    const own = engine.keyPairFromSeed(new TextEncoder().encode('d')).publicKey.hex;
    writeFileSync(seeds, `# ours\n127.0.0.1:${port}:${publicKey}:tcp\n127.0.0.1:1:${own}:tcp\n`);
    const second = new FakeShell();
    const args = ['node', '--key', await keyFile('d'), '--listen', 'tcp://127.0.0.1:0', '--peers', seeds];
    const secondRun = runProgram(args, second);
    const [second0] = await second.line(/^tcp:.*(?=\n)/);
    // Once the first hears from it, it shows in its list.
    for (;;) {
      const list = await runHere(['call', second0, 'ListNodes', '{"authorizedAndAvailable":true}']);
      const { nodes } = (JSON.parse(list.stdout) as { fields: { nodes: { port: number }[] } }).fields;
      if (nodes.some((node) => node.port === port)) break;
    }
    second.stop('SIGINT');
    expect(await secondRun).toBe(0);
    expect(second.stderr).not.toContain('127.0.0.1:1 ');
    first.stop('SIGINT');
    expect(await firstRun).toBe(0);
    const last = JSON.parse(first.stdout.trimEnd().split('\n').at(-1) as string) as Record<string, unknown>;
    expect(last).toMatchObject({ event: 'stopped', cause: 'SIGINT', stats: { faults: 0 } });
    for (const logged of first.stderr.trimEnd().split('\n')) expect(JSON.parse(logged)).toHaveProperty('level');
  });

  test('connects to as many nodes as it may, each counted once', () => {
    const peers = (count: number): PeerAddress[] =>
      Array.from({ length: count }, (_, i) => parsePeerAddress(`tcp://a:1:0001${String(i).padStart(64, '0')}`));
    const [countMax] = NODE_LIMITS.remotesMax;
    for (const count of [0, countMax - 1, countMax]) expect(checkPeerCount(peers(count))).toBeUndefined();
    expect(() => checkPeerCount(peers(countMax + 1))).toThrow(/at most 4096, leave some out$/);
    expect(checkPeerCount([...peers(countMax), ...peers(countMax)])).toBeUndefined();
  });

  test('leaves nothing listening when it fails after its start', async () => {
    const shell = new FakeShell();
    shell.out = () => {
      throw new CliError('FILE_UNWRITABLE', 'the other end of the pipe is gone');
    };
    const code = await runProgram(['node', '--key', await keyFile('h'), '--listen', 'tcp://127.0.0.1:0'], shell);
    expect(code).toBe(1);
    expect(shell.stderr).toContain('genmesh: the other end of the pipe is gone\n');
    const [, port] = /listening address=tcp:\/\/127\.0\.0\.1:(\d+)/.exec(shell.stderr) as RegExpExecArray;
    const other = engine.keyPairFromSeed(new TextEncoder().encode('other'));
    const peer = `tcp://127.0.0.1:${port}:${other.publicKey.hex}`;
    expect((await runHere(['call', peer, 'Ping'])).stderr).toContain('nobody listens there');
  });

  test('says that its port is in use, and what to do', async () => {
    const server = createServer();
    const port = await listening(server);
    const outcome = await runHere(['node', '--key', await keyFile('e'), '--listen', `tcp://127.0.0.1:${port}`]);
    expect(outcome).toEqual({
      code: 1,
      stdout: '',
      stderr: `genmesh: port ${port} of 127.0.0.1 is in use: stop the program that has it, or choose another port with --listen\n`,
    });
    server.close();
  });

  test('says that an address is not one of this host', async () => {
    const outcome = await runHere(['node', '--key', await keyFile('f'), '--listen', 'tcp://192.0.2.1:0']);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('it is no address of this host') });
  });

  test('refuses wrong options before it starts anything', async () => {
    const key = await keyFile('g');
    const self = engine.keyPairFromSeed(new TextEncoder().encode('g')).publicKey.hex;
    const seeds = join(folder, 'bad-seeds');
    writeFileSync(seeds, '\nnonsense\n');
    const empty = join(folder, 'empty-seeds');
    writeFileSync(empty, '# none\n\n');
    const many = join(folder, 'many-seeds');
    const hexOf = (i: number): string => `0001${String(i).padStart(64, '0')}`;
    writeFileSync(many, Array.from({ length: 4097 }, (_, i) => `127.0.0.1:1:${hexOf(i)}:tcp`).join('\n'));
    const listen = ['--listen', 'tcp://127.0.0.1:0'];
    const cases: [string[], number, string][] = [
      [[...listen], 2, 'option --key is missing'],
      [['--key', key], 2, 'option --listen is missing'],
      [['--key', key, '--listen', '127.0.0.1:0'], 2, 'expected scheme://host:port'],
      [['--key', key, ...listen, '--peer', 'tcp://a:1'], 2, 'peer "tcp://a:1"'],
      [['--key', key, ...listen, '--peer', `tcp://a:1:${self}`], 2, 'names this node itself'],
      [['--key', key, ...listen, '--log-level', 'loud'], 2, `expected one of ${LOG_LEVELS.join(', ')}`],
      [['--key', key, '--listen', 'ws://127.0.0.1:0'], 2, 'option --listen is "ws://127.0.0.1:0": expected tcp'],
      [['--key', key, '--listen', 'memory://a:1'], 2, 'option --listen is "memory://a:1": expected tcp'],
      [['--key', key, ...listen, '--peers', seeds], 1, `peers file ${JSON.stringify(seeds)}: seeds line 2`],
      [['--key', key, ...listen, '--peers', empty], 1, `peers file ${JSON.stringify(empty)} names no node`],
      [['--key', key, ...listen, '--peers', many], 2, 'name 4097 nodes: a node connects to at most 4096'],
      [['--key', key, ...listen, '--peers', `${seeds}.none`], 1, 'is not there'],
      [['--key', `${key}.none`, ...listen], 1, 'make one with genmesh keygen'],
    ];
    for (const [args, code, message] of cases) {
      expect(await runHere(['node', ...args])).toMatchObject({
        code,
        stdout: '',
        stderr: expect.stringContaining(message),
      });
    }
  });

  test('logs from its level on, in JSON one object a line', () => {
    const shell = new FakeShell();
    const logger = loggerOf(shell, 'warn', true);
    logger.info('quiet');
    logger.warn('a\nb', { error: new NetError('RESET', 'broken'), count: 2, none: undefined });
    logger.error('worse');
    const [first, second, ...more] = shell.stderr.trimEnd().split('\n');
    expect(more).toEqual([]);
    expect(JSON.parse(first as string)).toMatchObject({
      level: 'warn',
      message: 'a\nb',
      error: { code: 'RESET', message: 'broken' },
      count: 2,
    });
    expect(JSON.parse(second as string)).toMatchObject({ level: 'error', message: 'worse' });
  });
});

test('typed text is cut into keys', () => {
  expect(keysOf('q1\u001b[A\u001b[B\u001bOP\u0003 ')).toEqual([
    'q',
    '1',
    '\u001b[A',
    '\u001b[B',
    '\u001bOP',
    '\u0003',
    ' ',
  ]);
});
