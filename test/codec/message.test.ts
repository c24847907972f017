import { describe, expect, test } from 'vitest';
import {
  archethicMessages,
  BitReader,
  BitString,
  bytesToHex,
  type CodecError,
  DECODED_ITEMS_MAX,
  defineMessage,
  ErrorMessage,
  GetBalance,
  GetLastTransaction,
  GetTransaction,
  GetTransactionChain,
  GetTransactionInputs,
  hexToBytes,
  ListNodes,
  legacyMessages,
  list,
  MessageCatalog,
  type MessageType,
  NewTransaction,
  NodeList,
  NotFound,
  Ok,
  P2PView,
  Ping,
  ReplicateTransaction,
  StartMining,
  struct,
  Transaction,
  TransactionInputList,
  TransactionList,
  text,
  UnspentOutputList,
  uint,
  ValidateTransaction,
  varint,
} from '../../src/codec/index.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const address = Uint8Array.of(0, 0, ...new Uint8Array(32).fill(0xad));
const addressHex = bytesToHex(address);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a message type', () => {
  const Note = defineMessage('Note', 77, struct({ text: text(varint), flags: list(uint(3), uint(1)) }));

  test('encodes its id and body as one string of bits, filled up with 0 bits', () => {
    expect(Note.encodeBits({ text: 'a', flags: [1, 1] }).toString()).toBe(
      '01001101' + '00000001' + '00000001' + '01100001' + '010' + '11',
    );
    expect(bytesToHex(Note.encode({ text: 'a', flags: [1, 1] }))).toBe('4d01016158');
  });

  test('ignores what comes after the message', () => {
    expect(Note.decode(hexToBytes('4d01016158ffff'))).toEqual({ text: 'a', flags: [1, 1] });
  });

  test('refuses the bytes of another message, and no bytes', () => {
    expect(() => Note.decode(Ping.encode({}))).toThrow(/the message id is 25: expected 77 \(Note\)/);
    expect(() => Note.decode(new Uint8Array(0))).toThrow(code('TRUNCATED'));
  });

  test('names the message and the field in its errors, either way and in JSON', () => {
    expect(() => Note.encode({ text: 'a', flags: [0, 2] })).toThrow(/^Note\.flags\[1\]: 2 is not/);
    expect(() => Note.decode(hexToBytes('4d0101'))).toThrow(/^Note\.text: /);
    expect(() => Note.fromJson({ text: 'a' })).toThrow(/^Note\.flags: the field is missing/);
  });

  test('makes values and knows its own', () => {
    const value = Note.of({ text: 'a', flags: [] });
    expect(value).toEqual({ name: 'Note', id: 77, fields: { text: 'a', flags: [] } });
    expect(Note.is(value)).toBe(true);
    expect(Ping.is(value)).toBe(false);
    expect(defineMessage('Other', 77, struct({})).is(value)).toBe(false);
  });

  test('has an id from 0 to 254, a name, and a timeout of at least 1 ms', () => {
    for (const id of [0, 254]) expect(defineMessage('Edge', id, struct({})).id).toBe(id);
    for (const id of [-1, 255, 1.5]) expect(() => defineMessage('Edge', id, struct({}))).toThrow(RangeError);
    expect(() => defineMessage('', 1, struct({}))).toThrow(RangeError);
    expect(() => defineMessage('Edge', 1, struct({}), { timeoutMs: 0 })).toThrow(RangeError);
    expect(defineMessage('Edge', 1, struct({}), { timeoutMs: 1 }).timeoutMs).toBe(1);
    expect(defineMessage('Edge', 1, struct({})).timeoutMs).toBe(3000);
  });
});

