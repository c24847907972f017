/**
 * Records about transactions: types, summaries, unspent outputs and inputs, in every version that a chain may still
 * hold. Upstream keeps old records as they were, so a node of today answers with all of them.
 */
import type { BitReader } from './bit-reader.ts';
import type { BitString } from './bit-string.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError } from './errors.ts';
import {
  absent,
  address,
  bool,
  bytes,
  enumeration,
  prefixedBits,
  timestampMs,
  uint64,
  varint,
} from './field-schemas.ts';
import { expected, type Json, type JsonObject, memberFromJson } from './json-form.ts';
import {
  type AnyFields,
  branch,
  choice,
  list,
  literal,
  makeRecord,
  type RecordSchema,
  type Schema,
  sequence,
  struct,
  versioned,
} from './schema.ts';

/** Transaction types by their number on the wire. `archethic-node transaction_chain/transaction.ex serialize_type/1`. */
export const TRANSACTION_TYPES = {
  node: 0,
  node_shared_secrets: 1,
  origin: 2,
  oracle: 3,
  oracle_summary: 4,
  code_proposal: 5,
  code_approval: 6,
  node_rewards: 7,
  mint_rewards: 8,
  contract: 249,
  data: 250,
  token: 251,
  hosting: 252,
  transfer: 253,
  keychain_access: 254,
  keychain: 255,
} as const;

/** Name of a transaction type. */
export type TransactionType = keyof typeof TRANSACTION_TYPES;

const transactionTypeByte: Schema<TransactionType, TransactionType> = enumeration(TRANSACTION_TYPES, 8);

/** `type`, which in JSON is joined by its number, `typeId`; JSON may give either or both. */
const transactionType: RecordSchema<{ readonly type: TransactionType }> = makeRecord({
  bitsMin: 8,
  fields: new Set(['type', 'typeId']),
  encode: (writer: BitWriter, { type }: AnyFields): void => transactionTypeByte.encode(writer, type as TransactionType),
  decode: (reader: BitReader): AnyFields => ({ type: transactionTypeByte.decode(reader) }),
  toJson: ({ type }: AnyFields): JsonObject => ({
    type: type as TransactionType,
    typeId: TRANSACTION_TYPES[type as TransactionType],
  }),
  pick(json: JsonObject): AnyFields {
    const typeId = Object.hasOwn(json, 'typeId') ? json.typeId : undefined;
    if (typeId === undefined) return { type: transactionTypeByte.fromJson(memberFromJson(json, 'type')) };
    const found = Object.entries(TRANSACTION_TYPES).find(([, id]) => id === typeId);
    if (found === undefined) throw expected('the number of a transaction type', typeId).at('typeId');
    if (Object.hasOwn(json, 'type') && json.type !== found[0]) {
      throw expected(`"${found[0]}", by typeId ${found[1]}`, json.type).at('type');
    }
    return { type: found[0] };
  },
});

/** Summary of a transaction. `archethic-node transaction_chain/transaction_summary.ex`. */
export interface TransactionSummary {
  /** 0 to 255; upstream writes 3. */
  readonly version: number;
  readonly address: Uint8Array;
  readonly timestampMs: number;
  readonly type: TransactionType;
  /** In units of 10^-8 UCO, unsigned 64 bits. */
  readonly fee: bigint;
  readonly movementsAddresses: readonly Uint8Array[];
  /** 32 bytes. */
  readonly validationStampChecksum: Uint8Array;
  /** Null in version 1, which has none. */
  readonly genesisAddress: Uint8Array | null;
}

const summaryHead = sequence(
  struct({ address, timestampMs }),
  transactionType,
  struct({ fee: uint64, movementsAddresses: list(varint, address), validationStampChecksum: bytes(32) }),
);

/** Schema of {@link TransactionSummary}. */
export const transactionSummary: RecordSchema<TransactionSummary> = versioned<
  'version',
  Omit<TransactionSummary, 'version'>
>('version', 8, [
  [(version) => version === 1, sequence(summaryHead, struct({ genesisAddress: absent<Uint8Array>() }))],
  [() => true, sequence(summaryHead, struct({ genesisAddress: address }))],
]);

/** What moves: UCO, or a token by address and id. `.../transaction_movement/type.ex`. */
const movementType = choice('type', 8, [
  [0, ['UCO'], literal('type', 'UCO')],
  [1, ['token'], branch('type', 'token', { tokenAddress: address, tokenId: varint })],
]);

const encodedPayload = struct({ encodedPayloadBits: prefixedBits(varint) });

interface MovementOutput {
  /** Of the chain when this was written, unsigned 32 bits; it selects the layout. */
  readonly protocolVersion: number;
  readonly from: Uint8Array;
  readonly timestampMs: number;
  /** In units of 10^-8; below protocol version 3 at most 64 bits. */
  readonly amount: bigint;
}

/** An unspent output of UCO. */
export interface UcoOutput extends MovementOutput {
  readonly type: 'UCO';
}

/** An unspent output of a token. */
export interface TokenOutput extends MovementOutput {
  readonly type: 'token';
  readonly tokenAddress: Uint8Array;
  readonly tokenId: bigint;
}

