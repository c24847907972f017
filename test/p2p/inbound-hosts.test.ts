/** Hosts, and what one of them may take of a node on the MConnection wire; the other wire is in `test/evil/node.test.ts`. */
import { expect, test } from 'vitest';
import { Ping } from '../../src/codec/archethic-node-messages.ts';
import { hostKeyOf, hostOf } from '../../src/p2p/inbound-hosts.ts';
import { World } from './node-rig.ts';

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
  ['::1', '::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['b', 'b'],
])('%s is of host %s', (address, host) => {
  expect(hostKeyOf(address)).toBe(host);
});

test.each([
  ['tcp://1.2.3.4:5', '1.2.3.4'],
  ['tcp://[2001:db8::1]:5', '2001:db8::1'],
  ['memory://b:1', 'b'],
  ['somewhere', 'somewhere'],
])('the host of %s is %s', (remoteAddress, host) => {
  expect(hostOf(remoteAddress)).toBe(host);
});

test.each([1, 2])('inboundPerHostMax %i on wire mconnection: one more is refused, others come in', async (most) => {
  const world = new World({ wire: 'mconnection' });
  const victim = await world.node('victim', { inboundPerHostMax: most });
  const faults: string[] = [];
  victim.on('fault', ({ error }) => void faults.push(error.code));
  const address = victim.address;
  if (address === undefined) throw new Error('the node does not listen');
  const closed: number[] = [];
  for (let i = 0; i <= most; i += 1) {
    const stream = await world.wait(world.transport('crowd').dial(address, { timeoutMs: 1000 }));
    stream.open({ onData: () => {}, onDrain: () => {}, onClose: () => void closed.push(i) });
    await world.clock.advance(10);
  }
  expect(closed).toEqual([most]);
  expect(faults).toEqual(['INBOUND_PER_HOST_MAX']);
  expect(victim.stats()).toMatchObject({ inboundRefused: 1, faultsByCode: { INBOUND_PER_HOST_MAX: 1 } });
  const friend = await world.node('friend');
  const remote = await friend.connect(victim.peer);
  expect((await world.wait(remote.call(Ping, {}))).name).toBe('Ok');
  await world.stop();
});
