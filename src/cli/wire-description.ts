/**
 * Bytes of the wire as JSON for people: finds out whether they are frames, an envelope or a bare message, opens and verifies
 * what it can. Called by `genmesh decode`.
 *
 * The forms overlap (any bytes can be an opaque message), so the strictest that fits wins: frames whose every payload is a
 * heartbeat or an envelope, then an envelope, then a message.
 */
import { CodedError } from '../base/errors.ts';
import { FRAME_BYTES_MAX_DEFAULT, FRAME_HEADER_BYTES, FrameDecoder } from '../codec/frame.ts';
import { bytesToHex } from '../codec/hex.ts';
import type { Json, JsonObject } from '../codec/json-form.ts';
import { decodeMessageEnvelop, type MessageEnvelop } from '../codec/message-envelop.ts';
import { eciesOverheadBytes } from '../crypto/ecies.ts';
import type { CryptoEngine } from '../crypto/engine.ts';
import { type KeyPair, PublicKey } from '../crypto/keys.ts';
import { cliMessages } from './message-names.ts';

/** What bytes can be taken for. */
export const WIRE_FORMS = ['frame', 'envelope', 'message'] as const;
/** One of {@link WIRE_FORMS}. */
export type WireForm = (typeof WIRE_FORMS)[number];

/** Frames in a row that are described; more are a problem. */
export const DESCRIBED_FRAMES_MAX = 10_000;

/** How to describe. */
export interface DescribeOptions {
  readonly engine: CryptoEngine;
  /** Opens sealed envelopes. */
  readonly recipient: KeyPair | undefined;
  /** Takes the bytes for that; `undefined` finds out. */
  readonly form: WireForm | undefined;
}

/** What the bytes are, as far as they could be read, and what is wrong with them. */
export interface WireDescription {
  readonly description: Json | undefined;
  /** One line; `undefined` when all is well. */
  readonly problem: string | undefined;
}

/** Describes `bytes`; never throws for what they hold. */
export function describeWire(bytes: Uint8Array, options: DescribeOptions): WireDescription {
  const { form } = options;
  if (form === 'frame') return describeFrames(bytes, options) ?? nothing('these bytes are not whole frames');
  if (form === 'envelope') return describeEnvelope(bytes, options);
  if (form === 'message') return describeMessage(bytes);
  if (isHeartbeat(bytes)) return { description: { kind: 'heartbeat' }, problem: undefined };
  const frames = describeFrames(bytes, options);
  if (frames !== undefined) return frames;
  const envelop = envelopOf(bytes);
  if (envelop !== undefined && looksLikeEnvelop(envelop)) {
    const asEnvelope = describeEnvelope(bytes, options);
    if (asEnvelope.problem === undefined || envelop.isEncrypted) return asEnvelope;
    // A plain envelope whose message does not parse may still be a message that happens to look like one.
    const asMessage = describeMessage(bytes);
    return asMessage.problem === undefined && !Object.hasOwn(asMessage.description as JsonObject, 'ignoredBytes')
      ? asMessage
      : asEnvelope;
  }
  const asMessage = describeMessage(bytes);
  if (asMessage.problem === undefined) return asMessage;
  return nothing(`${bytes.length} bytes are no frame, no envelope, and no message: ${asMessage.problem}`);
}

function nothing(problem: string): WireDescription {
  return { description: undefined, problem };
}

/** `undefined` when the bytes are not whole frames of what frames hold. */
function describeFrames(bytes: Uint8Array, options: DescribeOptions): WireDescription | undefined {
  const payloads = payloadsOf(bytes);
  if (payloads === undefined) return undefined;
  let problem: string | undefined;
  const frames: Json[] = [];
  for (const payload of payloads) {
    let content: WireDescription = { description: { kind: 'heartbeat' }, problem: undefined };
    if (!isHeartbeat(payload)) {
      const envelop = envelopOf(payload);
      if (options.form === undefined && (envelop === undefined || !looksLikeEnvelop(envelop))) return undefined;
      content = describeEnvelope(payload, options);
    }
    problem ??= content.problem;
    frames.push({ kind: 'frame', length: payload.length, payload: content.description ?? bytesToHex(payload) });
  }
  return { description: frames.length === 1 ? frames[0]! : frames, problem };
}

