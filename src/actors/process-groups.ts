/**
 * Process groups: many processes under one name, and whoever wants hears of joins and leaves; `pg(3)`.
 *
 * One process keeps the groups of one scope. A process may be in many groups, and in one more than once; it leaves all when
 * it ends.
 */
import { type ChildOptions, type ChildSpec, handleSpec } from './child-spec.ts';
import { callable } from './client.ts';
import { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import type { StartOptions } from './gen-server.ts';
import type { MonitorRef, Pid } from './pid.ts';
import { asProcess, send } from './process.ts';
import { RegistryTable } from './registry-table.ts';
import { startTableServer } from './table-server.ts';

/** What a watcher of groups gets. */
export interface GroupEvent<G = unknown> {
  readonly type: 'join' | 'leave';
  readonly group: G;
  readonly pids: readonly Pid[];
}

/** The groups of one scope. Joining, leaving and ending cost the same however many others there are. */
export class ProcessGroups<G = string> {
  readonly pid: Pid;
  readonly #table = new RegistryTable<G, undefined>();
  readonly #watchers = new Map<Pid, { readonly group: G | undefined; readonly monitor: MonitorRef }>();

  private constructor(pid: Pid) {
    this.pid = pid;
    asProcess(pid).onExit(() => this.#table.clear());
  }

  /** Starts a scope linked to the process that calls. @throws ActorError as `startServer`. */
  static async startLink<G = string>(options: StartOptions = {}): Promise<ProcessGroups<G>> {
    const server = await startTableServer('ProcessGroups', options, (pid) => groups.#forget(pid));
    const groups = new ProcessGroups<G>(server);
    return groups;
  }

  /** How a supervisor starts one of these. */
  static childSpec<const I extends string, G = string>(
    id: I,
    options: StartOptions & ChildOptions = {},
  ): ChildSpec<I, ProcessGroups<G>> {
    return handleSpec(id, 'ProcessGroups', options, (given) => ProcessGroups.startLink<G>(given));
  }

  /** Puts living processes into `group`; dead ones are left out. @throws ActorError `NOPROC` when the scope has ended. */
  join(group: G, ...pids: readonly Pid[]): void {
    if (!this.pid.isAlive) throw new ActorError('NOPROC', `${this.pid.label} is not running`, { reason: 'noproc' });
    const living = pids.filter((pid) => pid.isAlive);
    if (living.length === 0) return;
    for (const pid of living) this.#table.add(group, pid, undefined, () => asProcess(this.pid).monitor(pid));
    this.#tell('join', group, living);
  }

  /** Takes processes out of `group`, each as often as it is given. @returns false when none was in it. */
  leave(group: G, ...pids: readonly Pid[]): boolean {
    const left = pids.filter((pid) => {
      let isTaken = false;
      const [entry] = this.#table.remove(group, pid, () => {
        const isFirst = !isTaken;
        isTaken = true;
        return isFirst;
      });
      this.#demonitor(this.#table.releaseOwner(pid));
      return entry !== undefined;
    });
    if (left.length > 0) this.#tell('leave', group, left);
    return left.length > 0;
  }

  /** Living members, in the order they joined; once for each join. */
  members(group: G): readonly Pid[] {
    return [...(this.#table.entries.get(group) ?? [])].map(({ pid }) => pid).filter((pid) => pid.isAlive);
  }

  /** Groups with a living member. */
  whichGroups(): readonly G[] {
    return [...this.#table.entries.keys()].filter((group) => this.members(group).length > 0);
  }

  /**
   * Sends a {@link GroupEvent} to `watcher` for each join and leave, of `group` or of all; replaces what it watched.
   *
   * @returns the members now.
   */
  watch(watcher: Pid, group?: G): readonly Pid[] {
    const monitor = this.#watchers.get(watcher)?.monitor ?? asProcess(this.pid).monitor(watcher);
    this.#watchers.set(watcher, { group, monitor });
    return group === undefined ? [] : this.members(group);
  }

  /** Takes back {@link ProcessGroups.watch}. */
  unwatch(watcher: Pid): void {
    this.#demonitor(this.#watchers.get(watcher)?.monitor);
    this.#watchers.delete(watcher);
  }

  /** Stops it: every group is empty. @throws ActorError as `ServerRef.stop`. */
  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return callable(this.pid).stop(reason, options);
  }

  #demonitor(monitor: MonitorRef | undefined): void {
    if (monitor !== undefined) asProcess(this.pid).demonitor(monitor, { flush: true });
  }

  #forget(ended: Pid): void {
    this.#watchers.delete(ended);
    const left = new Map<G, Pid[]>();
    for (const { key } of this.#table.removeOwner(ended)) left.set(key, [...(left.get(key) ?? []), ended]);
    for (const [group, pids] of left) this.#tell('leave', group, pids);
  }

  #tell(type: 'join' | 'leave', group: G, pids: readonly Pid[]): void {
    for (const [watcher, { group: wanted }] of this.#watchers) {
      if (wanted === undefined || wanted === group) send(watcher, { type, group, pids } satisfies GroupEvent<G>);
    }
  }
}
