/**
 * Messages in and out of a MessageEnvelop: signed, sealed, encoded, and back. The layout is `codec/message-envelop.ts`,
 * the arithmetic an engine's; here is the order of the steps. Called for each message by the node mailbox and the reader.
 *
 * The signature covers the plain message bytes only, neither id, recipient nor time: an envelop can be replayed, and
 * whoever opens one can seal it again for somebody else. Not an implementation choice.
 */
import { checkInteger } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { bytesEqual, bytesToHex } from '../codec/hex.ts';
import { decodeMessageEnvelop, encodeMessageEnvelop } from '../codec/message-envelop.ts';
import type { CryptoEngine } from './engine.ts';
import { CryptoError } from './errors.ts';
import { type KeyPair, PublicKey } from './keys.ts';

/** What to seal, from whom, for whom. */
export interface SealOptions {
  /** 0 to 2^32 - 1. */
  readonly messageId: number;
  /** The encoded message in whole bytes; borrowed. */
  readonly message: Uint8Array;
  /** Who signs: the node's first key pair. */
  readonly sender: KeyPair;
  /** Who can open it; `undefined` sends the message in the clear, signed all the same. */
  readonly recipient: PublicKey | undefined;
  /** Where the ephemeral key comes from. */
  readonly random: Random;
}

/**
 * Signs and seals a message; the envelop is a fresh array. `archethic-node message_envelop.ex encode/2`.
 *
 * @throws {@link CryptoError} `INVALID_KEY` or `UNSUPPORTED_CURVE` when the recipient cannot be sealed for.
 * @throws `CodecError` `OUT_OF_RANGE` for a message id over 32 bits.
 */
export function sealMessageEnvelop(engine: CryptoEngine, options: SealOptions): Uint8Array {
  const { messageId, message, sender, recipient, random } = options;
  return encodeMessageEnvelop({
    messageId,
    isEncrypted: recipient !== undefined,
    senderPublicKey: sender.publicKey.bytes,
    signature: engine.sign(sender, message),
    body: recipient === undefined ? message : engine.eciesSeal(recipient, message, random),
  });
}

/** How to open an envelop. */
export interface OpenOptions {
  /** Whose key opens it: the node's first key pair. */
  readonly recipient: KeyPair;
  /**
   * The key the signature must be by, whatever key the envelop names: on a connection we dialled, the key of the node we
   * dialled. Default: the key in the envelop.
   */
  readonly verifyWith?: PublicKey;
  /** Where key objects of senders are kept, so that each is imported once. Default: parsed anew for each envelop. */
  readonly keys?: PublicKeyCache;
}

/** A message whose signature holds. */
export interface OpenedEnvelop {
  /** 0 to 2^32 - 1, not covered by the signature. */
  readonly messageId: number;
  /** The key the signature was verified with: `verifyWith` where it was given. */
  readonly sender: PublicKey;
  /** The message in whole bytes, with its padding: fresh when it was sealed, a view of the envelop when not. */
  readonly message: Uint8Array;
  /** Whether it was sealed for the recipient. */
  readonly isEncrypted: boolean;
}

/**
 * Opens an envelop and verifies its signature over the plain bytes as received.
 * `archethic-node message_envelop.ex decode/1`, `client/connection.ex`, `listener_protocol.ex`.
 *
 * @param bytes - one whole frame; borrowed.
 * @throws `CodecError` when the bytes have not the layout of an envelop.
 * @throws {@link CryptoError} `DECRYPTION_FAILED`, `BAD_SIGNATURE`; `INVALID_KEY` or `UNSUPPORTED_CURVE` for a sender key
 * that signatures cannot be by.
 */
export function openMessageEnvelop(engine: CryptoEngine, bytes: Uint8Array, options: OpenOptions): OpenedEnvelop {
  const envelop = decodeMessageEnvelop(bytes);
  const sender = options.verifyWith ?? parseSender(envelop.senderPublicKey, options.keys);
  const message = envelop.isEncrypted ? engine.eciesOpen(options.recipient, envelop.body) : envelop.body;
  if (!engine.verify(sender, message, envelop.signature)) {
    const { signature, messageId } = envelop;
    throw new CryptoError(
      'BAD_SIGNATURE',
      `signature of ${signature.length} bytes on message ${messageId} (${message.length} bytes) is not by ${sender}`,
    );
  }
  return { messageId: envelop.messageId, sender, message, isEncrypted: envelop.isEncrypted };
}

/** Keys a {@link PublicKeyCache} holds by default. */
export const PUBLIC_KEY_CACHE_CAPACITY_DEFAULT = 4096;

/** Most keys a {@link PublicKeyCache} can be told to hold: 2^20. */
export const PUBLIC_KEY_CACHE_CAPACITY_MAX = 1_048_576;

/**
 * The key objects of remotes by their bytes, so that an engine imports each once. Holds at most `capacity` keys; one more
 * drops the one longest unused, whose key object stays good for whoever holds it.
 */
export class PublicKeyCache {
  readonly #capacity: number;
  readonly #keys = new Map<string, PublicKey>(); // in the order of last use
  #last: PublicKey | undefined;

  /**
   * @param options.capacity - 1 to {@link PUBLIC_KEY_CACHE_CAPACITY_MAX}, default
   * {@link PUBLIC_KEY_CACHE_CAPACITY_DEFAULT}.
   * @throws RangeError for a capacity out of range.
   */
  constructor(options: { readonly capacity?: number } = {}) {
    const { capacity = PUBLIC_KEY_CACHE_CAPACITY_DEFAULT } = options;
    this.#capacity = checkInteger('capacity', capacity, 1, PUBLIC_KEY_CACHE_CAPACITY_MAX);
  }

  /** Keys held now. */
  get size(): number {
    return this.#keys.size;
  }

  /**
   * The key object of these bytes, the same one as long as it is held.
   *
   * @throws {@link CryptoError} `INVALID_KEY` for bytes that are no key; nothing is kept then.
   */
  get(bytes: Uint8Array): PublicKey {
    // A connection hears one sender, so most lookups end here, without making a map key.
    if (this.#last !== undefined && bytesEqual(this.#last.bytes, bytes)) return this.#last;
    const hex = bytesToHex(bytes);
    let key = this.#keys.get(hex);
    if (key === undefined) {
      key = PublicKey.parse(bytes);
      if (this.#keys.size >= this.#capacity) this.#keys.delete(this.#keys.keys().next().value as string);
    } else {
      this.#keys.delete(hex);
    }
    this.#keys.set(hex, key);
    this.#last = key;
    return key;
  }
}

function parseSender(bytes: Uint8Array, keys: PublicKeyCache | undefined): PublicKey {
  return keys === undefined ? PublicKey.parse(bytes) : keys.get(bytes);
}
