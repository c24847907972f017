/**
 * Schemas: one declaration from which the TypeScript type, the encoder, the decoder and the JSON form of a message body
 * follow. This file composes them into records, lists and choices; `field-schemas.ts` has the single fields.
 *
 * @example
 * ```ts
 * const book = struct({ address, order: enumeration({ asc: 0, desc: 1 }, 1), pages: list(uint(8), varint) });
 * type Book = Decoded<typeof book>; // { address: Uint8Array; order: 'asc' | 'desc'; pages: readonly bigint[] }
 * ```
 */
import type { BitReader } from './bit-reader.ts';
import type { BitString } from './bit-string.ts';
import type { BitWriter } from './bit-writer.ts';
import { CodecError, locateError } from './errors.ts';
import { arrayFromJson, expected, type Json, type JsonObject, memberFromJson, objectFromJson } from './json-form.ts';

/** What an encoder takes where a decoder gives `T`: the same, but a number will do for a bigint, at any depth. */
export type InputOf<T> = unknown extends T
  ? T
  : T extends bigint
    ? bigint | number
    : T extends string | number | boolean | null | undefined | Uint8Array | BitString
      ? T
      : { readonly [K in keyof T]: InputOf<T[K]> };

/**
 * How values of one kind are written and read.
 *
 * @typeParam Out - what decoding gives.
 * @typeParam In - what encoding takes.
 */
export interface Schema<Out, In = InputOf<Out>> {
  /** Fewest bits a value takes; a list refuses a count that cannot fit by it, before it allocates. */
  readonly bitsMin: number;
  /** Writes `value`. @throws {@link CodecError} `OUT_OF_RANGE` or `INVALID_VALUE` for one that does not fit. */
  readonly encode: (writer: BitWriter, value: In) => void;
  /** Reads a value that owns its bytes. @throws {@link CodecError} and nothing else. */
  readonly decode: (reader: BitReader) => Out;
  /** The JSON form of a value that encodes. */
  readonly toJson: (value: In) => Json;
  /** The value of a JSON form. @throws {@link CodecError} `INVALID_VALUE` or `INVALID_HEX`, with the field path. */
  readonly fromJson: (json: Json) => Out;
}

/** Any schema, to take one whatever its types. */
export type AnySchema = Schema<unknown, never>;

/** What a schema decodes to. */
export type Decoded<S> = S extends { readonly decode: (reader: BitReader) => infer Out } ? Out : never;

/** What a schema encodes. */
export type Encodable<S> = S extends { readonly encode: (writer: BitWriter, value: infer In) => void } ? In : never;

/** A schema of named fields; {@link sequence} puts several into one record. */
export interface RecordSchema<Out, In = InputOf<Out>> extends Schema<Out, In> {
  readonly toJson: (value: In) => JsonObject;
  /** Names that its JSON form may have. */
  readonly fields: ReadonlySet<string>;
  /** Like `fromJson`, but leaves members that are not its own alone. */
  readonly pick: (json: JsonObject) => Out;
}

/** Any record schema, to take one whatever its types. */
export type AnyRecordSchema = RecordSchema<unknown, never>;

/** The type of a record without fields. */
export type NoFields = Readonly<Record<string, never>>;

/** A record as the code that composes it sees it: its values are checked when they are used. */
export type AnyFields = { readonly [field: string]: unknown };

type Shape = { readonly [field: string]: AnySchema };
type LooseRecord = RecordSchema<AnyFields, AnyFields>;

/** The parts of a {@link RecordSchema} that differ from one to the next. */
export interface RecordParts {
  readonly bitsMin: number;
  readonly fields: ReadonlySet<string>;
  encode(writer: BitWriter, value: AnyFields): void;
  decode(reader: BitReader): AnyFields;
  toJson(value: AnyFields): JsonObject;
  pick(json: JsonObject): AnyFields;
}

