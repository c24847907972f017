/**
 * The handshake of a SecretConnection as pure steps: bytes in, bytes out. Both sides do the same, at the same time:
 *
 * 1. {@link SecretHandshake}: send `message` (a fresh ephemeral key, in the clear);
 * 2. {@link SecretHandshake.agree} on the message that came: keys for both directions and one challenge;
 * 3. send `authMessage` (node key and signature over the challenge) as the first sealed frame;
 * 4. {@link SecretAgreement.verify} the peer's: now it is known who is there.
 *
 * Station-to-station over X25519, HKDF-SHA256 and a Merlin transcript (`p2p/conn/secret_connection.go
 * MakeSecretConnection`). Differs from CometBFT in being strict: an ephemeral key has exactly 32 bytes and is not our own
 * sent back, and node keys of small order, by which anybody can sign, or not in canonical form are refused.
 */
import type { Random } from '../base/random.ts';
import {
  type AuthSigMessage,
  decodeAuthSig,
  decodeEphemeralKey,
  encodeAuthSig,
  encodeEphemeralKey,
} from '../codec/cometbft-handshake.ts';
import { bytesEqual } from '../codec/hex.ts';
import { isAcceptableEd25519Key } from './edwards.ts';
import type { CryptoEngine, X25519Secret } from './engine.ts';
import { CryptoError } from './errors.ts';
import { hkdfSha256 } from './hkdf.ts';
import type { KeyPair } from './keys.ts';
import { MerlinTranscript } from './merlin.ts';

/** Bytes of an ephemeral key, of each derived key and of the challenge. */
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
// Two keys. Upstream derives 32 bytes more, which nobody uses any more; they change nothing in those before.
const DERIVED_BYTES = 64;
const NO_SALT = new Uint8Array(0);
const HKDF_INFO: Uint8Array = Uint8Array.from('TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN', (character) =>
  character.charCodeAt(0),
);

/** The keys of both directions. */
export interface SecretKeys {
  /** Seals what we send; 32 bytes. */
  readonly sendKey: Uint8Array;
  /** Opens what we receive; 32 bytes. */
  readonly receiveKey: Uint8Array;
}

/** First step: an ephemeral key of our own. Good for one handshake. */
export class SecretHandshake {
  /** What to send first: the ephemeral public key behind its length, 35 bytes. */
  readonly message: Uint8Array;
  readonly #engine: CryptoEngine;
  readonly #nodeKey: KeyPair;
  readonly #ephemeral: X25519Secret;

