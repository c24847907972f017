/**
 * Packets: what an MConnection writes. A ping, a pong, or a piece of a message of one channel (`Packet`, `PacketPing`,
 * `PacketPong` and `PacketMsg` of `proto/tendermint/p2p/conn.proto`), each behind its length.
 *
 * Every byte of a connection passes here, so the encoder writes straight into the send slab and the decoder reads what
 * honest peers write without intermediate objects; anything unusual takes the slow road of `cometbft-wire.ts`. Tests
 * hold both equal to a protobuf library.
 */
import { checkInteger } from '../base/errors.ts';
import { DelimitedDecoder, uvarintBytes, writeUvarint } from './cometbft-delimited.ts';
import { WIRE_BYTES, WIRE_VARINT, WireCursor } from './cometbft-wire.ts';
import { CodecError } from './errors.ts';

/** Data bytes of a packet at most, by default: `max_packet_msg_payload_size`, 1024 in every version of CometBFT. */
export const PACKET_PAYLOAD_BYTES_MAX_DEFAULT = 1024;

/** Highest value that `packetPayloadBytesMax` takes: 16 MiB. */
export const PACKET_PAYLOAD_BYTES_MAX = 16_777_216;

/** Highest channel id. Not an implementation choice: ids are bytes. */
export const CHANNEL_ID_MAX = 255;

/** Asks the peer for a pong. */
export interface PacketPing {
  readonly type: 'ping';
}

/** Answers a ping. */
export interface PacketPong {
  readonly type: 'pong';
}

/** A piece of a message. */
export interface PacketMsg {
  readonly type: 'msg';
  /** As on the wire, an int32; one that is not 0 to 255 belongs to no channel, and is for the owner to refuse. */
  readonly channelId: number;
  /** Whether it is the last piece of its message. */
  readonly eof: boolean;
  /** May be empty; the caller may keep it, which can keep the whole chunk it arrived in alive. */
  readonly data: Uint8Array;
}

/** What a packet can be. */
export type Packet = PacketPing | PacketPong | PacketMsg;

const PING: PacketPing = Object.freeze({ type: 'ping' });
const PONG: PacketPong = Object.freeze({ type: 'pong' });
const NO_BYTES = new Uint8Array(0);

const TAG_PING = 0x0a; // Packet field 1, a length follows
const TAG_PONG = 0x12; // Packet field 2
const TAG_MSG = 0x1a; // Packet field 3
const TAG_CHANNEL_ID = 0x08; // PacketMsg field 1, a varint follows
const TAG_EOF = 0x10; // PacketMsg field 2
const TAG_DATA = 0x1a; // PacketMsg field 3

/** A ping behind its length: a fresh array of 3 bytes. */
export function encodePacketPing(): Uint8Array {
  return Uint8Array.of(2, TAG_PING, 0);
}

/** A pong behind its length: a fresh array of 3 bytes. */
export function encodePacketPong(): Uint8Array {
  return Uint8Array.of(2, TAG_PONG, 0);
}

/**
 * A piece of a message behind its length: a fresh array.
 *
 * @param channelId - 0 to {@link CHANNEL_ID_MAX}.
 * @param data - copied; up to {@link packetDataBytesMax} bytes, or the peer refuses the packet.
 * @throws RangeError for another channel id, or more data than {@link PACKET_PAYLOAD_BYTES_MAX}.
 */
export function encodePacketMsg(channelId: number, eof: boolean, data: Uint8Array): Uint8Array {
  checkInteger('channelId', channelId, 0, CHANNEL_ID_MAX);
  checkInteger('data.length', data.length, 0, PACKET_PAYLOAD_BYTES_MAX);
  const bytes = new Uint8Array(packetMsgBytes(channelId, eof, data.length));
  writePacketMsg(bytes, 0, channelId, eof, data);
  return bytes;
}

/**
 * Writes what {@link encodePacketMsg} gives at `offset` of `target`, which has room for {@link packetMsgBytes} more. The
 * hot path: it checks nothing, the caller has checked the channel id when the channel was made.
 *
 * @returns how many bytes were written, the length included: {@link packetMsgBytes} of the same arguments.
 */
export function writePacketMsg(
  target: Uint8Array,
  offset: number,
  channelId: number,
  eof: boolean,
  data: Uint8Array,
): number {
  const innerBytes = packetMsgFieldsBytes(channelId, eof, data.length);
  let at = writeUvarint(target, offset, 1 + uvarintBytes(innerBytes) + innerBytes);
  target[at] = TAG_MSG;
  at = writeUvarint(target, at + 1, innerBytes);
  // proto3: a field of its zero value is left out.
  if (channelId !== 0) {
    target[at] = TAG_CHANNEL_ID;
    at = writeUvarint(target, at + 1, channelId);
  }
  if (eof) {
    target[at] = TAG_EOF;
    target[at + 1] = 1;
    at += 2;
  }
  if (data.length > 0) {
    target[at] = TAG_DATA;
    at = writeUvarint(target, at + 1, data.length);
    target.set(data, at);
    at += data.length;
  }
  return at - offset;
}

