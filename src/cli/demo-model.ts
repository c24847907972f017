/**
 * What the demo knows of its nodes: the sums over every process a node has had, and how it is now. Filled by `demo-fleet.ts`
 * from reports, read by the view and the summary.
 */
import type { ConnectionState } from '../p2p/connection-machine.ts';
import { WIRE_DEFAULT, type Wire } from '../p2p/node-options.ts';
import type { TreeNode } from '../supervisor/tree.ts';
import type { LinkReport, NodeReport } from './demo-protocol.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** What a node's process is doing. */
export type NodeStatus = 'starting' | 'running' | 'down' | 'stopped';

/** Events kept for the view; older ones are forgotten. */
export const EVENTS_MAX = 100;

/** One line of what happened. */
export interface DemoEvent {
  /** Since the start, in ms. */
  readonly atMs: number;
  readonly text: string;
}

/** Calls of one node to another, over all processes the caller has had. `calls` = `replies` + `timeouts` + `errors` + `open`. */
export class LinkModel {
  readonly from: string;
  readonly to: string;
  state: ConnectionState = 'idle';
  rttMsP50: number | undefined;
  rttMsP99: number | undefined;
  queueLength = 0;
  open = 0;
  isAnswering: boolean | undefined;
  /** Calls under way when their caller was killed: nobody is left to see them end. */
  abandoned = 0;
  #former: Sums = NO_SUMS;
  #present: Sums = NO_SUMS;
  readonly #formerLatencies: LatencyHistogram = new LatencyHistogram();
  #latencies: LinkReport['latencies'] = [];

  constructor(from: string, to: string) {
    this.from = from;
    this.to = to;
  }

  /** Calls whose caller lives, or lived to see them end. */
  get calls(): number {
    return this.#sum('calls');
  }

  get replies(): number {
    return this.#sum('replies');
  }

  get timeouts(): number {
    return this.#sum('timeouts');
  }

  get errors(): number {
    return this.#sum('errors');
  }

  /** Calls never sent, because their time was up before. */
  get dropped(): number {
    return this.#sum('dropped');
  }

  get connections(): number {
    return this.#sum('connections');
  }

  /** Connections made after the first. */
  get reconnects(): number {
    return Math.max(0, this.connections - 1);
  }

  get errorsByCode(): Record<string, number> {
    return addUp(this.#former.errorsByCode, this.#present.errorsByCode);
  }

  /** From call to reply, over the whole run. */
  latencies(): LatencyHistogram {
    const all = new LatencyHistogram();
    all.addCounts(this.#formerLatencies.counts());
    all.addCounts(this.#latencies);
    return all;
  }

  /** Takes what the present process of the caller says. */
  update(report: LinkReport): void {
    this.state = report.state;
    this.rttMsP50 = report.rttMsP50;
    this.rttMsP99 = report.rttMsP99;
    this.queueLength = report.queueLength;
    this.open = report.open;
    this.isAnswering = report.isAnswering;
    this.#present = report;
    this.#latencies = report.latencies;
  }

  /** The process of the caller has ended. */
  callerEnded(): void {
    const present = this.#present;
    this.#former = {
      calls: this.#former.calls + present.calls - this.open,
      replies: this.replies,
      timeouts: this.timeouts,
      errors: this.errors,
      dropped: this.dropped,
      connections: this.connections,
      errorsByCode: this.errorsByCode,
    };
    this.#formerLatencies.addCounts(this.#latencies);
    this.abandoned += this.open;
    this.#present = NO_SUMS;
    this.#latencies = [];
    this.state = 'stopped';
    this.queueLength = 0;
    this.open = 0;
    this.isAnswering = undefined;
  }

  #sum(key: Exclude<keyof Sums, 'errorsByCode'>): number {
    return this.#former[key] + this.#present[key];
  }
}

interface Sums {
  readonly calls: number;
  readonly replies: number;
  readonly timeouts: number;
  readonly errors: number;
  readonly dropped: number;
  readonly connections: number;
  readonly errorsByCode: Readonly<Record<string, number>>;
}

const NO_SUMS: Sums = {
  calls: 0,
  replies: 0,
  timeouts: 0,
  errors: 0,
  dropped: 0,
  connections: 0,
  errorsByCode: {},
};

/** One node: its process now, and its calls to the others. */
export class NodeModel {
  readonly name: string;
  readonly links: readonly LinkModel[];
  status: NodeStatus = 'starting';
  pid: number | undefined;
  /** `tcp://host:port:PUBLICKEYHEX`; `undefined` until it listens for the first time. */
  peer: string | undefined;
  /** How often its process was started. */
  starts = 0;
  tree: TreeNode | undefined;
  #requestsFormer = 0;
  #requestsPresent = 0;

  constructor(name: string, others: readonly string[]) {
    this.name = name;
    this.links = others.map((to) => new LinkModel(name, to));
  }

  /** Requests of the others that it answered, over all processes it has had. */
  get requestsAnswered(): number {
    return this.#requestsFormer + this.#requestsPresent;
  }

  /** Takes a report of its process. */
  update(report: NodeReport): void {
    this.tree = report.tree ?? this.tree;
    this.#requestsPresent = report.requestsAnswered;
    for (const link of report.links) this.links.find(({ to }) => to === link.to)?.update(link);
  }

  /** Its process has ended. */
  ended(status: 'down' | 'stopped'): void {
    this.status = status;
    this.pid = undefined;
    if (status === 'stopped') return;
    this.tree = undefined;
    this.#requestsFormer += this.#requestsPresent;
    this.#requestsPresent = 0;
    for (const link of this.links) link.callerEnded();
  }
}

/** The whole demo. */
export class DemoModel {
  readonly nodes: readonly NodeModel[];
  readonly events: DemoEvent[] = [];
  /** Processes killed by the demo. */
  kills = 0;
  /** Processes that ended without being asked to. */
  unexpectedExits = 0;

  /** How the nodes speak to each other. */
  readonly wire: Wire;
  /** Calls are signed and sealed one by one. */
  readonly isSealed: boolean;

  /** @param count - nodes, named `node-1` and so on. @param isSealed - also on wire mconnection. */
  constructor(count: number, wire: Wire = WIRE_DEFAULT, isSealed = false) {
    this.wire = wire;
    this.isSealed = isSealed || wire === 'archethic';
    const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
    this.nodes = names.map(
      (name) =>
        new NodeModel(
          name,
          names.filter((other) => other !== name),
        ),
    );
  }

  /** Every direction of calls. */
  get links(): readonly LinkModel[] {
    return this.nodes.flatMap((node) => node.links);
  }

  /** Whether every node runs and has a connection to every other. */
  get isWhole(): boolean {
    return (
      this.nodes.every((node) => node.status === 'running') && this.links.every((link) => link.state === 'connected')
    );
  }

  /** Remembers what happened. */
  note(atMs: number, text: string): void {
    this.events.push({ atMs, text });
    if (this.events.length > EVENTS_MAX) this.events.shift();
  }
}

/** `1 kill`, `2 kills`. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** Adds counts by key. */
export function addUp(...parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const part of parts) for (const [key, count] of Object.entries(part)) sums[key] = (sums[key] ?? 0) + count;
  return sums;
}