describe('a catalog', () => {
  const A = defineMessage('A', 1, struct({}));
  const B = defineMessage('B', 2, struct({}));

  test('finds its types by id and by name, and no others', () => {
    const catalog = new MessageCatalog<MessageType>([A, B]);
    expect(catalog.byId(1)).toBe(A);
    expect(catalog.byName('B')).toBe(B);
    expect(catalog.byId(3)).toBeUndefined();
    expect(catalog.byName('toString')).toBeUndefined();
    expect(catalog.types).toEqual([A, B]);
  });

  test('takes no id and no name twice', () => {
    expect(() => new MessageCatalog([A, defineMessage('C', 1, struct({}))])).toThrow(
      /message C \(id 1\) collides with A/,
    );
    expect(() => new MessageCatalog([A, defineMessage('A', 3, struct({}))])).toThrow(RangeError);
    expect(() => new MessageCatalog([A, A])).toThrow(RangeError);
  });

  test('is extended into a new one; what collides only replaces when that is said', () => {
    const catalog = new MessageCatalog<MessageType>([A, B]);
    const C = defineMessage('C', 3, struct({}));
    expect(catalog.extend([C]).byId(3)).toBe(C);
    expect(catalog.byId(3)).toBeUndefined();
    const other = defineMessage('Other', 1, struct({}));
    expect(() => catalog.extend([other])).toThrow(RangeError);
    const replaced = catalog.extend([other], { replace: true });
    expect(replaced.byId(1)).toBe(other);
    expect(replaced.byName('A')).toBeUndefined();
    expect(() => catalog.extend([other, C, defineMessage('D', 3, struct({}))], { replace: true })).toThrow(RangeError);
  });

  test('refuses unknown ids and names, and empty input', () => {
    expect(() => archethicMessages.decode(Uint8Array.of(16))).toThrow(code('UNKNOWN_MESSAGE'));
    expect(() => archethicMessages.decode(Uint8Array.of(255))).toThrow(code('UNKNOWN_MESSAGE'));
    expect(() => archethicMessages.decode(new Uint8Array(0))).toThrow(code('TRUNCATED'));
    expect(() => archethicMessages.fromJson('Nope', {})).toThrow(code('UNKNOWN_MESSAGE'));
    expect(() => archethicMessages.encode({ name: 'Nope', fields: {} })).toThrow(code('UNKNOWN_MESSAGE'));
    expect(() => archethicMessages.toJson({ name: 'Nope', fields: {} })).toThrow(code('UNKNOWN_MESSAGE'));
  });

  test('says how many bits are left after a message', () => {
    expect(archethicMessages.decodeWithRest(hexToBytes('2800')).restBits).toBe(7);
    expect(archethicMessages.decodeWithRest(hexToBytes('280000')).restBits).toBe(15);
  });
});

describe('the messages of Archethic', () => {
  test('have every id of 1.6.27 and no other', () => {
    const ids = [...range(0, 15), ...range(17, 42), ...range(225, 247), ...range(249, 254)];
    expect(archethicMessages.types.map((type) => type.id).sort((a, b) => a - b)).toEqual(ids);
  });

  test('wait 25 165 ms for a whole transaction, 251 650 ms for a chain, 3000 ms else', () => {
    const slow: readonly MessageType[] = [
      GetTransaction,
      GetLastTransaction,
      NewTransaction,
      StartMining,
      ReplicateTransaction,
      ValidateTransaction,
    ];
    for (const type of archethicMessages.types as readonly MessageType[]) {
      const expected = slow.includes(type) ? 25_165 : type.id === GetTransactionChain.id ? 251_650 : 3000;
      expect([type.name, type.timeoutMs]).toEqual([type.name, expected]);
    }
  });

  test('declare replies that are in the catalog themselves', () => {
    const declared = (archethicMessages.types as readonly MessageType[]).filter((type) => type.replies !== undefined);
    expect(declared.length).toBeGreaterThan(0);
    for (const reply of declared.flatMap((type) => type.replies ?? []))
      expect(archethicMessages.byId(reply.id)).toBe(reply);
    expect(ListNodes.replies).toEqual([NodeList]);
    expect(Ping.replies).toEqual([Ok]);
  });

  test('that answer without content are one byte', () => {
    expect(bytesToHex(Ok.encode({}))).toBe('fe');
    expect(bytesToHex(NotFound.encode({}))).toBe('fd');
    expect(bytesToHex(Ping.encode({}))).toBe('19');
    expect(bytesToHex(ErrorMessage.encode({ reason: 'already_locked' }))).toBe('ee07');
    expect(() => ErrorMessage.decode(Uint8Array.of(238, 8))).toThrow(code('INVALID_VALUE'));
  });

  test('that are opaque keep every byte to the end', () => {
    const transaction = Uint8Array.of(1, 2, 3);
    expect(bytesToHex(Transaction.encode({ transaction }))).toBe('fc010203');
    expect(Transaction.decode(hexToBytes('fc010203'))).toEqual({ transaction });
    expect(Transaction.decode(hexToBytes('fc'))).toEqual({ transaction: new Uint8Array(0) });
  });

  test('that are removed have a catalog of their own, of which two may join the current one', () => {
    expect(legacyMessages.types.map((type) => type.id)).toEqual([16, 19, 243, 248]);
    expect(archethicMessages.extend([GetBalance]).byId(16)).toBe(GetBalance);
    expect(() => archethicMessages.extend([P2PView])).toThrow(RangeError);
  });

  test('a view of more than 255 nodes is refused, not cut', () => {
    expect(P2PView.encode({ nodesViewBits: new BitString(new Uint8Array(32), 255) }).length).toBe(34);
    expect(() => P2PView.encode({ nodesViewBits: new BitString(new Uint8Array(32), 256) })).toThrow(
      code('OUT_OF_RANGE'),
    );
  });
});

