/**
 * How a message is wrapped for the wire it travels on, and unwrapped on a connection whose other end is known.
 *
 * On the Archethic wire nobody is known but by the envelop, so each is signed and sealed. On the MConnection wire the
 * SecretConnection has proven who is at the other end, both ways and freshly, and nothing gets in between; the signature of an
 * envelop adds nothing to that, for it covers neither id, recipient nor time, and costs more than all the rest of a call. So an
 * envelop in the clear has an empty signature there (length 0, which the layout allows) and must name the key of the other end.
 * What it loses is that a third party could be shown the message as signed. With `sealed: true` it is signed and sealed as on
 * the other wire, so that it can also be kept, and stays secret to what handles the bytes of the connection.
 */
import { FRAME_HEADER_BYTES } from '../codec/frame.ts';
import { bytesEqual } from '../codec/hex.ts';
import { decodeMessageEnvelop, encodeMessageEnvelop } from '../codec/message-envelop.ts';
import { eciesOverheadBytes } from '../crypto/ecies.ts';
import { PublicKey } from '../crypto/keys.ts';
import { nodeIdOf } from '../crypto/node-key.ts';
import { type OpenedEnvelop, openMessageEnvelop, sealMessageEnvelop } from '../crypto/sealed-envelop.ts';
import { RECV_MESSAGE_CAPACITY_MAX } from '../net/channel-descriptor.ts';
import { P2pError } from './errors.ts';
import type { NodeContext } from './node-context.ts';

const NOTHING = new Uint8Array(0);

/** A message to wrap. @internal */
export interface Wrapping {
  readonly messageId: number;
  /** Encoded, in whole bytes; borrowed. */
  readonly message: Uint8Array;
  readonly recipient: PublicKey;
  /** Signed and sealed for the recipient, rather than in the clear and unsigned. */
  readonly isSealed: boolean;
}

/**
 * The envelop of a message; a fresh array. @throws CryptoError when the recipient cannot be sealed for.
 *
 * @internal
 */
export function wrapMessage(context: NodeContext, { messageId, message, recipient, isSealed }: Wrapping): Uint8Array {
  const { engine, identity, random } = context;
  if (isSealed) return sealMessageEnvelop(engine, { messageId, message, sender: identity, recipient, random });
  const senderPublicKey = identity.publicKey.bytes;
  return encodeMessageEnvelop({ messageId, isEncrypted: false, senderPublicKey, signature: NOTHING, body: message });
}

/** Bytes of a message id, the flag and the length of the signature. */
const FIXED_BYTES = 6;
const ED25519_SIGNATURE_BYTES = 64;
/** The longest DER of an ECDSA signature: 2 + 2 * (2 + 33). */
const ECDSA_SIGNATURE_BYTES_MAX = 72;

/**
 * The longest message, encoded, that can go out as a request. What a node accepts as a request, `inboundFrameBytesMax`, is also
 * what it sends at most: the other end closes the connection at more, and all calls on it would end with this one.
 *
 * @internal
 */
export function requestBytesMax(context: NodeContext, recipient: PublicKey): number {
  const { wire, isSealed, identity, limits } = context;
  const { frameBytesMax, inboundFrameBytesMax, sendBufferBytesMax } = limits;
  const envelopBytesMax =
    wire === 'archethic'
      ? Math.min(frameBytesMax, inboundFrameBytesMax, sendBufferBytesMax - FRAME_HEADER_BYTES)
      : Math.min(inboundFrameBytesMax, RECV_MESSAGE_CAPACITY_MAX);
  const plainBytes = FIXED_BYTES + identity.publicKey.bytes.length;
  if (!isSealed) return Math.max(0, envelopBytesMax - plainBytes);
  const signatureBytes = identity.curve === 'ed25519' ? ED25519_SIGNATURE_BYTES : ECDSA_SIGNATURE_BYTES_MAX;
  // Nothing can be sealed for a BLS key, whatever its size.
  const sealBytes = recipient.curve === 'bls' ? 0 : eciesOverheadBytes(recipient.curve);
  return Math.max(0, envelopBytesMax - plainBytes - signatureBytes - sealBytes);
}

/**
 * The greeting with which an end says that it has taken the connection, and by which key it is known: an envelop without a
 * message.
 *
 * @internal
 */
export function greeting(context: NodeContext): Uint8Array {
  const recipient = context.identity.publicKey;
  return wrapMessage(context, { messageId: 0, message: NOTHING, recipient, isSealed: false });
}

/** Whether an envelop is a {@link greeting}. @internal */
export function isGreeting(envelop: OpenedEnvelop): boolean {
  return envelop.message.length === 0 && !envelop.isEncrypted;
}

/**
 * Unwraps what came on a connection with a known other end.
 *
 * @param peerId - the node id that it has proven to have.
 * @param known - the key of its first envelop; a connection is for one key, its origin included.
 * @throws CodecError, CryptoError as `openMessageEnvelop`; P2pError `AUTH_FAILURE` when it names another key.
 * @internal
 */
export function unwrapMessage(
  context: NodeContext,
  bytes: Uint8Array,
  peerId: string,
  known: PublicKey | undefined,
): OpenedEnvelop {
  const { engine, identity } = context;
  const { messageId, isEncrypted, senderPublicKey, signature, body } = decodeMessageEnvelop(bytes);
  const isKnown = known !== undefined && bytesEqual(known.bytes, senderPublicKey);
  const sender = isKnown ? known : PublicKey.parse(senderPublicKey);
  if (!isKnown && (known !== undefined || sender.curve !== 'ed25519' || nodeIdOf(engine, sender.raw) !== peerId)) {
    throw new P2pError('AUTH_FAILURE', `an envelop of peer ${peerId} names ${sender}, which is not its key`);
  }
  if (!isEncrypted && signature.length === 0) return { messageId, sender, message: body, isEncrypted };
  return openMessageEnvelop(engine, bytes, { recipient: identity, verifyWith: sender });
}
