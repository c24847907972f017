/**
 * The messaging reactor: what a node does with the two channels of its peers. Each peer that has both is a link; requests go
 * to the services, replies to the calls of the remote that is attached to the link. It is the reader of this wire.
 *
 * Both ends greet when they have taken the connection. Only then does it stand: a connection that one end has made and the
 * other refuses (it has one already, it is full) is no connection yet, and no call is lost on it.
 *
 * What cannot be unwrapped or decoded is a fault of the peer: told, counted, and the end of this connection and of nothing else.
 */
import { CodedError } from '../base/errors.ts';
import type { PublicKey } from '../crypto/keys.ts';
import type { OpenedEnvelop } from '../crypto/sealed-envelop.ts';
import { RECV_MESSAGE_CAPACITY_MAX } from '../net/channel-descriptor.ts';
import { NetError, type NetErrorCode } from '../net/errors.ts';
import { P2pError } from './errors.ts';
import { greeting, isGreeting, unwrapMessage } from './messaging-envelop.ts';
import { type MessageChannels, messageChannels, PeerLink, REPLY_CHANNEL_ID } from './messaging-peer.ts';
import { PeerRequests } from './messaging-requests.ts';
import { type NodeContext, noteFault } from './node-context.ts';
import type { Peer } from './peer.ts';
import { type ReactorSpec, reactor } from './reactor.ts';
import type { SwitchError } from './switch-errors.ts';

/** Id of the reactor in its switch. */
export const MESSAGING_REACTOR_ID = 'messaging';

/** Errors of a connection that count as faults of the peer; the others just end it. */
const FAULTS_OF_CONNECTION: ReadonlySet<NetErrorCode> = new Set<NetErrorCode>([
  'FRAME_TRUNCATED',
  'MESSAGE_TOO_LARGE',
  'PACKET_INVALID',
  'PING_FLOOD',
  'REMOTE_FAULT',
  'UNKNOWN_CHANNEL',
  'WRITE_TIMEOUT',
]);

/** Told of what happens to links. @internal */
export interface LinkWatcher {
  /** A peer is there and has not greeted yet. */
  linkAdded(link: PeerLink): void;
  /** It has greeted. */
  linkGreeted(link: PeerLink, sender: PublicKey): void;
}

interface Entry {
  readonly link: PeerLink;
  readonly requests: PeerRequests;
}

/** The links of one node; they outlive the process of the reactor. @internal */
export class MessagingReactor {
  readonly spec: ReactorSpec;
  readonly #context: NodeContext;
  readonly #channels: MessageChannels;
  readonly #entries = new Map<Peer, Entry>();
  /** By node id. A switch has one peer of an id at a time. */
  readonly #links = new Map<string, PeerLink>();
  readonly #watcher: LinkWatcher;
  readonly #replyBytesMax: number;
  readonly #unaskedBytesMax: number;

  constructor(context: NodeContext, watcher: LinkWatcher) {
    const { maxInFlight, inboundFrameBytesMax, frameBytesMax } = context.limits;
    this.#replyBytesMax = Math.min(frameBytesMax, RECV_MESSAGE_CAPACITY_MAX);
    this.#unaskedBytesMax = Math.min(inboundFrameBytesMax, this.#replyBytesMax);
    this.#context = context;
    this.#watcher = watcher;
    this.#channels = messageChannels(
      maxInFlight,
      Math.min(inboundFrameBytesMax, RECV_MESSAGE_CAPACITY_MAX),
      this.#replyBytesMax,
    );
    const { requests, replies } = this.#channels;
    this.spec = reactor(MESSAGING_REACTOR_ID, [requests, replies], () => {
      this.sweep();
      return {
        initPeer: (peer) => peer.limitReceive(REPLY_CHANNEL_ID, this.#unaskedBytesMax),
        addPeer: (peer) => this.#added(peer),
        removePeer: (peer, reason) => this.#removed(peer, reason),
        receive: ({ channelId, peer, message }) => this.#received(channelId, peer, message),
      };
    });
  }

  /** The link with that node, greeted or not. */
  link(id: string): PeerLink | undefined {
    return this.#links.get(id);
  }

