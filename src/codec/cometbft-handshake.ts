/**
 * The two messages of the SecretConnection handshake: the ephemeral key in the clear, then, sealed, who one is and the
 * signature that proves it (`p2p/conn/secret_connection.go shareEphPubKey, shareAuthSignature`;
 * `proto/tendermint/p2p/conn.proto AuthSigMessage`, `proto/tendermint/crypto/keys.proto PublicKey`). Layout only: what
 * keys are acceptable is for `crypto/secret-handshake.ts`.
 */
import { encodeDelimited, uvarintBytes, writeUvarint } from './cometbft-delimited.ts';
import { readMessage } from './cometbft-message.ts';
import { CodecError } from './errors.ts';

/**
 * Longest handshake message accepted, without its length, in bytes. Differs from CometBFT, which takes 1 MiB: honest
 * ones have 34 and 102 bytes.
 */
export const HANDSHAKE_MESSAGE_BYTES_MAX = 1024;

/** Kinds of key that a PublicKey message can hold, by field number. `keys.proto` of v0.34 to v2. */
export const COMETBFT_KEY_TYPES = {
  1: 'ed25519',
  2: 'secp256k1',
  3: 'bls12381',
  4: 'mldsa65',
  5: 'secp256k1eth',
} as const;

/** A kind of key that a PublicKey message can hold. Node keys are ed25519. */
export type CometbftKeyType = (typeof COMETBFT_KEY_TYPES)[keyof typeof COMETBFT_KEY_TYPES];

const FIELDS: ReadonlyMap<string, number> = new Map(
  Object.entries(COMETBFT_KEY_TYPES).map(([field, type]) => [type, Number(field)]),
);
const NO_BYTES = new Uint8Array(0);

/** A public key as CometBFT sends it. */
export interface CometbftPublicKey {
  readonly type: CometbftKeyType;
  /** The raw key, of whatever length was sent. */
  readonly bytes: Uint8Array;
}

/** Who a peer says it is, and its signature over the challenge. */
export interface AuthSigMessage {
  /** Undefined when the message has no key, or one of a kind that is not known. */
  readonly publicKey: CometbftPublicKey | undefined;
  /** As sent; 64 bytes when it is any good. */
  readonly signature: Uint8Array;
}

/** The ephemeral key in a `google.protobuf.BytesValue`, behind its length: `22 0a 20` and the 32 bytes. */
export function encodeEphemeralKey(publicKey: Uint8Array): Uint8Array {
  return encodeDelimited(publicKey.length > 0 ? encodeField(1, publicKey) : NO_BYTES);
}

/**
 * The key in a BytesValue, without a length before it; of any length, also empty.
 *
 * @throws {@link CodecError} `TRUNCATED`, `INVALID_VALUE`.
 */
export function decodeEphemeralKey(message: Uint8Array): Uint8Array {
  let key: Uint8Array = new Uint8Array(0);
  readMessage('BytesValue', message, {
    1: (reader) => {
      key = reader.bytes();
    },
  });
  return key;
}

/** A PublicKey message, without a length before it. */
export function encodeCometbftPublicKey(publicKey: CometbftPublicKey): Uint8Array {
  // A member of a oneof is written also when it is empty.
  return encodeField(fieldOf(publicKey.type), publicKey.bytes);
}

/**
 * Reads a PublicKey message; undefined when it holds no key of a known kind.
 *
 * @throws {@link CodecError} `TRUNCATED`, `INVALID_VALUE`.
 */
export function decodeCometbftPublicKey(message: Uint8Array): CometbftPublicKey | undefined {
  let publicKey: CometbftPublicKey | undefined;
  const read = (type: CometbftKeyType) => (reader: { bytes(): Uint8Array }) => {
    publicKey = { type, bytes: reader.bytes() };
  };
  readMessage('PublicKey', message, {
    1: read('ed25519'),
    2: read('secp256k1'),
    3: read('bls12381'),
    4: read('mldsa65'),
    5: read('secp256k1eth'),
  });
  return publicKey;
}

/** An AuthSigMessage behind its length: 103 bytes with an ed25519 key. */
export function encodeAuthSig(publicKey: CometbftPublicKey, signature: Uint8Array): Uint8Array {
  const key = encodeField(1, encodeCometbftPublicKey(publicKey));
  const signed = signature.length > 0 ? encodeField(2, signature) : NO_BYTES;
  const message = new Uint8Array(key.length + signed.length);
  message.set(key);
  message.set(signed, key.length);
  return encodeDelimited(message);
}

/**
 * A field of bytes or of a message, 1 to 15: tag, length, value. By hand, as the two messages are written for every
 * connection and the library's writer costs as much as a hash.
 */
function encodeField(field: number, value: Uint8Array): Uint8Array {
  const valueAt = 1 + uvarintBytes(value.length);
  const encoded = new Uint8Array(valueAt + value.length);
  encoded[0] = (field << 3) | 2; // 2: length-delimited
  writeUvarint(encoded, 1, value.length);
  encoded.set(value, valueAt);
  return encoded;
}

/**
 * Reads an AuthSigMessage, without a length before it.
 *
 * @throws {@link CodecError} `TRUNCATED`, `INVALID_VALUE`.
 */
export function decodeAuthSig(message: Uint8Array): AuthSigMessage {
  let publicKey: CometbftPublicKey | undefined;
  let signature: Uint8Array = new Uint8Array(0);
  readMessage('AuthSigMessage', message, {
    1: (reader) => {
      publicKey = decodeCometbftPublicKey(reader.message()) ?? publicKey;
    },
    2: (reader) => {
      signature = reader.bytes();
    },
  });
  return { publicKey, signature };
}

function fieldOf(type: CometbftKeyType): number {
  const field = FIELDS.get(type);
  if (field === undefined) throw new CodecError('INVALID_VALUE', `no kind of key is called ${type}`);
  return field;
}
