import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign, createMachine, initialTransition, transition } from 'xstate';
import { startServer } from '../../src/actors/gen-server.ts';
import { type ActionContext, GenStatem, machine, POSTPONED_EVENTS_MAX } from '../../src/actors/gen-statem.ts';
import { asProcess, exit } from '../../src/actors/process.ts';
import { type EventContext, StateServer } from '../../src/actors/state-server.ts';
import { keepState, nextState, type Transition } from '../../src/actors/transition.ts';
import { refusal, World } from '../otp/world.ts';

type DoorEvent = { readonly type: 'pull' | 'push' | 'knock' | 'lock' | 'late' };
const door = machine<'closed' | 'open' | 'locked', DoorEvent>(
  createMachine({
    initial: 'closed',
    states: {
      closed: { on: { pull: { target: 'open', actions: 'creak' }, lock: 'locked' } },
      open: { on: { push: 'closed', knock: { actions: 'answerKnock' } }, after: { 5000: 'closed' } },
      locked: { type: 'final' },
    },
  }),
);

class Door extends GenStatem<typeof door> {
  readonly machine: typeof door = door;
  readonly log: string[] = [];
  override readonly actions: Readonly<Record<string, (context: ActionContext<DoorEvent>) => void>> = {
    creak: ({ state }) => {
      this.log.push(`creak ${state}`);
      this.raise({ type: 'knock' });
      this.log.push('after raise');
    },
    answerKnock: () => {
      this.log.push('who is there');
      this.startTimeout('late', 50, { type: 'late' });
    },
  };
  protected override isPostponed(event: DoorEvent, state: string): boolean {
    return event.type === 'push' && state === 'closed';
  }
}

async function opened(world: World): Promise<{ server: Awaited<ReturnType<typeof startServer<Door>>>; door: Door }> {
  const server = await startServer(Door, [], { system: world.system });
  return { server, door: (server as unknown as { module: Door }).module };
}

const meterLogic = createMachine({
  initial: 'low',
  context: { level: 0 },
  states: {
    low: {
      entry: 'enterLow',
      exit: 'leaveLow',
      on: {
        more: [
          { guard: ({ context }) => (context as { level: number }).level > 2, target: 'high', actions: 'rise' },
          { actions: [assign({ level: ({ context }) => (context as { level: number }).level + 1 }), 'count'] },
        ],
      },
    },
    high: { entry: 'enterHigh', on: { more: 'high', less: { target: 'low', actions: assign({ level: 0 }) } } },
  },
});
const meter = machine<'low' | 'high', { type: 'more' | 'less' | 'other' }>(meterLogic);

class Meter extends GenStatem<typeof meter> {
  readonly machine: typeof meter = meter;
  readonly log: string[] = [];
  override readonly actions: Readonly<Record<string, () => void>> = Object.fromEntries(
    ['enterLow', 'leaveLow', 'enterHigh', 'rise', 'count'].map((name) => [name, () => this.log.push(name)]),
  );
}

