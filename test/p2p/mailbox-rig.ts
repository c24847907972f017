/** A NodeMailbox by itself: its calls come from a Remote, its link is a recording, its clock is virtual. */
import { startServer } from '../../src/actors/gen-server.ts';
import { Registry } from '../../src/actors/registry.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import type { MessageValue } from '../../src/codec/message.ts';
import { decodeMessageEnvelop } from '../../src/codec/message-envelop.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import type { ArchethicLink } from '../../src/net/archethic-link.ts';
import { NetError } from '../../src/net/errors.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { createNodeContext, type NodeContext, type RegistryKey } from '../../src/p2p/node-context.ts';
import { NodeDirectory } from '../../src/p2p/node-directory.ts';
import { type MailboxRef, type MailboxState, NodeMailbox } from '../../src/p2p/node-mailbox.ts';
import { type NodeOptions, parseNodeOptions } from '../../src/p2p/node-options.ts';
import { Remote } from '../../src/p2p/remote.ts';
import { RemoteCounters } from '../../src/p2p/remote-counters.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { testMessages } from './messages.ts';
import { plainEngine } from './plain-engine.ts';

/** What a mailbox sees of a link. */
export class RecordedLink {
  readonly sent: Uint8Array[] = [];
  isOpen = true;
  isCongested = false;
  /** Bytes it takes before `SEND_BUFFER_FULL`. */
  roomBytes: number = Number.POSITIVE_INFINITY;
  bufferedBytes = 0;

  send(payload: Uint8Array): void {
    if (!this.isOpen) throw new NetError('CLOSED', 'closed');
    if (payload.length + 4 > this.roomBytes) throw new NetError('SEND_BUFFER_FULL', 'full');
    this.roomBytes -= payload.length + 4;
    this.bufferedBytes += payload.length + 4;
    this.sent.push(payload.slice());
  }

  stats(): { bufferedBytes: number } {
    return { bufferedBytes: this.bufferedBytes };
  }

  /** Message ids sent, in order. */
  get ids(): number[] {
    return this.sent.map((payload) => decodeMessageEnvelop(payload).messageId);
  }
}

export interface MailboxRig {
  readonly clock: VirtualClock;
  readonly system: ActorSystem;
  readonly context: NodeContext;
  readonly counters: RemoteCounters;
  readonly mailbox: MailboxRef;
  readonly remote: Remote;
  readonly identity: KeyPair;
  readonly demands: () => number;
  connect(link?: RecordedLink): RecordedLink;
  disconnect(link: RecordedLink): void;
  reply(messageId: number, value: MessageValue): void;
  state(): MailboxState;
  stop(): Promise<void>;
}

/** Starts a mailbox without a connection; wire `archethic`, which seals every message, unless told another. */
export async function mailboxRig(
  options: Partial<NodeOptions> & { readonly firstMessageId?: number } = {},
): Promise<MailboxRig> {
  const { firstMessageId, ...rest } = options;
  const clock = new VirtualClock();
  const random = new SeededRandom(3);
  const engine = plainEngine(defaultEngine());
  const identity = engine.generateKeyPair(random);
  const parsed = parseNodeOptions({
    identity,
    wire: 'archethic',
    clock,
    random,
    engine,
    messages: testMessages,
    transports: [],
    ...rest,
  });
  const context = createNodeContext(parsed);
  const system = new ActorSystem({ clock });
  context.registry = await Registry.startLink<RegistryKey>({ system });
  const capacity = 100;
  context.directory = new NodeDirectory(clock, { self: identity.publicKey, silenceMs: 30_000, capacity });
  const peer = {
    publicKey: engine.generateKeyPair(random).publicKey,
    address: parseNetAddress('memory://peer:1'),
  };
  const counters = new RemoteCounters();
  let demandCount = 0;
  const demand = (): void => {
    demandCount += 1;
  };
  const mailboxOptions = firstMessageId === undefined ? { demand } : { demand, firstMessageId };
  const mailbox = await startServer(NodeMailbox, [context, peer, counters, mailboxOptions], { system });
  const wanted = { peer, counters, supervisor: undefined, revival: undefined, isReleased: false };
  return {
    clock,
    system,
    context,
    counters,
    mailbox,
    identity,
    remote: new Remote(context, wanted),
    demands: () => demandCount,
    connect(link = new RecordedLink()) {
      mailbox.cast('connected', link as unknown as ArchethicLink);
      return link;
    },
    disconnect(link) {
      link.isOpen = false;
      mailbox.cast('disconnected', new NetError('RESET', 'reset'));
    },
    reply: (messageId, value) => mailbox.cast('replied', { messageId, value }),
    state: () => (mailbox as unknown as { state: MailboxState }).state,
    async stop() {
      await mailbox.stop();
      await (context.registry.pid as unknown as MailboxRef).stop();
      await clock.settle();
    },
  };
}
