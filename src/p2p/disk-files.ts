/**
 * Files of the host, as {@link AddressBookFile} wants them: a book is on the disk, whole, before it takes the place of the
 * one before, and its name is there when the machine loses power right after. `libs/tempfile/tempfile.go WriteFileAtomic`.
 */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileStore } from './address-book-file.ts';

/** Owner writes, group reads; upstream lets everybody read. */
const FILE_MODE = 0o640;

async function readText(path: string, bytesMax: number): Promise<string | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    // Its size is looked at first, so that a file that is no book costs no memory; then no more than that is read.
    const { size } = await handle.stat();
    if (size > bytesMax) throw new RangeError(`${size} bytes, at most ${bytesMax}`);
    const bytes = new Uint8Array(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await handle.read(bytes, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
  } finally {
    await handle.close();
  }
}

async function writeText(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', FILE_MODE);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function replace(from: string, to: string): Promise<void> {
  await rename(from, to);
  // Where a folder cannot be opened (Windows), the system has a way of its own.
  const folder = await open(dirname(to), 'r').catch(() => undefined);
  if (folder === undefined) return;
  try {
    await folder.sync();
  } catch (error) {
    // A file system that cannot do that for a folder has put the file in its place all the same.
    if (!['EINVAL', 'EPERM', 'ENOTSUP'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as { readonly code?: string }).code : undefined;
}

/**
 * The file system of the host, over `node:fs/promises`. Its calls reject with what that says, RangeError for a file that is
 * too long, TypeError for one that is not UTF-8; a new file has mode 0640, and one that is there is not written over.
 */
export const diskFiles: FileStore = {
  readText,
  writeText,
  rename: replace,
  remove: (path) => rm(path, { force: true }),
};