/** Bytes of a piece of a message on the wire, its length included. */
export function packetMsgBytes(channelId: number, eof: boolean, dataLength: number): number {
  const innerBytes = packetMsgFieldsBytes(channelId, eof, dataLength);
  const packetBytes = 1 + uvarintBytes(innerBytes) + innerBytes;
  return uvarintBytes(packetBytes) + packetBytes;
}

/**
 * Longest packet, without its length, that a peer with this payload size accepts: a full last packet of channel 1
 * (`connection.go maxPacketMsgSize`). 1034 bytes for 1024.
 *
 * @param payloadMax - 1 to {@link PACKET_PAYLOAD_BYTES_MAX}.
 * @throws RangeError when it is out of range.
 */
export function maxPacketMsgBytes(payloadMax: number): number {
  checkInteger('packetPayloadBytesMax', payloadMax, 1, PACKET_PAYLOAD_BYTES_MAX);
  const innerBytes = packetMsgFieldsBytes(1, true, payloadMax);
  return 1 + uvarintBytes(innerBytes) + innerBytes;
}

/**
 * Most data bytes to put in one packet of a channel, so that a peer with payload size `payloadMax` accepts it.
 *
 * Differs from CometBFT, which puts `payloadMax` bytes in every packet: for channel ids from 0x80, whose varint has two
 * bytes, a full last packet is then one byte too long, and the peer disconnects. Those get one byte less (two at a
 * few odd payload sizes, where a length grows by a byte).
 *
 * @param eof - whether it is the last packet of its message.
 */
export function packetDataBytesMax(channelId: number, eof: boolean, payloadMax: number): number {
  const bytesMax = maxPacketMsgBytes(payloadMax);
  let dataBytes = payloadMax;
  while (dataBytes > 0) {
    const innerBytes = packetMsgFieldsBytes(channelId, eof, dataBytes);
    if (1 + uvarintBytes(innerBytes) + innerBytes <= bytesMax) break;
    dataBytes -= 1;
  }
  return dataBytes;
}

function packetMsgFieldsBytes(channelId: number, eof: boolean, dataLength: number): number {
  const channelIdBytes = channelId === 0 ? 0 : channelId < 0x80 ? 2 : 3;
  const dataBytes = dataLength === 0 ? 0 : 1 + uvarintBytes(dataLength) + dataLength;
  return channelIdBytes + (eof ? 2 : 0) + dataBytes;
}

/** Options of {@link PacketDecoder}. */
export interface PacketDecoderOptions {
  /**
   * Data bytes of a packet at most, 1 to {@link PACKET_PAYLOAD_BYTES_MAX}; default
   * {@link PACKET_PAYLOAD_BYTES_MAX_DEFAULT}. It caps the packet as a whole, at {@link maxPacketMsgBytes}.
   */
  readonly packetPayloadBytesMax?: number;
}

/**
 * Cuts what a peer sends into packets, whatever the chunks.
 *
 * @example
 * ```ts
 * decoder.push(chunk);
 * for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) handle(packet);
 * ```
 */
export class PacketDecoder {
  readonly #delimited: DelimitedDecoder;
  #failure: CodecError | undefined;

  /** @throws RangeError when `packetPayloadBytesMax` is out of range. */
  constructor(options: PacketDecoderOptions = {}) {
    const payloadMax = options.packetPayloadBytesMax ?? PACKET_PAYLOAD_BYTES_MAX_DEFAULT;
    this.#delimited = new DelimitedDecoder(maxPacketMsgBytes(payloadMax));
  }

  /** Bytes pushed and not yet taken out; at most one incomplete packet once `next` has answered undefined. */
  get bufferedBytes(): number {
    return this.#delimited.bufferedBytes;
  }

  /** True between packets. */
  get isAtBoundary(): boolean {
    return this.#delimited.isAtBoundary;
  }

  /** Takes the next bytes of the stream, which the caller must not write to any more. */
  push(chunk: Uint8Array): void {
    if (this.#failure === undefined) this.#delimited.push(chunk);
  }

  /**
   * The next packet, or undefined when more bytes are needed.
   *
   * @throws {@link CodecError} `FRAME_TOO_LARGE` for a packet over the cap, `UNKNOWN_MESSAGE` for one that is neither
   *   ping, pong nor message, `TRUNCATED`, `OUT_OF_RANGE` and `INVALID_VALUE` for what is no protobuf. The stream is then
   *   beyond repair: each later call throws the same error.
   */
  next(): Packet | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const delimited = this.#delimited;
      return delimited.advance() ? decodeAt(delimited.bytes, delimited.start, delimited.end) : undefined;
    } catch (error) {
      this.#failure = error as CodecError;
      throw error;
    }
  }

  /** Says that the stream has ended. @throws {@link CodecError} `TRUNCATED` when it ended within a packet. */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#delimited.finish();
  }
}

