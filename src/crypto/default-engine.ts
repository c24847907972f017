/** Which engine a program gets that does not choose, and how it chooses by name. */
import { checkOneOf } from '../base/errors.ts';
import { createCalibratedEngine } from './calibrated-engine.ts';
import { type CryptoEngine, ENGINE_NAMES, type EngineName } from './engine.ts';
import { createNativeEngine } from './native-engine.ts';
import { createPortableEngine } from './portable-engine.ts';
import { createSodiumEngine } from './sodium-engine.ts';

const MAKERS: Readonly<Record<EngineName, () => CryptoEngine | undefined>> = {
  native: createNativeEngine,
  portable: createPortableEngine,
  sodium: createSodiumEngine,
  calibrated: () => createCalibratedEngine(),
};

const engines = new Map<EngineName, CryptoEngine>();

/**
 * The engine of this process, made at the first call and always the same after it, so that imported keys are shared: the
 * calibrated one where `sodium-native` is installed, else the native one, else the portable one. Its `name` says which,
 * and `choices` what a calibrated one is made of. Finding and loading `sodium-native` is done in the first call.
 */
export function defaultEngine(): CryptoEngine {
  return engineNamed('calibrated') as CryptoEngine;
}

/**
 * The engine of this process with that name, for a program that wants one whatever is installed, or the same in each run:
 * made at the first call and always the same after it. `calibrated` is what {@link defaultEngine} gives, also when that
 * bears the name of the only engine there is.
 *
 * @returns `undefined` for `sodium` where `sodium-native` is not installed or does not load, and for `native` where the
 *   host has no `node:crypto`.
 * @throws RangeError for a name that is none.
 */
export function engineNamed(name: EngineName): CryptoEngine | undefined {
  let engine = engines.get(checkOneOf('name', name, ENGINE_NAMES));
  if (engine === undefined) {
    engine = MAKERS[name]();
    if (engine !== undefined) engines.set(name, engine);
  }
  return engine;
}
