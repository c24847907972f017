/** What is off unless a system or a server asks for it. */
import { describe, expect, test } from 'vitest';
import { startServer } from '../../src/actors/gen-server.ts';
import { noreply, reply } from '../../src/actors/results.ts';
import { resume, suspend } from '../../src/actors/sys.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import { Telemetry, type TelemetryEvent } from '../../src/base/telemetry.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { TestSystem } from '../../src/testing/test-system.ts';
import { refusal, Script, World } from '../otp/world.ts';

describe('opt-in of a system or a server', () => {
  test('a call cycle is refused and named instead of running into the timeout', async () => {
    const test_ = new TestSystem({ isDetectingCallCycles: true });
    const world = Object.assign(new World(undefined), { system: test_.system, test: test_ });
    const a = await world.script({}, { name: 'a' });
    const b = await world.script({}, { name: 'b' });
    const outcome = a.call('run', async (state) => {
      const inner = b.call('run', async (inside) => reply(await refusal(a.call('get')), inside));
      return reply(await inner, state);
    });
    const error = (await world.drive(outcome)) as { code: string; reason: string };
    expect(error).toMatchObject({ code: 'CALL_CYCLE', reason: 'b -> a -> b' });
    expect(test_.clock.monotonicMs()).toBe(0);
  });

  test('a deadline travels with nested calls, and ends all of them together', async () => {
    const test_ = new TestSystem({ isPropagatingDeadlines: true });
    const world = Object.assign(new World(undefined), { system: test_.system, test: test_ });
    const [front, middle, back] = [await world.script(), await world.script(), await world.script()];
    const codes: unknown[] = [];
    const outer = front.call(
      'run',
      async (state) => {
        const inner = middle.call('run', async (inside) => {
          codes.push(await refusal(back.call('run', (deep) => noreply(deep))), test_.clock.monotonicMs());
          return noreply(inside);
        });
        codes.push((await refusal(inner)).code, test_.clock.monotonicMs());
        return noreply(state);
      },
      { timeoutMs: 100 },
    );
    expect((await world.drive(refusal(outer))).code).toBe('TIMEOUT');
    await world.settle();
    expect(codes.filter((code) => typeof code === 'number')).toEqual([100, 100]);
    const free = refusal(back.call('run', (deep) => noreply(deep)));
    expect((await world.drive(free)).message).toContain('5000 ms');
  });

  test('two processes that call each other in turn are no cycle', async () => {
    const test_ = new TestSystem({ isDetectingCallCycles: true });
    const world = Object.assign(new World(undefined), { system: test_.system, test: test_ });
    const a = await world.script();
    const b = await world.script();
    const ask = (to: typeof a): Promise<unknown> => to.call('run', (state) => reply(1, state));
    expect(await world.drive(a.call('run', async (state) => reply(await ask(b), state)))).toBe(1);
    expect(await world.drive(b.call('run', async (state) => reply(await ask(a), state)))).toBe(1);
  });

  test('a handler over the budget is reported by name, one at the budget is not', async () => {
    class SteppingClock extends VirtualClock {
      extraMs = 0;
      override monotonicMs(): number {
        return super.monotonicMs() + this.extraMs;
      }
    }
    const clock = new SteppingClock();
    const telemetry = new Telemetry();
    const reports: TelemetryEvent[] = [];
    telemetry.attach('test', 'genmesh.process.long_handler', (event) => reports.push(event));
    const system = new ActorSystem({ clock, telemetry, longHandlerMs: 10 });
    const server = await startServer(Script, [], { system, name: 'slow' });
    for (const ms of [9, 10, 11]) {
      await server.call('run', (state) => {
        clock.extraMs += ms;
        return reply(ms, state);
      });
    }
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({
      measurements: { tookMs: 11 },
      metadata: { label: 'slow', message: 'call run' },
    });
  });

  test('requests of callers that gave up or ended are skipped when asked for', async () => {
    const world = new World(undefined);
    const server = await world.script({}, { isSkippingAbandoned: true });
    const client = await world.script();
    await world.drive(suspend(server));
    const late = refusal(server.call('note', 'gave up', { timeoutMs: 10 }));
    const orphan = refusal(server.call('note', 'ended', { caller: client, timeoutMs: 100_000 }));
    const kept = server.call('note', 'kept', { timeoutMs: 100_000 });
    await world.advance(20);
    await world.drive(client.stop());
    await world.drive(resume(server));
    await world.drive(kept);
    expect((await late).code).toBe('TIMEOUT');
    expect((await orphan).code).toBe('ABORTED');
    expect(await world.drive(server.call('seen'))).toEqual(['kept']);
  });

  test('a signal aborts a call, before and during it', async () => {
    const world = new World(undefined);
    const server = await world.script();
    const controller = new AbortController();
    const waiting = refusal(server.call('run', (state) => noreply(state), { signal: controller.signal }));
    await world.settle();
    controller.abort('enough');
    expect(await waiting).toMatchObject({ code: 'ABORTED', cause: 'enough' });
    expect(await refusal(server.call('get', undefined, { signal: controller.signal }))).toMatchObject({
      code: 'ABORTED',
    });
  });
});
