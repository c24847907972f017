/**
 * From a bare connection to a known peer, in upstream's order (`p2p/transport.go upgrade`): SecretConnection; is it who was
 * dialed; NodeInfo both ways; is that valid, of the same id, not ourselves, compatible. Each step has a deadline, and each
 * failure ends the connection with one typed reason.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { encodeDelimited } from '../codec/cometbft-delimited.ts';
import { encodeNodeInfo, NODE_INFO_BYTES_MAX, type NodeInfo } from '../codec/cometbft-node-info.ts';
import { CodecError } from '../codec/errors.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import { CryptoError } from '../crypto/errors.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { nodeIdOf } from '../crypto/node-key.ts';
import { NetError } from '../net/errors.ts';
import { secretConnection } from '../net/secret-connection.ts';
import type { SecretStream } from '../net/secret-stream.ts';
import type { ByteStream } from '../net/transport.ts';
import { checkPeerNodeInfo } from './node-info.ts';
import { SwitchError } from './switch-errors.ts';
import { IntroductionStream } from './transport-upgrade-stream.ts';

/** What an upgrade needs to know. */
export interface UpgradeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: CryptoEngine;
  /** The ed25519 key that names this node. */
  readonly nodeKey: KeyPair;
  /** What this node says of itself. */
  readonly nodeInfo: NodeInfo;
  /** The id that was dialed, lower case; undefined for a connection that came in. */
  readonly dialedId?: string | undefined;
  /** Time for the SecretConnection, in ms. */
  readonly handshakeTimeoutMs: number;
  /** Time for the NodeInfo, in ms. */
  readonly nodeInfoTimeoutMs: number;
  /** Gives the upgrade up when it aborts. */
  readonly signal?: AbortSignal;
  /** Told when the peer has proven who it is, before the NodeInfo. */
  readonly onSecured?: (peerId: string) => void;
}

/** A connection to a known peer. */
export interface UpgradedConnection {
  /** The secret stream behind the NodeInfo; opened by nobody yet. */
  readonly stream: ByteStream;
  /** What the peer says of itself, checked. */
  readonly nodeInfo: NodeInfo;
  /** The id it has proven to have. */
  readonly id: string;
}

/**
 * Upgrades `stream`, which nobody has opened. On failure the stream is destroyed.
 *
 * @throws SwitchError (as a rejection) `AUTH_FAILURE`, `HANDSHAKE_FAILED`, `HANDSHAKE_TIMEOUT`, `NODE_INFO_INVALID`, `SELF`,
 * `INCOMPATIBLE`; `STOPPED` when the signal aborts.
 */
export async function upgradeConnection(stream: ByteStream, options: UpgradeOptions): Promise<UpgradedConnection> {
  const { remoteAddress } = stream;
  const secret = await secure(stream, options);
  const id = nodeIdOf(options.engine, secret.remotePublicKey);
  if (options.dialedId !== undefined && options.dialedId !== id) {
    const text = `auth failure: conn.ID (${id}) dialed ID (${options.dialedId}) mismatch`;
    secret.destroy();
    throw new SwitchError('AUTH_FAILURE', text, { peerId: id, remoteAddress });
  }
  options.onSecured?.(id);
  const introduced = new IntroductionStream(secret, options.clock);
  let bytes: Uint8Array;
  try {
    bytes = await exchangeNodeInfo(introduced, id, options);
  } catch (error) {
    introduced.destroy();
    throw error;
  }
  try {
    return { stream: introduced, nodeInfo: checkPeerNodeInfo(options.nodeInfo, bytes, id, remoteAddress), id };
  } catch (error) {
    // Closed in order, so that our NodeInfo still arrives: the other end finds the reason by itself.
    introduced.close();
    throw error;
  }
}

async function secure(stream: ByteStream, options: UpgradeOptions): Promise<SecretStream> {
  const { clock, random, engine, nodeKey, handshakeTimeoutMs, signal } = options;
  const { remoteAddress } = stream;
  try {
    return await secretConnection(stream, {
      clock,
      random,
      engine,
      nodeKey,
      handshakeTimeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (!(cause instanceof NetError)) throw cause;
    const text = `secret conn failed: ${cause.message}`;
    if (cause.code === 'ABORTED') throw new SwitchError('STOPPED', text, { remoteAddress, cause });
    if (cause.code === 'HANDSHAKE_TIMEOUT') {
      throw new SwitchError('HANDSHAKE_TIMEOUT', `auth failure: ${text}`, { remoteAddress, cause });
    }
    const isProofBad = cause instanceof CryptoError || cause.cause instanceof CryptoError;
    const code = isProofBad ? 'AUTH_FAILURE' : 'HANDSHAKE_FAILED';
    throw new SwitchError(code, `auth failure: ${text}`, { remoteAddress, cause });
  }
}

/** Sends ours, and gives the bytes of theirs; both at once, as upstream does. */
function exchangeNodeInfo(stream: IntroductionStream, peerId: string, options: UpgradeOptions): Promise<Uint8Array> {
  const { clock, nodeInfo, nodeInfoTimeoutMs, signal } = options;
  const { remoteAddress } = stream;
  const details = { peerId, remoteAddress };
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const finish = (): void => {
      if (timer !== undefined) clock.clearTimer(timer);
      signal?.removeEventListener('abort', abort);
    };
    const fail = (error: SwitchError): void => {
      finish();
      reject(error);
    };
    const abort = (): void => fail(new SwitchError('STOPPED', `${remoteAddress}: upgrade aborted`, details));
    if (signal?.aborted === true) {
      abort();
      return;
    }
    signal?.addEventListener('abort', abort, { once: true });
    timer = clock.setTimer(() => {
      const text = `auth failure: handshake failed: no NodeInfo from ${remoteAddress} in ${nodeInfoTimeoutMs} ms`;
      fail(new SwitchError('HANDSHAKE_TIMEOUT', text, details));
    }, nodeInfoTimeoutMs);
    stream.readMessage(NODE_INFO_BYTES_MAX).then(
      (bytes) => {
        finish();
        resolve(bytes);
      },
      (cause) => {
        const isOurs = cause instanceof NetError || cause instanceof CodecError;
        const text = `auth failure: handshake failed: ${isOurs ? cause.message : describeReason(cause)}`;
        fail(new SwitchError('HANDSHAKE_FAILED', text, { ...details, cause }));
      },
    );
    try {
      stream.write(encodeDelimited(encodeNodeInfo(nodeInfo)));
    } catch (error) {
      // The stream has ended already; its end is what `readMessage` rejects with.
      if (!(error instanceof NetError)) throw error;
    }
  });
}
