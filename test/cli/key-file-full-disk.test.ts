/** Key files on a disk that is full; the calls of the disk are replaced, so this has a file of its own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { formatKeyFile, writeKeyFile } from '../../src/cli/key-file.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';

const disk = vi.hoisted(() => ({ isFull: false }));
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const writeFileSync: typeof fs.writeFileSync = (file, data, options) => {
    if (disk.isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    fs.writeFileSync(file, data, options);
  };
  return { ...fs, default: fs, writeFileSync };
});

const folder = mkdtempSync(join(tmpdir(), 'genmesh-full-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([false, true])('a full disk leaves no empty file that would be in the way (force: %s)', (force) => {
  const path = join(folder, `node-${force}.key`);
  const keyPair = defaultEngine().generateKeyPair(systemRandom);
  disk.isFull = true;
  expect(() => writeKeyFile(path, keyPair, { force })).toThrow(/cannot write .* \(ENOSPC\): choose another place/);
  expect([existsSync(path), readdirSync(folder).filter((name) => name.endsWith('.new'))]).toEqual([false, []]);
  disk.isFull = false;
  writeKeyFile(path, keyPair, { force });
  expect(readFileSync(path, 'utf8')).toBe(formatKeyFile(keyPair));
  // What was there before stays when it cannot be replaced, and is never taken for what was begun.
  disk.isFull = true;
  expect(() => writeKeyFile(path, keyPair, { force })).toThrow(force ? /ENOSPC/ : /is there already/);
  expect(readFileSync(path, 'utf8')).toBe(formatKeyFile(keyPair));
  disk.isFull = false;
});
