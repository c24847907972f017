import { describe, expect, test } from 'vitest';
import { Traffic, WRONG_REPLY } from '../../src/cli/demo-traffic.ts';
import { cliMessages } from '../../src/cli/message-names.ts';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import { builtInServices, Echo, Echoed } from '../../src/p2p/built-in-services.ts';
import { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import type { Remote } from '../../src/p2p/remote.ts';
import { on, service } from '../../src/p2p/service.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

interface Rig {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly nodes: readonly NodeSupervisor[];
  readonly remotes: readonly Remote[];
}

/** Node 0 connected to as many others. */
async function rigOf(others: number, serve: (node: NodeSupervisor) => Promise<void> = serveAll): Promise<Rig> {
  const clock = new VirtualClock();
  const random = new SeededRandom(11);
  const network = new MemoryNetwork({ clock });
  const nodes: NodeSupervisor[] = [];
  const remotes: Remote[] = [];
  for (let index = 0; index <= others; index += 1) {
    const node = await NodeSupervisor.startLink({
      identity: defaultEngine().generateKeyPair(random),
      listen: `memory://10.0.0.${index + 1}:1`,
      transports: [network.transport()],
      messages: cliMessages,
      clock,
      random,
    });
    nodes.push(node);
    if (index === 0) continue;
    await serve(node);
    const remote = await (nodes[0] as NodeSupervisor).connect(node.peer);
    await clock.advanceUntil(() => remote.state === 'connected');
    remotes.push(remote);
  }
  return { clock, random, nodes, remotes };
}

async function serveAll(node: NodeSupervisor): Promise<void> {
  for (const one of builtInServices(node)) await node.startService(one);
}

describe('traffic', () => {
  test('keeps its rate over all remotes, and every call is answered', async () => {
    const { clock, random, nodes, remotes } = await rigOf(2);
    const traffic = new Traffic({ clock, random, remotes, rate: 100, inFlightMax: 64 });
    traffic.start();
    traffic.start();
    await clock.advance(2000);
    await traffic.stop();
    const counts = remotes.map((remote) => traffic.counts(remote));
    const calls = counts.map((count) => count.calls);
    expect(calls[0]! + calls[1]!).toBeGreaterThanOrEqual(190);
    expect(calls[0]! + calls[1]!).toBeLessThanOrEqual(200);
    expect(Math.abs(calls[0]! - calls[1]!)).toBeLessThanOrEqual(1);
    for (const count of counts) {
      expect(count).toMatchObject({ replies: count.calls, timeouts: 0, errors: 0, open: 0, errorsByCode: {} });
      expect(count.latencies.reduce((sum, [, one]) => sum + one, 0)).toBe(count.calls);
    }
    await clock.advance(1000);
    expect(remotes.map((remote) => traffic.counts(remote).calls)).toEqual(calls);
    for (const node of nodes) await node.stop();
    expect(clock.timerCount).toBe(0);
  });

  test.each([1, 2, 3])(
    'has at most so many calls under way to one remote (%d), and waits for them at the end',
    async (most) => {
      const { clock, random, nodes, remotes } = await rigOf(1, async () => {});
      const [remote] = remotes as [Remote];
      await nodes[1]!.stop();
      const traffic = new Traffic({ clock, random, remotes, rate: 1000, inFlightMax: most });
      traffic.start();
      await clock.advance(1000);
      expect(traffic.counts(remote)).toMatchObject({ calls: most, open: most });
      const stopped = traffic.stop();
      await clock.advance(5000);
      await stopped;
      expect(traffic.counts(remote)).toMatchObject({ calls: most, timeouts: most, open: 0 });
      await nodes[0]!.stop();
    },
  );

  test('makes up for a pause only in part', async () => {
    const { clock, random, nodes, remotes } = await rigOf(1);
    const traffic = new Traffic({ clock, random, remotes, rate: 100, inFlightMax: 1024 });
    // One timer of 10 ms that fires 10 s late, as after a suspended laptop.
    const late = Object.create(clock, {
      monotonicMs: { value: () => clock.monotonicMs() + (clock.monotonicMs() > 500 ? 10_000 : 0) },
      setTimer: { value: clock.setTimer.bind(clock) },
      clearTimer: { value: clock.clearTimer.bind(clock) },
    }) as VirtualClock;
    const paused = new Traffic({ clock: late, random, remotes, rate: 100, inFlightMax: 1024 });
    traffic.start();
    paused.start();
    await clock.advance(1000);
    await Promise.all([traffic.stop(), paused.stop()]);
    const [remote] = remotes as [Remote];
    expect(paused.counts(remote).calls).toBeLessThanOrEqual(traffic.counts(remote).calls + 26);
    for (const node of nodes) await node.stop();
  });

  test('counts a reply that is not the right one as an error', async () => {
    const wrong = (node: NodeSupervisor): Promise<void> =>
      node.startService(service('wrong', [on(Echo, () => Echoed.of({ bytes: new Uint8Array([1, 2]) }))]));
    const { clock, random, nodes, remotes } = await rigOf(1, wrong);
    const [remote] = remotes as [Remote];
    const traffic = new Traffic({ clock, random, remotes, rate: 50, inFlightMax: 64 });
    expect(await traffic.ping(remote)).toBe(false); // nobody serves Ping: the answer is Error
    traffic.start();
    await clock.advance(1000);
    await traffic.stop();
    const { calls, replies, errors, errorsByCode } = traffic.counts(remote);
    expect(calls).toBeGreaterThan(40);
    expect({ replies, errors, errorsByCode }).toEqual({
      replies: 0,
      errors: calls,
      errorsByCode: { [WRONG_REPLY]: calls },
    });
    for (const node of nodes) await node.stop();
  });

  test('pings one remote, and refuses one it does not know', async () => {
    const { clock, random, nodes, remotes } = await rigOf(2, async (node) => {
      await node.startService(service('ping', [on(Ping, () => Ok.of({}))]));
    });
    const traffic = new Traffic({ clock, random, remotes: [remotes[0] as Remote], rate: 50, inFlightMax: 64 });
    expect(await traffic.ping(remotes[0] as Remote)).toBe(true);
    expect(() => traffic.ping(remotes[1] as Remote)).toThrow(RangeError);
    expect(() => traffic.counts(remotes[1] as Remote)).toThrow(RangeError);
    for (const node of nodes) await node.stop();
  });
});
