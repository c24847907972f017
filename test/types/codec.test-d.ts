/** What the types of the codec must infer, and what must not compile. Checked by tsc; never run. */
import {
  type ArchethicNode,
  archethicMessages,
  type BitString,
  CodecError,
  type Decoded,
  defineMessage,
  type Encodable,
  type ErrorFields,
  enumeration,
  type FieldsOf,
  GetTransactionChain,
  GetUnspentOutputs,
  type InputFieldsOf,
  type InputOf,
  ListNodes,
  list,
  MessageCatalog,
  type MessageType,
  type MessageValue,
  type NoFields,
  Ping,
  prefixedBits,
  type ReplyOf,
  type RequestChainLock,
  type Schema,
  struct,
  type TransactionSummary,
  text,
  uint,
  uint64,
  varint,
} from '../../src/codec/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_T extends true>(): void {}

// One declaration gives both types: what is decoded and what may be encoded.
const order = struct({
  side: enumeration({ buy: 0, sell: 1 }, 1),
  amounts: list(uint(8), varint),
  view: prefixedBits(uint(8)),
});
holds<
  Equal<
    Decoded<typeof order>,
    { readonly side: 'buy' | 'sell'; readonly amounts: readonly bigint[]; readonly view: BitString }
  >
>();
holds<
  Equal<
    Encodable<typeof order>,
    { readonly side: 'buy' | 'sell'; readonly amounts: readonly (bigint | number)[]; readonly view: BitString }
  >
>();

// Numbers do for bigints at any depth, and nothing else changes.
holds<Equal<InputOf<readonly { readonly fee: bigint }[]>, readonly { readonly fee: bigint | number }[]>>();
holds<Equal<InputOf<Uint8Array | null>, Uint8Array | null>>();
holds<Equal<InputOf<TransactionSummary>['fee'], bigint | number>>();

// Fields of a message.
holds<Equal<FieldsOf<typeof GetUnspentOutputs>['limit'], bigint>>();
holds<Equal<InputFieldsOf<typeof GetUnspentOutputs>['limit'], bigint | number>>();
GetUnspentOutputs.encode({ address: new Uint8Array(34), offset: null, limit: 10 });
// @ts-expect-error - limit is missing
GetUnspentOutputs.encode({ address: new Uint8Array(34), offset: null });
// @ts-expect-error - an address is bytes, not hex
GetUnspentOutputs.encode({ address: '00', offset: null, limit: 10 });
// @ts-expect-error - a view is a BitString, not text
order.encode({} as never, { side: 'buy', amounts: [], view: '0101' });
// @ts-expect-error - the order is asc or desc
GetTransactionChain.of({ address: new Uint8Array(34), order: 'up', pagingState: null });
// @ts-expect-error - a paging state is a date or an address
GetTransactionChain.of({ address: new Uint8Array(34), order: 'asc', pagingState: { dateMs: 1 } });

// Replies: the declared ones, Error and NotFound; any message when none is declared.
type NodesReply = ReplyOf<typeof ListNodes>;
holds<Equal<NodesReply['name'], 'NodeList' | 'Error' | 'NotFound'>>();
holds<Equal<Extract<NodesReply, { name: 'NodeList' }>['fields'], { readonly nodes: readonly ArchethicNode[] }>>();
holds<Equal<Extract<NodesReply, { name: 'Error' }>['fields'], ErrorFields>>();
holds<Equal<ReplyOf<typeof Ping>['name'], 'Ok' | 'Error' | 'NotFound'>>();
holds<Equal<Extract<ReplyOf<typeof Ping>, { name: 'Ok' }>['fields'], NoFields>>();
holds<Equal<ReplyOf<typeof RequestChainLock>, MessageValue>>();
holds<Equal<ReplyOf<MessageType>, MessageValue>>();

export function portsOf(reply: ReplyOf<typeof ListNodes>): readonly number[] {
  // @ts-expect-error - only a NodeList has nodes
  reply.fields.nodes;
  return reply.name === 'NodeList' ? reply.fields.nodes.map((node) => node.port) : [];
}

// A message of one's own infers everything.
const Echoed = defineMessage('Echoed', 200, struct({ text: text(varint), count: uint64 }));
const Echo = defineMessage('Echo', 100, struct({ text: text(varint) }), { replies: [Echoed] });
holds<Equal<FieldsOf<typeof Echo>, { readonly text: string }>>();
holds<Equal<FieldsOf<typeof Echoed>, { readonly text: string; readonly count: bigint }>>();
holds<Equal<InputFieldsOf<typeof Echoed>, { readonly text: string; readonly count: bigint | number }>>();
holds<Equal<ReplyOf<typeof Echo>['name'], 'Echoed' | 'Error' | 'NotFound'>>();

// Any message type is a MessageType, any catalog a MessageCatalog.
export const anyTypes: readonly MessageType[] = [Ping, Echo, ...archethicMessages.types];
export const anyCatalog: MessageCatalog = archethicMessages;

// A catalog knows what it can decode, and an extended one the new ones too.
export function describe(bytes: Uint8Array): string {
  const value = new MessageCatalog([Echo, Echoed]).extend([Ping]).decode(bytes);
  holds<Equal<(typeof value)['name'], 'Echo' | 'Echoed' | 'Ping'>>();
  switch (value.name) {
    case 'Echo':
      return value.fields.text;
    case 'Echoed':
      return `${value.fields.text} ${value.fields.count}`;
    case 'Ping':
      // @ts-expect-error - Ping has no fields
      return value.fields.text.length;
  }
}

export function guard(value: MessageValue): readonly ArchethicNode[] | boolean {
  return ListNodes.is(value) ? value.fields.authorizedAndAvailable : false;
}

// Schemas are strict in what they encode.
// @ts-expect-error - a schema of numbers is no schema of bigints
export const wrong: Schema<bigint> = uint(8);
// @ts-expect-error - an error code is one of a closed list
new CodecError('NO_SUCH_CODE', 'text');
