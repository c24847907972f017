/** The page of the demo: a table of directions, what happened, and the actor tree of one node. Pure: a model in, lines out. */
import { formatTree } from '../supervisor/tree.ts';
import { countOf, type DemoModel, type LinkModel, type NodeModel } from './demo-model.ts';
import type { Line, Span, Style } from './screen.ts';

/** What to show of a model, and where. */
export interface DemoViewOptions {
  readonly columns: number;
  readonly rows: number;
  readonly elapsedMs: number;
  /** Calls a second over all nodes, as of late. */
  readonly callsPerSecond: number;
  /** Index of the node whose tree is shown. */
  readonly shownNode: number;
  /** Lines of the tree that are scrolled past. */
  readonly scroll: number;
  /** What it is doing, e.g. `running`, `stopping`. */
  readonly phase: string;
}

interface Column {
  readonly title: string;
  readonly width: number;
  /** Lower goes first when there is no room. */
  readonly rank: number;
  readonly cell: (link: LinkModel, node: NodeModel) => Span;
  readonly total?: (model: DemoModel) => string;
}

const COLUMNS: readonly Column[] = [
  {
    title: 'state',
    width: 10,
    rank: 9,
    cell: (link, node) => {
      const state = node.status === 'running' ? link.state : node.status;
      return [state, state === 'connected' ? 'good' : state === 'down' ? 'bad' : 'fair'];
    },
  },
  { title: 'p50 ms', width: 8, rank: 8, cell: (link) => [ms(link.rttMsP50), 'plain'] },
  { title: 'p99 ms', width: 8, rank: 8, cell: (link) => [ms(link.rttMsP99), 'plain'] },
  counted('calls', 9, 7, (link) => link.calls),
  counted('answered', 9, 7, (link) => link.replies),
  counted('dropped', 8, 6, (link) => link.dropped, 'fair'),
  counted('queue', 6, 6, (link) => link.queueLength, 'fair'),
  counted('errors', 7, 5, (link) => link.errors, 'fair'),
  counted('timeouts', 9, 4, (link) => link.timeouts, 'fair'),
  counted('open', 6, 3, (link) => link.open),
  counted('reconnects', 11, 2, (link) => link.reconnects),
];

function counted(
  title: string,
  width: number,
  rank: number,
  count: (link: LinkModel) => number,
  style: Style = 'plain',
): Column {
  return {
    title,
    width,
    rank,
    cell: (link) => {
      const value = count(link);
      return [String(value), value === 0 ? 'dim' : style];
    },
    total: (model) => String(model.links.reduce((sum, link) => sum + count(link), 0)),
  };
}

/** The lines of the page; at most `rows` of them fit. */
export function renderDemo(model: DemoModel, options: DemoViewOptions): Line[] {
  const { columns, rows, shownNode } = options;
  const node = model.nodes[shownNode % model.nodes.length] as NodeModel;
  const lines: Line[] = [titleLine(model, options)];
  // With many nodes only the directions of the shown one fit.
  const links = model.links.length <= Math.max(6, rows / 2 - 4) ? model.links : node.links;
  lines.push(...table(model, links, columns));
  const eventCount = rows >= 36 ? 5 : rows >= 30 ? 3 : rows >= 20 ? 2 : 0;
  if (eventCount > 0) lines.push([], ...eventLines(model, eventCount));
  const room = rows - lines.length - 2;
  if (room >= 2) lines.push([], ...treeLines(node, room, options));
  return lines;
}

function titleLine(model: DemoModel, { columns, elapsedMs, callsPerSecond, phase }: DemoViewOptions): Line {
  const seconds = Math.floor(elapsedMs / 1000);
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  const kills = model.kills === 0 ? '' : `  ${countOf(model.kills, 'kill')}`;
  const wire = model.isSealed && model.wire === 'mconnection' ? 'mconnection sealed' : model.wire;
  const left = ` genmesh demo  ${model.nodes.length} nodes, ${wire}  ${phase} ${clock}  ${callsPerSecond} calls/s${kills}`;
  const hints = [
    `1-${Math.min(9, model.nodes.length)} or space: tree, arrows: scroll, q: end `,
    '1-9: tree, q: end ',
    'q: end ',
  ];
  const hint = hints.find((text) => left.length + 2 + text.length <= columns) ?? '';
  return [[left + hint.padStart(Math.max(0, columns - left.length)), 'inverse']];
}

