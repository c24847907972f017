import { describe, expect, test } from 'vitest';
import { AddressBookFile } from '../../src/p2p/address-book-file.ts';
import { decodeAddressBook, encodeAddressBook } from '../../src/p2p/address-book-json.ts';
import { BOOK_FILE_BYTES_MAX, NEW_BUCKET_ADDRESSES_MAX, SAVE_INTERVAL_MS } from '../../src/p2p/address-book-limits.ts';
import { P2pError } from '../../src/p2p/errors.ts';
import { cometbftAddressBook } from './address-book-golden.ts';
import { at, createBook, fillBook, idOf, MemoryFiles, randomAddress } from './pex-rig.ts';

const PATH = 'config/addrbook.json';

function rig(seed = 1, saveIntervalMs?: number) {
  const made = createBook(seed);
  const files = new MemoryFiles();
  const options = saveIntervalMs === undefined ? {} : { saveIntervalMs };
  const file = new AddressBookFile({ ...made, files, path: PATH, ...options });
  return { ...made, files, file };
}

/** The parts of one entry as the file has them, changed as a case says. */
function entry(changes: Readonly<Record<string, unknown>> = {}, index = 1): Record<string, unknown> {
  return {
    addr: { id: idOf(index), ip: '8.8.8.8', port: index },
    src: { id: idOf(0xaa), ip: '9.9.9.9', port: 1 },
    buckets: [0],
    attempts: 0,
    bucket_type: 1,
    last_attempt: '2026-11-20T10:00:00Z',
    last_success: '0001-01-01T00:00:00Z',
    last_ban_time: '0001-01-01T00:00:00Z',
    ...changes,
  };
}

const bookOf = (addrs: unknown, key: unknown = 'k'): string => JSON.stringify({ key, addrs });