describe('a page of transactions', () => {
  test('without any has its paging, with any keeps it in an opaque body', () => {
    expect(TransactionList.decode(hexToBytes('fb010000'))).toEqual({
      transactions: [],
      more: false,
      pagingAddress: null,
    });
    const opaque = TransactionList.decode(hexToBytes('fb0102aabbcc'));
    expect(opaque).toEqual({ transactionCount: 2n, body: Uint8Array.of(0xaa, 0xbb, 0xcc) });
    expect(bytesToHex(TransactionList.encode({ transactionCount: 2, body: Uint8Array.of(0xaa) }))).toBe('fb0102aa');
    expect(TransactionList.fromJson(TransactionList.toJson(opaque))).toEqual(opaque);
  });

  test.each([
    { transactions: [1], more: false, pagingAddress: null },
    { transactions: [], more: true, pagingAddress: null },
    { transactions: [], more: false, pagingAddress: new Uint8Array(34) },
    { transactionCount: 0, body: new Uint8Array(0) },
    {},
  ])('that contradicts itself is refused: %j', (fields) => {
    expect(() => TransactionList.encode(fields as never)).toThrow(code('INVALID_VALUE'));
  });

  test('begins at the start, at a date or after an address', () => {
    const at = (pagingState: unknown): string => {
      const bits = GetTransactionChain.encodeBits({ address, order: 'desc', pagingState: pagingState as never });
      return bits.toString().slice(8 + 34 * 8);
    };
    expect(at(null)).toBe('100');
    expect(at({ dateS: 1 })).toBe(`101${'1'.padStart(32, '0')}`);
    expect(at({ address }).slice(0, 3)).toBe('110');
    expect(() => at(5)).toThrow(code('INVALID_VALUE'));
    expect(() => GetTransactionChain.decode(hexToBytes(`04${addressHex}e0`))).toThrow(
      /pagingState: 3 stands for nothing/,
    );
  });
});

describe('records of older protocol versions', () => {
  const be = (value: number, byteCount: number): string => value.toString(16).padStart(2 * byteCount, '0');
  const atMs = 1_650_000_000_000;
  const common = { from: address, timestampMs: atMs };

  test.each([
    [{ protocolVersion: 2, ...common, type: 'UCO', amount: 9n }, `${be(2, 4)}${addressHex}${be(9, 8)}${be(atMs, 8)}00`],
    [{ protocolVersion: 3, ...common, type: 'UCO', amount: 9n }, `${be(3, 4)}${addressHex}0109${be(atMs, 8)}00`],
    [
      { protocolVersion: 3, ...common, type: 'token', amount: 9n, tokenAddress: address, tokenId: 1n },
      `${be(3, 4)}${addressHex}0109${be(atMs, 8)}01${addressHex}0101`,
    ],
    [{ protocolVersion: 4, ...common, type: 'UCO', amount: 9n }, `${be(4, 4)}01${addressHex}0109${be(atMs, 8)}00`],
    [
      {
        protocolVersion: 6,
        from: null,
        timestampMs: null,
        type: 'state',
        encodedPayloadBits: BitString.fromString('1111000011110000'),
      },
      `${be(6, 4)}000110f0f0`,
    ],
    [{ protocolVersion: 7, ...common, type: 'UCO', amount: 9n }, `${be(7, 4)}${addressHex}${be(atMs, 8)}00000109`],
    [{ protocolVersion: 7, ...common, type: 'call' }, `${be(7, 4)}${addressHex}${be(atMs, 8)}02`],
  ])('unspent output %#', (output, hex) => {
    const fields = { unspentOutputs: [output], more: false, offset: null, lastChainSyncDateMs: 0 };
    const bits = UnspentOutputList.encodeBits(fields as never).toString();
    expect(bits.slice(24, -66)).toBe(new BitString(hexToBytes(hex)).toString());
    const decoded = UnspentOutputList.decode(UnspentOutputList.encode(fields as never));
    expect(decoded).toEqual(fields);
    expect(UnspentOutputList.fromJson(UnspentOutputList.toJson(decoded))).toEqual(fields);
  });

  test.each([
    { protocolVersion: 3, ...common, type: 'state', encodedPayloadBits: BitString.EMPTY },
    { protocolVersion: 6, ...common, type: 'call' },
    { protocolVersion: 6, ...common, type: 'state', encodedPayloadBits: BitString.EMPTY },
    { protocolVersion: 2, ...common, type: 'UCO', amount: 2n ** 64n },
  ])('an unspent output that its version cannot hold is refused: %#', (output) => {
    const fields = { unspentOutputs: [output], more: false, offset: null, lastChainSyncDateMs: 0 };
    expect(() => UnspentOutputList.encode(fields as never)).toThrow(/^UnspentOutputList\.unspentOutputs\[0\]/);
  });

  const inputOf = (input: object): object => ({ inputs: [input], more: true, offset: 0n });
  const bitsOf = (hex: string): string => new BitString(hexToBytes(hex)).toString();

  test.each([
    [
      { protocolVersion: 6, ...common, type: 'call', spent: false },
      `${bitsOf(be(6, 4) + addressHex)}00${bitsOf(be(atMs / 1000, 4))}`,
    ],
    [
      { protocolVersion: 6, ...common, type: 'UCO', spent: true, reward: false, amount: 9n },
      `${bitsOf(be(6, 4) + addressHex)}110${bitsOf(`${be(9, 8)}00${be(atMs / 1000, 4)}`)}`,
    ],
    [
      { protocolVersion: 7, ...common, type: 'token', spent: true, amount: 9n, tokenAddress: address, tokenId: 0n },
      `${bitsOf(be(7, 4) + addressHex + be(atMs, 8))}1${bitsOf(`0201${addressHex}01000109`)}`,
    ],
    [
      { protocolVersion: 8, ...common, type: 'state', spent: false, encodedPayloadBits: BitString.fromString('101') },
      `${bitsOf(be(8, 4) + addressHex + be(atMs, 8))}0${bitsOf('000103')}101`,
    ],
    [
      { protocolVersion: 8, ...common, type: 'call', spent: false },
      `${bitsOf(be(8, 4) + addressHex + be(atMs, 8))}0${bitsOf('01')}`,
    ],
  ])('transaction input %#', (input, bits) => {
    const fields = inputOf(input);
    // After id and count; before the bit for more and the offset.
    expect(
      TransactionInputList.encodeBits(fields as never)
        .toString()
        .slice(24, -17),
    ).toBe(bits);
    const decoded = TransactionInputList.decode(TransactionInputList.encode(fields as never));
    expect(decoded).toEqual(fields);
    expect(TransactionInputList.fromJson(TransactionInputList.toJson(decoded))).toEqual(fields);
  });

  test('an input below version 7 keeps whole seconds only', () => {
    const input = { protocolVersion: 6, from: address, timestampMs: atMs + 1, type: 'call', spent: false };
    expect(() => TransactionInputList.encode(inputOf(input) as never)).toThrow(
      /timestampMs: .* no whole number of seconds/,
    );
  });
});

