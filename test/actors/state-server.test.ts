/** Orders of events that `gen_statem` of OTP 25 was seen to have. */
import { describe, expect, test } from 'vitest';
import { startServer } from '../../src/actors/gen-server.ts';
import { type EventContext, StateServer } from '../../src/actors/state-server.ts';
import { resume, suspend } from '../../src/actors/sys.ts';
import {
  keepState,
  keepStateAndData,
  nextState,
  type Transition,
  type TransitionAction,
} from '../../src/actors/transition.ts';
import { World } from '../otp/world.ts';

interface Event {
  readonly type: string;
  readonly to?: string;
  readonly actions?: readonly TransitionAction<Event>[];
}

type Action = TransitionAction<Event>;

/** Does what its events say, and notes the others. */
class Scripted extends StateServer<string, string[], Event> {
  override start(): { readonly state: string; readonly data: string[] } {
    return { state: 'a', data: [] };
  }

  override enterState(before: string, state: string, seen: string[]): Transition<string, string[], Event> {
    if (state === 'bomb') throw new Error('enter');
    seen.push(`enter ${before} ${state}`);
    if (state === 'b') return keepState(seen, [{ stateTimeoutMs: 0, event: { type: 'entered' } }]);
    if (state === 'c') return keepState(seen, [{ stateTimeoutMs: 30, event: { type: 'entered' } }]);
    return keepState(seen);
  }

  override handleEvent(
    { type, to, actions = [] }: Event,
    state: string,
    seen: string[],
    { source, from }: EventContext,
  ): Transition<string, string[], Event> {
    if (type === 'wait' && state === 'a') return keepStateAndData([{ postpone: true }]);
    if (type === 'do') return keepState(seen, actions);
    if (type === 'go') {
      const answer: Action[] = from === undefined ? [] : [{ reply: from, value: 'answered' }];
      return nextState(to as string, seen, [...actions, ...answer]);
    }
    seen.push(`${source} ${type} ${state}`);
    return keepState(seen);
  }
}

const state = (stateTimeoutMs: number, type: string): Action => ({ stateTimeoutMs, event: { type } });
const event = (eventTimeoutMs: number, type: string): Action => ({ eventTimeoutMs, event: { type } });
const named = (timeout: string, timeoutMs: number, type: string): Action => ({ timeout, timeoutMs, event: { type } });
const insert = (type: string): Action => ({ nextEvent: { type } });
const act = (...actions: Action[]): Event => ({ type: 'do', actions });
const go = (to: string, ...actions: Action[]): Event => ({ type: 'go', to, actions });
const later = (timeoutMs: number, nested: Event): Action => ({ timeout: 'n', timeoutMs, event: nested });

/** What a server sees of `events` that all wait when it begins. */
async function seen(...events: (Event | string)[]): Promise<string[]> {
  const world = new World(undefined);
  const server = await startServer(Scripted, [], { system: world.system });
  await world.drive(suspend(server));
  for (const given of events) server.cast('event', typeof given === 'string' ? { type: given } : given);
  await world.drive(resume(server));
  await world.advance(100);
  expect(world.test.clock.timerCount).toBe(0);
  return (server as unknown as { state: { data: string[] } }).state.data.slice(1);
}

describe('a StateServer', () => {
  test.each<[string, (Event | string)[], string[]]>([
    [
      'puts a timeout of 0 ms that an enter call sets behind what the transition inserts and retries',
      ['wait', go('b', insert('i1'), insert('i2')), 'x'],
      ['enter a b', 'internal i1 b', 'internal i2 b', 'cast wait b', 'state_timeout entered b', 'cast x b'],
    ],
    [
      'lets the timeout of an enter call override that of the transition',
      [go('c', state(10, 'action'))],
      ['enter a c', 'state_timeout entered c'],
    ],
    [
      'forgets a timeout of 0 ms that a later action of the same list cancels',
      [act(named('m', 0, 'm'), { cancelTimeout: 'm' }, named('k', 0, 'k'), named('k', Number.POSITIVE_INFINITY, 'k'))],
      [],
    ],
    [
      'takes the last of two timeouts of one name, and its place',
      [act(named('m', 0, 'm0'), named('k', 0, 'k0'), named('m', 0, 'm1'))],
      ['timeout k0 a', 'timeout m1 a'],
    ],
    [
      'forgets a state timeout of 0 ms when an event before it changes the state',
      [act(later(0, go('d')), state(0, 's'))],
      ['enter a d'],
    ],
    [
      'forgets a named timeout of 0 ms when an event before it cancels it',
      [act(later(0, act({ cancelTimeout: 'm' })), named('m', 0, 'm0'))],
      [],
    ],
    [
      'has an event timeout of 0 ms before one of the state',
      [act(event(0, 'e'), state(0, 's'))],
      ['event_timeout e a', 'state_timeout s a'],
    ],
    ['has no event timeout of 0 ms after one of the state', [act(state(0, 's'), event(0, 'e'))], ['state_timeout s a']],
    [
      'retries what is postponed by the event that changes the state',
      [go('d', insert('i'), { postpone: true }), 'y'],
      ['enter a d', 'internal i d', 'internal i d', 'cast y d'],
    ],
  ])('%s', async (_name, events, expected) => {
    expect(await seen(...events)).toEqual(expected);
  });

  test('has answered the caller of a transition whose enter call fails', async () => {
    const world = new World(undefined);
    const server = await startServer(Scripted, [], { system: world.system });
    expect(await world.drive(server.call('event', go('bomb')))).toBe('answered');
    expect(server.isAlive).toBe(false);
  });
});
