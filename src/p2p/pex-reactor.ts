/**
 * Peer exchange as a reactor of a Switch: channel 0x00, one {@link Pex} a process, and the book's file saved while it
 * runs. The messages are read by {@link Pex} itself, not by the channel, so that what does not decode is punished too.
 *
 * ```ts
 * const book = new AddressBook({ clock, random, engine });
 * const file = new AddressBookFile({ book, files: diskFiles, path: 'addrbook.json', clock, random });
 * await file.load();
 * const node = await Switch.startLink({ ..., reactors: [pexReactor({ book, file, seeds })] });
 * ```
 */
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMethods,
  checkOptionNames,
  describeReason,
  type OptionNames,
} from '../base/errors.ts';
import { type NodeAddress, parseNodeAddress } from '../codec/cometbft-address.ts';
import { nodeInfoAddress } from '../codec/cometbft-node-info.ts';
import { PEX_MESSAGE_BYTES_MAX } from '../codec/cometbft-pex.ts';
import type { AddressBook } from './address-book.ts';
import type { AddressBookFile } from './address-book-file.ts';
import type { Peer } from './peer.ts';
import type { PeerFilter } from './peer-filter.ts';
import { checkPexOptions, PEX_OPTION_NAMES, Pex, type PexOptions } from './pex.ts';
import { type PexAddress, toNodeAddress, toPexAddress } from './pex-address.ts';
import { PEX_CHANNEL_ID, PEX_CHANNEL_PRIORITY, PEX_SEND_QUEUE_MAX } from './pex-limits.ts';
import type { DialOutcome, PexNetwork, PexPeer } from './pex-network.ts';
import { type ReactorContext, type ReactorHandlers, type ReactorSpec, reactor } from './reactor.ts';
import { bytesCodec, type Channel, channel } from './reactor-channel.ts';
import { SwitchError } from './switch-errors.ts';
import type { SwitchHandle } from './switch-handle.ts';
import { parseNodeIds, SWITCH_LIMITS } from './switch-options.ts';

/** The channel of PEX messages, as bytes. */
export const PexChannel: Channel<Uint8Array, typeof PEX_CHANNEL_ID> = channel({
  id: PEX_CHANNEL_ID,
  priority: PEX_CHANNEL_PRIORITY,
  sendQueueCapacity: PEX_SEND_QUEUE_MAX,
  recvMessageCapacity: PEX_MESSAGE_BYTES_MAX,
  codec: bytesCodec,
});

/** Outbound peers that PEX looks for, by default (`max_num_outbound_peers`). */
export const PEX_OUTBOUND_PEERS_MAX_DEFAULT = 10;

/** What {@link pexReactor} is given; the rest comes from the switch. */
export interface PexReactorOptions extends Omit<PexOptions, 'network' | 'clock' | 'random' | 'logger'> {
  /** Saved every two minutes while the reactor runs, and when it stops. Load it before the switch is started. */
  readonly file?: AddressBookFile;
  /** Outbound peers to keep; the same number as the switch's `outboundPeersMax`. Default 10. */
  readonly outboundPeersMax?: number;
  /** Ids of persistent peers of the switch: never given up on, never let go of. */
  readonly persistentPeerIds?: readonly string[];
  /**
   * Refuse who misbehaved for as long as its ban lasts, persistent peers and unconditional ids aside, also when it comes
   * by itself. Default true. Differs from upstream, which stops dialling it and lets it in again at once.
   */
  readonly isBanEnforced?: boolean;
  /** Told of each {@link Pex} that is made: one, and another after each restart of the reactor. */
  readonly onPex?: (pex: Pex) => void;
}

/** What the switch gives. */
const { network: _network, clock: _clock, random: _random, logger: _logger, ...GIVEN_NAMES } = PEX_OPTION_NAMES;

const OPTION_NAMES: OptionNames<PexReactorOptions> = {
  ...GIVEN_NAMES,
  file: true,
  outboundPeersMax: true,
  persistentPeerIds: true,
  isBanEnforced: true,
  onPex: true,
};

/**
 * A reactor that exchanges peers.
 *
 * @throws TypeError, RangeError naming an option of another type, out of its range, or not known; P2pError `PEER_INVALID` for a
 *   seed that does not parse.
 */
