/**
 * genmesh: OTP processes and a supervised peer-to-peer wire. The names most programs need; everything else is in the entry
 * points of the folders: `genmesh/actors`, `/supervisor`, `/codec`, `/crypto`, `/net`, `/p2p`, `/sim`.
 */
export { ActorError } from './actors/errors.ts';
export { GenServer, type RefOf, type StartOptions, startServer } from './actors/gen-server.ts';
export { GenStatem, machine } from './actors/gen-statem.ts';
export { exit, type Pid, type Self, self, send } from './actors/process.ts';
export type { Protocol, ServerRef } from './actors/protocol.ts';
export { Registry } from './actors/registry.ts';
export type { CallOptions, From } from './actors/request.ts';
export { ignore, noreply, ok, reply, stop } from './actors/results.ts';
export { getState, getStatus } from './actors/sys.ts';
export { ActorSystem, defaultSystem } from './actors/system.ts';
export { type Clock, systemClock } from './base/clock.ts';
export { CodedError, isCodedError } from './base/errors.ts';
export { createLogger, type Logger, silentLogger } from './base/logger.ts';
export { type Random, systemRandom } from './base/random.ts';
export { Telemetry, type TelemetryEvent } from './base/telemetry.ts';
export { archethicMessages } from './codec/archethic-messages.ts';
export { ErrorMessage, ListNodes, NodeList, NotFound, Ok, Ping } from './codec/archethic-node-messages.ts';
export { CodecError } from './codec/errors.ts';
export { defineMessage, type MessageType, type MessageValue } from './codec/message.ts';
export { MessageCatalog } from './codec/message-catalog.ts';
export { defaultEngine, engineNamed } from './crypto/default-engine.ts';
export { CryptoError } from './crypto/errors.ts';
export { KeyPair, PublicKey } from './crypto/keys.ts';
export { NetError } from './net/errors.ts';
export { MemoryNetwork } from './net/memory-transport.ts';
export { TcpTransport } from './net/tcp-transport.ts';
export { builtInServices, Echo, Echoed } from './p2p/built-in-services.ts';
export { P2pError } from './p2p/errors.ts';
export type { NodeOptions } from './p2p/node-options.ts';
export { NodeSupervisor } from './p2p/node-supervisor.ts';
export { type PeerInput, parsePeerAddress, parseSeeds } from './p2p/peer-address.ts';
export { Remote } from './p2p/remote.ts';
export { on, type ServiceRequest, type ServiceSpec, service } from './p2p/service.ts';
export { DynamicSupervisor } from './supervisor/dynamic-supervisor.ts';
export { SupervisorError } from './supervisor/errors.ts';
export { Supervisor } from './supervisor/supervisor.ts';
export { formatTree, snapshotTree, type TreeNode } from './supervisor/tree.ts';
