/**
 * NodeInfo in a Switch: the one we send, and the checks of the one we get, in upstream's order
 * (`p2p/transport.go upgrade`). Layout and rules of one NodeInfo are in `codec/cometbft-node-info.ts`.
 */

import { checkOptionNames, describeReason, type OptionNames } from '../base/errors.ts';
import {
  checkNodeInfo,
  decodeNodeInfo,
  encodeNodeInfo,
  NODE_INFO_BYTES_MAX,
  type NodeInfo,
  nodeInfoIncompatibility,
  type ProtocolVersion,
} from '../codec/cometbft-node-info.ts';
import { CodecError } from '../codec/errors.ts';
import { SwitchError } from './switch-errors.ts';

/** The versions of CometBFT v0.34 to v0.40; of them only `block` must be equal on both ends. */
export const PROTOCOL_VERSION_DEFAULT: ProtocolVersion = { p2p: 8n, block: 11n, app: 0n };

/** What a node says of itself, as far as its user decides. */
export interface NodeInfoOptions {
  /** Id of the chain; only nodes of the same one become peers. */
  readonly network: string;
  /** Name for people: printable ASCII. Default `genmesh`. */
  readonly moniker?: string;
  /** Version of the software: printable ASCII. Default empty. */
  readonly version?: string;
  /** Default {@link PROTOCOL_VERSION_DEFAULT}. */
  readonly protocolVersion?: ProtocolVersion;
  /** `host:port` under which others reach this node. Default: where it listens. */
  readonly externalAddress?: string;
  /** Whether it indexes transactions. Default empty. */
  readonly txIndex?: '' | 'on' | 'off';
  /** Where it answers to RPC. Default empty. */
  readonly rpcAddress?: string;
}

/** @internal */
export const NODE_INFO_OPTION_NAMES: OptionNames<NodeInfoOptions> = {
  network: true,
  moniker: true,
  version: true,
  protocolVersion: true,
  externalAddress: true,
  txIndex: true,
  rpcAddress: true,
};

/**
 * The NodeInfo of this node.
 *
 * @param hostPort - where it listens, `host:port`.
 * @throws RangeError naming what breaks the rules every peer holds it to; TypeError for a version that is no bigint. @internal
 */
export function ownNodeInfo(id: string, hostPort: string, channels: Uint8Array, options: NodeInfoOptions): NodeInfo {
  if (options.protocolVersion !== undefined) checkProtocolVersion(options.protocolVersion);
  const info: NodeInfo = {
    protocolVersion: options.protocolVersion ?? PROTOCOL_VERSION_DEFAULT,
    id,
    listenAddress: `tcp://${options.externalAddress ?? hostPort}`,
    network: options.network,
    version: options.version ?? '',
    channels,
    moniker: options.moniker ?? 'genmesh',
    txIndex: options.txIndex ?? '',
    rpcAddress: options.rpcAddress ?? '',
  };
  try {
    checkNodeInfo(info);
    const { length } = encodeNodeInfo(info);
    if (length <= NODE_INFO_BYTES_MAX) return info;
    throw new CodecError('FRAME_TOO_LARGE', `NodeInfo: ${length} bytes, at most ${NODE_INFO_BYTES_MAX}`);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new RangeError(`this node's own ${error.message}`, { cause: error });
  }
}

const PROTOCOL_VERSION_NAMES: OptionNames<ProtocolVersion> = { p2p: true, block: true, app: true };

function checkProtocolVersion(version: ProtocolVersion): void {
  checkOptionNames(version, PROTOCOL_VERSION_NAMES, ' of protocolVersion');
  for (const name of Object.keys(PROTOCOL_VERSION_NAMES) as (keyof ProtocolVersion)[]) {
    const value: unknown = version[name];
    if (typeof value === 'bigint' && value >= 0n && value < 2n ** 64n) continue;
    const text = typeof value === 'bigint' ? `${value}n` : describeReason(value, 60);
    throw new TypeError(`option ${name} of protocolVersion is ${text}: expected a bigint from 0n to 2n ** 64n - 1n`);
  }
}

/**
 * Reads and checks the NodeInfo of a peer.
 *
 * @param bytes - without its length.
 * @param peerId - the id it has proven to have.
 * @throws SwitchError `HANDSHAKE_FAILED` for what is no NodeInfo, `NODE_INFO_INVALID`, `AUTH_FAILURE` when it names another id,
 * `SELF`, `INCOMPATIBLE`: the first that applies. @internal
 */
export function checkPeerNodeInfo(ours: NodeInfo, bytes: Uint8Array, peerId: string, remoteAddress: string): NodeInfo {
  const details = { peerId, remoteAddress };
  const refuse = (code: 'HANDSHAKE_FAILED' | 'NODE_INFO_INVALID', what: string, cause: unknown): SwitchError => {
    if (!(cause instanceof CodecError)) throw cause;
    return new SwitchError(code, `${what}: ${cause.message}`, { ...details, cause });
  };
  let info: NodeInfo;
  try {
    info = decodeNodeInfo(bytes);
  } catch (error) {
    throw refuse('HANDSHAKE_FAILED', 'auth failure: handshake failed', error);
  }
  try {
    checkNodeInfo(info);
  } catch (error) {
    throw refuse('NODE_INFO_INVALID', 'invalid NodeInfo', error);
  }
  if (info.id !== peerId) {
    const text = `auth failure: conn.ID (${peerId}) NodeInfo.ID (${info.id}) mismatch`;
    throw new SwitchError('AUTH_FAILURE', text, details);
  }
  if (info.id === ours.id) throw new SwitchError('SELF', `self ID<${info.id}>`, details);
  const incompatibility = nodeInfoIncompatibility(ours, info);
  if (incompatibility !== undefined) throw new SwitchError('INCOMPATIBLE', `incompatible: ${incompatibility}`, details);
  return info;
}
