/**
 * TCP, over the runtime's own sockets: `tcp://host:port`. Options as `archethic-node client/transport/tcp_impl.ex` and
 * `listener.ex` set them (no delay, keep-alive, backlog 4096, at most 1024 connections); every wait is on the given
 * clock.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../base/clock.ts';
import { checkInteger, checkOptionNames } from '../base/errors.ts';
import { NetError } from './errors.ts';
import { checkNetAddress, formatNetAddress, isIpv4, type NetAddress } from './net-address.ts';
import { TCP_SCHEME, TcpReads, TcpStream, tcpAddressText, tcpError } from './tcp-stream.ts';
import {
  type ByteStream,
  DIAL_TIMEOUT_MS_MAX,
  type DialOptions,
  type Transport,
  type TransportListener,
} from './transport.ts';

/** Connections that may wait to be accepted (`archethic-node p2p/listener.ex`). */
export const TCP_BACKLOG = 4096;

/** Accepted connections open at once per listener, by default (Ranch's `max_connections`). */
export const TCP_CONNECTIONS_MAX_DEFAULT = 1024;

/** Options of {@link TcpTransport}. */
export interface TcpTransportOptions {
  /** Default: the host's clock. */
  readonly clock?: Clock;
  /**
   * Accepted connections open at once per listener, 1 to 1 000 000; default {@link TCP_CONNECTIONS_MAX_DEFAULT}. One
   * more is reset at once, so its dialler sees `RESET`, and counted in `refusedCount`.
   */
  readonly maxConnections?: number;
}

/** Dials and listens on TCP. */
export class TcpTransport implements Transport {
  readonly scheme: string = TCP_SCHEME;
  readonly #clock: Clock;
  readonly #maxConnections: number;

  /** @throws RangeError when an option is out of range or not known. */
  constructor(options: TcpTransportOptions = {}) {
    checkOptionNames(options, { clock: true, maxConnections: true });
    this.#clock = options.clock ?? systemClock;
    this.#maxConnections = checkInteger(
      'maxConnections',
      options.maxConnections ?? TCP_CONNECTIONS_MAX_DEFAULT,
      1,
      1_000_000,
    );
  }

  async dial(address: NetAddress, options: DialOptions): Promise<ByteStream> {
    const { host, port } = checkNetAddress(address, TCP_SCHEME);
    const what = `dial ${tcpAddressText(host, port)}`;
    if (port === 0) throw new NetError('ADDRESS_INVALID', `${what}: nobody can be reached at port 0`);
    const timeoutMs = checkInteger('timeoutMs', options.timeoutMs, 1, DIAL_TIMEOUT_MS_MAX);
    const { signal } = options;
    if (signal?.aborted === true) throw aborted(what, signal);
    const clock = this.#clock;
    return new Promise((resolve, reject) => {
      const reads = new TcpReads();
      const socket = createConnection({
        host,
        port,
        allowHalfOpen: true,
        onread: reads,
      });
      let timer: Timer | undefined;
      const settle = (): void => {
        if (timer !== undefined) clock.clearTimer(timer);
        signal?.removeEventListener('abort', onAbort);
        socket.removeListener('error', onError);
      };
      const fail = (error: NetError): void => {
        settle();
        // What the socket still has to say about a dial that is over interests nobody, but must not be unhandled.
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      };
      const onAbort = (): void => fail(aborted(what, signal));
      const onError = (cause: unknown): void => fail(tcpError(what, cause));
      timer = clock.setTimer(() => {
        fail(new NetError('DIAL_TIMEOUT', `${what}: not connected after ${timeoutMs} ms`));
      }, timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.once('error', onError);
      socket.once('connect', () => {
        socket.setNoDelay(true);
        socket.setKeepAlive(true);
        // On one host the system can join a socket to itself when the port dialled is in the range of dynamic ports.
        if (socket.localPort === port && socket.localAddress === socket.remoteAddress) {
          fail(new NetError('CONNECTION_REFUSED', `${what}: nobody listens there (the dial met itself)`));
          return;
        }
        settle();
        const remoteAddress = isIpv4(host) ? tcpAddressText(host, port) : undefined;
        resolve(new TcpStream(socket, clock, noop, { reads, remoteAddress }));
      });
    });
  }

  async listen(address: NetAddress, onConnection: (stream: ByteStream) => void): Promise<TransportListener> {
    const what = `listen on ${formatNetAddress(checkNetAddress(address, TCP_SCHEME))}`;
    const listener = new TcpListener(this.#clock, this.#maxConnections, onConnection);
    await new Promise<void>((resolve, reject) => {
      listener.server.once('error', (cause) => reject(tcpError(what, cause)));
      listener.server.listen({ host: address.host, port: address.port, backlog: TCP_BACKLOG, exclusive: true }, () =>
        resolve(),
      );
    });
    listener.start(address);
    return listener;
  }
}

class TcpListener implements TransportListener {
  readonly server: Server;
  address: NetAddress = { scheme: TCP_SCHEME, host: '0.0.0.0', port: 0 };
  connectionCount = 0;
  refusedCount = 0;
  readonly #clock: Clock;
  readonly #maxConnections: number;
  readonly #onConnection: (stream: ByteStream) => void;
  #closed: Promise<void> | undefined;

  constructor(clock: Clock, maxConnections: number, onConnection: (stream: ByteStream) => void) {
    this.#clock = clock;
    this.#maxConnections = maxConnections;
    this.#onConnection = onConnection;
    this.server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) =>
      this.#accept(socket),
    );
  }

  start(asked: NetAddress): void {
    const bound = this.server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : asked.port;
    this.address = { scheme: TCP_SCHEME, host: asked.host, port };
    // Accepting can fail later, for want of file descriptors: that connection is lost, the listener is not.
    this.server.on('error', () => {
      this.refusedCount += 1;
    });
  }

  close(): Promise<void> {
    // The server's own callback would wait for every accepted stream; the port is free as soon as its socket is closed.
    this.#closed ??= new Promise((resolve) => {
      this.server.close();
      this.#clock.defer(resolve);
    });
    return this.#closed;
  }

  #accept(socket: Socket): void {
    if (this.connectionCount >= this.#maxConnections || socket.remoteAddress === undefined) {
      this.refusedCount += 1;
      socket.on('error', () => {});
      socket.resetAndDestroy();
      return;
    }
    this.connectionCount += 1;
    const stream = new TcpStream(socket, this.#clock, () => {
      this.connectionCount -= 1;
    });
    try {
      this.#onConnection(stream);
    } catch (cause) {
      this.refusedCount += 1;
      const text = `handler of connections at ${tcpAddressText(this.address.host, this.address.port)} threw`;
      stream.destroy(new NetError('HANDLER_FAILED', text, { cause }));
    }
  }
}

function noop(): void {}

function aborted(what: string, signal: AbortSignal | undefined): NetError {
  return new NetError('ABORTED', `${what}: aborted by the caller`, { cause: signal?.reason });
}
