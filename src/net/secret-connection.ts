/**
 * SecretConnection: makes a plain {@link ByteStream} secret and finds out who is at the other end. Both ends do the same,
 * at once, so dialler and listener call the same function. The cryptography is in `crypto/secret-handshake.ts` and
 * `crypto/secret-frames.ts`; here are the stream, the deadline and the bounds (`p2p/conn/secret_connection.go`).
 *
 * A peer that is late, sends too much, too little or nonsense costs one connection: it is broken off, and the caller gets
 * a {@link NetError} with what was wrong as its cause.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError, checkInteger, checkOptionNames, describeReason, type OptionNames } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { DelimitedDecoder } from '../codec/cometbft-delimited.ts';
import { HANDSHAKE_MESSAGE_BYTES_MAX } from '../codec/cometbft-handshake.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import { CryptoError } from '../crypto/errors.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { FrameOpener, FrameSealer } from '../crypto/secret-frames.ts';
import { type SecretAgreement, SecretHandshake } from '../crypto/secret-handshake.ts';
import { NetError } from './errors.ts';
import { SecretFrameReader } from './secret-frames.ts';
import { SealedStream, type SecretStream } from './secret-stream.ts';
import type { ByteStream, ByteStreamHandlers } from './transport.ts';

/**
 * Time for the whole handshake by default, in ms (`P2PConfig.HandshakeTimeout`; the transport of CometBFT uses 3 s in
 * its place).
 */
export const SECRET_HANDSHAKE_TIMEOUT_MS_DEFAULT = 20_000;

/** Longest `handshakeTimeoutMs`: 1 hour. */
export const SECRET_HANDSHAKE_TIMEOUT_MS_MAX = 3_600_000;

/** Frames in which a peer must have said who it is; honest ones need one. */
export const SECRET_HANDSHAKE_FRAMES_MAX = 16;

/** Options of {@link secretConnection}. */
export interface SecretConnectionOptions {
  readonly clock: Clock;
  /** Source of the ephemeral key: 32 bytes. */
  readonly random: Random;
  readonly engine: CryptoEngine;
  /** The ed25519 key that names this node. */
  readonly nodeKey: KeyPair;
  /** Time until the peer is known, 1 to {@link SECRET_HANDSHAKE_TIMEOUT_MS_MAX} ms; default 20 000. */
  readonly handshakeTimeoutMs?: number;
  /** Gives the handshake up when it aborts; without effect once the stream is there. */
  readonly signal?: AbortSignal;
}

const OPTION_NAMES: OptionNames<SecretConnectionOptions> = {
  clock: true,
  random: true,
  engine: true,
  nodeKey: true,
  handshakeTimeoutMs: true,
  signal: true,
};

/**
 * Runs the handshake over `stream`, which nobody has opened yet; it is opened here and belongs to the result.
 *
 * The stream that comes out is used like any other: its owner calls `open`, or `destroy` when it does not want it. The
 * peer is whoever owns `remotePublicKey`: whether that is who was to be reached is for the caller to check. Nothing is
 * read from the network between the end of the handshake and `open`.
 *
 * @returns the secret stream, after the peer has proven to own its key.
 * @throws {@link NetError} (as a rejection) `HANDSHAKE_TIMEOUT`; `HANDSHAKE_FAILED` when the peer sent anything but a
 *   handshake, `cause` a CodecError or CryptoError, or ended it in the middle, without cause; `ABORTED`; what the stream
 *   itself broke with (`RESET`, ...). The stream is destroyed in each case.
 * @throws RangeError (as a rejection) for an option out of range or not known, or a node key that is not ed25519; `stream` is untouched.
 */
export function secretConnection(stream: ByteStream, options: SecretConnectionOptions): Promise<SecretStream> {
  return new Promise((resolve, reject) => {
    checkOptionNames(options, OPTION_NAMES);
    new HandshakeRun(stream, options, resolve, reject).begin();
  });
}

/** Who gets the events of the stream below: the handshake, then what came out of it. */
interface Route {
  to: ByteStreamHandlers;
}

/** A function of its own, so that nothing of the handshake (its private key) lives as long as the connection does. */
function routed(route: Route): ByteStreamHandlers {
  return {
    isReadingOnly: true,
    onData: (chunk) => route.to.onData(chunk),
    onDrain: () => route.to.onDrain(),
    onClose: (reason) => route.to.onClose(reason),
  };
}

/** One handshake, from the first byte to the stream. */
class HandshakeRun implements ByteStreamHandlers {
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #engine: CryptoEngine;
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number;
  readonly #resolve: (stream: SecretStream) => void;
  readonly #reject: (error: NetError) => void;
  readonly #handshake: SecretHandshake;
  readonly #plain = new DelimitedDecoder(HANDSHAKE_MESSAGE_BYTES_MAX);
  readonly #opened = new DelimitedDecoder(HANDSHAKE_MESSAGE_BYTES_MAX);
  #agreement: SecretAgreement | undefined;
  #sealer: FrameSealer | undefined;
  #reader: SecretFrameReader | undefined;
  readonly #route: Route = { to: this };
  #timer: Timer | undefined;
  #isSettled = false;

