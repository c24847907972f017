/** What strangers send first: packets, delimited messages, NodeInfo and the handshake, fuzzed with kept seeds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCodedError } from '../../src/base/errors.ts';
import { DelimitedDecoder, encodeDelimited } from '../../src/codec/cometbft-delimited.ts';
import { checkNodeInfo, decodeNodeInfo, encodeNodeInfo, type NodeInfo } from '../../src/codec/cometbft-node-info.ts';
import { encodePacketMsg, encodePacketPing, encodePacketPong, PacketDecoder } from '../../src/codec/cometbft-packet.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { SecretPeer } from '../evil/secret-peer.ts';
import { referencePacket } from '../reference/cometbft-packet.ts';
import { chunksOf, type FuzzTarget, fuzz, readKept } from './kept-seeds.ts';

const PAYLOAD_MAX = 64;
const CAP = 40;

/** Bytes of some kind, joined, and then changed here and there. */
function nearly(parts: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const tags = fc.constantFrom(0x00, 0x08, 0x0a, 0x10, 0x12, 0x1a, 0x1b, 0x1c, 0x80, 0xff);
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    tags.map((tag) => Uint8Array.of(tag)),
  );
  const joined = fc
    .array(fc.oneof({ weight: 3, arbitrary: parts }, noise), { maxLength: 6 })
    .map((pieces) => Uint8Array.from(Buffer.concat(pieces)));
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  return fc.tuple(joined, changes, fc.nat()).map(([bytes, changed, cut]) => {
    const copy = cut % 4 === 0 ? bytes.slice(0, cut % (bytes.length + 1)) : bytes.slice();
    for (const [at, value] of changed) if (copy.length > 0) copy[at % copy.length] = value;
    return copy;
  });
}

/** What comes out of a decoder, as text, and how it ends. */
function read(decoder: { push(chunk: Uint8Array): void; next(): unknown }, chunks: Iterable<Uint8Array>): string[] {
  const out: string[] = [];
  let failure: unknown;
  for (const chunk of chunks) {
    decoder.push(chunk);
    try {
      for (let next = decoder.next(); next !== undefined; next = decoder.next()) out.push(JSON.stringify(next));
      expect(failure).toBeUndefined();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      failure ??= error;
      expect(error).toBe(failure); // and the same one for ever
    }
  }
  if (failure instanceof CodecError) out.push(failure.code);
  return out;
}

test('the packet decoder: a CodecError or packets, those of the slow twin, whatever the chunks', async () => {
  const packet = fc.oneof(
    fc
      .tuple(fc.nat(255), fc.boolean(), fc.uint8Array({ maxLength: 70 }))
      .map(([id, eof, data]) => encodePacketMsg(id, eof, data)),
    fc.constantFrom(encodePacketPing(), encodePacketPong()),
  );
  await fuzz('packet-decoder', {
    inputs: nearly(packet),
    runs: 1500,
    check(bytes, chunkBytes) {
      const make = (): PacketDecoder => new PacketDecoder({ packetPayloadBytesMax: PAYLOAD_MAX });
      const whole = read(make(), [bytes]);
      expect(read(make(), chunksOf(bytes, chunkBytes))).toEqual(whole);
      // The packets before the end, by the twin.
      const frames = new DelimitedDecoder(10_000);
      frames.push(bytes);
      for (const text of whole.filter((each) => each.startsWith('{'))) {
        const twin = referencePacket(frames.next() as Uint8Array);
        const said = JSON.parse(text) as { readonly type: string; readonly data?: Record<string, number> };
        expect({ ...said, ...(said.data === undefined ? {} : { data: Object.values(said.data) }) }).toEqual(twin);
      }
    },
  });
});

test('the delimited reader: messages up to the cap, then a CodecError, and no more bytes held than were sent', async () => {
  const message = fc.uint8Array({ maxLength: CAP + 5 }).map(encodeDelimited);
  await fuzz('delimited-reader', {
    inputs: nearly(message),
    runs: 1500,
    check(bytes, chunkBytes) {
      const whole = read(new DelimitedDecoder(CAP), [bytes]);
      const decoder = new DelimitedDecoder(CAP);
      const out = read(decoder, chunksOf(bytes, chunkBytes));
      expect(out).toEqual(whole);
      expect(decoder.bufferedBytes).toBeLessThanOrEqual(bytes.length);
      for (const text of out.filter((each) => each.startsWith('{'))) {
        expect(Object.keys(JSON.parse(text) as object).length).toBeLessThanOrEqual(CAP);
      }
    },
  });
});

test('a NodeInfo is read or refused in few words; one that holds is written and read the same', async () => {
  const text = fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'grapheme', maxLength: 15 }));
  const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
  const info: fc.Arbitrary<NodeInfo> = fc.record({
    protocolVersion: fc.record({ p2p: uint64, block: uint64, app: uint64 }),
    id: fc.oneof(text, fc.constant('a'.repeat(40))),
    listenAddress: fc.oneof(text, fc.constant('tcp://127.0.0.1:26656')),
    network: text,
    version: text,
    channels: fc.uint8Array({ maxLength: 20 }),
    moniker: text,
    txIndex: fc.oneof(text, fc.constantFrom('', 'on', 'off')),
    rpcAddress: text,
  });
  await fuzz('node-info', {
    inputs: nearly(info.map(encodeNodeInfo)),
    runs: 1000,
    check(bytes) {
      try {
        const decoded = decodeNodeInfo(bytes);
        expect(decodeNodeInfo(encodeNodeInfo(decoded))).toEqual(decoded);
        checkNodeInfo(decoded);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        expect(error.message.length).toBeLessThan(400);
      }
    },
  });
});

test('a handshake that is not the honest one ends in a typed error, and leaves no timer behind', async () => {
  const ephemeral = fc
    .uint8Array({ minLength: 30, maxLength: 34 })
    .map((key) => encodeDelimited(Uint8Array.of(0x0a, key.length, ...key)));
  const frame = fc.integer({ min: 1000, max: 2100 }).map((length) => new Uint8Array(length).fill(length));
  await fuzz('handshake', {
    inputs: nearly(fc.oneof(ephemeral, frame)),
    runs: 80,
    async check(bytes, chunkBytes) {
      const peer = await SecretPeer.meet();
      // At most 40 pieces: each is a settled turn of the clock.
      const pieces = chunksOf(bytes, Math.max(chunkBytes, Math.ceil(bytes.length / 40)));
      for (const piece of pieces) if (!peer.ours.isSettled) await peer.send(piece);
      await peer.rig.clock.advance(20_000);
      expect(peer.ours.value).toBeUndefined();
      expect(isCodedError(peer.ours.error)).toBe(true);
      expect(peer.rig.clock.timerCount).toBe(0);
    },
  });
});

test.each<FuzzTarget>(['packet-decoder', 'delimited-reader', 'node-info', 'handshake'])(
  'what is kept of %s says why, and is kept once',
  (target) => {
    const { inputs, seeds } = readKept(target);
    for (const { why } of [...inputs, ...seeds]) expect(why).toMatch(/^[a-z0-9].{5,}/);
    expect(new Set(inputs.map(({ hex }) => hex)).size).toBe(inputs.length);
    expect(seeds.every(({ seed }) => Number.isSafeInteger(seed))).toBe(true);
  },
);
