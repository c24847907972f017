/** What an MConnection tells about itself. */
import type { ChannelReceiver } from './channel-receiver.ts';
import type { ChannelSender } from './channel-sender.ts';
import type { FlowRateStatus } from './flow-rate.ts';
import type { PingState } from './ping-liveness.ts';

/** One channel of {@link MConnectionStatus}. */
export interface ChannelStatus {
  readonly id: number;
  readonly priority: number;
  /** Messages not sent to their end, how many may wait, and callers waiting for room. */
  readonly sendQueueSize: number;
  readonly sendQueueCapacity: number;
  readonly sendWaiters: number;
  /** Wire bytes sent of late; fades by a fifth every 2 s. */
  readonly recentlySent: number;
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly packetsSent: number;
  /** Times that `send` or `trySend` answered `full` or `timeout`. */
  readonly sendRefusals: number;
  /** Whole messages waiting for the handler, their bytes, and the most messages that ever waited. */
  readonly recvQueueSize: number;
  readonly recvQueueBytes: number;
  readonly recvQueueSizeMax: number;
  /** Bytes of the message that has not arrived whole. */
  readonly recvPartialBytes: number;
  readonly messagesReceived: number;
  readonly bytesReceived: number;
  readonly packetsReceived: number;
  /** Whole messages forgotten: the queue was full, or the connection ended before the handler took them. */
  readonly messagesDropped: number;
  /** Times that the queue was full and, with the overflow `pause`, stopped the reading of the whole connection. */
  readonly recvPauses: number;
}

/** Everything an MConnection counts. */
export interface MConnectionStatus {
  readonly state: 'new' | 'running' | 'draining' | 'closing' | 'closed';
  /** Since `start`, in ms. */
  readonly durationMs: number;
  /** Bytes of packets, without the secret frames around them. */
  readonly send: FlowRateStatus;
  readonly recv: FlowRateStatus;
  readonly pingsSent: number;
  readonly pongsSent: number;
  readonly pingsReceived: number;
  readonly pongsReceived: number;
  /** Pongs that answered no ping. */
  readonly pongsUnasked: number;
  readonly liveness: PingState;
  /** Shortest and latest round trip of a ping, in ms; undefined before the first. */
  readonly rttMsMin: number | undefined;
  readonly rttMsLast: number | undefined;
  /** Bytes sent that no pong has proven read, and how many may be; Infinity without a window. */
  readonly unpongedBytes: number;
  readonly windowBytes: number;
  /** Pace found by observation, in bytes a second; 0 while there is none. */
  readonly paceBytesPerSecond: number;
  /** Times that bulk had to wait for the window, for the gate, for the pace or the limit, and for the socket. */
  readonly windowWaits: number;
  readonly eofWaits: number;
  readonly rateWaits: number;
  readonly drainWaits: number;
  /** Bytes handed to the stream and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** True while nothing is read because a channel of overflow `pause` is full, or because of the limit. */
  readonly isPaused: boolean;
  readonly channels: readonly ChannelStatus[];
}

/** One channel's counters. @internal */
export function channelStatus(sender: ChannelSender, receiver: ChannelReceiver): ChannelStatus {
  return {
    id: sender.id,
    priority: sender.priority,
    sendQueueSize: sender.queueSize,
    sendQueueCapacity: sender.capacity,
    sendWaiters: sender.waiterCount,
    recentlySent: sender.recentlySent,
    messagesSent: sender.stats.messagesSent,
    bytesSent: sender.stats.bytesSent,
    packetsSent: sender.stats.packetsSent,
    sendRefusals: sender.stats.refusals,
    recvQueueSize: receiver.queueSize,
    recvQueueBytes: receiver.queueBytes,
    recvQueueSizeMax: receiver.stats.queueSizeMax,
    recvPartialBytes: receiver.partialBytes,
    messagesReceived: receiver.stats.messagesReceived,
    bytesReceived: receiver.stats.bytesReceived,
    packetsReceived: receiver.stats.packetsReceived,
    messagesDropped: receiver.stats.messagesDropped,
    recvPauses: receiver.stats.pauses,
  };
}

/** Counters of the way out. @internal */
export interface SenderStats {
  pingsSent: number;
  pongsSent: number;
  pongsUnasked: number;
  rttMsLast: number | undefined;
  windowWaits: number;
  eofWaits: number;
  rateWaits: number;
  drainWaits: number;
}

/** The counters of a way out on which nothing has gone. @internal */
export function senderStats(): SenderStats {
  return {
    pingsSent: 0,
    pongsSent: 0,
    pongsUnasked: 0,
    rttMsLast: undefined,
    windowWaits: 0,
    eofWaits: 0,
    rateWaits: 0,
    drainWaits: 0,
  };
}
