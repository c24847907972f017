/** The codec sections of the CometBFT golden file: packets, delimited streams, NodeInfo, PEX, addresses. */
import { describe, expect, test } from 'vitest';
import { formatHostPort, formatNodeAddress, parseNodeAddress } from '../../src/codec/cometbft-address.ts';
import { DelimitedDecoder, encodeDelimited } from '../../src/codec/cometbft-delimited.ts';
import { decodeAuthSig } from '../../src/codec/cometbft-handshake.ts';
import { formatIp, ipGroupKey, isLocalIp, isRoutableIp, isValidIp, parseIp } from '../../src/codec/cometbft-ip.ts';
import {
  checkNodeInfo,
  decodeNodeInfo,
  encodeNodeInfo,
  NODE_INFO_BYTES_MAX,
  type NodeInfo,
  nodeInfoAddress,
  nodeInfoIncompatibility,
} from '../../src/codec/cometbft-node-info.ts';
import {
  decodePacket,
  encodePacketMsg,
  encodePacketPing,
  encodePacketPong,
  maxPacketMsgBytes,
  PacketDecoder,
  packetMsgBytes,
} from '../../src/codec/cometbft-packet.ts';
import { checkPexAddress, decodePexMessage, encodePexMessage } from '../../src/codec/cometbft-pex.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { bytesToHex, hexToBytes } from '../../src/codec/hex.ts';
import { codeOf } from '../crypto/engines.ts';
import {
  booleanOf,
  bytesOf,
  COMETBFT_CODEC_SECTIONS,
  eachCase,
  integerOf,
  listOf,
  loadCometbftVectors,
  objectOf,
  stringOf,
  type VectorCase,
} from './load.ts';

const vectors = loadCometbftVectors();

/** What a packet decodes to, with the one that has no member of the oneof as `none`. */
function kindOf(packet: Uint8Array): string {
  try {
    return decodePacket(packet).type;
  } catch (error) {
    if (error instanceof CodecError && error.code === 'UNKNOWN_MESSAGE') return 'none';
    throw error;
  }
}

function nodeInfoOf(vector: VectorCase): NodeInfo {
  const version = objectOf(vector, 'protocol_version');
  const other = objectOf(vector, 'other');
  return {
    protocolVersion: {
      p2p: integerOf(version, 'p2p'),
      block: integerOf(version, 'block'),
      app: integerOf(version, 'app'),
    },
    id: stringOf(vector, 'id'),
    listenAddress: stringOf(vector, 'listen_addr'),
    network: stringOf(vector, 'network'),
    version: stringOf(vector, 'version'),
    channels: bytesOf(vector, 'channels'),
    moniker: stringOf(vector, 'moniker'),
    txIndex: stringOf(other, 'tx_index'),
    rpcAddress: stringOf(other, 'rpc_address'),
  };
}

/** The code expected for a stream that ends with this error of Go's. */
function codeOfStreamEnd(error: string): string {
  if (error === 'EOF') return 'nothing';
  if (error === 'unexpected EOF') return 'TRUNCATED';
  if (error.includes('overflows')) return 'OUT_OF_RANGE';
  expect(error).toMatch(/exceeds max size|out-of-range message length/);
  return 'FRAME_TOO_LARGE';
}

