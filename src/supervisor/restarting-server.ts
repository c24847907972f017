/**
 * What the processes of all supervisors do alike: hear of a child's end, count its restart, start it again, and try once
 * more, by a message to themselves, when that fails; `supervisor.erl`. Which children there are is up to who extends it.
 */
import type { Child } from '../actors/child-spec.ts';
import { type ExitReason, isCleanExit } from '../actors/exit-reason.ts';
import { GenServer } from '../actors/gen-server.ts';
import { castMessage } from '../actors/message.ts';
import { asProcess, type Exit, type Pid, type Process } from '../actors/process.ts';
import type { CastHandlers, Info, MaybePromise, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply, type Reply, reply, type Stop, stop } from '../actors/results.ts';
import { type ChildRecord, clearRecord, report, startRecord } from './child.ts';
import type { SupervisorError } from './errors.ts';
import { type Outcome, whenDone } from './outcome.ts';
import { type BackoffOptions, RestartBackoff } from './restart-backoff.ts';
import { type IntensityOptions, RestartIntensity } from './restart-intensity.ts';
import { publishChildren } from './tree.ts';

/** Limits on restarts. @internal */
export interface RestartLimits {
  readonly intensity: RestartIntensity;
  readonly backoff: RestartBackoff | undefined;
}

type LimitOptions = IntensityOptions & { readonly backoff?: BackoffOptions };

/** The limits that `options` ask for, and the options that are left. @throws RangeError @internal */
export function takeLimits<O extends LimitOptions>(options: O): [RestartLimits, Omit<O, keyof LimitOptions>] {
  const { maxRestarts: _restarts, maxSeconds: _seconds, backoff, ...rest } = options;
  return [{ intensity: new RestartIntensity(options), backoff: backoff && new RestartBackoff(backoff) }, rest];
}

/** State of any supervisor's process; `K` is what its children are kept under. @internal */
export interface RestartingState<K> extends RestartLimits {
  readonly children: Map<K, ChildRecord>;
}

/** @internal */
export interface RestartingProtocol<C extends Record<string, (payload: never) => unknown>> {
  call: C;
  cast: { retry(record: ChildRecord): void; restart(record: ChildRecord): void };
}

/** What a callback that concerns a child ends with. @internal */
export type Next<S> = NoReply<S> | Stop<S>;

/** @internal */
export abstract class RestartingServer<
  S extends RestartingState<unknown>,
  C extends Record<string, (payload: never) => unknown>,
  A extends unknown[],
> extends GenServer<S, RestartingProtocol<C>, A> {
  /** Given to every start function. */
  protected extraArguments(_state: S): readonly unknown[] {
    return [];
  }

  /** The child that ran as `pid`, which has ended. */
  protected abstract takeChild(state: S, pid: Pid): ChildRecord | undefined;

  /** Keeps, moves or forgets `record` after it came up, ended, or asked to be ignored. */
  protected abstract file(state: S, record: ChildRecord): void;

  /** Starts `record` and whoever goes with it again. @returns who did not start, and why. */
  protected abstract startAgain(state: S, record: ChildRecord): MaybePromise<ChildRecord | undefined>;

  /** Whether the end of `record`, which is not to be restarted, ends this process too. */
  protected endsWith(_state: S, _record: ChildRecord): boolean {
    return false;
  }

  protected get process(): Process {
    return asProcess(this.self);
  }

  /** Makes ready for children. */
  protected prepare(state: S): void {
    this.self.trapExit(true);
    publishChildren(this.process, () => state.children.values());
  }

  /** Starts `record`; it is filed when that went well. */
  protected start(state: S, record: ChildRecord): MaybePromise<SupervisorError | undefined> {
    return whenDone(startRecord(this.process, record, this.extraArguments(state)), (error) => {
      if (error === undefined) this.file(state, record);
      return error;
    });
  }

  /** Starts `record` for somebody who asked. */
  protected startFor(state: S, record: ChildRecord): MaybePromise<Reply<Outcome<Child>, S>> {
    return whenDone(this.start(state, record), (error) => {
      if (error !== undefined) return reply({ error }, state);
      return reply({ value: record.child as Child }, state);
    });
  }

  // The protocol is open here, so the map is cast once.
  override readonly handleCast: CastHandlers<S, RestartingProtocol<C>> = {
    retry: (record: ChildRecord, state: S) => (record.isRestarting ? this.#restart(state, record) : noreply(state)),
    // Not a plain message: anybody can send those.
    restart: (record: ChildRecord, state: S) =>
      record.isRestarting ? this.#startAgain(state, record) : noreply(state),
  } as never;

  override handleInfo(message: Info<RestartingProtocol<C>>, state: S): MaybePromise<Next<S>> {
    const record = isExit(message) ? this.takeChild(state, message.pid) : undefined;
    return record === undefined ? noreply(state) : this.#ended(state, record, (message as Exit).reason);
  }

  #ended(state: S, record: ChildRecord, reason: ExitReason): MaybePromise<Next<S>> {
    const { restart } = record;
    const isFailure = restart === 'permanent' || !isCleanExit(reason);
    if (isFailure) report(this.process, 'child_terminated', record, reason);
    clearRecord(record);
    if (isFailure && restart !== 'temporary') return this.#restart(state, record);
    this.file(state, record);
    return this.endsWith(state, record) ? stop('shutdown', state) : noreply(state);
  }

  /** Counts a restart and begins it, after the pause of the backoff if there is one. */
  #restart(state: S, record: ChildRecord): MaybePromise<Next<S>> {
    record.isRestarting = true;
    record.restartCount += 1;
    this.file(state, record);
    const nowMs = this.process.host.clock.monotonicMs();
    const { intensity, backoff } = state;
    if (!intensity.add(nowMs)) {
      const { maxRestarts, maxSeconds } = intensity;
      report(this.process, 'shutdown', record, `more than ${maxRestarts} restarts in ${maxSeconds} s`);
      return stop('shutdown', state);
    }
    const pauseMs = backoff?.next(record, nowMs) ?? 0;
    if (pauseMs === 0) return this.#startAgain(state, record);
    this.process.deliverAfter(castMessage('restart', record), pauseMs);
    return noreply(state);
  }

  #startAgain(state: S, record: ChildRecord): MaybePromise<Next<S>> {
    return whenDone(this.startAgain(state, record), (failed) => {
      if (failed !== undefined) {
        failed.isRestarting = true;
        (this.self as unknown as ServerRef<RestartingProtocol<C>>).cast('retry', failed);
      }
      return noreply(state);
    });
  }
}

/** A supervisor gets stray messages of any shape, and must outlive them. */
function isExit(message: unknown): message is Exit {
  const { type, pid } = (message ?? {}) as Partial<Exit>;
  return type === 'exit' && pid !== undefined;
}
