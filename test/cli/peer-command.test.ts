import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { CliError } from '../../src/cli/errors.ts';
import { merkleRoot } from '../../src/cli/merkle-tree.ts';
import { readNodeKeyFile } from '../../src/cli/node-key-file.ts';
import { joinFailure } from '../../src/cli/peer-failure.ts';
import { formatSighting, plainText, SIGHTING_TEXT_CHARS_MAX, type Sighting } from '../../src/cli/peer-sighting.ts';
import { blockHash, txHash } from '../../src/cli/peer-watch.ts';
import { runProgram } from '../../src/cli/program.ts';
import { decodeBlocksyncMessage } from '../../src/codec/cometbft-blocksync.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { formatNodeKey, nodeIdOf } from '../../src/crypto/node-key.ts';
import { SwitchError } from '../../src/p2p/switch-errors.ts';
import * as golden from '../codec/cometbft-golden.ts';
import { type StageNode, type StageOptions, startStage } from './comet-stage.ts';
import { FakeShell, runHere } from './fake-shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'genmesh-peer-'));
const engine = defaultEngine();
const stages: StageNode[] = [];
const ID = 'a'.repeat(40);
afterEach(async () => {
  await Promise.all(stages.splice(0).map(({ node }) => node.stop()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function stage(options?: StageOptions): Promise<StageNode> {
  const started = await startStage(options);
  stages.push(started);
  return started;
}

describe('genmesh peer', () => {
  test('prints what it sees of a node until it is told to stop', async () => {
    const { address, steps, requests, addresses } = await stage({ knows: [{ id: ID, ip: '192.0.2.1', port: 26_656 }] });
    const shell = new FakeShell();
    const code = runProgram(['peer', address, '--network', 'stage'], shell);
    await shell.line(/^connected +\S+ is stage, version 0\.38\.26, network stage, channels 00203040$/m);
    await shell.line(new RegExp(`^peers +1 known; new: ${ID}@192\\.0\\.2\\.1:26656$`, 'm'));
    await shell.line(/^step +3\/0 NewHeight$/m);
    await shell.line(new RegExp(`^tx +${golden.TX_HASH} of 11 bytes$`, 'm'));
    await shell.line(
      new RegExp(`^block +2 ${golden.BLOCK_HASH} at \\S+Z, 0 transactions, by ${golden.BLOCK_PROPOSER}$`, 'm'),
    );
    // It says that it is as far as the node, and asks for the block below.
    expect(steps[0]).toMatchObject({ type: 'new_round_step', height: 3, step: 'NewHeight' });
    await expect.poll(() => requests).toContainEqual({ type: 'block_request', height: 2 });
    // It has nothing to give, and says so.
    await expect.poll(() => requests).toContainEqual({ type: 'status_response', height: 0, base: 0 });
    await expect.poll(() => requests).toContainEqual({ type: 'no_block_response', height: 7 });
    await expect.poll(() => addresses).toContainEqual({ type: 'pex_addrs', addresses: [] });
    shell.stop('SIGINT');
    expect(await code).toBe(0);
    expect(shell.stderr).toBe('');
    // A block comes once, though the node sends it twice.
    expect(shell.stdout.match(/^block /gm)).toHaveLength(1);
  });

  test('prints an object a line with --json, and ends when its seconds are over', async () => {
    const { address, node } = await stage();
    const { code, stdout, stderr } = await runHere(['peer', address, '--network', 'stage', '--json', '--seconds', '1']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects[0]).toMatchObject({
      event: 'connected',
      id: node.id,
      nodeInfo: { moniker: 'stage', channels: '00203040', protocolVersion: { p2p: '8', block: '11', app: '0' } },
    });
    expect(objects).toContainEqual({ event: 'tx', hash: golden.TX_HASH, size: 11 });
    expect(objects).toContainEqual(expect.objectContaining({ event: 'block', height: 2, hash: golden.BLOCK_HASH }));
  });

  test('lets a bounded number of lines wait for a slow reader, and says how many it left out', async () => {
    const { address } = await stage();
    const shell = new FakeShell();
    shell.isCongested = true;
    const code = runProgram(['peer', address, '--network', 'stage', '--seconds', '1'], shell);
    await shell.line(/^connected/m);
    expect(await code).toBe(0);
    // Handed over in the end, all the same: what waits is bounded.
    expect(shell.stdout).toMatch(/^tx +/m);
    expect(shell.stdout).not.toContain('left_out');
  });

  test('is known by the id of its key file', async () => {
    const { address, node } = await stage();
    const keyPair = engine.generateKeyPair(systemRandom);
    const path = join(folder, 'node_key.json');
    writeFileSync(path, formatNodeKey(keyPair), { mode: 0o600 });
    const added = new Promise<string>((resolve) => node.on('peerAdded', ({ peer }) => resolve(peer.id)));
    const shell = new FakeShell();
    const code = runProgram(['peer', address, '--network', 'stage', '--key', path], shell);
    expect(await added).toBe(nodeIdOf(engine, keyPair.publicKey.raw));
    shell.stop('SIGTERM');
    expect(await code).toBe(0);
  });

  test('tells of a lost connection, and that it dials again', async () => {
    const { address, node } = await stage();
    const shell = new FakeShell();
    const code = runProgram(['peer', address, '--network', 'stage'], shell);
    await shell.line(/^connected/m);
    await node.stop();
    await shell.line(/^disconnected +[0-9a-f]{6}\.\.: it closed the connection$/m);
    await shell.line(/^retry +in \d+\.\d s: nobody listens there/m);
    shell.stop('SIGINT');
    expect(await code).toBe(0);
  });

  test('a signal before there is a connection ends it at once', async () => {
    const silent = createServer();
    const port = await listening(silent);
    const shell = new FakeShell();
    const code = runProgram(['peer', `${ID}@127.0.0.1:${port}`, '--network', 'stage'], shell);
    await new Promise<void>((resolve) => silent.once('connection', () => resolve()));
    shell.stop('SIGINT');
    expect(await code).toBe(0);
    silent.close();
  });
});

describe('genmesh peer says in one line why it cannot join:', () => {
  const failing = async (address: string, network = 'stage'): Promise<string> => {
    const { code, stdout, stderr } = await runHere(['peer', address, '--network', network]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^genmesh: cannot join 127\.0\.0\.1:\d+: [^\n]+\n$/);
    return stderr;
  };

  test('another network', async () => {
    const { address } = await stage({ network: 'other' });
    expect(await failing(address)).toContain('the node is of network other, not stage: give --network other');
  });

  test('another id', async () => {
    const { address, node } = await stage();
    const wrong = address.replace(node.id, ID);
    expect(await failing(wrong)).toContain(`the node ${node.id} answers there, not ${ID}`);
  });

  test('nobody there', async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failing(`${ID}@127.0.0.1:${port}`)).toContain('nobody listens there');
  });

  test('something else there', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const port = await listening(server);
    expect(await failing(`${ID}@127.0.0.1:${port}`)).toContain('no CometBFT node');
    server.close();
  });

  test.each(['end', 'resetAndDestroy'] as const)('a node that turns us away at the door, by %s', async (how) => {
    // What CometBFT does with the second connection of one IP address.
    const server = createServer((socket) => void socket.on('error', () => {})[how]());
    const port = await listening(server);
    const line = await failing(`${ID}@127.0.0.1:${port}`);
    expect(line).toContain('it closed the connection during the handshake: it may be full, or have a peer of our IP');
    server.close();
  });

  test.each(['SELF', 'PEER_CLOSED', 'NODE_INFO_INVALID', 'HANDSHAKE_TIMEOUT', 'OUTBOUND_MAX'] as const)(
    '%s',
    (code) => {
      const address = { id: ID, host: '127.0.0.1', port: 1 };
      const failure = joinFailure(new SwitchError(code, 'said\u001b[2J so'), address, 'stage');
      expect(failure).toMatchObject({ code: 'CALL_FAILED' });
      expect(failure.message).toMatch(/^cannot join 127\.0\.0\.1:1: [ -~]{10,}$/);
    },
  );
});

describe('genmesh peer is used wrongly', () => {
  test.each([
    [['peer'], /ID@HOST:PORT is missing/],
    [['peer', `${ID}@127.0.0.1:1`], /option --network is missing/],
    [['peer', '127.0.0.1:26656', '--network', 'x'], /expected ID@HOST:PORT/],
    [['peer', 'x'], /expected ID@HOST:PORT/],
    [['peer', `${ID}@127.0.0.1:1`, '--network', ''], /option --network is empty: give the id of the chain/],
    [['crawl', `${ID}@127.0.0.1:1`, '--network', ''], /option --network is empty: give the id of the chain/],
    [['peer', `${ID}@127.0.0.1:0`, '--network', 'x'], /port 0/],
    [['peer', `${ID}@127.0.0.1:1`, '--network', 'x', '--seconds', '0'], /--seconds/],
    [['peer', `${ID}@127.0.0.1:1`, '--network', 'x', '--moniker', ' '], /moniker/],
    [['crawl', `${ID}@127.0.0.1:1`, '--network', 'x', '--concurrency', '65'], /--concurrency/],
  ] as const)('%j', async (args, pattern) => {
    const { code, stdout, stderr } = await runHere(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^genmesh: [^\n]+\n$/);
    expect(stderr).toMatch(pattern);
  });
});

describe('keys of peers', () => {
  const write = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };

  test('are read from node_key.json and from key files of genmesh keygen', async () => {
    const keyPair = engine.generateKeyPair(systemRandom);
    const theirs = write('theirs.json', formatNodeKey(keyPair));
    expect(readNodeKeyFile(theirs, engine).publicKey.equals(keyPair.publicKey)).toBe(true);
    const ours = join(folder, 'ours.key');
    const { stdout } = await runHere(['keygen', '--out', ours]);
    expect(`${readNodeKeyFile(ours, engine).publicKey.hex}\n`).toBe(stdout);
  });

  test('that others may read, are of another curve, or are none are refused without a byte of them', async () => {
    const exposed = write('exposed.json', formatNodeKey(engine.generateKeyPair(systemRandom)), 0o644);
    const curve = join(folder, 'curve.key');
    await runHere(['keygen', '--curve', 'secp256k1', '--out', curve]);
    const none = write('none.json', '{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"c2VjcmV0"}}');
    const codes = [exposed, curve, none, join(folder, 'missing')].map((path) => {
      try {
        readNodeKeyFile(path, engine);
      } catch (error) {
        expect((error as Error).message).not.toContain('c2VjcmV0');
        return error instanceof CliError ? error.code : error;
      }
      return 'read';
    });
    expect(codes).toEqual(['KEY_FILE_EXPOSED', 'KEY_FILE_INVALID', 'KEY_FILE_INVALID', 'FILE_MISSING']);
  });
});

