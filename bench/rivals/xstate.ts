/**
 * xstate as a rival, by its cheapest actor: a reducer (`fromTransition`). It handles an event in the turn of the sender and
 * has no calls, so a call is an event and a look at the snapshot: nothing is queued, awaited or timed.
 */
import type { ActorRefFrom, TransitionActorLogic } from 'xstate';
import { collectGarbage, type Rival, type Run, ratePerSecond } from '../harness.ts';
import { restartLatencies } from '../process/lifetimes.ts';

/** What is used of xstate. */
export type XState = typeof import('xstate');

interface EchoEvent {
  readonly type: 'ping' | 'inc' | 'crash';
}
type EchoLogic = TransitionActorLogic<number, EchoEvent, undefined>;

function echo(state: number, event: EchoEvent): number {
  if (event.type === 'crash') throw new Error('asked to crash');
  return event.type === 'inc' ? state + 1 : state;
}

const PING: EchoEvent = { type: 'ping' };
const INC: EchoEvent = { type: 'inc' };

interface BallEvent {
  readonly type: 'ball';
}
const BALL: BallEvent = { type: 'ball' };

function pingPong({ createActor, fromTransition }: XState): Run {
  return (scale) => {
    const count = 1_000_000 * scale;
    let left = count;
    const back = createActor(
      fromTransition((state: number, _event: BallEvent) => {
        left -= 1;
        if (left > 0) forth.send(BALL);
        return state;
      }, 0),
    ).start();
    const forth: { send(event: BallEvent): void } = createActor(
      fromTransition((state: number, _event: BallEvent) => {
        back.send(BALL);
        return state;
      }, 0),
    ).start();
    return ratePerSecond(count, () => {
      forth.send(BALL);
      if (left > 0) throw new Error(`${left} round trips are missing`);
    });
  };
}

/** Crash, a new actor by hand from the error observer, and its first answer; in us, p50 and p99. */
function restarts({ createActor }: XState, logic: EchoLogic): Run {
  return () => {
    let current: ActorRefFrom<EchoLogic>;
    const start = (): void => {
      const actor = createActor(logic);
      actor.subscribe({ error: start });
      current = actor.start();
    };
    start();
    return restartLatencies(() => {
      const before = current!;
      before.send({ type: 'crash' });
      if (current! === before) throw new Error('the actor was not replaced');
      current!.send(PING);
      current!.getSnapshot();
    });
  };
}

function lives({ createActor }: XState, logic: EchoLogic): Readonly<Record<string, Run>> {
  return {
    spawn_stop: (scale) =>
      ratePerSecond(100_000 * scale, () => {
        for (let i = 0; i < 100_000 * scale; i += 1) createActor(logic).start().stop();
      }),
    spawn_bulk_start: (scale) => {
      const count = Math.ceil(100_000 * scale);
      const startMs = performance.now();
      const actors = Array.from({ length: count }, () => createActor(logic).start());
      const startedMs = performance.now();
      for (const actor of actors) actor.stop();
      return [(count / (startedMs - startMs)) * 1000, (count / (performance.now() - startedMs)) * 1000];
    },
    idle_server: (scale) => {
      const kept = new Array<object>(Math.ceil(100_000 * scale));
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < kept.length; i += 1) kept[i] = createActor(logic).start();
      collectGarbage();
      return (process.memoryUsage().heapUsed - before) / kept.length;
    },
  };
}

/** The workloads that make sense for it. */
export function xstateRival(xstate: XState, version: string): Rival {
  const { createActor, fromTransition } = xstate;
  const logic: EchoLogic = fromTransition(echo, 0);
  return {
    name: 'xstate',
    version,
    runs: {
      call_seq: (scale) => {
        const actor = createActor(logic).start();
        return ratePerSecond(500_000 * scale, () => {
          for (let i = 0; i < 500_000 * scale; i += 1) {
            actor.send(PING);
            if (actor.getSnapshot().status !== 'active') throw new Error('the actor has ended');
          }
        });
      },
      cast_1000: (scale) => castRate(xstate, logic, 2_000_000 * scale),
      cast_1m: (scale) => castRate(xstate, logic, 1_000_000 * scale),
      pingpong: pingPong(xstate),
      sup_restart_300_p50: restarts(xstate, logic),
      ...lives(xstate, logic),
    },
  };
}

function castRate({ createActor }: XState, logic: EchoLogic, count: number): Promise<number> {
  const actor = createActor(logic).start();
  return ratePerSecond(count, () => {
    for (let i = 0; i < count; i += 1) actor.send(INC);
    if (actor.getSnapshot().context < count) throw new Error('events are missing');
  });
}
