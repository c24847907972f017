/**
 * What a crawl found, as one picture: who is there, who tells of whom; as JSON and for Graphviz. Fed with the visits of
 * `pex-crawl.ts`. Everything in it was said by strangers, so texts are cut and escaped.
 */
import { formatPexAddress } from './pex-address.ts';
import type { CrawlVisit } from './pex-crawl.ts';

/** Longest label of a node in a picture, in characters; the rest is cut. */
export const TOPOLOGY_LABEL_CHARS_MAX = 80;

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
    const earlier = this.#nodes.get(address.id);
    if (earlier !== undefined && RANK[earlier.outcome] > RANK[outcome]) return;
    const knows = [...new Set(visit.knows.map(({ id }) => id))];
    const place = formatPexAddress(address);
    this.#nodes.set(address.id, { id: address.id, address: place, outcome, depth, info, connectMs, answerMs, knows });
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

/** A DOT string: nothing in it ends it, and nothing drives the terminal it may be printed to. */
function quote(text: string): string {
  const cut = text.length <= TOPOLOGY_LABEL_CHARS_MAX ? text : `${text.slice(0, TOPOLOGY_LABEL_CHARS_MAX - 1)}…`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  const plain = cut.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return `"${plain.replace(/[\\"]/g, '\\$&')}"`;
}
