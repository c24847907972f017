import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BLOCK_TXS_MAX,
  type BlocksyncReply,
  decodeBlocksyncMessage,
  encodeBlocksyncMessage,
  HEADER_FIELDS_COUNT,
} from '../../src/codec/cometbft-blocksync.ts';
import { decodeConsensusMessage, encodeNewRoundStep, ROUND_STEPS } from '../../src/codec/cometbft-consensus.ts';
import { decodeMempoolTxs, encodeMempoolTxs } from '../../src/codec/cometbft-mempool.ts';
import { writeMessage } from '../../src/codec/cometbft-message.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import * as golden from './cometbft-golden.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof CodecError) return error.code;
    throw error;
  }
  return 'none';
};

describe('consensus messages of a real node', () => {
  test.each([
    [golden.NEW_ROUND_STEP, { type: 'new_round_step', height: 1, round: 0, step: 'NewHeight', lastCommitRound: -1 }],
    [golden.NEW_VALID_BLOCK, { type: 'new_valid_block', height: 2, round: 0, isCommit: false }],
    [golden.HAS_VOTE, { type: 'has_vote', height: 1, round: 0, kind: 'precommit', validatorIndex: 0 }],
    [golden.VOTE, { type: 'vote', height: 2, round: 0, kind: 'precommit', validatorIndex: 0 }],
    [golden.VOTE_SET_MAJ23, { type: 'vote_set_maj23' }],
    [golden.PROPOSAL, { type: 'proposal', height: 80, round: 0, blockHash: hexToBytes(golden.PROPOSAL_HASH) }],
    [golden.BLOCK_PART, { type: 'block_part', height: 1, round: 0, index: 0, size: 327 }],
  ])('%.12s… says what it is', (hex, expected) => {
    expect(decodeConsensusMessage(hexToBytes(hex))).toMatchObject(expected);
  });

  test('a round step is written as the node writes it', () => {
    const step = decodeConsensusMessage(hexToBytes(golden.NEW_ROUND_STEP));
    expect(step.type).toBe('new_round_step');
    if (step.type === 'new_round_step') expect(bytesToHex(encodeNewRoundStep(step))).toBe(golden.NEW_ROUND_STEP);
  });

  test('a round step survives the way there and back', () => {
    const step = fc.record({
      height: fc.maxSafeNat(),
      round: fc.nat(),
      step: fc.constantFrom(...ROUND_STEPS),
      secondsSinceStart: fc.integer(),
      lastCommitRound: fc.integer({ min: -1, max: 1000 }),
    });
    fc.assert(
      fc.property(step, (message) => {
        expect(decodeConsensusMessage(encodeNewRoundStep(message))).toEqual({ type: 'new_round_step', ...message });
      }),
    );
  });

  test('steps 1 to 8 are known, 0 and 9 are refused', () => {
    const of = (step: number): string =>
      codeOf(() => decodeConsensusMessage(writeMessage((w) => w.message(1, (inner) => inner.uint32(3, step)))));
    expect([0, 1, 8, 9].map(of)).toEqual(['OUT_OF_RANGE', 'none', 'none', 'OUT_OF_RANGE']);
  });

  test('a height over 2^53 - 1 or under 0 is refused', () => {
    const of = (height: bigint): string =>
      codeOf(() => decodeConsensusMessage(writeMessage((w) => w.message(7, (inner) => inner.uint64(1, height)))));
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    expect([most - 1n, most, most + 1n, 2n ** 64n - 1n].map(of)).toEqual([
      'none',
      'none',
      'OUT_OF_RANGE',
      'OUT_OF_RANGE',
    ]);
  });

  test('a hash may have 32 bytes and no more', () => {
    const of = (size: number): string =>
      codeOf(() =>
        decodeConsensusMessage(
          writeMessage((w) =>
            w.message(3, (outer) =>
              outer.message(1, (proposal) => proposal.message(5, (id) => id.bytes(1, new Uint8Array(size)))),
            ),
          ),
        ),
      );
    expect([31, 32, 33].map(of)).toEqual(['none', 'none', 'OUT_OF_RANGE']);
  });

  test('what is too long or none of the kinds is refused', () => {
    const parts = (size: number): Uint8Array => writeMessage((w) => w.bytes(15, new Uint8Array(size)));
    expect(codeOf(() => decodeConsensusMessage(new Uint8Array(0)))).toBe('UNKNOWN_MESSAGE');
    expect(parts(1_048_572)).toHaveLength(1_048_576);
    expect([1_048_571, 1_048_572, 1_048_573].map((size) => codeOf(() => decodeConsensusMessage(parts(size))))).toEqual([
      'UNKNOWN_MESSAGE',
      'UNKNOWN_MESSAGE',
      'FRAME_TOO_LARGE',
    ]);
  });

  test('a height or round that is none is not written', () => {
    const step = { height: 1, round: 0, step: 'NewHeight', secondsSinceStart: 0, lastCommitRound: 0 } as const;
    for (const wrong of [{ height: -1 }, { height: 0.5 }, { round: -1 }, { round: Number.NaN }]) {
      expect(() => encodeNewRoundStep({ ...step, ...wrong })).toThrow(RangeError);
    }
  });
});

