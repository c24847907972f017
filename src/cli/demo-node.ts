/**
 * One node of the demo, in a process of its own: does what the demo says over the channel between them, and reports. When the
 * channel closes, the demo is gone, however it ended, and this process ends at once: it never outlives it.
 */
import type { Timer } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { createLogger } from '../base/logger.ts';
import { hexToBytes } from '../codec/hex.ts';
import { NetError } from '../net/errors.ts';
import { builtInServices } from '../p2p/built-in-services.ts';
import { NodeSupervisor } from '../p2p/node-supervisor.ts';
import { formatPeerAddress } from '../p2p/peer-address.ts';
import type { Remote } from '../p2p/remote.ts';
import { EXIT_FAILURE, EXIT_OK } from './command-line.ts';
import {
  type DemoPeer,
  type DemoStart,
  type FromDemoNode,
  type LinkReport,
  type NodeReport,
  REPORT_INTERVAL_MS_MIN,
  REPORT_MS_PER_NODE,
  REPORTS_PER_TREE,
  type ToDemoNode,
} from './demo-protocol.ts';
import { Traffic } from './demo-traffic.ts';
import { cliMessages } from './message-names.ts';
import type { Shell } from './shell.ts';

/** Name of the command that runs it; not in the help, and unknown without a channel. */
export const DEMO_NODE_COMMAND = 'demo-node';

/** How long a started-again node tries to get its port back, in ms: another program may use it for a moment. */
export const LISTEN_PATIENCE_MS = 10_000;
const LISTEN_PAUSE_MS = 100;

/** A call of the demo waits that long for its reply, in ms. */
export const DEMO_CALL_TIMEOUT_MS = 5000;

/** Runs until told to stop. @returns the exit code. */
export async function runDemoNode(shell: Shell): Promise<number> {
  // Ctrl-C reaches every process of a terminal; this one ends when the demo says so.
  shell.onStop(() => {});
  process.once('disconnect', () => process.exit(EXIT_FAILURE));
  if (process.connected !== true) return EXIT_FAILURE;
  const demoNode = new DemoNode(shell);
  return new Promise((resolve, reject) => {
    let before: Promise<unknown> = Promise.resolve();
    process.on('message', (message) => {
      const order = message as ToDemoNode;
      // One after the other, because each builds on the one before; only the end does not wait.
      const handled = order.type === 'stop' ? demoNode.handle(order) : before.then(() => demoNode.handle(order));
      before = handled;
      handled.then((exitCode) => {
        if (exitCode !== undefined) resolve(exitCode);
      }, reject);
    });
    send({ type: 'hello' });
  });
}

class DemoNode {
  readonly #shell: Shell;
  #start: DemoStart | undefined;
  #node: NodeSupervisor | undefined;
  #traffic: Traffic | undefined;
  #timer: Timer | undefined;
  #reportCount = 0;
  readonly #remotes: { readonly name: string; readonly remote: Remote }[] = [];
  readonly #answering = new Map<Remote, boolean>();

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /** @returns the exit code when that was the last message. */
  async handle(message: ToDemoNode): Promise<number | undefined> {
    switch (message.type) {
      case 'start':
        return this.#begin(message);
      case 'peers':
        await this.#connect(message.peers);
        return undefined;
      case 'go':
        this.#traffic?.start();
        return undefined;
      case 'finish':
        await this.#finish();
        return undefined;
      case 'recount':
        this.#report('final');
        return undefined;
      case 'stop':
        return this.#stop();
    }
  }

  async #begin(start: DemoStart): Promise<number | undefined> {
    this.#start = start;
    const { clock, random, engine } = this.#shell;
    const logger = createLogger({ write: (line) => this.#shell.err(`${line}\n`), clock, level: 'warn' });
    const identity = engine.keyPairFromPrivateKey(hexToBytes(start.privateKey));
    const deadlineMs = clock.monotonicMs() + LISTEN_PATIENCE_MS;
    for (;;) {
      try {
        this.#node = await NodeSupervisor.startLink({
          identity,
          listen: start.listen,
          wire: start.wire,
          ...(start.isSealed ? { sealed: true } : {}),
          messages: cliMessages,
          clock,
          random,
          engine,
          logger,
          callTimeoutMs: DEMO_CALL_TIMEOUT_MS,
        });
        break;
      } catch (error) {
        const isTaken = error instanceof NetError && error.code === 'ADDRESS_IN_USE';
        if (!isTaken || clock.monotonicMs() > deadlineMs) {
          send({ type: 'failed', message: describeReason(error) });
          return EXIT_FAILURE;
        }
        await new Promise<void>((resolve) => clock.setTimer(resolve, LISTEN_PAUSE_MS));
      }
    }
    for (const service of builtInServices(this.#node)) await this.#node.startService(service);
    send({ type: 'ready', peer: formatPeerAddress(this.#node.peer) });
    return undefined;
  }

  async #connect(peers: readonly DemoPeer[]): Promise<void> {
    const node = this.#node as NodeSupervisor;
    const { rate, inFlightMax } = this.#start as DemoStart;
    for (const { name, peer } of peers) this.#remotes.push({ name, remote: await node.connect(peer) });
    const { clock, random } = this.#shell;
    const remotes = this.#remotes.map(({ remote }) => remote);
    this.#traffic = new Traffic({ clock, random, remotes, rate, inFlightMax });
    // A connection that comes or goes is told as soon as its new state is set, the rest at intervals.
    let isTelling = false;
    const tell = (): void => {
      if (isTelling) return;
      isTelling = true;
      clock.defer(() => {
        isTelling = false;
        this.#report('report');
      });
    };
    node.on('connected', tell);
    node.on('disconnected', tell);
    this.#tick();
  }

  #tick(): void {
    this.#report('report');
    const intervalMs = Math.max(REPORT_INTERVAL_MS_MIN, REPORT_MS_PER_NODE * (this.#remotes.length + 1));
    this.#timer = this.#shell.clock.setTimer(() => this.#tick(), intervalMs);
  }

  async #finish(): Promise<void> {
    const traffic = this.#traffic as Traffic;
    await traffic.stop();
    await Promise.all(this.#remotes.map(async ({ remote }) => this.#answering.set(remote, await traffic.ping(remote))));
    if (this.#timer !== undefined) this.#shell.clock.clearTimer(this.#timer);
    this.#report('final');
  }

  async #stop(): Promise<number> {
    if (this.#timer !== undefined) this.#shell.clock.clearTimer(this.#timer);
    await this.#node?.stop();
    process.removeAllListeners('disconnect');
    if (process.connected) process.disconnect();
    return EXIT_OK;
  }

  #report(type: 'report' | 'final'): void {
    const node = this.#node as NodeSupervisor;
    const traffic = this.#traffic as Traffic;
    const links = this.#remotes.map(({ name, remote }): LinkReport => {
      const { state, rttMsP50, rttMsP99, dropped, queueLength, connections } = remote.stats();
      const isAnswering = this.#answering.get(remote);
      const facts = { to: name, state, rttMsP50, rttMsP99, dropped, queueLength, connections, isAnswering };
      return { ...traffic.counts(remote), ...facts };
    });
    const hasTree = type === 'final' || this.#reportCount % REPORTS_PER_TREE === 0;
    this.#reportCount += 1;
    const { requestsAnswered } = node.stats();
    const report: NodeReport = { links, requestsAnswered, tree: hasTree ? node.tree() : undefined };
    send({ type, report });
  }
}

function send(message: FromDemoNode): void {
  // A demo that is gone closes the channel, and that ends this process; a message that meets it half closed is lost.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}
