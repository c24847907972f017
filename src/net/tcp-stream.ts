/**
 * A TCP socket as a {@link ByteStream}.
 *
 * The socket itself is given at most {@link TCP_WRITE_WINDOW_BYTES} at a time and the rest waits here, so that
 * `bufferedBytes` falls in steps even while one large message is under way: whoever watches for a stalled peer sees
 * progress. Half-open sockets are allowed below, and closed in order here, because the runtime's own automatic end
 * would overtake what waits.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../base/clock.ts';
import { RingQueue } from '../base/ring-queue.ts';
import { NetError, type NetErrorCode } from './errors.ts';
import {
  type ByteStream,
  type ByteStreamHandlers,
  STREAM_CLOSE_TIMEOUT_MS,
  STREAM_HIGH_WATER_BYTES,
  STREAM_LINGER_MS,
  type WriteMemory,
} from './transport.ts';

/** Bytes handed to the socket at a time, and longest piece of one write: 64 KiB. */
export const TCP_WRITE_WINDOW_BYTES = 65_536;

/** Bytes that one read of a dialled socket brings at most: 64 KiB, as the runtime reads by itself. */
const TCP_READ_BYTES = 65_536;

/** The scheme of TCP addresses. */
export const TCP_SCHEME = 'tcp';

const CODES: Readonly<Record<string, NetErrorCode>> = {
  ECONNREFUSED: 'CONNECTION_REFUSED',
  ETIMEDOUT: 'DIAL_TIMEOUT',
  EHOSTUNREACH: 'UNREACHABLE',
  EHOSTDOWN: 'UNREACHABLE',
  ENETUNREACH: 'UNREACHABLE',
  ENETDOWN: 'UNREACHABLE',
  ENOTFOUND: 'UNREACHABLE',
  EAI_AGAIN: 'UNREACHABLE',
  EADDRINUSE: 'ADDRESS_IN_USE',
  EADDRNOTAVAIL: 'ADDRESS_UNAVAILABLE',
  EACCES: 'ADDRESS_UNAVAILABLE',
  EPERM: 'ADDRESS_UNAVAILABLE',
  ECONNRESET: 'RESET',
  ECONNABORTED: 'RESET',
  EPIPE: 'RESET',
  EMFILE: 'RESOURCE_EXHAUSTED',
  ENFILE: 'RESOURCE_EXHAUSTED',
  ENOBUFS: 'RESOURCE_EXHAUSTED',
  ENOMEM: 'RESOURCE_EXHAUSTED',
};

/**
 * The {@link NetError} for a socket's error.
 *
 * @param what - begins the message, e.g. `dial tcp://127.0.0.1:1`.
 * @internal
 */
export function tcpError(what: string, cause: unknown): NetError {
  const { code = 'unknown error' } = cause as { code?: string };
  return new NetError(CODES[code] ?? 'IO_FAILED', `${what}: ${code}`, { cause });
}

/**
 * `tcp://host:port` of one end of a socket; an IPv4 peer of a dual-stack listener appears as IPv4.
 *
 * @internal
 */
export function tcpAddressText(host: string | undefined, port: number | undefined): string {
  // Not `formatNetAddress`, which checks what comes from people: this comes from the operating system.
  if (host === undefined || !host.includes(':')) return `${TCP_SCHEME}://${host ?? '0.0.0.0'}:${port ?? 0}`;
  const plain = host.replace(/^::ffff:(?=\d+\.)/, '');
  return `${TCP_SCHEME}://${plain.includes(':') ? `[${plain}]` : plain}:${port ?? 0}`;
}

// Every dialled socket reads into it: what is read is taken, or copied, before the next one reads.
let readMemory: Uint8Array | undefined;

function sharedReadMemory(): Uint8Array {
  readMemory ??= new Uint8Array(TCP_READ_BYTES);
  return readMemory;
}

/**
 * What a socket that we make ourselves reads, around the runtime's stream, which would take 64 KiB of fresh memory for
 * each read; accepted sockets come from the runtime and have no such choice.
 *
 * @internal
 */
export class TcpReads {
  /** The memory read into: {@link TCP_READ_BYTES}, one for all. */
  readonly buffer: Uint8Array = sharedReadMemory();
  /** Takes the first `length` bytes of the memory. */
  take: (length: number) => void = () => {};
  /** The runtime's call; false would stop the reading. */
  readonly callback = (length: number): boolean => {
    this.take(length);
    return true;
  };
}

/** What a dialler knows of its socket. @internal */
export interface TcpDialled {
  readonly reads: TcpReads;
  /** The other end, where it was dialled by number. */
  readonly remoteAddress: string | undefined;
}

/** One connected socket. @internal */
export class TcpStream implements ByteStream {
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** What the operating system takes at once, it copies. */
  readonly writeMemory: WriteMemory = 'written';
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #onOver: () => void;
  readonly #reads: TcpReads | undefined;
  readonly #queue = new RingQueue<Uint8Array>();
  #queuedBytes = 0;
  #handlers: ByteStreamHandlers | undefined;
  #phase: 'open' | 'ending' | 'over' = 'open';
  #isDiscarding = false;
  #isPaused = false;
  #isEndSent = false;
  #needsDrain = false;
  #closeTimer: Timer | undefined;
  #reason: NetError | undefined;