/**
 * The packet in `bytes`, without a length before it. Its data is a view of them.
 *
 * @throws {@link CodecError} as {@link PacketDecoder.next}, but for `FRAME_TOO_LARGE`.
 */
export function decodePacket(bytes: Uint8Array): Packet {
  return decodeAt(bytes, 0, bytes.length);
}

function decodeAt(bytes: Uint8Array, start: number, end: number): Packet {
  return decodeCanonical(bytes, start, end) ?? decodeAny(bytes, start, end);
}

/** A packet as every honest encoder writes it, with lengths of at most two bytes; undefined for any other. */
function decodeCanonical(bytes: Uint8Array, start: number, end: number): Packet | undefined {
  const tag = bytes[start];
  if (end - start === 2 && bytes[start + 1] === 0) {
    if (tag === TAG_PING) return PING;
    if (tag === TAG_PONG) return PONG;
  }
  if (tag !== TAG_MSG || end - start < 2) return undefined;
  let at = start + 1;
  let length = bytes[at] as number;
  at += 1;
  if (length >= 0x80) {
    const second = bytes[at] as number;
    if (at >= end || second >= 0x80) return undefined;
    length = (length & 0x7f) | (second << 7);
    at += 1;
  }
  if (at + length !== end) return undefined;
  let channelId = 0;
  if (at + 1 < end && bytes[at] === TAG_CHANNEL_ID) {
    channelId = bytes[at + 1] as number;
    if (channelId >= 0x80) return undefined;
    at += 2;
  }
  let eof = false;
  if (at + 1 < end && bytes[at] === TAG_EOF) {
    if (bytes[at + 1] !== 1) return undefined;
    eof = true;
    at += 2;
  }
  if (at === end) return { type: 'msg', channelId, eof, data: NO_BYTES };
  if (bytes[at] !== TAG_DATA || at + 1 >= end) return undefined;
  length = bytes[at + 1] as number;
  at += 2;
  if (length >= 0x80) {
    const second = bytes[at] as number;
    if (at >= end || second >= 0x80) return undefined;
    length = (length & 0x7f) | (second << 7);
    at += 1;
  }
  return at + length === end ? { type: 'msg', channelId, eof, data: bytes.subarray(at, end) } : undefined;
}

/**
 * A packet as upstream's decoder reads it (`proto/tendermint/p2p/conn.pb.go`): fields in any order, unknown ones skipped,
 * the last of the oneof replaces those before it, the last of a scalar counts.
 */
function decodeAny(bytes: Uint8Array, start: number, end: number): Packet {
  const cursor = new WireCursor(bytes, start, end);
  let packet: Packet | undefined;
  while (cursor.nextField()) {
    if (cursor.fieldNumber > 3) {
      cursor.skipField();
      continue;
    }
    cursor.expectWireType(WIRE_BYTES, 'of the packet kind');
    const kind = cursor.fieldNumber;
    const bodyStart = cursor.skipBytes();
    if (kind === 3) packet = decodeMsg(bytes, bodyStart, cursor.offset);
    else {
      const body = new WireCursor(bytes, bodyStart, cursor.offset);
      while (body.nextField()) body.skipField();
      packet = kind === 1 ? PING : PONG;
    }
  }
  if (packet === undefined) throw new CodecError('UNKNOWN_MESSAGE', 'a packet is neither ping, pong nor message');
  return packet;
}

function decodeMsg(bytes: Uint8Array, start: number, end: number): PacketMsg {
  const cursor = new WireCursor(bytes, start, end);
  let channelId = 0;
  let eof = false;
  let data: Uint8Array = NO_BYTES;
  while (cursor.nextField()) {
    if (cursor.fieldNumber === 1) {
      cursor.expectWireType(WIRE_VARINT, 'channel_id');
      channelId = cursor.readVarint32();
    } else if (cursor.fieldNumber === 2) {
      cursor.expectWireType(WIRE_VARINT, 'eof');
      eof = cursor.readBool();
    } else if (cursor.fieldNumber === 3) {
      cursor.expectWireType(WIRE_BYTES, 'data');
      const dataStart = cursor.skipBytes();
      data = bytes.subarray(dataStart, cursor.offset);
    } else cursor.skipField();
  }
  return { type: 'msg', channelId, eof, data };
}
