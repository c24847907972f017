/**
 * Which channel sends the next packet: the one that has sent the least of late for its priority
 * (`CometBFT p2p/conn/connection.go selectChannelToGossipOn`), with what counts as late fading over time.
 */
import type { ChannelSender } from './channel-sender.ts';

/** Time between two fadings, in ms (`updateStats`). */
export const DECAY_INTERVAL_MS = 2_000;

/** What is left of `recentlySent` after one fading (`updateStats`). */
const DECAY_FACTOR = 0.8;

/** Fadings after which nothing is left of any number of bytes: 0.8^200 of 2^53 is under 1. */
const DECAYS_MAX = 200;

/** Chooses among the channels of one connection. @internal */
export class PacketScheduler {
  readonly #channels: readonly ChannelSender[];
  #decayedMs: number;

  /** @param channels - in the order of registration, which decides ties. */
  constructor(channels: readonly ChannelSender[], nowMs: number) {
    this.#channels = channels;
    this.#decayedMs = nowMs;
  }

  /**
   * The channel whose packet goes next, or undefined when none may send.
   *
   * @param isEligible - asked about each channel that has something to send; leaves out those that must wait.
   */
  pick(isEligible: (channel: ChannelSender) => boolean): ChannelSender | undefined {
    let best: ChannelSender | undefined;
    let bestRatio = 0;
    for (const channel of this.#channels) {
      if (!channel.isPending) continue;
      // Single precision, as upstream: channels that are equal there are equal here, and the first one wins.
      const ratio = Math.fround(Math.fround(channel.recentlySent) / channel.priority);
      if (best !== undefined && ratio >= bestRatio) continue;
      if (!isEligible(channel)) continue;
      best = channel;
      bestRatio = ratio;
    }
    return best;
  }

  /**
   * Fades what was sent by the time that has passed, in steps of {@link DECAY_INTERVAL_MS}. No timer: an idle connection
   * fades when it is next used.
   */
  decayTo(nowMs: number): void {
    const steps = Math.floor((nowMs - this.#decayedMs) / DECAY_INTERVAL_MS);
    if (steps <= 0) return;
    this.#decayedMs += steps * DECAY_INTERVAL_MS;
    for (let step = Math.min(steps, DECAYS_MAX); step > 0; step -= 1) this.decay();
  }

  /** One fading (`Channel.updateStats`). */
  decay(): void {
    for (const channel of this.#channels) channel.recentlySent = Math.trunc(channel.recentlySent * DECAY_FACTOR);
  }
}
