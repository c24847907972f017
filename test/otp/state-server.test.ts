/** gen_statem cases of the conformance list, on the plain reducer. */
import { expect } from 'vitest';
import type { RefOf } from '../../src/actors/gen-server.ts';
import { startServer } from '../../src/actors/gen-server.ts';
import { asProcess } from '../../src/actors/process.ts';
import { type EventContext, StateServer } from '../../src/actors/state-server.ts';
import {
  keepState,
  keepStateAndData,
  nextState,
  repeatState,
  stopAndReply,
  type Transition,
} from '../../src/actors/transition.ts';
import { conformance, type World } from './world.ts';

type Name = 'A' | 'B';
interface Event {
  readonly type: string;
}
type Handle = (event: Event, state: Name, data: string[], context: EventContext) => Transition<Name, string[], Event>;

interface Plan {
  readonly handle: Handle;
  readonly entered?: string[];
  readonly left?: unknown[];
}

class Machine extends StateServer<Name, string[], Event, [Plan]> {
  #plan: Plan | undefined;

  override start(plan: Plan): { readonly state: Name; readonly data: string[] } {
    this.#plan = plan;
    return { state: 'A', data: [] };
  }

  override handleEvent(
    event: Event,
    state: Name,
    data: string[],
    context: EventContext,
  ): Transition<Name, string[], Event> {
    data.push(`${state}:${event.type}`);
    return (this.#plan as Plan).handle(event, state, data, context);
  }

  override enterState(before: Name, state: Name): Transition<Name, string[], Event> {
    this.#plan?.entered?.push(`${before}>${state}`);
    return keepStateAndData();
  }

  override leave(reason: unknown, state: Name, data: string[]): void {
    this.#plan?.left?.push(reason, state, [...data]);
  }
}

async function machine(world: World, plan: Plan): Promise<RefOf<Machine>> {
  return startServer(Machine, [plan], { system: world.system });
}

const post = (server: RefOf<Machine>, ...types: string[]): void => {
  for (const type of types) server.cast('event', { type });
};

conformance('P-FS-01', async (world) => {
  const seen: string[] = [];
  const server = await machine(world, {
    handle: (event, state, data) => {
      seen.push(`${state}:${event.type}`);
      if (state === 'A' && event.type === 'e') return keepState(data, [{ postpone: true }]);
      return event.type === 'g' ? nextState('B', data) : keepState(data);
    },
  });
  post(server, 'e', 'x', 'g', 'newer');
  await world.settle();
  expect(seen).toEqual(['A:e', 'A:x', 'A:g', 'B:e', 'B:newer']);
});

conformance('P-FS-02', async (world) => {
  const seen: string[] = [];
  const server = await machine(world, {
    handle: (event, _state, data, { source }) => {
      seen.push(`${event.type}:${source}`);
      if (event.type !== 'go') return keepState(data);
      return keepState(data, [{ nextEvent: { type: 'i1' } }, { nextEvent: { type: 'i2' } }]);
    },
  });
  post(server, 'go', 'external');
  await world.settle();
  expect(seen).toEqual(['go:cast', 'i1:internal', 'i2:internal', 'external:cast']);
});

conformance('P-FS-03', async (world) => {
  for (const isChanging of [true, false]) {
    const seen: string[] = [];
    const server = await machine(world, {
      handle: (event, _state, data) => {
        seen.push(event.type);
        if (event.type === 'arm') return keepState(data, [{ stateTimeoutMs: 50, event: { type: 'late' } }]);
        return event.type === 'move' && isChanging ? nextState('B', data) : keepState(data);
      },
    });
    post(server, 'arm');
    await world.advance(20);
    post(server, 'move');
    await world.advance(100);
    expect(seen).toEqual(isChanging ? ['arm', 'move'] : ['arm', 'move', 'late']);
  }
});

conformance('P-FS-04', async (world) => {
  const seen: string[] = [];
  const server = await machine(world, {
    handle: (event, _state, data) => {
      seen.push(event.type);
      return event.type === 'arm'
        ? keepState(data, [{ eventTimeoutMs: 50, event: { type: 'late' } }])
        : keepState(data);
    },
  });
  post(server, 'arm');
  await world.advance(20);
  post(server, 'other');
  await world.advance(100);
  expect(seen).toEqual(['arm', 'other']);
  post(server, 'arm');
  await world.advance(100);
  expect(seen).toEqual(['arm', 'other', 'arm', 'late']);
});

conformance('P-FS-05', async (world) => {
  const entered: string[] = [];
  const server = await machine(world, {
    entered,
    handle: (event, _state, data) => {
      if (event.type === 'change') return nextState('B', data);
      return event.type === 'repeat' ? repeatState(data) : keepState(data);
    },
  });
  expect(entered).toEqual(['A>A']);
  post(server, 'change', 'keep', 'repeat');
  await world.settle();
  expect(entered).toEqual(['A>A', 'A>B', 'B>B']);
});

conformance('P-FS-06', async (world) => {
  const left: unknown[] = [];
  const server = await machine(world, {
    left,
    handle: (_event, _state, data, { from }) =>
      stopAndReply('reason', from === undefined ? [] : [{ reply: from, value: 'v' }], data),
  });
  expect(await world.drive(server.call('event', { type: 'stop' }))).toBe('v');
  await world.settle();
  expect(asProcess(server).exitReason).toBe('reason');
  expect(left).toEqual(['reason', 'A', ['A:stop']]);
});
