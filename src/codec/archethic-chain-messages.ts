/**
 * Messages about transaction chains: transactions, addresses, lengths, inputs and unspent outputs. Ids after
 * `archethic-node p2p/message/message_id.ex`. A transaction itself is opaque here: its bytes, to the end of the message.
 */

import {
  type TransactionInput,
  type TransactionSummary,
  transactionInput,
  transactionSummary,
  type UnspentOutput,
  unspentOutput,
} from './archethic-ledger-records.ts';
import { address, bool, bytes, restBytes, timestampMs, varint } from './field-schemas.ts';
import { defineMessage, type MessageType, type RequestType, TRANSACTION_TIMEOUT_MS } from './message.ts';
import { list, optional, type RecordSchema, struct } from './schema.ts';

/** Fields of messages that are about one address. */
export interface AddressFields {
  readonly address: Uint8Array;
}

/** An address and when it was used, unix ms. */
export interface DatedAddress {
  readonly address: Uint8Array;
  readonly timestampMs: number;
}

const addressOnly: RecordSchema<AddressFields> = struct({ address });
const datedAddress: RecordSchema<DatedAddress> = struct({ address, timestampMs });

/** A transaction, opaque: every byte after the id. */
export const Transaction: MessageType<'Transaction', { readonly transaction: Uint8Array }> = defineMessage(
  'Transaction',
  252,
  struct({ transaction: restBytes }),
);

/** The transaction at this address, please. */
export const GetTransaction: RequestType<'GetTransaction', AddressFields, [typeof Transaction]> = defineMessage(
  'GetTransaction',
  3,
  addressOnly,
  { timeoutMs: TRANSACTION_TIMEOUT_MS, replies: [Transaction] },
);

/** The last transaction of the chain of this address, please. */
export const GetLastTransaction: RequestType<'GetLastTransaction', AddressFields, [typeof Transaction]> = defineMessage(
  'GetLastTransaction',
  15,
  addressOnly,
  { timeoutMs: TRANSACTION_TIMEOUT_MS, replies: [Transaction] },
);

/** Fields of UnspentOutputList. */
export interface UnspentOutputListFields {
  readonly unspentOutputs: readonly UnspentOutput[];
  /** Whether there is another page. */
  readonly more: boolean;
  /** Hash of the output (32 bytes) after which that begins; null without one. */
  readonly offset: Uint8Array | null;
  readonly lastChainSyncDateMs: number;
}

/** A page of unspent outputs. */
export const UnspentOutputList: MessageType<'UnspentOutputList', UnspentOutputListFields> = defineMessage(
  'UnspentOutputList',
  250,
  struct({
    unspentOutputs: list(varint, unspentOutput),
    more: bool(1),
    offset: optional(1, bytes(32)),
    lastChainSyncDateMs: timestampMs,
  }),
);

/** Fields of GetUnspentOutputs. */
export interface GetUnspentOutputsFields {
  readonly address: Uint8Array;
  /** Hash of the output (32 bytes) after which the page begins; null for the first page. */
  readonly offset: Uint8Array | null;
  /** Most outputs of the page; 0 for all. */
  readonly limit: bigint;
}

/** What may the chain of this address spend? */
export const GetUnspentOutputs: RequestType<'GetUnspentOutputs', GetUnspentOutputsFields, [typeof UnspentOutputList]> =
  defineMessage('GetUnspentOutputs', 5, struct({ address, offset: optional(1, bytes(32)), limit: varint }), {
    replies: [UnspentOutputList],
  });

/** Fields of TransactionInputList. */
export interface TransactionInputListFields {
  readonly inputs: readonly TransactionInput[];
  /** Whether there is another page. */
  readonly more: boolean;
  /** Index where that begins. */
  readonly offset: bigint;
}

/** A page of inputs. */
export const TransactionInputList: MessageType<'TransactionInputList', TransactionInputListFields> = defineMessage(
  'TransactionInputList',
  244,
  struct({ inputs: list(varint, transactionInput), more: bool(1), offset: varint }),
);

/** What was sent to this address? */
export const GetTransactionInputs: RequestType<
  'GetTransactionInputs',
  { readonly address: Uint8Array; readonly offset: bigint; readonly limit: bigint },
  [typeof TransactionInputList]
> = defineMessage('GetTransactionInputs', 17, struct({ address, offset: varint, limit: varint }), {
  replies: [TransactionInputList],
});

/** How many transactions a chain has. */
export const TransactionChainLength: MessageType<'TransactionChainLength', { readonly length: bigint }> = defineMessage(
  'TransactionChainLength',
  245,
  struct({ length: varint }),
);

