/** One node process of the demo, driven over its channel as the demo drives it. */
import { type ChildProcess, fork } from 'node:child_process';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DEMO_NODE_COMMAND } from '../../src/cli/demo-node.ts';
import type { FromDemoNode, NodeReport, ToDemoNode } from '../../src/cli/demo-protocol.ts';
import { cliMessages } from '../../src/cli/message-names.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { builtInServices } from '../../src/p2p/built-in-services.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { formatPeerAddress } from '../../src/p2p/peer-address.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { builtProgram, PATIENCE_MS } from './built-program.ts';
import { countingEngine } from './counting-engine.ts';

const engine = defaultEngine();
const random = new SeededRandom(3);
const processes: DemoProcess[] = [];

beforeAll(() => {
  builtProgram();
}, 2 * PATIENCE_MS);
afterEach(() => {
  for (const { child } of processes.splice(0)) child.kill('SIGKILL');
});

class DemoProcess {
  readonly child: ChildProcess;
  readonly received: FromDemoNode[] = [];
  readonly exitCode: Promise<number | null>;
  readonly #watchers = new Set<() => void>();

  constructor() {
    this.child = fork(builtProgram(), [DEMO_NODE_COMMAND], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    this.child.on('message', (message) => {
      this.received.push(message as FromDemoNode);
      for (const watcher of [...this.#watchers]) watcher();
    });
    this.exitCode = new Promise((resolve) => this.child.on('exit', resolve));
    processes.push(this);
  }

  send(...messages: ToDemoNode[]): void {
    for (const message of messages) this.child.send(message);
  }

  /** The first message so far or to come for which `find` gives something. */
  wait<T>(find: (message: FromDemoNode) => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        for (const message of this.received) {
          const found = find(message);
          if (found === undefined) continue;
          this.#watchers.delete(look);
          resolve(found);
          return;
        }
      };
      this.#watchers.add(look);
      look();
    });
  }

  async start(name: string, listen = 'tcp://127.0.0.1:0', isSealed = false): Promise<string> {
    await this.wait((message) => (message.type === 'hello' ? true : undefined));
    const privateKey = bytesToHex(engine.generateKeyPair(random).exportPrivateKey());
    this.send({ type: 'start', name, privateKey, listen, wire: 'mconnection', isSealed, rate: 200, inFlightMax: 8 });
    return this.wait((message) => (message.type === 'ready' ? message.peer : undefined));
  }
}

function finalOf(message: FromDemoNode): NodeReport | undefined {
  return message.type === 'final' ? message.report : undefined;
}

describe('a node process of the demo', { timeout: PATIENCE_MS }, () => {
  test('does what it is told in order, though it is told all at once', async () => {
    const [caller, called] = [new DemoProcess(), new DemoProcess()];
    await caller.start('caller');
    const peer = await called.start('called');
    caller.send({ type: 'peers', peers: [{ name: 'called', peer }] }, { type: 'go' });
    await caller.wait((message) =>
      message.type === 'report' && (message.report.links[0]?.replies ?? 0) >= 5 ? true : undefined,
    );
    caller.send({ type: 'finish' });
    const { links, tree } = await caller.wait(finalOf);
    const [link] = links;
    expect(link).toMatchObject({ to: 'called', state: 'connected', isAnswering: true, open: 0, connections: 1 });
    expect(link?.calls).toBe(link?.replies);
    expect(tree?.module).toBe('NodeSupervisor');
    caller.send({ type: 'stop' });
    expect(await caller.exitCode).toBe(0);
    called.send({ type: 'peers', peers: [] }, { type: 'finish' }, { type: 'recount' }, { type: 'stop' });
    expect(await called.exitCode).toBe(0);
  });

  test('seals what it calls when it is started so, and only then', async () => {
    const counting = countingEngine();
    const identity = engine.generateKeyPair(random);
    const node = await NodeSupervisor.startLink({
      identity,
      listen: 'tcp://127.0.0.1:0',
      messages: cliMessages,
      engine: counting.engine,
    });
    for (const service of builtInServices(node)) await node.startService(service);
    for (const isSealed of [true, false]) {
      counting.counts.clear();
      const caller = new DemoProcess();
      await caller.start('caller', undefined, isSealed);
      caller.send(
        { type: 'peers', peers: [{ name: 'called', peer: formatPeerAddress(node.peer) }] },
        { type: 'finish' },
      );
      const { links } = await caller.wait(finalOf);
      expect(links[0]).toMatchObject({ isAnswering: true });
      expect(counting.counts.get('eciesOpen') ?? 0).toBe(isSealed ? 1 : 0);
      caller.send({ type: 'stop' });
      expect(await caller.exitCode).toBe(0);
    }
    await node.stop();
  });

  test('ends when the channel closes, whatever it is doing', async () => {
    const [idle, busy] = [new DemoProcess(), new DemoProcess()];
    await busy.start('busy');
    await idle.wait((message) => (message.type === 'hello' ? true : undefined));
    for (const { child } of [idle, busy]) child.disconnect();
    expect(await Promise.all([idle.exitCode, busy.exitCode])).toEqual([1, 1]);
  });

  test('takes no notice of the signals that a terminal sends to all', async () => {
    const node = new DemoProcess();
    await node.wait((message) => (message.type === 'hello' ? true : undefined));
    node.child.kill('SIGINT');
    expect(await node.start('node')).toMatch(/^tcp:/);
    node.send({ type: 'stop' });
    expect(await node.exitCode).toBe(0);
  });

  test('says why it does not start', async () => {
    const node = new DemoProcess();
    await node.wait((message) => (message.type === 'hello' ? true : undefined));
    node.start('node', 'tcp://192.0.2.1:0').catch(() => {});
    expect(await node.wait((message) => (message.type === 'failed' ? message.message : undefined))).toContain(
      'ADDRESS_UNAVAILABLE',
    );
    expect(await node.exitCode).toBe(1);
  });
});
