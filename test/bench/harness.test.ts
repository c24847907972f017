import { describe, expect, test } from 'vitest';
import {
  type BenchRow,
  formatNumber,
  formatRow,
  median,
  percentile,
  type Rival,
  runTable,
} from '../../bench/harness.ts';

/** Gives its numbers one after the other, and notes when. */
function numbers(name: string, order: string[], values: readonly (number | readonly number[])[]) {
  let next = 0;
  return (): number | readonly number[] => {
    order.push(name);
    const value = values[next % values.length];
    next += 1;
    if (value === undefined) throw new RangeError('no numbers');
    return value;
  };
}

describe('a table of the bench', () => {
  test('takes floor, rivals and ours in turn, drops the warm-up, and gives medians and ratios', async () => {
    const order: string[] = [];
    const rival: Rival = { name: 'other', version: '1', runs: { calls: numbers('other', order, [99, 4, 2, 3]) } };
    const workload = {
      name: 'calls',
      unit: 'calls/s',
      target: 'much',
      floor: numbers('floor', order, [99, 10, 30, 20]),
      ours: numbers('ours', order, [99, 6, 4, 5]),
    };
    const table = await runTable('calls', [workload], { rounds: 3, rivals: [rival] });
    expect(order).toEqual(Array.from({ length: 4 }, () => ['floor', 'other', 'ours']).flat());
    expect(table).toEqual({
      title: 'calls',
      rounds: 3,
      rows: [
        {
          name: 'calls',
          unit: 'calls/s',
          value: 5,
          spread: [4, 6],
          floor: 20,
          ratio: 0.25,
          rivals: [{ name: 'other', value: 3, spread: [2, 4], ratio: 5 / 3 }],
          target: 'much',
        },
      ],
    });
  });

  test('has a row for each number of a workload that measures several, and each is told as it is done', async () => {
    const order: string[] = [];
    const told: string[] = [];
    const workload = {
      name: 'late_p50',
      unit: 'us',
      also: [{ name: 'late_p99', unit: 'ms', target: 'soon' }],
      floor: numbers('floor', order, [[1, 10]]),
      ours: numbers('ours', order, [[2, 40]]),
    };
    const rival: Rival = { name: 'other', version: '1', runs: { late_p50: numbers('other', order, [[4, 20]]) } };
    const options = { rounds: 1, rivals: [rival], onRow: (row: BenchRow) => told.push(row.name) };
    const { rows } = await runTable('late', [workload], options);
    expect(told).toEqual(['late_p50', 'late_p99']);
    expect(rows[1]).toEqual({
      name: 'late_p99',
      unit: 'ms',
      value: 40,
      spread: [40, 40],
      floor: 10,
      ratio: 4,
      rivals: [{ name: 'other', value: 20, spread: [20, 20], ratio: 2 }],
      target: 'soon',
    });
    const { rows: only } = await runTable('late', [workload], { rounds: 1, only: 'p99' });
    expect(only.map((row) => row.name)).toEqual(['late_p99']);
  });

  test('passes the scale on and runs only what is asked for', async () => {
    const scales: number[] = [];
    const ours = (scale: number): number => {
      scales.push(scale);
      return 1;
    };
    const never = (): number => {
      throw new Error('not asked for');
    };
    const workloads = [
      { name: 'calls', unit: '1/s', ours },
      { name: 'casts', unit: '1/s', ours: never },
    ];
    const { rows } = await runTable('some', workloads, { rounds: 1, scale: 0.25, only: 'call' });
    expect(scales).toEqual([0.25, 0.25]);
    expect(rows).toEqual([{ name: 'calls', unit: '1/s', value: 1, spread: [1, 1] }]);
  });

  test('lets a slow rival run once, and goes on without one that fails', async () => {
    const order: string[] = [];
    const failures: string[] = [];
    const slow: Rival = { name: 'slow', version: '1', runs: { calls: numbers('slow', order, [2]) }, slow: ['calls'] };
    const broken: Rival = { name: 'broken', version: '1', runs: { calls: numbers('broken', order, []) } };
    const stranger: Rival = { name: 'stranger', version: '1', runs: { casts: numbers('stranger', order, [1]) } };
    const workload = { name: 'calls', unit: '1/s', ours: numbers('ours', order, [1]) };
    const { rows } = await runTable('calls', [workload], {
      rounds: 2,
      rivals: [slow, broken, stranger],
      onFailure: (text) => failures.push(text),
    });
    expect(order).toEqual(['broken', 'ours', 'slow', 'ours', 'ours']);
    expect(rows[0]?.rivals).toEqual([{ name: 'slow', value: 2, spread: [2, 2], ratio: 0.5 }]);
    expect(failures).toEqual(['broken does not run calls: no numbers']);
  });

  test('says which workload gave too few numbers', async () => {
    const workload = { name: 'late', unit: 'us', also: [{ name: 'later', unit: 'us' }], ours: () => 1 };
    await expect(runTable('late', [workload], { rounds: 1 })).rejects.toThrow('workload late gave 1 of 2 numbers');
  });
});

describe('a row of the bench as text', () => {
  const row: BenchRow = { name: 'calls', unit: 'calls/s', value: 2_550_000, spread: [2_000_000, 3_000_000] };

  test('is one line with value, unit and spread, and floor, ratio and target where there are any', () => {
    expect(formatRow(row)).toBe('calls                           2.55 M calls/s       [2.00 M to 3.00 M]');
    expect(formatRow({ ...row, floor: 5_100_000, ratio: 0.5, target: 'half' })).toBe(
      'calls                           2.55 M calls/s       [2.00 M to 3.00 M]  floor 5.10 M  ratio 0.50  (half)',
    );
  });

  test('has a line below for each rival', () => {
    const rivals = [{ name: 'BEAM', value: 510_000, spread: [500_000, 520_000] as const, ratio: 5 }];
    expect(formatRow({ ...row, rivals }).split('\n')[1]).toBe(
      '  beside BEAM                  510.0 k calls/s       [500.0 k to 520.0 k]  ratio 5.00',
    );
  });

  test('has numbers of three digits or so', () => {
    expect([4_123_456, 10_000, 9999, 318.4, 99.994, 0.42].map(formatNumber)).toEqual([
      '4.12 M',
      '10.0 k',
      '9999',
      '318',
      '99.99',
      '0.42',
    ]);
  });
});

test('the median is the value in the middle, a percentile one of the values', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])]).toEqual([2, 2.5, 7]);
  expect([0, 0.5, 0.99, 1].map((p) => percentile([1, 2, 3, 4], p))).toEqual([1, 3, 4, 4]);
});
