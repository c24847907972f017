/**
 * What every transport offers: ordered bytes both ways with back-pressure, and nothing else. The links above see
 * only these interfaces, so that TCP, memory and simulated networks are exchangeable; one conformance suite holds them
 * to what is written here.
 */
import type { NetError } from './errors.ts';
import type { NetAddress } from './net-address.ts';

/** Bytes that wait in a stream at which `write` begins to answer false: 64 KiB. */
export const STREAM_HIGH_WATER_BYTES = 65_536;

/** How long a stream whose `close` was called may take to hand over what waits, in ms; then it is destroyed. */
export const STREAM_CLOSE_TIMEOUT_MS = 30_000;

/** How long a stream that has sent everything waits for the other end to end too, in ms; then it just closes. */
export const STREAM_LINGER_MS = 1_000;

/** Highest `timeoutMs` of a dial: 1 hour. */
export const DIAL_TIMEOUT_MS_MAX = 3_600_000;

/**
 * When memory given to a stream's `write` is the caller's again: `copied`, as soon as `write` has returned; `written`, as
 * soon as nothing waits (`bufferedBytes` is 0).
 */
export type WriteMemory = 'copied' | 'written';

/** What a stream tells its owner; never called from inside a call of the stream's own methods. */
export interface ByteStreamHandlers {
  /**
   * Says that `onData` keeps nothing of a chunk: its memory is the stream's again when the call returns, and may not be
   * written to. A stream that reads into memory of its own need not copy then; others need not heed it. Default false.
   */
  readonly isReadingOnly?: boolean;
  /** Bytes that arrived, in order, cut anywhere; at least one. The handler owns them, unless it `isReadingOnly`. */
  onData(chunk: Uint8Array): void;
  /** Everything waiting has been handed over after `write` answered false. */
  onDrain(): void;
  /**
   * The stream is over; called exactly once, always, as the last of all calls.
   *
   * @param reason - undefined when either end closed in order; what `destroy` was given; else what broke it.
   */
  onClose(reason: NetError | undefined): void;
}

/**
 * One connection: ordered, reliable, both ways, without message boundaries.
 *
 * When the other end closes, this one hands over what waits, and closes too: there is no half-open state to use.
 * Handlers that throw are a fault of the owner and are not caught here.
 */
export interface ByteStream {
  /** The other end as text, e.g. `tcp://127.0.0.1:30002`. */
  readonly remoteAddress: string;
  /** This end as text. */
  readonly localAddress: string;
  /** Bytes written and not yet handed to the network. Unbounded by itself: the writer heeds `write`. */
  readonly bufferedBytes: number;
  /** When memory given to `write` may be used again; undefined is never. */
  readonly writeMemory?: WriteMemory;
  /**
   * Starts delivery; nothing is delivered before, and nothing before `open` has returned.
   *
   * @throws Error when called twice.
   */
  open(handlers: ByteStreamHandlers): void;
  /**
   * Queues `bytes`; their memory passes to the stream and must not be changed any more, unless `writeMemory` says when.
   *
   * @returns false at {@link STREAM_HIGH_WATER_BYTES} waiting or more: the bytes are taken, wait for `onDrain`.
   * @throws {@link NetError} `CLOSED` after `close`, `destroy` or the end of the connection.
   */
  write(bytes: Uint8Array): boolean;
  /** Stops `onData` at once; the other end feels it as soon as the buffers between are full. */
  pause(): void;
  /** Lets `onData` go on. */
  resume(): void;
  /**
   * Hands over what waits, then ends; incoming bytes are dropped from now on. Bounded by
   * {@link STREAM_CLOSE_TIMEOUT_MS} (then `onClose` gets `WRITE_TIMEOUT`) and {@link STREAM_LINGER_MS}.
   */
  close(): void;
  /** Breaks off at once, dropping what waits both ways; the other end sees `RESET`. `onClose` gets `reason`. */
  destroy(reason?: NetError): void;
}

/** How to dial. */
export interface DialOptions {
  /** 1 to {@link DIAL_TIMEOUT_MS_MAX} ms until the connection stands. */
  readonly timeoutMs: number;
  /** Gives the dial up when it aborts; without effect once the stream is there. */
  readonly signal?: AbortSignal;
}

/** A way to reach others. */
export interface Transport {
  /** The scheme of the addresses it takes. */
  readonly scheme: string;
  /**
   * Connects to `address`. The stream's owner calls `open`, or `destroy` when it does not want it.
   *
   * @throws {@link NetError} (as a rejection) `ADDRESS_INVALID`, `CONNECTION_REFUSED`, `DIAL_TIMEOUT`, `UNREACHABLE`,
   *   `ABORTED`, `RESET`, `RESOURCE_EXHAUSTED`, `IO_FAILED`.
   */
  dial(address: NetAddress, options: DialOptions): Promise<ByteStream>;
  /**
   * Accepts connections at `address` until closed.
   *
   * @param onConnection - takes each stream; one that throws loses that stream only.
   * @throws {@link NetError} (as a rejection) `ADDRESS_INVALID`, `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`,
   *   `RESOURCE_EXHAUSTED`, `IO_FAILED`.
   */
  listen(address: NetAddress, onConnection: (stream: ByteStream) => void): Promise<TransportListener>;
}

/** An open ear. */
export interface TransportListener {
  /** Where it listens, with the real port when 0 was asked for. */
  readonly address: NetAddress;
  /** Accepted streams that are not over yet. */
  readonly connectionCount: number;
  /** Connections reset at the door: `maxConnections` were open already, or the handler threw. */
  readonly refusedCount: number;
  /** Stops accepting and frees the address; accepted streams live on. Calling it again does nothing. */
  close(): Promise<void>;
}
