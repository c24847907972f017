/**
 * Three switches, and chance deciding who dials, breaks, stops and kills what: whatever happens, each reactor hears of each
 * peer in order, both ends agree in the end, and nothing is left behind.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Switch } from '../../src/p2p/switch.ts';
import { bytes, findNode, Plain, processOf, SwitchWorld, TestReactor } from './switch-rig.ts';

const HOSTS = ['a', 'b', 'c'] as const;

const who = fc.integer({ min: 0, max: 2 });
const operation = fc.oneof(
  fc.record({ type: fc.constantFrom('dial' as const, 'dialLater' as const), from: who, to: who }),
  fc.record({ type: fc.constantFrom('stop' as const, 'transient' as const, 'graceful' as const), from: who, to: who }),
  fc.record({ type: fc.constantFrom('cut' as const, 'heal' as const, 'stall' as const), from: who, to: who }),
  fc.record({ type: fc.constant('kill' as const), from: who, to: who }),
  fc.record({ type: fc.constant('send' as const), from: who, to: who }),
  fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(0, 1, 50, 1000, 3000, 9000) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** The calls for one peer are (init, add?, remove)* and end with a remove. */
function checkCalls(calls: readonly string[], peer: string): void {
  const own = calls.filter((call) => call.endsWith(` ${peer}`)).map((call) => call.split(' ')[0]);
  expect(own.join(' ')).toMatch(/^(init( add)? remove ?)*$/);
}

async function apply(world: SwitchWorld, all: readonly Switch[], step: Operation): Promise<void> {
  if (step.type === 'advance') {
    await world.clock.advance(step.ms);
    return;
  }
  const [from, to] = [all[step.from]!, all[step.to]!];
  const [x, y] = [HOSTS[step.from]!, HOSTS[step.to]!];
  const peer = from.peers.get(to.id);
  if (step.type === 'dial') from.dialPeer(to.nodeAddress as string).catch(() => {});
  else if (step.type === 'dialLater')
    from.dialPeersAsync([to.nodeAddress as string], { isPersistent: step.from === 0 });
  else if (step.type === 'cut') world.network.cut(x, y);
  else if (step.type === 'stall') world.network.stall(x, y);
  else if (step.type === 'heal') world.network.heal(x, y);
  else if (step.type === 'kill') {
    const node = findNode(from, 'connections', 'peer-*');
    if (node?.status === 'running') processOf(from, node.pid).end('killed');
  } else if (peer === undefined) return;
  else if (step.type === 'stop') from.stopPeerForError(peer, 'chance');
  else if (step.type === 'transient') from.stopPeerForError(peer, 'chance', { isTransient: true });
  else if (step.type === 'graceful') from.stopPeerGracefully(peer).catch(() => {});
  else peer.trySend(Plain, bytes('x'));
  await world.clock.settle();
}

test('whatever happens to three switches, their reactors hear of it in order and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), fc.integer(), async (steps, seed) => {
      const world = new SwitchWorld({ seed });
      const reactors = HOSTS.map(() => new TestReactor('r', [Plain]));
      const all: Switch[] = [];
      for (const [index, host] of HOSTS.entries()) {
        all.push(await world.switch(host, { reactors: [reactors[index]!.spec] }));
      }
      for (const step of steps) await apply(world, all, step);
      for (const x of HOSTS) for (const y of HOSTS) world.network.heal(x, y);
      await world.clock.advance(200_000);
      for (const one of all) {
        for (const two of all) expect(one.peers.has(two.id)).toBe(one !== two && two.peers.has(one.id));
        const { added, removed, handshakes } = {
          added: one.stats().peersAdded,
          removed: one.stats().peersRemoved,
          handshakes: one.stats().handshakes,
        };
        expect([handshakes, added - removed]).toEqual([0, one.peers.size]);
        expect(one.isDialingOrExisting(`${'ab'.repeat(20)}@nobody:1`)).toBe(false);
      }
      // The first switch keeps what it called persistent.
      const wanted = steps.filter((step) => step.type === 'dialLater' && step.from === 0 && step.to !== 0);
      const let_go = steps.some((step) => step.type === 'graceful');
      if (!let_go)
        for (const step of wanted) expect(all[0]?.peers.has(all[(step as { to: number }).to]!.id)).toBe(true);
      await world.stop();
      for (const [index, { calls }] of reactors.entries()) {
        for (const host of HOSTS) if (host !== HOSTS[index]) checkCalls(calls, host);
      }
      expect([world.network.connectionCount, world.clock.timerCount]).toEqual([0, 0]);
      for (const one of all) expect(one.numPeers()).toEqual({ outbound: 0, inbound: 0, dialing: 0 });
    }),
    { numRuns: 30 },
  );
}, 120_000);
