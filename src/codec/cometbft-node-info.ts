/**
 * NodeInfo: how a CometBFT node introduces itself, once the connection is secret (`p2p/node_info.go`,
 * `proto/tendermint/p2p/types.proto DefaultNodeInfo`). Its layout, what makes one valid, and which two nodes have
 * business with each other. On the wire it is behind its length: `cometbft-delimited.ts`.
 */
import { type NodeAddress, parseNodeAddress } from './cometbft-address.ts';
import { type FieldReader, readMessage, writeMessage } from './cometbft-message.ts';
import { CodecError } from './errors.ts';
import { bytesToHex } from './hex.ts';

/** Longest NodeInfo, without its length, in bytes. Not an implementation choice: `MaxNodeInfoSize`. */
export const NODE_INFO_BYTES_MAX = 10_240;

/** Most channels of a node. Not an implementation choice: `maxNumChannels`. */
export const NODE_INFO_CHANNELS_MAX = 16;

/** Versions of the protocols; unsigned 64-bit each. */
export interface ProtocolVersion {
  /** 8 for v0.34 to v0.40, 9 from v1 on; nobody compares it. */
  readonly p2p: bigint;
  /** 11; two nodes must have the same. */
  readonly block: bigint;
  /** Of the application; nobody compares it. */
  readonly app: bigint;
}

/** What a node says of itself. */
export interface NodeInfo {
  readonly protocolVersion: ProtocolVersion;
  /** 40 hex digits. */
  readonly id: string;
  /** Where it says that it listens: `tcp://host:port`. */
  readonly listenAddress: string;
  /** Id of the chain. */
  readonly network: string;
  /** Of its software. */
  readonly version: string;
  /** Ids of its channels, a byte each. */
  readonly channels: Uint8Array;
  /** Its name for people. */
  readonly moniker: string;
  /** Whether it indexes transactions: `on`, `off` or empty. */
  readonly txIndex: string;
  /** Where it answers to RPC, or empty. */
  readonly rpcAddress: string;
}

/** A NodeInfo as bytes, without a length: a fresh array. Checks nothing: {@link checkNodeInfo}. */
export function encodeNodeInfo(info: NodeInfo): Uint8Array {
  return writeMessage((writer) => {
    // Fields 1 and 8 are there also when they are empty: not nullable upstream.
    writer.message(1, (version) => {
      version.uint64(1, info.protocolVersion.p2p);
      version.uint64(2, info.protocolVersion.block);
      version.uint64(3, info.protocolVersion.app);
    });
    writer.string(2, info.id);
    writer.string(3, info.listenAddress);
    writer.string(4, info.network);
    writer.string(5, info.version);
    writer.bytes(6, info.channels);
    writer.string(7, info.moniker);
    writer.message(8, (other) => {
      other.string(1, info.txIndex);
      other.string(2, info.rpcAddress);
    });
  });
}

/**
 * Reads a NodeInfo, without a length before it. Reads more than is valid: {@link checkNodeInfo}.
 *
 * @throws {@link CodecError} `FRAME_TOO_LARGE` over {@link NODE_INFO_BYTES_MAX}; `TRUNCATED`, `INVALID_VALUE` for what
 *   is no protobuf.
 */
export function decodeNodeInfo(bytes: Uint8Array): NodeInfo {
  if (bytes.length > NODE_INFO_BYTES_MAX) {
    throw new CodecError('FRAME_TOO_LARGE', `a NodeInfo of ${bytes.length} bytes: at most ${NODE_INFO_BYTES_MAX}`);
  }
  const version = { p2p: 0n, block: 0n, app: 0n };
  const text = { id: '', listenAddress: '', network: '', version: '', moniker: '', txIndex: '', rpcAddress: '' };
  let channels: Uint8Array = new Uint8Array(0);
  const into = (name: keyof typeof text) => (reader: FieldReader) => {
    text[name] = reader.string();
  };
  const number = (name: keyof typeof version) => (reader: FieldReader) => {
    version[name] = reader.uint64();
  };
  readMessage('NodeInfo', bytes, {
    1: (reader) =>
      readMessage('ProtocolVersion', reader.message(), { 1: number('p2p'), 2: number('block'), 3: number('app') }),
    2: into('id'),
    3: into('listenAddress'),
    4: into('network'),
    5: into('version'),
    6: (reader) => {
      channels = reader.bytes();
    },
    7: into('moniker'),
    8: (reader) => readMessage('NodeInfoOther', reader.message(), { 1: into('txIndex'), 2: into('rpcAddress') }),
  });
  return { protocolVersion: version, channels, ...text };
}

/**
 * Holds a NodeInfo to upstream's rules. `node_info.go Validate`. A host name in the listen address is not looked up.
 *
 * @returns `info`.
 * @throws {@link CodecError} `INVALID_VALUE` naming the field that is wrong.
 */
export function checkNodeInfo(info: NodeInfo): NodeInfo {
  const fault = faultOf(info);
  if (fault !== undefined) throw new CodecError('INVALID_VALUE', `NodeInfo: ${fault}`);
  nodeInfoAddress(info);
  return info;
}

/**
 * Where a node says that it can be dialled. `node_info.go NetAddress`.
 *
 * @throws {@link CodecError} `INVALID_VALUE` when id and listen address make no address.
 */
export function nodeInfoAddress(info: NodeInfo): NodeAddress {
  const { listenAddress } = info;
  return parseNodeAddress(`${info.id}@${listenAddress.split('://')[1] ?? listenAddress}`);
}

/**
 * Why two nodes have no business with each other; undefined when they have. `node_info.go CompatibleWith`: the same
 * block protocol, the same network, and a channel in common, unless we have none at all.
 */
export function nodeInfoIncompatibility(ours: NodeInfo, theirs: NodeInfo): string | undefined {
  const [own, other] = [ours.protocolVersion.block, theirs.protocolVersion.block];
  if (own !== other) return `block protocol ${other}, expected ${own}`;
  if (ours.network !== theirs.network) {
    return `network ${shown(theirs.network)}, expected ${shown(ours.network)}`;
  }
  if (ours.channels.length === 0 || ours.channels.some((id) => theirs.channels.includes(id))) return undefined;
  return `no common channel: ours ${bytesToHex(ours.channels)}, theirs ${bytesToHex(theirs.channels.subarray(0, 32))}`;
}

function faultOf(info: NodeInfo): string | undefined {
  const { version, channels, moniker, txIndex, rpcAddress } = info;
  if (version !== '' && !isText(version)) return `version ${shown(version)} is not printable ASCII, or blank`;
  if (channels.length > NODE_INFO_CHANNELS_MAX) return `${channels.length} channels, at most ${NODE_INFO_CHANNELS_MAX}`;
  if (new Set(channels).size !== channels.length) return 'a channel comes twice';
  if (!isText(moniker)) return `moniker ${shown(moniker)} is not printable ASCII, or blank`;
  if (!['', 'on', 'off'].includes(txIndex)) return `tx_index ${shown(txIndex)}: expected on, off or nothing`;
  if (rpcAddress !== '' && !isText(rpcAddress)) {
    return `rpc_address ${shown(rpcAddress)} is not printable ASCII, or blank`;
  }
  return undefined;
}

/** Printable ASCII, not blank. */
function isText(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text) && text.trim() !== '';
}

function shown(text: string): string {
  return JSON.stringify(text.length <= 40 ? text : `${text.slice(0, 39)}…`);
}
