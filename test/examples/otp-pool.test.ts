import { expect, test, vi } from 'vitest';
import { runPool } from '../../examples/otp-pool/main.ts';
import { ActorSystem } from '../../src/actors/system.ts';

test('the pool answers every job but the one that crashes, restarts that worker, and stops without leaving anything', async () => {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  const summary = await runPool(new ActorSystem(), 20, 3);
  // The sum of the squares of 1 to 20 without 13.
  expect(summary).toEqual({ total: 2870 - 169, failed: 1, refused: 0, restarts: 1, processesLeft: 0 });
  const printed = print.mock.calls.flat().join('\n');
  expect(printed).toContain('13 is bad luck');
  expect(printed).toContain('|- workers  DynamicSupervisor');
  print.mockRestore();
});