  /**
   * Draws 32 bytes of `random` for the ephemeral key.
   *
   * @param nodeKey - the ed25519 key that names this node.
   * @throws RangeError for a node key of another curve.
   */
  constructor(engine: CryptoEngine, nodeKey: KeyPair, random: Random) {
    if (nodeKey.curve !== 'ed25519') throw new RangeError(`a node key of curve ${nodeKey.curve}: expected ed25519`);
    this.#engine = engine;
    this.#nodeKey = nodeKey;
    const ephemeralPrivate = random.bytes(KEY_BYTES);
    this.#ephemeral = engine.x25519(ephemeralPrivate);
    ephemeralPrivate.fill(0);
    this.message = encodeEphemeralKey(this.#ephemeral.publicKey);
  }

  /**
   * Second step: what follows from the peer's ephemeral key.
   *
   * @param remoteMessage - the peer's first message, without its length.
   * @throws CodecError for what is no such message; {@link CryptoError} `INVALID_KEY` for a key that is not 32 bytes
   *   long, of low order, or our own.
   */
  agree(remoteMessage: Uint8Array): SecretAgreement {
    const remote = decodeEphemeralKey(remoteMessage);
    if (remote.length !== KEY_BYTES) {
      throw new CryptoError('INVALID_KEY', `an ephemeral key of ${remote.length} bytes: expected ${KEY_BYTES}`);
    }
    const local = this.#ephemeral.publicKey;
    if (bytesEqual(local, remote)) throw new CryptoError('INVALID_KEY', 'our own ephemeral key came back');
    const isLeast = isBefore(local, remote);
    const shared = this.#ephemeral.agree(remote);
    const keys = deriveSecretKeys(this.#engine, shared, isLeast);
    const challenge = deriveChallenge(isLeast ? local : remote, isLeast ? remote : local, shared);
    shared.fill(0);
    const signature = this.#engine.sign(this.#nodeKey, challenge);
    const publicKey = { type: 'ed25519', bytes: this.#nodeKey.publicKey.raw } as const;
    return new SecretAgreement(this.#engine, keys, challenge, encodeAuthSig(publicKey, signature));
  }
}

/** Second step's result: secrecy, with somebody yet unknown. */
export class SecretAgreement {
  /** What the frames of both directions are sealed with. */
  readonly keys: SecretKeys;
  /** What both sides sign; 32 bytes. */
  readonly challenge: Uint8Array;
  /** What to send sealed: our node key and signature behind their length, 103 bytes. */
  readonly authMessage: Uint8Array;
  readonly #engine: CryptoEngine;

  /** @internal */
  constructor(engine: CryptoEngine, keys: SecretKeys, challenge: Uint8Array, authMessage: Uint8Array) {
    this.#engine = engine;
    this.keys = keys;
    this.challenge = challenge;
    this.authMessage = authMessage;
  }

  /**
   * Last step: who the peer is.
   *
   * @param remoteMessage - the peer's AuthSigMessage, opened, without its length.
   * @returns the peer's raw ed25519 key, 32 bytes.
   * @throws CodecError for what is no such message; {@link CryptoError} `INVALID_KEY` for no key, a key of another kind
   *   or length, of small order or not canonical; `BAD_SIGNATURE`.
   */
  verify(remoteMessage: Uint8Array): Uint8Array {
    const { publicKey, signature } = decodeAuthSig(remoteMessage);
    const raw = requireNodeKey(publicKey);
    if (signature.length !== SIGNATURE_BYTES || !this.#engine.verifyZip215(raw, this.challenge, signature)) {
      throw new CryptoError('BAD_SIGNATURE', 'the challenge was not signed by the node key that came with it');
    }
    return raw;
  }
}

/**
 * The keys of both directions from the shared secret. `secret_connection.go deriveSecrets`.
 *
 * @param isLeast - whether our ephemeral key is the smaller one.
 */
export function deriveSecretKeys(engine: CryptoEngine, shared: Uint8Array, isLeast: boolean): SecretKeys {
  const hash = engine.hash.bind(engine);
  const derived = hkdfSha256(hash, shared, NO_SALT, HKDF_INFO, DERIVED_BYTES);
  const first = derived.slice(0, KEY_BYTES);
  const second = derived.slice(KEY_BYTES, 2 * KEY_BYTES);
  derived.fill(0);
  return isLeast ? { receiveKey: first, sendKey: second } : { receiveKey: second, sendKey: first };
}

function deriveChallenge(lower: Uint8Array, upper: Uint8Array, shared: Uint8Array): Uint8Array {
  const transcript = new MerlinTranscript('TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH');
  transcript.append('EPHEMERAL_LOWER_PUBLIC_KEY', lower);
  transcript.append('EPHEMERAL_UPPER_PUBLIC_KEY', upper);
  transcript.append('DH_SECRET', shared);
  return transcript.extract('SECRET_CONNECTION_MAC', KEY_BYTES);
}

function requireNodeKey(publicKey: AuthSigMessage['publicKey']): Uint8Array {
  if (publicKey === undefined) throw new CryptoError('INVALID_KEY', 'the peer sent no node key of a known kind');
  const { type, bytes } = publicKey;
  if (type !== 'ed25519') throw new CryptoError('INVALID_KEY', `a node key of kind ${type}: expected ed25519`);
  if (bytes.length !== KEY_BYTES) {
    throw new CryptoError('INVALID_KEY', `an ed25519 node key of ${bytes.length} bytes: expected ${KEY_BYTES}`);
  }
  if (!isAcceptableEd25519Key(bytes)) {
    throw new CryptoError('INVALID_KEY', 'a node key of small order or not in canonical form: it proves nothing');
  }
  return bytes;
}

/** Whether `a` comes before `b` of the same length, byte by byte. Both are public. */
function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return a[i]! < b[i]!;
  }
  return false;
}
