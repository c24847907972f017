/**
 * The floor of the bulk rows: packets made beforehand, sealed with the same cipher and written in large pieces, to the
 * same peer. No channels, no queue, no window, no pings; what the socket takes is all it heeds.
 */
import { encodePacketMsg, PacketDecoder } from '../../src/codec/cometbft-packet.ts';
import { TURN_BYTES_MIN } from '../../src/net/mconnection-slab.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { ASK, BULK } from '../../test/interop/go-peer.ts';
import type { LinkResult } from './mconnection-workloads.ts';

const PAYLOAD_BYTES = 1024;

/** Messages of `size` bytes as fast as they go, until the peer has counted the last one. */
export async function bareBulk(stream: ByteStream, size: number, seconds: number): Promise<LinkResult> {
  const message = packetsOf(size);
  let onDrain = (): void => {};
  let onCounted = (_bytes: number): void => {};
  const decoder = new PacketDecoder();
  stream.open({
    onData: (chunk) => {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
        if (packet.type !== 'msg') continue;
        onCounted((JSON.parse(new TextDecoder().decode(packet.data)) as { bytes: number }).bytes);
      }
    },
    onDrain: () => onDrain(),
    onClose: () => {},
  });
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (stream.write(bytes)) return;
    await new Promise<void>((resolve) => {
      onDrain = resolve;
    });
  };
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let sentBytes = 0;
  for (; performance.now() < startMs + seconds * 1000; sentBytes += size) {
    for (let at = 0; at < message.length; at += TURN_BYTES_MIN) await write(message.subarray(at, at + TURN_BYTES_MIN));
  }
  for (let countedBytes = 0; countedBytes < sentBytes; ) {
    const counted = new Promise<number>((resolve) => {
      onCounted = resolve;
    });
    await write(encodePacketMsg(ASK, true, new Uint8Array(0)));
    countedBytes = await counted;
  }
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  stream.destroy();
  return { mbPerSecond: sentBytes / 1000 / elapsedMs, cpuSeconds: (user + system) / 1e6, bytes: sentBytes };
}

/** One message, cut into packets as an MConnection would. */
function packetsOf(size: number): Uint8Array {
  const packets: Uint8Array[] = [];
  for (let at = 0; at < size; at += PAYLOAD_BYTES) {
    const data = new Uint8Array(Math.min(PAYLOAD_BYTES, size - at));
    packets.push(encodePacketMsg(BULK, at + PAYLOAD_BYTES >= size, data));
  }
  const joined = new Uint8Array(packets.reduce((bytes, packet) => bytes + packet.length, 0));
  let used = 0;
  for (const packet of packets) {
    joined.set(packet, used);
    used += packet.length;
  }
  return joined;
}