function table(model: DemoModel, links: readonly LinkModel[], columns: number): Line[] {
  const linkWidth = Math.max(15, ...links.map((link) => link.from.length + link.to.length + 3));
  const chosen = fitting(columns - linkWidth - 1);
  const head = `${' '}${'calls of'.padEnd(linkWidth)}${chosen.map((column) => right(column.title, column.width)).join('')}`;
  const lines: Line[] = [[[head, 'bold']]];
  let from = '';
  for (const link of links) {
    const node = model.nodes.find(({ name }) => name === link.from) as NodeModel;
    const isFirst = link.from !== from;
    from = link.from;
    const name: Line = [
      [` ${link.from}`, isFirst ? 'plain' : 'dim'],
      [` > ${link.to}`.padEnd(linkWidth - link.from.length), 'plain'],
    ];
    const cells = chosen.map((column): Span => {
      const [text, style] = column.cell(link, node);
      return [right(text, column.width), style];
    });
    lines.push([...name, ...cells]);
  }
  const totals = chosen.map((column) => right(column.total?.(model) ?? '', column.width)).join('');
  lines.push([[` ${'all'.padEnd(linkWidth)}${totals}`, 'bold']]);
  return lines;
}

/** The columns that fit, the important ones first, in their order on the page. */
function fitting(width: number): Column[] {
  const chosen = new Set<Column>();
  let used = 0;
  for (const column of [...COLUMNS].sort((a, b) => b.rank - a.rank)) {
    if (used + column.width > width) break;
    used += column.width;
    chosen.add(column);
  }
  return COLUMNS.filter((column) => chosen.has(column));
}

function eventLines(model: DemoModel, count: number): Line[] {
  const shown = model.events.slice(-count);
  return Array.from({ length: count }, (_, index): Line => {
    const event = shown[index];
    if (event === undefined) return [];
    return [
      [` ${(event.atMs / 1000).toFixed(1).padStart(6)} s  `, 'dim'],
      [event.text, event.text.includes('killed') || event.text.includes('ended') ? 'fair' : 'plain'],
    ];
  });
}

function treeLines(node: NodeModel, room: number, { scroll }: DemoViewOptions): Line[] {
  const where = node.pid === undefined ? node.status : `pid ${node.pid}`;
  const title: Line = [
    [` actors of ${node.name}`, 'bold'],
    [`  ${where}, ${countOf(node.requestsAnswered, 'request')} answered`, 'plain'],
  ];
  if (node.tree === undefined) return [title, [['   (not there)', 'dim']]];
  const lines = formatTree({ ...node.tree, id: node.name }).split('\n');
  const from = Math.max(0, Math.min(scroll, lines.length - room));
  const shown = lines.slice(from, from + room);
  const below = lines.length - from - shown.length;
  if (below > 0) shown.splice(-1, 1, `... ${below + 1} more below`);
  return [title, ...shown.map((line): Line => treeLine(line))];
}

function treeLine(line: string): Line {
  const match = /^([|' -]*)(\S.*?)( {2}.*)?$/.exec(line);
  if (match === null) return [[` ${line}`, 'plain']];
  const [, lead = '', name = '', rest = ''] = match;
  return [
    [` ${lead}`, 'dim'],
    [name, 'plain'],
    [rest, 'dim'],
  ];
}

/** One line for an output that is no terminal. */
export function renderDemoLine(model: DemoModel, elapsedMs: number, callsPerSecond: number): string {
  const { links } = model;
  const total = (count: (link: LinkModel) => number): number => links.reduce((sum, link) => sum + count(link), 0);
  const connected = links.filter((link) => link.state === 'connected').length;
  const p50 = worst(links.map((link) => link.rttMsP50));
  const p99 = worst(links.map((link) => link.rttMsP99));
  return [
    `${(elapsedMs / 1000).toFixed(1)} s`,
    `${connected} of ${links.length} connected`,
    `${total((link) => link.calls)} calls (${callsPerSecond}/s)`,
    `${total((link) => link.replies)} answered`,
    `${total((link) => link.open)} open`,
    `${total((link) => link.errors)} errors`,
    `${total((link) => link.timeouts)} timeouts`,
    `worst p50 ${ms(p50)} ms`,
    `p99 ${ms(p99)} ms`,
  ].join('  ');
}

function worst(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value): value is number => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function ms(value: number | undefined): string {
  if (value === undefined) return '-';
  return value < 100 ? value.toFixed(2) : value.toFixed(0);
}

function right(text: string, width: number): string {
  return text.padStart(width);
}
