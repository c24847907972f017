/** The address book against a model of maps and sets, over any sequence of what can be done to it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AddressBook } from '../../src/p2p/address-book.ts';
import { decodeAddressBook, encodeAddressBook } from '../../src/p2p/address-book-json.ts';
import type { PexAddress } from '../../src/p2p/pex-address.ts';
import type { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { at, createBook, idOf } from '../p2p/pex-rig.ts';

const IDS = 12;

interface ModelBan {
  readonly address: PexAddress | undefined;
  untilMs: number;
}

interface Model {
  readonly known: Map<string, { address: PexAddress; isOld: boolean }>;
  /** By id: those that misbehaved. */
  readonly bans: Map<string, ModelBan>;
  /** By id and place. */
  readonly badAddresses: Map<string, ModelBan>;
  readonly hidden: Set<string>;
  ownIp: string | undefined;
  ownId: string | undefined;
  nowMs: number;
}

interface Real {
  readonly book: AddressBook;
  readonly clock: VirtualClock;
}

type Command = fc.AsyncCommand<Model, Real>;

// Every id has two places in groups of their own, so no bucket is ever full and the model needs none.
const place = (id: number, isSecond: boolean): PexAddress => at(id + 1, `${isSecond ? 90 + id : 20 + id}.1.1.1`);
const placeOf = (address: PexAddress): string => `${address.id}@${address.ip}`;

function lasts(model: Model, ban: ModelBan | undefined): boolean {
  return (ban?.untilMs ?? 0) > model.nowMs;
}

function isBanned(model: Model, address: PexAddress): boolean {
  return lasts(model, model.bans.get(address.id)) || lasts(model, model.badAddresses.get(placeOf(address)));
}

function forgetEnded(model: Model, address: PexAddress): void {
  if (!lasts(model, model.bans.get(address.id))) model.bans.delete(address.id);
  if (!lasts(model, model.badAddresses.get(placeOf(address)))) model.badAddresses.delete(placeOf(address));
}

function ban(model: Model, bans: Map<string, ModelBan>, key: string, banMs: number, address?: PexAddress): void {
  const entry = bans.get(key) ?? { address, untilMs: 0 };
  entry.untilMs = Math.max(entry.untilMs, model.nowMs + banMs);
  bans.set(key, entry);
  if (address !== undefined) model.known.delete(address.id);
}

function isOwn(model: Model, address: PexAddress): boolean {
  return address.id === model.ownId || address.ip === model.ownIp;
}

function check(model: Model, { book }: Real): void {
  const old = [...model.known.values()].filter(({ isOld }) => isOld).length;
  expect([book.size, book.oldCount, book.newCount]).toEqual([model.known.size, old, model.known.size - old]);
  expect(new Set(book.entries().map(({ address }) => address.id))).toEqual(new Set(model.known.keys()));
  for (let i = 0; i < IDS; i += 1) {
    const id = idOf(i + 1);
    const known = model.known.get(id);
    expect(book.lookup(id)?.address).toEqual(known?.address);
    expect(book.isGood(place(i, false))).toBe(known?.isOld ?? false);
    for (const address of [place(i, false), place(i, true)]) {
      expect(book.isBanned(address)).toBe(isBanned(model, address));
    }
    expect(book.hasMisbehaved(id)).toBe(lasts(model, model.bans.get(id)));
  }
  for (const { bucketType, buckets } of book.entries()) {
    expect(buckets.length).toBeGreaterThanOrEqual(1);
    expect(buckets.length).toBeLessThanOrEqual(bucketType === 'old' ? 1 : 4);
    expect(new Set(buckets).size).toBe(buckets.length);
  }
  const selection = book.getSelection();
  expect(selection).toHaveLength(model.known.size); // all, as there are under 32
  expect(new Set(selection.map(({ id }) => id)).size).toBe(selection.length);
  expect(book.pickAddress(50) === undefined).toBe(model.known.size === 0);
}

function command(name: string, run: (model: Model, real: Real) => void | Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real);
      check(model, real);
    },
    toString: () => name,
  };
}

function add(id: number, isSecond: boolean, source: number): Command {
  const address = place(id, isSecond);
  const from = place(source, false);
  return command(`add ${id}${isSecond ? "'" : ''} from ${source}`, (model, { book }) => {
    const result = book.addAddress(address, from);
    if (isBanned(model, address)) expect(result).toBe('banned');
    else if (model.hidden.has(address.id)) expect(result).toBe('private');
    else if (model.hidden.has(from.id)) expect(result).toBe('private-source');
    else if (isOwn(model, address)) expect(result).toBe('self');
    else {
      expect(['added', 'known']).toContain(result);
      const known = model.known.get(address.id);
      if (known === undefined) {
        expect(result).toBe('added');
        model.known.set(address.id, { address, isOld: false });
        forgetEnded(model, address);
      } else if (result === 'added') {
        expect(known.isOld).toBe(false);
        forgetEnded(model, address);
      }
    }
  });
}

function forget(model: Model, isGone: (address: PexAddress) => boolean): void {
  for (const [id, { address }] of model.known) if (isGone(address)) model.known.delete(id);
}

