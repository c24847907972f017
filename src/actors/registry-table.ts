/** The table of a Registry: keys to entries and owners to their entries, so that every change is O(1). */
import type { MonitorRef, Pid } from './pid.ts';

/** One registration. */
export interface RegistryEntry<K, V> {
  readonly key: K;
  readonly pid: Pid;
  readonly value: V;
}

/** @internal */
export interface Slot<K, V> {
  entry: RegistryEntry<K, V>;
}

interface Owner<K, V> {
  readonly monitor: MonitorRef;
  readonly slots: Map<K, Set<Slot<K, V>>>;
}

/** @internal */
export class RegistryTable<K, V> {
  readonly slots: Map<K, Set<Slot<K, V>>> = new Map();
  readonly owners: Map<Pid, Owner<K, V>> = new Map();
  readonly locks: Map<K, Promise<unknown>> = new Map();

  add(key: K, pid: Pid, value: V, watch: () => MonitorRef): void {
    const slot: Slot<K, V> = { entry: { key, pid, value } };
    let owner = this.owners.get(pid);
    if (owner === undefined) {
      owner = { monitor: watch(), slots: new Map() };
      this.owners.set(pid, owner);
    }
    addTo(owner.slots, key, slot);
    addTo(this.slots, key, slot);
  }

  /** Takes away the entries of `pid` under `key` that pass; gives them back. */
  remove(key: K, pid: Pid, passes: (value: V) => boolean = () => true): RegistryEntry<K, V>[] {
    const owner = this.owners.get(pid);
    const own = owner?.slots.get(key);
    const removed: RegistryEntry<K, V>[] = [];
    for (const slot of own ?? []) {
      if (!passes(slot.entry.value)) continue;
      own?.delete(slot);
      removeFrom(this.slots, key, slot);
      removed.push(slot.entry);
    }
    if (own?.size === 0) owner?.slots.delete(key);
    return removed;
  }

  /** The monitor of an owner that has no key left, once. */
  releaseOwner(pid: Pid): MonitorRef | undefined {
    const owner = this.owners.get(pid);
    if (owner === undefined || owner.slots.size > 0) return undefined;
    this.owners.delete(pid);
    return owner.monitor;
  }

  /** Takes away everything of `pid`; gives the entries. */
  removeOwner(pid: Pid): RegistryEntry<K, V>[] {
    const removed: RegistryEntry<K, V>[] = [];
    for (const [key, own] of this.owners.get(pid)?.slots ?? []) {
      for (const slot of own) {
        removeFrom(this.slots, key, slot);
        removed.push(slot.entry);
      }
    }
    this.owners.delete(pid);
    return removed;
  }

  /** Slots under `key` whose owner lives, in order of registration. */
  live(key: K): Slot<K, V>[] {
    const all = this.slots.get(key);
    return all === undefined ? [] : [...all].filter((slot) => slot.entry.pid.isAlive);
  }

  clear(): void {
    this.slots.clear();
    this.owners.clear();
    this.locks.clear();
  }
}

function addTo<K, V>(map: Map<K, Set<Slot<K, V>>>, key: K, slot: Slot<K, V>): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([slot]));
  else set.add(slot);
}

function removeFrom<K, V>(map: Map<K, Set<Slot<K, V>>>, key: K, slot: Slot<K, V>): void {
  const set = map.get(key);
  set?.delete(slot);
  if (set?.size === 0) map.delete(key);
}

/**
 * What values are matched with: a predicate, or a value to be equal to in which each function is a predicate of its own
 * and each object names only the fields that matter. A guard is a predicate.
 */
export type Pattern = ((value: never) => boolean) | unknown;

/** True when `value` matches `pattern`; see {@link Pattern}. */
export function matchesPattern(pattern: Pattern, value: unknown): boolean {
  if (typeof pattern === 'function') return (pattern as (value: unknown) => boolean)(value) === true;
  if (typeof pattern !== 'object' || pattern === null) return Object.is(pattern, value);
  if (typeof value !== 'object' || value === null || Array.isArray(pattern) !== Array.isArray(value)) return false;
  if (Array.isArray(pattern) && pattern.length !== (value as unknown[]).length) return false;
  return Object.entries(pattern).every(([field, inner]) =>
    Object.hasOwn(value, field) ? matchesPattern(inner, (value as Record<string, unknown>)[field]) : false,
  );
}
