/** Nodes that call each other: start with the top of `node-supervisor.ts`. */

export { AddressBook } from './address-book.ts';
export { AddressBookFile, type FileStore } from './address-book-file.ts';
export { decodeAddressBook, encodeAddressBook } from './address-book-json.ts';
export { builtInServices, Echo, Echoed, LISTED_NODES_MAX } from './built-in-services.ts';
export { BACKOFF_ATTEMPTS_MAX } from './connection.ts';
export { CONNECTION_STATES, type ConnectionState } from './connection-machine.ts';
export { diskFiles } from './disk-files.ts';
export { P2P_ERROR_CODES, P2pError, type P2pErrorCode } from './errors.ts';
export { CROSSED_DIAL_PAUSE_MS, CROSSED_DIAL_WAIT_MS, CROSSED_DIALS_MAX } from './messaging-dialer.ts';
export {
  REPLY_CHANNEL_ID,
  REPLY_CHANNEL_PRIORITY,
  REPLY_QUEUE_CAPACITY,
  REQUEST_CHANNEL_ID,
  REQUEST_CHANNEL_PRIORITY,
  REQUEST_WINDOW_BYTES,
  REQUEST_WINDOW_COUNT,
  REQUEST_WINDOW_PATIENCE_MS,
} from './messaging-peer.ts';
export { MESSAGING_REACTOR_ID } from './messaging-reactor.ts';
export { FAULT_CODES_MAX, type NodeCounters, type NodeEvents } from './node-context.ts';
export { NodeDirectory, type NodeEntry } from './node-directory.ts';
export { type NodeInfoOptions, PROTOCOL_VERSION_DEFAULT } from './node-info.ts';
export {
  NETWORK_DEFAULT,
  NODE_LIMITS,
  type NodeLimitOptions,
  type NodeLimits,
  type NodeOptions,
  WIRE_DEFAULT,
  WIRES,
  type Wire,
} from './node-options.ts';
export { type MessageKey, type NodeStats, NodeSupervisor } from './node-supervisor.ts';
export { PEER_VALUES_MAX, Peer, type PeerCounters, type PeerSendResult, type PeerStatus } from './peer.ts';
export {
  formatPeerAddress,
  type PeerAddress,
  type PeerInput,
  parsePeerAddress,
  parseSeeds,
  SEEDS_COUNT_MAX,
  toPeerAddress,
} from './peer-address.ts';
export {
  type ConnectionCandidate,
  type ConnectionFilter,
  FILTERS_MAX,
  type PeerCandidate,
  type PeerFilter,
} from './peer-filter.ts';
export type { PeerSet } from './peer-set.ts';
export { Pex } from './pex.ts';
export { CRAWL_LIMITS, crawl } from './pex-crawl.ts';
export { wireCrawlNetwork } from './pex-crawl-network.ts';
export { PexChannel, pexReactor, refuseBanned } from './pex-reactor.ts';
export { TopologyBuilder, topologyToDot } from './pex-topology.ts';
export { type Envelope, type ReactorContext, type ReactorHandlers, type ReactorSpec, reactor } from './reactor.ts';
export {
  type AnyChannel,
  bytesCodec,
  type Channel,
  type ChannelCodec,
  type ChannelOptions,
  channel,
  type MessageOf,
} from './reactor-channel.ts';
export type { ReactorCounters } from './reactor-slot.ts';
export { READER_BYTES_MAX, READER_FRAMES_MAX } from './reader.ts';
export { type AnyMessageType, Remote } from './remote.ts';
export type { RemoteStats } from './remote-counters.ts';
export { HEARTBEAT_WINDOW_MS, SERVICE_MAILBOX_MAX } from './request-role.ts';
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
export { Switch, type SwitchStats } from './switch.ts';
export { PEER_CONNECTION_STATES, type PeerConnectionState } from './switch-connection-machine.ts';
export type { SwitchCounters } from './switch-context.ts';
export {
  REJECTION_CODES,
  SWITCH_ERROR_CODES,
  SwitchError,
  type SwitchErrorCode,
  type SwitchErrorDetails,
} from './switch-errors.ts';
export type { BroadcastResult, DialPeerOptions, PeerCounts, SwitchEvents, SwitchHandle } from './switch-handle.ts';
export {
  PEER_RATE_BYTES_PER_SECOND_DEFAULT,
  PERSISTENT_PEERS_MAX,
  type PeerConnectionSettings,
  REACTORS_MAX,
  SWITCH_LIMITS,
  type SwitchLimits,
  type SwitchOptions,
} from './switch-options.ts';
export { RECONNECT_BACKOFF_BASE, type ReconnectSchedule, reconnectDelayMs } from './switch-reconnect.ts';
export { type UpgradedConnection, type UpgradeOptions, upgradeConnection } from './transport-upgrade.ts';
