import { expect, test } from 'vitest';
import { LineOutput, OUTPUT_WAITING_BYTES_MAX } from '../../src/cli/line-output.ts';
import { FakeShell } from './fake-shell.ts';

const LINE = 'x'.repeat(1023); // 1024 with its end
const LINES_MAX = OUTPUT_WAITING_BYTES_MAX / 1024;

function congested(): { readonly shell: FakeShell; readonly output: LineOutput; lines(): string[] } {
  const shell = new FakeShell();
  const output = new LineOutput(shell, (count) => `${count} missing`);
  shell.isCongested = true;
  output.write('first'); // taken, and the reader is behind from here on
  return { shell, output, lines: () => shell.stdout.trimEnd().split('\n') };
}

test('lines go out at once while they are read', () => {
  const shell = new FakeShell();
  const output = new LineOutput(shell, String);
  for (const line of ['a', 'b']) output.write(line);
  expect([shell.stdout, output.waitingCount]).toEqual(['a\nb\n', 0]);
});

test('lines wait for a slow reader, in order', () => {
  const { shell, output, lines } = congested();
  for (const line of ['a', 'b']) output.write(line);
  expect([lines(), output.waitingCount]).toEqual([['first'], 2]);
  shell.drain();
  output.write('c');
  expect([lines(), output.waitingCount]).toEqual([['first', 'a', 'b', 'c'], 0]);
});

test.each([
  [LINES_MAX - 1, 0],
  [LINES_MAX, 0],
  [LINES_MAX + 1, 1],
  [LINES_MAX + 1000, 1000],
])('of %i KiB that are not read in time %i are left out, and a line says so where they were', (count, leftOut) => {
  const { shell, output, lines } = congested();
  for (let i = 0; i < count; i += 1) output.write(LINE);
  if (leftOut > 0) output.write('short'); // nothing comes between those that are missing
  expect(output.waitingCount).toBe(count - leftOut);
  shell.drain();
  output.write('last');
  const gap = leftOut > 0 ? [`${leftOut + 1} missing`] : [];
  expect(lines()).toEqual(['first', ...Array(count - leftOut).fill(LINE), ...gap, 'last']);
});

test('a reader that stops again in the middle stops the lines again', () => {
  const { shell, output, lines } = congested();
  for (const line of ['a', 'b', 'c']) output.write(line);
  const out = shell.out.bind(shell);
  shell.out = (text: string): boolean => {
    shell.isCongested = text === 'b\n';
    return out(text);
  };
  shell.drain();
  expect([lines(), output.waitingCount]).toEqual([['first', 'a', 'b'], 1]);
  shell.drain();
  expect([lines(), output.waitingCount]).toEqual([['first', 'a', 'b', 'c'], 0]);
});

test('at the end all that waits is handed over', () => {
  const { shell, output, lines } = congested();
  for (let i = 0; i <= LINES_MAX; i += 1) output.write(LINE);
  output.end();
  expect(lines()).toEqual(['first', ...Array(LINES_MAX).fill(LINE), '1 missing']);
  shell.drain();
  expect(lines()).toHaveLength(LINES_MAX + 2);
});
