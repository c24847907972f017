/**
 * PartitionSupervisor: the same child several times, and a key decides which one is asked; Elixir's `PartitionSupervisor`.
 * For one server that has become the bottleneck of many.
 */
import type { Child, ChildOptions, ChildSpec } from '../actors/child-spec.ts';
import type { StartOptions } from '../actors/gen-server.ts';
import type { Via } from '../actors/names.ts';
import { checkInteger, checkOneOf, isCodedError } from '../base/errors.ts';
import type { ChildCounts, ChildInfo } from './child.ts';
import { SupervisorError } from './errors.ts';
import type { IntensityOptions } from './restart-intensity.ts';
import { Supervisor } from './supervisor.ts';
import { SupervisorHandle, supervisorSpec } from './supervisor-handle.ts';

/** Partitions when the options say nothing. Elixir takes the number of schedulers; one thread has no better number. */
export const PARTITIONS_DEFAULT = 4;
/** Most partitions. */
export const PARTITIONS_MAX = 65_536;

/** How a partition supervisor is started. */
export interface PartitionSupervisorOptions<A extends unknown[], R extends Child>
  extends IntensityOptions,
    StartOptions {
  /** The spec of a child from its arguments; its id is replaced by the number of the partition. */
  readonly childSpec: (...args: A) => ChildSpec<string, R>;
  /** Arguments for every partition. */
  readonly args: A;
  /** Makes the arguments of one partition. Default: the same for all. */
  readonly withArguments?: (args: A, partition: number) => A;
  /** 1 to {@link PARTITIONS_MAX}. Default {@link PARTITIONS_DEFAULT}. */
  readonly partitions?: number;
  /** Default `one_for_one`. */
  readonly strategy?: 'one_for_one';
  /** Only `never`. */
  readonly autoShutdown?: 'never';
}

/** A running partition supervisor. */
export class PartitionSupervisor<R extends Child = Child> extends SupervisorHandle {
  readonly #supervisor: Supervisor;
  readonly #specOf: (partition: number) => ChildSpec<string, R>;
  #partitions: number;
  #resizing: Promise<void> = Promise.resolve();

  private constructor(supervisor: Supervisor, partitions: number, specOf: (partition: number) => ChildSpec<string, R>) {
    super(supervisor.pid);
    this.#supervisor = supervisor;
    this.#partitions = partitions;
    this.#specOf = specOf;
  }

  /**
   * Starts the supervisor and one child for each partition.
   *
   * @throws RangeError or TypeError naming an option that is missing or out of range; ActorError as `Supervisor.startLink`.
   */
  static async startLink<A extends unknown[] | [], R extends Child>(
    options: PartitionSupervisorOptions<A, R>,
  ): Promise<PartitionSupervisor<R>> {
    const { childSpec, args, withArguments, partitions: _partitions, ...rest } = options;
    if (typeof childSpec !== 'function') throw new TypeError('option childSpec is missing: expected a function');
    if (!Array.isArray(args)) throw new TypeError('option args is missing: expected an array');
    if (options.name === undefined) throw new TypeError('option name is missing: partitions are found by it');
    checkOneOf('autoShutdown', options.autoShutdown ?? 'never', ['never']);
    checkOneOf('strategy', options.strategy ?? 'one_for_one', ['one_for_one']);
    const count = checkInteger('partitions', options.partitions ?? PARTITIONS_DEFAULT, 1, PARTITIONS_MAX);
    const specOf = (partition: number): ChildSpec<string, R> => ({
      ...childSpec(...(withArguments?.(args, partition) ?? args)),
      id: String(partition),
    });
    const specs = Array.from({ length: count }, (_, partition) => specOf(partition));
    const supervisor = await Supervisor.startLink(specs, { ...rest, strategy: 'one_for_one' });
    return new PartitionSupervisor<R>(supervisor as Supervisor, count, specOf);
  }

  /** How another supervisor starts one of these. */
  static childSpec<const I extends string, A extends unknown[] | [], R extends Child>(
    id: I,
    options: PartitionSupervisorOptions<A, R> & ChildOptions,
  ): ChildSpec<I, PartitionSupervisor<R>> {
    return supervisorSpec(id, 'PartitionSupervisor', options, (given) => PartitionSupervisor.startLink(given));
  }

  /** How many partitions there are. */
  get partitions(): number {
    return this.#partitions;
  }

  /** The partition of `key`: integers by their absolute value, everything else by a hash that never changes. */
  partitionOf(key: unknown): number {
    if (this.#partitions === 0) {
      throw new SupervisorError('NOT_FOUND', `${this.pid.label} has no partitions`, { reason: 'no_partitions' });
    }
    return (Number.isInteger(key) ? Math.abs(key as number) : hash(key)) % this.#partitions;
  }

  /** The running child that `key` belongs to. @throws SupervisorError `CHILD_NOT_RUNNING`, `NOT_FOUND`. */
  child(key: unknown): R {
    return this.#supervisor.child(String(this.partitionOf(key)) as never) as R;
  }

  /** The child of `key` as a name: `GenServer.call(partitions.via(42), 'get')`. */
  via(key: unknown): Via {
    const refuse = (): never => {
      throw new TypeError('a partition is not a name that can be taken');
    };
    return {
      registerName: refuse,
      unregisterName: () => {},
      whereisName: () => this.#supervisor.pidOf(String(this.partitionOf(key))),
      label: `${this.pid.label}:${String(key)}`,
    };
  }

  /** Starts or stops partitions until there are `count`, 0 to {@link PARTITIONS_MAX}, one resize after the other. Keys move. */
  async resize(count: number): Promise<void> {
    checkInteger('partitions', count, 0, PARTITIONS_MAX);
    const mine = this.#resizing.then(() => this.#resize(count));
    this.#resizing = mine.catch(() => {});
    await mine;
  }

  async #resize(count: number): Promise<void> {
    for (; this.#partitions > count; this.#partitions -= 1) {
      const id = String(this.#partitions - 1);
      // A temporary child is forgotten as it ends.
      const stopped = this.#supervisor.terminateChild(id).then(() => this.#supervisor.deleteChild(id));
      await stopped.catch((error) => {
        if (!isCodedError(error, 'NOT_FOUND')) throw error;
      });
    }
    for (; this.#partitions < count; this.#partitions += 1) {
      await this.#supervisor.startChild(this.#specOf(this.#partitions));
    }
  }

  /** Its children, in order of their partition. */
  whichChildren(): ChildInfo[] {
    return this.#supervisor.whichChildren();
  }

  /** How many children there are, of which kind, and how many run. */
  countChildren(): ChildCounts {
    return this.#supervisor.countChildren();
  }
}

/** FNV-1a of the text of `key`: the same in every run and on every machine. */
function hash(key: unknown): number {
  const text = typeof key === 'string' ? key : typeof key === 'object' ? JSON.stringify(key) : String(key);
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}
