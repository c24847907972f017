import { describe, expect, test } from 'vitest';
import { isBadAddress, type KnownAddress } from '../../src/p2p/address-book-entry.ts';
import {
  BAD_ADDRESSES_MAX,
  BANNED_PEERS_MAX,
  NEED_ADDRESSES_BELOW,
  NEW_BUCKET_ADDRESSES_MAX,
  OLD_BUCKET_ADDRESSES_MAX,
  OLD_BUCKETS_PER_GROUP,
} from '../../src/p2p/address-book-limits.ts';
import { groupKeyOf, type PexAddress } from '../../src/p2p/pex-address.ts';
import { at, createBook, fillBook, idOf, randomAddress } from './pex-rig.ts';

const DAY_MS = 86_400_000;
const names = (addresses: readonly PexAddress[]): string[] => addresses.map(({ id }) => id);

describe('address book, after p2p/pex/addrbook_test.go', () => {
  test('PickAddress: gives what there is, and nothing when the bias leaves only empty buckets', () => {
    const { book, random } = createBook();
    expect(book.pickAddress(50)).toBeUndefined();
    const address = randomAddress(random);
    book.addAddress(address, randomAddress(random));
    for (const bias of [0, 50, 100, -5, 200]) expect(book.pickAddress(bias), `new, bias ${bias}`).toEqual(address);
    book.markGood(address.id);
    for (const bias of [0, 50]) expect(book.pickAddress(bias), `old, bias ${bias}`).toEqual(address);
    expect(book.pickAddress(100)).toBeUndefined();
  });

  test('PickAddress: the bias weighs the roots of both counts', () => {
    const { book, random } = createBook(3);
    fillBook(book, random, 100, 100);
    const oldShare = (bias: number): number => {
      let count = 0;
      for (let i = 0; i < 2000; i += 1) if (book.isGood(book.pickAddress(bias) as PexAddress)) count += 1;
      return count / 2000;
    };
    expect(oldShare(0)).toBe(1);
    expect(oldShare(100)).toBe(0);
    expect(oldShare(30)).toBeGreaterThan(0.65);
    expect(oldShare(30)).toBeLessThan(0.75);
  });

  test('Lookup, HasAddress: every address added is found', () => {
    const { book, random } = createBook();
    for (const address of fillBook(book, random, 0, 100)) {
      expect(book.hasAddress(address)).toBe(true);
      expect(book.lookup(address.id)).toMatchObject({ address, bucketType: 'new', attempts: 0, lastSuccessMs: 0 });
    }
    expect(book.lookup(idOf(1))).toBeUndefined();
  });

  test('PromoteToOld: good addresses move, none is lost, selections are no longer than the book', () => {
    const { book, random } = createBook();
    const addresses = fillBook(book, random, 0, 100);
    for (const address of addresses) book.markAttempt(address);
    for (const [index, address] of addresses.entries()) if (index % 2 === 0) book.markGood(address.id);
    expect([book.size, book.newCount, book.oldCount]).toEqual([100, 50, 50]);
    expect(book.lookup(addresses[0]!.id)).toMatchObject({ bucketType: 'old', attempts: 0 });
    expect(book.lookup(addresses[1]!.id)).toMatchObject({ bucketType: 'new', attempts: 1 });
    expect(book.getSelection()).toHaveLength(32);
    expect(book.getSelectionWithBias(30)).toHaveLength(32);
  });

  test('HandlesDuplicates: an id counts once, whoever tells of it', () => {
    const { book, random } = createBook();
    const other = randomAddress(random);
    for (let i = 0; i < 100; i += 1) {
      const [address, source] = [randomAddress(random), randomAddress(random)];
      expect(book.addAddress(address, source)).toBe('added');
      book.addAddress(address, source);
      book.addAddress(address, other);
    }
    expect(book.size).toBe(100);
  });

  test('an address told by many is in at most 4 new buckets', () => {
    const { book, random } = createBook();
    const address = randomAddress(random);
    let most = 0;
    for (let i = 0; i < 2000; i += 1) {
      book.addAddress(address, randomAddress(random));
      most = Math.max(most, book.lookup(address.id)?.buckets.length ?? 0);
    }
    expect(most).toBe(4);
    expect([book.size, book.newCount]).toEqual([1, 1]);
    expect(book.removeAddress(address)).toBe(true);
    expect([book.size, book.newCount]).toEqual([0, 0]);
  });

  test('Remove: an address is gone, and one that is not there is no matter', () => {
    const { book, random } = createBook();
    const address = randomAddress(random);
    book.addAddress(address, address);
    expect(book.removeAddress(address)).toBe(true);
    expect(book.size).toBe(0);
    expect(book.removeAddress(randomAddress(random))).toBe(false);
    expect(book.hasAddress(address)).toBe(false);
  });

  test.each([
    [1, 9],
    [9, 1],
    [0, 0],
    [0, 10],
    [10, 0],
  ])('GetSelectionWithBias: of %i old and %i new addresses it gives all', (oldCount, newCount) => {
    const { book, random } = createBook();
    fillBook(book, random, oldCount, newCount);
    const selection = book.getSelectionWithBias(30);
    const good = selection.filter((address) => book.isGood(address)).length;
    expect([good, selection.length - good]).toEqual([oldCount, newCount]);
  });

  test.each([
    [0, 0],
    [1, 1],
    [31, 31],
    [32, 32],
    [33, 32],
    [139, 32],
    [144, 33],
    [1086, 249],
    [1087, 250],
    [1100, 250],
  ])('GetSelection: of %i addresses it takes %i, each once', (size, count) => {
    const { book, random } = createBook(7);
    fillBook(book, random, 0, size);
    const selection = book.getSelection();
    expect(selection).toHaveLength(count);
    expect(new Set(names(selection)).size).toBe(count);
    expect(book.getSelectionWithBias(50)).toHaveLength(count);
  });

  test('GetSelectionWithBias: of 100 addresses, 80 of them good, 70 % of the selection are good', () => {
    const { book, random } = createBook();
    fillBook(book, random, 80, 20);
    const selection = book.getSelectionWithBias(30);
    expect(selection).toHaveLength(32);
    expect(selection.filter((address) => book.isGood(address))).toHaveLength(22); // 32 - round(0.3 * 32)
  });

  test('MultipleSelection: new addresses come first, their number follows bias and shortage, at every mix', () => {
    for (const size of [1, 2, 7, 31, 32, 40, 120]) {
      for (let oldCount = 0; oldCount <= size; oldCount += size > 40 ? 13 : 1) {
        const { book, random } = createBook(size);
        fillBook(book, random, oldCount, size - oldCount);
        const kinds = book.getSelectionWithBias(30).map((address) => (book.isGood(address) ? 'old' : 'new'));
        const newWanted = Math.max(Math.round(0.3 * kinds.length), kinds.length - oldCount);
        const newCount = Math.min(size - oldCount, newWanted);
        const expected = kinds.map((_, index) => (index < newCount ? 'new' : 'old'));
        expect(kinds, `${oldCount} old of ${size}`).toEqual(expected);
      }
    }
  });

  test.each(['markBad', 'markMisbehaved'] as const)(
    'BanBadPeers: after %s an address is out until the ban ends and the book reinstates it, as new',
    async (how) => {
      const { book, clock, random } = createBook();
      const address = randomAddress(random);
      book.addAddress(address, address);
      book.markGood(address.id);
      if (how === 'markBad') book.markBad(address, 1000);
      else book.markMisbehaved(address.id, 1000);
      expect([book.hasAddress(address), book.isBanned(address)]).toEqual([false, true]);
      expect(book.addAddress(address, address)).toBe('banned');
      await clock.advance(999);
      expect([book.reinstateBadPeers(), book.isBanned(address)]).toEqual([0, true]);
      await clock.advance(1);
      expect(book.isBanned(address)).toBe(false);
      expect(book.reinstateBadPeers()).toBe(1);
      expect([book.size, book.newCount, book.hasAddress(address), book.isGood(address)]).toEqual([1, 1, true, false]);
    },
  );

  test('a ban that has ended keeps nobody out, reinstated or not', async () => {
    const { book, clock, random } = createBook();
    const address = randomAddress(random);
    book.markBad(address, 1000);
    book.markMisbehaved(address.id, 1000);
    await clock.advance(1000);
    expect(book.addAddress(address, address)).toBe('added');
    expect([book.banCount, book.badAddressCount, book.reinstateBadPeers(), book.size]).toEqual([0, 0, 0, 1]);
  });

  test('a second ban never shortens the first', async () => {
    const { book, clock, random } = createBook();
    const address = randomAddress(random);
    book.markBad(address, 5000);
    book.markBad(address, 1000);
    await clock.advance(4999);
    expect(book.isBanned(address)).toBe(true);
  });

  test('at one ban over the bound, the one that ends first is forgotten', () => {
    const { book } = createBook();
    for (let i = 0; i < BANNED_PEERS_MAX - 1; i += 1) book.markMisbehaved(idOf(i), i === 77 ? 1000 : 2000);
    expect(book.banCount).toBe(BANNED_PEERS_MAX - 1);
    book.markMisbehaved(idOf(BANNED_PEERS_MAX - 1), 2000);
    expect([book.banCount, book.hasMisbehaved(idOf(77))]).toEqual([BANNED_PEERS_MAX, true]);
    book.markMisbehaved(idOf(BANNED_PEERS_MAX), 2000);
    expect([book.banCount, book.hasMisbehaved(idOf(77))]).toEqual([BANNED_PEERS_MAX, false]);
    expect(book.hasMisbehaved(idOf(BANNED_PEERS_MAX))).toBe(true);
  });

  test('at one bad address over the bound, the one that ends first is forgotten, and never a peer that misbehaved', () => {
    const { book } = createBook();
    const place = (i: number): PexAddress => at(i, '1.2.3.4');
    book.markMisbehaved(idOf(1), 500);
    for (let i = 0; i < BAD_ADDRESSES_MAX - 1; i += 1) book.markBad(place(i), i === 77 ? 1000 : 2000);
    expect(book.badAddressCount).toBe(BAD_ADDRESSES_MAX - 1);
    book.markBad(place(BAD_ADDRESSES_MAX - 1), 2000);
    expect([book.badAddressCount, book.isBanned(place(77))]).toEqual([BAD_ADDRESSES_MAX, true]);
    book.markBad(place(BAD_ADDRESSES_MAX), 2000);
    expect([book.badAddressCount, book.isBanned(place(77))]).toEqual([BAD_ADDRESSES_MAX, false]);
    expect([book.banCount, book.hasMisbehaved(idOf(1))]).toEqual([1, true]);
  });

  test('a bad address keeps out neither other addresses of its id nor its id; a misbehaviour keeps out all of them', async () => {
    const { book, clock } = createBook();
    const [here, there] = [at(1, '20.1.1.1'), at(1, '30.1.1.1')];
    book.addAddress(here, here);
    book.markBad(there, 1000);
    expect([book.hasAddress(here), book.isBanned(here), book.isBanned(there)]).toEqual([true, false, true]);
    expect([book.hasMisbehaved(here.id), book.addAddress(there, there)]).toEqual([false, 'banned']);
    book.markBad(here, 1000);
    book.markMisbehaved(here.id, 2000);
    expect([book.size, book.hasMisbehaved(here.id)]).toEqual([0, true]);
    await clock.advance(1000);
    expect([book.reinstateBadPeers(), book.addAddress(here, here)]).toEqual([0, 'banned']);
    await clock.advance(1000);
    expect([book.hasMisbehaved(here.id), book.addAddress(there, there)]).toEqual([false, 'added']);
  });

  test('Empty: neither our own address nor private ids fill the book', () => {
    const { book, random } = createBook();
    book.addOurAddress(randomAddress(random));
    book.addPrivateIds([idOf(1), idOf(2)]);
    expect(book.size).toBe(0);
    book.addAddress(randomAddress(random), randomAddress(random));
    expect(book.size).toBe(1);
  });

  test('PrivatePeers: neither they nor what they tell is taken, and who becomes private is forgotten', () => {
    const { book, random } = createBook();
    const [known, hidden] = [randomAddress(random), randomAddress(random)];
    book.addAddress(known, known);
    book.addPrivateIds([known.id, hidden.id]);
    expect(book.hasAddress(known)).toBe(false);
    expect(book.addAddress(hidden, randomAddress(random))).toBe('private');
    expect(book.addAddress(randomAddress(random), hidden)).toBe('private-source');
  });

  test('our own id and our own place are refused, each alone, and forgotten when they were there', () => {
    const { book } = createBook();
    const own = at(1, '8.8.8.8');
    book.addAddress(own, own);
    book.addOurAddress(own);
    expect(book.size).toBe(0);
    expect(book.addAddress(own, at(9, '9.9.9.9'))).toBe('self');
    expect(book.addAddress(at(1, '8.8.4.4'), at(9, '9.9.9.9'))).toBe('self');
    expect(book.addAddress(at(2, '8.8.8.8'), at(9, '9.9.9.9'))).toBe('self');
    expect(book.addAddress(at(2, '8.8.8.8', 1), at(9, '9.9.9.9'))).toBe('added');
  });

  test('AddDoesNotOverwriteOldIP: a known id keeps its address', () => {
    const { book, random } = createBook();
    const real = at('678503e6c8f50db7279c7da3cb9b072aac4bc0d5', '1.1.1.1');
    book.addAddress(real, at('b0dd378c3fbc4c156cd6d302a799f0d2e4227201', '159.89.121.174'));
    for (let i = 0; i < 50; i += 1) book.addAddress({ ...real, ip: '2.2.2.2' }, randomAddress(random));
    book.markGood(real.id);
    for (let i = 0; i < 50; i += 1) {
      expect(book.addAddress({ ...real, ip: '2.2.2.2' }, randomAddress(random))).toBe('known');
    }
    expect(book.getSelection()).toEqual([real]);
  });

  test.each([
    ['12.1.2.3', '12.1.0.0'],
    ['173.1.2.3', '173.1.0.0'],
    ['196.1.2.3', '196.1.0.0'],
    ['2002:c01:203::', '12.1.0.0'],
    ['2001:0:1234::f3fe:fdfc', '12.1.0.0'],
    ['64:ff9b::c01:203', '12.1.0.0'],
    ['::ffff:0:c01:203', '12.1.0.0'],
    ['fd87:d87e:eb43:1234::5678', 'tor:2'],
    ['fd87:d87e:eb43:1345::6789', 'tor:3'],
    ['2602:100::1234', '2602:100::'],
    ['2001:470:1f10:a1::2', '2001:470:1000::'],
  ])('GroupKey: %s is of %s', (ip, group) => {
    expect(groupKeyOf(at(1, ip), false)).toBe(group);
  });

  test.each([
    ['127.0.0.1', 'local'],
    ['::1', 'local'],
    ['0.1.2.3', 'local'],
    ['255.255.255.255', 'unroutable'],
    ['10.1.2.3', 'unroutable'],
    ['192.168.1.2', 'unroutable'],
    ['2001:db8::1234', 'unroutable'],
    ['169.254.1.2', 'unroutable'],
    ['fc00::1234', 'unroutable'],
    ['fe80::1234', 'unroutable'],
  ])('GroupKey: to a strict book %s is %s', (ip, group) => {
    expect(groupKeyOf(at(1, ip), true)).toBe(group);
  });
});

