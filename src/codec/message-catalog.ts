/** A closed set of message types, by id and by name: what a node understands. */
import { BitReader } from './bit-reader.ts';
import { CodecError } from './errors.ts';
import type { Json } from './json-form.ts';
import type { MessageType, MessageValue, ValueOf } from './message.ts';

/** A decoded message and what was left of its input. */
export interface DecodedMessage<V extends MessageValue = MessageValue> {
  readonly value: V;
  /** Bits after the message: up to 7 fill up its last byte, more are ignored like upstream does. */
  readonly restBits: number;
}

/** Options of {@link MessageCatalog.extend}. */
export interface ExtendOptions {
  /** Whether types of the catalog give way to new ones with the same id or name; default false: that is an error. */
  readonly replace?: boolean;
}

/**
 * Message types by id and by name. Immutable.
 *
 * @typeParam T - union of the types; {@link MessageCatalog.decode} gives a value of one of them.
 */
export class MessageCatalog<T extends MessageType = MessageType> {
  /** In the order given. */
  readonly types: readonly T[];
  readonly #byId = new Map<number, T>();
  readonly #byName = new Map<string, T>();

  /** @throws RangeError when two types have the same id or the same name. */
  constructor(types: readonly T[]) {
    this.types = [...types];
    for (const type of types) {
      const twin = this.#byId.get(type.id) ?? this.#byName.get(type.name);
      if (twin !== undefined) {
        throw new RangeError(`message ${type.name} (id ${type.id}) collides with ${twin.name} (id ${twin.id})`);
      }
      this.#byId.set(type.id, type);
      this.#byName.set(type.name, type);
    }
  }

  /** The type with this id, if any. */
  byId(id: number): T | undefined {
    return this.#byId.get(id);
  }

  /** The type with this name, if any. */
  byName(name: string): T | undefined {
    return this.#byName.get(name);
  }

  /**
   * A catalog of these types and `types`.
   *
   * @throws RangeError when an id or name is taken, unless `replace` is set; two new types must always differ.
   */
  extend<U extends MessageType>(types: readonly U[], options: ExtendOptions = {}): MessageCatalog<T | U> {
    const kept =
      options.replace === true
        ? this.types.filter((old) => !types.some((type) => type.id === old.id || type.name === old.name))
        : this.types;
    return new MessageCatalog<T | U>([...kept, ...types]);
  }

  /**
   * The message at the start of `bytes`; what comes after it is ignored, like upstream does. The value owns its bytes.
   *
   * @throws {@link CodecError} `UNKNOWN_MESSAGE` for an id that is not in the catalog, `TRUNCATED` and others when the
   * body does not parse; nothing else.
   */
  decode(bytes: Uint8Array): ValueOf<T> {
    return this.decodeWithRest(bytes).value;
  }

  /** Like {@link MessageCatalog.decode}, and says how many bits are left. */
  decodeWithRest(bytes: Uint8Array): DecodedMessage<ValueOf<T>> {
    const reader = new BitReader(bytes);
    const id = reader.readUint(8);
    const type = this.#byId.get(id);
    if (type === undefined) throw new CodecError('UNKNOWN_MESSAGE', `no message has the id ${id}`);
    const fields = type.decodeBody(reader);
    const value: MessageValue = { name: type.name, id, fields };
    return { value: value as ValueOf<T>, restBits: reader.remainingBits };
  }

  /**
   * The bytes of a message, by its name.
   *
   * @throws {@link CodecError} `UNKNOWN_MESSAGE` for a name that is not in the catalog, else what the type throws.
   */
  encode(value: Pick<MessageValue, 'name' | 'fields'>): Uint8Array {
    return this.#fetch(value.name).encode(value.fields);
  }

  /** The JSON form of the fields of a message. @throws {@link CodecError} `UNKNOWN_MESSAGE`. */
  toJson(value: Pick<MessageValue, 'name' | 'fields'>): Json {
    return this.#fetch(value.name).toJson(value.fields);
  }

  /**
   * The message of a name and the JSON form of its fields.
   *
   * @throws {@link CodecError} `UNKNOWN_MESSAGE` for the name, `INVALID_VALUE` and the like for the fields.
   */
  fromJson(name: string, json: Json): ValueOf<T> {
    const type = this.#fetch(name);
    const value: MessageValue = { name: type.name, id: type.id, fields: type.fromJson(json) };
    return value as ValueOf<T>;
  }

  #fetch(name: string): MessageType {
    const type: MessageType | undefined = this.#byName.get(name);
    if (type === undefined) throw new CodecError('UNKNOWN_MESSAGE', `no message has the name ${name.slice(0, 60)}`);
    return type;
  }
}