function payloadsOf(bytes: Uint8Array): Uint8Array[] | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const decoder = new FrameDecoder({ frameBytesMax: FRAME_BYTES_MAX_DEFAULT });
  const payloads: Uint8Array[] = [];
  try {
    decoder.push(bytes.slice());
    for (let payload = decoder.next(); payload !== undefined; payload = decoder.next()) {
      payloads.push(payload);
      if (payloads.length > DESCRIBED_FRAMES_MAX) return undefined;
    }
  } catch {
    return undefined;
  }
  return decoder.bufferedBytes === 0 && payloads.length > 0 ? payloads : undefined;
}

function isHeartbeat(bytes: Uint8Array): boolean {
  return bytes.length === 2 && bytes[0] === 0x68 && bytes[1] === 0x62; // "hb"
}

function envelopOf(bytes: Uint8Array): MessageEnvelop | undefined {
  try {
    return decodeMessageEnvelop(bytes);
  } catch {
    return undefined;
  }
}

/** Whether the parts are such as an honest sender makes: a key that parses, a signature and a body of possible lengths. */
function looksLikeEnvelop({ senderPublicKey, signature, isEncrypted, body }: MessageEnvelop): boolean {
  const sender = keyOf(senderPublicKey);
  if (sender === undefined || sender.curve === 'bls') return false;
  const length = signature.length;
  // In the clear inside an MConnection; the greeting has no message either.
  if (length === 0) return sender.curve === 'ed25519' && !isEncrypted;
  if (sender.curve === 'ed25519' ? length !== 64 : length < 8 || length > 72) return false;
  return body.length >= (isEncrypted ? eciesOverheadBytes('ed25519') : 1);
}

function keyOf(bytes: Uint8Array): PublicKey | undefined {
  try {
    return PublicKey.parse(bytes);
  } catch {
    return undefined;
  }
}

function describeEnvelope(bytes: Uint8Array, { engine, recipient }: DescribeOptions): WireDescription {
  let envelop: MessageEnvelop;
  try {
    envelop = decodeMessageEnvelop(bytes);
  } catch (error) {
    return nothing(`this is no envelope: ${messageOf(error)}`);
  }
  const { messageId, isEncrypted, senderPublicKey, signature, body } = envelop;
  const clear: JsonObject = {
    kind: 'envelope',
    messageId,
    encrypted: isEncrypted,
    senderPublicKey: bytesToHex(senderPublicKey),
    senderCurve: keyOf(senderPublicKey)?.curve ?? null,
    signature: bytesToHex(signature),
  };
  const sealed = { ...clear, sealed: bytesToHex(body) };
  if (isEncrypted && recipient === undefined) return { description: sealed, problem: undefined };
  let plain = body;
  try {
    if (isEncrypted) plain = engine.eciesOpen(recipient as KeyPair, body);
  } catch (error) {
    return { description: sealed, problem: `the envelope does not open with this key: ${messageOf(error)}` };
  }
  if (!isEncrypted && signature.length === 0) return describeUnsigned(clear, body);
  const signatureValid = holds(engine, senderPublicKey, plain, signature);
  const content = describeMessage(plain);
  const problem =
    content.problem ?? (signatureValid ? undefined : 'the signature is not by the sender over this message');
  return { description: { ...clear, signatureValid, message: content.description ?? bytesToHex(plain) }, problem };
}

/** An envelope as an MConnection carries it, which says by itself who sent it: nothing to verify. */
function describeUnsigned(clear: JsonObject, body: Uint8Array): WireDescription {
  const unsigned = { ...clear, signatureValid: null };
  if (body.length === 0) return { description: { ...unsigned, message: null }, problem: undefined };
  const { description, problem } = describeMessage(body);
  return { description: { ...unsigned, message: description ?? bytesToHex(body) }, problem };
}

function holds(engine: CryptoEngine, sender: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return engine.verify(PublicKey.parse(sender), message, signature);
  } catch {
    return false;
  }
}

function describeMessage(bytes: Uint8Array): WireDescription {
  try {
    const { value, restBits } = cliMessages.decodeWithRest(bytes);
    const description = { kind: 'message', name: value.name, id: value.id, fields: cliMessages.toJson(value) };
    const ignoredBytes = Math.floor(restBits / 8);
    return { description: ignoredBytes === 0 ? description : { ...description, ignoredBytes }, problem: undefined };
  } catch (error) {
    return nothing(`this is no message: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof CodedError)) throw error;
  return error.message;
}
