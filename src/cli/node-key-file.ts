/** The key of a peer: `node_key.json` of a CometBFT node, or a key file of this program. Neither may be open to others. */
import { statSync } from 'node:fs';
import { CodedError } from '../base/errors.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { parseNodeKey } from '../crypto/node-key.ts';
import { quote } from './command-line.ts';
import { CliError } from './errors.ts';
import { readKeyFile, readTextFile } from './key-file.ts';

const OTHERS = 0o077;

/**
 * Reads an ed25519 key in either form.
 *
 * @throws CliError `FILE_MISSING`, `FILE_UNREADABLE`, `KEY_FILE_INVALID`; `KEY_FILE_EXPOSED` when its group or others have
 * any permission on it (not checked on Windows). No message holds a byte of the key.
 */
export function readNodeKeyFile(path: string, engine: CryptoEngine): KeyPair {
  const text = readTextFile(path, 'key file');
  if (!text.includes('"priv_key"')) {
    const keyPair = readKeyFile(path, engine);
    if (keyPair.curve === 'ed25519') return keyPair;
    throw invalid(path, `is of curve ${keyPair.curve}, and nodes have ed25519 keys`);
  }
  if (process.platform !== 'win32' && (statSync(path).mode & OTHERS) !== 0) {
    throw new CliError('KEY_FILE_EXPOSED', `key file ${quote(path)} is open to others: chmod 600 ${path}`);
  }
  try {
    return parseNodeKey(engine, text);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw invalid(path, `holds no node key (${error.message})`);
  }
}

function invalid(path: string, why: string): CliError {
  return new CliError(
    'KEY_FILE_INVALID',
    `key file ${quote(path)} ${why}: make one with cometbft gen-node-key or genmesh keygen --out FILE`,
  );
}
