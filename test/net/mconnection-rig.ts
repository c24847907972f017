/** Two ends of an in-memory connection on a virtual clock: an MConnection under test, and a raw peer or another facing it. */
import {
  encodePacketMsg,
  encodePacketPing,
  encodePacketPong,
  type Packet,
  PacketDecoder,
} from '../../src/codec/cometbft-packet.ts';
import type { ChannelDescriptor } from '../../src/net/channel-descriptor.ts';
import type { NetError } from '../../src/net/errors.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import type { MConnectionOptions } from '../../src/net/mconnection-options.ts';
import type { ByteStream } from '../../src/net/transport.ts';

/** Options that take limits, pings and windows out of a test that is about something else. */
export const PLAIN = {
  sendRateBytesPerSecond: 0,
  recvRateBytesPerSecond: 0,
  bulkWindowBytes: 0,
  isPingBehindMessages: false,
} as const;

/** An MConnection with what its handlers were told. */
export class RecordedMConnection {
  readonly mconnection: MConnection;
  readonly received: { readonly channelId: number; readonly message: Uint8Array }[] = [];
  readonly log: string[] = [];
  closed: { readonly reason: NetError | undefined } | undefined;
  onReceive: (channelId: number, message: Uint8Array) => void | PromiseLike<void> = () => {};

  constructor(
    stream: ByteStream,
    channels: readonly ChannelDescriptor[],
    options: Omit<MConnectionOptions, 'handlers'>,
  ) {
    this.mconnection = new MConnection(stream, channels, {
      ...options,
      handlers: {
        onReceive: (channelId, message) => {
          this.received.push({ channelId, message: message.slice() });
          this.log.push(`message ${channelId} ${message.length}`);
          return this.onReceive(channelId, message);
        },
        onError: (reason) => void this.log.push(`error ${reason.code}`),
        onClose: (reason) => {
          this.log.push(`close ${reason?.code ?? 'in order'}`);
          this.closed = { reason };
        },
      },
    });
  }
}

/** A peer that says and notes packets, and does nothing by itself but what `onPacket` does. */
export class RawPeer {
  readonly stream: ByteStream;
  readonly packets: Packet[] = [];
  closed: { readonly reason: NetError | undefined } | undefined;
  onPacket: (packet: Packet) => void = () => {};
  readonly #decoder: PacketDecoder;

  constructor(stream: ByteStream, packetPayloadBytesMax = 1024) {
    this.stream = stream;
    this.#decoder = new PacketDecoder({ packetPayloadBytesMax });
    stream.open({
      onData: (chunk) => {
        this.#decoder.push(chunk);
        for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
          this.packets.push(packet);
          this.onPacket(packet);
        }
      },
      onDrain: () => {},
      onClose: (reason) => {
        this.closed = { reason };
      },
    });
  }

  /** What came, one letter a packet: `i` ping, `o` pong, else channel id and size, with `.` at the end of a message. */
  get text(): string {
    return this.packets
      .map((packet) => {
        if (packet.type === 'msg') return `${packet.channelId}:${packet.data.length}${packet.eof ? '.' : ''}`;
        return packet.type === 'ping' ? 'i' : 'o';
      })
      .join(' ');
  }

  ping(): void {
    this.stream.write(encodePacketPing());
  }

  pong(): void {
    this.stream.write(encodePacketPong());
  }

  msg(channelId: number, eof: boolean, data: Uint8Array): void {
    this.stream.write(encodePacketMsg(channelId, eof, data));
  }

  /** Answers pings as an unmodified peer does. */
  answerPings(): void {
    this.onPacket = (packet) => {
      if (packet.type === 'ping') this.pong();
    };
  }
}

/** `length` bytes that depend on `seed`. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = i * 31 + seed * 17 + (i >> 8);
  return bytes;
}

/** Messages as strings, one character a byte: long arrays compare a thousand times faster so. */
export function texts(messages: readonly Uint8Array[]): string[] {
  return messages.map((message) => Buffer.from(message).toString('latin1'));
}
