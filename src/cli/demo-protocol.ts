/** What the demo and its node processes say to each other over the channel between them. */
import type { ConnectionState } from '../p2p/connection-machine.ts';
import type { Wire } from '../p2p/node-options.ts';
import type { TreeNode } from '../supervisor/tree.ts';
import type { LatencyCounts } from './latency-histogram.ts';

/** Pause between two reports of a node process, in ms for each node of the demo. */
export const REPORT_MS_PER_NODE = 50;
/** The least pause between two reports, in ms. */
export const REPORT_INTERVAL_MS_MIN = 200;

/** A node sends its tree with every so many reports, and with the last: the tree is most of a report. */
export const REPORTS_PER_TREE = 4;

/** A node as the others are told of it. */
export interface DemoPeer {
  readonly name: string;
  /** `tcp://host:port:PUBLICKEYHEX`. */
  readonly peer: string;
}

/** What a node process is started with. The key comes over the channel because others can see a command line. */
export interface DemoStart {
  readonly type: 'start';
  readonly name: string;
  /** Hex: curve id, origin id, 32 raw bytes. */
  readonly privateKey: string;
  /** Where to listen; a started-again node gets the port it had. */
  readonly listen: string;
  /** The same for all nodes of a demo. */
  readonly wire: Wire;
  /** On wire mconnection: signs and seals its calls. */
  readonly isSealed: boolean;
  /** Calls a second it makes, over all its peers. */
  readonly rate: number;
  /** Calls under way to one peer at a time. */
  readonly inFlightMax: number;
}

/** From the demo to a node process. */
export type ToDemoNode =
  | DemoStart
  /** Connect to these. */
  | { readonly type: 'peers'; readonly peers: readonly DemoPeer[] }
  /** Begin to call them. */
  | { readonly type: 'go' }
  /** Make no more calls, wait for those under way, check each peer with a Ping, send `final`. */
  | { readonly type: 'finish' }
  /** Send `final` again: now the others are done too, and no more requests come. */
  | { readonly type: 'recount' }
  /** Stop the node in order and exit. */
  | { readonly type: 'stop' };

/** Calls to one peer and what became of them. `calls` = `replies` + `timeouts` + `errors` + `open`. */
export interface CallCounts {
  readonly calls: number;
  readonly replies: number;
  readonly timeouts: number;
  /** Ended in any other typed error. */
  readonly errors: number;
  /** Under way. */
  readonly open: number;
  /** `errors` by code. */
  readonly errorsByCode: Readonly<Record<string, number>>;
  /** From call to reply, waiting included. */
  readonly latencies: LatencyCounts;
}

/** One direction of calls, as its caller sees it. */
export interface LinkReport extends CallCounts {
  /** Name of the peer called. */
  readonly to: string;
  readonly state: ConnectionState;
  /** Of the last 1024 round trips, from written to answered. */
  readonly rttMsP50: number | undefined;
  readonly rttMsP99: number | undefined;
  /** Calls never sent, because their time was up before. */
  readonly dropped: number;
  /** Calls waiting to be sent. */
  readonly queueLength: number;
  /** Connections made. */
  readonly connections: number;
  /** Whether the Ping after `finish` was answered; `undefined` before. */
  readonly isAnswering: boolean | undefined;
}

/** A node process, as it sees itself. */
export interface NodeReport {
  readonly links: readonly LinkReport[];
  /** Requests of others that it answered. */
  readonly requestsAnswered: number;
  /** Left out of most reports. */
  readonly tree: TreeNode | undefined;
}

/** From a node process to the demo. */
export type FromDemoNode =
  /** The process listens to the channel. */
  | { readonly type: 'hello' }
  | { readonly type: 'ready'; readonly peer: string }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'report'; readonly report: NodeReport }
  | { readonly type: 'final'; readonly report: NodeReport };
