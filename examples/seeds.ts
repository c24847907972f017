/**
 * A node that learns of others from a seeds file in Archethic's format, and asks each whom it knows.
 *
 * Watch for: one seed that nobody answers at costs the others nothing, and its call ends in one typed error; `view` gives
 * what this node thinks of a list of nodes, one bit each.
 *
 * Runs as it is on Node 22.18 and later, which strips types: node examples/seeds.ts. In a program of your own the
 * imports are from `genmesh` (`systemRandom` is there only), `genmesh/p2p` and so on.
 */
import { systemRandom } from '../src/base/random.ts';
import { ListNodes } from '../src/codec/index.ts';
import { defaultEngine } from '../src/crypto/index.ts';
import { builtInServices, NodeSupervisor, P2pError, parseSeeds } from '../src/p2p/index.ts';

const engine = defaultEngine();

async function start(): Promise<NodeSupervisor> {
  const identity = engine.generateKeyPair(systemRandom);
  const node = await NodeSupervisor.startLink({ identity, listen: 'tcp://127.0.0.1:0' });
  for (const service of builtInServices(node)) await node.startService(service);
  return node;
}

const others = [await start(), await start(), await start()];
const seeds = others
  .map(({ peer }) => `${peer.address.host}:${peer.address.port}:${peer.publicKey.hex}:tcp`)
  .join('\n');
await others[2]?.stop(); // listed, and not there

const node = await start();
const peers = parseSeeds(`# the first nodes\n${seeds}\n`);
for (const peer of peers) {
  const remote = await node.connect(peer);
  try {
    const reply = await remote.call(ListNodes, { authorizedAndAvailable: true }, { timeoutMs: 500 });
    console.log(
      'seed',
      peers.indexOf(peer) + 1,
      'knows',
      reply.name === 'NodeList' ? reply.fields.nodes.length : reply.name,
    );
  } catch (error) {
    console.log('seed', peers.indexOf(peer) + 1, 'failed:', error instanceof P2pError ? error.code : error);
  }
}
console.log('seen from here:', node.directory.view(peers.map(({ publicKey }) => publicKey)).toString());

await node.stop();
for (const other of others) await other.stop();
