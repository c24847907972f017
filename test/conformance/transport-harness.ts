/** What the transport suites work with: the harness an implementation gives, and recorded streams of numbered bytes. */
import { expect } from 'vitest';
import type { NetError } from '../../src/net/errors.ts';
import type { NetAddress } from '../../src/net/net-address.ts';
import type { ByteStream, Transport, TransportListener } from '../../src/net/transport.ts';

/** One implementation under test. */
export interface TransportHarness {
  readonly transport: Transport;
  /** The same transport with room for two accepted connections. */
  readonly transportOfTwo: Transport;
  /** A place to listen, with port 0. */
  readonly address: NetAddress;
  /** A transport whose dial to the address neither succeeds nor fails, and whose clock is about to time it out. */
  hangingDial(): { transport: Transport; address: NetAddress };
  /** Lets pending events happen; resolves soon. */
  turn(): Promise<void>;
}

/** A stream with what it has told so far. */
export class Recorder {
  readonly stream: ByteStream;
  readonly log: string[] = [];
  readonly closed: Promise<NetError | undefined>;
  chunks: Uint8Array[] = [];
  receivedBytes = 0;
  onData: (chunk: Uint8Array) => void = () => {};
  onDrain: () => void = () => {};
  readonly #waits = new Set<() => void>();

  constructor(stream: ByteStream) {
    this.stream = stream;
    this.closed = new Promise((resolve) => {
      stream.open({
        onData: (chunk) => {
          this.log.push('data');
          this.chunks.push(chunk);
          this.receivedBytes += chunk.length;
          this.onData(chunk);
          this.#wake();
        },
        onDrain: () => {
          this.log.push('drain');
          this.onDrain();
          this.#wake();
        },
        onClose: (reason) => {
          this.log.push('close');
          resolve(reason);
          this.#wake();
        },
      });
    });
  }

  /** Waits for something that an event of this stream makes true. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waits.add(resolve));
  }

  async untilReceived(bytes: number): Promise<Uint8Array> {
    await this.until(() => this.receivedBytes >= bytes);
    const all = new Uint8Array(this.receivedBytes);
    let offset = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    return all;
  }

  #wake(): void {
    for (const resolve of this.#waits) resolve();
    this.#waits.clear();
  }
}

/** `length` bytes of which neighbours at any small distance differ, beginning at `seed`. */
export function numbered(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i + seed) * 31 + ((i + seed) >> 8) * 17;
  return bytes;
}

/** Holds `actual` equal to `expected`, naming the first difference; the matcher for objects takes seconds for 1 MiB. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  let offset = 0;
  while (offset < expected.length && actual[offset] === expected[offset]) offset += 1;
  expect({ length: actual.length, equalUntil: offset }).toEqual({
    length: expected.length,
    equalUntil: expected.length,
  });
}

/** Listeners and streams of one test, all given back at its end. */
export class TransportBench {
  readonly listeners: TransportListener[] = [];
  readonly streams: ByteStream[] = [];

  async listen(
    transport: Transport,
    address: NetAddress,
    onConnection: (stream: ByteStream) => void,
  ): Promise<TransportListener> {
    const listener = await transport.listen(address, (stream) => {
      this.streams.push(stream);
      onConnection(stream);
    });
    this.listeners.push(listener);
    return listener;
  }

  async dial(transport: Transport, address: NetAddress): Promise<ByteStream> {
    const stream = await transport.dial(address, { timeoutMs: 10_000 });
    this.streams.push(stream);
    return stream;
  }

  /** A connected pair, neither end opened. */
  async pair(transport: Transport, address: NetAddress): Promise<[dialled: ByteStream, accepted: ByteStream]> {
    let accept: (stream: ByteStream) => void = () => {};
    const accepted = new Promise<ByteStream>((resolve) => {
      accept = resolve;
    });
    const listener = await this.listen(transport, address, (stream) => accept(stream));
    return [await this.dial(transport, listener.address), await accepted];
  }

  async recordedPair(transport: Transport, address: NetAddress): Promise<[dialled: Recorder, accepted: Recorder]> {
    const [dialled, accepted] = await this.pair(transport, address);
    return [new Recorder(dialled), new Recorder(accepted)];
  }

  async clear(): Promise<void> {
    for (const stream of this.streams.splice(0)) stream.destroy();
    await Promise.all(this.listeners.splice(0).map((listener) => listener.close()));
  }
}

/** The code a promise is rejected with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: NetError) => error.code,
  );
}

/** How a connection ends that is reset at the door: the dialler may notice during the dial or just after it. */
export async function fateOf(dialling: Promise<ByteStream>): Promise<string | undefined> {
  return dialling.then(
    async (stream) => (await new Recorder(stream).closed)?.code,
    (error: NetError) => error.code,
  );
}
