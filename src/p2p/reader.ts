/**
 * Reader: the process that owns a connection's incoming frames. It opens each envelop, verifies it, decodes the message and
 * hands it on in the order of arrival; it ends with its connection.
 *
 * What cannot be opened, verified or decoded is a fault of the peer: told, counted, and the end of this connection and of
 * nothing else. A full reader pauses the socket, so that pressure reaches the sender.
 */
import { GenServer } from '../actors/gen-server.ts';
import { asProcess } from '../actors/process.ts';
import type { CastHandlers, MaybePromise, ServerRef } from '../actors/protocol.ts';
import { type NoReply, noreply, type Stop, stop } from '../actors/results.ts';
import { CodedError } from '../base/errors.ts';
import type { MessageValue } from '../codec/message.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { type OpenedEnvelop, openMessageEnvelop } from '../crypto/sealed-envelop.ts';
import { ArchethicLink } from '../net/archethic-link.ts';
import { NetError } from '../net/errors.ts';
import type { ByteStream } from '../net/transport.ts';
import { type NodeContext, noteFault } from './node-context.ts';

/** Frames that wait for a reader before its socket is paused; it goes on when half of them are done. */
export const READER_FRAMES_MAX = 256;

/** Bytes of frames that wait for a reader before its socket is paused: 4 MiB; it goes on when half of them are done. */
export const READER_BYTES_MAX: number = 4 * 1024 * 1024;

/** What is done with what a reader reads. @internal */
export interface ReaderRole {
  /** The key every signature must be by; without it, the key each envelop names. */
  readonly verifyWith: PublicKey | undefined;
  /** Longest frame accepted, in bytes. */
  readonly frameBytesMax: number;
  /** Longest frame sent, in bytes. */
  readonly sendFrameBytesMax: number;
  /** A connection without a whole frame for that long is closed, in ms; 0 is off. */
  readonly idleTimeoutMs: number;
  /** True while it takes nothing more; it calls `onRoom` when it does again. */
  readonly isFull: boolean;
  /** The link stands; called once, first, in the reader's `init`. */
  opened(link: ArchethicLink, onRoom: () => void): void;
  /** A message that verified. */
  received(envelop: OpenedEnvelop, message: MessageValue): void;
  /** The envelop verified and its message does not decode; the connection is about to be closed. */
  undecodable(envelop: OpenedEnvelop, error: CodedError): void;
  heartbeat(): void;
  /** More can be sent again. */
  drained(): void;
  /** The connection is over; not called in a reader that was stopped before. */
  closed(reason: NetError | undefined): void;
  /** The reader's process has ended, and its connection with it; called once, last, always. */
  ended(): void;
}

/** @internal */
export interface ReaderState {
  readonly context: NodeContext;
  readonly role: ReaderRole;
  readonly link: ArchethicLink;
  isPaused: boolean;
  frameCount: number;
  /** Bytes of the frames in the mailbox. */
  waitingBytes: number;
  /** Lets the frame go on that waits for room in the role. */
  goOn: (() => void) | undefined;
}

/** @internal */
export interface ReaderProtocol {
  cast: { frame(payload: Uint8Array): void; closed(reason: NetError | undefined): void };
}

/** Link errors that count as faults of the peer; the others just end a connection. */
const FAULTS_OF_LINK: ReadonlySet<string> = new Set([
  'FRAME_INVALID',
  'FRAME_TRUNCATED',
  'IDLE_TIMEOUT',
  'WRITE_TIMEOUT',
]);

