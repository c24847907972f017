/**
 * The processes of the demo: starts one for each node, brings them together, kills one now and then when asked to, starts
 * again what ended, and at the end collects the last word of each. Fills a {@link DemoModel}.
 *
 * No process outlives this one: each ends when the channel to it closes, and all are killed when this program exits.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Timer } from '../base/clock.ts';
import { bytesToHex } from '../codec/hex.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { formatNetAddress } from '../net/net-address.ts';
import type { Wire } from '../p2p/node-options.ts';
import { parsePeerAddress } from '../p2p/peer-address.ts';
import { DemoModel, type NodeModel } from './demo-model.ts';
import { DEMO_CALL_TIMEOUT_MS, DEMO_NODE_COMMAND } from './demo-node.ts';
import type { FromDemoNode, ToDemoNode } from './demo-protocol.ts';
import { CliError } from './errors.ts';
import type { Shell } from './shell.ts';

/** How long all nodes may take to listen, and again to be connected, in ms. */
export const START_PATIENCE_MS = 60_000;

/** How long nodes may take to find each other again before the end, in ms. */
export const WHOLE_PATIENCE_MS = 30_000;

/** How long the calls under way at the end may take, in ms: a call and a Ping at their timeouts, and some. */
export const FINAL_PATIENCE_MS: number = 2 * DEMO_CALL_TIMEOUT_MS + 5000;

/** How long a process may take to stop in order before it is killed, in ms. */
export const STOP_PATIENCE_MS = 10_000;

/** Times in a row that a process may end before it listens; then the demo gives up. */
export const START_FAILURES_MAX = 3;

/** Lines of a process's standard error that are kept for messages, and how long one may be. */
const ERROR_LINES_MAX = 20;
const ERROR_LINE_CHARS_MAX = 400;

/** What a fleet is made of. */
export interface FleetOptions {
  readonly shell: Shell;
  /** Nodes, 2 to 16. */
  readonly count: number;
  readonly wire: Wire;
  /** On wire mconnection: calls are signed and sealed end to end as well. */
  readonly isSealed: boolean;
  /** Calls a second that each node makes. */
  readonly rate: number;
  /** Calls under way from one node to one other. */
  readonly inFlightMax: number;
}

type Phase = 'starting' | 'connecting' | 'running' | 'finishing' | 'stopping';

interface Slot {
  readonly node: NodeModel;
  readonly keyPair: KeyPair;
  listen: string;
  process: ChildProcess | undefined;
  isKilled: boolean;
  isFinal: boolean;
  startFailures: number;
  readonly errorLines: string[];
}

interface Waiter {
  readonly holds: () => boolean;
  readonly settle: (isHolding: boolean) => void;
}

/** The processes of a demo. */
export class DemoFleet {
  readonly model: DemoModel;
  /** Never resolves; rejects with CliError `DEMO_FAILED` when the demo cannot go on. */
  readonly failure: Promise<never>;
  readonly #options: FleetOptions;
  readonly #slots: readonly Slot[];
  readonly #waiters = new Set<Waiter>();
  readonly #startMs: number;
  readonly #listeners = new Set<() => void>();
  readonly #killAll = (): void => this.destroy();
  #phase: Phase = 'starting';
  #fail: (error: CliError) => void = () => {};
  #killTimer: Timer | undefined;
  #victim = 0;