describe('mempool messages', () => {
  test('of a real node are read, and written the same', () => {
    const txs = decodeMempoolTxs(hexToBytes(golden.MEMPOOL_TXS));
    expect(txs.map((tx) => new TextDecoder().decode(tx))).toEqual(['hello=world']);
    expect(bytesToHex(encodeMempoolTxs(txs))).toBe(golden.MEMPOOL_TXS);
  });

  test('survive the way there and back, empty transactions too', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (txs) => {
        expect(decodeMempoolTxs(encodeMempoolTxs(txs)).map(bytesToHex)).toEqual(txs.map(bytesToHex));
      }),
    );
  });

  test('hold at most 10 000 transactions', () => {
    const txs = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(0));
    for (const count of [9999, 10_000]) expect(decodeMempoolTxs(encodeMempoolTxs(txs(count)))).toHaveLength(count);
    expect(codeOf(() => encodeMempoolTxs(txs(10_001)))).toBe('OUT_OF_RANGE');
    const many = writeMessage((w) =>
      w.message(1, (list) => {
        for (let count = 0; count < 10_001; count += 1) list.message(1, () => {});
      }),
    );
    expect(codeOf(() => decodeMempoolTxs(many))).toBe('OUT_OF_RANGE');
  });

  test('without a list, or too long, are refused', () => {
    expect(codeOf(() => decodeMempoolTxs(new Uint8Array(0)))).toBe('UNKNOWN_MESSAGE');
    expect(codeOf(() => decodeMempoolTxs(new Uint8Array(22_020_097)))).toBe('FRAME_TOO_LARGE');
  });
});