  constructor(
    stream: ByteStream,
    options: SecretConnectionOptions,
    resolve: (stream: SecretStream) => void,
    reject: (error: NetError) => void,
  ) {
    this.#stream = stream;
    this.#clock = options.clock;
    this.#engine = options.engine;
    this.#signal = options.signal;
    const timeoutMs = options.handshakeTimeoutMs ?? SECRET_HANDSHAKE_TIMEOUT_MS_DEFAULT;
    this.#timeoutMs = checkInteger('handshakeTimeoutMs', timeoutMs, 1, SECRET_HANDSHAKE_TIMEOUT_MS_MAX);
    this.#resolve = resolve;
    this.#reject = reject;
    this.#handshake = new SecretHandshake(options.engine, options.nodeKey, options.random);
  }

  begin(): void {
    this.#stream.open(routed(this.#route));
    if (this.#signal?.aborted === true) {
      this.#onAbort();
      return;
    }
    this.#signal?.addEventListener('abort', this.#onAbort);
    this.#timer = this.#clock.setTimer(() => {
      const what = this.#agreement === undefined ? 'its ephemeral key' : 'who it is';
      const text = `${this.#stream.remoteAddress} did not say ${what} in ${this.#timeoutMs} ms`;
      this.#fail(new NetError('HANDSHAKE_TIMEOUT', text));
    }, this.#timeoutMs);
    this.#write(this.#handshake.message);
  }

  onData(chunk: Uint8Array): void {
    if (this.#isSettled) return;
    try {
      if (this.#reader === undefined) this.#takePlain(chunk);
      else this.#takeSealed(this.#reader, chunk);
    } catch (cause) {
      // Anything else than a coded error is a bug of ours, which must not look like a fault of the peer.
      if (!(cause instanceof CodedError)) throw cause;
      const text = `handshake with ${this.#stream.remoteAddress}: ${describeReason(cause)}`;
      this.#fail(cause instanceof NetError ? cause : new NetError('HANDSHAKE_FAILED', text, { cause }));
    }
  }

  onDrain(): void {
    // What a handshake writes is less than any stream's high water.
  }

  #takePlain(chunk: Uint8Array): void {
    // A copy: the decoder keeps what is not complete, and what arrives is the stream's below.
    this.#plain.push(chunk.slice());
    const message = this.#plain.next();
    if (message === undefined) return;
    const agreement = this.#handshake.agree(message);
    this.#agreement = agreement;
    const { sendKey, receiveKey } = agreement.keys;
    this.#sealer = new FrameSealer(this.#engine, sendKey);
    const reader = new SecretFrameReader(new FrameOpener(this.#engine, receiveKey));
    this.#reader = reader;
    sendKey.fill(0);
    receiveKey.fill(0);
    this.#write(this.#sealer.seal(agreement.authMessage));
    const rest = this.#plain.takeRest();
    if (rest.length > 0) this.#takeSealed(reader, rest);
  }

  #takeSealed(reader: SecretFrameReader, chunk: Uint8Array): void {
    reader.push(chunk, (data) => this.#opened.push(data));
    const message = this.#opened.next();
    if (message === undefined) {
      if (reader.frameCount < SECRET_HANDSHAKE_FRAMES_MAX) return;
      throw new CryptoError('BAD_SIGNATURE', `${reader.frameCount} frames without a node key and signature`);
    }
    const remotePublicKey = (this.#agreement as SecretAgreement).verify(message);
    this.#settle();
    // Until the owner opens it, whatever comes waits in the network.
    this.#stream.pause();
    const sealed = new SealedStream({
      clock: this.#clock,
      inner: this.#stream,
      sealer: this.#sealer as FrameSealer,
      reader,
      remotePublicKey,
      early: this.#opened.takeRest(),
    });
    this.#route.to = sealed;
    this.#resolve(sealed);
  }

  #write(bytes: Uint8Array): void {
    try {
      this.#stream.write(bytes);
    } catch (error) {
      // The stream has ended already, and says how in its onClose.
      if (!(error instanceof NetError)) throw error;
    }
  }

  onClose(reason: NetError | undefined): void {
    if (this.#isSettled) return;
    const stage = this.#agreement === undefined ? 'its ephemeral key' : 'its node key and signature';
    const text = `${this.#stream.remoteAddress} closed before ${stage} was complete`;
    this.#fail(reason ?? new NetError('HANDSHAKE_FAILED', text));
  }

  readonly #onAbort = (): void => {
    const text = `the handshake with ${this.#stream.remoteAddress} was aborted`;
    this.#fail(new NetError('ABORTED', text, { cause: this.#signal?.reason }));
  };

  #fail(error: NetError): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#stream.destroy(error);
    this.#reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
