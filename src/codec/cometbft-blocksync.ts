/**
 * How CometBFT nodes ask each other for decided blocks (`proto/tendermint/blocksync/types.proto`), channel 0x40, and of a
 * block what somebody who watches needs: its header, the fields its hash is made of, and its transactions. Evidence and
 * the commit are stepped over.
 */
import { checkHeight, readHeight } from './cometbft-consensus.ts';
import { type FieldReader, readMessage, writeMessage } from './cometbft-message.ts';
import { CodecError } from './errors.ts';

/** Longest blocksync message, in bytes: `MaxBlockSizeBytes` and 5 for tags and lengths. */
export const BLOCKSYNC_MESSAGE_BYTES_MAX = 104_857_605;

/** Most transactions of one block that is read. */
export const BLOCK_TXS_MAX = 200_000;

/** Fields of a header, all of them part of its hash. */
export const HEADER_FIELDS_COUNT = 14;

/** Longest chain id, in bytes (`MaxChainIDLen`). */
export const CHAIN_ID_BYTES_MAX = 50;

/** The header of a block, as far as it is shown. */
export interface BlockHeader {
  readonly chainId: string;
  readonly height: number;
  /** Time of the block, in ms since 1970; its nanoseconds are cut. */
  readonly timeMs: number;
  /** Address of who proposed it, 20 bytes; a copy. */
  readonly proposerAddress: Uint8Array;
  /**
   * The 14 fields in order, each as it enters the Merkle tree whose root is the hash of the block (`types/block.go
   * Header.Hash`): messages as sent, texts, numbers and hashes as the one field of a message, or nothing when empty.
   */
  readonly leaves: readonly Uint8Array[];
}

/** A decided block, as far as it is shown. */
export interface Block {
  readonly header: BlockHeader;
  /** Views into the bytes it was read from. */
  readonly txs: readonly Uint8Array[];
}

/** What is said on the blocksync channel. */
export type BlocksyncMessage =
  | { readonly type: 'block_request'; readonly height: number }
  | { readonly type: 'no_block_response'; readonly height: number }
  | { readonly type: 'block_response'; readonly block: Block }
  | { readonly type: 'status_request' }
  | { readonly type: 'status_response'; readonly height: number; readonly base: number };

/** What can be written: everything but blocks. */
export type BlocksyncReply = Exclude<BlocksyncMessage, { readonly type: 'block_response' }>;

/**
 * Writes a message: a fresh array.
 *
 * @throws RangeError for a height that is no whole number from 0.
 */
export function encodeBlocksyncMessage(message: BlocksyncReply): Uint8Array {
  if (message.type !== 'status_request') checkHeight(message.height);
  if (message.type === 'status_response') checkHeight(message.base);
  return writeMessage((writer) => {
    switch (message.type) {
      case 'block_request':
        return writer.message(1, (inner) => inner.uint64(1, BigInt(message.height)));
      case 'no_block_response':
        return writer.message(2, (inner) => inner.uint64(1, BigInt(message.height)));
      case 'status_request':
        return writer.message(4, () => {});
      case 'status_response':
        return writer.message(5, (inner) => {
          inner.uint64(1, BigInt(message.height));
          inner.uint64(2, BigInt(message.base));
        });
    }
  });
}

/**
 * Reads a message.
 *
 * @throws {@link CodecError} `FRAME_TOO_LARGE` over {@link BLOCKSYNC_MESSAGE_BYTES_MAX}, `UNKNOWN_MESSAGE` for one that is
 *   none of the five, `OUT_OF_RANGE` for a height, chain id or number of transactions that nobody
 *   can have, `TRUNCATED` and `INVALID_VALUE` for what is no protobuf.
 */
export function decodeBlocksyncMessage(bytes: Uint8Array): BlocksyncMessage {
  if (bytes.length > BLOCKSYNC_MESSAGE_BYTES_MAX) {
    const text = `a blocksync message of ${bytes.length} bytes: at most ${BLOCKSYNC_MESSAGE_BYTES_MAX}`;
    throw new CodecError('FRAME_TOO_LARGE', text);
  }
  let message: BlocksyncMessage | undefined;
  readMessage('BlocksyncMessage', bytes, {
    1: (reader) => {
      message = { type: 'block_request', height: readHeights('BlockRequest', reader).height };
    },
    2: (reader) => {
      message = { type: 'no_block_response', height: readHeights('NoBlockResponse', reader).height };
    },
    3: (reader) => {
      message = { type: 'block_response', block: decodeBlockResponse(reader.message()) };
    },
    4: (reader) => {
      readMessage('StatusRequest', reader.message(), {});
      message = { type: 'status_request' };
    },
    5: (reader) => {
      message = { type: 'status_response', ...readHeights('StatusResponse', reader) };
    },
  });
  if (message === undefined) throw new CodecError('UNKNOWN_MESSAGE', 'a blocksync message that is none of the five');
  return message;
}

