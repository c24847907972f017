/** As much of js-libp2p as the benchmark uses, from where it is installed: `bench/rivals/libp2p`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const FOLDER = 'bench/rivals/libp2p/node_modules';

/** The protocol of both workloads: what is sent comes back, or is dropped. */
export const ECHO_PROTOCOL = '/bench/echo/1';
export const SINK_PROTOCOL = '/bench/sink/1';

/** Bytes as js-libp2p hands them over: a list of pieces. */
export interface Piece {
  readonly byteLength: number;
  subarray(): Uint8Array;
}

/** One stream of a connection. */
export interface Libp2pStream {
  readonly source: AsyncIterable<Piece>;
  sink(source: AsyncIterable<Piece | Uint8Array>): Promise<void>;
}

/** A running node. */
export interface Libp2pNode {
  getMultiaddrs(): readonly { toString(): string }[];
  handle(protocol: string, handler: (incoming: { readonly stream: Libp2pStream }) => void): Promise<void>;
  dialProtocol(address: unknown, protocol: string): Promise<Libp2pStream>;
  stop(): Promise<void>;
}

/** The version that is installed, or undefined. */
export function libp2pVersion(): string | undefined {
  try {
    const text = readFileSync(resolve(FOLDER, 'libp2p/package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return undefined;
  }
}

async function load(name: string, file = 'dist/src/index.js'): Promise<Record<string, (options?: unknown) => unknown>> {
  return (await import(pathToFileURL(resolve(FOLDER, name, file)).href)) as Record<string, () => unknown>;
}

/** A node over TCP with noise and yamux; listens on a free port of the loopback interface, or not at all. */
export async function startLibp2p(isListening: boolean): Promise<Libp2pNode> {
  const [core, tcp, noise, yamux] = await Promise.all([
    load('libp2p'),
    load('@libp2p/tcp'),
    load('@chainsafe/libp2p-noise'),
    load('@chainsafe/libp2p-yamux'),
  ]);
  return (await core.createLibp2p?.({
    addresses: { listen: isListening ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp.tcp?.()],
    connectionEncrypters: [noise.noise?.()],
    streamMuxers: [yamux.yamux?.()],
  })) as Libp2pNode;
}

/** An address in the form that `dialProtocol` takes. */
export async function parseMultiaddr(text: string): Promise<unknown> {
  return (await load('@multiformats/multiaddr')).multiaddr?.(text);
}
