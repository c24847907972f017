/** What do messages cost in other patterns: single calls timed, one long burst, rings, many senders, a full mailbox? */
import {
  ActorSystem,
  type CastHandlers,
  GenServer,
  noreply,
  type RefOf,
  type ServerRef,
  type SpawnedSelf,
  send,
  spawn,
  startServer,
} from '../../src/actors/index.ts';
import { percentile, ratePerSecond, type Workload } from '../harness.ts';
import { Echo } from './echo.ts';
import { BareMailbox, bareCounter } from './floor.ts';

/** Times `count` calls one by one. @returns p50 and p99 in us. */
export async function latencies(count: number, call: () => unknown): Promise<readonly [p50: number, p99: number]> {
  const us = new Float64Array(Math.ceil(count));
  for (let i = 0; i < us.length; i += 1) {
    const startMs = performance.now();
    await call();
    us[i] = (performance.now() - startMs) * 1000;
  }
  us.sort();
  return [percentile(us, 0.5), percentile(us, 0.99)];
}

const callLatency: Workload = {
  name: 'call_lat_p50',
  unit: 'us',
  also: [{ name: 'call_lat_p99', unit: 'us' }],
  floor: (scale) => {
    const server = bareCounter();
    return latencies(200_000 * scale, () => server.call('get'));
  },
  ours: async (scale) => {
    const server = await startServer(Echo, [0], { system: new ActorSystem() });
    return latencies(200_000 * scale, () => server.call('ping'));
  },
};

const castMillion: Workload = {
  name: 'cast_1m',
  unit: 'casts/s',
  floor: (scale) => {
    const server = bareCounter();
    const count = 1_000_000 * scale;
    return ratePerSecond(count, async () => {
      for (let i = 0; i < count; i += 1) server.cast('inc');
      await server.call('get');
    });
  },
  ours: async (scale) => {
    const server = await startServer(Echo, [0], { system: new ActorSystem() });
    const count = Math.ceil(1_000_000 * scale);
    return ratePerSecond(count, async () => {
      for (let i = 0; i < count; i += 1) server.cast('inc');
      const seen = await server.call('get', undefined, { timeoutMs: Number.POSITIVE_INFINITY });
      if (seen !== count) throw new Error(`${seen} of ${count} casts arrived`);
    });
  },
};

interface HopProtocol {
  cast: { join(next: ServerRef<HopProtocol>): void; token(laps: number): void };
}

interface HopState {
  next: ServerRef<HopProtocol> | undefined;
  /** Called with each token that comes by, on the one that counts laps. @returns whether it goes on. */
  readonly onLap: ((laps: number) => boolean) | undefined;
}

/** Passes tokens on to the next of its ring. */
class Hop extends GenServer<HopState, HopProtocol, [onLap: ((laps: number) => boolean) | undefined]> {
  init(onLap: ((laps: number) => boolean) | undefined): HopState {
    return { next: undefined, onLap };
  }

  override readonly handleCast: CastHandlers<HopState, HopProtocol> = this.casts({
    join: (next, state) => {
      state.next = next;
      return noreply(state);
    },
    token: (laps, state) => {
      if (state.onLap === undefined) state.next?.cast('token', laps);
      else if (state.onLap(laps + 1)) state.next?.cast('token', laps + 1);
      return noreply(state);
    },
  });
}

/** Hops in a ring. */
export const RING_SIZE = 1000;

/** Resolves when `tokens` tokens have each made `laps` laps; `start` makes the ring and gives what sends one token off. */
export async function runRing(
  tokens: number,
  laps: number,
  start: (onLap: (laps: number) => boolean) => Promise<() => void>,
): Promise<number> {
  let left = tokens;
  let done = (): void => {};
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const send = await start((made) => {
    if (made < laps) return true;
    left -= 1;
    if (left === 0) done();
    return false;
  });
  return ratePerSecond(RING_SIZE * tokens * laps, () => {
    for (let i = 0; i < tokens; i += 1) send();
    return finished;
  });
}

