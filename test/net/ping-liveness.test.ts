import { describe, expect, it } from 'vitest';
import { PingLiveness } from '../../src/net/ping-liveness.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

interface Rig {
  readonly clock: VirtualClock;
  readonly liveness: PingLiveness;
  readonly log: string[];
}

function rig(options: { pingIntervalMs?: number; pongTimeoutMs?: number } = {}): Rig {
  const clock = new VirtualClock();
  const log: string[] = [];
  const liveness: PingLiveness = new PingLiveness({
    clock,
    ...options,
    onPingDue: () => {
      log.push(`ping ${clock.monotonicMs()}`);
      liveness.pingSent(clock.monotonicMs());
    },
    onDead: () => void log.push(`dead ${clock.monotonicMs()}`),
  });
  return { clock, liveness, log };
}

describe('PingLiveness', () => {
  it('pings a silent peer at 60 s and finds it dead at 105 s', async () => {
    const { clock, liveness, log } = rig();
    liveness.start();
    expect(liveness.state).toBe('quiet');
    await clock.advance(60_000);
    expect(liveness.state).toBe('asked');
    await clock.advance(44_999);
    expect(log).toEqual(['ping 60000']);
    await clock.advance(1_000_000);
    expect(log).toEqual(['ping 60000', 'dead 105000']);
    expect([liveness.state, clock.timerCount]).toEqual(['dead', 0]);
  });

  it('keeps a peer that answers each ping, for ever', async () => {
    const { clock, liveness, log } = rig({ pingIntervalMs: 1000, pongTimeoutMs: 500 });
    liveness.start();
    for (let i = 0; i < 50; i += 1) {
      await clock.advance(1000);
      liveness.pongReceived();
      expect(liveness.state).toBe('quiet');
    }
    expect(log.length).toBe(50);
  });

  it('watches pings that others sent, and asks for none while one is out', async () => {
    const { clock, liveness, log } = rig({ pingIntervalMs: 1000, pongTimeoutMs: 2500 });
    liveness.start();
    await clock.advance(900);
    liveness.pingSent(clock.monotonicMs());
    await clock.advance(2499);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual(['dead 3400']);
  });

  it('counts the patience from the last ping, whatever many were sent and answered before', async () => {
    const { clock, liveness, log } = rig({ pingIntervalMs: 100_000, pongTimeoutMs: 1000 });
    liveness.start();
    for (let i = 0; i < 999; i += 1) {
      liveness.pingSent(clock.monotonicMs());
      expect(clock.timerCount).toBe(2);
      await clock.advance(1);
      liveness.pongReceived();
    }
    liveness.pingSent(clock.monotonicMs());
    await clock.advance(999);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual(['dead 1999']);
  });

  it('takes pongs that answer nothing without harm or credit (MultiplePongsInTheBeginning)', async () => {
    const { clock, liveness, log } = rig({ pingIntervalMs: 1000, pongTimeoutMs: 500 });
    liveness.start();
    for (let i = 0; i < 3; i += 1) liveness.pongReceived();
    await clock.advance(10_000);
    expect(log).toEqual(['ping 1000', 'dead 1500']);
  });

  it('stops without a verdict, and begins anew', async () => {
    const { clock, liveness, log } = rig({ pingIntervalMs: 1000, pongTimeoutMs: 500 });
    liveness.start();
    await clock.advance(1200);
    liveness.stop();
    liveness.pingSent(clock.monotonicMs());
    await clock.advance(10_000);
    expect([liveness.state, log, clock.timerCount]).toEqual(['stopped', ['ping 1000'], 0]);
    liveness.start();
    await clock.advance(1500);
    expect(log.slice(1)).toEqual(['ping 12200', 'dead 12700']);
  });

  it.each([{ pingIntervalMs: 0 }, { pingIntervalMs: 2 ** 31 }, { pongTimeoutMs: 0 }, { pongTimeoutMs: 1.5 }])(
    'refuses %o',
    (option) => {
      expect(() => rig(option)).toThrow(RangeError);
    },
  );
});
