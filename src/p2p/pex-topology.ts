/**
 * What a crawl found, as one picture: who is there, who tells of whom; as JSON and for Graphviz. Fed with the visits of
 * `pex-crawl.ts`. Everything in it was said by strangers, so texts are cut and escaped.
 */
import { CodedError, describeReason } from '../base/errors.ts';
import { formatPexAddress } from './pex-address.ts';
import type { CrawlVisit } from './pex-crawl.ts';

/** Longest label of a node in a picture, in characters; the rest is cut. */
export const TOPOLOGY_LABEL_CHARS_MAX = 80;

/** Longest `message` of a {@link TopologyFailure}, in characters; the rest is cut. */
export const TOPOLOGY_MESSAGE_CHARS_MAX = 200;

/** Why a node did not answer. */
export interface TopologyFailure {
  /** The code of the error, as in `docs/errors.md`; undefined for an error without one. */
  readonly code: string | undefined;
  /** One line, of at most {@link TOPOLOGY_MESSAGE_CHARS_MAX} characters, none of them a control character. */
  readonly message: string;
}

/** One node of a {@link Topology}. */
export interface TopologyNode<Info> {
  /** Node id, 40 hex digits. */
  readonly id: string;
  /** `ID@IP:PORT` at which it was reached, or where it was tried last. */
  readonly address: string;
  readonly outcome: CrawlVisit<Info>['outcome'];
  readonly depth: number;
  readonly info: Info | undefined;
  readonly connectMs: number | undefined;
  readonly answerMs: number | undefined;
  /** Why it is `silent` or `unreachable`; undefined for one that answered. */
  readonly error: TopologyFailure | undefined;
  /** Ids that it tells of, each once, in the order told. */
  readonly knows: readonly string[];
}

/** A network as seen by a crawl. */
export interface Topology<Info> {
  /** In the order of their first visit. */
  readonly nodes: readonly TopologyNode<Info>[];
  /** Ids that somebody tells of and that were not visited. */
  readonly unvisited: readonly string[];
  /** Pairs of who tells and who is told of. */
  readonly edgeCount: number;
}

/** Collects visits. */
export class TopologyBuilder<Info> {
  readonly #nodes = new Map<string, TopologyNode<Info>>();

  /** Takes a visit in. Of several to one id the one that came furthest counts. */
  add(visit: CrawlVisit<Info>): void {
    const { address, outcome, depth, info, connectMs, answerMs } = visit;
    const { id } = address;
    const earlier = this.#nodes.get(id);
    if (earlier !== undefined && RANK[earlier.outcome] > RANK[outcome]) return;
    const knows = [...new Set(visit.knows.map((known) => known.id))];
    const place = formatPexAddress(address);
    const error = outcome === 'answered' ? undefined : failureOf(visit.error);
    this.#nodes.set(id, { id, address: place, outcome, depth, info, connectMs, answerMs, error, knows });
  }

  /** What is known so far; goes into JSON as it is. */
  topology(): Topology<Info> {
    const unvisited = new Set<string>();
    let edgeCount = 0;
    for (const { knows } of this.#nodes.values()) {
      edgeCount += knows.length;
      for (const id of knows) if (!this.#nodes.has(id)) unvisited.add(id);
    }
    return { nodes: [...this.#nodes.values()], unvisited: [...unvisited], edgeCount };
  }
}

function failureOf(error: unknown): TopologyFailure {
  const [code, reason] = error instanceof CodedError ? [error.code, error.message] : [undefined, error];
  return { code, message: withoutControls(describeReason(reason, TOPOLOGY_MESSAGE_CHARS_MAX)) };
}

/** Strangers wrote it: nothing in it drives the terminal that it may be printed to. */
function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

const RANK = { unreachable: 0, silent: 1, answered: 2 } as const;
const COLORS = { answered: 'palegreen', silent: 'khaki', unreachable: 'lightgray' } as const;

/**
 * The picture in Graphviz' DOT language: a node for each visited id, an arrow from who tells to who is told of among
 * them. Draw it with `sfdp -Tsvg`.
 *
 * @param labelOf - the text in a node; default: the first six digits of its id. Any text is safe.
 */
export function topologyToDot<Info>(
  topology: Topology<Info>,
  labelOf: (node: TopologyNode<Info>) => string = (node) => node.id.slice(0, 6),
): string {
  const visited = new Set(topology.nodes.map(({ id }) => id));
  const lines = ['digraph topology {', '  node [shape=box, style=filled, fontname="sans-serif"];'];
  for (const node of topology.nodes) {
    lines.push(`  ${quote(node.id)} [label=${quote(labelOf(node))}, fillcolor=${COLORS[node.outcome]}];`);
  }
  for (const { id, knows } of topology.nodes) {
    for (const other of knows) if (visited.has(other)) lines.push(`  ${quote(id)} -> ${quote(other)};`);
  }
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

/** A DOT string: nothing in it ends it. */
function quote(text: string): string {
  const cut = text.length <= TOPOLOGY_LABEL_CHARS_MAX ? text : `${text.slice(0, TOPOLOGY_LABEL_CHARS_MAX - 1)}…`;
  return `"${withoutControls(cut).replace(/[\\"]/g, '\\$&')}"`;
}
