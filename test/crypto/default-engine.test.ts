import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine, engineNamed } from '../../src/crypto/default-engine.ts';
import type { EngineName } from '../../src/crypto/engine.ts';
import { createNativeEngine } from '../../src/crypto/native-engine.ts';
import { createPortableEngine } from '../../src/crypto/portable-engine.ts';

const folder = fileURLToPath(new URL('../../src/crypto/', import.meta.url));

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Runs `run` as if the host had another `process`. */
function withProcess<T>(process: unknown, run: () => T): T {
  vi.stubGlobal('process', process);
  try {
    return run();
  } finally {
    vi.unstubAllGlobals();
  }
}

describe('the default engine', () => {
  it('is the calibrated one where sodium-native is installed, and always the same', () => {
    expect(defaultEngine().name).toBe('calibrated');
    expect(defaultEngine()).toBe(defaultEngine());
    expect(defaultEngine()).toBe(engineNamed('calibrated'));
  });

  it.each(['native', 'portable', 'sodium'] as const)('can be passed over for the %s one, always the same', (name) => {
    const engine = engineNamed(name);
    expect([engine?.name, engine?.choices]).toEqual([name, undefined]);
    expect(engineNamed(name)).toBe(engine);
  });

  it('is none of an unknown name', () => {
    expect(() => engineNamed('openssl' as EngineName)).toThrow(/option name is "?openssl"?: expected one of native, /);
  });

  it('cannot be native without process, without getBuiltinModule, or without the module', () => {
    for (const process of [undefined, {}, { getBuiltinModule: () => undefined }]) {
      expect(withProcess(process, createNativeEngine)).toBeUndefined();
    }
  });

  it('cannot be native on a host that lacks one of the curves or the one-shot hash', () => {
    const curves = { hash: () => undefined, getCurves: () => ['prime256v1'] };
    expect(withProcess({ getBuiltinModule: () => curves }, createNativeEngine)).toBeUndefined();
    const noHash = { getCurves: () => ['secp256k1'] };
    expect(withProcess({ getBuiltinModule: () => noHash }, createNativeEngine)).toBeUndefined();
  });

  it('is the portable one where there is no Node, which then works without it', () => {
    withProcess(undefined, () => {
      vi.stubGlobal('Buffer', undefined);
      const engine = createPortableEngine();
      const pair = engine.generateKeyPair(systemRandom);
      const sealed = engine.eciesSeal(pair.publicKey, Uint8Array.of(1, 2), systemRandom);
      const data = engine.eciesOpen(pair, sealed);
      const isValid = engine.verify(pair.publicKey, data, engine.sign(pair, data));
      vi.unstubAllGlobals();
      expect([engine.name, [...data], isValid]).toEqual(['portable', [1, 2], true]);
    });
  });

  it('is found without any import of a Node built-in that is left at run time', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
    expect(files).toContain('native-engine.ts');
    for (const name of files) {
      const imports = readFileSync(folder + name, 'utf8').match(/^import .*['"]node:.*$/gm) ?? [];
      for (const line of imports) expect(`${name}: ${line}`).toMatch(/: import type /);
    }
  });

  it('imports each key once: later uses of the same key object make no new key', () => {
    const nodeCrypto = process.getBuiltinModule('node:crypto');
    let importCount = 0;
    const counting = new Proxy(nodeCrypto, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver);
        if (name !== 'createPublicKey' && name !== 'createPrivateKey') return value;
        importCount += 1;
        return value;
      },
    });
    const engine = withProcess({ getBuiltinModule: () => counting }, createNativeEngine)!;
    const [own, remote] = [engine.keyPairFromSeed(Uint8Array.of(1)), engine.keyPairFromSeed(Uint8Array.of(2))];
    const data = Uint8Array.of(1);
    const importsOf = (run: () => unknown): number => {
      importCount = 0;
      run();
      return importCount;
    };
    const signature = engine.sign(own, data);
    engine.verify(own.publicKey, data, signature);
    engine.eciesOpen(own, engine.eciesSeal(own.publicKey, data, systemRandom));
    expect(importsOf(() => engine.sign(own, data))).toBe(0);
    expect(importsOf(() => engine.verify(own.publicKey, data, signature))).toBe(0);
    expect(importsOf(() => engine.eciesSeal(own.publicKey, data, systemRandom))).toBe(1); // the ephemeral key
    const sealed = engine.eciesSeal(own.publicKey, data, systemRandom);
    expect(importsOf(() => engine.eciesOpen(own, sealed))).toBe(1); // the ephemeral key
    expect(importsOf(() => engine.verify(remote.publicKey, data, signature))).toBe(1);
  });
});
