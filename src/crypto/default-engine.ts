/** Which engine a program gets that does not choose: the native one where the host has it, else the portable one. */
import type { CryptoEngine } from './engine.ts';
import { createNativeEngine } from './native-engine.ts';
import { createPortableEngine } from './portable-engine.ts';

let engine: CryptoEngine | undefined;

/** The engine of this process, made at the first call and always the same after it, so that imported keys are shared. */
export function defaultEngine(): CryptoEngine {
  engine ??= createNativeEngine() ?? createPortableEngine();
  return engine;
}
