/** Why a node answers with the Error message, by its number on the wire. `archethic-node p2p/message/error.ex`. */
export const ERROR_REASONS = {
  network_issue: 0,
  invalid_transaction: 1,
  invalid_attestation: 2,
  transaction_already_exists: 3,
  network_chains_sync: 4,
  p2p_sync: 5,
  both_sync: 6,
  already_locked: 7,
} as const;

/** Name of a reason; the wire has no others. */
export type ErrorReason = keyof typeof ERROR_REASONS;

/** Fields of the Error message. */
export interface ErrorFields {
  readonly reason: ErrorReason;
}
