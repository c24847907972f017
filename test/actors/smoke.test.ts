import { expect, test } from 'vitest';
import { GenServer, startServer } from '../../src/actors/gen-server.ts';
import { noreply, reply, stop } from '../../src/actors/results.ts';
import { ActorSystem } from '../../src/actors/system.ts';

interface CounterProtocol {
  call: { get(): number; add(by: number): number; later(ms: number): string; boom(): void; stop(): string };
  cast: { reset(to?: number): void };
}
class Counter extends GenServer<{ n: number }, CounterProtocol, [start: number]> {
  init(start: number) {
    return { n: start };
  }
  override readonly handleCall = this.calls({
    get: (_, s) => reply(s.n, s),
    add: (by, s) => reply(s.n + by, { n: s.n + by }),
    later: (_ms, s, from) => { Promise.resolve().then(() => from.reply('hi')); return noreply(s); },
    boom: () => { throw new Error('boom'); },
    stop: (_, s) => stop('normal', s, 'bye'),
  });
  override readonly handleCast = this.casts({ reset: (to, _s) => noreply({ n: to ?? 0 }) });
}
test('works', async () => {
  const c = await Counter.startLink(10);
  expect(await c.call('add', 5)).toBe(15);
  c.cast('reset', 3);
  expect(await c.call('get')).toBe(3);
  expect(await c.call('later', 1)).toBe('hi');
  await expect(c.call('boom')).rejects.toMatchObject({ code: 'EXIT' });
  await expect(c.call('get')).rejects.toMatchObject({ code: 'NOPROC' });
  const system = new ActorSystem();
  const d = await startServer(Counter, [1], { name: 'x', system });
  await expect(startServer(Counter, [1], { name: 'x', system })).rejects.toMatchObject({ code: 'ALREADY_STARTED' });
  expect(await d.call('stop')).toBe('bye');
  expect(system.processCount).toBe(0);
  const e = await Counter.startLink(1);
  await e.stop();
  expect(e.isAlive).toBe(false);
});
