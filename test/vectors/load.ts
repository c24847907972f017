/**
 * Reads the golden files of both wires, `archethic.json` and `cometbft.json`, in the folder named by the environment
 * variable GENMESH_VECTORS, by default this folder. Each section of a file is claimed by exactly one suite here, so a
 * section nobody reads fails `sections.test.ts` or `cometbft-sections.test.ts` instead of being skipped in silence.
 *
 * Another folder may go without `cometbft.json`; the suites that read it are then reported as skipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Sections that say where the file comes from; checked in `sections.test.ts`. */
export const HEADER_SECTIONS = ['format', 'source'] as const;

/** Sections held by `codec.test.ts`. */
export const CODEC_SECTIONS = [
  'varints',
  'varintDecode',
  'varintInvalid',
  'bitstrings',
  'typedEncoding',
  'messages',
  'messagesInvalid',
  'legacyMessages',
  'frames',
] as const;

/** Sections held by `crypto.test.ts`; the layout of both kinds of envelopes is also held by `codec.test.ts`. */
export const CRYPTO_SECTIONS = [
  'keys',
  'derivedKeys',
  'x25519',
  'hashes',
  'addresses',
  'signatures',
  'signaturesOverBits',
  'ecies',
  'eciesFixedEphemeral',
  'eciesAcceptedUnusual',
  'eciesInvalid',
  'envelopes',
  'envelopesInvalid',
] as const;

/** Sections of `cometbft.json` that say where it comes from; checked in `cometbft-sections.test.ts`. */
export const COMETBFT_HEADER_SECTIONS = ['meta'] as const;

/** Sections of `cometbft.json` held by `cometbft-codec.test.ts`. */
export const COMETBFT_CODEC_SECTIONS = [
  'packets',
  'packet_decode',
  'max_packet_size',
  'delimited_streams',
  'auth_sig_empty',
  'auth_sig_secp256k1',
  'node_infos',
  'node_info_compat',
  'net_address_parse',
  'net_address_props',
  'pex',
  'addrbook_group_keys',
] as const;

/** Sections of `cometbft.json` held by `cometbft-crypto.test.ts`. */
export const COMETBFT_CRYPTO_SECTIONS = [
  'derive_secrets',
  'merlin',
  'x25519',
  'ed25519_verify',
  'handshakes',
  'sealed_frames',
  'secret_writes',
  'secret_reads',
  'addresses',
] as const;

/** Sections of `cometbft.json` held by `cometbft-net.test.ts`. */
export const COMETBFT_NET_SECTIONS = ['scheduling', 'reassembly'] as const;

/** A value of the file. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One case of a section. */
export type VectorCase = { readonly [key: string]: Json };

/** The file: its sections by name, most of them lists of cases. */
export interface Vectors {
  /** Everything, as parsed. */
  readonly sections: VectorCase;
  /** The cases of a section that is a list. A section that is absent has no cases; one that is no list throws. */
  cases(section: string): readonly VectorCase[];
}

/** The folder read from. */
export function vectorsFolder(): string {
  const folder = process.env.GENMESH_VECTORS;
  return folder === undefined || folder === '' ? fileURLToPath(new URL('.', import.meta.url)) : folder;
}

/** Reads and parses `archethic.json`; throws when it is missing or of another format. */
export function loadVectors(): Vectors {
  return loadFile(join(vectorsFolder(), 'archethic.json'));
}

/** Reads and parses `cometbft.json`; undefined when another folder than our own has none. */
export function loadCometbftVectors(): Vectors | undefined {
  const path = join(vectorsFolder(), 'cometbft.json');
  return isOwnFolder() || existsSync(path) ? loadFile(path) : undefined;
}

/** Whether the folder read from is this one. */
export function isOwnFolder(): boolean {
  return (process.env.GENMESH_VECTORS ?? '') === '';
}

/** The cases of a section, whether it is a list of them or a single one. */
export function casesOf(vectors: Vectors, section: string): readonly VectorCase[] {
  const value = vectors.sections[section];
  return isObject(value) ? [value] : vectors.cases(section);
}

/** The sections of `claimed` that have no case, or, made of several lists, have one without: nobody would miss a suite. */
export function emptySections(sections: VectorCase, claimed: readonly string[]): readonly string[] {
  return claimed.filter((section) => isEmpty(sections[section]));
}

function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  if (!isObject(value)) return false;
  const parts = Object.values(value);
  return parts.length === 0 || parts.some((part) => Array.isArray(part) && part.length === 0);
}

/**
 * Runs `check` on every case of a section, so that none is left out, and names the one that fails.
 *
 * @returns how many there were.
 */
export function eachCase(vectors: Vectors, section: string, check: (vector: VectorCase) => void): number {
  const cases = casesOf(vectors, section);
  cases.forEach((vector, at) => {
    try {
      check(vector);
    } catch (error) {
      const name = typeof vector.name === 'string' ? ` (${vector.name})` : '';
      throw new Error(`${section}[${at}]${name}: ${(error as Error).message}`, { cause: error });
    }
  });
  return cases.length;
}

function loadFile(path: string): Vectors {
  const parsed = JSON.parse(readFileSync(path, 'utf8')) as Json;
  if (!isObject(parsed)) throw new Error(`${path} holds no object`);
  return {
    sections: parsed,
    cases(section: string): readonly VectorCase[] {
      const cases = parsed[section] ?? [];
      if (!Array.isArray(cases)) throw new Error(`section ${section} of ${path} is no list`);
      return cases as readonly VectorCase[];
    },
  };
}

/** The string under `key`; throws when there is none, so that a case of another shape is never skipped. */
export function stringOf(vector: VectorCase, key: string): string {
  const value = vector[key];
  if (typeof value !== 'string')
    throw new Error(`vector has no string ${key}: ${JSON.stringify(vector).slice(0, 200)}`);
  return value;
}

/** The integer under `key`, given as a number or as decimal digits. */
export function integerOf(vector: VectorCase, key: string): bigint {
  const value = vector[key];
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value);
  throw new Error(`vector has no integer ${key}: ${JSON.stringify(vector).slice(0, 200)}`);
}

/** The truth value under `key`. */
export function booleanOf(vector: VectorCase, key: string): boolean {
  const value = vector[key];
  if (typeof value !== 'boolean') {
    throw new Error(`vector has no boolean ${key}: ${JSON.stringify(vector).slice(0, 200)}`);
  }
  return value;
}

/** The object under `key`. */
export function objectOf(vector: VectorCase, key: string): VectorCase {
  const value = vector[key];
  if (!isObject(value)) throw new Error(`vector has no object ${key}: ${JSON.stringify(vector).slice(0, 200)}`);
  return value;
}

/** The cases in a list under `key`. */
export function listOf(vector: VectorCase, key: string): readonly VectorCase[] {
  const value = vector[key];
  if (!Array.isArray(value)) throw new Error(`vector has no list ${key}: ${JSON.stringify(vector).slice(0, 200)}`);
  return value as readonly VectorCase[];
}

/** The bytes under `key`, given in hex of either case. */
export function bytesOf(vector: VectorCase, key: string): Uint8Array {
  const hex = stringOf(vector, key);
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw new Error(`vector ${key} is not hex: ${hex.slice(0, 80)}`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function isObject(value: Json | undefined): value is VectorCase {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
