/**
 * Fuzzing with kept seeds: every run tries the inputs that broke something once, or nearly did, and the seeds kept with them,
 * then goes on by chance. A failure prints what to keep; see `test/property/seeds/README.md`.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { hexToBytes } from '../../src/codec/hex.ts';

/** A fuzz target: `seeds/<target>.json` belongs to it. */
export type FuzzTarget = 'packet-decoder' | 'delimited-reader' | 'node-info' | 'handshake';

/** What is kept of one target. */
export interface Kept {
  /** Inputs in hex, each with what is special about it. */
  readonly inputs: readonly { readonly hex: string; readonly why: string }[];
  /** Seeds of whole runs. */
  readonly seeds: readonly { readonly seed: number; readonly why: string }[];
}

/** Reads what is kept of a target. */
export function readKept(target: FuzzTarget): Kept {
  return JSON.parse(readFileSync(`test/property/seeds/${target}.json`, 'utf8')) as Kept;
}

/** How a target is fuzzed. */
export interface FuzzOptions {
  /** Makes inputs. */
  readonly inputs: fc.Arbitrary<Uint8Array>;
  /** Inputs by chance, and for each kept seed; `FUZZ_RUNS` in the environment says otherwise. */
  readonly runs: number;
  /** Throws when something is wrong with how `bytes` are taken, arriving in chunks of that size. */
  readonly check: (bytes: Uint8Array, chunkBytes: number) => void | Promise<void>;
}

/** Sizes of chunks in which a kept input arrives. */
const KEPT_CHUNK_BYTES = [1, 3, 1_000_000];

/** Runs a target. @throws Error naming the input, as it is to be kept, and the seed. */
export async function fuzz(target: FuzzTarget, { inputs, runs, check }: FuzzOptions): Promise<void> {
  const { inputs: keptInputs, seeds } = readKept(target);
  expect(keptInputs.length).toBeGreaterThan(0);
  for (const { hex, why } of keptInputs) {
    for (const chunkBytes of KEPT_CHUNK_BYTES) {
      try {
        await check(hexToBytes(hex), chunkBytes);
      } catch (cause) {
        throw new Error(`${target}, kept input "${why}" in chunks of ${chunkBytes}: ${cause}`, { cause });
      }
    }
  }
  const numRuns = Number(process.env.FUZZ_RUNS ?? runs);
  const fresh = process.env.SEED === undefined ? [] : [{ seed: Number(process.env.SEED), why: 'SEED' }];
  const chance = fresh.length > 0 ? fresh : [{ seed: Date.now() ^ (Math.random() * 0x100000000), why: 'chance' }];
  for (const { seed, why } of [...seeds, ...chance]) {
    const property = fc.asyncProperty(inputs, fc.integer({ min: 1, max: 3000 }), async (bytes, chunkBytes) => {
      await check(bytes, chunkBytes);
    });
    const details = await fc.check(property, { seed, numRuns });
    if (!details.failed) continue;
    const [bytes = new Uint8Array(0)] = details.counterexample ?? [];
    const keep = JSON.stringify({ hex: Buffer.from(bytes).toString('hex'), why: 'say it here' });
    const text = `${fc.defaultReportMessage(details)}\nTo keep it, add this to test/property/seeds/${target}.json: ${keep}`;
    throw new Error(`${target}, seed ${seed} (${why}): ${text}`);
  }
}

/** The pieces in which `bytes` arrive. */
export function* chunksOf(bytes: Uint8Array, chunkBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.slice(at, at + chunkBytes);
}
