/**
 * A supervised pool of workers, as an Elixir application would be built: a registry, a supervisor of workers, a dispatcher that
 * hands out jobs, a circuit breaker as a state machine, and tasks for the clients.
 *
 * Watch for: a worker that crashes on its job is restarted and registers again; the client of that job gets the reason; the
 * breaker opens after three failures and closes again by itself; when the workers' supervisor itself is killed, it comes back with
 * its workers, and so does everything started after it; stopping the root stops everything in reverse order.
 *
 * Runs as it is on Node 22.18 and later, which strips types: node examples/otp-pool/main.ts. In a program of your own the
 * imports are from `genmesh/actors` and `genmesh/supervisor`.
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
import { formatTree, Supervisor, type SupervisorHandle, TaskSupervisor } from '../../src/supervisor/index.ts';

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
      // It is being restarted: a job less is no reason for the pool to crash.
      if (worker === undefined) return reply(Number.NaN, state);
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

/** What a round of jobs gave. */
export interface JobsSummary {
  readonly total: number;
  readonly failed: number;
  readonly refused: number;
}

/** What the program prints at its end. */
export interface PoolSummary extends JobsSummary {
  readonly restarts: number;
  readonly processesLeft: number;
}

/**
 * Starts the tree. How many workers there are is known, so they are children from the start: whatever restarts their supervisor
 * restarts them. Were they added to a DynamicSupervisor from here, it would come back without them.
 */
function startRoot(system: ActorSystem, size: number) {
  const workers = Array.from({ length: size }, (_, id) => Worker.childSpec(`worker-${id}`, [id]));
  return Supervisor.startLink(
    [
      Registry.childSpec('registry', { name: REGISTRY }),
      Counter.childSpec('counter', []),
      Supervisor.childSpec('workers', workers, { strategy: 'one_for_one', maxRestarts: 100 }),
      Breaker.childSpec('breaker', []),
      Pool.childSpec('pool', [size]),
      TaskSupervisor.childSpec('clients'),
    ],
    { strategy: 'rest_for_one', system, name: 'root' },
  );
}

type Root = Awaited<ReturnType<typeof startRoot>>;

/** The running tree. Its children are asked for in each use: after a restart they are others. */
export class PoolApp {
  readonly #root: Root;

  private constructor(root: Root) {
    this.#root = root;
  }

  static async start(system: ActorSystem, size: number): Promise<PoolApp> {
    return new PoolApp(await startRoot(system, size));
  }

  /** The supervisor of the workers. */
  get workers(): SupervisorHandle {
    return this.#root.child('workers');
  }

  /** How often workers were restarted by the supervisor that they have now. */
  get restarts(): number {
    const children = this.#root.child('workers').whichChildren();
    return children.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** Squares 1 to `jobs`, four at a time. */
  async run(jobs: number): Promise<JobsSummary> {
    const root = this.#root;
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
    return { total: await counter.call('total'), failed, refused };
  }

  formatTree(): string {
    return formatTree(this.#root.tree());
  }

  stop(): Promise<void> {
    return this.#root.stop();
  }
}

/** Runs jobs 1 to `jobs` on `size` workers under one supervisor, then stops it. */
export async function runPool(system: ActorSystem, jobs: number, size: number): Promise<PoolSummary> {
  const app = await PoolApp.start(system, size);
  const summary = await app.run(jobs);
  console.log(app.formatTree());
  const { restarts } = app;
  await app.stop();
  return { ...summary, restarts, processesLeft: system.processCount };
}

if (/otp-pool[/\\]main\.[jt]s$/.test(process.argv[1] ?? '')) {
  console.log(await runPool(new ActorSystem(), 20, 3));
}
