/** All engines, for tests that hold something of each. */
import type { Random } from '../../src/base/random.ts';
import { CalibratedPrimitives } from '../../src/crypto/calibrated-engine.ts';
import { type CryptoEngine, ENGINE_OPERATIONS } from '../../src/crypto/engine.ts';
import { buildEngine } from '../../src/crypto/engine-core.ts';
import { type Curve, type KeyPair, type Origin, PublicKey } from '../../src/crypto/keys.ts';
import { createNativeEngine, createNativePrimitives } from '../../src/crypto/native-engine.ts';
import { createPortableEngine, createPortablePrimitives } from '../../src/crypto/portable-engine.ts';
import type { Primitives } from '../../src/crypto/primitives.ts';
import { createSodiumEngine, createSodiumPrimitives } from '../../src/crypto/sodium-engine.ts';

const native = createNativeEngine();
const nativePrimitives = createNativePrimitives();
if (native === undefined || nativePrimitives === undefined) throw new Error('this host has no node:crypto');
const sodium = createSodiumEngine();
const sodiumPrimitives = createSodiumPrimitives(nativePrimitives);
if (sodium === undefined || sodiumPrimitives === undefined) {
  throw new Error('sodium-native is not installed or has no binary for this machine: run npm ci');
}

export const NATIVE: CryptoEngine = native;
export const PORTABLE: CryptoEngine = createPortableEngine();
export const SODIUM: CryptoEngine = sodium;
/** A calibrated engine as mixed as can be: neighbouring operations by different engines. */
const mixedPrimitives = new CalibratedPrimitives(sodiumPrimitives, (operation) =>
  ENGINE_OPERATIONS.indexOf(operation) % 2 === 0 ? sodiumPrimitives : nativePrimitives,
);
export const MIXED: CryptoEngine = buildEngine(mixedPrimitives);
export const ENGINES: readonly CryptoEngine[] = [NATIVE, PORTABLE, SODIUM, MIXED];
export const PRIMITIVES: readonly Primitives[] = [
  nativePrimitives,
  createPortablePrimitives(),
  sodiumPrimitives,
  mixedPrimitives,
];
export const NATIVE_PRIMITIVES: Primitives = nativePrimitives;
export const SODIUM_PRIMITIVES: Primitives = sodiumPrimitives;

/** A source that gives the listed draws, then throws. */
export function listedRandom(draws: readonly Uint8Array[]): Random & { readonly drawnCount: number } {
  let drawnCount = 0;
  return {
    get drawnCount(): number {
      return drawnCount;
    },
    bytes(length: number): Uint8Array {
      const draw = draws[drawnCount];
      drawnCount += 1;
      if (draw === undefined || draw.length !== length) throw new Error(`no draw ${drawnCount} of ${length} bytes`);
      return draw.slice();
    },
    float: () => 0,
  };
}

/** The same key pair made by another engine, so that each engine imports its own. */
export function rehome(engine: CryptoEngine, keyPair: KeyPair): KeyPair {
  return engine.keyPairFromPrivateKey(keyPair.exportPrivateKey());
}

/** A private key of a key file. */
export function privateKeyOf(curve: Curve, raw: Uint8Array, origin: Origin = 'software'): Uint8Array {
  const ids = PublicKey.of('ed25519', origin, new Uint8Array(32)).bytes;
  return Uint8Array.of({ ed25519: 0, secp256r1: 1, secp256k1: 2 }[curve], ids[1]!, ...raw);
}

/** 32 bytes of an integer, most significant first. */
export function bytes32(value: bigint): Uint8Array {
  const hex = value.toString(16).padStart(64, '0');
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** The code of what `run` throws, or `'nothing'`. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name;
  }
  return 'nothing';
}

/** The DER of an ECDSA signature with any r and s from 0 to 2^256 - 1. */
export function encodeDer(r: bigint, s: bigint): Uint8Array {
  const integer = (value: bigint): number[] => {
    const bytes = [...bytes32(value)];
    while (bytes.length > 1 && bytes[0] === 0) bytes.shift();
    if (bytes[0]! > 0x7f) bytes.unshift(0);
    return [0x02, bytes.length, ...bytes];
  };
  const body = [...integer(r), ...integer(s)];
  return Uint8Array.of(0x30, body.length, ...body);
}
