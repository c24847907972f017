/**
 * Asking peers for addresses and answering them, and what a peer may not do: ask too often, answer what nobody asked,
 * send what is no address. Who does is disconnected and banned for a day, and so are we by others if we do.
 * `p2p/pex/pex_reactor.go Receive, receiveRequest, ReceiveAddrs`.
 */
import type { Clock } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import { checkPexAddress, decodePexMessage, encodePexMessage, type PexMessage } from '../codec/cometbft-pex.ts';
import type { AddressBook } from './address-book.ts';
import { P2pError } from './errors.ts';
import type { PexAddress } from './pex-address.ts';
import {
  PEX_ASK_AGAIN_MS,
  PEX_BAN_MS,
  PEX_REQUEST_INTERVAL_MS,
  PEX_REQUESTS_FREE_MAX,
  SEED_NEW_BIAS_PERCENT,
} from './pex-limits.ts';
import type { PexPeer } from './pex-network.ts';

/** What peer exchange has done so far; every field counts up. */
export interface PexCounters {
  requestsSent: number;
  requestsReceived: number;
  answersReceived: number;
  /** Addresses in answers. */
  addressesReceived: number;
  /** Those that the book took. */
  addressesAdded: number;
  /** Those that the book refused. */
  addressesRefused: number;
  /** Peers disconnected and banned for what they sent. */
  peersBanned: number;
}

/** What a {@link PexExchange} is made with. @internal */
export interface PexExchangeOptions {
  readonly book: AddressBook;
  readonly clock: Clock;
  readonly isSeed: boolean;
  /** Told of an answer, after its addresses are in the book. */
  readonly onAnswer: (peer: PexPeer) => void;
}

interface PeerState {
  isGone: boolean;
  isAsked: boolean;
  answeredAtMs: number;
  requestCount: number;
  lastRequestMs: number;
}

/** The messages between us and our peers. @internal */
export class PexExchange {
  readonly counters: PexCounters = {
    requestsSent: 0,
    requestsReceived: 0,
    answersReceived: 0,
    addressesReceived: 0,
    addressesAdded: 0,
    addressesRefused: 0,
    peersBanned: 0,
  };
  readonly #options: PexExchangeOptions;
  /** By connection: gone with it, whatever comes late. */
  readonly #states = new WeakMap<PexPeer, PeerState>();

  constructor(options: PexExchangeOptions) {
    this.#options = options;
  }

  /** Whether an answer of that peer is awaited. */
  isAsked(peer: PexPeer): boolean {
    return this.#states.get(peer)?.isAsked ?? false;
  }

  /**
   * Asks a peer for addresses.
   *
   * @returns false, with nothing sent, while an earlier request is unanswered, for {@link PEX_ASK_AGAIN_MS} after its
   *   answer, or if the peer is gone.
   */
  request(peer: PexPeer): boolean {
    const state = this.#stateOf(peer);
    if (state.isAsked || state.isGone) return false;
    if (this.#options.clock.monotonicMs() - state.answeredAtMs < PEX_ASK_AGAIN_MS) return false;
    state.isAsked = true;
    this.counters.requestsSent += 1;
    peer.send(encodePexMessage({ type: 'pex_request' }));
    return true;
  }

  /** Takes a message of a peer; whatever it is, it never throws. */
  receive(peer: PexPeer, bytes: Uint8Array): void {
    if (this.#stateOf(peer).isGone) return;
    let message: PexMessage;
    try {
      message = decodePexMessage(bytes);
    } catch (cause) {
      this.#banInvalid(peer, cause);
      return;
    }
    if (message.type === 'pex_request') this.#receiveRequest(peer);
    else this.#receiveAddresses(peer, message.addresses);
  }

  /** Ends what was between us and a peer; messages that come late are dropped. */
  forget(peer: PexPeer): void {
    const state = this.#stateOf(peer);
    state.isGone = true;
    state.isAsked = false;
  }

  #receiveRequest(peer: PexPeer): void {
    this.counters.requestsReceived += 1;
    const { book, clock, isSeed } = this.#options;
    const state = this.#stateOf(peer);
    const nowMs = clock.monotonicMs();
    state.requestCount += 1;
    if (isSeed && !peer.isOutbound) {
      // A seed answers once; what comes while the connection flushes and ends is no fault.
      if (state.requestCount > 1) return;
      this.#answer(peer, book.getSelectionWithBias(SEED_NEW_BIAS_PERCENT));
      peer.disconnectGracefully();
      return;
    }
    const sinceMs = nowMs - state.lastRequestMs;
    if (state.requestCount > PEX_REQUESTS_FREE_MAX && sinceMs < PEX_REQUEST_INTERVAL_MS) {
      const text = `peer ${shortId(peer)} asked for addresses again after ${Math.floor(sinceMs)} ms`;
      this.#ban(peer, new P2pError('FLOOD', `${text}: ${PEX_REQUEST_INTERVAL_MS} ms must pass`));
      return;
    }
    state.lastRequestMs = nowMs;
    this.#answer(peer, book.getSelection());
  }

  #receiveAddresses(peer: PexPeer, sent: readonly PexAddress[]): void {
    const state = this.#stateOf(peer);
    let addresses: PexAddress[];
    try {
      addresses = sent.map(checkPexAddress);
    } catch (cause) {
      this.#banInvalid(peer, cause);
      return;
    }
    if (!state.isAsked) {
      const text = `peer ${shortId(peer)} sent ${sent.length} addresses that it was not asked for`;
      this.#ban(peer, new P2pError('PEX_UNSOLICITED', text));
      return;
    }
    state.isAsked = false;
    state.answeredAtMs = this.#options.clock.monotonicMs();
    this.counters.answersReceived += 1;
    this.counters.addressesReceived += addresses.length;
    this.#take(peer, addresses);
    this.#options.onAnswer(peer);
  }

  #take(peer: PexPeer, addresses: readonly PexAddress[]): void {
    // Differs from upstream, which takes the address that the peer claims: then it could choose the group that its lies
    // count for.
    const source = peer.socketAddress ?? peer.listenAddress;
    for (const address of addresses) {
      const result = source === undefined ? 'invalid' : this.#options.book.addAddress(address, source);
      if (result === 'added') this.counters.addressesAdded += 1;
      else if (result !== 'known') this.counters.addressesRefused += 1;
    }
  }

  #answer(peer: PexPeer, addresses: readonly PexAddress[]): void {
    peer.send(encodePexMessage({ type: 'pex_addrs', addresses }));
  }

  #banInvalid(peer: PexPeer, cause: unknown): void {
    this.#ban(peer, new P2pError('PEX_INVALID', `PEX of peer ${shortId(peer)}: ${describeReason(cause)}`, { cause }));
  }

  #ban(peer: PexPeer, error: P2pError): void {
    this.counters.peersBanned += 1;
    this.#options.book.markMisbehaved(peer.id, PEX_BAN_MS);
    peer.disconnect(error);
  }

  #stateOf(peer: PexPeer): PeerState {
    let state = this.#states.get(peer);
    if (state === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      state = { isGone: false, isAsked: false, answeredAtMs: never, requestCount: 0, lastRequestMs: never };
      this.#states.set(peer, state);
    }
    return state;
  }
}

function shortId(peer: PexPeer): string {
  return `${peer.id.slice(0, 6)}..`;
}
