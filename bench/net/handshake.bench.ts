/**
 * How many connections a second do we make and prove ourselves on, beside CometBFT against itself, in the same minutes?
 * TCP and the SecretConnection handshake, dialled, at 1 and at 8 being made at once. The other end is the same Go peer
 * either way; the floor of each row is a Go client. Without Go there are no rows.
 */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { CryptoEngine, EngineName } from '../../src/crypto/engine.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { GoPeer } from '../../test/interop/go-peer.ts';
import type { BenchOptions, BenchTable, Workload } from '../harness.ts';
import { goTable } from './go-table.ts';

/** Time of one round, in seconds. */
const SECONDS = 1.5;

/** Handshakes a second with `address`, `atOnce` of them under way. */
async function handshakesPerSecond(
  address: string,
  engine: CryptoEngine,
  atOnce: number,
  seconds: number,
): Promise<number> {
  const transport = new TcpTransport();
  const nodeKey = engine.generateKeyPair(systemRandom);
  const options = { clock: systemClock, random: systemRandom, engine, nodeKey };
  const peer = parseNetAddress(address);
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  let doneCount = 0;
  const dialOn = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const secret = await secretConnection(await transport.dial(peer, { timeoutMs: 5000 }), options);
      secret.destroy();
      doneCount += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, dialOn));
  return (doneCount / (performance.now() - startMs)) * 1000;
}

function workload(name: EngineName, engine: CryptoEngine, atOnce: number): Workload {
  const withPeer = async (run: (peer: GoPeer) => Promise<number>): Promise<number> => {
    const peer = await GoPeer.start({ handshakesOnly: true });
    try {
      return await run(peer);
    } finally {
      peer.stop();
    }
  };
  return {
    name: `handshake_${atOnce}_${name}`,
    unit: 'handsh./s',
    target: '80 % of Go to Go',
    floor: (scale) =>
      withPeer(async (peer) => {
        const args = ['-test', 'handshake', '-in-flight', `${atOnce}`, '-seconds', `${SECONDS * scale}`];
        return (await peer.goClient(args)).perSecond;
      }),
    ours: (scale) => withPeer((peer) => handshakesPerSecond(peer.address, engine, atOnce, SECONDS * scale)),
  };
}

/** The table: with the engine that is there by itself, and with the native one where that is another. */
export function handshakeBench(options: BenchOptions): Promise<BenchTable> {
  const title = 'Handshakes with a CometBFT peer, floor: CometBFT to itself';
  return goTable(title, options, (engines) =>
    [1, 8].flatMap((atOnce) => engines.map((engine) => workload(engine.name, engine, atOnce))),
  );
}