/** The state of a contract; from protocol version 4. */
export interface StateOutput {
  readonly protocolVersion: number;
  /** Null below protocol version 7, which does not write it. */
  readonly from: Uint8Array | null;
  /** Null below protocol version 7, which does not write it. */
  readonly timestampMs: number | null;
  readonly type: 'state';
  readonly encodedPayloadBits: BitString;
}

/** A call of a contract that waits; from protocol version 7. */
export interface CallOutput {
  readonly protocolVersion: number;
  readonly from: Uint8Array;
  readonly timestampMs: number;
  readonly type: 'call';
}

/** An unspent output. `archethic-node .../ledger_operations/versioned_unspent_output.ex`, `unspent_output.ex`. */
export type UnspentOutput = UcoOutput | TokenOutput | StateOutput | CallOutput;

type WithoutVersion<T> = T extends unknown ? Omit<T, 'protocolVersion'> : never;

/** Schema of {@link UnspentOutput}. */
export const unspentOutput: RecordSchema<UnspentOutput> = versioned<'protocolVersion', WithoutVersion<UnspentOutput>>(
  'protocolVersion',
  32,
  [
    [(version) => version < 3, sequence(struct({ from: address, amount: uint64, timestampMs }), movementType)],
    [(version) => version === 3, sequence(struct({ from: address, amount: varint, timestampMs }), movementType)],
    [
      (version) => version < 7,
      choice('type', 8, [
        [
          0,
          ['state'],
          sequence(
            branch('type', 'state', { from: absent<Uint8Array>(), timestampMs: absent<number>() }),
            encodedPayload,
          ),
        ],
        [1, ['UCO', 'token'], sequence(struct({ from: address, amount: varint, timestampMs }), movementType)],
      ]),
    ],
    [
      () => true,
      sequence(
        struct({ from: address, timestampMs }),
        choice('type', 8, [
          [0, ['UCO', 'token'], sequence(movementType, struct({ amount: varint }))],
          [1, ['state'], sequence(literal('type', 'state'), encodedPayload)],
          [2, ['call'], literal('type', 'call')],
        ]),
      ),
    ],
  ],
);

interface InputBase {
  /** Of the chain when this was written, unsigned 32 bits; it selects the layout. */
  readonly protocolVersion: number;
  readonly from: Uint8Array;
  /** Below protocol version 7 in whole seconds: a multiple of 1000. */
  readonly timestampMs: number;
  readonly spent: boolean;
}

interface MovementInput extends InputBase {
  /** In units of 10^-8; below protocol version 7 at most 64 bits. */
  readonly amount: bigint;
  /** Below protocol version 7 only. */
  readonly reward?: boolean;
}

/** An input of UCO. */
export interface UcoInput extends MovementInput {
  readonly type: 'UCO';
}

/** An input of a token. */
export interface TokenInput extends MovementInput {
  readonly type: 'token';
  readonly tokenAddress: Uint8Array;
  readonly tokenId: bigint;
}

/** The state of a contract as an input; from protocol version 7. */
export interface StateInput extends InputBase {
  readonly type: 'state';
  readonly encodedPayloadBits: BitString;
}

/** A call of a contract as an input. */
export interface CallInput extends InputBase {
  readonly type: 'call';
}

/** A transaction input. `archethic-node transaction_chain/versioned_transaction_input.ex`, `transaction_input.ex`. */
export type TransactionInput = UcoInput | TokenInput | StateInput | CallInput;

/** Seconds on the wire, ms in the value. */
const wholeSecondsMs: Schema<number, number> = {
  bitsMin: 32,
  encode(writer: BitWriter, value: number): void {
    if (!Number.isInteger(value / 1000)) {
      throw new CodecError('INVALID_VALUE', `${value} ms is no whole number of seconds: this version keeps no more`);
    }
    writer.writeUint(value / 1000, 32);
  },
  decode: (reader: BitReader): number => reader.readUint(32) * 1000,
  toJson: (value: number): Json => value,
  fromJson: timestampMs.fromJson,
};

/** Schema of {@link TransactionInput}. */
export const transactionInput: RecordSchema<TransactionInput> = versioned<
  'protocolVersion',
  WithoutVersion<TransactionInput>
>('protocolVersion', 32, [
  [
    (version) => version < 7,
    sequence(
      struct({ from: address }),
      choice('type', 1, [
        [0, ['call'], branch('type', 'call', { spent: bool(1), timestampMs: wholeSecondsMs })],
        [
          1,
          ['UCO', 'token'],
          sequence(
            struct({ spent: bool(1), reward: bool(1), amount: uint64 }),
            movementType,
            struct({ timestampMs: wholeSecondsMs }),
          ),
        ],
      ]),
    ),
  ],
  [
    () => true,
    sequence(
      struct({ from: address, timestampMs, spent: bool(1) }),
      choice('type', 8, [
        [0, ['state'], sequence(literal('type', 'state'), encodedPayload)],
        [1, ['call'], literal('type', 'call')],
        [2, ['UCO', 'token'], sequence(movementType, struct({ amount: varint }))],
      ]),
    ),
  ],
]);
