/**
 * The other end of the wire bench, an OS process of its own: a node on the wire named by its argument, that echoes, and does
 * bare cryptography when told to.
 */

import { systemRandom } from '../../src/base/random.ts';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import { builtInServices, Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import type { Wire } from '../../src/p2p/node-options.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { formatPeerAddress } from '../../src/p2p/peer-address.ts';
import { cryptoOperations, runCalls } from './crypto-load.ts';

/** What the bench asks of this process. */
export type Order = { readonly kind: 'crypto'; readonly count: number } | { readonly kind: 'cpu' };

/** What it answers: where it listens (once, first), or ms taken, or CPU time used so far in us. */
export type Report =
  | { readonly kind: 'peer'; readonly peer: string }
  | { readonly kind: 'crypto'; readonly ms: number }
  | { readonly kind: 'cpu'; readonly us: number };

const engine = defaultEngine();
const identity: KeyPair = engine.generateKeyPair(systemRandom);
const messages = archethicMessages.extend([Echo, Echoed]) as unknown as MessageCatalog;
const operations = cryptoOperations(engine, 'ed25519');
const node = await NodeSupervisor.startLink({
  identity,
  wire: process.argv[2] as Wire,
  messages,
  listen: 'tcp://127.0.0.1:0',
  requestsPerConnectionMax: 4096,
});
for (const service of builtInServices(node)) await node.startService(service);

const report = (message: Report): void => void process.send?.(message);

process.on('message', (order: Order) => {
  if (order.kind === 'crypto') {
    const startMs = performance.now();
    runCalls(operations, order.count);
    report({ kind: 'crypto', ms: performance.now() - startMs });
  } else {
    const { user, system } = process.cpuUsage();
    report({ kind: 'cpu', us: user + system });
  }
});
process.on('disconnect', () => process.exit(0));
report({ kind: 'peer', peer: formatPeerAddress(node.peer) });
