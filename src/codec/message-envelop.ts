/**
 * The MessageEnvelop: what travels in a frame besides heartbeats (`archethic-node p2p/message_envelop.ex`). The layout
 * only: signing, verifying and sealing the body is the business of `crypto`.
 *
 * ```text
 * 0    4  message id, unsigned
 * 4    1  flag: 0 plain body, 1 sealed body
 * 5    n  sender public key: curve id, origin id, raw key (n = 34, 67, 67 or 50)
 * 5+n  1  signature length s
 * 6+n  s  signature over the plain body
 *      …  body, to the end of the frame
 * ```
 */
import { CodecError, locateError } from './errors.ts';
import { expected } from './json-form.ts';
import { KEY_PREFIX_BYTES, parsePublicKey, rawKeyBytes } from './key-layout.ts';

/** Largest message id: 2^32 - 1. Ids wrap to 0 after it. */
export const MESSAGE_ID_MAX = 0xffff_ffff;

/** Longest signature, in bytes. Not an implementation choice: its length is one byte. */
export const SIGNATURE_BYTES_MAX = 255;

/** Bytes before the sender key: message id and flag. */
const HEAD_BYTES = 5;

/** An envelop in its parts. */
export interface MessageEnvelop {
  /** Tells requests of one connection apart; the reply carries the id of its request. 0 to {@link MESSAGE_ID_MAX}. */
  readonly messageId: number;
  /** Whether `body` is sealed for the recipient. */
  readonly isEncrypted: boolean;
  /** First public key of the sender: curve id, origin id, raw key. */
  readonly senderPublicKey: Uint8Array;
  /** Signature by that key over the plain body, at most {@link SIGNATURE_BYTES_MAX} bytes. */
  readonly signature: Uint8Array;
  /** The encoded message, filled up to whole bytes; sealed when `isEncrypted`. */
  readonly body: Uint8Array;
}

/**
 * The bytes of an envelop, a fresh array. `archethic-node message_envelop.ex encode/2`.
 *
 * @throws {@link CodecError} `OUT_OF_RANGE` for a message id over 32 bits or a signature over 255 bytes,
 * `UNKNOWN_CURVE`, `TRUNCATED` or `INVALID_VALUE` for a sender key of another layout.
 */
export function encodeMessageEnvelop(envelop: MessageEnvelop): Uint8Array {
  const { messageId, senderPublicKey, signature, body } = envelop;
  checkEnvelop(envelop);
  const bytes = new Uint8Array(HEAD_BYTES + senderPublicKey.length + 1 + signature.length + body.length);
  bytes[0] = messageId >>> 24;
  bytes[1] = messageId >>> 16;
  bytes[2] = messageId >>> 8;
  bytes[3] = messageId;
  bytes[4] = envelop.isEncrypted ? 1 : 0;
  let at = HEAD_BYTES;
  bytes.set(senderPublicKey, at);
  at += senderPublicKey.length;
  bytes[at] = signature.length;
  bytes.set(signature, at + 1);
  bytes.set(body, at + 1 + signature.length);
  return bytes;
}

/**
 * Takes an envelop apart; key, signature and body are views of `bytes`. The body may be empty.
 *
 * @throws {@link CodecError} `TRUNCATED` when it ends in a field, `INVALID_FLAG` for a flag other than 0 and 1,
 * `UNKNOWN_CURVE` for a sender key of an unknown curve.
 */
export function decodeMessageEnvelop(bytes: Uint8Array): MessageEnvelop {
  requireBytes(bytes, HEAD_BYTES + KEY_PREFIX_BYTES, 'sender key');
  const flag = bytes[4]!;
  if (flag > 1) throw new CodecError('INVALID_FLAG', `the flag of a message envelop is ${flag}: expected 0 or 1`);
  const keyEnd = HEAD_BYTES + KEY_PREFIX_BYTES + rawKeyBytes(bytes[HEAD_BYTES]!);
  requireBytes(bytes, keyEnd + 1, 'sender key');
  const signatureEnd = keyEnd + 1 + bytes[keyEnd]!;
  requireBytes(bytes, signatureEnd, 'signature');
  return {
    messageId: bytes[0]! * 0x1000000 + ((bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!),
    isEncrypted: flag === 1,
    senderPublicKey: bytes.subarray(HEAD_BYTES, keyEnd),
    signature: bytes.subarray(keyEnd + 1, signatureEnd),
    body: bytes.subarray(signatureEnd),
  };
}

function checkEnvelop({ messageId, senderPublicKey, signature, body }: MessageEnvelop): void {
  if (!Number.isInteger(messageId) || messageId < 0 || messageId > MESSAGE_ID_MAX) {
    throw new CodecError('OUT_OF_RANGE', `${messageId} is not an unsigned integer of 32 bits`).at('messageId');
  }
  if (!(senderPublicKey instanceof Uint8Array)) throw expected('bytes', senderPublicKey).at('senderPublicKey');
  if (!(signature instanceof Uint8Array)) throw expected('bytes', signature).at('signature');
  if (!(body instanceof Uint8Array)) throw expected('bytes', body).at('body');
  if (signature.length > SIGNATURE_BYTES_MAX) {
    const message = `${signature.length} bytes: expected at most ${SIGNATURE_BYTES_MAX}`;
    throw new CodecError('OUT_OF_RANGE', message).at('signature');
  }
  try {
    parsePublicKey(senderPublicKey);
  } catch (error) {
    throw locateError(error, 'senderPublicKey');
  }
}

function requireBytes(bytes: Uint8Array, count: number, what: string): void {
  if (bytes.length >= count) return;
  throw new CodecError('TRUNCATED', `a message envelop of ${bytes.length} bytes ends before or in its ${what}`);
}
