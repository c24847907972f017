import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import type { PexNetAddress } from '../../src/codec/cometbft-pex.ts';
import { type StageNode, type StageOptions, startStage } from './comet-stage.ts';
import { FakeShell, runHere } from './fake-shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'genmesh-crawl-'));
const stages: StageNode[] = [];
const DEAD: PexNetAddress = { id: 'd'.repeat(40), ip: '127.0.0.1', port: 1 };
const FAST = ['--network', 'stage', '--private', '--interval', '0', '--timeout', '5000'];
afterEach(async () => {
  await Promise.all(stages.splice(0).map(({ node }) => node.stop()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function stage(options?: StageOptions): Promise<StageNode> {
  const started = await startStage(options);
  stages.push(started);
  return started;
}

function netAddress({ node }: StageNode): PexNetAddress {
  return { id: node.id, ip: '127.0.0.1', port: node.address?.port ?? 0 };
}

interface Found {
  readonly network: string;
  readonly nodes: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly depth: number;
    readonly info: { readonly moniker: string; readonly channels: string } | null;
    readonly knows: readonly string[];
    readonly error?: { readonly code?: string; readonly message: string };
  }[];
  readonly unvisited: readonly string[];
  readonly edgeCount: number;
}

test('a crawl writes who is there and who knows whom, as JSON and as a picture', async () => {
  const far = await stage();
  const near = await stage({ knows: [netAddress(far), DEAD] });
  const root = await stage({ knows: [netAddress(near)] });
  const [out, dot] = [join(folder, 'topology.json'), join(folder, 'topology.dot')];
  const args = ['crawl', root.address, ...FAST, '--out', out, '--dot', dot];
  const { code, stdout, stderr } = await runHere(args);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toBe('4 visited, 3 reached, 0 under way, 0 waiting\n');
  const found = JSON.parse(readFileSync(out, 'utf8')) as Found;
  expect(found).toMatchObject({ network: 'stage', unvisited: [], edgeCount: 3 });
  expect(found.nodes.map(({ id, outcome, depth }) => [id, outcome, depth])).toEqual([
    [root.node.id, 'answered', 0],
    [near.node.id, 'answered', 1],
    [far.node.id, 'answered', 2],
    [DEAD.id, 'unreachable', 2],
  ]);
  expect(found.nodes[0]).toMatchObject({ info: { moniker: 'stage', channels: '00203040' }, knows: [near.node.id] });
  expect(found.nodes[3]).toMatchObject({ info: null, knows: [], error: { code: 'CONNECTION_REFUSED' } });
  expect(found.nodes[3]?.error?.message).toMatch(/127\.0\.0\.1:1/);
  expect(found.nodes.slice(0, 3).map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  const picture = readFileSync(dot, 'utf8');
  expect(picture).toMatch(/^digraph topology \{\n/);
  expect(picture).toContain(`"${root.node.id}" [label="stage ${root.node.id.slice(0, 6)}", fillcolor=palegreen];`);
  expect(picture).toContain(`"${near.node.id}" -> "${far.node.id}";`);
  // Nothing half written is left behind.
  expect(readdirSync(folder).sort()).toEqual(['topology.dot', 'topology.json']);
});

test('the JSON says of each node that did not answer why: the code and one line', async () => {
  const other = await stage({ network: 'other' });
  const wrong = await stage();
  const renamed = { ...netAddress(wrong), id: 'e'.repeat(40) };
  const root = await stage({ knows: [netAddress(other), renamed, DEAD] });
  const { stdout } = await runHere(['crawl', root.address, ...FAST]);
  const { nodes } = JSON.parse(stdout) as Found;
  const codes = new Map(nodes.map(({ id, error }) => [id, error?.code]));
  expect(codes).toEqual(
    new Map([
      [root.node.id, undefined],
      [other.node.id, 'INCOMPATIBLE'],
      [renamed.id, 'AUTH_FAILURE'],
      [DEAD.id, 'CONNECTION_REFUSED'],
    ]),
  );
  for (const { error } of nodes.slice(1)) expect(error?.message).toMatch(/^[^\n]{1,200}$/);
});

test('a listener that takes connections and says nothing is said to be there, and not to shake hands', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const mute = { id: 'c'.repeat(40), ip: '127.0.0.1', port: (silent.address() as AddressInfo).port };
  try {
    const root = await stage({ knows: [mute] });
    const patience = [...FAST.slice(0, -1), '700'];
    const { stdout } = await runHere(['crawl', root.address, ...patience]);
    const { nodes } = JSON.parse(stdout) as Found;
    expect(nodes.find(({ id }) => id === mute.id)).toMatchObject({
      outcome: 'unreachable',
      error: { code: 'TIMEOUT', message: 'connected, but did not shake hands in 700 ms' },
    });
    const first = `${mute.id}@127.0.0.1:${mute.port}`;
    const asRoot = await runHere(['crawl', first, ...patience]);
    expect(asRoot).toMatchObject({ code: 1, stdout: '' });
    expect(asRoot.stderr).toContain(`:${mute.port}: connected, but did not shake hands in 700 ms`);
    const asked = await runHere(['crawl', first, ...patience.slice(2)]);
    expect(asked.stderr).toContain('it took the connection and did not shake hands in time');
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test('without --out the JSON is printed, and addresses of private networks are not followed without --private', async () => {
  const near = await stage();
  const root = await stage({ knows: [netAddress(near)] });
  const { code, stdout, stderr } = await runHere(['crawl', root.address, '--network', 'stage']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '1 visited, 1 reached, 0 under way, 0 waiting\n' });
  expect(JSON.parse(stdout)).toMatchObject({ nodes: [{ id: root.node.id }], unvisited: [near.node.id] });
});

test('a bound on addresses, or on steps, is kept and said', async () => {
  const near = await stage();
  const root = await stage({ knows: [netAddress(near), DEAD] });
  const few = await runHere(['crawl', root.address, ...FAST, '--max', '2']);
  expect(few.stderr).toBe('2 visited, 2 reached, 0 under way, 0 waiting, 1 left out\n');
  const short = await runHere(['crawl', root.address, ...FAST, '--depth', '0']);
  expect(short.stderr).toBe('1 visited, 1 reached, 0 under way, 0 waiting, 2 left out\n');
});

test('without --network the first node is asked for its own, and walked with it', async () => {
  const root = await stage({ network: 'any-chain-7' });
  const { code, stdout, stderr } = await runHere(['crawl', root.address, ...FAST.slice(2)]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'the first node is of network any-chain-7\n1 visited, 1 reached, 0 under way, 0 waiting\n',
  });
  const found = JSON.parse(stdout) as Found;
  expect(found).toMatchObject({ network: 'any-chain-7', nodes: [{ id: root.node.id, outcome: 'answered' }] });
  const dead = await runHere(['crawl', `${DEAD.id}@127.0.0.1:1`, ...FAST.slice(2)]);
  expect(dead).toMatchObject({ code: 1, stdout: '' });
  expect(dead.stderr).toMatch(/^genmesh: cannot join 127\.0\.0\.1:1: nobody listens there[^\n]*\n$/);
});

test('a first node that is not reached is an error in one line, and no file is written', async () => {
  const other = await stage({ network: 'other' });
  const out = join(folder, 'never.json');
  const wrong = await runHere(['crawl', other.address, ...FAST, '--out', out]);
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toMatch(
    /^genmesh: cannot join 127\.0\.0\.1:\d+: the node is of network other, not stage[^\n]*\n$/,
  );
  const dead = await runHere(['crawl', `${DEAD.id}@127.0.0.1:1`, ...FAST, '--out', out]);
  expect(dead).toMatchObject({ code: 1, stdout: '' });
  expect(dead.stderr).toMatch(/^genmesh: cannot join 127\.0\.0\.1:1: nobody listens there[^\n]*\n$/);
  expect(readdirSync(folder)).not.toContain('never.json');
});

test('a first node given by name is tried at each address of the name, and is where it was found', async () => {
  const root = await stage();
  const [id, port] = [root.node.id, root.node.address?.port];
  const shell = new FakeShell();
  shell.hosts.set('stage.example', ['::1', '127.0.0.1']);
  shell.hosts.set('dead.example', ['127.0.0.1', '::1']);
  shell.hosts.set('odd.example', ['not an address']);
  expect(await runProgram(['crawl', `${id}@stage.example:${port}`, ...FAST], shell)).toBe(0);
  expect(JSON.parse(shell.stdout)).toMatchObject({
    nodes: [{ id, outcome: 'answered', address: `${id}@127.0.0.1:${port}` }],
  });
  const failing = async (host: string): Promise<string> => {
    shell.stderr = '';
    expect(await runProgram(['crawl', `${id}@${host}:1`, ...FAST], shell)).toBe(1);
    return shell.stderr;
  };
  expect(await failing('dead.example')).toMatch(/cannot join \[::1\]:1: nobody listens there/);
  expect(await failing('none.example')).toBe(
    'genmesh: the host "none.example" is not known (ENOTFOUND): check the name\n',
  );
  expect(await failing('odd.example')).toBe(
    'genmesh: the host "odd.example" is not known (no address): check the name\n',
  );
});

test('what is no plain file is written to, not replaced', async () => {
  const root = await stage();
  const [link, target] = [join(folder, 'link.json'), join(folder, 'target.json')];
  symlinkSync(target, link);
  expect(await runHere(['crawl', root.address, ...FAST, '--out', link])).toMatchObject({ code: 0 });
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(JSON.parse(readFileSync(target, 'utf8'))).toMatchObject({ nodes: [{ id: root.node.id }] });
});

test('a file that is there is replaced', async () => {
  const root = await stage();
  const out = join(folder, 'old.json');
  writeFileSync(out, 'x'.repeat(100_000));
  expect(await runHere(['crawl', root.address, ...FAST, '--out', out])).toMatchObject({ code: 0 });
  expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({ nodes: [{ id: root.node.id }] });
});

test.each(['--out', '--dot'])('a file that cannot be written is named before the walk: %s', async (option) => {
  const root = await stage();
  let visits = 0;
  root.node.on('peerAdded', () => {
    visits += 1;
  });
  const { code, stderr, stdout } = await runHere([
    'crawl',
    root.address,
    ...FAST,
    option,
    join(folder, 'no/where.json'),
  ]);
  expect({ code, stdout, visits }).toEqual({ code: 1, stdout: '', visits: 0 });
  expect(stderr).toMatch(/^genmesh: cannot write "[^"]+where\.json" \(ENOENT\): choose another place\n$/);
});

test.each(['same.txt', '../same.txt'])('one file for both is refused before the walk: %s', async (other) => {
  const inner = join(folder, 'inner');
  mkdirSync(inner, { recursive: true });
  const [out, dot] = [join(other.startsWith('..') ? folder : inner, 'same.txt'), `${inner}/${other}`];
  const refused = { code: 2, stdout: '', stderr: 'genmesh: options --out and --dot name the same file: give two\n' };
  const args = ['crawl', `${DEAD.id}@127.0.0.1:1`, ...FAST, '--out', out, '--dot', dot];
  expect(await runHere(args)).toEqual(refused);
  writeFileSync(out, 'old');
  expect(await runHere(args)).toEqual(refused);
  const link = join(inner, `link-${other.length}`);
  symlinkSync(out, link);
  expect(await runHere([...args.slice(0, -1), link])).toEqual(refused);
  expect(readFileSync(out, 'utf8')).toBe('old');
});

test.each([
  ['SIGINT', 130, []],
  ['SIGTERM', 143, ['--network', 'stage']],
] as const)(
  '%s before the first node was reached ends with %i, and nothing is said or written',
  async (cause, code, network) => {
    const sockets = new Set<Socket>();
    let knock: () => void = () => {};
    const knocked = new Promise<void>((resolve) => {
      knock = resolve;
    });
    const silent = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      knock();
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const out = join(folder, `signal-${code}.json`);
    const shell = new FakeShell();
    const target = `${'c'.repeat(40)}@127.0.0.1:${(silent.address() as AddressInfo).port}`;
    try {
      const ended = runProgram(['crawl', target, ...network, '--private', '--out', out], shell);
      await knocked;
      shell.stop(cause);
      expect(await ended).toBe(code);
      expect([shell.stdout, shell.stderr, existsSync(out)]).toEqual(['', '', false]);
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  },
);

test('a signal ends the walk, and what was found is written', async () => {
  const near = await stage();
  const root = await stage({ knows: [netAddress(near), DEAD] });
  const shell = new FakeShell();
  // The next dial would come in a minute.
  const ended = runProgram(['crawl', root.address, '--network', 'stage', '--private', '--interval', '60000'], shell);
  await new Promise<void>((resolve) => root.node.on('peerRemoved', () => resolve()));
  shell.stop('SIGINT');
  expect(await ended).toBe(0);
  expect(JSON.parse(shell.stdout)).toMatchObject({ nodes: [{ id: root.node.id, outcome: 'answered' }] });
});
