/** An engine that counts what is asked of it. */
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';

/** Calls by method name since the last `clear`. */
export interface CountingEngine {
  readonly engine: CryptoEngine;
  readonly counts: Map<string, number>;
}

export function countingEngine(): CountingEngine {
  const counts = new Map<string, number>();
  const engine = new Proxy(defaultEngine(), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        counts.set(String(name), (counts.get(String(name)) ?? 0) + 1);
        return value.apply(target, args);
      };
    },
  });
  return { engine, counts };
}
