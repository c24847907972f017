/** Nodes that call each other: start with the top of `node-supervisor.ts`. */

export { builtInServices, Echo, Echoed, LISTED_NODES_MAX } from './built-in-services.ts';
export { BACKOFF_ATTEMPTS_MAX } from './connection.ts';
export { CONNECTION_STATES, type ConnectionState } from './connection-machine.ts';
export { P2P_ERROR_CODES, P2pError, type P2pErrorCode } from './errors.ts';
export { FAULT_CODES_MAX, type NodeCounters, type NodeEvents } from './node-context.ts';
export { NodeDirectory, type NodeEntry } from './node-directory.ts';
export {
  NODE_LIMITS,
  type NodeLimitOptions,
  type NodeLimits,
  type NodeOptions,
  WIRES,
  type Wire,
} from './node-options.ts';
export { type MessageKey, type NodeStats, NodeSupervisor } from './node-supervisor.ts';
export {
  formatPeerAddress,
  type PeerAddress,
  type PeerInput,
  parsePeerAddress,
  parseSeeds,
  SEEDS_COUNT_MAX,
  toPeerAddress,
} from './peer-address.ts';
export { READER_FRAMES_MAX } from './reader.ts';
export { type AnyMessageType, Remote } from './remote.ts';
export type { RemoteStats } from './remote-counters.ts';
export { HEARTBEAT_WINDOW_MS } from './request-role.ts';
export { percentileOf, RTT_SAMPLES_MAX, RttWindow } from './rtt-window.ts';
export {
  on,
  type RequestHandler,
  type ServiceProtocol,
  type ServiceRequest,
  type ServiceRoute,
  type ServiceSpec,
  service,
} from './service.ts';
