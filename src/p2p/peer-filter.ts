/**
 * Filters: functions of the user that may refuse a connection before its handshake, or a peer before it is admitted;
 * `p2p/transport.go ConnFilterFunc`, `p2p/switch.go PeerFilterFunc`. All of a kind run at the same time, and each has the
 * same time to answer.
 */
import type { MaybePromise } from '../actors/protocol.ts';
import type { Clock } from '../base/clock.ts';
import { describeReason } from '../base/errors.ts';
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import type { PeerSet } from './peer-set.ts';
import { SwitchError } from './switch-errors.ts';

/** Most filters of each kind. */
export const FILTERS_MAX = 64;

/** A connection about to shake hands. */
export interface ConnectionCandidate {
  /** As the transport writes it. */
  readonly remoteAddress: string;
  /** Its host. */
  readonly ip: string;
  readonly isOutbound: boolean;
}

/** A peer that has proven who it is and is about to be admitted. */
export interface PeerCandidate extends ConnectionCandidate {
  readonly id: string;
  readonly nodeInfo: NodeInfo;
  /** Whether the switch always keeps a connection to it. */
  readonly isPersistent: boolean;
  /** Whether its id is one that no limit of the switch holds back. */
  readonly isUnconditional: boolean;
}

/** Lets a connection pass with undefined; a text, or a throw, refuses it for that reason. */
export type ConnectionFilter = (connection: ConnectionCandidate) => MaybePromise<string | undefined>;

/** Lets a peer pass with undefined; a text, or a throw, refuses it for that reason. */
export type PeerFilter = (peer: PeerCandidate, peers: PeerSet) => MaybePromise<string | undefined>;

/** What {@link runFilters} needs to know besides the filters. @internal */
export interface FilterRun {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** `CONN<address>` or `ID<id>`, for the texts of refusals. */
  readonly what: string;
  readonly details: { readonly peerId?: string; readonly remoteAddress: string };
}

/**
 * Runs every filter at once.
 *
 * @throws SwitchError (as a rejection) `FILTERED` as soon as one refuses, `FILTER_TIMEOUT` when one is late. @internal
 */
export async function runFilters(
  filters: readonly (() => MaybePromise<string | undefined>)[],
  { clock, timeoutMs, what, details }: FilterRun,
): Promise<void> {
  if (filters.length === 0) return;
  await new Promise<void>((resolve, reject) => {
    const timer = clock.setTimer(() => {
      reject(new SwitchError('FILTER_TIMEOUT', `filtered ${what}: no answer in ${timeoutMs} ms`, details));
    }, timeoutMs);
    const each = filters.map(async (filter) => {
      let refusal: string | undefined;
      let cause: unknown;
      try {
        refusal = await filter();
      } catch (error) {
        refusal = describeReason(error, 100);
        cause = error;
      }
      if (refusal === undefined) return;
      throw new SwitchError('FILTERED', `filtered ${what}: ${refusal}`, { ...details, cause });
    });
    Promise.all(each).then(
      () => {
        clock.clearTimer(timer);
        resolve();
      },
      (error) => {
        clock.clearTimer(timer);
        reject(error);
      },
    );
  });
}
