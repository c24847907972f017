/** The shell of a real process: what it does before it is asked. */
import { afterEach, expect, test, vi } from 'vitest';
import { systemShell } from '../../src/cli/system-shell.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';

vi.mock('../../src/crypto/default-engine.ts', async (importOriginal) => {
  const { defaultEngine: original, ...rest } =
    await importOriginal<typeof import('../../src/crypto/default-engine.ts')>();
  return { ...rest, defaultEngine: vi.fn(original) };
});

const listeners = { stdout: process.stdout.listeners('error'), stderr: process.stderr.listeners('error') };
afterEach(() => {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = process[name];
    for (const listener of stream.listeners('error')) {
      if (!listeners[name].includes(listener)) stream.off('error', listener as () => void);
    }
  }
});

test('the engine is made when it is first asked for, and is the same ever after', () => {
  const shell = systemShell('/nowhere');
  expect(defaultEngine).not.toHaveBeenCalled();
  const { engine } = shell;
  expect(defaultEngine).toHaveBeenCalledOnce();
  expect(shell.engine).toBe(engine);
});
