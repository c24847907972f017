import { describe, expect, test } from 'vitest';
import {
  checkNodeInfo,
  decodeNodeInfo,
  encodeNodeInfo,
  NODE_INFO_BYTES_MAX,
  type NodeInfo,
  nodeInfoAddress,
  nodeInfoIncompatibility,
} from '../../src/codec/cometbft-node-info.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import { codeOf } from '../crypto/engines.ts';

const INFO: NodeInfo = {
  protocolVersion: { p2p: 8n, block: 11n, app: 0n },
  id: '0123456789abcdef0123456789abcdef01234567',
  listenAddress: 'tcp://127.0.0.1:26656',
  network: 'test-chain',
  version: '0.38.25',
  channels: Uint8Array.of(0x20, 0x30),
  moniker: 'node',
  txIndex: 'on',
  rpcAddress: 'tcp://0.0.0.0:26657',
};

const messageOf = (info: NodeInfo): string => {
  try {
    checkNodeInfo(info);
  } catch (error) {
    return (error as Error).message;
  }
  return 'valid';
};

describe('a NodeInfo', () => {
  test('comes back with the largest versions', () => {
    const most = 2n ** 64n - 1n;
    const info = { ...INFO, protocolVersion: { p2p: most, block: most, app: most } };
    expect(decodeNodeInfo(encodeNodeInfo(info))).toEqual(info);
  });

  test('is read with fields that nobody knows, and the last of what comes twice', () => {
    const bytes = Uint8Array.of(...encodeNodeInfo(INFO), ...hexToBytes('7a0161'), ...hexToBytes('3a0162'));
    expect(decodeNodeInfo(bytes)).toEqual({ ...INFO, moniker: 'b' });
  });

  test('of nothing reads as nothing', () => {
    const info = decodeNodeInfo(new Uint8Array(0));
    expect([info.moniker, info.protocolVersion.p2p, info.channels.length]).toEqual(['', 0n, 0]);
    expect(codeOf(() => checkNodeInfo(info))).toBe('INVALID_VALUE');
  });

  test.each(['1201', '1005', '0a01ff', '4201', '320b', 'ff', '07'])('of the bytes %s is refused', (hex) => {
    expect(codeOf(() => decodeNodeInfo(hexToBytes(hex)))).toMatch(/^(TRUNCATED|INVALID_VALUE)$/);
  });

  test('is read up to its bound of bytes', () => {
    const base = encodeNodeInfo({ ...INFO, moniker: '' }).length;
    const sized = (bytes: number): Uint8Array => encodeNodeInfo({ ...INFO, moniker: 'm'.repeat(bytes - base - 3) }); // a tag and a length of two bytes
    for (const [bytes, code] of [
      [NODE_INFO_BYTES_MAX - 1, 'nothing'],
      [NODE_INFO_BYTES_MAX, 'nothing'],
      [NODE_INFO_BYTES_MAX + 1, 'FRAME_TOO_LARGE'],
    ] as const) {
      expect(sized(bytes).length).toBe(bytes);
      expect(codeOf(() => decodeNodeInfo(sized(bytes)))).toBe(code);
    }
  });

  test.each([15, 16, 17])('with %i channels is valid up to 16', (count) => {
    const channels = Uint8Array.from({ length: count }, (_, i) => i);
    expect(messageOf({ ...INFO, channels })).toBe(count <= 16 ? 'valid' : 'NodeInfo: 17 channels, at most 16');
  });

  test('says in its error which field is wrong (node_info_test.go Validate)', () => {
    expect(messageOf({ ...INFO, moniker: 'nödé' })).toContain('moniker "nödé"');
    expect(messageOf({ ...INFO, moniker: 'm'.repeat(100) })).toBe('valid');
    expect(messageOf({ ...INFO, version: `${'v'.repeat(100)}\t` })).toContain(`version "${'v'.repeat(39)}…"`);
    expect(messageOf({ ...INFO, txIndex: 'yes' })).toContain('tx_index "yes"');
    expect(messageOf({ ...INFO, rpcAddress: ' ' })).toContain('rpc_address');
    expect(messageOf({ ...INFO, channels: Uint8Array.of(1, 2, 1) })).toContain('twice');
    expect(messageOf({ ...INFO, id: 'x' })).toContain('40 hex digits');
    expect(messageOf({ ...INFO, listenAddress: 'tcp://host' })).toContain('port');
  });

  test('may name its host', () => {
    const info = { ...INFO, listenAddress: 'tcp://seed-1.example.org:26656' };
    expect(nodeInfoAddress(checkNodeInfo(info))).toEqual({ id: INFO.id, host: 'seed-1.example.org', port: 26_656 });
  });

  test('of a peer with thousands of channels makes no endless reason', () => {
    const theirs = { ...INFO, channels: new Uint8Array(5000).fill(1) };
    expect(nodeInfoIncompatibility(INFO, theirs)?.length).toBeLessThan(200);
  });
});
