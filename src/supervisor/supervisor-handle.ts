/** What one can do with any running supervisor, and how a supervisor above starts one. */
import { type Child, type ChildOptions, type ChildSpec, handleSpec, type StartContext } from '../actors/child-spec.ts';
import { callable } from '../actors/client.ts';
import type { ExitReason } from '../actors/exit-reason.ts';
import type { Pid } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import { snapshotTree, type TreeNode } from './tree.ts';

/** The part that the handles of all supervisors share. */
export abstract class SupervisorHandle {
  /** The supervisor's process. */
  readonly pid: Pid;

  protected constructor(pid: Pid) {
    this.pid = pid;
  }

  /** The process tree below. */
  tree(): TreeNode {
    return snapshotTree(this.pid);
  }

  /** Stops the children, then the supervisor. @throws ActorError as `ServerRef.stop`. */
  stop(reason: ExitReason = 'normal', options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return callable(this.pid).stop(reason, options);
  }
}

/** A spec of type `supervisor`, with patience `infinity` for its shutdown, whose child `start` makes of `options`. @internal */
export function supervisorSpec<const I extends string, O extends ChildOptions, R extends Child>(
  id: I,
  module: string,
  options: O,
  start: (options: O & StartContext) => MaybePromise<R>,
): ChildSpec<I, R> {
  return { ...handleSpec(id, module, options, start), type: 'supervisor' };
}
