/**
 * Message types: a name, the id in the first byte, the schema of what follows, how long a call waits, and what it is
 * answered with. The Archethic ones are in `archethic-*-messages.ts`; a program defines its own with
 * {@link defineMessage} and adds them to a catalog (`message-catalog.ts`).
 *
 * An encoded message is the id and the body as one string of bits, filled up with 0 bits to whole bytes
 * (`archethic-node p2p/message.ex`).
 *
 * @example
 * ```ts
 * const Echoed = defineMessage('Echoed', 200, struct({ text: text(varint) }));
 * const Echo = defineMessage('Echo', 100, struct({ text: text(varint) }), { replies: [Echoed] });
 * const bytes = Echo.encode({ text: 'hello' });
 * ```
 */
import { checkInteger } from '../base/errors.ts';
import { BitReader } from './bit-reader.ts';
import type { BitString } from './bit-string.ts';
import { BitWriter } from './bit-writer.ts';
import type { ErrorFields } from './error-reason.ts';
import { CodecError, locateError } from './errors.ts';
import type { Json } from './json-form.ts';
import type { InputOf, NoFields, Schema } from './schema.ts';

/** Largest id of a message type. 255 is reserved upstream for the end of a stream. */
export const MESSAGE_TYPE_ID_MAX = 254;

/** How long a call waits for its reply by default, in ms. `archethic-node message.ex get_timeout/1`. */
export const MESSAGE_TIMEOUT_MS_DEFAULT = 3000;

/**
 * How long a call waits that carries or asks for a whole transaction, in ms: 3 145 728 bytes of content at 125 000 bytes
 * a second. `archethic-node message.ex get_max_timeout/0`.
 */
export const TRANSACTION_TIMEOUT_MS = 25_165;

/** How long GetTransactionChain waits, in ms: ten transactions. `archethic-node message.ex get_timeout/1`. */
export const TRANSACTION_CHAIN_TIMEOUT_MS = 251_650;

declare const REPLY: unique symbol;

/** A message as a value, told apart by `name`. */
export interface MessageValue<N extends string = string, F = unknown> {
  readonly name: N;
  readonly id: number;
  readonly fields: F;
}

/**
 * A kind of message.
 *
 * @typeParam N - its name.
 * @typeParam Out - its fields as decoded.
 * @typeParam In - its fields as encoded.
 * @typeParam R - what it is answered with.
 */
export interface MessageType<
  N extends string = string,
  Out = unknown,
  In = InputOf<Out>,
  R extends MessageValue = MessageValue,
> {
  readonly name: N;
  /** The first byte, 0 to {@link MESSAGE_TYPE_ID_MAX}. */
  readonly id: number;
  /** How long a call waits for its reply, in ms. */
  readonly timeoutMs: number;
  /** What a call is answered with besides Error and NotFound; undefined when that is not declared. */
  readonly replies: readonly MessageType[] | undefined;
  /** The fields as a message value. */
  of(fields: In): MessageValue<N, In>;
  /** Says whether a decoded message is of this type, by its id and name. */
  is(value: MessageValue): value is MessageValue<N, Out>;
  /**
   * The message in whole bytes, a fresh array.
   *
   * @throws {@link CodecError} `OUT_OF_RANGE`, `INVALID_VALUE` and the like, with the path of the field.
   */
  encode(fields: In): Uint8Array;
  /** Like `encode`, to the bit. */
  encodeBits(fields: In): BitString;
  /**
   * The fields of a message of this type; bytes after it are ignored.
   *
   * @throws {@link CodecError} `INVALID_VALUE` when the id is another, else what its fields throw.
   */
  decode(bytes: Uint8Array): Out;
  /** Reads the fields after the id. @throws {@link CodecError} */
  decodeBody(reader: BitReader): Out;
  /** The JSON form of the fields. */
  toJson(fields: In): Json;
  /** The fields of a JSON form. @throws {@link CodecError} `INVALID_VALUE`, with the path of the field. */
  fromJson(json: Json): Out;
  /** Carries a type only; never there. */
  readonly [REPLY]?: R;
}

