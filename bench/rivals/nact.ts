/**
 * nact as a rival. It gives the event loop a turn for every message, so its runs are a tenth as long as ours: what counts is
 * the rate.
 */

import { collectGarbage, type Rival, type Run, ratePerSecond } from '../harness.ts';
import { restartLatencies } from '../process/lifetimes.ts';
import { latencies, RING_SIZE, runRing, SENDERS } from '../process/messages.ts';

/** A reference to one of its actors, or to its system. */
export interface NactRef {
  readonly type: string;
}

interface NactContext {
  readonly reset: unknown;
}

interface NactOptions {
  readonly initialState?: unknown;
  readonly initialStateFunc?: () => unknown;
  readonly onCrash?: (message: unknown, error: unknown, context: NactContext) => unknown;
  readonly afterStop?: () => void;
}

/** What is used of nact. */
export interface Nact {
  start(): NactRef;
  spawn(
    parent: NactRef,
    handle: (state: unknown, message: never) => unknown,
    name?: string,
    options?: NactOptions,
  ): NactRef;
  dispatch(to: NactRef, message: unknown): void;
  query(to: NactRef, message: (from: NactRef) => unknown, timeoutMs: number): Promise<unknown>;
  stop(actor: NactRef): void;
}

interface EchoMessage {
  readonly type: 'ping' | 'get' | 'inc' | 'crash';
  readonly from?: NactRef;
}

const INC: EchoMessage = { type: 'inc' };
const CALL_TIMEOUT_MS = 5000;
/** Its runs against ours. */
const SHARE = 0.1;

/** An Echo of nact. */
class Servers {
  readonly nact: Nact;
  readonly system: NactRef;
  #count = 0;

  constructor(nact: Nact) {
    this.nact = nact;
    this.system = nact.start();
  }

  start(options: NactOptions = { initialState: 0 }, parent: NactRef = this.system): NactRef {
    const { nact } = this;
    const echo = (state: unknown, { type, from }: EchoMessage): unknown => {
      if (type === 'crash') throw new Error('asked to crash');
      if (type === 'inc') return (state as number) + 1;
      nact.dispatch(from as NactRef, type === 'ping' ? 'pong' : { state });
      return state;
    };
    this.#count += 1;
    // The names that it makes up are drawn from 2^31 and collide before 100 000.
    return nact.spawn(parent, echo, `echo${this.#count}`, options);
  }

  call(to: NactRef, type: 'ping' | 'get'): Promise<unknown> {
    return this.nact.query(to, (from) => ({ type, from }) satisfies EchoMessage, CALL_TIMEOUT_MS);
  }

  /** Stops the system and all in it. */
  end(): void {
    this.nact.stop(this.system);
  }
}

/** Makes runs of `body`, each with servers of its own. */
const withServers = (nact: Nact, body: (servers: Servers, scale: number) => ReturnType<Run>): Run => {
  return async (scale) => {
    const servers = new Servers(nact);
    try {
      return await body(servers, scale);
    } finally {
      servers.end();
    }
  };
};

async function castBatches(servers: Servers, batches: number, size: number): Promise<number> {
  const server = servers.start();
  return ratePerSecond(batches * size, async () => {
    for (let batch = 0; batch < batches; batch += 1) {
      for (let i = 1; i < size; i += 1) servers.nact.dispatch(server, INC);
      await servers.call(server, 'get');
    }
  });
}

function messages(nact: Nact): Readonly<Record<string, Run>> {
  return {
    call_seq: withServers(nact, (servers, scale) => {
      const server = servers.start();
      const count = 500_000 * SHARE * scale;
      return ratePerSecond(count, async () => {
        for (let i = 0; i < count; i += 1) await servers.call(server, 'ping');
      });
    }),
    call_lat_p50: withServers(nact, (servers, scale) => {
      const server = servers.start();
      return latencies(Math.ceil(200_000 * SHARE * scale), () => servers.call(server, 'ping'));
    }),
    call_64: withServers(nact, (servers, scale) => {
      const server = servers.start();
      const each = 10_000 * SHARE * scale;
      const client = async (): Promise<void> => {
        for (let i = 0; i < each; i += 1) await servers.call(server, 'ping');
      };
      return ratePerSecond(64 * each, async () => {
        await Promise.all(Array.from({ length: 64 }, client));
      });
    }),
    cast_1000: withServers(nact, (servers, scale) => castBatches(servers, Math.ceil(2000 * SHARE * scale), 1000)),
    cast_1m: withServers(nact, (servers, scale) => castBatches(servers, 1, Math.ceil(1_000_000 * SHARE * scale))),
    pingpong: withServers(nact, (servers, scale) => pingPong(servers, Math.ceil(1_000_000 * SHARE * scale))),
    ring: withServers(nact, (servers, scale) => {
      return runRing(1, Math.ceil(1000 * SHARE * scale), (onLap) => startRing(servers, onLap));
    }),
    ring_par: withServers(nact, (servers, scale) => {
      return runRing(1000, Math.ceil(10 * SHARE * scale), (onLap) => startRing(servers, onLap));
    }),
    fanin_64: withServers(nact, (servers, scale) => fanIn(servers, Math.ceil(20_000 * SHARE * scale))),
  };
}

