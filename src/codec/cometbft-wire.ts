/**
 * Protobuf on the wire, read with exactly the tolerance of the decoders that CometBFT generates (gogoproto): what they
 * accept is accepted here, what they refuse is refused, so that no peer can tell the two apart. Used for packets, where
 * the library behind `cometbft-message.ts` is both too slow and stricter in places.
 */
import { CodecError } from './errors.ts';

/** The wire types of protobuf that carry what packets are made of. */
export const WIRE_VARINT = 0;
/** A length and that many bytes. */
export const WIRE_BYTES = 2;

const WIRE_FIXED64 = 1;
const WIRE_GROUP_START = 3;
const WIRE_GROUP_END = 4;
const WIRE_FIXED32 = 5;
const VARINT_BYTES_MAX = 10;

/**
 * Reads fields from `bytes` between two offsets. After {@link WireCursor.nextField} the owner reads the value of that
 * field, or skips it.
 */
export class WireCursor {
  /** The bytes read; not copied. */
  readonly bytes: Uint8Array;
  /** Where the next byte is. */
  offset: number;
  /** Number of the field that {@link WireCursor.nextField} has met, 1 and up. */
  fieldNumber = 0;
  /** Its wire type, 0 to 7. */
  wireType = 0;
  readonly #end: number;
  #high = 0;

  /** Reads from `start` to before `end`. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.offset = start;
    this.#end = end;
  }

  /**
   * Reads the tag of the next field; false at the end.
   *
   * @throws {@link CodecError} `INVALID_VALUE` for field number 0 and the end of a group that never began, `TRUNCATED`,
   *   `OUT_OF_RANGE` for a tag longer than 10 bytes.
   */
  nextField(): boolean {
    if (this.offset >= this.#end) return false;
    const low = this.readVarint32();
    this.wireType = low & 7;
    // int32(tag >> 3): bits 3 to 34 count, those above are dropped.
    this.fieldNumber = (low >>> 3) | (this.#high << 29);
    if (this.wireType === WIRE_GROUP_END) {
      throw new CodecError('INVALID_VALUE', `field ${this.fieldNumber} ends a group that never began`);
    }
    if (this.fieldNumber <= 0) throw new CodecError('INVALID_VALUE', `field number ${this.fieldNumber}`);
    return true;
  }

  /** Holds the met field to a wire type. @throws {@link CodecError} `INVALID_VALUE` when it has another one. */
  expectWireType(wireType: number, field: string): void {
    if (this.wireType === wireType) return;
    throw new CodecError('INVALID_VALUE', `field ${field} has wire type ${this.wireType}, expected ${wireType}`);
  }

  /**
   * Reads a varint and keeps its low 32 bits, as a signed number.
   *
   * @throws {@link CodecError} `TRUNCATED`; `OUT_OF_RANGE` when it does not end within 10 bytes.
   */
  readVarint32(): number {
    let low = 0;
    let high = 0;
    for (let index = 0; index < VARINT_BYTES_MAX; index += 1) {
      if (this.offset >= this.#end) throw truncated();
      const byte = this.bytes[this.offset] as number;
      this.offset += 1;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= index < 9 ? bits << (7 * index - 32) : bits << 31; // of the tenth byte one bit fits
      if (byte < 0x80) {
        this.#high = high;
        return low;
      }
    }
    throw new CodecError('OUT_OF_RANGE', `a varint is longer than ${VARINT_BYTES_MAX} bytes`);
  }

  /** Reads a bool: any value but 0 is true. @throws {@link CodecError} as {@link WireCursor.readVarint32}. */
  readBool(): boolean {
    return (this.readVarint32() | this.#high) !== 0;
  }

  /**
   * Reads a length and steps over that many bytes, which are at [returned offset, `offset`) afterwards.
   *
   * @throws {@link CodecError} `TRUNCATED` when there are not as many; `OUT_OF_RANGE` for a length of 2^63 or more.
   */
  skipBytes(): number {
    const length = this.readVarint32();
    if (this.#high < 0) throw new CodecError('OUT_OF_RANGE', 'a length is over 63 bits');
    if (this.#high !== 0 || length >>> 0 > this.#end - this.offset) throw truncated();
    const start = this.offset;
    this.offset += length;
    return start;
  }

  /**
   * Steps over the value of the met field, which nobody knows; groups may nest to any depth, at no cost.
   *
   * @throws {@link CodecError} `INVALID_VALUE` for wire types 6 and 7, else as the reads above.
   */
  skipField(): void {
    let depth = 0;
    for (let wireType = this.wireType; ; wireType = this.readVarint32() & 7) {
      if (wireType === WIRE_VARINT) this.readVarint32();
      else if (wireType === WIRE_FIXED64) this.#skipFixed(8);
      else if (wireType === WIRE_BYTES) this.skipBytes();
      else if (wireType === WIRE_GROUP_START) depth += 1;
      else if (wireType === WIRE_GROUP_END) depth -= 1;
      else if (wireType === WIRE_FIXED32) this.#skipFixed(4);
      else throw new CodecError('INVALID_VALUE', `wire type ${wireType} does not exist`);
      if (depth === 0) return;
    }
  }

  #skipFixed(count: number): void {
    if (count > this.#end - this.offset) throw truncated();
    this.offset += count;
  }
}

function truncated(): CodecError {
  return new CodecError('TRUNCATED', 'the message ends within a field');
}
