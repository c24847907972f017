/**
 * The visits of a crawl over a real wire: dial, SecretConnection, NodeInfo, and an MConnection with the PEX channel and
 * no other. One question, one answer, and gone. Used with `crawl` of `pex-crawl.ts`.
 */
import type { Clock } from '../base/clock.ts';
import { checkOptionNames, describeReason, type OptionNames } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import { checkPexAddress, decodePexMessage, encodePexMessage } from '../codec/cometbft-pex.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { nodeIdOf } from '../crypto/node-key.ts';
import { MConnection } from '../net/mconnection.ts';
import type { Transport } from '../net/transport.ts';
import { P2pError } from './errors.ts';
import { NODE_INFO_OPTION_NAMES, type NodeInfoOptions, ownNodeInfo } from './node-info.ts';
import type { PexAddress } from './pex-address.ts';
import type { CrawlNetwork, CrawlPeer } from './pex-crawl.ts';
import { PEX_CHANNEL_ID } from './pex-limits.ts';
import { PexChannel } from './pex-reactor.ts';
import { type UpgradedConnection, upgradeConnection } from './transport-upgrade.ts';

/** Requests of a visited peer that are answered, with no addresses; further ones are ignored. */
export const CRAWL_ANSWERS_MAX = 2;

/** What {@link wireCrawlNetwork} is made with; `network` of {@link NodeInfoOptions} must be that of the peers. */
export interface WireCrawlOptions extends NodeInfoOptions {
  readonly transport: Transport;
  /** An ed25519 key that names the crawler; a fresh one will do. */
  readonly nodeKey: KeyPair;
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: CryptoEngine;
  /** Patience with each of dial, handshake and NodeInfo, in ms, 1 and up. Default 5000. */
  readonly stepTimeoutMs?: number;
}

const OPTION_NAMES: OptionNames<WireCrawlOptions> = {
  ...NODE_INFO_OPTION_NAMES,
  transport: true,
  nodeKey: true,
  clock: true,
  random: true,
  engine: true,
  stepTimeoutMs: true,
};

/**
 * Visits over a transport. The `info` of a visit is the peer's NodeInfo.
 *
 * @throws RangeError for an option out of range, or not known.
 */
export function wireCrawlNetwork(options: WireCrawlOptions): CrawlNetwork<NodeInfo> {
  checkOptionNames(options, OPTION_NAMES);
  const { transport, nodeKey, clock, random, engine, stepTimeoutMs = 5000 } = options;
  if (!(stepTimeoutMs >= 1)) throw new RangeError(`option stepTimeoutMs is ${stepTimeoutMs}: expected 1 or more`);
  const id = nodeIdOf(engine, nodeKey.publicKey.raw);
  // Nobody takes 0.0.0.0 into an address book, so a crawler leaves no trace in them.
  const nodeInfo = ownNodeInfo(id, '0.0.0.0:0', Uint8Array.of(PEX_CHANNEL_ID), options);
  return {
    async connect(address: PexAddress, signal: AbortSignal, onDialed?: () => void): Promise<CrawlPeer<NodeInfo>> {
      const target = { scheme: transport.scheme, host: address.ip, port: address.port };
      const stream = await transport.dial(target, { timeoutMs: stepTimeoutMs, signal });
      onDialed?.();
      const connection = await upgradeConnection(stream, {
        clock,
        random,
        engine,
        nodeKey,
        nodeInfo,
        dialedId: address.id.toLowerCase(),
        handshakeTimeoutMs: stepTimeoutMs,
        nodeInfoTimeoutMs: stepTimeoutMs,
        signal,
      });
      return new WireCrawlPeer(connection, clock);
    },
  };
}

class WireCrawlPeer implements CrawlPeer<NodeInfo> {
  readonly info: NodeInfo;
  readonly #id: string;
  readonly #connection: MConnection;
  #settle: ((result: readonly PexAddress[] | P2pError) => void) | undefined;
  #end: P2pError | undefined;
  #answerCount = 0;

  constructor({ stream, nodeInfo, id }: UpgradedConnection, clock: Clock) {
    this.info = nodeInfo;
    this.#id = id;
    this.#connection = new MConnection(stream, [PexChannel.descriptor], {
      clock,
      handlers: {
        onReceive: (_channelId, message) => this.#receive(message),
        onClose: (reason) => {
          const why = reason === undefined ? 'closed by the peer' : describeReason(reason);
          this.#finish(new P2pError('CLOSED', `${id.slice(0, 6)}..: ${why}`, { cause: reason }));
        },
      },
    });
    this.#connection.start();
  }

  requestAddresses(): Promise<readonly PexAddress[]> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      this.#settle = (result) => (result instanceof P2pError ? reject(result) : resolve(result));
      this.#connection.trySend(PEX_CHANNEL_ID, encodePexMessage({ type: 'pex_request' }));
    });
  }

  close(): void {
    this.#connection.stop();
  }

  #receive(bytes: Uint8Array): void {
    try {
      const message = decodePexMessage(bytes);
      if (message.type === 'pex_addrs') this.#settle?.(message.addresses.map(checkPexAddress));
      else if (this.#answerCount < CRAWL_ANSWERS_MAX) {
        // Left without an answer it would not mind, but a polite guest has one.
        this.#answerCount += 1;
        this.#connection.trySend(PEX_CHANNEL_ID, encodePexMessage({ type: 'pex_addrs', addresses: [] }));
      }
    } catch (cause) {
      this.#finish(
        new P2pError('PEX_INVALID', `PEX of ${this.#id.slice(0, 6)}..: ${describeReason(cause)}`, { cause }),
      );
      this.#connection.stop();
    }
  }

  #finish(error: P2pError): void {
    this.#end ??= error;
    this.#settle?.(error);
  }
}
