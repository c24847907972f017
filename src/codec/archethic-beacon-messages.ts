/**
 * Messages of the beacon chain: slots, summaries and attestations of what was replicated. Ids after
 * `archethic-node p2p/message/message_id.ex`.
 */
import {
  type BeaconSlot,
  type BeaconSummary,
  beaconSlot,
  beaconSummary,
  type ReplicationAttestation,
  replicationAttestation,
} from './archethic-beacon-records.ts';
import { type AddressFields, TransactionSummaryList } from './archethic-chain-messages.ts';
import type { OpaqueFields } from './archethic-mining-messages.ts';
import { address, bytes, publicKey, restBytes, timestampS, uint, varint } from './field-schemas.ts';
import { defineMessage, type MessageType, type RequestType } from './message.ts';
import { list, type RecordSchema, struct } from './schema.ts';

/** A summary of a subset. */
export const Summary: MessageType<'Summary', BeaconSummary> = defineMessage('Summary', 240, beaconSummary);

/** The beacon summary at this address, please. */
export const GetBeaconSummary: RequestType<'GetBeaconSummary', AddressFields, [typeof Summary]> = defineMessage(
  'GetBeaconSummary',
  26,
  struct({ address }),
  { replies: [Summary] },
);

/** Summaries of subsets. */
export const BeaconSummaryList: MessageType<'BeaconSummaryList', { readonly summaries: readonly BeaconSummary[] }> =
  defineMessage('BeaconSummaryList', 237, struct({ summaries: list(varint, beaconSummary) }));

/** The beacon summaries at these addresses, please. */
export const GetBeaconSummaries: RequestType<
  'GetBeaconSummaries',
  { readonly addresses: readonly Uint8Array[] },
  [typeof BeaconSummaryList]
> = defineMessage('GetBeaconSummaries', 28, struct({ addresses: list(varint, address) }), {
  replies: [BeaconSummaryList],
});

/** A slot for the summary of its subset. */
export const NewBeaconSlot: MessageType<'NewBeaconSlot', BeaconSlot> = defineMessage('NewBeaconSlot', 27, beaconSlot);

/** Tell this node of each new attestation of this subset (1 byte). */
export const RegisterBeaconUpdates: MessageType<
  'RegisterBeaconUpdates',
  { readonly subset: Uint8Array; readonly nodePublicKey: Uint8Array }
> = defineMessage('RegisterBeaconUpdates', 29, struct({ subset: bytes(1), nodePublicKey: publicKey }));

/** A transaction is replicated, as its storage nodes sign. */
export const ReplicationAttestationMessage: MessageType<'ReplicationAttestationMessage', ReplicationAttestation> =
  defineMessage('ReplicationAttestationMessage', 30, replicationAttestation);

/** Fields of requests about subsets. */
export interface SubsetsFields {
  /** 1 byte each, at most 65 535. */
  readonly subsets: readonly Uint8Array[];
}

const subsets: RecordSchema<SubsetsFields> = struct({ subsets: list(uint(16), bytes(1)) });

/** The summaries of transactions of these subsets since the last beacon summary, please. */
export const GetCurrentSummaries: RequestType<'GetCurrentSummaries', SubsetsFields, [typeof TransactionSummaryList]> =
  defineMessage('GetCurrentSummaries', 32, subsets, { replies: [TransactionSummaryList] });

/** The aggregate of all summaries of this date, please. */
export const GetBeaconSummariesAggregate: MessageType<'GetBeaconSummariesAggregate', { readonly dateS: number }> =
  defineMessage('GetBeaconSummariesAggregate', 33, struct({ dateS: timestampS }));

/** The aggregate of all summaries of a date. Opaque. */
export const SummaryAggregate: MessageType<'SummaryAggregate', OpaqueFields> = defineMessage(
  'SummaryAggregate',
  231,
  struct({ body: restBytes }),
);

/** New attestations, for whoever registered. */
export const BeaconUpdate: MessageType<
  'BeaconUpdate',
  { readonly transactionAttestations: readonly ReplicationAttestation[] }
> = defineMessage('BeaconUpdate', 236, struct({ transactionAttestations: list(varint, replicationAttestation) }));

/** Attestations since the last beacon summary. */
export const CurrentReplicationAttestations: MessageType<
  'CurrentReplicationAttestations',
  { readonly replicationAttestations: readonly ReplicationAttestation[] }
> = defineMessage(
  'CurrentReplicationAttestations',
  243,
  struct({ replicationAttestations: list(varint, replicationAttestation) }),
);

/** The attestations of these subsets since the last beacon summary, please. */
export const GetCurrentReplicationAttestations: RequestType<
  'GetCurrentReplicationAttestations',
  SubsetsFields,
  [typeof CurrentReplicationAttestations]
> = defineMessage('GetCurrentReplicationAttestations', 42, subsets, { replies: [CurrentReplicationAttestations] });
