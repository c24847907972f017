/**
 * Messages between nodes about nodes: liveness, lists, bootstrapping, network statistics, and the plain answers Ok,
 * NotFound and Error. Ids after `archethic-node p2p/message/message_id.ex`.
 */
import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';
import { ERROR_REASONS, type ErrorFields } from './error-reason.ts';
import {
  address,
  asciiText,
  bool,
  bytes,
  enumeration,
  ipv4,
  prefixedBytes,
  publicKey,
  timestampS,
  uint,
  varint,
} from './field-schemas.ts';
import { expected, type Json } from './json-form.ts';
import { defineMessage, type MessageType, type RequestType } from './message.ts';
import { list, type NoFields, optional, type RecordSchema, type Schema, struct } from './schema.ts';

const empty: RecordSchema<NoFields> = struct({});

/** Done; also the answer to Ping. */
export const Ok: MessageType<'Ok', NoFields> = defineMessage('Ok', 254, empty);

/** There is no such thing. */
export const NotFound: MessageType<'NotFound', NoFields> = defineMessage('NotFound', 253, empty);

/** The Error message: the request was understood and refused. Named so because `Error` is JavaScript's. */
export const ErrorMessage: MessageType<'Error', ErrorFields> = defineMessage(
  'Error',
  238,
  struct({ reason: enumeration(ERROR_REASONS, 8) }),
);

/** Are you there? */
export const Ping: RequestType<'Ping', NoFields, [typeof Ok]> = defineMessage('Ping', 25, empty, { replies: [Ok] });

/** Transports of a node by their number on the wire; `mock` is upstream's test transport. */
export const NODE_TRANSPORTS = { mock: 0, tcp: 1 } as const;

/** A node as nodes tell each other. `archethic-node p2p/node.ex serialize/1`. Three bits over whole bytes. */
export interface ArchethicNode {
  /** IPv4, dotted decimal. */
  readonly ip: string;
  readonly port: number;
  readonly httpPort: number;
  readonly transport: keyof typeof NODE_TRANSPORTS;
  /** 3 hex digits: where it is. */
  readonly geoPatch: string;
  /** 3 hex digits: where it is by latency. */
  readonly networkPatch: string;
  /** 0 to 255 on the wire, 0 to 100 in meaning. */
  readonly averageAvailabilityPercent: number;
  readonly enrollmentDateS: number;
  readonly available: boolean;
  readonly synced: boolean;
  readonly authorized: boolean;
  /** Null when it never was: 0 on the wire. */
  readonly authorizationDateS: number | null;
  /** The key that names the node for good. */
  readonly firstPublicKey: Uint8Array;
  readonly lastPublicKey: Uint8Array;
  readonly rewardAddress: Uint8Array;
  readonly lastAddress: Uint8Array;
  readonly originPublicKey: Uint8Array;
  readonly lastUpdateDateS: number;
  readonly availabilityUpdateS: number;
  /** A BLS key, or null. */
  readonly miningPublicKey: Uint8Array | null;
}

const timestampSOrNull: Schema<number | null, number | null> = {
  bitsMin: 32,
  encode(writer: BitWriter, value: number | null): void {
    if (value === 0) throw expected('null for "never", or 1 and more', value);
    writer.writeUint(value ?? 0, 32);
  },
  decode: (reader: BitReader): number | null => reader.readUint(32) || null,
  toJson: (value: number | null): Json => value,
  fromJson: (json: Json): number | null => (json === null ? null : timestampS.fromJson(json)),
};

/** Schema of {@link ArchethicNode}. */
export const archethicNode: RecordSchema<ArchethicNode> = struct({
  ip: ipv4,
  port: uint(16),
  httpPort: uint(16),
  transport: enumeration(NODE_TRANSPORTS, 8),
  geoPatch: asciiText(3),
  networkPatch: asciiText(3),
  averageAvailabilityPercent: uint(8),
  enrollmentDateS: timestampS,
  available: bool(1),
  synced: bool(1),
  authorized: bool(1),
  authorizationDateS: timestampSOrNull,
  firstPublicKey: publicKey,
  lastPublicKey: publicKey,
  rewardAddress: address,
  lastAddress: address,
  originPublicKey: publicKey,
  lastUpdateDateS: timestampS,
  availabilityUpdateS: timestampS,
  miningPublicKey: optional(8, publicKey),
});

/** Nodes; the answer to ListNodes. */
export const NodeList: MessageType<'NodeList', { readonly nodes: readonly ArchethicNode[] }> = defineMessage(
  'NodeList',
  249,
  struct({ nodes: list(varint, archethicNode) }),
);

/** Which nodes do you know: all, or those authorised and available. */
export const ListNodes: RequestType<'ListNodes', { readonly authorizedAndAvailable: boolean }, [typeof NodeList]> =
  defineMessage('ListNodes', 2, struct({ authorizedAndAvailable: bool(8) }), { replies: [NodeList] });

