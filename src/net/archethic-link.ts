/**
 * The Archethic framed link: frames of a 4-byte length and a payload, and heartbeats among them, over a byte stream.
 *
 * A payload of the two bytes `hb` is a heartbeat, everything else is for the owner (`archethic-node
 * client/connection.ex`, `listener_protocol.ex`). The link cuts and joins frames, bounds what waits both ways, and
 * notices a peer that takes or says nothing; it opens no envelope and answers nothing by itself. The same class serves
 * both ends. Above it: the connection and reader processes of the p2p layer.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { checkInteger, describeReason } from '../base/errors.ts';
import { guardLogger, type Logger, silentLogger } from '../base/logger.ts';
import { FRAME_BYTES_MAX, FRAME_BYTES_MAX_DEFAULT, FRAME_HEADER_BYTES, FrameDecoder } from '../codec/frame.ts';
import { NetError, type NetErrorCode } from './errors.ts';
import { SEND_SLAB_BYTES_MAX, SendSlab } from './send-slab.ts';
import { StallWatch } from './stall-watch.ts';
import type { ByteStream } from './transport.ts';

/** Bytes that may wait to be sent, by default: 16 MiB. */
export const SEND_BUFFER_BYTES_MAX_DEFAULT: number = 16 * 1024 * 1024;

/** Time without progress after which a peer that takes nothing is given up, by default, in ms (`tcp_impl.ex`). */
export const WRITE_TIMEOUT_MS_DEFAULT = 30_000;

/** Longest `writeTimeoutMs` and `idleTimeoutMs`: 24 hours. */
export const LINK_TIMEOUT_MS_MAX = 86_400_000;

const HEARTBEAT = Uint8Array.of(0x68, 0x62); // "hb"; not an implementation choice

/** What a link tells its owner. One that throws costs its own link (`HANDLER_FAILED`), nothing else. */
export interface ArchethicLinkHandlers {
  /** A frame that is not a heartbeat, 1 to `frameBytesMax` bytes; the handler may keep it but must not write to it. */
  onFrame(payload: Uint8Array): void;
  /** A heartbeat; a listening end answers it with {@link ArchethicLink.sendHeartbeat}. */
  onHeartbeat(): void;
  /** What waited has gone out after {@link ArchethicLink.isCongested} was true. */
  onDrain?(): void;
  /** The link is over; exactly once, last. `reason` as in `ByteStreamHandlers.onClose`. */
  onClose(reason: NetError | undefined): void;
}

/** Options of {@link ArchethicLink}. */
export interface ArchethicLinkOptions {
  readonly clock: Clock;
  readonly handlers: ArchethicLinkHandlers;
  /** Longest payload accepted, 2 to 2^32 - 1 bytes; default 16 MiB. */
  readonly frameBytesMax?: number;
  /** Longest payload sent, when it differs from what is accepted; the same range, default `frameBytesMax`. */
  readonly sendFrameBytesMax?: number;
  /** Bytes that may wait to be sent, 6 to 2^40; default 16 MiB. At it, `send` throws `SEND_BUFFER_FULL`. */
  readonly sendBufferBytesMax?: number;
  /** Time in which a peer must take some of what waits, 1 to 86 400 000 ms; default 30 000. Then `WRITE_TIMEOUT`. */
  readonly writeTimeoutMs?: number;
  /**
   * Time in which a complete frame must arrive, 0 (default, off) to 86 400 000 ms; then `IDLE_TIMEOUT`. Stands still
   * while paused. Longer than the longest frame takes to arrive.
   */
  readonly idleTimeoutMs?: number;
  /** Told of handlers that throw; default silent. */
  readonly logger?: Logger;
}

/** Counters of a link since it began. */
export interface ArchethicLinkStats {
  /** Frames but heartbeats. */
  readonly framesIn: number;
  readonly framesOut: number;
  /** Bytes on the wire, headers and heartbeats included; out counts what was accepted for sending. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly heartbeatsIn: number;
  readonly heartbeatsOut: number;
  /** Bytes waiting to be sent. */
  readonly bufferedBytes: number;
  /** 1 when the other end sent what is not a frame, else 0. */
  readonly remoteFaults: number;
}

