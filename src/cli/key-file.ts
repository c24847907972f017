/**
 * Key files: a key pair as JSON in a file that only its owner can read.
 *
 * ```json
 * { "format": "genmesh-key/1", "curve": "ed25519", "origin": "software", "publicKey": "0001…", "privateKey": "0001…" }
 * ```
 *
 * Both keys are hex: curve id, origin id, raw key. No message here ever holds a byte of the private one, so what a JSON
 * parser says about a broken file is not passed on.
 */
import { closeSync, fstatSync, lstatSync, openSync, readSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { CodedError } from '../base/errors.ts';
import { bytesToHex, hexToBytes } from '../codec/hex.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { quote } from './command-line.ts';
import { CliError } from './errors.ts';

/** The format tag of a key file. */
export const KEY_FILE_FORMAT = 'genmesh-key/1';

/** Longest key file that is read, in bytes. */
export const KEY_FILE_BYTES_MAX = 16_384;

/** Longest text file (seeds) that is read, in bytes. */
export const TEXT_FILE_BYTES_MAX = 4_194_304;

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/** A key pair as the text of a key file. Holds the secret. */
export function formatKeyFile(keyPair: KeyPair): string {
  const privateKey = keyPair.exportPrivateKey();
  const document = {
    format: KEY_FILE_FORMAT,
    curve: keyPair.curve,
    origin: keyPair.origin,
    publicKey: keyPair.publicKey.hex,
    privateKey: bytesToHex(privateKey),
  };
  privateKey.fill(0);
  return `${JSON.stringify(document, null, 2)}\n`;
}

/**
 * Reads the text of a key file.
 *
 * @param path - for messages only.
 * @throws CliError `KEY_FILE_INVALID` naming what is wrong and never its value.
 */
export function parseKeyFile(text: string, path: string, engine: CryptoEngine): KeyPair {
  const invalid = (why: string): CliError =>
    new CliError('KEY_FILE_INVALID', `key file ${quote(path)} ${why}: make a new one with genmesh keygen --out FILE`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw invalid('is not JSON');
  }
  if (typeof document !== 'object' || document === null) throw invalid('holds no JSON object');
  const { format, curve, origin, publicKey, privateKey } = document as Readonly<Record<string, unknown>>;
  if (format !== KEY_FILE_FORMAT) throw invalid(`is not of the format ${KEY_FILE_FORMAT}`);
  if (typeof privateKey !== 'string') throw invalid('has no privateKey in hex');
  let keyPair: KeyPair;
  try {
    keyPair = engine.keyPairFromPrivateKey(hexToBytes(privateKey));
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw invalid(`has a privateKey that is none (${error.message})`);
  }
  if (publicKey !== undefined && publicKey !== keyPair.publicKey.hex) {
    throw invalid('has a publicKey that does not belong to its privateKey');
  }
  if (curve !== undefined && curve !== keyPair.curve) throw invalid(`says another curve than ${keyPair.curve}`);
  if (origin !== undefined && origin !== keyPair.origin) throw invalid(`says another origin than ${keyPair.origin}`);
  return keyPair;
}

/**
 * Reads a key file.
 *
 * @throws CliError `FILE_MISSING`, `FILE_UNREADABLE`, `KEY_FILE_INVALID`; `KEY_FILE_EXPOSED` when its group or others have
 * any permission on it (not checked on Windows).
 */
export function readKeyFile(path: string, engine: CryptoEngine): KeyPair {
  const { text, mode } = readText(path, 'key file', KEY_FILE_BYTES_MAX, `make one with genmesh keygen --out ${path}`);
  if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    throw new CliError(
      'KEY_FILE_EXPOSED',
      `key file ${quote(path)} is open to others (mode ${octal}): chmod 600 ${path}`,
    );
  }
  return parseKeyFile(text, path, engine);
}

/**
 * Writes a key file that only its owner can read.
 *
 * @param options.force - replaces a plain file that is there, in one step; else that is an error.
 * @throws CliError `FILE_EXISTS`, `FILE_UNWRITABLE`.
 */
export function writeKeyFile(path: string, keyPair: KeyPair, options: { readonly force: boolean }): void {
  const text = formatKeyFile(keyPair);
  if (options.force) checkReplaceable(path);
  // A new file beside it takes its place: an old one keeps its mode when written to, and may be open to others.
  const target = options.force ? `${path}.${process.pid}.new` : path;
  try {
    writeNew(target, text);
    if (target !== path) renameSync(target, path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && !options.force) {
      throw new CliError('FILE_EXISTS', `${quote(path)} is there already: choose another file or give --force`);
    }
    if (target !== path) removeQuietly(target); // what could not be put in its place
    throw new CliError('FILE_UNWRITABLE', `cannot write ${quote(path)} (${code}): choose another place`, {
      cause: error,
    });
  }
}

/** What was begun and could not be ended is removed: an empty file would be in the way of the next try. */
function writeNew(path: string, content: string): void {
  const file = openSync(path, 'wx', OWNER_ONLY);
  try {
    try {
      writeFileSync(file, content);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    removeQuietly(path);
    throw error;
  }
}

/** Only a plain file may be replaced: the place of a link or a device is not ours, and a key does not go where it leads. */
function checkReplaceable(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isFile()) return;
  const kind = stat.isSymbolicLink() ? 'a link' : stat.isDirectory() ? 'a directory' : 'no plain file';
  throw new CliError('FILE_UNWRITABLE', `${quote(path)} is ${kind}, which is not replaced: name a file`);
}

/**
 * Reads a text file.
 *
 * @param what - what it is, for messages.
 * @throws CliError `FILE_MISSING`, `FILE_UNREADABLE`.
 */
export function readTextFile(path: string, what: string): string {
  return readText(path, what, TEXT_FILE_BYTES_MAX, 'check the path').text;
}

interface TextFile {
  readonly text: string;
  readonly mode: number;
}

function readText(path: string, what: string, bytesMax: number, remedy: string): TextFile {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw new CliError('FILE_UNREADABLE', `${what} ${quote(path)} is a directory: name a file`);
    const buffer = new Uint8Array(bytesMax + 1);
    let length = 0;
    for (;;) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0 || length === buffer.length) break;
    }
    if (length > bytesMax) {
      throw new CliError(
        'FILE_UNREADABLE',
        `${what} ${quote(path)} is longer than ${bytesMax} bytes: is it the right one?`,
      );
    }
    return { text: new TextDecoder().decode(buffer.subarray(0, length)), mode: stat.mode };
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = codeOf(error);
    if (code === 'ENOENT') throw new CliError('FILE_MISSING', `${what} ${quote(path)} is not there: ${remedy}`);
    throw new CliError('FILE_UNREADABLE', `cannot read ${what} ${quote(path)} (${code}): check path and permissions`, {
      cause: error,
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made.
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? 'unknown error';
}
