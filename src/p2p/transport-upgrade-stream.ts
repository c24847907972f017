/**
 * A stream that is opened twice: first to read the one message with which a peer introduces itself, then by whoever takes
 * the connection over, without a byte lost between the two.
 */
import type { Clock } from '../base/clock.ts';
import { DelimitedDecoder } from '../codec/cometbft-delimited.ts';
import { NetError } from '../net/errors.ts';
import type { ByteStream, ByteStreamHandlers } from '../net/transport.ts';

interface Reading {
  readonly decoder: DelimitedDecoder;
  readonly resolve: (message: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** @internal */
export class IntroductionStream implements ByteStream {
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly #clock: Clock;
  readonly #inner: ByteStream;
  #reading: Reading | undefined;
  /** What came behind the message; less than one chunk. */
  #early: Uint8Array | undefined;
  #handlers: ByteStreamHandlers | undefined;
  #isStarted = false;
  #isPaused = false;
  #isClosing = false;
  #over: { readonly reason: NetError | undefined } | undefined;
  #isOverTold = false;

  /** @param stream - opened by nobody yet; it belongs to this one from now on. */
  constructor(stream: ByteStream, clock: Clock) {
    this.remoteAddress = stream.remoteAddress;
    this.localAddress = stream.localAddress;
    this.#inner = stream;
    this.#clock = clock;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  /**
   * Opens the stream below and reads one delimited message; then nothing is read from the network until `open`.
   *
   * @param bytesMax - longest message accepted, without its length.
   * @throws CodecError (as a rejection) for a longer one; NetError when the stream ends first.
   */
  readMessage(bytesMax: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#reading = { decoder: new DelimitedDecoder(bytesMax), resolve, reject };
      this.#inner.open({
        onData: (chunk) => this.#onData(chunk),
        onDrain: () => this.#handlers?.onDrain(),
        onClose: (reason) => this.#onClose(reason),
      });
    });
  }

  open(handlers: ByteStreamHandlers): void {
    if (this.#handlers !== undefined) throw new Error(`stream with ${this.remoteAddress} is open already`);
    this.#handlers = handlers;
    this.#clock.defer(() => {
      this.#isStarted = true;
      this.#flow();
    });
  }

  write(bytes: Uint8Array): boolean {
    return this.#inner.write(bytes);
  }

  pause(): void {
    this.#isPaused = true;
    this.#inner.pause();
  }

  resume(): void {
    this.#isPaused = false;
    // Not from inside the call, which a handler may make.
    this.#clock.defer(() => this.#flow());
  }

  close(): void {
    this.#isClosing = true;
    this.#early = undefined;
    this.#inner.close();
  }

  destroy(reason?: NetError): void {
    this.#isClosing = true;
    this.#early = undefined;
    this.#inner.destroy(reason);
  }

  #onData(chunk: Uint8Array): void {
    const reading = this.#reading;
    if (reading === undefined) {
      if (this.#isStarted && !this.#isPaused && this.#early === undefined) this.#handlers?.onData(chunk);
      else if (!this.#isClosing) this.#early = joined(this.#early, chunk);
      return;
    }
    try {
      reading.decoder.push(chunk);
      const message = reading.decoder.next();
      if (message === undefined) return;
      this.#inner.pause();
      this.#reading = undefined;
      const rest = reading.decoder.takeRest();
      if (rest.length > 0) this.#early = rest;
      reading.resolve(message);
    } catch (error) {
      this.#reading = undefined;
      this.#inner.pause();
      reading.reject(error);
    }
  }

  #onClose(reason: NetError | undefined): void {
    this.#over = { reason };
    const reading = this.#reading;
    if (reading !== undefined) {
      this.#reading = undefined;
      reading.reject(reason ?? new NetError('CLOSED', `${this.remoteAddress} closed before it said who it is`));
    }
    if (reason !== undefined) this.#early = undefined;
    this.#flow();
  }

  /** Hands over what is early, then lets the network go on, or tells the end. */
  #flow(): void {
    const handlers = this.#handlers;
    if (handlers === undefined || !this.#isStarted) return;
    const early = this.#early;
    if (early !== undefined) {
      if (this.#isPaused) return;
      this.#early = undefined;
      handlers.onData(early);
    }
    if (this.#over !== undefined) {
      if (this.#isOverTold || this.#early !== undefined) return;
      this.#isOverTold = true;
      handlers.onClose(this.#over.reason);
    } else if (!this.#isPaused) this.#inner.resume();
  }
}

function joined(first: Uint8Array | undefined, second: Uint8Array): Uint8Array {
  if (first === undefined) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
