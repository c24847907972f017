/**
 * Three nodes under a bad network and random crashes, a run a seed: every call settles exactly once with a code it may have,
 * and when all is healed every call is answered. `SEED=42 npx vitest run test/p2p/cluster.test.ts` runs one seed again.
 */
import { describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { Ping } from '../../src/codec/archethic-node-messages.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import { WIRES, type Wire } from '../../src/p2p/node-options.ts';
import type { NodeSupervisor } from '../../src/p2p/node-supervisor.ts';
import type { Remote } from '../../src/p2p/remote.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { findPid, type Outcome, outcomeOf, World } from './node-rig.ts';

const SEEDS = process.env.SEED === undefined ? Array.from({ length: 16 }, (_, i) => i + 1) : [Number(process.env.SEED)];
const STEPS = 60;
const HOSTS = ['a', 'b', 'c'] as const;
const KILLED = ['connection', 'reader', 'mailbox'] as const;

class Cluster {
  readonly world: World;
  readonly remotes: { readonly from: NodeSupervisor; readonly remote: Remote }[] = [];
  readonly calls: Outcome<unknown>[] = [];
  readonly #random: SeededRandom;
  readonly #nodes: NodeSupervisor[] = [];

  constructor(seed: number, wire: Wire) {
    this.#random = new SeededRandom(seed);
    this.world = new World({
      seed,
      latencyMs: this.pick([0, 1, 7, 40]),
      chunkBytesMax: this.pick([0, 1, 13, 300]),
      isPlain: wire === 'archethic' && seed % 4 !== 0, // every fourth with real signatures and seals
      wire,
    });
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random.float() * items.length)] as T;
  }

  async start(): Promise<void> {
    for (const host of HOSTS) this.#nodes.push(await this.world.node(host, { reviveDelayMs: 1000 }));
    for (const from of this.#nodes) {
      for (const to of this.#nodes) if (from !== to) this.remotes.push({ from, remote: await from.connect(to.peer) });
    }
  }

  async step(): Promise<void> {
    const [a, b] = [this.pick(HOSTS), this.pick(HOSTS)];
    const { network, clock } = this.world;
    const dice = this.#random.float();
    if (dice < 0.55) this.#call(this.pick([1, 3, 20]));
    else if (dice < 0.62) network.cut(a, b);
    else if (dice < 0.69) network.stall(a, b, { oneWay: this.#random.float() < 0.5 });
    else if (dice < 0.8) network.heal(a, b);
    else if (dice < 0.85) this.#kill();
    await clock.advance(this.pick([0, 1, 20, 300, 3000, 12_000]));
  }

  #call(count: number): void {
    const { remote } = this.pick(this.remotes);
    for (let i = 0; i < count; i += 1) {
      const timeoutMs = this.pick([50, 1000, 5000]);
      const bytes = new Uint8Array(this.pick([0, 10, 5000]));
      const call =
        this.#random.float() < 0.5 ? remote.call(Ping, {}, { timeoutMs }) : remote.call(Echo, { bytes }, { timeoutMs });
      this.calls.push(outcomeOf<unknown>(call));
    }
  }

  #kill(): void {
    const { from, remote } = this.pick(this.remotes);
    try {
      exit(findPid(from, 'remotes', `remote-${remote.publicKey.hex.slice(4, 10)}`, this.pick(KILLED)), 'kill');
    } catch {
      // It is not there just now.
    }
  }

  heal(): void {
    for (const a of HOSTS) for (const b of HOSTS) this.world.network.heal(a, b);
  }
}

describe.each(WIRES)('three nodes on a bad network, wire %s', (wire) => {
  it.each(SEEDS)('seed %i: each call settles once, and after healing all are answered', async (seed) => {
    const cluster = new Cluster(seed, wire);
    const { world, remotes, calls } = cluster;
    await cluster.start();
    for (let i = 0; i < STEPS; i += 1) await cluster.step();
    cluster.heal();
    await world.clock.advance(5000); // no call is more patient than that
    expect(calls.length).toBeGreaterThan(20);
    expect(calls.filter((call) => !call.isSettled || call.count !== 1)).toEqual([]);
    const codes = new Set(calls.map((call) => call.code ?? (call.value as { name: string }).name));
    for (const code of codes) expect(['Ok', 'Echoed', 'TIMEOUT', 'CLOSED', 'STOPPED']).toContain(code);

    // A pause can have grown long; a call to the remote ends it (demandDialIntervalMs).
    for (const { remote } of remotes) outcomeOf(remote.call(Ping, {}));
    await world.clock.advanceUntil(() => remotes.every(({ remote }) => remote.state === 'connected'), 120_000);
    const last = remotes.flatMap(({ remote }) => Array.from({ length: 5 }, () => outcomeOf(remote.call(Ping, {}))));
    await world.clock.advance(5000);
    expect(last.map((call) => call.code ?? call.value?.name)).toEqual(Array(last.length).fill('Ok'));
    for (const { remote } of remotes) {
      const stats = remote.stats();
      expect(stats.answered + stats.timeouts + stats.errors).toBe(stats.calls);
      expect(stats).toMatchObject({ inFlight: 0, queueLength: 0 });
    }
    // Nothing on this network is a fault of a peer: resets cut frames short, but a cut is no orderly end.
    const faults = world.nodes.map((node) => node.stats().faultsByCode);
    for (const byCode of faults)
      for (const code of Object.keys(byCode))
        expect(['WRITE_TIMEOUT', 'IDLE_TIMEOUT', 'HANDSHAKE_TIMEOUT']).toContain(code);
    await world.stop();
    for (const node of world.nodes) expect(world.systemOf(node).processCount).toBe(0);
    expect(world.clock.timerCount).toBe(0);
    expect(world.network.connectionCount).toBe(0);
  });
});
