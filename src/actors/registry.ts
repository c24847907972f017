/**
 * Registry: keys to processes, after Elixir's `Registry`; unique (default) or duplicate keys.
 *
 * Reads and writes go straight to a table, without a message; a process owns the table and removes the keys of those that
 * end. A read never shows a dead owner, and a dead owner never blocks a new registration. Unlike Elixir's, any process may
 * be registered by any other, unregistering costs O(1) whatever else the owner has, the end of a registry does not end
 * who is registered, and listeners hear of crashes.
 */
import { checkOneOf } from '../base/errors.ts';
import { type ChildOptions, type ChildSpec, handleSpec } from './child-spec.ts';
import { callable } from './client.ts';
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import type { StartOptions } from './gen-server.ts';
import { type Via, whereis } from './names.ts';
import type { Pid } from './pid.ts';
import { asProcess, send } from './process.ts';
import type { MaybePromise } from './protocol.ts';
import { matchesPattern, type Pattern, type RegistryEntry, RegistryTable } from './registry-table.ts';
import type { ActorSystem } from './system.ts';
import { startTableServer } from './table-server.ts';

export type { Pattern, RegistryEntry } from './registry-table.ts';

/** How a registry is started. */
export interface RegistryOptions extends StartOptions {
  /** Whether a key has one entry or many. Default `unique`. */
  readonly keys?: 'unique' | 'duplicate';
  /** Processes that get a {@link RegistryEvent} for each change. Default: none. */
  readonly listeners?: readonly Pid[];
}

/** What a listener gets. On `unregister`, `reason` is there when the owner ended, and says why. */
export type RegistryEvent<K = unknown, V = unknown> =
  | {
      readonly type: 'register';
      readonly registry: Registry<K, V>;
      readonly key: K;
      readonly pid: Pid;
      readonly value: V;
    }
  | {
      readonly type: 'unregister';
      readonly registry: Registry<K, V>;
      readonly key: K;
      readonly pid: Pid;
      readonly reason?: ExitReason;
    };

const running = new WeakMap<Pid, Registry<unknown, unknown>>();

/** See the top of this file. Keys compare as in a `Map`. */
export class Registry<K, V = undefined> {
  /** The process that owns the table. */
  readonly pid: Pid;
  /** Whether a key has one entry or many. */
  readonly keysMode: 'unique' | 'duplicate';
  readonly #table = new RegistryTable<K, V>();
  readonly #listeners: readonly Pid[];
  readonly #meta = new Map<unknown, unknown>();

  private constructor(pid: Pid, keys: 'unique' | 'duplicate', listeners: readonly Pid[]) {
    this.pid = pid;
    this.keysMode = keys;
    this.#listeners = listeners;
    asProcess(pid).onExit(() => this.#table.clear());
  }

  /** Starts a registry linked to the process that calls. @throws ActorError as `startServer`; RangeError for `keys`. */
  static async startLink<K, V = undefined>({
    keys = 'unique',
    listeners = [],
    ...options
  }: RegistryOptions = {}): Promise<Registry<K, V>> {
    checkOneOf('keys', keys, ['unique', 'duplicate']);
    const server = await startTableServer('Registry', options, (pid, reason) => {
      for (const { key } of registry.#table.removeOwner(pid)) registry.#tell('unregister', key, pid, { reason });
    });
    const registry = new Registry<K, V>(server, keys, listeners);
    running.set(server, registry as Registry<unknown, unknown>);
    return registry;
  }

  /** How a supervisor starts one of these. */
  static childSpec<const I extends string, K, V = undefined>(
    id: I,
    options: RegistryOptions & ChildOptions = {},
  ): ChildSpec<I, Registry<K, V>> {
    return handleSpec(id, 'Registry', options, (given) => Registry.startLink<K, V>(given));
  }

  /**
   * The running registry of that name: for who was not given it, as the children beside it in a tree.
   *
   * @param system - default: that of the process that runs.
   * @throws ActorError `NOPROC` when no registry has that name.
   */
  static named<K, V = undefined>(name: string, system?: ActorSystem): Registry<K, V> {
    const pid = whereis(name, system);
    const registry = pid && running.get(pid);
    if (registry === undefined) throw new ActorError('NOPROC', `no registry is named ${name}`, { reason: 'noproc' });
    return registry as unknown as Registry<K, V>;
  }

  /** Stops it: every key is free. @throws ActorError as `ServerRef.stop`. */
  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return callable(this.pid).stop(reason, options);
  }

  /**
   * Gives `key` to `pid` until that process ends; with duplicate keys as often as asked.
   *
   * @throws ActorError `ALREADY_REGISTERED` (`reason`: the pid that has it, also when it is the same), `NOPROC` when the
   * registry or `pid` is dead.
   */
  register(key: K, pid: Pid, value: V): void {
    for (const needed of [this.pid, pid]) {
      if (needed.isAlive) continue;
      throw new ActorError('NOPROC', `${needed.label} is not running: no key can be registered`, { reason: 'noproc' });
    }
    const taken = this.keysMode === 'unique' ? this.whereis(key) : undefined;
    if (taken !== undefined) {
      throw new ActorError('ALREADY_REGISTERED', `key is registered by ${taken.label}`, { reason: taken });
    }
    this.#table.add(key, pid, value, () => asProcess(this.pid).monitor(pid));
    this.#tell('register', key, pid, { value });
  }

  /** Takes every entry of `pid` under `key` back. @returns whether it had one. */
  unregister(key: K, pid: Pid): boolean {
    return this.#take(key, pid, () => true);
  }

  /** Takes back the entries of `pid` under `key` whose value matches. @returns whether there was one. */
  unregisterMatch(key: K, pid: Pid, pattern: Pattern): boolean {
    return this.#take(key, pid, (value) => matchesPattern(pattern, value));
  }

  #take(key: K, pid: Pid, passes: (value: V) => boolean): boolean {
    const removed = this.#table.remove(key, pid, passes);
    const monitor = this.#table.releaseOwner(pid);
    if (monitor !== undefined) asProcess(this.pid).demonitor(monitor, { flush: true });
    if (removed.length > 0) this.#tell('unregister', key, pid, {});
    return removed.length > 0;
  }