/** How long is the chain of this address? */
export const GetTransactionChainLength: RequestType<
  'GetTransactionChainLength',
  AddressFields,
  [typeof TransactionChainLength]
> = defineMessage('GetTransactionChainLength', 18, addressOnly, { replies: [TransactionChainLength] });

/** The last address of a chain. */
export const LastTransactionAddress: MessageType<'LastTransactionAddress', DatedAddress> = defineMessage(
  'LastTransactionAddress',
  241,
  datedAddress,
);

/** Which is the last address of this chain at this time? */
export const GetLastTransactionAddress: RequestType<
  'GetLastTransactionAddress',
  DatedAddress,
  [typeof LastTransactionAddress]
> = defineMessage('GetLastTransactionAddress', 21, datedAddress, { replies: [LastTransactionAddress] });

/** The first address of a chain. */
export const FirstTransactionAddress: MessageType<'FirstTransactionAddress', DatedAddress> = defineMessage(
  'FirstTransactionAddress',
  228,
  datedAddress,
);

/** Which is the first address of the chain of this address? */
export const GetFirstTransactionAddress: RequestType<
  'GetFirstTransactionAddress',
  AddressFields,
  [typeof FirstTransactionAddress]
> = defineMessage('GetFirstTransactionAddress', 24, addressOnly, { replies: [FirstTransactionAddress] });

/** The address before the first of a chain. */
export const GenesisAddress: MessageType<'GenesisAddress', DatedAddress> = defineMessage(
  'GenesisAddress',
  235,
  datedAddress,
);

/** Which is the genesis address of the chain of this address? */
export const GetGenesisAddress: RequestType<'GetGenesisAddress', AddressFields, [typeof GenesisAddress]> =
  defineMessage('GetGenesisAddress', 31, addressOnly, { replies: [GenesisAddress] });

/** Addresses, each with its time. */
export const AddressList: MessageType<'AddressList', { readonly addresses: readonly DatedAddress[] }> = defineMessage(
  'AddressList',
  229,
  struct({ addresses: list(varint, datedAddress) }),
);

/** Which addresses follow this one in its chain, at most so many? */
export const GetNextAddresses: RequestType<
  'GetNextAddresses',
  { readonly address: Uint8Array; readonly limit: bigint },
  [typeof AddressList]
> = defineMessage('GetNextAddresses', 35, struct({ address, limit: varint }), { replies: [AddressList] });

/** The summary of a transaction. */
export const TransactionSummaryMessage: MessageType<'TransactionSummaryMessage', TransactionSummary> = defineMessage(
  'TransactionSummaryMessage',
  239,
  transactionSummary,
);

/** The summary of the transaction at this address, please. */
export const GetTransactionSummary: RequestType<
  'GetTransactionSummary',
  AddressFields,
  [typeof TransactionSummaryMessage]
> = defineMessage('GetTransactionSummary', 23, addressOnly, { replies: [TransactionSummaryMessage] });

/** Summaries of transactions. */
export const TransactionSummaryList: MessageType<
  'TransactionSummaryList',
  { readonly transactionSummaries: readonly TransactionSummary[] }
> = defineMessage('TransactionSummaryList', 232, struct({ transactionSummaries: list(varint, transactionSummary) }));

/** Fields of NotifyLastTransactionAddress. */
export interface NotifyLastTransactionAddressFields {
  readonly lastAddress: Uint8Array;
  readonly genesisAddress: Uint8Array;
  readonly previousAddress: Uint8Array;
  readonly timestampMs: number;
}

/** A chain has a new last address. */
export const NotifyLastTransactionAddress: MessageType<
  'NotifyLastTransactionAddress',
  NotifyLastTransactionAddressFields
> = defineMessage(
  'NotifyLastTransactionAddress',
  22,
  struct({ lastAddress: address, genesisAddress: address, previousAddress: address, timestampMs }),
);

/** A chain goes on: tell the nodes of the one before. */
export const NotifyPreviousChain: MessageType<'NotifyPreviousChain', AddressFields> = defineMessage(
  'NotifyPreviousChain',
  34,
  addressOnly,
);

/** Fields of ShardRepair. */
export interface ShardRepairFields {
  readonly genesisAddress: Uint8Array;
  readonly storageAddress: Uint8Array | null;
  readonly ioAddresses: readonly Uint8Array[];
}

/** Fetch what you should hold and do not. */
export const ShardRepair: MessageType<'ShardRepair', ShardRepairFields> = defineMessage(
  'ShardRepair',
  230,
  struct({ genesisAddress: address, storageAddress: optional(1, address), ioAddresses: list(varint, address) }),
);
