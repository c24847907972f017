/** What the actors of one node share: who it is, how it encodes, its tables, its events and its counters. */

import type { Registry } from '../actors/registry.ts';
import { Emitter } from '../base/emitter.ts';
import { type CodedError, describeReason } from '../base/errors.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { PublicKeyCache } from '../crypto/sealed-envelop.ts';
import type { NetAddress } from '../net/net-address.ts';
import type { LinkDialer } from './messaging-link.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { ParsedNodeOptions } from './node-options.ts';

/** Different error codes counted as faults by name; further ones count as `OTHER`. */
export const FAULT_CODES_MAX = 64;

/** What a node tells while it runs; listeners cannot break it. */
export type NodeEvents = {
  /** It accepts connections at that address. */
  readonly listening: { readonly address: NetAddress };
  /** An outbound connection stands. */
  readonly connected: { readonly publicKey: PublicKey; readonly remoteAddress: string };
  /** An outbound connection ended. */
  readonly disconnected: { readonly publicKey: PublicKey; readonly remoteAddress: string; readonly reason: unknown };
  /** A dial failed. */
  readonly dialFailed: { readonly publicKey: PublicKey; readonly address: NetAddress; readonly reason: unknown };
  /** A peer broke the protocol; its connection is closed. */
  readonly fault: {
    readonly remoteAddress: string;
    readonly publicKey: PublicKey | undefined;
    readonly error: CodedError;
  };
  /** The node was told to disconnect from a remote, and its actors are gone. */
  readonly released: { readonly publicKey: PublicKey };
  /** The node has stopped. */
  readonly stopped: { readonly reason: unknown };
};

/** What a node has counted since it was made. */
export interface NodeCounters {
  /** Connections accepted. */
  inboundAccepted: number;
  /** Connections open that others made. */
  inboundOpen: number;
  /** Connections closed at the door because too many were open, or too many of their host. */
  inboundRefused: number;
  /** Requests that verified and decoded. */
  requestsReceived: number;
  /** Requests answered by a service. */
  requestsAnswered: number;
  /** Requests answered with Error because nobody serves them. */
  requestsUnserved: number;
  /** Requests answered with Error because the service failed, was late or answered nonsense. */
  requestsFailed: number;
  /** Bad signatures, garbage, floods and the like. */
  faults: number;
}

/** @internal */
export type RegistryKey = `node/${string}` | `connection/${string}` | `message/${number}`;

/** @internal */
export interface NodeContext extends ParsedNodeOptions {
  readonly keys: PublicKeyCache;
  readonly events: Emitter<NodeEvents>;
  readonly counters: NodeCounters;
  readonly faultsByCode: Map<string, number>;
  /** Tables of the running tree; replaced when their processes are restarted. */
  registry: Registry<RegistryKey>;
  directory: NodeDirectory;
  listenAddress: NetAddress | undefined;
  /** On a wire where connections serve both directions: finds or makes them. */
  dialer: LinkDialer | undefined;
  /** The node was told to stop. */
  isStopping: boolean;
  /** The node's supervisor has ended. */
  isStopped: boolean;
}

/** @internal */
export function createNodeContext(options: ParsedNodeOptions): NodeContext {
  const { logger } = options;
  return {
    ...options,
    keys: new PublicKeyCache(),
    events: new Emitter<NodeEvents>((error, event) => {
      logger.error('a listener of the node failed', { event, error: describeReason(error) });
    }),
    counters: {
      inboundAccepted: 0,
      inboundOpen: 0,
      inboundRefused: 0,
      requestsReceived: 0,
      requestsAnswered: 0,
      requestsUnserved: 0,
      requestsFailed: 0,
      faults: 0,
    },
    faultsByCode: new Map(),
    registry: undefined as unknown as Registry<RegistryKey>,
    directory: undefined as unknown as NodeDirectory,
    listenAddress: undefined,
    dialer: undefined,
    isStopping: false,
    isStopped: false,
  };
}

/** Counts and tells that a peer broke the protocol. Closing its connection is the caller's part. @internal */
export function noteFault(
  context: NodeContext,
  remoteAddress: string,
  publicKey: PublicKey | undefined,
  error: CodedError,
): void {
  const { counters, faultsByCode } = context;
  counters.faults += 1;
  const code = faultsByCode.has(error.code) || faultsByCode.size < FAULT_CODES_MAX ? error.code : 'OTHER';
  faultsByCode.set(code, (faultsByCode.get(code) ?? 0) + 1);
  const peer = publicKey?.toString();
  context.logger.warn('peer broke the protocol, connection closed', {
    remoteAddress,
    peer,
    code: error.code,
    error: error.message,
  });
  context.telemetry.emit('genmesh.node.fault', { count: 1 }, { remoteAddress, peer, code: error.code });
  context.events.emit('fault', { remoteAddress, publicKey, error });
}
