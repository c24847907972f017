/** SecretConnection: two engines are one, bytes in are bytes out, and nothing a peer does throws but a typed error. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCodedError } from '../../src/base/errors.ts';
import { FrameOpener, FrameSealer, SEALED_FRAME_BYTES } from '../../src/crypto/secret-frames.ts';
import { SecretFrameReader } from '../../src/net/secret-frames.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { codeOf, NATIVE, PORTABLE } from '../crypto/engines.ts';
import { SecretPeer } from '../evil/secret-peer.ts';
import { RawEnd } from '../net/link-rig.ts';
import { secretPair } from '../net/secret-rig.ts';

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const writes = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.integer({ min: 0, max: 5000 }).map((n) => new Uint8Array(n).fill(n)),
  ),
  { maxLength: 6 },
);

describe('the two engines', () => {
  test('agree on X25519, for any private key and any remote point', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (secret, remote) => {
        const [native, portable] = [NATIVE.x25519(secret), PORTABLE.x25519(secret)];
        expect(native.publicKey).toEqual(portable.publicKey);
        expect(codeOf(() => native.agree(remote))).toBe(codeOf(() => portable.agree(remote)));
        if (codeOf(() => native.agree(remote)) === 'nothing')
          expect(native.agree(remote)).toEqual(portable.agree(remote));
      }),
      { numRuns: 30 },
    );
  });

  test('seal the same bytes, and open what the other has sealed', () => {
    fc.assert(
      fc.property(
        bytes32,
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        fc.uint8Array({ maxLength: 1100 }),
        (key, nonce, data) => {
          const [native, portable] = [NATIVE.frameCipher(key), PORTABLE.frameCipher(key)];
          const [one, other] = [new Uint8Array(data.length + 20), new Uint8Array(data.length + 20)];
          native.seal(nonce, data, one, 3);
          portable.seal(nonce, data, other, 3);
          expect(one).toEqual(other);
          const sealed = one.subarray(3, 3 + data.length + 16);
          expect(native.open(nonce, sealed)).toEqual(data);
          expect(portable.open(nonce, sealed)).toEqual(data);
        },
      ),
    );
  });

  test('give the same verdict on any sealed bytes', () => {
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ maxLength: 60 }), fc.nat(), fc.nat(255), (key, data, at, value) => {
        const nonce = new Uint8Array(12);
        const sealed = new Uint8Array(data.length + 16);
        NATIVE.frameCipher(key).seal(nonce, data, sealed, 0);
        sealed[at % sealed.length] = value;
        const cut = sealed.subarray(0, at % 3 === 0 ? at % sealed.length : sealed.length);
        expect(NATIVE.frameCipher(key).open(nonce, cut)).toEqual(PORTABLE.frameCipher(key).open(nonce, cut));
      }),
    );
  });

  test('give the same verdict on signatures by the rules of ZIP-215', () => {
    const change = fc.option(fc.tuple(fc.constantFrom('key', 'data', 'signature'), fc.nat(), fc.nat(255)), {
      nil: undefined,
    });
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ minLength: 1, maxLength: 40 }), change, (seed, data, changed) => {
        const keyPair = NATIVE.keyPairFromSeed(seed);
        const parts = { key: keyPair.publicKey.raw.slice(), data, signature: NATIVE.sign(keyPair, data) };
        const honest = JSON.stringify(Object.values(parts).map((part) => [...part]));
        if (changed !== undefined) {
          const part = parts[changed[0] as keyof typeof parts];
          part[changed[1] % part.length] = changed[2];
        }
        const isSame = honest === JSON.stringify(Object.values(parts).map((part) => [...part]));
        const verdicts = [NATIVE, PORTABLE].map((engine) =>
          engine.verifyZip215(parts.key, parts.data, parts.signature),
        );
        expect(verdicts).toEqual([isSame, isSame]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('frames', () => {
  test('carry any writes through any chunks', () => {
    fc.assert(
      fc.property(bytes32, writes, fc.integer({ min: 1, max: 3000 }), (key, parts, chunkBytes) => {
        const sealer = new FrameSealer(NATIVE, key);
        const wire = Buffer.concat(parts.map((part) => sealer.seal(part)));
        const reader = new SecretFrameReader(new FrameOpener(NATIVE, key));
        const out: Uint8Array[] = [];
        for (let at = 0; at < wire.length; at += chunkBytes) {
          reader.push(wire.subarray(at, at + chunkBytes), (data) => out.push(data));
        }
        expect(Buffer.concat(out).equals(Buffer.concat(parts))).toBe(true);
        expect([reader.frameCount, reader.partialBytes]).toEqual([wire.length / SEALED_FRAME_BYTES, 0]);
      }),
    );
  });

  test('that were changed anywhere deliver what was sent before the change, and nothing else', () => {
    fc.assert(
      fc.property(bytes32, writes, fc.nat(), fc.integer({ min: 1, max: 255 }), (key, parts, at, bits) => {
        const sealer = new FrameSealer(NATIVE, key);
        const wire = Buffer.concat(parts.map((part) => sealer.seal(part)));
        fc.pre(wire.length > 0);
        const changedAt = at % wire.length;
        wire[changedAt] = (wire[changedAt] as number) ^ bits;
        const reader = new SecretFrameReader(new FrameOpener(NATIVE, key));
        const out: Uint8Array[] = [];
        expect(codeOf(() => reader.push(wire, (data) => out.push(data)))).toBe('DECRYPTION_FAILED');
        const got = Buffer.concat(out);
        expect(reader.frameCount).toBe(Math.floor(changedAt / SEALED_FRAME_BYTES));
        expect(Buffer.concat(parts).subarray(0, got.length).equals(got)).toBe(true);
      }),
    );
  });
});

describe('a secret stream', () => {
  test('gives the bytes that went in, both ways, whatever the chunks of the network (FuzzP2PSecretConnection)', async () => {
    await fc.assert(
      fc.asyncProperty(
        writes,
        writes,
        fc.integer({ min: 1, max: 2000 }),
        fc.nat(),
        async (toB, toA, chunkBytesMax, seed) => {
          const { a, b, clock } = await secretPair({ chunkBytesMax, random: new SeededRandom(seed) });
          const [endA, endB] = [new RawEnd(a), new RawEnd(b)];
          for (const part of toB) a.write(part.slice());
          for (const part of toA) b.write(part.slice());
          await clock.settle();
          expect([endA.hex, endB.hex]).toEqual([
            Buffer.concat(toA).toString('hex'),
            Buffer.concat(toB).toString('hex'),
          ]);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('comes of the honest handshake alone: any change of it ends in a typed error', async () => {
    const change = fc.record({
      kind: fc.constantFrom('flip', 'cut', 'insert'),
      at: fc.oneof(fc.nat(40), fc.nat(1078)),
      bits: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ kind, at, bits }) => {
        const peer = await SecretPeer.meet();
        const honest = Buffer.concat([peer.handshake.message, peer.sealer.seal(peer.agreement.authMessage)]);
        const script = Buffer.from(honest);
        if (kind === 'flip') script[at] = (script[at] as number) ^ bits;
        const sent =
          kind === 'cut'
            ? Buffer.concat([script.subarray(0, at), script.subarray(at + 1)])
            : kind === 'insert'
              ? Buffer.concat([script.subarray(0, at), Uint8Array.of(bits), script.subarray(at)])
              : script;
        await peer.send(sent);
        await peer.rig.clock.advance(20_000);
        // A byte like the last one put before it is a byte of the next frame, which never comes.
        if (peer.ours.value !== undefined) expect(sent.subarray(0, honest.length).equals(honest)).toBe(true);
        else expect(isCodedError(peer.ours.error)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('is never made of garbage', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 1200 }), { maxLength: 5 }), async (chunks) => {
        const peer = await SecretPeer.meet();
        for (const chunk of chunks) {
          if (!peer.ours.isSettled) await peer.send(chunk);
        }
        await peer.rig.clock.advance(20_000);
        expect(peer.ours.value).toBeUndefined();
        expect(isCodedError(peer.ours.error)).toBe(true);
        expect(peer.rig.clock.timerCount).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