  /**
   * Takes over a connected socket made with `allowHalfOpen`.
   *
   * @param onOver - called once when the stream is over, opened or not.
   * @param dialled - for a socket made with `onread: dialled.reads`, in its `connect` event.
   */
  constructor(socket: Socket, clock: Clock, onOver: () => void, dialled?: TcpDialled) {
    this.#socket = socket;
    this.#clock = clock;
    this.#onOver = onOver;
    if (dialled !== undefined) {
      this.#reads = dialled.reads;
      // Nothing is read before `open`. The runtime begins to read at the first `resume` and once more in the turn after
      // it, whatever has been said in between; so that is behind us here, before the system has looked for bytes.
      socket.read(0);
      socket.pause();
    }
    // To ask the system who is there is a call for nothing when that was said to it.
    this.remoteAddress = dialled?.remoteAddress ?? tcpAddressText(socket.remoteAddress, socket.remotePort);
    this.localAddress = tcpAddressText(socket.localAddress, socket.localPort);
    socket.on('error', (cause) => {
      // A reset that answers our own end of the conversation takes nothing from us that we did not give up.
      if (!this.#isEndSent || this.#queuedBytes + socket.writableLength > 0) {
        this.#reason ??= tcpError(`connection with ${this.remoteAddress}`, cause);
      }
    });
    socket.on('end', () => this.#beginEnd());
    socket.on('finish', () => this.#lingerForEnd());
    socket.on('close', () => this.#over());
  }

  get bufferedBytes(): number {
    return this.#phase === 'over' ? 0 : this.#queuedBytes + this.#socket.writableLength;
  }

  open(handlers: ByteStreamHandlers): void {
    if (this.#handlers !== undefined) throw new Error(`stream with ${this.remoteAddress} is open already`);
    this.#handlers = handlers;
    if (this.#phase === 'over') {
      this.#clock.defer(() => handlers.onClose(this.#reason));
      return;
    }
    const reads = this.#reads;
    if (reads === undefined) {
      this.#socket.on('data', (chunk) => {
        // A plain view: Buffer's own slice and the rest of its methods stay inside.
        if (!this.#isDiscarding) handlers.onData(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      });
    } else {
      const { buffer } = reads;
      reads.take = (length) => {
        if (this.#isDiscarding) return;
        handlers.onData(handlers.isReadingOnly === true ? buffer.subarray(0, length) : buffer.slice(0, length));
      };
    }
    if (!this.#isPaused) this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#phase !== 'open') throw new NetError('CLOSED', `connection with ${this.remoteAddress} is closed`);
    if (this.#queue.length === 0 && bytes.length <= TCP_WRITE_WINDOW_BYTES && this.#hasSocketRoom) {
      this.#socket.write(bytes, this.#onWritten);
      return this.#isBelowHighWater();
    }
    for (let offset = 0; offset < bytes.length; offset += TCP_WRITE_WINDOW_BYTES) {
      this.#queue.push(bytes.subarray(offset, offset + TCP_WRITE_WINDOW_BYTES));
    }
    this.#queuedBytes += bytes.length;
    this.#pump();
    return this.#isBelowHighWater();
  }

  pause(): void {
    if (this.#isPaused || this.#isDiscarding) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#handlers !== undefined) this.#socket.resume();
  }

  close(): void {
    if (this.#phase === 'over') return;
    this.#isDiscarding = true;
    this.#isPaused = false;
    this.#socket.resume();
    this.#beginEnd();
  }

  destroy(reason?: NetError): void {
    if (this.#phase === 'over') return;
    this.#reason ??= reason;
    // A reset after our end was sent is refused by the operating system and would lose the socket's close event.
    if (this.#isEndSent) this.#socket.destroy();
    else {
      this.#socket.resetAndDestroy();
      if (!this.#socket.destroyed) this.#socket.destroy();
    }
    this.#over();
  }

  get #hasSocketRoom(): boolean {
    return this.#socket.writableLength < TCP_WRITE_WINDOW_BYTES;
  }

  #isBelowHighWater(): boolean {
    if (this.bufferedBytes < STREAM_HIGH_WATER_BYTES) return true;
    this.#needsDrain = true;
    return false;
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#hasSocketRoom) {
      const piece = this.#queue.shift() as Uint8Array;
      this.#queuedBytes -= piece.length;
      this.#socket.write(piece, this.#onWritten);
    }
  }

  readonly #onWritten = (failure?: Error | null): void => {
    // Failed writes empty the socket too; its error event, which comes after them, tells what happened.
    if (this.#phase === 'over' || this.#socket.destroyed || (failure !== undefined && failure !== null)) return;
    this.#pump();
    if (this.bufferedBytes > 0) return;
    if (this.#phase === 'ending') {
      this.#sendEnd();
    } else if (this.#needsDrain) {
      this.#needsDrain = false;
      this.#handlers?.onDrain();
    }
  };

  #beginEnd(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ending';
    this.#closeTimer = this.#clock.setTimer(() => {
      const text = `connection with ${this.remoteAddress}: ${this.bufferedBytes} bytes not taken while closing`;
      this.destroy(new NetError('WRITE_TIMEOUT', `${text}, given up after ${STREAM_CLOSE_TIMEOUT_MS} ms`));
    }, STREAM_CLOSE_TIMEOUT_MS);
    if (this.bufferedBytes === 0) this.#sendEnd();
  }

  #sendEnd(): void {
    if (this.#isEndSent) return;
    this.#isEndSent = true;
    this.#socket.end();
  }

  #lingerForEnd(): void {
    if (this.#phase !== 'ending') return;
    if (this.#closeTimer !== undefined) this.#clock.clearTimer(this.#closeTimer);
    this.#closeTimer = this.#clock.setTimer(() => this.destroy(), STREAM_LINGER_MS);
  }

  #over(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    if (this.#closeTimer !== undefined) this.#clock.clearTimer(this.#closeTimer);
    this.#queue.clear();
    this.#queuedBytes = 0;
    this.#onOver();
    const handlers = this.#handlers;
    if (handlers !== undefined) this.#clock.defer(() => handlers.onClose(this.#reason));
  }
}