  #tell(
    type: RegistryEvent['type'],
    key: K,
    pid: Pid,
    more: { readonly value?: V; readonly reason?: ExitReason },
  ): void {
    for (const listener of this.#listeners) send(listener, { type, registry: this, key, pid, ...more });
  }

  #needUnique(what: string): void {
    if (this.keysMode === 'duplicate') throw new TypeError(`${what} needs unique keys`);
  }

  /** The living owner of `key` and its value, or `undefined`; with duplicate keys the oldest. */
  lookup(key: K): RegistryEntry<K, V> | undefined {
    for (const entry of this.#table.entries.get(key) ?? []) if (entry.pid.isAlive) return entry;
    return undefined;
  }

  /** Every entry of `key` with a living owner, in order of registration. */
  lookupAll(key: K): RegistryEntry<K, V>[] {
    return [...(this.#table.entries.get(key) ?? [])].filter((entry) => entry.pid.isAlive);
  }

  /** The pid that has `key`, or `undefined`. */
  whereis(key: K): Pid | undefined {
    return this.lookup(key)?.pid;
  }

  /**
   * Replaces the value of the entry that `pid` has under `key` by `change(value)`; unique keys only.
   *
   * @returns the new and the old value, or `undefined`, without a call of `change`, when `pid` does not have the key.
   * @throws TypeError for a registry with duplicate keys.
   */
  updateValue(key: K, pid: Pid, change: (value: V) => V): { readonly new: V; readonly old: V } | undefined {
    this.#needUnique('updateValue');
    const entry = this.lookup(key);
    if (entry?.pid !== pid) return undefined;
    const value = change(entry.value);
    this.#table.replace(entry, value);
    return { new: value, old: entry.value };
  }

  /** Calls `run`, in the turn of the caller, with the entries of `key`; not at all when there is none. */
  dispatch(key: K, run: (entries: readonly RegistryEntry<K, V>[]) => void): void {
    const entries = this.lookupAll(key);
    if (entries.length > 0) run(entries);
  }

  /** Entries of `key` whose value matches. */
  match(key: K, pattern: Pattern): RegistryEntry<K, V>[] {
    return this.lookupAll(key).filter((entry) => matchesPattern(pattern, entry.value));
  }

  /** How many entries of `key` match. */
  countMatch(key: K, pattern: Pattern): number {
    return this.match(key, pattern).length;
  }

  /** Every entry that matches `pattern`, an object of `key`, `pid` and `value` or a predicate on it. O(n). */
  select(pattern: Pattern): RegistryEntry<K, V>[] {
    return this.entries().filter((entry) => matchesPattern(pattern, entry));
  }

  /** Every registration with a living owner. O(n). */
  entries(): RegistryEntry<K, V>[] {
    return [...this.#table.entries.keys()].flatMap((key) => this.lookupAll(key));
  }

  /** Keys of `pid`, in order of registration; once for each entry. */
  keys(pid: Pid): K[] {
    const own = pid.isAlive ? this.#table.owners.get(pid)?.entries.values() : undefined;
    return [...(own ?? [])].flatMap((entries) => [...entries].map((entry) => entry.key));
  }

  /** Values that `pid` has under `key`. */
  values(key: K, pid: Pid): V[] {
    return this.lookupAll(key)
      .filter((entry) => entry.pid === pid)
      .map((entry) => entry.value);
  }

  /** Registrations with a living owner. O(n). */
  get count(): number {
    return this.entries().length;
  }

  /** Keeps `value` under `name` beside the entries. */
  putMeta(name: unknown, value: unknown): void {
    this.#meta.set(name, value);
  }

  /** What {@link Registry.putMeta} kept, or `undefined`. */
  meta(name: unknown): unknown {
    return this.#meta.get(name);
  }

  /** Forgets what {@link Registry.putMeta} kept. */
  deleteMeta(name: unknown): void {
    this.#meta.delete(name);
  }

  /** Runs `body` when nobody else holds the lock of `key`, in the order asked; `Registry.lock/3`. */
  async lock<T>(key: K, body: () => MaybePromise<T>): Promise<T> {
    const before = this.#table.locks.get(key) ?? Promise.resolve();
    const mine = before.then(body, body);
    const settled = mine.catch(() => {});
    this.#table.locks.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#table.locks.get(key) === settled) this.#table.locks.delete(key);
    }
  }

  /**
   * A server name kept by this registry: `startServer(Counter, [0], { name: registry.via('a') })`. `value` is stored with it.
   *
   * @throws TypeError for a registry with duplicate keys.
   */
  via(key: K, ...value: undefined extends V ? [value?: V] : [value: V]): Via {
    this.#needUnique('a via');
    return {
      registerName: (pid) => this.register(key, pid, value[0] as V),
      unregisterName: (pid) => {
        if (this.pid.isAlive) this.unregister(key, pid);
      },
      whereisName: () => this.whereis(key),
      label: `${this.pid.label}:${String(key)}`,
    };
  }
}