/** The fields of a decoded message. */
export type FieldsOf<M> = M extends { decodeBody(reader: BitReader): infer Out } ? Out : never;

/** The fields to encode a message from. */
export type InputFieldsOf<M> = M extends { encode(fields: infer In): Uint8Array } ? In : never;

/** The decoded message as a value. */
export type ValueOf<M> = M extends { readonly name: infer N extends string; decodeBody(reader: BitReader): infer Out }
  ? MessageValue<N, Out>
  : never;

/** What a call of `M` may be answered with: its declared replies, Error and NotFound; any message when none is declared. */
export type ReplyOf<M> = M extends { readonly [REPLY]?: infer R extends MessageValue } ? R : MessageValue;

/** The replies that {@link defineMessage} makes of a list of declared ones. */
export type DeclaredReplies<T extends readonly MessageType[]> = T extends readonly []
  ? MessageValue
  : ValueOf<T[number]> | MessageValue<'Error', ErrorFields> | MessageValue<'NotFound', NoFields>;

/** A message type that declares its replies `T`, for annotations. */
export type RequestType<N extends string, Out, T extends readonly MessageType[]> = MessageType<
  N,
  Out,
  InputOf<Out>,
  DeclaredReplies<T>
>;

/** Options of {@link defineMessage}. */
export interface MessageOptions<T extends readonly MessageType[] = readonly []> {
  /** How long a call waits for its reply, in ms, 1 to 2^31 - 1; default {@link MESSAGE_TIMEOUT_MS_DEFAULT}. */
  readonly timeoutMs?: number;
  /** What a call is answered with, besides Error and NotFound; default not declared: any message. */
  readonly replies?: T;
}

/**
 * Makes a message type.
 *
 * @param name - not empty; unique in a catalog.
 * @param id - 0 to {@link MESSAGE_TYPE_ID_MAX}; unique in a catalog.
 * @param schema - the body, mostly a `struct`.
 * @throws RangeError for an id or timeout out of range, or an empty name.
 */
export function defineMessage<
  const N extends string,
  Out,
  In = InputOf<Out>,
  const T extends readonly MessageType[] = readonly [],
>(
  name: N,
  id: number,
  schema: Schema<Out, In>,
  options: MessageOptions<T> = {},
): MessageType<N, Out, In, DeclaredReplies<T>> {
  if (name === '') throw new RangeError('a message needs a name');
  checkInteger('id', id, 0, MESSAGE_TYPE_ID_MAX);
  const timeoutMs = checkInteger('timeoutMs', options.timeoutMs ?? MESSAGE_TIMEOUT_MS_DEFAULT, 1, 0x7fff_ffff);
  const located = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw locateError(error, name);
    }
  };
  const write = (fields: In): BitWriter => {
    const writer = new BitWriter();
    writer.writeUint(id, 8);
    located(() => schema.encode(writer, fields));
    return writer;
  };
  const decodeBody = (reader: BitReader): Out => located(() => schema.decode(reader));
  return {
    name,
    id,
    timeoutMs,
    replies: options.replies,
    of: (fields: In): MessageValue<N, In> => ({ name, id, fields }),
    is: (value: MessageValue): value is MessageValue<N, Out> => value.id === id && value.name === name,
    encode: (fields: In): Uint8Array => write(fields).toBytes(),
    encodeBits: (fields: In): BitString => write(fields).toBitString(),
    decode(bytes: Uint8Array): Out {
      const reader = new BitReader(bytes);
      const given = reader.readUint(8);
      if (given !== id) {
        throw new CodecError('INVALID_VALUE', `the message id is ${given}: expected ${id} (${name})`);
      }
      return decodeBody(reader);
    },
    decodeBody,
    toJson: (fields: In): Json => schema.toJson(fields),
    fromJson: (json: Json): Out => located(() => schema.fromJson(json)),
  };
}