/** A record schema by hand, for shapes that the other functions here do not reach; types are the caller's word. */
export function makeRecord<Out, In = InputOf<Out>>(parts: RecordParts): RecordSchema<Out, In> {
  const record: LooseRecord = {
    ...parts,
    encode(writer: BitWriter, value: AnyFields): void {
      if (typeof value !== 'object' || value === null) throw expected('an object', value);
      parts.encode(writer, value);
    },
    fromJson(json: Json): AnyFields {
      const object = objectFromJson(json);
      for (const key of Object.keys(object)) {
        if (!parts.fields.has(key)) throw new CodecError('INVALID_VALUE', 'there is no such field').at(key);
      }
      return parts.pick(object);
    },
  };
  return record as unknown as RecordSchema<Out, In>;
}

/** A record whose fields follow each other in the order they are written here. Order in JSON does not matter. */
export function struct<T extends Shape>(
  shape: T,
): RecordSchema<{ readonly [K in keyof T]: Decoded<T[K]> }, { readonly [K in keyof T]: Encodable<T[K]> }> {
  const entries = Object.entries(shape) as unknown as readonly (readonly [string, Schema<unknown, unknown>])[];
  return makeRecord({
    bitsMin: entries.reduce((bits, [, schema]) => bits + schema.bitsMin, 0),
    fields: new Set(entries.map(([field]) => field)),
    encode(writer: BitWriter, value: AnyFields): void {
      for (const [field, schema] of entries) {
        try {
          schema.encode(writer, value[field]);
        } catch (error) {
          throw locateError(error, field);
        }
      }
    },
    decode(reader: BitReader): AnyFields {
      const value: Record<string, unknown> = {};
      for (const [field, schema] of entries) {
        try {
          value[field] = schema.decode(reader);
        } catch (error) {
          throw locateError(error, field);
        }
      }
      return value;
    },
    toJson: (value: AnyFields): JsonObject =>
      Object.fromEntries(entries.map(([field, schema]) => [field, schema.toJson(value[field])])),
    pick(json: JsonObject): AnyFields {
      const value: Record<string, unknown> = {};
      for (const [field, schema] of entries) {
        const member = memberFromJson(json, field);
        try {
          value[field] = schema.fromJson(member);
        } catch (error) {
          throw locateError(error, field);
        }
      }
      return value;
    },
  });
}

type AllDecoded<T> = T extends readonly [infer Head, ...infer Rest] ? Decoded<Head> & AllDecoded<Rest> : unknown;
type AllEncodable<T> = T extends readonly [infer Head, ...infer Rest] ? Encodable<Head> & AllEncodable<Rest> : unknown;

/** One record with the fields of several, which follow each other on the wire. Their field names must differ. */
export function sequence<T extends readonly AnyRecordSchema[]>(
  ...parts: T
): RecordSchema<AllDecoded<T>, AllEncodable<T>> {
  const records = parts as unknown as readonly LooseRecord[];
  return makeRecord({
    bitsMin: records.reduce((bits, record) => bits + record.bitsMin, 0),
    fields: new Set(records.flatMap((record) => [...record.fields])),
    encode(writer: BitWriter, value: AnyFields): void {
      for (const record of records) record.encode(writer, value);
    },
    decode: (reader: BitReader): AnyFields =>
      Object.assign({}, ...records.map((record) => record.decode(reader))) as AnyFields,
    toJson: (value: AnyFields): JsonObject => Object.assign({}, ...records.map((record) => record.toJson(value))),
    pick: (json: JsonObject): AnyFields => Object.assign({}, ...records.map((record) => record.pick(json))),
  });
}

/** A field that is always `value` and takes no bits: the tag of a branch of {@link choice}. */
export function literal<K extends string, V extends string>(
  field: K,
  value: V,
): RecordSchema<{ readonly [P in K]: V }> {
  const check = (given: unknown): void => {
    if (given !== value) throw expected(`"${value}"`, given).at(field);
  };
  const constant = { [field]: value } as { readonly [P in K]: V };
  return makeRecord({
    bitsMin: 0,
    fields: new Set([field]),
    encode: (_writer: BitWriter, record: AnyFields): void => check(record[field]),
    decode: (): AnyFields => constant,
    toJson: (): JsonObject => constant,
    pick(json: JsonObject): AnyFields {
      check(memberFromJson(json, field));
      return constant;
    },
  });
}

