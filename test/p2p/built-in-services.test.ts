import { describe, expect, it } from 'vitest';
import {
  GetLastTransaction,
  GetTransaction,
  GetTransactionChainLength,
  GetTransactionSummary,
} from '../../src/codec/archethic-chain-messages.ts';
import { GetFirstPublicKey, ListNodes } from '../../src/codec/archethic-node-messages.ts';
import { PublicKey } from '../../src/crypto/keys.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { LISTED_NODES_MAX } from '../../src/p2p/built-in-services.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import { World } from './node-rig.ts';

const address = new Uint8Array(34);

async function list(world: World, node: NodeSupervisor, authorizedAndAvailable: boolean) {
  const reply = await world.wait(node.call(node.publicKey, ListNodes, { authorizedAndAvailable }));
  if (reply.name !== 'NodeList') throw new Error(reply.name);
  return reply.fields.nodes.map((one) => ({ ...one, hex: PublicKey.parse(one.firstPublicKey).hex }));
}

describe('the built-in services', () => {
  it('say of a chain that there is none', async () => {
    const world = new World();
    const a = await world.node('a');
    for (const message of [GetTransaction, GetLastTransaction, GetTransactionSummary]) {
      expect(await world.wait(a.call(a.publicKey, message, { address }))).toMatchObject({ name: 'NotFound' });
    }
    expect(await world.wait(a.call(a.publicKey, GetTransactionChainLength, { address }))).toMatchObject({
      fields: { length: 0n },
    });
    const { bytes } = a.publicKey;
    expect(await world.wait(a.call(a.publicKey, GetFirstPublicKey, { publicKey: bytes }))).toMatchObject({
      fields: { publicKey: bytes },
    });
    await world.stop();
  });

  it('list the nodes that can be dialled by IPv4, this one first and the ones heard of last before the others', async () => {
    const world = new World();
    const node = await world.node('a', { hasServices: true });
    expect(await list(world, node, false)).toEqual([]); // it listens in memory, which the wire cannot say
    const keys = Array.from({ length: 4 }, () => world.key().publicKey);
    for (const [i, key] of keys.entries()) node.directory.learn(key, parseNetAddress(`tcp://10.0.0.${i}:30002`));
    node.directory.learn(world.key().publicKey, parseNetAddress('tcp://[::1]:30002'));
    node.directory.seen(keys[1]!);
    const all = await list(world, node, false);
    expect(all.map((one) => one.hex)).toEqual([1, 3, 2, 0].map((i) => keys[i]!.hex));
    expect(all.map((one) => [one.ip, one.port, one.transport])).toEqual(
      [1, 3, 2, 0].map((i) => [`10.0.0.${i}`, 30_002, 'tcp']),
    );
    const available = await list(world, node, true);
    expect(available.map((one) => one.hex)).toEqual([keys[1]!.hex]);
    expect(available[0]).toMatchObject({ available: true, averageAvailabilityPercent: 100 });
    await world.stop();
  });

  it.each([LISTED_NODES_MAX - 1, LISTED_NODES_MAX, LISTED_NODES_MAX + 1])(
    'of %i nodes list at most LISTED_NODES_MAX',
    async (count) => {
      const world = new World();
      const node = await world.node('a');
      for (let i = 0; i < count; i += 1) {
        const raw = new Uint8Array(32);
        new DataView(raw.buffer).setUint32(0, i + 1);
        node.directory.learn(PublicKey.of('ed25519', 'software', raw), parseNetAddress('tcp://10.0.0.1:1'));
      }
      expect(await list(world, node, false)).toHaveLength(Math.min(count, LISTED_NODES_MAX));
      await world.stop();
    },
  );
});