describe('the text of addrbook.json', () => {
  test('a file of CometBFT is read, every field of it', () => {
    const { key, addresses } = decodeAddressBook(cometbftAddressBook);
    expect(key).toBe('ecb6a49405c0657aed101a64');
    expect(addresses).toEqual([
      {
        address: at(3, '1.2.3.4', 1),
        source: at(0xaa, '159.89.121.174'),
        bucketType: 'old',
        buckets: [42],
        attempts: 0,
        lastAttemptMs: Date.UTC(2026, 10, 20, 10, 24, 46, 810),
        lastSuccessMs: Date.UTC(2026, 10, 20, 10, 24, 46, 810),
        bannedUntilMs: 0,
      },
      expect.objectContaining({ address: at(1, '8.8.8.8'), bucketType: 'new', buckets: [141], lastSuccessMs: 0 }),
      expect.objectContaining({ address: at(2, '2001:4860:4860::8888'), attempts: 1, buckets: [95] }),
    ]);
  });

  test('a file of CometBFT comes back out byte for byte, but for times finer than a millisecond', () => {
    const { book } = createBook();
    const { key, addresses } = decodeAddressBook(cometbftAddressBook);
    book.restore(key, addresses);
    const cut = cometbftAddressBook.replace(/(\.\d{3})\d+Z/g, '$1Z');
    expect(encodeAddressBook(book)).toBe(cut);
  });

  test.each([
    ['2026-11-20T10:00:00Z', Date.UTC(2026, 10, 20, 10)],
    ['2026-11-20T12:30:00.5+02:30', Date.UTC(2026, 10, 20, 10, 0, 0, 500)],
    ['2026-11-20T10:00:00.123456789Z', Date.UTC(2026, 10, 20, 10, 0, 0, 123)],
    ['0001-01-01T00:00:00Z', 0],
    [null, 0],
  ])('time %s is %i', (text, ms) => {
    expect(decodeAddressBook(bookOf([entry({ last_attempt: text })])).addresses[0]?.lastAttemptMs).toBe(ms);
  });

  test('an entry without buckets is placed anew, and a missing list is an empty book', () => {
    const { book } = createBook();
    const { key, addresses } = decodeAddressBook(bookOf([entry({ buckets: null })]));
    book.restore(key, addresses);
    expect([book.size, book.newCount, book.lookup(idOf(1))?.buckets.length]).toEqual([1, 1, 1]);
    expect(decodeAddressBook('{"key":"k","addrs":null}').addresses).toEqual([]);
    expect(decodeAddressBook('{}')).toEqual({ key: '', addresses: [] });
  });

  test('an old entry without buckets comes back as new', () => {
    const { book } = createBook();
    const { key, addresses } = decodeAddressBook(bookOf([entry({ buckets: [], bucket_type: 2 })]));
    book.restore(key, addresses);
    expect([book.newCount, book.oldCount, book.lookup(idOf(1))?.bucketType]).toEqual([1, 0, 'new']);
  });

  test.each<[string, string]>([
    ['no JSON', '{"key":'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"book"'],
    ['a key that is a number', bookOf([], 5)],
    ['a key of 257 characters', bookOf([], 'x'.repeat(257))],
    ['addrs that is an object', bookOf({})],
    ['an entry that is a number', bookOf([5])],
    ['bucket_type 0', bookOf([entry({ bucket_type: 0 })])],
    ['bucket_type 3', bookOf([entry({ bucket_type: 3 })])],
    ['a bucket index of 256', bookOf([entry({ buckets: [256] })])],
    ['an old bucket index of 64', bookOf([entry({ bucket_type: 2, buckets: [64] })])],
    ['a negative bucket index', bookOf([entry({ buckets: [-1] })])],
    ['5 new buckets', bookOf([entry({ buckets: [1, 2, 3, 4, 5] })])],
    ['2 old buckets', bookOf([entry({ bucket_type: 2, buckets: [1, 2] })])],
    ['a bucket twice', bookOf([entry({ buckets: [1, 1] })])],
    ['an attempt count with a fraction', bookOf([entry({ attempts: 0.5 })])],
    ['an attempt count over 31 bits', bookOf([entry({ attempts: 2 ** 31 })])],
    ['no addr', bookOf([entry({ addr: null })])],
    ['an addr with a short id', bookOf([entry({ addr: { id: 'ab', ip: '8.8.8.8', port: 1 } })])],
    ['an addr that nobody can have', bookOf([entry({ addr: { id: idOf(1), ip: '0.0.0.0', port: 1 } })])],
    ['an addr with a name', bookOf([entry({ addr: { id: idOf(1), ip: 'example.org', port: 1 } })])],
    ['a port of 65536', bookOf([entry({ addr: { id: idOf(1), ip: '8.8.8.8', port: 65_536 } })])],
    ['a src without an ip', bookOf([entry({ src: { id: idOf(1), ip: '', port: 1 } })])],
    ['a time in words', bookOf([entry({ last_attempt: 'yesterday' })])],
    ['a time that does not exist', bookOf([entry({ last_attempt: '2026-13-40T10:00:00Z' })])],
    ['a time as a number', bookOf([entry({ last_ban_time: 5 })])],
    ['an id twice', bookOf([entry(), entry({ buckets: [2] })])],
  ])('%s is refused with ADDRESS_BOOK_INVALID', (_name, text) => {
    expect(() => decodeAddressBook(text)).toThrow(P2pError);
    expect(() => decodeAddressBook(text)).toThrow(expect.objectContaining({ code: 'ADDRESS_BOOK_INVALID' }));
  });

  test.each([
    [NEW_BUCKET_ADDRESSES_MAX - 1, true],
    [NEW_BUCKET_ADDRESSES_MAX, true],
    [NEW_BUCKET_ADDRESSES_MAX + 1, false],
  ])('%i addresses in one bucket are read: %s', (count, isRead) => {
    const text = bookOf(Array.from({ length: count }, (_, index) => entry({}, index + 1)));
    if (isRead) expect(decodeAddressBook(text).addresses).toHaveLength(count);
    else expect(() => decodeAddressBook(text)).toThrow('new bucket 0 has over 65 addresses');
  });

  test('more entries than a full book has are refused before they are looked at', () => {
    expect(() => decodeAddressBook(bookOf(new Array(20_801).fill(0)))).toThrow('a full book has 20800');
    expect(() => decodeAddressBook(bookOf(new Array(20_800).fill(0)))).toThrow('addrs[0] is not an object');
  });

  test('a text over the bound is refused before it is parsed', () => {
    expect(() => decodeAddressBook(`{}${' '.repeat(BOOK_FILE_BYTES_MAX - 2)}`)).not.toThrow();
    expect(() => decodeAddressBook(`{}${' '.repeat(BOOK_FILE_BYTES_MAX - 1)}`)).toThrow('at most 33554432 bytes');
  });
});

describe('the file of a book, after p2p/pex/addrbook_test.go', () => {
  test('SaveLoad: what was saved is there again, with its key, counts and buckets', async () => {
    const first = rig(1);
    await first.file.save();
    const empty = rig(2);
    empty.files.files.set(PATH, first.files.files.get(PATH)!);
    expect(await empty.file.load()).toBe(true);
    expect([empty.book.size, empty.book.key]).toEqual([0, first.book.key]);

    fillBook(first.book, first.random, 30, 70);
    await first.file.save();
    const second = rig(3);
    second.files.files.set(PATH, first.files.files.get(PATH)!);
    await second.file.load();
    expect([second.book.size, second.book.oldCount, second.book.newCount]).toEqual([100, 30, 70]);
    expect(second.book.entries()).toEqual(first.book.entries());
  });

  test('a loaded book goes on placing addresses as before: the hash is keyed by what the file keeps', async () => {
    const first = rig(1);
    const second = rig(2);
    second.book.restore(first.book.key, []);
    const addresses = fillBook(first.book, first.random, 0, 20);
    for (const { address, source } of first.book.entries()) second.book.addAddress(address, source);
    for (const { id } of addresses) expect(second.book.lookup(id)?.buckets).toEqual(first.book.lookup(id)?.buckets);
  });

  test('without a file the book stays as it is', async () => {
    const { file, book, random } = rig();
    fillBook(book, random, 0, 3);
    expect(await file.load()).toBe(false);
    expect(book.size).toBe(3);
  });

  test('it is saved every two minutes, and once more at the end', async () => {
    const { file, files, clock, book, random } = rig();
    file.start();
    file.start();
    await clock.advance(SAVE_INTERVAL_MS - 1);
    expect(files.calls).toEqual([]);
    await clock.advance(1);
    expect(files.calls).toHaveLength(2);
    fillBook(book, random, 0, 1);
    await clock.advance(SAVE_INTERVAL_MS);
    expect(decodeAddressBook(files.files.get(PATH)!).addresses).toHaveLength(1);
    fillBook(book, random, 0, 1);
    await file.stop();
    expect(decodeAddressBook(files.files.get(PATH)!).addresses).toHaveLength(2);
    expect(clock.timerCount).toBe(0);
    await clock.advance(10 * SAVE_INTERVAL_MS);
    expect(files.calls).toHaveLength(6);
  });

  test('a save writes beside the file and then puts it in place, leaving nothing behind', async () => {
    const { file, files } = rig();
    await file.save();
    expect(files.calls[0]).toMatch(/^writeText config\/addrbook\.json\.[0-9a-f]{16}\.tmp$/);
    expect(files.calls[1]).toBe(`rename ${PATH}`);
    expect([...files.files.keys()]).toEqual([PATH]);
  });

  test.each(['writeText', 'rename'] as const)(
    'when %s fails the old file stays whole, and a later save works',
    async (method) => {
      const { file, files, book, random } = rig();
      await file.save();
      const before = files.files.get(PATH);
      fillBook(book, random, 0, 1);
      files.failing.add(method);
      await expect(file.save()).rejects.toMatchObject({ code: 'ADDRESS_BOOK_NOT_SAVED', message: /no space left/ });
      expect([...files.files]).toEqual([[PATH, before]]);
      files.failing.clear();
      await file.save();
      expect(files.files.get(PATH)).not.toBe(before);
    },
  );

  test('a save that fails in the background is logged and tried again', async () => {
    const made = createBook();
    const files = new MemoryFiles();
    const lines: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => void lines.push(message) };
    const file = new AddressBookFile({ ...made, files, path: PATH, logger });
    files.failing.add('rename');
    file.start();
    await made.clock.advance(SAVE_INTERVAL_MS);
    expect(lines).toEqual(['address book was not saved']);
    files.failing.clear();
    await made.clock.advance(SAVE_INTERVAL_MS);
    expect(files.files.has(PATH)).toBe(true);
    await file.stop();
  });

  test.each([
    ['no JSON', '{"key"'],
    ['a torn file', cometbftAddressBook.slice(0, 500)],
    ['a bad entry', bookOf([entry({ buckets: [999] })])],
  ])('%s: a typed error, and the file is never overwritten', async (_name, text) => {
    const { file, files, clock, book, random } = rig();
    files.files.set(PATH, text);
    await expect(file.load()).rejects.toMatchObject({
      code: 'ADDRESS_BOOK_INVALID',
      message: new RegExp(`^${PATH}: `),
    });
    fillBook(book, random, 0, 5);
    file.start();
    await clock.advance(3 * SAVE_INTERVAL_MS);
    await expect(file.stop()).rejects.toMatchObject({ code: 'ADDRESS_BOOK_INVALID' });
    expect([...files.files]).toEqual([[PATH, text]]);
    files.files.set(PATH, cometbftAddressBook);
    expect(await file.load()).toBe(true);
    await file.save();
    expect(decodeAddressBook(files.files.get(PATH)!).addresses).toHaveLength(3);
  });

  test('a file that cannot be read is as bad as one that is none', async () => {
    const { file, files } = rig();
    files.files.set(PATH, cometbftAddressBook);
    files.failing.add('readText');
    await expect(file.load()).rejects.toMatchObject({ code: 'ADDRESS_BOOK_INVALID' });
    files.failing.clear();
    await expect(file.save()).rejects.toMatchObject({ code: 'ADDRESS_BOOK_INVALID' });
    expect(files.files.get(PATH)).toBe(cometbftAddressBook);
  });

  test('saves asked for at once follow one another', async () => {
    const { file, files } = rig();
    await Promise.all([file.save(), file.save(), file.save()]);
    expect(files.calls.map((call) => call.split(' ')[0])).toEqual([
      'writeText',
      'rename',
      'writeText',
      'rename',
      'writeText',
      'rename',
    ]);
  });

  test('what is banned, private or our own does not come back by the file', async () => {
    const { file, files, book, random, clock } = rig();
    const [banned, hidden, own, other] = fillBook(book, random, 2, 2);
    await file.save();
    const again = rig(9);
    again.files.files.set(PATH, files.files.get(PATH)!);
    again.book.markBad(banned!, 1000);
    again.book.addPrivateIds([hidden!.id]);
    again.book.addOurAddress(own!);
    await again.file.load();
    expect(again.book.entries().map(({ address }) => address)).toEqual([other]);
    expect(clock.timerCount).toBe(0);
  });

  test('the interval has a floor', () => {
    expect(() => rig(1, 999)).toThrow(RangeError);
    expect(() => rig(1, 1000)).not.toThrow();
    expect(() => rig(1, Number.NaN)).toThrow('option saveIntervalMs is NaN');
  });

  test('a random address survives the file as it is', async () => {
    const { file, files, book, random } = rig();
    const address = { ...randomAddress(random), ip: '2a01:4f8::1' };
    book.addAddress(address, address);
    await file.save();
    expect(decodeAddressBook(files.files.get(PATH)!).addresses[0]?.address).toEqual(address);
  });
});
