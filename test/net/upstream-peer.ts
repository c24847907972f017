/**
 * An unmodified CometBFT peer as far as time is concerned, on the virtual clock: it takes packets one after the other,
 * runs handlers inline, sleeps in its receive limiter in samples of 100 ms, and flushes what it says after a throttle,
 * at once with a pong (`p2p/conn/connection.go recvRoutine, sendRoutine`; `libs/flowrate`).
 */
import { encodePacketMsg, encodePacketPong, type Packet, PacketDecoder } from '../../src/codec/cometbft-packet.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import type { VirtualClock } from '../../src/sim/virtual-clock.ts';

const SAMPLE_MS = 100;

/** How slow it is. */
export interface UpstreamPeerOptions {
  /** Flush throttle in ms; 0 flushes at once. */
  readonly flushMs?: number;
  /** Sleep of the handler of a message longer than a packet, in ms. */
  readonly handlerMs?: number;
  /** Receive limit in bytes a second; 0 is none. */
  readonly recvRate?: number;
}

/** The peer: echoes messages on channel 2, swallows those on others. */
export class UpstreamPeer {
  readonly log: string[] = [];
  pings = 0;
  bulkBytes = 0;
  bulkMessages = 0;
  /** Ends of bulk messages read since the last ping: those that no pong stands behind. */
  eofsSincePing = 0;
  eofsSincePingMax = 0;
  readonly #clock: VirtualClock;
  readonly #stream: ByteStream;
  readonly #options: UpstreamPeerOptions;
  readonly #decoder = new PacketDecoder();
  readonly #queue: Packet[] = [];
  #out: Uint8Array[] = [];
  #isBusy = false;
  #isFlushArmed = false;
  #sampleStartMs = 0;
  #sampleBytes = 0;
  #messageBytes = 0;

  constructor(stream: ByteStream, clock: VirtualClock, options: UpstreamPeerOptions = {}) {
    this.#stream = stream;
    this.#clock = clock;
    this.#options = options;
    stream.open({
      onData: (chunk) => {
        this.#decoder.push(chunk);
        for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
          this.#queue.push(packet);
        }
        if (!this.#isBusy) this.#run();
      },
      onDrain: () => {},
      onClose: () => {},
    });
  }

  /** Bytes that it has taken off the network and not read yet. */
  get backlogBytes(): number {
    return this.#queue.reduce((sum, packet) => sum + (packet.type === 'msg' ? packet.data.length : 3), 0);
  }

  /** Writes a message of its own, flushed at once. */
  say(channelId: number, data: Uint8Array): void {
    this.#stream.write(encodePacketMsg(channelId, true, data));
  }

  #run(): void {
    this.#isBusy = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      const waitMs = this.#limit(packet);
      if (waitMs > 0) {
        const held = packet;
        this.#clock.setTimer(() => {
          this.#queue.unshift(held);
          this.#run();
        }, waitMs);
        return;
      }
      this.#sampleBytes += packet.type === 'msg' ? packet.data.length : 3;
      const handlerMs = this.#handle(packet);
      if (handlerMs > 0) {
        this.#clock.setTimer(() => this.#run(), handlerMs);
        return;
      }
    }
    this.#isBusy = false;
  }

  #limit(packet: Packet): number {
    const { recvRate = 0 } = this.#options;
    if (recvRate === 0 || packet === undefined) return 0;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sampleStartMs >= SAMPLE_MS) {
      this.#sampleStartMs = nowMs - (nowMs % SAMPLE_MS);
      this.#sampleBytes = 0;
    }
    if (this.#sampleBytes < (recvRate * SAMPLE_MS) / 1000) return 0;
    return this.#sampleStartMs + SAMPLE_MS - nowMs;
  }

  #handle(packet: Packet): number {
    if (packet.type === 'pong') return 0;
    if (packet.type === 'ping') {
      this.pings += 1;
      this.eofsSincePing = 0;
      this.#out.push(encodePacketPong());
      this.#flush();
      return 0;
    }
    if (packet.channelId === 2) {
      this.#out.push(encodePacketMsg(2, packet.eof, packet.data));
      this.#armFlush();
      return 0;
    }
    this.#messageBytes += packet.data.length;
    this.bulkBytes += packet.data.length;
    if (!packet.eof) return 0;
    this.bulkMessages += 1;
    this.eofsSincePing += 1;
    this.eofsSincePingMax = Math.max(this.eofsSincePingMax, this.eofsSincePing);
    const isLong = this.#messageBytes > 1024;
    this.#messageBytes = 0;
    return isLong ? (this.#options.handlerMs ?? 0) : 0;
  }

  #armFlush(): void {
    const { flushMs = 0 } = this.#options;
    if (flushMs === 0) this.#flush();
    else if (!this.#isFlushArmed) {
      this.#isFlushArmed = true;
      this.#clock.setTimer(() => {
        this.#isFlushArmed = false;
        this.#flush();
      }, flushMs);
    }
  }

  #flush(): void {
    const out = this.#out;
    this.#out = [];
    for (const bytes of out) this.#stream.write(bytes);
  }
}
