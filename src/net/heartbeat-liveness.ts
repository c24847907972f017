/**
 * Whether the other end of a link still answers: a heartbeat at each interval, and a peer that leaves two of them
 * unanswered is dead (`archethic-node client/connection.ex`, heartbeat tick).
 *
 * The states are an xstate machine that is only ever asked what comes next; the one timer is on the given clock, and
 * the machine never sees the data path. A silent peer gets heartbeats at 10 and 20 s and is dead at 30 s.
 */
import { assign, initialTransition, type SnapshotFrom, setup, transition } from 'xstate';
import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts';
import { checkInteger } from '../base/errors.ts';

/** Time between heartbeats by default, in ms (`client/connection.ex`). */
export const HEARTBEAT_INTERVAL_MS_DEFAULT = 10_000;

/** Unanswered heartbeats at which a peer counts as dead, by default (`client/connection.ex`). */
export const HEARTBEATS_OUTSTANDING_MAX_DEFAULT = 2;

/** `stopped` and `dead` send nothing; `waiting` has heartbeats unanswered, `alive` none. */
export type HeartbeatState = 'stopped' | 'alive' | 'waiting' | 'dead';

/** Options of {@link HeartbeatLiveness}. */
export interface HeartbeatLivenessOptions {
  readonly clock: Clock;
  /** Time between heartbeats, 1 to 2^31 - 1 ms; default 10 000. */
  readonly intervalMs?: number;
  /** Unanswered heartbeats at which the peer is dead, 1 to 1000; default 2. */
  readonly outstandingMax?: number;
  /** Sends one heartbeat; must not throw. */
  readonly sendHeartbeat: () => void;
  /** Called once per start, when the peer is found dead; must not throw. */
  readonly onDead: () => void;
}

interface Counts {
  readonly outstandingMax: number;
  readonly sent: number;
  readonly received: number;
}

type HeartbeatEvent = { type: 'start' } | { type: 'stop' } | { type: 'tick' } | { type: 'heartbeat' };

const nothing = (): void => {};

const heartbeatMachine = setup({
  types: {} as { context: Counts; input: { outstandingMax: number }; events: HeartbeatEvent },
  guards: {
    isLost: ({ context }) => context.sent - context.received >= context.outstandingMax,
    isLastAnswer: ({ context }) => context.sent - context.received === 1,
  },
  actions: {
    reset: assign({ sent: 0, received: 0 }),
    countSent: assign({ sent: ({ context }) => context.sent + 1 }),
    countReceived: assign({ received: ({ context }) => context.received + 1 }),
    sendHeartbeat: nothing,
    declareDead: nothing,
  },
}).createMachine({
  context: ({ input }) => ({ outstandingMax: input.outstandingMax, sent: 0, received: 0 }),
  initial: 'stopped',
  on: {
    start: { target: '.alive', actions: 'reset' },
    stop: '.stopped',
  },
  states: {
    stopped: {},
    dead: {},
    // Differs from connection.ex, which counts every heartbeat: one that answers nothing would be credit, and a peer
    // that sent many at first could then stay silent for as many intervals.
    alive: { on: { tick: { target: 'waiting', actions: ['countSent', 'sendHeartbeat'] } } },
    waiting: {
      on: {
        tick: [
          { guard: 'isLost', target: 'dead', actions: 'declareDead' },
          { actions: ['countSent', 'sendHeartbeat'] },
        ],
        heartbeat: [{ guard: 'isLastAnswer', target: 'alive', actions: 'countReceived' }, { actions: 'countReceived' }],
      },
    },
  },
});

/** Sends heartbeats on one link and decides when its peer is dead. */
export class HeartbeatLiveness {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #sendHeartbeat: () => void;
  readonly #onDead: () => void;
  #snapshot: SnapshotFrom<typeof heartbeatMachine>;
  #timer: Timer | undefined;

  /** @throws RangeError when an option is out of range. */
  constructor(options: HeartbeatLivenessOptions) {
    this.#clock = options.clock;
    const intervalMs = options.intervalMs ?? HEARTBEAT_INTERVAL_MS_DEFAULT;
    this.#intervalMs = checkInteger('intervalMs', intervalMs, 1, TIMER_DELAY_MS_MAX);
    const max = options.outstandingMax ?? HEARTBEATS_OUTSTANDING_MAX_DEFAULT;
    const outstandingMax = checkInteger('outstandingMax', max, 1, 1000);
    this.#sendHeartbeat = options.sendHeartbeat;
    this.#onDead = options.onDead;
    [this.#snapshot] = initialTransition(heartbeatMachine, { outstandingMax });
  }

  /** Where it stands. */
  get state(): HeartbeatState {
    return this.#snapshot.value as HeartbeatState;
  }

  /** Heartbeats sent since the last start. */
  get sent(): number {
    return this.#snapshot.context.sent;
  }

  /** Heartbeats of ours that were answered since the last start; never more than `sent`. */
  get received(): number {
    return this.#snapshot.context.received;
  }

  /** Begins anew: counters at 0, the first heartbeat after one interval. */
  start(): void {
    this.#clearTimer();
    this.#step({ type: 'start' });
    this.#arm();
  }

  /** Ends without a verdict. Does no harm at any time. */
  stop(): void {
    this.#clearTimer();
    this.#step({ type: 'stop' });
  }

  /** To be called for each heartbeat that arrives; one that answers nothing is ignored. */
  heartbeatReceived(): void {
    if (this.#snapshot.value === 'waiting') this.#step({ type: 'heartbeat' });
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(() => {
      // Armed before the step, so that a callback that stops or restarts has the last word.
      this.#arm();
      this.#step({ type: 'tick' });
    }, this.#intervalMs);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #step(event: HeartbeatEvent): void {
    const [snapshot, actions] = transition(heartbeatMachine, this.#snapshot, event);
    this.#snapshot = snapshot;
    for (const action of actions) {
      if (action.type === 'sendHeartbeat') this.#sendHeartbeat();
      else if (action.type === 'declareDead') {
        this.#clearTimer();
        this.#onDead();
      }
    }
  }
}
