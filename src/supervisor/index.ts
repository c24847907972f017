/** Supervisors: see `docs/semantics.md`. */
export type { Child, ChildOptions, ChildSpec, Restart, Shutdown, StartContext } from '../actors/child-spec.ts';
export {
  AUTO_SHUTDOWNS,
  type AutoShutdown,
  type ChildCounts,
  type ChildInfo,
  type NormalChildSpec,
  normalizeChildSpec,
  SHUTDOWN_MS_DEFAULT,
} from './child.ts';
export {
  type DynamicChildInfo,
  DynamicSupervisor,
  type DynamicSupervisorOptions,
  MAX_CHILDREN_DEFAULT,
} from './dynamic-supervisor.ts';
export { SUPERVISOR_ERROR_CODES, SupervisorError, type SupervisorErrorCode } from './errors.ts';
export {
  PARTITIONS_DEFAULT,
  PARTITIONS_MAX,
  PartitionSupervisor,
  type PartitionSupervisorOptions,
} from './partition-supervisor.ts';
export type { BackoffOptions } from './restart-backoff.ts';
export { type IntensityOptions, MAX_RESTARTS_DEFAULT, MAX_SECONDS_DEFAULT } from './restart-intensity.ts';
export { type Children, Supervisor, type SupervisorOptions } from './supervisor.ts';
export { SupervisorHandle } from './supervisor-handle.ts';
export { STRATEGIES, type Strategy } from './supervisor-server.ts';
export { type TaskChildOptions, TaskSupervisor } from './task-supervisor.ts';
export { formatTree, snapshotTree, type TreeNode } from './tree.ts';