  /** Ends the links whose peers were lost while nobody was there to be told. */
  sweep(): void {
    for (const { link } of [...this.#entries.values()]) if (!link.isOpen) this.#removed(link.peer, undefined);
  }

  #added(peer: Peer): void {
    const { requests, replies } = this.#channels;
    // A peer without these channels is for other reactors of the switch.
    if (!peer.hasChannel(requests) || !peer.hasChannel(replies) || this.#entries.has(peer)) return;
    const { clock, limits, counters } = this.#context;
    const { sendBufferBytesMax, writeTimeoutMs, dialTimeoutMs } = limits;
    const onSilent = (): void => {
      const text = `${link.remoteAddress} did not greet in ${dialTimeoutMs} ms`;
      this.#fault(link, new P2pError('HANDSHAKE_TIMEOUT', text));
    };
    const [replyBytesMax, unaskedBytesMax] = [this.#replyBytesMax, this.#unaskedBytesMax];
    const options = { clock, sendBufferBytesMax, writeTimeoutMs, replyBytesMax, unaskedBytesMax };
    const link = new PeerLink(peer, options, dialTimeoutMs, onSilent);
    this.#entries.set(peer, { link, requests: new PeerRequests(this.#context, link) });
    this.#links.set(peer.id, link);
    if (!peer.isOutbound) {
      counters.inboundAccepted += 1;
      counters.inboundOpen += 1;
    }
    peer.trySend(replies, greeting(this.#context));
    this.#watcher.linkAdded(link);
  }

  #removed(peer: Peer, reason: SwitchError | undefined): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return;
    const { link, requests } = entry;
    this.#entries.delete(peer);
    if (this.#links.get(peer.id) === link) this.#links.delete(peer.id);
    if (!peer.isOutbound) this.#context.counters.inboundOpen -= 1;
    const cause = reason?.cause;
    if (cause instanceof NetError && reason?.code === 'PEER_CLOSED' && FAULTS_OF_CONNECTION.has(cause.code)) {
      noteFault(this.#context, link.remoteAddress, link.sender, cause);
    }
    requests.end();
    if (link.isGreeted && link.sender !== undefined) this.#context.directory.disconnected(link.sender);
    link.end(endOf(reason));
  }

  /** @returns a promise when the next message of that channel must wait for it. */
  #received(channelId: number, peer: Peer, bytes: Uint8Array): Promise<void> | undefined {
    const entry = this.#entries.get(peer);
    if (entry?.link.isOpen !== true) return undefined; // a fault was found in a message before this one
    const { link, requests } = entry;
    const isReply = channelId === REPLY_CHANNEL_ID;
    let envelop: OpenedEnvelop | undefined;
    try {
      envelop = unwrapMessage(this.#context, bytes, peer.id, link.sender);
      if (isReply && isGreeting(envelop)) {
        this.#greeted(link, envelop.sender);
        return undefined;
      }
      // The greeting is ahead of every reply, but a request is on a channel of its own and may overtake it.
      link.sender ??= envelop.sender;
      const message = this.#context.messages.decode(envelop.message);
      if (!isReply) return requests.received(envelop, message);
      this.#checkReply(link, envelop);
      link.role?.received(envelop, message);
      link.answered(envelop.messageId);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (isReply && envelop !== undefined) link.role?.undecodable(envelop, error);
      this.#fault(link, error);
    }
    return undefined;
  }

  #greeted(link: PeerLink, sender: PublicKey): void {
    if (link.isGreeted) throw new P2pError('FLOOD', `${link.remoteAddress} greets again`);
    link.greet(sender);
    this.#context.directory.connected(sender); // whoever dialled: it is pinged, and can be called
    this.#watcher.linkGreeted(link, sender);
  }

  #checkReply(link: PeerLink, { isEncrypted, messageId }: OpenedEnvelop): void {
    if (link.role === undefined) {
      throw new P2pError('FLOOD', `${link.remoteAddress} sent reply ${messageId} and was asked nothing`);
    }
    if (this.#context.isSealed && !isEncrypted) {
      throw new P2pError(
        'MESSAGE_INVALID',
        `${link.remoteAddress} sent reply ${messageId} in the clear: sealed was asked`,
      );
    }
  }

  #fault(link: PeerLink, error: CodedError): void {
    if (!link.isOpen) return;
    noteFault(this.#context, link.remoteAddress, link.sender, error);
    link.destroy(new NetError('REMOTE_FAULT', `${link.remoteAddress}: ${error.message}`, { cause: error }));
  }
}

/** Why a peer was removed, as the other wire says it: undefined when the other end closed in order. */
function endOf(reason: SwitchError | undefined): NetError | undefined {
  if (reason === undefined) return new NetError('CLOSED', 'the peer was lost');
  if (reason.cause instanceof NetError) return reason.cause;
  if (reason.code === 'PEER_CLOSED' && reason.cause === undefined) return undefined;
  return new NetError('CLOSED', reason.message, { cause: reason });
}
