/** The end of a demo as one JSON value, and whether it went well. */
import type { ConnectionState } from '../p2p/connection-machine.ts';
import type { Wire } from '../p2p/node-options.ts';
import type { TreeNode } from '../supervisor/tree.ts';
import { addUp, countOf, type DemoModel, type LinkModel } from './demo-model.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** Calls of one node to another over the whole run. */
export interface LinkSummary {
  readonly from: string;
  readonly to: string;
  readonly state: ConnectionState;
  /** Whether a Ping at the very end was answered. */
  readonly answering: boolean;
  readonly calls: number;
  readonly replies: number;
  readonly timeouts: number;
  readonly errors: number;
  readonly errorsByCode: Readonly<Record<string, number>>;
  readonly dropped: number;
  readonly abandoned: number;
  readonly queueLength: number;
  readonly connections: number;
  readonly reconnects: number;
  readonly rttMsP50: number | null;
  readonly rttMsP99: number | null;
}

/** What `genmesh demo --json` prints. `calls` = `replies` + `timeouts` + `errors` once all are settled. */
export interface DemoSummary {
  /** How many nodes there were. */
  readonly nodes: number;
  /** How they spoke to each other. */
  readonly wire: Wire;
  /** Calls and replies were signed and sealed one by one; always so on wire archethic. */
  readonly sealed: boolean;
  /** How long calls were made, in seconds. */
  readonly seconds: number;
  /** Calls whose caller lived to see them end. */
  readonly calls: number;
  /** Of the calls: answered with the right reply. */
  readonly replies: number;
  /** Of the calls: no reply in 5000 ms. */
  readonly timeouts: number;
  /** Of the calls: ended in any other typed error. */
  readonly errors: number;
  /** `errors` by code. */
  readonly errorsByCode: Readonly<Record<string, number>>;
  /** Calls without an end: always 0, or the demo failed. */
  readonly unsettled: number;
  /** Calls under way when their own caller was killed, by its last report; not among `calls`. */
  readonly abandoned: number;
  /** From call to reply, waiting included, over all answered calls; `null` when there were none. */
  readonly rttMsP50: number | null;
  readonly rttMsP99: number | null;
  /** Processes killed. */
  readonly kills: number;
  /** Connections made again after one was lost, over all directions. */
  readonly reconnects: number;
  /** Processes that ended by themselves. */
  readonly unexpectedExits: number;
  /** Directions of calls; each node to each other. */
  readonly directions: number;
  /** Of these, how many stood and answered at the end. */
  readonly answering: number;
  readonly processes: readonly {
    readonly name: string;
    readonly peer: string | null;
    readonly starts: number;
    readonly requestsAnswered: number;
  }[];
  readonly remotes: readonly LinkSummary[];
  /** The actor tree of every node, under one root for the demo. */
  readonly tree: TreeNode;
  /** Whether the demo went well; see {@link failureOf}. */
  readonly ok: boolean;
}

/** Sums up a demo after all calls have ended. @param seconds - how long calls were made. */
export function summarize(model: DemoModel, seconds: number): DemoSummary {
  const { links, nodes } = model;
  const latencies = new LatencyHistogram();
  for (const link of links) latencies.addCounts(link.latencies().counts());
  const total = (key: 'calls' | 'replies' | 'timeouts' | 'errors' | 'open' | 'abandoned' | 'reconnects'): number =>
    links.reduce((sum, link) => sum + link[key], 0);
  const summary: Omit<DemoSummary, 'ok'> = {
    nodes: nodes.length,
    wire: model.wire,
    sealed: model.isSealed,
    seconds: rounded(seconds) as number,
    calls: total('calls'),
    replies: total('replies'),
    timeouts: total('timeouts'),
    errors: total('errors'),
    errorsByCode: addUp(...links.map((link) => link.errorsByCode)),
    unsettled: total('open'),
    abandoned: total('abandoned'),
    rttMsP50: rounded(latencies.percentile(50)),
    rttMsP99: rounded(latencies.percentile(99)),
    kills: model.kills,
    reconnects: total('reconnects'),
    unexpectedExits: model.unexpectedExits,
    directions: links.length,
    answering: links.filter(isAnswering).length,
    processes: nodes.map(({ name, peer, starts, requestsAnswered }) => ({
      name,
      peer: peer ?? null,
      starts,
      requestsAnswered,
    })),
    remotes: links.map(summarizeLink),
    tree: treeOf(model),
  };
  return { ...summary, ok: failureOf(summary) === undefined };
}

