/**
 * When a lost persistent peer is dialed again; `p2p/switch.go reconnectToPeer`. Pure: attempt in, pause out.
 *
 * At once; then every 5 s until 20 dials are made; then 10 more after 3^1, 3^2 ... 3^10 s (about a day in all). A random
 * 0 to 3 s is added to each pause, so that two nodes that lost each other do not keep colliding.
 */
import type { Random } from '../base/random.ts';

/** The base of the second, growing part of the schedule: pauses of 3^i s (`reconnectBackOffBaseSeconds`). */
export const RECONNECT_BACKOFF_BASE = 3;

/** The numbers of a schedule. */
export interface ReconnectSchedule {
  /** Pause between dials of the first part, in ms. Upstream 5000. */
  readonly reconnectIntervalMs: number;
  /** Dials of the first part. Upstream 20. */
  readonly reconnectAttempts: number;
  /** Dials of the second part. Upstream 10. */
  readonly reconnectBackoffAttempts: number;
  /** Each pause is longer by a random part of this, in ms. Upstream 3000. */
  readonly dialJitterMs: number;
}

/**
 * The pause before dial number `attempt` since the peer was lost, in ms.
 *
 * @param attempt - 0 for the first dial, which is made at once.
 * @returns undefined when the schedule is over: `reconnectAttempts + reconnectBackoffAttempts` dials have failed.
 */
export function reconnectDelayMs(attempt: number, schedule: ReconnectSchedule, random: Random): number | undefined {
  const { reconnectIntervalMs, reconnectAttempts, reconnectBackoffAttempts } = schedule;
  const jitterMs = (): number => dialJitterMs(schedule, random);
  if (attempt === 0 && reconnectAttempts > 0) return 0;
  if (attempt < reconnectAttempts) return reconnectIntervalMs + jitterMs();
  const exponent = attempt - reconnectAttempts + 1;
  if (exponent > reconnectBackoffAttempts) return undefined;
  const pauseMs = RECONNECT_BACKOFF_BASE ** exponent * 1000 + jitterMs();
  // Not an implementation choice: upstream also waits out the pause after the last dial of the first part.
  return exponent === 1 && reconnectAttempts > 0 ? reconnectIntervalMs + jitterMs() + pauseMs : pauseMs;
}

/** A random part of the jitter, in ms; `p2p/switch.go randomSleep`. */
export function dialJitterMs(schedule: Pick<ReconnectSchedule, 'dialJitterMs'>, random: Random): number {
  return Math.floor(random.float() * schedule.dialJitterMs);
}

/** `items` in a random order, as upstream dials a list of peers; Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random.float() * (i + 1));
    [order[i], order[j]] = [order[j] as T, order[i] as T];
  }
  return order;
}