/** @internal */
export class Reader extends GenServer<ReaderState, ReaderProtocol, [NodeContext, ByteStream, ReaderRole]> {
  init(context: NodeContext, stream: ByteStream, role: ReaderRole): ReaderState {
    const self = this.self as unknown as ServerRef<ReaderProtocol>;
    const { limits } = context;
    const link = new ArchethicLink(stream, {
      clock: context.clock,
      logger: context.logger,
      frameBytesMax: role.frameBytesMax,
      sendFrameBytesMax: role.sendFrameBytesMax,
      sendBufferBytesMax: limits.sendBufferBytesMax,
      writeTimeoutMs: limits.writeTimeoutMs,
      idleTimeoutMs: role.idleTimeoutMs,
      handlers: {
        onFrame: (payload) => {
          state.waitingBytes += payload.length;
          self.cast('frame', payload);
          if (state.waitingBytes >= READER_BYTES_MAX || asProcess(self).mailboxLength >= READER_FRAMES_MAX) {
            this.#pause(state);
          }
        },
        onHeartbeat: () => role.heartbeat(),
        onDrain: () => role.drained(),
        onClose: (reason) => {
          // In the order of arrival: the frames that came before the end are handled first.
          self.cast('closed', reason);
          state.goOn?.();
        },
      },
    });
    const state: ReaderState = {
      context,
      role,
      link,
      isPaused: false,
      frameCount: 0,
      waitingBytes: 0,
      goOn: undefined,
    };
    // However this process ends, its socket does not outlive it.
    const onEnd = (): void => {
      link.destroy();
      role.ended();
    };
    this.self.signal.addEventListener('abort', onEnd, { once: true });
    role.opened(link, () => {
      state.goOn?.();
      this.#relax(state);
    });
    return state;
  }

  override readonly handleCast: CastHandlers<ReaderState, ReaderProtocol> = this.casts({
    frame: (payload, state): MaybePromise<NoReply<ReaderState>> => {
      if (!state.role.isFull || !state.link.isOpen) return this.#frame(payload, state);
      this.#pause(state);
      const room = new Promise<void>((resolve) => {
        state.goOn = resolve;
      });
      return room.then(() => this.#frame(payload, state));
    },
    closed: (reason, state): NoReply<ReaderState> | Stop<ReaderState> => {
      if (reason !== undefined && FAULTS_OF_LINK.has(reason.code)) {
        noteFault(state.context, state.link.remoteAddress, state.role.verifyWith, reason);
      }
      state.role.closed(reason);
      return stop('normal', state);
    },
  });

  override inspect(state: ReaderState): Readonly<Record<string, string | number>> {
    return { remote: state.link.remoteAddress, frames: state.frameCount };
  }

  #frame(payload: Uint8Array, state: ReaderState): NoReply<ReaderState> {
    state.goOn = undefined;
    state.frameCount += 1;
    state.waitingBytes -= payload.length;
    this.#read(payload, state);
    if (state.role.isFull) this.#pause(state);
    else if (state.isPaused) this.#relax(state);
    return noreply(state);
  }

  #pause(state: ReaderState): void {
    if (state.isPaused) return;
    state.isPaused = true;
    state.link.pause();
  }

  /** Lets the socket go on when neither the mailbox nor the role has too much in it. */
  #relax(state: ReaderState): void {
    if (!state.isPaused || state.role.isFull || state.waitingBytes > READER_BYTES_MAX / 2) return;
    if (!this.self.isAlive || asProcess(this.self).mailboxLength > READER_FRAMES_MAX / 2) return;
    state.isPaused = false;
    state.link.resume();
  }

  #read(payload: Uint8Array, state: ReaderState): void {
    const { context, role, link } = state;
    if (!link.isOpen) return; // a fault was found in a frame before this one
    let envelop: OpenedEnvelop | undefined;
    try {
      const { verifyWith } = role;
      const { identity, keys } = context;
      envelop = openMessageEnvelop(
        context.engine,
        payload,
        verifyWith === undefined ? { recipient: identity, keys } : { recipient: identity, keys, verifyWith },
      );
      role.received(envelop, context.messages.decode(envelop.message));
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (envelop !== undefined) role.undecodable(envelop, error);
      noteFault(context, link.remoteAddress, envelop?.sender ?? role.verifyWith, error);
      link.destroy(new NetError('REMOTE_FAULT', `${link.remoteAddress}: ${error.message}`, { cause: error }));
    }
  }
}
