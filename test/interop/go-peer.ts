/**
 * The Go peer of `test/interop/go`: built once into `build/interop`, started as a process, and dialled with our own
 * SecretConnection and MConnection. Used by the interop suite and by the network benchmark.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import type { ChannelDescriptor } from '../../src/net/channel-descriptor.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { buildGo, INTEROP_FOLDER } from './go-program.ts';

/** Channel ids of the Go peer, as in its `main.go`. */
export const ECHO = 0x01;
export const BULK = 0x02;
export const ASK = 0x03;
export const HIGH_ID = 0x81;

/** The channels of the Go peer, in its order. */
export const GO_CHANNELS: readonly ChannelDescriptor[] = [
  { id: BULK, priority: 1, sendQueueCapacity: 64 },
  { id: ECHO, priority: 100, sendQueueCapacity: 1024 },
  { id: ASK, priority: 10, sendQueueCapacity: 16 },
  { id: HIGH_ID, priority: 10, sendQueueCapacity: 16 },
];

const SOURCE = 'test/interop/go';
const NAME = 'go-peer';
const BINARY = `${INTEROP_FOLDER}/${NAME}`;

/** Flags of the Go peer. */
export interface GoOptions {
  /** Flush throttle, e.g. `100ms`; default none. */
  readonly flush?: string;
  /** Send and receive rate in bytes a second; default none. */
  readonly rate?: number;
  /** Sleep of the bulk handler, e.g. `20ms`; default none. */
  readonly bulkDelay?: string;
  readonly ping?: string;
  readonly pong?: string;
  /** Handshakes only: what follows one is read and dropped. Default false. */
  readonly handshakesOnly?: boolean;
}

/**
 * Builds the Go peer, unless it is newer than its source.
 *
 * @throws Error saying what is missing when there is no Go, or its modules cannot be fetched.
 */
export function buildGoPeer(): void {
  buildGo(SOURCE, NAME);
}

function flags(options: GoOptions): string[] {
  const given: [string, string | undefined][] = [
    ['-flush', options.flush],
    ['-rate', options.rate?.toString()],
    ['-bulk-delay', options.bulkDelay],
    ['-ping', options.ping],
    ['-pong', options.pong],
  ];
  const texts = given.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return options.handshakesOnly === true ? [...texts, '-handshakes'] : texts;
}

/** Dials a peer at `tcp://HOST:PORT` and does the handshake. */
export async function dialPeer(address: string, engine: CryptoEngine): Promise<SecretStream> {
  const stream = await new TcpTransport().dial(parseNetAddress(address), { timeoutMs: 5000 });
  const nodeKey = engine.generateKeyPair(systemRandom);
  return secretConnection(stream, { clock: systemClock, random: systemRandom, engine, nodeKey });
}

/** Lets a Go client run a workload against a peer at `tcp://HOST:PORT`, as {@link GoPeer.goClient}. */
export async function runGoClient(
  address: string,
  args: readonly string[],
  options: GoOptions = {},
): Promise<GoResult> {
  const dial = address.slice('tcp://'.length);
  const { stdout } = await promisify(execFile)(BINARY, ['-dial', dial, ...args, ...flags(options)]);
  return JSON.parse(stdout) as GoResult;
}

/** A Go peer that listens; it ends with this process, or with `stop`. */
export class GoPeer {
  readonly address: string;
  readonly publicKey: string;
  readonly errors: string[] = [];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string, publicKey: string) {
    this.#child = child;
    this.address = address;
    this.publicKey = publicKey;
  }

  /** Starts one on a free port of the loopback interface. */
  static async start(options: GoOptions = {}): Promise<GoPeer> {
    buildGoPeer();
    const child = spawn(BINARY, ['-listen', '127.0.0.1:0', ...flags(options)], { stdio: 'pipe' });
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', (code) => reject(new Error(`the Go peer ended with ${code} before it listened`)));
    });
    const [, address, publicKey] = line.split(' ') as [string, string, string];
    const peer = new GoPeer(child, `tcp://${address}`, publicKey);
    createInterface({ input: child.stderr }).on('line', (text) => peer.errors.push(text));
    return peer;
  }

  /** Dials it and does the handshake. */
  connect(engine: CryptoEngine = defaultEngine()): Promise<SecretStream> {
    return dialPeer(this.address, engine);
  }

  /** Lets a Go client run a workload against it; `args` as its flags, `options` the client's own. */
  goClient(args: readonly string[], options: GoOptions = {}): Promise<GoResult> {
    return runGoClient(this.address, args, options);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

/** What a Go client prints. */
export interface GoResult {
  readonly perSecond: number;
  readonly mbPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuSeconds: number;
}
