import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { AddressBook } from '../../src/p2p/address-book.ts';
import { AddressBookFile } from '../../src/p2p/address-book-file.ts';
import { diskFiles } from '../../src/p2p/disk-files.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Place {
  readonly folder: string;
  readonly path: string;
}

function written(path: string, bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  return path;
}

function place(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'genmesh-files-'));
  folders.push(folder);
  return { folder, path: join(folder, 'addrbook.json') };
}

function bookFile(path: string): { readonly book: AddressBook; readonly file: AddressBookFile } {
  const book = new AddressBook({ clock: systemClock, random: systemRandom, engine: defaultEngine() });
  return {
    book,
    file: new AddressBookFile({ book, files: diskFiles, path, clock: systemClock, random: systemRandom }),
  };
}

const ADDRESS = { id: 'ab'.repeat(20), ip: '8.8.8.8', port: 26_656 };

describe('an address book on the disk', () => {
  test('is read back as it was written, again and again, and leaves nothing else in its folder', async () => {
    const { folder, path } = place();
    const first = bookFile(path);
    expect(await first.file.load()).toBe(false);
    await first.file.save();
    first.book.addAddress(ADDRESS, ADDRESS);
    await first.file.stop();
    const second = bookFile(path);
    expect(await second.file.load()).toBe(true);
    expect([second.book.size, second.book.key]).toEqual([1, first.book.key]);
    expect(readdirSync(folder)).toEqual(['addrbook.json']);
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o137).toBe(0);
  });

  test('that cannot be written leaves the one before, and nothing half', async () => {
    const { folder, path } = place();
    const { file, book } = bookFile(join(folder, 'missing', 'addrbook.json'));
    book.addAddress(ADDRESS, ADDRESS);
    await expect(file.save()).rejects.toMatchObject({ code: 'ADDRESS_BOOK_NOT_SAVED' });
    writeFileSync(path, 'before');
    await expect(diskFiles.writeText(path, 'after')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(readdirSync(folder)).toEqual(['addrbook.json']);
  });

  test.each([
    ['is a folder', ({ folder }: Place) => folder],
    ['is not UTF-8', ({ path }: Place) => written(path, Uint8Array.of(0x7b, 0xff, 0x7d))],
    ['is no JSON', ({ path }: Place) => written(path, new TextEncoder().encode('{"key":'))],
  ] as const)('that %s is refused', async (_what, make) => {
    await expect(bookFile(make(place())).file.load()).rejects.toMatchObject({ code: 'ADDRESS_BOOK_INVALID' });
  });

  test('is read up to its bound: a byte less, as many, one more', async () => {
    const { path } = place();
    writeFileSync(path, 'x'.repeat(100));
    chmodSync(path, 0o600);
    expect(await diskFiles.readText(path, 101)).toHaveLength(100);
    expect(await diskFiles.readText(path, 100)).toHaveLength(100);
    await expect(diskFiles.readText(path, 99)).rejects.toThrow(/100 bytes, at most 99/);
  });

  test('is removed, also when it is not there', async () => {
    const { folder, path } = place();
    writeFileSync(path, 'x');
    await diskFiles.remove(path);
    await diskFiles.remove(path);
    expect(readdirSync(folder)).toEqual([]);
  });
});
