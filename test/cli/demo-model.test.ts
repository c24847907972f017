import { describe, expect, test } from 'vitest';
import { addUp, countOf, DemoModel, EVENTS_MAX, type LinkModel, type NodeModel } from '../../src/cli/demo-model.ts';
import type { LinkReport, NodeReport } from '../../src/cli/demo-protocol.ts';
import { describeSummary, failureOf, summarize } from '../../src/cli/demo-summary.ts';
import type { TreeNode } from '../../src/supervisor/tree.ts';

const tree: TreeNode = {
  id: 'node',
  module: 'NodeSupervisor',
  type: 'supervisor',
  pid: 1,
  status: 'running',
  mailboxLength: 0,
  restarts: 0,
  info: {},
  children: [],
};

function linkReport(to: string, facts: Partial<LinkReport> = {}): LinkReport {
  return {
    to,
    state: 'connected',
    calls: 10,
    replies: 10,
    timeouts: 0,
    errors: 0,
    open: 0,
    errorsByCode: {},
    latencies: [[300, 10]],
    rttMsP50: 1,
    rttMsP99: 2,
    dropped: 0,
    queueLength: 0,
    connections: 1,
    isAnswering: true,
    ...facts,
  };
}

function reportOf(node: NodeModel, facts: Partial<LinkReport> = {}): NodeReport {
  return { links: node.links.map(({ to }) => linkReport(to, facts)), requestsAnswered: 20, tree };
}

function finished(facts: Partial<LinkReport> = {}): DemoModel {
  const model = new DemoModel(3);
  for (const node of model.nodes) {
    node.status = 'running';
    node.update(reportOf(node, facts));
  }
  return model;
}

describe('a demo model', () => {
  test('has a direction from each node to each other', () => {
    const { links } = new DemoModel(4);
    expect(links).toHaveLength(12);
    expect(links.some(({ from, to }) => from === to)).toBe(false);
    expect(links[0]).toMatchObject({ from: 'node-1', to: 'node-2', state: 'idle', calls: 0 });
  });

  test('is whole when every node runs and every direction is connected', () => {
    const model = finished();
    expect(model.isWhole).toBe(true);
    (model.nodes[1] as NodeModel).status = 'starting';
    expect(model.isWhole).toBe(false);
    (model.nodes[1] as NodeModel).status = 'running';
    (model.links[5] as LinkModel).state = 'backoff';
    expect(model.isWhole).toBe(false);
  });

  test('adds up over the processes of a node, and sets apart what a killed caller left open', () => {
    const node = new DemoModel(2).nodes[0] as NodeModel;
    const link = node.links[0] as LinkModel;
    const first = {
      calls: 10,
      replies: 6,
      timeouts: 1,
      errors: 1,
      open: 2,
      errorsByCode: { CLOSED: 1 },
      connections: 3,
    };
    node.update(reportOf(node, first));
    expect(link).toMatchObject({ calls: 10, open: 2, abandoned: 0, reconnects: 2 });
    node.ended('down');
    expect(link).toMatchObject({
      calls: 8,
      replies: 6,
      timeouts: 1,
      errors: 1,
      open: 0,
      abandoned: 2,
      state: 'stopped',
    });
    expect(node).toMatchObject({ status: 'down', pid: undefined, tree: undefined, requestsAnswered: 20 });
    node.update(reportOf(node, { calls: 5, replies: 4, errors: 1, errorsByCode: { CLOSED: 1, QUEUE_FULL: 0 } }));
    expect(link).toMatchObject({ calls: 13, replies: 10, errors: 2, timeouts: 1, connections: 4, reconnects: 3 });
    expect(link.errorsByCode).toEqual({ CLOSED: 2, QUEUE_FULL: 0 });
    expect(link.latencies().total).toBe(20);
    expect(node.requestsAnswered).toBe(40);
  });

  test('keeps how it was when it is stopped in order', () => {
    const node = finished().nodes[0] as NodeModel;
    node.ended('stopped');
    expect(node.tree).toBe(tree);
    expect(node.links[0]).toMatchObject({ calls: 10, state: 'connected', abandoned: 0 });
  });

  test.each([EVENTS_MAX - 1, EVENTS_MAX, EVENTS_MAX + 1])('remembers the last events (%d)', (count) => {
    const model = new DemoModel(2);
    for (let i = 0; i < count; i += 1) model.note(i, `event ${i}`);
    expect(model.events).toHaveLength(Math.min(EVENTS_MAX, count));
    expect(model.events.at(-1)?.text).toBe(`event ${count - 1}`);
  });

  test('adds counts by key', () => {
    expect(addUp({ a: 1, b: 2 }, {}, { b: 3 })).toEqual({ a: 1, b: 5 });
    expect([countOf(0, 'call'), countOf(1, 'call'), countOf(2, 'process', 'processes')]).toEqual([
      '0 calls',
      '1 call',
      '2 processes',
    ]);
  });
});

describe('a demo summary', () => {
  test('adds up all directions and has the tree of every node', () => {
    const summary = summarize(finished(), 2.50049);
    expect(summary).toMatchObject({
      nodes: 3,
      seconds: 2.5,
      calls: 60,
      replies: 60,
      timeouts: 0,
      errors: 0,
      errorsByCode: {},
      unsettled: 0,
      directions: 6,
      answering: 6,
      ok: true,
    });
    expect(summary.rttMsP50).toBeCloseTo(0.001 * 1.02 ** 300, 2);
    expect(summary.remotes).toHaveLength(6);
    expect(summary.tree.children.map(({ id }) => id)).toEqual(['node-1', 'node-2', 'node-3']);
    expect(JSON.parse(JSON.stringify(summary)).tree.children).toHaveLength(3);
    expect(describeSummary(summary)).toContain('60 calls, 60 answered, 0 timeouts, 0 errors\n');
  });

  test.each([
    ['no call was made', { calls: 0, replies: 0 }],
    ['6 of 60 calls have no end', { replies: 9, open: 1 }],
    ['only 0 of 6 directions answer at the end', { isAnswering: false }],
    ['only 0 of 6 directions answer at the end', { state: 'backoff' as const }],
    ['6 of 60 calls were not answered (TIMEOUT 6)', { replies: 9, timeouts: 1 }],
    ['6 of 60 calls were not answered (CLOSED 6)', { replies: 9, errors: 1, errorsByCode: { CLOSED: 1 } }],
  ])('fails: %s', (why, facts) => {
    const summary = summarize(finished(facts), 1);
    expect(failureOf(summary)).toBe(why);
    expect(summary.ok).toBe(false);
  });

  test('with kills asks only that every call was settled and every direction answers', () => {
    const facts = { replies: 7, timeouts: 1, errors: 2, errorsByCode: { CLOSED: 2 } };
    const model = finished(facts);
    model.kills = 1;
    expect(failureOf(summarize(model, 1))).toBeUndefined();
    expect(describeSummary(summarize(model, 1))).toContain('1 kill, 0 reconnects, 0 calls lost');
    const unsettled = finished({ ...facts, timeouts: 0, open: 1 });
    unsettled.kills = 1;
    expect(failureOf(summarize(unsettled, 1))).toContain('have no end');
    const deaf = finished({ ...facts, isAnswering: undefined });
    deaf.kills = 1;
    expect(failureOf(summarize(deaf, 1))).toContain('directions answer at the end');
  });

  test('fails when a process ended by itself', () => {
    const model = finished();
    model.unexpectedExits = 1;
    expect(failureOf(summarize(model, 1))).toBe('1 process ended without being asked to');
  });
});