const id = fc.nat(IDS - 1);
const commands: fc.Arbitrary<Command>[] = [
  fc.tuple(id, fc.boolean(), id).map(([i, isSecond, source]) => add(i, isSecond, source)),
  fc.tuple(id, fc.boolean(), id).map(([i, isSecond, source]) => add(i, isSecond, source)),
  id.map((i) =>
    command(`good ${i}`, (model, { book }) => {
      book.markGood(idOf(i + 1));
      const known = model.known.get(idOf(i + 1));
      if (known !== undefined) known.isOld = true;
    }),
  ),
  id.map((i) => command(`attempt ${i}`, (_model, { book }) => book.markAttempt(place(i, false)))),
  id.map((i) =>
    command(`remove ${i}`, (model, { book }) => {
      expect(book.removeAddress(place(i, true))).toBe(model.known.delete(idOf(i + 1)));
    }),
  ),
  fc.tuple(id, fc.boolean(), fc.constantFrom(1000, 5000)).map(([i, isSecond, banMs]) =>
    command(`bad ${i}${isSecond ? "'" : ''} ${banMs}`, (model, { book }) => {
      const address = place(i, isSecond);
      book.markBad(address, banMs);
      const known = model.known.get(address.id)?.address;
      ban(model, model.badAddresses, placeOf(address), banMs, known?.ip === address.ip ? known : undefined);
    }),
  ),
  fc.tuple(id, fc.constantFrom(1000, 5000)).map(([i, banMs]) =>
    command(`ban ${i} ${banMs}`, (model, { book }) => {
      const name = idOf(i + 1);
      book.markMisbehaved(name, banMs);
      ban(model, model.bans, name, banMs, model.known.get(name)?.address);
    }),
  ),
  fc.constant(
    command('reinstate', (model, { book }) => {
      let count = 0;
      const ended: PexAddress[] = [];
      for (const bans of [model.bans, model.badAddresses]) {
        for (const [key, { address, untilMs }] of bans) {
          if (untilMs > model.nowMs) continue;
          bans.delete(key);
          if (address !== undefined) ended.push(address);
        }
      }
      for (const address of ended) {
        if (model.known.has(address.id) || isBanned(model, address)) continue;
        if (model.hidden.has(address.id) || isOwn(model, address)) continue;
        model.known.set(address.id, { address, isOld: false });
        count += 1;
      }
      expect(book.reinstateBadPeers()).toBe(count);
    }),
  ),
  fc.constantFrom(1, 999, 5000).map((ms) =>
    command(`advance ${ms}`, async (model, { clock }) => {
      await clock.advance(ms);
      model.nowMs += ms;
    }),
  ),
  id.map((i) =>
    command(`private ${i}`, (model, { book }) => {
      book.addPrivateIds([idOf(i + 1)]);
      model.hidden.add(idOf(i + 1));
      model.known.delete(idOf(i + 1));
    }),
  ),
  fc.constant(
    command('our address', (model, { book }) => {
      const own = { ...place(3, false), ip: place(5, true).ip };
      book.addOurAddress(own);
      model.ownId = own.id;
      model.ownIp = own.ip;
      forget(model, (address) => isOwn(model, address));
    }),
  ),
  fc.constant(
    command('save and load', (_model, { book }) => {
      const before = book.entries();
      const { key, addresses } = decodeAddressBook(encodeAddressBook(book));
      book.restore(key, addresses);
      expect(book.entries()).toEqual(before);
    }),
  ),
];

test('whatever is done to it, the book holds what the model holds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 120 }), fc.nat(), async (sequence, seed) => {
      const real = createBook(seed);
      const model: Model = {
        known: new Map(),
        bans: new Map(),
        badAddresses: new Map(),
        hidden: new Set(),
        ownIp: undefined,
        ownId: undefined,
        nowMs: 0,
      };
      await fc.asyncModelRun(() => ({ model, real }), sequence);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('in the most crowded book every bucket keeps its bound and every count is true', () => {
  const crowd = fc.record({
    id: fc.nat(5000),
    // Few groups and few sources: as bad as it gets.
    ip: fc
      .tuple(fc.constantFrom(20, 21), fc.constantFrom(1, 2), fc.nat(255), fc.nat(255))
      .map((parts) => parts.join('.')),
    source: fc.constantFrom(...['60.1.1.1', '61.1.1.1', '60.1.9.9'].map((ip, index) => at(9000 + index, ip))),
    isGood: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(crowd, { minLength: 600, maxLength: 1500, size: 'max' }), fc.nat(), (entries, seed) => {
      const { book } = createBook(seed);
      for (const { id: number, ip, source, isGood } of entries) {
        const address = at(number + 1, ip);
        book.addAddress(address, source);
        if (isGood) book.markGood(address.id);
      }
      const perBucket = new Map<string, number>();
      const counts = { new: 0, old: 0 };
      for (const { bucketType, buckets } of book.entries()) {
        counts[bucketType] += 1;
        for (const bucket of buckets) {
          const name = `${bucketType} ${bucket}`;
          perBucket.set(name, (perBucket.get(name) ?? 0) + 1);
        }
      }
      expect(Math.max(...perBucket.values())).toBeLessThanOrEqual(65);
      expect([book.newCount, book.oldCount, book.size]).toEqual([counts.new, counts.old, counts.new + counts.old]);
      expect(book.oldCount).toBeLessThanOrEqual(4 * 4 * 65); // 4 groups of 4 old buckets
      const { key, addresses } = decodeAddressBook(encodeAddressBook(book));
      book.restore(key, addresses);
      expect(book.size).toBe(counts.new + counts.old);
    }),
    { numRuns: 15 },
  );
}, 60_000);