/**
 * Why a demo did not go well, in one line; `undefined` when it did: calls were made, no process ended by itself, every
 * direction answers at the end, and every call was answered. When processes were killed, every call must have been settled
 * instead, by a reply or a typed error.
 */
export function failureOf(summary: Omit<DemoSummary, 'ok'>): string | undefined {
  const { calls, replies, timeouts, errors, unsettled, directions, answering, errorsByCode } = summary;
  if (calls === 0) return 'no call was made';
  if (summary.unexpectedExits > 0) {
    return `${countOf(summary.unexpectedExits, 'process', 'processes')} ended without being asked to`;
  }
  if (unsettled > 0) return `${unsettled} of ${calls} calls have no end`;
  if (answering < directions) return `only ${answering} of ${directions} directions answer at the end`;
  if (summary.kills > 0 || replies === calls) return undefined;
  const why = Object.entries({ ...(timeouts > 0 ? { TIMEOUT: timeouts } : {}), ...errorsByCode });
  const list = why.map(([code, count]) => `${code} ${count}`).join(', ');
  return `${timeouts + errors} of ${calls} calls were not answered (${list})`;
}

/** A few lines for people. */
export function describeSummary(summary: DemoSummary): string {
  const { nodes, wire, sealed, seconds, calls, replies, timeouts, errors, errorsByCode, rttMsP50, rttMsP99 } = summary;
  const codes = Object.entries(errorsByCode).map(([code, count]) => `${code} ${count}`);
  const lines = [
    `${nodes} nodes, wire ${wire}${sealed && wire === 'mconnection' ? ', sealed' : ''}, ${seconds} s: ${countOf(calls, 'call')}, ${replies} answered, ${countOf(timeouts, 'timeout')}, ${countOf(errors, 'error')}${
      codes.length === 0 ? '' : ` (${codes.join(', ')})`
    }`,
    `round trip p50 ${ms(rttMsP50)}, p99 ${ms(rttMsP99)}; ${summary.answering} of ${summary.directions} directions answering`,
  ];
  if (summary.kills > 0 || summary.unexpectedExits > 0) {
    const { kills, unexpectedExits, reconnects, abandoned } = summary;
    const others = unexpectedExits === 0 ? '' : `, ${countOf(unexpectedExits, 'unexpected exit')}`;
    const lost = `${countOf(abandoned, 'call')} lost with their killed caller`;
    lines.push(`${countOf(kills, 'kill')}${others}, ${countOf(reconnects, 'reconnect')}, ${lost}`);
  }
  return `${lines.join('\n')}\n`;
}

function summarizeLink(link: LinkModel): LinkSummary {
  const { from, to, state, calls, replies, timeouts, errors, errorsByCode } = link;
  const { dropped, abandoned, queueLength, connections, reconnects } = link;
  const latencies = link.latencies();
  return {
    from,
    to,
    state,
    answering: isAnswering(link),
    calls,
    replies,
    timeouts,
    errors,
    errorsByCode,
    dropped,
    abandoned,
    queueLength,
    connections,
    reconnects,
    rttMsP50: rounded(latencies.percentile(50)),
    rttMsP99: rounded(latencies.percentile(99)),
  };
}

function isAnswering(link: LinkModel): boolean {
  return link.state === 'connected' && link.isAnswering === true;
}

function treeOf({ nodes }: DemoModel): TreeNode {
  return {
    id: 'demo',
    module: 'Demo',
    type: 'supervisor',
    pid: undefined,
    status: 'running',
    mailboxLength: 0,
    restarts: 0,
    info: { processes: nodes.length },
    children: nodes.flatMap(({ name, tree }) => (tree === undefined ? [] : [{ ...tree, id: name }])),
  };
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1000) / 1000;
}

function ms(value: number | null): string {
  return value === null ? '-' : `${value.toFixed(2)} ms`;
}
