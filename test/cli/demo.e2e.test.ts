/** The demo with its processes: the sums of its summary, killed nodes, and that nothing outlives it. */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { DemoSummary } from '../../src/cli/demo-summary.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { builtProgram, type Ended, PATIENCE_MS, Running, run } from './built-program.ts';

beforeAll(() => {
  builtProgram();
}, 2 * PATIENCE_MS);

const timeout = 2 * PATIENCE_MS;

function summaryOf({ stdout, stderr }: Ended): DemoSummary {
  expect(stdout.trimEnd().split('\n'), stderr).toHaveLength(1);
  return JSON.parse(stdout) as DemoSummary;
}

function checkSums(summary: DemoSummary): void {
  const { remotes, calls, replies, timeouts, errors, errorsByCode } = summary;
  const sum = (key: 'calls' | 'replies' | 'timeouts' | 'errors' | 'reconnects' | 'abandoned'): number =>
    remotes.reduce((total, remote) => total + remote[key], 0);
  expect({ calls, replies, timeouts, errors }).toEqual({
    calls: sum('calls'),
    replies: sum('replies'),
    timeouts: sum('timeouts'),
    errors: sum('errors'),
  });
  expect(calls).toBe(replies + timeouts + errors);
  expect(Object.values(errorsByCode).reduce((total, count) => total + count, 0)).toBe(errors);
  expect(summary).toMatchObject({ unsettled: 0, reconnects: sum('reconnects'), abandoned: sum('abandoned') });
}

/** The listening addresses of all nodes, once all are connected. */
async function addressesOf(demo: Running, count: number): Promise<{ port: number; pid: number }[]> {
  await demo.match(/all nodes are connected/);
  const lines = demo.all(/^node-\d+ listens on tcp:\/\/127\.0\.0\.1:(\d+) \(pid (\d+)\)$/gm);
  expect(lines).toHaveLength(count);
  return lines.map(([, port, pid]) => ({ port: Number(port), pid: Number(pid) }));
}

/** Resolves when the process behind that port is gone: its end closes the connection. */
function goneAt(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.on('close', () => resolve());
    });
    socket.on('error', (error) => {
      if (!socket.connecting && socket.bytesRead === 0 && error.message.includes('ECONNREFUSED')) reject(error);
    });
    socket.resume();
  });
}

