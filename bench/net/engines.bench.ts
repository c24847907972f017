/**
 * What does each engine take for what the MConnection wire asks of it: a frame of 1028 bytes, other lengths, and the
 * operations of a handshake? And what comes of it on a connection with a CometBFT peer: bulk and echo with the native
 * engine and with the one that is there by itself. The floor of each row is the native engine.
 */
import { systemRandom } from '../../src/base/random.ts';
import { engineNamed } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine, EngineName } from '../../src/crypto/engine.ts';
import { createNativeEngine } from '../../src/crypto/native-engine.ts';
import { buildGoPeer, GoPeer } from '../../test/interop/go-peer.ts';
import { type BenchOptions, type BenchTable, runTable, type Workload } from '../harness.ts';
import { Link } from './mconnection-workloads.ts';

/** Time of one round of one operation, in ms. */
const OPERATION_MS = 60;

/** Bytes of plaintext; 1028 is a frame of a SecretConnection. */
const SIZES = [64, 1028, 16_384] as const;

/** Microseconds that `run` takes, over and over for a while. */
function microseconds(run: () => unknown, scale: number): number {
  const startMs = performance.now();
  const endMs = startMs + OPERATION_MS * scale;
  let count = 0;
  do {
    for (let i = 0; i < 8; i += 1) run();
    count += 8;
  } while (performance.now() < endMs);
  return ((performance.now() - startMs) * 1000) / count;
}

/** Each operation by name, ready to run. */
function operationsOf(engine: CryptoEngine): ReadonlyMap<string, () => unknown> {
  const operations = new Map<string, () => unknown>();
  const cipher = engine.frameCipher(systemRandom.bytes(32));
  const nonce = new Uint8Array(12);
  for (const size of SIZES) {
    const [plaintext, sealed] = [systemRandom.bytes(size), new Uint8Array(size + 16)];
    cipher.seal(nonce, plaintext, sealed, 0);
    const target = new Uint8Array(size + 16);
    operations.set(`seal_${size}`, () => cipher.seal(nonce, plaintext, target, 0));
    operations.set(`open_${size}`, () => cipher.open(nonce, sealed));
    operations.set(`sha256_${size}`, () => engine.hash('sha256', plaintext));
  }
  const keyPair = engine.generateKeyPair(systemRandom);
  const data = systemRandom.bytes(32);
  const signature = engine.sign(keyPair, data);
  const [own, remotePublic] = [systemRandom.bytes(32), engine.x25519(systemRandom.bytes(32)).publicKey];
  operations.set('x25519', () => engine.x25519(own).agree(remotePublic));
  operations.set('sign', () => engine.sign(keyPair, data));
  operations.set('verify', () => engine.verifyZip215(keyPair.publicKey.raw, data, signature));
  return operations;
}

function operationWorkloads(native: CryptoEngine, names: readonly EngineName[]): Workload[] {
  const floor = operationsOf(native);
  return names.flatMap((name) => {
    const engine = engineNamed(name);
    if (engine === undefined) return [];
    return [...operationsOf(engine)].map(([operation, run]) => ({
      name: `${operation}_${name}`,
      unit: 'us',
      ours: (scale: number) => microseconds(run, scale),
      floor: (scale: number) => microseconds(floor.get(operation) as () => unknown, scale),
    }));
  });
}

async function overLink(engine: CryptoEngine, run: (link: Link) => Promise<number | undefined>): Promise<number> {
  // Anew for each number: a Go server whose heap has grown receives faster.
  const peer = await GoPeer.start();
  try {
    const link = new Link(await peer.connect(engine));
    const value = await run(link);
    link.mconnection.stop();
    return value ?? Number.NaN;
  } finally {
    peer.stop();
  }
}

function linkWorkloads(native: CryptoEngine): Workload[] {
  const chosen = engineNamed('calibrated') as CryptoEngine;
  if (chosen.name === native.name) return [];
  const beside = (
    name: string,
    unit: string,
    run: (scale: number) => (link: Link) => Promise<number | undefined>,
  ): Workload => ({
    name: `${name}_${chosen.name}`,
    unit,
    ours: (scale) => overLink(chosen, run(scale)),
    floor: (scale) => overLink(native, run(scale)),
  });
  return [
    beside('echo_64', 'rt/s', (scale) => async (link) => (await link.echo(64, 2 * scale)).perSecond),
    beside('bulk_64k', 'MB/s', (scale) => async (link) => (await link.bulk(65_536, 2 * scale)).mbPerSecond),
  ];
}

/** The table; without Go, of the operations only. */
export async function enginesBench(options: BenchOptions): Promise<BenchTable> {
  const title = 'Engines, floor: the native one';
  const native = createNativeEngine();
  if (native === undefined) return { title, rounds: 0, rows: [] };
  if (engineNamed('sodium') === undefined) console.log('no engine on sodium-native: npm install sodium-native');
  const workloads = operationWorkloads(native, ['sodium', 'calibrated', 'portable']);
  try {
    buildGoPeer();
    workloads.push(...linkWorkloads(native));
  } catch (error) {
    console.log(`${title}: nothing over a connection, ${(error as Error).message}`);
  }
  return runTable(title, workloads, options);
}
