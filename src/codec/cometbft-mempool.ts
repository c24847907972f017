/**
 * Transactions on their way to a block (`proto/tendermint/mempool/types.proto`), channel 0x30. What is in a transaction is
 * the application's business: bytes here.
 */
import { readMessage, writeMessage } from './cometbft-message.ts';
import { CodecError } from './errors.ts';

/** Most transactions in one message. A node sends one at a time; the layout allows more. */
export const MEMPOOL_TXS_MAX = 10_000;

/** Longest mempool message, in bytes: chains choose how long a transaction may be, up to what a connection takes. */
export const MEMPOOL_MESSAGE_BYTES_MAX = 22_020_096;

/**
 * Writes transactions: a fresh array.
 *
 * @throws {@link CodecError} `OUT_OF_RANGE` for more than {@link MEMPOOL_TXS_MAX}.
 */
export function encodeMempoolTxs(txs: readonly Uint8Array[]): Uint8Array {
  checkCount(txs.length);
  return writeMessage((writer) =>
    writer.message(1, (list) => {
      // An empty transaction is one too: a message without content has the bytes of an empty field.
      for (const tx of txs) list.message(1, (inner) => inner.raw(tx));
    }),
  );
}

/**
 * Reads transactions, each a view into `bytes`.
 *
 * @throws {@link CodecError} `FRAME_TOO_LARGE` over {@link MEMPOOL_MESSAGE_BYTES_MAX}, `OUT_OF_RANGE` for more than
 *   {@link MEMPOOL_TXS_MAX} transactions, `UNKNOWN_MESSAGE` for another message, `TRUNCATED` and `INVALID_VALUE` for
 *   what is no protobuf.
 */
export function decodeMempoolTxs(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length > MEMPOOL_MESSAGE_BYTES_MAX) {
    const text = `a mempool message of ${bytes.length} bytes: at most ${MEMPOOL_MESSAGE_BYTES_MAX}`;
    throw new CodecError('FRAME_TOO_LARGE', text);
  }
  let txs: Uint8Array[] | undefined;
  readMessage('MempoolMessage', bytes, {
    1: (reader) => {
      const list: Uint8Array[] = [];
      readMessage('Txs', reader.message(), {
        1: (field) => {
          checkCount(list.length + 1);
          list.push(field.message());
        },
      });
      txs = list;
    },
  });
  if (txs === undefined) throw new CodecError('UNKNOWN_MESSAGE', 'a mempool message without transactions');
  return txs;
}

function checkCount(count: number): void {
  if (count <= MEMPOOL_TXS_MAX) return;
  throw new CodecError('OUT_OF_RANGE', `more than ${MEMPOOL_TXS_MAX} transactions in a mempool message`);
}
