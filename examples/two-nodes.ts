/**
 * Two nodes that call each other, in one process and without a network: the smallest whole program.
 *
 * Watch for: the reply is typed by the request, an unknown transaction is an answer (`NotFound`) and no error, and the tree
 * shows which actors one connection takes.
 *
 * Runs as it is on Node 22.18 and later, which strips types: node examples/two-nodes.ts. In a program of your own the
 * imports are from `genmesh` (`systemClock` and `systemRandom` are there only), `genmesh/p2p` and so on.
 */

import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { GetTransaction, Ping } from '../src/codec/index.ts';
import { defaultEngine } from '../src/crypto/index.ts';
import { MemoryNetwork } from '../src/net/index.ts';
import { builtInServices, NodeSupervisor } from '../src/p2p/index.ts';

const network = new MemoryNetwork({ clock: systemClock });

async function start(name: string): Promise<NodeSupervisor> {
  const identity = defaultEngine().generateKeyPair(systemRandom);
  const transports = [network.transport()];
  const node = await NodeSupervisor.startLink({ identity, listen: `memory://${name}:1`, transports });
  for (const service of builtInServices(node)) await node.startService(service);
  return node;
}

const [alice, bob] = [await start('alice'), await start('bob')];
const remote = await alice.connect(bob.peer);

console.log('Ping is answered with', (await remote.call(Ping, {})).name);
console.log(
  'GetTransaction is answered with',
  (await remote.call(GetTransaction, { address: new Uint8Array(34) })).name,
);
console.log(alice.formatTree());

await alice.stop();
await bob.stop();