export function pexReactor(options: PexReactorOptions): ReactorSpec {
  checkOptionNames(options, OPTION_NAMES, ' of pexReactor');
  const { file, outboundPeersMax, persistentPeerIds = [], isBanEnforced = true, onPex, ...ofPex } = options;
  const { book } = options;
  checkPexOptions(ofPex);
  const [, outboundLeast, outboundMost] = SWITCH_LIMITS.outboundPeersMax;
  const outboundMax = checkInteger(
    'outboundPeersMax',
    outboundPeersMax === undefined ? PEX_OUTBOUND_PEERS_MAX_DEFAULT : outboundPeersMax,
    outboundLeast,
    outboundMost,
  );
  checkBoolean('isBanEnforced', isBanEnforced);
  if (file !== undefined) checkMethods('file', file, 'an AddressBookFile', ['start', 'stop']);
  if (onPex !== undefined) checkFunction('onPex', onPex);
  const persistentIds = new Set(parseNodeIds('persistentPeerIds', persistentPeerIds));
  const create = (context: ReactorContext): ReactorHandlers<typeof PexChannel> => {
    const { clock, random, logger } = context;
    const network = new SwitchNetwork(context, outboundMax, persistentIds);
    const pex = new Pex({ ...ofPex, network, clock, random, logger });
    const own = toPexAddressOr(() => nodeInfoAddress(context.switch.nodeInfo));
    book.addOurAddress(own ?? { id: context.switch.id, ip: '0.0.0.0', port: 0 });
    const start = (): void => {
      pex.start().catch((error: unknown) => {
        // Differs from upstream, where the node does not start: names may resolve a little later.
        logger.error('peer exchange cannot begin', { error: describeReason(error) });
        context.sendAfter('start', START_AGAIN_MS);
      });
    };
    file?.start();
    start();
    onPex?.(pex);
    return {
      addPeer: (peer) => pex.addPeer(network.pexPeerOf(peer)),
      removePeer: (peer) => pex.removePeer(network.pexPeerOf(peer)),
      receive: ({ peer, message }) => pex.receive(network.pexPeerOf(peer), message),
      handleInfo: () => start(),
      async stop() {
        pex.stop();
        await file?.stop().catch((error: unknown) => {
          logger.error('address book was not saved', { error: describeReason(error) });
        });
      },
    };
  };
  return reactor('pex', [PexChannel], create, isBanEnforced ? refuseBanned(book) : undefined);
}

/** Pause before the seeds are tried again when none resolved, in ms. */
const START_AGAIN_MS = 30_000;

/**
 * A filter that refuses ids that `book` has banned for what they did after they had proven their key, persistent peers and
 * unconditional ids aside, for `peerFilters` of a switch. Addresses that are no good keep nobody out: anybody can tell them.
 * The switch with a {@link pexReactor} has the filter already; this is for another one on the same book.
 */
export function refuseBanned(book: AddressBook): PeerFilter {
  return ({ id, isPersistent, isUnconditional }) =>
    !isPersistent && !isUnconditional && book.hasMisbehaved(id) ? 'banned' : undefined;
}

/** The switch as PEX sees it. */
class SwitchNetwork implements PexNetwork {
  readonly outboundMax: number;
  readonly #switch: SwitchHandle;
  readonly #persistentIds: ReadonlySet<string>;
  readonly #pexPeers = new WeakMap<Peer, PexPeer>();

  constructor(context: ReactorContext, outboundMax: number, persistentIds: ReadonlySet<string>) {
    this.#switch = context.switch;
    this.outboundMax = outboundMax;
    this.#persistentIds = persistentIds;
  }

  counts(): { readonly outbound: number; readonly inbound: number; readonly dialing: number } {
    return this.#switch.numPeers();
  }

  peers(): readonly PexPeer[] {
    const able = this.#switch.peers.copy().filter((peer) => peer.isRunning && peer.hasChannel(PexChannel));
    return able.map((peer) => this.pexPeerOf(peer));
  }

  isDialingOrConnected(address: PexAddress): boolean {
    return this.#switch.isDialingOrExisting(toNodeAddress(address));
  }

  isPersistent(address: PexAddress): boolean {
    return this.#persistentIds.has(address.id.toLowerCase());
  }

  async dial(address: PexAddress): Promise<DialOutcome> {
    try {
      await this.#switch.dialPeer(toNodeAddress(address));
      return 'connected';
    } catch (error) {
      return outcomeOf(error);
    }
  }

  pexPeerOf(peer: Peer): PexPeer {
    let pexPeer = this.#pexPeers.get(peer);
    if (pexPeer === undefined) {
      const handle = this.#switch;
      pexPeer = {
        id: peer.id,
        isOutbound: peer.isOutbound,
        isPersistent: peer.isPersistent,
        socketAddress: toPexAddressOr(() => parseNodeAddress(peer.socketAddress)),
        listenAddress: toPexAddressOr(() => nodeInfoAddress(peer.nodeInfo)),
        send: (message) => peer.trySend(PexChannel, message),
        disconnect: (reason) => handle.stopPeerForError(peer, reason),
        disconnectGracefully: () => void handle.stopPeerGracefully(peer).catch(() => {}),
      };
      this.#pexPeers.set(peer, pexPeer);
    }
    return pexPeer;
  }
}

/** How a failed dial counts: full houses and twins are not the address' fault. */
function outcomeOf(error: unknown): DialOutcome {
  if (!(error instanceof SwitchError)) return 'failed';
  switch (error.code) {
    case 'SELF':
      return 'self';
    case 'AUTH_FAILURE':
      return 'unauthenticated';
    case 'ALREADY_DIALING':
    case 'DUPLICATE_CONN':
    case 'DUPLICATE_ID':
    case 'DUPLICATE_IP':
    case 'DIALS_MAX':
    case 'OUTBOUND_MAX':
    case 'STOPPED':
      return 'busy';
    default:
      return 'failed';
  }
}

function toPexAddressOr(make: () => NodeAddress): PexAddress | undefined {
  try {
    return toPexAddress(make());
  } catch {
    return undefined; // no address: a name of the simulation, or what a peer made up
  }
}