describe('a GenStatem', () => {
  test('ends an event timeout with the next event, also one that is postponed', async () => {
    const world = new World(undefined);
    for (const [event, wait, state] of [
      [undefined, 10, 'open'],
      ['late', 10, 'closed'],
      ['push', 10, 'closed'],
    ] as const) {
      const { server, door } = await opened(world);
      const timed = door as unknown as { startEventTimeout(ms: number, event: DoorEvent): void };
      timed.startEventTimeout(10, { type: 'pull' });
      if (event !== undefined) server.cast('event', { type: event });
      await world.advance(wait);
      expect([event, door.state]).toEqual([event, state]);
    }
    const { door } = await opened(world);
    const timed = door as unknown as { startEventTimeout(ms: number, event: DoorEvent): void };
    expect(() => timed.startEventTimeout(Number.NaN, { type: 'pull' })).toThrow(RangeError);
    timed.startEventTimeout(10, { type: 'pull' });
    timed.startEventTimeout(Number.POSITIVE_INFINITY, { type: 'pull' });
    await world.advance(20);
    expect(door.state).toBe('closed');
  });

  test("goes through the states and actions of xstate's own pure transition", async () => {
    const events = fc.array(fc.constantFrom('more' as const, 'more' as const, 'less' as const, 'other' as const));
    await fc.assert(
      fc.asyncProperty(events, async (types) => {
        const world = new World(undefined);
        const server = await startServer(Meter, [], { system: world.system });
        for (const type of types) server.cast('event', { type });
        await world.settle();
        let [snapshot, actions] = initialTransition(meterLogic);
        const expected = actions.map((action) => action.type);
        for (const type of types) {
          [snapshot, actions] = transition(meterLogic, snapshot, { type });
          expected.push(...actions.map((action) => action.type));
        }
        const { log, state } = (server as unknown as { module: Meter }).module;
        expect({ log, state }).toEqual({ log: expected, state: snapshot.value });
      }),
      { numRuns: 50 },
    );
  });

  test('handles an event raised by an action after the transition under way is complete', async () => {
    const world = new World(undefined);
    const { server, door: inner } = await opened(world);
    expect(await world.drive(server.call('event', { type: 'pull' }))).toBe('open');
    expect(inner.log).toEqual(['creak open', 'after raise', 'who is there']);
  });

  test('ends a state timeout with its state, also when its message waited already', async () => {
    const world = new World(undefined);
    const { server, door: inner } = await opened(world);
    await world.drive(server.call('event', { type: 'pull' }));
    await world.advance(5000);
    expect(inner.state).toBe('closed');
    await world.drive(server.call('event', { type: 'pull' }));
    await world.advance(4999);
    // Closed and opened again in the turn in which the old timeout is due: the new stay lasts 5000 ms.
    world.test.clock.setTimer(() => {
      server.cast('event', { type: 'push' });
      server.cast('event', { type: 'pull' });
    }, 0);
    await world.advance(1);
    await world.advance(4990);
    expect(inner.state).toBe('open');
    await world.advance(10);
    expect(inner.state).toBe('closed');
  });

  test('keeps a postponed event for the next change of state, and answers it then', async () => {
    const world = new World(undefined);
    const { server } = await opened(world);
    const push = server.call('event', { type: 'push' });
    await world.settle();
    expect(await world.drive(server.call('event', { type: 'pull' }))).toBe('open');
    expect(await world.drive(push)).toBe('closed');
  });

  test('answers a call that it can postpone no more with MAILBOX_FULL, and those before it later', async () => {
    const world = new World(undefined);
    const { server } = await opened(world);
    const kept = Array.from({ length: POSTPONED_EVENTS_MAX }, () => server.call('event', { type: 'push' }));
    const tooMany = refusal(server.call('event', { type: 'push' }));
    expect(await world.drive(tooMany)).toMatchObject({ code: 'MAILBOX_FULL', reason: POSTPONED_EVENTS_MAX });
    expect(await world.drive(server.call('event', { type: 'pull' }))).toBe('open');
    const late = server.call('event', { type: 'pull' });
    expect(await world.drive(kept[0] as Promise<unknown>)).toBe('closed');
    expect(await world.drive(late)).toBe('open');
    expect(await world.drive(kept[1] as Promise<unknown>)).toBe('closed');
  });

  test('ends with normal in a final state and leaves no timer', async () => {
    const world = new World(undefined);
    const { server } = await opened(world);
    await world.drive(server.call('event', { type: 'lock' }));
    await world.settle();
    expect(asProcess(server).exitReason).toBe('normal');
    expect(world.test.clock.timerCount).toBe(0);
  });

  test('killed, it leaves no timer', async () => {
    const world = new World(undefined);
    const { server } = await opened(world);
    await world.drive(server.call('event', { type: 'pull' }));
    expect(world.test.clock.timerCount).toBe(1);
    exit(server, 'kill');
    expect(world.test.clock.timerCount).toBe(0);
  });

  test('names an action that the machine has and it has not', async () => {
    const world = new World(undefined);
    class Bare extends GenStatem<typeof door> {
      readonly machine: typeof door = door;
      override readonly actions: Readonly<Record<string, () => void>> = {};
    }
    const server = await startServer(Bare, [], { system: world.system });
    const error = await world.drive(refusal(server.call('event', { type: 'pull' })));
    expect(error).toMatchObject({ code: 'EXIT' });
    expect((error.reason as Error).message).toContain('creak');
  });
});

