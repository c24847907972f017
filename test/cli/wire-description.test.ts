import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cliMessages } from '../../src/cli/message-names.ts';
import { type DescribeOptions, describeWire, WIRE_FORMS } from '../../src/cli/wire-description.ts';
import { encodeFrame } from '../../src/codec/frame.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { sealMessageEnvelop } from '../../src/crypto/sealed-envelop.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytesOf, loadVectors, objectOf, stringOf } from '../vectors/load.ts';

const engine = defaultEngine();
const vectors = loadVectors();
const blind: DescribeOptions = { engine, recipient: undefined, form: undefined };

function describeHex(hex: string, options: Partial<DescribeOptions> = {}): ReturnType<typeof describeWire> {
  return describeWire(hexToBytes(hex), { ...blind, ...options });
}

describe('an envelope of the vectors', () => {
  test.each(vectors.cases('envelopes'))('is shown whole, plain or opened with its key (%#)', (vector) => {
    const { name, hex } = objectOf(vector, 'message');
    const recipient = engine.keyPairFromPrivateKey(bytesOf(vector, 'recipientPrivateKey'));
    const message = {
      kind: 'message',
      name,
      fields: cliMessages.toJson(cliMessages.decode(hexToBytes(hex as string))),
    };
    const expected = {
      kind: 'envelope',
      messageId: vector.wireMessageId,
      senderPublicKey: stringOf(vector, 'senderPublicKey'),
      senderCurve: stringOf(vector, 'senderCurve'),
      signature: stringOf(vector, 'signature'),
      signatureValid: true,
      message,
    };
    const plain = describeHex(stringOf(vector, 'plain'));
    expect(plain).toMatchObject({ description: { ...expected, encrypted: false }, problem: undefined });
    const opened = describeHex(stringOf(vector, 'encrypted'), { recipient });
    expect(opened).toMatchObject({ description: { ...expected, encrypted: true }, problem: undefined });
  });

  test.each(vectors.cases('envelopes'))('that stays sealed shows what travels in the clear (%#)', (vector) => {
    const encrypted = stringOf(vector, 'encrypted');
    const { description, problem } = describeHex(encrypted);
    expect(problem).toBeUndefined();
    expect(description).toMatchObject({
      kind: 'envelope',
      encrypted: true,
      messageId: vector.wireMessageId,
      senderPublicKey: stringOf(vector, 'senderPublicKey'),
    });
    const { sealed, message } = description as { sealed: string; message?: unknown };
    expect(encrypted.endsWith(sealed)).toBe(true);
    expect(message).toBeUndefined();
  });

  test.each(vectors.cases('envelopesInvalid'))('that does not hold is a problem ($kind, $recipientCurve)', (vector) => {
    const recipient = engine.keyPairFromPrivateKey(bytesOf(vector, 'recipientPrivateKey'));
    const { problem } = describeHex(stringOf(vector, 'encoded'), { recipient, form: 'envelope' });
    expect(problem).toEqual(expect.any(String));
    expect(problem).not.toContain('\n');
  });
});

describe('a message of the vectors', () => {
  test.each(vectors.cases('messages'))('is shown with its fields ($name)', (vector) => {
    const bytes = bytesOf(vector, 'hex');
    const { description, problem } = describeWire(bytes, blind);
    expect(problem).toBeUndefined();
    expect(description).toMatchObject({ kind: 'message', name: stringOf(vector, 'name'), id: vector.id });
    const { name, fields } = description as { name: string; fields: never };
    expect(bytesToHex(cliMessages.encode(cliMessages.fromJson(name, fields)))).toBe(bytesToHex(bytes));
  });

  test('with bytes after it says how many were ignored', () => {
    expect(describeHex('19aabbcc')).toEqual({
      description: { kind: 'message', name: 'Ping', id: 25, fields: {}, ignoredBytes: 3 },
      problem: undefined,
    });
  });

  test('with an unknown id says what the bytes are not', () => {
    const { description, problem } = describeHex('c8');
    expect(description).toBeUndefined();
    expect(problem).toMatch(/^1 bytes are no frame, no envelope, and no message: .*Echo/);
    expect(describeHex('2b').problem).toContain('no message has the id 43');
  });
});

