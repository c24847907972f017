/**
 * Messages that upstream has removed, as they were at v1.0.0. Two of their ids (19, 243) have other meanings since, so
 * they are a catalog of their own; the other two may be added to the current one.
 */
import type { BitString } from './bit-string.ts';
import { address, prefixedBits, publicKey, uint, uint64, varint } from './field-schemas.ts';
import { defineMessage, type MessageType, type RequestType } from './message.ts';
import { MessageCatalog } from './message-catalog.ts';
import { list, struct } from './schema.ts';

/** An amount of a token, in units of 10^-8, unsigned 64 bits. */
export interface TokenBalance {
  readonly tokenAddress: Uint8Array;
  readonly amount: bigint;
  readonly tokenId: bigint;
}

/** Fields of Balance; `uco` in units of 10^-8, unsigned 64 bits. */
export interface BalanceFields {
  readonly uco: bigint;
  readonly token: readonly TokenBalance[];
}

/** What an address holds; removed in 2024-03. */
export const Balance: MessageType<'Balance', BalanceFields> = defineMessage(
  'Balance',
  248,
  struct({ uco: uint64, token: list(varint, struct({ tokenAddress: address, amount: uint64, tokenId: varint })) }),
);

/** What does this address hold? Removed in 2024-03. */
export const GetBalance: RequestType<'GetBalance', { readonly address: Uint8Array }, [typeof Balance]> = defineMessage(
  'GetBalance',
  16,
  struct({ address }),
  { replies: [Balance] },
);

/** A view of nodes, at most 255 bits; removed in 2023-06. */
export const P2PView: MessageType<'P2PView', { readonly nodesViewBits: BitString }> = defineMessage(
  'P2PView',
  243,
  struct({ nodesViewBits: prefixedBits(uint(8)) }),
);

/** Which of these nodes do you see? Removed in 2023-06. */
export const GetP2PView: RequestType<
  'GetP2PView',
  { readonly nodePublicKeys: readonly Uint8Array[] },
  [typeof P2PView]
> = defineMessage('GetP2PView', 19, struct({ nodePublicKeys: list(varint, publicKey) }), { replies: [P2PView] });

/** Any removed message type. */
export type LegacyMessageType = typeof GetBalance | typeof Balance | typeof GetP2PView | typeof P2PView;

/** The removed messages. */
export const legacyMessages: MessageCatalog<LegacyMessageType> = new MessageCatalog<LegacyMessageType>([
  GetBalance,
  GetP2PView,
  P2PView,
  Balance,
]);
