/** What is the sodium engine's own; that it does what every engine does is held by the suites over `ENGINES`. */
import { createRequire } from 'node:module';
import { ed25519 } from '@noble/curves/ed25519.js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { hexToBytes } from '../../src/codec/hex.ts';
import { createCalibratedEngine } from '../../src/crypto/calibrated-engine.ts';
import { buildEngine } from '../../src/crypto/engine-core.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { createSodiumEngine, createSodiumPrimitives } from '../../src/crypto/sodium-engine.ts';
import { loadSodiumLibrary, type SodiumLibrary } from '../../src/crypto/sodium-library.ts';
import { ENGINES, NATIVE, NATIVE_PRIMITIVES, SODIUM } from './engines.ts';

const LIBRARY = createRequire(import.meta.url)('sodium-native') as SodiumLibrary;
const { Point } = ed25519;
const data = new TextEncoder().encode('message');

afterEach(() => {
  vi.unstubAllGlobals();
});

/** The host, but that `sodium-native` is what `load` gives. */
function withSodium<T>(load: () => unknown, run: () => T): T {
  const { getBuiltinModule } = process;
  vi.stubGlobal('process', {
    getBuiltinModule: (id: string) =>
      id === 'node:module'
        ? { createRequire: () => (name: string) => (name === 'sodium-native' ? load() : undefined) }
        : getBuiltinModule(id),
  });
  try {
    return run();
  } finally {
    vi.unstubAllGlobals();
  }
}

function absent(): never {
  throw Object.assign(new Error("Cannot find module 'sodium-native'"), { code: 'MODULE_NOT_FOUND' });
}

/** A signature whose R is the neutral element: right by both rules, refused by libsodium. */
function withNeutralR(): { key: Uint8Array; signature: Uint8Array } {
  const secret = 5n;
  const key = Point.BASE.multiply(secret).toBytes();
  const r = Point.ZERO.toBytes();
  const digest = NATIVE.hash('sha512', Uint8Array.of(...r, ...key, ...data)).reverse();
  const k = BigInt(`0x${Buffer.from(digest).toString('hex')}`) % Point.Fn.ORDER;
  const s = Point.Fn.create(k * secret);
  return { key, signature: Uint8Array.of(...r, ...hexToBytes(s.toString(16).padStart(64, '0')).reverse()) };
}

describe('without sodium-native', () => {
  test('there is no sodium engine and the calibrated one is the native one, without a word', () => {
    withSodium(absent, () => {
      expect(createSodiumEngine()).toBeUndefined();
      const engine = createCalibratedEngine();
      expect([engine.name, engine.choices]).toEqual(['native', undefined]);
    });
  });

  test.each([
    ['has no binary for this machine', (): unknown => absent()],
    ['is something else', (): unknown => ({})],
    ['is nothing', (): unknown => undefined],
    ['lacks a function', (): unknown => ({ ...LIBRARY, crypto_scalarmult: undefined })],
    ['computes nonsense', (): unknown => ({ ...LIBRARY, crypto_hash_sha256: (): void => {} })],
    [
      'throws at the first use',
      (): unknown => ({
        ...LIBRARY,
        crypto_hash_sha256: (): never => {
          throw new Error('no');
        },
      }),
    ],
  ])('one that %s is none', (_what, load) => {
    expect(withSodium(load, loadSodiumLibrary)).toBeUndefined();
  });

  test('a host without process, getBuiltinModule or the module has none', () => {
    for (const process of [undefined, {}, { getBuiltinModule: (): undefined => undefined }]) {
      vi.stubGlobal('process', process);
      const library = loadSodiumLibrary();
      vi.unstubAllGlobals();
      expect(library).toBeUndefined();
    }
  });

  test('one that works is taken', () => {
    expect(withSodium(() => LIBRARY, loadSodiumLibrary)).toBe(LIBRARY);
  });
});

describe('signatures that libsodium refuses', () => {
  const { key, signature } = withNeutralR();

  test('with R of small order are refused by it', () => {
    expect(LIBRARY.crypto_sign_verify_detached(signature, data, key)).toBe(false);
  });

  test.each(ENGINES.map((engine) => [engine.name, engine] as const))(
    'and hold on the %s engine when the rules say so',
    (_name, engine) => {
      expect(engine.verify(PublicKey.of('ed25519', 'software', key), data, signature)).toBe(true);
      expect(engine.verifyZip215(key, data, signature)).toBe(true);
    },
  );
});

