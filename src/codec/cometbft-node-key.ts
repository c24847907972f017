/**
 * The file `node_key.json` of a CometBFT node, as text: the 64 bytes of its ed25519 key (seed, then public key) in base64
 * (`p2p/key.go`, `crypto/ed25519`). Key objects are made of it in `crypto/node-key.ts`; files are read elsewhere.
 */
import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import { CodecError } from './errors.ts';

/** Longest text read, in characters; a real one has 150. */
export const NODE_KEY_CHARS_MAX = 4096;

const KEY_TYPE = 'tendermint/PrivKeyEd25519';
const KEY_BYTES = 64;

/** The file of a key, on one line and without a line end, as CometBFT writes it. The text is a secret. */
export function encodeNodeKeyJson(key: Uint8Array): string {
  if (key.length !== KEY_BYTES) throw new RangeError(`a node key of ${key.length} bytes: expected ${KEY_BYTES}`);
  return `{"priv_key":{"type":"${KEY_TYPE}","value":"${base64Encode(key)}"}}`;
}

/**
 * The 64 bytes in such a file; the caller overwrites them when done. Other fields are ignored.
 *
 * @throws {@link CodecError} `INVALID_VALUE` for anything else; the message holds nothing of the text.
 */
export function decodeNodeKeyJson(text: string): Uint8Array {
  if (text.length > NODE_KEY_CHARS_MAX) throw invalid(`${text.length} characters, at most ${NODE_KEY_CHARS_MAX}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid('it is no JSON'); // without cause: its message quotes the text
  }
  const key = memberOf(parsed, 'priv_key');
  const type = memberOf(key, 'type');
  if (type !== KEY_TYPE) throw invalid(`priv_key.type is not ${KEY_TYPE}`);
  const value = memberOf(key, 'value');
  if (typeof value !== 'string') throw invalid('priv_key.value is no text');
  let bytes: Uint8Array;
  try {
    bytes = base64Decode(value);
  } catch {
    throw invalid('priv_key.value is no base64');
  }
  if (bytes.length !== KEY_BYTES) throw invalid(`priv_key.value has ${bytes.length} bytes, expected ${KEY_BYTES}`);
  return bytes;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function invalid(fault: string): CodecError {
  return new CodecError('INVALID_VALUE', `not a node_key.json: ${fault}`);
}
