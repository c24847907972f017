/** Records of the beacon chain: attestations, slots and summaries. */

import { type TransactionSummary, transactionSummary } from './archethic-ledger-records.ts';
import type { BitReader } from './bit-reader.ts';
import type { BitString } from './bit-string.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError, locateError } from './errors.ts';
import { asciiText, bytes, prefixedBits, prefixedBytes, publicKey, timestampS, uint, varint } from './field-schemas.ts';
import { expected, type Json, type JsonObject } from './json-form.ts';
import {
  type AnyFields,
  decodeItems,
  encodeItems,
  itemsFromJson,
  list,
  makeRecord,
  type RecordSchema,
  type Schema,
  sequence,
  struct,
  versioned,
} from './schema.ts';

/** A signature of a replication, by the position of its node in the list of nodes of that time. */
export interface Confirmation {
  /** 0 to 255. */
  readonly position: number;
  /** At most 255 bytes. */
  readonly signature: Uint8Array;
}

/** What storage nodes say of a transaction they hold. `archethic-node beacon_chain/replication_attestation.ex`. */
export interface ReplicationAttestation {
  /** 0 to 255; upstream writes 2. */
  readonly version: number;
  readonly transactionSummary: TransactionSummary;
  /** At most 255; empty in version 1, which has none. */
  readonly confirmations: readonly Confirmation[];
}

const confirmation: RecordSchema<Confirmation> = struct({ position: uint(8), signature: prefixedBytes(uint(8)) });

const noConfirmations: Schema<readonly Confirmation[], readonly Confirmation[]> = {
  bitsMin: 0,
  encode(_writer: BitWriter, value: readonly Confirmation[]): void {
    if (!Array.isArray(value) || value.length > 0) throw expected('an empty array: version 1 has none', value);
  },
  decode: (): readonly Confirmation[] => [],
  toJson: (): Json => [],
  fromJson: (json: Json): readonly Confirmation[] => itemsFromJson(confirmation, json),
};

/** Schema of {@link ReplicationAttestation}. */
export const replicationAttestation: RecordSchema<ReplicationAttestation> = versioned<
  'version',
  Omit<ReplicationAttestation, 'version'>
>('version', 8, [
  [(version) => version === 1, struct({ transactionSummary, confirmations: noConfirmations })],
  [() => true, struct({ transactionSummary, confirmations: list(uint(8), confirmation) })],
]);

/** When a node had caught up. `archethic-node beacon_chain/slot/end_of_node_sync.ex`. */
export interface EndOfNodeSync {
  readonly publicKey: Uint8Array;
  readonly timestampS: number;
}

/** Schema of {@link EndOfNodeSync}. */
export const endOfNodeSync: RecordSchema<EndOfNodeSync> = struct({ publicKey, timestampS });

/** What a node saw of the m nodes of a subset during a slot; m at most 65 535. */
export interface SlotP2PView {
  /** 2 bytes for each node: seconds of availability, unsigned 16 bits. */
  readonly availabilities: Uint8Array;
  /** 1 number for each node: latency in ms, 0 to 255. */
  readonly networkStats: readonly number[];
}

const latency = uint(8);

const slotP2PView: Schema<SlotP2PView> = {
  bitsMin: 16,
  encode(writer: BitWriter, value: SlotP2PView): void {
    if (typeof value !== 'object' || value === null) throw expected('an object', value);
    const { availabilities, networkStats } = value;
    if (!Array.isArray(networkStats)) throw expected('an array', networkStats).at('networkStats');
    if (!(availabilities instanceof Uint8Array)) throw expected('bytes', availabilities).at('availabilities');
    if (availabilities.length !== 2 * networkStats.length) {
      const message = `${availabilities.length} bytes: expected 2 for each of ${networkStats.length} network stats`;
      throw new CodecError('INVALID_VALUE', message).at('availabilities');
    }
    try {
      writer.writeUint(networkStats.length, 16);
      writer.writeBytes(availabilities);
      encodeItems(writer, latency, networkStats);
    } catch (error) {
      throw locateError(error, 'networkStats');
    }
  },
  decode(reader: BitReader): SlotP2PView {
    const count = reader.readUint(16);
    return { availabilities: reader.readBytes(2 * count), networkStats: decodeItems(reader, latency, count) };
  },
  toJson: (value: SlotP2PView): Json => viewInJson.toJson(value),
  fromJson: (json: Json): SlotP2PView => viewInJson.fromJson(json),
};

