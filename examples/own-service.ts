/**
 * A message and a service of your own, over TCP: a counter that two callers share, and that loses its count when it crashes.
 *
 * Watch for: the schema gives types, bytes and JSON in one declaration; a service answers one request at a time, so the count
 * needs no lock; a crash is answered with `Error` at once, and the restarted service answers the next call.
 *
 * Runs as it is on Node 22.18 and later, which strips types: node examples/own-service.ts. In a program of your own the
 * imports are from `genmesh` (`systemRandom` is there only), `genmesh/p2p` and so on.
 */

import { systemRandom } from '../src/base/random.ts';
import { archethicMessages, defineMessage, struct, uint } from '../src/codec/index.ts';
import { defaultEngine } from '../src/crypto/index.ts';
import { NodeSupervisor, on, service } from '../src/p2p/index.ts';

// Archethic leaves the ids 43 to 224 free.
const Count = defineMessage('Count', 101, struct({ value: uint(32) }));
const Add = defineMessage('Add', 100, struct({ by: uint(32) }), { replies: [Count] });
const messages = archethicMessages.extend([Count, Add]);

const engine = defaultEngine();
const server = await NodeSupervisor.startLink({
  identity: engine.generateKeyPair(systemRandom),
  listen: 'tcp://127.0.0.1:0',
  messages,
});
const client = await NodeSupervisor.startLink({ identity: engine.generateKeyPair(systemRandom), messages });

let value = 0;
const counter = service('counter', [
  on(Add, ({ fields }) => {
    if (fields.by === 0) {
      value = 0;
      throw new Error('nothing to add');
    }
    value += fields.by;
    return Count.of({ value });
  }),
]);
await server.startService(counter);

const remote = await client.connect(server.peer);
const replies = await Promise.all([1, 2, 3].map((by) => remote.call(Add, { by })));
console.log('counted', replies.map((reply) => (reply.name === 'Count' ? reply.fields.value : reply.name)).join(', '));
console.log('a crash is answered with', (await remote.call(Add, { by: 0 })).name);
await untilServed();
const again = await remote.call(Add, { by: 5 });
console.log('after the restart it counts from 0:', again.name === 'Count' ? again.fields.value : again.name);

await client.stop();
await server.stop();

/** The supervisor restarts the service in a moment. */
async function untilServed(): Promise<void> {
  while (server.subscriber(Add) === undefined) await new Promise((resolve) => setImmediate(resolve));
}
