/**
 * The key that names a CometBFT node: its id, and the key pair in `node_key.json` (`p2p/key.go`).
 */
import { NODE_ID_BYTES } from '../codec/cometbft-address.ts';
import { decodeNodeKeyJson, encodeNodeKeyJson } from '../codec/cometbft-node-key.ts';
import { bytesEqual, bytesToHex } from '../codec/hex.ts';
import type { CryptoEngine } from './engine.ts';
import { CryptoError } from './errors.ts';
import { type KeyPair, PRIVATE_KEY_BYTES } from './keys.ts';

const SEED_BYTES = 32;
const PREFIX_BYTES: number = PRIVATE_KEY_BYTES - SEED_BYTES;

/**
 * The id of a node: the first 20 bytes of the SHA-256 of its raw ed25519 key, 40 lower-case hex digits. `PubKeyToID`.
 *
 * @param rawPublicKey - 32 bytes, such as `remotePublicKey` of a secret stream or `keyPair.publicKey.raw`.
 */
export function nodeIdOf(engine: CryptoEngine, rawPublicKey: Uint8Array): string {
  return bytesToHex(engine.hash('sha256', rawPublicKey).subarray(0, NODE_ID_BYTES));
}

/**
 * Reads the text of a `node_key.json`.
 *
 * @throws CodecError `INVALID_VALUE` when it is none; {@link CryptoError} `INVALID_KEY` when its two halves do not belong
 *   together.
 */
export function parseNodeKey(engine: CryptoEngine, text: string): KeyPair {
  const key = decodeNodeKeyJson(text);
  const privateKey = new Uint8Array(PRIVATE_KEY_BYTES);
  try {
    privateKey[1] = 1; // curve ed25519 (0), origin software
    privateKey.set(key.subarray(0, SEED_BYTES), PREFIX_BYTES);
    const keyPair = engine.keyPairFromPrivateKey(privateKey);
    if (!bytesEqual(keyPair.publicKey.raw, key.subarray(SEED_BYTES))) {
      throw new CryptoError('INVALID_KEY', 'a node_key.json whose public half is not that of its private half');
    }
    return keyPair;
  } finally {
    key.fill(0);
    privateKey.fill(0);
  }
}

/**
 * Writes a key pair as the text of a `node_key.json`. The text is a secret: it leaves the program only for its file.
 *
 * @throws RangeError for a key of another curve than ed25519.
 */
export function formatNodeKey(keyPair: KeyPair): string {
  if (keyPair.curve !== 'ed25519') throw new RangeError(`a node key of curve ${keyPair.curve}: expected ed25519`);
  const privateKey = keyPair.exportPrivateKey();
  const key = new Uint8Array(2 * SEED_BYTES);
  key.set(privateKey.subarray(PREFIX_BYTES));
  key.set(keyPair.publicKey.raw, SEED_BYTES);
  privateKey.fill(0);
  try {
    return encodeNodeKeyJson(key);
  } finally {
    key.fill(0);
  }
}
