import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Unsubscribe } from '../../src/base/emitter.ts';
import { DemoModel } from '../../src/cli/demo-model.ts';
import { type DemoViewOptions, renderDemo, renderDemoLine } from '../../src/cli/demo-view.ts';
import { type Line, paint, Screen } from '../../src/cli/screen.ts';
import type { Terminal } from '../../src/cli/shell.ts';
import type { TreeNode } from '../../src/supervisor/tree.ts';

function treeOf(childCount: number): TreeNode {
  const leaf = { type: 'worker', status: 'running', mailboxLength: 0, restarts: 0, children: [] } as const;
  const children = Array.from({ length: childCount }, (_, index) => ({
    ...leaf,
    id: `child-${index}`,
    module: 'Child',
    pid: index + 2,
    info: { queue: index },
  }));
  return { ...leaf, id: 'node', module: 'NodeSupervisor', type: 'supervisor', pid: 1, info: {}, children };
}

function modelOf(count: number): DemoModel {
  const model = new DemoModel(count);
  for (const node of model.nodes) {
    node.status = 'running';
    node.pid = 4711;
    const links = node.links.map(({ to }) => ({
      to,
      state: 'connected' as const,
      calls: 123_456,
      replies: 123_450,
      timeouts: 1,
      errors: 2,
      open: 3,
      errorsByCode: { CLOSED: 2 },
      latencies: [],
      rttMsP50: 0.512,
      rttMsP99: 1234.5,
      dropped: 1,
      queueLength: 5,
      connections: 4,
      isAnswering: undefined,
    }));
    node.update({ links, requestsAnswered: 7, tree: treeOf(30) });
  }
  model.note(1000, 'node-1 killed (pid 1)');
  return model;
}

function page(model: DemoModel, options: Partial<DemoViewOptions> = {}): string[] {
  const view = {
    columns: 120,
    rows: 40,
    elapsedMs: 65_000,
    callsPerSecond: 300,
    shownNode: 0,
    scroll: 0,
    phase: 'running',
  };
  const lines = renderDemo(model, { ...view, ...options });
  return lines.slice(0, options.rows ?? 40).map((line) => paint(line, options.columns ?? 120, false));
}

describe('the page of the demo', () => {
  test('shows every direction with its state, round trips, calls, queue, and the tree', () => {
    const text = page(modelOf(3)).join('\n');
    expect(text).toContain('genmesh demo  3 nodes, mconnection  running 1:05  300 calls/s');
    for (const title of ['state', 'p50 ms', 'p99 ms', 'calls', 'answered', 'dropped', 'queue', 'errors', 'timeouts']) {
      expect(text).toContain(title);
    }
    expect(text).toMatch(/node-1 > node-2 +connected +0\.51 +1235 +123456 +123450 +1 +5 +2 +1 +3 +3\n/);
    expect(text).toMatch(/\n all +740736 +740700/);
    expect(text).toContain('1.0 s  node-1 killed (pid 1)');
    expect(text).toContain('|- child-0  Child<2>  queue=0\n');
  });

  test('keeps state, round trips, calls, dropped and queue at 80 columns', () => {
    const text = page(modelOf(3), { columns: 80, rows: 24 }).join('\n');
    for (const title of ['state', 'p50 ms', 'p99 ms', 'calls', 'answered', 'dropped', 'queue'])
      expect(text).toContain(title);
    expect(text).not.toContain('reconnects');
    expect(text).toContain('actors of node-1');
  });

  test('shows the directions of one node only when all do not fit', () => {
    const text = page(modelOf(16), { shownNode: 2 }).join('\n');
    expect(text).toContain('node-3 > node-16');
    expect(text).not.toContain('node-1 > node-2');
  });

  test('shows a node that is down, and no tree for it', () => {
    const model = modelOf(2);
    model.nodes[0]?.ended('down');
    const text = page(model).join('\n');
    expect(text).toMatch(/node-1 > node-2 +down/);
    expect(text).toContain('(not there)');
  });

  test('scrolls the tree, and not past its end', () => {
    expect(page(modelOf(3), { scroll: 3 }).join('\n')).not.toContain('child-0 ');
    const end = page(modelOf(3), { scroll: 10_000 });
    expect(end.at(-1)).toContain("'- child-29");
    expect(end.join('\n')).not.toContain('more below');
  });

  test('fits any terminal, in printable characters', () => {
    const models = [modelOf(2), modelOf(3), modelOf(16), new DemoModel(3)];
    models[0]?.note(1, 'bad \u001b[2J text é');
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 70 }),
        fc.nat({ max: 20 }),
        fc.nat({ max: 50 }),
        (model, columns, rows, shownNode, scroll) => {
          const lines = page(model, { columns, rows, shownNode, scroll });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) {
            expect(line.length).toBeLessThanOrEqual(columns);
            expect(line).toMatch(/^[ -~]*$/);
          }
        },
      ),
    );
  });

  test('is one line where there is no terminal', () => {
    expect(renderDemoLine(modelOf(3), 2500, 10)).toBe(
      '2.5 s  6 of 6 connected  740736 calls (10/s)  740700 answered  18 open  12 errors  6 timeouts  worst p50 0.51 ms  p99 1235 ms',
    );
    expect(renderDemoLine(new DemoModel(2), 0, 0)).toContain('worst p50 - ms');
  });
});