describe('a libsodium that multiplies by the cofactor', () => {
  const cofactored = createSodiumPrimitives(NATIVE_PRIMITIVES, {
    ...LIBRARY,
    crypto_sign_verify_detached: (signature, message, key) => ed25519.verify(signature, message, key, { zip215: true }),
  });
  const engine = buildEngine(cofactored!);
  const key = hexToBytes('17ffad8068dc0de9935d36636f3ad1b5de6de3413b12388e453b05f2a4c1d3db');
  const torsion = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');

  test('does not change what verify says: a torsion part in R is refused, a plain signature passes', () => {
    const r = Point.BASE.multiply(77n).add(torsion).toBytes();
    const digest = NATIVE.hash('sha512', Uint8Array.of(...r, ...key, ...data)).reverse();
    const k = BigInt(`0x${Buffer.from(digest).toString('hex')}`);
    const s = Point.Fn.create(77n + Point.Fn.create(k) * 123_456_789n);
    const signature = Uint8Array.of(...r, ...hexToBytes(s.toString(16).padStart(64, '0')).reverse());
    expect(engine.verifyZip215(key, data, signature)).toBe(true);
    expect(engine.verify(PublicKey.of('ed25519', 'software', key), data, signature)).toBe(false);
    const pair = engine.keyPairFromSeed(Uint8Array.of(3));
    expect(engine.verify(pair.publicKey, data, engine.sign(pair, data))).toBe(true);
  });

  test('the installed one does not: it is asked for the strict rule as well', () => {
    let askedCount = 0;
    const counting = createSodiumPrimitives(
      { ...NATIVE_PRIMITIVES, verify: () => expect.fail('the engine below was asked') },
      {
        ...LIBRARY,
        crypto_sign_verify_detached(...args) {
          askedCount += 1;
          return LIBRARY.crypto_sign_verify_detached(...args);
        },
      },
    )!;
    const pair = SODIUM.keyPairFromSeed(Uint8Array.of(3));
    expect(counting.verify(pair.publicKey, data, SODIUM.sign(pair, data))).toBe(true);
    expect(askedCount).toBe(3); // two to find out which rule it follows
    expect(counting.verify(pair.publicKey, data, SODIUM.sign(pair, data))).toBe(true);
    expect(askedCount).toBe(4);
  });
});

describe('what the sodium engine opens', () => {
  const key = new Uint8Array(32).fill(9);
  const nonce = new Uint8Array(12);

  function sealed(plaintext: Uint8Array): Uint8Array {
    const target = new Uint8Array(plaintext.length + 16);
    NATIVE.frameCipher(key).seal(nonce, plaintext, target, 0);
    return target;
  }

  test('stays what it is, however much is opened after it', () => {
    const cipher = SODIUM.frameCipher(key);
    const lengths = [0, 1, 1028, 2047, 2048, 2049, 16_384, 16_385];
    const plaintexts = Array.from({ length: 80 }, (_, i) =>
      new Uint8Array(lengths[i % lengths.length] as number).fill(i + 1),
    );
    const opened = plaintexts.map((plaintext) => cipher.open(nonce, sealed(plaintext)));
    expect(opened).toEqual(plaintexts);
  });

  test('is written by its owner without harm to others', () => {
    const cipher = SODIUM.frameCipher(key);
    const first = cipher.open(nonce, sealed(new Uint8Array(100).fill(1)))!;
    const second = cipher.open(nonce, sealed(new Uint8Array(100).fill(2)))!;
    const third = cipher.open(nonce, sealed(new Uint8Array(100).fill(3)))!;
    second.fill(0xff);
    expect([...new Set(first), ...new Set(third)]).toEqual([1, 3]);
  });

  test('goes on after its memory was transferred away', () => {
    const cipher = SODIUM.frameCipher(key);
    const first = cipher.open(nonce, sealed(new Uint8Array(100).fill(1)))!;
    structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
    expect(cipher.open(nonce, sealed(new Uint8Array(100).fill(2)))).toEqual(new Uint8Array(100).fill(2));
  });

  test('is nothing for fewer bytes than a tag', () => {
    expect(SODIUM.frameCipher(key).open(nonce, new Uint8Array(15))).toBeUndefined();
    expect(SODIUM.frameCipher(key).open(nonce, new Uint8Array(16))).toBeUndefined();
    expect(SODIUM.frameCipher(key).open(nonce, sealed(new Uint8Array(0)))).toEqual(new Uint8Array(0));
  });
});
