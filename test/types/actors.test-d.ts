/** What the compiler must infer about actors, and what it must refuse. Nothing here runs: `tsc` is the test. */
import {
  Agent,
  asyncStream,
  defineServer,
  type From,
  GenServer,
  type Info,
  type NoReply,
  nextState,
  noreply,
  type RefOf,
  Registry,
  reply,
  type ServerRef,
  StateServer,
  serverName,
  startServer,
  stop,
  Task,
  type Transition,
} from '../../src/actors/index.ts';
import { DynamicSupervisor, PartitionSupervisor, Supervisor } from '../../src/supervisor/index.ts';

interface CounterProtocol {
  call: { get(): number; add(by: number): number; take(n: number): { taken: number }; find(key?: string): string };
  cast: { reset(to?: number): void; boom(): void };
  info: { type: 'tick'; at: number };
}
interface State {
  readonly n: number;
}

class Counter extends GenServer<State, CounterProtocol, [start: number]> {
  init(start: number): State {
    return { n: start };
  }

  override readonly handleCall: GenServer<State, CounterProtocol>['handleCall'] = this.calls({
    get: (_, s) => reply(s.n, s),
    add: (by, s) => reply(s.n + by, { n: s.n + by }),
    take: (n, s, from) => {
      from.reply({ taken: n });
      return noreply({ n: s.n - n });
    },
    find: (key, s) => reply(key ?? 'none', s),
  });

  override readonly handleCast: GenServer<State, CounterProtocol>['handleCast'] = this.casts({
    reset: (to, _s) => noreply({ n: to ?? 0 }),
    boom: () => {
      throw new Error('boom');
    },
  });

  override handleInfo(message: Info<CounterProtocol>, s: State): NoReply<State> {
    if (message.type === 'tick') return noreply({ n: s.n + message.at });
    if (message.type === 'down') return noreply({ n: message.pid.id });
    return noreply(s);
  }
}

/** Calls and casts of a server reference. */
export async function references(c: RefOf<Counter>): Promise<void> {
  (await c.call('get')) satisfies number;
  (await c.call('add', 5, { timeoutMs: 10 })) satisfies number;
  (await c.call('take', 3)).taken satisfies number;
  (await c.call('find')) satisfies string;
  (await c.call('find', 'key')) satisfies string;
  c.cast('reset');
  c.cast('reset', 7);
  // @ts-expect-error there is no such call
  void c.call('nope');
  // @ts-expect-error the payload is a number
  void c.call('add', 'x');
  // @ts-expect-error the payload is missing
  void c.call('add');
  // @ts-expect-error a cast is not a call
  void c.call('reset');
  // @ts-expect-error a call is not a cast
  c.cast('get');
  // @ts-expect-error the reply is a number
  (await c.call('get')) satisfies string;
  // @ts-expect-error timeouts are numbers
  void c.call('get', undefined, { timeoutMs: '5' });
}

/** Start functions take the arguments of init. */
export async function starts(): Promise<void> {
  (await Counter.startLink(1)) satisfies ServerRef<CounterProtocol>;
  (await startServer(Counter, [1], { name: 'c' })) satisfies ServerRef<CounterProtocol>;
  // @ts-expect-error init takes a number
  void Counter.start('10');
  // @ts-expect-error init takes an argument
  void Counter.start();
  // @ts-expect-error the spec takes the arguments of init
  void Counter.childSpec('a', ['x']);
}

/** Each handler is checked by itself. */
export class Bad extends GenServer<State, CounterProtocol> {
  init(): State {
    return { n: 0 };
  }

  override readonly handleCall: GenServer<State, CounterProtocol>['handleCall'] = this.calls({
    // @ts-expect-error the reply is a number
    get: (_, s) => reply('one', s),
    add: (by, s) => reply(by, s),
    // @ts-expect-error the state has another shape
    take: (n, _s) => reply({ taken: n }, { m: 1 }),
    // @ts-expect-error a stop answers with the type of the reply
    find: (_key, s) => stop('normal', s, 7),
  });