function pingPong({ nact, system }: Servers, count: number): Promise<number> {
  let left = count;
  return ratePerSecond(
    count,
    () =>
      new Promise<void>((done) => {
        const forth: NactRef = nact.spawn(system, () => nact.dispatch(back, 'ball'), 'forth');
        const back: NactRef = nact.spawn(
          system,
          () => {
            left -= 1;
            if (left === 0) done();
            else nact.dispatch(forth, 'ball');
          },
          'back',
        );
        nact.dispatch(forth, 'ball');
      }),
  );
}

async function startRing({ nact, system }: Servers, onLap: (laps: number) => boolean): Promise<() => void> {
  const hops: NactRef[] = [];
  for (let i = 0; i < RING_SIZE; i += 1) {
    const pass = (_state: unknown, { laps }: { readonly laps: number }): void => {
      const next = hops[(i + 1) % RING_SIZE] as NactRef;
      if (i !== 0) nact.dispatch(next, { laps });
      else if (onLap(laps + 1)) nact.dispatch(next, { laps: laps + 1 });
    };
    hops.push(nact.spawn(system, pass, `hop${i}`));
  }
  return () => nact.dispatch(hops[1] as NactRef, { laps: 0 });
}

function fanIn({ nact, system }: Servers, each: number): Promise<number> {
  let left = each * SENDERS;
  return ratePerSecond(
    left,
    () =>
      new Promise<void>((done) => {
        const count = (): void => {
          left -= 1;
          if (left === 0) done();
        };
        const receiver = nact.spawn(system, count, 'receiver');
        const send = (): void => {
          for (let i = 0; i < each; i += 1) nact.dispatch(receiver, INC);
        };
        for (let i = 0; i < SENDERS; i += 1) nact.dispatch(nact.spawn(system, send, `sender${i}`), 'go');
      }),
  );
}

function lives(nact: Nact): Readonly<Record<string, Run>> {
  return {
    spawn_stop: withServers(nact, (servers, scale) => {
      const count = 100_000 * SHARE * scale;
      return ratePerSecond(count, () => {
        for (let i = 0; i < count; i += 1) nact.stop(servers.start());
      });
    }),
    spawn_bulk_start: withServers(nact, (servers, scale) => {
      const count = Math.ceil(100_000 * SHARE * scale);
      const startMs = performance.now();
      const actors = Array.from({ length: count }, () => servers.start());
      const startedMs = performance.now();
      for (const actor of actors) nact.stop(actor);
      return [(count / (startedMs - startMs)) * 1000, (count / (performance.now() - startedMs)) * 1000];
    }),
    idle_server: withServers(nact, (servers, scale) => {
      const kept = new Array<NactRef>(Math.ceil(100_000 * SHARE * scale));
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < kept.length; i += 1) kept[i] = servers.start();
      collectGarbage();
      return (process.memoryUsage().heapUsed - before) / kept.length;
    }),
    sup_restart_300_p50: withServers(nact, restarts),
  };
}

/** A crash by message, the reset that `onCrash` decides on, and the first answer; in us, p50 and p99. */
async function restarts(servers: Servers): Promise<readonly number[]> {
  let onUp = (): void => {};
  const server = servers.start({
    initialStateFunc: () => {
      onUp();
      return 0;
    },
    onCrash: (_message, _error, context) => context.reset,
  });
  return restartLatencies(async () => {
    const up = new Promise<void>((resolve) => {
      onUp = resolve;
    });
    servers.nact.dispatch(server, { type: 'crash' } satisfies EchoMessage);
    await up;
    await servers.call(server, 'ping');
  });
}

/** The workloads that make sense for it. */
export function nactRival(nact: Nact, version: string): Rival {
  return { name: 'nact', version, runs: { ...messages(nact), ...lives(nact) } };
}
