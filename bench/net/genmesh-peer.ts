/** A genmesh peer in a process of its own (`mconnection-node.ts`), with the Go peer's manners: what runs against that one runs against this one. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { CryptoEngine, EngineName } from '../../src/crypto/engine.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import { dialPeer, type GoResult, runGoClient } from '../../test/interop/go-peer.ts';

/** What it is told. */
export interface GenmeshPeerOptions {
  /** Time that its handler of bulk messages takes, in ms; default none. */
  readonly bulkDelayMs?: number;
  /** Default `calibrated`. */
  readonly engine?: EngineName;
}

/** One such process; it ends with this one, or with `stop`. */
export class GenmeshPeer {
  readonly #child: ChildProcess;
  readonly #address: string;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.#address = address;
  }

  /** Starts one on a free port of the loopback interface. */
  static async start(options: GenmeshPeerOptions = {}): Promise<GenmeshPeer> {
    const program = new URL('./mconnection-node.js', import.meta.url);
    const child = fork(program, [`${options.bulkDelayMs ?? 0}`, options.engine ?? 'calibrated'], { stdio: 'inherit' });
    const [address] = (await once(child, 'message')) as [string];
    return new GenmeshPeer(child, address);
  }

  /** Dials it and does the handshake. */
  connect(engine: CryptoEngine): Promise<SecretStream> {
    return dialPeer(this.#address, engine);
  }

  /** Lets a Go client run a workload against it. */
  goClient(args: readonly string[]): Promise<GoResult> {
    return runGoClient(this.#address, args);
  }

  stop(): void {
    this.#child.disconnect();
  }
}
