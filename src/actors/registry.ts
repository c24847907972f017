/**
 * Registry: unique keys to processes, after Elixir's `Registry` with `keys: :unique`.
 *
 * Reads and writes go straight to a table, without a message; a process owns the table and removes the keys of those that
 * end. A read never shows a dead owner, and a dead owner never blocks a new registration.
 */
import { ActorError } from './errors.ts';
import { GenServer, type StartOptions, startServer } from './gen-server.ts';
import { asProcess, type Down, type MonitorRef, type Pid } from './process.ts';
import type { Info, Protocol } from './protocol.ts';
import { type NoReply, noreply } from './results.ts';

/** One registration. */
export interface RegistryEntry<K, V> {
  readonly key: K;
  readonly pid: Pid;
  readonly value: V;
}

interface Owner<K> {
  readonly monitor: MonitorRef;
  readonly keys: Set<K>;
}

class Table<K, V> {
  readonly entries = new Map<K, RegistryEntry<K, V>>();
  readonly owners = new Map<Pid, Owner<K>>();
}

interface RegistryProtocol extends Protocol {
  info: never;
}

class RegistryServer<K, V> extends GenServer<Table<K, V>, RegistryProtocol, [table: Table<K, V>]> {
  init(table: Table<K, V>): Table<K, V> {
    return table;
  }

  override handleInfo(message: Info<RegistryProtocol>, table: Table<K, V>): NoReply<Table<K, V>> {
    if (message.type === 'down') removeOwner(table, (message as Down).pid);
    return noreply(table);
  }

  override terminate(_reason: unknown, table: Table<K, V>): void {
    table.entries.clear();
    table.owners.clear();
  }
}

function removeOwner<K, V>(table: Table<K, V>, pid: Pid): void {
  for (const key of table.owners.get(pid)?.keys ?? []) {
    if (table.entries.get(key)?.pid === pid) table.entries.delete(key);
  }
  table.owners.delete(pid);
}

/** A unique registry. Keys compare as in a `Map`. Every operation is O(1). */
export class Registry<K, V = undefined> {
  /** The process that owns the table. */
  readonly pid: Pid;
  readonly #table: Table<K, V>;

  private constructor(pid: Pid, table: Table<K, V>) {
    this.pid = pid;
    this.#table = table;
  }

  /** Starts a registry linked to the process that calls. @throws ActorError as {@link startServer}. */
  static async startLink<K, V = undefined>(options: StartOptions = {}): Promise<Registry<K, V>> {
    const table = new Table<K, V>();
    const pid = await startServer(RegistryServer<K, V>, [table], options);
    return new Registry<K, V>(pid, table);
  }

  /**
   * Gives `key` to `pid` until that process ends.
   *
   * @throws ActorError `ALREADY_REGISTERED` (`reason`: the pid that has it, also when it is the same), `NOPROC` when the
   * registry or `pid` is dead.
   */
  register(key: K, pid: Pid, value: V): void {
    if (!this.pid.isAlive) throw new ActorError('NOPROC', `${this.pid.label} is not running`, { reason: 'noproc' });
    if (!pid.isAlive)
      throw new ActorError('NOPROC', `${pid.label} has ended and cannot own a key`, { reason: 'noproc' });
    const taken = this.#table.entries.get(key);
    if (taken?.pid.isAlive) {
      throw new ActorError('ALREADY_REGISTERED', `key is registered by ${taken.pid.label}`, { reason: taken.pid });
    }
    this.#table.entries.set(key, { key, pid, value });
    let owner = this.#table.owners.get(pid);
    if (owner === undefined) {
      owner = { monitor: asProcess(this.pid).monitor(pid), keys: new Set() };
      this.#table.owners.set(pid, owner);
    }
    owner.keys.add(key);
  }

  /** Takes `key` back if `pid` has it. @returns whether it had. */
  unregister(key: K, pid: Pid): boolean {
    if (this.#table.entries.get(key)?.pid !== pid) return false;
    this.#table.entries.delete(key);
    const owner = this.#table.owners.get(pid);
    owner?.keys.delete(key);
    if (owner !== undefined && owner.keys.size === 0) {
      asProcess(this.pid).demonitor(owner.monitor, { flush: true });
      this.#table.owners.delete(pid);
    }
    return true;
  }

  /** The living owner of `key` and its value, or `undefined`. */
  lookup(key: K): RegistryEntry<K, V> | undefined {
    const entry = this.#table.entries.get(key);
    return entry?.pid.isAlive ? entry : undefined;
  }

  /** The pid that has `key`, or `undefined`. */
  whereis(key: K): Pid | undefined {
    return this.lookup(key)?.pid;
  }

  /** Every registration with a living owner, in order of registration. */
  entries(): RegistryEntry<K, V>[] {
    return [...this.#table.entries.values()].filter((entry) => entry.pid.isAlive);
  }

  /** Keys of `pid`, in order of registration. */
  keys(pid: Pid): K[] {
    return pid.isAlive ? [...(this.#table.owners.get(pid)?.keys ?? [])] : [];
  }

  /** Registrations with a living owner. O(n). */
  get count(): number {
    return this.entries().length;
  }
}
