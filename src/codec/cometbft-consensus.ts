/**
 * What CometBFT nodes say about consensus (`proto/tendermint/consensus/types.proto`), as far as somebody who watches needs
 * it: at which step a node is, what is proposed, which parts and votes go round. Signatures, proofs and bit arrays are
 * stepped over. Channels 0x20 (state), 0x21 (data) and 0x22 (votes) carry one and the same message.
 */
import { type FieldReader, readMessage, writeMessage } from './cometbft-message.ts';
import { CodecError } from './errors.ts';

/** Longest consensus message, in bytes: 1 MiB, `maxMsgSize` of the consensus reactor. */
export const CONSENSUS_MESSAGE_BYTES_MAX = 1_048_576;

/** Hashes of CometBFT are at most this long, in bytes; longer ones are refused. */
export const CONSENSUS_HASH_BYTES_MAX = 32;

/** Steps of a round by number, from 1; `consensus/types/round_state.go RoundStepType`. */
export const ROUND_STEPS = [
  'NewHeight',
  'NewRound',
  'Propose',
  'Prevote',
  'PrevoteWait',
  'Precommit',
  'PrecommitWait',
  'Commit',
] as const;

/** One of {@link ROUND_STEPS}. */
export type RoundStep = (typeof ROUND_STEPS)[number];

/** A node has entered a step. */
export interface NewRoundStep {
  readonly type: 'new_round_step';
  /** The height it works on; the block below it is decided. */
  readonly height: number;
  /** From 0. */
  readonly round: number;
  readonly step: RoundStep;
  /** May be negative: the height begins in so many seconds. */
  readonly secondsSinceStart: number;
  /** Round in which the last height was decided; -1 at the first height. */
  readonly lastCommitRound: number;
}

/** More than two thirds of the votes are for a block. */
export interface NewValidBlock {
  readonly type: 'new_valid_block';
  readonly height: number;
  readonly round: number;
  readonly isCommit: boolean;
}

/** A block is proposed. */
export interface Proposal {
  readonly type: 'proposal';
  readonly height: number;
  readonly round: number;
  /** Hash of the block; empty for none. A copy. */
  readonly blockHash: Uint8Array;
}

/** A part of a proposed block. */
export interface BlockPart {
  readonly type: 'block_part';
  readonly height: number;
  readonly round: number;
  readonly index: number;
  /** Bytes of the part, which are not kept. */
  readonly size: number;
}

/** What is voted on. */
export type VoteKind = 'unknown' | 'prevote' | 'precommit';

/** A vote (`vote`), or that somebody has it (`has_vote`). */
export interface Vote {
  readonly type: 'vote' | 'has_vote';
  readonly height: number;
  readonly round: number;
  readonly kind: VoteKind;
  /** Number of the validator, from 0. */
  readonly validatorIndex: number;
}

/** What only voters need: known by name, not read. */
export interface OtherConsensusMessage {
  readonly type: 'proposal_pol' | 'vote_set_maj23' | 'vote_set_bits' | 'has_proposal_block_part';
}

/** What is said on the consensus channels. */
export type ConsensusMessage = NewRoundStep | NewValidBlock | Proposal | BlockPart | Vote | OtherConsensusMessage;

/**
 * Reads a consensus message.
 *
 * @throws {@link CodecError} `FRAME_TOO_LARGE` over {@link CONSENSUS_MESSAGE_BYTES_MAX}, `UNKNOWN_MESSAGE` for one that
 *   is none of the ten, `OUT_OF_RANGE` for a height, round, step or hash that nobody can have, `TRUNCATED` and
 *   `INVALID_VALUE` for what is no protobuf.
 */
export function decodeConsensusMessage(bytes: Uint8Array): ConsensusMessage {
  if (bytes.length > CONSENSUS_MESSAGE_BYTES_MAX) {
    const text = `a consensus message of ${bytes.length} bytes: at most ${CONSENSUS_MESSAGE_BYTES_MAX}`;
    throw new CodecError('FRAME_TOO_LARGE', text);
  }
  let message: ConsensusMessage | undefined;
  const into = (read: (inner: Uint8Array) => ConsensusMessage) => (reader: FieldReader) => {
    message = read(reader.message());
  };
  const other = (type: OtherConsensusMessage['type']) =>
    into((inner) => {
      readMessage(type, inner, {});
      return { type };
    });
  readMessage('ConsensusMessage', bytes, {
    1: into(decodeNewRoundStep),
    2: into(decodeNewValidBlock),
    3: into(decodeProposal),
    4: other('proposal_pol'),
    5: into(decodeBlockPart),
    6: into(decodeVote),
    7: into(decodeHasVote),
    8: other('vote_set_maj23'),
    9: other('vote_set_bits'),
    10: other('has_proposal_block_part'), // from v1 on
  });
  if (message === undefined) throw new CodecError('UNKNOWN_MESSAGE', 'a consensus message that is none of the ten');
  return message;
}

/**
 * Writes a round step: a fresh array. A node sends transactions and proposals only to peers that say they are as far as it.
 *
 * @throws RangeError for a height or round that is no whole number from 0.
 */
export function encodeNewRoundStep(message: Omit<NewRoundStep, 'type'>): Uint8Array {
  const { height, round, step, secondsSinceStart, lastCommitRound } = message;
  checkHeight(height);
  if (!Number.isInteger(round) || round < 0) throw new RangeError(`round ${round}: expected 0 or more`);
  return writeMessage((writer) =>
    writer.message(1, (inner) => {
      inner.uint64(1, signed(height));
      inner.uint64(2, signed(round));
      inner.uint32(3, ROUND_STEPS.indexOf(step) + 1);
      inner.uint64(4, signed(secondsSinceStart));
      inner.uint64(5, signed(lastCommitRound));
    }),
  );
}