describe('blocksync messages', () => {
  test('a block of a real node has the header that the node tells of it', () => {
    const message = decodeBlocksyncMessage(hexToBytes(golden.BLOCK_RESPONSE));
    if (message.type !== 'block_response') throw new Error(`a ${message.type}`);
    const { header, txs } = message.block;
    expect(header).toMatchObject({ chainId: golden.BLOCK_CHAIN_ID, height: 2 });
    expect(bytesToHex(header.proposerAddress).toUpperCase()).toBe(golden.BLOCK_PROPOSER);
    expect(header.timeMs).toBe(Date.parse(golden.BLOCK_TIME));
    expect(header.leaves).toHaveLength(HEADER_FIELDS_COUNT);
    expect(txs).toEqual([]);
  });

  test.each<[string, BlocksyncReply]>([
    ['0a020805', { type: 'block_request', height: 5 }],
    ['120408c0843d', { type: 'no_block_response', height: 1_000_000 }],
    ['2200', { type: 'status_request' }],
    ['2a0408501001', { type: 'status_response', height: 80, base: 1 }],
    ['2a00', { type: 'status_response', height: 0, base: 0 }],
  ])('%s is read, and written the same', (hex, message) => {
    expect(decodeBlocksyncMessage(hexToBytes(hex))).toEqual(message);
    expect(bytesToHex(encodeBlocksyncMessage(message))).toBe(hex);
  });

  test('a height that is none is not written', () => {
    for (const height of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => encodeBlocksyncMessage({ type: 'block_request', height })).toThrow(RangeError);
      expect(() => encodeBlocksyncMessage({ type: 'status_response', height: 1, base: height })).toThrow(RangeError);
    }
  });

  test('a block has at most 200 000 transactions', () => {
    const of = (count: number): string => {
      const txs = new Uint8Array(count * 2);
      for (let at = 0; at < txs.length; at += 2) txs[at] = 0x0a; // field 1, empty
      const bytes = writeMessage((w) =>
        w.message(3, (response) =>
          response.message(1, (inner) => {
            inner.message(1, () => {});
            inner.bytes(2, txs);
          }),
        ),
      );
      return codeOf(() => decodeBlocksyncMessage(bytes));
    };
    expect([BLOCK_TXS_MAX - 1, BLOCK_TXS_MAX, BLOCK_TXS_MAX + 1].map(of)).toEqual(['none', 'none', 'OUT_OF_RANGE']);
  });

  test('a chain id has at most 50 characters', () => {
    const of = (length: number): string =>
      codeOf(() => decodeBlocksyncMessage(block((w) => w.string(2, 'x'.repeat(length)))));
    expect([49, 50, 51].map(of)).toEqual(['none', 'none', 'OUT_OF_RANGE']);
  });

  test('a time outside the years 1 to 9999 is refused', () => {
    const of = (seconds: bigint, nanos = 0): string =>
      codeOf(() =>
        decodeBlocksyncMessage(
          block((w) =>
            w.message(4, (time) => {
              time.uint64(1, BigInt.asUintN(64, seconds));
              time.uint32(2, nanos);
            }),
          ),
        ),
      );
    expect([-62_135_596_801n, -62_135_596_800n, 253_402_300_799n, 253_402_300_800n].map((each) => of(each))).toEqual([
      'OUT_OF_RANGE',
      'none',
      'none',
      'OUT_OF_RANGE',
    ]);
    expect([999_999_999, 1_000_000_000].map((nanos) => of(0n, nanos))).toEqual(['none', 'OUT_OF_RANGE']);
  });

  test('a response without a block, a block without a header, and nothing at all are refused', () => {
    expect(codeOf(() => decodeBlocksyncMessage(hexToBytes('1a00')))).toBe('INVALID_VALUE');
    expect(codeOf(() => decodeBlocksyncMessage(hexToBytes('1a020a00')))).toBe('INVALID_VALUE');
    expect(codeOf(() => decodeBlocksyncMessage(new Uint8Array(0)))).toBe('UNKNOWN_MESSAGE');
    expect(codeOf(() => decodeBlocksyncMessage(new Uint8Array(104_857_606)))).toBe('FRAME_TOO_LARGE');
  });
});

test('whatever comes, nothing but a CodecError is thrown', () => {
  const seeds = [golden.BLOCK_RESPONSE, golden.PROPOSAL, golden.VOTE, golden.BLOCK_PART, golden.MEMPOOL_TXS].map(
    hexToBytes,
  );
  const damaged = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat())
    .map(([seed, at, byte, end]) => {
      const bytes = seed.slice(0, 1 + (end % seed.length));
      bytes[at % bytes.length] = byte;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      for (const decode of [decodeConsensusMessage, decodeMempoolTxs, decodeBlocksyncMessage]) {
        expect(codeOf(() => decode(bytes))).toMatch(/^[A-Za-z_]+$/); // rethrows anything else
      }
    }),
    { numRuns: 2000 },
  );
});

function block(header: Parameters<typeof writeMessage>[0]): Uint8Array {
  return writeMessage((w) => w.message(3, (response) => response.message(1, (inner) => inner.message(1, header))));
}
