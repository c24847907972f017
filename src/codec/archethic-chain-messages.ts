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
import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError, locateError } from './errors.ts';
import {
  address,
  bool,
  bytes,
  enumeration,
  prefixedBytes,
  restBytes,
  timestampMs,
  timestampS,
  uint,
  varint,
} from './field-schemas.ts';
import { expected, type Json, type JsonObject, objectFromJson } from './json-form.ts';
import {
  defineMessage,
  type MessageType,
  type RequestType,
  TRANSACTION_CHAIN_TIMEOUT_MS,
  TRANSACTION_TIMEOUT_MS,
} from './message.ts';
import { type AnyFields, list, makeRecord, optional, type RecordSchema, type Schema, struct } from './schema.ts';
import { readVarInt, writeVarInt } from './varint.ts';

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

/** A page without transactions: none are left, or none at all. */
export interface EmptyTransactionPage {
  readonly transactions: readonly never[];
  /** Whether there is another page. */
  readonly more: boolean;
  /** Where that begins, at most 255 bytes; null without one. */
  readonly pagingAddress: Uint8Array | null;
}

/** A page with transactions, which are opaque: so is what follows them. */
export interface OpaqueTransactionPage {
  /** 1 or more. */
  readonly transactionCount: bigint;
  /** The transactions and the paging after them: every byte after the count. */
  readonly body: Uint8Array;
}

/** Fields of TransactionList. */
export type TransactionListFields = EmptyTransactionPage | OpaqueTransactionPage;

const pagingAddress = optional(1, prefixedBytes(uint(8)));

const transactionList: RecordSchema<TransactionListFields> = makeRecord({
  bitsMin: 9, // a count of one byte and the bit that says there is no more
  fields: new Set(['transactions', 'more', 'pagingAddress', 'transactionCount', 'body']),
  encode(writer: BitWriter, value: AnyFields): void {
    const page = value as unknown as TransactionListFields;
    if ('transactionCount' in page) {
      try {
        if (BigInt(page.transactionCount) < 1n) throw expected('1 or more', page.transactionCount);
        writeVarInt(writer, page.transactionCount);
      } catch (error) {
        throw locateError(error, 'transactionCount');
      }
      restBytes.encode(writer, page.body);
      return;
    }
    if (!Array.isArray(page.transactions) || page.transactions.length > 0) {
      throw expected('an empty array, or transactionCount and body', page.transactions).at('transactions');
    }
    if (page.more !== (page.pagingAddress !== null)) {
      throw expected(page.more ? 'an address: there is more' : 'null: there is no more', page.pagingAddress).at(
        'pagingAddress',
      );
    }
    writeVarInt(writer, 0);
    pagingAddress.encode(writer, page.pagingAddress);
  },
  decode(reader: BitReader): AnyFields {
    const transactionCount = readVarInt(reader);
    if (transactionCount > 0n) return { transactionCount, body: restBytes.decode(reader) };
    const next = pagingAddress.decode(reader);
    return { transactions: [], more: next !== null, pagingAddress: next };
  },
  toJson: (value: AnyFields): JsonObject =>
    'transactionCount' in value
      ? opaquePageInJson.toJson(value as unknown as OpaqueTransactionPage)
      : emptyPageInJson.toJson(value as unknown as EmptyTransactionPage),
  pick: (json: JsonObject): AnyFields => ({
    ...(Object.hasOwn(json, 'transactionCount') ? opaquePageInJson.pick(json) : emptyPageInJson.pick(json)),
  }),
});

const noTransactions: Schema<readonly never[], readonly never[]> = {
  bitsMin: 0,
  encode: (): void => {},
  decode: (): readonly never[] => [],
  toJson: (): Json => [],
  fromJson(json: Json): readonly never[] {
    if (!Array.isArray(json) || json.length > 0) throw expected('an empty array, or transactionCount and body', json);
    return [];
  },
};

// For their JSON forms only.
const opaquePageInJson = struct({ transactionCount: varint, body: restBytes });
const emptyPageInJson = struct({ transactions: noTransactions, more: bool(1), pagingAddress });

/** A page of a chain. */
export const TransactionList: MessageType<'TransactionList', TransactionListFields> = defineMessage(
  'TransactionList',
  251,
  transactionList,
);

/** Where a page begins: at the start (null), at a time, or after an address. */
export type PagingState = null | { readonly dateS: number } | { readonly address: Uint8Array };

/** Fields of GetTransactionChain. */
export interface GetTransactionChainFields {
  readonly address: Uint8Array;
  readonly order: 'asc' | 'desc';
  readonly pagingState: PagingState;
}

const dateState = struct({ dateS: timestampS });

const pagingState: Schema<PagingState> = {
  bitsMin: 2,
  encode(writer: BitWriter, value: PagingState): void {
    if (value === null) {
      writer.writeUint(0, 2);
      return;
    }
    if (typeof value !== 'object') throw expected('null, a date or an address', value);
    writer.writeUint('dateS' in value ? 1 : 2, 2);
    if ('dateS' in value) dateState.encode(writer, value);
    else addressOnly.encode(writer, value);
  },
  decode(reader: BitReader): PagingState {
    const kind = reader.readUint(2);
    if (kind === 0) return null;
    if (kind === 1) return dateState.decode(reader);
    if (kind === 2) return addressOnly.decode(reader);
    throw new CodecError('INVALID_VALUE', '3 stands for nothing');
  },
  toJson(value: PagingState): Json {
    if (value === null) return null;
    return 'dateS' in value ? dateState.toJson(value) : addressOnly.toJson(value);
  },
  fromJson(json: Json): PagingState {
    if (json === null) return null;
    return Object.hasOwn(objectFromJson(json), 'dateS') ? dateState.fromJson(json) : addressOnly.fromJson(json);
  },
};

/** The transactions of the chain of this address, a page at a time. */
export const GetTransactionChain: RequestType<
  'GetTransactionChain',
  GetTransactionChainFields,
  [typeof TransactionList]
> = defineMessage(
  'GetTransactionChain',
  4,
  struct({ address, order: enumeration({ asc: 0, desc: 1 }, 1), pagingState }),
  { timeoutMs: TRANSACTION_CHAIN_TIMEOUT_MS, replies: [TransactionList] },
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