describe('small hostile messages', () => {
  test.each([
    ['NodeList', `f908${'ff'.repeat(8)}`],
    ['NetworkStats', `e3ffff00ff${'ff'.repeat(15)}`],
    ['GetBeaconSummaries', `1cff${'ff'.repeat(20)}`],
    ['DashboardData', `e107${'10'.repeat(7)}`],
    ['UnspentOutputList', `fa0810${'00'.repeat(7)}00000007`],
    ['Summary', `f00100000000000100ffff${'00'.repeat(9)}`],
    ['NewBeaconSlot', `1b010000000000${'0100'.repeat(2)}ffff`],
    ['GetCurrentSummaries', '20ffff00'],
  ])('that claims far more than it has is refused as truncated: %s', (name, hex) => {
    let error: CodecError | undefined;
    try {
      archethicMessages.decode(hexToBytes(hex));
    } catch (thrown) {
      error = thrown as CodecError;
    }
    expect(error?.code).toBe('TRUNCATED');
    expect(error?.path.startsWith(name)).toBe(true);
  });

  test('whose lists hold more items together than the bound are refused before they take memory', () => {
    // One subset and one node with latencies of one byte each: 0, written in no bytes.
    const key = `0000${'00'.repeat(32)}`;
    const head = `e3000100${'0101'}${key}${'03'}`;
    const build = (count: number): Uint8Array => {
      const prefix = hexToBytes(head + count.toString(16).padStart(6, '0'));
      const bytes = new Uint8Array(prefix.length + count);
      bytes.set(prefix);
      return bytes;
    };
    const bound = DECODED_ITEMS_MAX;
    // The list of subsets and the list of nodes count too: one item each.
    expect(archethicMessages.decode(build(bound - 2)).name).toBe('NetworkStats');
    expect(() => archethicMessages.decode(build(bound - 1))).toThrow(code('OUT_OF_RANGE'));
  });

  test('are decoded from any position of a larger buffer', () => {
    const buffer = new Uint8Array(100);
    buffer.set(GetTransactionInputs.encode({ address, offset: 1, limit: 2 }), 50);
    expect(archethicMessages.decode(buffer.subarray(50))).toEqual(
      GetTransactionInputs.of({ address, offset: 1n, limit: 2n }),
    );
    expect(new BitReader(buffer.subarray(50)).readUint(8)).toBe(17);
  });
});
