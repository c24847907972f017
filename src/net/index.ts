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
export { NET_ERROR_CODES, NetError, type NetErrorCode } from './errors.ts';
export {
  HEARTBEAT_INTERVAL_MS_DEFAULT,
  HEARTBEATS_OUTSTANDING_MAX_DEFAULT,
  HeartbeatLiveness,
  type HeartbeatLivenessOptions,
  type HeartbeatState,
} from './heartbeat-liveness.ts';
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
} from './transport.ts';
