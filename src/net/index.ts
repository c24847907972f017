/** One connection, from socket to frames: transports, byte streams, the Archethic framed link, liveness. */
export {
  ArchethicLink,
  type ArchethicLinkHandlers,
  type ArchethicLinkOptions,
  type ArchethicLinkStats,
  LINK_TIMEOUT_MS_MAX,
  SEND_BUFFER_BYTES_MAX_DEFAULT,
  WRITE_TIMEOUT_MS_DEFAULT,
} from './archethic-link.ts';
export {
  BULK_WINDOW_BYTES_DEFAULT,
  BULK_WINDOW_BYTES_MAX_DEFAULT,
  SEND_PINGS_PER_SECOND_MAX_DEFAULT,
  SMALL_BYTES_OVER_WINDOW_MAX,
} from './bulk-window.ts';
export {
  CHANNEL_PRIORITY_MAX,
  CHANNEL_QUEUE_CAPACITY_MAX,
  type ChannelDescriptor,
  RECV_MESSAGE_CAPACITY_DEFAULT,
  RECV_MESSAGE_CAPACITY_MAX,
  RECV_QUEUE_BYTES_MAX_DEFAULT,
  RECV_QUEUE_CAPACITY_DEFAULT,
  RECV_ROOM_BYTES,
  RECV_ROOM_COUNT,
  type RecvOverflow,
  SEND_QUEUE_CAPACITY_DEFAULT,
} from './channel-descriptor.ts';
export type { ReceiveHandler } from './channel-receiver.ts';
export { SEND_WAITERS_MAX, type SendResult } from './channel-sender.ts';
export { NET_ERROR_CODES, NetError, type NetErrorCode } from './errors.ts';
export { type FlowRateStatus, RATE_BYTES_PER_SECOND_MAX } from './flow-rate.ts';
export {
  HEARTBEAT_INTERVAL_MS_DEFAULT,
  HEARTBEATS_OUTSTANDING_MAX_DEFAULT,
  HeartbeatLiveness,
  type HeartbeatLivenessOptions,
  type HeartbeatState,
} from './heartbeat-liveness.ts';
export { MConnection } from './mconnection.ts';
export {
  FLOW_RATE_BYTES_PER_SECOND_DEFAULT,
  MCONNECTION_WRITE_TIMEOUT_MS_DEFAULT,
  type MConnectionHandlers,
  type MConnectionOptions,
  RECV_DRAIN_MS_MAX,
  RECV_PINGS_PER_SECOND_MAX_DEFAULT,
  SEND_TIMEOUT_MS_DEFAULT,
  SEND_TIMEOUT_MS_MAX,
  type SendOptions,
} from './mconnection-options.ts';
export { PONGS_OWED_MAX, SMALL_BUFFERED_BYTES_MAX } from './mconnection-sender.ts';
export { TURN_BYTES_MAX, TURN_BYTES_MIN, TURN_BYTES_SHARED_MAX } from './mconnection-slab.ts';
export type { ChannelStatus, MConnectionStatus } from './mconnection-status.ts';
export { MEMORY_WINDOW_BYTES } from './memory-pipe.ts';
export {
  MEMORY_CONNECTIONS_MAX_DEFAULT,
  MEMORY_SCHEME,
  MemoryNetwork,
  type MemoryNetworkOptions,
} from './memory-transport.ts';
export {
  formatNetAddress,
  NET_ADDRESS_CHARS_MAX,
  NET_HOST_CHARS_MAX,
  NET_PORT_MAX,
  type NetAddress,
  parseNetAddress,
} from './net-address.ts';
export { PING_INTERVAL_MS_DEFAULT, type PingState, PONG_TIMEOUT_MS_DEFAULT } from './ping-liveness.ts';
export {
  SECRET_HANDSHAKE_FRAMES_MAX,
  SECRET_HANDSHAKE_TIMEOUT_MS_DEFAULT,
  SECRET_HANDSHAKE_TIMEOUT_MS_MAX,
  type SecretConnectionOptions,
  secretConnection,
} from './secret-connection.ts';
export type { SecretStream } from './secret-stream.ts';
export { SEND_SLAB_BYTES_MAX } from './send-slab.ts';
export { TCP_SCHEME, TCP_WRITE_WINDOW_BYTES } from './tcp-stream.ts';
export { TCP_BACKLOG, TCP_CONNECTIONS_MAX_DEFAULT, TcpTransport, type TcpTransportOptions } from './tcp-transport.ts';
export {
  type ByteStream,
  type ByteStreamHandlers,
  DIAL_TIMEOUT_MS_MAX,
  type DialOptions,
  STREAM_CLOSE_TIMEOUT_MS,
  STREAM_HIGH_WATER_BYTES,
  STREAM_LINGER_MS,
  type Transport,
  type TransportListener,
  type WriteMemory,
} from './transport.ts';