  constructor(options: FleetOptions) {
    const { engine, random, clock } = options.shell;
    this.#options = options;
    this.#startMs = clock.monotonicMs();
    this.model = new DemoModel(options.count, options.wire, options.isSealed);
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => {}); // whoever waits for it hears of it
    this.#slots = this.model.nodes.map((node) => ({
      node,
      keyPair: engine.generateKeyPair(random),
      listen: 'tcp://127.0.0.1:0',
      process: undefined,
      isKilled: false,
      isFinal: false,
      startFailures: 0,
      errorLines: [],
    }));
    process.on('exit', this.#killAll);
  }

  /** Since the fleet was made, in ms. */
  get elapsedMs(): number {
    return this.#options.shell.clock.monotonicMs() - this.#startMs;
  }

  /** Calls `listener` after each change of the model. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Starts every process, connects each to each, and begins the calls. @throws CliError `DEMO_FAILED`. */
  async start(): Promise<void> {
    for (const slot of this.#slots) this.#spawn(slot);
    const { nodes } = this.model;
    if (!(await this.#until(() => nodes.every((node) => node.status === 'running'), START_PATIENCE_MS))) {
      throw this.#failed('not every node listens');
    }
    this.#phase = 'connecting';
    for (const slot of this.#slots) this.#introduce(slot);
    if (!(await this.#until(() => this.model.isWhole, START_PATIENCE_MS))) {
      throw this.#failed('not every node is connected to every other');
    }
    this.#phase = 'running';
    for (const slot of this.#slots) this.#send(slot, { type: 'go' });
    this.#note('all nodes are connected, calls begin');
  }

  /** From now on kills one process after the other, one each `intervalMs`; one that is not up again yet is passed over. */
  startKilling(intervalMs: number): void {
    this.#killTimer = this.#options.shell.clock.setTimer(() => {
      this.startKilling(intervalMs);
      this.#killNext();
    }, intervalMs);
  }

  /**
   * Ends the calls: waits until every node is back and connected, lets what is under way end, checks every direction with a
   * Ping. Afterwards the model says how each direction ended.
   */
  async finish(): Promise<void> {
    if (this.#killTimer !== undefined) this.#options.shell.clock.clearTimer(this.#killTimer);
    // One that was killed a moment ago counts as there until its end is noticed.
    const isWhole = (): boolean => this.model.isWhole && this.#slots.every((slot) => !slot.isKilled);
    if (this.#phase === 'running') await this.#until(isWhole, WHOLE_PATIENCE_MS);
    this.#phase = 'finishing';
    for (const type of ['finish', 'recount'] as const) {
      for (const slot of this.#slots) {
        slot.isFinal = false;
        this.#send(slot, { type });
      }
      await this.#until(() => this.#slots.every((slot) => slot.isFinal), FINAL_PATIENCE_MS);
    }
  }

  /** Stops every process in order; kills those that do not. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    for (const slot of this.#slots) this.#send(slot, { type: 'stop' });
    await this.#until(() => this.#slots.every((slot) => slot.process === undefined), STOP_PATIENCE_MS);
    this.destroy();
    process.off('exit', this.#killAll);
  }

  /** Kills every process at once. */
  destroy(): void {
    this.#phase = 'stopping';
    if (this.#killTimer !== undefined) this.#options.shell.clock.clearTimer(this.#killTimer);
    for (const slot of this.#slots) slot.process?.kill('SIGKILL');
  }

  #spawn(slot: Slot): void {
    const { programPath } = this.#options.shell;
    slot.isKilled = false;
    slot.isFinal = false;
    slot.node.status = 'starting';
    slot.node.starts += 1;
    const child = fork(programPath, [DEMO_NODE_COMMAND], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    slot.process = child;
    slot.node.pid = child.pid;
    child.on('message', (message) => this.#received(slot, child, message as FromDemoNode));
    child.on('error', (error) => this.#log(slot, error.message));
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim() !== '') this.#log(slot, line.trim());
    });
    // Not 'exit': by 'close' everything it had to say has been read.
    child.on('close', (code, signal) => {
      if (slot.process === child) this.#ended(slot, signal ?? `exit code ${code}`);
    });
  }

  #received(slot: Slot, child: ChildProcess, message: FromDemoNode): void {
    if (slot.process !== child) return;
    const { node } = slot;
    switch (message.type) {
      case 'hello':
        this.#send(slot, {
          type: 'start',
          name: node.name,
          privateKey: hexOfSecret(slot.keyPair),
          listen: slot.listen,
          wire: this.#options.wire,
          isSealed: this.#options.isSealed,
          rate: this.#options.rate,
          inFlightMax: this.#options.inFlightMax,
        });
        return;
      case 'ready':
        node.peer = message.peer;
        node.status = 'running';
        slot.listen = formatNetAddress(parsePeerAddress(message.peer).address);
        slot.startFailures = 0;
        this.#note(`${node.name} listens on ${slot.listen} (pid ${node.pid})`);
        if (this.#phase !== 'starting') this.#introduce(slot);
        if (this.#phase === 'running') this.#send(slot, { type: 'go' });
        if (this.#phase === 'finishing') this.#send(slot, { type: 'finish' });
        break;
      case 'failed':
        this.#log(slot, message.message);
        break;
      case 'report':
        node.update(message.report);
        break;
      case 'final':
        node.update(message.report);
        slot.isFinal = true;
        break;
    }
    this.#changed();
  }

  #ended(slot: Slot, how: string): void {
    const { node } = slot;
    const wasRunning = node.status === 'running';
    const { pid } = node;
    slot.process = undefined;
    if (this.#phase === 'stopping') {
      node.ended('stopped');
      this.#changed();
      return;
    }
    node.ended('down');
    if (!slot.isKilled) {
      this.model.unexpectedExits += 1;
      this.#note(`${node.name} (pid ${pid}) ended: ${how}`);
    }
    slot.startFailures = wasRunning ? 0 : slot.startFailures + 1;
    if (slot.startFailures >= START_FAILURES_MAX) {
      const why = slot.errorLines.at(-1) ?? how;
      this.#fail(this.#failed(`${node.name} ended ${START_FAILURES_MAX} times before it listened: ${why}`));
      return;
    }
    this.#spawn(slot);
    this.#changed();
  }

  #killNext(): void {
    const count = this.#slots.length;
    for (let i = 0; i < count; i += 1) {
      const slot = this.#slots[(this.#victim + i) % count] as Slot;
      if (slot.node.status !== 'running' || slot.isKilled || slot.process === undefined) continue;
      this.#victim += i + 1;
      slot.isKilled = true;
      this.model.kills += 1;
      this.#note(`${slot.node.name} killed (pid ${slot.node.pid})`);
      slot.process.kill('SIGKILL');
      return;
    }
  }

  #introduce(slot: Slot): void {
    const others = this.model.nodes.filter((node) => node !== slot.node);
    const peers = others.map(({ name, peer }) => ({ name, peer: peer as string }));
    this.#send(slot, { type: 'peers', peers });
  }

  #send(slot: Slot, message: ToDemoNode): void {
    const { process: child } = slot;
    // A process that has just died is noticed by its end, not here.
    if (child?.connected === true) child.send(message, () => {});
  }

  #log(slot: Slot, line: string): void {
    const short = line.length <= ERROR_LINE_CHARS_MAX ? line : `${line.slice(0, ERROR_LINE_CHARS_MAX - 1)}…`;
    slot.errorLines.push(short);
    if (slot.errorLines.length > ERROR_LINES_MAX) slot.errorLines.shift();
    this.#note(`${slot.node.name}: ${short}`);
    this.#changed();
  }

  #note(text: string): void {
    this.model.note(this.elapsedMs, text);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
    for (const waiter of [...this.#waiters]) if (waiter.holds()) waiter.settle(true);
  }

  /** @returns whether `holds` came true in time. */
  #until(holds: () => boolean, patienceMs: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    const { clock } = this.#options.shell;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        holds,
        settle: (isHolding) => {
          clock.clearTimer(timer);
          this.#waiters.delete(waiter);
          resolve(isHolding);
        },
      };
      const timer = clock.setTimer(() => waiter.settle(false), patienceMs);
      this.#waiters.add(waiter);
    });
  }

  #failed(what: string): CliError {
    return new CliError('DEMO_FAILED', `the demo cannot go on: ${what}`);
  }
}

function hexOfSecret(keyPair: KeyPair): string {
  const secret = keyPair.exportPrivateKey();
  const hex = bytesToHex(secret);
  secret.fill(0);
  return hex;
}
