/**
 * Reader: the process that owns a connection's incoming frames. It opens each envelop, verifies it, decodes the message and
 * hands it on in the order of arrival; it ends with its connection.
 *
 * What cannot be opened, verified or decoded is a fault of the peer: told, counted, and the end of this connection and of
 * nothing else. A full reader pauses the socket, so that pressure reaches the sender.
 */
import { GenServer } from '../actors/gen-server.ts';
import { asProcess } from '../actors/process.ts';
import type { CastHandlers, ServerRef } from '../actors/protocol.ts';
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

/** What is done with what a reader reads. @internal */
export interface ReaderRole {
  /** The key every signature must be by; without it, the key each envelop names. */
  readonly verifyWith: PublicKey | undefined;
  /** A connection without a whole frame for that long is closed, in ms; 0 is off. */
  readonly idleTimeoutMs: number;
  /** The link stands; called once, first, in the reader's `init`. */
  opened(link: ArchethicLink): void;
  /** A message that verified. */
  received(envelop: OpenedEnvelop, message: MessageValue): void;
  /** The envelop verified and its message does not decode; the connection is about to be closed. */
  undecodable(envelop: OpenedEnvelop, error: CodedError): void;
  heartbeat(): void;
  /** More can be sent again. */
  drained(): void;
  /** The connection is over; called once, last. */
  closed(reason: NetError | undefined): void;
}

/** @internal */
export interface ReaderState {
  readonly context: NodeContext;
  readonly role: ReaderRole;
  readonly link: ArchethicLink;
  isPaused: boolean;
  frameCount: number;
}

/** @internal */
export interface ReaderProtocol {
  cast: { frame(payload: Uint8Array): void; closed(reason: NetError | undefined): void };
}

/** Link errors that are the peer's fault; the others just end a connection. */
const FAULTS_OF_LINK: ReadonlySet<string> = new Set(['FRAME_INVALID', 'FRAME_TRUNCATED', 'IDLE_TIMEOUT']);

/** @internal */
export class Reader extends GenServer<ReaderState, ReaderProtocol, [NodeContext, ByteStream, ReaderRole]> {
  init(context: NodeContext, stream: ByteStream, role: ReaderRole): ReaderState {
    const self = this.self as unknown as ServerRef<ReaderProtocol>;
    const { limits } = context;
    const link = new ArchethicLink(stream, {
      clock: context.clock,
      logger: context.logger,
      frameBytesMax: limits.frameBytesMax,
      sendBufferBytesMax: limits.sendBufferBytesMax,
      writeTimeoutMs: limits.writeTimeoutMs,
      idleTimeoutMs: role.idleTimeoutMs,
      handlers: {
        onFrame: (payload) => {
          self.cast('frame', payload);
          if (!state.isPaused && asProcess(self).mailboxLength >= READER_FRAMES_MAX) {
            state.isPaused = true;
            link.pause();
          }
        },
        onHeartbeat: () => role.heartbeat(),
        onDrain: () => role.drained(),
        onClose: (reason) => {
          // In the order of arrival: the frames that came before the end are handled first.
          if (self.isAlive) self.cast('closed', reason);
          else role.closed(reason);
        },
      },
    });
    const state: ReaderState = { context, role, link, isPaused: false, frameCount: 0 };
    // However this process ends, its socket does not outlive it.
    this.self.signal.addEventListener('abort', () => link.destroy(), { once: true });
    role.opened(link);
    return state;
  }

  override readonly handleCast: CastHandlers<ReaderState, ReaderProtocol> = this.casts({
    frame: (payload, state) => {
      state.frameCount += 1;
      this.#read(payload, state);
      if (state.isPaused && asProcess(this.self).mailboxLength <= READER_FRAMES_MAX / 2) {
        state.isPaused = false;
        state.link.resume();
      }
      return noreply(state);
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