describe('hashes', () => {
  test('of a block and a transaction are those of the node', () => {
    const message = decodeBlocksyncMessage(hexToBytes(golden.BLOCK_RESPONSE));
    expect(message.type === 'block_response' && blockHash(engine, message.block)).toBe(golden.BLOCK_HASH);
    expect(txHash(engine, new TextEncoder().encode('hello=world'))).toBe(golden.TX_HASH);
  });

  // RFC 6962 trees over these leaves, as in the tests of the Certificate Transparency log.
  test.each([
    [0, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    [1, '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
    [2, 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
    [3, 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
    [7, 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
    [8, '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328'],
  ])('the root over %i leaves', (count, root) => {
    const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    expect(bytesToHex(merkleRoot(engine, leaves.slice(0, count).map(hexToBytes)))).toBe(root);
  });
});

describe('lines', () => {
  test.each<[Sighting, string]>([
    [{ event: 'rtt', rttMs: 1.234, rttMsMin: 0.5 }, 'rtt          1.23 ms, shortest 0.50 ms'],
    [{ event: 'status', height: 80, base: 1 }, 'status       has blocks 1 to 80'],
    [{ event: 'proposal', height: 8, round: 1, hash: '' }, 'proposal     8/1 no block'],
    [{ event: 'retry', code: 'DIAL_FAILED', reason: 'refused', inMs: 5200 }, 'retry        in 5.2 s: refused'],
    [
      { event: 'peers', addresses: ['a', 'b', 'c', 'd', 'e\u0007'], knownCount: 9 },
      'peers        9 known; new: a b c d and 1 more',
    ],
  ])('%j', (sighting, line) => {
    expect(formatSighting(sighting)).toBe(line);
  });

  test('texts of strangers are cut, and drive no terminal', () => {
    expect(plainText('a\u001b[31mb\n')).toBe('a?[31mb?');
    for (const extra of [-1, 0, 1]) {
      const text = 'x'.repeat(SIGHTING_TEXT_CHARS_MAX + extra);
      expect(plainText(text)).toBe(extra <= 0 ? text : `${text.slice(0, SIGHTING_TEXT_CHARS_MAX - 1)}…`);
    }
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}
