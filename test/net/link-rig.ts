/** Two ends of an in-memory connection on a virtual clock: a link under test, and a raw stream or a link facing it. */
import { ArchethicLink, type ArchethicLinkOptions } from '../../src/net/archethic-link.ts';
import type { NetError } from '../../src/net/errors.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../src/net/memory-transport.ts';
import type { ByteStream, ByteStreamHandlers } from '../../src/net/transport.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

/** A stream that counts and keeps what is written to it, and writes it on. */
export class WatchedStream implements ByteStream {
  readonly writes: Uint8Array[] = [];
  readonly #inner: ByteStream;

  constructor(inner: ByteStream) {
    this.#inner = inner;
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  get localAddress(): string {
    return this.#inner.localAddress;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  open(handlers: ByteStreamHandlers): void {
    this.#inner.open(handlers);
  }

  write(bytes: Uint8Array): boolean {
    this.writes.push(bytes.slice());
    return this.#inner.write(bytes);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  close(): void {
    this.#inner.close();
  }

  destroy(reason?: NetError): void {
    this.#inner.destroy(reason);
  }
}

/** A link with what its handlers were told. */
export class RecordedLink {
  readonly link: ArchethicLink;
  readonly frames: Uint8Array[] = [];
  readonly log: string[] = [];
  closed: { readonly reason: NetError | undefined } | undefined;
  onFrame: (payload: Uint8Array) => void = () => {};
  onHeartbeat: () => void = () => {};
  onDrain: () => void = () => {};
  onClose: () => void = () => {};

  constructor(stream: ByteStream, options: Omit<ArchethicLinkOptions, 'handlers'>) {
    this.link = new ArchethicLink(stream, {
      ...options,
      handlers: {
        onFrame: (payload) => {
          this.frames.push(payload.slice());
          this.log.push(`frame ${payload.length}`);
          this.onFrame(payload);
        },
        onHeartbeat: () => {
          this.log.push('heartbeat');
          this.onHeartbeat();
        },
        onDrain: () => {
          this.log.push('drain');
          this.onDrain();
        },
        onClose: (reason) => {
          this.log.push(`close ${reason?.code ?? 'in order'}`);
          this.closed = { reason };
          this.onClose();
        },
      },
    });
  }
}

/** A raw end with what it received. */
export class RawEnd {
  readonly stream: ByteStream;
  readonly chunks: Uint8Array[] = [];
  closed: { readonly reason: NetError | undefined } | undefined;
  onData: () => void = () => {};

  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.open({
      onData: (chunk) => {
        this.chunks.push(chunk);
        this.onData();
      },
      onDrain: () => {},
      onClose: (reason) => {
        this.closed = { reason };
      },
    });
  }

  /** Everything received, as hex. */
  get hex(): string {
    return this.chunks.map((chunk) => Buffer.from(chunk).toString('hex')).join('');
  }
}

/** A network, its clock, and two streams that meet on it; hosts are `a` (dialled) and `b` (accepted). */
export interface LinkRig {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly near: WatchedStream;
  readonly far: ByteStream;
}

/** Connects two ends. */
export async function connect(options: Omit<MemoryNetworkOptions, 'clock'> = {}): Promise<LinkRig> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock, ...options });
  let accepted: ByteStream | undefined;
  const listener = await network.transport('b').listen({ scheme: 'memory', host: 'b', port: 1 }, (stream) => {
    accepted = stream;
  });
  let dialled: ByteStream | undefined;
  void network
    .transport('a')
    .dial(listener.address, { timeoutMs: 10_000 })
    .then((stream) => {
      dialled = stream;
    });
  await clock.advanceUntil(() => dialled !== undefined);
  return { clock, network, near: new WatchedStream(dialled as ByteStream), far: accepted as ByteStream };
}
