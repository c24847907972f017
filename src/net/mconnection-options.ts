/** What an MConnection can be told, checked once at the door. */
import type { Clock } from '../base/clock.ts';
import { TIMER_DELAY_MS_MAX } from '../base/clock.ts';
import { checkInteger, checkOptionNames, type OptionNames } from '../base/errors.ts';
import { guardLogger, type Logger, silentLogger } from '../base/logger.ts';
import { PACKET_PAYLOAD_BYTES_MAX, PACKET_PAYLOAD_BYTES_MAX_DEFAULT } from '../codec/cometbft-packet.ts';
import {
  BULK_WINDOW_BYTES_DEFAULT,
  BULK_WINDOW_BYTES_MAX_DEFAULT,
  SEND_PINGS_PER_SECOND_MAX_DEFAULT,
} from './bulk-window.ts';
import type { NetError } from './errors.ts';
import { RATE_BYTES_PER_SECOND_MAX } from './flow-rate.ts';
import { PING_INTERVAL_MS_DEFAULT, PONG_TIMEOUT_MS_DEFAULT } from './ping-liveness.ts';

/** Bytes a second in each direction by default (`defaultSendRate`, `defaultRecvRate`). */
export const FLOW_RATE_BYTES_PER_SECOND_DEFAULT = 512_000;

/** Pings and unasked pongs a second that a peer may send, by default; as many may come at once. */
export const RECV_PINGS_PER_SECOND_MAX_DEFAULT = 10_000;

/** Time in which a peer must take some of what waits for it, by default, in ms. */
export const MCONNECTION_WRITE_TIMEOUT_MS_DEFAULT = 30_000;

/** Time for which `send` waits for room by default, in ms (`defaultSendTimeout`). */
export const SEND_TIMEOUT_MS_DEFAULT = 10_000;

/** Longest `timeoutMs` of a send: 1 hour. */
export const SEND_TIMEOUT_MS_MAX = 3_600_000;

/** Time for which messages that arrived before the peer's orderly end wait for their handlers, in ms. */
export const RECV_DRAIN_MS_MAX = 30_000;

/** What an MConnection tells its owner. One that throws costs its own connection (`HANDLER_FAILED`), nothing else. */
export interface MConnectionHandlers {
  /**
   * A whole message, in order for its channel. Return a promise to hold the next one of the same channel back until it
   * settles; other channels, pings and pongs do not wait for it.
   *
   * @param message - a view that may keep up to 64 KiB of other bytes alive: copy a small one to keep it for long. Not to
   *   be written to.
   */
  onReceive(channelId: number, message: Uint8Array): void | PromiseLike<void>;
  /** What ended the connection when that was not an orderly close; at most once, before `onClose`. */
  onError?(reason: NetError): void;
  /** The connection is over; exactly once, last. `reason` is undefined when either end closed in order. */
  onClose?(reason: NetError | undefined): void;
}

/** Options of `MConnection`. */
export interface MConnectionOptions {
  readonly clock: Clock;
  readonly handlers: MConnectionHandlers;
  /** Data bytes of a packet at most, the same at both ends, 1 to 16 777 216; default 1024. */
  readonly packetPayloadBytesMax?: number;
  /** Time between pings, 1 to 2^31 - 1 ms; default 60 000. */
  readonly pingIntervalMs?: number;
  /** Time in which each ping must be answered, 1 to 2^31 - 1 ms; default 45 000. Then `PONG_TIMEOUT`. */
  readonly pongTimeoutMs?: number;
  /** Bytes a second sent at most, 0 (none) to 2^40; default 512 000. Pings and pongs never wait for it. */
  readonly sendRateBytesPerSecond?: number;
  /** Bytes a second read at most, 0 (none) to 2^40; default 512 000. What has arrived is never held back by it. */
  readonly recvRateBytesPerSecond?: number;
  /** Pings and unasked pongs a second from the peer, 1 to 1 000 000; default 10 000. At more: `PING_FLOOD`. */
  readonly recvPingsPerSecondMax?: number;
  /** Pings a second to the peer, 1 to 1 000 000; default 5000. At it, they wait. */
  readonly sendPingsPerSecondMax?: number;
  /** Time in which the peer must take some of what waits, 1 to 86 400 000 ms; default 30 000. Then `WRITE_TIMEOUT`. */
  readonly writeTimeoutMs?: number;
  /** Un-ponged bytes while small messages share the link, 4096 to 2^30, or 0 for no window; default 131 072. */
  readonly bulkWindowBytes?: number;
  /** Un-ponged bytes at most, whatever is observed, `bulkWindowBytes` to 2^30; default 4 MiB. */
  readonly bulkWindowBytesMax?: number;
  /** Holds back ends of bulk messages while the peer is busy with earlier ones; default true. Needs the window. */
  readonly isEofGated?: boolean;
  /** Sends a ping behind a message when none is out and the peer is seen to hold replies back; default true. */
  readonly isPingBehindMessages?: boolean;
  /** Finds the rate that the peer lets through, and stays under it; default true. Needs the window. */
  readonly isAutoPaced?: boolean;
  /** Told of handlers that throw; default silent. */
  readonly logger?: Logger;
}

