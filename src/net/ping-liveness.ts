/**
 * Whether the peer of an MConnection still answers: a ping at each interval, and a pong in time for every ping
 * (`CometBFT p2p/conn/connection.go`, pingTimer and pongTimeoutCh).
 *
 * The states are an xstate machine that is only ever asked what comes next. The pings that `bulk-window.ts` asks for,
 * thousands a second, do not enter it: they write one field, and one timer looks at that field.
 */
import { initialTransition, type SnapshotFrom, setup, transition } from 'xstate';
import { type Clock, TIMER_DELAY_MS_MAX, type Timer } from '../base/clock.ts';
import { checkInteger } from '../base/errors.ts';

/** Time between pings by default, in ms (`defaultPingInterval`). */
export const PING_INTERVAL_MS_DEFAULT = 60_000;

/** Time in which a ping must be answered by default, in ms (`defaultPongTimeout`). */
export const PONG_TIMEOUT_MS_DEFAULT = 45_000;

/** `quiet`: nothing is expected of the peer; `asked`: a ping is due or unanswered; `stopped`, `dead`: no more pings. */
export type PingState = 'stopped' | 'quiet' | 'asked' | 'dead';

/** Options of {@link PingLiveness}. */
export interface PingLivenessOptions {
  readonly clock: Clock;
  /** Time between pings, 1 to 2^31 - 1 ms; default 60 000. */
  readonly pingIntervalMs?: number;
  /** Time in which each ping must be answered, 1 to 2^31 - 1 ms; default 45 000. */
  readonly pongTimeoutMs?: number;
  /** Asks for a ping to be sent; the owner tells with {@link PingLiveness.pingSent} when it was. Must not throw. */
  readonly onPingDue: () => void;
  /** Called once per start, when the peer is found dead; must not throw. */
  readonly onDead: () => void;
}

type PingEvent = { type: 'start' } | { type: 'stop' } | { type: 'tick' } | { type: 'pong' } | { type: 'late' };

const nothing = (): void => {};

const pingMachine = setup({
  types: {} as { events: PingEvent },
  actions: { askForPing: nothing, declareDead: nothing },
}).createMachine({
  initial: 'stopped',
  on: { start: '.quiet', stop: '.stopped' },
  states: {
    stopped: {},
    dead: {},
    quiet: {
      on: {
        tick: { target: 'asked', actions: 'askForPing' },
        late: { target: 'dead', actions: 'declareDead' },
      },
    },
    // Differs from connection.go, where a second ping restarts the patience with the first: one ping is out at a time.
    asked: {
      on: {
        pong: 'quiet',
        late: { target: 'dead', actions: 'declareDead' },
      },
    },
  },
});

/** Asks for pings on one connection and decides when its peer is dead. */
export class PingLiveness {
  readonly #clock: Clock;
  readonly #pingIntervalMs: number;
  readonly #pongTimeoutMs: number;
  readonly #onPingDue: () => void;
  readonly #onDead: () => void;
  #snapshot: SnapshotFrom<typeof pingMachine>;
  #tickTimer: Timer | undefined;
  #lateTimer: Timer | undefined;
  #pingSentMs: number | undefined;

  /** @throws RangeError when an option is out of range. */
  constructor(options: PingLivenessOptions) {
    this.#clock = options.clock;
    const pingIntervalMs = options.pingIntervalMs ?? PING_INTERVAL_MS_DEFAULT;
    this.#pingIntervalMs = checkInteger('pingIntervalMs', pingIntervalMs, 1, TIMER_DELAY_MS_MAX);
    const pongTimeoutMs = options.pongTimeoutMs ?? PONG_TIMEOUT_MS_DEFAULT;
    this.#pongTimeoutMs = checkInteger('pongTimeoutMs', pongTimeoutMs, 1, TIMER_DELAY_MS_MAX);
    this.#onPingDue = options.onPingDue;
    this.#onDead = options.onDead;
    [this.#snapshot] = initialTransition(pingMachine);
  }

  /** Where it stands. */
  get state(): PingState {
    return this.#snapshot.value as PingState;
  }

  /** True while a ping is unanswered. */
  get isWaiting(): boolean {
    return this.#pingSentMs !== undefined;
  }

  /** Begins anew: the first ping after one interval. */
  start(): void {
    this.#clearTimers();
    this.#step({ type: 'start' });
    this.#armTick();
  }

  /** Ends without a verdict. Does no harm at any time. */
  stop(): void {
    this.#clearTimers();
    this.#step({ type: 'stop' });
  }

  /** To be called for each ping that is sent, whoever asked for it. */
  pingSent(nowMs: number): void {
    if (this.#tickTimer === undefined) return; // not running
    this.#pingSentMs = nowMs;
    if (this.#lateTimer === undefined) this.#armLate(this.#pongTimeoutMs);
  }

  /** To be called for each pong that answers a ping. */
  pongReceived(): void {
    this.#pingSentMs = undefined;
    if (this.#snapshot.value === 'asked') this.#step({ type: 'pong' });
  }

  #armTick(): void {
    this.#tickTimer = this.#clock.setTimer(() => {
      this.#armTick();
      // A ping that is out already asks the same question.
      if (this.#pingSentMs === undefined) this.#step({ type: 'tick' });
    }, this.#pingIntervalMs);
  }

  #armLate(delayMs: number): void {
    this.#lateTimer = this.#clock.setTimer(() => {
      this.#lateTimer = undefined;
      if (this.#pingSentMs === undefined) return;
      const restMs = this.#pingSentMs + this.#pongTimeoutMs - this.#clock.monotonicMs();
      if (restMs > 0) this.#armLate(restMs);
      else this.#step({ type: 'late' });
    }, delayMs);
  }

  #clearTimers(): void {
    if (this.#tickTimer !== undefined) this.#clock.clearTimer(this.#tickTimer);
    if (this.#lateTimer !== undefined) this.#clock.clearTimer(this.#lateTimer);
    this.#tickTimer = undefined;
    this.#lateTimer = undefined;
    this.#pingSentMs = undefined;
  }

  #step(event: PingEvent): void {
    const [snapshot, actions] = transition(pingMachine, this.#snapshot, event);
    this.#snapshot = snapshot;
    for (const action of actions) {
      if (action.type === 'askForPing') this.#onPingDue();
      else if (action.type === 'declareDead') {
        this.#clearTimers();
        this.#onDead();
      }
    }
  }
}
