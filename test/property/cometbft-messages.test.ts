/** The cold messages: they come back the same, and any bytes are read or refused with a CodecError. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatNodeAddress, parseNodeAddress } from '../../src/codec/cometbft-address.ts';
import {
  decodeAuthSig,
  decodeCometbftPublicKey,
  decodeEphemeralKey,
  encodeAuthSig,
  encodeCometbftPublicKey,
  encodeEphemeralKey,
} from '../../src/codec/cometbft-handshake.ts';
import { formatIp, ipGroupKey, isLocalIp, isRoutableIp, isValidIp, parseIp } from '../../src/codec/cometbft-ip.ts';
import {
  checkNodeInfo,
  decodeNodeInfo,
  encodeNodeInfo,
  type NodeInfo,
  nodeInfoIncompatibility,
} from '../../src/codec/cometbft-node-info.ts';
import { decodeNodeKeyJson } from '../../src/codec/cometbft-node-key.ts';
import { decodePexMessage, encodePexMessage } from '../../src/codec/cometbft-pex.ts';
import { CodecError } from '../../src/codec/errors.ts';

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 20 }));
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const nodeInfo: fc.Arbitrary<NodeInfo> = fc.record({
  protocolVersion: fc.record({ p2p: uint64, block: uint64, app: uint64 }),
  id: text,
  listenAddress: text,
  network: text,
  version: text,
  channels: fc.uint8Array({ maxLength: 20 }),
  moniker: text,
  txIndex: text,
  rpcAddress: text,
});
const pexAddress = fc.record({ id: text, ip: text, port: fc.integer({ min: 0, max: 0xffff_ffff }) });
const keyType = fc.constantFrom('ed25519', 'secp256k1', 'bls12381', 'mldsa65', 'secp256k1eth');
const ip = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((quad) => {
    const bytes = new Uint8Array(16);
    bytes.set([0xff, 0xff, ...quad], 10);
    return bytes;
  }),
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 0x20, 0xff), { minLength: 16, maxLength: 16 })
    .map((bytes) => Uint8Array.from(bytes)),
);

/** Runs a decoder, and lets nothing through but a CodecError. */
function mayRefuse(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    expect(error.message.length).toBeLessThan(400);
  }
}

/** Bytes like those of some messages, changed here and there. */
const bytesLike = (real: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(real, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
      .map(([bytes, changes, cut]) => {
        const copy = cut % 3 === 0 ? bytes.slice(0, cut % (bytes.length + 1)) : bytes.slice();
        for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
        return copy;
      }),
  );

describe('NodeInfo', () => {
  test('comes back the same', () => {
    fc.assert(
      fc.property(nodeInfo, (info) => {
        fc.pre(encodeNodeInfo(info).length <= 10_240);
        expect(decodeNodeInfo(encodeNodeInfo(info))).toEqual(info);
      }),
    );
  });

  test('of any bytes is read or refused, and so is what was read', () => {
    fc.assert(
      fc.property(bytesLike(nodeInfo.map(encodeNodeInfo)), nodeInfo, (bytes, ours) => {
        mayRefuse(() => {
          const info = decodeNodeInfo(bytes);
          expect(nodeInfoIncompatibility(ours, info)?.length ?? 0).toBeLessThan(400);
          checkNodeInfo(info);
        });
      }),
      { numRuns: 1000 },
    );
  });
});

describe('PEX messages', () => {
  test('come back the same', () => {
    fc.assert(
      fc.property(fc.array(pexAddress, { maxLength: 10 }), (addresses) => {
        const message = { type: 'pex_addrs', addresses } as const;
        expect(decodePexMessage(encodePexMessage(message))).toEqual(message);
      }),
    );
  });

  test('of any bytes are read or refused', () => {
    const real = fc
      .array(pexAddress, { maxLength: 4 })
      .map((addresses) => encodePexMessage({ type: 'pex_addrs', addresses }));
    fc.assert(
      fc.property(bytesLike(real), (bytes) => mayRefuse(() => decodePexMessage(bytes))),
      { numRuns: 1000 },
    );
  });
});

describe('handshake messages', () => {
  test('come back the same', () => {
    fc.assert(
      fc.property(
        keyType,
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ maxLength: 90 }),
        (type, bytes, signature) => {
          const publicKey = { type, bytes } as const;
          expect(decodeCometbftPublicKey(encodeCometbftPublicKey(publicKey))).toEqual(publicKey);
          const auth = encodeAuthSig(publicKey, signature);
          expect(decodeAuthSig(auth.subarray(auth[0]! < 0x80 ? 1 : 2))).toEqual({ publicKey, signature });
          expect(decodeEphemeralKey(encodeEphemeralKey(bytes).subarray(1))).toEqual(bytes);
        },
      ),
    );
  });

  test('of any bytes are read or refused', () => {
    const real = fc
      .tuple(keyType, fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 70 }))
      .map(([type, bytes, signature]) => encodeAuthSig({ type, bytes }, signature).subarray(1));
    fc.assert(
      fc.property(bytesLike(real), (bytes) => {
        mayRefuse(() => decodeAuthSig(bytes));
        mayRefuse(() => decodeEphemeralKey(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('addresses', () => {
  test('of IP come back the same, and are written in one way', () => {
    fc.assert(
      fc.property(ip, (bytes) => {
        const written = formatIp(bytes);
        expect(parseIp(written)).toEqual(bytes);
        expect(written).toMatch(/^[0-9a-f:.]+$/);
      }),
      { numRuns: 1000 },
    );
  });

  test('of IP belong to one group, which is named when they cannot be reached from anywhere', () => {
    fc.assert(
      fc.property(ip, (bytes) => {
        const strict = ipGroupKey(bytes, true);
        if (isLocalIp(bytes)) expect(strict).toBe('local');
        else if (!isRoutableIp(bytes)) expect(strict).toBe('unroutable');
        else expect(strict).toBe(ipGroupKey(bytes, false));
        if (isRoutableIp(bytes)) expect([isValidIp(bytes), isLocalIp(bytes)]).toEqual([true, false]);
      }),
      { numRuns: 1000 },
    );
  });

  test('of nodes come back the same, and any text is read or refused', () => {
    const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    fc.assert(
      fc.property(id, ip, fc.integer({ min: 0, max: 65_535 }), text, (nodeId, bytes, port, noise) => {
        const address = { id: nodeId, host: formatIp(bytes), port };
        expect(parseNodeAddress(formatNodeAddress(address))).toEqual(address);
        mayRefuse(() => parseNodeAddress(noise));
        mayRefuse(() => parseNodeAddress(`${nodeId}@${noise}:${port}`));
        mayRefuse(() => parseNodeAddress(`${noise}@[::1]:80`));
      }),
    );
  });

  test('and node_key.json of any text or JSON are read or refused', () => {
    fc.assert(fc.property(fc.oneof(text, fc.json()), (content) => mayRefuse(() => decodeNodeKeyJson(content))));
  });
});
