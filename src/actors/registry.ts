/**
 * Registry: keys to processes, after Elixir's `Registry`; unique (default) or duplicate keys.
 *
 * Reads and writes go straight to a table, without a message; a process owns the table and removes the keys of those that
 * end. A read never shows a dead owner, and a dead owner never blocks a new registration. Unlike Elixir's, any process may
 * be registered by any other, unregistering costs O(1) whatever else the owner has, the end of a registry does not end
 * who is registered, and listeners hear of crashes.
 */
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { GenServer, type StartOptions, startServer } from './gen-server.ts';
import type { Via } from './names.ts';
import type { Down, Pid } from './pid.ts';
import { asProcess, send } from './process.ts';
import type { Info, MaybePromise, Protocol } from './protocol.ts';
import { matchesPattern, type Pattern, type RegistryEntry, RegistryTable } from './registry-table.ts';
import { type NoReply, noreply } from './results.ts';

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

interface RegistryProtocol extends Protocol {
  info: never;
}

interface Hooks {
  ownerEnded: (pid: Pid, reason: ExitReason) => void;
}

class RegistryServer extends GenServer<Hooks, RegistryProtocol, [hooks: Hooks]> {
  override get moduleName(): string {
    return 'Registry';
  }

  init(hooks: Hooks): Hooks {
    return hooks;
  }

  override handleInfo(message: Info<RegistryProtocol>, hooks: Hooks): NoReply<Hooks> {
    if (message.type === 'down') hooks.ownerEnded((message as Down).pid, (message as Down).reason);
    return noreply(hooks);
  }
}

/** See the top of this file. Keys compare as in a `Map`. */
export class Registry<K, V = undefined> {
  /** The process that owns the table. */
  readonly pid: Pid;
  /** Whether a key has one entry or many. */
  readonly keysMode: 'unique' | 'duplicate';
  readonly #table: RegistryTable<K, V>;
  readonly #listeners: readonly Pid[];
  readonly #meta = new Map<unknown, unknown>();

  private constructor(pid: Pid, options: RegistryOptions, hooks: Hooks) {
    this.pid = pid;
    this.keysMode = options.keys ?? 'unique';
    this.#listeners = options.listeners ?? [];
    this.#table = new RegistryTable<K, V>();
    hooks.ownerEnded = (ended, reason) => {
      for (const { key } of this.#table.removeOwner(ended)) this.#tellGone(key, ended, { reason });
    };
    asProcess(pid).onExit(() => this.#table.clear());
  }

  /** Starts a registry linked to the process that calls. @throws ActorError as `startServer`; RangeError for `keys`. */
  static async startLink<K, V = undefined>(options: RegistryOptions = {}): Promise<Registry<K, V>> {
    if (options.keys !== undefined && options.keys !== 'unique' && options.keys !== 'duplicate') {
      throw new RangeError(`option keys is ${String(options.keys)}: expected unique or duplicate`);
    }
    const hooks: Hooks = { ownerEnded: () => {} };
    return new Registry<K, V>(await startServer(RegistryServer, [hooks], options), options, hooks);
  }

  /**
   * Gives `key` to `pid` until that process ends; with duplicate keys as often as asked.
   *
   * @throws ActorError `ALREADY_REGISTERED` (`reason`: the pid that has it, also when it is the same), `NOPROC` when the
   * registry or `pid` is dead.
   */
  register(key: K, pid: Pid, value: V): void {
    if (!this.pid.isAlive) throw new ActorError('NOPROC', `${this.pid.label} is not running`, { reason: 'noproc' });
    if (!pid.isAlive)
      throw new ActorError('NOPROC', `${pid.label} has ended and cannot own a key`, { reason: 'noproc' });
    if (this.keysMode === 'unique') {
      const taken = this.lookup(key);
      if (taken !== undefined) {
        throw new ActorError('ALREADY_REGISTERED', `key is registered by ${taken.pid.label}`, { reason: taken.pid });
      }
    }
    this.#table.add(key, pid, value, () => asProcess(this.pid).monitor(pid));
    for (const listener of this.#listeners) {
      send(listener, { type: 'register', registry: this, key, pid, value } satisfies RegistryEvent<K, V>);
    }
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
    if (removed.length > 0) this.#tellGone(key, pid, {});
    return removed.length > 0;
  }

  #tellGone(key: K, pid: Pid, why: { readonly reason?: ExitReason }): void {
    for (const listener of this.#listeners) {
      send(listener, { type: 'unregister', registry: this, key, pid, ...why } satisfies RegistryEvent<K, V>);
    }
  }

  /** The living owner of `key` and its value, or `undefined`; with duplicate keys the oldest. */
  lookup(key: K): RegistryEntry<K, V> | undefined {
    const slots = this.#table.slots.get(key);
    if (slots === undefined) return undefined;
    for (const { entry } of slots) if (entry.pid.isAlive) return entry;
    return undefined;
  }

  /** Every entry of `key` with a living owner, in order of registration. */
  lookupAll(key: K): RegistryEntry<K, V>[] {
    return this.#table.live(key).map((slot) => slot.entry);
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
    if (this.keysMode === 'duplicate') throw new TypeError('updateValue needs unique keys');
    const slot = this.#table.live(key)[0];
    if (slot?.entry.pid !== pid) return undefined;
    const old = slot.entry.value;
    const value = change(old);
    slot.entry = { key, pid, value };
    return { new: value, old };
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
    const list: RegistryEntry<K, V>[] = [];
    for (const slots of this.#table.slots.values()) {
      for (const { entry } of slots) if (entry.pid.isAlive) list.push(entry);
    }
    return list;
  }

  /** Keys of `pid`, in order of registration; once for each entry. */
  keys(pid: Pid): K[] {
    if (!pid.isAlive) return [];
    const list: K[] = [];
    for (const [key, slots] of this.#table.owners.get(pid)?.slots ?? []) for (const _ of slots) list.push(key);
    return list;
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
    const settled = mine.then(
      () => {},
      () => {},
    );
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
    if (this.keysMode === 'duplicate') throw new TypeError('a via needs a registry with unique keys');
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