async function startOurs(onLap: (laps: number) => boolean): Promise<() => void> {
  const system = new ActorSystem();
  const hops: RefOf<Hop>[] = [];
  for (let i = 0; i < RING_SIZE; i += 1) hops.push(await startServer(Hop, [i === 0 ? onLap : undefined], { system }));
  for (const [i, hop] of hops.entries()) hop.cast('join', hops[(i + 1) % RING_SIZE] as RefOf<Hop>);
  return () => hops[1]?.cast('token', 0);
}

async function startBare(onLap: (laps: number) => boolean): Promise<() => void> {
  const hops: BareMailbox[] = [];
  for (let i = 0; i < RING_SIZE; i += 1) {
    const next = (i + 1) % RING_SIZE;
    hops.push(
      new BareMailbox((_op, value, state) => {
        const laps = value as number;
        if (i !== 0) hops[next]?.cast('token', laps);
        else if (onLap(laps + 1)) hops[next]?.cast('token', laps + 1);
        return state;
      }),
    );
  }
  return () => hops[1]?.cast('token', 0);
}

const ring = (name: string, tokens: number, laps: number): Workload => ({
  name,
  unit: 'messages/s',
  floor: (scale) => runRing(tokens, Math.ceil(laps * scale), startBare),
  ours: (scale) => runRing(tokens, Math.ceil(laps * scale), startOurs),
});

/** Senders of {@link fanIn}. */
export const SENDERS = 64;

/** Messages a second that {@link SENDERS} processes, started in the clock, send to one. */
const fanIn: Workload = {
  name: 'fanin_64',
  unit: 'messages/s',
  floor: (scale) => {
    const each = 20_000 * scale;
    let left = Math.ceil(each) * SENDERS;
    return ratePerSecond(
      left,
      () =>
        new Promise<void>((done) => {
          const receiver = new BareMailbox((_op, _value, state) => {
            left -= 1;
            if (left === 0) done();
            return state;
          });
          const sender = (): BareMailbox =>
            new BareMailbox((_op, _value, state) => {
              for (let i = 0; i < each; i += 1) receiver.cast('item');
              return state;
            });
          for (let i = 0; i < SENDERS; i += 1) sender().cast('go');
        }),
    );
  },
  ours: async (scale) => {
    const system = new ActorSystem();
    const each = Math.ceil(20_000 * scale);
    const server = await startServer(Echo, [0], { system });
    return ratePerSecond(each * SENDERS, async () => {
      let running = SENDERS;
      await new Promise<void>((done) => {
        for (let i = 0; i < SENDERS; i += 1) {
          const body = (): void => {
            for (let sent = 0; sent < each; sent += 1) server.cast('inc');
            running -= 1;
            if (running === 0) done();
          };
          spawn(body, { system });
        }
      });
      const seen = await server.call('get', undefined, { timeoutMs: Number.POSITIVE_INFINITY });
      if (seen !== each * SENDERS) throw new Error(`${seen} of ${each * SENDERS} messages arrived`);
    });
  },
};

/** Calls of a process in whose own mailbox many messages wait unread. */
const bigMailbox: Workload = {
  name: 'big_mailbox',
  unit: 'calls/s',
  ours: async (scale) => {
    const system = new ActorSystem();
    const count = 100_000 * scale;
    const server = await startServer(Echo, [0], { system });
    return new Promise<number>((resolve, reject) => {
      const body = async (self: SpawnedSelf): Promise<void> => {
        for (let i = 0; i < count; i += 1) send(self, 'unread');
        const rate = await ratePerSecond(count, async () => {
          for (let i = 0; i < count; i += 1) await server.call('ping', undefined, { caller: self });
        });
        if (self.messages.length < count) throw new Error(`only ${self.messages.length} messages wait`);
        resolve(rate);
      };
      spawn((self) => body(self).catch(reject), { system });
    });
  },
};

/** Workloads of messages beyond those of `process.bench.ts`. */
export const MESSAGE_WORKLOADS: readonly Workload[] = [
  callLatency,
  castMillion,
  ring('ring', 1, 1000),
  ring('ring_par', 1000, 10),
  fanIn,
  bigMailbox,
];
