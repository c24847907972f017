/** The table of a Registry: keys to entries and owners to their entries, so that every change is O(1). */
import type { MonitorRef, Pid } from './pid.ts';

/** One registration. */
export interface RegistryEntry<K, V> {
  readonly key: K;
  readonly pid: Pid;
  readonly value: V;
}

/** Entries by key. */
type Entries<K, V> = Map<K, Set<RegistryEntry<K, V>>>;

interface Owner<K, V> {
  readonly monitor: MonitorRef;
  readonly entries: Entries<K, V>;
}

/** @internal */
export class RegistryTable<K, V> {
  readonly entries: Entries<K, V> = new Map();
  readonly owners: Map<Pid, Owner<K, V>> = new Map();
  readonly locks: Map<K, Promise<unknown>> = new Map();

  add(key: K, pid: Pid, value: V, watch: () => MonitorRef): void {
    let owner = this.owners.get(pid);
    if (owner === undefined) {
      owner = { monitor: watch(), entries: new Map() };
      this.owners.set(pid, owner);
    }
    const entry = { key, pid, value };
    addTo(owner.entries, entry);
    addTo(this.entries, entry);
  }

  /** Takes away the entries of `pid` under `key` that pass; gives them back. */
  remove(key: K, pid: Pid, passes: (value: V) => boolean = () => true): RegistryEntry<K, V>[] {
    const own = this.owners.get(pid)?.entries;
    const removed = [...(own?.get(key) ?? [])].filter((entry) => passes(entry.value));
    for (const entry of removed) {
      removeFrom(own, entry);
      removeFrom(this.entries, entry);
    }
    return removed;
  }

  /** Puts `value` into `entry` of a key that has no other one. */
  replace(entry: RegistryEntry<K, V>, value: V): void {
    const { key, pid } = entry;
    const next = { key, pid, value };
    for (const entries of [this.entries, this.owners.get(pid)?.entries]) {
      const set = entries?.get(key);
      set?.delete(entry);
      set?.add(next);
    }
  }

  /** The monitor of an owner that has no key left, once. */
  releaseOwner(pid: Pid): MonitorRef | undefined {
    const owner = this.owners.get(pid);
    if (owner === undefined || owner.entries.size > 0) return undefined;
    this.owners.delete(pid);
    return owner.monitor;
  }

  /** Takes away everything of `pid`; gives the entries. */
  removeOwner(pid: Pid): RegistryEntry<K, V>[] {
    const keys = [...(this.owners.get(pid)?.entries.keys() ?? [])];
    const removed = keys.flatMap((key) => this.remove(key, pid));
    this.owners.delete(pid);
    return removed;
  }

  clear(): void {
    this.entries.clear();
    this.owners.clear();
    this.locks.clear();
  }
}

function addTo<K, V>(entries: Entries<K, V>, entry: RegistryEntry<K, V>): void {
  const set = entries.get(entry.key);
  if (set === undefined) entries.set(entry.key, new Set([entry]));
  else set.add(entry);
}

function removeFrom<K, V>(entries: Entries<K, V> | undefined, entry: RegistryEntry<K, V>): void {
  const set = entries?.get(entry.key);
  set?.delete(entry);
  if (set?.size === 0) entries?.delete(entry.key);
}

/**
 * What values are matched with: a predicate, or a value to be equal to in which each function is a predicate of its own
 * and each object names only the fields that matter. A guard is a predicate.
 */
export type Pattern = ((value: never) => boolean) | unknown;

/** True when `value` matches `pattern`; see {@link Pattern}. */
export function matchesPattern(pattern: Pattern, value: unknown): boolean {
  if (typeof pattern === 'function') return (pattern as (value: unknown) => boolean)(value) === true;
  if (!isObject(pattern) || !isObject(value)) return Object.is(pattern, value);
  if (Array.isArray(pattern) !== Array.isArray(value)) return false;
  if (Array.isArray(pattern) && pattern.length !== (value as { length?: unknown }).length) return false;
  return Object.entries(pattern).every(
    ([field, inner]) => Object.hasOwn(value, field) && matchesPattern(inner, value[field]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
