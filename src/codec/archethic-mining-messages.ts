/**
 * Messages of the mining of a transaction: validation, replication, locks and their errors. Ids after
 * `archethic-node p2p/message/message_id.ex`. Transactions, stamps and contract contexts are opaque here, and since
 * nothing tells where they end, so is what follows them.
 */

import type { AddressFields } from './archethic-chain-messages.ts';
import type { BitReader } from './bit-reader.ts';
import type { BitString } from './bit-string.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError } from './errors.ts';
import {
  address,
  bytes,
  enumeration,
  prefixedBits,
  prefixedBytes,
  publicKey,
  restBytes,
  text,
  timestampMs,
  typed,
  uint,
  uint64,
  varint,
} from './field-schemas.ts';
import { integerFromJson, type Json } from './json-form.ts';
import { defineMessage, type MessageType, TRANSACTION_TIMEOUT_MS } from './message.ts';
import { branch, choice, list, literal, type RecordSchema, type Schema, sequence, struct } from './schema.ts';
import type { TypedValue } from './typed-encoding.ts';

/** Fields of messages without a known layout. */
export interface OpaqueFields {
  /** Every byte after the id. */
  readonly body: Uint8Array;
}

/** Fields of messages of which only the beginning has a known layout. */
export interface OpaqueFromAddressFields extends AddressFields {
  /** Every byte after the address. */
  readonly body: Uint8Array;
}

const addressOnly: RecordSchema<AddressFields> = struct({ address });
const opaque: RecordSchema<OpaqueFields> = struct({ body: restBytes });
const opaqueFromAddress: RecordSchema<OpaqueFromAddressFields> = struct({ address, body: restBytes });

/** Have this transaction mined. Opaque: transaction, welcome node, contract context. */
export const NewTransaction: MessageType<'NewTransaction', OpaqueFields> = defineMessage('NewTransaction', 6, opaque, {
  timeoutMs: TRANSACTION_TIMEOUT_MS,
});

/** Validate this transaction with these nodes. Opaque: transaction, nodes, hashes, contract context, time. */
export const StartMining: MessageType<'StartMining', OpaqueFields> = defineMessage('StartMining', 7, opaque, {
  timeoutMs: TRANSACTION_TIMEOUT_MS,
});

/** Fields of AddMiningContext. */
export interface AddMiningContextFields {
  readonly address: Uint8Array;
  readonly validationNodePublicKey: Uint8Array;
  /** At most 255. */
  readonly previousStorageNodesPublicKeys: readonly Uint8Array[];
  /** Which nodes of the list of chain storage nodes answered; at most 255 bits, like the two below. */
  readonly chainStorageNodesViewBits: BitString;
  readonly beaconStorageNodesViewBits: BitString;
  readonly ioStorageNodesViewBits: BitString;
  /** 32 bytes each, in wire order (upstream's decoder gives them in reverse). */
  readonly utxosHashes: readonly Uint8Array[];
}

const view = prefixedBits(uint(8));

/** What a cross validation node sees of the network, for the coordinator. */
export const AddMiningContext: MessageType<'AddMiningContext', AddMiningContextFields> = defineMessage(
  'AddMiningContext',
  8,
  struct({
    address,
    validationNodePublicKey: publicKey,
    previousStorageNodesPublicKeys: list(uint(8), publicKey),
    chainStorageNodesViewBits: view,
    beaconStorageNodesViewBits: view,
    ioStorageNodesViewBits: view,
    utxosHashes: list(varint, bytes(32)),
  }),
);

/** Check this stamp. Opaque from the stamp on. */
export const CrossValidate: MessageType<'CrossValidate', OpaqueFromAddressFields> = defineMessage(
  'CrossValidate',
  9,
  opaqueFromAddress,
);

/** The stamp was checked. Opaque from the cross validation stamp on. */
export const CrossValidationDone: MessageType<'CrossValidationDone', OpaqueFromAddressFields> = defineMessage(
  'CrossValidationDone',
  10,
  opaqueFromAddress,
);

/** Would this call of a contract be accepted? Opaque: transaction, recipient, time. */
export const ValidateSmartContractCall: MessageType<'ValidateSmartContractCall', OpaqueFields> = defineMessage(
  'ValidateSmartContractCall',
  11,
  opaque,
);

/** Ways in which a contract fails, by their number on the wire. `archethic-node contracts/contract/result/failure.ex`. */
export const CONTRACT_FAILURES = {
  state_exceed_threshold: 0,
  trigger_not_exists: 1,
  execution_raise: 2,
  execution_timeout: 3,
  contract_throw: 4,
  function_does_not_exist: 5,
  function_is_private: 6,
  function_timeout: 7,
  missing_condition: 8,
} as const;

/** How a contract failed. */
export interface ContractFailure {
  readonly error: keyof typeof CONTRACT_FAILURES;
  readonly userFriendlyError: string;
  /** What a contract that throws gives along. */
  readonly data: TypedValue;
}

/** How the check of a contract call ended. */
export type SmartContractCallStatus =
  | { readonly status: 'ok' | 'transaction_not_exists' | 'insufficient_funds' | 'timeout' }
  | { readonly status: 'invalid_execution'; readonly failure: ContractFailure }
  | { readonly status: 'invalid_condition'; readonly subject: string }
  | { readonly status: 'parsing_error'; readonly reason: string };

