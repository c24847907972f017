/**
 * What `genmesh peer` sees, as values; and each as one line for a person or one JSON object. All of it was said by
 * strangers: texts are cut, and what could drive a terminal is removed.
 */
import type { NodeInfo } from '../codec/cometbft-node-info.ts';
import { bytesToHex } from '../codec/hex.ts';

/** Longest text of a stranger in a line, in characters; the rest is cut. */
export const SIGHTING_TEXT_CHARS_MAX = 80;

/** Addresses shown in one line for people; the others are counted. JSON has all. */
export const SIGHTING_ADDRESSES_MAX = 4;

/** One thing seen. Hashes are upper-case hex, as CometBFT shows them. */
export type Sighting =
  | { readonly event: 'connected'; readonly id: string; readonly address: string; readonly nodeInfo: NodeInfo }
  | { readonly event: 'disconnected'; readonly id: string; readonly code: string; readonly reason: string }
  | { readonly event: 'retry'; readonly code: string; readonly reason: string; readonly inMs: number }
  | { readonly event: 'rtt'; readonly rttMs: number; readonly rttMsMin: number }
  | { readonly event: 'peers'; readonly addresses: readonly string[]; readonly knownCount: number }
  | { readonly event: 'status'; readonly height: number; readonly base: number }
  | { readonly event: 'step'; readonly height: number; readonly round: number; readonly step: string }
  | { readonly event: 'proposal'; readonly height: number; readonly round: number; readonly hash: string }
  | {
      readonly event: 'block';
      readonly height: number;
      readonly hash: string;
      readonly time: string;
      readonly txCount: number;
      readonly txHashes: readonly string[];
      readonly proposer: string;
    }
  | { readonly event: 'tx'; readonly hash: string; readonly size: number }
  /** Lines that are missing here, since nobody read them in time. */
  | { readonly event: 'left_out'; readonly count: number };

/** A sighting as one line, without a line end: what, then the facts. */
export function formatSighting(sighting: Sighting): string {
  return `${sighting.event.padEnd(12)} ${factsOf(sighting)}`;
}

/** A sighting as one JSON object, without a line end; `time` of `event` itself is not in it. */
export function sightingToJson(sighting: Sighting): string {
  if (sighting.event !== 'connected') return JSON.stringify(sighting);
  const { nodeInfo, ...rest } = sighting;
  return JSON.stringify({ ...rest, nodeInfo: plainNodeInfo(nodeInfo) });
}

/** A NodeInfo as JSON has it: numbers and hex. */
export function plainNodeInfo(info: NodeInfo): Readonly<Record<string, unknown>> {
  const { p2p, block, app } = info.protocolVersion;
  return {
    ...info,
    protocolVersion: { p2p: String(p2p), block: String(block), app: String(app) },
    channels: bytesToHex(info.channels),
  };
}

/** A text of a stranger for a line: cut, without control characters. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return plain.length <= SIGHTING_TEXT_CHARS_MAX ? plain : `${plain.slice(0, SIGHTING_TEXT_CHARS_MAX - 1)}…`;
}

function factsOf(sighting: Sighting): string {
  switch (sighting.event) {
    case 'connected': {
      const { moniker, version, network, channels } = sighting.nodeInfo;
      const name = `${plainText(moniker)}, version ${plainText(version) || 'unknown'}, network ${plainText(network)}`;
      return `${sighting.address} is ${name}, channels ${bytesToHex(channels)}`;
    }
    case 'disconnected':
      return `${sighting.id.slice(0, 6)}..: ${sighting.reason}`;
    case 'retry':
      return `in ${(sighting.inMs / 1000).toFixed(1)} s: ${sighting.reason}`;
    case 'rtt':
      return `${sighting.rttMs.toFixed(2)} ms, shortest ${sighting.rttMsMin.toFixed(2)} ms`;
    case 'peers': {
      const shown = sighting.addresses.slice(0, SIGHTING_ADDRESSES_MAX).map(plainText).join(' ');
      const more = sighting.addresses.length - SIGHTING_ADDRESSES_MAX;
      return `${sighting.knownCount} known; new: ${shown}${more > 0 ? ` and ${more} more` : ''}`;
    }
    case 'status':
      return `has blocks ${sighting.base} to ${sighting.height}`;
    case 'step':
      return `${sighting.height}/${sighting.round} ${sighting.step}`;
    case 'proposal':
      return `${sighting.height}/${sighting.round} ${sighting.hash || 'no block'}`;
    case 'block': {
      const { height, hash, txCount, time, proposer } = sighting;
      return `${height} ${hash} at ${time}, ${txCount} transactions, by ${proposer}`;
    }
    case 'tx':
      return `${sighting.hash} of ${sighting.size} bytes`;
    case 'left_out':
      return `${sighting.count} lines: they came faster than they were read`;
  }
}