/** @throws RangeError for a height that is no whole number from 0. @internal */
export function checkHeight(height: number): void {
  if (!Number.isSafeInteger(height) || height < 0) throw new RangeError(`height ${height}: expected 0 or more`);
}

/** An int64 as a number. @throws {@link CodecError} `OUT_OF_RANGE` when it is negative or over 2^53 - 1. @internal */
export function readHeight(reader: FieldReader): number {
  const height = BigInt.asIntN(64, reader.uint64());
  if (height < 0n || height > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new CodecError('OUT_OF_RANGE', `height ${height}: expected 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return Number(height);
}

/** A hash: empty or up to {@link CONSENSUS_HASH_BYTES_MAX} bytes, a copy. @throws {@link CodecError} `OUT_OF_RANGE`. @internal */
export function readHash(reader: FieldReader): Uint8Array {
  const hash = reader.message();
  if (hash.length > CONSENSUS_HASH_BYTES_MAX) {
    throw new CodecError('OUT_OF_RANGE', `a hash of ${hash.length} bytes: at most ${CONSENSUS_HASH_BYTES_MAX}`);
  }
  return hash.slice();
}

/** Negative numbers of proto3 are written in 64 bits, whatever their type. */
function signed(value: number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}

function readInt32(reader: FieldReader): number {
  return reader.uint32() | 0;
}

function readRound(reader: FieldReader): number {
  const round = readInt32(reader);
  if (round < 0) throw new CodecError('OUT_OF_RANGE', `round ${round}: expected 0 or more`);
  return round;
}

function decodeNewRoundStep(bytes: Uint8Array): NewRoundStep {
  const at = { height: 0, round: 0, step: 0, secondsSinceStart: 0, lastCommitRound: 0 };
  readMessage('NewRoundStep', bytes, {
    ...place(at),
    3: (reader) => {
      at.step = reader.uint32();
    },
    4: (reader) => {
      at.secondsSinceStart = Number(BigInt.asIntN(64, reader.uint64()));
    },
    5: (reader) => {
      at.lastCommitRound = readInt32(reader);
    },
  });
  const step = ROUND_STEPS[at.step - 1];
  if (step === undefined) throw new CodecError('OUT_OF_RANGE', `round step ${at.step}: expected 1 to 8`);
  return { type: 'new_round_step', ...at, step };
}

function decodeNewValidBlock(bytes: Uint8Array): NewValidBlock {
  const at = { height: 0, round: 0, isCommit: false };
  readMessage('NewValidBlock', bytes, {
    ...place(at),
    5: (reader) => {
      at.isCommit = reader.uint64() !== 0n;
    },
  });
  return { type: 'new_valid_block', ...at };
}

function decodeProposal(bytes: Uint8Array): Proposal {
  const at = { height: 0, round: 0, blockHash: new Uint8Array(0) as Uint8Array };
  const blockId = (reader: FieldReader): void =>
    readMessage('BlockID', reader.message(), {
      1: (field) => {
        at.blockHash = readHash(field);
      },
    });
  readMessage('Proposal', bytes, {
    1: (reader) => readMessage('Proposal', reader.message(), { ...place(at, 2), 5: blockId }),
  });
  return { type: 'proposal', ...at };
}

function decodeBlockPart(bytes: Uint8Array): BlockPart {
  const at = { height: 0, round: 0, index: 0, size: 0 };
  readMessage('BlockPart', bytes, {
    ...place(at),
    3: (reader) =>
      readMessage('Part', reader.message(), {
        1: (field) => {
          at.index = field.uint32();
        },
        2: (field) => {
          at.size = field.message().length;
        },
      }),
  });
  return { type: 'block_part', ...at };
}

function decodeVote(bytes: Uint8Array): Vote {
  const at = { height: 0, round: 0, kind: 'unknown' as VoteKind, validatorIndex: 0 };
  readMessage('Vote', bytes, {
    1: (reader) =>
      readMessage('Vote', reader.message(), {
        ...place(at, 2),
        1: (field) => {
          at.kind = readKind(field);
        },
        7: (field) => {
          at.validatorIndex = readInt32(field);
        },
      }),
  });
  return { type: 'vote', ...at };
}

function decodeHasVote(bytes: Uint8Array): Vote {
  const at = { height: 0, round: 0, kind: 'unknown' as VoteKind, validatorIndex: 0 };
  readMessage('HasVote', bytes, {
    ...place(at),
    3: (reader) => {
      at.kind = readKind(reader);
    },
    4: (reader) => {
      at.validatorIndex = readInt32(reader);
    },
  });
  return { type: 'has_vote', ...at };
}

/** `proto/tendermint/types/types.proto SignedMsgType`. */
function readKind(reader: FieldReader): VoteKind {
  const kind = reader.uint32();
  return kind === 1 ? 'prevote' : kind === 2 ? 'precommit' : 'unknown';
}

/** Height and round, in two fields that follow each other. */
function place(at: { height: number; round: number }, first = 1): Record<number, (reader: FieldReader) => void> {
  return {
    [first]: (reader) => {
      at.height = readHeight(reader);
    },
    [first + 1]: (reader) => {
      at.round = readRound(reader);
    },
  };
}