/** Fields of SmartContractCallValidation. */
export type SmartContractCallValidationFields = SmartContractCallStatus & {
  /** What the call will cost, in units of 10^-8 UCO, unsigned 64 bits. */
  readonly fee: bigint;
  readonly lastChainSyncDateMs: number;
};

const failure: RecordSchema<ContractFailure> = struct({
  error: enumeration(CONTRACT_FAILURES, 8),
  userFriendlyError: text(varint),
  data: typed('compact'),
});

const callStatus = choice('status', 8, [
  [0, ['ok'], literal('status', 'ok')],
  [1, ['transaction_not_exists'], literal('status', 'transaction_not_exists')],
  [2, ['invalid_execution'], branch('status', 'invalid_execution', { failure })],
  [3, ['invalid_condition'], branch('status', 'invalid_condition', { subject: text(varint) })],
  [4, ['insufficient_funds'], literal('status', 'insufficient_funds')],
  [5, ['parsing_error'], branch('status', 'parsing_error', { reason: text(varint) })],
  [6, ['timeout'], literal('status', 'timeout')],
]);

/** Whether a call of a contract would be accepted. */
export const SmartContractCallValidation: MessageType<
  'SmartContractCallValidation',
  SmartContractCallValidationFields
> = defineMessage(
  'SmartContractCallValidation',
  226,
  sequence(callStatus, struct({ fee: uint64, lastChainSyncDateMs: timestampMs })),
);

/** Store this transaction. Opaque: transaction, genesis address. */
export const ReplicateTransaction: MessageType<'ReplicateTransaction', OpaqueFields> = defineMessage(
  'ReplicateTransaction',
  12,
  opaque,
  { timeoutMs: TRANSACTION_TIMEOUT_MS },
);

/** Fields of AcknowledgeStorage. */
export interface AcknowledgeStorageFields extends AddressFields {
  /** Over the summary of the transaction, at most 255 bytes. */
  readonly signature: Uint8Array;
}

/** The transaction is stored. */
export const AcknowledgeStorage: MessageType<'AcknowledgeStorage', AcknowledgeStorageFields> = defineMessage(
  'AcknowledgeStorage',
  13,
  struct({ address, signature: prefixedBytes(uint(8)) }),
);

/** Fields of RequestChainLock. */
export interface RequestChainLockFields extends AddressFields {
  /** Of the transaction: 33 bytes, a hash id and 32 bytes. */
  readonly hash: Uint8Array;
}

/** Mine no other transaction at this address meanwhile. */
export const RequestChainLock: MessageType<'RequestChainLock', RequestChainLockFields> = defineMessage(
  'RequestChainLock',
  19,
  struct({ address, hash: bytes(33) }),
);

/** The mining at this address is over. */
export const UnlockChain: MessageType<'UnlockChain', AddressFields> = defineMessage('UnlockChain', 41, addressOnly);

/** Validate this transaction for its replication. Opaque: transaction, contract context, unspent outputs. */
export const ValidateTransaction: MessageType<'ValidateTransaction', OpaqueFields> = defineMessage(
  'ValidateTransaction',
  36,
  opaque,
  { timeoutMs: TRANSACTION_TIMEOUT_MS },
);

/** Store the transaction that waits at this address. */
export const ReplicatePendingTransactionChain: MessageType<
  'ReplicatePendingTransactionChain',
  { readonly address: Uint8Array; readonly genesisAddress: Uint8Array }
> = defineMessage('ReplicatePendingTransactionChain', 37, struct({ address, genesisAddress: address }));

/** The transaction was found valid for its replication. */
export const NotifyReplicationValidation: MessageType<'NotifyReplicationValidation', AddressFields> = defineMessage(
  'NotifyReplicationValidation',
  38,
  addressOnly,
);

/** Why a mining failed. `archethic-node mining/error.ex`. */
export interface MiningError {
  /** -65 535 to 0; -31 500 and below are the network's fault. */
  readonly code: number;
  readonly message: string;
  readonly data: TypedValue;
}

/** A number from -65 535 to 0, without its sign on the wire. */
const negativeCode: Schema<number, number> = {
  bitsMin: 16,
  encode(writer: BitWriter, value: number): void {
    if (!Number.isInteger(value) || value > 0 || value < -0xffff) {
      throw new CodecError('OUT_OF_RANGE', `${String(value)} is not an integer from -65535 to 0`);
    }
    writer.writeUint(-value, 16);
  },
  decode: (reader: BitReader): number => 0 - reader.readUint(16), // not a unary minus: 0 stays +0
  toJson: (value: number): Json => value,
  fromJson: (json: Json): number => Number(integerFromJson(json)),
};

const miningError: RecordSchema<MiningError> = struct({
  code: negativeCode,
  message: text(varint),
  data: typed('compact'),
});

/** Fields of ReplicationError and ValidationError. */
export interface MiningErrorFields extends AddressFields {
  readonly error: MiningError;
}

/** The replication of a transaction failed. */
export const ReplicationError: MessageType<'ReplicationError', MiningErrorFields> = defineMessage(
  'ReplicationError',
  233,
  struct({ address, error: miningError }),
);

/** The validation of a transaction failed. */
export const ValidationError: MessageType<'ValidationError', MiningErrorFields> = defineMessage(
  'ValidationError',
  234,
  struct({ address, error: miningError }),
);