describe('what a book takes', () => {
  const source = at(9, '9.9.9.9');

  test.each([
    ['an id that is none', { id: 'zz', ip: '8.8.8.8', port: 1 }],
    ['no id', { id: '', ip: '8.8.8.8', port: 1 }],
    ['an IP address that is none', { id: idOf(1), ip: 'example.org', port: 1 }],
    ['the unspecified address', { id: idOf(1), ip: '0.0.0.0', port: 1 }],
    ['the unspecified IPv6 address', { id: idOf(1), ip: '::', port: 1 }],
    ['broadcast', { id: idOf(1), ip: '255.255.255.255', port: 1 }],
    ['a documentation address', { id: idOf(1), ip: '2001:db8::1', port: 1 }],
    ['a port over 65535', { id: idOf(1), ip: '8.8.8.8', port: 65_536 }],
    ['a fractional port', { id: idOf(1), ip: '8.8.8.8', port: 1.5 }],
  ])('%s is invalid', (_name, address) => {
    const { book } = createBook(1, false);
    expect(book.addAddress(address, source)).toBe('invalid');
    expect(book.size).toBe(0);
  });

  test.each(['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '169.254.0.1', 'fd00::1', 'fe80::1', '::1'])(
    '%s is taken by a book that is not strict only',
    (ip) => {
      expect(createBook(1, true).book.addAddress(at(1, ip), source)).toBe('not-routable');
      expect(createBook(1, false).book.addAddress(at(1, ip), source)).toBe('added');
    },
  );
});

describe('buckets', () => {
  /** Addresses of one group told by one source: all in one new bucket. */
  const neighbour = (index: number): PexAddress => at(index + 1, `20.30.${index >> 8}.${index & 0xff}`);
  const source = at(0xffff, '40.50.60.70');

  test('a new bucket holds 65; one more puts out the one tried longest ago', async () => {
    const { book, clock } = createBook();
    for (let i = 0; i < NEW_BUCKET_ADDRESSES_MAX - 1; i += 1) {
      expect(book.addAddress(neighbour(i), source)).toBe('added');
      await clock.advance(1);
    }
    expect(new Set(book.entries().flatMap(({ buckets }) => buckets)).size).toBe(1);
    expect(book.size).toBe(NEW_BUCKET_ADDRESSES_MAX - 1);
    book.addAddress(neighbour(64), source);
    expect(book.size).toBe(NEW_BUCKET_ADDRESSES_MAX);
    book.addAddress(neighbour(65), source);
    expect(book.size).toBe(NEW_BUCKET_ADDRESSES_MAX);
    expect([book.hasAddress(neighbour(0)), book.hasAddress(neighbour(1))]).toEqual([false, true]);
    expect(book.hasAddress(neighbour(65))).toBe(true);
  });

  test('a bad address is put out before an older good one', async () => {
    const { book, clock } = createBook();
    for (let i = 0; i < NEW_BUCKET_ADDRESSES_MAX; i += 1) {
      book.addAddress(neighbour(i), source);
      await clock.advance(1);
    }
    for (let i = 0; i < 3; i += 1) book.markAttempt(neighbour(40));
    await clock.advance(60_000);
    book.addAddress(neighbour(65), source);
    expect([book.hasAddress(neighbour(0)), book.hasAddress(neighbour(40))]).toEqual([true, false]);
  });

  test('one group fills 4 old buckets and no more; who is put out is new again', async () => {
    const { book, clock } = createBook();
    const count = OLD_BUCKETS_PER_GROUP * OLD_BUCKET_ADDRESSES_MAX + 40;
    for (let i = 0; i < count; i += 1) {
      // A source each, so that new buckets do not fill.
      book.addAddress(neighbour(i), at(0x10000 + i, `${50 + (i % 100)}.${i % 250}.1.1`));
      book.markGood(neighbour(i).id);
      await clock.advance(1);
    }
    const perBucket = new Map<number, number>();
    for (const { bucketType, buckets } of book.entries()) {
      if (bucketType === 'old') perBucket.set(buckets[0]!, (perBucket.get(buckets[0]!) ?? 0) + 1);
    }
    expect(perBucket.size).toBeLessThanOrEqual(OLD_BUCKETS_PER_GROUP);
    expect(Math.max(...perBucket.values())).toBe(OLD_BUCKET_ADDRESSES_MAX);
    expect(book.oldCount + book.newCount).toBe(count);
    expect(book.oldCount).toBeLessThanOrEqual(OLD_BUCKETS_PER_GROUP * OLD_BUCKET_ADDRESSES_MAX);
    expect(book.newCount).toBeGreaterThanOrEqual(40);
    expect(book.isGood(neighbour(count - 1))).toBe(true);
  });

  test('one source fills 32 of the 256 new buckets at most, whatever it tells', () => {
    const { book, random } = createBook();
    for (let i = 0; i < 3000; i += 1) book.addAddress(randomAddress(random), source);
    const used = new Set(book.entries().flatMap(({ buckets }) => buckets));
    expect(used.size).toBeLessThanOrEqual(32);
    expect(used.size).toBeGreaterThan(16);
    expect(book.size).toBeLessThanOrEqual(32 * NEW_BUCKET_ADDRESSES_MAX);
  });

  test('two keys choose different buckets', () => {
    const bucketsOf = (seed: number): number[] => {
      const { book } = createBook(seed);
      for (let i = 0; i < 20; i += 1) book.addAddress(at(i + 1, `${20 + i}.1.1.1`), at(99, `${60 + i}.1.1.1`));
      return book.entries().flatMap(({ buckets }) => buckets);
    };
    expect(bucketsOf(1)).toEqual(bucketsOf(1));
    expect(bucketsOf(1)).not.toEqual(bucketsOf(2));
    expect(createBook(1).book.key).toMatch(/^[0-9a-f]{24}$/);
  });

  test(`more addresses are wanted below ${NEED_ADDRESSES_BELOW}`, () => {
    const { book, random } = createBook();
    fillBook(book, random, 0, NEED_ADDRESSES_BELOW - 1);
    expect(book.needsMoreAddresses).toBe(true);
    fillBook(book, random, 0, 1);
    expect([book.size, book.needsMoreAddresses]).toEqual([NEED_ADDRESSES_BELOW, false]);
  });
});

describe('isBadAddress, after p2p/pex/known_address.go', () => {
  const nowMs = 100 * DAY_MS;
  const known = (parts: Partial<KnownAddress>): KnownAddress => ({
    address: at(1, '8.8.8.8'),
    source: at(2, '9.9.9.9'),
    bucketType: 'new',
    buckets: [1],
    attempts: 0,
    lastAttemptMs: nowMs - 3_600_000,
    lastSuccessMs: 0,
    bannedUntilMs: 0,
    ...parts,
  });

  test.each<[string, Partial<KnownAddress>, boolean]>([
    ['fresh', {}, false],
    ['old, whatever else', { bucketType: 'old', attempts: 99, lastAttemptMs: 0 }, false],
    ['tried within the minute', { attempts: 99, lastAttemptMs: nowMs - 59_999 }, false],
    ['tried a minute ago', { attempts: 99, lastAttemptMs: nowMs - 60_000 }, true],
    ['not tried for 7 days', { lastAttemptMs: nowMs - 7 * DAY_MS }, false],
    ['not tried for over 7 days', { lastAttemptMs: nowMs - 7 * DAY_MS - 1 }, true],
    ['2 failures, no success', { attempts: 2 }, false],
    ['3 failures, no success', { attempts: 3 }, true],
    ['9 failures, success over 7 days ago', { attempts: 9, lastSuccessMs: nowMs - 8 * DAY_MS }, false],
    ['10 failures, success over 7 days ago', { attempts: 10, lastSuccessMs: nowMs - 7 * DAY_MS - 1 }, true],
    ['10 failures, success 7 days ago', { attempts: 10, lastSuccessMs: nowMs - 7 * DAY_MS }, false],
  ])('%s: %j is bad: %s', (_name, parts, isBad) => {
    expect(isBadAddress(known(parts), nowMs)).toBe(isBad);
  });
});