/** {@link literal} tag and fields in one: the branch `name` of a {@link choice}. */
export function branch<K extends string, V extends string, T extends Shape>(
  field: K,
  name: V,
  shape: T,
): RecordSchema<
  { readonly [P in K]: V } & { readonly [P in keyof T]: Decoded<T[P]> },
  { readonly [P in K]: V } & { readonly [P in keyof T]: Encodable<T[P]> }
> {
  return sequence(literal(field, name), struct(shape)) as unknown as RecordSchema<
    { readonly [P in K]: V } & { readonly [P in keyof T]: Decoded<T[P]> },
    { readonly [P in K]: V } & { readonly [P in keyof T]: Encodable<T[P]> }
  >;
}

/** A number on the wire, the values of the tag field it stands for, and what follows it. */
export type ChoiceBranch = readonly [code: number, names: readonly string[], schema: AnyRecordSchema];

/**
 * A record of one of several shapes, told apart by a number on the wire and by the field `tag` in the value. Each branch
 * brings the tag itself ({@link literal}, {@link branch}, or another choice when the number leaves more than one name).
 *
 * @param bits - bits of the number, 1 to 32.
 */
export function choice<const T extends readonly ChoiceBranch[]>(
  tag: string,
  bits: number,
  branches: T,
): RecordSchema<Decoded<T[number][2]>, Encodable<T[number][2]>> {
  const all = branches as unknown as readonly (readonly [number, readonly string[], LooseRecord])[];
  const names = all.flatMap(([, branchNames]) => branchNames);
  const branchOf = (name: unknown): readonly [number, readonly string[], LooseRecord] => {
    const found = all.find(([, branchNames]) => branchNames.includes(name as string));
    if (found === undefined) throw expected(`one of ${names.join(', ')}`, name).at(tag);
    return found;
  };
  return makeRecord({
    bitsMin: bits + Math.min(...all.map(([, , schema]) => schema.bitsMin)),
    fields: new Set(all.flatMap(([, , schema]) => [...schema.fields])),
    encode(writer: BitWriter, value: AnyFields): void {
      const [code, , schema] = branchOf(value[tag]);
      writer.writeUint(code, bits);
      schema.encode(writer, value);
    },
    decode(reader: BitReader): AnyFields {
      const code = reader.readUint(bits);
      const found = all.find(([branchCode]) => branchCode === code);
      if (found === undefined) throw new CodecError('INVALID_VALUE', `${code} stands for nothing`).at(tag);
      return found[2].decode(reader);
    },
    toJson: (value: AnyFields): JsonObject => branchOf(value[tag])[2].toJson(value),
    pick: (json: JsonObject): AnyFields => branchOf(memberFromJson(json, tag))[2].pick(json),
  });
}

/** Which versions a shape is for, and the shape. */
export type VersionCase<Out> = readonly [holds: (version: number) => boolean, schema: RecordSchema<Out, never>];

/**
 * A record that begins with a version number, by which the shape of the rest goes: the first case that holds. A version
 * without a case is refused.
 *
 * @param bits - bits of the number, 1 to 32.
 */
export function versioned<K extends string, Out>(
  field: K,
  bits: number,
  cases: readonly VersionCase<Out>[],
): RecordSchema<{ readonly [P in K]: number } & Out> {
  const all = cases as unknown as readonly (readonly [(version: number) => boolean, LooseRecord])[];
  const caseOf = (version: unknown): LooseRecord => {
    if (typeof version !== 'number') throw expected('a number', version).at(field);
    const found = all.find(([holds]) => holds(version));
    if (found === undefined) throw new CodecError('INVALID_VALUE', `version ${version} is unknown`).at(field);
    return found[1];
  };
  return makeRecord({
    bitsMin: bits + Math.min(...all.map(([, schema]) => schema.bitsMin)),
    fields: new Set([field, ...all.flatMap(([, schema]) => [...schema.fields])]),
    encode(writer: BitWriter, value: AnyFields): void {
      const schema = caseOf(value[field]);
      try {
        writer.writeUint(value[field] as number, bits);
      } catch (error) {
        throw locateError(error, field);
      }
      schema.encode(writer, value);
    },
    decode(reader: BitReader): AnyFields {
      const version = reader.readUint(bits);
      return { [field]: version, ...caseOf(version).decode(reader) };
    },
    toJson: (value: AnyFields): JsonObject => ({
      [field]: value[field] as number,
      ...caseOf(value[field]).toJson(value),
    }),
    pick(json: JsonObject): AnyFields {
      const version = memberFromJson(json, field);
      return { [field]: version, ...caseOf(version).pick(json) };
    },
  });
}

