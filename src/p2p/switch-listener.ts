/** SwitchListener: accepts connections of others and starts a process for each, as many as may shake hands at a time. */
import type { ExitReason } from '../actors/exit-reason.ts';
import { GenServer } from '../actors/gen-server.ts';
import type { Protocol } from '../actors/protocol.ts';
import { describeReason } from '../base/errors.ts';
import { formatHostPort } from '../codec/cometbft-address.ts';
import { formatNetAddress, type NetAddress } from '../net/net-address.ts';
import type { ByteStream, TransportListener } from '../net/transport.ts';
import type { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import { ownNodeInfo } from './node-info.ts';
import type { SwitchContext } from './switch-context.ts';
import { connectionSpec } from './switch-dialer.ts';

/** @internal */
export class SwitchListener extends GenServer<
  TransportListener,
  Protocol,
  [SwitchContext, address: NetAddress, connections: DynamicSupervisor]
> {
  /** @throws NetError `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `ADDRESS_INVALID`: the start of the switch fails with it. */
  async init(context: SwitchContext, address: NetAddress, connections: DynamicSupervisor): Promise<TransportListener> {
    this.self.trapExit(true);
    // A restarted listener must come back where others know it, not on another free port.
    const wanted = address.port === 0 ? (context.listenAddress ?? address) : address;
    const listener = await context.transport.listen(wanted, (stream) => accept(context, connections, stream));
    this.self.signal.addEventListener('abort', () => void listener.close(), { once: true });
    context.listenAddress = listener.address;
    const { nodeInfo, nodeInfoOptions } = context;
    context.nodeInfo = ownNodeInfo(nodeInfo.id, formatHostPort(listener.address), nodeInfo.channels, nodeInfoOptions);
    context.logger.info('listening', { address: formatNetAddress(listener.address) });
    context.events.emit('listening', { address: formatHostPort(listener.address) });
    return listener;
  }

  override async terminate(_reason: ExitReason, listener: TransportListener): Promise<void> {
    await listener.close();
  }

  override inspect(listener: TransportListener): Readonly<Record<string, string | number>> {
    return { at: formatNetAddress(listener.address), open: listener.connectionCount };
  }
}

/** `p2p/transport.go acceptPeers`: each in a process of its own, so that a slow one holds up nobody. */
function accept(context: SwitchContext, connections: DynamicSupervisor, stream: ByteStream): void {
  const { counters, limits, logger, telemetry } = context;
  const refuse = (reason: string): void => {
    counters.refused += 1;
    logger.warn('a connection was refused at the door', { remoteAddress: stream.remoteAddress, reason });
    telemetry.emit('genmesh.switch.refused', { handshakes: context.handshakeCount }, { reason });
    stream.destroy();
  };
  counters.accepted += 1;
  if (context.handshakeCount >= limits.handshakesMax) {
    refuse(`${limits.handshakesMax} connections are shaking hands already`);
    return;
  }
  const spec = connectionSpec(context, { context, origin: { stream }, settled: () => {} });
  // At once: the next one can come in this very turn.
  context.handshakeCount += 1;
  connections.startChild(spec).catch((error) => {
    context.handshakeCount -= 1;
    refuse(describeReason(error));
  });
}