/** Fields of BootstrappingNodes. */
export interface BootstrappingNodesFields {
  readonly newSeeds: readonly ArchethicNode[];
  readonly closestNodes: readonly ArchethicNode[];
  readonly firstEnrolledNode: ArchethicNode;
}

/** Whom to begin with. */
export const BootstrappingNodes: MessageType<'BootstrappingNodes', BootstrappingNodesFields> = defineMessage(
  'BootstrappingNodes',
  246,
  struct({
    newSeeds: list(varint, archethicNode),
    closestNodes: list(varint, archethicNode),
    firstEnrolledNode: archethicNode,
  }),
);

/** Whom shall a node at this place (3 hex digits) begin with? */
export const GetBootstrappingNodes: RequestType<
  'GetBootstrappingNodes',
  { readonly patch: string },
  [typeof BootstrappingNodes]
> = defineMessage('GetBootstrappingNodes', 0, struct({ patch: asciiText(3) }), { replies: [BootstrappingNodes] });

/** The storage nonce, sealed for who asked; at most 255 bytes. */
export const EncryptedStorageNonce: MessageType<'EncryptedStorageNonce', { readonly digest: Uint8Array }> =
  defineMessage('EncryptedStorageNonce', 247, struct({ digest: prefixedBytes(uint(8)) }));

/** The storage nonce, please, sealed for this key. */
export const GetStorageNonce: RequestType<
  'GetStorageNonce',
  { readonly publicKey: Uint8Array },
  [typeof EncryptedStorageNonce]
> = defineMessage('GetStorageNonce', 1, struct({ publicKey }), { replies: [EncryptedStorageNonce] });

/** A node has caught up. */
export const NotifyEndOfNodeSync: MessageType<
  'NotifyEndOfNodeSync',
  { readonly nodePublicKey: Uint8Array; readonly timestampS: number }
> = defineMessage('NotifyEndOfNodeSync', 14, struct({ nodePublicKey: publicKey, timestampS }));

/** The first public key of a chain. */
export const FirstPublicKey: MessageType<'FirstPublicKey', { readonly publicKey: Uint8Array }> = defineMessage(
  'FirstPublicKey',
  242,
  struct({ publicKey }),
);

/** Which key did the chain of this key begin with? */
export const GetFirstPublicKey: RequestType<
  'GetFirstPublicKey',
  { readonly publicKey: Uint8Array },
  [typeof FirstPublicKey]
> = defineMessage('GetFirstPublicKey', 20, struct({ publicKey }), { replies: [FirstPublicKey] });

/** Latencies that the nodes of a subset measured to one node, in ms. */
export interface NodeLatencies {
  readonly publicKey: Uint8Array;
  readonly latencies: readonly bigint[];
}

/** Latencies of the nodes of a subset (1 byte). */
export interface SubsetStats {
  readonly subset: Uint8Array;
  readonly nodes: readonly NodeLatencies[];
}

/** Latencies by subset and node, at most 65 535 subsets. Upstream writes both in the order of their bytes. */
export const NetworkStats: MessageType<'NetworkStats', { readonly stats: readonly SubsetStats[] }> = defineMessage(
  'NetworkStats',
  227,
  struct({
    stats: list(
      uint(16),
      struct({
        subset: bytes(1),
        nodes: list(varint, struct({ publicKey, latencies: list(varint, varint) })),
      }),
    ),
  }),
);

/** Which latencies went into the summary of this time? */
export const GetNetworkStats: RequestType<'GetNetworkStats', { readonly summaryTimeS: number }, [typeof NetworkStats]> =
  defineMessage('GetNetworkStats', 39, struct({ summaryTimeS: timestampS }), { replies: [NetworkStats] });

/** How long the validation of a transaction took, in ms. */
export interface AddressDuration {
  readonly address: Uint8Array;
  readonly duration: bigint;
}

/** Validations of one minute. */
export interface DashboardBucket {
  readonly dateS: number;
  readonly durations: readonly AddressDuration[];
}

/** Validations by minute. Give the buckets in ascending order of time: upstream writes them so, and signs that. */
export const DashboardData: MessageType<'DashboardData', { readonly buckets: readonly DashboardBucket[] }> =
  defineMessage(
    'DashboardData',
    225,
    struct({
      buckets: list(
        varint,
        struct({ dateS: timestampS, durations: list(varint, struct({ address, duration: varint })) }),
      ),
    }),
  );

/** What was validated since then, or all that is known? */
export const GetDashboardData: RequestType<
  'GetDashboardData',
  { readonly sinceS: number | null },
  [typeof DashboardData]
> = defineMessage('GetDashboardData', 40, struct({ sinceS: optional(1, timestampS) }), { replies: [DashboardData] });
