/** Where a node is and by which key it is known, as people write it: in one line, and in Archethic's seeds files. */
import { CodedError } from '../base/errors.ts';
import { PublicKey } from '../crypto/keys.ts';
import { checkNetAddress, formatNetAddress, type NetAddress, parseNetAddress } from '../net/net-address.ts';
import { P2pError } from './errors.ts';

/** A node to connect to. */
export interface PeerAddress {
  /** Its first public key: replies must be signed by it. */
  readonly publicKey: PublicKey;
  readonly address: NetAddress;
}

/** A peer as given to the API: parts, or the one-line form of {@link parsePeerAddress}. */
export type PeerInput =
  | string
  | { readonly publicKey: PublicKey | Uint8Array | string; readonly address: NetAddress | string };

/** Most lines that {@link parseSeeds} reads. */
export const SEEDS_COUNT_MAX = 10_000;

/**
 * Reads `tcp://host:port:PUBLICKEYHEX`.
 *
 * @throws P2pError `PEER_INVALID` naming what is wrong.
 */
export function parsePeerAddress(text: string): PeerAddress {
  const at = text.lastIndexOf(':');
  if (at < 0) throw new P2pError('PEER_INVALID', `peer ${shorten(text)}: expected tcp://host:port:PUBLICKEYHEX`);
  try {
    return { address: parseNetAddress(text.slice(0, at)), publicKey: PublicKey.parse(text.slice(at + 1)) };
  } catch (error) {
    throw invalid(text, error);
  }
}

/** Writes a peer as {@link parsePeerAddress} reads it. */
export function formatPeerAddress(peer: PeerAddress): string {
  return `${formatNetAddress(peer.address)}:${peer.publicKey.hex}`;
}

/** @throws P2pError `PEER_INVALID`. */
export function toPeerAddress(peer: PeerInput): PeerAddress {
  if (typeof peer === 'string') return parsePeerAddress(peer);
  if (typeof peer !== 'object' || peer === null) {
    throw new P2pError('PEER_INVALID', 'peer: expected tcp://host:port:PUBLICKEYHEX, or { publicKey, address }');
  }
  const { publicKey, address } = peer;
  try {
    return {
      publicKey: publicKey instanceof PublicKey ? publicKey : PublicKey.parse(publicKey),
      address: toNetAddress(address),
    };
  } catch (error) {
    throw invalid('', error);
  }
}

function toNetAddress(address: NetAddress | string): NetAddress {
  if (typeof address === 'string') return parseNetAddress(address);
  if (typeof address !== 'object' || address === null) {
    throw new P2pError(
      'PEER_INVALID',
      'peer: the address is missing: expected tcp://host:port, or { scheme, host, port }',
    );
  }
  const { scheme, host, port } = address;
  // A copy, so that what was checked is what is dialled.
  return checkNetAddress({ scheme, host, port }, scheme);
}

/**
 * Reads a seeds file of Archethic: a line `ip:port:HEXKEY:tcp` a node; blank lines and lines that begin with `#` do not
 * count. `archethic-node p2p/bootstrapping_seeds.ex`.
 *
 * @throws P2pError `PEER_INVALID` naming the line; nothing is taken then.
 */
export function parseSeeds(text: string): PeerAddress[] {
  const lines = text.split(/\r?\n/);
  if (lines.length > SEEDS_COUNT_MAX) {
    throw new P2pError('PEER_INVALID', `seeds: ${lines.length} lines: at most ${SEEDS_COUNT_MAX}`);
  }
  const peers: PeerAddress[] = [];
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(.+):(\d+):([0-9A-Fa-f]+):([a-z0-9]+)$/.exec(line);
    if (match === null) {
      throw new P2pError('PEER_INVALID', `seeds line ${index + 1}: expected ip:port:HEXKEY:tcp, got ${shorten(line)}`);
    }
    const [, host, port, key, scheme] = match;
    if (scheme !== 'tcp') throw new P2pError('PEER_INVALID', `seeds line ${index + 1}: transport ${scheme} is not tcp`);
    try {
      peers.push(parsePeerAddress(`tcp://${host}:${port}:${key}`));
    } catch (error) {
      throw new P2pError('PEER_INVALID', `seeds line ${index + 1}: ${(error as Error).message}`, { cause: error });
    }
  }
  return peers;
}

function invalid(text: string, error: unknown): P2pError {
  if (error instanceof P2pError) return error;
  const why = error instanceof CodedError ? error.message : String(error);
  return new P2pError('PEER_INVALID', text === '' ? `peer: ${why}` : `peer ${shorten(text)}: ${why}`, { cause: error });
}

function shorten(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 79)}…`);
}
