import { expect, test } from 'vitest';
import { AddressBookBuckets } from '../../src/p2p/address-book-buckets.ts';
import {
  NEW_BUCKET_COUNT,
  NEW_BUCKETS_PER_GROUP,
  OLD_BUCKET_COUNT,
  OLD_BUCKETS_PER_GROUP,
} from '../../src/p2p/address-book-limits.ts';
import { at, engine } from './pex-rig.ts';

const buckets = new AddressBookBuckets((bytes) => engine.hash('sha256', bytes), 'a key', true);

/** How many different buckets each of 60 groups reaches. */
function reached(indexOf: (group: number, member: number) => number): { counts: number[]; indices: Set<number> } {
  const indices = new Set<number>();
  const counts = Array.from({ length: 60 }, (_, group) => {
    const own = new Set(Array.from({ length: 200 }, (_, member) => indexOf(group, member)));
    for (const index of own) indices.add(index);
    return own.size;
  });
  return { counts, indices };
}

test('what one source group tells goes to 32 new buckets, fewer only where two of them fall together', () => {
  const { counts, indices } = reached((group, member) =>
    buckets.newIndexOf(at(1, `${20 + (member % 100)}.${member >> 2}.1.1`), at(2, `150.${group}.1.1`)),
  );
  expect(Math.max(...counts)).toBe(NEW_BUCKETS_PER_GROUP);
  expect(Math.min(...counts)).toBeGreaterThan(NEW_BUCKETS_PER_GROUP / 2);
  expect(Math.max(...indices)).toBeLessThan(NEW_BUCKET_COUNT);
  expect(indices.size).toBeGreaterThan(NEW_BUCKET_COUNT * 0.9);
});

test('the addresses of one group go to 4 old buckets, fewer only where two of them fall together', () => {
  const { counts, indices } = reached((group, member) =>
    buckets.oldIndexOf(at(member, `150.${group}.${member >> 8}.${member & 0xff}`)),
  );
  expect(Math.max(...counts)).toBe(OLD_BUCKETS_PER_GROUP);
  expect(Math.max(...indices)).toBeLessThan(OLD_BUCKET_COUNT);
  expect(indices.size).toBeGreaterThan(OLD_BUCKET_COUNT * 0.9);
});

test('two addresses of one group, told by one source, are in one new bucket', () => {
  const source = at(9, '150.1.1.1');
  expect(buckets.newIndexOf(at(1, '20.30.1.1'), source)).toBe(buckets.newIndexOf(at(2, '20.30.2.2', 5), source));
});
