/** A service that strangers trip over, until its own supervisor gives up, and how it comes back. */
import { describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { WIRES } from '../../src/p2p/node-options.ts';
import { on, type ServiceSpec, service } from '../../src/p2p/service.ts';
import { findNode, findPid, World, type WorldOptions } from './node-rig.ts';

const POISON = Uint8Array.of(0xff);
const GOOD = Uint8Array.of(1);
const ERROR = { name: 'Error', fields: { reason: 'network_issue' } };

/** Throws on poison, answers anything else. */
const fragile = (id = 'fragile'): ServiceSpec =>
  service(id, [
    on(Echo, ({ fields }) => {
      if (fields.bytes[0] === POISON[0]) throw new Error('poison');
      return Echoed.of({ bytes: fields.bytes });
    }),
  ]);

async function poisoned(options: object = {}, worldOptions: WorldOptions = {}) {
  const world = new World(worldOptions);
  const [a, b] = [await world.node('a'), await world.node('b', { hasServices: false, ...options })];
  await b.startService(fragile());
  const remote = await a.connect(b.peer);
  await world.wait(remote.connected());
  const poison = async (): Promise<void> => {
    for (let i = 0; i < 4; i += 1) {
      expect(await world.wait(remote.call(Echo, { bytes: POISON }))).toMatchObject(ERROR);
    }
    expect(findNode(b, 'services')?.children).toEqual([]);
    expect(b.subscriber(Echo)).toBeUndefined();
  };
  await poison();
  return { world, a, b, remote, poison };
}

describe('a service whose supervisor gave up after four poison requests', () => {
  it.each(WIRES)('serves everybody again reviveDelayMs later, as often as it takes, wire %s', async (wire) => {
    const { world, b, remote, poison } = await poisoned({ reviveDelayMs: 700 }, { wire });
    for (let round = 0; round < 3; round += 1) {
      if (round > 0) await poison();
      expect(await world.wait(remote.call(Echo, { bytes: GOOD }))).toMatchObject(ERROR);
      await world.clock.advance(699);
      expect(b.subscriber(Echo)).toBeUndefined();
      await world.clock.advance(1);
      expect(b.subscriber(Echo)?.isAlive).toBe(true);
      expect(await world.wait(remote.call(Echo, { bytes: GOOD }))).toMatchObject({ name: 'Echoed' });
    }
    expect(findNode(b, 'services')?.children).toHaveLength(1);
    expect(world.logs.filter(({ message }) => /service whose supervisor gave up/.test(message))).toHaveLength(3);
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it('stays away when it was stopped before', async () => {
    const { world, b } = await poisoned();
    expect(await b.stopService('fragile')).toBe(false);
    await world.clock.advance(60_000);
    expect(findNode(b, 'services')?.children).toEqual([]);
    await world.stop();
  });

  it('that is started again by hand meanwhile runs once', async () => {
    const { world, b } = await poisoned();
    await b.startService(fragile());
    await world.clock.advance(60_000);
    expect(findNode(b, 'services')?.children).toHaveLength(1);
    expect(await b.stopService('fragile')).toBe(true);
    await world.clock.advance(60_000);
    expect(findNode(b, 'services')?.children).toEqual([]);
    await world.stop();
  });

  it('leaves its messages to the service that took them over, and comes back for the rest', async () => {
    const { world, b } = await poisoned();
    await b.startService(fragile('other'));
    const other = b.subscriber(Echo);
    await world.clock.advance(5000);
    expect(findNode(b, 'services')?.children).toHaveLength(2);
    expect(b.subscriber(Echo)).toBe(other);
    await world.stop();
  });

  it('comes back once when all services are restarted before its time', async () => {
    const { world, b } = await poisoned();
    exit(findPid(b, 'services'), 'kill');
    await world.clock.settle();
    expect(findNode(b, 'services')?.children).toHaveLength(1);
    await world.clock.advance(60_000);
    expect(findNode(b, 'services')?.children).toHaveLength(1);
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it.each([0, 5000])(
    'with reviveDelayMs %i leaves no timer and no complaint when the node stops',
    async (reviveDelayMs) => {
      const world = new World();
      const b = await world.node('b', { reviveDelayMs });
      await world.clock.settle();
      const complaints = (): number => world.logs.filter(({ level }) => level === 'error' || level === 'warn').length;
      const before = complaints();
      await world.stop();
      expect(b.pid.isAlive).toBe(false);
      expect(complaints()).toBe(before);
      expect(world.clock.timerCount).toBe(0);
    },
  );
});

describe('a service that is stopped while it starts', () => {
  it('does not run afterwards, and its start says STOPPED', async () => {
    const world = new World();
    const b = await world.node('b', { hasServices: false });
    const starting = b.startService(service('ping', [on(Ping, () => Ok.of({}))]));
    const stopped = b.stopService('ping');
    await expect(world.wait(starting)).rejects.toMatchObject({ code: 'STOPPED' });
    expect(await world.wait(stopped)).toBe(false);
    expect(findNode(b, 'services')?.children).toEqual([]);
    expect(b.subscriber(Ping)).toBeUndefined();
    await world.stop();
  });
});