/** @internal */
export const MCONNECTION_OPTION_NAMES: OptionNames<MConnectionOptions> = {
  clock: true,
  handlers: true,
  packetPayloadBytesMax: true,
  pingIntervalMs: true,
  pongTimeoutMs: true,
  sendRateBytesPerSecond: true,
  recvRateBytesPerSecond: true,
  recvPingsPerSecondMax: true,
  sendPingsPerSecondMax: true,
  writeTimeoutMs: true,
  bulkWindowBytes: true,
  bulkWindowBytesMax: true,
  isEofGated: true,
  isPingBehindMessages: true,
  isAutoPaced: true,
  logger: true,
};

/** How to wait for room. */
export interface SendOptions {
  /** 0 to {@link SEND_TIMEOUT_MS_MAX} ms; default 10 000. */
  readonly timeoutMs?: number;
  /** Gives the wait up when it aborts: the promise is rejected with `ABORTED`, and nothing was queued. */
  readonly signal?: AbortSignal;
}

/** The options with nothing left open. @internal */
export type MConnectionSettings = Required<MConnectionOptions>;

/**
 * Fills in the defaults.
 *
 * @throws RangeError naming the option that is out of range or not known.
 * @internal
 */
export function parseMConnectionOptions(options: MConnectionOptions): MConnectionSettings {
  checkOptionNames(options, MCONNECTION_OPTION_NAMES);
  const check = (name: keyof MConnectionOptions, standard: number, least: number, most: number): number =>
    checkInteger(name, options[name] ?? standard, least, most);
  const windowBytes =
    options.bulkWindowBytes === 0 ? 0 : check('bulkWindowBytes', BULK_WINDOW_BYTES_DEFAULT, 4096, 2 ** 30);
  const windowBytesMax = Math.max(windowBytes, BULK_WINDOW_BYTES_MAX_DEFAULT);
  const rateMax = RATE_BYTES_PER_SECOND_MAX;
  return {
    clock: options.clock,
    handlers: options.handlers,
    packetPayloadBytesMax: check(
      'packetPayloadBytesMax',
      PACKET_PAYLOAD_BYTES_MAX_DEFAULT,
      1,
      PACKET_PAYLOAD_BYTES_MAX,
    ),
    pingIntervalMs: check('pingIntervalMs', PING_INTERVAL_MS_DEFAULT, 1, TIMER_DELAY_MS_MAX),
    pongTimeoutMs: check('pongTimeoutMs', PONG_TIMEOUT_MS_DEFAULT, 1, TIMER_DELAY_MS_MAX),
    sendRateBytesPerSecond: check('sendRateBytesPerSecond', FLOW_RATE_BYTES_PER_SECOND_DEFAULT, 0, rateMax),
    recvRateBytesPerSecond: check('recvRateBytesPerSecond', FLOW_RATE_BYTES_PER_SECOND_DEFAULT, 0, rateMax),
    recvPingsPerSecondMax: check('recvPingsPerSecondMax', RECV_PINGS_PER_SECOND_MAX_DEFAULT, 1, 1_000_000),
    sendPingsPerSecondMax: check('sendPingsPerSecondMax', SEND_PINGS_PER_SECOND_MAX_DEFAULT, 1, 1_000_000),
    writeTimeoutMs: check('writeTimeoutMs', MCONNECTION_WRITE_TIMEOUT_MS_DEFAULT, 1, 86_400_000),
    bulkWindowBytes: windowBytes,
    bulkWindowBytesMax: check('bulkWindowBytesMax', windowBytesMax, windowBytes, 2 ** 30),
    isEofGated: options.isEofGated ?? true,
    isPingBehindMessages: options.isPingBehindMessages ?? true,
    isAutoPaced: (options.isAutoPaced ?? true) && windowBytes > 0,
    logger: guardLogger(options.logger ?? silentLogger),
  };
}
