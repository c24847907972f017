/**
 * A supervised pool of workers, as an Elixir application would be built: a registry, a dynamic supervisor of workers, a
 * dispatcher that hands out jobs, a circuit breaker as a state machine, and tasks for the clients.
 *
 * Watch for: a worker that crashes on its job is restarted and registers again; the client of that job gets the reason; the
 * breaker opens after three failures and closes again by itself; stopping the root stops everything in reverse order.
 *
 *     node build/bench/examples/otp-pool/main.js
 */
import {
  ActorSystem,
  type CallHandlers,
  type CastHandlers,
  type EventContext,
  type From,
  GenServer,
  keepState,
  nextState,
  noreply,
  type RefOf,
  Registry,
  reply,
  StateServer,
  type Transition,
} from '../../src/actors/index.ts';
import { DynamicSupervisor, formatTree, Supervisor, TaskSupervisor } from '../../src/supervisor/index.ts';

interface WorkerProtocol {
  call: { square(n: number): number };
}

const REGISTRY = 'pool.registry';

/** Squares numbers and crashes on 13. Registers itself under its number, again after each restart. */
class Worker extends GenServer<number, WorkerProtocol, [id: number]> {
  init(id: number): number {
    Registry.named<number>(REGISTRY).register(id, this.self, undefined);
    return 0;
  }

  override readonly handleCall: CallHandlers<number, WorkerProtocol> = this.calls({
    square: (n, done) => {
      if (n === 13) throw new Error('13 is bad luck');
      return reply(n * n, done + 1);
    },
  });
}

interface PoolProtocol {
  call: { run(n: number): number };
}
interface PoolState {
  readonly size: number;
  next: number;
}

/** Hands each job to the next worker, and answers when that one does: other jobs go on meanwhile. */
class Pool extends GenServer<PoolState, PoolProtocol, [size: number]> {
  init(size: number): PoolState {
    return { size, next: 0 };
  }

  override readonly handleCall: CallHandlers<PoolState, PoolProtocol> = this.calls({
    run: (n, state, from) => {
      const worker = Registry.named<number>(REGISTRY).whereis(state.next % state.size) as RefOf<Worker> | undefined;
      state.next += 1;
      if (worker === undefined) throw new Error('no worker');
      worker.call('square', n).then(
        (value) => from.reply(value),
        (error: Error) => from.reply(Number.NaN) && console.log(`job ${n}: ${error.message}`),
      );
      return noreply(state);
    },
  });
}

type BreakerEvent =
  | { readonly type: 'try' }
  | { readonly type: 'failed' }
  | { readonly type: 'succeeded' }
  | { readonly type: 'retry' };

/** A circuit breaker: three failures open it, 20 ms later it lets calls through again. */
class Breaker extends StateServer<'closed' | 'open', number, BreakerEvent> {
  override start(): { readonly state: 'closed'; readonly data: number } {
    return { state: 'closed', data: 0 };
  }

  override handleEvent(
    event: BreakerEvent,
    state: 'closed' | 'open',
    failures: number,
    { from }: EventContext,
  ): Transition<'closed' | 'open', number, BreakerEvent> {
    switch (event.type) {
      case 'try':
        return keepState(failures, [{ reply: from as From<never>, value: state === 'closed' }]);
      case 'succeeded':
        return keepState(0);
      case 'failed':
        if (failures < 2) return keepState(failures + 1);
        return nextState('open', 0, [{ stateTimeoutMs: 20, event: { type: 'retry' } }]);
      case 'retry':
        return nextState('closed', 0);
    }
  }
}

interface CounterProtocol {
  call: { total(): number };
  cast: { add(n: number): void };
}

/** Counts what the clients got. */
class Counter extends GenServer<number, CounterProtocol> {
  init(): number {
    return 0;
  }

  override readonly handleCall: CallHandlers<number, CounterProtocol> = this.calls({
    total: (_, total) => reply(total, total),
  });

  override readonly handleCast: CastHandlers<number, CounterProtocol> = this.casts({
    add: (n, total) => noreply(total + n),
  });
}

/** What the program prints at its end. */
export interface PoolSummary {
  readonly total: number;
  readonly failed: number;
  readonly refused: number;
  readonly restarts: number;
  readonly processesLeft: number;
}

/** Runs jobs 1 to `jobs` on `size` workers under one supervisor, then stops it. */
export async function runPool(system: ActorSystem, jobs: number, size: number): Promise<PoolSummary> {
  const root = await Supervisor.startLink(
    [
      Registry.childSpec('registry', { name: REGISTRY }),
      Counter.childSpec('counter', []),
      DynamicSupervisor.childSpec('workers', { maxRestarts: 100 }),
      Breaker.childSpec('breaker', []),
      Pool.childSpec('pool', [size]),
      TaskSupervisor.childSpec('clients'),
    ],
    { strategy: 'rest_for_one', system, name: 'root' },
  );
  const workers = root.child('workers');
  for (let id = 0; id < size; id += 1) await workers.startChild(Worker.childSpec(`worker-${id}`, [id]));

  const [pool, breaker, counter] = [root.child('pool'), root.child('breaker'), root.child('counter')];
  let failed = 0;
  let refused = 0;
  const results = root.child('clients').asyncStream(
    Array.from({ length: jobs }, (_, i) => i + 1),
    async (n) => {
      if (!(await breaker.call('event', { type: 'try' }))) return undefined;
      const value = await pool.call('run', n);
      breaker.cast('event', { type: Number.isNaN(value) ? 'failed' : 'succeeded' });
      return value;
    },
    { maxConcurrency: 4 },
  );
  for await (const result of results) {
    if (!('ok' in result) || result.ok === undefined) refused += 1;
    else if (Number.isNaN(result.ok)) failed += 1;
    else counter.cast('add', result.ok);
  }
  const total = await counter.call('total');
  console.log(formatTree(root.tree()));
  const restarts = workers.whichChildren().reduce((sum, child) => sum + child.restarts, 0);
  await root.stop();
  return { total, failed, refused, restarts, processesLeft: system.processCount };
}

if (process.argv[1]?.endsWith('otp-pool/main.js')) {
  console.log(await runPool(new ActorSystem(), 20, 3));
}
