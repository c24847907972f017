/**
 * A chain of transactions, a page at a time. Both messages have fields whose shape depends on a value before them, so their
 * schemas are written by hand. Ids after `archethic-node p2p/message/message_id.ex`.
 */
import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError, locateError } from './errors.ts';
import { address, bool, enumeration, prefixedBytes, restBytes, timestampS, uint, varint } from './field-schemas.ts';
import { expected, type Json, type JsonObject, objectFromJson } from './json-form.ts';
import { defineMessage, type MessageType, type RequestType, TRANSACTION_CHAIN_TIMEOUT_MS } from './message.ts';
import { type AnyFields, makeRecord, optional, type RecordSchema, type Schema, struct } from './schema.ts';
import { readVarInt, writeVarInt } from './varint.ts';

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
const addressState = struct({ address });

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
    else addressState.encode(writer, value);
  },
  decode(reader: BitReader): PagingState {
    const kind = reader.readUint(2);
    if (kind === 0) return null;
    if (kind === 1) return dateState.decode(reader);
    if (kind === 2) return addressState.decode(reader);
    throw new CodecError('INVALID_VALUE', '3 stands for nothing');
  },
  toJson(value: PagingState): Json {
    if (value === null) return null;
    return 'dateS' in value ? dateState.toJson(value) : addressState.toJson(value);
  },
  fromJson(json: Json): PagingState {
    if (json === null) return null;
    return Object.hasOwn(objectFromJson(json), 'dateS') ? dateState.fromJson(json) : addressState.fromJson(json);
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
