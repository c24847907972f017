/**
 * All engines are one: the same bytes where an operation has one answer, and the same verdict on
 * anything a peer may send. Runs are few because a portable operation takes milliseconds.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodecError } from '../../src/codec/errors.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { HASH_ALGORITHMS } from '../../src/crypto/addresses.ts';
import { parseEcdsaSignature } from '../../src/crypto/ecdsa-signature.ts';
import { eciesSealWith } from '../../src/crypto/ecies.ts';
import { CryptoError } from '../../src/crypto/errors.ts';
import { CURVES, type KeyPair, ORIGINS, PublicKey } from '../../src/crypto/keys.ts';
import { openMessageEnvelop, sealMessageEnvelop } from '../../src/crypto/sealed-envelop.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { codeOf, ENGINES, encodeDer, NATIVE, PRIMITIVES, rehome } from '../crypto/engines.ts';

const curve = fc.constantFrom(...CURVES);
const origin = fc.constantFrom(...ORIGINS);
const data = fc.uint8Array({ maxLength: 300 });
const seed = fc.uint8Array({ maxLength: 70 });
const raw32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** A change of some bytes: flip bits, cut, append, insert, or put something else there. */
const mutation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) }),
  },
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('append' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant('replace' as const), bytes: fc.uint8Array({ maxLength: 120 }) }),
);
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;

function mutate(bytes: Uint8Array, change: Mutation): Uint8Array {
  if (change.kind === 'replace') return change.bytes;
  if (change.kind === 'append') return Uint8Array.of(...bytes, ...change.bytes);
  if (bytes.length === 0) return bytes;
  const at = change.at % bytes.length;
  if (change.kind === 'cut') return bytes.slice(0, at);
  if (change.kind === 'flip') return bytes.with(at, bytes[at]! ^ change.bits);
  return Uint8Array.of(...bytes.subarray(0, at), ...change.bytes, ...bytes.subarray(at));
}

/** The same result from all engines: a value in hex, or an error by code and message. */
function expectSame(run: (engine: (typeof ENGINES)[number]) => Uint8Array | boolean | string): string {
  const [native, ...others] = ENGINES.map((engine) => {
    try {
      const result = run(engine);
      return result instanceof Uint8Array ? bytesToHex(result) : String(result);
    } catch (error) {
      return `${(error as Error).name} ${(error as { code?: string }).code} ${(error as Error).message}`;
    }
  });
  expect(others).toEqual(others.map(() => native));
  return native!;
}