describe('frames', () => {
  const [sender, recipient] = [
    engine.generateKeyPair(new SeededRandom(1)),
    engine.generateKeyPair(new SeededRandom(2)),
  ];
  const seal = (hex: string, isSealed: boolean): Uint8Array =>
    sealMessageEnvelop(engine, {
      messageId: 42,
      message: hexToBytes(hex),
      sender,
      recipient: isSealed ? recipient.publicKey : undefined,
      random: new SeededRandom(3),
    });

  test('hold a heartbeat', () => {
    expect(describeHex('6862').description).toEqual({ kind: 'heartbeat' });
    expect(describeHex('000000026862').description).toEqual({
      kind: 'frame',
      length: 2,
      payload: { kind: 'heartbeat' },
    });
  });

  test.each([true, false])('hold an envelope (sealed: %s)', (isSealed) => {
    const envelope = seal('19', isSealed);
    const { description, problem } = describeWire(encodeFrame(envelope), { ...blind, recipient });
    expect(problem).toBeUndefined();
    expect(description).toMatchObject({
      kind: 'frame',
      length: envelope.length,
      payload: { kind: 'envelope', messageId: 42, encrypted: isSealed, message: { name: 'Ping' } },
    });
  });

  test.each([
    ['a message', '19', { name: 'Ping' }],
    ['the greeting, which has none', '', null],
  ])('of an MConnection hold an envelope without a signature: %s', (_what, body, message) => {
    const bytes = hexToBytes(`0000002a00${bytesToHex(sender.publicKey.bytes)}00${body}`);
    const { description, problem } = describeWire(bytes, blind);
    expect(problem).toBeUndefined();
    expect(description).toMatchObject({ kind: 'envelope', messageId: 42, signature: '', signatureValid: null });
    if (message === null) expect(description).toHaveProperty('message', null);
    else expect(description).toMatchObject({ message });
  });

  test('without a signature and sealed are a problem', () => {
    const clear = hexToBytes(`0000002a01${bytesToHex(sender.publicKey.bytes)}00`);
    const sealed = engine.eciesSeal(recipient.publicKey, Uint8Array.of(0x19), new SeededRandom(4));
    const bytes = Uint8Array.from([...clear, ...sealed]);
    const { description, problem } = describeWire(bytes, { ...blind, recipient, form: 'envelope' });
    expect(description).toMatchObject({ signatureValid: false });
    expect(problem).toBe('the signature is not by the sender over this message');
  });

  test('in a row make an array', () => {
    const bytes = hexToBytes(`000000026862${bytesToHex(encodeFrame(seal('19', false)))}000000026862`);
    const { description } = describeWire(bytes, blind);
    expect((description as { payload: { kind: string } }[]).map(({ payload }) => payload.kind)).toEqual([
      'heartbeat',
      'envelope',
      'heartbeat',
    ]);
  });

  test('that are cut off are not frames', () => {
    const frame = encodeFrame(seal('19', false));
    expect(describeWire(frame.subarray(0, -1), { ...blind, form: 'frame' }).problem).toBe(
      'these bytes are not whole frames',
    );
    expect(describeWire(new Uint8Array(), { ...blind, form: 'frame' }).problem).toBe(
      'these bytes are not whole frames',
    );
  });

  test('that hold something else show it when they are said to be frames', () => {
    const { description, problem } = describeHex('0000000119', { form: 'frame' });
    expect(description).toEqual({ kind: 'frame', length: 1, payload: '19' });
    expect(problem).toContain('no envelope');
  });

  test('opened with another key are a problem, and show what travels in the clear', () => {
    const { description, problem } = describeWire(seal('19', true), { ...blind, recipient: sender });
    expect(description).toMatchObject({ kind: 'envelope', messageId: 42, sealed: expect.any(String) });
    expect(problem).toContain('does not open with this key');
  });

  test('with a changed message are a problem, and show it', () => {
    const bytes = seal('19', false);
    bytes[bytes.length - 1] = 0xfe;
    const { description, problem } = describeWire(bytes, blind);
    expect(description).toMatchObject({ signatureValid: false, message: { name: 'Ok' } });
    expect(problem).toBe('the signature is not by the sender over this message');
  });
});

test('any bytes are described or a problem in one line, in any form and with or without a key', () => {
  const recipient = engine.generateKeyPair(new SeededRandom(5));
  const start = fc.constantFrom('', '0000002a', '00000000010001', '0000000100000001');
  fc.assert(
    fc.property(
      start,
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(undefined, ...WIRE_FORMS),
      fc.boolean(),
      (lead, rest, form, hasKey) => {
        const bytes = hexToBytes(lead + bytesToHex(rest));
        const { description, problem } = describeWire(bytes, {
          engine,
          form,
          recipient: hasKey ? recipient : undefined,
        });
        expect(description !== undefined || problem !== undefined).toBe(true);
        if (description !== undefined) expect(JSON.parse(JSON.stringify(description))).toEqual(description);
        if (problem !== undefined) expect(problem).not.toMatch(/[\n\r]/);
      },
    ),
  );
});