/** What each section holds of each of its cases. */
const SECTIONS: Readonly<Record<(typeof COMETBFT_CODEC_SECTIONS)[number], (vector: VectorCase) => void>> = {
  packets(vector) {
    const kind = stringOf(vector, 'kind');
    const delimited = bytesOf(vector, 'delimited_hex');
    const decoder = new PacketDecoder({ packetPayloadBytesMax: 65_536 });
    decoder.push(delimited);
    const packet = decoder.next();
    expect(packet).toEqual(decodePacket(bytesOf(vector, 'packet_hex')));
    expect([decoder.next(), decoder.isAtBoundary]).toEqual([undefined, true]);
    if (kind !== 'msg') {
      expect(packet).toEqual({ type: kind });
      expect(kind === 'ping' ? encodePacketPing() : encodePacketPong()).toEqual(delimited);
      return;
    }
    const [channelId, eof, data] = [
      Number(integerOf(vector, 'channel_id')),
      booleanOf(vector, 'eof'),
      bytesOf(vector, 'data_hex'),
    ];
    expect(packet).toEqual({ type: 'msg', channelId, eof, data });
    expect(bytesToHex(encodePacketMsg(channelId, eof, data))).toBe(stringOf(vector, 'delimited_hex'));
    expect(packetMsgBytes(channelId, eof, data.length)).toBe(delimited.length);
  },

  packet_decode(vector) {
    const packet = bytesOf(vector, 'packet_hex');
    if (!booleanOf(vector, 'ok')) {
      expect(codeOf(() => decodePacket(packet))).toMatch(/^(TRUNCATED|INVALID_VALUE|OUT_OF_RANGE)$/);
      return;
    }
    const kind = stringOf(vector, 'kind');
    expect(kindOf(packet)).toBe(kind);
    if (kind !== 'msg') return;
    const channelId = Number(integerOf(vector, 'channel_id'));
    expect(decodePacket(packet)).toEqual({
      type: 'msg',
      channelId,
      eof: booleanOf(vector, 'eof'),
      data: bytesOf(vector, 'data_hex'),
    });
    expect(channelId >= 0 && channelId <= 255).toBe(booleanOf(vector, 'channel_in_byte_range'));
  },

  max_packet_size(vector) {
    const size = Number(integerOf(vector, 'max_packet_msg_size'));
    expect(maxPacketMsgBytes(Number(integerOf(vector, 'max_payload')))).toBe(size);
  },

  delimited_streams(vector) {
    const stream = bytesOf(vector, 'stream_hex');
    const decoder = new DelimitedDecoder(Number(integerOf(vector, 'max_size')));
    const kinds: string[] = [];
    const sizes: number[] = [];
    let beganAt = 0;
    const code = codeOf(() => {
      // Byte by byte, so that it shows how many of them each message takes.
      stream.forEach((byte, at) => {
        decoder.push(Uint8Array.of(byte));
        for (let message = decoder.next(); message !== undefined; message = decoder.next()) {
          kinds.push(kindOf(message));
          sizes.push(at + 1 - beganAt);
          beganAt = at + 1;
        }
      });
      decoder.finish();
    });
    expect(code).toBe(codeOfStreamEnd(stringOf(vector, 'end_error')));
    expect(kinds).toEqual(vector.kinds ?? []);
    expect(sizes).toEqual(vector.read_sizes ?? []);
  },

  auth_sig_empty(vector) {
    expect(stringOf(vector, 'result')).toContain('key type <nil>');
    expect(decodeAuthSig(bytesOf(vector, 'message_hex')).publicKey).toBeUndefined();
  },

  auth_sig_secp256k1(vector) {
    expect(stringOf(vector, 'result')).toContain('got secp256k1');
    const { publicKey, signature } = decodeAuthSig(bytesOf(vector, 'message_hex'));
    expect(publicKey).toEqual({ type: 'secp256k1', bytes: bytesOf(vector, 'pub') });
    expect(signature.length).toBe(64);
  },

  node_infos(vector) {
    const info = nodeInfoOf(objectOf(vector, 'node_info'));
    const encoded = encodeNodeInfo(info);
    expect(bytesToHex(encoded)).toBe(stringOf(vector, 'proto_hex'));
    expect(bytesToHex(encodeDelimited(encoded))).toBe(stringOf(vector, 'delimited_hex'));
    expect(encoded.length <= NODE_INFO_BYTES_MAX).toBe(booleanOf(vector, 'within_max_size'));
    expect(bytesToHex(info.channels)).toBe(stringOf(vector, 'channels').toLowerCase());
    if (!booleanOf(vector, 'within_max_size')) {
      expect(codeOf(() => decodeNodeInfo(encoded))).toBe('FRAME_TOO_LARGE');
    } else {
      expect(decodeNodeInfo(encoded)).toEqual(info);
    }
    expect(codeOf(() => checkNodeInfo(info))).toBe(booleanOf(vector, 'valid') ? 'nothing' : 'INVALID_VALUE');
    if (vector.net_address === undefined) expect(codeOf(() => nodeInfoAddress(info))).toBe('INVALID_VALUE');
    else expect(formatNodeAddress(nodeInfoAddress(info))).toBe(stringOf(vector, 'net_address'));
  },

  node_info_compat(vector) {
    const [ours, theirs] = [nodeInfoOf(objectOf(vector, 'ours')), nodeInfoOf(objectOf(vector, 'theirs'))];
    const reason = nodeInfoIncompatibility(ours, theirs);
    if (booleanOf(vector, 'ok')) expect(reason).toBeUndefined();
    else {
      const subject = /different (Block|network)|common channel/.exec(stringOf(vector, 'go_error'));
      expect(reason?.toLowerCase()).toContain((subject?.[1] ?? subject?.[0] ?? '?').toLowerCase());
    }
  },

  net_address_parse(vector) {
    const input = stringOf(vector, 'input');
    if (!booleanOf(vector, 'ok')) {
      expect(codeOf(() => parseNodeAddress(input))).toBe('INVALID_VALUE');
      return;
    }
    const address = parseNodeAddress(input);
    expect([address.id, address.host, address.port]).toEqual([vector.id, vector.ip, vector.port]);
    expect(formatNodeAddress(address)).toBe(stringOf(vector, 'string'));
    expect(formatHostPort(address)).toBe(stringOf(vector, 'dial_string'));
    expectIp(vector);
  },

  net_address_props(vector) {
    expectIp(vector);
    const ip = parseIp(stringOf(vector, 'ip')) as Uint8Array;
    expect(formatIp(ip)).toBe(stringOf(vector, 'ip_string'));
    const text = stringOf(vector, 'string');
    expect(formatNodeAddress(parseNodeAddress(text))).toBe(text);
  },

  pex(vector) {
    const encoded = bytesOf(vector, 'message_hex');
    const kind = stringOf(vector, 'kind');
    const message = decodePexMessage(encoded);
    expect(encodePexMessage(message)).toEqual(encoded);
    if (kind === 'pex_request') {
      expect(message).toEqual({ type: 'pex_request' });
      return;
    }
    expect(message).toEqual({ type: 'pex_addrs', addresses: listOf(vector, 'addrs') });
    if (message.type !== 'pex_addrs') return;
    const isUsable = vector.convert_ok === undefined || booleanOf(vector, 'convert_ok');
    expect(codeOf(() => message.addresses.map(checkPexAddress)) === 'nothing').toBe(isUsable);
  },

  addrbook_group_keys(vector) {
    const ip = parseIp(stringOf(vector, 'ip')) as Uint8Array;
    expect(ipGroupKey(ip, true)).toBe(stringOf(vector, 'strict'));
    expect(ipGroupKey(ip, false)).toBe(stringOf(vector, 'not_strict'));
  },
};

function expectIp(vector: VectorCase): void {
  const ip = parseIp(stringOf(vector, 'ip')) as Uint8Array;
  expect([isValidIp(ip), isLocalIp(ip), isRoutableIp(ip)]).toEqual([vector.valid, vector.local, vector.routable]);
}

describe.skipIf(vectors === undefined)('the CometBFT codecs', () => {
  test.each(COMETBFT_CODEC_SECTIONS)('hold every case of section %s', (section) => {
    if (vectors === undefined) return;
    const count = eachCase(vectors, section, SECTIONS[section]);
    const value = vectors.sections[section];
    expect(count).toBe(Array.isArray(value) ? value.length : 1);
  });

  test('give the three packets that upstream holds in TestConnVectors', () => {
    expect(bytesToHex(encodePacketPing().subarray(1))).toBe('0a00');
    expect(bytesToHex(encodePacketPong().subarray(1))).toBe('1200');
    const data = hexToBytes('64617461207472616e736d6974746564206f766572207468652077697265');
    expect(bytesToHex(encodePacketMsg(1, false, data).subarray(1))).toBe(`1a2208011a1e${bytesToHex(data)}`);
  });
});