/** Whether a process runs; one that has ended and that nobody has waited for does not. */
function runs(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  if (existsSync('/proc/self/stat')) {
    return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, 'utf8'));
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the demo', { timeout }, () => {
  test.each(WIRES)('has every call answered, and says so in one JSON line, wire %s', async (wire) => {
    const ended = await run(['demo', '--seconds', '2', '--json', '--wire', wire]);
    const summary = summaryOf(ended);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(summary).toMatchObject({
      nodes: 3,
      wire,
      timeouts: 0,
      errors: 0,
      errorsByCode: {},
      kills: 0,
      reconnects: 0,
      directions: 6,
      answering: 6,
      ok: true,
    });
    expect(summary.seconds).toBeGreaterThanOrEqual(2);
    expect(summary.calls).toBeGreaterThan(60);
    expect(summary.replies).toBe(summary.calls);
    expect(summary.rttMsP50).toBeGreaterThan(0);
    expect(summary.rttMsP99).toBeGreaterThanOrEqual(summary.rttMsP50 as number);
    checkSums(summary);
    expect(summary.tree.children.map(({ id, module }) => [id, module])).toEqual([
      ['node-1', 'NodeSupervisor'],
      ['node-2', 'NodeSupervisor'],
      ['node-3', 'NodeSupervisor'],
    ]);
    expect(summary.tree.children[0]?.children.map(({ id }) => id)).toContain('remotes');
    // What one called, the others answered.
    expect(summary.processes.reduce((total, one) => total + one.requestsAnswered, 0)).toBe(summary.replies);
  });

  test.each(WIRES)(
    'survives killed nodes: every call is settled, and all directions answer again, wire %s',
    async (wire) => {
      const ended = await run(['demo', '--kill', '1', '--seconds', '5', '--json', '--wire', wire]);
      const summary = summaryOf(ended);
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      expect(summary).toMatchObject({ directions: 6, answering: 6, unexpectedExits: 0, ok: true });
      expect(summary.kills).toBeGreaterThanOrEqual(2);
      expect(summary.kills).toBeLessThanOrEqual(5);
      const starts = summary.processes.reduce((total, one) => total + one.starts, 0);
      expect(starts).toBe(3 + summary.kills);
      // Two connections to the killed node and two of its own come back each time, unless a kill comes before they have.
      expect(summary.reconnects).toBeGreaterThanOrEqual(4);
      checkSums(summary);
      for (const remote of summary.remotes) {
        expect(remote).toMatchObject({ state: 'connected', answering: true });
        expect(remote.replies, `${remote.from} > ${remote.to}`).toBeGreaterThan(0);
      }
      const known = ['CLOSED', 'STOPPED', 'QUEUE_FULL', 'ABORTED'];
      expect(Object.keys(summary.errorsByCode).filter((code) => !known.includes(code))).toEqual([]);
    },
  );

  test('has as many nodes as asked for', async () => {
    const ended = await run(['demo', '--nodes', '2', '--rate', '10', '--in-flight', '1', '--seconds', '0.5', '--json']);
    expect(summaryOf(ended)).toMatchObject({ nodes: 2, directions: 2, answering: 2, ok: true });
    expect(ended.code).toBe(0);
  });

  test('shows lines where there is no terminal, and ends in order at SIGINT and SIGTERM', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const demo = new Running(['demo']);
      const nodes = await addressesOf(demo, 3);
      await demo.match(/^[\d.]+ s {2}6 of 6 connected {2}[1-9]\d* calls/m);
      demo.process.kill(signal);
      const { code, stdout, stderr } = await demo.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/\n3 nodes, wire mconnection, [\d.]+ s: (\d+) calls, \1 answered, 0 timeouts, 0 errors\n/);
      expect(nodes.filter(({ pid }) => runs(pid))).toEqual([]);
    }
  });

  test('asked to end before all are connected ends without a summary', async () => {
    const demo = new Running(['demo']);
    await demo.match(/node-\d listens/);
    demo.process.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('ends at once at a second signal, and takes its processes with it', async () => {
    const demo = new Running(['demo', '--rate', '1']);
    const nodes = await addressesOf(demo, 3);
    const gone = nodes.map(({ port }) => goneAt(port));
    demo.process.kill('SIGINT');
    await demo.match(/waiting for the calls under way/);
    demo.process.kill('SIGTERM');
    expect([0, 143]).toContain((await demo.ended).code);
    await Promise.all(gone);
  });

  test('killed by SIGKILL leaves no process behind', async () => {
    const demo = new Running(['demo']);
    const nodes = await addressesOf(demo, 3);
    const gone = nodes.map(({ port }) => goneAt(port));
    expect(nodes.filter(({ pid }) => runs(pid))).toHaveLength(3);
    demo.process.kill('SIGKILL');
    expect(await demo.ended).toMatchObject({ signal: 'SIGKILL' });
    await Promise.all(gone);
    // A process outlives its sockets by a moment.
    const startMs = systemClock.monotonicMs();
    const survivors = (): unknown[] => nodes.filter(({ pid }) => runs(pid));
    while (survivors().length > 0 && systemClock.monotonicMs() - startMs < PATIENCE_MS) {
      await new Promise<void>((resolve) => systemClock.defer(resolve));
    }
    expect(survivors()).toEqual([]);
  });

  test('starts a node again that somebody else killed, and says that it went wrong', async () => {
    const demo = new Running(['demo', '--seconds', '3']);
    const [first] = await addressesOf(demo, 3);
    process.kill(first?.pid as number, 'SIGKILL');
    await demo.match(/node-\d \(pid \d+\) ended: SIGKILL\n[\s\S]*listens on/);
    const { code, stdout, stderr } = await demo.ended;
    expect(code).toBe(1);
    expect(stdout).toContain('1 unexpected exit');
    expect(stdout).toContain('6 of 6 directions answering');
    expect(stderr).toBe('genmesh: the demo did not go well: 1 process ended without being asked to\n');
  });

  test.each([
    [['--nodes', '1'], 'expected an integer from 2 to 16'],
    [['--nodes', '17'], 'expected an integer from 2 to 16'],
    [['--seconds', '0'], 'expected a number from 0.1 to 86400'],
    [['--kill', '0'], 'expected a number from 0.1 to 3600'],
    [['--rate', '10001'], 'expected an integer from 1 to 10000'],
    [['--in-flight', '0'], 'expected an integer from 1 to 1024'],
    [['now'], 'unexpected argument "now"'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await run(['demo', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});
