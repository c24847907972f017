/**
 * An encrypted connection as a {@link ByteStream}, once its handshake is done (`secret-connection.ts`): everything
 * written is sealed in frames of 1024 bytes, everything that arrives is opened. What runs over a plain stream runs over
 * this one unchanged.
 */
import type { Clock } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { type FrameSealer, sealedFramesBytes } from '../crypto/secret-frames.ts';
import { NetError } from './errors.ts';
import type { SecretFrameReader } from './secret-frames.ts';
import { type ByteStream, type ByteStreamHandlers, STREAM_HIGH_WATER_BYTES, type WriteMemory } from './transport.ts';

/** Bytes of the memory in which all connections of the program seal, one write at a time, at first and at most. */
const SCRATCH_BYTES_MIN = 66_816; // 64 frames of 1044 bytes
const SCRATCH_BYTES_MAX = 258_912; // 248 frames

let scratch: Uint8Array | undefined;

/** The memory in which all seal, out of which it is taken; the longest write so far decides how much there is. */
function takeScratch(neededBytes: number): Uint8Array {
  const taken = scratch;
  scratch = undefined;
  if (taken !== undefined && taken.length >= neededBytes) return taken;
  return new Uint8Array(neededBytes <= SCRATCH_BYTES_MIN ? SCRATCH_BYTES_MIN : SCRATCH_BYTES_MAX);
}

/** A {@link ByteStream} of which is known who is at the other end. */
export interface SecretStream extends ByteStream {
  /** The other end's node key: 32 raw ed25519 bytes, which it has proven to own. Treat it as read-only. */
  readonly remotePublicKey: Uint8Array;
}

/** What a {@link SealedStream} is made of. @internal */
export interface SealedStreamParts {
  readonly clock: Clock;
  /** The stream below, opened, its events handed to the `on...` methods here, and paused. */
  readonly inner: ByteStream;
  readonly sealer: FrameSealer;
  readonly reader: SecretFrameReader;
  readonly remotePublicKey: Uint8Array;
  /** What had arrived behind the handshake, opened. */
  readonly early: Uint8Array;
}

/** The stream of a finished handshake. @internal */
export class SealedStream implements SecretStream, ByteStreamHandlers {
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly remotePublicKey: Uint8Array;
  /** What arrives is opened at once. */
  readonly isReadingOnly = true;
  /** What is written is sealed at once. */
  readonly writeMemory: WriteMemory = 'copied';
  readonly #clock: Clock;
  readonly #inner: ByteStream;
  readonly #sealer: FrameSealer;
  readonly #reader: SecretFrameReader;
  #early: Uint8Array | undefined;
  #handlers: ByteStreamHandlers | undefined;
  #isPaused = false;
  #isClosing = false;
  #over: { readonly reason: NetError | undefined } | undefined;

  constructor(parts: SealedStreamParts) {
    this.remoteAddress = parts.inner.remoteAddress;
    this.localAddress = parts.inner.localAddress;
    this.remotePublicKey = parts.remotePublicKey;
    this.#clock = parts.clock;
    this.#inner = parts.inner;
    this.#sealer = parts.sealer;
    this.#reader = parts.reader;
    this.#early = parts.early.length > 0 ? parts.early : undefined;
  }

  /** Bytes of sealed frames that wait; 20 more a frame than was written. */
  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  open(handlers: ByteStreamHandlers): void {
    if (this.#handlers !== undefined) throw new Error(`stream with ${this.remoteAddress} is open already`);
    this.#handlers = handlers;
    const over = this.#over;
    this.#clock.defer(over === undefined ? this.#start : () => handlers.onClose(over.reason));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#over !== undefined) {
      throw new NetError('CLOSED', `connection with ${this.remoteAddress} is closed`);
    }
    if (bytes.length === 0) return this.#inner.bufferedBytes < STREAM_HIGH_WATER_BYTES;
    const inner = this.#inner;
    const sealedBytes = sealedFramesBytes(bytes.length);
    // Not while something waits below: then the memory would not come back soon.
    const isScratch =
      sealedBytes <= SCRATCH_BYTES_MAX &&
      inner.writeMemory !== undefined &&
      (inner.bufferedBytes === 0 || inner.writeMemory === 'copied');
    const target = isScratch ? takeScratch(sealedBytes) : new Uint8Array(sealedBytes);
    try {
      this.#sealer.sealInto(bytes, target);
    } catch (cause) {
      const reason = new NetError('CLOSED', `connection with ${this.remoteAddress}: ${describeReason(cause)}`, {
        cause,
      });
      this.destroy(reason);
      throw reason;
    }
    const hasRoom = inner.write(isScratch ? target.subarray(0, sealedBytes) : target);
    if (isScratch && (inner.bufferedBytes === 0 || inner.writeMemory === 'copied')) scratch = target;
    return hasRoom;
  }

  pause(): void {
    this.#isPaused = true;
    this.#inner.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#handlers !== undefined) this.#clock.defer(this.#start);
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

  /** Takes what arrives at the stream below. */
  onData(chunk: Uint8Array): void {
    if (this.#isClosing) return;
    let fault: unknown;
    try {
      this.#reader.push(chunk, (data) => {
        this.#early = data;
      });
    } catch (cause) {
      fault = cause;
    }
    // Outside of the try: what a handler throws is its owner's fault and not the peer's.
    this.#deliver();
    if (fault === undefined || this.#over !== undefined) return;
    const text = `from ${this.remoteAddress}: ${describeReason(fault)}`;
    this.destroy(new NetError('REMOTE_FAULT', text, { cause: fault }));
  }

  /** The stream below has drained. */
  onDrain(): void {
    if (!this.#isClosing) this.#handlers?.onDrain();
  }

  /** The stream below is over. */
  onClose(reason: NetError | undefined): void {
    this.#over = { reason: reason ?? this.#truncation() };
    this.#early = undefined;
    this.#handlers?.onClose(this.#over.reason);
  }

  /** Delivers what waits, then lets the stream below go on; in a turn of its own, as the owner may not be called back. */
  readonly #start = (): void => {
    if (this.#isPaused || this.#isClosing || this.#over !== undefined) return;
    this.#deliver();
    if (this.#isPaused || this.#isClosing) return;
    this.#inner.resume();
  };

  #deliver(): void {
    const data = this.#early;
    if (data === undefined || this.#handlers === undefined || this.#isPaused) return;
    this.#early = undefined;
    this.#handlers.onData(data);
  }

  #truncation(): NetError | undefined {
    const bytes = this.#reader.partialBytes;
    if (bytes === 0 || this.#isClosing) return undefined;
    return new NetError('FRAME_TRUNCATED', `from ${this.remoteAddress}: closed ${bytes} bytes into a sealed frame`);
  }
}
