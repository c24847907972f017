import { expect, test } from 'vitest';
import { GetTransaction } from '../../src/codec/archethic-chain-messages.ts';
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import { ListNodes, Ping } from '../../src/codec/archethic-node-messages.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import { builtInServices, Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

test('two nodes in memory', async () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const network = new MemoryNetwork({ clock });
  const messages = archethicMessages.extend([Echo, Echoed]) as unknown as MessageCatalog;
  const engine = defaultEngine();
  const make = async (i: number) => {
    const node = await NodeSupervisor.startLink({
      identity: engine.generateKeyPair(random),
      listen: `memory://n${i}:1`,
      transports: [network.transport()],
      clock,
      random,
      messages,
    });
    for (const s of builtInServices(node)) await node.startService(s);
    return node;
  };
  const a = await make(1);
  const b = await make(2);
  const r = await a.connect(b.peer);
  await r.connected();
  expect(await r.call(Ping, {})).toMatchObject({ name: 'Ok' });
  expect((await r.call(Echo, { bytes: new Uint8Array([1, 2, 3]) })).fields).toEqual({ bytes: new Uint8Array([1, 2, 3]) });
  expect(await r.call(ListNodes, { authorizedAndAvailable: false })).toMatchObject({ name: 'NodeList' });
  console.log(a.formatTree());
  console.log(b.formatTree());
  console.log(r.stats());
  const p = r.call(Ping, {});
  await b.stop();
  await expect(p).rejects.toMatchObject({ code: 'CLOSED' });
  console.log(a.formatTree());
  const q = r.call(Ping, {});
  const caught = q.catch((e: unknown) => e);
  await clock.advance(5000);
  console.log(await caught);
  await a.stop();
  expect(clock.timerCount).toBe(0);
});
