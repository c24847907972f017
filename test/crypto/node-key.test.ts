import { describe, expect, test } from 'vitest';
import { decodeNodeKeyJson, encodeNodeKeyJson, NODE_KEY_CHARS_MAX } from '../../src/codec/cometbft-node-key.ts';
import { formatNodeKey, nodeIdOf, parseNodeKey } from '../../src/crypto/node-key.ts';
import { codeOf, ENGINES, NATIVE } from './engines.ts';

const SEED = new Uint8Array(32).fill(0x11);
const keyPair = NATIVE.keyPairFromSeed(SEED);

describe('node_key.json', () => {
  test.each(ENGINES.map((engine) => [engine.name, engine] as const))(
    'comes back the same on the %s engine (key_test.go SaveAs, LoadOrGen)',
    (_n, engine) => {
      const read = parseNodeKey(engine, formatNodeKey(keyPair));
      expect(read.exportPrivateKey()).toEqual(keyPair.exportPrivateKey());
      expect(nodeIdOf(engine, read.publicKey.raw)).toMatch(/^[0-9a-f]{40}$/);
    },
  );

  test('is read with line ends, blanks and fields that nobody knows', () => {
    const text = `\n${formatNodeKey(keyPair).replace('{', '{ "id": "x",\n ')}\n`;
    expect(parseNodeKey(NATIVE, text).publicKey.equals(keyPair.publicKey)).toBe(true);
  });

  const value = 'AAAA';
  test.each([
    '',
    'null',
    '[]',
    '"x"',
    '{}',
    '{"priv_key":null}',
    '{"priv_key":{}}',
    `{"priv_key":{"type":"tendermint/PrivKeySecp256k1","value":"${value}"}}`,
    '{"priv_key":{"type":"tendermint/PrivKeyEd25519"}}',
    '{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":7}}',
    '{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"!"}}',
    `{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"${value}"}}`,
  ])('that is %s is refused', (text) => {
    expect(codeOf(() => parseNodeKey(NATIVE, text))).toBe('INVALID_VALUE');
  });

  test('with halves that do not belong together is refused', () => {
    const key = decodeNodeKeyJson(formatNodeKey(keyPair));
    key[63] = (key[63] as number) ^ 1;
    expect(codeOf(() => parseNodeKey(NATIVE, encodeNodeKeyJson(key)))).toBe('INVALID_KEY');
  });

  test('is read up to its bound of characters', () => {
    const text = formatNodeKey(keyPair);
    expect(codeOf(() => decodeNodeKeyJson(text.padEnd(NODE_KEY_CHARS_MAX)))).toBe('nothing');
    expect(codeOf(() => decodeNodeKeyJson(text.padEnd(NODE_KEY_CHARS_MAX + 1)))).toBe('INVALID_VALUE');
  });

  test('is only made of ed25519 keys of 64 bytes', () => {
    expect(() => formatNodeKey(NATIVE.keyPairFromSeed(SEED, { curve: 'secp256k1' }))).toThrow(RangeError);
    for (const length of [63, 65]) expect(() => encodeNodeKeyJson(new Uint8Array(length))).toThrow(RangeError);
  });

  test('does not show in what is thrown about it', () => {
    const broken = formatNodeKey(keyPair).replace('}}', '}');
    let shown = '';
    try {
      parseNodeKey(NATIVE, broken);
    } catch (error) {
      shown = `${(error as Error).message} ${String((error as Error).cause)}`;
    }
    expect(shown).toContain('no JSON');
    expect(shown).not.toContain('ERERERER');
  });
});