/** One framed connection. It opens the stream and owns it from then on. */
export class ArchethicLink {
  /** The other end as text. */
  readonly remoteAddress: string;
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #handlers: ArchethicLinkHandlers;
  readonly #logger: Logger;
  readonly #sendFrameBytesMax: number;
  readonly #sendBufferBytesMax: number;
  readonly #idleTimeoutMs: number;
  readonly #decoder: FrameDecoder;
  readonly #slab = new SendSlab();
  readonly #stallWatch: StallWatch;
  #phase: 'open' | 'closing' | 'over' = 'open';
  #isPaused = false;
  #isDispatching = false;
  #isFlushArmed = false;
  #isCongested = false;
  #hasRemoteEnded = false;
  #idleTimer: Timer | undefined;
  #lastFrameMs: number;
  #framesIn = 0;
  #framesOut = 0;
  #bytesIn = 0;
  #bytesInFrames = 0;
  #bytesOut = 0;
  #heartbeatsIn = 0;
  #heartbeatsOut = 0;
  #remoteFaults = 0;

  /**
   * Opens `stream`; the handlers are called from a later turn on.
   *
   * @throws RangeError when an option is out of range.
   */
  constructor(stream: ByteStream, options: ArchethicLinkOptions) {
    this.#stream = stream;
    this.remoteAddress = stream.remoteAddress;
    this.#clock = options.clock;
    this.#handlers = options.handlers;
    this.#logger = guardLogger(options.logger ?? silentLogger);
    const frameBytesMax = options.frameBytesMax ?? FRAME_BYTES_MAX_DEFAULT;
    checkInteger('frameBytesMax', frameBytesMax, HEARTBEAT.length, FRAME_BYTES_MAX);
    const sendFrameBytesMax = options.sendFrameBytesMax ?? frameBytesMax;
    this.#sendFrameBytesMax = checkInteger('sendFrameBytesMax', sendFrameBytesMax, HEARTBEAT.length, FRAME_BYTES_MAX);
    const sendBufferBytesMax = options.sendBufferBytesMax ?? SEND_BUFFER_BYTES_MAX_DEFAULT;
    this.#sendBufferBytesMax = checkInteger('sendBufferBytesMax', sendBufferBytesMax, 6, 2 ** 40); // 6: one heartbeat
    const writeTimeoutMs = options.writeTimeoutMs ?? WRITE_TIMEOUT_MS_DEFAULT;
    this.#stallWatch = new StallWatch({
      clock: this.#clock,
      timeoutMs: checkInteger('writeTimeoutMs', writeTimeoutMs, 1, LINK_TIMEOUT_MS_MAX),
      waitingBytes: () => stream.bufferedBytes,
      onStall: (waitingBytes) => {
        const text = `${waitingBytes} bytes for ${this.remoteAddress}: none taken in ${writeTimeoutMs} ms`;
        this.destroy(new NetError('WRITE_TIMEOUT', text));
      },
    });
    this.#idleTimeoutMs = checkInteger('idleTimeoutMs', options.idleTimeoutMs ?? 0, 0, LINK_TIMEOUT_MS_MAX);
    this.#decoder = new FrameDecoder({ frameBytesMax });
    this.#lastFrameMs = this.#clock.monotonicMs();
    stream.open({
      onData: (chunk) => this.#receive(chunk),
      onDrain: () => this.#drained(),
      onClose: (reason) => this.#streamClosed(reason),
    });
    if (this.#idleTimeoutMs > 0) this.#armIdle(this.#idleTimeoutMs);
  }

  /** True until it is closed from either side; `send` throws `CLOSED` afterwards. */
  get isOpen(): boolean {
    return this.#phase === 'open' && !this.#hasRemoteEnded;
  }

  /** True while the stream has more waiting than it likes; `onDrain` tells when not any more. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  /**
   * Queues `payload` as a frame. All frames of one turn of the event loop leave together, in the order of the calls.
   *
   * @param payload - 1 to `sendFrameBytesMax` bytes; copied, the caller keeps it.
   * @throws {@link NetError} `CLOSED`; `SEND_BUFFER_FULL` when it would not fit in `sendBufferBytesMax` with its 4
   *   header bytes; `FRAME_SIZE_INVALID`. Nothing was sent then.
   */
  send(payload: Uint8Array): void {
    if (payload.length === 0 || payload.length > this.#sendFrameBytesMax) {
      const text = `a frame of ${payload.length} bytes for ${this.remoteAddress}: 1 to ${this.#sendFrameBytesMax} allowed`;
      throw new NetError('FRAME_SIZE_INVALID', text);
    }
    if (!this.isOpen) throw new NetError('CLOSED', `link with ${this.remoteAddress} is closed`);
    const bufferedBytes = this.#bufferedBytes();
    if (bufferedBytes + FRAME_HEADER_BYTES + payload.length > this.#sendBufferBytesMax) {
      const text = `a frame of ${payload.length} bytes for ${this.remoteAddress}: ${bufferedBytes} of`;
      throw new NetError('SEND_BUFFER_FULL', `${text} ${this.#sendBufferBytesMax} bytes wait already`);
    }
    this.#framesOut += 1;
    this.#enqueue(payload);
  }

  /**
   * Queues a heartbeat. It never throws: a heartbeat that has no room would tell the other end nothing.
   *
   * @returns false when the link is closed or its send buffer full, and nothing was queued.
   */
  sendHeartbeat(): boolean {
    const frameBytes = FRAME_HEADER_BYTES + HEARTBEAT.length;
    if (!this.isOpen || this.#bufferedBytes() + frameBytes > this.#sendBufferBytesMax) return false;
    this.#heartbeatsOut += 1;
    this.#enqueue(HEARTBEAT);
    return true;
  }

  /** Stops `onFrame` and `onHeartbeat` at once; frames that have arrived wait, and the other end feels the pressure. */
  pause(): void {
    if (this.#isPaused || this.#phase !== 'open') return;
    this.#isPaused = true;
    this.#stream.pause();
  }

  /** Goes on, in a later turn, with the frames that wait. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#lastFrameMs = this.#clock.monotonicMs();
    this.#clock.defer(() => {
      this.#dispatch();
      if (!this.#isPaused && this.#phase === 'open') this.#stream.resume();
    });
  }

  /** Sends what waits, then ends; frames that arrive are dropped from now on. */
  close(): void {
    if (this.#phase !== 'open') return;
    this.#flush();
    this.#phase = 'closing';
    this.#clearIdle();
    if (this.#hasRemoteEnded) this.#clock.defer(() => this.#finish(undefined));
    else this.#stream.close();
  }

  /** Breaks off at once; `onClose` gets `reason`. Does nothing on a link that is over. */
  destroy(reason?: NetError): void {
    if (this.#phase === 'over') return;
    this.#phase = 'closing';
    this.#clearTimers();
    this.#slab.clear();
    if (this.#hasRemoteEnded) this.#clock.defer(() => this.#finish(reason));
    else this.#stream.destroy(reason);
  }

  /** A snapshot of the counters. */
  stats(): ArchethicLinkStats {
    return {
      framesIn: this.#framesIn,
      framesOut: this.#framesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      heartbeatsIn: this.#heartbeatsIn,
      heartbeatsOut: this.#heartbeatsOut,
      bufferedBytes: this.#bufferedBytes(),
      remoteFaults: this.#remoteFaults,
    };
  }

  #bufferedBytes(): number {
    return this.#slab.pendingBytes + this.#stream.bufferedBytes;
  }

  #enqueue(payload: Uint8Array): void {
    const frameBytes = FRAME_HEADER_BYTES + payload.length;
    this.#bytesOut += frameBytes;
    if (this.#slab.pendingBytes > 0 && this.#slab.pendingBytes + frameBytes > SEND_SLAB_BYTES_MAX) this.#flush();
    this.#slab.append(payload);
    if (this.#isFlushArmed) return;
    this.#isFlushArmed = true;
    this.#clock.defer(this.#turnEnd);
  }

  readonly #turnEnd = (): void => {
    this.#isFlushArmed = false;
    if (this.#phase === 'open') this.#flush();
  };

  #flush(): void {
    if (this.#slab.pendingBytes === 0 || this.#hasRemoteEnded) return;
    const bytes = this.#slab.take();
    this.#stallWatch.writing(bytes.length);
    try {
      if (!this.#stream.write(bytes)) this.#isCongested = true;
    } catch (error) {
      // The other end has ended the stream; its onClose is under way and says so to the owner.
      if (!(error instanceof NetError)) throw error;
      this.#slab.clear();
    }
  }

  #drained(): void {
    this.#isCongested = false;
    if (this.#phase === 'open') this.#guard('onDrain', () => this.#handlers.onDrain?.());
  }

  #receive(chunk: Uint8Array): void {
    if (this.#phase !== 'open') return;
    this.#bytesIn += chunk.length;
    this.#decoder.push(chunk);
    this.#dispatch();
  }

  #dispatch(): void {
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    const framesBefore = this.#framesIn + this.#heartbeatsIn;
    while (!this.#isPaused && this.#phase === 'open') {
      const payload = this.#nextFrame();
      if (payload === undefined) break;
      this.#bytesInFrames += FRAME_HEADER_BYTES + payload.length;
      if (payload.length === HEARTBEAT.length && payload[0] === HEARTBEAT[0] && payload[1] === HEARTBEAT[1]) {
        this.#heartbeatsIn += 1;
        this.#guard('onHeartbeat', () => this.#handlers.onHeartbeat());
      } else {
        this.#framesIn += 1;
        this.#guard('onFrame', () => this.#handlers.onFrame(payload));
      }
    }
    this.#isDispatching = false;
    if (this.#idleTimeoutMs > 0 && this.#framesIn + this.#heartbeatsIn > framesBefore) {
      this.#lastFrameMs = this.#clock.monotonicMs();
    }
    if (this.#hasRemoteEnded && !this.#isPaused && this.#phase === 'open') this.#finishInOrder();
  }

  #nextFrame(): Uint8Array | undefined {
    let payload: Uint8Array | undefined;
    try {
      payload = this.#decoder.next();
    } catch (cause) {
      this.#remoteFault('FRAME_INVALID', describeReason(cause), cause);
      return undefined;
    }
    if (payload?.length !== 0) return payload;
    this.#remoteFault('FRAME_INVALID', 'an empty frame', undefined);
    return undefined;
  }

  #remoteFault(code: NetErrorCode, what: string, cause: unknown): void {
    this.#remoteFaults = 1;
    const options = cause === undefined ? undefined : { cause };
    this.destroy(new NetError(code, `from ${this.remoteAddress}: ${what}`, options));
  }

  #guard(handler: string, call: () => void): void {
    try {
      call();
    } catch (cause) {
      const text = `${handler} of the link with ${this.remoteAddress} threw: ${describeReason(cause)}`;
      this.#logger.error(text, { remote: this.remoteAddress });
      this.destroy(new NetError('HANDLER_FAILED', text, { cause }));
    }
  }

  #streamClosed(reason: NetError | undefined): void {
    // Frames that arrived before an orderly end are still the owner's, also when it reads them later.
    if (reason === undefined && this.#phase === 'open') {
      this.#hasRemoteEnded = true;
      this.#clearTimers();
      this.#slab.clear();
      if (!this.#isPaused) this.#dispatch();
      return;
    }
    this.#finish(reason);
  }

  #finishInOrder(): void {
    const restBytes = this.#bytesIn - this.#bytesInFrames;
    if (restBytes === 0) {
      this.#finish(undefined);
      return;
    }
    this.#remoteFaults = 1;
    const text = `from ${this.remoteAddress}: closed ${restBytes} bytes into a frame`;
    this.#finish(new NetError('FRAME_TRUNCATED', text));
  }

  #finish(reason: NetError | undefined): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#clearTimers();
    this.#slab.clear();
    this.#guard('onClose', () => this.#handlers.onClose(reason));
  }

  #armIdle(delayMs: number): void {
    this.#idleTimer = this.#clock.setTimer(() => {
      this.#idleTimer = undefined;
      const restMs = this.#isPaused
        ? this.#idleTimeoutMs
        : this.#lastFrameMs + this.#idleTimeoutMs - this.#clock.monotonicMs();
      if (restMs > 0) this.#armIdle(restMs);
      else {
        const text = `no complete frame from ${this.remoteAddress} in ${this.#idleTimeoutMs} ms`;
        this.destroy(new NetError('IDLE_TIMEOUT', text));
      }
    }, delayMs);
  }

  #clearIdle(): void {
    if (this.#idleTimer !== undefined) this.#clock.clearTimer(this.#idleTimer);
    this.#idleTimer = undefined;
  }

  #clearTimers(): void {
    this.#clearIdle();
    this.#stallWatch.stop();
  }
}
