/** One end of an in-memory connection as a {@link ByteStream}, with TCP's manners about ends and resets. */
import type { Clock, Timer } from '../base/clock.ts';
import { NetError } from './errors.ts';
import type { MemoryPipe, MemoryPipeSink, MemoryPipeSource } from './memory-pipe.ts';
import {
  type ByteStream,
  type ByteStreamHandlers,
  STREAM_CLOSE_TIMEOUT_MS,
  STREAM_HIGH_WATER_BYTES,
  STREAM_LINGER_MS,
} from './transport.ts';

/** What a {@link MemoryStream} is made of. @internal */
export interface MemoryStreamParts {
  readonly clock: Clock;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Where it writes. */
  readonly outbound: MemoryPipe;
  /** Where it reads. */
  readonly inbound: MemoryPipe;
  /** Called once when the stream is over, opened or not. */
  readonly onOver: () => void;
}

/** One end. @internal */
export class MemoryStream implements ByteStream, MemoryPipeSource, MemoryPipeSink {
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly #clock: Clock;
  readonly #outbound: MemoryPipe;
  readonly #inbound: MemoryPipe;
  readonly #onOver: () => void;
  #handlers: ByteStreamHandlers | undefined;
  #phase: 'open' | 'ending' | 'over' = 'open';
  #isPaused = false;
  #isDiscarding = false;
  #isRemoteEnded = false;
  #isFlushed = false;
  #needsDrain = false;
  #closeTimer: Timer | undefined;
  #reason: NetError | undefined;

  constructor(parts: MemoryStreamParts) {
    this.#clock = parts.clock;
    this.localAddress = parts.localAddress;
    this.remoteAddress = parts.remoteAddress;
    this.#outbound = parts.outbound;
    this.#inbound = parts.inbound;
    this.#onOver = parts.onOver;
    parts.outbound.source = this;
    parts.inbound.sink = this;
  }

  get bufferedBytes(): number {
    return this.#outbound.queuedBytes;
  }

  open(handlers: ByteStreamHandlers): void {
    if (this.#handlers !== undefined) throw new Error(`stream with ${this.remoteAddress} is open already`);
    this.#handlers = handlers;
    if (this.#phase === 'over') this.#clock.defer(() => handlers.onClose(this.#reason));
    else this.#inbound.kick();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#phase !== 'open') throw new NetError('CLOSED', `connection with ${this.remoteAddress} is closed`);
    this.#outbound.push(bytes);
    if (this.#outbound.queuedBytes < STREAM_HIGH_WATER_BYTES) return true;
    this.#needsDrain = true;
    return false;
  }

  pause(): void {
    if (!this.#isDiscarding) this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#inbound.kick();
  }

  close(): void {
    if (this.#phase === 'over') return;
    this.#isDiscarding = true;
    this.#isPaused = false;
    this.#inbound.kick();
    this.#beginEnd();
  }

  destroy(reason?: NetError): void {
    if (this.#phase === 'over') return;
    // After our end has gone out in order, a reset has nothing left to break for the other side.
    if (this.#isFlushed) {
      this.#inbound.refuse();
    } else {
      this.#outbound.reset();
      this.#inbound.shut();
    }
    this.#finish(reason);
  }

  /** Breaks this end off as if the other end or the way there had. */
  fail(reason: NetError): void {
    if (this.#phase === 'over') return;
    this.#outbound.shut();
    this.#inbound.shut();
    this.#finish(this.#isFlushed ? undefined : reason);
  }

  canTake(): boolean {
    return this.#phase === 'over' || this.#isDiscarding || (this.#handlers !== undefined && !this.#isPaused);
  }

  onChunk(chunk: Uint8Array): void {
    if (!this.#isDiscarding && this.#phase !== 'over') this.#handlers?.onData(chunk);
  }

  onEnd(): void {
    this.#isRemoteEnded = true;
    this.#beginEnd();
    this.#checkOver();
  }

  onReset(): void {
    this.fail(new NetError('RESET', `connection with ${this.remoteAddress}: reset by the other end`));
  }

  onRefused(): void {
    this.fail(new NetError('RESET', `connection with ${this.remoteAddress}: the other end is gone`));
  }

  onDeparted(): void {
    this.#checkOver();
    if (this.#phase === 'open' && this.#needsDrain && this.#outbound.queuedBytes === 0) {
      this.#needsDrain = false;
      this.#handlers?.onDrain();
    }
  }

  #beginEnd(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ending';
    this.#closeTimer = this.#clock.setTimer(() => {
      const text = `connection with ${this.remoteAddress}: ${this.bufferedBytes} bytes not taken while closing`;
      this.destroy(new NetError('WRITE_TIMEOUT', `${text}, given up after ${STREAM_CLOSE_TIMEOUT_MS} ms`));
    }, STREAM_CLOSE_TIMEOUT_MS);
    this.#outbound.end();
    this.#checkOver();
  }

  #checkOver(): void {
    if (this.#phase !== 'ending' || !this.#outbound.isEndDeparted) return;
    if (this.#isRemoteEnded) {
      this.#inbound.shut();
      this.#finish(undefined);
    } else if (!this.#isFlushed) {
      this.#isFlushed = true;
      if (this.#closeTimer !== undefined) this.#clock.clearTimer(this.#closeTimer);
      this.#closeTimer = this.#clock.setTimer(() => this.destroy(), STREAM_LINGER_MS);
    }
  }

  #finish(reason: NetError | undefined): void {
    this.#phase = 'over';
    this.#reason = reason;
    if (this.#closeTimer !== undefined) this.#clock.clearTimer(this.#closeTimer);
    this.#onOver();
    const handlers = this.#handlers;
    if (handlers !== undefined) this.#clock.defer(() => handlers.onClose(this.#reason));
  }
}
