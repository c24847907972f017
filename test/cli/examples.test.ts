/** Runs the example programs as they stand, and checks what they print. */
import { afterEach, expect, test, vi } from 'vitest';

const printed: string[] = [];
vi.spyOn(console, 'log').mockImplementation((...parts: unknown[]) => {
  printed.push(parts.join(' '));
});
afterEach(() => {
  printed.length = 0;
});

test('two nodes call each other and show their tree', async () => {
  await import('../../examples/two-nodes.ts');
  expect(printed.slice(0, 2)).toEqual(['Ping is answered with Ok', 'GetTransaction is answered with NotFound']);
  expect(printed[2]).toContain('node  NodeSupervisor<1>');
  expect(printed[2]).toContain('state=connected  to=memory://bob:1');
});

test('a service of its own counts, crashes, and counts again', async () => {
  await import('../../examples/own-service.ts');
  expect(printed).toEqual([
    'counted 1, 3, 6',
    'a crash is answered with Error',
    'after the restart it counts from 0: 5',
  ]);
});

test('a node that keeps an address book finds its peers again after a restart', async () => {
  await import('../../examples/address-book.ts');
  expect(printed).toEqual([
    'seed starts with no book',
    'alice starts with no book',
    'bob starts with no book',
    'bob, told of the seed, found alice, seed',
    'bob starts with a book of 1',
    'bob, told of nobody, found alice',
  ]);
});

test('seeds are asked, and one that is gone does not matter to the others', async () => {
  await import('../../examples/seeds.ts');
  expect(printed).toEqual(['seed 1 knows 1', 'seed 2 knows 1', 'seed 3 failed: TIMEOUT', 'seen from here: 110']);
});
