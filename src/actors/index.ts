/** Processes after OTP: GenServer, state machines, tasks, Registry, sys. Start with `gen-server.ts` and `docs/semantics.md`. */
export { Agent } from './agent.ts';
export {
  type Child,
  type ChildOptions,
  type ChildSpec,
  RESTART_TYPES,
  type Restart,
  type Shutdown,
  type StartContext,
} from './child-spec.ts';
export {
  abcast,
  call,
  cast,
  type MultiCallResult,
  multiCall,
  type Patience,
  stopServer,
  type Term,
  type TypedAddress,
} from './client.ts';
export { type DefinedServer, defineServer, type ServerDefinition } from './define-server.ts';
export { ACTOR_ERROR_CODES, ActorError, type ActorErrorCode } from './errors.ts';
export { type ExitReason, formatExitReason, isCleanExit } from './exit-reason.ts';
export {
  type ArgumentsOf,
  GenServer,
  type ProtocolOf,
  type RefOf,
  type StartOptions,
  type StateOf,
  startMonitor,
  startServer,
} from './gen-server.ts';
export {
  type ActionContext,
  GenStatem,
  type Machine,
  machine,
  POSTPONED_EVENTS_MAX,
  type StateEvent,
} from './gen-statem.ts';
export { MESSAGES_PER_TURN } from './mailbox.ts';
export { type Address, type Name, type ServerName, serverName, type Via, whereis } from './names.ts';
export type { Alias, Destination, Down, Exit, MonitorRef, Pid, Self, Timeout, TimerRef } from './pid.ts';
export { exit, self, send } from './process.ts';
export { type MailboxOptions, OVERFLOW_POLICIES, type OverflowPolicy } from './process-extras.ts';
export { type GroupEvent, ProcessGroups } from './process-groups.ts';
export type {
  CallHandlers,
  Calls,
  CastHandlers,
  Casts,
  Info,
  MaybePromise,
  Payload,
  Protocol,
  ServerRef,
} from './protocol.ts';
export { type Pattern, Registry, type RegistryEntry, type RegistryEvent, type RegistryOptions } from './registry.ts';
export { REPORT_EVENTS } from './reports.ts';
export { CALL_TIMEOUT_MS_DEFAULT, type CallOptions, type From } from './request.ts';
export { RequestCollection, RequestId, type Response, sendRequest } from './request-collection.ts';
export {
  type Action,
  type Ignore,
  ignore,
  type NoReply,
  noreply,
  type Ok,
  ok,
  type Reply,
  reply,
  type Stop,
  stop,
} from './results.ts';
export { type SpawnBody, type SpawnedSelf, type SpawnOptions, spawn, spawnLink, spawnMonitor } from './spawn.ts';
export { type EventContext, STATE_POSTPONED_MAX, StateServer } from './state-server.ts';
export {
  changeCode,
  getState,
  getStatus,
  type ProcessStatus,
  replaceState,
  resume,
  suspend,
  terminate,
} from './sys.ts';
export {
  type DebugEvent,
  type DebugFunction,
  getLog,
  getStatistics,
  install,
  LOG_EVENTS_DEFAULT,
  LOG_EVENTS_MAX,
  noDebug,
  type ProcessStatistics,
  remove,
  setLog,
  setStatistics,
  setTrace,
} from './sys-debug.ts';
export { ActorSystem, type ActorSystemOptions, defaultSystem, MESSAGES_PER_SLICE, SLICE_MS_MAX } from './system.ts';
export {
  callers,
  TASK_TIMEOUT_MS_DEFAULT,
  Task,
  type TaskBody,
  type TaskMessage,
  type TaskOptions,
  type TaskResult,
} from './task.ts';
export { asyncStream, type StreamResult, TASK_CONCURRENCY_DEFAULT, type TaskStreamOptions } from './task-stream.ts';
export {
  keepState,
  keepStateAndData,
  nextState,
  repeatState,
  stopAndReply,
  stopState,
  Transition,
  type TransitionAction,
} from './transition.ts';
