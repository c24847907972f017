/**
 * Process groups: many processes under one name, and whoever wants hears of joins and leaves; `pg(3)`.
 *
 * One process keeps the groups of one scope. A process may be in many groups, and in one more than once; it leaves all when
 * it ends.
 */
import type { StartOptions } from './gen-server.ts';
import type { Pid } from './pid.ts';
import { asProcess, send } from './process.ts';
import { startTableServer } from './table-server.ts';

/** What a watcher of groups gets. */
export interface GroupEvent<G = unknown> {
  readonly type: 'join' | 'leave';
  readonly group: G;
  readonly pids: readonly Pid[];
}

/** The groups of one scope. */
export class ProcessGroups<G = string> {
  readonly pid: Pid;
  readonly #groups = new Map<G, Pid[]>();
  readonly #monitored = new Set<Pid>();
  readonly #watchers = new Map<Pid, G | undefined>();

  private constructor(pid: Pid) {
    this.pid = pid;
  }

  /** Starts a scope linked to the process that calls. @throws ActorError as `startServer`. */
  static async startLink<G = string>(options: StartOptions = {}): Promise<ProcessGroups<G>> {
    const server = await startTableServer('ProcessGroups', options, (pid) => groups.#forget(pid));
    const groups = new ProcessGroups<G>(server);
    return groups;
  }

  /** Puts living processes into `group`; dead ones are left out. */
  join(group: G, ...pids: readonly Pid[]): void {
    const living = pids.filter((pid) => pid.isAlive);
    if (living.length === 0) return;
    const members = this.#groups.get(group) ?? [];
    this.#groups.set(group, members);
    for (const pid of living) {
      members.push(pid);
      this.#monitor(pid);
    }
    this.#tell('join', group, living);
  }

  /** Takes processes out of `group`, each as often as it is given. @returns false when none was in it. */
  leave(group: G, ...pids: readonly Pid[]): boolean {
    return this.#leave(group, pids);
  }

  #leave(group: G, pids: readonly Pid[]): boolean {
    const members = this.#groups.get(group) ?? [];
    const left = pids.filter((pid) => {
      const index = members.indexOf(pid);
      if (index >= 0) members.splice(index, 1);
      return index >= 0;
    });
    if (members.length === 0) this.#groups.delete(group);
    if (left.length > 0) this.#tell('leave', group, left);
    return left.length > 0;
  }

  /** Living members, in the order they joined; once for each join. */
  members(group: G): readonly Pid[] {
    return (this.#groups.get(group) ?? []).filter((pid) => pid.isAlive);
  }

  /** Groups with a living member. */
  whichGroups(): readonly G[] {
    return [...this.#groups.keys()].filter((group) => this.members(group).length > 0);
  }

  /**
   * Sends a {@link GroupEvent} to `watcher` for each join and leave, of `group` or of all; replaces what it watched.
   *
   * @returns the members now.
   */
  watch(watcher: Pid, group?: G): readonly Pid[] {
    this.#watchers.set(watcher, group);
    this.#monitor(watcher);
    return group === undefined ? [] : this.members(group);
  }

  /** Takes back {@link ProcessGroups.watch}. */
  unwatch(watcher: Pid): void {
    this.#watchers.delete(watcher);
  }

  #monitor(pid: Pid): void {
    if (!this.#monitored.has(pid)) asProcess(this.pid).monitor(pid);
    this.#monitored.add(pid);
  }

  #forget(ended: Pid): void {
    this.#monitored.delete(ended);
    this.#watchers.delete(ended);
    for (const [group, members] of this.#groups) {
      this.#leave(
        group,
        members.filter((pid) => pid === ended),
      );
    }
  }

  #tell(type: 'join' | 'leave', group: G, pids: readonly Pid[]): void {
    for (const [watcher, wanted] of this.#watchers) {
      if (wanted === undefined || wanted === group) send(watcher, { type, group, pids } satisfies GroupEvent<G>);
    }
  }
}