function readHeights(name: string, reader: FieldReader): { readonly height: number; readonly base: number } {
  const at = { height: 0, base: 0 };
  readMessage(name, reader.message(), {
    1: (field) => {
      at.height = readHeight(field);
    },
    2: (field) => {
      at.base = readHeight(field);
    },
  });
  return at;
}

function decodeBlockResponse(bytes: Uint8Array): Block {
  let block: Block | undefined;
  readMessage('BlockResponse', bytes, {
    1: (reader) => {
      block = decodeBlock(reader.message());
    },
  });
  if (block === undefined) throw new CodecError('INVALID_VALUE', 'a block response without a block');
  return block;
}

function decodeBlock(bytes: Uint8Array): Block {
  let header: BlockHeader | undefined;
  const txs: Uint8Array[] = [];
  readMessage('Block', bytes, {
    1: (reader) => {
      header = decodeHeader(reader.message());
    },
    2: (reader) =>
      readMessage('Data', reader.message(), {
        1: (field) => {
          if (txs.length >= BLOCK_TXS_MAX) {
            throw new CodecError('OUT_OF_RANGE', `a block of more than ${BLOCK_TXS_MAX} transactions`);
          }
          txs.push(field.message());
        },
      }),
  });
  if (header === undefined) throw new CodecError('INVALID_VALUE', 'a block without a header');
  return { header, txs };
}

function decodeHeader(bytes: Uint8Array): BlockHeader {
  const at = { chainId: '', height: 0, timeMs: 0, proposerAddress: new Uint8Array(0) as Uint8Array };
  const leaves: Uint8Array[] = Array.from({ length: HEADER_FIELDS_COUNT }, () => new Uint8Array(0));
  const hash = (index: number) => (reader: FieldReader) => {
    const value = reader.message();
    leaves[index] = writeMessage((writer) => writer.bytes(1, value));
  };
  const hashes = Object.fromEntries([6, 7, 8, 9, 10, 11, 12, 13].map((field) => [field, hash(field - 1)]));
  readMessage('Header', bytes, {
    ...hashes,
    1: (reader) => {
      leaves[0] = reader.bytes();
    },
    2: (reader) => {
      at.chainId = readChainId(reader);
      leaves[1] = writeMessage((writer) => writer.string(1, at.chainId));
    },
    3: (reader) => {
      at.height = readHeight(reader);
      leaves[2] = writeMessage((writer) => writer.uint64(1, BigInt(at.height)));
    },
    4: (reader) => {
      const time = reader.bytes();
      at.timeMs = decodeTimeMs(time);
      leaves[3] = time;
    },
    5: (reader) => {
      leaves[4] = reader.bytes();
    },
    14: (reader) => {
      const address = reader.bytes();
      at.proposerAddress = address;
      leaves[13] = writeMessage((writer) => writer.bytes(1, address));
    },
  });
  return { ...at, leaves };
}

function readChainId(reader: FieldReader): string {
  const chainId = reader.string();
  // Counted in characters, of which each is a byte in any chain id there is.
  if (chainId.length > CHAIN_ID_BYTES_MAX) {
    throw new CodecError('OUT_OF_RANGE', `a chain id of ${chainId.length} characters: at most ${CHAIN_ID_BYTES_MAX}`);
  }
  return chainId;
}

/** `google.protobuf.Timestamp`: seconds, then nanoseconds. */
function decodeTimeMs(bytes: Uint8Array): number {
  let seconds = 0n;
  let nanos = 0;
  readMessage('Timestamp', bytes, {
    1: (reader) => {
      seconds = BigInt.asIntN(64, reader.uint64());
    },
    2: (reader) => {
      nanos = reader.uint32() | 0;
    },
  });
  // The years 1 to 9999, as the layout says.
  if (seconds < -62_135_596_800n || seconds > 253_402_300_799n || nanos < 0 || nanos >= 1_000_000_000) {
    throw new CodecError('OUT_OF_RANGE', `a time of ${seconds} s and ${nanos} ns since 1970`);
  }
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}
