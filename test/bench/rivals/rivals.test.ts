import { afterEach, describe, expect, test } from 'vitest';
import { findRivals } from '../../../bench/rivals/rivals.ts';

describe('rivals that are not there', () => {
  const before = process.env.PATH;
  afterEach(() => {
    process.env.PATH = before;
  });

  test('cost one line each, which says how to get them', async () => {
    process.env.PATH = '/nowhere';
    const lines: string[] = [];
    expect(await findRivals((line) => lines.push(line), '/nowhere')).toEqual([]);
    expect(lines).toEqual([
      'no BEAM beside ours: put elixir on the PATH (Debian: apt-get install elixir)',
      'no xstate and nact beside ours (ENOENT): npm ci --prefix bench/rivals/actors',
    ]);
  });
});
