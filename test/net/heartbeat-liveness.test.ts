import { describe, expect, it } from 'vitest';
import { HeartbeatLiveness } from '../../src/net/heartbeat-liveness.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { connect, RecordedLink } from './link-rig.ts';

interface Rig {
  readonly clock: VirtualClock;
  readonly liveness: HeartbeatLiveness;
  readonly log: string[];
}

function rig(options: { intervalMs?: number; outstandingMax?: number } = {}): Rig {
  const clock = new VirtualClock();
  const log: string[] = [];
  const liveness = new HeartbeatLiveness({
    clock,
    ...options,
    sendHeartbeat: () => void log.push(`heartbeat ${clock.monotonicMs()}`),
    onDead: () => void log.push(`dead ${clock.monotonicMs()}`),
  });
  return { clock, liveness, log };
}

describe('HeartbeatLiveness', () => {
  it('sends at 10 and 20 s and finds a silent peer dead at 30.0 s', async () => {
    const { clock, liveness, log } = rig();
    expect(liveness.state).toBe('stopped');
    liveness.start();
    expect(liveness.state).toBe('alive');
    await clock.advance(10_000);
    expect(liveness.state).toBe('waiting');
    await clock.advance(19_999.9);
    expect(log).toEqual(['heartbeat 10000', 'heartbeat 20000']);
    await clock.advance(100_000);
    expect(log).toEqual(['heartbeat 10000', 'heartbeat 20000', 'dead 30000']);
    expect([liveness.state, liveness.sent, liveness.received, clock.timerCount]).toEqual(['dead', 2, 0, 0]);
  });

  it('keeps a peer alive that answers each heartbeat, for ever', async () => {
    const { clock, liveness, log } = rig();
    liveness.start();
    for (let i = 0; i < 100; i += 1) {
      await clock.advance(10_000);
      liveness.heartbeatReceived();
      expect(liveness.state).toBe('alive');
    }
    expect([log.length, liveness.sent, liveness.received]).toEqual([100, 100, 100]);
  });

  it('keeps a peer that is always one answer behind, and gives it up when it falls a second one behind', async () => {
    const { clock, liveness, log } = rig();
    liveness.start();
    await clock.advance(10_000);
    for (let i = 0; i < 10; i += 1) {
      await clock.advance(10_000);
      liveness.heartbeatReceived();
      expect(liveness.state).toBe('waiting');
    }
    await clock.advance(20_000);
    expect([liveness.state, log.at(-1)]).toEqual(['dead', 'dead 130000']);
  });

  it('gives no credit for heartbeats that answer nothing', async () => {
    const { clock, liveness, log } = rig();
    liveness.heartbeatReceived();
    liveness.start();
    for (let i = 0; i < 50; i += 1) liveness.heartbeatReceived();
    expect(liveness.received).toBe(0);
    await clock.advance(10_000);
    for (let i = 0; i < 50; i += 1) liveness.heartbeatReceived();
    expect([liveness.sent, liveness.received]).toEqual([1, 1]);
    await clock.advance(30_000);
    expect(log.at(-1)).toBe('dead 40000');
  });

  it.each([
    [1, 2000],
    [2, 3000],
    [3, 4000],
  ])('with outstandingMax %i a silent peer is dead at %i ms of intervals of 1000', async (outstandingMax, deadMs) => {
    const { clock, liveness, log } = rig({ intervalMs: 1000, outstandingMax });
    liveness.start();
    await clock.advance(deadMs - 1);
    expect(liveness.state).toBe('waiting');
    await clock.advance(1);
    expect(log.at(-1)).toBe(`dead ${deadMs}`);
  });

  it('stops without a verdict, and begins anew from any state', async () => {
    const { clock, liveness, log } = rig({ intervalMs: 1000 });
    liveness.start();
    await clock.advance(2500);
    liveness.stop();
    liveness.stop();
    await clock.advance(10_000);
    expect([liveness.state, clock.timerCount, log]).toEqual(['stopped', 0, ['heartbeat 1000', 'heartbeat 2000']]);
    liveness.start();
    expect([liveness.sent, liveness.received]).toEqual([0, 0]);
    await clock.advance(500);
    liveness.start(); // its interval begins again, and there is still one timer
    expect(clock.timerCount).toBe(1);
    await clock.advance(3000);
    expect(liveness.state).toBe('dead');
    liveness.start();
    expect(liveness.state).toBe('alive');
    await clock.advance(1000);
    expect(log.at(-1)).toBe('heartbeat 17000');
  });

  it('leaves the last word to a callback that stops it', async () => {
    const clock = new VirtualClock();
    const liveness: HeartbeatLiveness = new HeartbeatLiveness({
      clock,
      intervalMs: 1000,
      sendHeartbeat: () => liveness.stop(),
      onDead: () => {},
    });
    liveness.start();
    await clock.advance(1000);
    expect([liveness.state, clock.timerCount]).toEqual(['stopped', 0]);
  });

  it('lets a callback that finds it dead start it again', async () => {
    const clock = new VirtualClock();
    let deaths = 0;
    const liveness: HeartbeatLiveness = new HeartbeatLiveness({
      clock,
      intervalMs: 1000,
      outstandingMax: 1,
      sendHeartbeat: () => {},
      onDead: () => {
        deaths += 1;
        liveness.start();
      },
    });
    liveness.start();
    await clock.advance(6000);
    expect([deaths, liveness.state, clock.timerCount]).toEqual([3, 'alive', 1]);
  });

  it('works over links: one way stalled is found dead at 30 s, both ways open stays alive', async () => {
    const { clock, network, near, far } = await connect({ latencyMs: 20 });
    const a = new RecordedLink(near, { clock });
    const b = new RecordedLink(far, { clock });
    b.onHeartbeat = () => void b.link.sendHeartbeat();
    let deadAtMs = 0;
    const liveness = new HeartbeatLiveness({
      clock,
      sendHeartbeat: () => void a.link.sendHeartbeat(),
      onDead: () => {
        deadAtMs = clock.monotonicMs();
      },
    });
    a.onHeartbeat = () => liveness.heartbeatReceived();
    const startMs = clock.monotonicMs();
    liveness.start();
    await clock.advance(100_000);
    expect([liveness.state, liveness.received]).toEqual(['waiting', 9]); // the tenth answer is on its way
    network.stall('b', 'a', { oneWay: true });
    await clock.advance(60_000);
    expect(deadAtMs - startMs).toBe(120_000); // heartbeats at 100 and 110 s stay unanswered
  });

  it.each([
    { intervalMs: 0 },
    { intervalMs: 1.5 },
    { intervalMs: 2 ** 31 },
    { outstandingMax: 0 },
    { outstandingMax: 1001 },
  ])('refuses %o', (option) => {
    expect(() => rig(option)).toThrow(RangeError);
  });
});
