/** What the actors of one switch share: who it is, its tables, its reactors, its events and its counters. */
import type { Pid } from '../actors/pid.ts';
import { Emitter } from '../base/emitter.ts';
import { describeReason } from '../base/errors.ts';
import type { NodeAddress } from '../codec/cometbft-address.ts';
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import { nodeIdOf } from '../crypto/node-key.ts';
import { NetError } from '../net/errors.ts';
import type { NetAddress } from '../net/net-address.ts';
import { P2pError } from './errors.ts';
import { PeerTable } from './peer-table.ts';
import { ReactorSlot } from './reactor-slot.ts';
import type { SwitchError } from './switch-errors.ts';
import type { SwitchEvents, SwitchHandle } from './switch-handle.ts';
import type { ParsedSwitchOptions } from './switch-options.ts';

/** What a switch has counted since it was made. */
export interface SwitchCounters {
  /** Dials begun, redials included. */
  dials: number;
  /** Dials of persistent peers that were lost. */
  redials: number;
  /** Connections that others made. */
  accepted: number;
  /** Of those, closed at the door: `handshakesMax` were shaking hands, or the switch was stopping. */
  refused: number;
  /** Connections that became peers. */
  peersAdded: number;
  /** Peers that are gone. */
  peersRemoved: number;
  /** Messages given to reactors. */
  messagesReceived: number;
  /** Bytes of those. */
  bytesReceived: number;
  /** Throws and late answers of reactors. */
  reactorFailures: number;
}

/** @internal */
export interface SwitchContext extends ParsedSwitchOptions {
  readonly id: string;
  readonly handle: SwitchHandle;
  readonly table: PeerTable;
  readonly slots: readonly ReactorSlot[];
  readonly slotByChannel: ReadonlyMap<number, ReactorSlot>;
  /** Where persistent peers are dialed, by id. */
  readonly persistent: Map<string, NodeAddress>;
  readonly events: Emitter<SwitchEvents>;
  readonly counters: SwitchCounters;
  /** How often each code ended a connection or kept it from becoming a peer. The codes are a closed set. */
  readonly reasons: Map<string, number>;
  /** Connections of others that are no peers yet. */
  handshakeCount: number;
  /** Told of processes that begin to dial a peer that had dialed us. */
  onAdopted: (process: Pid, address: NodeAddress) => void;
  nodeInfo: NodeInfo;
  listenAddress: NetAddress | undefined;
  /** The supervisor of the switch has ended. */
  isStopped: boolean;
}

/** @internal */
export function createSwitchContext(
  options: ParsedSwitchOptions,
  handle: SwitchHandle,
  nodeInfoOf: (id: string) => NodeInfo,
): SwitchContext {
  const { logger, limits, allowDuplicateIp, engine, nodeKey } = options;
  const id = nodeIdOf(engine, nodeKey.publicKey.raw);
  const slots = options.reactors.map((spec) => new ReactorSlot(spec, limits.reactorTimeoutMs));
  const slotByChannel = new Map<number, ReactorSlot>();
  for (const slot of slots) for (const channel of slot.spec.channels) slotByChannel.set(channel.id, slot);
  const table = new PeerTable({ ...limits, allowDuplicateIp });
  for (const peerId of options.unconditionalPeerIds) table.unconditionalIds.add(peerId);
  return {
    ...options,
    id,
    handle,
    table,
    slots,
    slotByChannel,
    persistent: new Map(options.persistentPeers.map((address) => [address.id, address])),
    events: new Emitter<SwitchEvents>((error, event) => {
      logger.error('a listener of the switch failed', { event, error: describeReason(error) });
    }),
    counters: {
      dials: 0,
      redials: 0,
      accepted: 0,
      refused: 0,
      peersAdded: 0,
      peersRemoved: 0,
      messagesReceived: 0,
      bytesReceived: 0,
      reactorFailures: 0,
    },
    reasons: new Map(),
    handshakeCount: 0,
    onAdopted: () => {},
    nodeInfo: nodeInfoOf(id),
    listenAddress: undefined,
    isStopped: false,
  };
}

/**
 * Counts why a connection ended or did not become a peer: by the code of the reactor that stopped it, or of what was wrong
 * on the connection, if there is one. An operator must see a flood among those that just left. @internal
 */
export function noteReason(context: SwitchContext, reason: SwitchError): void {
  const { cause } = reason;
  const isNamed =
    (reason.code === 'STOPPED' && cause instanceof P2pError) ||
    (reason.code === 'PEER_CLOSED' && cause instanceof NetError);
  const { code } = isNamed ? cause : reason;
  context.reasons.set(code, (context.reasons.get(code) ?? 0) + 1);
  if (code === 'REACTOR_FAILED') context.counters.reactorFailures += 1;
}