// For its JSON form only: on the wire one count stands before both fields.
const viewInJson = struct({ availabilities: prefixedBytes(uint(16)), networkStats: list(uint(16), latency) });

/** What a node reports of a subset at the end of a slot. `archethic-node beacon_chain/slot.ex`. */
export interface BeaconSlot {
  /** 1: upstream knows no other. */
  readonly version: number;
  /** 1 byte. */
  readonly subset: Uint8Array;
  readonly slotTimeS: number;
  readonly transactionAttestations: readonly ReplicationAttestation[];
  readonly endOfNodeSynchronizations: readonly EndOfNodeSync[];
  readonly p2pView: SlotP2PView;
}

/** Schema of {@link BeaconSlot}. */
export const beaconSlot: RecordSchema<BeaconSlot> = versioned<'version', Omit<BeaconSlot, 'version'>>('version', 8, [
  [
    (version) => version === 1,
    struct({
      subset: bytes(1),
      slotTimeS: timestampS,
      transactionAttestations: list(varint, replicationAttestation),
      endOfNodeSynchronizations: list(varint, endOfNodeSync),
      p2pView: slotP2PView,
    }),
  ],
]);

/** What a subset came to over a day. `archethic-node beacon_chain/summary.ex`. */
export interface BeaconSummary {
  /** 0 to 255; upstream writes 1. */
  readonly version: number;
  /** 1 byte. */
  readonly subset: Uint8Array;
  readonly summaryTimeS: number;
  readonly transactionAttestations: readonly ReplicationAttestation[];
  /** One bit for each node of the subset, at most 65 535. */
  readonly nodeAvailabilitiesBits: BitString;
  /** One number for each of these bits, 0 to 255. */
  readonly nodeAverageAvailabilitiesPercent: readonly number[];
  /** Public keys. */
  readonly endOfNodeSynchronizations: readonly Uint8Array[];
  /** Unsigned 16 bits. */
  readonly availabilityAddingTime: number;
  /** 3 hex digits each. */
  readonly networkPatches: readonly string[];
}

interface Availabilities {
  readonly nodeAvailabilitiesBits: BitString;
  readonly nodeAverageAvailabilitiesPercent: readonly number[];
}

const viewBits = prefixedBits(uint(16));
const percent = uint(8);

/** A view of nodes and, without a count of its own, a percentage for each of its bits. */
const availabilities: RecordSchema<Availabilities> = makeRecord({
  bitsMin: 16,
  fields: new Set(['nodeAvailabilitiesBits', 'nodeAverageAvailabilitiesPercent']),
  encode(writer: BitWriter, value: AnyFields): void {
    const { nodeAvailabilitiesBits: view, nodeAverageAvailabilitiesPercent: percents } =
      value as unknown as Availabilities;
    try {
      viewBits.encode(writer, view);
    } catch (error) {
      throw locateError(error, 'nodeAvailabilitiesBits');
    }
    try {
      if (!Array.isArray(percents) || percents.length !== view.bitLength) {
        throw expected(`an array of ${view.bitLength} numbers, one for each node`, percents);
      }
      encodeItems(writer, percent, percents);
    } catch (error) {
      throw locateError(error, 'nodeAverageAvailabilitiesPercent');
    }
  },
  decode(reader: BitReader): AnyFields {
    try {
      const nodeAvailabilitiesBits = viewBits.decode(reader);
      const percents = decodeItems(reader, percent, nodeAvailabilitiesBits.bitLength);
      return { nodeAvailabilitiesBits, nodeAverageAvailabilitiesPercent: percents };
    } catch (error) {
      throw locateError(error, 'nodeAvailabilitiesBits');
    }
  },
  toJson: (value: AnyFields): JsonObject => availabilitiesInJson.toJson(value as unknown as Availabilities),
  pick: (json: JsonObject): AnyFields => ({ ...availabilitiesInJson.pick(json) }),
});

// For its JSON form only: on the wire one count stands before both fields.
const availabilitiesInJson = struct({
  nodeAvailabilitiesBits: viewBits,
  nodeAverageAvailabilitiesPercent: list(uint(16), percent),
});

/** Schema of {@link BeaconSummary}. */
export const beaconSummary: RecordSchema<BeaconSummary> = sequence(
  struct({
    version: uint(8),
    subset: bytes(1),
    summaryTimeS: timestampS,
    transactionAttestations: list(varint, replicationAttestation),
  }),
  availabilities,
  struct({
    endOfNodeSynchronizations: list(varint, publicKey),
    availabilityAddingTime: uint(16),
    networkPatches: list(varint, asciiText(3)),
  }),
);