/** Counts or lengths: an unsigned integer of some bits, or a VarInt. Read as a number, exact up to 2^53 - 1. */
export interface CountSchema {
  readonly bitsMin: number;
  readonly encodeCount: (writer: BitWriter, value: number) => void;
  readonly decodeCount: (reader: BitReader) => number;
}

/**
 * A list: a count and that many items. A count that the input has no bits for is refused before anything is allocated.
 *
 * @throws TypeError when items can take no bits at all: a count would then cost nothing.
 */
export function list<Out, In>(count: CountSchema, item: Schema<Out, In>): Schema<readonly Out[], readonly In[]> {
  if (item.bitsMin < 1) throw new TypeError('an item of a list must take at least one bit');
  return {
    bitsMin: count.bitsMin,
    encode(writer: BitWriter, value: readonly In[]): void {
      if (!Array.isArray(value)) throw expected('an array', value);
      count.encodeCount(writer, value.length);
      encodeItems(writer, item, value);
    },
    decode(reader: BitReader): readonly Out[] {
      return decodeItems(reader, item, count.decodeCount(reader));
    },
    toJson: (value: readonly In[]): Json => value.map((entry) => item.toJson(entry)),
    fromJson: (json: Json): readonly Out[] => itemsFromJson(item, json),
  };
}

/** Writes items one after the other, without a count. */
export function encodeItems<In>(writer: BitWriter, item: Schema<unknown, In>, items: readonly In[]): void {
  for (const [index, entry] of items.entries()) {
    try {
      item.encode(writer, entry);
    } catch (error) {
      throw locateError(error, index);
    }
  }
}

/** Reads `count` items, having made sure that the input can hold them. */
export function decodeItems<Out>(reader: BitReader, item: Schema<Out, never>, count: number): readonly Out[] {
  reader.requireItems(count, item.bitsMin);
  const items: Out[] = [];
  for (let index = 0; index < count; index += 1) {
    try {
      items.push(item.decode(reader));
    } catch (error) {
      throw locateError(error, index);
    }
  }
  return items;
}

/** Reads items out of a JSON array. */
export function itemsFromJson<Out>(item: Schema<Out, never>, json: Json): readonly Out[] {
  return arrayFromJson(json).map((entry, index) => {
    try {
      return item.fromJson(entry);
    } catch (error) {
      throw locateError(error, index);
    }
  });
}

/**
 * A value or null: a flag (0 null, 1 a value), then the value.
 *
 * @param bits - bits of the flag, 1 or 8; a flag other than 0 and 1 is refused.
 */
export function optional<Out, In>(bits: 1 | 8, schema: Schema<Out, In>): Schema<Out | null, In | null> {
  return {
    bitsMin: bits,
    encode(writer: BitWriter, value: In | null): void {
      writer.writeUint(value === null ? 0 : 1, bits);
      if (value !== null) schema.encode(writer, value);
    },
    decode(reader: BitReader): Out | null {
      const flag = reader.readUint(bits);
      if (flag > 1) throw new CodecError('INVALID_VALUE', `the flag is ${flag}: expected 0 or 1`);
      return flag === 0 ? null : schema.decode(reader);
    },
    toJson: (value: In | null): Json => (value === null ? null : schema.toJson(value)),
    fromJson: (json: Json): Out | null => (json === null ? null : schema.fromJson(json)),
  };
}