  // @ts-expect-error there is no handler for boom
  override readonly handleCast: GenServer<State, CounterProtocol>['handleCast'] = this.casts({
    reset: (_to, s) => noreply(s),
  });
}

/** The Elixir shape. */
export async function elixir(c: ServerRef<CounterProtocol>): Promise<void> {
  (await GenServer.call(c, 'get')) satisfies number;
  (await GenServer.call(c, ['add', 5], 100)) satisfies number;
  (await GenServer.call(serverName<CounterProtocol>('counter'), ['find', 'x'], 'infinity')) satisfies string;
  GenServer.cast(c, 'reset');
  GenServer.cast(c, ['reset', 3]);
}

/** Child refs are typed by their id. */
export async function supervisors(): Promise<void> {
  const sup = await Supervisor.startLink([Counter.childSpec('a', [1]), DynamicSupervisor.childSpec('d')], {
    strategy: 'one_for_one',
  });
  (await sup.child('a').call('get')) satisfies number;
  sup.child('d') satisfies DynamicSupervisor;
  // @ts-expect-error there is no such child
  sup.child('zzz');
  // @ts-expect-error there is no such strategy
  void Supervisor.startLink([], { strategy: 'one_for_none' });
  // @ts-expect-error the strategy must be said
  void Supervisor.startLink([], {});
  const parts = await PartitionSupervisor.startLink({
    name: 'p',
    childSpec: (start: number) => Counter.childSpec('c', [start]),
    args: [1],
  });
  (await parts.child('key').call('get')) satisfies number;
}

const Defined = defineServer({
  init: (start: number) => ({ n: start }),
  handleCall: {
    get: (s) => reply(s.n, s),
    add: (s, by: number) => reply(s.n + by, { n: s.n + by }),
    take: (s, n: number, from: From<{ taken: number }>) => {
      from.reply({ taken: n });
      return noreply({ n: s.n - n });
    },
  },
  handleCast: { reset: (_s, to?: number) => noreply({ n: to ?? 0 }) },
});

/** Everything of a defined server is inferred. */
export async function defined(): Promise<void> {
  const c = await Defined.start(10);
  (await c.call('get')) satisfies number;
  (await c.call('add', 5)) satisfies number;
  (await c.call('take', 5)).taken satisfies number;
  c.cast('reset');
  c.cast('reset', 1);
  // @ts-expect-error there is no such call
  void c.call('nope');
  // @ts-expect-error the payload is a number
  void c.call('add', 'x');
  // @ts-expect-error the payload is missing
  void c.call('add');
  // @ts-expect-error init takes a number
  void Defined.start('10');
}

/** Tasks, agents and registries carry their values. */
export async function values(): Promise<void> {
  (await Task.async(() => 7).await()) satisfies number;
  const agent = await Agent.startLink(() => new Map<string, number>());
  (await agent.get((map) => map.get('a'))) satisfies number | undefined;
  // @ts-expect-error the new state is a map too
  void agent.update(() => 7);
  for await (const result of asyncStream([1, 2], (n) => `${n}`)) if ('ok' in result) result.ok satisfies string;
  const registry = await Registry.startLink<string, number>();
  registry.lookup('k')?.value satisfies number | undefined;
  // @ts-expect-error the value is a number
  registry.register('k', registry.pid, 'x');
  // @ts-expect-error a via of this registry needs its value
  registry.via('k');
}

/** Transitions go to states that exist. */
export class Lamp extends StateServer<'off' | 'on', number, { type: 'press' }> {
  override start(): { readonly state: 'off'; readonly data: number } {
    return { state: 'off', data: 0 };
  }

  override handleEvent(
    _event: { type: 'press' },
    state: 'off' | 'on',
    data: number,
  ): Transition<'off' | 'on', number, { type: 'press' }> {
    // @ts-expect-error there is no such state
    if (data > 3) return nextState('broken', data);
    return nextState(state === 'on' ? 'off' : 'on', data + 1, [{ stateTimeoutMs: 5, event: { type: 'press' } }]);
  }
}