interface Event {
  readonly type: string;
}

class Zero extends StateServer<'a' | 'b', string[], Event> {
  override start(): { readonly state: 'a'; readonly data: string[] } {
    return { state: 'a', data: [] };
  }

  override handleEvent(
    event: Event,
    state: 'a' | 'b',
    data: string[],
    { source, timeout }: EventContext,
  ): Transition<'a' | 'b', string[], Event> {
    const next = [...data, `${state}:${event.type}:${source}${timeout === undefined ? '' : `:${timeout}`}`];
    if (event.type === 'go') {
      return keepState(next, [
        { stateTimeoutMs: 0, event: { type: 'state' } },
        { eventTimeoutMs: 0, event: { type: 'event' } },
        { timeout: 'n', timeoutMs: 0, event: { type: 'named' } },
        { nextEvent: { type: 'inserted' } },
      ]);
    }
    if (event.type === 'same') return nextState('a', next);
    if (event.type === 'wait' && state === 'a') return keepState(next, [{ postpone: true }]);
    if (event.type === 'arm') return keepState(next, [{ timeout: 'n', timeoutMs: 10, event: { type: 'named' } }]);
    if (event.type === 'cancel') return keepState(next, [{ cancelTimeout: 'n' }]);
    return event.type === 'change' ? nextState('b', next) : keepState(next);
  }

  override enterState(_before: 'a' | 'b', state: 'a' | 'b', data: string[]): Transition<'a' | 'b', string[], Event> {
    return data.includes('a:bad:cast') ? nextState(state, data) : keepState(data);
  }
}

const dataOf = (server: object): string[] => (server as { state: { data: string[] } }).state.data;

describe('a StateServer', () => {
  test('handles timeouts of 0 ms after inserted events, in their order; an event timeout is cancelled by one', async () => {
    const world = new World(undefined);
    const server = await startServer(Zero, [], { system: world.system });
    server.cast('event', { type: 'go' });
    server.cast('event', { type: 'external' });
    await world.settle();
    expect(dataOf(server)).toEqual([
      'a:go:cast',
      'a:inserted:internal',
      'a:state:state_timeout',
      'a:named:timeout:n',
      'a:external:cast',
    ]);
  });

  test('does not retry postponed events when the next state is the same', async () => {
    const world = new World(undefined);
    const server = await startServer(Zero, [], { system: world.system });
    for (const type of ['wait', 'same', 'change']) server.cast('event', { type });
    await world.settle();
    expect(dataOf(server)).toEqual(['a:wait:cast', 'a:same:cast', 'a:change:cast', 'b:wait:cast']);
  });

  test('keeps a named timeout over a change of state, and cancels it when told to', async () => {
    const world = new World(undefined);
    const server = await startServer(Zero, [], { system: world.system });
    for (const type of ['arm', 'change']) server.cast('event', { type });
    await world.advance(10);
    expect(dataOf(server).at(-1)).toBe('b:named:timeout:n');
    for (const type of ['arm', 'cancel']) server.cast('event', { type });
    await world.advance(20);
    expect(dataOf(server).at(-1)).toBe('b:cancel:cast');
    expect(world.test.clock.timerCount).toBe(0);
  });

  test('ends when an enter call wants to change the state', async () => {
    const world = new World(undefined);
    const server = await startServer(Zero, [], { system: world.system });
    for (const type of ['bad', 'change']) server.cast('event', { type });
    await world.settle();
    expect(asProcess(server).exitReason).toMatchObject({ code: 'BAD_RETURN_VALUE' });
  });
});