describe('all engines', () => {
  it('make the same keys of every seed, index and extra', () => {
    fc.assert(
      fc.property(seed, fc.oneof(fc.nat(0xffff_ffff), data), curve, origin, (bytes, extra, curve, origin) => {
        expectSame((engine) => engine.keyPairFromSeed(bytes, { curve, origin }).publicKey.hex);
        expectSame((engine) => engine.deriveKeyPair(bytes, extra, { curve, origin }).publicKey.hex);
      }),
      { numRuns: 60 },
    );
  });

  it('make the same keys of the same randomness', () => {
    fc.assert(
      fc.property(fc.nat(), curve, (n, curve) => {
        const run = (engine: (typeof ENGINES)[number]): Uint8Array =>
          engine.generateKeyPair(new SeededRandom(n), { curve }).exportPrivateKey();
        expectSame(run);
      }),
      { numRuns: 30 },
    );
  });

  it('take and refuse the same private keys', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 34, maxLength: 34 }),
      fc.tuple(fc.nat(4), fc.nat(4), raw32).map(([c, o, raw]) => Uint8Array.of(c, o, ...raw)),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(bytes, (key) => {
        expectSame((engine) => engine.keyPairFromPrivateKey(key).publicKey.hex);
      }),
      { numRuns: 60 },
    );
  });

  it('hash the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), fc.constantFrom(...HASH_ALGORITHMS), (bytes, algorithm) => {
        expectSame((engine) => engine.hash(algorithm, bytes));
      }),
      { numRuns: 200 },
    );
  });

  it('verify what the other has signed, and sign the same on ed25519', () => {
    fc.assert(
      fc.property(seed, curve, data, (bytes, curve, data) => {
        const pairs = ENGINES.map((engine) => engine.keyPairFromSeed(bytes, { curve }));
        const signatures = ENGINES.map((engine, i) => engine.sign(pairs[i]!, data));
        ENGINES.forEach((engine, i) => {
          const another = signatures[(i + 1) % signatures.length]!;
          expect(engine.verify(pairs[i]!.publicKey, data, another)).toBe(true);
          if (curve === 'ed25519') expect(signatures[i]).toEqual(signatures[0]);
          else expect(parseEcdsaSignature(signatures[i]!)).toBeDefined();
        });
      }),
      { numRuns: 40 },
    );
  });

  it('come to the same verdict on a changed signature, changed data or a changed key', () => {
    fc.assert(
      fc.property(
        seed,
        curve,
        data,
        mutation,
        fc.constantFrom('signature', 'data', 'key'),
        (bytes, curve, data, m, what) => {
          const pair = NATIVE.keyPairFromSeed(bytes, { curve });
          const signature = NATIVE.sign(pair, data);
          const changedKey = mutate(pair.publicKey.raw, m);
          const verdict = expectSame((engine) => {
            const key =
              what === 'key' ? PublicKey.of(curve, 'software', changedKey) : PublicKey.parse(pair.publicKey.bytes);
            const changedData = what === 'data' ? mutate(data, m) : data;
            return engine.verify(key, changedData, what === 'signature' ? mutate(signature, m) : signature);
          });
          if (what === 'signature')
            expect(verdict).toBe(bytesToHex(mutate(signature, m)) === bytesToHex(signature) ? 'true' : 'false');
        },
      ),
      { numRuns: 150 },
    );
  });

  it('come to the same verdict on any r and s', () => {
    const edge = fc.constantFrom(
      0n,
      1n,
      0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
      0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
      2n ** 255n,
      2n ** 256n - 1n,
    );
    const scalar = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
      edge,
      edge.map((value) => (value === 0n ? 2n : value - 1n)),
    );
    fc.assert(
      fc.property(scalar, scalar, fc.constantFrom('secp256r1' as const, 'secp256k1' as const), (r, s, curve) => {
        const { publicKey } = NATIVE.keyPairFromSeed(Uint8Array.of(1), { curve });
        const der = encodeDer(r, s);
        expect(parseEcdsaSignature(der)).toBeDefined();
        expect(expectSame((engine) => engine.verify(PublicKey.parse(publicKey.bytes), Uint8Array.of(1), der))).toBe(
          'false',
        );
      }),
      { numRuns: 60 },
    );
  });

  it('come to the same verdict on any ed25519 key, R and s, canonical or not', () => {
    const edge = fc
      .record({
        low: fc.constantFrom(0, 1, 2, 0x26, 0xc7, 0xec, 0xed, 0xee, 0xf6, 0xff),
        fill: fc.constantFrom(0, 0xff),
        high: fc.constantFrom(0, 0x7f, 0x80, 0xff),
      })
      .map(({ low, fill, high }) => new Uint8Array(32).fill(fill).with(0, low).with(31, high));
    const point = fc.oneof(edge, raw32);
    fc.assert(
      fc.property(point, point, fc.oneof(fc.constant(new Uint8Array(32)), raw32), data, (a, r, s, data) => {
        const signature = Uint8Array.of(...r, ...s);
        expectSame((engine) => engine.verify(PublicKey.of('ed25519', 'software', a), data, signature));
        expectSame((engine) => engine.verifyZip215(a, data, signature));
      }),
      { numRuns: 300 },
    );
  });

  it('seal to the same bytes with the same ephemeral key, and open what the other sealed', () => {
    fc.assert(
      fc.property(seed, curve, data, fc.nat(), (bytes, curve, plaintext, n) => {
        const pair = NATIVE.keyPairFromSeed(bytes, { curve });
        const sealed = expectSame((engine) =>
          engine.eciesSeal(PublicKey.parse(pair.publicKey.bytes), plaintext, new SeededRandom(n)),
        );
        const opened = expectSame((engine) => engine.eciesOpen(rehome(engine, pair), Buffer.from(sealed, 'hex')));
        expect(opened).toBe(bytesToHex(plaintext));
      }),
      { numRuns: 40 },
    );
  });

  it('agree for ephemeral keys at the ends of the range', () => {
    const scalars = [1n, 2n, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550n];
    for (const curve of CURVES) {
      const { publicKey } = NATIVE.keyPairFromSeed(Uint8Array.of(8), { curve });
      for (const scalar of scalars) {
        const ephemeral = Uint8Array.from(Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex'));
        const [native, ...others] = PRIMITIVES.map((p) =>
          eciesSealWith(p, PublicKey.parse(publicKey.bytes), ephemeral, ephemeral),
        );
        expect(others).toEqual(others.map(() => native));
      }
    }
  });

  it('refuse and accept the same sealed bytes after any change', () => {
    fc.assert(
      fc.property(seed, curve, data, mutation, fc.nat(), (bytes, curve, plaintext, change, n) => {
        const pair: KeyPair = NATIVE.keyPairFromSeed(bytes, { curve });
        const sealed = mutate(NATIVE.eciesSeal(pair.publicKey, plaintext, new SeededRandom(n)), change);
        const result = expectSame((engine) => engine.eciesOpen(rehome(engine, pair), sealed));
        expect(result === bytesToHex(plaintext) || result.startsWith('CryptoError DECRYPTION_FAILED')).toBe(true);
      }),
      { numRuns: 120 },
    );
  });

  it('open the same envelops and fail with the same codes, and with nothing but coded errors, on anything', () => {
    const alice = NATIVE.keyPairFromSeed(Uint8Array.of(1));
    fc.assert(
      fc.property(curve, curve, data, fc.boolean(), mutation, fc.nat(), (from, to, message, isSealed, change, n) => {
        const sender = NATIVE.keyPairFromSeed(Uint8Array.of(2), { curve: from });
        const recipient = NATIVE.keyPairFromSeed(Uint8Array.of(3), { curve: to });
        const options = { messageId: n, message, sender, random: new SeededRandom(n) };
        const sealed = sealMessageEnvelop(NATIVE, {
          ...options,
          recipient: isSealed ? recipient.publicKey : undefined,
        });
        for (const bytes of [sealed, mutate(sealed, change)]) {
          expectSame((engine) => {
            try {
              const opened = openMessageEnvelop(engine, bytes, { recipient: rehome(engine, recipient) });
              return `${opened.messageId} ${opened.sender.hex} ${bytesToHex(opened.message)}`;
            } catch (error) {
              expect(error instanceof CodecError || error instanceof CryptoError).toBe(true);
              throw error;
            }
          });
        }
        expect(openMessageEnvelop(NATIVE, sealed, { recipient }).message).toEqual(message);
        if (isSealed)
          expect(codeOf(() => openMessageEnvelop(NATIVE, sealed, { recipient: alice }))).toBe('DECRYPTION_FAILED');
      }),
      { numRuns: 80 },
    );
  });

  it('open no random bytes, and throw nothing but coded errors on them', () => {
    const recipient = NATIVE.keyPairFromSeed(Uint8Array.of(3));
    const head = fc.tuple(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat(2),
      fc.nat(4),
      fc.nat(4),
      fc.uint8Array({ maxLength: 260 }),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      head.map(([id, flag, curveId, originId, rest]) => Uint8Array.of(...id, flag, curveId, originId, ...rest)),
    );
    fc.assert(
      fc.property(bytes, (envelop) => {
        const result = expectSame((engine) => openMessageEnvelop(engine, envelop, { recipient }).message);
        expect(result).toMatch(/^(CodecError|CryptoError) [A-Z_]+ /);
      }),
      { numRuns: 300 },
    );
  });
});
