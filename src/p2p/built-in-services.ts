/**
 * The services that `genmesh node` and the demo run: enough for another node to see that this one is alive and what it knows.
 * They hold no chain: transactions are not found, every chain has the length 0.
 */
import {
  GetLastTransaction,
  GetTransaction,
  GetTransactionChainLength,
  GetTransactionSummary,
  TransactionChainLength,
} from '../codec/archethic-chain-messages.ts';
import {
  type ArchethicNode,
  FirstPublicKey,
  GetFirstPublicKey,
  ListNodes,
  NodeList,
  NotFound,
  Ok,
  Ping,
} from '../codec/archethic-node-messages.ts';
import { prefixedBytes, varint } from '../codec/field-schemas.ts';
import { defineMessage, type MessageType, type RequestType } from '../codec/message.ts';
import { struct } from '../codec/schema.ts';
import { addressOf } from '../crypto/addresses.ts';
import type { NetAddress } from '../net/net-address.ts';
import type { NodeEntry } from './node-directory.ts';
import type { NodeSupervisor } from './node-supervisor.ts';
import { on, type ServiceSpec, service } from './service.ts';

/** Ids of genmesh's own messages lie where Archethic 1.6.27 has none. Reply to {@link Echo}: the same bytes. */
export const Echoed: MessageType<'Echoed', { readonly bytes: Uint8Array }> = defineMessage(
  'Echoed',
  201,
  struct({ bytes: prefixedBytes(varint) }),
);

/** Arbitrary bytes, please back. Genmesh's own: an Archethic node does not know it. */
export const Echo: RequestType<'Echo', { readonly bytes: Uint8Array }, [typeof Echoed]> = defineMessage(
  'Echo',
  200,
  struct({ bytes: prefixedBytes(varint) }),
  { replies: [Echoed] },
);

/** Nodes in one answer to ListNodes, this one included; the ones heard of last come first. */
export const LISTED_NODES_MAX = 1000;

/** The built-in services of `node`, without those for messages that it does not know; start each with `node.startService`. */
export function builtInServices(node: NodeSupervisor): ServiceSpec[] {
  const services = [
    service('ping', [on(Ping, () => Ok.of({}))]),
    service('nodes', [
      on(ListNodes, ({ fields }) => NodeList.of({ nodes: listNodes(node, fields.authorizedAndAvailable) })),
      on(GetFirstPublicKey, ({ fields }) => FirstPublicKey.of({ publicKey: fields.publicKey })),
    ]),
    service('chain', [
      on(GetTransactionChainLength, () => TransactionChainLength.of({ length: 0 })),
      on(GetTransaction, () => NotFound.of({})),
      on(GetLastTransaction, () => NotFound.of({})),
      on(GetTransactionSummary, () => NotFound.of({})),
    ]),
    service('echo', [on(Echo, ({ fields }) => Echoed.of({ bytes: fields.bytes }))]),
  ];
  const isKnown = ({ id, name }: MessageType): boolean => node.messages.byId(id)?.name === name;
  return services.filter(({ routes }) => routes.every(({ message }) => isKnown(message)));
}

function listNodes(node: NodeSupervisor, onlyAvailable: boolean): ArchethicNode[] {
  const nowS = Math.floor(node.wallMs() / 1000);
  const self: NodeEntry = {
    publicKey: node.publicKey,
    address: node.address,
    isAvailable: true,
    isConnected: true,
    lastSeenMs: node.wallMs(),
    availabilityS: 0,
  };
  return [self, ...node.directory.entries().reverse()]
    .filter((entry) => isDialable(entry.address) && (!onlyAvailable || entry.isAvailable))
    .slice(0, LISTED_NODES_MAX)
    .map((entry) => describe(node, entry, nowS));
}

/** The wire has room for an IPv4 address only. */
function isDialable(address: NetAddress | undefined): boolean {
  return address !== undefined && /^\d{1,3}(\.\d{1,3}){3}$/.test(address.host);
}

function describe(node: NodeSupervisor, entry: NodeEntry, nowS: number): ArchethicNode {
  const key = entry.publicKey.bytes;
  const address = addressOf(node.engine, entry.publicKey);
  const lastSeenS = Math.floor(entry.lastSeenMs / 1000);
  return {
    ip: entry.address?.host ?? '0.0.0.0',
    port: entry.address?.port ?? 0,
    httpPort: 0,
    transport: 'tcp',
    geoPatch: '000',
    networkPatch: '000',
    averageAvailabilityPercent: entry.isAvailable ? 100 : 0,
    enrollmentDateS: lastSeenS,
    available: entry.isAvailable,
    synced: false,
    authorized: false,
    authorizationDateS: null,
    firstPublicKey: key,
    lastPublicKey: key,
    rewardAddress: address,
    lastAddress: address,
    originPublicKey: key,
    lastUpdateDateS: lastSeenS,
    availabilityUpdateS: nowS,
    miningPublicKey: null,
  };
}
