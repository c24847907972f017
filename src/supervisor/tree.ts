/** The process tree as data and as text: who supervises whom, and how each one is doing. Reading it sends no message. */
import { GenServerProcess } from '../actors/gen-server-process.ts';
import { asProcess, type Pid, type Process } from '../actors/process.ts';
import type { ChildRecord } from './child.ts';

/** One process of a tree, or a child that is not running. */
export interface TreeNode {
  /** Child id under its supervisor; the label for the root. */
  readonly id: string;
  readonly module: string;
  readonly type: 'supervisor' | 'worker';
  /** `undefined` while not running. */
  readonly pid: number | undefined;
  readonly status: 'running' | 'busy' | 'terminating' | 'restarting' | 'stopped';
  /** Messages waiting. */
  readonly mailboxLength: number;
  /** How often its supervisor has restarted it. */
  readonly restarts: number;
  /** What the process says of itself. */
  readonly info: Readonly<Record<string, string | number | boolean>>;
  readonly children: readonly TreeNode[];
}

const childrenOf = new WeakMap<Process, () => Iterable<ChildRecord>>();

/** Makes the children of a supervisor visible. @internal */
export function publishChildren(supervisor: Process, children: () => Iterable<ChildRecord>): void {
  childrenOf.set(supervisor, children);
}

/** The tree under `root`, as it stands. O(number of processes in it). */
export function snapshotTree(root: Pid): TreeNode {
  const process = asProcess(root);
  return nodeOf(process.label, process, undefined);
}

function nodeOf(id: string, process: Process | undefined, record: ChildRecord | undefined): TreeNode {
  const list = process === undefined ? undefined : childrenOf.get(process);
  return {
    id,
    module: process?.moduleName ?? '',
    type: record?.type ?? (list === undefined ? 'worker' : 'supervisor'),
    pid: process?.id,
    status: statusOf(process, record),
    mailboxLength: process?.mailboxLength ?? 0,
    restarts: record?.restartCount ?? 0,
    info: infoOf(process),
    children: [...(list?.() ?? [])].map((child) => nodeOf(child.id, child.process, child)),
  };
}

function statusOf(process: Process | undefined, record: ChildRecord | undefined): TreeNode['status'] {
  if (process === undefined) return record?.isRestarting === true ? 'restarting' : 'stopped';
  if (!process.isAlive) return 'stopped';
  if (process instanceof GenServerProcess && process.isTerminating) return 'terminating';
  return process.isBusy ? 'busy' : 'running';
}

function infoOf(process: Process | undefined): Readonly<Record<string, string | number | boolean>> {
  if (!(process instanceof GenServerProcess)) return {};
  const module = process.module as { inspect?(state: unknown): Readonly<Record<string, string | number | boolean>> };
  try {
    return module.inspect?.(process.state) ?? {};
  } catch {
    return { inspect: 'failed' };
  }
}

/** Draws a tree, one process a line: `|- id  Module<pid>  status  key=value`. */
export function formatTree(root: TreeNode): string {
  const lines: string[] = [];
  const draw = (node: TreeNode, lead: string, branch: string, below: string): void => {
    const name = node.pid === undefined ? node.module : `${node.module}<${node.pid}>`;
    const parts = [node.id === name ? '' : node.id, name, node.status === 'running' ? '' : node.status];
    if (node.mailboxLength > 0) parts.push(`mailbox=${node.mailboxLength}`);
    if (node.restarts > 0) parts.push(`restarts=${node.restarts}`);
    for (const [key, value] of Object.entries(node.info)) parts.push(`${key}=${value}`);
    lines.push(`${lead}${branch}${parts.filter((part) => part !== '').join('  ')}`);
    node.children.forEach((child, index) => {
      const isLast = index === node.children.length - 1;
      draw(child, lead + below, isLast ? "'- " : '|- ', isLast ? '   ' : '|  ');
    });
  };
  draw(root, '', '', '');
  return lines.join('\n');
}
