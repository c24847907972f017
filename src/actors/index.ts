/** Processes after OTP: GenServer, GenStatem, Registry, sys. Start with the top of `gen-server.ts` and `docs/semantics.md`. */
export {
  type Child,
  type ChildOptions,
  type ChildSpec,
  RESTART_TYPES,
  type Restart,
  type Shutdown,
  type StartContext,
} from './child-spec.ts';
export { ACTOR_ERROR_CODES, ActorError, type ActorErrorCode } from './errors.ts';
export { type ExitReason, formatExitReason, isCleanExit } from './exit-reason.ts';
export {
  type ArgumentsOf,
  GenServer,
  type ProtocolOf,
  type RefOf,
  type StartOptions,
  type StateOf,
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
export {
  type Down,
  type Exit,
  exit,
  MESSAGES_PER_TURN,
  type MonitorRef,
  type Pid,
  type Self,
  self,
  send,
  type Timeout,
  type TimerRef,
} from './process.ts';
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
export { Registry, type RegistryEntry } from './registry.ts';
export { CALL_TIMEOUT_MS_DEFAULT, type CallOptions, type From } from './request.ts';
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
export { getState, getStatus, type ProcessStatus, replaceState, resume, suspend } from './sys.ts';
export { ActorSystem, type ActorSystemOptions, defaultSystem, MESSAGES_PER_SLICE, SLICE_MS_MAX } from './system.ts';
