/**
 * The cold protobuf messages of CometBFT (handshake, NodeInfo, PEX) over a protobuf library: how their fields are read
 * and written here, and how the library's errors become codec errors. Packets, which are hot, have a reader of their
 * own in `cometbft-packet.ts`.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { CodecError } from './errors.ts';

/** Reads the value of one field. @internal */
export interface FieldReader {
  /** Bytes, a fresh copy. */
  bytes(): Uint8Array;
  /** A text; bytes that are no UTF-8 become U+FFFD. */
  string(): string;
  /** An unsigned 64-bit number. */
  uint64(): bigint;
  /** An unsigned 32-bit number: the low 32 bits of what is there. */
  uint32(): number;
  /** A message: its bytes, a view. */
  message(): Uint8Array;
}

/** Writes fields; those of their zero value are left out, as proto3 does. @internal */
export interface FieldWriter {
  /** Bytes, unless empty. */
  bytes(field: number, value: Uint8Array): void;
  /** A text, unless empty. */
  string(field: number, value: string): void;
  /** An unsigned 64-bit number, unless 0. */
  uint64(field: number, value: bigint): void;
  /** An unsigned 32-bit number, unless 0. */
  uint32(field: number, value: number): void;
  /** A message, also an empty one. */
  message(field: number, write: (writer: FieldWriter) => void): void;
  /** Bytes as they are, without a tag. */
  raw(bytes: Uint8Array): void;
}

/**
 * Reads every field of a message: those in `fields` by their function, others skipped; of one that comes twice, the
 * last counts if its function just assigns.
 *
 * @param name - the message, for errors.
 * @throws CodecError `TRUNCATED` or `INVALID_VALUE` for what is no protobuf or has another wire type.
 * @internal
 */
export function readMessage(
  name: string,
  bytes: Uint8Array,
  fields: Readonly<Record<number, (reader: FieldReader) => void>>,
): void {
  const reader = new BinaryReader(bytes);
  let field = 0;
  let wireType: number = WireType.Varint;
  const expect = (expected: number): BinaryReader => {
    if (wireType === expected) return reader;
    throw new CodecError('INVALID_VALUE', `${name}: field ${field} has wire type ${wireType}, expected ${expected}`);
  };
  const values: FieldReader = {
    bytes: () => expect(WireType.LengthDelimited).bytes().slice(),
    string: () => expect(WireType.LengthDelimited).string(),
    uint64: () => BigInt(expect(WireType.Varint).uint64()),
    uint32: () => expect(WireType.Varint).uint32(),
    message: () => expect(WireType.LengthDelimited).bytes(),
  };
  try {
    while (reader.pos < reader.len) {
      [field, wireType] = reader.tag();
      const read = fields[field];
      if (read === undefined) reader.skip(wireType, field);
      else read(values);
      // The library does not look for the end in every read.
      if (reader.pos > reader.len) throw new RangeError('past the end');
    }
  } catch (cause) {
    if (cause instanceof CodecError) throw cause;
    // Bounds are a RangeError there, everything else that is wrong on the wire a plain Error.
    const code = cause instanceof RangeError ? 'TRUNCATED' : 'INVALID_VALUE';
    const what = code === 'TRUNCATED' ? 'ends within a field' : 'is no protobuf message';
    throw new CodecError(code, `${name}: ${bytes.length} bytes: ${what}`, { cause });
  }
}

/** Writes a message: a fresh array, owned by the caller. @internal */
export function writeMessage(write: (writer: FieldWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(fieldWriter(writer));
  return Uint8Array.from(writer.finish());
}

function fieldWriter(writer: BinaryWriter): FieldWriter {
  const fields: FieldWriter = {
    bytes(field, value) {
      if (value.length > 0) writer.tag(field, WireType.LengthDelimited).bytes(value);
    },
    string(field, value) {
      if (value !== '') writer.tag(field, WireType.LengthDelimited).string(value);
    },
    uint64(field, value) {
      if (value !== 0n) writer.tag(field, WireType.Varint).uint64(value);
    },
    uint32(field, value) {
      if (value !== 0) writer.tag(field, WireType.Varint).uint32(value);
    },
    message(field, write) {
      writer.tag(field, WireType.LengthDelimited).fork();
      write(fields);
      writer.join();
    },
    raw(bytes) {
      writer.raw(bytes);
    },
  };
  return fields;
}
