/** The workloads of the network benchmark over one MConnection: echo, bulk, and a probe beside saturated bulk. */
import { systemClock } from '../../src/base/clock.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import type { MConnectionOptions } from '../../src/net/mconnection-options.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { ASK, BULK, ECHO, GO_CHANNELS } from '../../test/interop/go-peer.ts';

/** Options of the connection under test; without limits unless they say otherwise. */
export type LinkOptions = Omit<MConnectionOptions, 'clock' | 'handlers'>;

/** What a workload gives. */
export interface LinkResult {
  readonly perSecond?: number;
  readonly mbPerSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly cpuSeconds: number;
  /** Bulk bytes sent. */
  readonly bytes?: number;
}

interface Counts {
  readonly messages: number;
  readonly bytes: number;
}

/** An MConnection to the echo and bulk peer, as its dialler. */
export class Link {
  readonly mconnection: MConnection;
  #onEcho: (message: Uint8Array) => void = () => {};
  #onCounts: (counts: Counts) => void = () => {};
  #sentBulkBytes = 0;

  constructor(stream: ByteStream, options: LinkOptions = {}) {
    this.mconnection = new MConnection(stream, GO_CHANNELS, {
      clock: systemClock,
      sendRateBytesPerSecond: 0,
      recvRateBytesPerSecond: 0,
      ...options,
      handlers: {
        onReceive: (channelId, message) => {
          if (channelId === ECHO) this.#onEcho(message);
          else if (channelId === ASK) this.#onCounts(JSON.parse(new TextDecoder().decode(message)) as Counts);
        },
        onError: (reason) => {
          console.error(reason.message);
        },
      },
    });
    this.mconnection.start();
  }

  /** Messages of 100 bytes that come back, `inFlight` at a time. */
  async echo(inFlight: number, seconds: number): Promise<LinkResult> {
    const message = new Uint8Array(100);
    const { mconnection } = this;
    let done = 0;
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    await new Promise<void>((resolve) => {
      const endMs = startMs + seconds * 1000;
      let open = inFlight;
      this.#onEcho = () => {
        done += 1;
        if ((done & 15) === 0 && performance.now() > endMs) open -= 1;
        else if (open === inFlight) mconnection.trySend(ECHO, message);
        if (open < inFlight) resolve();
      };
      for (let i = 0; i < inFlight; i += 1) mconnection.trySend(ECHO, message);
    });
    return { perSecond: (done / (performance.now() - startMs)) * 1000, cpuSeconds: cpuSince(cpu) };
  }

  /** Messages of `size` bytes as fast as they go, until the peer has counted the last one. */
  async bulk(size: number, seconds: number): Promise<LinkResult> {
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    await this.#saturate(size, startMs + seconds * 1000);
    // A question beside bulk would make the link a shared one; the bare sender asks behind its last byte too.
    while (this.#queuedBulk > 0) await sleep(2);
    for (;;) {
      if ((await this.counts()).bytes >= this.#sentBulkBytes) break;
    }
    const elapsedMs = performance.now() - startMs;
    const bytes = this.#sentBulkBytes;
    return { mbPerSecond: bytes / 1000 / elapsedMs, cpuSeconds: cpuSince(cpu), bytes };
  }

  /** Round trips of 100 bytes every 5 ms, beside bulk unless `size` is 0, the first `warmUpSeconds` not counted. */
  async probe(size: number, seconds: number, warmUpSeconds = 0.3): Promise<LinkResult> {
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    const endMs = startMs + (seconds + warmUpSeconds) * 1000;
    const bulk = size === 0 ? undefined : this.#saturate(size, endMs);
    const rtts: number[] = [];
    const sentMs: number[] = [];
    this.#onEcho = (message) => {
      rtts.push(performance.now() - (sentMs[new DataView(message.buffer, message.byteOffset).getUint32(0)] as number));
    };
    await sleep(warmUpSeconds * 1000);
    // At a steady rate whatever comes back when: waiting for each reply would keep step with the peer's handlers.
    for (let dueMs = performance.now(); dueMs < endMs; dueMs += 5) {
      await sleep(Math.max(0, dueMs - performance.now()));
      const message = new Uint8Array(100);
      new DataView(message.buffer).setUint32(0, sentMs.length);
      sentMs.push(performance.now());
      this.mconnection.trySend(ECHO, message);
    }
    await sleep(100);
    const sentBytes = this.#sentBulkBytes;
    const elapsedMs = performance.now() - startMs;
    void bulk;
    rtts.sort((a, b) => a - b);
    return {
      mbPerSecond: sentBytes / 1000 / elapsedMs,
      p50Ms: rtts[rtts.length >> 1] ?? Number.NaN,
      p99Ms: rtts[Math.floor(rtts.length * 0.99)] ?? Number.NaN,
      cpuSeconds: cpuSince(cpu),
    };
  }

  /** What the peer has counted on the bulk channel. */
  counts(): Promise<Counts> {
    return new Promise((resolve) => {
      this.#onCounts = resolve;
      this.mconnection.trySend(ASK, new Uint8Array(0));
    });
  }

  get #queuedBulk(): number {
    return this.mconnection.status().channels.find(({ id }) => id === BULK)?.sendQueueSize ?? 0;
  }

  async #saturate(size: number, endMs: number): Promise<void> {
    const message = new Uint8Array(size);
    while (performance.now() < endMs && this.mconnection.isRunning) {
      if ((await this.mconnection.send(BULK, message)) !== 'queued') continue;
      this.#sentBulkBytes += size;
    }
  }
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function cpuSince(start: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(start);
  return (used.user + used.system) / 1e6;
}
