/** Two switches as programs have them: TCP, the host's clock, real keys. Everything else is tested in memory. */
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { reactor } from '../../src/p2p/reactor.ts';
import { bytesCodec, channel } from '../../src/p2p/reactor-channel.ts';
import { Switch } from '../../src/p2p/switch.ts';

const Echo = channel({ id: 0x70, priority: 5, sendQueueCapacity: 64, codec: bytesCodec });

test('two switches on TCP loopback echo 200 messages and part in order', async () => {
  const engine = defaultEngine();
  const key = () => engine.generateKeyPair(systemRandom);
  const answered: number[] = [];
  let allAnswered: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    allAnswered = resolve;
  });
  const echo = reactor('echo', [Echo], () => ({
    receive: async ({ peer, message }) => void (await peer.send(Echo, message)),
  }));
  const count = reactor('count', [Echo], () => ({
    receive: ({ message }) => {
      answered.push(message.length);
      if (answered.length === 200) allAnswered();
    },
  }));
  const base = { network: 'tcp-test', listen: 'tcp://127.0.0.1:0' };
  const server = await Switch.startLink({ ...base, nodeKey: key(), reactors: [echo] });
  const client = await Switch.startLink({ ...base, nodeKey: key(), reactors: [count] });
  const peer = await client.dialPeer(server.nodeAddress as string);
  expect(peer.nodeInfo.listenAddress).toBe(`tcp://127.0.0.1:${server.address?.port}`);
  for (let i = 0; i < 200; i += 1) expect(await peer.send(Echo, new Uint8Array(i * 10))).toBe('queued');
  await done;
  expect(answered).toEqual(Array.from({ length: 200 }, (_, i) => i * 10));
  const removed = new Promise<string>((resolve) => {
    server.on('peerRemoved', ({ reason }) => resolve(reason.code));
  });
  await client.stopPeerGracefully(peer);
  expect(await removed).toBe('PEER_CLOSED');
  await client.stop();
  await server.stop();
}, 20_000);