class FakeTerminal implements Terminal {
  readonly hasColor: boolean = true;
  columns = 10;
  rows = 2;
  isSlow = false;
  written = '';
  readonly listeners: Record<'resize' | 'drain' | 'key', Set<(key: string) => void>> = {
    resize: new Set(),
    drain: new Set(),
    key: new Set(),
  };
  exitTexts: string[] = [];

  size(): { columns: number; rows: number } {
    return { columns: this.columns, rows: this.rows };
  }
  write(text: string): boolean {
    this.written += text;
    return !this.isSlow;
  }
  take(): string {
    const { written } = this;
    this.written = '';
    return written;
  }
  tell(event: 'resize' | 'drain' | 'key', key = ''): void {
    for (const listener of this.listeners[event]) listener(key);
  }
  onResize(listener: () => void): Unsubscribe {
    return this.#on('resize', listener);
  }
  onDrain(listener: () => void): Unsubscribe {
    return this.#on('drain', listener);
  }
  onKey(listener: (key: string) => void): Unsubscribe {
    return this.#on('key', listener);
  }
  onExit(text: string): Unsubscribe {
    this.exitTexts.push(text);
    return () => {
      this.exitTexts = this.exitTexts.filter((one) => one !== text);
    };
  }
  #on(event: 'resize' | 'drain' | 'key', listener: (key: string) => void): Unsubscribe {
    this.listeners[event].add(listener);
    return () => {
      this.listeners[event].delete(listener);
    };
  }
}

const LEAVE = '\u001b[?7h\u001b[?25h\u001b[0m\u001b[?1049l';

describe('a screen', () => {
  const lines: Line[] = [[['one', 'bold']], [['0123456789ab', 'plain']], [['three', 'plain']]];

  test('takes the terminal over, draws what fits, and gives it back', () => {
    const terminal = new FakeTerminal();
    const screen = new Screen(
      terminal,
      () => lines,
      () => {},
    );
    screen.open();
    const drawn = terminal.take();
    expect(drawn.startsWith('\u001b[?1049h\u001b[?25l\u001b[?7l')).toBe(true);
    expect(drawn).toContain('\u001b[1mone\u001b[0m\u001b[K\r\n0123456789');
    expect(drawn).not.toContain('a');
    expect(drawn).not.toContain('three');
    expect(terminal.exitTexts).toEqual([LEAVE]);
    screen.close();
    expect(terminal.take()).toBe(LEAVE);
    expect(terminal.exitTexts).toEqual([]);
    expect(Object.values(terminal.listeners).every((set) => set.size === 0)).toBe(true);
    screen.close();
    screen.refresh();
    expect(terminal.take()).toBe('');
  });

  test('draws anew at once when the terminal changes its size, and after each key', () => {
    const terminal = new FakeTerminal();
    const keys: string[] = [];
    const screen = new Screen(
      terminal,
      ({ columns, rows }) => [[[`${columns}x${rows}`, 'plain']]],
      (key) => keys.push(key),
    );
    screen.open();
    terminal.take();
    terminal.columns = 33;
    terminal.tell('resize');
    expect(terminal.take()).toContain('33x2');
    terminal.tell('key', 'q');
    expect(keys).toEqual(['q']);
    expect(terminal.take()).toContain('33x2');
  });

  test('leaves pages out while the terminal does not keep up', () => {
    const terminal = new FakeTerminal();
    const screen = new Screen(
      terminal,
      () => lines,
      () => {},
    );
    screen.open();
    terminal.take();
    terminal.isSlow = true;
    screen.refresh();
    expect(terminal.take()).not.toBe('');
    screen.refresh();
    screen.refresh();
    expect(terminal.take()).toBe('');
    terminal.isSlow = false;
    terminal.tell('drain');
    screen.refresh();
    expect(terminal.take()).not.toBe('');
  });

  test('writes no escape sequence for colours when they are not wanted', () => {
    expect(
      paint(
        [
          ['a', 'good'],
          ['b', 'plain'],
        ],
        10,
        false,
      ),
    ).toBe('ab');
    expect(
      paint(
        [
          ['a', 'good'],
          ['b', 'plain'],
        ],
        1,
        true,
      ),
    ).toBe('\u001b[32ma\u001b[0m');
  });
});
